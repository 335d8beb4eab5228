"""The published copy as exports and analysts read it: read-only, and free of direct identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError, WarehouseError
from tracer_etl.names import literal, quote
from tracer_etl.warehouse.dictionary import known_forms, read_dictionary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection
    from pandas import DataFrame

    from tracer_etl.warehouse.dictionary import Dataset, Dictionary

_ORDER = {
    "root": "_landed, _submission_id",
    "repeat": "_submission_id, _parent_row_id, _position",
    "selected": "_submission_id, _row_id, question, _position",
}
"""Rows always come in this order, so that the same data give the same files."""

_ROWS_AT_A_TIME = 5_000


class Published:
    """An open published copy; `timezone` is the study's, in which date-times are told.

    Raises:
        WarehouseError: it cannot be opened, or is not a published copy.
    """

    def __init__(self, path: Path) -> None:
        """Open the copy read-only and look that nothing in it identifies a person."""
        import duckdb

        self.path = path
        try:
            self.connection: DuckDBPyConnection = duckdb.connect(str(path), read_only=True)
        except duckdb.Error as error:
            what = f"cannot be read ({str(error).splitlines()[0]})"
            raise WarehouseError(what, where=path.name, remedy="run `tracer-etl run`") from error
        try:
            self.timezone = self._timezone()
            self.connection.execute(f"SET TimeZone = {literal(self.timezone)}")
            self._refuse_identifiers()
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Published:
        """Give itself, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.connection.close()

    def _timezone(self) -> str:
        import duckdb

        try:
            row = self.connection.execute("SELECT value FROM meta.setting WHERE name = 'timezone'").fetchone()
        except duckdb.CatalogException as error:
            what = "is no published copy, or one of an older layout"
            remedy = "publish it anew with `tracer-etl run`"
            raise WarehouseError(what, where=self.path.name, remedy=remedy) from error
        return str(row[0]) if row else "UTC"

    def _refuse_identifiers(self) -> None:
        """Refuse a file that holds what analysts may not see, such as the loader's own."""
        row = self.connection.execute(
            "SELECT string_agg(DISTINCT table_schema, ', ' ORDER BY table_schema) FROM information_schema.tables "
            "WHERE table_catalog = current_database() AND table_schema IN ('pii', 'quarantine')"
        ).fetchone()
        found = str(row[0]) if row and row[0] else ""
        leaked = self.connection.execute(
            "SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c JOIN meta.column m "
            "USING (table_name, column_name) WHERE c.table_schema = 'clean' AND m.privacy = 'direct' ORDER BY 1"
        ).fetchall()
        found = found or ", ".join(str(name) for (name,) in leaked)
        if found:
            remedy = "export from the published copy (`published` in study.toml)"
            raise WarehouseError(f"holds direct identifiers ({found})", where=self.path.name, remedy=remedy)

    def known(self) -> tuple[str, ...]:
        """Name the forms that were loaded."""
        return known_forms(self.connection)

    def forms(self, asked: Sequence[str] = ()) -> list[Dictionary]:
        """Read the dictionaries of the forms asked for; none means all.

        Raises:
            StudyError: the copy does not know one of them, or knows none.
        """
        found = [read_dictionary(self.connection, form) for form in asked or self.known()]
        if not found:
            raise StudyError("no form is loaded", where=self.path.name, remedy="run `tracer-etl run`")
        return found

    def query(self, dataset: Dataset, selected: str = "") -> str:
        """Write the query of a table in its lasting order; `selected` stands in the place of all its columns."""
        columns = selected or ", ".join(quote(variable.name) for variable in dataset.variables)
        return f"SELECT {columns} FROM clean.{quote(dataset.name)} ORDER BY {_ORDER[dataset.kind]}"

    def rows(self, dataset: Dataset, selected: str = "") -> Iterator[tuple[Any, ...]]:
        """Read the rows of a table a few at a time; date-times in the study's time zone."""
        with self._cursor() as cursor:
            cursor.execute(self.query(dataset, selected))
            while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
                yield from rows

    def _cursor(self) -> DuckDBPyConnection:
        """Open a connection of its own, which knows no settings of this one."""
        cursor = self.connection.cursor()
        cursor.execute(f"SET TimeZone = {literal(self.timezone)}")
        return cursor

    def count(self, dataset: Dataset) -> int:
        """Count the rows of a table."""
        row = self.connection.execute(f"SELECT count(*) FROM clean.{quote(dataset.name)}").fetchone()
        return int(row[0]) if row else 0

    def frame(self, dataset: Dataset) -> DataFrame:
        """Read a table: nullable integers and booleans, dates as objects, date-times in the study's time zone.

        Through Arrow, since a nullable integer that passes through a double loses its last digits.
        """
        import pandas as pd
        import pyarrow as pa

        with self._cursor() as cursor:
            table = cursor.sql(self.query(dataset)).to_arrow_table()
        nullable = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
        frame: DataFrame = table.to_pandas(types_mapper=nullable.get, date_as_object=True)
        return frame
