"""What a load costs beside the database's own COPY of the same rows.

    python bench/loading.py 100000 [--database duckdb|postgresql] [--rounds 3]

Builds so many synthetic submissions (80 questions and a repeat) into Parquet, and so many more as the next batch. In
every round both batches are loaded into an empty warehouse, and their rows are copied, in turn:

    first   the tables are made, filled, and given the keys and indexes the warehouse gives them
    next    the same tables, now with rows and keys in them, take the second batch
    both    the two, and the closing of the database: DuckDB then writes what it kept

COPY reads what it reads best and what was written before the clock starts: Parquet in DuckDB, CSV through the
connection in PostgreSQL, one statement per table into a table of the same columns, keys and indexes (in DuckDB: in the same
row groups). It finds out
nothing: which submission is newer, which is set aside, what was loaded before. CPU seconds are those of this process
and of the server's process that serves it. Printed is the median of the rounds, and the median of their ratios.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import duckdb
from build_load import TIMEZONE, form, make, no_reasons, segments

import postgres
from tracer_etl import tables
from tracer_etl.bridge import bridge_rows
from tracer_etl.names import literal, quote
from tracer_etl.warehouse.contract import Batch
from tracer_etl.warehouse.copying import TO_POSTGRES
from tracer_etl.warehouse.duckdb import STORED
from tracer_etl.warehouse.duckdb import Warehouse as DuckWarehouse
from tracer_etl.warehouse.postgres import Warehouse as PostgresWarehouse
from tracer_etl.warehouse.session import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from postgres import Server
    from tracer_etl.schema import Schema, Table

TICKS = os.sysconf("SC_CLK_TCK")
BATCHES = 2
PHASES = ("first", "next", "both")


@dataclass(frozen=True)
class Spent:
    """CPU seconds of this process and of the server, and seconds on the wall."""

    cpu: float
    wall: float


class Contender(Protocol):
    """Takes both batches into a fresh database, and counts what lies in it."""

    def __enter__(self) -> Contender: ...

    def __exit__(self, *_: object) -> None: ...

    def take(self, number: int) -> None:
        """Take the batch of that number: 0 into an empty database, 1 after it."""
        ...

    def served(self) -> int:
        """Give the process of the server that serves this one; 0 where there is none."""
        ...

    def rows(self) -> list[int]:
        """Count the rows of every table."""
        ...


# -- the batches


@dataclass(frozen=True)
class Work:
    """Two built batches of a form and the CSV files of their tables, in a folder."""

    folder: Path
    schema: Schema
    batches: tuple[Batch, ...]

    @property
    def tables(self) -> list[str]:
        """Name the tables of a batch: root, repeats and choices."""
        return [*(table.name for table in self.schema.tables), self.schema.bridge]

    def file(self, number: int, table: str, kind: str) -> Path:
        """Name the file of a table."""
        return self.batches[number].folder / f"{table}.{kind}"


_OWN = "COLUMNS(lambda name: name NOT LIKE '% %')"
"""A name with a space is of what only the build keeps in the root's file."""


def work(folder: Path, submissions: int) -> Work:
    """Build two batches, and write their tables as CSV, too."""
    schema = form(folder)
    make(folder, 2 * submissions, plain=False)
    landed, half = segments(folder), submissions + 1
    batches = []
    for number, part in enumerate(
        ([s for s in landed if s.first < half], [s for s in landed if s.first >= half])
    ):
        staged = folder / f"staged_{number}"
        tables.build(part, schema, staged, TIMEZONE)
        no_reasons(staged)
        batches.append(Batch(schema, staged, tuple(one.name for one in part), "bench"))
    made = Work(folder, schema, tuple(batches))
    with duckdb.connect(config={"memory_limit": "2GB"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for number in range(len(batches)):
            _choices(connection, made, number)
            for name in made.tables:
                source, target = (literal(str(made.file(number, name, kind))) for kind in ("parquet", "csv"))
                connection.execute(
                    f"COPY (SELECT {_OWN} FROM {source}) TO {target} (FORMAT csv, HEADER false)"
                )
    return made


def _choices(connection: duckdb.DuckDBPyConnection, made: Work, number: int) -> None:
    """Write the chosen answers of a batch as a file, for COPY; the load makes them itself."""
    for table in made.schema.tables:
        source = literal(str(made.file(number, table.name, "parquet")))
        connection.execute(f"CREATE OR REPLACE VIEW {quote(table.name)} AS FROM {source}")
    target = literal(str(made.file(number, made.schema.bridge, "parquet")))
    connection.execute(f"COPY ({bridge_rows(made.schema)}) TO {target} (FORMAT parquet)")


# -- the contenders


class Loading:
    """A warehouse, and its `load`."""

    def __init__(self, work: Work, warehouse: DuckWarehouse | PostgresWarehouse) -> None:
        self.work, self.warehouse = work, warehouse

    def __enter__(self) -> Loading:
        return self

    def __exit__(self, *_: object) -> None:
        self.warehouse.__exit__()

    def take(self, number: int) -> None:
        """Load a batch."""
        self.warehouse.load(self.work.batches[number])

    def served(self) -> int:
        """Give the server's process."""
        session = getattr(self.warehouse, "session", None)
        return int(session.value("SELECT pg_backend_pid()")) if session else 0

    def rows(self) -> list[int]:
        """Count the rows of every table."""
        return [_count(self.warehouse.connection, f"clean.{quote(name)}") for name in self.work.tables]


class DuckCopy:
    """DuckDB's COPY from Parquet into a file."""

    def __init__(self, work: Work, path: Path) -> None:
        self.work = work
        self.connection = duckdb.connect(config={"memory_limit": "1GB"})
        self.connection.execute(f"ATTACH {literal(str(path))} AS plain ({STORED})")
        self.connection.execute("USE plain")
        self.connection.execute(f"SET TimeZone = {literal(TIMEZONE)}")

    def __enter__(self) -> DuckCopy:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def take(self, number: int) -> None:
        """Copy every table in one transaction."""
        self.connection.execute("BEGIN")
        for name in self.work.tables:
            source = literal(str(self.work.file(number, name, "parquet")))
            if number == 0:
                self.connection.execute(f"CREATE TABLE {quote(name)} AS SELECT * FROM {source} LIMIT 0")
            self.connection.execute(f"COPY {quote(name)} FROM {source} (FORMAT parquet)")
        self.connection.execute("COMMIT")

    def served(self) -> int:
        """Say that there is no server."""
        return 0

    def rows(self) -> list[int]:
        """Count the rows of every table."""
        return [_count(self.connection, quote(name)) for name in self.work.tables]


class PostgresCopy:
    """PostgreSQL's COPY from CSV, then the keys and indexes a warehouse has."""

    def __init__(self, work: Work, address: str) -> None:
        self.work, self.session = work, connect(address)
        self.session.execute("SET TimeZone = 'UTC'")

    def __enter__(self) -> PostgresCopy:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.raw.close()

    def take(self, number: int) -> None:
        """Copy every table in one transaction."""
        with self.session.raw.transaction():
            for name in self.work.tables:
                if number == 0:
                    self._create(name)
                self._copy(name, self.work.file(number, name, "csv"))
                if number == 0:
                    for statement in self._keys(name):
                        self.session.execute(statement)

    def _create(self, name: str) -> None:
        described = duckdb.execute(
            f"DESCRIBE SELECT {_OWN} FROM {literal(str(self.work.file(0, name, 'parquet')))}"
        )
        columns = [
            f"{quote(row[0])} {TO_POSTGRES.get(row[1], _plain(row[1]))}" for row in described.fetchall()
        ]
        self.session.execute(f"CREATE TABLE {quote(name)} ({', '.join(columns)})")

    def _copy(self, name: str, file: Path) -> None:
        with (
            file.open("rb") as stream,
            self.session.raw.cursor() as cursor,
            cursor.copy(f"COPY {quote(name)} FROM STDIN (FORMAT csv)".encode()) as copy,
        ):
            while piece := stream.read(1 << 18):
                copy.write(piece)

    def _keys(self, name: str) -> list[str]:
        """Give a table what the warehouse's `_settle` gives it."""
        if name == self.work.schema.bridge:
            indexes = [["_submission_id"], ["question", "choice"]]
            return [f"CREATE INDEX ON {quote(name)} ({', '.join(columns)})" for columns in indexes]
        table = self._table(name)
        keys = ["_submission_id", "_parent_row_id"] if table.parent else []
        return [
            f"ALTER TABLE {quote(name)} ADD PRIMARY KEY ({table.row_key})",
            *(f"CREATE INDEX ON {quote(name)} ({key})" for key in keys),
        ]

    def _table(self, name: str) -> Table:
        return next(table for table in self.work.schema.tables if table.name == name)

    def served(self) -> int:
        """Give the server's process."""
        return int(self.session.value("SELECT pg_backend_pid()"))

    def rows(self) -> list[int]:
        """Count the rows of every table."""
        return [_count(self.session, quote(name)) for name in self.work.tables]


def _plain(kind: str) -> str:
    return "timestamptz" if kind == "TIMESTAMP WITH TIME ZONE" else kind


def _count(connection: object, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[attr-defined]
    return int(row[0])


# -- the measure


def measured(contender: Contender) -> tuple[list[Spent], list[int]]:
    """Let a contender take both batches; give what each took, and both with the closing, and the rows in the end."""
    spent = []
    with contender as one:
        served = one.served()
        for number in range(BATCHES):
            begun, busy = time.perf_counter(), _busy(served)
            one.take(number)
            spent.append(Spent(_busy(served) - busy, time.perf_counter() - begun))
        rows = one.rows()
        begun, busy = time.perf_counter(), _busy(0)
    closing = Spent(_busy(0) - busy, time.perf_counter() - begun)
    whole = [*spent, closing]
    return [*spent, Spent(sum(one.cpu for one in whole), sum(one.wall for one in whole))], rows


def _busy(served: int) -> float:
    """Give the CPU seconds of this process and of the server's."""
    ticks = Path(f"/proc/{served}/stat").read_text().rpartition(")")[2].split()[11:13] if served else []
    return time.process_time() + sum(map(int, ticks)) / TICKS


def contenders(
    database: str, work: Work, server: Server | None, number: int
) -> list[Callable[[], Contender]]:
    """Give what loads and what copies, each into a database of its own."""
    if server:
        addresses = server.fresh(), server.fresh()
        return [
            lambda: Loading(work, PostgresWarehouse(addresses[0], TIMEZONE)),
            lambda: PostgresCopy(work, addresses[1]),
        ]
    files = [work.folder / f"{database}_{number}_{name}.duckdb" for name in ("load", "copy")]
    return [lambda: Loading(work, DuckWarehouse(files[0], TIMEZONE)), lambda: DuckCopy(work, files[1])]


def bench(database: str, work: Work, rounds: int) -> None:
    """Measure one database and print its rows."""
    with postgres.running() if database == "postgresql" else nullcontext() as server:
        taken: list[list[list[Spent]]] = []
        for number in range(rounds):
            pair = contenders(database, work, server, number)
            # In turn, so that what grows busier meanwhile is not always the second.
            order = pair if number % 2 == 0 else pair[::-1]
            found = [measured(make()) for make in order]
            if found[0][1] != found[1][1]:
                raise SystemExit(f"{database}: loaded {found[0][1]} rows, copied {found[1][1]}")
            spent = [one for one, _ in found]
            taken.append(spent if number % 2 == 0 else spent[::-1])
    for place, phase in enumerate(PHASES):
        load, copy = ([one[who][place] for one in taken] for who in (0, 1))
        cells = [
            cell
            for name in ("cpu", "wall")
            for cell in _cells([getattr(s, name) for s in load], [getattr(s, name) for s in copy])
        ]
        print(f"| {database} | {phase} | {' | '.join(cells)} |", flush=True)  # noqa: T201 - a script


def _cells(load: list[float], copy: list[float]) -> list[str]:
    ratios = [one / other for one, other in zip(load, copy, strict=True)]
    middle = statistics.median
    spread = f"{middle(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return [f"{middle(load):.2f}", f"{middle(copy):.2f}", spread]


def main() -> None:
    """Read the command line, build, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submissions", type=int, help="in each of the two batches; whole segments of 20,000")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--database", choices=["duckdb", "postgresql"], action="append")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        made = work(Path(folder), asked.submissions)
        print(f"load average {os.getloadavg()[0]:.1f}; {asked.submissions:,} submissions a batch")  # noqa: T201
        print("| database | batch | load CPU s | COPY CPU s | ratio | load wall s | COPY wall s | ratio |")  # noqa: T201
        print("|---|---|---|---|---|---|---|---|", flush=True)  # noqa: T201
        for database in asked.database or ["duckdb", "postgresql"]:
            bench(database, made, asked.rounds)


if __name__ == "__main__":
    main()
