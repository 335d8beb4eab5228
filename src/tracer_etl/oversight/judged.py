"""What a rule sees: `judged_<table>`, every submission but those that something else than oversight holds back.

A submission that only oversight itself holds stays in sight, so a rule finds the same again when what it found is
already set aside. Clean and pii columns stand in one table, as in `quarantine`.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracer_etl.names import allocate, literal, quote
from tracer_etl.quarantine.settling import columns_by_area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.warehouse.contract import Connection

ORIGIN = "oversight"
"""Marks the reasons oversight gave."""

_HELD = (
    "SELECT s.form_id, s._submission_id FROM meta.submission s WHERE s.state = 'set_aside' AND NOT EXISTS "
    "(SELECT 1 FROM quarantine.reason r WHERE r.form_id = s.form_id AND r._submission_id = s._submission_id "
    f"AND r.state = 'open' AND r.origin <> {literal(ORIGIN)})"
)


@contextmanager
def judged(connection: Connection) -> Iterator[frozenset[str]]:
    """Make the views while a block runs, and name them."""
    connection.execute("DROP TABLE IF EXISTS held_by_oversight")
    connection.execute(f"CREATE TEMP TABLE held_by_oversight AS {_HELD}")
    made: list[str] = []
    try:
        taken: set[str] = set()
        for form_id, table in _tables(connection):
            name = allocate([f"judged_{table}"], taken)
            connection.execute(f"DROP VIEW IF EXISTS {quote(name)}")
            connection.execute(f"CREATE TEMP VIEW {quote(name)} AS {_both(connection, form_id, table)}")
            made.append(name)
        yield frozenset(made)
    finally:
        for name in made:
            connection.execute(f"DROP VIEW IF EXISTS {quote(name)}")
        connection.execute("DROP TABLE IF EXISTS held_by_oversight")


def _tables(connection: Connection) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = connection.execute(
        "SELECT DISTINCT form_id, table_name FROM meta.form_table ORDER BY 1, 2"
    ).fetchall()
    return rows


def _both(connection: Connection, form_id: str, table: str) -> str:
    """Select a table's rows from where they are, in the columns of `quarantine`, which has all."""
    columns, name = columns_by_area(connection, table), quote(table)
    listed = ", ".join(map(quote, columns["quarantine"]))
    keys = [key for key in ("_submission_id", "_row_id") if key in columns["quarantine"]]
    good = f"clean.{name}"
    if "pii" in columns:
        good += f" LEFT JOIN pii.{name} USING ({', '.join(keys)})"
    return (
        f"SELECT {listed} FROM {good} UNION ALL SELECT {listed} FROM quarantine.{name} WHERE _submission_id IN "
        f"(SELECT _submission_id FROM held_by_oversight WHERE form_id = {literal(form_id)})"
    )
