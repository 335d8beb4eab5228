"""For every check across submissions and tables: a world where it fires, and one where it holds its peace.

A key is (rule, scope, severity), with form, stage and column where that is not enough. The worlds of S04 are the files
of a landing: see landed().
"""

from __future__ import annotations

import tempfile
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_etl.evidence import selection_checks
from tracer_etl.evidence.coding.checks import checks_of_job_codes
from tracer_etl.evidence.lottery import ticket
from tracer_etl.landing import Landing
from tracer_etl.oversight.edits import checks_of_edits
from tracer_etl.oversight.identifiers import checks_of_withdrawn
from tracer_etl.records import Proof, Received

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from oversight_case import World
    from tracer_etl.oversight.registry import Check, Finding, Measured
    from tracer_etl.warehouse.contract import Connection

Row = dict[str, Any]
A, APPLICATION, MARK = "judged_alumni_tracer", "judged_applicant_registration", "judged_selection_assessment"
PERSON, PERSON_PII, ENROLMENT = "clean.registry_person", "pii.registry_person", "clean.registry_enrolment"
NIK, OTHER_NIK = "ab" * 32, "cd" * 32


def at(day: int, hour: int = 9) -> datetime:
    """Give a moment of January 2026, Asia/Jakarta."""
    return datetime.fromisoformat(f"2026-01-{day:02d} {hour:02d}:00:00+07:00")


def interviewed(key: str, person: str = "A1", day: int = 10, **given: Any) -> Row:
    """Give one attempt: by default a complete interview."""
    row: Row = {"_submission_id": key, "alumni_id": person, "today": date(2026, 1, day), "start": at(day)}
    return {**row, "aapor_code": "110", **given}


def registered(*people: str, sex: str = "2", birth: str = "1999-05-07") -> World:
    """Give persons of the registry, in both places."""
    return {
        PERSON: [{"alumni_id": one, "sex": sex, "opt_out_at": None} for one in people],
        PERSON_PII: [
            {"alumni_id": one, "nik_hmac": NIK, "full_name": "Sri Setyowati", "birth_date": birth}
            for one in people
        ],
    }


def enrolled(
    number: int = 1, person: str = "A1", start: str = "2025-07-01", end: str = "2025-07-17", **given: Any
) -> Row:
    """Give one enrolment of the registry."""
    row: Row = {
        "enrolment_id": f"e{number}",
        "alumni_id": person,
        "program_code": "mua",
        "batch": "mua-2025-1",
    }
    return {
        **row,
        "training_start": start,
        "training_end": end,
        "funding": "apbd",
        "budget_year": "2025",
        **given,
    }


def _pulled(*proofs: tuple[str, int, int, str]) -> World:
    columns = ("pulled_at", "server_count", "distinct_keys", "missing")
    rows = [dict(zip(columns, one, strict=True)) for one in proofs]
    return {"meta.pull": [{"form_id": "visit", "failed": None, **row} for row in rows]}


def _sent(*files: tuple[str, bool]) -> World:
    rows = [{"form_id": "visit", "sha256": digest, "present": there} for digest, there in files]
    return {"pii._attachment": rows}


def _job(title: str, match: str = "1", major: str = "5", programme: str = "barista") -> World:
    """Give a job to judge, beside one of which nothing is to be said."""
    judged = {"match_field": match, "reg_program": programme, "job_title": title, "kbji_major": major}
    other = {"match_field": "1", "reg_program": "barista", "job_title": "barista", "kbji_major": "5"}
    listed = {"code": "barista", "kbji": "5132 5246", "kbli": "56303", "certainty": "confident"}
    jobs = {"a": judged, "b": other}
    return {
        A: [{"_submission_id": key, "kbli_section": "I", **job} for key, job in jobs.items()],
        "clean.programme": [listed],
    }


def _umk(*used: tuple[int, int | None]) -> World:
    rows = [{"date": date(year, 12, 31), "umk_idr": umk} for year, umk in used]
    return {"marts.interview": [{"date": date(2026, 1, 1), "umk_idr": 2567744}, *rows]}


def _closed(code: str, *attempts: str, twice: bool = False) -> World:
    codes = {"110": 1, "211": 4, "900": 9}
    return {
        "marts.case_disposition": [{"alumni_id": "A1", "aapor_code": code}] * (2 if twice else 1),
        "marts.seed_aapor": [{"code": one, "precedence": place} for one, place in codes.items()],
        "marts.attempt": [{"alumni_id": "A1", "aapor_code": one} for one in attempts],
    }


def _attempts(*told: tuple[int, int, str], held: int = 0) -> World:
    """Attempts of one person as (number, day, code); the first `held` of them are set aside by something else."""
    rows = [interviewed(f"a{n}", day=day, attempt_no=n, aapor_code=code) for n, day, code in told]
    seen = [{"_submission_id": row["_submission_id"]} for row in rows[held:]]
    empty = [interviewed("", "", attempt_no=1) | {"alumni_id": None}]
    return {A: seen, "clean.alumni_tracer": rows[held:], "quarantine.alumni_tracer": rows[:held] or empty}


def _frame(persons: int, closed: int) -> World:
    return {
        "marts.case_disposition": [{"alumni_id": f"A{n}", "category": "I"} for n in range(closed)],
        PERSON: [{"alumni_id": f"A{n}"} for n in range(persons)],
    }


def _trained(start: date, end: date, program: str = "mua") -> World:
    training = {"_submission_id": "a", "tr_program": program, "tr_start": start, "tr_end": end}
    return {A: [interviewed("a")], f"{A}__training": [training], ENROLMENT: [enrolled()]}


def _identified(sex: str, born: int) -> World:
    row = interviewed("a", verify_name="1", sex=sex, birth_year=born)
    return {A: [row], **registered("A1", sex="2", birth="1999-05-07")}


def _registry(*enrolments: Row, hashes: tuple[str, ...] = (NIK, OTHER_NIK)) -> World:
    people = [{"alumni_id": f"A{n}", "nik_hmac": one} for n, one in enumerate(hashes, 1)]
    return {PERSON_PII: people, ENROLMENT: list(enrolments)}


def _decoded(birth: str, sex: str) -> World:
    nik = {"alumni_id": "A1", "nik_birth_date": birth, "nik_sex": sex}
    return {"pii.registry_nik": [nik], **registered("A1")}


def _classes(*sizes: int) -> World:
    return {
        ENROLMENT: [
            enrolled(batch=f"class-{n}", budget_year="2025" if n else "2024")
            for n, size in enumerate(sizes)
            for _ in range(size)
        ]
    }


def _phones(*told: tuple[str, str]) -> World:
    rows = [interviewed(f"s{n}", person, phone=phone) for n, (person, phone) in enumerate(told)]
    return {A: rows, "pii.staff_phone": [{"name": "P01", "phone": "+6286099000001"}]}


def _employer(says: int, name: int, alumni: int) -> World:
    employer = {
        "_submission_id": "e",
        "em_alumni": "1",
        "em_alumni_n": says,
        "em_name": f"Kopi  {name}".replace("  ", " "),
    }
    rows = [interviewed(f"s{n}", f"A{n}", employer_name=" kopi 1 ") for n in range(alumni)]
    return {"judged_employer_needs": [employer], A: rows}


def _accepted(assessors: str) -> World:
    return {
        ENROLMENT: [enrolled(start="2026-03-16", end="2026-04-03")],
        **registered("A1"),
        "pii.applicants": [{"applicant_id": "K1", "nik_hmac": NIK}],
        "clean.applicants": [{"applicant_id": "K1", "application_id": "r1", "program_code": "mua"}],
        APPLICATION: [{"_submission_id": "r1"}],
        MARK: [{"sa_applicant": "K1", "sa_assessor": one} for one in assessors],
    }


def _marks(*told: tuple[str, str]) -> World:
    return {
        MARK: [
            {
                "_submission_id": f"m{n}",
                "sa_applicant": number,
                "sa_assessor": assessor,
                "start": at(5, 8 + n),
            }
            for n, (number, assessor) in enumerate(told)
        ]
    }


def _selected(*told: tuple[str, float, bool, str]) -> World:
    """Outcomes of one stratum as (decision, total, in the band, reason)."""
    columns = ("decision", "total", "in_band", "reason")
    rows = [dict(zip(columns, one, strict=True)) for one in told]
    return {
        "marts.selection_result": [{"stratum": "mua-t1", "line": n, **row} for n, row in enumerate(rows, 1)]
    }


def _drawn(*numbers: str, seed: str = "benih") -> World:
    """Applicants of one stratum in the order of their lots, drawn with a seed; the published one is `benih`."""
    lots = {one: ticket("2026-1", "mua-t1", one, seed) for one in numbers}
    order = sorted(numbers, key=lots.__getitem__)
    rows = [
        {"number": one, "stratum": "mua-t1", "lot": lots[one], "line": n, "in_band": True}
        for n, one in enumerate(order, 1)
    ]
    setting = [{"name": "name", "value": "2026-1"}, {"name": "public_seed", "value": "benih"}]
    return {"marts.selection_result": rows, "marts.selection_setting": setting}


def _applied(*niks: str, ended: str = "2024-03-15", funding: str = "apbd") -> World:
    return {
        APPLICATION: [
            {"_submission_id": f"r{n}", "ap_nik": nik, "start": at(n), "_submitted_at": at(n, 10)}
            for n, nik in enumerate(niks, 1)
        ],
        "clean.applicants": [{"applicant_id": "K1", "application_id": "r1", "round": "2026-1"}],
        "pii.applicants": [{"applicant_id": "K1", "nik_hmac": NIK}],
        ENROLMENT: [enrolled(end=ended, funding=funding)],
        **registered("A1"),
    }


def _ideas(*texts: str, device: str = "") -> World:
    return {
        "judged_youth_ideas": [
            {
                "_submission_id": f"y{n}", "deviceid": device or f"d{n}", "today": date(2026, 1, 5), "start": at(5, 8 + n),
                "idea_text": text,
            }
            for n, text in enumerate(texts)
        ]
    }  # fmt: skip


_COFFEE = "Pelatihan sangrai kopi Blitar untuk pemuda desa agar bisa membuka kedai sendiri"
_WELDING = "Kursus las listrik bersertifikat supaya lulusan SMK dapat bekerja di bengkel besar"


def _published(**columns: str) -> World:
    return {**registered("A1"), "marts.absorption": [{"programme": "mua", "rate": 0.5, **columns}]}


def _withdrawn(*people: str) -> World:
    rows = [{"alumni_id": one, "opt_out_at": "2026-02-01" if one == "A9" else None} for one in ("A1", "A9")]
    return {PERSON: rows, "marts.attempt": [{"alumni_id": one} for one in people]}


# -- S04 reads a landing, not a table


class _Pulled:
    origin, cursor, versions = "test", {}, ()

    def __init__(self, edited: str) -> None:
        self.edited, self.proof = edited, Proof(2, 2, 1)

    def __iter__(self) -> Iterator[Received]:
        yield Received("uuid:1", "uuid:1", b"<a/>")
        yield Received(self.edited, "uuid:2", b"<b/>")


def _unresolved(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Land what the world's only row says is edited, and look that up."""
    [[edited]] = connection.execute("SELECT edited FROM judged_alumni_tracer").fetchall()
    with tempfile.TemporaryDirectory() as folder:
        Landing(Path(folder), kwargs["form"]).land(_Pulled(edited), "2026-01-01T00:00:00+00:00")
        yield from checks_of_edits(Path(folder))["unresolved_edits"](connection, kwargs, thresholds)


CHECKS: dict[str, Check] = {
    "unresolved_edits": _unresolved,
    **checks_of_withdrawn(frozenset({"A8"})),
    **selection_checks.CHECKS,
    **checks_of_job_codes(Path(__file__).parent / "job_codes.csv"),
}

CASES: dict[tuple[str, ...], tuple[World, World]] = {
    ("S04", "submission", "warning"): ({A: [{"edited": "uuid:9"}]}, {A: [{"edited": "uuid:1"}]}),
    ("S06", "batch", "critical"): (
        _pulled(("2026-01-01", 5, 5, ""), ("2026-01-02", 6, 5, "")),
        _pulled(("2026-01-01", 6, 5, ""), ("2026-01-02", 6, 6, "")),
    ),
    ("S07", "batch", "info"): (_sent(("aa", True), ("", False)), _sent(("aa", True))),
    ("R02", "submission", "warning"): (
        {A: [interviewed("a", "A2")], **registered("A1")},
        {A: [interviewed("a", "A1")], **registered("A1")},
    ),
    ("C19", "submission", "info"): (_job("Pramusaji kafe"), _job("BARISTA di kafe")),
    ("C22", "batch", "critical"): (_umk((2025, 2567744)), _umk((2025, 2413974))),
    ("X01", "batch", "critical"): (_closed("211", "900", "110"), _closed("110", "211", "110", "900")),
    ("X02", "submission", "warning"): (
        {A: [interviewed("a"), interviewed("b", day=11)]},
        {A: [interviewed("a"), interviewed("b", day=11, aapor_code="120"), interviewed("c", "A2")]},
    ),
    ("X03", "submission", "info"): (
        _attempts((1, 10, "900"), (3, 11, "110")),
        _attempts((1, 10, "900"), (2, 11, "110"), held=1),
    ),
    ("X04", "batch", "critical"): (_frame(3, 2), _frame(3, 3)),
    ("X05", "submission", "info"): (
        _trained(date(2025, 7, 9), date(2025, 7, 17)),
        _trained(date(2025, 7, 8), date(2025, 7, 10)),
    ),
    ("X06", "submission", "info"): (_identified("1", 1999), _identified("2", 1999)),
    ("X06", "submission", "warning"): (_identified("1", 1998), _identified("2", 1998)),
    ("X08", "batch", "critical"): (
        _registry(enrolled(), enrolled(2, start="2025-07-17", end="2025-08-01")),
        _registry(enrolled(), enrolled(2, start="2025-07-18", end="2025-08-01"), enrolled(3, "A2")),
    ),
    ("X09", "batch", "info"): (_decoded("1999-05-08", "2"), _decoded("1999-05-07", "2")),
    ("X10", "submission", "info"): (
        {APPLICATION: [{"_submission_id": "r", "ap_ktp_blitar": "1", "ap_nik": "3572014705990001"}]},
        {APPLICATION: [{"_submission_id": "r", "ap_ktp_blitar": "1", "ap_nik": "3505014705990001"}]},
    ),
    ("X11", "batch", "info"): (_classes(20, 30, 30, 30, 31, 20), _classes(10, 30, 30, 30, 30, 25)),
    ("X12", "submission", "warning"): (
        _phones(("A1", "081234567890"), ("A2", "+6281234567890"), ("A3", "6281234567890")),
        _phones(("A1", "081234567890"), ("A2", "+6281234567890"), ("A2", "081234567890"), ("A3", "0812345678901")),
    ),
    ("X13", "submission", "info"): (_employer(2, 1, 3), _employer(3, 1, 3)),
    ("X14", "batch", "info"): (_accepted("N"), _accepted("NM")),
    ("X15", "submission", "critical"): (_marks(("K1", "N1"), ("K1", "N1")), _marks(("K1", "N1"), ("K1", "N2"))),
    ("X15", "cell", "info"): (_marks(("K1", "N1")), _marks(("K1", "N1"), ("K1", "N2"))),
    ("X16", "batch", "critical"): (
        _selected(("accept", 60.0, False, "score"), ("reserve", 70.0, False, "no seat left")),
        _selected(
            ("accept", 60.0, True, "drawn by lot"), ("reject", 62.0, True, "no seat left"),
            ("reject", 70.0, False, "village has its seats"), ("reject", 40.0, False, "no seat left"),
        ),
    ),
    ("X17", "batch", "critical"): (_drawn("K1", "K2", "K3", seed="lain"), _drawn("K1", "K2", "K3")),
    ("X18", "submission", "warning"): (
        _applied("3505014705990001", "3505014705990001"),
        _applied("3505014705990001", "3505014705990002"),
    ),
    ("X19", "submission", "warning", "youth_ideas", "load", "deviceid"): (
        _ideas("a", "b", "c", "d", device="same"),
        _ideas("a", "b", "c", device="same"),
    ),
    ("X19", "submission", "warning", "youth_ideas", "load", "idea_text"): (
        _ideas(_COFFEE, _WELDING, f"{_COFFEE.upper()}!"),
        _ideas(_COFFEE, _WELDING, "kopi", "kopi"),
    ),
    ("X20", "batch", "critical"): (_withdrawn("A1", "A8"), _withdrawn("A1")),
    ("X21", "batch", "critical"): (
        _published(note="telp 0812 atau 081234567890"),
        _published(lot="0812345678901234ab" * 3, note="uuid:00000000-0000-4000-8000-081234567890"),
    ),
}  # fmt: skip

ALSO_BROKEN: list[tuple[tuple[str, ...], World]] = [
    (("S06", "batch", "critical"), _pulled(("2026-01-02", 5, 5, "uuid:7"))),
    (("C19", "submission", "info"), _job("Juru Saji")),
    (("C22", "batch", "critical"), _umk((2027, None))),
    (("X01", "batch", "critical"), _closed("110", "110", twice=True)),
    (("X03", "submission", "info"), _attempts(*[(n, 10, "220") for n in range(1, 6)])),
    (("X05", "submission", "info"), _trained(date(2025, 7, 1), date(2025, 7, 17), "barista")),
    (("X06", "submission", "info"), _identified("2", 1998)),
    (("X08", "batch", "critical"), _registry(enrolled(), hashes=(NIK, NIK))),
    (("X11", "batch", "info"), _classes(20, 30, 30, 30)),
    (("X12", "submission", "warning"), _phones(("A1", "086099000001"))),
    (("X13", "submission", "info"), _employer(9, 1, 3)),
    (("X18", "submission", "warning"), _applied("3505014705990001", ended="2024-03-17")),
    (("X20", "batch", "critical"), _withdrawn("A9")),
    (("X21", "batch", "critical"), _published(note="SRI setyowati")),
    (("X21", "batch", "critical"), _published(note="nomor 3505014705990001")),
    (("X21", "batch", "critical"), _published(place="-8.0955 112.1609")),
    (("X21", "batch", "critical"), _published(gps_lat="x")),
]
"""Further worlds in which a check fires: each is another way to break it."""
ALSO_KEPT: list[tuple[tuple[str, ...], World]] = [
    (("C19", "submission", "info"), _job("Es kopi keliling")),
    (("C19", "submission", "info"), _job("Pramusaji", match="2")),
    (("C19", "submission", "info"), _job("Pramusaji", major="9")),
    (("C19", "submission", "info"), _job("serabutan")),
    (("C19", "submission", "info"), _job("Pramusaji", programme="menari")),
    (("X03", "submission", "info"), _attempts(*[(n, 10 + n, "220") for n in range(1, 6)])),
    (("X18", "submission", "warning"), _applied("3505014705990001", ended="2024-03-16")),
    (("X18", "submission", "warning"), _applied("3505014705990001", ended="2025-07-17", funding="self")),
]
"""Further worlds in which a check holds its peace."""
