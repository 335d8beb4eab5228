"""Checks of the whole: what they find is held like anything else, found again, let go, and equal on both databases."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from makers import store, study_folder, xml
from postgres import Server, running
from test_warehouse_postgres import content as all_rows
from tracer_etl import pipeline
from tracer_etl.cli import cli
from tracer_etl.errors import ChecksFailed, StudyError
from tracer_etl.oversight.rules import read_rules
from tracer_etl.quarantine.decisions import Decision, append_decision
from tracer_etl.study import read_study
from tracer_etl.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.study import Study

GOOD = "<who>{}</who><age>{}</age><work>0</work>"
BAD = "<who>Budi</who><age>thirty</age><work>0</work>"
ONE, TWO, THREE, FOUR = (f"uuid:{number:08d}" for number in (1, 2, 3, 4))
FOUND = {
    "a": xml(1, GOOD.format("Sri", 30)),
    "b": xml(2, GOOD.format("Sri", 31)),
    "c": xml(3, GOOD.format("Ana", 64)),
    "d": xml(4, BAD),
}
RULES = """
thresholds: {old: 60, most: 4}
checks:
  - id: T01
    scope: submission
    form: visit
    type: sql
    severity: warning
    kwargs:
      sql: |
        SELECT _submission_id, place, first_one FROM (SELECT _submission_id,
          row_number() OVER (PARTITION BY who ORDER BY _submission_id) AS place,
          min(_submission_id) OVER (PARTITION BY who) AS first_one FROM judged_visit) AS named WHERE place > 1
    meta: {column: who, why: {id: Orang yang sama dua kali., en: The same person twice.}}
  - id: T02
    scope: submission
    form: visit
    type: sql
    severity: info
    kwargs: {sql: "SELECT _submission_id, age FROM judged_visit WHERE age > {old}"}
    meta: {column: age, why: {id: Tua sekali., en: Very old.}}
  - id: T03
    scope: batch
    type: sql
    severity: critical
    kwargs:
      sql: SELECT '', count(*) FROM judged_visit HAVING count(*) > {most}
      measure: SELECT count(*) FROM judged_visit
    meta: {why: {id: Terlalu banyak., en: Too many visits.}}
  - id: T04
    scope: batch
    type: sql
    severity: critical
    kwargs: {sql: SELECT code FROM clean.registry}
    meta: {why: {id: Daftar., en: The register.}}
  - id: T05
    at: marts
    scope: cell
    type: sql
    severity: info
    kwargs: {sql: "SELECT form_id, good FROM marts.data_quality WHERE rule = '' AND good < 2"}
    meta: {why: {id: Sedikit., en: Few are good.}}
"""


def rules(folder: Path, text: str) -> None:
    (folder / "expectations" / "study").mkdir(parents=True, exist_ok=True)
    (folder / "expectations" / "study" / "visits.yaml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    study_folder(folder, FOUND)
    rules(folder, RULES)
    run(folder)
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ran, tmp_path / "study")


def study(folder: Path) -> Study:
    return read_study(folder / "study.toml")


def run(folder: Path) -> None:
    pipeline.pull(study(folder))
    pipeline.build(study(folder))
    pipeline.check(study(folder))
    pipeline.load(study(folder))


def content(folder: Path) -> dict[str, list[tuple]]:
    with open_warehouse(study(folder)) as warehouse:
        return all_rows(warehouse)


def states(folder: Path) -> dict[str, str]:
    return {row[1]: row[-1] for row in content(folder)["meta.submission"]}


def reasons(folder: Path) -> set[tuple[str, str, str, str]]:
    """Give submission, rule, detail and state of the reasons of oversight."""
    rows = content(folder)["quarantine.reason"]
    return {(row[1], row[4], row[-2], row[-1]) for row in rows if row[-3] == "oversight"}


def outcomes(folder: Path) -> dict[str, tuple[str, int, str, str, str]]:
    rows = content(folder)["meta.check_result"]
    return {row[1]: (row[6], row[8], row[9], row[10], row[11]) for row in rows if row[2] != "check"}


def decide(folder: Path, decision: str, rule: str, submission: str) -> None:
    one = Decision(0, "visit", submission, decision, (rule,), "Ana", "2026-02-01", "rang", submission)
    append_decision(study(folder), one)


def test_what_a_check_finds_is_held_or_listed_and_says_why(folder: Path) -> None:
    assert states(folder) == {ONE: "good", TWO: "set_aside", THREE: "good", FOUR: "set_aside"}
    assert reasons(folder) == {(TWO, "T01", f"2 {ONE}", "open"), (THREE, "T02", "64", "listed")}
    [row] = [row for row in content(folder)["quarantine.visit"] if row[0] == TWO]
    assert "Sri" in row


def test_every_check_has_a_result_and_none_is_passed_that_nobody_judged(folder: Path) -> None:
    assert outcomes(folder) == {
        "T01": ("found", 1, "", "", ""),
        "T02": ("found", 1, "", "old = 60", ""),
        "T03": ("passed", 0, "3", "most = 4", ""),
        "T04": ("not_evaluated", 0, "", "", "the table clean.registry is not there"),
    }


def test_running_again_changes_nothing(folder: Path) -> None:
    before = content(folder)
    pipeline.load(study(folder))
    assert content(folder) == before
    with open_warehouse(study(folder)) as warehouse:
        warehouse.connection.execute("DELETE FROM meta.setting WHERE name LIKE 'overseen%'")
    pipeline.load(study(folder))
    assert content(folder) == before


def test_what_is_held_is_found_again_and_nothing_flips(folder: Path) -> None:
    """Were what is held out of sight, the second of a pair would come back as soon as it is gone."""
    for words in ("Sri", "Sri Rahayu", "Sri"):
        store(folder / "inbox" / "visit.zip", {**FOUND, "e": xml(5, GOOD.format(words, 20))})
        run(folder)
        assert states(folder)[TWO] == "set_aside"
    assert reasons(folder) >= {(TWO, "T01", f"2 {ONE}", "open")}


def test_a_release_lets_it_go_and_it_stays_released(folder: Path) -> None:
    decide(folder, "release", "T01", TWO)
    pipeline.load(study(folder))
    for _ in range(2):
        assert states(folder)[TWO] == "good"
        assert (TWO, "T01", f"2 {ONE}", "released") in reasons(folder)
        with open_warehouse(study(folder)) as warehouse:
            warehouse.connection.execute("DELETE FROM meta.setting WHERE name LIKE 'overseen%'")
        pipeline.load(study(folder))


def test_rejecting_the_first_of_a_pair_sets_the_second_free(folder: Path) -> None:
    decide(folder, "reject", "*", ONE)
    pipeline.load(study(folder))
    assert states(folder) == {ONE: "set_aside", TWO: "good", THREE: "good", FOUR: "set_aside"}
    (folder / "decisions.csv").unlink()
    pipeline.load(study(folder))
    assert states(folder)[TWO] == "set_aside"


def test_what_a_form_check_holds_is_out_of_sight(folder: Path) -> None:
    store(folder / "inbox" / "visit.zip", {**FOUND, "e": xml(5, BAD.replace("Budi", "Ana"))})
    run(folder)
    assert not [one for one in reasons(folder) if one[0] == "uuid:00000005"]
    assert outcomes(folder)["T03"] == ("passed", 0, "3", "most = 4", "")


def test_a_batch_that_is_loaded_again_gets_its_findings_in_the_same_run(folder: Path) -> None:
    before = content(folder)
    expectation = (
        "expectations:\n- {type: expect_column_values_to_be_between, kwargs: {column: age, max_value: 99}, severity: info,"
        " meta: {id: V09, why: {id: Umur., en: Age.}}}\n"
    )
    (folder / "expectations" / "visit.yaml").write_text(expectation, encoding="utf-8")
    run(folder)
    after = content(folder)
    assert after["quarantine.reason"] == before["quarantine.reason"]
    assert after["clean.visit"] == before["clean.visit"]


def test_another_threshold_judges_again_and_taking_the_checks_away_lets_all_go(folder: Path) -> None:
    rules(folder, RULES.replace("old: 60", "old: 30"))
    pipeline.load(study(folder))
    assert {one[0] for one in reasons(folder) if one[1] == "T02"} == {TWO, THREE}
    shutil.rmtree(folder / "expectations" / "study")
    pipeline.load(study(folder))
    assert reasons(folder) == set()
    assert states(folder)[TWO] == "good"
    assert outcomes(folder) == {}


def test_a_finding_about_the_whole_stops_before_publishing_and_the_last_copy_stays(folder: Path) -> None:
    pipeline.refresh(study(folder))
    published = study(folder).published.read_bytes()
    rules(folder, RULES.replace("most: 4", "most: 2"))
    for stage in (pipeline.refresh, pipeline.load, pipeline.publish):
        with pytest.raises(ChecksFailed, match="visits: T03 Too many visits; nothing is published") as caught:
            stage(study(folder))
    assert caught.value.exit_code == 7
    assert study(folder).published.read_bytes() == published
    assert outcomes(folder)["T03"] == ("found", 1, "3", "most = 2", "")
    rules(folder, RULES)
    assert not pipeline.refresh(study(folder)).changed
    assert outcomes(folder)["T03"] == ("passed", 0, "3", "most = 4", "")


def test_a_check_of_the_marts_stops_too_and_its_findings_are_published(folder: Path) -> None:
    rules(folder, RULES.replace("good < 2", "good < 9"))
    assert pipeline.refresh(study(folder)).changed
    before = content(folder)
    assert not pipeline.refresh(study(folder)).changed
    assert content(folder) == before
    with duckdb.connect(str(study(folder).published), read_only=True) as copy:
        assert copy.execute("SELECT * FROM meta.finding").fetchall() == [
            ("T05", "marts", "cell", "visit", "2", "")
        ]
    worse = RULES.replace("good < 2", "good < 9").replace(
        "scope: cell\n    type: sql\n    severity: info",
        "scope: batch\n    type: sql\n    severity: critical",
    )
    rules(folder, worse)
    published = study(folder).published.read_bytes()
    for stage in (pipeline.marts, pipeline.refresh):
        with pytest.raises(ChecksFailed, match=r"T05 Few are good \(visit\)"):
            stage(study(folder))
    assert study(folder).published.read_bytes() == published


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("scope: submission", "scope: people", "T01 says 'people'; use submission, enumerator, batch, cell"),
        ("form: visit", "form: visits", "T01 names the form 'visits'; choose of visit"),
        ("    form: visit\n", "", "T01 is about submissions; name their `form`"),
        ("severity: warning", "severity: bad", "T01 says 'bad'; use critical, warning, info"),
        ("type: sql", "type: sequel", "T01 has type 'sequel'; use sql"),
        ("FROM judged_visit)", "FRM judged_visit)", "the SQL of T01 does not run"),
        ("row_number()", "age / 0 * length(wo)", "the SQL of T01 does not run"),
        ("{old}", "{young}", "no threshold 'young'"),
        ("id: T02", "id: T01\n    colour: red", "T01 has a field colour"),
        ("{old: 60", "{Old: 60", "'Old' is no name"),
        ("why: {id: Tua sekali.", "why: {in: Tua sekali.", "a field is missing"),
        ("checks:", "checks", "visits.yaml line"),
        ("kwargs: {sql: \"SELECT _sub", "kwargs: {sq: \"SELECT _sub", "T02 has no SQL"),
        ("SELECT _submission_id, age", "SELECT 1, 2, 3, 4", "T02 selects 4 columns"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_said_with_its_place(folder: Path, old: str, new: str, said: str) -> None:
    assert old in RULES
    rules(folder, RULES.replace(old, new, 1))
    before = content(folder)
    with pytest.raises(StudyError) as caught:
        pipeline.load(study(folder))
    assert said in str(caught.value)
    assert "visits.yaml" in str(caught.value)
    assert content(folder) == before


def test_a_measure_of_nothing_is_not_evaluated(folder: Path) -> None:
    rules(
        folder, RULES.replace("measure: SELECT count(*)", "measure: SELECT max(age) FILTER (WHERE age > 99)")
    )
    pipeline.load(study(folder))
    assert outcomes(folder)["T03"] == ("not_evaluated", 0, "", "", "nothing to judge yet")


def test_the_same_check_twice_is_a_mistake(tmp_path: Path) -> None:
    rules(tmp_path, RULES)
    (tmp_path / "expectations" / "study" / "zz.yaml").write_text(
        RULES.replace("thresholds: {old: 60, most: 4}", "")
    )
    with pytest.raises(StudyError, match=r"zz.yaml check 1: T01 is also study/visits.yaml check 1"):
        read_rules(tmp_path / "expectations", ["visit"])


def command(folder: Path, *words: str) -> str:
    arguments = ["--study", str(folder / "study.toml"), "oversight", *words]
    return CliRunner().invoke(cli, arguments, catch_exceptions=False).output


def test_the_command_shows_the_last_run(folder: Path) -> None:
    said = command(folder)
    assert "T01" in said
    assert "T03" not in said
    assert "13 checks: 3 found something, 8 passed, 2 not evaluated" in said
    assert "T04 not evaluated: the table clean.registry is not there" in said
    assert "T03" in command(folder, "--all")
    [one] = json.loads(command(folder, "--rule", "T01", "--json"))
    assert one == {"rule": "T01", "scope": "submission", "key": TWO, "value": "", "detail": f"2 {ONE}"}


# -- PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as one:
        yield one


def test_both_databases_hold_the_same(folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    decide(folder, "release", "T01", TWO)
    store(folder / "inbox" / "visit.zip", {**FOUND, "e": xml(5, GOOD.format("Ana", 20))})
    address = server.fresh()

    def both() -> None:
        run(folder)
        here = content(folder)
        with monkeypatch.context() as there:
            there.setenv("TRACER_DATABASE", address)
            run(folder)
            assert all_rows_but_marks(content(folder)) == all_rows_but_marks(here)
            pipeline.load(study(folder))
            assert all_rows_but_marks(content(folder)) == all_rows_but_marks(here)

    both()
    assert states(folder)["uuid:00000005"] == "set_aside"
    (folder / "decisions.csv").unlink()
    both()
    rules(folder, RULES.replace("_submission_id) AS place", "_submission_id DESC) AS place"))
    both()
    assert states(folder)[ONE] == "set_aside"
    rules(folder, RULES.replace("most: 4", "most: 2"))
    monkeypatch.setenv("TRACER_DATABASE", address)
    with pytest.raises(ChecksFailed):
        run(folder)


def all_rows_but_marks(rows: dict[str, list]) -> dict[str, list]:
    """Leave out the ledger's digests, which name the database, and what each batch counted: one had one, one two."""
    return {
        **{table: found for table, found in rows.items() if table != "meta.row_check"},
        "meta.setting": [row for row in rows["meta.setting"] if not row[0].startswith("overseen")],
    }
