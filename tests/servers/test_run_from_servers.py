"""The whole study from each server, told where to look by environment variables only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from makers import FORM, study_folder, xml
from tracer_etl import pipeline
from tracer_etl.cli import cli
from tracer_etl.errors import Partial, Refused
from tracer_etl.form import read_form
from tracer_etl.servers.openrosa import deprecated_id, received
from tracer_etl.study import read_study
from tracer_etl.testing import FakeCentral, FakeKobo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracer_etl.questions import Form
    from tracer_etl.records import Received

ROOT = Path(__file__).parents[2]
FORMS = ("youth_ideas", "employer_needs", "backcheck")
"""Not all six: what a larger form adds is minutes, not ways through the code."""


def rehearsed(form: Form) -> list[Received]:
    """Give the rehearsal's submissions of a form that a server takes, originals before their edits, once each."""
    found: dict[str, Received] = {}
    with zipfile.ZipFile(ROOT / "forms" / "rehearsal" / f"{form.form_id}.zip") as archive:
        for name in sorted(archive.namelist()):
            one = received(archive.read(name), where=name, fallback_key="")
            if name.endswith(".xml") and not one.error and one.form_version == form.version:
                found.setdefault(one.instance_id, one)
    return sorted(found.values(), key=lambda one: (deprecated_id(one), one.instance_id))


def deliver(server: FakeCentral | FakeKobo, form: str, sent: Iterable[tuple[Received, bytes]]) -> None:
    """Send submissions and their edits as phones would."""
    keys: dict[str, str] = {}
    for one, raw in sent:
        if before := deprecated_id(one):
            keys[one.instance_id] = keys[before]
            server.edit(form, keys[before], raw)
        else:
            keys[one.instance_id] = server.submit(form, raw)


def compiled() -> list[Form]:
    study = read_study(ROOT / "study.toml")
    return [read_form(form.workbook, study.media) for form in study.chosen(FORMS)]


def told(**variables: str) -> dict[str, str]:
    return {**os.environ, **{f"TRACER_{name.upper()}": value for name, value in variables.items()}}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tracer_etl", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def counts(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[int, int, int]]:
    assert done.returncode == 0, done.stderr
    forms = json.loads(done.stdout)["forms"]
    return {one["form_id"]: (one["landed"], one["good"], one["set_aside"]) for one in forms}


@pytest.fixture(scope="module")
def from_folder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, int, int]]:
    """What the same submissions come to when read from a folder."""
    folder = tmp_path_factory.mktemp("folder")
    (folder / "inbox").mkdir()
    for form in compiled():
        with zipfile.ZipFile(folder / "inbox" / f"{form.form_id}.zip", "w") as archive:
            for number, one in enumerate(rehearsed(form)):
                archive.writestr(f"{form.form_id}/{number}/submission.xml", one.raw)
    named = [word for form in FORMS for word in ("--form", form)]
    return counts(run(told(storage=str(folder / "var"), path=str(folder / "inbox")), "run", "--json", *named))


def check_run(environment: dict[str, str], wanted: dict[str, tuple[int, int, int]], secret: str) -> None:
    named = [word for form in FORMS for word in ("--form", form)]
    first = run(environment, "run", "--json", *named)
    assert counts(first) == wanted
    again = run(environment, "-v", "run", "--json", *named)
    assert counts(again) == wanted
    assert not json.loads(again.stdout)["changed"]
    told_status = run(environment, "status", "--json")
    shown = {one["form_id"]: one for one in json.loads(told_status.stdout)}
    for form, (landed, _, _) in wanted.items():
        assert shown[form]["on_server"] == landed
        assert shown[form]["complete"]
        assert shown[form]["last_pull"]
    for done in (first, again, told_status):
        assert secret not in done.stdout + done.stderr


@pytest.mark.slow
def test_run_from_central(tmp_path: Path, from_folder: dict[str, tuple[int, int, int]]) -> None:
    study = read_study(ROOT / "study.toml")
    with FakeCentral() as server:
        for form, one in zip(compiled(), study.chosen(FORMS), strict=True):
            server.publish(one.workbook, study.media)
            deliver(server, form.form_id, ((sent, sent.raw) for sent in rehearsed(form)))
        user, password = server.admin
        environment = told(
            server="central", url=server.url, user=user, password=password, project="1",
            storage=str(tmp_path / "var"),
        )  # fmt: skip
        check_run(environment, from_folder, password)


def test_a_form_that_is_not_there_does_not_hold_up_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = study_folder(tmp_path)
    (tmp_path / "forms" / "later.md").write_text(FORM.replace("| visit   ", "| later   "), encoding="utf-8")
    file.write_text(
        '[[forms]]\nid = "later"\nworkbook = "forms/later.md"\n'.join(["", ""]) + file.read_text()
    )
    with FakeCentral() as server:
        server.publish(tmp_path / "forms" / "visit.md")
        server.submit("visit", xml(1, "<who>Ani</who><age>30</age><work>0</work>"))
        user, password = server.admin
        told = {"server": "central", "url": server.url, "project": "1", "user": user, "password": password}
        for name, value in told.items():
            monkeypatch.setenv(f"TRACER_{name.upper()}", value)
        with pytest.raises(Partial, match="later"):
            pipeline.refresh(read_study(file))
        with pytest.raises(Refused):
            pipeline.refresh(read_study(file), ["later"])
        typed = CliRunner().invoke(cli, ["--study", str(file), "run"])
        assert isinstance(typed.exception, Partial)
        assert re.search(r"^visit +1 +1 ", typed.output, re.MULTILINE), "what came is shown above the error"
    shown = {one.form_id: one.good for one in pipeline.status(read_study(file))}
    assert shown == {"later": 0, "visit": 1}
    with duckdb.connect(str(read_study(file).published), read_only=True) as copy:
        assert copy.execute("SELECT age FROM clean.visit").fetchall() == [(30,)]


@pytest.mark.slow
def test_run_from_kobo(tmp_path: Path, from_folder: dict[str, tuple[int, int, int]]) -> None:
    study = read_study(ROOT / "study.toml")
    with FakeKobo() as server:
        for form, one in zip(compiled(), study.chosen(FORMS), strict=True):
            asset = server.publish(one.workbook, study.media)
            deliver(server, asset, ((sent, server.stamp(asset, sent.raw)) for sent in rehearsed(form)))
        environment = told(server="kobo", url=server.url, token=server.token, storage=str(tmp_path / "var"))
        check_run(environment, from_folder, server.token)
