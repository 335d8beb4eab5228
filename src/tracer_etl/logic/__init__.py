"""The expressions of a form as SQL: XPath 1.0 with ODK's functions over the staging tables.

    syntax      the tree, and why something cannot be compiled
    tokens      text -> tokens
    parser      tokens -> tree
    values      XPath's types in SQL, and their coercions
    statements  what a form states: every expression, and the row it is judged in
    recomputed  whether a stored calculation is what its expression gives
    lists       choice lists as tables
    scope       where a path lies: column of this row, of a row above it, or rows of a repeat inside it
    functions   functions on values; dates, nodesets: those on days and on repeats
    sql         tree -> SQL

What has no faithful SQL comes back as `NotEvaluated` with its reason, so that nobody takes it for passed.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer_etl.logic.lists import create_lists
from tracer_etl.logic.parser import parse
from tracer_etl.logic.recomputed import agrees, recalculable
from tracer_etl.logic.scope import Scope, list_columns, list_table, row_source
from tracer_etl.logic.sql import Compiler
from tracer_etl.logic.statements import Statement, statements
from tracer_etl.logic.syntax import CannotCompile
from tracer_etl.logic.values import as_number, as_text
from tracer_etl.names import quote

__all__ = [
    "NotEvaluated",
    "Scope",
    "Statement",
    "agrees",
    "condition",
    "create_lists",
    "list_columns",
    "list_table",
    "offered",
    "recalculable",
    "repeat_count",
    "row_source",
    "statements",
    "text",
]


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """An expression nobody evaluated, and why."""

    expression: str
    reason: str


def condition(expression: str, scope: Scope) -> str | NotEvaluated:
    """Compile a condition to an SQL boolean; NULL where clients would disagree about this very row."""
    try:
        return Compiler(scope).condition(parse(expression))
    except CannotCompile as error:
        return NotEvaluated(expression, error.reason)


def text(expression: str, scope: Scope) -> str | NotEvaluated:
    """Compile a calculation to the text it would write into the submission; never NULL."""
    try:
        return as_text(Compiler(scope).value(parse(expression)))
    except CannotCompile as error:
        return NotEvaluated(expression, error.reason)


def offered(expression: str, scope: Scope, list_name: str) -> str | NotEvaluated:
    """Compile a choice filter to a query of one column, `name`: the choices it leaves in this row."""
    try:
        source, item = scope.choices(list_name, (parse(expression),), Compiler(scope).inside)
    except CannotCompile as error:
        return NotEvaluated(expression, error.reason)
    return f"SELECT {item.alias}.{quote('name')} {source}"


def repeat_count(expression: str, scope: Scope) -> str | NotEvaluated:
    """Compile the count of a repeat to the number of instances it asks for, 0 where it is none."""
    try:
        number = as_number(Compiler(scope).value(parse(expression)))
    except CannotCompile as error:
        return NotEvaluated(expression, error.reason)
    return f"greatest(coalesce(TRY_CAST(trunc({number}) AS BIGINT), 0), 0)"
