"""Alumni against applicants who were not accepted: whether the data allow it, and then the effect and what it can bear."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tracer_etl.evidence import aipw, effect_bounds, variance
from tracer_etl.evidence.applicant_pool import COVARIATES, OUTCOMES, UNITS, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_etl.evidence.aipw import Effect, Groups
    from tracer_etl.evidence.applicant_pool import Pool
    from tracer_etl.evidence.constants import Constants

    Floats = NDArray[np.float64]
    Row = dict[str, Any]

DESIGN = "applicants"
BINS = 10
LEAST = 5
"""Counts of persons below it are not shown (specification 2.3 point 6)."""


@dataclass(frozen=True)
class Compared:
    """Rows of `marts.contrast`, `marts.contrast_balance` and `marts.contrast_overlap`."""

    rows: list[Row]
    balance: list[Row] = field(default_factory=list)
    overlap: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Common:
    """Those both groups have people like: rows of the table, the groups, and chances of acceptance."""

    table: pd.DataFrame
    groups: Groups
    chance: Floats


def compare(pool: Pool | None, constants: Constants) -> Compared:
    """Estimate the effect on the accepted where the data allow it; else say why not, without a number.

    They allow it with a list of applicants; 30 who answered in each group and 60 % of each; 80 % of the accepted within
    the bounds of overlap and the others worth 30; and no covariate further apart than 0.1 deviations once weighted.
    """
    if pool is None:
        return _refused("no_list")
    known: Row = dict(zip(("answered", "answered_other"), pool.answered(), strict=True))
    counts = [int((pool.responded & group).sum()) for group in (pool.accepted, ~pool.accepted)]
    if min(counts) < constants.group_minimum:
        return _refused("few_applicants")
    known |= {"n": counts[0], "n_other": counts[1]}
    if not min(pool.answered()) >= constants.group_answered:
        return _refused("few_answered", known)
    common, overlap = common_support(pool, constants), _overlap(pool, constants)
    if common is None:
        return replace(_refused("no_overlap", known), overlap=overlap)
    known |= {"n": int(common.groups.accepted.sum()), "n_other": int((~common.groups.accepted).sum())}
    known["n_eff_other"] = aipw.comparison_size(common.groups, common.chance)
    balance = _balance(common)
    if known["n_eff_other"] < constants.group_minimum:
        return replace(_refused("no_overlap", known), balance=balance, overlap=overlap)
    if max(abs(row["after"]) for row in balance) >= constants.balance:
        return replace(_refused("unbalanced", known), balance=balance, overlap=overlap)
    return Compared(_effects(pool, common, known, constants), balance, overlap)


def _refused(reason: str, known: Row | None = None) -> Compared:
    base = {"design": DESIGN, "verdict": "not_allowed", "reason": reason, **(known or {})}
    return Compared([{**base, "outcome": outcome, "unit": UNITS[outcome]} for outcome in OUTCOMES])


def common_support(pool: Pool, constants: Constants) -> Common | None:
    """Keep those who answered and whose chance of acceptance lies within the bounds, and fit the chances anew.

    None where that leaves too few of a group, or less than 80 % of the accepted, whom the effect is about.
    """
    groups, table = groups_of(pool, constants)
    inside = aipw.overlapping(aipw.propensity(groups, constants.effect_ridge), constants.overlap)
    both = groups.among(inside)
    sizes = (int(both.accepted.sum()), int((~both.accepted).sum()))
    kept = float(inside[groups.accepted].mean())
    if min(sizes) < constants.group_minimum or kept < constants.overlap_kept:
        return None
    chance = np.clip(aipw.propensity(both, constants.effect_ridge), *constants.overlap)
    return Common(table[inside].reset_index(drop=True), both, chance)


def _balance(common: Common) -> list[Row]:
    """Give each covariate's difference in deviations, before the weights and with them; categories one by one."""
    columns = pd.get_dummies(
        common.table[list(COVARIATES)].fillna({"income": 0.0, "hours": 0.0}), dtype=float
    )
    values, groups = columns.to_numpy(dtype=float), common.groups
    before = aipw.mean_differences(values, groups.accepted, groups.weights)
    after = aipw.mean_differences(values, groups.accepted, aipw.alike(groups, common.chance))
    return [
        {"covariate": name, "before": was, "after": now}
        for name, was, now in zip(columns.columns, before, after, strict=True)
    ]


def _overlap(pool: Pool, constants: Constants) -> list[Row]:
    """Count both groups by tenth of the chance of acceptance; few are not told."""
    groups, _ = groups_of(pool, constants)
    chance, edges = aipw.propensity(groups, constants.effect_ridge), np.linspace(0, 1, BINS + 1)
    counts = [np.histogram(chance[group], edges)[0] for group in (groups.accepted, ~groups.accepted)]
    return [
        {"low": edges[place], "high": edges[place + 1], "accepted": _told(own), "others": _told(other)}
        for place, (own, other) in enumerate(zip(*counts, strict=True))
    ]


def _told(count: int) -> int | None:
    return int(count) if count == 0 or count >= LEAST else None


def _effects(pool: Pool, common: Common, known: Row, constants: Constants) -> list[Row]:
    rows = [_effect(outcome, pool, common, known, constants) for outcome in OUTCOMES]
    for row, p_value in zip(rows, effect_bounds.holm([row["p_value"] for row in rows]), strict=True):
        row["p_holm"] = p_value
        if p_value < 1 - constants.confidence:
            row["verdict"] = "higher" if row["estimate"] > 0 else "lower"
        else:
            row |= {"verdict": "null", "detectable": effect_bounds.detectable(row["se"])}
    return rows


def _effect(outcome: str, pool: Pool, common: Common, known: Row, constants: Constants) -> Row:
    """Estimate one outcome among those who told it."""
    told = common.table[outcome].notna().to_numpy(dtype=bool)
    groups, chance = common.groups.among(told), common.chance[told]
    y = common.table.loc[told, outcome].to_numpy(dtype=float)
    found = aipw.estimate_effect(groups, y, constants, binary=UNITS[outcome] == "share")
    reach = variance.z_value(constants.confidence) * found.se
    row = {"design": DESIGN, "outcome": outcome, "unit": UNITS[outcome], **known, "se": found.se}
    row |= {"n": int(groups.accepted.sum()), "n_other": int((~groups.accepted).sum())}
    row |= {"estimate": found.estimate, "low": found.estimate - reach, "high": found.estimate + reach}
    row |= {"level": found.level, "other_level": found.without}
    row["p_value"] = effect_bounds.two_sided(found.estimate, found.se)
    bounds = _response_bounds(groups, chance, y, pool)
    row |= {"bound_low": bounds[0], "bound_high": bounds[1]}
    sign = 1 if found.estimate >= 0 else -1
    pairs = effect_bounds.pairs_of(chance, groups.accepted, sign * y)
    return row | {"hidden_odds": effect_bounds.hidden_odds(*pairs)} | _e_values(found, reach, y, groups)


def _response_bounds(groups: Groups, chance: Floats, y: Floats, pool: Pool) -> tuple[float, float]:
    weights = aipw.alike(groups, chance)
    own, other = ((y[group], weights[group]) for group in (groups.accepted, ~groups.accepted))
    return effect_bounds.response_bounds(own, other, pool.answered())


def _e_values(found: Effect, reach: float, y: Floats, groups: Groups) -> Row:
    """Give the E-values of the estimate and of the end of its interval nearer to none (1 where that crosses none).

    A difference of means counts as the risk ratio exp(0.91 d), d in deviations of the others (VanderWeele and Ding 2017).
    """
    sign = 1 if found.estimate >= 0 else -1
    nearer = sign * max(0.0, sign * found.estimate - reach)
    if set(np.unique(y)) <= {0.0, 1.0}:
        base = min(max(found.without, 1e-3), 1 - 1e-3)
        ratios = [max(base + shift, 1e-3) / base for shift in (found.estimate, nearer)]
    else:
        deviation = float(y[~groups.accepted].std(ddof=1))
        ratios = [float(np.exp(0.91 * shift / deviation)) for shift in (found.estimate, nearer)]
    return dict(
        zip(("e_value", "e_value_limit"), (effect_bounds.e_value(one) for one in ratios), strict=True)
    )
