"""Shrinkage: what a small class shows, pulled towards its family (specification 3.1).

In-field work is Beta-Binomial, earnings Normal-Normal, both in three levels: all programmes, families, programmes; half of the
spread between programmes is taken to lie between families. Nothing between is fixed at a best guess: the mean of all, the
spread and the mean of each family are weighed by the likelihood and drawn with the programmes. A programme without
alumni has the mean of its family with the whole spread, and nothing else; two of one family are drawn with one family.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

STRENGTHS = np.geomspace(4.0, 200.0, 12)
"""Strengths M weighed against each other: a + b of a Beta, from a spread of 20 points between programmes to one of 3."""

TYPICAL_STRENGTH, STRENGTH_FACTOR = 20.0, 2.5
"""Before the data: a spread between programmes of about 10 points (specification 0.3 point 7), give or take a factor."""

MEANS, FAMILY_MEANS = (np.arange(25) + 0.5) / 25, (np.arange(100) + 0.5) / 100
"""Means of all programmes and of a family weighed against each other, share 0..1; none is likelier before the data."""

SPREADS, TYPICAL_SPREAD = np.geomspace(0.02, 0.8, 30), 0.2
"""Spreads between programmes in E5, in UMK; before the data half-normal around 0 with this standard deviation."""


@dataclass(frozen=True)
class Shares:
    """Posterior of the share of each programme, on a grid of cells: a strength and a mean of all programmes.

    `cells`: probability of each cell; `family_means`: of each of `FAMILY_MEANS`, by family and cell; `member`: the
    family of each programme; `strength`: of the Beta around its family's mean, by programme and cell; `successes`,
    `failures`: what is seen of each programme.
    """

    cells: Floats
    family_means: Floats
    member: NDArray[np.int64]
    strength: Floats
    successes: Floats
    failures: Floats

    @property
    def mean(self) -> Floats:
        """Posterior mean per programme, share 0..1."""
        prior = (self.family_means @ FAMILY_MEANS)[self.member] * self.strength
        size = self.successes + self.failures
        posterior = (prior + self.successes[:, None]) / (self.strength + size[:, None])
        return np.asarray(posterior @ self.cells)

    def draw(self, rng: np.random.Generator, number: int) -> Floats:
        """Draw shares: one row per draw, one column per programme; a draw has one cell, and one mean per family."""
        cell = rng.choice(len(self.cells), size=number, p=self.cells)
        families = [_drawn_means(one, cell, rng) for one in self.family_means]
        mean, strength = np.column_stack(families)[:, self.member], self.strength.T[cell]
        return rng.beta(mean * strength + self.successes, (1 - mean) * strength + self.failures)


def _drawn_means(chances: Floats, cell: NDArray[np.int64], rng: np.random.Generator) -> Floats:
    below = np.cumsum(chances, axis=1)[cell] < rng.random((len(cell), 1))
    return np.asarray(FAMILY_MEANS[np.minimum(below.sum(axis=1), len(FAMILY_MEANS) - 1)])


@dataclass(frozen=True)
class Amounts:
    """Normal posterior of the programmes together, at each of `SPREADS`.

    `probability` of each spread; `centre`: mean by spread and programme; `root`: by spread, a root of the covariance.
    """

    probability: Floats
    centre: Floats
    root: Floats

    @property
    def mean(self) -> Floats:
        """Posterior mean per programme."""
        return np.asarray(self.probability @ self.centre)

    @property
    def sd(self) -> Floats:
        """Posterior standard deviation per programme."""
        within = (self.root**2).sum(axis=2)
        return np.asarray(np.sqrt(self.probability @ (within + (self.centre - self.mean) ** 2)))

    def draw(self, rng: np.random.Generator, number: int) -> Floats:
        """Draw amounts: one row per draw, one column per programme; a draw has one spread."""
        row = rng.choice(len(self.probability), size=number, p=self.probability)
        noise = rng.standard_normal((number, self.centre.shape[1]))
        return np.asarray(self.centre[row] + np.einsum("dpq,dq->dp", self.root[row], noise))


def beta_binomial(rate: Floats, size: Floats, families: Sequence[str]) -> Shares:
    """Give the posterior of each programme's share from its rate (0..1) of `size` respondents (0 = no alumni).

    With M the strength between programmes and m the mean of all, the mean f of a family is Beta(2M m, 2M (1 - m)) and a
    programme's share Beta(2M f, 2M (1 - f)): together a spread of strength M. Posterior of the share: Beta(2M f + y, ...).
    """
    seen = size > 0
    successes = np.where(seen, np.nan_to_num(rate) * size, 0.0)
    names = sorted(set(families))
    member = np.array([names.index(one) for one in families])
    likelihood = _log_likelihood(successes, size - successes)
    told = [likelihood[seen & (member == place)].sum(axis=0) for place in range(len(names))]
    chances, evidence = zip(*(_family(one) for one in told), strict=True)
    before = (np.log(STRENGTHS / TYPICAL_STRENGTH) / np.log(STRENGTH_FACTOR)) ** 2 / 2
    cells = _shares_of(sum(evidence, -np.repeat(before, len(MEANS))))
    family_means = np.array(chances)
    own = np.repeat(2 * STRENGTHS, len(MEANS))
    strength = np.where(seen[:, None], own, _pilot_strength(family_means)[member])
    return Shares(cells, family_means, member, strength, successes, size - successes)


def _log_likelihood(yes: Floats, no: Floats) -> Floats:
    """Give the log of the Beta-Binomial, less its coefficient: by programme, strength M and mean f of the family."""
    from scipy.special import betaln  # takes a moment to import

    strength = 2 * STRENGTHS[:, None]
    alpha, beta = FAMILY_MEANS * strength, (1 - FAMILY_MEANS) * strength
    seen = betaln(alpha + yes[:, None, None], beta + no[:, None, None])
    return np.asarray(seen - betaln(alpha, beta))


def _family(told: Floats) -> tuple[Floats, Floats]:
    """Give, of one family, the probability of each mean in each cell, and the log-evidence for each cell."""
    most = told.max()
    joint = (_family_prior() * np.exp(told - most)[:, None, :]).reshape(-1, len(FAMILY_MEANS))
    total = np.maximum(joint.sum(axis=1), 1e-300)
    return joint / total[:, None], np.log(total) + most


@cache
def _family_prior() -> Floats:
    """Give the Beta of a family's mean around the mean of all, on the grid: by strength, mean of all and mean."""
    strength, mean = 2 * STRENGTHS[:, None, None], MEANS[None, :, None]
    log = (mean * strength - 1) * np.log(FAMILY_MEANS) + ((1 - mean) * strength - 1) * np.log1p(-FAMILY_MEANS)
    chance = np.exp(log - log.max(axis=2, keepdims=True))
    return np.asarray(chance / chance.sum(axis=2, keepdims=True))


def _pilot_strength(family_means: Floats) -> Floats:
    """Give the strength of a pilot around its family's mean, by family and cell, so that it has the whole spread."""
    first, second = family_means @ FAMILY_MEANS, family_means @ FAMILY_MEANS**2
    whole = first * (1 - first) / (np.repeat(STRENGTHS, len(MEANS)) + 1)
    left = np.maximum(whole - (second - first**2), 1e-9)
    return np.asarray(np.maximum((first - second) / left - 1, 1e-3))


def _shares_of(log: Floats) -> Floats:
    weight = np.exp(log - log.max())
    return np.asarray(weight / weight.sum())


def normal_normal(mean: Floats, error: Floats, families: Sequence[str]) -> Amounts:
    """Give the posterior of each programme's mean from its mean and standard error (NaN = no alumni).

    Half of the variance lies between families, half within; the mean of all is not known before the data. Spreads are
    weighed by their restricted likelihood. Where nobody has alumni the mean is 0.
    """
    seen = np.isfinite(mean) & np.isfinite(error) & (error > 0)
    names = np.array(families)
    alike = np.asarray(names[:, None] == names[None, :], dtype=np.float64) + np.eye(len(names))
    found = [_at_spread(mean, error, seen, spread**2 / 2 * alike) for spread in SPREADS]
    log, centre, root = (np.array(part) for part in zip(*found, strict=True))
    # The grid is even in the logarithm, hence the spread itself beside its half-normal density.
    before = np.log(SPREADS) - (SPREADS / TYPICAL_SPREAD) ** 2 / 2
    return Amounts(_shares_of(log + before), centre, root)


def _at_spread(
    mean: Floats, error: Floats, seen: NDArray[np.bool_], between: Floats
) -> tuple[float, Floats, Floats]:
    """Give the restricted log-likelihood, the posterior means and a root of their covariance, at one spread."""
    inverse = np.linalg.inv(between[np.ix_(seen, seen)] + np.diag(error[seen] ** 2))
    known = float(inverse.sum())
    overall = float(inverse.sum(axis=0) @ mean[seen]) / known if known else 0.0
    away = mean[seen] - overall
    pull = between[:, seen] @ inverse
    told = pull @ between[seen]
    covariance = between - told
    log = float(np.linalg.slogdet(inverse)[1] - away @ inverse @ away) / 2
    if known:
        covariance += np.outer(1 - pull.sum(axis=1), 1 - pull.sum(axis=1)) / known
        log -= float(np.log(known)) / 2
    # A pilot keeps the whole spread, however much is known of its family.
    covariance += np.diag(np.where(seen, 0.0, np.diag(told)))
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(len(mean)))
    return log, overall + pull @ away, np.asarray(root, dtype=np.float64)
