"""The rehearsal's planted faults: what a rule covers is caught, and nothing clean is set aside."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

from makers import Nothing
from tracer_etl import checks, tables
from tracer_etl.landing import Landing
from tracer_etl.servers.folder import FolderSource
from tracer_etl.study import read_study

ROOT = Path(__file__).parents[1]
# These need more than one submission to be seen (test_run looks for them), or name another form.
LATER = {"H01", "X02", "X15", "X18", "X19", "S04", "form:id"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[tuple]]]:
    """Map form and submission to its reasons (rule, severity, column)."""
    folder, study = tmp_path_factory.mktemp("recall"), read_study(ROOT / "study.toml")
    found: dict[str, dict[str, list[tuple]]] = {}
    for form in study.forms:
        landing = Landing(folder / "landing", form.form_id)
        landing.land(FolderSource(ROOT / "forms" / "rehearsal").pull(form.form_id, Nothing()), "t")
        schema, out = study.schema(form), folder / form.form_id
        tables.build(landing.segments(), schema, out, study.timezone)
        verdict = checks.check(out, schema, study.expectations, timezone=study.timezone)
        assert verdict.landed == verdict.good + verdict.set_aside
        assert verdict.not_evaluated == ()
        reasons: dict[str, list[tuple]] = defaultdict(list)
        root = duckdb.sql(
            f"SELECT _submission_id, _instance_id FROM '{out}/{form.form_id}.parquet'"
        ).fetchall()
        names = {key: instance or key for key, instance in root}
        for key, *rest in duckdb.sql(
            f"SELECT _submission_id, rule, severity, column_name FROM '{out}/reasons.parquet'"
        ).fetchall():
            reasons[names[key]].append(tuple(rest))
        found[form.form_id] = {**{name: [] for name in names.values()}, **reasons}
    return found


def faults() -> list[dict[str, str]]:
    with (ROOT / "forms" / "rehearsal" / "faults.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_every_planted_fault_a_rule_covers_is_caught(
    judged: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    covered = [fault for fault in faults() if fault["rule"] not in LATER]
    unreadable = {
        form: sum(("form:unreadable" in {r[0] for r in rs}) for rs in by.values())
        for form, by in judged.items()
    }
    missed = [
        fault
        for fault in covered
        if not judged[fault["form"]].get(fault["submission_id"])
        and not (fault["rule"] in ("xml", "S03") and unreadable[fault["form"]])
    ]
    with capsys.disabled():
        share = 1 - len(missed) / len(covered)
        print(
            f"\nrecall {share:.3f} ({len(covered) - len(missed)} of {len(covered)} faults covered by a rule)"
        )
    assert missed == []


@pytest.mark.slow
def test_no_clean_submission_is_set_aside(judged: dict, capsys: pytest.CaptureFixture[str]) -> None:
    planted = {(fault["form"], fault["submission_id"]) for fault in faults()}
    clean = [
        (form, name, reasons)
        for form, by in judged.items()
        for name, reasons in by.items()
        if (form, name) not in planted
    ]
    wrong = [
        (form, name, reasons)
        for form, name, reasons in clean
        if any(severity != "info" for _, severity, _ in reasons)
        # A planted broken file or instanceID carries another name than the submission it was made from.
        and not {r[0] for r in reasons} & {"form:unreadable", "S03"}
    ]
    with capsys.disabled():
        print(f"\nfalse positives {len(wrong)} of {len(clean)} clean submissions")
    assert wrong == []
