"""Ideas, employers, applicants and assessments in a small warehouse, counted on paper by the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

TABLES = """
create schema if not exists pii;
create table clean.youth_ideas (_submission_id varchar, start timestamp with time zone, today date, idea_sector varchar,
  y_age varchar, idea_interest varchar, idea_title varchar);
create table pii.youth_ideas (_submission_id varchar, deviceid varchar, idea_text varchar);
create table clean.employer_needs (_submission_id varchar, em_commit varchar, em_commit_n bigint);
create table clean.employer_needs__occ (_submission_id varchar, _row_id varchar, oc_title varchar, oc_kbji varchar,
  oc_n bigint, oc_wage varchar, oc_hard varchar, oc_cert varchar);
create table clean.employer_needs__selected (_submission_id varchar, question varchar, choice varchar);
create table clean.applicants (applicant_id varchar, program_code varchar, round varchar, application_id varchar);
create table pii.applicants (applicant_id varchar, nik_hmac varchar);
create table clean.applicant_registration (_submission_id varchar, _submitted_at timestamp with time zone,
  ap_program varchar, ap_tg varchar, ap_sex varchar, ap_kec varchar, ap_desa varchar, ap_age bigint, ap_vuln varchar,
  ap_ktp_blitar varchar, ap_lab varchar, ap_past varchar, ap_full varchar, ap_statement varchar, ap_welfare varchar);
create table if not exists pii.registry_person (alumni_id varchar, nik_hmac varchar);
create table pii.applicant_registration (_submission_id varchar, ap_nik varchar);
create table clean.selection_assessment (_submission_id varchar, sa_applicant varchar, sa_assessor varchar, today date,
  sa_conflict varchar, sa_docs varchar, sa_c_goal varchar, sa_c_know varchar, sa_c_effort varchar, sa_c_obst varchar,
  sa_c_persist varchar, sa_p_real varchar, sa_p_market varchar, sa_p_asset varchar, sa_test bigint, sa_task varchar,
  sa_ontime varchar);
"""


def insert(connection: duckdb.DuckDBPyConnection, table: str, *rows: dict[str, object]) -> None:
    """Add rows; a column not named is NULL."""
    for row in rows:
        marks = ", ".join("?" * len(row))
        connection.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", [*row.values()])


def add_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables of the other forms, empty."""
    connection.execute(TABLES)


def idea(
    connection: duckdb.DuckDBPyConnection, key: str, title: str, text: str = "", **other: object
) -> None:
    """Add one idea; without other words an idea of its own device with interest 5."""
    row = {
        "sector": "digital",
        "interest": "5",
        "device": f"d-{key}",
        "day": "2026-01-10",
        "hour": "08",
    } | other
    start = f"{row['day']} {row['hour']}:00:00+07:00"
    insert(
        connection,
        "clean.youth_ideas",
        {
            "_submission_id": key,
            "start": start,
            "today": row["day"],
            "idea_sector": row["sector"],
            "y_age": "2",
            "idea_interest": row["interest"],
            "idea_title": title,
        },
    )
    insert(
        connection,
        "pii.youth_ideas",
        {"_submission_id": key, "deviceid": row["device"], "idea_text": text},
    )


def employer(
    connection: duckdb.DuckDBPyConnection,
    key: str,
    asked: tuple[str, ...],
    jobs: tuple[tuple[str, int, str], ...] = (),
    committed: int = 0,
) -> None:
    """Add one employer: programmes asked for, jobs as (title, number, hard to fill), placements it would sign for."""
    promise = {"em_commit": "1", "em_commit_n": committed} if committed else {"em_commit": "0"}
    insert(connection, "clean.employer_needs", {"_submission_id": key, **promise})
    choice = ({"_submission_id": key, "question": "em_prog", "choice": code} for code in asked)
    insert(connection, "clean.employer_needs__selected", *choice)
    for place, (title, number, hard) in enumerate(jobs):
        row = {"_submission_id": key, "_row_id": f"{key}/{place}", "oc_title": title, "oc_n": number}
        insert(connection, "clean.employer_needs__occ", row | {"oc_hard": hard, "oc_cert": "1"})


ELIGIBLE = {
    "ap_program": "barista",
    "ap_tg": "t3",
    "ap_sex": "2",
    "ap_kec": "350517",
    "ap_desa": "3505172001",
    "ap_age": 25,
    "ap_vuln": "0",
    "ap_ktp_blitar": "1",
    "ap_lab": "1",
    "ap_past": "0",
    "ap_full": "1",
    "ap_statement": "1",
    "ap_welfare": "98",
}


def applicant(connection: duckdb.DuckDBPyConnection, number: str, **answers: object) -> None:
    """Add one application of someone who passes every gate, except where answers say otherwise."""
    row = {"_submission_id": f"uuid:{number}", "_submitted_at": f"2026-01-05 08:00:{number[-2:]}+07:00"}
    insert(connection, "clean.applicant_registration", row | ELIGIBLE | answers)
    listed = {"applicant_id": number, "round": "2026-1", "application_id": f"uuid:{number}"}
    insert(connection, "clean.applicants", listed | {"program_code": "barista"})


def assessment(
    connection: duckdb.DuckDBPyConnection,
    number: str,
    assessor: str,
    marks: str,
    test: int = 15,
    **other: object,
) -> None:
    """Add one assessment; `marks` are the eight judged items in the order of the form, such as "33333222"."""
    items = "c_goal c_know c_effort c_obst c_persist p_real p_market p_asset".split()
    row = {f"sa_{item}": mark for item, mark in zip(items, marks, strict=True)}
    row |= {"_submission_id": f"{number}/{assessor}", "sa_applicant": number, "sa_assessor": assessor}
    row |= {"today": "2026-02-12", "sa_conflict": "0", "sa_docs": "1", "sa_test": test}
    insert(connection, "clean.selection_assessment", row | {"sa_task": "1", "sa_ontime": "1"} | other)


def fill(connection: duckdb.DuckDBPyConnection) -> None:
    """Put a few of everything in, for tests that compare two databases."""
    add_tables(connection)
    idea(connection, "i1", "Servis kulkas", "perlu teknisi listrik dan panel surya")
    idea(connection, "i2", "Batik tulis", interest="3", device="d-i1", hour="07")
    idea(connection, "i3", "Menu anak sekolah", sector="mbg", device=None)
    employer(
        connection, "e1", ("barista", "masak"), (("Barista di kafe", 3, "1"), ("kuli", 2, "0")), committed=3
    )
    employer(connection, "e2", ("barista",))
    applicant(connection, "K0001", ap_vuln="1 2", ap_lab="2", ap_welfare="1")
    applicant(connection, "K0002", ap_tg="t1", ap_sex="1", ap_kec="350501", ap_program="mua")
    assessment(connection, "K0001", "N01", "33333222")
    assessment(connection, "K0001", "N02", "22222111", sa_task="0")
