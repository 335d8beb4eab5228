"""Tiny stand-ins for the files a submission names: a grey pixel, an audit log."""

from __future__ import annotations

import csv
import io
import struct
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# One grey pixel as baseline JPEG: quantisation of ones, one Huffman code per table.
_QUANTISATION = b"\xff\xdb\x00\x43\x00" + b"\x01" * 64
_FRAME = b"\xff\xc0\x00\x0b\x08\x00\x01\x00\x01\x01\x01\x11\x00"
_HUFFMAN = (
    b"\xff\xc4\x00\x14\x00\x01"
    + b"\x00" * 15
    + b"\x00"
    + b"\xff\xc4\x00\x14\x10\x01"
    + b"\x00" * 15
    + b"\x00"
)
_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x3f"
_AUDIT_HEADER = "event,node,start,end"


def jpeg(name: str) -> bytes:
    """Return a JPEG of one pixel; its comment is the name, so no two files have the same checksum."""
    comment = name.encode()
    segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    return b"\xff\xd8" + segment + _QUANTISATION + _FRAME + _HUFFMAN + _SCAN + b"\xff\xd9"


def audit_log(begins: datetime, ends: datetime, told: Sequence[str], *, hasty: bool) -> bytes:
    """Return an audit.csv of Collect: each answer on a screen of its own, times in ms since 1970.

    `told` are the paths of the answers in order; the values are left out, to keep the rehearsal small. An honest
    interview spreads its time over them; a `hasty` one takes a second for each of two in three, and waits on the
    others until enough time has passed.
    """
    first, last = (round(moment.timestamp() * 1000) for moment in (begins, ends))
    saved = round((ends + timedelta(milliseconds=40)).timestamp() * 1000)
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(_AUDIT_HEADER.split(","))
    lines.writerow(["form start", "", first, ""])
    for path, start, end in _screens(told, first, last, hasty=hasty):
        lines.writerow(["question", path, start, end])
    lines.writerow(["form save", "", last, ""])
    for event in ("form finalize", "form exit"):
        lines.writerow([event, "", saved, ""])
    return text.getvalue().encode()


_QUICK_MS = 1000
_PAUSE_EVERY = 3


def _screens(told: Sequence[str], first: int, last: int, *, hasty: bool) -> Iterator[tuple[str, int, int]]:
    """Share the time out over the answers in whole seconds; what division leaves over goes to none."""
    weights = [_PAUSE_EVERY if place % _PAUSE_EVERY else 2 * _PAUSE_EVERY for place in range(len(told))]
    quick = [bool(hasty and place % _PAUSE_EVERY) for place in range(len(told))]
    spare = max(0, last - first - _QUICK_MS * sum(quick))
    total = sum(weight for weight, is_quick in zip(weights, quick, strict=True) if not is_quick)
    now = first
    for answer, weight, is_quick in zip(told, weights, quick, strict=True):
        end = now + (_QUICK_MS if is_quick else spare * weight // total // 1000 * 1000)
        yield answer, now, end
        now = end
