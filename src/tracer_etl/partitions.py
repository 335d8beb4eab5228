"""Pending work cut for many machines: each submission, with all its versions, is in exactly one partition.

`plan` cuts once, `work` builds, checks and loads one partition anywhere, `join` puts the segments into the ledger when
all partitions are loaded. What is then still to be done, once and over the whole, is what a run on one machine does
too, and it finds nothing left to build. Whatever breaks off in between costs time only: a run on one machine
loads all that the ledger does not have, and the next `plan` leaves out what is loaded.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from tracer_etl import batches
from tracer_etl.corrections.log import corrections_of, read_corrections
from tracer_etl.errors import LandingError, StudyError
from tracer_etl.landing import Landing
from tracer_etl.names import literal
from tracer_etl.privacy.withdrawal import withdrawn
from tracer_etl.scratch import scratch
from tracer_etl.shared_landing import STRAYS, SharedLanding, mirror
from tracer_etl.shelf import claimed
from tracer_etl.warehouse import DATABASE, open_warehouse
from tracer_etl.warehouse.contract import PARTITION, Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.landing import Segment
    from tracer_etl.schema import Schema
    from tracer_etl.study import Study

_TURN = threading.Lock()
"""Great Expectations keeps its context per process: a second thread of a worker waits."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Some segments of a form, as `<name>:<sha256>`, and which keys of them: all, or those in or not in the list `keys`."""

    form_id: str
    recipe: str
    segments: tuple[str, ...]
    keys: str = ""
    inside: bool = False

    @property
    def name(self) -> str:
        """Name it by what it holds, as the ledger does."""
        told = repr((self.recipe, self.segments, self.keys, self.inside))
        return PARTITION + hashlib.sha256(told.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be loaded of a form: its new segments, the partitions they make, and those not loaded yet."""

    form_id: str
    recipe: str
    segments: tuple[str, ...]
    partitions: tuple[Partition, ...]
    left: tuple[Partition, ...]


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of a partition, where, and in how many seconds."""

    partition: Partition
    submissions: int
    set_aside: int
    worker: str
    seconds: dict[str, float]

    def shown(self) -> dict[str, object]:
        """Give a row for a table of the run."""
        part = self.partition
        told = {"form": part.form_id, "segments": len(part.segments), "strays": part.inside}
        return {
            **told,
            "submissions": self.submissions,
            "set_aside": self.set_aside,
            "worker": self.worker,
            **self.seconds,
        }


# -- once, before


def plan(study: Study, forms: Sequence[str] = (), records: int = batches.RECORDS) -> tuple[Plan, ...]:
    """Cut what is pending of each form; forms whose expectations compare rows with each other stay whole.

    Raises:
        StudyError: the warehouse is a file, which only one machine can load.
    """
    if not os.environ.get(DATABASE):
        what, remedy = "many machines cannot load one file", "name a PostgreSQL database, on every worker too"
        raise StudyError(what, where=DATABASE, remedy=remedy)
    corrected, out, plans = read_corrections(study), withdrawn(study), []
    for form in study.chosen(forms):
        shutil.rmtree(study.landing / form.form_id / STRAYS, ignore_errors=True)
        mirror(study, form.form_id)
        schema, recipe, pending = batches.pending(study, form, corrected, out)
        segments = [segment for batch in pending for segment in batch]
        if segments and not _compares_rows(study, schema):
            plans.append(_planned(study, form.form_id, recipe, segments, records))
    return tuple(plans)


def _compares_rows(study: Study, schema: Schema) -> bool:
    from tracer_etl.checks.expectations import written_rules
    from tracer_etl.checks.suite import needs_whole_table

    files = ((study.expectations / f"{table.name}.yaml", table) for table in schema.tables)
    return any(needs_whole_table(written_rules(file, table).rules) for file, table in files)


def _planned(study: Study, form_id: str, recipe: str, segments: Sequence[Segment], records: int) -> Plan:
    groups, lists = list(batches.grouped(segments, records)), study.landing / form_id / STRAYS
    lists.mkdir()
    with scratch(lists) as connection:
        strays = _Strays(connection, groups, lists, records) if len(groups) > 1 else None
        partitions = [
            Partition(
                form_id, recipe, tuple(map(batches.identity, group)), strays.of(number) if strays else ""
            )
            for number, group in enumerate(groups)
            if not strays or strays.leave_any(number)
        ]
        parts = strays.parts() if strays else ()
        strayed = [Partition(form_id, recipe, named, keys, inside=True) for named, keys in parts]
    if study.shared:
        for path in sorted(lists.glob("*.zst")):
            SharedLanding(study.shared).keep(form_id, path)
    with open_warehouse(study) as warehouse:
        loaded = warehouse.segments(form_id)
    # Those with strays read the most: they begin first.
    whole = (*strayed, *partitions)
    left = tuple(one for one in whole if one.name not in loaded)
    return Plan(form_id, recipe, tuple(map(batches.identity, segments)), whole, left)


class _Strays:
    """The keys with records in more than one group: the groups leave them to partitions of their own."""

    def __init__(
        self, connection: DuckDBPyConnection, groups: Sequence[Sequence[Segment]], lists: Path, records: int
    ) -> None:
        self.connection, self.lists, self.records = connection, lists, records
        connection.execute("CREATE TABLE record (key VARCHAR, number BIGINT, segment VARCHAR, place BIGINT)")
        for number, group in enumerate(groups):
            for segment in group:
                # A line is ["<key>#<revision>", digest, stamp].
                connection.execute(
                    r"INSERT INTO record SELECT regexp_extract(json ->> '$[0]', '^(.*)#[^#]*$', 1), ?, ?, ? FROM "
                    f"read_json_objects({literal(str(segment.keys()))}, format='newline_delimited', compression='zstd')",
                    [number, batches.identity(segment), segment.first],
                )
        connection.execute(
            "CREATE TABLE stray AS SELECT key, (sum(count(*)) OVER (ORDER BY key) - 1) // ? AS part FROM record "
            "GROUP BY key HAVING count(DISTINCT number) > 1",
            [records],
        )

    def leave_any(self, number: int) -> bool:
        """Tell whether a group has a key that is not a stray; one of edits alone has none."""
        query = "SELECT count(*) FROM record WHERE number = ? AND key NOT IN (SELECT key FROM stray)"
        return self.connection.execute(query, [number]).fetchone() != (0,)

    def of(self, number: int) -> str:
        """Give the list of a group's strays; empty where it has none."""
        return self._listed(f"key IN (SELECT key FROM record WHERE number = {number})")

    def parts(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Give the segments and the list of keys of every partition that strays make."""
        numbers = self.connection.execute("SELECT DISTINCT part FROM stray ORDER BY part").fetchall()
        for (part,) in numbers:
            rows = self.connection.execute(
                "SELECT segment FROM record WHERE key IN (SELECT key FROM stray WHERE part = ?) "
                "GROUP BY segment ORDER BY min(place)",
                [part],
            ).fetchall()
            yield tuple(str(row[0]) for row in rows), self._listed(f"part = {part}")

    def _listed(self, which: str) -> str:
        """Write the keys, and name the file by what is in it."""
        file = self.lists / "part"
        if self.connection.execute(f"SELECT count(*) FROM stray WHERE {which}").fetchone() == (0,):
            return ""
        self.connection.execute(
            f"COPY (SELECT key FROM stray WHERE {which} ORDER BY key) TO {literal(str(file))} "
            "(FORMAT json, COMPRESSION zstd)"
        )
        name = f"{hashlib.sha256(file.read_bytes()).hexdigest()}.ndjson.zst"
        file.replace(self.lists / name)
        return name


# -- anywhere


def work(study: Study, partition: Partition) -> Worked:
    """Build, check and load one partition; its tables lie in a folder of its own while it is at work.

    Raises:
        StudyError: this machine's copy of the study is another one than the plan was made with.
        LandingError: a segment is missing or not what was landed.
        WarehouseError: nothing was loaded.
    """
    from tracer_etl import checks

    seconds: dict[str, float] = {}
    with _TURN, _workplace(study) as folder:
        with _timed(seconds, "fetch"):
            here = _fetched(study, partition, folder)
        schema, segments = _prepared(here, partition)
        changes = corrections_of(read_corrections(here), schema), withdrawn(here)
        tables = folder / "tables"
        with _timed(seconds, "build"):
            batches.make(here, schema, segments, tables, changes, _condition(here, partition))
        with _timed(seconds, "check"):
            verdict = checks.check(tables, schema, here.expectations, timezone=here.timezone)
        with _timed(seconds, "load"), open_warehouse(here) as warehouse:
            judged = partition.name if partition.inside else partition.segments[0]
            warehouse.load(Batch(schema, tables, (partition.name,), partition.recipe, judged))
    at = f"{socket.gethostname()}:{os.getpid()}"
    return Worked(partition, verdict.landed, verdict.set_aside, at, seconds)


def _prepared(study: Study, partition: Partition) -> tuple[Schema, list[Segment]]:
    [form] = study.chosen([partition.form_id])
    schema = batches.compiled(study, form)
    if batches.recipe_of(study, schema, read_corrections(study), withdrawn(study)) != partition.recipe:
        what = "this worker's copy of the study is not the one the work was planned with"
        remedy = "give all machines the same tracer_etl, forms, expectations, logs and registry"
        raise StudyError(what, where=f"{partition.form_id} on {socket.gethostname()}", remedy=remedy)
    landed = {batches.identity(one): one for one in Landing(study.landing, partition.form_id).segments()}
    missing = [name for name in partition.segments if name not in landed]
    if missing:
        what, remedy = (
            f"segment {missing[0]} is not in the landing",
            "let every worker read the landing, or name [storage] shared",
        )
        raise LandingError(what, where=partition.form_id, remedy=remedy)
    return schema, [landed[name] for name in partition.segments]


def _condition(study: Study, partition: Partition) -> str:
    """Say in SQL which keys are the partition's."""
    if not partition.keys:
        return "true"
    file = literal(str(study.landing / partition.form_id / STRAYS / partition.keys))
    listed = f"SELECT k.key FROM read_json({file}, format='newline_delimited', columns={{key: 'VARCHAR'}}) k"
    return f"key {'IN' if partition.inside else 'NOT IN'} ({listed})"


def _fetched(study: Study, partition: Partition, folder: Path) -> Study:
    """Give the study with what the partition needs of the shared landing; without one, its own landing is read."""
    if not study.shared:
        return study
    landing = folder / "landing"
    SharedLanding(study.shared).fetch(partition.form_id, partition.segments, partition.keys, landing)
    references = tuple(
        replace(one, file=landing / "_entity_lists" / one.file.name) if one.entity_list else one
        for one in study.references
    )
    return replace(study, landing=landing, references=references)


@contextmanager
def _workplace(study: Study) -> Iterator[Path]:
    """Give a folder that is gone afterwards; those that killed processes left behind go, too."""
    root = study.staging / "_partitions"
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)  # every name and phone of a partition lies here
    for left in [path for path in root.iterdir() if path.is_dir()]:
        lock = left.with_suffix(".lock")
        with claimed(lock) as free:
            if free:
                shutil.rmtree(left, ignore_errors=True)
                lock.unlink(missing_ok=True)
    mine = root / uuid4().hex
    # The lock is there before the folder, and is let go of by the system when this process ends.
    with claimed(mine.with_suffix(".lock")):
        mine.mkdir()
        try:
            yield mine
        finally:
            shutil.rmtree(mine, ignore_errors=True)
            mine.with_suffix(".lock").unlink(missing_ok=True)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.perf_counter()
    yield
    seconds[stage] = round(time.perf_counter() - begun, 3)


# -- once, after


def join(study: Study, plans: Sequence[Plan]) -> None:
    """Put the segments of all partitions into the ledger, as if one machine had loaded them.

    Raises:
        WarehouseError: a partition is not loaded.
    """
    with open_warehouse(study) as warehouse:
        for one in plans:
            warehouse.join(one.form_id, one.recipe, [part.name for part in one.partitions], one.segments)
    for one in plans:
        shutil.rmtree(study.landing / one.form_id / STRAYS, ignore_errors=True)
        if study.shared:
            SharedLanding(study.shared).forget(one.form_id)
