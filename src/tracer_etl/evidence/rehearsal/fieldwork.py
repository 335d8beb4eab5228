"""The field season: who tries to reach whom, when, and how it ends.

Who works is easier to find at home in the evening and likes to tell; who does not work answers less often.
So the raw employment rate of respondents is too high, by an amount that truth.json states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tracer_etl.evidence.rehearsal.careers import IN_FIELD, OTHER, OUT, draw_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.registry import Alumnus

SEASON = (date(2025, 12, 1), date(2026, 2, 28))
_LAST_START = 52
_SUNDAY = 6
_HOLIDAYS = frozenset(
    {date(2025, 12, 25), date(2025, 12, 26), date(2026, 1, 1), date(2026, 1, 16), date(2026, 2, 17)}
)

RESPONSE = {IN_FIELD: 0.84, OTHER: 0.78, OUT: 0.6}
_NOT_REACHED = {
    "03": 26,
    "04": 6,
    "no consent": 12,
    "broken off early": 4,
    "broken off late": 2,
    "10": 16,
    "09": 14,
    "07": 8,
    "11": 2,
    "12": 4,
    "13": 1,
    "14": 2,
    "15": 3,
    "16": 2,
    "05": 4,
}
_MANY_ATTEMPTS = frozenset({"10", "09", "07", "05"})
_BEFORE = {"05": 45, "06": 25, "02": 20, "08": 10}
_TRIES = {1: 45, 2: 27, 3: 15, 4: 8, 5: 3, 6: 2}
COMPLETE, PROXY, PARTIAL = "complete", "proxy", "partial"


@dataclass(frozen=True)
class Attempt:
    """One contact attempt; `outcome` is a contact_result or a way an interview went."""

    number: int
    day: date
    mode: str
    outcome: str


@dataclass(frozen=True)
class Case:
    """One alumnus in the field: the planted state, the planned end, the attempts."""

    alumnus: Alumnus
    state: str
    outcome: str
    attempts: tuple[Attempt, ...]
    invented: bool = False
    chance: Chance = field(repr=False, compare=False, kw_only=True)


def plan_cases(
    chance: Chance,
    alumni: list[Alumnus],
    rates: Mapping[str, float],
    curbstoner: str,
    withdrawn: Mapping[str, str],
) -> list[Case]:
    """Return one case per alumnus; the curbstoner's interviews are invented at a desk."""
    return [
        _plan(
            chance.of(one.alumni_id),
            one,
            rates,
            invented=one.enumerator == curbstoner,
            opted=one.alumni_id in withdrawn,
        )
        for one in alumni
    ]


def _plan(chance: Chance, one: Alumnus, rates: Mapping[str, float], *, invented: bool, opted: bool) -> Case:
    state = draw_state(chance.of("state"), rates[one.latest.place.program])
    outcome = "03" if opted else COMPLETE if invented and chance.yes(0.9) else _outcome(chance, state)
    fake = invented and outcome == COMPLETE
    count = 1 if fake else _count(chance, outcome)
    days = _days(chance, count, invented=fake)
    mode = "1" if fake else _mode(chance, outcome)
    attempts = tuple(
        Attempt(
            number,
            day,
            mode if number == count else chance.pick(("1", "2")),
            _result(chance, number, count, outcome),
        )
        for number, day in enumerate(days, 1)
    )
    return Case(one, state, outcome, attempts, fake, chance=chance)


def _outcome(chance: Chance, state: str) -> str:
    if chance.yes(RESPONSE[state]):
        return chance.weighted({COMPLETE: 90, PROXY: 8, PARTIAL: 2})
    return chance.weighted(_NOT_REACHED)


def _count(chance: Chance, outcome: str) -> int:
    return chance.whole(5, 6) if outcome in _MANY_ATTEMPTS else chance.weighted(_TRIES)


def _result(chance: Chance, number: int, count: int, outcome: str) -> str:
    if number == count:
        return outcome
    return chance.weighted({"05": 6, "06": 4}) if outcome in _MANY_ATTEMPTS else chance.weighted(_BEFORE)


def _mode(chance: Chance, outcome: str) -> str:
    if outcome in ("10", "07", "09", "05"):
        return chance.pick(("1", "2"))
    if outcome == COMPLETE:
        return chance.weighted({"1": 64, "2": 23, "3": 8, "4": 5})
    return chance.weighted({"1": 70, "2": 25, "3": 5})


def _days(chance: Chance, count: int, *, invented: bool) -> list[date]:
    first = chance.pick((20, 21, 22, 48, 49, 50)) if invented else chance.whole(0, _LAST_START)
    days = [SEASON[0] + timedelta(days=first)]
    while len(days) < count:
        days.append(days[-1] + timedelta(days=chance.whole(1, 4)))
    working: list[date] = []
    for day in days:
        working.append(_next_working_day(max(day, working[-1] + timedelta(days=1)) if working else day))
    return working


def _next_working_day(day: date) -> date:
    while day.weekday() == _SUNDAY or day in _HOLIDAYS:
        day += timedelta(days=1)
    return day
