"""How sure the ranking is: joint draws of evidence, weights and ratings (specification 3.1, "always printed")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tracer_etl.evidence.plan import borrowed, rubric_value, with_effects, worth
from tracer_etl.evidence.plan_config import CRITERIA, TOP_RATING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.plan import Scored

    Floats = NDArray[np.float64]

WORDS = (
    (0.9, "clear", "jelas"),
    (0.7, "likely", "mungkin besar"),
    (0.3, "open", "belum pasti"),
    (0.0, "unlikely", "kecil kemungkinan"),
)
"""P(top 4) above 0.9 clear, from 0.7 likely, from 0.3 open, else unlikely; English and Indonesian."""


@dataclass(frozen=True)
class Draws:
    """Rank (1 = best) of each programme in each draw: one row per draw, one column per programme."""

    ranks: NDArray[np.int64]
    choose: int

    @property
    def acceptability(self) -> Floats:
        """Share of draws in which a programme (row) takes a rank (column)."""
        places = np.arange(1, self.ranks.shape[1] + 1)
        return np.asarray((self.ranks[:, :, None] == places).mean(axis=0))

    @property
    def top(self) -> Floats:
        """P(among the chosen) of each programme."""
        return np.asarray((self.ranks <= self.choose).mean(axis=0))

    @property
    def best(self) -> Floats:
        """P(first) of each programme."""
        return np.asarray((self.ranks == 1).mean(axis=0))

    @property
    def expected(self) -> Floats:
        """Expected rank of each programme."""
        return np.asarray(self.ranks.mean(axis=0))

    @property
    def interval(self) -> NDArray[np.int64]:
        """Ranks at 5% and 95% of the draws: two rows, one column per programme."""
        found = np.quantile(self.ranks, [0.05, 0.95], axis=0, method="inverted_cdf")
        return np.asarray(found, dtype=np.int64)


def draw(scored: Scored) -> Draws:
    """Rank all programmes in every draw; the seed of the file makes it the same every time.

    A draw takes (a) in-field work and earnings from their posteriors, cost with them, and skill, certificates, unmet need and
    ideas with their sampling error; (b) weights from a Dirichlet around the file's with its concentration; (c) each rating
    moved by one, up or down alike, with the file's probability, within 0..3.
    """
    config = scored.config
    rng, number = np.random.default_rng(config.seed), config.draws
    in_field, earnings = scored.in_field.draw(rng, number), scored.earnings.draw(rng, number)
    gamma = rng.standard_gamma(scored.weights * config.concentration, size=(number, len(CRITERIA)))
    values = np.broadcast_to(scored.values, (number, *scored.values.shape))
    values = with_effects(values, in_field, earnings, scored.candidates, config)
    for criterion, drawn in sampled(scored, rng, number).items():
        values[..., CRITERIA.index(criterion)] = drawn
    for criterion in ("priority", "raw_material"):
        ratings = np.array([getattr(one, criterion) for one in scored.candidates])
        moved = misrated(ratings, config.rubric_error, rng, number)
        values[..., CRITERIA.index(criterion)] = rubric_value(moved)
    scores = np.einsum("dpc,dc->dp", values, gamma / gamma.sum(axis=1, keepdims=True))
    return Draws(ranks_of(scores), config.choose)


def sampled(scored: Scored, rng: np.random.Generator, number: int) -> dict[str, Floats]:
    """Draw the values of skill, people and youth, each with the sampling error of its measure: one row per draw."""
    anchors, seen = scored.config.anchors, scored.evidence
    families = [one.family for one in scored.candidates]
    gain = _amounts(
        [one.skill_gain for one in seen], [one.skill_gain_se for one in seen], families, rng, number
    )
    certified = _shares(
        [one.certified for one in seen], [one.certified_n for one in seen], families, rng, number
    )
    need = np.array([one.unmet_need for one in seen])
    needs = rng.normal(need, [one.unmet_need_se for one in seen], (number, len(need)))
    moved = worth(needs, anchors["unmet_need"]) - worth(need, anchors["unmet_need"])
    part = np.array([0.5 if one.open_for_application else 1.0 for one in scored.candidates])
    ideas = _shares([one.ideas for one in seen], [one.ideas_n for one in seen], families, rng, number)
    return {
        "skill": (worth(gain, anchors["skill_gain"]) + worth(certified, anchors["certified"])) / 2,
        "people": scored.values[:, CRITERIA.index("people")] + moved * part,
        "youth": worth(ideas, anchors["ideas"]),
    }


def _amounts(
    mean: Sequence[float],
    error: Sequence[float],
    families: Sequence[str],
    rng: np.random.Generator,
    number: int,
) -> Floats:
    """Draw around each mean with its error; what is not known around its family's with the spread of all."""
    known, wide = np.array(mean), np.nan_to_num(np.array(error))
    seen = np.isfinite(known)
    spread = float(known[seen].std(ddof=1)) if seen.sum() > 1 else 0.0
    return rng.normal(borrowed(known, families), np.where(seen, wide, spread), (number, len(known)))


def _shares(
    share: Sequence[float],
    size: Sequence[float],
    families: Sequence[str],
    rng: np.random.Generator,
    number: int,
) -> Floats:
    """Draw shares of so many as Beta, the mean of all programmes counting for one more; not known (size 0): as `_amounts`."""
    known, count = np.array(share), np.array(size)
    drawn = _amounts(share, [0.0] * len(known), families, rng, number)
    told = np.flatnonzero(np.isfinite(known) & (count > 0))
    if len(told):
        middle = np.clip(known[told].mean(), 1e-6, 1 - 1e-6)
        yes = known[told] * count[told]
        drawn[:, told] = rng.beta(yes + middle, count[told] - yes + 1 - middle, (number, len(told)))
    return drawn


def misrated(
    ratings: NDArray[np.int64], error: float, rng: np.random.Generator, number: int
) -> NDArray[np.int64]:
    """Move each rating by one with the given probability: one row per draw before the shape of `ratings`."""
    shape = (number, *ratings.shape)
    step = np.where(rng.random(shape) < 0.5, -1, 1) * (rng.random(shape) < error)  # noqa: PLR2004 - a coin
    return np.asarray(np.clip(ratings + step, 0, TOP_RATING), dtype=np.int64)


def ranks_of(scores: Floats) -> NDArray[np.int64]:
    """Give ranks within each row, 1 for the highest; equal scores in the order of the columns."""
    places = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty_like(places)
    np.put_along_axis(ranks, places, np.arange(1, scores.shape[1] + 1)[None, :], axis=1)
    return ranks


def words(probability: float) -> tuple[str, str]:
    """Say a P(top 4) in words, English and Indonesian.

    >>> words(0.9), words(0.91)[0], words(0.3)[0], words(0.29)[0]
    (('likely', 'mungkin besar'), 'clear', 'open', 'unlikely')
    """
    for least, english, indonesian in WORDS:
        if probability > least or (probability == least and english != "clear"):
            return english, indonesian
    return WORDS[-1][1:]
