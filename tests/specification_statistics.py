"""The statistics that specification 2.2 names, as plain as they can be written: of values `y` with weights `w`."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Statistic = Callable[..., float]


def mean(y: Floats, w: Floats) -> float:
    return float((w * y).sum() / w.sum())


def total(y: Floats, w: Floats) -> float:
    return float((w * y).sum())


def quantile(y: Floats, w: Floats, part: float = 0.5) -> float:
    """The smallest value at or below which at least this part of the weight lies."""
    order = np.argsort(y, kind="stable")
    reached = np.cumsum(w[order]) / w.sum()
    return float(y[order][reached >= part - 1e-12][0])


def winsorised(y: Floats, w: Floats) -> float:
    return mean(np.minimum(y, quantile(y, w, 0.99)), w)


def hodges_lehmann(y: Floats, w: Floats) -> float:
    """Median of the means of all pairs, a value with itself among them at half the weight of two."""
    first, second = np.triu_indices(len(y))
    return quantile((y[first] + y[second]) / 2, w[first] * w[second] * np.where(first == second, 0.5, 1.0))


def kaplan_meier(t: Floats, event: Floats, w: Floats) -> list[tuple[float, float]]:
    left, steps = 1.0, [(0.0, 1.0)]
    for month in np.unique(t[event > 0]):
        left *= 1 - w[(t == month) & (event > 0)].sum() / w[t >= month].sum()
        steps.append((float(month), left))
    return steps


def median_wait(t: Floats, w: Floats, event: Floats) -> float:
    return next((month for month, left in kaplan_meier(t, event, w) if left <= 0.5 + 1e-9), np.nan)


def restricted(t: Floats, w: Floats, event: Floats) -> float:
    """Area under the curve to twelve months."""
    steps = [(month, left) for month, left in kaplan_meier(t, event, w) if month < 12] + [(12.0, 0.0)]
    return sum(left * (after[0] - month) for (month, left), after in pairwise(steps))


def still(k: int) -> Statistic:
    def statistic(t: Floats, w: Floats, event: Floats) -> float:
        if t.max() < k:  # nobody was watched that long
            return np.nan
        return [left for month, left in kaplan_meier(t, event, w) if month <= k][-1]

    return statistic


def incidence(kind: int, k: int) -> Statistic:
    """Aalen-Johansen: of those still waiting, who begins this kind of work, month by month."""

    def statistic(t: Floats, w: Floats, cause: Floats) -> float:
        steps, reached = kaplan_meier(t, cause, w), 0.0
        for (_, before), (month, _) in pairwise(steps):
            if month <= k:
                reached += before * w[(t == month) & (cause == kind)].sum() / w[t >= month].sum()
        return float(reached)

    return statistic


def effect_size(gain: Floats, w: Floats, levels: Floats) -> float:
    """Mean gain over the root of the mean variance of the ten items before and after."""
    variances = [mean(item**2, w) - mean(item, w) ** 2 for item in levels.T]
    return mean(gain, w) / float(np.sqrt(np.mean(variances)))
