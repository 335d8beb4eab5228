"""Load: one transaction per batch, newer versions only, identifiers in pii only, crashes leave no trace."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import duckdb
import pytest

from makers import schema, store, study_folder, xml
from tracer_etl import pipeline
from tracer_etl.errors import WarehouseError
from tracer_etl.running import claim
from tracer_etl.study import read_study
from tracer_etl.warehouse import open_warehouse, reading
from tracer_etl.warehouse.contract import areas
from tracer_etl.warehouse.counting import counts
from tracer_etl.warehouse.duckdb import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "<who>Sri Rahayu</who><age>30</age><work>1</work><tools>saw</tools><job><title>barista</title></job>"
BAD = "<who>Budi</who><age>thirty</age><work>0</work>"


def run(path: Path) -> None:
    study = read_study(path)
    pipeline.pull(study)
    pipeline.build(study)
    pipeline.check(study)
    pipeline.load(study)
    pipeline.publish(study)


def content(
    path: Path, areas: tuple[str, ...] = ("clean", "pii", "quarantine", "meta")
) -> dict[str, list[tuple]]:
    """Read every row of every table, ordered, but for when things were pulled and the history of runs."""
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables ORDER BY ALL"
        ).fetchall()
        return {
            f"{area}.{name}": connection.execute(f'SELECT * FROM {area}."{name}" ORDER BY ALL').fetchall()
            for area, name in names
            if area in areas
            and (area, name) not in (("meta", "pull"), ("meta", "run"), ("meta", "run_check"))
        }


def test_good_rows_are_clean_and_bad_ones_are_set_aside_with_reasons(tmp_path: Path) -> None:
    path = study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, BAD), "c": xml(3)[:50]})
    run(path)
    found = content(tmp_path / "var" / "warehouse.duckdb")
    assert [row[0] for row in found["clean.visit"]] == ["uuid:00000001"]
    assert len(found["quarantine.visit"]) == 2
    assert {row[4] for row in found["quarantine.reason"]} >= {"form:type", "form:unreadable"}
    [summary] = found["meta.form_summary"]
    assert summary == ("visit", 3, 1, 2, 0)
    assert [row[3] for row in found["clean.visit__job"]] == [1]


def test_a_child_always_has_its_parent(tmp_path: Path) -> None:
    path = study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, GOOD.replace("<age>30", "<age>x"))})
    run(path)
    with duckdb.connect(str(tmp_path / "var" / "warehouse.duckdb"), read_only=True) as connection:
        for area in ("clean", "quarantine"):
            orphans = f"SELECT * FROM {area}.visit__job WHERE _parent_row_id NOT IN (SELECT _submission_id FROM {area}.visit)"
            assert connection.execute(orphans).fetchall() == []


def test_direct_identifiers_are_in_pii_and_nowhere_an_analyst_reads(tmp_path: Path) -> None:
    run(study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, BAD)}))
    found = content(tmp_path / "var" / "warehouse.duckdb")
    assert ("uuid:00000001", "Sri Rahayu") in [row[:2] for row in found["pii.visit"]]
    published = tmp_path / "var" / "published.duckdb"
    assert not {name for name in content(published) if name.startswith(("pii.", "quarantine."))}
    for secret in (b"Sri Rahayu", b"Budi", b"thirty"):
        assert secret not in published.read_bytes()


def landed_files(folder: Path) -> dict[Path, bytes]:
    """Read all of the landing but the time of the last pull, which moves with every run."""
    files = (folder / "var" / "landing").rglob("*")
    return {file: file.read_bytes() for file in files if file.is_file() and file.name != "pulled_at"}


def test_running_twice_changes_nothing(tmp_path: Path) -> None:
    path = study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, BAD)})
    run(path)
    before = landed_files(tmp_path)
    rows = content(tmp_path / "var" / "warehouse.duckdb")
    run(path)
    assert landed_files(tmp_path) == before
    assert content(tmp_path / "var" / "warehouse.duckdb") == rows


def test_a_run_waits_for_who_only_reads(tmp_path: Path) -> None:
    study = read_study(study_folder(tmp_path, {}))
    with reading(study) as warehouse:
        assert warehouse.summary("visit").landed == 0
        with claim(study, patience=0) as free:
            assert not free
    with claim(study, patience=0) as free:
        assert free


def test_an_edit_replaces_the_row_its_repeats_and_its_state(tmp_path: Path) -> None:
    path = study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, BAD)})
    run(path)
    worse = xml(3, "<age>?</age><work>0</work>", meta="<deprecatedID>uuid:00000001</deprecatedID>")
    better = xml(4, "<age>41</age><work>0</work>", meta="<deprecatedID>uuid:00000002</deprecatedID>")
    store(tmp_path / "inbox" / "visit.zip", {"a": xml(1, GOOD), "b": xml(2, BAD), "c": worse, "d": better})
    run(path)
    found = content(tmp_path / "var" / "warehouse.duckdb")
    assert [row[:2] for row in found["clean.visit"]] == [("uuid:00000002", "uuid:00000004")]
    assert [row[:2] for row in found["quarantine.visit"]] == [("uuid:00000001", "uuid:00000003")]
    assert found["clean.visit__job"] == []
    assert "uuid:00000001" not in [row[0] for row in found["pii.visit"]]


def test_a_changed_expectation_judges_everything_again_from_landing(tmp_path: Path) -> None:
    path = study_folder(tmp_path, {"a": xml(1, GOOD)})
    run(path)
    rule = """
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: age, max_value: 20}
    severity: warning
    meta: {id: V01, why: {id: Umur melebihi 20., en: Older than 20.}}
"""
    (tmp_path / "expectations" / "visit.yaml").write_text(rule)
    run(path)
    found = content(tmp_path / "var" / "warehouse.duckdb")
    assert found["clean.visit"] == []
    assert [row[4] for row in found["quarantine.reason"]] == ["V01"]
    (tmp_path / "expectations" / "visit.yaml").unlink()
    run(path)
    assert len(content(tmp_path / "var" / "warehouse.duckdb")["clean.visit"]) == 1


def test_a_lost_warehouse_is_rebuilt_from_landing_alone(tmp_path: Path) -> None:
    path = study_folder(tmp_path, {"a": xml(1, GOOD), "b": xml(2, BAD)})
    run(path)
    rows = content(tmp_path / "var" / "warehouse.duckdb")
    (tmp_path / "var" / "warehouse.duckdb").unlink()
    store(tmp_path / "inbox" / "visit.zip", {"a": xml(1, GOOD), "b": xml(2, BAD)})
    run(path)
    assert content(tmp_path / "var" / "warehouse.duckdb") == rows


@pytest.mark.parametrize(
    ("change", "words"), [(-1, "older .*; run `tracer-etl run`"), (1, "newer .*; upgrade")]
)
def test_who_only_reads_clears_no_older_warehouse_and_nobody_a_newer_one(
    tmp_path: Path, change: int, words: str
) -> None:
    path = study_folder(tmp_path, {"a": xml(1, GOOD)})
    run(path)
    study = read_study(path)
    with duckdb.connect(str(study.warehouse)) as connection:
        connection.execute("UPDATE meta.layout SET number = number + ?", [change])
    asked = [partial(open_warehouse, study, renew=False), partial(counts, study)]
    asked += [partial(open_warehouse, study)] if change > 0 else []
    for ask in asked:
        with pytest.raises(WarehouseError, match=f"made by an? {words}"):
            ask()
    assert len(content(study.warehouse)["clean.visit"]) == 1
    if change < 0:
        run(path)
        assert counts(study)[0]["visit"].landed == 1


def test_every_column_has_exactly_one_place_for_good_rows(tmp_path: Path) -> None:
    for table in schema(tmp_path).tables:
        placed = areas(table)
        direct = set(placed.get("pii", ())) - {"_submission_id", "_row_id"}
        assert set(placed["clean"]) | direct == set(table.types())
        assert not set(placed["clean"]) & direct


@pytest.mark.parametrize("broken", ["a folder", "garbage"])
def test_an_unusable_warehouse_is_one_clear_line(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.mkdir() if broken == "a folder" else path.write_bytes(b"not a database" * 1000)
    with pytest.raises(WarehouseError, match=r"warehouse.duckdb: cannot be used .*; check") as caught:
        Warehouse(path, "Asia/Jakarta")
    assert "\n" not in str(caught.value)


LOADER = """
import sys
from pathlib import Path
from tracer_etl import pipeline
from tracer_etl.study import read_study
study = read_study(Path(sys.argv[1]))
print("ready", flush=True)
pipeline.pull(study); pipeline.build(study); pipeline.check(study); pipeline.load(study); pipeline.publish(study)
"""


@pytest.mark.slow
def test_kill_9_at_any_moment_then_run_gives_the_same_warehouse(tmp_path: Path) -> None:
    submissions = {str(i): xml(i, GOOD if i % 3 else BAD) for i in range(300)}
    run(study_folder(tmp_path / "calm", submissions))
    expected = content(tmp_path / "calm" / "var" / "warehouse.duckdb")
    path = study_folder(tmp_path / "wild", submissions)
    dice, command = random.Random(7), [sys.executable, "-W", "ignore", "-c", LOADER, str(path)]
    killed = 0
    for _ in range(6):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=dict(os.environ)
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(dice.uniform(0.05, 6))
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert killed >= 2
    run(path)
    assert content(tmp_path / "wild" / "var" / "warehouse.duckdb") == expected


def test_a_form_without_a_submission_has_its_tables_all_the_same(tmp_path: Path) -> None:
    path = study_folder(tmp_path, {})
    pipeline.refresh(read_study(path))
    with duckdb.connect(str(tmp_path / "var" / "published.duckdb"), read_only=True) as published:
        rows = published.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'clean' AND table_type = 'BASE TABLE'"
        ).fetchall()
        assert {"visit", "visit__job", "visit__task", "visit__selected"} <= {name for (name,) in rows}
        assert published.execute("SELECT count(*) FROM clean.visit").fetchone() == (0,)
    assert not pipeline.refresh(read_study(path)).changed
    store(tmp_path / "inbox" / "visit.zip", {"a": xml(1, GOOD)})
    assert pipeline.refresh(read_study(path)).forms[0].good == 1


def test_landing_and_warehouse_are_for_their_owner_only(tmp_path: Path) -> None:
    pipeline.refresh(read_study(study_folder(tmp_path, {"a": xml(1, GOOD)})))
    modes = {
        path: (tmp_path / "var" / path).stat().st_mode & 0o777
        for path in ("landing/visit", "warehouse.duckdb")
    }
    assert modes == {"landing/visit": 0o700, "warehouse.duckdb": 0o600}
