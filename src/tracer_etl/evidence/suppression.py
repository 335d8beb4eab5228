"""What may be shown: small cells, cells that give small ones away, and numbers too uncertain (specification 2.3.6)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from tracer_etl.privacy.disclosure import TOTAL, Line, Place, complementary

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from tracer_etl.evidence.constants import Constants


NUMBERS = (
    "estimate",
    "se",
    "low",
    "high",
    "cohort_low",
    "cohort_high",
    "n",
    "imputed",
    "n_eff",
    "deff",
    "weighted_total",
    "unweighted",
    "unweighted_low",
    "unweighted_high",
)


def relative_error_note(estimate: float, se: float, constants: Constants) -> str:
    """Say what the relative standard error asks for: nothing, caution (25-50 %) or withholding (above 50 %).

    >>> from tracer_etl.evidence.constants import Constants
    >>> relative_error_note(0.04, 0.012, Constants()), relative_error_note(0.04, 0.03, Constants())
    ('caution_rse', 'withheld_rse')
    """
    if not (math.isfinite(estimate) and math.isfinite(se)) or estimate == 0:
        return ""
    error = se / abs(estimate)
    if error > constants.rse_withheld:
        return "withheld_rse"
    return "caution_rse" if error > constants.rse_caution else ""


def suppress(table: pd.DataFrame, lines: Sequence[Line], constants: Constants) -> pd.DataFrame:
    """Blank what may not be shown in a table with one row per indicator, group_by and level.

    Needs columns `minimum` (an indicator's own least n) and `signed` (no relative standard error asked). Sets
    `suppressed` and adds to `note`: too_few, complementary, exposed_under_30, uncoded, withheld_rse (blanked),
    caution_rse, indicative (n below 30, shown). Column `covered`, where there is one, is the share it could be told of.
    """
    found = [
        pd.Series(_reasons(rows, lines, constants), index=rows.index)
        for _, rows in table.groupby("indicator", sort=False)
    ]
    reasons = pd.concat(found).reindex(table.index)
    blank = ~reasons.isin(["", "caution_rse"])
    # How many stood behind a number too uncertain to print is no secret, and says why it is missing.
    counted = reasons.isin(["", *OPEN_COUNT, "caution_rse"])
    shown = {name: table[name].astype(float).where(counted if name == "n" else ~blank) for name in NUMBERS}
    small = (table["n"] < constants.indicative) & ~blank
    notes = [
        "; ".join(filter(None, (note, reason, "indicative" if few else "")))
        for note, reason, few in zip(table["note"], reasons, small, strict=True)
    ]
    return table.assign(**shown, suppressed=blank, note=notes)


OPEN_COUNT = ("withheld_rse", "exposed_under_30", "uncoded")
"""Reasons to withhold a number that are no reason to withhold its n."""


def _reasons(rows: pd.DataFrame, lines: Sequence[Line], constants: Constants) -> list[str]:
    places = [Place(group, level) for group, level in zip(rows["group_by"], rows["level"], strict=True)]
    sizes = dict(zip(places, rows["n"].astype(int), strict=True))
    few = {place for place, size in sizes.items() if size < constants.suppress_rate}
    hidden = complementary(sizes, few, lines, constants.suppress_rate)
    return [
        "too_few" if place in few else "complementary" if place in hidden else _withheld(row, constants)
        for place, row in zip(places, rows.to_dict("records"), strict=True)
    ]


def _withheld(row: Mapping[Hashable, Any], constants: Constants) -> str:
    if row["n"] < row["minimum"]:
        return "exposed_under_30"
    if row.get("covered", 1.0) < constants.coded_share:
        return "uncoded"
    return "" if row["signed"] else relative_error_note(float(row["estimate"]), float(row["se"]), constants)


def table_lines(levels: Mapping[str, Sequence[str]], nested: Mapping[Place, Sequence[Place]]) -> list[Line]:
    """Give the lines of a set of tables: every grouping sums to the total, and `nested` cells to their margins."""
    flat = [Line(tuple(Place(group, level) for level in found), TOTAL) for group, found in levels.items()]
    return flat + [Line(tuple(parts), margin) for margin, parts in nested.items()]


def round_counts(table: pd.DataFrame, columns: Sequence[str], constants: Constants) -> pd.DataFrame:
    """Round counts to the nearest five, as public files show them.

    >>> from tracer_etl.evidence.constants import Constants
    >>> round_counts(pd.DataFrame({"n": [12.0, 13.0]}), ["n"], Constants())["n"].tolist()
    [10.0, 15.0]
    """
    step = constants.round_to
    return table.assign(**{name: (table[name] / step).round() * step for name in columns})


def not_anonymous(rows: pd.DataFrame, keys: Sequence[str], constants: Constants) -> pd.Series[bool]:
    """Mark the rows of a micro-file whose combination of keys fewer than five persons share (k-anonymity)."""
    sizes = rows.groupby(list(keys), dropna=False)[keys[0]].transform("size")
    return sizes < constants.k_anonymity
