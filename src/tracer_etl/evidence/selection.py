"""Who gets a seat: gates, points, strata in the order of the rule, lottery band, reserve (specification 3.2).

Everything here is a function of its arguments: the same marks, file and public seed give the same list to the bit.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tracer_etl.evidence.lottery import ticket
from tracer_etl.evidence.selection_config import GROUPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracer_etl.evidence.selection_config import SelectionConfig
    from tracer_etl.evidence.selection_marks import Points

ACCEPT, RESERVE, REJECT, INELIGIBLE, PENDING = "accept", "reserve", "reject", "ineligible", "pending"
GATES = (
    "resident",
    "age",
    "not_student",
    "wants_work",
    "not_full_time",
    "training",
    "available",
    "statement",
)
"""What an applicant must fulfil, in the order of the checks; `gate_<name>` in marts.selection_applicant."""
_SATURDAY, _HAIR = 5, 1e-9


@dataclass(frozen=True)
class Applicant:
    """One application; `failed` names the gates it does not pass, need is 0-30 from what it declares; minor = under 18."""

    number: str
    programme: str
    group: str
    need: float
    women: bool = False
    disability: bool = False
    minor: bool = False
    desa: str = ""
    failed: tuple[str, ...] = ()
    points: Points | None = None

    @property
    def total(self) -> float:
        """Need 30 + commitment 30 + aptitude 25 + plan 15 = 100; 0 without marks."""
        if self.points is None:
            return 0.0
        return self.need + self.points.commitment + self.points.aptitude + self.points.plan


@dataclass(frozen=True)
class Outcome:
    """What became of an application, with everything needed to check it.

    rank: by score in the stratum, 1 = best; cutoff: the score of the last seat by rank; chance: of a seat in the draw;
    lot: the SHA-256; line: place in the order in which seats were given.
    """

    applicant: Applicant
    decision: str
    reason: str
    stratum: str = ""
    rank: int | None = None
    cutoff: float | None = None
    in_band: bool = False
    chance: float | None = None
    lot: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Stratum:
    """One target group of a class: seats with those carried over from the group before it, and how they were filled."""

    programme: str
    group: str
    seats: int
    carried: int
    passed: int
    cutoff: float | None
    band: int
    band_seats: int
    accepted: int
    reserve: int
    final: bool

    @property
    def unfilled(self) -> int:
        """Seats nobody could take; they go to the next group, and from the last to nobody."""
        return self.seats - self.accepted


@dataclass(frozen=True)
class Selection:
    """Outcomes of all applications in the order of their numbers, and the strata in the order they were filled."""

    outcomes: tuple[Outcome, ...]
    strata: tuple[Stratum, ...]


@dataclass
class _Class:
    """A class while it is filled: how many seats each village has."""

    config: SelectionConfig
    desa: Counter[str] = field(default_factory=Counter)

    def admits(self, applicant: Applicant) -> bool:
        return not applicant.desa or self.desa[applicant.desa] < self.config.per_desa


def select(applicants: Sequence[Applicant], config: SelectionConfig) -> Selection:
    """Decide on every application of the round."""
    outcomes, strata = [], []
    for programme, seats in config.seats.items():
        own = [one for one in applicants if one.programme == programme]
        filled, summary = _fill_class(own, programme, seats, config)
        outcomes += filled
        strata += summary
    offered = set(config.seats)
    outcomes += [_no_class(one) for one in applicants if one.programme not in offered]
    outcomes.sort(key=lambda one: one.applicant.number)
    return Selection(tuple(outcomes), tuple(strata))


def _no_class(one: Applicant) -> Outcome:
    if one.failed:
        return Outcome(one, INELIGIBLE, " ".join(one.failed))
    return Outcome(one, PENDING, "no class of this programme in the round")


def shortfall(one: Applicant, config: SelectionConfig) -> tuple[str, str] | None:
    """Give (decision, reason) of an application that cannot be ranked; None = it passes."""
    points = one.points
    if one.failed:
        return INELIGIBLE, " ".join(one.failed)
    if points is None:
        return PENDING, "not assessed"
    if not points.documents:
        return INELIGIBLE, "documents"
    if points.missing:
        return PENDING, f"{points.missing} needed"
    least = {
        "total": (one.total, config.least_total),
        "commitment": (points.commitment, config.least_commitment),
        "aptitude": (points.aptitude, config.least_aptitude),
    }
    below = [name for name, (has, needs) in least.items() if has < needs - _HAIR]
    return (REJECT, f"below the least points: {', '.join(below)}") if below else None


def _fill_class(
    applicants: Sequence[Applicant], programme: str, seats: Mapping[str, int], config: SelectionConfig
) -> tuple[list[Outcome], list[Stratum]]:
    outcomes: list[Outcome] = []
    strata: list[Stratum] = []
    room, carried = _Class(config), 0
    for group in GROUPS:
        own = [one for one in applicants if one.group == group]
        passing = []
        for one in own:
            short = shortfall(one, config)
            if short is None:
                passing.append(one)
            else:
                outcomes.append(Outcome(one, *short, stratum=f"{programme}-{group}"))
        waiting = any(one.decision == PENDING for one in outcomes if one.applicant.group == group)
        ranked = _rank(passing, f"{programme}-{group}", seats[group] + carried, config)
        filled = _seat(ranked, seats[group] + carried, room)
        outcomes += filled
        strata.append(_summary(filled, programme, group, (seats[group], carried), final=not waiting))
        carried = strata[-1].unfilled
    return outcomes, strata


def _rank(passing: Sequence[Applicant], stratum: str, seats: int, config: SelectionConfig) -> list[Outcome]:
    """Put those who pass in the order in which seats are given: above the band by score, in it by lot, below by score."""
    lots = {one.number: ticket(config.name, stratum, one.number, config.public_seed) for one in passing}
    by_score = sorted(passing, key=lambda one: (-one.total, lots[one.number]))
    contested = 0 < seats < len(by_score)
    cutoff = by_score[seats - 1].total if contested else None
    ranked = [
        Outcome(
            one,
            REJECT,
            "",
            stratum=stratum,
            rank=place,
            cutoff=cutoff,
            lot=lots[one.number],
            in_band=cutoff is not None and abs(one.total - cutoff) <= config.band + _HAIR,
        )
        for place, one in enumerate(by_score, 1)
    ]
    if cutoff is None:
        return ranked
    above = [one for one in ranked if not one.in_band and one.applicant.total > cutoff]
    inside = sorted((one for one in ranked if one.in_band), key=lambda one: one.lot)
    below = [one for one in ranked if not one.in_band and one.applicant.total < cutoff]
    chance = (seats - len(above)) / len(inside)
    return [*above, *(replace(one, chance=chance) for one in inside), *below]


def _seat(line: Sequence[Outcome], seats: int, room: _Class) -> list[Outcome]:
    """Give the seats along the line, at most so many to one village, then the reserve places."""
    left, reserve = seats, math.ceil(seats * room.config.reserve - _HAIR)
    seated: list[Outcome] = []
    waiting: list[Outcome] = []
    for place, one in enumerate(line, 1):
        if left > 0 and room.admits(one.applicant):
            room.desa[one.applicant.desa] += 1
            left -= 1
            seated.append(replace(one, decision=ACCEPT, reason=_why_seated(one), line=place))
        else:
            reason = "village has its seats" if left > 0 else "no seat left"
            waiting.append(replace(one, reason=reason, line=place))
    kept = [replace(one, decision=RESERVE) for one in waiting[:reserve]]
    return [*seated, *kept, *waiting[reserve:]]


def _why_seated(one: Outcome) -> str:
    if one.cutoff is None:
        return "seats for all who pass"
    return "drawn by lot" if one.in_band else "score"


def _summary(
    filled: Sequence[Outcome], programme: str, group: str, seats: tuple[int, int], *, final: bool
) -> Stratum:
    own, carried = seats
    cutoff = filled[0].cutoff if filled else None
    above = sum(
        one.cutoff is not None and one.applicant.total > one.cutoff and not one.in_band for one in filled
    )
    band = sum(one.in_band for one in filled)
    return Stratum(
        programme=programme,
        group=group,
        seats=own + carried,
        carried=carried,
        passed=len(filled),
        cutoff=cutoff,
        band=band,
        band_seats=own + carried - above if band else 0,
        accepted=sum(one.decision == ACCEPT for one in filled),
        reserve=sum(one.decision == RESERVE for one in filled),
        final=final,
    )


def appeal_deadline(announced: date, days: int, holidays: frozenset[date]) -> date:
    """Give the last day for an appeal: so many working days after the announcement.

    >>> appeal_deadline(
    ...     date(2026, 3, 5), 3, frozenset({date(2026, 3, 9)})
    ... )  # Thursday; Friday, Tuesday, Wednesday
    datetime.date(2026, 3, 11)
    """
    day = announced
    while days > 0:
        day += timedelta(days=1)
        if day.weekday() < _SATURDAY and day not in holidays:
            days -= 1
    return day
