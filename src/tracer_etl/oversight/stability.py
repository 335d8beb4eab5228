"""Has what comes in changed: the population stability index of a margin between earlier and latest submissions."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.warehouse.contract import Connection


def stability_index(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """Give the sum of (q - p) ln(q / p) over levels, p and q being shares before and after.

    Half a submission is added to every level, so that one nobody was in before is a large change, not an infinite
    one. Above 0.25 is by convention a large shift (Siddiqi 2006).

    >>> stability_index({"a": 50, "b": 50}, {"a": 500, "b": 500})
    0.0
    >>> round(
    ...     stability_index({"a": 50, "b": 50}, {"a": 20, "b": 80}), 3
    ... )  # 0.297 ln(.5/.203) + 0.297 ln(.797/.5)
    0.406
    """
    levels = sorted({*before, *after})
    old, new = (_shares(counts, levels) for counts in (before, after))
    return math.fsum((q - p) * math.log(q / p) for p, q in zip(old, new, strict=True))


def _shares(counts: Mapping[str, int], levels: list[str]) -> list[float]:
    filled = [counts.get(level, 0) + 0.5 for level in levels]
    return [count / sum(filled) for count in filled]


@check("stability")
def stability(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Compare the latest days with all before; one finding per margin that shifted.

    `sql`: one row per submission and margin: margin, level, day. `days`, `limit`, `least` name thresholds: how many
    days are the latest, the index above which it is a finding, and how many submissions either side must have.
    """
    from datetime import timedelta

    rows = [row for row in connection.execute(kwargs["sql"]).fetchall() if None not in row]
    if not rows:
        raise NotEvaluated("nothing has come in yet")
    since = max(day for *_, day in rows) - timedelta(days=thresholds[kwargs["days"]])
    sides: dict[str, tuple[Counter[str], Counter[str]]] = {}
    for margin, level, day in rows:
        sides.setdefault(margin, (Counter(), Counter()))[day > since][str(level)] += 1
    least = thresholds[kwargs["least"]]
    judged = {name: pair for name, pair in sides.items() if min(side.total() for side in pair) >= least}
    if not judged:
        raise NotEvaluated(f"fewer than {least} submissions before or after {since}")
    indices = {name: stability_index(*pair) for name, pair in sorted(judged.items())}
    yield Measured(f"{max(indices.values()):.3f}")
    for name, index in indices.items():
        if index > thresholds[kwargs["limit"]]:
            sizes = " and ".join(str(side.total()) for side in judged[name])
            yield Finding(name, f"{index:.3f}", f"{sizes} submissions until and after {since}")
