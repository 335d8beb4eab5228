"""A new study: what it is made of, and what is refused; that it runs is shown from the wheel (test_release.py)."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from datetime import date
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from tracer_etl.checks.expectations import written_rules
from tracer_etl.cli import cli
from tracer_etl.errors import StudyError
from tracer_etl.lint import lint_form
from tracer_etl.servers import connecting
from tracer_etl.starting import start_study
from tracer_etl.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

DAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("init") / "demo-2"
    start_study(folder, DAY)
    return folder


def test_its_form_is_without_a_remark_of_lint_and_its_files_are_read(demo: Path):
    study = read_study(demo / "study.toml")
    [form] = study.forms
    assert lint_form(form.workbook, study.media) == ()
    schema = study.schema(form)
    assert schema.versions == ("2026112401",)
    assert {table.name for table in schema.tables} >= {"household", "household__member"}
    privacy = {column.name: column.privacy for table in schema.tables for column in table.columns}
    assert (privacy["head"], privacy["first_name"], privacy["age"]) == ("direct", "direct", "quasi")
    by_name = {table.name: table for table in schema.tables}
    for name in ("household", "household__member"):
        assert written_rules(study.expectations / f"{name}.yaml", by_name[name]).rules


def test_flow_and_script_are_sound(demo: Path):
    ast.parse((demo / "flows" / "refresh.py").read_text())
    script = demo / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)
    assert "var/" in (demo / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("kind", ["kobo", "central"])
def test_a_study_of_a_server_asks_the_environment_for_its_secrets(tmp_path: Path, kind: str):
    start_study(tmp_path / "demo", DAY, server=kind, timezone="Asia/Makassar")
    study = read_study(tmp_path / "demo" / "study.toml")
    assert (study.server["kind"], study.timezone) == (kind, "Asia/Makassar")
    given = {"TRACER_TOKEN": "t", "TRACER_USER": "u", "TRACER_PASSWORD": "p"}
    assert connecting.settings(study, given)["kind"] == kind
    text = (tmp_path / "demo" / "study.toml").read_text()
    assert not {"password", "token"} & set(tomllib.loads(text)["server"])


def test_the_same_name_and_day_give_the_same_submissions(tmp_path: Path, demo: Path):
    start_study(tmp_path / "demo-2", DAY)
    made = sorted(path.relative_to(demo) for path in demo.rglob("*.xml"))
    assert len(made) == 6
    for path in made:
        assert (tmp_path / "demo-2" / path).read_bytes() == (demo / path).read_bytes()


@pytest.mark.parametrize("name", ["Demo", "2demo", "de mo", "demo;", "x" * 41, "d\u00e9mo"])
def test_a_name_that_is_none_is_refused_and_nothing_is_made(tmp_path: Path, name: str):
    with pytest.raises(StudyError, match="no name for a study"):
        start_study(tmp_path / name, DAY)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path):
    there = tmp_path / "demo"
    there.mkdir()
    start_study(there, DAY)
    before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
    with pytest.raises(StudyError, match="not empty"):
        start_study(there, date(2027, 1, 1))
    assert {path: path.read_bytes() for path in there.rglob("*") if path.is_file()} == before
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="not empty"):
        start_study(tmp_path / "file", DAY)


@pytest.mark.parametrize(
    ("kind", "next_step"), [("folder", "&& tracer-etl run`"), ("kobo", "without the server")]
)
def test_the_command_says_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, next_step: str
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["init", "demo", "--server", kind])
    assert done.exit_code == 0
    assert next_step in done.stderr
