"""The analysts' copy: a DuckDB file that is written whole and then put in place of the old one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracer_etl.errors import WarehouseError
from tracer_etl.names import literal
from tracer_etl.warehouse.labels import add_labels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from duckdb import DuckDBPyConnection

STORAGE = "v1.5.0"
"""File format older DuckDB tools still read."""


@contextmanager
def new_copy(connection: DuckDBPyConnection, path: Path) -> Iterator[str]:
    """Give the name of an attached empty database to fill; it gets its labels and its place at the end."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(f"ATTACH {literal(str(part))} AS published (STORAGE_VERSION '{STORAGE}')")
    try:
        yield "published"
        add_labels(connection, "published")
        connection.execute("CHECKPOINT published")
    finally:
        connection.execute("DETACH published")
    part.replace(path)


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Turn what goes wrong with a DuckDB file into one line.

    Raises:
        WarehouseError: locked, damaged, no space or no rights.
    """
    import duckdb

    try:
        yield
    except (
        duckdb.IOException,
        duckdb.FatalException,
        duckdb.OutOfMemoryException,
        duckdb.SerializationException,
        duckdb.TransactionException,  # a commit that finds the disk full
    ) as error:
        what = f"cannot be used ({str(error).splitlines()[0]})"
        remedy = "check rights and free disk space, and that no other loader is running"
        raise WarehouseError(what, where=str(path), remedy=remedy) from error
    except OSError as error:
        what = f"cannot be used ({error.strerror or error})"
        raise WarehouseError(what, where=str(path), remedy="check rights and free disk space") from error
