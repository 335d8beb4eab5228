"""SQL values with XPath's types, and what happens when the types meet.

Types and coercions follow JavaRosa, the engine of ODK Collect, which is what most answers pass through:
a blank node is the empty string; NaN compares false with everything; dates count as days since 1970-01-01.
NULL means NaN in a pure number and the empty string in a node (`blank`); it never occurs in a text. A
boolean is NULL only where clients disagree: SQL's three-valued logic then carries "undecided" outward, and
a rule fires only where it is decided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tracer_etl.logic.syntax import CannotCompile
from tracer_etl.names import literal

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["text", "number", "boolean", "date", "datetime", "time"]

_NUMBER = r"\s*-?([0-9]+(\.[0-9]*)?|\.[0-9]+)\s*"
_CLOSE = "1e-12"  # JavaRosa's tolerance in XPathEqExpr


@dataclass(frozen=True, slots=True)
class Value:
    """An SQL expression with the type XPath sees; `constant` is the text it is known to be."""

    kind: Kind
    sql: str
    blank: bool = False
    constant: str | None = None


def text_constant(text: str) -> Value:
    """Give a text written in the expression."""
    return Value("text", literal(text), constant=text)


def number_constant(number: float) -> Value:
    """Give a number written in the expression."""
    return Value("number", f"CAST({number!r} AS DOUBLE)")


def boolean_value(sql: str) -> Value:
    """Give a condition."""
    return Value("boolean", f"({sql})")


def as_text(value: Value) -> str:
    """Convert to a text, as XPath's string() does."""
    match value.kind:
        case "text":
            return value.sql
        case "boolean":
            return f"(CASE WHEN {value.sql} THEN 'true' ELSE 'false' END)"
        case "number":
            return f"coalesce({_digits(value.sql)}, {literal('' if value.blank else 'NaN')})"
        case "date" | "datetime":
            # JavaRosa writes the day alone, even of a date-time.
            return f"coalesce(CAST(CAST({value.sql} AS DATE) AS VARCHAR), '')"
        case "time":
            return f"coalesce(CAST({value.sql} AS VARCHAR), '')"


def let(sql: str, body: Callable[[str], str]) -> str:
    """Name an SQL expression inside another, so that it is written and computed once."""
    return f"list_transform([{sql}], lambda v: {body('v')})[1]"


def _digits(sql: str) -> str:
    """Write a number as JavaRosa does: whole ones up to 2^31 as such, all else as Java's Double.toString()."""
    whole = "abs(v - trunc(v)) < 1e-12 AND abs(v) <= 2147483647"
    return let(
        sql,
        lambda v: (
            f"CASE WHEN {v} IS NULL THEN NULL WHEN isinf({v}) THEN CASE WHEN {v} < 0 THEN '-Infinity' ELSE 'Infinity' END "
            f"WHEN {whole} THEN CAST(CAST({v} AS BIGINT) AS VARCHAR) "
            f"WHEN abs({v}) >= 1e-3 AND abs({v}) < 1e7 THEN CAST({v} AS VARCHAR) "
            f"ELSE CASE WHEN {v} < 0 THEN '-' ELSE '' END || {_scientific(f'CAST(abs({v}) AS VARCHAR)')} END"
        ),
    )


def _scientific(text: str) -> str:
    """Write the digits DuckDB gives as d.dddE<exponent>."""
    mantissa = f"split_part({text}, 'e', 1)"
    digits = f"rtrim(ltrim(replace({mantissa}, '.', ''), '0'), '0')"
    leading = f"length({text}) - length(ltrim(replace({text}, '.', ''), '0')) - 1"
    exponent = (
        f"CASE WHEN contains({text}, 'e') THEN CAST(split_part({text}, 'e', 2) AS INTEGER) "
        f"WHEN starts_with({text}, '0.') THEN -({leading}) ELSE length(split_part({text}, '.', 1)) - 1 END"
    )
    rest = f"CASE WHEN length({digits}) > 1 THEN substr({digits}, 2) ELSE '0' END"
    return f"substr({digits}, 1, 1) || '.' || {rest} || 'E' || {exponent}"


def as_number(value: Value) -> str:
    """Convert to a number, NULL for what is none, as XPath's number() does."""
    match value.kind:
        case "number":
            return value.sql
        case "boolean":
            return f"(CASE WHEN {value.sql} THEN 1.0 ELSE 0.0 END)"
        case "text":
            return _parsed(value)
        case "date" | "datetime":
            return f"CAST(date_diff('day', DATE '1970-01-01', CAST({value.sql} AS DATE)) AS DOUBLE)"
        case "time":
            raise CannotCompile("times are compared differently by every client")


def _parsed(value: Value) -> str:
    if value.constant is not None:
        text = value.constant.replace(",", ".")
        known = re.fullmatch(_NUMBER, text, re.ASCII)
        return number_constant(float(text)).sql if known else "CAST(NULL AS DOUBLE)"
    # JavaRosa takes a comma for a point.
    return let(
        f"replace({value.sql}, ',', '.')",
        lambda v: f"CASE WHEN regexp_full_match({v}, '{_NUMBER}') THEN TRY_CAST({v} AS DOUBLE) END",
    )


def as_boolean(value: Value) -> str:
    """Convert to a condition: a text that is not empty, a number that is neither 0 nor NaN."""
    match value.kind:
        case "boolean":
            return value.sql
        case "text":
            return f"({value.sql} <> '')"
        case "number":
            return f"coalesce({value.sql} <> 0, false)"
        case "date" | "datetime" | "time":
            return f"({value.sql} IS NOT NULL)"


def as_datetime(value: Value) -> str:
    """Convert to a moment (the midnight of a date, in the connection's time zone); NULL for what is none."""
    match value.kind:
        case "date" | "datetime":
            return f"CAST({value.sql} AS TIMESTAMPTZ)"
        case "number":
            return f"CAST(TRY(DATE '1970-01-01' + TRY_CAST(floor({value.sql}) AS INTEGER)) AS TIMESTAMPTZ)"
        case "text":
            return f"TRY_CAST(nullif({value.sql}, '') AS TIMESTAMPTZ)"
        case "boolean" | "time":
            raise CannotCompile(f"a {value.kind} is no date")


def equal(left: Value, right: Value) -> str:
    """Compare as XPath's `=`: as booleans if one is, else as numbers if one is, else as texts."""
    kinds = {left.kind, right.kind}
    if "boolean" in kinds:
        return f"({as_boolean(left)} = {as_boolean(right)})"
    if "number" not in kinds:
        return f"({as_text(left)} = {as_text(right)})"
    close = f"coalesce(abs({as_number(left)} - {as_number(right)}) < {_CLOSE}, false)"
    nodes = [value for value in (left, right) if value.kind == "number" and value.blank]
    # A blank node is a text for JavaRosa: it equals another blank, and no number.
    for node, other in ((left, right), (right, left)):
        if node in nodes and (other.kind != "number" or other.blank):
            return f"(CASE WHEN {node.sql} IS NULL THEN {as_text(other)} = '' ELSE {close} END)"
    return close


def compare(operator: str, left: Value, right: Value) -> str:
    """Compare as XPath's `<`, `<=`, `>`, `>=`: as numbers, dates by their days."""
    days = f"coalesce({as_number(left)} {operator} {as_number(right)}, false)"
    if "datetime" not in (left.kind, right.kind) or {left.kind, right.kind} & {"text", "boolean"}:
        return days
    # Collect compares date-times by the day, web clients by the moment: undecided where the two differ.
    moments = f"coalesce({as_datetime(left)} {operator} {as_datetime(right)}, false)"
    return f"(CASE WHEN {days} = {moments} THEN {days} END)"


def choose(condition: str, then: Value, otherwise: Value) -> Value:
    """Give one value or the other; what is neither both text nor both number becomes text."""
    kind = _common(then, otherwise)
    parts = [_converted(value, kind) for value in (then, otherwise)]
    sql = f"(CASE WHEN {condition} THEN {parts[0]} ELSE {parts[1]} END)"
    return Value(
        kind, sql, blank=kind not in ("text", "boolean") and (_is_blank(then) or _is_blank(otherwise))
    )


def _converted(value: Value, kind: Kind) -> str:
    if kind == "text":
        return as_text(value)
    if value.constant == "":
        return "NULL"
    return as_boolean(value) if kind == "boolean" else value.sql


def _is_blank(value: Value) -> bool:
    return value.blank or value.constant == ""


def _common(then: Value, otherwise: Value) -> Kind:
    kinds = {value.kind for value in (then, otherwise) if value.constant != ""}
    if kinds == {"boolean"} and not (_is_blank(then) or _is_blank(otherwise)):
        return "boolean"
    if "boolean" in kinds:
        raise CannotCompile("a condition and a value in one place are not compiled")
    if len(kinds) == 1 and kinds != {"text"}:
        # NULL would stand for NaN in one branch and for the empty string in the other.
        one_way = {_is_blank(value) for value in (then, otherwise)}
        (kind,) = kinds
        return kind if kind != "number" or len(one_way) == 1 or _never_nan(then, otherwise) else "text"
    return "text"


def _never_nan(*values: Value) -> bool:
    return all(_is_blank(value) or value.sql.startswith("CAST(") for value in values)
