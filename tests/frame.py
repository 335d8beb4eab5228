"""A small tracer warehouse made by SQL: people, attempts and answers one can count on paper."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import duckdb

PROGRAMME = "barista"
SECRET = "Siti Rahayu"  # noqa: S105 - a name that must never reach a page
PERSON = "create table clean.registry_person (alumni_id varchar, sex varchar, kec_code varchar)"
ENROLMENT = (
    "create table clean.registry_enrolment (enrolment_id varchar, alumni_id varchar, program_code varchar, "
    "training_end varchar, budget_year varchar, funding varchar, target_group varchar)"
)
TRACER = (
    "create table clean.alumni_tracer (_submission_id varchar, alumni_id varchar, attempt_no bigint, today date, "
    "enumerator_id varchar, mode varchar, contact_result varchar, aapor_code varchar, reg_birth_year varchar, "
    "emp_bps varchar, emp_icls varchar, pre_work varchar, match_field varchar, status_emp varchar, hours_all bigint, "
    "pay_net bigint, pay_band varchar, biz_profit bigint, biz_profit_band varchar, contract varchar, bpjs_tk varchar, "
    "bpjs_kes varchar, accident varchar, employer_name varchar)"
)
META = (
    "create table meta.form_summary (form_id varchar, landed bigint, good bigint, set_aside bigint, warned bigint);"
    "create table meta.pull (form_id varchar, server_count bigint, distinct_keys bigint, pages bigint, pulled_at varchar, "
    "remarks varchar);"
    "create table meta.form_version (form_id varchar, version varchar, position bigint);"
    "insert into meta.form_summary values ('alumni_tracer', 1234, 1230, 4, 1);"
    "create table quarantine.reason (form_id varchar, _submission_id varchar, table_name varchar, _row_id varchar, "
    "rule varchar, severity varchar, column_name varchar, why_id varchar, why_en varchar);"
    "insert into quarantine.reason select 'alumni_tracer', 'uuid:q' || s, 'alumni_tracer', 'uuid:q' || s, 'R12', "
    "'warning', 'pay_net', 'Upah <mustahil>', 'Pay <impossible>' from range(4) as caught(s);"
    "insert into quarantine.reason select 'alumni_tracer', 'uuid:q' || s, 'alumni_tracer', 'uuid:q' || s, "
    "'form:constraint', 'warning', 'q' || k, 'Melanggar batasan. Pesan ' || k, 'Breaks a constraint. Message ' || k "
    "from range(3) as caught(s), range(9) as asked(k);"
    "insert into meta.pull values ('alumni_tracer', 1234, 1234, 1, '2026-02-01T03:00:00+00:00', ''), "
    "('alumni_tracer', 1240, 1234, 1, '2026-02-03T03:00:00+00:00', 'Siti Rahayu');"
    "insert into meta.form_version values ('alumni_tracer', '2026112401', 1);"
)


@dataclass
class Frame:
    """Grows person by person; `connection` is open until the caller closes it."""

    connection: duckdb.DuckDBPyConnection
    people: int = 0
    submissions: int = field(default=0)

    def person(self, *codes: str, programme: str = PROGRAMME, **answers: Any) -> str:
        """Add one person with an attempt per AAPOR code, a day apart; answers belong to interviews."""
        self.people += 1
        key = f"A{self.people:07}"
        self.connection.execute("insert into clean.registry_person values (?, '2', '350517')", [key])
        self.connection.execute(
            "insert into clean.registry_enrolment values (?, ?, ?, '2025-06-30', '2025', 'dbhcht', 't3')",
            [f"{key}/1", key, programme],
        )
        for number, code in enumerate(codes, 1):
            self.attempt(key, number, code, **answers)
        return key

    def attempt(self, key: str, number: int, code: str, **answers: Any) -> None:
        """Add one submission."""
        self.submissions += 1
        values = {
            "_submission_id": f"uuid:{self.submissions}",
            "alumni_id": key,
            "attempt_no": number,
            "today": f"2026-01-{number:02}",
            "enumerator_id": "P01",
            "aapor_code": code,
            "reg_birth_year": "2001",
            "employer_name": SECRET,
            **(answers if code in ("110", "120") else {}),
        }
        marks = ", ".join("?" * len(values))
        self.connection.execute(
            f"insert into clean.alumni_tracer ({', '.join(values)}) values ({marks})", list(values.values())
        )


def frame(path: str = ":memory:", *, tracer: bool = True) -> Frame:
    """Open an empty warehouse; without `tracer` it has no tracer form and no registry."""
    connection = duckdb.connect(path)
    for schema in ("clean", "marts", "meta", "quarantine"):
        connection.execute(f"create schema {schema}")
    connection.execute(META)
    if tracer:
        for table in (PERSON, ENROLMENT, TRACER):
            connection.execute(table)
    return Frame(connection)
