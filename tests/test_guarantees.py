"""The guarantees of the design, each by its number on both databases; docs/explanation/guarantees.md lists them all.

Kills come here by the half dozen; `python bench/crash.py 200` does the same by the hundred.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import postgres
from crash_world import World, differences, fork, inside, warm, world
from tracer_etl import pipeline, running
from tracer_etl.errors import Busy, LandingError, TracerError
from tracer_etl.landing import Landing
from tracer_etl.servers import connecting
from tracer_etl.study import read_study
from tracer_etl.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

KILLS = int(os.environ.get("TRACER_CRASH_KILLS", "6"))
BENCH = Path(__file__).parents[1] / "bench" / "crash.py"
BOTH = ["duckdb", "postgresql"]


@pytest.fixture(scope="module", params=BOTH)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A study that was run once, and what arrived since."""
    warm()  # else each forked process would import it all anew
    with postgres.running() if request.param == "postgresql" else nullcontext() as server:
        yield world(tmp_path_factory.mktemp("study") / "base", server)


@pytest.fixture(scope="module")
def calm(base: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """The same after a run that nobody disturbed."""
    copy = base.copied(tmp_path_factory.mktemp("calm") / "calm")
    assert inside(copy.run)
    return copy


@pytest.fixture(scope="module")
def expected(calm: World) -> dict[str, list[tuple[str, ...]]]:
    return inside(calm.dump)


@pytest.fixture
def victim(base: World, tmp_path: Path) -> Iterator[World]:
    """A copy that a test may maltreat."""
    copy = base.copied(tmp_path / "victim")
    yield copy
    copy.gone()


def asked(at: World, query: str) -> list[tuple]:
    def ask() -> list[tuple]:
        at.enter()
        with open_warehouse(read_study(at.root / "study.toml")) as warehouse:
            return warehouse.connection.execute(query).fetchall()

    return inside(ask)


# -- 1: whatever happens in the middle, the next run makes it good


@pytest.mark.slow
@pytest.mark.parametrize("database", BOTH)
def test_guarantee_1_kill_9_then_run_gives_what_an_undisturbed_run_gives(database: str) -> None:
    if database == "postgresql" and not postgres.programs():
        pytest.skip("Debian's postgresql is not installed")
    command = [sys.executable, str(BENCH), str(KILLS), "--database", database]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 differences" in done.stdout


def test_guarantee_1_two_runs_at_once_end_as_one(
    victim: World, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    told = outcomes(victim.run, victim.run)
    assert any(done for done, _ in told)
    for done, said in told:
        assert done or ("at work" in said and "\n" not in said), said
    inside(victim.run)
    assert not differences(expected, inside(victim.dump))


def outcomes(*works: Callable[[], Any]) -> list[tuple[bool, str]]:
    """Do all at once; tell of each whether it ended well, and what it said."""
    import pickle

    begun, told = [fork(work) for work in works], []
    for child, reader in begun:
        with os.fdopen(reader, "rb") as stream:
            told.append(pickle.loads(stream.read()))  # noqa: S301 - our own children
        os.waitpid(child, 0)
    return [(done, str(said)) for done, said in told]


@contextmanager
def stopped(victim: World, stage: str) -> Iterator[int]:
    """Run the study in a process that waits in the middle of a stage while the block runs, then ends; give its id."""
    (came, arrive), (wait, leave) = os.pipe(), os.pipe()

    def waiting(items: Iterable[Any], label: str, total: int | None = None) -> Iterator[Any]:
        del total
        for item in items:
            if label == f"{stage} tiny":
                os.write(arrive, b".")
                os.read(wait, 1)
            yield item

    def run() -> None:
        os.close(leave)
        victim.enter()
        pipeline.refresh(read_study(victim.root / "study.toml"), (), waiting)

    child, reader = fork(run)
    os.close(wait)
    assert os.read(came, 1) == b"."
    try:
        yield child
    finally:
        os.close(leave)
        for pipe in (came, arrive, reader):
            os.close(pipe)
        os.waitpid(child, 0)


def test_guarantee_1_who_comes_in_the_middle_of_a_run_changes_nothing(
    victim: World, expected: dict[str, list[tuple[str, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0)
    study = read_study(victim.root / "study.toml")

    def tried(*stages: Callable[..., Any]) -> list[str]:
        """Try each; give what was said."""
        victim.enter()
        told = []
        for stage in stages:
            with pytest.raises(Busy) as raised:
                stage(study)
            told.append(str(raised.value))
        return told

    def asked() -> tuple[int, bool]:
        """Pull, which may be done beside a run, and ask how the study stands."""
        victim.enter()
        pipeline.pull(study)
        [one] = pipeline.status(study)
        return one.landed, one.running

    before = inside(asked)
    with stopped(victim, "load"):
        stages = (pipeline.build, pipeline.check, pipeline.load, pipeline.marts, pipeline.judge_marts)
        told = inside(lambda: tried(pipeline.refresh, *stages, pipeline.publish, pipeline.report))
        if not victim.server:
            told += inside(lambda: tried(pipeline.corrected))
        assert set(told) == {"tiny: another run of this study is at work; let it end, then run again"}
        assert inside(asked) == (before[0], not victim.server)
    assert not differences(expected, inside(victim.dump))
    assert inside(asked) == (len(expected["meta.submission"]), False)


def test_guarantee_1_a_run_that_is_killed_keeps_nobody_out(
    victim: World, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    with stopped(victim, "check") as child:
        os.kill(child, signal.SIGKILL)
    inside(victim.run)
    assert not differences(expected, inside(victim.dump))


@pytest.mark.parametrize("limit", [9_000, 300_000])
def test_guarantee_1_a_full_disk_is_one_line_and_loses_nothing(
    limit: int, victim: World, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    def cramped() -> str:
        """Run where no file may grow beyond the limit."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            victim.run()
        except TracerError as error:
            return str(error)
        return "enough"

    said = inside(cramped)
    assert "\n" not in said
    assert said == "enough" or "disk space" in said, said
    inside(victim.run)
    assert not differences(expected, inside(victim.dump))


def test_guarantee_1_a_half_written_segment_is_swept_away(
    victim: World, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    landing = victim.root / "var" / "landing" / "tiny"
    whole = (landing / "00000001.ndjson.zst").read_bytes()
    for name in ("00000002.ndjson.zst", "00000002.keys.zst.part", "manifest.json.part"):
        (landing / name).write_bytes(whole[: len(whole) // 2])
    inside(victim.run)
    assert not differences(expected, inside(victim.dump))


def test_guarantee_1_a_damaged_segment_stops_the_build_in_one_line(victim: World) -> None:
    segment = victim.root / "var" / "landing" / "tiny" / "00000001.ndjson.zst"
    segment.write_bytes(segment.read_bytes()[:40])
    fresh = World(victim.root)  # a file that knows nothing yet must read every segment
    (victim.root / "var" / "warehouse.duckdb").unlink(missing_ok=True)

    def said() -> str:
        with pytest.raises(LandingError) as told:
            fresh.run()
        return str(told.value)

    assert "restore the landing" in inside(said)


def test_guarantee_1_a_clock_that_moves_backwards_changes_nothing(
    victim: World, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    def long_ago() -> None:
        study = read_study(victim.root / "study.toml")
        landing = Landing(study.landing, "tiny")
        landing.land(connecting.source(study).pull("tiny", landing), "1970-01-01T00:00:05+00:00")

    inside(long_ago)
    inside(victim.run)
    assert not differences(expected, inside(victim.dump))


def test_guarantee_1_all_comes_back_from_the_landing_alone(
    calm: World, tmp_path: Path, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    lost = calm.copied(tmp_path / "lost")
    for name in ("warehouse.duckdb", "warehouse.duckdb.wal", "tracer.duckdb", "tracer.made"):
        (lost.root / "var" / name).unlink(missing_ok=True)
    shutil.rmtree(lost.root / "var" / "staging", ignore_errors=True)
    shutil.rmtree(lost.root / "inbox" / "instances")
    (lost.root / "inbox" / "instances").mkdir()
    if lost.server:
        lost.address = lost.server.fresh()

    def from_landing() -> None:
        lost.enter()
        study = read_study(lost.root / "study.toml")
        for stage in (pipeline.build, pipeline.check, pipeline.load, pipeline.marts, pipeline.publish):
            stage(study)

    inside(from_landing)
    found = inside(lost.dump)
    once = {
        "meta.batch",
        "meta.ledger",
        "meta.check_result",
        "meta.row_check",
        "meta.run",
        "meta.run_check",
    }  # of one batch, where there had been two
    told = [
        line
        for line in differences(expected, found)
        if line.split(":")[0].removeprefix("published ") not in once
    ]
    assert not told


# -- 2 to 7: what a run leaves


def test_guarantee_2_running_twice_changes_nothing(
    calm: World, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    assert not inside(calm.run)
    assert not differences(expected, inside(calm.dump))


def test_guarantee_3_any_order_of_arrival_gives_the_same_tables(
    base: World, tmp_path: Path, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    other = World(tmp_path / "other", base.server, base.server.fresh() if base.server else "")
    shutil.copytree(base.root, other.root, ignore=shutil.ignore_patterns("var"))
    inbox, later = other.root / "inbox" / "instances", tmp_path / "later"
    later.mkdir()
    first = {"uuid30", "uuid2", *(f"uuid{number}" for number in range(12, 23))}
    for folder in sorted(inbox.iterdir()):
        if folder.name not in first:
            shutil.move(folder, later / folder.name)
    inside(other.run)
    for folder in sorted(later.iterdir()):
        shutil.move(folder, inbox / folder.name)
    inside(other.run)
    assert not differences(unordered(expected), unordered(inside(other.dump)))


def unordered(dump: dict[str, list[tuple[str, ...]]]) -> dict[str, list[tuple[str, ...]]]:
    """Keep the answers, without the ledger and the numbers in which things landed."""
    kept = {name: rows for name, rows in dump.items() if "meta." not in name and name != "landing"}
    return {
        name: sorted(tuple(c for c in row if not c.isdigit()) for row in rows) for name, rows in kept.items()
    }


def test_guarantee_4_landed_is_good_plus_set_aside_and_every_one_has_its_reasons(calm: World) -> None:
    def stood() -> tuple[int, int, int]:
        calm.enter()
        (one,) = pipeline.status(read_study(calm.root / "study.toml"))
        return one.landed, one.good, one.set_aside

    landed, good, aside = inside(stood)
    assert (landed, good, aside) == (24, good, landed - good)
    assert aside == 2
    reasons = "SELECT count(DISTINCT _submission_id) FROM quarantine.reason WHERE severity IN ('critical', 'warning')"
    assert asked(calm, reasons) == [(aside,)]


def test_guarantee_5_every_answer_is_in_the_warehouse_or_in_the_problems(calm: World) -> None:
    cells = {cell for rows in inside(calm.dump).values() for row in rows for cell in row}
    study = read_study(calm.root / "study.toml")
    newest = {
        one.key: one.data for one in connecting.source(study).pull("tiny", Landing(study.landing, "tiny"))
    }
    answers = {value for data in newest.values() for value in leaves(data)}
    assert len(answers) > 60
    assert not {value for value in answers if value not in cells and f"{value} " not in f"{' '.join(cells)} "}


def leaves(data: dict[str, Any]) -> Iterator[str]:
    for value in data.values():
        if isinstance(value, list):
            for member in value:
                yield from leaves(member)
        elif value.strip():
            yield value


def test_guarantee_6_a_child_always_has_its_parent(calm: World) -> None:
    assert asked(calm, "SELECT count(*) > 700 FROM clean.tiny__plot") == [(True,)]
    orphans = (
        "SELECT count(*) FROM clean.tiny__plot p WHERE NOT EXISTS "
        "(SELECT 1 FROM clean.tiny t WHERE t._submission_id = p._submission_id AND t._submission_id = p._parent_row_id)"
    )
    assert asked(calm, orphans) == [(0,)]


def test_guarantee_7_no_direct_identifier_leaves_pii(
    calm: World, expected: dict[str, list[tuple[str, ...]]]
) -> None:
    names = ("Ani 3", "Ani 22", "Budi", "Siti")

    def holds(table: str) -> bool:
        return any(name in cell for name in names for row in expected[table] for cell in row)

    assert {table for table in expected if holds(table)} == {"pii.tiny"}
    published = [calm.root / "var" / "tracer.duckdb", *(calm.root / "var" / "report").rglob("*")]
    for path in published:
        assert not (path.is_file() and any(name.encode() in path.read_bytes() for name in names)), path
