"""Lint sees the planted defects, is silent on sound forms, and its reports hold to their formats."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from lint_defects import DEFECTS
from tracer_etl import errors
from tracer_etl.cli import cli
from tracer_etl.collect import validate_xform
from tracer_etl.lint import RULES, SEVERITIES, lint_form, read_survey
from tracer_etl.lint.registry import FAMILIES
from tracer_etl.lint.walk import walk_form

if TYPE_CHECKING:
    from lint_defect import Defect
    from tracer_etl.lint import Finding

ROOT = Path(__file__).parents[1]
FORMS = sorted((ROOT / "forms").glob("*.xlsx"))
MEDIA = ROOT / "forms/media"
CORPUS = ROOT / "../shared/corpus"


def found(folder: Path, text: str) -> tuple[Finding, ...]:
    path = folder / "uji.md"
    path.write_text(text, encoding="utf-8")
    return lint_form(path)


def rules(findings: tuple[Finding, ...], *severities: str) -> set[str]:
    return {one.rule.id for one in findings if not severities or one.rule.severity in severities}


# -- what it must see


def test_planted_defects_are_found(tmp_path, capsys):
    rows = [(d, d.rule in rules(found(tmp_path, d.workbook()))) for d in DEFECTS]
    with capsys.disabled():
        print()
        for number, (defect, seen) in enumerate(rows, 1):
            print(f"{number:>3}  {'found' if seen else 'NOT FOUND':<9}  {defect.rule}  {defect.name}")
    missed = [defect.name for defect, seen in rows if not seen]
    assert len(DEFECTS) >= 55
    assert missed == []


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_mended_defect_is_no_longer_found(tmp_path, defect: Defect):
    findings = found(tmp_path, defect.workbook(mended=True))
    assert defect.rule not in rules(findings)
    assert rules(findings, "error") == set()


def test_findings_name_sheet_row_and_column(tmp_path):
    text = next(d for d in DEFECTS if d.name == "relevant names a choice there is not").workbook()
    [one] = [one for one in found(tmp_path, text) if one.rule.id == "TL201"]
    assert (one.sheet, one.row, one.column, one.header) == ("survey", 4, 4, "relevant")
    assert one.place == "uji.md survey D4 (relevant)"
    assert "'3'" in one.message


def test_rows_are_those_a_spreadsheet_shows(tmp_path):
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "survey"
    for row in (
        ("type", "name", "label", "relevant"),
        ("integer", "age", "Umur"),
        (),
        ("text", "b", "B", "${agee}>1"),
    ):
        sheet.append(row)
    book.save(tmp_path / "uji.xlsx")
    [one] = [one for one in lint_form(tmp_path / "uji.xlsx") if one.rule.id == "TL102"]
    assert (one.row, one.column) == (4, 4)


def test_a_csv_workbook_is_read_like_the_others(tmp_path):
    table = "survey,,,\n,type,name,label\n,note,hai,Halo\n,text,select,Pilih\nsettings,,,\n,form_id,version,\n,uji,1,\n"
    (tmp_path / "uji.csv").write_text(table, encoding="utf-8")
    [one] = [one for one in lint_form(tmp_path / "uji.csv") if one.rule.id == "TL401"]
    assert (one.sheet, one.row, one.header) == ("survey", 3, "name")


def test_a_form_that_does_not_compile_is_still_looked_at(tmp_path):
    text = next(d for d in DEFECTS if d.name == "unknown ${name}").workbook()
    assert {"TL101", "TL102"} <= rules(found(tmp_path, text))


# -- where it must be silent


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_the_forms_of_the_study_are_sound(form):
    started = time.process_time()
    findings = lint_form(form, MEDIA)
    assert [(one.rule.id, one.place) for one in findings if one.rule.severity != "note"] == []
    assert len(findings) <= 5
    assert time.process_time() - started < 5  # under 2 s on a quiet machine; CI's is shared


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not on this machine")
def test_errors_in_real_forms_are_the_known_ones():
    """Every one of these was read by hand: docs/explanation/lint-judged.md."""
    page = (ROOT / "docs/explanation/lint-judged.md").read_text(encoding="utf-8")
    forms = [path for path in sorted(CORPUS.rglob("*")) if path.suffix in (".xls", ".xlsx")]
    wrong = {}
    for path in forms:
        for one in lint_form(path):
            if one.rule.severity == "error" and f"| {path.name} | {one.rule.id} |" not in page:
                wrong.setdefault(path.name, []).append((one.rule.id, one.place, one.message))
    assert len(forms) > 100
    assert wrong == {}


# -- the rules and the reports


def test_every_rule_says_why_and_what_to_do():
    assert len(RULES) >= 100
    assert len({rule.name for rule in RULES.values()}) == len(RULES)
    for number, rule in RULES.items():
        assert number == rule.id
        assert int(number[2]) in FAMILIES
        assert rule.severity in SEVERITIES
        assert rule.why.endswith(".")
        assert rule.remedy.endswith(".")


def run(*arguments: str):
    return CliRunner().invoke(cli, ["forms", *arguments])


def test_sarif_holds_what_the_standard_requires(tmp_path):
    broken = tmp_path / "rusak dua.md"
    broken.write_text(next(d for d in DEFECTS if d.rule == "TL205").workbook(), encoding="utf-8")
    result = run("lint", "--format", "sarif", str(broken), str(FORMS[0]), "--media", str(MEDIA))
    assert isinstance(result.exception, errors.FormError)
    log = json.loads(result.stdout)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    [part] = log["runs"]
    driver = part["tool"]["driver"]
    assert driver["name"]
    assert [rule["id"] for rule in driver["rules"]] == sorted(RULES)
    assert all(rule["shortDescription"]["text"] and rule["help"]["text"] for rule in driver["rules"])
    assert part["results"]
    for one in part["results"]:
        assert driver["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["level"] in ("error", "warning", "note")
        assert one["message"]["text"]
        [location] = one["locations"]
        region = location["physicalLocation"].get("region")
        assert region is None or (region["startLine"] >= 1 and region["startColumn"] >= 1)
    uris = {a["location"]["uri"] for a in part["artifacts"]}
    assert {o["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for o in part["results"]} <= uris
    assert not any(" " in uri for uri in uris)


def test_errors_end_with_exit_code_2_and_warnings_with_0(tmp_path):
    bad, fair = tmp_path / "a.md", tmp_path / "b.md"
    bad.write_text(next(d for d in DEFECTS if d.rule == "TL203").workbook(), encoding="utf-8")
    fair.write_text(next(d for d in DEFECTS if d.rule == "TL504").workbook(), encoding="utf-8")
    failed, passed = run("lint", str(bad)), run("lint", str(fair))
    assert isinstance(failed.exception, errors.FormError)
    assert failed.exception.exit_code == 2
    assert passed.exit_code == 0
    assert "warning TL504  survey D3 (constraint)" in passed.stdout
    assert run("lint", "--level", "error", str(fair)).stdout.strip().endswith("nothing found")


def test_what_is_no_workbook_is_said():
    result = run("lint", str(ROOT / "README.md").replace("README.md", "study.toml"))
    assert isinstance(result.exception, errors.FormError)
    assert "workbooks" in str(result.exception)


# -- the engine


@pytest.mark.java
def test_most_planted_defects_are_beyond_pyxform_and_odk_validate(tmp_path):
    unseen = []
    for defect in DEFECTS:
        path = tmp_path / "uji.md"
        path.write_text(defect.workbook(), encoding="utf-8")
        survey = read_survey(path)
        if survey.form and not validate_xform(survey.form.xform):
            unseen.append(defect.name)
    assert len(unseen) >= 38


@pytest.mark.java
def test_a_walk_finds_a_dead_end_that_two_questions_make(tmp_path):
    path = tmp_path / "uji.md"
    path.write_text(DEAD_END, encoding="utf-8")
    assert "TL205" not in rules(lint_form(path))
    assert "TL903" in rules(lint_form(path, walk=True))


@pytest.mark.java
def test_a_walk_passes_on_what_odk_validate_says(tmp_path):
    path = tmp_path / "uji.md"
    path.write_text(next(d for d in DEFECTS if d.name == "two calculations in a circle").workbook())
    assert "TL901" in rules(lint_form(path, walk=True))


@pytest.mark.java
def test_a_walk_through_a_sound_form_finds_nothing():
    findings = lint_form(ROOT / "forms/youth_ideas.xlsx", MEDIA, walk=True)
    assert rules(findings, "error", "warning") == set()


@pytest.mark.java
def test_a_form_that_never_ends_is_stopped(tmp_path):
    path = tmp_path / "uji.md"
    path.write_text(ENDLESS, encoding="utf-8")
    started = time.monotonic()
    walked = walk_form(read_survey(path), seconds=2, grace=6)
    assert "did not come to an end" in walked.crash or "engine stopped" in walked.crash
    assert time.monotonic() - started < 60


ENDLESS = """
| survey |
| | type         | name | label | repeat_count |
| | begin_repeat | r    | R     | 900000000 |
| | integer      | n    | N     | |
| | end_repeat   |      |       | |
"""
DEAD_END = """
| survey |
| | type    | name | label | required | constraint | constraint_message |
| | integer | low  | Dari  | yes | . > 10 and . < 20 | 11 sampai 19 |
| | integer | high | Sampai | yes | . > ${low} and . + 0 < 10 | Lebih besar |
"""


# -- diff


BEFORE = """
| survey |
| | type    | name | label |
| | integer | age  | Umur  |
| settings |
| | form_id | version |
| | uji     | 1 |
"""


def versions(folder: Path, *edits: tuple[str, str]) -> tuple[str, str]:
    old, new = folder / "old.md", folder / "new.md"
    text = BEFORE
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    old.write_text(BEFORE, encoding="utf-8")
    new.write_text(text, encoding="utf-8")
    return str(old), str(new)


def test_diff_says_what_happens_to_the_warehouse(tmp_path):
    edits = (
        ("| | integer | age  | Umur  |", "| | decimal | age  | Usia  |\n| | text | job | Kerja |"),
        ("| 1 |", "| 2 |"),
    )
    result = run("diff", *versions(tmp_path, *edits))
    assert result.exit_code == 0, result.exception
    assert "uji: version 1 -> 2" in result.stdout
    assert 'label "Umur" -> "Usia"' in result.stdout
    assert "new column uji.job (VARCHAR)" in result.stdout
    assert "column uji.age widens from BIGINT to DOUBLE" in result.stdout


def test_diff_warns_of_a_version_that_was_not_raised(tmp_path):
    result = run("diff", *versions(tmp_path, ("Umur", "Usia")))
    assert "The version is the same" in result.stdout


@pytest.mark.parametrize(
    "edit", [("integer", "date"), ("uji     |", "lain    |")], ids=["type narrowed", "another form"]
)
def test_an_unsafe_change_ends_with_exit_code_5(tmp_path, edit):
    result = run("diff", *versions(tmp_path, edit, ("| 1 |", "| 2 |")))
    assert isinstance(result.exception, errors.DriftError)
    assert result.exception.exit_code == 5
    assert "For whoever answers" in result.stdout


def test_nothing_changed(tmp_path):
    result = run("diff", *versions(tmp_path))
    assert result.exit_code == 0
    assert "For the warehouse: no change" in result.stdout
