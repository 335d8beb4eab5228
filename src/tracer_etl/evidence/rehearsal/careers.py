"""The truth behind an interview: what one alumnus did before, since and now.

Whether somebody works in the field of the training is decided first (the rate of every programme is planted,
Beta(14, 6)); the history of jobs is then written backwards from the day of the interview.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from tracer_etl.evidence.rehearsal.trades import OTHER_TRADES, OWN_USE_FARM, TRADES, Trade

if TYPE_CHECKING:
    from tracer_etl.evidence.rehearsal.chance import Chance

IN_FIELD, OTHER, OUT = "in field", "other work", "no work"
_OTHER_SHARE = 0.45
_HEAPS = (3, 6, 12)
_HEAPED = 0.4
_MONTHS = 12
_ONGOING = "1"


@dataclass(frozen=True)
class Spell:
    """One job or business; `start` and `end` are first days of months, `income` is IDR/month at its start."""

    trade: Trade
    title: str
    status: str
    start: date
    end: date | None
    end_reason: str
    match: str
    income: int
    hours: int
    found: str
    months: int | None = None
    told: int | None = None


@dataclass(frozen=True)
class Career:
    """The work of one alumnus; `current` is the last spell if it is still going on."""

    state: str
    spells: tuple[Spell, ...]
    at_end: bool
    own_use: bool = False
    absent: str = ""

    @property
    def current(self) -> Spell | None:
        """Return the ongoing spell."""
        return next((spell for spell in self.spells if spell.end is None), None)

    @property
    def since(self) -> bool:
        """Tell whether any spell began after the training."""
        return any(spell.months is not None for spell in self.spells)


def planted_rates(chance: Chance, programs: list[str]) -> dict[str, float]:
    """Return the true share in field work of every programme, drawn from Beta(14, 6)."""
    return {program: round(chance.of(program).rng.betavariate(14, 6), 4) for program in programs}


def draw_state(chance: Chance, rate: float) -> str:
    """Return whether somebody works in the field, elsewhere or not at all.

    Employed are rate + 0.45 (1 - rate).
    """
    if chance.yes(rate):
        return IN_FIELD
    return OTHER if chance.yes(_OTHER_SHARE) else OUT


def write_career(chance: Chance, state: str, program: str, origin: date, today: date) -> Career:
    """Return a history between the end of the training (`origin`) and the interview that ends in `state`."""
    span = month_number(today) - month_number(origin)
    if state == OUT:
        return _without_work(chance, program, origin, span)
    trade = TRADES[program] if state == IN_FIELD else chance.pick(OTHER_TRADES)
    own_use = state == OTHER and chance.yes(0.12)
    trade = OWN_USE_FARM if own_use else trade
    match = chance.weighted({"1": 6, "2": 4}) if state == IN_FIELD else chance.weighted({"3": 6, "4": 4})
    spell = _spell(chance, trade, match)
    retained = chance.yes(0.2 if state == IN_FIELD else 0.4)
    career = (
        _retained(chance, spell, state, origin) if retained else _found(chance, spell, state, origin, span)
    )
    return replace(career, own_use=own_use, absent="" if own_use else _absence(chance))


def _absence(chance: Chance) -> str:
    return chance.pick(("1", "2", "5", "6", "7", "9")) if chance.yes(0.05) else ""


def _retained(chance: Chance, spell: Spell, state: str, origin: date) -> Career:
    start = month_start(month_number(origin) - chance.whole(3, 60))
    return Career(state, (replace(spell, start=start, found="8"),), at_end=True)


def _found(chance: Chance, spell: Spell, state: str, origin: date, span: int) -> Career:
    months, told = _waiting(chance, span)
    last = replace(spell, start=month_start(month_number(origin) + told), months=months, told=told)
    if told < _HEAPS[0] or not chance.yes(0.25):
        return Career(state, (last,), at_end=False)
    end = chance.whole(1, told)
    begin = chance.whole(1, end)
    first = _ended(chance, origin, begin, end)
    return Career(state, (replace(first, months=begin, told=begin), last), at_end=False)


def _waiting(chance: Chance, span: int) -> tuple[int, int]:
    """Return months from the training to the job: as it was, and as it is told (people round to 3, 6, 12)."""
    months = min(span, int(chance.rng.expovariate(1 / 4.5)))
    near = [heap for heap in _HEAPS if abs(heap - months) <= 1 and heap <= span]
    return months, near[0] if near and chance.yes(_HEAPED) else months


def _without_work(chance: Chance, program: str, origin: date, span: int) -> Career:
    if not chance.yes(0.35):
        return Career(OUT, (), at_end=False)
    if chance.yes(0.2):
        end = chance.whole(0, span)
        spell = _ended(chance, origin, -chance.whole(2, 30), end)
        return Career(OUT, (spell,), at_end=True)
    begin = chance.whole(1, span)
    spell = _ended(chance, origin, begin, chance.whole(begin, span), TRADES[program])
    return Career(OUT, (replace(spell, months=begin, told=begin),), at_end=False)


def _ended(chance: Chance, origin: date, begin: int, end: int, trade: Trade | None = None) -> Spell:
    chosen = trade or chance.pick(OTHER_TRADES)
    spell = _spell(chance, chosen, "2" if trade else "3")
    return replace(
        spell,
        start=month_start(month_number(origin) + begin),
        end=month_start(month_number(origin) + end),
        end_reason=chance.pick(("2", "3", "4", "5", "6", "7")),
    )


def _spell(chance: Chance, trade: Trade, match: str) -> Spell:
    status = _status(chance, trade)
    own = status in ("1", "2", "3")
    return Spell(
        trade=trade,
        title=chance.pick(trade.titles),
        status=status,
        start=date.min,
        end=None,
        end_reason=_ONGOING,
        match=match,
        income=0 if status == "7" else chance.money(trade.pay * (0.8 if own else 0.9), 0.35),
        hours=chance.whole(10, 56) if own else chance.whole(24, 54),
        found="7" if own else chance.weighted({"1": 2, "2": 1, "3": 1.5, "4": 4, "5": 3, "6": 2}),
    )


def _status(chance: Chance, trade: Trade) -> str:
    if chance.yes(trade.own):
        return chance.weighted({"1": 66, "2": 26, "3": 8})
    if trade.kbli == "F":
        return "6"
    if trade.kbli == "A":
        return chance.pick(("5", "7"))
    return chance.weighted({"4": 82, "6": 14, "7": 4})


def month_number(day: date) -> int:
    """Return months since year 0."""
    return day.year * _MONTHS + day.month - 1


def month_start(number: int) -> date:
    """Return the first day of that month.

    >>> month_start(month_number(date(2025, 12, 31)) + 1)
    datetime.date(2026, 1, 1)
    """
    return date(number // _MONTHS, number % _MONTHS + 1, 1)


def planted_employment(rate: float) -> float:
    """Return the expected share with any work where `rate` work in the field."""
    return rate + _OTHER_SHARE * (1 - rate)
