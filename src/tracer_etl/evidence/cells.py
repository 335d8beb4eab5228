"""One number: an indicator among some respondents, with its standard error and its intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tracer_etl.evidence import survival, variance

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.imputation import Completed
    from tracer_etl.evidence.indicators import Indicator
    from tracer_etl.evidence.variance import Calibration, Interval

    Floats = NDArray[np.float64]

NOWHERE: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class Cell:
    """A number in its indicator's unit; `nan` is what cannot be given.

    `low`..`high` is for the programme in general (planning), `cohort_low`..`cohort_high` for exactly the people of
    this frame. `weighted_total`: persons of the frame the number speaks for. `n_eff` is Kish's; `deff` is the design effect
    of a share itself, and its interval Wilson's on n / deff.
    """

    estimate: float
    se: float
    low: float
    high: float
    cohort_low: float
    cohort_high: float
    n: int
    n_eff: float
    weighted_total: float
    unweighted: float
    deff: float = math.nan
    unweighted_low: float = math.nan
    unweighted_high: float = math.nan
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Values:
    """What the respondents of one cell told, with their weights and one column of weights per bootstrap replicate.

    `columns` are the indicator's, the first one being y. `completed` is the cell once imputed, where somebody was.
    """

    columns: Floats
    weights: Floats
    replicates: Floats
    completed: Completed | None = None

    @property
    def y(self) -> Floats:
        """Give the first column."""
        return np.asarray(self.columns[:, 0])

    @property
    def fraction(self) -> float:
        """Give the share of the cohort's variance that answering took away, n_eff over the weights' sum."""
        return variance.answered_fraction(self.weights, self.total)

    def known(self, times: Floats) -> Floats:
        """Give the same at each time after the training, of whose work is then known."""
        return survival.known_fraction(self.y, self.event, self.weights, times)

    def known_at(self, indicator: Indicator) -> float:
        """Give the same for an indicator: at its horizon where it is read off a curve."""
        if indicator.kind != "curve":
            return self.fraction
        return float(self.known(np.array([indicator.horizon]))[0])

    @property
    def total(self) -> float:
        """Give for how many persons the number speaks: the weights' sum, imputed persons included."""
        return float(self.weights.sum()) if self.completed is None else self.completed.total

    @property
    def event(self) -> NDArray[np.int64]:
        """Give the second column: what happened at the time `y` (0: watching ended)."""
        return self.columns[:, 1].astype(np.int64)


def estimate_cell(
    indicator: Indicator,
    values: Values,
    influence: Floats,
    calibration: Calibration,
    constants: Constants,
) -> Cell:
    """Estimate an indicator by its kind.

    `influence` is the linearised influence of every respondent of the sample (0 outside the cell).
    """
    if indicator.kind in ("share", "score"):
        se = variance.standard_error(influence, calibration)
        return _linear(indicator, values, se, calibration.widening, constants)
    if indicator.kind == "wait":
        return _wait(values, constants)
    if indicator.kind == "curve" and indicator.cause == 0:
        return _curve(indicator, values, constants)
    return _bootstrapped(indicator, values, calibration.widening, constants)


def _start(estimate: float, values: Values, unweighted: float) -> Cell:
    weights = values.weights
    return Cell(
        estimate,
        math.nan,
        *NOWHERE,
        *NOWHERE,
        len(weights),
        variance.effective_size(weights),
        values.total,
        unweighted,
    )


def _linear(indicator: Indicator, values: Values, se: float, widening: float, constants: Constants) -> Cell:
    mean, plain = variance.weighted_mean(values.y, values.weights), float(values.y.mean())
    cell = replace(_start(mean, values, plain), se=se)
    level = constants.confidence
    if indicator.kind == "share":
        unweighted = variance.wilson(plain, cell.n, confidence=level)
        size = variance.share_size(values.y, values.weights)
        cell = replace(cell, deff=cell.n / size)
        wide = variance.wilson(mean, size, confidence=level)
        narrow = variance.wilson(mean, size, fraction=values.fraction, confidence=level)
    else:
        z = variance.z_value(level)
        bare = z * float(values.y.std(ddof=1)) / math.sqrt(cell.n)
        reach = z * se * widening
        unweighted, wide = (plain - bare, plain + bare), (mean - reach, mean + reach)
        narrow = _narrowed(mean, wide, values.fraction)
    return _with(cell, wide, narrow, unweighted)


def _with(cell: Cell, wide: Interval, narrow: Interval, unweighted: Interval = NOWHERE) -> Cell:
    return replace(
        cell,
        low=wide[0],
        high=wide[1],
        cohort_low=narrow[0],
        cohort_high=narrow[1],
        unweighted_low=unweighted[0],
        unweighted_high=unweighted[1],
    )


def _narrowed(estimate: float, interval: Interval, fraction: float) -> Interval:
    return variance.stretched(estimate, interval, math.sqrt(max(0.0, 1 - fraction)))


def _wait(values: Values, constants: Constants) -> Cell:
    event = values.event
    curve = survival.kaplan_meier(values.y, event, values.weights)
    plain = survival.kaplan_meier(values.y, event, np.ones(len(values.y)))
    median, low, high = survival.median_time(curve, constants.confidence)
    notes = () if math.isfinite(median) else ("median_not_reached",)
    notes = notes if math.isfinite(high) else (*notes, "upper_bound_open")
    cell = replace(_start(median, values, survival.median_time(plain)[0]), notes=notes)
    own = survival.of_cohort(curve, values.known(curve.times))
    return _with(cell, (low, high), survival.median_time(own, constants.confidence)[1:])


def _curve(indicator: Indicator, values: Values, constants: Constants) -> Cell:
    event = values.event
    curve = survival.kaplan_meier(values.y, event, values.weights)
    share, spread = curve.at(indicator.horizon)
    plain = survival.kaplan_meier(values.y, event, np.ones(len(values.y))).at(indicator.horizon)[0]
    cell = replace(_start(share, values, plain), se=share * spread)
    if float(values.y.max()) < indicator.horizon:
        return replace(cell, estimate=math.nan, notes=("nobody_watched_that_long",))
    wide = survival.log_log_interval(share, spread, constants.confidence)
    own = spread * math.sqrt(1 - values.known_at(indicator))
    return _with(cell, wide, survival.log_log_interval(share, own, constants.confidence))


def statistic(indicator: Indicator, constants: Constants) -> Callable[[Values, Floats], Floats]:
    """Give the function (values, matrix of weights) -> one number per column of weights."""
    horizon, cause = indicator.horizon, indicator.cause
    kinds: dict[str, Callable[[Values, Floats], Floats]] = {
        "mean": lambda v, w: means(v.y, w),
        "winsor": lambda v, w: means(variance.winsorise(v.y, w, constants.winsor), w),
        "median": lambda v, w: variance.weighted_quantile(v.y, w),
        "shift": lambda v, w: variance.hodges_lehmann(v.y, w),
        "effect": lambda v, w: effect_size(v.columns, w),
        "total": lambda v, w: np.asarray(v.y @ w),
        "curve": lambda v, w: (
            survival.restricted_mean(v.y, v.event, w, horizon)
            if cause < 0
            else survival.cumulative_incidence(v.y, v.event, w, cause, horizon)
        ),
    }
    return kinds[indicator.kind]


def means(y: Floats, weights: Floats) -> Floats:
    """Give the weighted mean for each column of weights; `y` is one column, or one per column of weights."""
    columns = y if y.ndim > 1 else y[:, None]
    return np.asarray((columns * weights).sum(axis=0) / weights.sum(axis=0))


def effect_size(columns: Floats, weights: Floats) -> Floats:
    """Give Cohen's d of a paired gain: the mean gain over the root of the mean variance of before and after.

    One row per respondent; the first half of the columns are the items after, the second the same items before. Gain
    and variance are averaged over the items.

    >>> effect_size(np.array([[2.0, 1.0], [4.0, 3.0]]), np.ones((2, 1))).tolist()
    [1.0]
    """
    after, before = np.hsplit(columns, 2)
    gain = means((after - before).mean(axis=1), weights)
    spread = sum((_variances(item, weights) for item in columns.T), np.zeros(1)) / columns.shape[1]
    return np.asarray(gain / np.sqrt(np.where(spread > 0, spread, np.nan)))


def _variances(y: Floats, weights: Floats) -> Floats:
    return np.asarray(means(y**2, weights) - means(y, weights) ** 2)


def _bootstrapped(indicator: Indicator, values: Values, widening: float, constants: Constants) -> Cell:
    estimate, plain, replicates = _computed(statistic(indicator, constants), values)
    finite = replicates[np.isfinite(replicates)]
    se = float(finite.std(ddof=1)) if len(finite) > 1 else math.nan
    drawn = variance.percentile_interval(replicates, constants.confidence)
    wide = variance.stretched(estimate, drawn, widening)
    if indicator.unit == "share":
        wide = float(np.clip(wide[0], 0, 1)), float(np.clip(wide[1], 0, 1))
    cell = replace(_start(estimate, values, plain), se=se)
    return _with(cell, wide, _narrowed(estimate, wide, values.known_at(indicator)))


def _computed(compute: Callable[[Values, Floats], Floats], values: Values) -> tuple[float, float, Floats]:
    """Give the number, the number without weights, and one per bootstrap replicate; each the mean of its imputations."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if values.completed is None:
            ones = np.ones((len(values.weights), 1))
            told = [compute(values, matrix)[0] for matrix in (values.weights[:, None], ones)]
            return float(told[0]), float(told[1]), compute(values, values.replicates)
        whole = values.completed
        filled = Values(whole.columns, whole.point[:, 0], whole.replicates)
        told = [compute(filled, matrix).mean() for matrix in (whole.point, whole.bare)]
        each = compute(filled, whole.replicates).reshape(values.replicates.shape[1], -1)
        return float(told[0]), float(told[1]), each.mean(axis=1)
