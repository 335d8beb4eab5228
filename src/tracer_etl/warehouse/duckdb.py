"""The embedded warehouse: one DuckDB file for the loader, one published copy for analysts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracer_etl.names import literal, quote
from tracer_etl.scratch import MEMORY_LIMIT
from tracer_etl.warehouse.contract import one_transaction
from tracer_etl.warehouse.loading import Loader
from tracer_etl.warehouse.meta import prepare, refuse_other
from tracer_etl.warehouse.publishing import STORAGE, guarded, new_copy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.schema import Schema, SqlType

STORED = f"STORAGE_VERSION '{STORAGE}', ROW_GROUP_SIZE 32768"
"""Three and a little make a batch of 100,000: full groups go to the file as they come, what is left over is packed anew."""


class Warehouse(Loader):
    """The loader's DuckDB file; only one loader can hold it at a time.

    Raises:
        WarehouseError: locked, damaged, not writable, or made by another release.
    """

    def __init__(self, path: Path, timezone: str, *, renew: bool = True) -> None:
        """Open the file, and make where there is none its schemas and `meta` tables."""
        import duckdb

        self.path = path
        with guarded(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            new = not path.exists()
            self.files = duckdb.connect(
                config={"memory_limit": MEMORY_LIMIT, "temp_directory": f"{path}.tmp"}
            )
            self.files.execute(f"ATTACH {literal(str(path))} AS warehouse ({STORED})")
            self.files.execute("USE warehouse")
            if new:
                path.chmod(0o600)  # it holds `pii`
            self.files.execute(f"SET TimeZone = {literal(timezone)}")
            try:
                refuse_other(self.files, path.name, renew=renew)
            except BaseException:
                self.files.close()
                raise
            with self._transaction():
                prepare(self.files, timezone)

    @property
    def connection(self) -> DuckDBPyConnection:
        """Give the open connection: DuckDB reads batches and holds the warehouse in one."""
        return self.files

    def __enter__(self) -> Warehouse:
        """Give itself, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, which writes its log into it."""
        with guarded(self.path):
            self.files.close()

    @contextmanager
    def alone(self, purpose: str = "") -> Iterator[DuckDBPyConnection]:
        """Give the connection; nobody else can have opened the file, whatever the purpose."""
        del purpose
        with guarded(self.path):
            yield self.files

    @contextmanager
    def _transaction(self, purpose: str = "") -> Iterator[None]:
        with self.alone(purpose), one_transaction(self.files):
            yield

    def _create(self, name: str, columns: Mapping[str, SqlType]) -> None:
        declared = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
        self.files.execute(f"CREATE TABLE {name} ({declared})")

    def _bring(self, table: str, select: str) -> None:
        self.files.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {select}")

    def _tell(self, table: str, source: str) -> None:
        """Do nothing: it is there."""

    def _fill(self, target: str, select: str) -> None:
        self.files.execute(f"INSERT INTO {target} {select}")

    def _settle(self, schema: Schema) -> None:
        """Do nothing: DuckDB finds rows without an index, and comments go to the published copy."""

    def compact(self) -> None:
        """Copy the file into a new one and close it: DuckDB leaves what was deleted in its free blocks."""
        import duckdb

        part = self.path.with_name(self.path.name + ".part")
        with guarded(self.path):
            self.files.close()
            part.unlink(missing_ok=True)
            with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as copying:
                copying.execute(f"ATTACH {literal(str(self.path))} AS present (READ_ONLY)")
                copying.execute(f"ATTACH {literal(str(part))} AS fresh (STORAGE_VERSION '{STORAGE}')")
                part.chmod(0o600)
                copying.execute("COPY FROM DATABASE present TO fresh")
            part.replace(self.path)

    def publish(self, path: Path) -> None:
        """Write the analysts' copy (clean, marts, meta) whole, then put it in place of the old one.

        An open writer blocks even readers, and a copy of the file would carry `pii` in its free blocks.
        """
        with guarded(path), new_copy(self.files, path) as copy:
            for area, name in self._publishable():
                self.files.execute(f"CREATE SCHEMA IF NOT EXISTS {copy}.{area}")
                source = f"{area}.{quote(name)}"
                self.files.execute(f"CREATE TABLE {copy}.{source} AS SELECT * FROM {source}")

    def _publishable(self) -> list[tuple[str, str]]:
        return self.files.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database() "
            "AND table_schema IN ('clean', 'marts', 'meta') ORDER BY ALL"
        ).fetchall()
