"""What plan and selection share when they hand over their tables: all or nothing, and rows a person or JSON can read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tracer_etl.evidence import storing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from tracer_etl.evidence.marts import Connection


@contextmanager
def one_transaction(connection: Connection) -> Iterator[None]:
    """Keep what is done inside, or nothing of it."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def store(
    connection: Connection, tables: Mapping[str, pd.DataFrame], declared: Mapping[str, Mapping[str, str]]
) -> None:
    """Write tables as marts, all of them in one transaction."""
    with one_transaction(connection):
        for name, table in tables.items():
            storing.write(connection, name, declared[name], table)


def records(table: pd.DataFrame, declared: Mapping[str, str]) -> list[dict[str, Any]]:
    """Give the rows as plain values: None where there is none, whole numbers whole."""
    convert = {storing.TEXT: str, storing.REAL: float, storing.WHOLE: int, storing.TRUTH: bool}
    return [
        {
            column: None if value is None or value != value else convert[declared[column]](value)  # noqa: PLR0124 - NaN
            for column, value in zip(table.columns, row, strict=True)
        }
        for row in table.itertuples(index=False, name=None)
    ]
