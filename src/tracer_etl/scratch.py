"""DuckDB at work on a staging folder: little memory, the rest spilled beside what it works on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracer_etl.names import literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

_LIMIT_MB = 700
MEMORY_LIMIT = f"{_LIMIT_MB}MB"
"""DuckDB spills to disk beyond it, so that a million submissions need no more memory than a thousand."""

_CLAIM_MB = 4 / (0.8 * 0.33)
"""DuckDB claims 4 MB a column and thread for rows that stay in order, and lets one statement claim a part of the limit."""

_BUFFER = 16 * 1024 * 1024


def scratch(folder: Path, timezone: str = "") -> DuckDBPyConnection:
    """Open a database in memory that spills into `folder/spill`; `timezone` says which day a moment falls on."""
    import duckdb

    connection = duckdb.connect(
        config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(folder / "spill")}
    )
    if timezone:
        # Of all its cursors: they do not take over what is set for one connection.
        connection.execute(f"SET GLOBAL TimeZone = {literal(timezone)}")
    return connection


@contextmanager
def on_all_cores(connection: DuckDBPyConnection, columns: int) -> Iterator[None]:
    """Let rows of so many columns be written in their order by every thread: what it takes is far less than its claim."""
    row = connection.execute("SELECT current_setting('threads')").fetchone()
    claim = round(columns * int(row[0]) * _CLAIM_MB) if row else 0
    connection.execute(f"SET memory_limit = '{max(_LIMIT_MB, claim)}MB'")
    try:
        yield
    finally:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")


def room(*longest: int) -> int:
    """Give `maximum_object_size` for lines of so many bytes: DuckDB takes twice as much a thread, needed or not."""
    return max(_BUFFER, *longest)
