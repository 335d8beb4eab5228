"""S01, S02, S08: a submission as it came, beside what its form version holds; one that keeps the rule, one that breaks it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from makers import store
from tracer_etl import batches, pipeline
from tracer_etl.study import read_study

if TYPE_CHECKING:
    from tracer_etl.schema import Schema

ROOT = Path(__file__).parents[1]
FORM = "youth_ideas"
EDITS: dict[str, tuple[str, str]] = {
    "kept": ("", ""),
    "more": ("<today>", "<nickname>Yo</nickname><today>"),
    "fewer": ("<idea_duration>.*?</idea_duration>", ""),
    "version": (r'version="\d+"', 'version="2019010101"'),
    "choice": (r"<y_edu>\d</y_edu>", "<y_edu>99</y_edu>"),
    "choices": ("<idea_time>[^<]*</idea_time>", "<idea_time>1 77</idea_time>"),
}
"""One edit each of the same submission: what is replaced, and by what."""
KEYS = {name: f"uuid:b2500dbc-8ccd-40bb-87ea-00000000000{number}" for number, name in enumerate(EDITS)}
RULES = {"S01": "form:unknown_field", "S02": "form:unknown_version", "S08": "form:choice"}


def idea() -> str:
    """Give an idea of the rehearsal that no fault was planted in."""
    faulty = (ROOT / "forms/rehearsal/faults.csv").read_text(encoding="utf-8")
    with zipfile.ZipFile(ROOT / f"forms/rehearsal/{FORM}.zip") as archive:
        for name in sorted(archive.namelist()):
            text = archive.read(name).decode() if name.endswith("submission.xml") else ""
            if "<idea_time>" in text and name.split("/")[1] not in faulty:
                return text
    raise LookupError("the rehearsal has no idea without a fault")


def edited(text: str, name: str) -> bytes:
    pattern, instead = EDITS[name]
    changed, count = re.subn(pattern, instead, text, count=1) if pattern else (text, 1)
    assert count == 1, name
    return re.sub("uuid:[0-9a-f-]{36}", KEYS[name], changed).encode()


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Schema, Path]:
    """The study with the edited submissions alone, checked: the form's schema, and the folder of the batch."""
    folder = tmp_path_factory.mktemp("versions")
    text, whole = (ROOT / "study.toml").read_text(encoding="utf-8"), idea()
    text = re.sub(
        r'"((?:forms|expectations)[^"]*)"',
        lambda m: '"inbox"' if m[1] == "forms/rehearsal" else f'"{ROOT / m[1]}"',
        text,
    )
    (folder / "study.toml").write_text(text, encoding="utf-8")
    store(folder / "inbox" / f"{FORM}.zip", {name: edited(whole, name) for name in EDITS})
    study = read_study(folder / "study.toml")
    pipeline.pull(study, [FORM])
    pipeline.build(study, [FORM])
    pipeline.check(study, [FORM])
    [staged] = batches.staged(study, study.chosen([FORM])[0])
    return staged


def broken(batch: Path, rule: str) -> set[tuple[str, str]]:
    """Give edit and column of all that breaks a rule of the list."""
    names = {key: name for name, key in KEYS.items()}
    found = duckdb.execute(
        f"SELECT _submission_id, column_name FROM '{batch}/reasons.parquet' WHERE rule = ?", [RULES[rule]]
    ).fetchall()
    return {(names[key], column) for key, column in found}


def test_s01_a_field_of_no_version_is_told_and_every_expected_column_is_there(
    checked: tuple[Schema, Path],
) -> None:
    schema, batch = checked
    assert broken(batch, "S01") == {("more", "nickname")}
    table = duckdb.sql(f"FROM '{batch}/{FORM}.parquet'")
    assert set(schema.root.types()) <= set(table.columns)
    assert "nickname" not in table.columns
    answered = table.filter(f"_submission_id = '{KEYS['fewer']}'").select("idea_duration, y_edu").fetchall()
    assert answered[0][0] is None
    assert answered[0][1] is not None


def test_s02_a_version_nobody_deployed_is_set_aside(checked: tuple[Schema, Path]) -> None:
    assert {name for name, _ in broken(checked[1], "S02")} == {"version"}


def test_s08_a_choice_outside_the_versions_list_is_set_aside(checked: tuple[Schema, Path]) -> None:
    assert broken(checked[1], "S08") == {("choice", "y_edu"), ("choices", "idea_time")}
