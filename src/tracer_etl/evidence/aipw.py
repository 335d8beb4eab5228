"""The effect on those accepted, against applicants who were not: augmented inverse probability weighting.

Right when either the model of who is accepted or the model of what happens without training is right (Robins, Rotnitzky
and Zhao 1994), cross-fitted so that nobody is predicted by a model that saw them (Chernozhukov et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tracer_etl.evidence.regression import chances, linear, logistic
from tracer_etl.evidence.variance import effective_size, standard_error, weighted_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Groups:
    """Applicants who answered, one row each: who was accepted, what both models see, and whom each stands for.

    selection: the design of who is accepted; prognosis: that of what happens without training (both with a first
    column of ones); weights: how many applicants of the own group each stands for.
    """

    accepted: Mask
    selection: Floats
    prognosis: Floats
    weights: Floats

    def among(self, rows: Mask) -> Groups:
        """Keep some rows."""
        return Groups(self.accepted[rows], self.selection[rows], self.prognosis[rows], self.weights[rows])


@dataclass(frozen=True)
class Effect:
    """What acceptance changed for the accepted, in the outcome's unit; `level` is theirs, `without` what it would be."""

    estimate: float
    se: float
    level: float

    @property
    def without(self) -> float:
        """Give the level the accepted would have had without training, by the estimate."""
        return self.level - self.estimate


def propensity(groups: Groups, ridge: float) -> Floats:
    """Give each applicant's chance of having been accepted, fitted on all of them."""
    beta = logistic(groups.selection, groups.accepted.astype(float), groups.weights, ridge=ridge)
    return chances(groups.selection, beta)


def alike(groups: Groups, chance: Floats) -> Floats:
    """Weight the groups alike: the accepted as they are, the others by their odds of having been accepted."""
    return np.asarray(groups.weights * np.where(groups.accepted, 1.0, chance / (1 - chance)))


def overlapping(chance: Floats, bounds: tuple[float, float]) -> Mask:
    """Tell whose chance of acceptance lies within the bounds, so that both groups have people like them."""
    return np.asarray((chance >= bounds[0]) & (chance <= bounds[1]))


def effect_of(groups: Groups, y: Floats, chance: Floats, expected: Floats) -> Effect:
    """Give the effect on the accepted from chances of acceptance and outcomes expected without training.

    The mean of y - expected of the accepted less that of the others weighted by the odds of acceptance. The standard
    error is that of the influence function, with the weights taken as known: R's `svyglm(y - expected ~ accepted)`.
    """
    weights, left = alike(groups, chance), y - expected
    influence = np.zeros(len(y))
    means = []
    for group, sign in ((groups.accepted, 1.0), (~groups.accepted, -1.0)):
        inside = np.where(group, weights, 0.0)
        means.append(weighted_mean(left, inside))
        influence += sign * inside * (left - means[-1]) / float(inside.sum())
    level = weighted_mean(y[groups.accepted], groups.weights[groups.accepted])
    return Effect(means[0] - means[1], standard_error(influence), level)


def estimate_effect(groups: Groups, y: Floats, constants: Constants, *, binary: bool) -> Effect:
    """Estimate by cross-fitting, over several ways of parting the applicants: the middle of the estimates.

    The error adds how far a parting lies from the middle (Chernozhukov et al. 2018, definition 3.3). `binary`
    outcomes are expected by logistic regression, others by least squares. One fold means no cross-fitting.
    """
    found = []
    for parting in range(constants.effect_partings if constants.effect_folds > 1 else 1):
        dice = np.random.default_rng([constants.seed, parting])
        chance, expected = _predicted(groups, y, constants, binary, dice)
        found.append(effect_of(groups, y, np.clip(chance, *constants.overlap), expected))
    middle = float(np.median([one.estimate for one in found]))
    spread = np.median([one.se**2 + (one.estimate - middle) ** 2 for one in found])
    return Effect(middle, float(np.sqrt(spread)), found[0].level)


def _predicted(
    groups: Groups, y: Floats, constants: Constants, binary: bool, dice: np.random.Generator
) -> tuple[Floats, Floats]:
    chance, expected = np.empty(len(y)), np.empty(len(y))
    for learn, apply in folds(groups.accepted, constants.effect_folds, dice):
        known, ridge = groups.among(learn), constants.effect_ridge
        beta = logistic(known.selection, known.accepted.astype(float), known.weights, ridge=ridge)
        chance[apply] = chances(groups.selection[apply], beta)
        others = learn & ~groups.accepted
        fit = logistic if binary else linear
        slope = fit(groups.prognosis[others], y[others], groups.weights[others], ridge=ridge)
        design = groups.prognosis[apply]
        expected[apply] = chances(design, slope) if binary else design @ slope
    return chance, expected


def folds(accepted: Mask, count: int, dice: np.random.Generator) -> Iterator[tuple[Mask, Mask]]:
    """Part the applicants, each group evenly: who is learnt from and who is predicted; with one fold, all for all."""
    if count == 1:
        everybody = np.ones(len(accepted), dtype=bool)
        yield everybody, everybody
        return
    fold = np.empty(len(accepted), dtype=np.int64)
    for group in (accepted, ~accepted):
        fold[group] = dice.permutation(int(group.sum())) % count
    for number in range(count):
        yield fold != number, fold == number


def mean_differences(columns: Floats, accepted: Mask, weights: Floats) -> Floats:
    """Give the standardised difference of the means of each column: accepted less others, in pooled deviations.

    The deviation is that of the two groups before weighting, so that before and after are on one scale (Austin 2009);
    0 where a column does not vary.
    """
    gaps = [weighted_mean(column[accepted], weights[accepted]) for column in columns.T]
    other = [weighted_mean(column[~accepted], weights[~accepted]) for column in columns.T]
    pooled = np.sqrt((columns[accepted].var(axis=0, ddof=1) + columns[~accepted].var(axis=0, ddof=1)) / 2)
    away = np.array(gaps) - np.array(other)
    return np.asarray(np.divide(away, pooled, out=np.zeros(len(away)), where=pooled > 0))


def comparison_size(groups: Groups, chance: Floats) -> float:
    """Give how many equally weighted others would tell as much as the others do once weighted by the odds."""
    return effective_size(alike(groups, chance)[~groups.accepted])
