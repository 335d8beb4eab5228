"""Photos that show the same: a fingerprint of what is seen, not of the file.

Difference hash: the picture in grey, 9 by 8 points, one bit for each neighbour that is brighter to the left. It
stays nearly the same when a photo is scaled, compressed again or brightened. A picture without contrast, or of a
few points, has no fingerprint: it would be like every other such picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SIDE = 8
"""Bits along each side of a fingerprint: 64 in all."""

_LEAST_SIDE = 32
_LEAST_CONTRAST = 8
"""Of 255 levels of grey, between the darkest and the brightest point."""


def fingerprint(path: Path) -> int | None:
    """Give a photo's 64-bit difference hash; None where it is no picture, too small, or without contrast."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as photo:
            if min(photo.size) < _LEAST_SIDE:
                return None
            photo.draft("L", (SIDE * 16, SIDE * 16))
            grey = photo.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None
    return _bits(grey.tobytes())


def _bits(points: bytes) -> int | None:
    if max(points) - min(points) < _LEAST_CONTRAST:
        return None
    bits = 0
    for row in range(SIDE):
        for column in range(SIDE):
            place = row * (SIDE + 1) + column
            bits = bits * 2 + (points[place] > points[place + 1])
    return bits


def repeats(fingerprints: Sequence[int], people: Sequence[str], distance: int) -> dict[int, int]:
    """Give for each photo the first other person's that differs from it in at most `distance` of 64 bits.

    >>> repeats([0b0111, 0b0110, 0xFFFF0000], ["ana", "budi", "ana"], 2)
    {0: 1, 1: 0}
    """
    import numpy as np

    seen = np.array(fingerprints, np.uint64)
    who = np.unique(np.array(people), return_inverse=True)[1]
    found = {}
    for place, one in enumerate(seen):
        same = (np.bitwise_count(seen ^ one) <= distance) & (who != who[place])
        if same.any():
            found[place] = int(same.argmax())
    return found
