"""A field team one can count on paper: an honest enumerator, one who invents interviews, and a beginner."""

from __future__ import annotations

from datetime import date
from typing import Any

from oversight_case import _make
from tracer_etl.warehouse.contract import AREAS, Connection

Row = dict[str, Any]
WHY = {"why_id": "Jawaban hampir sama.", "why_en": "Almost the same answers."}


def work(key: str, who: str, person: str, code: str = "110", **answers: Any) -> Row:
    """Write one submission of the tracer form, as far as supervisors' tables read it."""
    row = {
        "_submission_id": key, "enumerator_id": who, "alumni_id": person, "today": date(2026, 1, 10), "mode": "1",
        "aapor_code": code, "duration_min": 25.0, "birth_year": 1999, "edu": "3", "pre_work": "1", "emp_bps": "1",
        "status_emp": "4", "attempt_no": 1, "contact_result": "01", "reg_birth_year": 1999, "_review_state": "",
        "emp_icls": "1", "match_field": "1", "hours_all": 40, "pay_net": 2500000, "pay_band": None, "biz_profit": 100000,
        "biz_profit_band": None, "contract": "1", "bpjs_tk": "1", "bpjs_kes": "1", "accident": "0",
    }  # fmt: skip
    return row | answers


def reason(key: str, rule: str, severity: str = "warning", state: str = "open") -> Row:
    return {
        "form_id": "alumni_tracer", "_submission_id": key, "rule": rule, "severity": severity, "column_name": "start",
        **WHY, "state": state, "origin": "oversight",
    }  # fmt: skip


GOOD = [
    work("a1", "P01", "A1"),
    work("a2", "P01", "A2", "211", duration_min=2.0),
    work("a3", "P01", "A3", "900", duration_min=1.0),
    work("c1", "P03", "A7", today=date(2026, 1, 11), duration_min=31.0),
    work("w1", "P01", "A8", mode="4", duration_min=9.0),
]
HELD = [
    work(f"b{n}", "P02", f"A{n}", duration_min=12.0, _review_state="hasIssues" if n == 4 else "")
    for n in (4, 5, 6)
]
PEOPLE = [
    {"alumni_id": f"A{n}", "sex": "2", "kec_code": "350501" if n < 5 else "350502"} for n in range(1, 10)
]
WORLD: dict[str, list[Row]] = {
    "clean.alumni_tracer": GOOD,
    "quarantine.alumni_tracer": HELD,
    "clean.registry_person": PEOPLE,
    "clean.registry_enrolment": [
        {"enrolment_id": f"{one['alumni_id']}/1", "alumni_id": one["alumni_id"], "program_code": "barista",
         "training_end": "2025-06-30", "budget_year": "2025", "funding": "dbhcht", "target_group": "t3"}
        for one in PEOPLE
    ],
    "quarantine.reason": [
        *[reason(row["_submission_id"], rule) for row in HELD for rule in ("H10", "H12")],
        reason("a1", "H21", "info", "listed"),
        reason("c1", "H05", state="released"),
    ],
    "clean.backcheck": [
        {"bc_alumni": "A1", "bc_reached": "1", "bc_was_int": "1", "bc_birth_year": 1999, "bc_edu": "4", "bc_pre_work": "1",
         "bc_emp": "1", "bc_status": "5"},
        {"bc_alumni": "A4", "bc_reached": "1", "bc_was_int": "0", "bc_birth_year": None, "bc_edu": None,
         "bc_pre_work": None, "bc_emp": None, "bc_status": None},
        {"bc_alumni": "A5", "bc_reached": "0", "bc_was_int": None, "bc_birth_year": None, "bc_edu": None,
         "bc_pre_work": None, "bc_emp": None, "bc_status": None},
    ],
    "meta.finding": [
        {"rule": rule, "stage": "load", "scope": "enumerator", "key": who, "value": value, "detail": ""}
        for rule, who, value in (("H17", "P02", "tidak pernah diwawancarai / never interviewed: 1"), ("H16", "P03", "0 / 1"))
    ],
    "meta.check_result": [
        {"position": n, "rule": rule, "stage": "load", "scope": scope, "form_id": "alumni_tracer", "severity": severity,
         "outcome": outcome, "findings": 0, "value": "", "threshold": "", "note": note, **WHY}
        for n, (rule, scope, severity, outcome, note) in enumerate([
            ("H16", "enumerator", "info", "found", ""), ("H17", "enumerator", "warning", "found", ""),
            ("H12", "submission", "warning", "found", ""), ("H13", "submission", "warning", "not_evaluated", "no photos"),
        ])
    ],
    "meta.form_summary": [{"form_id": "alumni_tracer", "landed": 8, "good": 5, "set_aside": 3, "warned": 1}],
    "meta.pull": [
        {"form_id": "alumni_tracer", "server_count": 8, "distinct_keys": 8, "pages": 1,
         "pulled_at": "2026-01-12T03:00:00+00:00", "remarks": ""}
    ],
    "meta.form_version": [{"form_id": "alumni_tracer", "version": "1", "position": 1}],
    "meta.code": [
        {"form_id": "alumni_tracer", "list_name": "kec", "value": code, "language": f"Language ({language})", "label": name}
        for code, name in (("350501", "Wonodadi"), ("350502", "Udanawu"))
        for language in ("id", "en")
    ],
    "clean.programme": [{"code": "barista", "label_id": "Barista", "label_en": "Barista"}],
}  # fmt: skip


def fill(connection: Connection) -> None:
    """Make the tables; the marts can be made from them."""
    for area in AREAS:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {area}")
    for table, rows in WORLD.items():
        _make(connection, table, rows)
