"""The applicants of 2026: their applications and the marks of two assessors who do not know each other's.

Programmes are chosen in the proportions the press reported for 2025 (926 applications for the first four).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from tracer_etl.collect import Device
from tracer_etl.evidence.rehearsal.agenda import JAKARTA, staff_device
from tracer_etl.evidence.rehearsal.job import Job
from tracer_etl.evidence.rehearsal.people import (
    FEMALE,
    MALE,
    Person,
    Village,
    hashed,
    make_person,
    pick_village,
)
from tracer_etl.evidence.rehearsal.phrases import MARKS, OBSTACLES, PLANS, PRIOR, WHY, WHY_MORE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracer_etl.evidence.rehearsal.chance import Chance

APPLICATION, ASSESSMENT = "applicant_registration", "selection_assessment"
ROUND = "2026-1"
_OPENS, _DAYS = date(2026, 1, 5), 33
_TEST_DAY = date(2026, 2, 12)
_ASSESSED = {"barista": 44, "listrik_rt": 20, "mua": 40}
_BASE_NUMBER = 1000
_SLOTS_A_DAY = 14
_JUDGED = ("c_goal", "c_know", "c_effort", "c_obst", "c_persist", "p_real", "p_market", "p_asset")

# Applications of 2025 by programme, at about 0.4 of their number, and the plans of 2026.
APPLICATIONS = {
    "digimar": (152, "pemasaran digital", 0.5),
    "barista": (98, "meracik kopi", 0.4),
    "mua": (95, "tata rias", 0.98),
    "barber": (60, "memotong rambut", 0.1),
    "listrik_rt": (24, "servis alat listrik", 0.05),
    "dapur_mbg": (12, "memasak untuk dapur gizi", 0.7),
    "alsintan": (9, "mengoperasikan alat berat pertanian", 0.05),
}
_GROUPS = {"t1": 24, "t2": 8, "t3": 68}
_ROLES = {"t1": ("1", "2", "3"), "t2": ("4", "5")}


@dataclass(frozen=True)
class Applicant:
    """One person with one application; `number` is how assessors know them."""

    number: str
    person: Person
    program: str
    field: str
    group: str
    strength: float
    chance: Chance


def make_applicants(chance: Chance, villages: list[Village]) -> list[Applicant]:
    """Return all applicants of the round."""
    found: list[Applicant] = []
    for program, (count, field, women) in APPLICATIONS.items():
        for place in range(count):
            own = chance.of(program, place)
            sex = FEMALE if own.yes(women) else MALE
            person = make_person(own, _BASE_NUMBER + len(found), sex, (17, 44), pick_village(own, villages))
            group = own.weighted(_GROUPS)
            number = f"K{len(found) + 101:04d}"
            found.append(Applicant(number, person, program, field, group, own.rng.gauss(0, 1), own))
    return found


def application_jobs(applicants: Iterable[Applicant]) -> list[Job]:
    """Return one application per person, sent from the person's own phone."""
    return [_application(one) for one in applicants]


def _application(one: Applicant) -> Job:
    chance = one.chance.of("application")
    begins = datetime.combine(
        _OPENS + timedelta(days=chance.whole(0, _DAYS)),
        time(chance.whole(7, 21), chance.whole(0, 59)),
        JAKARTA,
    )
    answers = (
        _identity(one, chance) | _situation(one, chance.of("situation")) | _plans(one, chance.of("plans"))
    )
    device = Device(f"enketo.example:{chance.of('browser').letters(16)}")
    return Job(APPLICATION, one.number, answers, begins, round(chance.real(9, 22), 3), device, one.number)


def _identity(one: Applicant, chance: Chance) -> dict[str, Any]:
    person = one.person
    return {
        "ap_consent": "1",
        "ap_followup": chance.flag(0.9),
        "ap_name": person.name,
        "ap_nik": person.nik,
        "ap_birth": person.birth.isoformat(),
        "ap_sex": person.sex,
        "ap_ktp_blitar": "1",
        "ap_kec": person.village.kec,
        "ap_desa": person.village.code,
        "ap_phone": person.phone,
        "ap_edu": person.edu,
        "ap_program": one.program,
        "ap_program2": [p for p in chance.some(list(APPLICATIONS), 2, 2) if p != one.program]
        if chance.yes(0.5)
        else None,
        "ap_past": chance.flag(0.05),
        "ap_full": chance.flag(0.96),
    }


def _situation(one: Applicant, chance: Chance) -> dict[str, Any]:
    labour = chance.weighted({"1": 26, "2": 32, "3": 22, "4": 8, "5": 9, "6": 3})
    works = labour in ("3", "4")
    proof = chance.weighted({"1": 5, "3": 3, "0": 2} if one.group == "t1" else {"2": 5, "4": 3, "0": 2})
    return {
        "ap_tg": one.group,
        "ap_tg_rel": chance.weighted({"3": 6, "2": 2, "1": 2}),
        "ap_tg_role": chance.pick(_ROLES.get(one.group, ("1",))),
        "ap_tg_proof": [proof],
        "ap_tg_doc": f"{one.number.lower()}-proof.jpg",
        "ap_lab": labour,
        "ap_hours": (chance.whole(8, 34) if labour == "3" else chance.whole(36, 54)) if works else 0,
        "ap_income": chance.money(1_100_000 if labour == "3" else 2_000_000) if works else 0,
        "ap_welfare": chance.weighted({"1": 20, "2": 25, "3": 15, "4": 15, "98": 25}),
        "ap_vuln": ["0"] if chance.yes(0.68) else chance.some(("1", "3", "4", "5"), 1, 2),
    }


def _plans(one: Applicant, chance: Chance) -> dict[str, Any]:
    why = f"{chance.pick(WHY).format(field=one.field)}, {chance.pick(WHY_MORE)}"
    return {
        "ap_why": why,
        "ap_prior": chance.pick(PRIOR),
        "ap_plan": chance.weighted({"1": 35, "2": 40, "3": 15, "4": 6, "5": 4}),
        "ap_plan_text": chance.pick(PLANS),
        "ap_obst": chance.pick(OBSTACLES),
        "ap_statement": chance.flag(0.98),
    }


def assessed(applicants: Iterable[Applicant]) -> list[Applicant]:
    """Return the applicants who sit the test: the first ones of three programmes."""
    seen = dict.fromkeys(_ASSESSED, 0)
    found = []
    for one in applicants:
        if one.program in seen and seen[one.program] < _ASSESSED[one.program]:
            seen[one.program] += 1
            found.append(one)
    return found


def assessment_jobs(applicants: list[Applicant], assessors: list[str]) -> list[Job]:
    """Return two assessments per applicant, by two different assessors."""
    jobs = []
    for place, one in enumerate(applicants):
        first = place % len(assessors)
        second = (first + 1 + place // len(assessors) % (len(assessors) - 1)) % len(assessors)
        jobs += [_assessment(one, assessors[who], place) for who in (first, second)]
    return jobs


def _assessment(one: Applicant, assessor: str, place: int) -> Job:
    chance = one.chance.of("assessment", assessor)
    day, slot = divmod(place, _SLOTS_A_DAY)
    begins = datetime.combine(_TEST_DAY + timedelta(days=day), time(8), JAKARTA) + timedelta(
        minutes=35 * slot
    )
    begins += timedelta(seconds=chance.whole(0, 240))
    answers = _marks(one, assessor, chance) | {"sa_assessor": assessor, "sa_applicant": one.number}
    pace = round(chance.real(35, 70), 3)
    return Job(
        ASSESSMENT, f"{one.number}/{assessor}", answers, begins, pace, staff_device(assessor), one.number
    )


def _marks(one: Applicant, assessor: str, chance: Chance) -> dict[str, Any]:
    # The test and punctuality are facts, so both assessors write the same; the rest is judged.
    facts = one.chance.of("test")
    level = (
        2.4 + one.strength * 0.7 + _severity(assessor) + (chance.pick((-1.2, 1.2)) if chance.yes(0.04) else 0)
    )
    marks = {f"sa_{item}": str(min(4, max(0, round(chance.rng.gauss(level, 0.45))))) for item in _JUDGED}
    return {
        **marks,
        "sa_conflict": "0",
        "sa_docs": "1",
        "sa_test": min(25, max(0, round(15 + 4 * one.strength + facts.rng.gauss(0, 3)))),
        "sa_task": facts.flag(0.85),
        "sa_ontime": facts.flag(0.9),
        "sa_note": chance.pick(MARKS),
    }


def _severity(assessor: str) -> float:
    return int(assessor[-1]) % 3 * 0.15 - 0.15


def applicant_cases(applicants: Iterable[Applicant]) -> list[dict[str, object]]:
    """Return the list for the assessors: numbers, no names."""
    return [
        {"name": one.number, "label": f"Peserta {one.number[1:]}", "program": one.program}
        for one in applicants
    ]


def applicant_rows(applicants: Iterable[Applicant], instance_ids: dict[str, str]) -> list[dict[str, object]]:
    """Return the pool as the office keeps it: number, hashed NIK, programme, the application it came from."""
    return [
        {
            "applicant_id": one.number,
            "nik_hmac": hashed(one.person.nik),
            "program_code": one.program,
            "round": ROUND,
            "application_id": instance_ids[one.number],
        }
        for one in applicants
    ]
