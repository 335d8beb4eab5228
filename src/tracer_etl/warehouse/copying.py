"""Rows between DuckDB and PostgreSQL, both ways through COPY, in pieces: memory does not grow with the table."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.warehouse.session import Session

ROWS = 20_000
"""Rows that are written as text at a time."""

TO_POSTGRES = {
    "VARCHAR": "text",
    "DOUBLE": "double precision",
    "VARCHAR[]": "text[]",
    "TIMESTAMPTZ": "timestamptz",
}
"""Types that have another name in PostgreSQL."""

TO_DUCKDB = {
    "text": "VARCHAR",
    "ARRAY": "VARCHAR[]",
    "double precision": "DOUBLE",
    "numeric": "DOUBLE",
    "timestamp with time zone": "TIMESTAMPTZ",
    "timestamp without time zone": "TIMESTAMP",
    "time without time zone": "TIME",
}
"""Types of information_schema that have another name in DuckDB; sums and rounded shares become DOUBLE."""


def copy_in(files: DuckDBPyConnection, select: str, session: Session, target: str) -> None:
    """Append what DuckDB selects to a table of PostgreSQL, in the order of its columns."""
    from pyarrow.csv import WriteOptions, write_csv

    reader = files.sql(_texts(files, select)).to_arrow_reader(ROWS)
    options = WriteOptions(include_header=False)
    with (
        session.raw.cursor() as cursor,
        cursor.copy(f"COPY {target} FROM STDIN (FORMAT csv)".encode()) as copy,
    ):
        for batch in reader:
            text = io.BytesIO()
            write_csv(batch, text, options)
            copy.write(text.getvalue().replace(b"\0", b""))  # PostgreSQL has no text with a NUL in it


def _texts(files: DuckDBPyConnection, select: str) -> str:
    """Let DuckDB write days and times: Arrow knows neither infinity nor years before Christ."""
    relation = files.sql(select)
    columns = [
        f"replace(CAST({quote(name)} AS VARCHAR), ' (BC)', ' BC')"
        if str(kind) in ("DATE", "TIMESTAMP WITH TIME ZONE")
        else quote(name)
        for name, kind in zip(relation.columns, relation.types, strict=True)
    ]
    return f"SELECT {', '.join(columns)} FROM ({select})"


def copy_out(
    session: Session, area: str, name: str, files: DuckDBPyConnection, target: str, work: Path
) -> None:
    """Make a table of DuckDB from one of PostgreSQL, by way of the file `work`."""
    columns = session.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position",
        [area, name],
    ).fetchall()
    types = {str(column): TO_DUCKDB.get(str(kind), str(kind).upper()) for column, kind in columns}
    chosen = ", ".join(
        f"to_json({quote(column)})" if kind.endswith("[]") else quote(column)
        for column, kind in types.items()
    )
    query = f"COPY (SELECT {chosen} FROM {area}.{quote(name)}) TO STDOUT (FORMAT csv, NULL '\\N')"
    with work.open("wb") as out, session.raw.cursor() as cursor, cursor.copy(query.encode()) as copy:
        for piece in copy:
            out.write(piece)
    files.execute(f"CREATE TABLE {target} AS {_read(types, work)}")


def _read(types: dict[str, str], work: Path) -> str:
    declared = ", ".join(f"{literal(column)}: 'VARCHAR'" for column in types)
    casts = ", ".join(f"CAST({_text(c, kind)} AS {kind}) AS {quote(c)}" for c, kind in types.items())
    return (
        f"SELECT {casts} FROM read_csv({literal(str(work))}, columns={{{declared}}}, header=false, auto_detect=false, "
        "delim=',', quote='\"', escape='\"', nullstr='\\N', allow_quoted_nulls=false, max_line_size=67108864)"
    )


def _text(column: str, kind: str) -> str:
    """Put what PostgreSQL wrote into the words DuckDB reads."""
    if kind.endswith("[]"):
        return f"{quote(column)}::JSON"
    return f"replace({quote(column)}, ' BC', ' (BC)')" if kind in ("DATE", "TIMESTAMPTZ") else quote(column)
