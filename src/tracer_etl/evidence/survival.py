"""Time to the first job: weighted Kaplan-Meier, log-log intervals, median, restricted mean, competing risks.

Months run from the end of the training (specification 2.4). Yardstick: R's `survival::survfit` (tests).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tracer_etl.evidence.variance import z_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_etl.evidence.variance import Interval

    Floats = NDArray[np.float64]
    Events = NDArray[np.int64]


DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve: one entry per distinct time, event or not.

    `spread` is the standard error of log(survival) from the infinitesimal jackknife, right for any weights.
    """

    times: Floats
    survival: Floats
    spread: Floats
    at_risk: Floats

    def at(self, months: float) -> tuple[float, float]:
        """Give survival and the standard error of its logarithm at a time."""
        place = int(np.searchsorted(self.times, months, side="right")) - 1
        return (1.0, 0.0) if place < 0 else (float(self.survival[place]), float(self.spread[place]))


def kaplan_meier(months: Floats, event: Events, weights: Floats) -> Curve:
    """Estimate survival with weights; `event` is 1 where the job began at `months`, 0 where watching ended then."""
    times = np.unique(months)
    at_risk = np.greater_equal.outer(months, times)
    happened = np.equal.outer(months, times) & (event == 1)[:, None]
    risk, events = weights @ at_risk, weights @ happened
    survival = np.cumprod(1 - events / risk)
    # d log S / d w_i, summed over the times until t; where everybody had the event log S has no derivative.
    left = np.where(risk - events > 1e-12 * risk, risk - events, np.nan)
    steps = (happened - at_risk * (events / risk)) / left
    influence = -np.cumsum(np.where(events > 0, steps, 0.0), axis=1)
    return Curve(times, survival, np.sqrt(((weights[:, None] * influence) ** 2).sum(axis=0)), risk)


def known_fraction(months: Floats, event: Events, weights: Floats, times: Floats) -> Floats:
    """Give the finite-population fraction of the cohort at each time: n_eff of whose state is then known, over sum(w).

    Known is who had the event (not 0) by then or was still watched; who was watched no longer is as unknown as who did not
    answer. Without censoring it is `variance.answered_fraction`.

    >>> known_fraction(
    ...     np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 0]), np.full(4, 2.0), np.array([1.0, 4.0])
    ... ).tolist()
    [0.5, 0.25]
    """
    known = (months[:, None] >= times) | (event != 0)[:, None]
    squares, total = weights**2 @ known, float(weights.sum())
    size = (weights @ known) ** 2 / np.where(squares > 0, squares, 1.0)
    return np.asarray(np.minimum(size / total, 1.0))


def of_cohort(curve: Curve, fraction: Floats) -> Curve:
    """Give the curve with the error it has for exactly these people: variance less by the fraction at each time."""
    return replace(curve, spread=curve.spread * np.sqrt(1 - fraction))


def log_log_interval(survival: float, spread: float, confidence: float = 0.95) -> Interval:
    """Give the interval exp(-exp(log(-log S) -+ z * se / |log S|)), which stays inside 0..1.

    >>> low, high = log_log_interval(0.5, 0.2)
    >>> round(low, 4), round(high, 4)
    (0.2952, 0.6745)
    """
    if survival >= 1 or survival <= 0 or not math.isfinite(spread):
        return (survival, survival) if survival >= 1 else (math.nan, math.nan)
    theta, reach = math.log(-math.log(survival)), z_value(confidence) * spread / abs(math.log(survival))
    return math.exp(-math.exp(theta + reach)), math.exp(-math.exp(theta - reach))


def median_time(curve: Curve, confidence: float = 0.95) -> tuple[float, float, float]:
    """Give the first time at which survival is half or less, and its interval; `nan` where that is not reached.

    The interval holds the times at which the log-log interval of the curve has one half inside (Brookmeyer and
    Crowley 1982, log-log), as in R.
    """
    bounds = [log_log_interval(s, e, confidence) for s, e in zip(curve.survival, curve.spread, strict=True)]
    low = np.array([0.0 if math.isnan(b[0]) else b[0] for b in bounds])
    high = np.array([s if math.isnan(b[1]) else b[1] for b, s in zip(bounds, curve.survival, strict=True)])
    return _first(curve, curve.survival), _first(curve, low), _first(curve, high)


def _first(curve: Curve, heights: Floats) -> float:
    # R takes a curve within rounding of one half as having reached it.
    below = np.flatnonzero(heights <= 0.5 + 1e-9)
    return float(curve.times[below[0]]) if len(below) else math.nan


def restricted_mean(months: Floats, event: Events, weights: Floats, horizon: float = 12.0) -> Floats:
    """Give the area under the curve until the horizon: mean months without work among the first `horizon`.

    One number per column of a matrix of weights.
    """
    times, survival, _ = _columns(months, event == 1, weights)
    inside = times < horizon
    edges = np.concatenate([[0.0], times[inside], [horizon]])
    heights = np.vstack([np.ones(survival.shape[1]), survival[inside]])
    return np.asarray(np.diff(edges) @ heights)


def cumulative_incidence(months: Floats, cause: Events, weights: Floats, kind: int, horizon: float) -> Floats:
    """Give the share that had a cause (1, 2, ...; 0 = watching ended) by the horizon (Aalen and Johansen 1978).

    One number per column of a matrix of weights.
    """
    times, survival, risk = _columns(months, cause > 0, weights)
    before = np.vstack([np.ones(survival.shape[1]), survival[:-1]])
    happened = np.equal.outer(times, months) & (cause == kind)[None, :]
    hazard = (happened @ weights.reshape(len(months), -1)) / np.where(risk > 0, risk, 1.0)
    return np.asarray((before * hazard)[times <= horizon].sum(axis=0))


def survival_at(months: Floats, event: Events, weights: Floats, horizon: float) -> Floats:
    """Give the share without the event at the horizon, one number per column of a matrix of weights."""
    times, survival, _ = _columns(months, event == 1, weights)
    place = int(np.searchsorted(times, horizon, side="right")) - 1
    return survival[place] if place >= 0 else np.ones(survival.shape[1])


def _columns(months: Floats, event: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats, Floats]:
    matrix = weights.reshape(len(months), -1)
    times = np.unique(months)
    risk = np.less_equal.outer(times, months) @ matrix
    events = (np.equal.outer(times, months) & event[None, :]) @ matrix
    survival = np.cumprod(1 - events / np.where(risk > 0, risk, 1.0), axis=0)
    return times, np.asarray(survival, dtype=np.float64), np.asarray(risk, dtype=np.float64)


def months_to_day(origin: NDArray[np.datetime64], day: NDArray[np.datetime64]) -> Floats:
    """Count months from one day to another; `nan` where one is unknown."""
    return np.where(np.isnat(origin) | np.isnat(day), np.nan, (day - origin).astype(float) / DAYS_PER_MONTH)


def middle(month: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Give the 15th of a month told without its day."""
    first = month.astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray(np.add(first, np.timedelta64(14, "D")), dtype="datetime64[D]")


def months_to_month(origin: NDArray[np.datetime64], month: NDArray[np.datetime64]) -> Floats:
    """Count months from a day to a month told without its day: to its 15th, and 0.5 within the origin's own month.

    >>> ends, starts = np.array(["2025-03-10"], "M8[D]"), np.array(["2025-05-01"], "M8[D]")
    >>> months_to_month(ends, starts).round(2).tolist(), months_to_month(ends, ends).tolist()
    ([2.17], [0.5])
    """
    same = month.astype("datetime64[M]") == origin.astype("datetime64[M]")
    return np.where(same, 0.5, months_to_day(origin, middle(month)))
