"""The warehouse on a PostgreSQL server: for many machines that load, and analysts who read without a copy."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracer_etl.errors import WarehouseError
from tracer_etl.names import literal, quote
from tracer_etl.warehouse import roles
from tracer_etl.warehouse.contract import AREAS, PUBLISHED, areas
from tracer_etl.warehouse.copying import TO_POSTGRES, copy_in, copy_out
from tracer_etl.warehouse.labels import comment_tables
from tracer_etl.warehouse.loading import Loader
from tracer_etl.warehouse.meta import LAYOUT, layout, prepare, refuse_other, zone
from tracer_etl.warehouse.publishing import guarded, new_copy
from tracer_etl.warehouse.session import LOCK_TIMEOUT, Session, connect, telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tracer_etl.schema import Schema, SqlType

KEYS = {
    "meta.submission": "form_id, _submission_id",
    "meta.load": "form_id, segment",
    "meta.reference": "name",
    "meta.form_summary": "form_id",
}
"""Primary keys of the tables every warehouse has."""
INDEXES = {
    "quarantine.reason": "form_id, _submission_id",
    "quarantine.problem": "form_id, _submission_id",
    "pii._attachment": "form_id, _submission_id",
    "pii._correction": "form_id, _submission_id",
}

SAMPLE = 10
"""Statistics for the first plans from 3,000 rows; the server's own housekeeping refines them."""


class Warehouse(Loader):
    """A database of its own on a PostgreSQL server; loaders of one form wait for each other.

    Raises:
        StudyError: psycopg is not installed, or the address is none.
        WarehouseError: out of reach, without the rights it needs, or in use by something else.
    """

    def __init__(self, address: str, timezone: str, *, renew: bool = True) -> None:
        """Connect, become the loader's role, and make where there are none the schemas and `meta` tables."""
        import duckdb

        self.session = connect(address)
        self.files = duckdb.connect(config={"memory_limit": "500MB"})
        try:
            with telling(self.session.where):
                self._open(timezone, renew=renew)
        except BaseException:
            self.__exit__()
            raise

    def _open(self, timezone: str, *, renew: bool) -> None:
        roles.assume(self.session)
        settings = {"TimeZone": timezone, "search_path": "", "lock_timeout": LOCK_TIMEOUT, "DateStyle": "ISO"}
        for name, value in settings.items():
            self.session.execute("SELECT set_config(?, ?, false)", [name, value])
        self.files.execute("SET TimeZone = 'UTC'")
        refuse_other(self.session, self.session.where, renew=renew)
        if layout(self.session) != LAYOUT or zone(self.session) != timezone:
            with self._transaction("layout"):
                self._prepare(timezone)

    def _prepare(self, timezone: str) -> None:
        """Make or renew the layout; what is not ours is left alone."""
        present = layout(self.session)
        foreign = None if present else self._foreign()
        if foreign:
            what = f"has a schema {foreign} that tracer_etl did not make"
            raise WarehouseError(what, where=self.session.where, remedy="give it a database of its own")
        prepare(self.session, timezone, spelled)
        if present != LAYOUT:
            for table, columns in KEYS.items():
                self.session.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({columns})")
            for table, columns in INDEXES.items():
                self.session.execute(f"CREATE INDEX ON {table} ({columns})")
            roles.open_to_analysts(self.session)

    def _foreign(self) -> str | None:
        listed = ", ".join(map(literal, AREAS))
        found = self.session.value(f"SELECT min(nspname) FROM pg_namespace WHERE nspname IN ({listed})")
        return str(found) if found else None

    @property
    def connection(self) -> Session:
        """Give the open connection, to read with."""
        return self.session

    def __enter__(self) -> Warehouse:
        """Give itself, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection; what was not committed is gone."""
        self.session.raw.close()
        self.files.close()

    def ledger(self) -> str:
        """Digest what was loaded, and into which schemas: marts of a database made anew are to be made anew."""
        made = self.session.value(
            "SELECT current_database() || ' ' || oid FROM pg_namespace WHERE nspname = 'marts'"
        )
        return f"{super().ledger()} {made}"

    def alone(self, purpose: str) -> AbstractContextManager[Session]:
        """Give the connection while no other loader does anything for the same purpose."""
        return self.session.alone(purpose)

    def _transaction(self, purpose: str) -> AbstractContextManager[None]:
        return self.session.transaction(purpose)

    # -- loading

    def _create(self, name: str, columns: Mapping[str, SqlType]) -> None:
        declared = ", ".join(
            f"{quote(column)} {TO_POSTGRES.get(kind, kind)}" for column, kind in columns.items()
        )
        self.session.execute(f"CREATE TABLE {name} ({declared})")

    def _bring(self, table: str, select: str) -> None:
        self.files.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {select}")
        relation = self.files.sql(f"SELECT * FROM {table}")
        pairs = zip(relation.columns, map(str, relation.types), strict=True)
        declared = ", ".join(f"{quote(name)} {TO_POSTGRES.get(kind, kind)}" for name, kind in pairs)
        self.session.execute(f"DROP TABLE IF EXISTS {table}")
        self.session.execute(f"CREATE TEMP TABLE {table} ({declared})")
        self._fill(table, f"SELECT * FROM {table}")
        self.session.execute(f"ANALYZE {table}")

    def _tell(self, table: str, source: str) -> None:
        self.session.execute(f"ANALYZE {table}")
        make = f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT"
        if self.session.value(f"SELECT (SELECT count(*) FROM {table}) = (SELECT count(*) FROM {source})"):
            self.files.execute(f"{make} _submission_id, state FROM {source}")
            return
        rows = self.session.execute(f"SELECT _submission_id, state FROM {table}").fetchall()
        columns = [[row[place] for row in rows] for place in (0, 1)]
        self.files.execute(
            f"{make} unnest(?::VARCHAR[]) AS _submission_id, unnest(?::VARCHAR[]) AS state", columns
        )

    def _fill(self, target: str, select: str) -> None:
        copy_in(self.files, select, self.session, target)

    def _settle(self, schema: Schema) -> None:
        """Give the form's new tables keys, indexes, comments and statistics; after the first rows that is cheapest."""
        self.session.execute(f"SET LOCAL default_statistics_target = {SAMPLE}")
        for table in schema.tables:
            for area, columns in areas(table).items():
                name = f"{area}.{quote(table.name)}"
                self.session.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({table.row_key})")
                for key in ("_submission_id", "_parent_row_id") if table.parent else ():
                    if key in columns:
                        self.session.execute(f"CREATE INDEX ON {name} ({key})")
                self.session.execute(f"ANALYZE {name}")
        for area in ("clean", "quarantine"):
            name = f"{area}.{quote(schema.bridge)}"
            self.session.execute(f"CREATE INDEX ON {name} (_submission_id)")
            self.session.execute(f"CREATE INDEX ON {name} (question, choice)")
            self.session.execute(f"ANALYZE {name}")
        comment_tables(self.session, schema.form_id)

    def compact(self) -> None:
        """Write every table anew; the server's own log and backups are its administrator's."""
        with telling(self.session.where):
            for area in AREAS:
                for name in self._tables(area):
                    self.session.execute(f"VACUUM (FULL, ANALYZE) {area}.{quote(name)}")

    # -- publishing

    def publish(self, path: Path) -> None:
        """Write the analysts' copy as of one moment: the report and the exports read it as they do DuckDB's own."""
        work = path.with_name(path.name + ".csv.part")
        try:
            with (
                telling(self.session.where),
                guarded(path),
                new_copy(self.files, path) as copy,
                self._one_moment(),
            ):
                for area in PUBLISHED:
                    self.files.execute(f"CREATE SCHEMA IF NOT EXISTS {copy}.{area}")
                    for name in self._tables(area):
                        target = f"{copy}.{area}.{quote(name)}"
                        copy_out(self.session, area, name, self.files, target, work)
        finally:
            work.unlink(missing_ok=True)

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        with self.session.raw.transaction():
            self.session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    def _tables(self, area: str) -> list[str]:
        rows = self.session.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' "
            "ORDER BY 1",
            [area],
        ).fetchall()
        return [str(row[0]) for row in rows]


def spelled(statement: str) -> str:
    """Put the types of a `CREATE TABLE` into PostgreSQL's words.

    >>> spelled("CREATE TABLE t (a VARCHAR, b VARCHAR[], c DOUBLE)")
    'CREATE TABLE t (a text, b text[], c double precision)'
    """
    return re.sub(r"\b(?:VARCHAR|DOUBLE)\b", lambda found: TO_POSTGRES[found[0]], statement)
