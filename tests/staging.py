"""Staging folders written by hand: a few answers per row, all other columns blank."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from tracer_etl.bridge import bridge_rows
from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tracer_etl.schema import Schema

Rows = list[dict[str, Any]]
_PROBLEMS = dict.fromkeys(("_submission_id", "table_name", "_row_id", "path", "value", "reason"), "VARCHAR")
_ATTACHMENTS = {"_submission_id": "VARCHAR", "name": "VARCHAR", "sha256": "VARCHAR", "bytes": "BIGINT"}


def stage(
    folder: Path,
    schema: Schema,
    tables: Mapping[str, Rows],
    problems: Sequence[dict[str, Any]] = (),
    attachments: Sequence[dict[str, Any]] = (),
) -> Path:
    """Write what `build` would have written; give the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Jakarta'")
        for table in schema.tables:
            _write(connection, folder, table.name, dict(table.types()), tables.get(table.name, []))
        _write(connection, folder, "problems", _PROBLEMS, problems)
        _write(connection, folder, "attachments", _ATTACHMENTS, attachments)
    return folder


def chosen(folder: Path, schema: Schema) -> None:
    """Write the bridge that the load makes of a staging folder, as one more file in it."""
    with duckdb.connect() as connection:
        for table in schema.tables:
            source = literal(str(folder / f"{table.name}.parquet"))
            connection.execute(f"CREATE VIEW {quote(table.name)} AS FROM {source}")
        target = literal(str(folder / f"{schema.bridge}.parquet"))
        connection.execute(f"COPY ({bridge_rows(schema)}) TO {target} (FORMAT parquet)")


def _write(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    name: str,
    types: Mapping[str, str],
    rows: Sequence[dict[str, Any]],
) -> None:
    columns = ", ".join(f"{quote(column)} {kind}" for column, kind in types.items())
    connection.execute(f"CREATE TABLE {quote(name)} ({columns})")
    for row in rows:
        given = ", ".join(quote(column) for column in row)
        marks = ", ".join("?" for _ in row)
        connection.execute(f"INSERT INTO {quote(name)} ({given}) VALUES ({marks})", list(row.values()))
    connection.execute(f"COPY {quote(name)} TO {literal(str(folder / f'{name}.parquet'))} (FORMAT parquet)")
