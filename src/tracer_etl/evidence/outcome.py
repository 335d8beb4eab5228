"""What plan and selection share when they hand over their tables: all or nothing, and rows a person or JSON can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.evidence import storing
from tracer_etl.warehouse.contract import one_transaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from tracer_etl.evidence.marts import Connection


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
