"""What is set aside lives on: released, rejected, mended; nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from makers import FORM, store, study_folder, xml
from postgres import Server, running
from test_warehouse import content
from test_warehouse_postgres import content as all_rows
from tracer_etl import pipeline
from tracer_etl.cli import cli
from tracer_etl.errors import StudyError
from tracer_etl.quarantine.decisions import (
    COLUMNS,
    Decision,
    append_decision,
    overruled,
    read_decisions,
    standings,
)
from tracer_etl.quarantine.settling import settle
from tracer_etl.study import read_study
from tracer_etl.warehouse import open_warehouse
from tracer_etl.warehouse.duckdb import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.study import Study

GOOD = "<who>Sri</who><age>30</age><work>1</work><tools>saw</tools><job><title>barista</title></job>"
BAD = (
    "<who>Budi</who><age>thirty</age><work>1</work><tools>saw hammer</tools>"
    "<job><title>tailor</title><task><what>hems</what></task></job>"
)
ONE, TWO = "uuid:00000001", "uuid:00000002"
BOTH = {"a": xml(1, GOOD), "b": xml(2, BAD)}
SECRET = FORM.replace("| Tools  |          |              |", "| Tools  |          |              | direct |")


def run(folder: Path) -> None:
    study = read_study(folder / "study.toml")
    pipeline.pull(study)
    pipeline.build(study)
    pipeline.check(study)
    pipeline.load(study)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a study whose second submission breaks two rules; its tools are a direct identifier."""
    folder = tmp_path_factory.mktemp("ran")
    study_folder(folder, BOTH)
    (folder / "forms" / "visit.md").write_text(SECRET, encoding="utf-8")
    run(folder)
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ran, tmp_path / "study")


def rows(folder: Path) -> dict[str, list[tuple]]:
    found = content(folder / "var" / "warehouse.duckdb")
    landed = [row for row in found["meta.submission"] if row[-1] != "deleted"]
    assert len(landed) == len(found["clean.visit"]) + len(found["quarantine.visit"])
    assert not {row[0] for row in found["clean.visit"]} & {row[0] for row in found["quarantine.visit"]}
    return found


def states(folder: Path) -> dict[str, str]:
    return {row[1]: row[-1] for row in rows(folder)["meta.submission"]}


def decide(folder: Path, decision: str, rules: str, instance: str = TWO, submission: str = TWO) -> None:
    study = read_study(folder / "study.toml")
    one = Decision(
        0, "visit", submission, decision, tuple(rules.split()), "Ana", "2026-02-01", "rang", instance
    )
    append_decision(study, one)


def load(folder: Path) -> None:
    pipeline.load(read_study(folder / "study.toml"))


ALL = "form:type form:choice"


def test_a_release_moves_the_submission_whole_and_keeps_its_reasons(folder: Path) -> None:
    before = rows(folder)
    assert {row[4] for row in before["quarantine.reason"]} == set(ALL.split())
    decide(folder, "release", ALL)
    load(folder)
    after = rows(folder)
    assert states(folder) == {ONE: "good", TWO: "good"}
    assert not after["quarantine.visit"]
    assert not after["quarantine.visit__task"]
    assert not after["quarantine.visit__selected"]
    assert {row[0] for row in after["clean.visit__task"]} == {TWO}
    assert {row[1:3] for row in after["pii.visit"]} == {("Sri", "saw"), ("Budi", "saw hammer")}
    assert {row[-1] for row in after["quarantine.reason"]} == {"released"}
    assert [row[:2] for row in after["meta.released"]] == [("visit", "form:choice"), ("visit", "form:type")]
    assert after["meta.set_aside"] == []
    assert after["meta.form_summary"] == [("visit", 2, 2, 0, 1)]


def test_runs_that_changed_a_number_are_kept_and_others_leave_no_trace(folder: Path) -> None:
    def history() -> list[tuple]:
        with open_warehouse(read_study(folder / "study.toml")) as warehouse:
            told = "SELECT run, landed, good, set_aside, warned FROM meta.run ORDER BY run"
            found = [tuple(row) for row in warehouse.connection.execute(told).fetchall()]
            checks = "SELECT rule, outcome, evaluated, findings FROM meta.run_check WHERE run = 1 AND rule = 'form:choice'"
            assert warehouse.connection.execute(checks).fetchall() == [("form:choice", "found", 2, 1)]
        return found

    load(folder)
    first = (1, 2, 1, 1, 0)
    assert history() == [first]
    decide(folder, "release", ALL)
    load(folder)
    load(folder)
    assert history() == [first, (2, 2, 2, 0, 1)]


def test_decisions_on_what_is_loaded_give_the_same_as_a_run_from_nothing(folder: Path) -> None:
    decide(folder, "release", ALL)
    decide(folder, "reject", "*", ONE, ONE)
    load(folder)
    moved = rows(folder)
    shutil.rmtree(folder / "var")
    run(folder)
    assert rows(folder) == moved
    assert states(folder) == {ONE: "set_aside", TWO: "good"}


def test_withdrawing_all_decisions_puts_everything_back(folder: Path) -> None:
    before = rows(folder)
    decide(folder, "release", ALL)
    decide(folder, "reject", "*", ONE, ONE)
    load(folder)
    assert rows(folder) != before
    (folder / "decisions.csv").unlink()
    load(folder)
    assert rows(folder) == before


def test_loading_twice_moves_nothing_the_second_time(folder: Path) -> None:
    decide(folder, "release", ALL)
    study = read_study(folder / "study.toml")
    assert [one.changed for one in pipeline.load(study)] == [1]
    assert [one.changed for one in pipeline.load(study)] == [0]


def test_a_release_of_one_rule_leaves_the_other_holding(folder: Path) -> None:
    decide(folder, "release", "form:type")
    load(folder)
    assert states(folder)[TWO] == "set_aside"
    assert {(row[4], row[-1]) for row in rows(folder)["quarantine.reason"]} == {
        ("form:type", "released"),
        ("form:choice", "open"),
    }
    decide(folder, "release", "form:choice")
    load(folder)
    assert states(folder)[TWO] == "good"


def test_an_edit_ends_a_release_but_not_a_reject(folder: Path) -> None:
    decide(folder, "release", "*")
    decide(folder, "reject", "*", ONE, ONE)
    load(folder)
    assert states(folder) == {ONE: "set_aside", TWO: "good"}
    edits = {
        "c": xml(3, GOOD, meta=f"<deprecatedID>{ONE}</deprecatedID>"),
        "d": xml(4, BAD.replace("thirty", "forty"), meta=f"<deprecatedID>{TWO}</deprecatedID>"),
    }
    store(folder / "inbox" / "visit.zip", {**BOTH, **edits})
    run(folder)
    assert states(folder) == {ONE: "set_aside", TWO: "set_aside"}
    fates = {row[2]: row[-1] for row in rows(folder)["quarantine.decision"]}
    assert fates == {TWO: "other content", ONE: "in force"}


def test_a_new_reason_ends_a_release(folder: Path) -> None:
    decide(folder, "release", ALL)
    load(folder)
    rule = """
expectations:
  - type: expect_column_values_to_be_in_set
    kwargs: {column: who, value_set: [Sri]}
    severity: warning
    meta: {id: V01, why: {id: Bukan Sri., en: Not Sri.}}
"""
    (folder / "expectations" / "visit.yaml").write_text(rule)
    run(folder)
    assert states(folder)[TWO] == "set_aside"
    assert ("V01", "open") in {(row[4], row[-1]) for row in rows(folder)["quarantine.reason"]}


@pytest.mark.parametrize("cure", ["form", "rule", "resubmission"])
def test_a_cure_releases_without_any_decision(folder: Path, cure: str) -> None:
    study = folder / "forms" / "visit.md"
    if cure == "form":  # the list lacked a choice, and the age was meant as text
        text = SECRET.replace("| integer              | age", "| text                 | age")
        study.write_text(
            text.replace("| settings |", "|  | tool | hammer | Hammer |\n| settings |"), encoding="utf-8"
        )
    elif cure == "resubmission":
        better = xml(4, GOOD, meta=f"<deprecatedID>{TWO}</deprecatedID>")
        store(folder / "inbox" / "visit.zip", {**BOTH, "c": better})
    else:
        held = xml(2, GOOD.replace("30", "31"))
        _hold_by_rule(folder, held)
        (folder / "expectations" / "visit.yaml").unlink()
    run(folder)
    assert states(folder) == {ONE: "good", TWO: "good"}
    assert not (folder / "decisions.csv").exists()


def _hold_by_rule(folder: Path, held: bytes) -> None:
    shutil.rmtree(folder / "var")
    store(folder / "inbox" / "visit.zip", {"a": xml(1, GOOD), "b": held})
    (folder / "expectations" / "visit.yaml").write_text(
        "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: age, max_value: 30}\n"
        "    severity: warning\n    meta: {id: V02, why: {id: Tua., en: Old.}}\n"
    )
    run(folder)
    assert states(folder)[TWO] == "set_aside"


def test_a_decision_makes_marts_copy_and_report_anew(folder: Path) -> None:
    study = read_study(folder / "study.toml")
    assert pipeline.refresh(study).changed
    assert not pipeline.refresh(study).changed
    decide(folder, "release", ALL)
    assert pipeline.refresh(study).changed
    with duckdb.connect(str(study.published), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM clean.visit").fetchone() == (2,)
    assert b"Ana" not in study.published.read_bytes()
    assert not pipeline.refresh(study).changed


# -- the log


def test_the_last_word_counts_and_releases_of_one_content_add_up() -> None:
    def line(number: int, decision: str, rules: str, instance: str = "i") -> Decision:
        return Decision(
            number, "visit", "s", decision, tuple(rules.split()), "Ana", "2026-02-01", "x", instance
        )

    log = [line(2, "release", "A"), line(3, "release", "B"), line(4, "release", "B")]
    assert standings(log)["s"].rules == {"A", "B"}
    assert overruled(log) == {3}
    log += [line(5, "reject", "*"), line(6, "release", "C")]
    assert standings(log)["s"] == replace(standings(log)["s"], decision="release", rules={"C"}, lines=(6,))
    log += [line(7, "release", "D", "other")]
    assert standings(log)["s"].rules == {"D"}
    assert overruled(log) == {2, 3, 4, 5, 6}


_LINES = st.lists(
    st.tuples(
        st.sampled_from("st"), st.sampled_from(["release", "reject"]), st.sampled_from(["A", "B", "A B"])
    )
)


@given(_LINES, _LINES)
def test_only_the_order_within_a_submission_matters(first: list, second: list) -> None:
    def log(lines: list) -> list[Decision]:
        return [
            Decision(number, "visit", key, verb, tuple(rules.split()), "Ana", "2026-02-01", "x", "i")
            for number, (key, verb, rules) in enumerate(lines)
        ]

    whole = log(first + second)
    grouped = sorted(whole, key=lambda one: one.submission)
    assert standings(whole) == standings(grouped)
    repeated = standings([*whole, *whole])
    assert {key: (one.decision, one.instance) for key, one in repeated.items()} == {
        key: (one.decision, one.instance) for key, one in standings(whole).items()
    }


_DECIDED = st.lists(
    st.builds(
        Decision,
        line=st.just(0),
        form_id=st.just("visit"),
        submission=st.sampled_from([ONE, TWO, "uuid:9"]),
        decision=st.sampled_from(["release", "reject"]),
        rules=st.sampled_from([("*",), ("form:type",), ("form:choice",), tuple(ALL.split())]),
        who=st.just("Ana"),
        when=st.just("2026-02-01"),
        why=st.just("x"),
        instance=st.sampled_from([ONE, TWO]),
    ),
    max_size=5,
).map(lambda lines: [replace(one, line=number) for number, one in enumerate(lines, 2)])


@given(_DECIDED)
@settings(max_examples=10, deadline=None)
def test_any_decisions_one_by_one_or_all_at_once_give_the_same_rows(
    ran: Path, decided: list[Decision]
) -> None:
    with tempfile.TemporaryDirectory() as place:
        tables = []
        for name, steps in (("once", [decided]), ("step", [decided[:n] for n in range(len(decided) + 1)])):
            copy = shutil.copytree(ran, Path(place) / name)
            with Warehouse(copy / "var" / "warehouse.duckdb", "Asia/Jakarta") as warehouse:
                for step in steps:
                    settle(warehouse, "visit", step)
            tables.append(rows(copy))
    assert tables[0] == tables[1]
    answers = {
        row[0]: len(row) for row in [*tables[0]["clean.visit__job"], *tables[0]["quarantine.visit__job"]]
    }
    assert answers == dict.fromkeys([ONE, TWO], 6)


HEADER = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("form,submission\n", "decisions.csv:1: the columns are form, submission"),
        (HEADER + "visit,s,release,A,Ana,2026-02-01,x\n", "decisions.csv:2: 7 fields instead of 8"),
        (HEADER + "\nvisit,s,keep,A,Ana,2026-02-01,x,i\n", "decisions.csv:3: no decision 'keep'"),
        (
            HEADER + 'visit,s,release,A,Ana,2026-02-01,"x\ny",i\nno,s,reject,*,Ana,2026-02-01,x,i\n',
            "decisions.csv:4",
        ),
        (HEADER + "visit,s,release,,Ana,2026-02-01,x,i\n", "decisions.csv:2: `rules` is empty"),
        (HEADER + "visit,s,release,A,Ana,yesterday,x,i\n", "decisions.csv:2: `when` is no date"),
        (HEADER + 'visit,s,release,A,Ana,2026-02-01,"x,i\n', "decisions.csv:2: not CSV"),
    ],
)
def test_a_malformed_line_is_named(folder: Path, text: str, said: str) -> None:
    (folder / "decisions.csv").write_text(text, encoding="utf-8")
    with pytest.raises(StudyError, match=said.replace("(", r"\(").replace("*", r"\*")):
        read_decisions(read_study(folder / "study.toml"))


def test_a_spreadsheet_may_have_saved_the_log(folder: Path) -> None:
    text = "submission,form,decision,rules,who,when,why,instance_id\r\nuuid:00000002,visit,reject,*,Ana,2026-02-01,x,"
    (folder / "decisions.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    decide(folder, "release", ALL)
    first, second = read_decisions(read_study(folder / "study.toml"))
    assert (first.decision, second.decision, second.line) == ("reject", "release", 3)


def test_a_decision_on_what_is_not_landed_is_listed_and_harmless(folder: Path) -> None:
    decide(folder, "release", "*", "uuid:9", "uuid:9")
    load(folder)
    assert [row[-1] for row in rows(folder)["quarantine.decision"]] == ["not landed"]


# -- the command line


def command(folder: Path, *words: str) -> tuple[str, str]:
    done = CliRunner().invoke(cli, ["--study", str(folder / "study.toml"), "quarantine", *words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_list_show_release_list(folder: Path) -> None:
    [row] = json.loads(command(folder, "list", "--json")[0])
    assert (row["submission"], row["state"], row["rules"]) == (TWO, "set aside", sorted(ALL.split()))
    shown, warned = command(folder, "show", "visit", TWO)
    assert "thirty" in shown
    assert "Age" in shown
    assert "personal data" in warned
    command(folder, "release", "visit", TWO, "--why", "rang her", "--who", "Ana", "--rule", "form:type")
    assert json.loads(command(folder, "list", "--json")[0])[0]["decision"] == "release (next run)"
    command(folder, "release", "visit", TWO, "--why", "rang her", "--who", "Ana")
    load(folder)
    [row] = json.loads(command(folder, "list", "--json")[0])
    assert (row["state"], row["decision"]) == ("released", "release (in force)")
    log = (folder / "decisions.csv").read_text(encoding="utf-8").splitlines()
    assert log[0] == ",".join(COLUMNS)
    assert log[1].startswith(f"visit,{TWO},release,form:type,Ana,2")
    assert log[1].endswith(f"rang her,{TWO}")
    said = command(folder, "list")[1]
    assert "decisions.csv:2: a later line on the same submission counts instead" in said


def test_a_good_submission_can_be_rejected_and_taken_back(folder: Path) -> None:
    command(folder, "reject", "visit", ONE, "--why", "never met")
    load(folder)
    assert [one["state"] for one in json.loads(command(folder, "list", "--json")[0])] == [
        "rejected",
        "set aside",
    ]
    command(folder, "release", "visit", ONE, "--why", "met after all")
    load(folder)
    assert states(folder)[ONE] == "good"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "nothing", ONE), "no form 'nothing'"),
        (("release", "visit", "uuid:9", "--why", "x"), "no submission 'uuid:9'"),
        (("release", "visit", ONE, "--why", "x"), "nothing holds it back"),
        (("release", "visit", TWO, "--why", "x", "--rule", "C01"), "C01 does not hold it back"),
    ],
)
def test_what_cannot_be_decided_on_is_said(folder: Path, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(StudyError, match=said):
        command(folder, *words)
    assert not (folder / "decisions.csv").exists()


# -- PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as one:
        yield one


def test_decisions_and_corrections_come_to_the_same_on_postgresql(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(folder / "study.toml")
    (folder / "corrections.csv").write_text(
        "form,submission,question,row,old,new,reason,who,when\n"
        f"visit,{TWO},age,,thirty,33,misheard,Ana,2026-02-01\nvisit,{TWO},who,,Budi,Budiman,misheard,Ana,2026-02-01\n"
        "visit,uuid:9,age,,1,2,misheard,Ana,2026-02-01\n",
        encoding="utf-8",
    )
    decide(folder, "release", "form:choice")
    decide(folder, "reject", "*", ONE, ONE)
    address = server.fresh()

    def on_postgresql() -> dict[str, list]:
        with monkeypatch.context() as there:
            there.setenv("TRACER_DATABASE", address)
            shown = json.loads(command(folder, "list", "--json")[0])
            assert [one["submission"] for one in shown] == [
                *dict.fromkeys(one["submission"] for one in shown)
            ]
            return everything(study)

    assert on_postgresql() == everything(study)
    assert states(folder) == {ONE: "set_aside", TWO: "good"}
    (folder / "decisions.csv").unlink()
    assert on_postgresql() == everything(study)
    assert states(folder) == {ONE: "good", TWO: "set_aside"}
    with monkeypatch.context() as there:
        there.setenv("TRACER_DATABASE", address)
        [shown] = json.loads(command(folder, "list", "--json")[0])
        assert (shown["submission"], shown["rules"]) == (TWO, ["form:choice"])
        assert "saw hammer" in command(folder, "show", "visit", TWO)[0]


def everything(study: Study) -> dict[str, list]:
    run(study.root)
    with open_warehouse(study) as warehouse:
        return all_rows(warehouse)
