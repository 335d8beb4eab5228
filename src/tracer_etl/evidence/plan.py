"""The score of each candidate programme: gates, ten values 0..100 with fixed anchors, weights (specification 3.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tracer_etl.errors import StudyError
from tracer_etl.evidence.plan_config import CRITERIA
from tracer_etl.evidence.plan_shrinkage import Amounts, Shares, beta_binomial, normal_normal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.plan_config import Candidate, PlanConfig
    from tracer_etl.evidence.plan_evidence import Evidence

    Floats = NDArray[np.float64]

RUBRIC = np.array([0.0, 33.0, 67.0, 100.0])
"""What a rating of 0, 1, 2, 3 is worth."""

PILOT = "no evidence yet: pilot"
OWN = "own alumni"


@dataclass(frozen=True)
class Scored:
    """Candidates that passed the gates, in the order of the file, and what they are worth.

    `values`: one row per programme, one column per criterion, 0..100; `label` says what the effect rests on.
    """

    config: PlanConfig
    candidates: tuple[Candidate, ...]
    evidence: tuple[Evidence, ...]
    in_field: Shares
    earnings: Amounts
    values: Floats
    labels: tuple[str, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the programmes."""
        return tuple(one.code for one in self.candidates)

    @property
    def weights(self) -> Floats:
        """Weights in the order of `CRITERIA`, summing to 1."""
        return np.array([self.config.weights[name] for name in CRITERIA]) / 100

    @property
    def scores(self) -> Floats:
        """Score of each programme, 0..100: sum(weight x value) / 100."""
        return np.asarray(self.values @ self.weights)


def gates(one: Candidate, ceiling_idr: int) -> list[str]:
    """Name the gates G1-G4 a candidate fails; empty = it is scored."""
    failed = {
        "G1": not (one.dbhcht or one.funding),
        "G2": not one.licensed,
        "G3": one.seat_cost_idr > ceiling_idr,
        "G4": not one.legal,
    }
    return [gate for gate, fails in failed.items() if fails]


def score(config: PlanConfig, evidence: Mapping[str, Evidence]) -> Scored:
    """Score the candidates that pass every gate.

    Raises:
        StudyError: fewer candidates pass than are to be chosen, or nobody knows of any alumni.
    """
    passed = tuple(one for one in config.candidates if not gates(one, config.cost_ceiling_idr))
    if len(passed) < config.choose:
        what = f"{len(passed)} programmes pass the gates, {config.choose} are to be chosen"
        raise StudyError(what, where="[[programme]]", remedy="correct the gates or add programmes")
    known = tuple(evidence[one.code] for one in passed)
    if not any(one.in_field_n > 0 for one in known):
        raise StudyError(
            "no programme has alumni with a known rate", where="marts.estimate", remedy="estimate first"
        )
    families = [one.family for one in passed]
    in_field = beta_binomial(_column(known, "in_field"), _column(known, "in_field_n"), families)
    earnings = normal_normal(_column(known, "earnings"), _column(known, "earnings_se"), families)
    fixed = np.column_stack([_fixed(passed, known, config, name) for name in CRITERIA])
    values = with_effects(fixed, in_field.mean, earnings.mean, passed, config)
    labels = tuple(OWN if one.in_field_n > 0 else PILOT for one in known)
    return Scored(config, passed, known, in_field, earnings, values, labels)


def with_effects(
    values: Floats, in_field: Floats, earnings: Floats, candidates: Sequence[Candidate], config: PlanConfig
) -> Floats:
    """Put in what depends on the posteriors: in-field work, earnings, and the cost per in-field worker.

    The last two axes of `values` are programme and criterion; `in_field` and `earnings` end in programme.
    """
    each = np.array([one.seat_cost_idr for one in candidates])
    filled = values.copy()
    filled[..., CRITERIA.index("in_field")] = worth(in_field, config.anchors["in_field"])
    filled[..., CRITERIA.index("earnings")] = worth(earnings, config.anchors["earnings"])
    cost = each / np.maximum(in_field, 1e-9)
    filled[..., CRITERIA.index("cost")] = worth(cost, config.anchors["cost"])
    return filled


def worth(measure: Floats, anchors: tuple[float, float]) -> Floats:
    """Give 0 at the first anchor, 100 at the second, straight between, never beyond.

    >>> worth(np.array([0.30, 0.575, 0.90]), (0.30, 0.85)).round(1).tolist()
    [0.0, 50.0, 100.0]
    >>> worth(np.array([12e6]), (30e6, 10e6)).tolist()
    [90.0]
    """
    nothing, full = anchors
    return np.clip((measure - nothing) / (full - nothing), 0, 1) * 100


def rubric_value(ratings: NDArray[np.int64]) -> Floats:
    """Give 0, 33, 67 or 100 for ratings of 0..3, and the mean over the raters (the last axis)."""
    return np.asarray(RUBRIC[ratings].mean(axis=-1))


def _fixed(
    candidates: Sequence[Candidate], known: Sequence[Evidence], config: PlanConfig, criterion: str
) -> Floats:
    families = [one.family for one in candidates]
    seats = np.array([float(one.seats) for one in candidates])
    match criterion:
        case "skill":
            return _mean_worth(known, families, config, ("skill_gain", "certified"))
        case "employers":
            return employer_value(_column(known, "vacancies"), _column(known, "committed"), seats, config)
        case "people":
            return people_value(candidates, known, config)
        case "youth":
            return worth(_column(known, "ideas"), config.anchors["ideas"])
        case "priority":
            return rubric_value(np.array([one.priority for one in candidates]))
        case "raw_material":
            return rubric_value(np.array([one.raw_material for one in candidates]))
        case "equity":
            return _mean_worth(known, families, config, ("target_group", "women", "spread"))
        case _:  # in_field, earnings and cost are put in by with_effects
            return np.zeros(len(candidates))


def employer_value(vacancies: Floats, committed: Floats, seats: Floats, config: PlanConfig) -> Floats:
    """Give N3: a committed placement counts whole, a vacancy beyond those half, per seat."""
    uncommitted = np.maximum(0, vacancies - committed)
    return worth((committed + uncommitted / 2) / seats, config.anchors["per_seat"])


def people_value(candidates: Sequence[Candidate], known: Sequence[Evidence], config: PlanConfig) -> Floats:
    """Give the mean of N2 (applicants per seat, by doublings) and N1; N1 alone where nobody could apply."""
    nothing, full = config.anchors["applicants"]
    values = []
    for one, seen in zip(candidates, known, strict=True):
        need = float(worth(np.array(seen.unmet_need), config.anchors["unmet_need"]))
        applied = 0.0 if math.isnan(seen.applications) else seen.applications
        doublings = math.log2(max(applied / one.seats, nothing) / nothing)
        ratio = float(worth(np.array(doublings), (0.0, math.log2(full / nothing))))
        values.append((ratio + need) / 2 if one.open_for_application else need)
    return np.array(values)


def _mean_worth(
    known: Sequence[Evidence], families: Sequence[str], config: PlanConfig, measures: Sequence[str]
) -> Floats:
    columns = [worth(borrowed(_column(known, name), families), config.anchors[name]) for name in measures]
    return np.asarray(np.mean(columns, axis=0))


def borrowed(column: Floats, families: Sequence[str]) -> Floats:
    """Fill what is not known with the mean of the family, or of all programmes; 0 where nothing is known."""
    names = np.array(families)
    filled = column.copy()
    for place in np.flatnonzero(np.isnan(column)):
        own = column[names == names[place]]
        pool = own if np.isfinite(own).any() else column
        filled[place] = np.nanmean(pool) if np.isfinite(pool).any() else 0.0
    return filled


def _column(known: Sequence[Evidence], name: str) -> Floats:
    return np.array([float(getattr(one, name)) for one in known])


def order(scores: Floats, codes: Sequence[str]) -> list[int]:
    """Give positions from the best score down; equal scores by code."""
    return sorted(range(len(codes)), key=lambda place: (-float(scores[place]), codes[place]))


def without(scored: Scored, criterion: str) -> list[int]:
    """Give the order when a criterion is left out and the other weights keep their proportions."""
    weights = scored.weights.copy()
    weights[CRITERIA.index(criterion)] = 0.0
    return order(scored.values @ (weights / max(weights.sum(), 1e-12)), scored.codes)


def equal_weights(scored: Scored) -> list[int]:
    """Give the order when all criteria weigh the same."""
    return order(scored.values.mean(axis=1), scored.codes)


def break_even(scored: Scored, criterion: str) -> float | None:
    """Give the weight (points of 100) of a criterion at which the last chosen and the first left out swap.

    The other weights keep their proportions. None: no weight from 0 to 100 swaps them.
    """
    ranked = order(scored.scores, scored.codes)
    if len(ranked) <= scored.config.choose:
        return None
    place = CRITERIA.index(criterion)
    gap = scored.values[ranked[scored.config.choose - 1]] - scored.values[ranked[scored.config.choose]]
    weights = scored.weights.copy()
    share, weights[place] = weights[place], 0.0
    if share >= 1:
        return None
    rest = float(gap @ weights) / (1 - share)
    if rest == gap[place]:
        return None
    found = 100 * rest / (rest - float(gap[place]))
    return found if 0 <= found <= 100 else None  # noqa: PLR2004 - points of 100


def kappa(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Give Cohen's kappa of two raters; None where both always say the same single thing.

    >>> kappa([0, 1, 1, 0], [0, 1, 0, 0])  # observed 3/4, by chance (2x3 + 2x1)/16 = 1/2
    0.5
    """
    total = len(first)
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / total
    chance = sum(list(first).count(k) * list(second).count(k) for k in {*first, *second}) / total**2
    return None if chance == 1 else (observed - chance) / (1 - chance)
