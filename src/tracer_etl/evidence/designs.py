"""What a draw of seats, or a cutoff of scores, shows: the two designs of specification 2.5 in which chance chose.

A draw: the offer of a seat (intention to treat) and the training itself (complier average causal effect), by stratum.
A cutoff: those within five points of it, taken for drawn (local randomisation: Cattaneo, Frandsen and Titiunik 2015).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_etl.evidence import effect_bounds, variance
from tracer_etl.evidence.applicant_pool import OUTCOMES, UNITS

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Row = dict[str, Any]

PAIR = 2
"""Least people of each arm in a stratum, for a spread."""


def drawn_rows(drawn: pd.DataFrame | None, constants: Constants) -> list[Row]:
    """Give the rows of `marts.contrast` on draws and cutoffs; none where the list tells of neither.

    `drawn` has a row per applicant who agreed to be asked: stratum, lottery, assigned, took_up (bool), distance (score
    less cutoff), responded, and a column per outcome.
    """
    if drawn is None:
        return []
    rows: list[Row] = []
    band = drawn[drawn["lottery"]]
    if len(band):
        rows += _design("lottery", band, constants)
        rows += _design("lottery_taken", band, constants)
    near = drawn[~drawn["lottery"] & (drawn["distance"].abs() <= constants.cutoff_window)]
    if len(near):
        rows += _design("cutoff", near.assign(assigned=near["distance"] >= 0), constants)
    return rows


def _design(design: str, people: pd.DataFrame, constants: Constants) -> list[Row]:
    reason, known = _refusal(design, people, constants)
    if reason:
        return [_refused(design, outcome, reason, known) for outcome in OUTCOMES]
    rows = [{**known, **_effect(design, outcome, people, constants)} for outcome in OUTCOMES]
    tested = [row for row in rows if "p_value" in row]
    for row, p_value in zip(tested, effect_bounds.holm([row["p_value"] for row in tested]), strict=True):
        row |= {"p_holm": p_value, "verdict": "higher" if row["estimate"] > 0 else "lower"}
        if not p_value < 1 - constants.confidence:
            row |= {"verdict": "null", "detectable": effect_bounds.detectable(row["se"])}
    return rows


def _refused(design: str, outcome: str, reason: str, known: Row) -> Row:
    base = {"design": design, "outcome": outcome, "unit": UNITS[outcome]}
    return {**base, "verdict": "not_allowed", "reason": reason, **known}


def _refusal(design: str, people: pd.DataFrame, constants: Constants) -> tuple[str, Row]:
    """Say why there may be no number ('' where there may), and how many of each arm answered."""
    told = people[people["responded"]]
    sizes = [int((told["assigned"] == arm).sum()) for arm in (True, False)]
    if min(sizes) < constants.group_minimum:
        return "few_applicants", {}
    rates = _answered(people)
    known = {"n": sizes[0], "n_other": sizes[1], "answered": rates[0], "answered_other": rates[1]}
    if min(rates) < constants.group_answered:
        return "few_answered", known
    if design == "cutoff" and density_test(people["distance"].to_numpy(float)) < 1 - constants.confidence:
        return "manipulated", known
    return "", known


def _effect(design: str, outcome: str, people: pd.DataFrame, constants: Constants) -> Row:
    told = people[people["responded"] & people[outcome].notna()]
    y, offered = told[outcome].to_numpy(float), told["assigned"].to_numpy(bool)
    stratum = told["stratum"].to_numpy(str)
    if min(offered.sum(), (~offered).sum()) < constants.group_minimum:
        return _refused(design, outcome, "few_applicants", {})
    estimate, se = stratified(y, offered, stratum)
    if design == "lottery_taken":
        estimate, se = complier_effect(y, offered, told["took_up"].to_numpy(float), stratum)
    if not math.isfinite(estimate):
        return _refused(design, outcome, "not_comparable", {})
    p_value = effect_bounds.two_sided(estimate, se)
    if design == "cutoff":
        p_value = permutation_test(y, offered, stratum, constants.seed)
    reach = variance.z_value(constants.confidence) * se
    row = {"design": design, "outcome": outcome, "unit": UNITS[outcome], "estimate": estimate, "se": se}
    row |= {"p_value": p_value, "low": estimate - reach, "high": estimate + reach}
    row |= {"n": int(offered.sum()), "n_other": int((~offered).sum())}
    return row if design == "lottery_taken" else row | _arms(y, offered, _answered(people))


def _answered(people: pd.DataFrame) -> tuple[float, float]:
    own, other = (people.loc[people["assigned"] == arm, "responded"].mean() for arm in (True, False))
    return float(own), float(other)


def _arms(y: Floats, offered: Mask, answered: tuple[float, float]) -> Row:
    """Give the level of each arm, and Lee's bounds of their difference."""
    own, other = y[offered], y[~offered]
    bounds = effect_bounds.response_bounds((own, np.ones(len(own))), (other, np.ones(len(other))), answered)
    return {"level": own.mean(), "other_level": other.mean(), "bound_low": bounds[0], "bound_high": bounds[1]}


def stratified(y: Floats, offered: Mask, stratum: NDArray[np.str_]) -> tuple[float, float]:
    """Give the difference of means within strata, each by its size, and its error (Neyman); `nan` without any stratum.

    A stratum with fewer than two of an arm tells nothing and is left out.
    """
    parts = [(y[(stratum == name) & offered], y[(stratum == name) & ~offered]) for name in np.unique(stratum)]
    parts = [(own, other) for own, other in parts if min(len(own), len(other)) >= PAIR]
    sizes = np.array([len(own) + len(other) for own, other in parts], dtype=float)
    if not len(sizes):
        return math.nan, math.nan
    share = sizes / sizes.sum()
    gaps = np.array([own.mean() - other.mean() for own, other in parts])
    spread = np.array([own.var(ddof=1) / len(own) + other.var(ddof=1) / len(other) for own, other in parts])
    return float(share @ gaps), float(math.sqrt(share**2 @ spread))


def complier_effect(
    y: Floats, offered: Mask, took_up: Floats, stratum: NDArray[np.str_]
) -> tuple[float, float]:
    """Give the effect on those who train because they were offered a seat: that of the offer over what it did to training.

    The error is that of the offer on y less effect times training (Wald, Imbens and Angrist 1994); `nan` where the offer
    changed nobody's training.
    """
    of_offer, training = stratified(y, offered, stratum)[0], stratified(took_up, offered, stratum)[0]
    if not abs(training) > 0:
        return math.nan, math.nan
    effect = of_offer / training
    return effect, stratified(y - effect * took_up, offered, stratum)[1] / abs(training)


def density_test(distance: Floats) -> float:
    """Give the p-value of as many just above the cutoff as below: exact binomial, within the window.

    Many more above would mean that scores were made to reach it (McCrary 2008; in a window, Cattaneo et al. 2017).

    >>> density_test(np.array([-1.0, -2.0, 0.0, 3.0]))
    1.0
    """
    return effect_bounds.mcnemar(int((distance >= 0).sum()), int((distance < 0).sum()))


def permutation_test(
    y: Floats, offered: Mask, stratum: NDArray[np.str_], seed: int, draws: int = 2000
) -> float:
    """Give the p-value of no effect on anybody, by drawing seats anew within strata."""
    dice = np.random.default_rng(seed)
    strata = [stratum == name for name in np.unique(stratum)]
    found, beyond = abs(stratified(y, offered, stratum)[0]), 0
    for _ in range(draws):
        again = offered.copy()
        for inside in strata:
            again[inside] = dice.permutation(again[inside])
        beyond += abs(stratified(y, again, stratum)[0]) >= found - 1e-12
    return (beyond + 1) / (draws + 1)
