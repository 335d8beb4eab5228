"""Standard errors and intervals of weighted numbers; every formula has a hand-worked example in the tests."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.raking import Margin

    Floats = NDArray[np.float64]

Interval = tuple[float, float]


def z_value(confidence: float = 0.95) -> float:
    """Give the two-sided normal quantile.

    >>> round(z_value(), 6)
    1.959964
    """
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def design_effect(weights: Floats) -> float:
    """Give Kish's design effect of unequal weights, n * sum(w^2) / (sum w)^2 (Kish 1965; specification 2.3 point 4).

    >>> design_effect(np.array([1.0, 1.0, 2.0]))
    1.125
    """
    total = float(np.sum(weights))
    return len(weights) * float(np.sum(weights**2)) / total**2 if total else math.nan


def effective_size(weights: Floats) -> float:
    """Give n / design effect: how many equally weighted respondents would tell as much."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0


def share_size(values: Floats, weights: Floats) -> float:
    """Give how many equally weighted respondents would tell this very share as well: p (1 - p) / sum(z^2), n at most.

    z = w (y - p) / sum(w); n over it is the share's own design effect. Kish's n_eff takes it that weights have nothing to
    do with the answer; where those who say yes answer more, and so weigh less, it is too small. Kish's for a share of 0 or 1.

    >>> round(
    ...     share_size(np.array([0.0, 0.0, 0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0, 2.0])), 6
    ... )  # Kish: 4.5
    3.6
    """
    share = weighted_mean(values, weights)
    spread = float(np.sum((weights * (values - share)) ** 2)) / float(np.sum(weights)) ** 2
    if spread <= 0:
        return effective_size(weights)
    return min(float(len(values)), share * (1 - share) / spread)


def answered_fraction(weights: Floats, persons: float = math.nan) -> float:
    """Give the finite-population fraction of a cohort whose people sum to the weights: n_eff / sum(w), 1 at most.

    `persons`: how many they are where that is more, since some were imputed.

    Each person answers or not (Poisson), so the variance of a total is sum(w (w - 1) e^2) and not sum(w^2 e^2): less by
    sum(w) / sum(w^2). With equal weights it is n / N.

    >>> answered_fraction(np.array([2.0, 2.0])), answered_fraction(np.array([1.0, 3.0]))
    (0.5, 0.4)
    """
    total = float(np.sum(weights)) if math.isnan(persons) else persons
    return min(1.0, effective_size(weights) / total) if total else 0.0


def wilson(share: float, size: float, *, fraction: float = 0.0, confidence: float = 0.95) -> Interval:
    """Give the Wilson score interval of a share 0..1 on an effective size (Wilson 1927; never Wald).

    `fraction` is that of `answered_fraction`: the variance shrinks by 1 - fraction, so the size
    grows to size / (1 - fraction), for statements about this cohort only (specification 2.3 point 5).

    >>> [round(bound, 2) for bound in wilson(0.8, 20)]
    [0.58, 0.92]
    """
    if fraction >= 1:
        return share, share
    size, z = size / (1 - fraction), z_value(confidence)
    centre = share + z * z / (2 * size)
    reach = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    return max(0.0, (centre - reach) / (1 + z * z / size)), min(1.0, (centre + reach) / (1 + z * z / size))


@dataclass(frozen=True)
class Calibration:
    """What raking takes off the variance: an orthonormal basis of the margins' cells, and the raked weights."""

    basis: Floats
    weights: Floats

    @property
    def widening(self) -> float:
        """Give what errors grow by since raking has fitted the margins' cells: sqrt((n - 1) / (n - cells)).

        What is left once cells are fitted is too small on average, as residuals of a regression are (MacKinnon and White
        1985, HC1). Standard errors stay R's; intervals are widened.
        """
        size, cells = len(self.weights), float(np.sum(self.basis**2))
        return math.sqrt((size - 1) / max(size - max(cells, 1.0), 1.0))

    def residual(self, influence: Floats) -> Floats:
        """Take from a weighted influence w * u what the margins explain of u, by least squares."""
        bare = influence / self.weights
        return np.asarray((bare - self.basis @ (self.basis.T @ bare)) * self.weights)


def calibration(weights: Floats, margins: Sequence[Margin]) -> Calibration:
    """Prepare the linearised variance of raked weights (Deville, Saerndal and Sautory 1993).

    R's `survey` sweeps the margins' means out ten times; this is what endless sweeping comes to.
    """
    cells = np.hstack([np.equal.outer(m.codes, np.arange(len(m.targets))).astype(float) for m in margins])
    left, singular, _ = np.linalg.svd(cells, full_matrices=False)
    return Calibration(left[:, singular > singular.max() * 1e-10], weights)


def weighted_mean(values: Floats, weights: Floats) -> float:
    """Give sum(w y) / sum(w); `nan` without weight."""
    total = float(np.sum(weights))
    return float(np.sum(weights * values)) / total if total else math.nan


def mean_influence(values: Floats, weights: Floats, domain: NDArray[np.bool_]) -> Floats:
    """Give w * (y - mean) / sum(w) of each respondent in the domain and 0 outside (Taylor linearisation)."""
    inside = np.where(domain, weights, 0.0)
    filled = np.where(domain, values, 0.0)
    total = float(np.sum(inside))
    return np.asarray(inside * (filled - float(np.sum(inside * filled)) / total) / total)


def standard_error(influence: Floats, calibrated: Calibration | None = None) -> float:
    """Give the standard error sqrt(n / (n - 1) * sum(z^2)) from weighted influences z that sum to 0.

    It is what R's `survey::svymean` gives with `ids = ~1`, and after `rake` when the calibration is given.
    """
    size = len(influence)
    if size < 2:  # noqa: PLR2004 - one respondent has no spread
        return math.nan
    left = influence if calibrated is None else calibrated.residual(influence)
    return math.sqrt(size / (size - 1) * float(np.sum((left - left.mean()) ** 2)))


def weighted_quantile(values: Floats, weights: Floats, quantile: float = 0.5) -> Floats:
    """Give the smallest value at which the weights reach the quantile, for each column of a matrix of weights.

    R's `svyquantile(qrule = "math")`; a replicate without weight gives nan.
    """
    matrix = weights.reshape(len(values), -1)
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(matrix[order], axis=0)
    totals = reached[-1]
    # A last-digit difference in a running sum must not move the quantile to the next value.
    place = np.argmax(reached >= quantile * totals * (1 - 1e-12), axis=0)
    return np.where(totals > 0, values[order][place], np.nan)


def winsorise(values: Floats, weights: Floats, quantile: float = 0.99) -> Floats:
    """Bring values above the weighted quantile down to it: one column per column of weights."""
    return np.minimum(values[:, None], weighted_quantile(values, weights, quantile)[None, :])


def hodges_lehmann(values: Floats, weights: Floats, block: int = 50) -> Floats:
    """Give the weighted median of all pair means (Walsh averages), for each column of a matrix of weights.

    A pair weighs the product of its two weights; a value with itself counts half of its square.
    """
    matrix = weights.reshape(len(values), -1)
    first, second = np.triu_indices(len(values))
    means = (values[first] + values[second]) / 2
    halves = np.where(first == second, 0.5, 1.0)[:, None]
    parts = [
        weighted_quantile(
            means, matrix[first, start : start + block] * matrix[second, start : start + block] * halves
        )
        for start in range(0, matrix.shape[1], block)
    ]
    return np.concatenate(parts)


def percentile_interval(replicates: Floats, confidence: float = 0.95) -> Interval:
    """Give the percentile interval of bootstrap replicates; `nan` where fewer than nine in ten could be computed."""
    finite = replicates[np.isfinite(replicates)]
    if len(finite) < 0.9 * len(replicates):
        return math.nan, math.nan
    tail = (1 - confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def stretched(estimate: float, interval: Interval, part: float) -> Interval:
    """Stretch (or, below 1, shrink) an interval around its estimate.

    >>> stretched(1.0, (0.5, 2.0), 2.0)
    (0.0, 3.0)
    """
    return estimate - part * (estimate - interval[0]), estimate + part * (interval[1] - estimate)
