"""What a story told by months can bear: heaping at round numbers, and a curve that knows only the month."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ROUND = (3, 6, 12)


class Heap(NamedTuple):
    """How many told a round number of months, and how many a smooth curve through the others expects."""

    months: int
    told: int
    expected: float

    @property
    def ratio(self) -> float:
        """Give told / expected; above 2 is an alarm (specification 2.4)."""
        return self.told / self.expected if self.expected else math.inf


def heaping(whole_months: Floats, rounds: Sequence[int] = ROUND) -> tuple[Heap, ...]:
    """Compare each round number of months with a Poisson curve, quadratic in log(1 + month), fitted to the others.

    Numbers beyond the longest story, and stories told by fewer than four different other numbers, give nothing.
    """
    counts = np.bincount(whole_months[whole_months >= 0].astype(np.int64)).astype(float)
    months = np.arange(len(counts))
    others = ~np.isin(months, list(rounds))
    if int((counts[others] > 0).sum()) < 4:  # noqa: PLR2004 - three coefficients and something to spare
        return ()
    scale = np.log1p(months)
    design = np.column_stack([np.ones(len(months)), scale, scale**2])
    expected = np.exp(design @ _poisson(design[others], counts[others]))
    return tuple(Heap(k, int(counts[k]), float(expected[k])) for k in rounds if k < len(counts))


def _poisson(design: Floats, counts: Floats) -> Floats:
    beta = np.zeros(design.shape[1])
    beta[0] = math.log(float(counts.mean()))
    for _ in range(100):
        fitted = np.exp(np.clip(design @ beta, -30, 30))
        bend = (design * fitted[:, None]).T @ design + 1e-9 * np.eye(len(beta))
        step = np.linalg.solve(bend, design.T @ (counts - fitted))
        beta += step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-10:  # noqa: PLR2004 - converged to the last digits
            break
    return beta


class Interval(NamedTuple):
    """A stretch of time into which some share of the events falls."""

    begins: float
    ends: float
    share: float


def turnbull(begins: Floats, ends: Floats, weights: Floats, tolerance: float = 1e-10) -> tuple[Interval, ...]:
    """Estimate when events happened of which only the stretch (begins, ends] is known (Turnbull 1976).

    `ends` is infinite for who was still waiting. The shares sum to 1; within a stretch nothing is known.
    """
    inner = _innermost(begins, ends)
    fits = np.array([(begins <= low) & (high <= ends) for low, high in inner]).T
    shares = np.full(len(inner), 1 / len(inner))
    for _ in range(100_000):
        parts = fits * shares
        fresh = weights @ (parts / parts.sum(axis=1, keepdims=True)) / weights.sum()
        change, shares = float(np.abs(fresh - shares).max()), fresh
        if change < tolerance:
            break
    return tuple(Interval(low, high, float(share)) for (low, high), share in zip(inner, shares, strict=True))


def _innermost(begins: Floats, ends: Floats) -> list[tuple[float, float]]:
    # An end sorts before a beginning at the same time, since a stretch does not hold the time it begins at.
    marks = sorted([(float(end), 0) for end in set(ends)] + [(float(begin), 1) for begin in set(begins)])
    return [(left[0], right[0]) for left, right in pairwise(marks) if left[1] == 1 and right[1] == 0]


def interval_median(intervals: Sequence[Interval]) -> tuple[float, float]:
    """Give the stretch in which half of the events is reached; infinite where it is not."""
    reached = 0.0
    for found in intervals:
        reached += found.share
        if reached >= 0.5 - 1e-9:
            return found.begins, found.ends
    return math.inf, math.inf
