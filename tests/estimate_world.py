"""A tracer warehouse of 240 invented persons in which everything the estimates read is answered."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd

from frame import META
from tracer_etl.evidence.coding.coder import Coder
from tracer_etl.evidence.coding.storing import store_codes
from tracer_etl.evidence.coding.titles import shipped_terms
from tracer_etl.evidence.indicators_training import SKILLS
from tracer_etl.evidence.marts import make_marts

TEXTS = (
    "_submission_id alumni_id enumerator_id mode contact_result aapor_code reg_birth_year emp_bps emp_icls lf_bps lf_icls "
    "underemp pre_work pre_income_band main_act no_seek_reason match_field match_level use_skills status_emp pay_band "
    "biz_profit_band contract bpjs_tk bpjs_kes paid_leave accident biz_legal biz_books job_at_end sat_all select_fair "
    "choose_again need_more need_1 need_2 sex edu job_title kbji_major kbli_section"
).split()
WHOLE = "attempt_no hours_all hours_usual pay_net biz_profit pre_income biz_workers_paid nps".split()
DATES = ("today", "biz_start")
ITEMS = [f"sk_{item}_{phase}" for item in SKILLS for phase in ("before", "after", "need")]

TABLES = (
    "estimate",
    "indicator",
    "weight",
    "weight_margin",
    "registry_margin",
    "weight_diagnostic",
    "time_to_job",
)
"""What the estimates write, beside the tables of `contrasts`."""

JOBS = (
    {"job_title": "Barista di kafe", "kbji_major": "5", "kbli_section": "I"},
    {"job_title": "MUA panggilan", "kbji_major": "5", "kbli_section": "S"},
    {"job_title": "teknisi AC", "kbji_major": "7", "kbli_section": "S"},
    {"job_title": "kuli bangunan", "kbji_major": "9", "kbli_section": "F"},
    {"job_title": "pemilik kedai kopi", "kbji_major": "1", "kbli_section": "I"},
    {"job_title": "ikut orang", "kbji_major": "9", "kbli_section": "S"},
)
"""What people do, in turn; the last title says nothing."""

MASTER = {"barista": ("5132 5246", "56303"), "mua": ("5142", "96112"), "ac": ("7127", "95220")}
"""KBJI and KBLI codes of each programme."""

PROGRAMMES = (("barista", 2024), ("barista", 2025), ("mua", 2024), ("ac", 2025))
SIZE = 60
SMALL = 9
"""Respondents of the last class: too few to show."""


def world() -> duckdb.DuckDBPyConnection:
    """Open a warehouse with marts; the same one every time."""
    connection = duckdb.connect()
    for schema in ("clean", "pii", "marts", "meta", "quarantine"):
        connection.execute(f"create schema {schema}")
    connection.execute(META)
    _tables(connection)
    chance, rows = np.random.default_rng(2026), Rows()
    for number in range(len(PROGRAMMES) * SIZE):
        _person(rows, chance, number)
    # One person took a second class a year later, and one turned out to be no trainee.
    _enrol(rows, "A0000", "mua", 2025, "second")
    rows.add("registry_person", alumni_id="A9999", sex="1", kec_code="350517", edu="4")
    _enrol(rows, "A9999", "mua", 2024, "ineligible")
    rows.add("alumni_tracer", _submission_id="s9999", alumni_id="A9999", aapor_code="410", today="2026-01-05")
    for name, table in rows.tables.items():
        connection.register("fresh", pd.DataFrame(table))
        connection.execute(f"insert into clean.{name} by name select * from fresh")
        connection.unregister("fresh")
    connection.execute(
        "insert into pii.registry_person by name select alumni_id, "
        "case when alumni_id <> 'A9999' then '+6286000000001' end as phone_e164 from clean.registry_person"
    )
    make_marts(connection)
    store_codes(connection, Coder({}, shipped_terms()))
    return connection


def _tables(connection: duckdb.DuckDBPyConnection) -> None:
    columns = [f"{name} varchar" for name in [*TEXTS, *ITEMS]] + [f"{name} bigint" for name in WHOLE]
    columns += [f"{name} date" for name in DATES]
    connection.execute(f"create table clean.alumni_tracer ({', '.join(columns)})")
    connection.execute(
        "create table clean.registry_person (alumni_id varchar, sex varchar, kec_code varchar, edu varchar, "
        "opt_out_at varchar);"
        "create table clean.tobacco_area (kec_code varchar, hectares varchar);"
        "insert into clean.tobacco_area values ('350503', '10'), ('350510', '20'), ('350517', '70'), ('350522', '0');"
        "create table pii.registry_person (alumni_id varchar, nik_hmac varchar, phone_e164 varchar, phone_alt varchar, "
        "address varchar);"
        "create table clean.registry_enrolment (enrolment_id varchar, alumni_id varchar, program_code varchar, "
        "batch varchar, training_start varchar, training_end varchar, magang_end varchar, completed varchar, "
        "cert_result varchar, funding varchar, budget_year varchar, package_cost_idr varchar, target_group varchar, "
        "seat_source varchar);"
        "create table clean.alumni_tracer__job (_submission_id varchar, _position bigint, j_status varchar, j_start date, "
        "j_end_reason varchar, j_end date, j_found varchar);"
        "create table clean.alumni_tracer__cert (_submission_id varchar, cert_result varchar, cert_received varchar, "
        "cert_used varchar);"
        "create table clean.programme (code varchar, kbji varchar, kbli varchar, certainty varchar)"
    )
    for code, (kbji, kbli) in MASTER.items():
        connection.execute("insert into clean.programme values (?, ?, ?, 'to_confirm')", [code, kbji, kbli])


class Rows:
    """Rows of each table, to be inserted at once."""

    def __init__(self) -> None:
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def add(self, table: str, **values: Any) -> None:
        self.tables.setdefault(table, []).append(values)


def _enrol(rows: Rows, key: str, programme: str, year: int, batch: str) -> None:
    rows.add(
        "registry_enrolment",
        enrolment_id=f"{batch}/{key}",
        alumni_id=key,
        program_code=programme,
        batch=f"{programme}-{batch}",
        training_start=f"{year}-05-01",
        training_end=f"{year}-06-10",
        completed="1",
        cert_result="1",
        funding="dbhcht",
        budget_year=str(year),
        package_cost_idr="600000000",
        target_group="t1" if int(key[1:]) % 4 == 0 else "t3",
        seat_source="open",
    )


def _person(rows: Rows, chance: np.random.Generator, number: int) -> None:
    key, sent, (programme, year) = f"A{number:04}", f"s{number}", PROGRAMMES[number // SIZE]
    zone = ("350503", "350510", "350517")[number % 3]
    rows.add(
        "registry_person", alumni_id=key, sex=str(1 + number % 2), kec_code=zone, edu=str(3 + number % 3)
    )
    _enrol(rows, key, programme, year, str(year))
    answered = number % SIZE < (SMALL if programme == "ac" else 40)
    told = _answers(chance, number, year) if answered else {"aapor_code": "211"}
    worked_since = told.pop("job_since", "0")
    attempt = {"_submission_id": sent, "alumni_id": key, "today": "2026-01-15", "attempt_no": 1 + number % 3}
    born, mode = str(1990 + number % 14), str(1 + number % 2)
    rows.add("alumni_tracer", **attempt, reg_birth_year=born, mode=mode, **told)
    if worked_since == "1":
        began, found = f"{year}-{7 + number % 5:02}-01", str(1 + number % 7)
        job = {"j_status": told["status_emp"], "j_start": began, "j_end_reason": "1", "j_found": found}
        rows.add("alumni_tracer__job", _submission_id=sent, _position=1, **job)
    if answered:
        certificate = {"cert_result": "1", "cert_received": "1", "cert_used": str(number % 2)}
        rows.add("alumni_tracer__cert", _submission_id=sent, **certificate)


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
        **JOBS[number % len(JOBS)],
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
