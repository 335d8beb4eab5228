"""Corrections are replayed, checked, traceable and refused when the answer is another; raw data never change."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from makers import Nothing, schema, store, study_folder, xml
from test_quarantine import SECRET, TWO, rows, run, states
from test_warehouse import landed_files
from tracer_etl import pipeline, tables
from tracer_etl.cli import cli
from tracer_etl.corrections.log import COLUMNS, corrections_of, read_corrections
from tracer_etl.corrections.replay import replay
from tracer_etl.errors import StudyError
from tracer_etl.landing import Landing
from tracer_etl.logbook import Line
from tracer_etl.names import quote
from tracer_etl.servers.folder import FolderSource
from tracer_etl.study import read_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.schema import Schema

ONE = "uuid:00000001"
GOOD = (
    "<who>Sri</who><age>30</age><born>2001-02-03</born><work>1</work><tools>saw</tools>"
    "<place>-8.1 112.1 90.5 4</place>"
    "<job><title>barista</title><hours>40</hours><task><what>pours</what></task></job><job><title>tutor</title></job>"
)
BAD = GOOD.replace("<age>30", "<age>thirty").replace("Sri", "Budi")
HEADER = ",".join(COLUMNS)
SAID = "misheard,Ana,2026-02-01"


def line(
    question: str, old: str, new: str, *, row: str = "", submission: str = ONE, form: str = "visit"
) -> str:
    return f"{form},{submission},{question},{row},{old},{new},{SAID}"


def write(folder: Path, *lines: str) -> None:
    (folder / "corrections.csv").write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a study of one good submission and one whose age is a word; the tools are a direct identifier."""
    folder = tmp_path_factory.mktemp("ran")
    study_folder(folder, {"a": xml(1, GOOD), "b": xml(2, BAD)})
    (folder / "forms" / "visit.md").write_text(SECRET, encoding="utf-8")
    run(folder)
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ran, tmp_path / "study")


# -- from landing to warehouse


def test_a_correction_changes_the_answer_releases_the_submission_and_leaves_raw_data_alone(
    folder: Path,
) -> None:
    raw, before = landed_files(folder), rows(folder)
    assert states(folder)[TWO] == "set_aside"
    write(folder, line("age", "thirty", "33", submission=TWO), line("job/hours", "40", "35", row="job[1]"))
    run(folder)
    after = rows(folder)
    assert states(folder) == {ONE: "good", TWO: "good"}
    assert landed_files(folder) == raw
    assert {row[0]: row[7] for row in after["clean.visit"]} == {ONE: 30, TWO: 33}
    assert {row[1]: row[-1] for row in after["clean.visit__job"] if row[0] == ONE} == {
        f"{ONE}/job[1]": 35,
        f"{ONE}/job[2]": None,
    }
    assert after["quarantine.problem"] == []
    kept = [row[1:] for row in after["meta.correction"]]
    said = ("misheard", "Ana", "2026-02-01", "applied")
    # What did not fit its type is in the restricted part only.
    assert kept == [
        (1, TWO, "visit", TWO, "age", None, "33", *said),
        (2, ONE, "visit__job", f"{ONE}/job[1]", "hours", "40", "35", *said),
    ]
    assert [row[6] for row in after["pii._correction"]] == ["thirty", "40"]
    run(folder)
    assert rows(folder) == after
    (folder / "corrections.csv").unlink()
    run(folder)
    assert rows(folder) == before


def test_a_corrected_answer_is_checked_like_any_other(folder: Path) -> None:
    write(folder, line("work", "1", "7"))
    run(folder)
    assert states(folder)[ONE] == "set_aside"
    assert "form:choice" in {row[4] for row in rows(folder)["quarantine.reason"] if row[1] == ONE}


def test_a_correction_is_refused_once_the_answer_is_another(folder: Path) -> None:
    write(folder, line("age", "30", "31"))
    edited = xml(3, GOOD.replace("30", "44"), meta=f"<deprecatedID>{ONE}</deprecatedID>")
    store(folder / "inbox" / "visit.zip", {"a": xml(1, GOOD), "b": xml(2, BAD), "c": edited})
    done = pipeline.refresh(read_study(folder / "study.toml"))
    assert done.remarks == ("corrections.csv: 1 line(s) stale; see `tracer-etl corrections check`",)
    found = rows(folder)
    assert states(folder)[ONE] == "set_aside"
    assert [row[8] for row in found["quarantine.visit"] if row[0] == ONE] == [44]
    assert ("form:correction_stale", "warning", "age") in [row[4:7] for row in found["quarantine.reason"]]
    assert [row[6:8] + row[-1:] for row in found["meta.correction"]] == [(None, None, "stale")]


def test_values_of_direct_identifiers_are_in_pii_only(folder: Path) -> None:
    write(folder, line("who", "Sri", "Sri Rahayu"), line("tools", "saw", "saw sawdust"))
    study = read_study(folder / "study.toml")
    pipeline.refresh(study)
    found = rows(folder)
    assert {row[1:3] for row in found["pii.visit"]} == {("Sri Rahayu", "saw sawdust")}
    assert [row[6:8] for row in found["meta.correction"]] == [(None, None)] * 2
    published = study.published.read_bytes()
    assert b"Rahayu" not in published
    assert b"misheard" in published


def test_a_line_without_submission_is_told_and_harmless(folder: Path) -> None:
    write(folder, line("age", "1", "2", submission="uuid:9"))
    run(folder)
    [kept] = rows(folder)["meta.correction"]
    assert (kept[2], kept[6:8], kept[-1]) == ("uuid:9", (None, None), "unknown")
    write(folder)
    run(folder)
    assert rows(folder)["meta.correction"] == []


def test_corrections_check_shows_the_state_of_every_line(folder: Path) -> None:
    write(folder, line("age", "30", "31"), line("age", "99", "1"), line("age", "1", "2", submission="uuid:9"))

    def check() -> list[str]:
        done = CliRunner().invoke(
            cli, ["--study", str(folder / "study.toml"), "corrections", "check", "--json"]
        )
        assert done.exit_code == 0, done.output
        return [one["state"] for one in json.loads(done.stdout)]

    assert check() == ["next run"] * 3
    run(folder)
    assert check() == ["applied", "stale", "unknown"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (line("age", "30", "young"), "corrections.csv:2: `new` is no integer: 'young'"),
        (line("height", "1", "2"), "corrections.csv:2: no question 'height' in form visit"),
        (line("title", "a", "b"), "question 'title' is in repeat job; name the `row`, such as job\\[1\\]"),
        (line("age", "1", "2", row="job[1]"), "question 'age' is not in repeat job"),
        (line("age", "1", "2", row="child[1]"), "no repeat has a row 'child\\[1\\]'"),
        (line("place", "", "north"), "`new` is no position"),
        (line("age", "1", "2", form="other"), "no form 'other'"),
        (line("age", "1", "2").replace("misheard", ""), "corrections.csv:2: `reason` is empty"),
        (line("age", "1", "2") + ",more", "10 fields instead of 9"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named(folder: Path, text: str, said: str) -> None:
    write(folder, text)
    with pytest.raises(StudyError, match=said):
        pipeline.corrected(read_study(folder / "study.toml"))


# -- the replay alone


class World:
    """Built tables of one submission, to be corrected again and again."""

    def __init__(self, root: Path) -> None:
        self.root, self.schema = root, schema(root)
        inbox = store(root / "inbox" / "visit.zip", {"a": xml(1, GOOD)}).parent
        landing = Landing(root / "landing", "visit")
        landing.land(FolderSource(inbox).pull("visit", Nothing()), "2026-01-01T00:00:00+00:00")
        self.built = root / "built"
        tables.build(landing.segments(), self.schema, self.built, "Asia/Jakarta")

    def corrected(
        self, lines: Sequence[str], folder: Path | None = None
    ) -> tuple[Path, dict[str, list[Any]]]:
        """Replay lines on a copy of what was built, or on a folder; give all rows but those of the log."""
        folder = folder or shutil.copytree(self.built, Path(tempfile.mkdtemp(dir=self.root)) / "copy")
        replay(folder, self.schema, corrections_of(parsed(lines), self.schema), "Asia/Jakarta")
        return folder, content(folder, self.schema)


def parsed(lines: Sequence[str]) -> list[Line]:
    return [
        Line("corrections.csv", number, dict(zip(COLUMNS, text.split(","), strict=True)))
        for number, text in enumerate(lines, 2)
    ]


def content(folder: Path, schema: Schema) -> dict[str, list[Any]]:
    asked = {table.name: ", ".join(map(quote, table.types())) for table in schema.tables}
    return {
        name: duckdb.sql(f"SELECT {columns} FROM '{folder / name}.parquet' ORDER BY ALL").fetchall()
        for name, columns in {**asked, "problems": "*"}.items()
    }


def log(folder: Path) -> list[tuple[str, bool]]:
    return duckdb.sql(
        f"SELECT state, fitted FROM '{folder}/corrections.parquet' ORDER BY position"
    ).fetchall()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def test_every_kind_of_answer_can_be_corrected_and_cleared(world: World) -> None:
    folder, found = world.corrected(
        [
            line("born", "2001-02-03", "2002-02-03"),
            line("place", "-8.1 112.1 90.5 4", "-8.2 112.2"),
            line("tools", "saw", "sawdust saw"),
            line("what", "pours", "brews", row="job[1]/task[1]"),
            line("job/title", "tutor", "", row=f"{ONE}/job[2]"),
        ]
    )
    assert log(folder) == [("applied", True)] * 5
    [root] = found["visit"]
    assert [str(value) for value in root[-7:]] == [
        "2002-02-03",
        "1",
        "sawdust saw",
        "-8.2",
        "112.2",
        "None",
        "None",
    ]
    assert [row[-1] for row in found["visit__task"]] == ["brews"]
    assert [row[4] for row in found["visit__job"]] == ["barista", None]


def test_lines_on_one_cell_build_on_each_other(world: World) -> None:
    folder, found = world.corrected(
        [line("age", "30", "31"), line("age", "30", "32"), line("age", "31", "33")]
    )
    assert found["visit"][0][8] == 33
    assert [state for state, _ in log(folder)] == ["applied", "stale", "applied"]


def test_a_line_on_a_row_that_is_gone_is_refused_for_the_submission(world: World) -> None:
    folder, found = world.corrected([line("title", "cook", "chef", row="job[7]")])
    assert log(folder) == [("stale", False)]
    assert found["problems"] == [(ONE, "visit", ONE, "job/title", "cook", "correction_stale")]


def test_an_answer_that_already_is_the_new_one_is_no_conflict(world: World) -> None:
    folder, found = world.corrected([line("age", "29", "30")])
    assert log(folder) == [("applied", False)]
    assert found["problems"] == []


def test_no_line_for_these_submissions_writes_nothing(world: World) -> None:
    folder, found = world.corrected([line("age", "30", "31", submission="uuid:9")])
    assert not (folder / "corrections.parquet").exists()
    assert found == content(world.built, world.schema)


_CELLS = {
    ("age", ""): st.integers(0, 120).map(str),
    ("who", ""): st.text("abc d", max_size=5).map(str.strip),
    ("tools", ""): st.sampled_from(["", "saw", "sawdust saw"]),
    ("place", ""): st.sampled_from(["", "-8 112", "-8.5 112.25 10 3"]),
    ("title", "job[1]"): st.text("xyz", max_size=3),
    ("hours", "job[2]"): st.integers(1, 99).map(str),
    ("what", "job[1]/task[1]"): st.text("pq", max_size=3),
}
_NOW = {
    "age": "30",
    "who": "Sri",
    "tools": "saw",
    "place": "-8.1 112.1 90.5 4",
    "title": "barista",
    "hours": "",
}


@st.composite
def logs(draw: st.DrawFn) -> list[str]:
    """Draw lines for different cells, some of them stale."""
    cells = draw(st.lists(st.sampled_from(sorted(_CELLS)), unique=True, max_size=5))
    found = []
    for question, row in cells:
        old = "never" if draw(st.booleans()) and question in ("who", "what") else _NOW.get(question, "pours")
        found.append(line(question, old, draw(_CELLS[question, row]), row=row))
    return found


@given(logs().flatmap(lambda lines: st.tuples(st.just(lines), st.permutations(lines))))
@settings(max_examples=12, deadline=None)
def test_corrections_of_different_cells_commute_and_are_idempotent(
    world: World, drawn: tuple[list[str], list[str]]
) -> None:
    lines, shuffled = drawn
    folder, once = world.corrected(lines)
    assert world.corrected(shuffled)[1] == once
    answers = {name: rows for name, rows in once.items() if name != "problems"}
    again = world.corrected(lines, folder)[1]
    assert {name: again[name] for name in answers} == answers


def test_the_log_may_be_absent(folder: Path) -> None:
    assert read_corrections(read_study(folder / "study.toml")) == []
