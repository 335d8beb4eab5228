"""The command line as its user meets it: a process, its two streams and its exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tiny import FORM, receive, submission, tiny_study, whole_study
from tracer_etl import __version__, errors
from tracer_etl.cli import EXIT_CODES
from tracer_etl.cli.output import SUMMARY, table
from tracer_etl.warehouse.contract import Loaded

HELP_SECONDS = 0.3
SLOW_MACHINE = 4
"""A shared CI runner may be this much slower than the laptop the promise is made for."""
HEAVY = {
    "pandas",
    "duckdb",
    "great_expectations",
    "prefect",
    "pyxform",
    "jpype",
    "lxml",
    "openpyxl",
}


def tracer(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tracer_etl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=300)


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Give the only line of stderr; stdout must be empty, so that a pipe gets no half-truth."""
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("tracer-etl: ")
    return line


def test_help_answers_at_once():
    took = []
    for _ in range(5):
        start = time.perf_counter()
        done = tracer("--help")
        took.append(time.perf_counter() - start)
        assert done.returncode == 0
    assert min(took) < HELP_SECONDS * SLOW_MACHINE


def test_the_command_line_loads_nothing_heavy():
    code = "import sys, tracer_etl.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "tracer_etl" in loaded.stdout.split()
    assert HEAVY.isdisjoint(loaded.stdout.split())


def test_version():
    assert tracer("--version").stdout == f"tracer-etl, version {__version__}\n"


def test_no_command_shows_the_help_and_fails():
    done = tracer()
    assert done.returncode == 2
    assert "Commands:" in done.stderr


def test_help_states_every_exit_code():
    text = tracer("--help").stdout
    for code, meaning in EXIT_CODES:
        assert re.search(rf"^ +{code} +{re.escape(meaning)}$", text, re.MULTILINE)


def test_every_error_of_the_tree_has_a_stated_exit_code():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) > 10
    assert {kind.exit_code for kind in kinds} == {code for code, _ in EXIT_CODES} - {0, 130}


def test_a_missing_study_is_one_line(tmp_path):
    done = tracer("pull", cwd=tmp_path)
    assert done.returncode == 2
    assert "study.toml" in one_line(done)
    assert "--study" in one_line(done)


def test_a_missing_workbook_is_one_line(tmp_path):
    study = tiny_study(tmp_path)
    (tmp_path / "tiny.md").unlink()
    done = tracer("--study", study, "build")
    assert done.returncode == 2
    assert "tiny.md: there is no such form" in one_line(done)


def test_a_broken_form_is_one_line(tmp_path):
    study = tiny_study(tmp_path)
    (tmp_path / "tiny.md").write_text(FORM.replace("integer ", "intiger "))
    done = tracer("--study", study, "build")
    assert done.returncode == 2
    assert "tiny.md: Unknown question type 'intiger'" in one_line(done)


def test_an_unwritable_warehouse_is_one_line(tmp_path):
    study = tiny_study(tmp_path)
    (tmp_path / "file").write_text("no folder")
    study.write_text(study.read_text().replace("var/warehouse.duckdb", "file/warehouse.duckdb"))
    done = tracer("--study", study, "load")
    assert done.returncode == 6
    assert "warehouse.duckdb" in one_line(done)


def test_an_unwritable_landing_is_one_line(tmp_path):
    study = tiny_study(tmp_path)
    (tmp_path / "file").write_text("no folder")
    study.write_text(study.read_text().replace("var/landing", "file/landing"))
    done = tracer("--study", study, "pull")
    assert done.returncode == 6
    assert "landing" in one_line(done)


def test_an_unknown_command_is_one_line():
    done = tracer("frobnicate")
    assert done.returncode == 2
    assert "No such command 'frobnicate'" in one_line(done)


def test_an_unknown_form_is_one_line(tmp_path):
    done = tracer("--study", tiny_study(tmp_path), "pull", "--form", "huge")
    assert done.returncode == 2
    assert "choose of tiny" in one_line(done)


def test_verbose_shows_where_an_error_arose(tmp_path):
    done = tracer("--verbose", "pull", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("tracer-etl: study.toml")


def test_ctrl_c_is_130(tmp_path):
    pipe = tmp_path / "never.xlsx"
    os.mkfifo(pipe)  # nobody writes, so the command waits until Ctrl-C
    code = """
import signal, sys
from tracer_etl.cli import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background has it ignored
signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
signal.alarm(2)
sys.exit(main())
"""
    command = [sys.executable, "-c", code, "forms", "markdown", str(pipe)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 130
    assert done.stderr.strip() == "tracer-etl: interrupted"


def test_pull_lands_what_is_new_and_then_nothing(tmp_path):
    study = tiny_study(tmp_path)
    first = tracer("--study", study, "pull")
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == ["form  new  total", "tiny    2      2"]
    receive(tmp_path, 3, submission(3))
    [again] = json.loads(tracer("--study", study, "pull", "--json").stdout)
    assert (again["form_id"], again["new"], again["total"]) == ("tiny", 1, 3)


def test_the_stages_by_hand(tmp_path):
    study = tiny_study(tmp_path)
    receive(tmp_path, 3, submission(3, "<farmer>Budi</farmer><cows>many</cows>"))
    assert tracer("--study", study, "pull").returncode == 0
    [built] = json.loads(tracer("--study", study, "build", "--json").stdout)
    assert built == {"form_id": "tiny", "submissions": 3, "problems": 1}
    checked = tracer("--study", study, "check", "--json")
    assert checked.stderr == ""
    [verdict] = json.loads(checked.stdout)
    assert (verdict["landed"], verdict["good"], verdict["set_aside"]) == (3, 2, 1)
    loaded = tracer("--study", study, "load")
    assert loaded.stdout.splitlines() == [
        "form  landed  good  set aside  warned  changed",
        "tiny       3     2          1       0        3",
    ]
    [status] = json.loads(tracer("--study", study, "status", "--json").stdout)
    assert (status["landed"], status["complete"], status["versions"]) == (3, True, ["1"])


@pytest.mark.slow
def test_run_does_everything_and_strict_tells_what_no_form_explains(tmp_path):
    study = whole_study(tmp_path)
    first = tracer("--study", study, "run", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    table, _, places = first.stdout.partition("\n\n")
    heading, *rows = [line.split() for line in table.splitlines()]
    assert heading == ["form", "landed", "good", "set", "aside", "warned"]
    assert len(rows) == 6
    for _, landed, good, set_aside, warned in rows:
        assert int(landed) == int(good) + int(set_aside)
        assert int(warned) <= int(good)
    assert places.splitlines() == ["warehouse  var/tracer.duckdb", "report     var/report/index.html"]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "var").rglob("*.html")}
    assert made
    again = tracer("--study", study, "run", "--strict", cwd=tmp_path)
    assert again.stdout == first.stdout
    assert again.returncode == 5
    assert re.search(r"tracer\.duckdb: \d+ submission\(s\) are unreadable", again.stderr.splitlines()[-1])
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_load_before_check_names_the_remedy(tmp_path):
    study = tiny_study(tmp_path)
    for stage in ("pull", "build"):
        assert tracer("--study", study, stage).returncode == 0
    done = tracer("--study", study, "load")
    assert done.returncode == 2
    assert "run `tracer-etl check` first" in one_line(done)


def test_forms_check_says_one_line_per_workbook(tmp_path):
    study = tiny_study(tmp_path)
    done = tracer("--study", study, "forms", "check")
    assert done.returncode == 0
    assert re.fullmatch(r"tiny\.md  version 1, \d+ questions, (valid|not validated)\n", done.stdout)


@pytest.mark.java
def test_forms_check_asks_odk_validate(tmp_path):
    study = tiny_study(tmp_path)
    (tmp_path / "tiny.md").write_text(
        FORM.replace("| Cows         |          |", "| Cows ${farmr} |         |")
    )
    done = tracer("--study", study, "forms", "check")
    assert done.returncode == 2
    assert done.stdout.startswith("tiny.md  ")
    assert done.stderr.startswith("tracer-etl: 1 workbook(s) do not hold: tiny.md")


def test_forms_markdown_prints_the_workbook():
    workbook = Path(__file__).parents[1] / "forms" / "youth_ideas.xlsx"
    done = tracer("forms", "markdown", workbook)
    assert done.returncode == 0
    assert done.stdout.startswith("## survey\n\n| type | name |")


def test_forms_markdown_of_no_workbook_is_one_line(tmp_path):
    (tmp_path / "letter.xlsx").write_text("Dear reader")
    done = tracer("forms", "markdown", tmp_path / "letter.xlsx")
    assert done.returncode == 2
    assert "not a readable workbook" in one_line(done)


def test_a_table_is_aligned():
    rows = [Loaded("a", 1234, 1200, 34, 5), Loaded("longer_name", 1, 1, 0, 0)]
    assert table(rows, SUMMARY).splitlines() == [
        "form         landed  good  set aside  warned",
        "a              1234  1200         34       5",
        "longer_name       1     1          0       0",
    ]


def test_a_table_of_nothing_is_its_heading():
    assert table([], ("form_id", "new")) == "form  new"
