"""The corrections log on the tables of one staging folder: statements generated from the Schema.

Each line applies to the value the lines before it left. It is refused, and said so among the problems, where
that value is no longer the `old` one: the answer was edited since, or corrected otherwise. What already has
the new value is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from tracer_etl.casts import cast
from tracer_etl.names import literal, quote
from tracer_etl.scratch import scratch
from tracer_etl.warehouse.meta import STAGED_CORRECTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.corrections.log import Correction
    from tracer_etl.schema import Column, Schema, Table

APPLIED, STALE, UNKNOWN = "applied", "stale", "unknown"
"""Done; refused, since the old value is another; no such submission has landed."""
STALE_PROBLEM = "correction_stale"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the log came to in one batch: lines applied and refused, and the problems there are now."""

    applied: int
    stale: int
    problems: int


def replay(folder: Path, schema: Schema, corrections: Sequence[Correction], timezone: str) -> Replayed | None:
    """Correct the tables of a staging folder and write `corrections.parquet`: one row per line that concerns it.

    None where no line does; then nothing is written. `timezone` is that of date-times without an offset.
    """
    if not corrections:
        return None
    with scratch(folder, timezone) as connection:
        replaying = _Replay(connection, schema, folder)
        here = replaying.concerned(corrections)
        return replaying.run(here) if here else None


class _Replay:
    """Holds the connection while the log is worked off, cell by cell in rounds."""

    def __init__(self, connection: DuckDBPyConnection, schema: Schema, folder: Path) -> None:
        self.connection, self.schema, self.folder = connection, schema, folder

    def concerned(self, corrections: Sequence[Correction]) -> list[Correction]:
        """Choose the lines whose submission is in this folder."""
        keys = sorted({one.submission for one in corrections})
        root = literal(str(self.folder / f"{self.schema.root.name}.parquet"))
        rows = self.connection.execute(
            f"SELECT _submission_id FROM {root} WHERE _submission_id IN (SELECT unnest(?::VARCHAR[]))", [keys]
        ).fetchall()
        here = {row[0] for row in rows}
        return [one for one in corrections if one.submission in here]

    def run(self, corrections: Sequence[Correction]) -> Replayed:
        self.connection.execute("CREATE SCHEMA work")
        self._list(corrections)
        self._read("work.problem", "problems")
        tables = {one.table.name: one.table for one in corrections}
        for table in tables.values():
            self._read(quote(table.name), table.name)
        for cells in _rounds(corrections):
            for table, columns in cells:
                self._correct(table, columns)
            self.connection.execute("UPDATE work.line SET round = round - 1")
        self._mend_problems()
        for table in tables.values():
            order = "_submission_id, _row_id" if table.parent else "_landed"
            self._write(f"SELECT * FROM {quote(table.name)} ORDER BY {order}", table.name)
        return self._conclude()

    def _read(self, table: str, file: str) -> None:
        path = literal(str(self.folder / f"{file}.parquet"))
        self.connection.execute(f"CREATE TABLE {table} AS SELECT * FROM {path}")

    def _write(self, query: str, file: str) -> None:
        part = self.folder / f"{file}.parquet.part"
        self.connection.execute(f"COPY ({query}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd)")
        part.replace(self.folder / f"{file}.parquet")

    def _list(self, corrections: Sequence[Correction]) -> None:
        """Lay the lines down as rows: which cell, the how manieth of that cell, and what is known of it yet."""
        columns = ", ".join(f"{name} {kind}" for name, kind in STAGED_CORRECTION.items())
        self.connection.execute(f"CREATE TABLE work.line ({columns}, path VARCHAR, round BIGINT)")
        rows = []
        seen: dict[tuple[str, str, str], int] = {}
        for one in corrections:
            cell = (one.table.name, one.row, one.column)
            seen[cell] = seen.get(cell, -1) + 1
            said = [one.line.fields[name] for name in ("reason", "who", "when")]
            value = [one.old, one.new, *said, STALE, one.columns[0].privacy, False]
            path = "/".join(one.columns[0].paths[0])
            rows.append([one.position, one.submission, *cell, *value, path, seen[cell]])
        marks = ", ".join("?" * len(rows[0]))
        self.connection.executemany(f"INSERT INTO work.line VALUES ({marks})", rows)

    # -- cells

    def _correct(self, table: Table, columns: Sequence[Column]) -> None:
        """Work off one line of every cell of a question: judge all, then write those that match."""
        first = columns[0]
        name, key = first.name.removesuffix(first.part), quote(table.row_key)
        old, new = "nullif(l.old, '')", "nullif(l.new, '')"
        raw = (
            "(SELECT any_value(trim(p.value)) FROM work.problem p WHERE p.reason = 'type' AND p._row_id = l._row_id "
            f"AND p.table_name = {literal(table.name)} AND p.path IN ({_paths(first)}))"
        )
        self.connection.execute(
            f"CREATE OR REPLACE TABLE work.judged AS SELECT l.position, l._row_id, l.new, {raw} AS raw, "
            f"{_holds(columns, old)} AS was, {_holds(columns, new)} AS is_now FROM work.line l "
            f"JOIN {quote(table.name)} t ON t.{key} = l._row_id WHERE l.round = 0 "
            f"AND l.table_name = {literal(table.name)} AND l.column_name = {literal(name)}"
        )
        self.connection.execute(
            "UPDATE work.line l SET state = CASE WHEN CASE WHEN j.raw IS NULL THEN j.was OR j.is_now "
            f"ELSE j.raw = l.old END THEN '{APPLIED}' ELSE '{STALE}' END, fitted = j.raw IS NULL AND j.was "
            "FROM work.judged j WHERE j.position = l.position"
        )
        text = "nullif(l.new, '')"
        values = ", ".join(f"{quote(column.name)} = {cast(column, text)}" for column in columns)
        matched = f"l.position IN (SELECT position FROM work.judged) AND l.state = '{APPLIED}'"
        self.connection.execute(
            f"UPDATE {quote(table.name)} t SET {values} FROM work.line l WHERE {matched} AND t.{key} = l._row_id"
        )
        # What did not fit its type has been replaced: it is no problem any more.
        self.connection.execute(
            f"DELETE FROM work.problem WHERE reason = 'type' AND table_name = {literal(table.name)} "
            f"AND path IN ({_paths(first)}) AND _row_id IN (SELECT l._row_id FROM work.line l WHERE {matched})"
        )

    # -- what hangs on the cells

    def _mend_problems(self) -> None:
        """Say of every refused line that somebody must look; one whose row is gone counts for its submission."""
        root = self.schema.root.name
        gone = " AND ".join(
            f"(l.table_name <> {literal(table.name)} OR l._row_id NOT IN "
            f"(SELECT {table.row_key} FROM {self._source(table)}))"
            for table in self.schema.tables
        )
        self.connection.execute(
            f"INSERT INTO work.problem SELECT _submission_id, CASE WHEN {gone} THEN {literal(root)} ELSE table_name END, "
            f"CASE WHEN {gone} THEN _submission_id ELSE _row_id END, path, old, '{STALE_PROBLEM}' "
            f"FROM work.line l WHERE state = '{STALE}'"
        )
        self._write("SELECT * FROM work.problem ORDER BY ALL", "problems")

    def _source(self, table: Table) -> str:
        return literal(str(self.folder / f"{table.name}.parquet"))

    def _conclude(self) -> Replayed:
        listed = ", ".join(STAGED_CORRECTION)
        self._write(f"SELECT {listed} FROM work.line ORDER BY position", "corrections")
        row = self.connection.execute(
            f"SELECT count(*) FILTER (state = '{APPLIED}'), count(*) FILTER (state = '{STALE}'), "
            "(SELECT count(*) FROM work.problem) FROM work.line"
        ).fetchone()
        return Replayed(*(row or (0, 0, 0)))


def _rounds(corrections: Sequence[Correction]) -> Iterator[list[tuple[Table, tuple[Column, ...]]]]:
    """Cut the log into rounds of one line per cell; give the questions of each."""
    seen: dict[tuple[str, str, str], int] = {}
    numbered = []
    for one in corrections:
        cell = (one.table.name, one.row, one.column)
        seen[cell] = seen.get(cell, -1) + 1
        numbered.append((seen[cell], one))
    numbered.sort(key=lambda pair: pair[0])
    for _, group in groupby(numbered, key=lambda pair: pair[0]):
        questions = {(one.table.name, one.column): (one.table, one.columns) for _, one in group}
        yield list(questions.values())


def _paths(column: Column) -> str:
    return ", ".join(literal("/".join(path)) for path in column.paths)


def _holds(columns: Sequence[Column], text: str) -> str:
    """Test that a row has the value of a text, in all columns of the question; no text means no answer."""
    same = " AND ".join(f"t.{quote(c.name)} IS NOT DISTINCT FROM ({cast(c, text)})" for c in columns)
    return f"({same} AND ({text} IS NULL OR ({cast(columns[0], text)}) IS NOT NULL))"
