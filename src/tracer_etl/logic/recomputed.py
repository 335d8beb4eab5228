"""Whether a stored calculation is what its expression gives now, in the type its column has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_etl.schema import Column

_CLOSE = 1e-9
"""Relative; clients add up and round floating point numbers in their own order."""
_NONE = "('', 'NaN')"
"""A number that is none: JavaRosa leaves the node blank, Enketo and Web Forms write NaN."""


def agrees(text: str, column: Column, cell: str) -> str:
    """Write a condition: the cell holds what a client makes of this text in the cell's type.

    Both are named several times, so they should be columns. Empty where clients write the type differently.
    """
    number = f"TRY_CAST({text} AS DOUBLE)"
    finite = f"(CASE WHEN isfinite({number}) THEN {number} END)"
    match column.sql_type:
        case "BIGINT":
            return _near(f"trunc({finite})", f"CAST({cell} AS DOUBLE)")
        case "DOUBLE" if not column.part:
            return _near(finite, cell)
        case "DATE":
            return f"(TRY_CAST(nullif(substr({text}, 1, 10), '') AS DATE) IS NOT DISTINCT FROM {cell})"
        case "VARCHAR" if column.kind in ("text", "calculate", "meta", "select_one", "select_multiple"):
            return _same_text(text, f"coalesce({cell}, '')")
        case _:
            return ""


def _near(left: str, right: str) -> str:
    close = f"abs({left} - {right}) <= {_CLOSE} * greatest(1, abs({left}))"
    return f"coalesce({close}, {left} IS NULL AND {right} IS NULL)"


def _same_text(left: str, right: str) -> str:
    """Compare texts without the white space around them, and numbers as numbers: 1.0E7 is 10000000."""
    trimmed = f"trim({left}, E' \\t\\r\\n')"
    numbers = [f"TRY_CAST({side} AS DOUBLE)" for side in (left, right)]
    close = f"coalesce(abs({numbers[0]} - {numbers[1]}) <= {_CLOSE} * greatest(1, abs({numbers[0]})), false)"
    none = f"({trimmed} IN {_NONE} AND {right} IN {_NONE})"
    return f"({trimmed} = {right} OR {none} OR {close})"
