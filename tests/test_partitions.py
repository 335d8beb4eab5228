"""Partitions: worked off in any order, twice, anywhere, they give the tables of one machine."""

from __future__ import annotations

import os
import random
import shutil
import signal
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

import pytest

import postgres
from cluster_world import Day, many_days, received, tables
from crash_world import differences, fork, inside
from tracer_etl import batches, partitions, pipeline
from tracer_etl.errors import LandingError, StudyError, WarehouseError
from tracer_etl.landing import Landing
from tracer_etl.segments import lines_of
from tracer_etl.shared_landing import SharedLanding
from tracer_etl.study import read_study
from tracer_etl.warehouse import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from postgres import Server
    from tracer_etl.study import Study

RECORDS = 130


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Six pulls of a hundred submissions and twenty older ones."""
    root = tmp_path_factory.mktemp("study")
    return many_days(root / "here", 6, 100, shared=(root / "bucket").as_uri())


@pytest.fixture(scope="module")
def alone(landed: Study, server: Server) -> dict:
    """The tables after a run on one machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATABASE, server.fresh())
        finish(landed)
        return tables(landed)


@pytest.fixture
def fresh(landed: Study, server: Server, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The same landing, and an empty warehouse."""
    monkeypatch.setenv(DATABASE, server.fresh())
    return landed


def finish(study: Study) -> None:
    for stage in (pipeline.build, pipeline.check, pipeline.load, pipeline.marts):
        stage(study)


def test_every_submission_is_in_exactly_one_partition_with_all_its_versions(fresh: Study) -> None:
    [plan] = partitions.plan(fresh, records=RECORDS)
    assert len(plan.partitions) > 6
    assert plan.left == plan.partitions
    segments = {f"{one.name}:{one.sha256}": one for one in Landing(fresh.landing, "tiny").segments()}
    home: dict[str, list[tuple[str, int]]] = {}
    for part in plan.partitions:
        listed = fresh.landing / "tiny" / "strays" / part.keys
        keys = {line["key"] for line in lines_of(listed)} if part.keys else set()
        for segment in part.segments:
            for record in lines_of(segments[segment].file):
                if part.inside == (record["key"] in keys):
                    home.setdefault(record["key"], []).append((part.name, record["landed"]))
    assert all(len({name for name, _ in found}) == 1 for found in home.values())
    numbers = sorted(number for found in home.values() for _, number in found)
    assert numbers == list(range(1, sum(one.records for one in segments.values()) + 1))
    assert sum(len(found) > 1 for found in home.values()) > 50


@pytest.mark.parametrize("seed", [1, 2])
def test_in_any_order_and_twice_they_give_the_tables_of_one_machine(
    seed: int, fresh: Study, alone: dict
) -> None:
    plans = partitions.plan(fresh, records=RECORDS)
    work = [*plans[0].left, *plans[0].left[:3]]
    random.Random(seed).shuffle(work)
    done = [partitions.work(fresh, part) for part in work]
    partitions.join(fresh, plans)
    assert sum(one.submissions for one in {one.partition.name: one for one in done}.values()) > 500
    again, mark = pipeline.build(fresh), fresh.staging / "_partitions"
    assert [(one.submissions, one.problems) for one in again] == [(0, 0)]
    finish(fresh)
    assert not differences(alone, tables(fresh))
    assert not list(mark.iterdir())


def test_what_broke_off_goes_on_where_it_was(fresh: Study, alone: dict) -> None:
    [plan] = partitions.plan(fresh, records=RECORDS)
    partitions.work(fresh, plan.left[-1])
    with pytest.raises(WarehouseError, match=r"of \d+ partitions are not loaded; run again"):
        partitions.join(fresh, [plan])
    [rest] = partitions.plan(fresh, records=RECORDS)
    assert rest.partitions == plan.partitions
    assert rest.left == plan.left[:-1]
    finish(fresh)  # one machine makes good what others left undone
    found = tables(fresh)
    partitions.join(fresh, partitions.plan(fresh))
    ledger = ("meta.load", "meta.row_check", "meta.check_result", "meta.run", "meta.run_check")
    assert not [told for told in differences(alone, found) if told.partition(":")[0] not in ledger]


def test_a_worker_that_is_killed_leaves_a_folder_that_the_next_one_sweeps(fresh: Study) -> None:
    [plan] = partitions.plan(fresh, records=RECORDS)

    def stopped() -> None:
        """Be killed with the folder full."""

        with partitions._workplace(fresh) as folder:
            (folder / "names.parquet").write_text("Ani")
            os.kill(os.getpid(), signal.SIGKILL)

    child, reader = fork(stopped)
    os.waitpid(child, 0)
    os.close(reader)
    [left] = (fresh.staging / "_partitions").glob("*/names.parquet")
    with partitions._workplace(fresh) as busy:
        inside(lambda: partitions.work(fresh, plan.left[0]))
        assert busy.exists()
    assert not left.exists()


def test_a_worker_with_another_copy_of_the_study_refuses(fresh: Study, tmp_path: Path) -> None:
    [plan] = partitions.plan(fresh, records=RECORDS)
    shutil.copytree(fresh.root, tmp_path / "there", ignore=shutil.ignore_patterns("landing"))
    rules = tmp_path / "there" / "expectations" / "tiny.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("900", "800"), encoding="utf-8")
    with pytest.raises(StudyError, match="not the one the work was planned with"):
        partitions.work(read_study(tmp_path / "there" / "study.toml"), plan.left[0])


def test_a_form_whose_rows_are_compared_stays_whole(fresh: Study, tmp_path: Path) -> None:
    shutil.copytree(fresh.root, tmp_path / "there")
    rules = tmp_path / "there" / "expectations" / "tiny.yaml"
    unique = "  - {type: expect_column_values_to_be_unique, kwargs: {column: farmer}, severity: info, "
    unique += "meta: {id: T02, column: farmer, why: {id: Kembar., en: Twice.}}}\n"
    rules.write_text(rules.read_text(encoding="utf-8") + unique, encoding="utf-8")
    assert not partitions.plan(read_study(tmp_path / "there" / "study.toml"), records=RECORDS)


def test_a_file_is_no_warehouse_for_many(landed: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATABASE, raising=False)
    with pytest.raises(StudyError, match="TRACER_DATABASE: many machines cannot load one file"):
        partitions.plan(landed)


def test_a_group_of_edits_alone_makes_no_partition(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, chance = many_days(tmp_path / "here", 1, 50), random.Random(1)
    edits = Day([received(number, 9, chance) for number in range(10)], 50)
    Landing(study.landing, "tiny").land(edits, "2026-03-01T08:00:00+00:00")
    monkeypatch.setenv(DATABASE, server.fresh())
    [plan] = partitions.plan(study, records=50)
    assert [(len(one.segments), bool(one.keys), one.inside) for one in plan.partitions] == [
        (2, True, True), (1, True, False)
    ]  # fmt: skip
    done = [partitions.work(study, part) for part in plan.left]
    partitions.join(study, [plan])
    assert [one.submissions for one in done] == [10, 40]
    assert not partitions.plan(study, records=50)


# -- the shared landing


def files_of(shared: SharedLanding) -> set[str]:
    return {path.removeprefix(f"{shared.root}/") for path in shared.files.find(shared.root)}


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_what_was_landed_is_fetched_whole(kind: str, landed: Study, tmp_path: Path) -> None:
    shared = SharedLanding(f"memory://{tmp_path.name}" if kind == "memory" else (tmp_path / "b").as_uri())
    assert shared.publish(landed.landing, "tiny") == 6
    assert shared.publish(landed.landing, "tiny") == 0
    own = Landing(landed.landing, "tiny")
    names = [f"{one.name}:{one.sha256}" for one in own.segments()]
    shared.fetch("tiny", names[1:3], "", tmp_path / "there")
    fetched = Landing(tmp_path / "there", "tiny")
    assert [replace(one, file=None) for one in fetched.segments()] == [
        replace(one, file=None) for one in own.segments()
    ]
    for one, whole in list(zip(fetched.segments(), own.segments(), strict=True))[1:3]:
        assert one.file.read_bytes() == whole.file.read_bytes()


def test_a_segment_that_was_altered_there_is_refused_and_put_anew(landed: Study, tmp_path: Path) -> None:
    shared, own = SharedLanding((tmp_path / "b").as_uri()), Landing(landed.landing, "tiny").segments()
    shared.publish(landed.landing, "tiny")
    there, names = tmp_path / "b" / "tiny" / own[0].file.name, [f"{own[0].name}:{own[0].sha256}"]
    there.write_bytes(there.read_bytes()[:-1] + b"!")
    with pytest.raises(LandingError, match="is not what was landed"):
        shared.fetch("tiny", names, "", tmp_path / "one")
    there.unlink()
    with pytest.raises(LandingError, match="check the address"):
        shared.fetch("tiny", names, "", tmp_path / "two")
    assert shared.publish(landed.landing, "tiny") == 1
    shared.fetch("tiny", names, "", tmp_path / "three")


def test_what_was_erased_here_is_erased_there(landed: Study, tmp_path: Path) -> None:
    root = tmp_path / "landing"
    shutil.copytree(landed.landing, root)
    shared = SharedLanding((tmp_path / "b").as_uri())
    shared.publish(root, "tiny")
    (tmp_path / "b" / "tiny" / "99999999.ndjson.zst").write_bytes(b"of a run that broke off")
    own = Landing(root, "tiny")
    [key] = [next(lines_of(one.file))["key"] for one in own.segments()][:1]
    own.erase({key: "erased:1"}, {}, "2026-03-01T08:00:00+00:00")
    (root / "_erased.json").write_text('{"salt": "s", "hashes": {}}')
    shared.publish(root, "tiny")
    there = files_of(shared)
    assert there == {
        "_erased.json", "tiny/manifest.json", *(f"tiny/{one.file.name}" for one in own.segments())
    }  # fmt: skip
    for path in (tmp_path / "b" / "tiny").glob("*.ndjson.zst"):
        assert all(record["key"] != key for record in lines_of(path))


@pytest.mark.parametrize(
    ("url", "said"),
    [("s3://bucket/study", "needs more packages"), ("nonsense://x", "Protocol not known: nonsense")],
)
def test_a_url_nobody_can_open_says_what_to_do(url: str, said: str) -> None:
    with pytest.raises(StudyError, match=said) as told:
        SharedLanding(url)
    assert "study.toml [storage] shared" in str(told.value)


def test_segments_are_grouped_by_their_records(landed: Study) -> None:
    own = Landing(landed.landing, "tiny").segments()
    groups = list(batches.grouped(own, 250))
    assert [one for group in groups for one in group] == list(own)
    assert all(sum(one.records for one in group) <= 250 for group in groups)
    assert [len(list(found)) for _, found in groupby(groups, key=len)] == [3]
