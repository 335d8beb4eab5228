"""The three smaller sources: ideas of young people, visits to employers, back-checks of interviews."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from tracer_etl.collect import Device
from tracer_etl.evidence.rehearsal.agenda import JAKARTA, Done, staff_device
from tracer_etl.evidence.rehearsal.interview import gps
from tracer_etl.evidence.rehearsal.job import Job
from tracer_etl.evidence.rehearsal.phrases import (
    BARRIERS,
    FIRM_NAMES,
    FIRMS,
    IDEA_FORMS,
    IDEA_REASONS,
    IDEAS,
    SKILLS,
    TRENDS,
)
from tracer_etl.evidence.rehearsal.trades import OTHER_TRADES, TRADES

if TYPE_CHECKING:
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.people import Village
    from tracer_etl.evidence.rehearsal.registry import Staff

IDEA, EMPLOYER, BACKCHECK = "youth_ideas", "employer_needs", "backcheck"
_ASTA = ("ac2", "ac3", "ac4", "ac5", "ac6", "ac8", "none")
_MINOR = "1"
_POSITIONS = ("Pemilik", "Manajer", "Kepala dapur")
_LEAST_CHECKS, _CHECKED_SHARE = 3, 0.1
_MOST_IDEA = 100
_STEP = 50_000


def idea_jobs(chance: Chance, count: int, villages: list[Village]) -> list[Job]:
    """Return that many ideas, each from a browser of its own and with a text of its own."""
    jobs = []
    for number in range(count):
        own = chance.of(number)
        begins = _moment(own, date(2025, 12, 8), 60, (8, 22))
        device = Device(f"enketo.example:{own.of('browser').letters(16)}")
        jobs.append(
            Job(
                IDEA,
                f"idea/{number}",
                _idea(own, number, villages),
                begins,
                round(own.real(12, 35), 3),
                device,
            )
        )
    return jobs


def _moment(chance: Chance, first: date, days: int, hours: tuple[int, int]) -> datetime:
    day = first + timedelta(days=chance.whole(0, days))
    return datetime.combine(
        day, time(chance.whole(*hours), chance.whole(0, 59), chance.whole(0, 59)), JAKARTA
    )


def _idea(chance: Chance, number: int, villages: list[Village]) -> dict[str, Any]:
    age = chance.weighted({"1": 18, "2": 48, "3": 26, "4": 8})
    sector = chance.weighted(dict.fromkeys(IDEAS, 1.0) | {"digital": 2.0, "ekraf": 1.6})
    topics, goals = IDEAS[sector][1:]
    topic = chance.pick(topics)
    return _idea_text(chance, number, topic, goals) | {
        "y_consent": "1",
        "y_age": age,
        "y_sex": chance.pick(("1", "2")) if chance.yes(0.85) else None,
        "y_kec": chance.pick(villages).kec if chance.yes(0.9) else None,
        "y_status": "1" if age == _MINOR else chance.weighted({"1": 25, "2": 25, "3": 15, "4": 30, "5": 5}),
        "y_edu": "3" if age == _MINOR else chance.pick(("4", "5", "5", "8")),
        "idea_sector": sector,
        "idea_mode": chance.some(("1", "2", "3", "4", "5"), 1, 2),
        "idea_duration": chance.weighted({"1": 1, "2": 4, "3": 3, "4": 2}),
        "idea_time": chance.some(("1", "2", "3", "4"), 1, 2) if chance.yes(0.7) else None,
        "idea_asta": chance.pick(_ASTA) if chance.yes(0.6) else None,
        "idea_interest": chance.weighted({"5": 45, "4": 35, "3": 15, "2": 5}),
        "idea_after": chance.weighted({"2": 45, "1": 30, "3": 15, "5": 10}),
        "idea_partner": f"{chance.pick(FIRMS)} {chance.pick(FIRM_NAMES)}" if chance.yes(0.3) else None,
        "idea_barrier": chance.pick(BARRIERS) if chance.yes(0.5) else None,
        "y_channel": chance.weighted({"1": 5, "2": 3, "3": 1, "4": 2}) if chance.yes(0.8) else None,
        "y_contact_ok": chance.flag(0.3),
        "y_phone": f"0860{5000 + number:04d}{chance.whole(0, 9999):04d}" if chance.yes(0.8) else None,
    }


def _idea_text(chance: Chance, number: int, topic: str, goals: tuple[str, ...]) -> dict[str, Any]:
    first, second = chance.rng.sample(IDEA_REASONS, 2)
    shape = IDEA_FORMS[number % len(IDEA_FORMS)]
    text = shape.format(what=topic.lower(), goal=chance.pick(goals), reason=first)
    ending = f"{second} Minimal {chance.whole(8, 30)} peserta, {chance.whole(5, 60)} jam praktik."
    return {"idea_title": f"{topic} untuk anak muda"[:_MOST_IDEA], "idea_text": f"{text} {ending}"}


def employer_jobs(chance: Chance, count: int, villages: list[Village], staff: list[Staff]) -> list[Job]:
    """Return that many visits to employers; firms with vacancies list occupations, and skills in each."""
    workers = [one for one in staff if one.role == "enumerator"]
    jobs = []
    for number in range(count):
        own = chance.of(number)
        who = workers[number % len(workers)]
        # Later than any interview of that day can end.
        day = date(2026, 1, 12) + timedelta(days=number // len(workers) * 5 + number % 3)
        begins = datetime.combine(day, time(18, own.whole(0, 40)), JAKARTA)
        village = own.pick([village for village in villages if village.kec in who.districts])
        answers = _employer(own, number, village)
        jobs.append(
            Job(
                EMPLOYER,
                f"firm/{number}",
                answers,
                begins,
                round(own.real(10, 25), 3),
                staff_device(who.code),
            )
        )
    return jobs


def _employer(chance: Chance, number: int, village: Village) -> dict[str, Any]:
    program = chance.pick(list(TRADES))
    trade = TRADES[program]
    workers = max(1, round(chance.rng.lognormvariate(1.8, 0.9)))
    vacancies, hires = chance.weighted({0: 5, 1: 3, 2: 2}), chance.weighted({0: 3, 1: 2, 2: 2, 4: 2, 6: 1})
    needs = [_occupation(chance.of("occ", place)) for place in range(chance.whole(1, 3))]
    return _firm_training(chance.of("training"), program, workers) | {
        "em_consent": "1",
        "em_name": f"{chance.pick(FIRMS)} {chance.pick(FIRM_NAMES)} {number + 1}",
        "em_nib": f"9{chance.whole(0, 10**12 - 1):012d}" if chance.yes(0.5) else None,
        "em_form": chance.weighted({"1": 60, "2": 15, "3": 10, "4": 8, "5": 7}),
        "em_kbli": trade.kbli,
        "em_kec": village.kec,
        "em_resp": f"{chance.pick(_POSITIONS)}, Bapak/Ibu {chance.pick(FIRM_NAMES)}",
        "em_phone": f"0860{7000 + number:04d}{chance.whole(0, 9999):04d}",
        "em_workers": workers,
        "em_workers_f": chance.whole(0, workers),
        "em_vac_now": vacancies,
        "em_hire_12": hires,
        "occ": needs if vacancies or hires else [],
        "em_gps": gps(chance, village) if chance.yes(0.8) else None,
    }


def _firm_training(chance: Chance, program: str, workers: int) -> dict[str, Any]:
    return {
        "em_prog": sorted(
            {program, *chance.some(("barista", "digimar", "masak", "dapur_mbg", "alsintan"), 0, 2)}
        ),
        "em_alumni": chance.flag(0.35),
        "em_alumni_n": chance.whole(1, min(3, workers)),
        "em_alumni_sat": chance.weighted({"5": 3, "4": 5, "3": 2}),
        "em_magang": chance.flag(0.6),
        "em_magang_n": chance.whole(1, 4),
        "em_commit": chance.flag(0.3),
        "em_commit_n": chance.whole(1, 3),
        "em_trend": chance.pick(TRENDS) if chance.yes(0.6) else None,
    }


def _occupation(chance: Chance) -> dict[str, Any]:
    trade = chance.pick([*TRADES.values(), *OTHER_TRADES])
    names = chance.some(SKILLS, 1, 3)
    return {
        "oc_title": chance.pick(trade.titles),
        "oc_kbji": trade.kbji,
        "oc_n": chance.whole(1, 5),
        "oc_wage": chance.weighted({"1": 40, "2": 40, "3": 12, "4": 3, "99": 5}),
        "oc_hard": chance.flag(0.4),
        "oc_edu": chance.pick(("3", "4", "5", "5")),
        "oc_cert": chance.flag(0.35),
        "oc_skill": [
            {"os_name": name, "os_importance": chance.pick("345"), "os_gap": chance.pick("2345")}
            for name in names
        ],
    }


def chosen_for_backcheck(chance: Chance, done: list[Done]) -> list[Done]:
    """Return a random tenth of every enumerator's completes, at least three."""
    by_enumerator: dict[str, list[Done]] = defaultdict(list)
    for one in done:
        by_enumerator[one.case.alumnus.enumerator].append(one)
    chosen = []
    for code, own in sorted(by_enumerator.items()):
        count = min(len(own), max(_LEAST_CHECKS, -int(-len(own) * _CHECKED_SHARE // 1)))
        chosen += chance.of(code).rng.sample(own, count)
    return chosen


def backcheck_cases(chosen: list[Done]) -> list[dict[str, object]]:
    """Return the list for the supervisors."""
    cases = ((one.case.alumnus.alumni_id, one.case.alumnus) for one in chosen)
    return [
        {"name": alumni_id, "label": alumnus.person.label, "enumerator": alumnus.enumerator}
        for alumni_id, alumnus in sorted(cases, key=lambda case: case[0])
    ]


def backcheck_jobs(chance: Chance, chosen: list[Done], staff: list[Staff]) -> list[Job]:
    """Return one back-check per chosen interview, by the supervisors in turn, one after the other."""
    supervisors = [one.code for one in staff if one.role == "supervisor"]
    jobs = []
    for number, done in enumerate(chosen):
        who = supervisors[number % len(supervisors)]
        own = chance.of(done.case.alumnus.alumni_id)
        day = date(2026, 2, 23) + timedelta(days=number // 12)
        begins = datetime.combine(day, time(8), JAKARTA) + timedelta(
            minutes=number % 12 // 2 * 50 + own.whole(0, 20)
        )
        answers = _backcheck(own, done) | {"bc_checker": who, "bc_alumni": done.case.alumnus.alumni_id}
        about = done.case.alumnus.alumni_id
        jobs.append(
            Job(
                BACKCHECK,
                f"check/{about}",
                answers,
                begins,
                round(own.real(20, 45), 3),
                staff_device(who),
                about,
            )
        )
    return jobs


def _backcheck(chance: Chance, done: Done) -> dict[str, Any]:
    told, person = done.answers, done.case.alumnus.person
    invented = done.case.invented
    employed = "1" if done.visit.career.current else "0"
    status = told.get("status_emp") or "4"
    return {
        "bc_reached": chance.flag(0.95),
        "bc_was_int": "0" if invented and chance.yes(0.8) else "1",
        "bc_birth_year": person.birth.year,
        "bc_edu": person.edu if invented or chance.yes(0.99) else "4",
        "bc_pre_work": told["pre_work"] if chance.yes(0.95) else "0",
        "bc_emp": employed,
        "bc_status": status if chance.yes(0.94) else "1",
        "bc_income": _income(chance, told),
        "bc_minutes": 5 if invented else chance.whole(20, 40),
        "bc_polite": chance.weighted({"5": 4, "4": 5, "3": 1}),
    }


def _income(chance: Chance, told: dict[str, Any]) -> int | None:
    said: int | None = (
        told.get("biz_profit") if told.get("status_emp") in ("1", "2", "3") else told.get("pay_net")
    )
    if said is None or chance.yes(0.2):
        return None
    return max(_STEP, round(said * chance.real(0.92, 1.08) / _STEP) * _STEP)
