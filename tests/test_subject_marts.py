"""One mart per subject of the study: persons, enrolments, costs, spells of work, skills, employers; by hand."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from frame import TRACER, Frame, frame
from postgres import running
from test_marts_postgres import copy, rows
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.registry.standing import ENROLMENT_COLUMNS, PERSON_COLUMNS

ITEMS = "tech tool k3 qual digi comm team prob biz disc".split()
SUBJECTS = ("person", "enrolment", "class_cost", "job_spell", "skill", "employer")
DOCUMENTED = (*SUBJECTS, "attempt")


def insert(connection, table: str, **values):
    marks = ", ".join("?" * len(values))
    connection.execute(f"insert into {table} ({', '.join(values)}) values ({marks})", list(values.values()))


def enrol(connection, key: str, number: int, **values):
    known = {"enrolment_id": f"barista-2025-{number}/{key}", "alumni_id": key, "program_code": "barista"}
    known |= {"batch": f"barista-2025-{number}", "training_start": "2025-05-05", "training_end": "2025-05-21"}
    known |= {"magang_end": "2025-05-26", "completed": "1", "cert_result": "1", "budget_year": "2025"}
    known |= {"package_cost_idr": "30000000", "funding": "dbhcht"}
    insert(
        connection, "clean.registry_enrolment", **{**dict.fromkeys(ENROLMENT_COLUMNS, ""), **known, **values}
    )


@pytest.fixture(scope="module")
def made():
    connection = frame(tracer=False).connection
    person = [f"{name} varchar" for name in PERSON_COLUMNS if name not in ("nik_hmac", "full_name")]
    connection.execute(f"create table clean.registry_person ({', '.join(person)})")
    columns = ", ".join(f"{name} varchar" for name in ENROLMENT_COLUMNS)
    connection.execute(f"create table clean.registry_enrolment ({columns})")
    rated = ", ".join(f"sk_{item}_{phase} varchar" for item in ITEMS for phase in ("before", "after", "need"))
    connection.execute(f"{TRACER[:-1]}, {rated})")
    connection.execute(
        "create table clean.alumni_tracer__job (_submission_id varchar, _position bigint, j_status varchar, j_start date, "
        "j_end date, j_end_reason varchar, j_match varchar, j_income bigint, j_hours bigint, j_found varchar);"
        "create table clean.employer_needs (_submission_id varchar, today date, em_consent varchar, em_form varchar, "
        "em_kbli varchar, em_kec varchar, em_workers bigint, em_workers_f bigint, em_vac_now bigint, em_hire_12 bigint, "
        "em_alumni varchar, em_alumni_n bigint, em_alumni_sat varchar, em_magang varchar, em_magang_n bigint, "
        "em_commit varchar, em_commit_n bigint);"
        "create table clean.employer_needs__occ (_row_id varchar, _submission_id varchar, oc_title varchar, oc_kbji varchar, "
        "oc_n bigint, oc_wage varchar, oc_hard varchar, oc_cert varchar)"
    )
    people(connection)
    make_marts(connection)
    yield connection
    connection.close()


def people(connection):
    """Three take the first class, one of them a second one; only A1 is interviewed."""
    for key in ("A1", "A2", "A3"):
        insert(
            connection,
            "clean.registry_person",
            alumni_id=key,
            sex="2",
            kec_code="350517",
            edu="5",
            disability_flag="1" if key == "A3" else "0",
        )
        enrol(
            connection,
            key,
            1,
            attended_pct="95",
            **({"completed": "0", "cert_result": "4"} if key == "A3" else {}),
        )
    enrol(
        connection,
        "A2",
        2,
        training_start="2025-09-01",
        training_end="2025-09-17",
        magang_end="",
        cert_result="2",
    )
    insert(
        connection, "clean.alumni_tracer", _submission_id="s1", alumni_id="A1", attempt_no=1, today="2026-01-10",
        enumerator_id="P01", aapor_code="110", reg_birth_year="2000", sk_tech_before="2", sk_tech_after="4",
        sk_tech_need="5", sk_biz_before="3",
    )  # fmt: skip
    for number, first, last in ((1, "2025-01-01", "2025-04-30"), (2, "2025-06-26", None)):
        insert(
            connection, "clean.alumni_tracer__job", _submission_id="s1", _position=number, j_status="4", j_start=first,
            j_end=last, j_income=2_000_000,
        )  # fmt: skip
    for key, agreed in (("e1", "1"), ("e2", "0"), ("e3", "1")):
        insert(
            connection,
            "clean.employer_needs",
            _submission_id=key,
            em_consent=agreed,
            em_kec="350517",
            em_commit="1",
        )
    for number, hard in ((3, "1"), (4, "0")):
        insert(
            connection,
            "clean.employer_needs__occ",
            _row_id=f"e1/{number}",
            _submission_id="e1",
            oc_n=number,
            oc_hard=hard,
        )


def asked(connection, sql: str):
    return connection.execute(sql).fetchall()


def test_a_person_has_the_sums_of_the_classes(made):
    sql = "select alumni_id, zone, disability, classes, completed, certified, first_year from marts.person order by 1"
    assert asked(made, sql) == [
        ("A1", "east", False, 1, 1, 1, 2025),
        ("A2", "east", False, 2, 2, 1, 2025),
        ("A3", "east", True, 1, 0, 0, 2025),
    ]


def test_an_enrolment_has_dates_and_its_share_of_the_cost(made):
    sql = "select batch, cast(last_day as varchar), class_size, cost_idr, attended_pct, latest from marts.enrolment"
    assert asked(made, f"{sql} where alumni_id = 'A2' order by 1") == [
        ("barista-2025-1", "2025-05-26", 3, 10_000_000.0, 95.0, False),
        ("barista-2025-2", "2025-09-17", 1, 30_000_000.0, None, True),
    ]


def test_a_class_costs_by_seat_completion_and_certificate(made):
    sql = "select seats, completed, certified, cost_idr, seat_idr, completed_idr, certified_idr from marts.class_cost"
    assert asked(made, f"{sql} order by batch") == [
        (3, 2, 2, 30_000_000, 10_000_000.0, 15_000_000.0, 15_000_000.0),
        (1, 1, 0, 30_000_000, 30_000_000.0, 30_000_000.0, None),
    ]


def test_a_spell_is_counted_from_the_last_day_of_the_class(made):
    sql = "select position, ongoing, income_idr, months_after_training from marts.job_spell order by 1"
    # 26 May to 26 June is 31 days; 1 January lies 145 days before 26 May.
    assert asked(made, sql) == [
        (1, False, 2_000_000, pytest.approx(-145 / 30.4375)),
        (2, True, 2_000_000, pytest.approx(31 / 30.4375)),
    ]


def test_a_skill_has_a_row_where_it_was_rated(made):
    sql = "select item, before, after, needed, gain, shortfall from marts.skill order by 1"
    assert asked(made, sql) == [("biz", 3, None, None, None, None), ("tech", 2, 4, 5, 2, 1)]


def test_an_employer_who_agreed_has_the_sums_of_the_occupations(made):
    sql = "select submission_id, zone, occupations, needed, hard, commits from marts.employer order by 1"
    assert asked(made, sql) == [("e1", "east", 2, 7, 3, True), ("e3", "east", 0, 0, 0, True)]


def documented(name: str) -> list[str]:
    [file] = [
        one
        for one in files("tracer_etl.evidence").joinpath("marts").iterdir()
        if one.name[4:] == f"{name}.sql"
    ]
    return re.findall(r"^--   (\w+): \S", file.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTED)
def test_every_column_is_documented_in_its_order(made, name):
    made_columns = [row[0] for row in asked(made, f"describe marts.{name}")]
    assert documented(name) == made_columns


def test_a_registry_that_keeps_less_has_no_such_marts():
    small = frame()
    small.person("110")
    made = make_marts(small.connection)
    assert not {f"marts.{name}" for name in SUBJECTS} & set(made)
    assert "marts.interview" in made
    small.connection.close()


def test_postgresql_makes_the_same(made):
    psycopg = pytest.importorskip("psycopg")

    with running() as server, psycopg.connect(server.address(), autocommit=True) as target:
        copy(Frame(made), target)
        make_marts(target)
        for name in SUBJECTS:
            assert rows(target, f"marts.{name}") == rows(made, f"marts.{name}"), name
