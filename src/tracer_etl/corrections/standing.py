"""What became of every line of the corrections log, as the warehouse has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.corrections.replay import UNKNOWN
from tracer_etl.warehouse.contract import one_transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracer_etl.logbook import Line
    from tracer_etl.warehouse.contract import Connection, Warehouse

NEXT_RUN = "next run"
"""Stands for the fate of a line that the warehouse has not seen yet."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of the log and its state: applied, stale, unknown, or that the next run will tell."""

    line: int
    form_id: str
    submission: str
    question: str
    row: str
    state: str


def note_unlanded(warehouse: Warehouse, form_id: str, lines: Iterable[Line]) -> None:
    """Keep the lines of one form whose submission has not landed, or is deleted, in place of those of before.

    Raises:
        WarehouseError: nothing has changed.
    """
    own = [line for line in lines if line.fields["form"] == form_id]
    with warehouse.alone(form_id) as connection:
        landed = {
            key for key in {line.fields["submission"] for line in own} if _landed(connection, form_id, key)
        }
        missing = [(n, line) for n, line in enumerate(own, 1) if line.fields["submission"] not in landed]
        with one_transaction(connection):
            connection.execute(
                f"DELETE FROM pii._correction WHERE form_id = ? AND state = '{UNKNOWN}'", [form_id]
            )
            for position, line in missing:
                _note(connection, position, line)


def _landed(connection: Connection, form_id: str, submission: str) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM meta.submission WHERE form_id = ? AND _submission_id = ? AND state <> 'deleted'",
        [form_id, submission],
    ).fetchone()
    return bool(row and row[0])


def _note(connection: Connection, position: int, line: Line) -> None:
    """Keep a line without its place in the tables; nobody knows whose values these are, so they stay hidden."""
    given = line.fields
    cell = [given["submission"], "", given["row"], given["question"], given["old"], given["new"]]
    said = [given["reason"], given["who"], given["when"], UNKNOWN, "direct", False]
    row = [given["form"], position, *cell, *said]
    connection.execute(f"INSERT INTO pii._correction VALUES ({', '.join('?' * len(row))})", row)


def standings(connection: Connection, lines: Sequence[Line]) -> list[Standing]:
    """Give every line of the log with what became of it in the last run, in the order of the file."""
    rows = connection.execute(
        "SELECT form_id, position, _submission_id, old, new, state FROM pii._correction"
    ).fetchall()
    noted = {tuple(row[:-1]): row[-1] for row in rows}
    found, positions = [], dict[str, int]()
    for line in lines:
        given = line.fields
        form_id, submission = given["form"], given["submission"]
        positions[form_id] = positions.get(form_id, 0) + 1
        key = (form_id, positions[form_id], submission, given["old"], given["new"])
        state = noted.get(key, NEXT_RUN)
        found.append(Standing(line.number, form_id, submission, given["question"], given["row"], state))
    return found


def remarks(connection: Connection, file: str) -> list[str]:
    """Say how many lines were refused or found no submission, where there are any."""
    rows = connection.execute(
        "SELECT state, count(*) FROM pii._correction WHERE state <> 'applied' GROUP BY state ORDER BY state"
    ).fetchall()
    see = "see `tracer-etl corrections check`"
    return [f"{file}: {count} line(s) {state}; {see}" for state, count in rows]
