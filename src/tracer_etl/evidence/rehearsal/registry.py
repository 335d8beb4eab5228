"""The registry of alumni: who took which class, and the tables made of it.

`person.csv` is restricted (names, phones), `enrolment.csv` is analytical. Neither holds a NIK: only its HMAC
and its last four digits.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from tracer_etl.evidence.rehearsal.classes import CLASSES, TrainingClass
from tracer_etl.evidence.rehearsal.people import (
    FEMALE,
    MALE,
    Person,
    Village,
    e164,
    hashed,
    make_alumni_ids,
    make_person,
    pick_village,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tracer_etl.evidence.rehearsal.chance import Chance

_TWICE = 13
_PROOFS = {"t1": {"1": 4, "3": 6}, "t2": {"1": 2, "2": 4, "4": 2, "5": 2}}
_T1_SEATS, _T2_SEATS = 5, 2
_ATTENDED_ENOUGH = 80
_ATTENDANCE_2024 = {100: 60, 95: 20, 88: 12, 60: 3, 35: 2}
_ALL_CERTIFIED = 2025


@dataclass(frozen=True)
class Enrolment:
    """One person in one class."""

    place: TrainingClass
    target_group: str
    proof: str
    attended: int
    cert_result: str
    cert_no: str
    seat_source: str

    @property
    def completed(self) -> bool:
        """Tell whether the person attended at least 80% (rule of competency-based training)."""
        return self.attended >= _ATTENDED_ENOUGH


@dataclass(frozen=True)
class Alumnus:
    """One person of the frame, with the enrolments in order of time."""

    alumni_id: str
    person: Person
    enrolments: tuple[Enrolment, ...]
    enumerator: str

    @property
    def latest(self) -> Enrolment:
        """Return the enrolment the interview is about."""
        return self.enrolments[-1]


@dataclass(frozen=True)
class Staff:
    """One row of enumerators.csv."""

    code: str
    role: str
    districts: tuple[str, ...]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as CSV (UTF-8, Unix line ends); the columns are those of the first row."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_villages(media: Path) -> list[Village]:
    """Return the villages of desa.csv."""
    return [Village(row["name"], row["label"], row["kec_code"]) for row in read_rows(media / "desa.csv")]


def read_staff(media: Path) -> list[Staff]:
    """Return the staff of enumerators.csv."""
    rows = read_rows(media / "enumerators.csv")
    return [Staff(row["name"], row["role"], tuple(row["kec_codes"].split())) for row in rows]


def staff_rows(staff: Iterable[Staff]) -> list[dict[str, object]]:
    """Return one row per enumerator and supervisor: a number of a range no operator has."""
    return [{"name": one.code, "phone": f"+62860990{number:05d}"} for number, one in enumerate(staff, 1)]


def make_registry(chance: Chance, villages: list[Village], staff: list[Staff]) -> list[Alumnus]:
    """Return the frame: every seat of every class taken, 13 people with a class in both years."""
    places = [place for place in CLASSES for _ in range(place.seats)]
    repeated = _second_classes(chance.of("twice"))
    firsts = [(place, seat) for place, seat in _seats() if (place.batch, seat) not in repeated.values()]
    ids = make_alumni_ids(chance.of("ids"), len(places))
    alumni = []
    for number, (place, seat) in enumerate(firsts):
        own = chance.of("person", place.batch, seat)
        second = repeated.get((place.batch, seat))
        classes = [(place, seat), *([_find(second)] if second else [])]
        person = make_person(own, number, _by_seat(place, seat), (18, 42), pick_village(own, villages))
        enrolments = tuple(_enrol(own.of(taken.batch), taken, taken_seat) for taken, taken_seat in classes)
        alumni.append(Alumnus(ids[number], person, enrolments, _enumerator(own, person, staff)))
    return sorted(alumni, key=lambda alumnus: alumnus.alumni_id)


def _seats() -> list[tuple[TrainingClass, int]]:
    return [(place, seat) for place in CLASSES for seat in range(place.seats)]


def _find(key: tuple[str, int]) -> tuple[TrainingClass, int]:
    return next((place, seat) for place, seat in _seats() if (place.batch, seat) == key)


def _second_classes(chance: Chance) -> dict[tuple[str, int], tuple[str, int]]:
    """Pair open seats of 2024 with open seats of 2025 that the same kind of person would take."""
    free = [(place, seat) for place, seat in _seats() if seat >= _T1_SEATS + _T2_SEATS]
    early = [(place, seat) for place, seat in free if not _all_certified(place)]
    late = [(place, seat) for place, seat in free if _all_certified(place)]
    chance.rng.shuffle(early)
    chance.rng.shuffle(late)
    pairs: dict[tuple[str, int], tuple[str, int]] = {}
    for (first, seat), (second, later) in zip(early, late, strict=False):
        if len(pairs) < _TWICE and _by_seat(first, seat) == _by_seat(second, later):
            pairs[first.batch, seat] = (second.batch, later)
    return pairs


def _by_seat(place: TrainingClass, seat: int) -> str:
    return FEMALE if (seat * 7 + 3) % place.seats < round(place.women * place.seats) else MALE


def _enrol(chance: Chance, place: TrainingClass, seat: int) -> Enrolment:
    group = _target_group(place, seat)
    attended = chance.whole(90, 100) if _all_certified(place) else chance.weighted(_ATTENDANCE_2024)
    result = "4" if attended < _ATTENDED_ENOUGH else _assessed(chance, place)
    return Enrolment(
        place=place,
        target_group=group,
        proof=chance.weighted(_PROOFS[group]) if group in _PROOFS else "",
        attended=attended,
        cert_result=result,
        cert_no=_certificate(chance, place) if result == "1" else "",
        seat_source={"t1": "APTI", "t2": "open"}.get(group, "musrenbang" if seat in (7, 8, 9) else "open"),
    )


def _target_group(place: TrainingClass, seat: int) -> str:
    if place.funding != "dbhcht":
        return "t3"
    return "t1" if seat < _T1_SEATS else "t2" if seat < _T1_SEATS + _T2_SEATS else "t3"


def _assessed(chance: Chance, place: TrainingClass) -> str:
    return "1" if _all_certified(place) else chance.weighted({"1": 93, "2": 7})


def _all_certified(place: TrainingClass) -> bool:
    # The office: everybody of 2025 was declared competent.
    return place.year == _ALL_CERTIFIED


def _certificate(chance: Chance, place: TrainingClass) -> str:
    field, work = chance.whole(10000, 99999), chance.whole(1000, 9999)
    return f"{field} {work} 3 {chance.whole(0, 9_999_999):07d} {place.year}"


def _enumerator(chance: Chance, person: Person, staff: list[Staff]) -> str:
    workers = [one for one in staff if one.role == "enumerator"]
    own = [one for one in workers if person.village.kec in one.districts]
    return chance.pick(own or workers).code


def person_rows(alumni: Iterable[Alumnus], withdrawn: Mapping[str, str]) -> list[dict[str, object]]:
    """Return one row per person (restricted); `withdrawn` gives the time of an opt-out by alumni_id."""
    return [
        {
            "alumni_id": one.alumni_id,
            "nik_hmac": hashed(one.person.nik),
            "nik_last4": one.person.nik[-4:],
            "full_name": one.person.name,
            "phone_e164": e164(one.person.phone),
            "phone_alt": "",
            "address": f"{one.person.village.name}, RT {int(one.person.nik[-2:]) % 9 + 1:02d}",
            "birth_date": one.person.birth.isoformat(),
            "sex": one.person.sex,
            "kec_code": one.person.village.kec,
            "desa_code": one.person.village.code,
            "edu": one.person.edu,
            "marital": one.person.marital,
            "disability_flag": int(one.person.disabled),
            "opt_out_at": withdrawn.get(one.alumni_id, ""),
        }
        for one in alumni
    ]


def enrolment_rows(alumni: Iterable[Alumnus]) -> list[dict[str, object]]:
    """Return one row per person and class (analytical); costs are IDR for the whole class."""
    rows = [_enrolment_row(one, enrolment) for one in alumni for enrolment in one.enrolments]
    return sorted(rows, key=lambda row: str(row["enrolment_id"]))


def _enrolment_row(one: Alumnus, enrolment: Enrolment) -> dict[str, object]:
    place = enrolment.place
    return {
        "enrolment_id": f"{place.batch}/{one.alumni_id}",
        "alumni_id": one.alumni_id,
        "program_code": place.program,
        "batch": place.batch,
        "provider_lpk": place.provider,
        "lsp": "LSP Rekaan" if enrolment.completed else "",
        "training_start": place.start.isoformat(),
        "training_end": place.end.isoformat(),
        "magang_end": place.internship_end.isoformat() if place.internship_end else "",
        "planned_hours": 100 if place.internship_days else 120,
        "attended_pct": enrolment.attended,
        "completed": int(enrolment.completed),
        "drop_reason": "" if enrolment.completed else "1",
        "cert_scheme": place.scheme if enrolment.completed else "",
        "cert_result": enrolment.cert_result,
        "cert_no": enrolment.cert_no,
        "cert_date": (place.end + timedelta(days=45)).isoformat() if enrolment.cert_no else "",
        "funding": place.funding,
        "budget_year": place.year,
        "package_cost_idr": place.cost,
        "target_group": enrolment.target_group,
        "target_proof": enrolment.proof,
        "seat_source": enrolment.seat_source,
        "n_enrolments": len(one.enrolments),
    }


def case_rows(alumni: Iterable[Alumnus]) -> list[dict[str, object]]:
    """Return the case list for the devices: first name and village, no NIK, no phone."""
    return [
        {
            "name": one.alumni_id,
            "label": one.person.label,
            "program": one.latest.place.program,
            "batch": one.latest.place.batch,
            "training_start": one.latest.place.start.isoformat(),
            "training_end": one.latest.place.end.isoformat(),
            "sex": one.person.sex,
            "birth_year": one.person.birth.year,
            "kec_code": one.person.village.kec,
            "desa_code": one.person.village.code,
            "funding": one.latest.place.funding,
            "target_group": one.latest.target_group,
            "nik_last4": one.person.nik[-4:],
            "certified": int(one.latest.cert_result == "1"),
            "n_enrolments": len(one.enrolments),
            "enumerator": one.enumerator,
        }
        for one in alumni
    ]
