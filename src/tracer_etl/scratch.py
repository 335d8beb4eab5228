"""DuckDB at work on a staging folder: little memory, the rest spilled beside what it works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.names import literal

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "700MB"
"""DuckDB spills to disk beyond it, so that a million submissions need no more memory than a thousand."""

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


def room(*longest: int) -> int:
    """Give `maximum_object_size` for lines of so many bytes: DuckDB takes twice as much a thread, needed or not."""
    return max(_BUFFER, *longest)
