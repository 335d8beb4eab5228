"""A small study that is killed in the middle of a run, and what is compared afterwards.

Everything that is killed runs in a forked process: what it needs is imported once, and a run is then as short
as its work. No database is open in the process that forks.
"""

from __future__ import annotations

import importlib
import json
import os
import pickle
import random
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import zstandard

from tiny import FORM, receive, submission, tiny_study
from tracer_etl import pipeline
from tracer_etl.landing import Landing
from tracer_etl.names import quote
from tracer_etl.study import read_study
from tracer_etl.warehouse import DATABASE, open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postgres import Server

Dump = dict[str, list[tuple[str, ...]]]
STAGES = ("pull", "build", "check", "load or marts", "publish or report", "done")


def warm() -> None:
    """Import what the stages import when they need it."""
    needed = "great_expectations pandas psycopg pyxform lxml.etree jinja2 duckdb"
    own = "checks exports report corrections quarantine warehouse.duckdb warehouse.postgres evidence.marts"
    for name in (*needed.split(), *(f"tracer_etl.{name}" for name in own.split())):
        importlib.import_module(name)


def fork(work: Callable[[], Any]) -> tuple[int, int]:
    """Begin the work in a process of its own; give its id and where its pickled answer will be read."""
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    try:
        answer = (True, work())
    except BaseException as error:  # noqa: BLE001 - told to the parent
        answer = (False, f"{type(error).__name__}: {error}")
    with suppress(BrokenPipeError), os.fdopen(writer, "wb") as stream:
        pickle.dump(answer, stream)
    os._exit(0 if answer[0] else 1)


def inside(work: Callable[[], Any]) -> Any:
    """Do the work in a process of its own and give its answer."""
    child, reader = fork(work)
    with os.fdopen(reader, "rb") as stream:
        told = stream.read()
    os.waitpid(child, 0)
    done, answer = pickle.loads(told)  # noqa: S301 - our own child
    assert done, answer
    return answer


def killed(work: Callable[[], Any], after: float) -> bool:
    """Kill the work with SIGKILL after some seconds; tell whether it was still at it."""
    child, reader = fork(work)
    time.sleep(after)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    os.close(reader)
    return os.WIFSIGNALED(status)


@dataclass
class World:
    """The study in a folder; with a server, its warehouse is a database of that server."""

    root: Path
    server: Server | None = None
    address: str = ""

    def enter(self) -> None:
        """Let this process work on the study's own database."""
        os.environ.pop(DATABASE, None)
        if self.server:
            os.environ[DATABASE] = self.address

    def run(self) -> bool:
        """Run all stages; tell whether anything changed."""
        self.enter()
        return pipeline.refresh(read_study(self.root / "study.toml")).changed

    def dump(self) -> Dump:
        """Give every table of every schema, ordered, but for the times of the ledger; and the published copy's."""
        self.enter()
        study = read_study(self.root / "study.toml")
        with open_warehouse(study) as warehouse:
            found = dumped(warehouse.connection)
        import duckdb

        with duckdb.connect(str(study.published), read_only=True) as copy:
            published = {f"published {name}": rows for name, rows in dumped(copy).items()}
        return {**found, **published, "landing": landed(study.landing)}

    def copied(self, root: Path) -> World:
        """Copy folder and database."""
        shutil.copytree(self.root, root)
        if not self.server:
            return World(root)
        name = self.address.partition("?")[0].rpartition("/")[2]
        made = f"{name}_{abs(hash(str(root))) % 10**12}"
        self.server.execute(f"CREATE DATABASE {made} TEMPLATE {name}")
        return World(root, self.server, self.server.address(made))

    def gone(self) -> None:
        """Remove folder and database."""
        shutil.rmtree(self.root)
        if self.server:
            self.server.execute(
                f"DROP DATABASE {self.address.partition('?')[0].rpartition('/')[2]} WITH (FORCE)"
            )

    def stage(self, since: float) -> str:
        """Tell from the disk in which stage a run that began at `since` was."""
        var, landing = self.root / "var", self.root / "var" / "landing" / "tiny" / "manifest.json"
        if not landing.exists() or landing.stat().st_mtime < since:
            return STAGES[0]
        if not list(var.glob("staging/tiny/*/batch.json")) and not (var / "staging" / "tiny").exists():
            mark = var / "tracer.made"
            if mark.exists() and mark.stat().st_mtime >= since:
                return STAGES[5]
            copy = var / "tracer.duckdb"
            return STAGES[4] if copy.exists() and copy.stat().st_mtime >= since else STAGES[3]
        if not list(var.glob("staging/tiny/*/batch.json")):
            return STAGES[1]
        return STAGES[2] if not list(var.glob("staging/tiny/*/reasons.parquet")) else STAGES[3]


def dumped(connection: Any) -> Dump:
    """Give every table of a database, ordered; what meta holds of times is left out."""
    listed = connection.execute(
        "SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns "
        "WHERE table_schema IN ('clean', 'pii', 'quarantine', 'marts', 'meta') ORDER BY 1, 2, 3"
    ).fetchall()
    columns: dict[tuple[str, str], list[str]] = {}
    for schema, table, column, kind in listed:
        timed = schema == "meta" and (kind.lower().startswith("timestamp") or column in TIMES)
        columns.setdefault((schema, table), []).extend([] if timed else [column])
    found = {}
    for (schema, table), names in columns.items():
        texts = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name in names)
        rows = connection.execute(f"SELECT {texts} FROM {quote(schema)}.{quote(table)}").fetchall()
        found[f"{schema}.{table}"] = sorted(tuple(str(cell) for cell in row) for row in rows)
    return found


TIMES = {"pulled_at", "loaded_at", "at", "decided_at", "computed_at", "ended_at"}
"""Columns of the ledger that hold a time as text."""


def landed(root: Path) -> list[tuple[str, ...]]:
    """Give what is landed: key, revision and digest of every record, in order."""
    records = []
    for segment in Landing(root, "tiny").segments():
        with segment.file.open("rb") as stream:
            lines = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True).read()
        records += [json.loads(line) for line in lines.splitlines()]
    return [(str(one["key"]), str(one.get("revision", "")), str(one["digest"])) for one in records]


PRIVATE = (
    FORM.replace("| required |\n", "| required | bind::tracer:privacy |\n", 1)
    .replace("| Farmer       | yes      |", "| Farmer       | yes      | direct |")
    .replace("| form_title   |", "| form_title   | namespaces |")
    .replace("| Tiny         |          |", '| Tiny | tracer="urn:tracer-etl:privacy" |')
)
"""The small form, its farmers' names direct identifiers."""


def world(root: Path, server: Server | None = None) -> World:
    """Make a study that was run once, and what arrived since: new, edited, repeated, set aside and unreadable."""
    root.mkdir(parents=True)
    tiny_study(root)
    (root / "tiny.md").write_text(PRIVATE, encoding="utf-8")
    made = World(root, server, server.fresh() if server else "")
    inside(made.run)
    arrive(root)
    return made


def arrive(root: Path) -> None:
    """Let submissions arrive."""
    many = "".join(f"<plot><hectares>{n}.5</hectares></plot>" for n in range(40))
    for number in range(3, 23):
        receive(root, number, submission(number, f"<farmer>Ani {number}</farmer><cows>{number}</cows>{many}"))
    receive(root, 30, submission(30, "<farmer/><cows>x</cows>"))
    edited = submission(31, "<farmer>Budi</farmer><fodder>maize</fodder>")
    before = "<deprecatedID>uuid:00000000-0000-4000-8000-000000000001</deprecatedID></meta>"
    receive(root, 31, edited.replace("</meta>", before))
    receive(root, 32, submission(32)[:-9])
    receive(root, 2, submission(2))


@dataclass
class Tally:
    """What became of many kills: how many hit a run, by stage, and which left other tables."""

    hit: dict[str, int] = field(default_factory=dict)
    missed: int = 0
    wrong: list[str] = field(default_factory=list)


def kills(base: World, folder: Path, count: int, seed: int) -> Tally:
    """Kill runs at random instants, spread over a run's length, run again, and compare every table.

    Every third run is killed a second time before it may end.
    """
    length = min(_timed(base.copied(folder / f"timed{number}")) for number in range(2))
    calm = base.copied(folder / "calm")
    inside(calm.run)
    expected = inside(calm.dump)
    calm.gone()
    dice, tally, number = random.Random(seed), Tally(), 0
    while sum(tally.hit.values()) < count and number < 4 * count:
        victim = base.copied(folder / f"victim{number}")
        since = time.time()
        if killed(victim.run, (number % count + dice.random()) / count * length):
            stage = victim.stage(since)
            tally.hit[stage] = tally.hit.get(stage, 0) + 1
            if number % 3 == 2:
                killed(victim.run, dice.uniform(0, length))
            tally.wrong += [f"kill {number}: {one}" for one in differences(expected, _rerun(victim))]
        else:
            tally.missed += 1
        victim.gone()
        number += 1
    return tally


def _timed(copy: World) -> float:
    """Give the seconds a run takes."""
    began = time.monotonic()
    inside(copy.run)
    length = time.monotonic() - began
    copy.gone()
    return length


def _rerun(victim: World) -> Dump:
    inside(victim.run)
    found: Dump = inside(victim.dump)
    assert not inside(victim.run), "a run without news changed something"
    return found


def differences(expected: Dump, found: Dump) -> list[str]:
    """Name the tables that differ, with the first rows that do."""
    told = []
    for name in sorted(expected.keys() | found.keys()):
        left, right = expected.get(name), found.get(name)
        if left != right:
            lost = [row for row in left or () if row not in (right or ())]
            more = [row for row in right or () if row not in (left or ())]
            told.append(
                f"{name}: lacks {lost[:2]}, has {more[:2]} ({len(left or ())} and {len(right or ())} rows)"
            )
    return told
