"""Shrinkage: what a small class shows, pulled towards its family (specification 3.1).

In-field work is Beta-Binomial, earnings Normal-Normal. The prior of a programme is what the *other* programmes of its
family show, itself pulled towards all programmes and as uncertain as few programmes leave it: half of the spread between
programmes is taken to lie between families. A programme without alumni has that prior with the whole spread, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STRENGTHS = np.geomspace(4.0, 200.0, 40)
"""Prior strengths weighed against each other: a + b of a Beta, from a spread of 20 points to one of 3."""

TYPICAL_STRENGTH, STRENGTH_FACTOR = 20.0, 2.5
"""Before the data: a spread between programmes of about 10 points (specification 0.3 point 7), give or take a factor."""

LEAST_SPREAD = 0.05
"""Least spread between programmes in E5, in UMK: a dozen classes cannot show that there is none."""


@dataclass(frozen=True)
class Shares:
    """Beta posteriors of each programme, one row per strength of the prior, one column per programme.

    `probability`: of each strength, given the data.
    """

    probability: Floats
    successes: Floats
    failures: Floats

    @property
    def mean(self) -> Floats:
        """Posterior mean per programme, share 0..1."""
        return np.asarray(self.probability @ (self.successes / (self.successes + self.failures)))

    def draw(self, rng: np.random.Generator, number: int) -> Floats:
        """Draw shares: one row per draw, one column per programme; a draw has one strength for all programmes."""
        row = rng.choice(len(self.probability), size=number, p=self.probability)
        return rng.beta(self.successes[row], self.failures[row])


@dataclass(frozen=True)
class Amounts:
    """Normal posterior of each programme: mean and standard deviation."""

    mean: Floats
    sd: Floats

    def draw(self, rng: np.random.Generator, number: int) -> Floats:
        """Draw amounts: one row per draw, one column per programme."""
        return rng.normal(self.mean, self.sd, size=(number, len(self.mean)))


def beta_binomial(rate: Floats, size: Floats, families: Sequence[str]) -> Shares:
    """Give the posterior of each programme's share from its rate (0..1) of `size` respondents (0 = no alumni).

    With a prior of mean p and strength K, see `_priors`, the posterior is Beta(p K + y, (1 - p) K + n - y). The strengths
    between programmes are weighed by the Beta-Binomial likelihood of all programmes, log-normal before the data.
    """
    seen = size > 0
    count = np.where(seen, np.nan_to_num(rate) * size, 0.0)
    overall = (count.sum() + 0.5) / (size.sum() + 1.0)
    weight = np.array([_log_likelihood(count[seen], size[seen], overall, m) for m in STRENGTHS])
    weight -= (np.log(STRENGTHS / TYPICAL_STRENGTH) / np.log(STRENGTH_FACTOR)) ** 2 / 2
    probability = np.exp(weight - weight.max())
    strength = STRENGTHS[:, None]
    mean, own = _priors(np.where(seen, np.nan_to_num(rate), 0.0), size, overall, strength, _others(families))
    return Shares(probability / probability.sum(), mean * own + count, (1 - mean) * own + size - count)


def _priors(
    rate: Floats, size: Floats, overall: float, strength: Floats, others: Floats
) -> tuple[Floats, Floats]:
    """Give mean and strength of each programme's prior, one row per strength M between programmes.

    Half of the spread lies between families and half within, each of strength 2M. A programme tells of its family what
    n (2M + 1) / (2M + n) people would; the family's mean is known to 2M + the sum of those, and so the strength K of the
    prior has 1 / (K + 1) = 1 / (S + 1) + S / ((S + 1) (2M + 1)): about M where nobody else is known, 2M where many are.
    """
    half = 2 * strength
    weight = size * (half + 1) / (half + size)
    known = half + weight @ others
    mean = ((weight * rate) @ others + half * overall) / known
    own = 1 / (1 / (known + 1) + known / ((known + 1) * (half + 1))) - 1
    return mean, np.where(size > 0, own, strength)


def _others(families: Sequence[str]) -> Floats:
    """Give who else is in the family: one row and column per programme, 1 or 0, the diagonal 0."""
    names = np.array(families)
    same = np.asarray(names[:, None] == names[None, :], dtype=np.float64)
    np.fill_diagonal(same, 0.0)
    return same


def _log_likelihood(count: Floats, size: Floats, mean: float, strength: float) -> float:
    alpha, beta = mean * strength, (1 - mean) * strength
    return sum(
        math.lgamma(alpha + y) + math.lgamma(beta + n - y) - math.lgamma(strength + n)
        for y, n in zip(count.tolist(), size.tolist(), strict=True)
    ) + len(count) * (math.lgamma(strength) - math.lgamma(alpha) - math.lgamma(beta))


def normal_normal(mean: Floats, error: Floats, families: Sequence[str]) -> Amounts:
    """Give the posterior of each programme's mean from its mean and standard error (NaN = no alumni).

    The variance between programmes is DerSimonian and Laird's, at least `LEAST_SPREAD` squared; half of it lies between
    families. The prior's is the half within and what is not known of the family's mean; without alumni the whole.
    """
    seen = np.isfinite(mean) & np.isfinite(error) & (error > 0)
    between = between_variance(mean[seen], error[seen])
    weight = np.where(seen, 1.0 / (np.where(seen, error, 1.0) ** 2 + between), 0.0)
    value = np.where(seen, mean, 0.0)
    overall = float(weight @ value / weight.sum()) if seen.any() else 0.0
    half = between / 2
    telling = np.where(seen, 1.0 / (np.where(seen, error, 1.0) ** 2 + half), 0.0)
    others = _others(families)
    known = 1 / half + others @ telling
    prior = (overall / half + others @ (telling * value)) / known
    spread = np.where(seen, half + 1 / known, between)
    precision = np.where(seen, 1.0 / np.where(seen, error, 1.0) ** 2, 0.0)
    total = 1 / spread + precision
    return Amounts((prior / spread + precision * value) / total, np.sqrt(1 / total))


def between_variance(mean: Floats, error: Floats) -> float:
    """Give DerSimonian and Laird's variance between programmes, floored; fewer than two programmes give the floor."""
    floor = LEAST_SPREAD**2
    if len(mean) < 2:  # noqa: PLR2004 - one programme shows no spread
        return floor
    weight = 1.0 / error**2
    centre = float(weight @ mean / weight.sum())
    excess = float(weight @ (mean - centre) ** 2) - (len(mean) - 1)
    return max(floor, excess / float(weight.sum() - (weight**2).sum() / weight.sum()))
