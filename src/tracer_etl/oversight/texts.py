"""Texts that are nearly the same, such as ideas sent in over and over."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tracer_etl.oversight.arguments import Arguments
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.warehouse.contract import Connection

_BLOCK = 512
"""Texts compared with all others at a time."""
_SIZE = 3


@check("alike_texts")
def alike_texts(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find texts more alike than `share` to one that came before; the first of them is left alone.

    Alike is the cosine of the counts of groups of three letters, 0..1, whatever case and punctuation.
    kwargs: sql (_submission_id, text; in the order they came), share (0..1), letters (texts with fewer are not judged).

    Raises:
        NotEvaluated: fewer than two texts are long enough.
    """
    given = Arguments(connection, kwargs, thresholds)
    least, share = given.number("letters"), given.number("share")
    told = [(str(key), _plain(str(text or ""))) for key, text in given.rows()]
    texts = [(key, text) for key, text in told if len(text) >= least]
    if len(texts) < 2:  # noqa: PLR2004 - a pair
        raise NotEvaluated(f"only {len(texts)} texts are long enough to be compared")
    highest = 0.0
    for place, earlier, alike in _nearest([text for _, text in texts]):
        highest = max(highest, alike)
        if alike > share:
            yield Finding(texts[place][0], f"{alike:.2f}", f"= {texts[earlier][0]}")
    yield Measured(f"{highest:.2f}")


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _nearest(texts: Sequence[str]) -> Iterator[tuple[int, int, float]]:
    """Give for each text but the first the earlier one most like it: (place, earlier place, cosine)."""
    import numpy as np
    from scipy.sparse import csr_matrix

    groups: dict[str, int] = {}
    rows, columns = [], []
    for place, text in enumerate(texts):
        padded = f" {text} "
        for start in range(len(padded) - _SIZE + 1):
            rows.append(place)
            columns.append(groups.setdefault(padded[start : start + _SIZE], len(groups)))
    counts = csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(texts), len(groups)))
    lengths = np.sqrt(counts.multiply(counts).sum(axis=1).A1)
    counts = csr_matrix(counts.multiply(1 / lengths[:, None]))
    for begin in range(0, len(texts), _BLOCK):
        alike = (counts[begin : begin + _BLOCK] @ counts.T).toarray()
        for row in range(alike.shape[0]):
            place = begin + row
            if place:
                earlier = int(alike[row, :place].argmax())
                yield place, earlier, float(alike[row, earlier])
