"""Whether a calculation can be made again, and whether what is stored is what its expression gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.logic.parser import parse
from tracer_etl.logic.syntax import Call, CannotCompile, Literal, Path, parts

if TYPE_CHECKING:
    from tracer_etl.questions import Form
    from tracer_etl.schema import Column

_OF_THE_MOMENT = frozenset(
    {"today", "now", "random", "uuid", "once", "randomize", "pulldata", "jr:choice-name"}
)
"""Their value belongs to the moment, the phone or a file of then, and nobody can have it again."""

_CLOSE = 1e-9
"""Relative; clients add up and round floating point numbers in their own order."""
_NONE = "('', 'NaN')"
"""A number that is none: JavaRosa leaves the node blank, Enketo and Web Forms write NaN."""


def recalculable(expression: str, form: Form) -> bool:
    """Tell whether a calculation has the same value whenever it is made.

    Not where it asks the moment or chance, nor a list in a file, which may change while the form's version
    stays, nor what the client itself writes when the form is finalized, after the last calculation.
    """
    try:
        nodes = list(parts(parse(expression)))
    except CannotCompile:
        return True  # which whoever compiles it will say
    late = {q.name for q in form.questions if q.bind.preload in ("end", "audit.csv")}
    calls = [node for node in nodes if isinstance(node, Call)]
    names = {step.name for node in nodes if isinstance(node, Path) for step in node.steps}
    moving = any(call.name in _OF_THE_MOMENT or _asks_a_file(call, form) for call in calls)
    return not moving and not names & late


def _asks_a_file(call: Call, form: Form) -> bool:
    name = call.arguments[0].value if call.arguments and isinstance(call.arguments[0], Literal) else None
    return call.name == "instance" and (name not in form.lists or bool(form.lists[str(name)].file))


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
    """Compare texts without the white space around them, numbers as numbers (1.0E7 is 10000000).

    JavaRosa writes a condition as 1 or 0, and a computed day with a midnight.
    """
    trimmed = f"trim({left}, E' \\t\\r\\n')"
    numbers = [f"TRY_CAST({side} AS DOUBLE)" for side in (left, right)]
    close = f"coalesce(abs({numbers[0]} - {numbers[1]}) <= {_CLOSE} * greatest(1, abs({numbers[0]})), false)"
    none = f"({trimmed} IN {_NONE} AND {right} IN {_NONE})"
    held = f"(({trimmed} = 'true' AND {right} = '1') OR ({trimmed} = 'false' AND {right} = '0'))"
    day = f"(length({trimmed}) = 10 AND substr({right}, 1, 11) = {trimmed} || 'T')"
    # CASE stops where they are the same, which nearly all are; OR would ask everything of every row.
    return f"(CASE WHEN {left} = {right} THEN true ELSE {trimmed} = {right} OR {none} OR {close} OR {held} OR {day} END)"
