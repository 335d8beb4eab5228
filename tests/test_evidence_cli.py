"""`tracer-etl evidence plan` and `evidence select`: on the rehearsal, and where something is missing."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import tomllib
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from click.testing import CliRunner

import specification_plan
from r_yardstick.golden import golden, read_table
from tracer_etl import pipeline
from tracer_etl.cli import cli
from tracer_etl.errors import StudyError
from tracer_etl.evidence import storing
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.estimates import read_study as read_answers
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.outcome import records, store
from tracer_etl.evidence.registry.importing import Office, import_registry
from tracer_etl.evidence.registry.vocabulary import read_vocabulary
from tracer_etl.evidence.rehearsal.people import REHEARSAL_KEY
from tracer_etl.study import read_study

ROOT = Path(__file__).parents[1]
LISTS, REGISTRY = ROOT / "forms/rehearsal/office_lists", ROOT / "forms/rehearsal/registry"


def study_in(folder: Path) -> Path:
    text = (ROOT / "study.toml").read_text(encoding="utf-8")
    text = re.sub(r'"((?:forms|expectations)[^"]*)"', lambda match: f'"{ROOT / match[1]}"', text)
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def called(study: Path, *arguments: str):
    return CliRunner().invoke(cli, ["--study", str(study), "evidence", *arguments], catch_exceptions=False)


@pytest.mark.parametrize("command", ["plan", "select"])
def test_before_anything_is_loaded_it_says_what_to_run(tmp_path, command):
    with pytest.raises(StudyError, match=r"nothing is loaded yet; run `tracer-etl run`"):
        called(study_in(tmp_path), command)


def test_rows_are_plain_values():
    declared = {"name": storing.TEXT, "place": storing.WHOLE, "share": storing.REAL, "met": storing.TRUTH}
    table = pd.DataFrame([["a", 1, 0.5, True], ["b", None, math.nan, None]], columns=list(declared))
    assert records(table, declared) == [
        {"name": "a", "place": 1, "share": 0.5, "met": True},
        {"name": "b", "place": None, "share": None, "met": None},
    ]


def test_tables_are_stored_all_or_none():
    declared = {"marts.one": {"value": storing.REAL}, "marts.two": {"value": storing.WHOLE}}
    good = {name: pd.DataFrame({"value": [1.0]}) for name in declared}
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        store(connection, good, declared)
        with pytest.raises(ValueError, match="invalid literal"):
            store(connection, {**good, "marts.two": pd.DataFrame({"value": ["x"]})}, declared)
        for name in declared:
            assert connection.table(name).fetchall() == [(1,)]


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    path = study_in(tmp_path_factory.mktemp("evidence"))
    (path.parent / "evidence").mkdir()
    shutil.copy(ROOT / "evidence/job_codes.csv", path.parent / "evidence")
    pipeline.refresh(read_study(path))
    return path


def test_the_published_numbers_of_the_rehearsal_are_those_of_r(rehearsed):
    """From the submissions to `marts.estimate`, against R's rake, svymean and survfit on the same respondents.

    When the rehearsal or a rule changes, renew the yardstick: see tests/r_yardstick/golden.py.
    """
    sql = "select indicator, estimate, se, low, high, n from marts.estimate where group_by = 'all'"
    with duckdb.connect(str(rehearsed.parent / "var/warehouse.duckdb"), read_only=True) as connection:
        found = {row[0]: row[1:] for row in connection.execute(sql).fetchall()}
    assert found["A1"][4] == len(read_table("rehearsal.csv"))
    assert found["A1"][:2] == pytest.approx(tuple(golden("rehearsal_raked_mean")), abs=1e-6)
    median = found["T1"]
    assert (median[0], *median[2:4]) == pytest.approx(tuple(golden("rehearsal_wait_median")), abs=1e-6)
    assert found["T2"][0] == pytest.approx(golden("rehearsal_rmean")[0], abs=1e-6)
    for cause, name in enumerate(("wage", "self"), 1):
        shares = [found[f"T3_{name}_{months}"][0] for months in (3, 6, 12)]
        assert shares == pytest.approx(golden(f"rehearsal_incidence_{cause}").tolist(), abs=1e-6)


@pytest.fixture(scope="module")
def imported(rehearsed, tmp_path_factory):
    """The rehearsal's warehouse with the registry imported anew: other ids, by which the interviews go, too."""
    out = tmp_path_factory.mktemp("registry")
    desk = (REHEARSAL_KEY.decode(), date(2026, 3, 2), "Asia/Jakarta", lambda _key: False)
    import_registry([LISTS], out, Office(read_vocabulary(), ROOT / "forms/media/desa.csv", *desk))
    warehouse = shutil.copy(rehearsed.parent / "var/warehouse.duckdb", out)
    person, enrolment = (
        f"read_csv('{out / name}', all_varchar = true)" for name in ("person.csv", "enrolment.csv")
    )
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            f"create table ids as select s.alumni_id as was, p.alumni_id as now from {person} p "
            f"join read_csv('{REGISTRY / 'person.csv'}', all_varchar = true) s using (nik_hmac)"
        )
        for table in ("clean.alumni_tracer", "clean.backcheck"):
            key = "bc_alumni" if table.endswith("backcheck") else "alumni_id"
            connection.execute(f"update {table} set {key} = ids.now from ids where {key} = ids.was")
        stays = f"from {{}} where alumni_id in (select alumni_id from {person} where opt_out_at is null)"
        files = {
            "clean.registry_person": person,
            "pii.registry_person": person,
            "clean.registry_enrolment": enrolment,
        }
        for table, file in files.items():
            columns = connection.execute(f"describe {table}").fetchall()
            kept = ", ".join(column[0] for column in columns)
            connection.execute(f"create or replace table {table} as select {kept} {stays.format(file)}")
        make_marts(connection)
        yield connection


@pytest.mark.slow
def test_the_office_s_lists_imported_give_the_frame_and_the_weights_of_the_registry(rehearsed, imported):
    few = Constants(replicates=2)
    with duckdb.connect(str(rehearsed.parent / "var/warehouse.duckdb"), read_only=True) as connection:
        shipped = read_answers(connection, few)
        published = connection.execute("select * from marts.registry_margin").df()
    fresh, ids = read_answers(imported, few), dict(imported.execute("select was, now from ids").fetchall())
    assert len(ids) == 350
    assert all(now != was for was, now in ids.items())
    for one, other in ((shipped.frame, fresh.frame), (shipped.persons.table, fresh.persons.table)):
        assert sorted(one["alumni_id"].map(ids)) == sorted(other["alumni_id"])
    was = pd.Series(shipped.weighted.weights, index=shipped.persons.table["alumni_id"].map(ids))
    now = pd.Series(fresh.weighted.weights, index=fresh.persons.table["alumni_id"])
    assert now.to_dict() == pytest.approx(was.to_dict())
    again = storing.registry_margin_rows(fresh.person, fresh.frame, few)
    pd.testing.assert_frame_equal(again, published, check_dtype=False)


@pytest.mark.slow
def test_the_comparison_with_applicants_finds_what_was_planted(rehearsed):
    planted = json.loads((ROOT / "forms/rehearsal/truth.json").read_text(encoding="utf-8"))
    planted = planted["effect_on_accepted_of_2025"]
    with duckdb.connect(str(rehearsed.parent / "var/warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute("select * from marts.contrast where design = 'applicants'").df()
        balance = connection.execute("select before, after from marts.contrast_balance").df()
    found = rows.set_index("outcome")
    assert found["verdict"].to_dict() == {"A1": "null", "S1": "higher", "E2b_mean": "null"}
    for outcome, effect in planted.items():
        assert found.loc[outcome, "low"] <= effect <= found.loc[outcome, "high"]
    assert found.loc["A1", "detectable"] == pytest.approx(2.8 * found.loc["A1", "se"], rel=0.01)
    assert balance["before"].abs().max() > 0.1 > balance["after"].abs().max()


@pytest.mark.slow
def test_job_codes_on_the_rehearsal(rehearsed):
    """What the page types, on titles of which some are misspelt or say nothing."""
    listed = json.loads(called(rehearsed, "job-codes", "--json").stdout)
    assert Counter(one["state"] for one in listed).keys() == {"no_term", "contradicts", "proposed"}
    assert {one["title"]: one["alike"] for one in listed}["brber panggilan"] == "barber panggilan"
    file = rehearsed.parent / "evidence/job_codes.csv"
    shipped = file.read_text(encoding="utf-8")
    assert f"{len(listed)} titles added" in called(rehearsed, "job-codes", "--write").stderr
    written = file.read_text(encoding="utf-8")
    assert written.startswith(shipped)
    assert "added" not in called(rehearsed, "job-codes", "--write").stderr
    assert file.read_text(encoding="utf-8") == written
    assert "lines taken out" in called(rehearsed, "job-codes", "--forget").stderr
    assert set(file.read_text(encoding="utf-8").splitlines()) < set(written.splitlines())
    file.write_text(shipped, encoding="utf-8")


@pytest.mark.slow
def test_the_rehearsal_shows_s1_both_ways_and_no_title(rehearsed):
    sql = "select indicator, estimate, n from marts.estimate where group_by = 'all' and indicator like 'S1%'"
    with duckdb.connect(str(read_study(rehearsed).published), read_only=True) as connection:
        rows = {code: (estimate, n) for code, estimate, n in connection.execute(sql).fetchall()}
        in_field = "select count(*) from marts.job_code where in_field"
        hits, no_work = connection.execute(in_field).fetchone()[0], 21
    assert rows["S1"][0] > rows["S1_coded"][0] > 0.7
    # The code alone finds nobody, so either way it is S1, of the same people.
    assert rows["S1_coded_only"][0] == 0
    assert rows["S1_either"] == rows["S1"]
    assert 0.7 < rows["S1_kappa"][0] < 1
    assert rows["S1_coded"][1] == rows["S1_reviewed"][1] + no_work
    assert hits < rows["S1_reviewed"][1] < rows["S1_with_code"][1]
    report = read_study(rehearsed).report
    pages = {
        path: path.read_bytes() for path in report.rglob("*") if path.suffix in (".html", ".json", ".csv")
    }
    assert b"S1_coded" in pages[report / "definitions.html"]
    assert [path for path, page in pages.items() if b"kerja di tempat saudara" in page] == []
    found = CliRunner().invoke(cli, ["--study", str(rehearsed), "oversight", "--rule", "C19", "--json"])
    assert {one["rule"] for one in json.loads(found.stdout)} == {"C19"}


@pytest.mark.slow
def test_a_placement_service_gets_only_who_agreed(rehearsed, tmp_path):
    """What the page types; who agreed is counted in the clean answers."""
    file, who = tmp_path / "out/siapkerja.csv", "SIAPkerja, Disnaker Kab. Blitar"
    words = ["--study", str(rehearsed), "privacy", "placement", str(file), "--to", who]
    printed = CliRunner().invoke(cli, words, catch_exceptions=False).stderr
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    sql = (
        "select distinct alumni_id, full_name from clean.alumni_tracer join clean.registry_enrolment using (alumni_id) "
        "join pii.registry_person using (alumni_id) "
        "where consent_placement = '1' and respondent_type = '1' and cert_result = '1' and aapor_code in ('110', '120')"
    )
    with duckdb.connect(str(rehearsed.parent / "var/warehouse.duckdb"), read_only=True) as connection:
        agreed = dict(connection.execute(sql).fetchall())
    assert {row["full_name"] for row in rows} == set(agreed.values())
    assert f"{len(rows)} certificates of {len(agreed)} persons" in printed
    log = CliRunner().invoke(cli, ["--study", str(rehearsed), "privacy", "log"], catch_exceptions=False)
    assert who in log.output


@pytest.mark.slow
def test_the_study_has_open_data_that_five_people_share(rehearsed, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACER_PSEUDONYM_KEY", "k" * 40)
    words = ["--study", str(rehearsed), "privacy", "extract", str(tmp_path), "--json"]
    [made] = json.loads(CliRunner().invoke(cli, words, catch_exceptions=False).stdout)
    with (tmp_path / "alumni.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    alike = Counter(tuple(row[name] for name in ("programme", "sex", "age_group", "zone")) for row in rows)
    assert min(alike.values()) == made["smallest_class"] >= 5
    assert len(rows) == made["rows"] == len(read_table("rehearsal.csv"))
    assert "earnings_idr" not in rows[0]


@pytest.mark.slow
def test_plan_on_the_rehearsal(rehearsed):
    file = str(ROOT / "evidence/plan_2026.toml")
    first = called(rehearsed, "plan", "--config", file, "--json")
    assert first.exit_code == 0
    found = json.loads(first.stdout)
    programmes = {row["programme"]: row for row in found["plan_programme"]}
    assert sum(row["p_top"] or 0 for row in programmes.values()) == pytest.approx(4)
    assert programmes["grafis"]["gates_failed"] == "G2"
    assert programmes["alsintan"]["evidence"] == "no evidence yet: pilot"
    planted = json.loads((ROOT / "forms/rehearsal/truth.json").read_text(encoding="utf-8"))["programs"]
    for (
        code,
        truth,
    ) in planted.items():  # shrunk, so nobody is further than three spreads from what was planted
        assert programmes[code]["in_field"] == pytest.approx(truth["planted_in_field"], abs=0.15), code
    assert called(rehearsed, "plan", "--config", file, "--json").stdout == first.stdout
    text = called(rehearsed, "plan", "--config", file).stdout
    assert "Best sets under the rules" in text
    assert re.search(r"How sure of it\nprogramme +p top +p best +expected rank", text)
    with duckdb.connect(str(read_study(rehearsed).published), read_only=True) as connection:
        assert len(connection.execute("select * from marts.plan_programme").fetchall()) == len(programmes)


@pytest.mark.slow
def test_the_plan_is_the_specification_worked_out_anew(rehearsed):
    """Section 3.1, row by row, by tests/specification_plan.py: from the answers, with none of the plan's own code."""
    file = ROOT / "evidence/plan_2026.toml"
    found = json.loads(called(rehearsed, "plan", "--config", str(file), "--json").stdout)
    office = tomllib.loads(file.read_text(encoding="utf-8"))
    rows = {row["programme"]: row for row in found["plan_programme"] if not row["gates_failed"]}
    effects = {code: (row["in_field"], row["earnings_umk"]) for code, row in rows.items()}
    with duckdb.connect(str(rehearsed.parent / "var/warehouse.duckdb"), read_only=True) as connection:
        values = specification_plan.plan_values(connection, office, effects)
        reach = specification_plan.reached(connection, rows)
    weights = specification_plan.WEIGHTS
    for row in found["plan_value"]:
        expected = values[row["programme"]][row["criterion"]]
        assert row["value"] == pytest.approx(expected), (row["programme"], row["criterion"])
    scores = {code: specification_plan.total(one, weights) for code, one in values.items()}
    assert {code: row["score"] for code, row in rows.items()} == pytest.approx(scores)
    ranked = specification_plan.order(values, weights)
    assert [code for code, row in sorted(rows.items(), key=lambda one: one[1]["place"])] == ranked
    equal = specification_plan.order(values, dict.fromkeys(weights, 1))
    assert [rows[code]["place_equal_weights"] for code in equal] == [*range(1, len(rows) + 1)]
    for row in found["plan_sensitivity"]:
        name, swap = row["criterion"], row["break_even_weight"]
        assert row["chosen_without"].split() == specification_plan.order(values, weights | {name: 0})[:4]
        if swap is not None:
            rest = {one: weight for one, weight in weights.items() if one != name}
            moved = {one: weight * (100 - swap) / sum(rest.values()) for one, weight in rest.items()}
            fourth, fifth = (
                specification_plan.total(values[code], moved | {name: swap}) for code in ranked[3:5]
            )
            assert fourth == pytest.approx(fifth)
    tables = [one for one in office["programme"] if one["code"] in rows]
    women = specification_plan.filled({code: one[1] for code, one in reach.items()}, tables)
    sets = specification_plan.best_sets(office, scores, women)
    assert [(row["score"], set(row["programmes"].split())) for row in found["plan_portfolio"]] == [
        (pytest.approx(score), codes) for score, codes in sets
    ]
    most = sum(sorted(scores.values())[-4:])
    assert [row["lost"] for row in found["plan_portfolio"]] == pytest.approx([most - one for one, _ in sets])


@pytest.mark.slow
def test_the_selection_is_the_specification_worked_out_anew(rehearsed, monkeypatch):
    """Section 3.2 by tests/specification_plan.py: gates, points, third assessor, strata, band, villages, reserve."""
    monkeypatch.setenv("TRACER_HMAC_KEY", REHEARSAL_KEY.decode())
    file = ROOT / "evidence/selection_2026.toml"
    found = json.loads(called(rehearsed, "select", "--config", str(file), "--json").stdout)[
        "selection_result"
    ]
    office = tomllib.loads(file.read_text(encoding="utf-8"))
    with duckdb.connect(str(rehearsed.parent / "var/warehouse.duckdb"), read_only=True) as connection:
        expected = specification_plan.selection(connection, office, REHEARSAL_KEY.decode())
    decided = [{row["number"] for row in found if row["decision"] == one} for one in ("accept", "reserve")]
    assert len(decided[0]) > 30
    assert decided == [*expected]


@pytest.mark.slow
def test_selection_on_the_rehearsal(rehearsed, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACER_HMAC_KEY", REHEARSAL_KEY.decode())
    file, sheet = str(ROOT / "evidence/selection_2026.toml"), tmp_path / "appeal.csv"
    ran = called(rehearsed, "select", "--config", file, "--json", "--appeal-sheet", str(sheet))
    assert ran.exit_code == 0
    found = json.loads(ran.stdout)
    seats = {f"{row['programme']}-{row['target_group']}": row for row in found["selection_stratum"]}
    for name, stratum in seats.items():
        own = [row for row in found["selection_result"] if row["stratum"] == name]
        assert sum(row["decision"] == "accept" for row in own) == stratum["accepted"] <= stratum["seats"]
    lots = {row["number"]: row for row in found["selection_result"] if row["decision"] == "accept"}
    assert all(
        row["total"] >= 55 and row["commitment"] >= 15 and row["aptitude"] >= 10 for row in lots.values()
    )
    assert not any("no NIK typed" in remark for remark in found["remarks"])
    again = called(rehearsed, "select", "--config", file, "--json")
    assert json.loads(again.stdout) == found
    judged = CliRunner().invoke(cli, ["--study", str(rehearsed), "oversight", "--all", "--json"]).stdout
    outcomes = {one["rule"]: one["outcome"] for one in json.loads(judged)}
    assert (outcomes["X16"], outcomes["X17"]) == ("passed", "passed")
    with sheet.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == len(found["selection_result"])
    assert "Seats and reserve" in called(rehearsed, "select", "--config", file).stdout
