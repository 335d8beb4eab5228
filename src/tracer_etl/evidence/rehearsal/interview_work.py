"""Sections F to I of the interview: what the person does now, searches for, earns and has done since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.evidence.rehearsal.careers import OUT, Career, Spell
from tracer_etl.evidence.rehearsal.trades import VAGUE_TITLES

if TYPE_CHECKING:
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.registry import Alumnus

Answers = dict[str, Any]

_OWN = ("1", "2", "3")
_FAMILY = "7"
_TOLD_INCOME = 0.88
_FULL_TIME = 35
_WOMAN = "2"
_VAGUE, _MISSPELT = 0.04, 0.06


def now_working(career: Career, chance: Chance) -> Answers:
    """Return section F and the part of H that a proxy can answer too."""
    spell = career.current
    if spell is None:
        return {
            "act_work": "0",
            "act_business": "0",
            "act_family": "0",
            "act_absent": "0",
            "main_act": chance.pick("345"),
        }
    return _activity(career, spell, chance) | {
        "main_act": chance.weighted({"1": 88, "3": 7, "2": 5}),
        "job_title": _as_typed(spell.title, chance.of("typed")),
        "kbji_major": spell.trade.kbji,
        "kbli_section": spell.trade.kbli,
        "status_emp": spell.status,
        "job_place": chance.weighted({"1": 82, "2": 12, "3": 5, "4": 1}),
    }


def _as_typed(title: str, chance: Chance) -> str:
    """Return the title as it is entered: now and then misspelt, or saying nothing of the trade."""
    if chance.yes(_VAGUE):
        return chance.pick(VAGUE_TITLES)
    place = chance.whole(1, len(title) - 2)
    return title[:place] + title[place + 1 :] if chance.yes(_MISSPELT) else title


def _activity(career: Career, spell: Spell, chance: Chance) -> Answers:
    here = not career.absent
    own, family = spell.status in _OWN, spell.status == _FAMILY
    farm = spell.trade.kbli == "A"
    return {
        "act_work": "1" if here and not own and not family else "0",
        "act_business": "1" if here and own else "0",
        "act_family": "1" if here and family else "0",
        "agri_purpose": chance.pick("34") if career.own_use else "2" if farm else None,
        "act_absent": "1" if career.absent else "0",
        "absent_reason": career.absent or "1",
        "absent_return": chance.weighted({"1": 8, "0": 2}),
        "absent_paid": chance.weighted({"1": 4, "0": 6}),
    }


def searching(career: Career, chance: Chance) -> Answers:
    """Return section G: search and availability."""
    looks = chance.yes(0.08) if career.state != OUT else chance.yes(0.55)
    business = looks and chance.yes(0.3)
    method = chance.some(("1", "2", "3", "4", "5"), 1, 3)
    reason = chance.weighted({"4": 45, "3": 15, "2": 15, "6": 10, "5": 6, "1": 6, "8": 3})
    return {
        "seek_4w": "1" if looks and not business else "0",
        "prep_4w": "1" if business else "0",
        "seek_1w": chance.flag(0.75),
        "seek_method": ["6"] if business else method,
        "seek_months": chance.whole(1, 12),
        "no_seek_reason": reason,
        "avail_2w": chance.flag(0.9 if looks else 0.5),
        "want_work": "1" if looks or reason in ("1", "2", "6") else chance.flag(0.5),
    }


def jobs(career: Career, one: Alumnus, chance: Chance) -> Answers:
    """Return the rest of H (hours, pay, business) and the history of jobs (I)."""
    answers: Answers = {
        "job_at_end": "1" if career.at_end else "0",
        "job_since": "1" if career.since else "0",
        "n_jobs": len(career.spells),
        "job": [_history(spell, chance.of(number)) for number, spell in enumerate(career.spells)],
    }
    spell = career.current
    if spell is None:
        return answers
    return (
        answers
        | _hours(career, spell, chance)
        | _pay(spell, chance)
        | _business(spell, one, chance.of("business"))
    )


def _history(spell: Spell, chance: Chance) -> Answers:
    return {
        "j_title": spell.title,
        "j_status": spell.status,
        "j_start": spell.start.isoformat(),
        "j_end_reason": spell.end_reason,
        "j_end": spell.end.isoformat() if spell.end else None,
        "j_match": spell.match,
        "j_income": spell.income if chance.yes(_TOLD_INCOME) else None,
        "j_hours": spell.hours,
        "j_found": spell.found,
    }


def _hours(career: Career, spell: Spell, chance: Chance) -> Answers:
    actual = 0 if career.absent else max(1, spell.hours + chance.whole(-4, 4))
    return {
        "job_tasks": spell.trade.tasks if chance.yes(0.7) else None,
        "employer_name": "usaha sendiri" if spell.status in _OWN and chance.yes(0.3) else None,
        "job_start": spell.start.isoformat(),
        "hours_usual": spell.hours,
        "hours_actual": actual,
        "second_job": chance.flag(0.12),
        "hours_second": chance.whole(3, 15),
        "want_more_hours": chance.flag(0.6 if actual < _FULL_TIME else 0.08),
    }


def _pay(spell: Spell, chance: Chance) -> Answers:
    formal = spell.status == "4" and chance.yes(0.35)
    # Without a written contract nobody here is registered; "don't know" is the honest answer of some.
    insured = chance.weighted({"1": 7, "0": 2, "98": 1} if formal else {"0": 88, "98": 12})
    return {
        "pay_period": "3" if spell.status == "4" else chance.pick("124"),
        "pay_net": max(300_000, round(spell.income * chance.real(1.0, 1.2) / 50_000) * 50_000)
        if chance.yes(_TOLD_INCOME)
        else None,
        "pay_band": chance.weighted({"3": 2, "4": 4, "5": 2, "99": 2}),
        "contract": chance.pick("12") if formal else chance.weighted({"3": 5, "4": 4, "5": 1}),
        "bpjs_tk": insured,
        "bpjs_kes": insured,
        "paid_leave": chance.flag(0.6 if formal else 0.1),
        "accident": chance.weighted({"0": 96, "1": 4}) if chance.yes(0.9) else None,
        "firm_size": chance.weighted({"1": 60, "2": 28, "3": 8, "4": 2, "98": 2}),
    }


def _business(spell: Spell, one: Alumnus, chance: Chance) -> Answers:
    told = chance.yes(_TOLD_INCOME)
    profit = max(100_000, round(spell.income * chance.real(0.9, 1.3) / 50_000) * 50_000)
    cost = round(profit * chance.real(0.5, 2.5) / 50_000) * 50_000
    since_training = spell.months is not None and spell.start > one.latest.place.end
    return {
        "biz_start": spell.start.isoformat(),
        "biz_from_training": "1" if since_training and spell.match in ("1", "2") else "0",
        "biz_revenue": profit + cost,
        "biz_cost": cost,
        "biz_profit": profit if told else None,
        "biz_profit_band": chance.weighted({"3": 3, "4": 3, "5": 2, "99": 2}),
        "biz_workers_paid": chance.whole(1, 4) if spell.status == "3" else 0,
        "biz_workers_unpaid": chance.whole(1, 2) if spell.status == "2" else 0,
        "biz_legal": ["0"] if chance.yes(0.55) else chance.some(("1", "2", "3", "4"), 1, 2),
        "biz_capital": chance.some(("1", "2", "3", "4"), 1, 2),
        "biz_market": chance.some(("1", "2", "3", "4"), 1, 3),
        "biz_books": chance.flag(0.45),
    }
