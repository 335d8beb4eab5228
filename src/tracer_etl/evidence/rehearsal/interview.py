"""The answers of one contact attempt, from the truth of the person and what people tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tracer_etl.evidence.rehearsal.careers import OUT, Career
from tracer_etl.evidence.rehearsal.fieldwork import COMPLETE, PARTIAL, PROXY, Attempt, Case
from tracer_etl.evidence.rehearsal.interview_opinions import (
    household,
    needs_and_barriers,
    quality,
    relevance,
    skills,
)
from tracer_etl.evidence.rehearsal.interview_work import jobs, now_working, searching
from tracer_etl.evidence.rehearsal.phrases import INTERVIEWER_NOTES, NOTES, SUGGESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.people import Village
    from tracer_etl.evidence.rehearsal.registry import Alumnus, Enrolment

Answers = dict[str, Any]

FACE, WEB = "1", "4"
EARLY_BREAK, LATE_BREAK = "broken off early", "broken off late"
_INTERVIEWED = frozenset({COMPLETE, PROXY, PARTIAL, EARLY_BREAK, LATE_BREAK})
_HERE, _ABROAD = "1", "5"
_PRINTED_AFTER = timedelta(days=300)


@dataclass(frozen=True)
class Visit:
    """One attempt about to be filled in: who, by whom, when, with what truth behind it."""

    case: Case
    attempt: Attempt
    begins: datetime
    career: Career
    villages: tuple[Village, ...]
    chance: Chance

    @property
    def one(self) -> Alumnus:
        """Return the alumnus."""
        return self.case.alumnus

    @property
    def today(self) -> date:
        """Return the day of the attempt."""
        return self.begins.date()


def answer_attempt(visit: Visit) -> Answers:
    """Return the answers of this attempt by question name."""
    attempt = visit.attempt
    answers: Answers = {
        "enumerator_id": visit.one.enumerator,
        "mode": attempt.mode,
        "alumni_id": visit.one.alumni_id,
        "attempt_no": attempt.number,
    }
    if attempt.outcome in _INTERVIEWED:
        return answers | _interview(visit)
    if attempt.outcome == "no consent":
        return answers | _refusal(visit.chance)
    return answers | _not_reached(visit)


def _refusal(chance: Chance) -> Answers:
    reason = chance.pick(NOTES["03"]) if chance.yes(0.6) else None
    return {"contact_result": "01", "respondent_type": "1", "consent": "0", "refusal_reason": reason}


def _not_reached(visit: Visit) -> Answers:
    chance, result = visit.chance, visit.attempt.outcome
    callback = datetime.combine(visit.today + timedelta(days=1), datetime.min.time())
    callback += timedelta(minutes=15 * chance.whole(36, 72))
    return {
        "contact_result": result,
        "contact_note": chance.pick(NOTES[result]) if chance.yes(0.6) else None,
        "callback_at": f"{callback.isoformat()}.000+07:00",
        "new_phone": visit.one.person.phone if result == "08" and chance.yes(0.8) else None,
    }


def _interview(visit: Visit) -> Answers:
    respondent = visit.chance.pick(("2", "3", "4")) if visit.attempt.outcome == PROXY else "1"
    answers = {"contact_result": "01", "respondent_type": respondent}
    answers |= _consent(visit) | _identity(visit) | now_working(visit.career, visit.chance.of("work"))
    answers |= _closing(visit)
    if visit.attempt.outcome == PROXY:
        return answers
    answers |= _background(visit)
    if visit.attempt.outcome == EARLY_BREAK:
        return {name: value for name, value in answers.items() if not name.startswith(_AFTER_BACKGROUND)}
    return answers | _self_report(visit)


# A broken-off interview stops before section F: what follows is blank, the closing notes are not.
_AFTER_BACKGROUND = (
    "act_",
    "absent_",
    "agri_",
    "main_act",
    "job_",
    "kbji_",
    "kbli_",
    "status_emp",
    "suggestion",
    "gps",
)


def _self_report(visit: Visit) -> Answers:
    chance, career = visit.chance, visit.career
    answers = {
        "training": [_training(chance.of(e.place.batch), e, visit.today) for e in visit.one.enrolments]
    }
    answers |= _before(visit) | searching(career, chance.of("search"))
    answers |= jobs(career, visit.one, chance.of("jobs"))
    answers |= relevance(career, chance.of("relevance")) | {
        "choose_again": chance.weighted({"1": 78, "0": 12, "98": 10})
    }
    if visit.attempt.outcome == LATE_BREAK:
        return answers
    answers |= skills(chance.of("skills")) | quality(visit.one, chance.of("quality"))
    if visit.attempt.outcome == PARTIAL:
        return answers
    answers |= needs_and_barriers(career, visit.one, chance.of("needs"))
    return answers | household(visit.one, chance.of("household"))


def _consent(visit: Visit) -> Answers:
    chance, mode = visit.chance.of("consent"), visit.attempt.mode
    return {
        "consent": "1",
        "consent_method": "3"
        if mode == WEB
        else chance.weighted({"1": 85, "2": 15})
        if mode == FACE
        else "1",
        "consent_recontact": chance.flag(0.85),
        "consent_placement": chance.flag(0.6),
        "consent_gps": chance.flag(0.8),
        "consent_photo": chance.flag(0.25),
    }


def _identity(visit: Visit) -> Answers:
    chance, person = visit.chance.of("identity"), visit.one.person
    wrong_name, wrong_year = chance.yes(0.03), chance.yes(0.015)
    tail = person.nik[-4:] if wrong_name or wrong_year or chance.yes(0.75) else None
    place = (
        _HERE
        if chance.yes(0.88)
        else chance.pick(("2", "3", "4") if visit.attempt.mode == FACE else ("3", "4", _ABROAD))
    )
    village = person.village if chance.yes(0.93) else chance.pick(visit.villages)
    return {
        "verify_name": "2" if wrong_name else "1",
        "name_corrected": f"{person.name} S",
        "nik_tail": tail,
        "birth_year": person.birth.year + (1 if wrong_year else 0),
        "sex": person.sex,
        "live_place": place,
        "kec": village.kec,
        "desa": village.code,
        "phone": person.phone if chance.yes(0.7) else None,
        "alt_contact": f"Ibu, {person.phone[:-1]}7" if chance.yes(0.2) else None,
    }


def _background(visit: Visit) -> Answers:
    chance, person = visit.chance.of("background"), visit.one.person
    spouse = person.marital == "2"
    return {
        "edu": person.edu,
        "marital": person.marital,
        "children_u5": chance.weighted({0: 5, 1: 4, 2: 1}) if spouse else 0,
        "hh_size": chance.whole(2 if spouse else 1, 6),
    }


def _training(chance: Chance, enrolment: Enrolment, today: date) -> Answers:
    place = enrolment.place
    passed = enrolment.cert_result == "1"
    received = passed and chance.yes(0.95 if today - place.end > _PRINTED_AFTER else 0.55)
    certificate = {
        "cert_scheme": place.scheme if chance.yes(0.7) else None,
        "cert_result": enrolment.cert_result,
        "cert_received": "1" if received else "0",
        "cert_number": enrolment.cert_no if chance.yes(0.5) else None,
        "cert_used": chance.flag(0.4),
    }
    return {
        "tr_program": place.program,
        "tr_start": (place.start + timedelta(days=chance.weighted({0: 9, 1: 1}))).isoformat(),
        "tr_end": place.last_day.isoformat(),
        "tr_completed": "1" if enrolment.completed else "0",
        "tr_drop_reason": chance.pick(("1", "2", "3", "4")),
        "tr_magang": "1" if place.internship_days and enrolment.completed else "0",
        "tr_magang_days": place.internship_days or None,
        "tr_magang_offer": chance.weighted({"0": 7, "1": 2, "2": 1}),
        "cert": [certificate] if enrolment.completed else [{**certificate, "cert_result": "4"}],
    }


def _before(visit: Visit) -> Answers:
    chance, career = visit.chance.of("before"), visit.career
    retained = career.spells[0] if career.at_end and career.spells else None
    worked = retained is not None or chance.yes(0.33)
    spell = retained or (career.spells[0] if career.spells else None)
    told = chance.yes(0.88)
    return {
        "pre_work": "1" if worked else "0",
        "pre_status_emp": spell.status if spell else "6",
        "pre_kbji": spell.trade.kbji if spell else "9",
        "pre_kbli": spell.trade.kbli if spell else "F",
        "pre_hours": chance.whole(15, 50),
        "pre_income": chance.money(1_500_000, 0.45) if told else None,
        "pre_income_band": chance.pick(("2", "3", "4", "99")),
        "pre_seek": chance.flag(0.25 if worked else 0.7),
        "pre_unemp_months": chance.whole(1, 24),
        "pre_main_act": "1" if worked else chance.weighted({"4": 5, "3": 3, "2": 1}),
    }


def _closing(visit: Visit) -> Answers:
    chance, outcome = visit.chance.of("closing"), visit.attempt.outcome
    return {
        "suggestion": chance.pick(SUGGESTIONS) if chance.yes(0.5) else None,
        "gps": gps(chance, visit.one.person.village) if chance.yes(0.95) else None,
        "int_lang": chance.weighted({"1": 30, "2": 25, "3": 45}),
        "int_coop": chance.weighted({"1": 80, "2": 17, "3": 3}),
        "int_under": chance.weighted({"1": 78, "2": 19, "3": 3}),
        "int_others": chance.flag(0.25),
        "int_break": "1" if outcome in (EARLY_BREAK, LATE_BREAK, PARTIAL) else "0",
        "int_note": chance.pick(INTERVIEWER_NOTES) if chance.yes(0.3) else None,
        "photo_work": f"{visit.one.alumni_id.lower()}-work.jpg" if visit.career.state != OUT else None,
    }


# Rough positions of the 22 district towns; a village lies within 2 km of a point fixed by its code.
_TOWNS = {
    "350501": (-8.06, 112.07),
    "350502": (-8.03, 112.06),
    "350503": (-8.08, 112.07),
    "350504": (-8.16, 112.13),
    "350505": (-8.27, 112.09),
    "350506": (-8.02, 112.11),
    "350507": (-8.09, 112.13),
    "350508": (-8.26, 112.17),
    "350509": (-8.02, 112.19),
    "350510": (-8.13, 112.22),
    "350511": (-8.07, 112.22),
    "350512": (-8.17, 112.22),
    "350513": (-8.26, 112.26),
    "350514": (-8.09, 112.27),
    "350515": (-8.01, 112.29),
    "350516": (-8.22, 112.33),
    "350517": (-8.08, 112.32),
    "350518": (-8.05, 112.37),
    "350519": (-8.14, 112.36),
    "350520": (-8.25, 112.39),
    "350521": (-8.13, 112.41),
    "350522": (-8.13, 112.30),
}


VILLAGE_RADIUS_KM = 1.0
"""How far a village of the rehearsal reaches from its point."""


def centre(village: Village) -> tuple[float, float]:
    """Give the point of a village, in degrees of latitude and longitude."""
    latitude, longitude = _TOWNS[village.kec]
    number = int(village.code[-2:])
    return latitude + (number % 4 - 1.5) * 0.008, longitude + (number % 3 - 1) * 0.009


def gps(chance: Chance, village: Village) -> str:
    """Return an ODK geopoint in that village: latitude, longitude, altitude (m), accuracy (m)."""
    latitude, longitude = centre(village)
    latitude += chance.real(-0.006, 0.006)
    longitude += chance.real(-0.006, 0.006)
    return f"{latitude:.6f} {longitude:.6f} {chance.whole(90, 320)}.0 {chance.whole(3, 15)}.0"


def village_rows(villages: Iterable[Village]) -> list[dict[str, object]]:
    """Return one row per village: code, its point in degrees, and its radius in km."""
    return [
        {
            "code": one.code,
            "latitude": f"{centre(one)[0]:.4f}",
            "longitude": f"{centre(one)[1]:.4f}",
            "radius_km": VILLAGE_RADIUS_KM,
        }
        for one in villages
    ]
