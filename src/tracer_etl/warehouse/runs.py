"""The history of runs: what was there and what every check came to, kept whenever anything of it changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tracer_etl.warehouse.meta import insert_rows

if TYPE_CHECKING:
    from tracer_etl.warehouse.contract import Connection

FORMS = "form_id, landed, good, set_aside, warned"
CHECKS = "form_id, stage, rule, severity, outcome, evaluated, findings"
_NOW = {
    "meta.run": f"SELECT {FORMS} FROM meta.form_summary",
    "meta.run_check": f"SELECT {CHECKS} FROM meta.check_result WHERE stage IN ('check', 'load')",
}


def record_run(connection: Connection) -> None:
    """Append a run to the history; one that came to the same as the last leaves no trace, so it can be repeated."""
    [[last]] = connection.execute("SELECT coalesce(max(run), 0) FROM meta.run").fetchall()
    now = {table: _read(connection, select) for table, select in _NOW.items()}
    before = {
        "meta.run": _read(connection, f"SELECT {FORMS} FROM meta.run WHERE run = {last}"),
        "meta.run_check": _read(connection, f"SELECT {CHECKS} FROM meta.run_check WHERE run = {last}"),
    }
    if now != before:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        insert_rows(connection, "meta.run", [[last + 1, at, *row] for row in now["meta.run"]])
        insert_rows(connection, "meta.run_check", [[last + 1, *row] for row in now["meta.run_check"]])


def _read(connection: Connection, select: str) -> list[tuple[object, ...]]:
    return sorted(map(tuple, connection.execute(select).fetchall()), key=repr)
