"""The file for a placement service: only who agreed, only what they agreed to, under its contract, and in the log."""

from __future__ import annotations

import csv
import io
import re
import stat
from datetime import date
from typing import TYPE_CHECKING

import duckdb
import pytest

from privacy_world import person, world, write_registry
from tracer_etl.errors import StudyError
from tracer_etl.evidence.placement import EVENT, FIELDS, contract, pass_on
from tracer_etl.privacy.pdp_log import read_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.study import Study

TO = "SIAPkerja, Disnaker (uji)"
PEOPLE = {
    # agreed, who answered, certified, withdrew
    "A1": ("1", "1", "1", None),
    "A2": ("0", "1", "1", None),
    "A3": ("1", "2", "1", None),  # somebody else agreed for them
    "A4": ("1", "1", "2", None),  # no certificate
    "A5": ("1", "1", "1", "2026-02-01"),
    "A6": ("1", "1", "1", ""),
}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(
            "create schema clean; create schema pii; create schema marts;"
            "create table marts.interview (alumni_id varchar, submission_id varchar, date date);"
            "create table clean.alumni_tracer (_submission_id varchar, consent_placement varchar, respondent_type varchar, "
            "pay_net bigint);"
            "create table clean.registry_person (alumni_id varchar, kec_code varchar, desa_code varchar, opt_out_at varchar);"
            "create table pii.registry_person (alumni_id varchar, full_name varchar, phone_e164 varchar);"
            "create table clean.registry_enrolment (enrolment_id varchar, alumni_id varchar, program_code varchar, "
            "provider_lpk varchar, lsp varchar, cert_scheme varchar, cert_result varchar, cert_date varchar);"
            "create table pii.registry_enrolment (enrolment_id varchar, cert_no varchar);"
            "create table clean.programme (code varchar, label_id varchar, kbji varchar, kbli varchar);"
            "insert into clean.programme values ('barista', 'Barista', '5132 5246', '56303')"
        )
        for number, (key, (agreed, by, result, out)) in enumerate(PEOPLE.items()):
            insert(opened, "marts.interview", key, f"s{number}", date(2026, 1, 10))
            insert(opened, "clean.alumni_tracer", f"s{number}", agreed, by, 2_500_000)
            insert(opened, "clean.registry_person", key, "350517", "3505171001", out)
            insert(opened, "pii.registry_person", key, f"Nama {key}", f"+62860000000{number}")
            class_of = ("barista", "LPK Uji", "LSP Uji", "Barista Muda", result, "2025-07-01")
            insert(opened, "clean.registry_enrolment", f"e{number}", key, *class_of)
            insert(opened, "pii.registry_enrolment", f"e{number}", f"9000 {number}")
        yield opened


def insert(opened: duckdb.DuckDBPyConnection, table: str, *values: object) -> None:
    opened.execute(f"insert into {table} values ({', '.join('?' * len(values))})", list(values))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return world(tmp_path / "study")


def test_only_who_agreed_in_person_and_is_certified_and_stayed_is_in_it(connection, study, tmp_path):
    passed = pass_on(connection, study, tmp_path / "out" / "siapkerja.csv", TO)
    content = (tmp_path / "out" / "siapkerja.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["full_name"] for row in rows] == ["Nama A1", "Nama A6"]
    assert (passed.certificates, passed.persons) == (2, 2)
    assert (rows[0]["full_name"], rows[0]["cert_no"], rows[0]["kbji"]) == ("Nama A1", "9000 0", "5132 5246")
    assert rows[0]["consented_on"] == "2026-01-10"
    assert "2500000" not in content  # no answer goes with it
    assert not re.search(r"\bA1\b|\bs0\b", content.replace("Nama A1", ""))  # nor a number to find answers by


def test_who_withdrew_after_the_last_run_is_not_in_it(connection, study, tmp_path):
    for key, number in (("A1", 3), ("A6", 4)):
        for area, table in (("marts", "interview"), ("clean", "registry_person"), ("pii", "registry_person")):
            connection.execute(
                f"update {area}.{table} set alumni_id = ? where alumni_id = ?", [person(number), key]
            )
        connection.execute(
            "update clean.registry_enrolment set alumni_id = ? where alumni_id = ?", [person(number), key]
        )
    write_registry(study.root, {3: "2026-03-01"})
    assert pass_on(connection, study, tmp_path / "siapkerja.csv", TO).persons == 1
    assert "Nama A1" not in (tmp_path / "siapkerja.csv").read_text(encoding="utf-8")


def test_the_file_keeps_its_contract_and_is_for_its_owner_only(connection, study, tmp_path):
    file = tmp_path / "siapkerja.csv"
    pass_on(connection, study, file, TO)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    fields = contract()["fields"]
    assert list(rows[0]) == [field["name"] for field in fields] == [name for name, *_ in FIELDS]
    for field in fields:
        limits = field.get("constraints", {})
        for row in rows:
            told = row[field["name"]]
            assert told or not limits.get("required"), field["name"]
            assert not told or re.fullmatch(limits.get("pattern", ".*"), told), field["name"]
    assert (tmp_path / "siapkerja.schema.json").exists()


def test_who_got_what_stands_in_the_log_without_a_name(connection, study, tmp_path):
    passed = pass_on(connection, study, tmp_path / "siapkerja.csv", TO)
    [entry] = [one for one in read_log(study.pdp_log) if one.event == EVENT]
    assert (entry.said["to"], entry.said["persons"], entry.said["sha256"]) == (TO, 2, passed.sha256)
    assert "Nama A1" not in study.pdp_log.read_text(encoding="utf-8")


def test_nothing_is_written_for_nobody_or_of_nobody(connection, study, tmp_path):
    file = tmp_path / "siapkerja.csv"
    with pytest.raises(StudyError, match="who gets"):
        pass_on(connection, study, file, " ")
    connection.execute("update clean.alumni_tracer set consent_placement = '0'")
    with pytest.raises(StudyError, match="nobody"):
        pass_on(connection, study, file, TO)
    connection.execute("alter table clean.alumni_tracer drop column consent_placement")
    with pytest.raises(StudyError, match="no consent_placement"):
        pass_on(connection, study, file, TO)
    connection.execute("drop table pii.registry_enrolment")
    connection.execute("alter table clean.alumni_tracer add column consent_placement varchar")
    with pytest.raises(StudyError, match="missing"):
        pass_on(connection, study, file, TO)
    assert not file.exists()
    assert [one for one in read_log(study.pdp_log) if one.event == EVENT] == []
