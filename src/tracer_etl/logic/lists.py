"""The choice lists of every form version as tables, which compiled expressions look things up in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.logic.scope import list_columns, list_table
from tracer_etl.names import quote

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tracer_etl.schema import Schema


def create_lists(connection: DuckDBPyConnection, schema: Schema) -> None:
    """Create one table per version and list: a row per choice, its columns and `_position` from 1."""
    import pyarrow as pa

    for form in schema.forms:
        for name, choices in form.lists.items():
            rows = [{**one.columns, "name": one.value} for one in choices.choices]
            columns = {
                column: pa.array([row.get(column, "") for row in rows], pa.string())
                for column in list_columns(choices)
            }
            places = pa.array(range(1, len(rows) + 1), pa.int64())
            connection.register("choices", pa.table({**columns, "_position": places}))
            connection.execute(f"CREATE TABLE {quote(list_table(form, name))} AS SELECT * FROM choices")
            connection.unregister("choices")
