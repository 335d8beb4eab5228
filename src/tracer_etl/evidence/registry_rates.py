"""Numbers of the registry and of the field work themselves: F, C1, C2, H1 and the cost X1 (no sampling error)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Rate:
    """A count over a count in a table of persons or enrolments."""

    id: str
    name_id: str
    name_en: str
    numerator: str
    denominator: str
    compute: Callable[[pd.DataFrame], tuple[float, float]]


def _of(table: pd.DataFrame, *categories: str) -> float:
    return float(table["category"].isin(list(categories)).sum())


ALL = ("I", "P", "R", "NC", "O", "UH", "UO")
KNOWN = ("I", "P", "R", "NC", "O")


def _expected(table: pd.DataFrame) -> float:
    known = _of(table, *KNOWN)
    eligible = known + _of(table, "NE")
    return known + (known / eligible if eligible else math.nan) * _of(table, "UH", "UO")


def _reachable(table: pd.DataFrame) -> tuple[float, float]:
    known = table["reachable"].dropna().astype(float)
    return float(known.sum()), float(len(known))


RESPONSE = (
    Rate("F1", "Cakupan kerangka", "Frame coverage", "with a phone or an address", "registry", _reachable),
    Rate("F2", "RR1", "RR1", "I", "I+P+R+NC+O+UH+UO", lambda t: (_of(t, "I"), _of(t, *ALL))),
    Rate("F3", "RR2", "RR2", "I+P", "I+P+R+NC+O+UH+UO", lambda t: (_of(t, "I", "P"), _of(t, *ALL))),
    Rate(
        "F4_rr3", "RR3", "RR3", "I", "I+P+R+NC+O+e(UH+UO), e by CASRO", lambda t: (_of(t, "I"), _expected(t))
    ),
    Rate(
        "F4_rr4",
        "RR4",
        "RR4",
        "I+P",
        "I+P+R+NC+O+e(UH+UO), e by CASRO",
        lambda t: (_of(t, "I", "P"), _expected(t)),
    ),
    Rate(
        "F5",
        "Tingkat kontak CON1",
        "Contact rate CON1",
        "I+P+R+O",
        "I+P+R+NC+O+UH+UO",
        lambda t: (_of(t, "I", "P", "R", "O"), _of(t, *ALL)),
    ),
    Rate(
        "F6",
        "Kerja sama COOP1",
        "Cooperation COOP1",
        "I",
        "I+P+R+O",
        lambda t: (_of(t, "I"), _of(t, "I", "P", "R", "O")),
    ),
    Rate(
        "F7", "Penolakan REF1", "Refusal REF1", "R", "I+P+R+NC+O+UH+UO", lambda t: (_of(t, "R"), _of(t, *ALL))
    ),
    Rate(
        "F8_gross",
        "Respons kotor (DIKTI)",
        "Gross response (DIKTI)",
        "I+P",
        "registry",
        lambda t: (_of(t, "I", "P"), float(len(t))),
    ),
    Rate(
        "F8_net",
        "Respons bersih (DIKTI)",
        "Net response (DIKTI)",
        "I+P",
        "traced: attempted and not untraceable",
        lambda t: (_of(t, "I", "P"), float((~t["aapor_code"].isin(["000", "320"])).sum())),
    ),
)
"""Of all persons in the registry, one row each with `category` and `aapor_code`."""

CLASSES = (
    Rate(
        "C1",
        "Menyelesaikan pelatihan",
        "Completion",
        "completed",
        "enrolled",
        lambda t: (float((t["completed"] == "1").sum()), float(len(t))),
    ),
    Rate(
        "C2",
        "Lulus sertifikasi",
        "Certification",
        "cert_result = 1",
        "enrolled",
        lambda t: (float((t["cert_result"] == "1").sum()), float(len(t))),
    ),
    Rate(
        "H1",
        "Jangkauan DBHCHT",
        "DBHCHT reach",
        "target group t1 or t2",
        "enrolled",
        lambda t: (float(t["target_group"].isin(["t1", "t2"]).sum()), float(len(t))),
    ),
)
"""Of all enrolments of eligible persons."""


def registry_rows(
    rates: Sequence[Rate], table: pd.DataFrame, groupings: Sequence[str]
) -> list[dict[str, object]]:
    """Give one row per rate, grouping and level with `estimate` (share 0..1), `n` and `weighted_total` (its base)."""
    rows = []
    for rate in rates:
        for group, level, part in levels_of(table, groupings):
            above, below = rate.compute(part)
            if below > 0:
                rows.append(plain_row(rate.id, "share", group, level, above / below, len(part)))
    return rows


def levels_of(table: pd.DataFrame, groupings: Sequence[str]) -> list[tuple[str, str, pd.DataFrame]]:
    """Give the whole table as ("all", "") and then each level of each grouping, in order."""
    found = [("all", "", table)]
    for group in groupings:
        found += [(group, str(level), part) for level, part in table.groupby(group, sort=True)]
    return found


def plain_row(code: str, unit: str, group: str, level: str, estimate: float, n: int) -> dict[str, object]:
    """Write a number without sampling error as a row of the long table."""
    return {
        "indicator": code,
        "unit": unit,
        "group_by": group,
        "level": level,
        "estimate": estimate,
        "n": n,
        "n_eff": float(n),
        "weighted_total": float(n),
        "unweighted": estimate,
        "note": "registry",
    }


def cost_rows(enrolments: pd.DataFrame, groupings: Sequence[str]) -> list[dict[str, object]]:
    """Give X1_certified: package cost in IDR per certified person; the cost of a class is counted once."""
    rows = []
    for group, level, part in levels_of(enrolments, groupings):
        certified = int((part["cert_result"] == "1").sum())
        if certified:
            each = _class_cost(part) / certified
            rows.append(plain_row("X1_certified", "IDR", group, level, each, len(part)))
    return rows


def cost_per_worker(
    enrolments: pd.DataFrame, in_field: pd.DataFrame, groupings: Sequence[str]
) -> pd.DataFrame:
    """Give X1_in_field: package cost in IDR per in-field worker, from the rows of S1 as they are shown.

    The interval is S1's turned over: cost / (enrolled x bound). Where S1 is hidden this is too, since the one gives away
    the other.
    """
    each = {
        (group, level): _class_cost(part) / len(part)
        for group, level, part in levels_of(enrolments, groupings)
    }
    places = list(zip(in_field["group_by"], in_field["level"], strict=True))
    told = in_field[[place in each for place in places]]
    cost = pd.Series([each[place] for place in places if place in each], index=told.index, dtype=float)
    turned = {"estimate": "estimate", "unweighted": "unweighted", "low": "high", "high": "low"}
    turned |= {"cohort_low": "cohort_high", "cohort_high": "cohort_low"}
    bounds = {name: cost / told[source].where(told[source] > 0) for name, source in turned.items()}
    se = cost / told["estimate"] * (told["se"] / told["estimate"])
    blank = {"unweighted_low": math.nan, "unweighted_high": math.nan}
    return told.assign(**bounds, **blank, se=se, indicator="X1_in_field", unit="IDR")


def cost_per_additional(
    enrolments: pd.DataFrame, accepted: Sequence[str], effect: Mapping[str, Any]
) -> dict[str, object]:
    """Give X2, the package cost in IDR per in-field worker there would not be without the training.

    Cost of a seat of the accepted over the effect on S1, its interval the effect's turned over. `not_estimable` where the
    comparison is not allowed or its interval holds 0 (specification 2.2).
    """
    row = plain_row("X2", "IDR", "all", "", math.nan, int(effect.get("n", 0)))
    if effect["verdict"] != "higher" or not effect["low"] > 0:
        return row | {"note": "not_estimable", "suppressed": True, "n_eff": math.nan}
    seats = enrolments.groupby("batch")["package_cost_idr"].agg(["max", "size"])
    own = enrolments[enrolments["alumni_id"].isin(accepted) & enrolments["latest"].eq(1)]
    cost = float((seats["max"] / seats["size"]).loc[own["batch"]].mean())
    told = {"estimate": cost / effect["estimate"], "low": cost / effect["high"], "high": cost / effect["low"]}
    return (
        row
        | told
        | {"se": cost * effect["se"] / effect["estimate"] ** 2, "note": "applicants", "suppressed": False}
    )


def _class_cost(part: pd.DataFrame) -> float:
    return float(part.groupby("batch")["package_cost_idr"].max().sum())


def demand_shares(
    first: pd.Series[str], second: pd.Series[str], weights: NDArray[np.float64], programmes: Sequence[str]
) -> NDArray[np.float64]:
    """Give N1: each programme's share of the demand, a first choice counting 1 and a second one half.

    One row per programme, one column per column of `weights`.
    """
    matrix = weights.reshape(len(first), -1)
    counts = [(first == code).to_numpy(float) + 0.5 * (second == code).to_numpy(float) for code in programmes]
    totals = np.array(counts) @ matrix
    return np.asarray(totals / totals.sum(axis=0))
