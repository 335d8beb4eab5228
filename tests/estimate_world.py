"""A tracer warehouse of 240 invented persons in which everything the estimates read is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np

from frame import META
from tracer_etl.evidence.indicators_training import SKILLS
from tracer_etl.evidence.marts import make_marts

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS = (
    "_submission_id alumni_id enumerator_id mode contact_result aapor_code reg_birth_year emp_bps emp_icls lf_bps lf_icls "
    "underemp pre_work pre_income_band main_act match_field match_level use_skills status_emp pay_band biz_profit_band "
    "contract bpjs_tk bpjs_kes paid_leave accident biz_legal biz_books job_at_end sat_all select_fair choose_again "
    "need_more need_1 need_2 sex edu"
).split()
WHOLE = "attempt_no hours_all hours_usual pay_net biz_profit pre_income biz_workers_paid nps".split()
DATES = ("today", "biz_start")
ITEMS = [f"sk_{item}_{phase}" for item in SKILLS for phase in ("before", "after", "need")]

PROGRAMMES = (("barista", 2024), ("barista", 2025), ("mua", 2024), ("ac", 2025))
SIZE = 60
SMALL = 9
"""Respondents of the last class: too few to show."""


def world() -> duckdb.DuckDBPyConnection:
    """Open a warehouse with marts; the same one every time."""
    connection = duckdb.connect()
    for schema in ("clean", "marts", "meta", "quarantine"):
        connection.execute(f"create schema {schema}")
    connection.execute(META)
    _tables(connection)
    chance = np.random.default_rng(2026)
    for number in range(len(PROGRAMMES) * SIZE):
        _person(connection, chance, number)
    # One person took a second class a year later, and one turned out to be no trainee.
    _enrol(connection, "A0000", "mua", 2025, "second")
    connection.execute("insert into clean.registry_person values ('A9999', '1', '350517', '4', null)")
    _enrol(connection, "A9999", "mua", 2024, "ineligible")
    _insert(
        connection,
        {"_submission_id": "s9999", "alumni_id": "A9999", "aapor_code": "410", "today": "2026-01-05"},
    )
    make_marts(connection)
    return connection


def _tables(connection: duckdb.DuckDBPyConnection) -> None:
    columns = [f"{name} varchar" for name in [*TEXTS, *ITEMS]] + [f"{name} bigint" for name in WHOLE]
    columns += [f"{name} date" for name in DATES]
    connection.execute(f"create table clean.alumni_tracer ({', '.join(columns)})")
    connection.execute(
        "create table clean.registry_person (alumni_id varchar, sex varchar, kec_code varchar, edu varchar, "
        "opt_out_at varchar);"
        "create table clean.registry_enrolment (enrolment_id varchar, alumni_id varchar, program_code varchar, "
        "batch varchar, training_start varchar, training_end varchar, magang_end varchar, completed varchar, "
        "cert_result varchar, funding varchar, budget_year varchar, package_cost_idr varchar, target_group varchar, "
        "seat_source varchar);"
        "create table clean.alumni_tracer__job (_submission_id varchar, _position bigint, j_status varchar, j_start date, "
        "j_end_reason varchar, j_end date, j_found varchar);"
        "create table clean.alumni_tracer__cert (_submission_id varchar, cert_result varchar, cert_received varchar, "
        "cert_used varchar)"
    )


def _enrol(connection: duckdb.DuckDBPyConnection, key: str, programme: str, year: int, batch: str) -> None:
    values = [f"{batch}/{key}", key, programme, f"{programme}-{batch}", f"{year}-05-01", f"{year}-06-10"]
    group = "t1" if int(key[1:]) % 4 == 0 else "t3"
    connection.execute(
        "insert into clean.registry_enrolment values (?, ?, ?, ?, ?, ?, null, '1', '1', 'dbhcht', ?, '600000000', ?, 'open')",
        [*values, str(year), group],
    )


def _person(connection: duckdb.DuckDBPyConnection, chance: np.random.Generator, number: int) -> None:
    key, (programme, year) = f"A{number:04}", PROGRAMMES[number // SIZE]
    sex, zone = str(1 + number % 2), ("350503", "350510", "350517")[number % 3]
    connection.execute(
        "insert into clean.registry_person values (?, ?, ?, ?, null)", [key, sex, zone, str(3 + number % 3)]
    )
    _enrol(connection, key, programme, year, str(year))
    answered = number % SIZE < (SMALL if programme == "ac" else 40)
    told = _answers(chance, number, year) if answered else {"aapor_code": "211"}
    born = str(1990 + number % 14)
    attempt = {
        "_submission_id": f"s{number}",
        "alumni_id": key,
        "today": "2026-01-15",
        "attempt_no": 1 + number % 3,
    }
    _insert(connection, {**attempt, "reg_birth_year": born, "mode": str(1 + number % 2), **told})
    if answered and told["job_since"] == "1":
        connection.execute(
            "insert into clean.alumni_tracer__job values (?, 1, ?, ?, '1', null, ?)",
            [f"s{number}", told["status_emp"], f"{year}-{7 + number % 5:02}-01", str(1 + number % 7)],
        )
    if answered:
        connection.execute(
            "insert into clean.alumni_tracer__cert values (?, '1', '1', ?)", [f"s{number}", str(number % 2)]
        )


def _answers(chance: np.random.Generator, number: int, year: int) -> dict[str, Any]:
    works = bool(chance.random() < 0.75)
    status = str(chance.choice(["1", "2", "4", "6"]))
    owner = works and status in ("1", "2")
    skills = {
        f"sk_{item}_{phase}": str(int(chance.integers(low, high)))
        for item in SKILLS
        for phase, low, high in (("before", 1, 4), ("after", 3, 6), ("need", 3, 6))
    }
    pay = int(chance.integers(10, 40)) * 100_000
    common = {
        "aapor_code": "110",
        "emp_bps": str(int(works)),
        "emp_icls": str(int(works)),
        "lf_bps": "1" if works else "2",
        "lf_icls": "1" if works else "4",
        "underemp": "0",
        "main_act": "1" if works else "3",
        "pre_work": str(number % 2),
        "pre_income": 1_000_000 if number % 2 else None,
        "job_at_end": "0" if number % 5 else "1",
        "job_since": str(int(works and number % 5 > 0)),
        "sat_all": str(int(chance.integers(2, 6))),
        "nps": int(chance.integers(0, 11)),
        "select_fair": "1",
        "choose_again": "1",
        "need_more": "1",
        "need_1": "mua" if number % 2 else "ac",
        "need_2": "barista",
    }
    at_work = {
        "status_emp": status,
        "hours_all": 30 + number % 20,
        "hours_usual": 40,
        "match_field": str(1 + number % 3),
        "match_level": "2",
        "use_skills": "4",
        "contract": None if owner else str(1 + number % 4),
        "bpjs_tk": None if owner else "1",
        "bpjs_kes": None if owner else "0",
        "paid_leave": None if owner else "1",
        "accident": None if owner else "0",
        "pay_net": None if owner else pay,
        "biz_profit": pay if owner else None,
        "biz_start": f"{year}-08-01" if owner else None,
        "biz_workers_paid": 1 if owner else None,
        "biz_legal": "1 6" if owner else None,
        "biz_books": "0" if owner else None,
    }
    return {**common, **skills, **(at_work if works else {"status_emp": None})}


def _insert(connection: duckdb.DuckDBPyConnection, answers: Mapping[str, Any]) -> None:
    known = {name: value for name, value in answers.items() if name != "job_since"}
    marks = ", ".join("?" * len(known))
    connection.execute(
        f"insert into clean.alumni_tracer ({', '.join(known)}) values ({marks})", list(known.values())
    )
