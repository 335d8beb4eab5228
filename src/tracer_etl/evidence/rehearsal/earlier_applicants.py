"""The applicants of 2025, accepted or not, as the office asks them again: docs/how-to/compare-with-applicants.md.

What the accepted reach is their planted state. The others are people alike, a little less in need, of whom fewer work,
and far fewer in the field they applied for; by how many stands in truth.json.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from tracer_etl.evidence.rehearsal.careers import IN_FIELD, OTHER, OUT
from tracer_etl.evidence.rehearsal.fieldwork import COMPLETE, PARTIAL, PROXY, SEASON
from tracer_etl.evidence.rehearsal.people import make_person, pick_village
from tracer_etl.evidence.rehearsal.trades import OTHER_TRADES, TRADES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.fieldwork import Case
    from tracer_etl.evidence.rehearsal.people import Village
    from tracer_etl.evidence.rehearsal.registry import Enrolment

Row = dict[str, object]

_YEAR = 2025
_OTHERS = 340
_ANSWERED = frozenset({COMPLETE, PROXY, PARTIAL})
_AGREED = {True: 0.97, False: 0.7}
_TOLD = {IN_FIELD: 0.78, OTHER: 0.76, OUT: 0.66}

# By ap_lab: how many of the accepted and of the others said so, and how much likelier (log-odds) they work later.
_ACCEPTED_LAB = {"1": 25.0, "2": 37.0, "3": 22.0, "4": 5.0, "5": 11.0}
_OTHER_LAB = {"1": 27.0, "2": 31.0, "3": 25.0, "4": 7.0, "5": 10.0}
_LATER = {"1": 0.0, "2": -0.5, "3": 0.5, "4": 0.9, "5": -0.6}
_WORKS, _IN_FIELD = 1.5, 0.35
_WELFARE = {"1": 24.0, "2": 24.0, "3": 16.0, "4": 20.0, "98": 16.0}
_SAME_GROUP = 0.75


def earlier_applicants(chance: Chance, cases: Iterable[Case], villages: list[Village]) -> list[Row]:
    """Return `applicant_pool.csv`, one row per applicant of 2025: first those who were accepted."""
    taken = [(case, seat) for case in cases for seat in case.alumnus.enrolments if seat.place.year == _YEAR]
    accepted = [_accepted(chance.of("accepted", case.alumnus.alumni_id), case, seat) for case, seat in taken]
    others = []
    for number in range(_OTHERS):
        own = chance.of("other", number)
        others.append(_other(own, own.pick(taken)[1], villages))
    return [{"applicant_id": f"L{number:04d}"} | row for number, row in enumerate([*accepted, *others], 1)]


def planted_effect(cases: Iterable[Case], pool: Iterable[Row]) -> dict[str, float]:
    """Return the share of the accepted who work, and who work in the field, less what it were had they not been."""
    states = {case.alumnus.alumni_id: case.state for case in cases}
    own = [(states[str(row["alumni_id"])], str(row["baseline_lab"])) for row in pool if row["accepted"]]
    gains = [(state != OUT) - _works(lab) for state, lab in own]
    in_field = [(state == IN_FIELD) - _works(lab) * _IN_FIELD for state, lab in own]
    return {"A1": round(sum(gains) / len(own), 4), "S1": round(sum(in_field) / len(own), 4)}


def _works(lab: str) -> float:
    return 1 / (1 + math.exp(-_WORKS - _LATER[lab]))


def _accepted(chance: Chance, case: Case, seat: Enrolment) -> Row:
    person = case.alumnus.person
    fits = {lab: share * _likely(lab, case.state) for lab, share in _ACCEPTED_LAB.items()}
    return {
        "alumni_id": case.alumnus.alumni_id,
        **_application(chance, seat, accepted=True),
        "ap_followup": chance.flag(_AGREED[case.outcome in _ANSWERED]),
        **_before(chance, chance.weighted(fits)),
        "baseline_edu": person.edu,
        "baseline_birth_year": person.birth.year,
        "baseline_sex": person.sex,
        "baseline_kec": person.village.kec,
        "baseline_tg": seat.target_group,
        **dict.fromkeys(("asked_on", "emp_bps", "in_field", "earnings_idr"), ""),
    }


def _likely(lab: str, state: str) -> float:
    return 1 - _works(lab) if state == OUT else _works(lab)


def _other(chance: Chance, seat: Enrolment, villages: list[Village]) -> Row:
    """Draw somebody who applied for a class and got no seat; people are drawn as those who got one."""
    sex = "2" if chance.yes(seat.place.women) else "1"
    person = make_person(chance, 0, sex, (18, 42), pick_village(chance, villages))
    lab = chance.weighted(_OTHER_LAB)
    return {
        "alumni_id": "",
        **_application(chance, seat, accepted=False),
        "ap_followup": chance.flag(0.9),
        **_before(chance, lab),
        "baseline_edu": person.edu,
        "baseline_birth_year": person.birth.year,
        "baseline_sex": sex,
        "baseline_kec": person.village.kec,
        "baseline_tg": seat.target_group if chance.yes(_SAME_GROUP) else "t3",
        **_now(chance.of("now"), seat.place.program, lab),
    }


def _application(chance: Chance, seat: Enrolment, *, accepted: bool) -> Row:
    applied = seat.place.start - timedelta(days=chance.whole(20, 50))
    return {
        "program_code": seat.place.program,
        "applied_on": applied.isoformat(),
        "accepted": int(accepted),
    }


def _before(chance: Chance, lab: str) -> Row:
    hours = {"3": (6, 34), "4": (35, 56)}.get(lab)
    income = {"3": 800_000, "4": 1_900_000}.get(lab)
    return {
        "baseline_lab": lab,
        "baseline_hours": chance.whole(*hours) if hours else 0,
        "baseline_income": chance.money(income) if income else 0,
        "baseline_welfare": chance.weighted(_WELFARE),
    }


def _now(chance: Chance, program: str, lab: str) -> Row:
    state = OUT if not chance.yes(_works(lab)) else IN_FIELD if chance.yes(_IN_FIELD) else OTHER
    day = SEASON[0] + timedelta(days=chance.whole(7, 80))
    if not chance.yes(_TOLD[state]):
        return {"asked_on": day.isoformat(), "emp_bps": "", "in_field": "", "earnings_idr": ""}
    trade = TRADES[program] if state == IN_FIELD else chance.pick(OTHER_TRADES)
    return {
        "asked_on": day.isoformat(),
        "emp_bps": int(state != OUT),
        "in_field": "" if state == OUT else int(state == IN_FIELD),
        "earnings_idr": "" if state == OUT else chance.money(trade.pay * 0.85, 0.35),
    }
