"""The expressions of a form as SQL: XPath 1.0 with ODK's functions over the staging tables.

    syntax      the tree, and why something cannot be compiled
    tokens      text -> tokens
    parser      tokens -> tree
    values      XPath's types in SQL, and their coercions
    scope       where a path lies: column of this row, of a row above it, or rows of a repeat inside it
    functions   functions on values; dates, nodesets: those on days and on repeats
    sql         tree -> SQL

What has no faithful SQL comes back as `NotEvaluated` with its reason, so that nobody takes it for passed.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer_etl.logic.parser import parse
from tracer_etl.logic.scope import Scope, list_columns, list_table, row_source
from tracer_etl.logic.sql import Compiler
from tracer_etl.logic.syntax import CannotCompile
from tracer_etl.logic.values import as_text

__all__ = ["NotEvaluated", "Scope", "condition", "list_columns", "list_table", "row_source", "text"]


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
