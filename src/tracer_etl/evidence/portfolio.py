"""Which programmes together: the best sets under the budget that reach the south, women, and several trades."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from tracer_etl.evidence.plan import borrowed, order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.evidence.plan import Scored
    from tracer_etl.evidence.plan_config import Candidate, Rules


@dataclass(frozen=True)
class Portfolio:
    """A set of programmes; `lost` = points below the highest scores taken without regard to any rule."""

    place: int
    programmes: tuple[str, ...]
    score: float
    lost: float
    cost_idr: int
    seats: int


def portfolios(scored: Scored) -> list[Portfolio]:
    """Give the best sets that keep every rule, best first; as many as the file says, fewer if there are no more."""
    config, scores = scored.config, scored.scores
    women = expected_women(scored)
    most = float(np.sort(scores)[::-1][: config.choose].sum())
    ranked = order(scores, scored.codes)
    found = []
    for places in combinations(ranked, config.choose):
        chosen = [scored.candidates[place] for place in places]
        cost = sum(one.package_cost_idr for one in chosen)
        if cost <= config.budget_idr and keeps(chosen, [women[place] for place in places], config.rules):
            found.append((float(scores[list(places)].sum()), tuple(one.code for one in chosen), cost, chosen))
    found.sort(key=lambda one: (-one[0], one[1]))
    return [
        Portfolio(place, codes, total, most - total, cost, sum(one.seats for one in chosen))
        for place, (total, codes, cost, chosen) in enumerate(found[: config.rules.show], 1)
    ]


def expected_women(scored: Scored) -> list[float]:
    """Give the share of women expected: the office's own figure, else of those reached before, else the family's."""
    reached = borrowed(
        np.array([one.women for one in scored.evidence]), [one.family for one in scored.candidates]
    )
    own = [one.women for one in scored.candidates]
    return [float(seen) if said is None else said for said, seen in zip(own, reached, strict=True)]


def keeps(chosen: Sequence[Candidate], women: Sequence[float], rules: Rules) -> bool:
    """Tell whether a set keeps the rules: reach of the south, women, not too many of one family."""
    families = Counter(one.family for one in chosen)
    return (
        sum(one.south for one in chosen) >= rules.from_south
        and sum(share >= rules.women_share for share in women) >= rules.mostly_women
        and max(families.values()) <= rules.one_family
    )
