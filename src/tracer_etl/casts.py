"""A text as a client wrote it -> its type, in SQL: NULL where it does not fit, which makes it a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.schema import GEOPOINT_PARTS

if TYPE_CHECKING:
    from tracer_etl.schema import Column

_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
_ZONE = "(Z|[+-][0-9:]+)?"
_SAFE = 2**53
"""Whole numbers up to here are exact as DOUBLE."""


def cast(column: Column, text: str, parts: str = "") -> str:
    """Cast the SQL expression of a text to the column's type; `parts` stands for its `position_parts`, made once."""
    if column.part:
        number = GEOPOINT_PARTS.index(column.part) + 1
        return f"TRY_CAST(({parts or position_parts(text)})[{number}] AS DOUBLE)"
    match column.sql_type:
        case "BIGINT":
            return _whole(text)
        case "DOUBLE":
            return _decimal(text)
        case "DATE":
            return (
                f"CASE WHEN CAST(TRY_CAST({text} AS DATE) AS VARCHAR) = {text} THEN TRY_CAST({text} AS DATE) "
                f"WHEN regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T.*') "
                f"THEN TRY_CAST(substr({text}, 1, 10) AS DATE) END"
            )
        case "TIME":
            clock = f"regexp_full_match({text}, '[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\\.[0-9]+)?)?{_ZONE}')"
            return (
                f"CASE WHEN {clock} THEN TRY_CAST(regexp_replace({text}, '(Z|[+-][0-9:]+)$', '') AS TIME) END"
            )
        case "TIMESTAMPTZ":
            moment = f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ].*)?')"
            return f"CASE WHEN {moment} THEN TRY_CAST({text} AS TIMESTAMPTZ) END"
        case "BOOLEAN":
            return f"CASE lower({text}) WHEN 'true' THEN true WHEN '1' THEN true WHEN 'false' THEN false WHEN '0' THEN false END"
        case "VARCHAR":
            # Collect writes "; " between points, Web Forms ";".
            line = column.kind in ("geotrace", "geoshape")
            return f"regexp_replace({text}, '\\s*;\\s*', ';', 'g')" if line else text


def position_parts(text: str) -> str:
    """Split the text of a position into its two to four numbers, as texts; NULL where it is none."""
    return (
        f"CASE WHEN regexp_full_match({text}, '{_NUMBER}( {_NUMBER}){{1,3}}') THEN string_split({text}, ' ') "
        f"WHEN regexp_full_match({text}, '{_NUMBER}(\\s+{_NUMBER}){{1,3}}') THEN string_split_regex({text}, '\\s+') END"
    )


def _whole(text: str) -> str:
    """Read a whole number, however it is written; a bare cast would round 7.5 to 8.

    JavaRosa writes what it computed as 7.0, and as 1.0E7 from ten million on.
    """
    number, double = f"TRY_CAST({text} AS BIGINT)", f"TRY_CAST({text} AS DOUBLE)"
    return (
        f"CASE WHEN CAST({number} AS VARCHAR) = {text} THEN {number} "
        f"WHEN regexp_full_match({text}, '[+-]?[0-9]+(\\.0*)?') THEN {number} "
        f"WHEN regexp_full_match({text}, '{_NUMBER}') AND {double} = trunc({double}) AND abs({double}) <= {_SAFE} "
        f"THEN CAST({double} AS BIGINT) END"
    )


def _decimal(text: str) -> str:
    """Read a decimal; a whole number that a DOUBLE cannot hold exactly does not fit."""
    double = f"TRY_CAST({text} AS DOUBLE)"
    exact = f"CAST({double} AS HUGEINT) = TRY_CAST({text} AS HUGEINT)"
    return (
        f"CASE WHEN length({text}) > 15 AND regexp_full_match({text}, '[+-]?[0-9]{{16,38}}') THEN CASE WHEN {exact} "
        f"THEN {double} END WHEN regexp_full_match({text}, '{_NUMBER}') AND isfinite({double}) THEN {double} END"
    )
