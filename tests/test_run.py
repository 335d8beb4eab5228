"""The main job on the rehearsal: everything accounted for, nothing changes twice, nobody is named."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from doc_commands import fences
from tracer_etl import pipeline
from tracer_etl.report import DATA_DOCS
from tracer_etl.study import Study, read_study

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow


TUTORIAL = ROOT / "docs/tutorial/first-evening.md"


@pytest.fixture(scope="module")
def first_step(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Copy what a clone has and do the tutorial's first step there; give the folder and what was printed."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("forms", "expectations", "evidence"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("study.toml", "Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder, typed(fences(TUTORIAL, ("sh",))[0], folder)


def typed(block: str, folder: Path) -> str:
    """Type a block of a page into a shell, as it stands; give what it prints."""
    # -o: the packages are there, so the first install is left out.
    block = re.sub(r"^make ", "make -s -o .venv ", block, flags=re.MULTILINE)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def ran(first_step: tuple[Path, str]) -> tuple[Study, pipeline.Run]:
    study = read_study(first_step[0] / "study.toml")
    return study, pipeline.refresh(study)


def test_make_run_prints_what_the_readme_says(first_step: tuple[Path, str]) -> None:
    shown = fences(ROOT / "README.md", ("text",))[0]
    assert first_step[1] == shown


def rows(path: Path, area: str) -> dict[str, list[tuple]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", [area]
        ).fetchall()
        return {
            n: connection.execute(f'SELECT * FROM {area}."{n}" ORDER BY ALL').fetchall() for (n,) in names
        }


def test_landed_is_good_plus_set_aside_for_every_form(ran: tuple[Study, pipeline.Run]) -> None:
    study, run = ran
    assert [form.form_id for form in run.forms] == [form.form_id for form in study.forms]
    for form in run.forms:
        assert form.landed == form.good + form.set_aside > 0
        with duckdb.connect(str(study.warehouse), read_only=True) as connection:
            for area, count in (("clean", form.good), ("quarantine", form.set_aside)):
                assert connection.execute(f"SELECT count(*) FROM {area}.{form.form_id}").fetchone() == (
                    count,
                )


def test_a_second_run_changes_nothing(ran: tuple[Study, pipeline.Run]) -> None:
    study, _ = ran
    areas = ("clean", "pii", "quarantine", "meta", "marts")
    before = {area: rows(study.warehouse, area) for area in areas}
    kept = [
        file
        for file in (study.root / "var").rglob("*")
        if file.is_file() and file != study.warehouse and file.name != "pulled_at"
    ]
    bodies = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in kept}
    again = pipeline.refresh(study)
    assert not again.changed
    assert {area: rows(study.warehouse, area) for area in areas} == before
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in kept} == bodies


def identifying(study: Study) -> set[str]:
    """Give the rehearsal's names, numbers and addresses of devices, as they stand in `pii`."""
    secrets: set[str] = set()
    for table in rows(study.warehouse, "pii").values():
        # Columns 0 and 1 may be keys; short values such as "jualan" are words, not identifiers.
        secrets |= {
            str(value) for row in table for value in row[1:] if isinstance(value, str) and len(value) >= 8
        }
    keys = {str(row[0]) for row in rows(study.warehouse, "meta")["submission"] for row in [row[1:]]}
    found = {s for s in secrets - keys if re.search(r"\d{4}", s) or s.istitle()}
    assert len(found) > 1000
    return found


def test_no_direct_identifier_is_in_what_analysts_and_readers_get(ran: tuple[Study, pipeline.Run]) -> None:
    study, run = ran
    secrets = identifying(study)
    with duckdb.connect(str(run.published), read_only=True) as connection:
        schemas = connection.execute("SELECT DISTINCT table_schema FROM information_schema.tables").fetchall()
    assert {schema for (schema,) in schemas} == {"clean", "marts", "meta"}
    values = {
        value
        for area in ("clean", "marts", "meta")
        for table in rows(run.published, area).values()
        for row in table
        for value in row
        if isinstance(value, str)
    }
    assert {v for v in values & secrets if "/" not in v} == set()
    for page in run.report.parent.glob("*.html"):
        content = page.read_text(encoding="utf-8")
        assert [secret for secret in secrets if secret in content] == [], page.name


def test_data_docs_hold_every_rule_and_nobodys_name_number_or_place(ran: tuple[Study, pipeline.Run]) -> None:
    study, _ = ran
    pipeline.report(study, data_docs=True)
    with duckdb.connect(str(study.warehouse), read_only=True) as connection:
        judged = connection.execute("SELECT DISTINCT table_name, rule FROM meta.row_check").fetchall()
        places = connection.execute(
            "SELECT gps_lat, gps_lon FROM pii.alumni_tracer WHERE gps_lat IS NOT NULL"
        ).fetchall()
    pages = {p.stem: p.read_text(encoding="utf-8") for p in (study.report / DATA_DOCS).iterdir()}
    assert [one for one in judged if f">{one[1]}<" not in pages[one[0]]] == []
    assert len(places) > 100
    secrets = identifying(study) | {str(value) for place in places for value in place}
    assert [(secret, name) for name, page in pages.items() for secret in secrets if secret in page] == []


def test_status_tells_of_a_complete_pull(ran: tuple[Study, pipeline.Run]) -> None:
    study, run = ran
    found = pipeline.status(study)
    assert [(s.landed, s.good, s.set_aside) for s in found] == [
        (f.landed, f.good, f.set_aside) for f in run.forms
    ]
    assert all(one.complete and one.last_pull for one in found)


def test_oversight_finds_what_was_planted_on_enumerators_and_holds_nothing_else(
    ran: tuple[Study, pipeline.Run],
) -> None:
    study, _ = ran
    truth = json.loads((ROOT / "forms/rehearsal/truth.json").read_text(encoding="utf-8"))["curbstoning"]
    invented = set(truth["submissions"])
    with (ROOT / "forms/rehearsal/faults.csv").open(encoding="utf-8") as file:
        planted = [row for row in csv.DictReader(file) if re.fullmatch(r"H\d\d", row["rule"])]
    with duckdb.connect(str(study.warehouse), read_only=True) as connection:
        found = connection.execute(
            "SELECT rule, _submission_id FROM quarantine.reason WHERE regexp_full_match(rule, 'H[0-9]{2}') AND state = 'open'"
        ).fetchall()
        hasty = connection.execute(
            "SELECT _submission_id FROM quarantine.reason WHERE rule = 'H19'"
        ).fetchall()
        seen = connection.execute(
            "SELECT rule FROM meta.finding WHERE scope = 'enumerator' AND key = ?", [truth["enumerator"]]
        ).fetchall()
    for rule in truth["seen_by"]:
        held = {key for name, key in found if name == rule} & invented
        print(f"{rule}: {len(held)} of {len(invented)} invented interviews found")
        assert held == invented
    assert {(row["rule"], row["submission_id"]) for row in planted} == {
        one for one in found if one[1] not in invented
    }
    print(f"H19: {len(hasty)} of {len(invented)} invented interviews found")
    assert {key for (key,) in hasty} == invented
    assert {"H14", "H15", "H17"} <= {rule for (rule,) in seen}


def test_the_tutorial_goes_on_from_there_and_prints_what_it_says(ran: tuple[Study, pipeline.Run]) -> None:
    """Last in this file, since a submission is broken on the way."""
    study, run = ran
    [question, breaking, stages] = fences(TUTORIAL, ("sh",))[1:]
    [answer] = fences(TUTORIAL, ("text",))
    assert typed(question, study.root).rstrip() == answer.rstrip()
    before = {form.form_id: form for form in run.forms}["youth_ideas"]
    after = f"youth_ideas {before.landed + 1} {before.good} {before.set_aside + 1} {before.warned}"
    assert after in [" ".join(line.split()) for line in typed(breaking, study.root).splitlines()]
    assert "youth_ideas" in typed(stages, study.root)
