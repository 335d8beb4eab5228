"""The main job on the rehearsal: everything accounted for, nothing changes twice, nobody is named."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pyreadstat
import pytest

from doc_commands import fences
from tracer_etl import exports, pipeline
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
    with (folder / "typed.log").open("a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
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


def texts(path: Path) -> str:
    """Give what a file says, cell by cell where it is a table."""
    if path.suffix in (".sav", ".dta"):
        read = pyreadstat.read_sav if path.suffix == ".sav" else pyreadstat.read_dta
        frame, meta = read(path)
        return "\n".join([repr(vars(meta)), *(frame[name].astype(str).str.cat(sep="\n") for name in frame)])
    if path.suffix == ".parquet":
        return str(duckdb.read_parquet(str(path)).fetchall())
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            return "\n".join(html.unescape(book.read(name).decode()) for name in book.namelist())
    return html.unescape(path.read_text(encoding="utf-8"))


def test_no_export_log_report_or_mart_holds_anybodys_name_number_or_place(
    ran: tuple[Study, pipeline.Run], tmp_path: Path
) -> None:
    study, run = ran
    exported = exports.export(run.published, tmp_path).files
    pipeline.report(study, data_docs=True)
    log = study.root / "typed.log"
    files = [log, *(f for root in (tmp_path, study.report) for f in root.rglob("*") if f.is_file())]
    said = {str(file): texts(file) for file in files if file.suffix not in PICTURES}
    for area in ("marts", "meta"):
        said |= {f"{area}.{name}": str(table) for name, table in rows(run.published, area).items()}
    # A day of birth may be that of an applicant, who is in no registry: it is a quasi-identifier, and in clean.
    days = re.compile(r"\d{4}-\d\d-\d\d")
    hidden = {s for s in identifying(study) if "/" not in s and not days.fullmatch(s)} | places(study)
    words = {secret: set(re.findall(r"\w+", secret)) for secret in hidden}
    found = set()
    for name, text in said.items():
        spoken = set(re.findall(r"\w+", text))
        found |= {(name, s) for s, parts in words.items() if parts <= spoken and s in text}
    assert not found
    kinds = {Path(name).suffix for name in said}
    assert {".sav", ".dta", ".parquet", ".csv", ".xlsx", ".xml", ".html", ".log"} <= kinds
    assert len(exported) > 40
    assert len(said[str(log)]) > 500


PICTURES = {".png", ".svg", ".woff2", ".ico"}


def places(study: Study) -> set[str]:
    """Give the coordinates in `pii`, to the digits they came with."""
    with duckdb.connect(str(study.warehouse), read_only=True) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'pii' "
            "AND (column_name LIKE '%_lat' OR column_name LIKE '%_lon')"
        ).fetchall()
        found = {
            str(value)
            for table, column in columns
            for (value,) in connection.execute(f'SELECT "{column}" FROM pii."{table}"').fetchall()
            if value is not None
        }
    assert len(found) > 100
    return {value for value in found if len(value) >= 8}


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
