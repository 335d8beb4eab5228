"""A condition on one sample, as JavaRosa evaluates it; what the sample does not decide stays unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING

from tracer_etl.lint.expressions import SELF, reference
from tracer_etl.logic.syntax import Binary, Call, Literal, Negate, Path

if TYPE_CHECKING:
    from tracer_etl.logic.syntax import Node


class Unknown:
    """The value of what the samples do not decide."""


UNKNOWN = Unknown()


@dataclass(frozen=True, slots=True)
class Sampled:
    """A value that stands for all those no comparison with a constant can tell from it."""

    value: float | str


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is chosen and left in a select_multiple of the choices a condition names, and whether more is."""

    chosen: frozenset[str]
    left: frozenset[str]
    more: bool


Value = str | float | bool | Sampled | Tokens | Unknown
Key = tuple[str, str]
"""A question's name and, empty or "string-length", what is asked of it; the question itself is `.`."""
Values = Mapping[Key, Value]


def asked(node: Node) -> str:
    """Give the name of the question a node stands for, `.` for the one the condition belongs to."""
    return "." if node == SELF else reference(node)


def evaluate(node: Node, values: Values) -> Value:
    """Evaluate a condition as JavaRosa does, or give UNKNOWN."""
    name = asked(node)
    if name:
        return values.get((name, ""), UNKNOWN)
    match node:
        case Literal(value):
            return value
        case Negate(operand):
            return _arithmetic("-", 0.0, evaluate(operand, values))
        case Binary("and" | "or" as operator, left, right):
            return _logical(operator, evaluate(left, values), evaluate(right, values))
        case Binary("=" | "!=" | "<" | "<=" | ">" | ">=" as operator, left, right):
            return compare(operator, evaluate(left, values), evaluate(right, values))
        case Binary(operator, left, right):
            return _arithmetic(operator, evaluate(left, values), evaluate(right, values))
        case Call(function, arguments):
            return _call(function, arguments, values)
        case Path():
            return UNKNOWN


def truth(value: Value) -> bool | None:
    """Convert to a condition; None is undecided."""
    match value:
        case Unknown():
            return None
        case Sampled(inner):
            return truth(inner)
        case Tokens():
            return True
        case str():
            return value != ""
        case _:
            return bool(value) and not math.isnan(value)


def _logical(operator: str, left: Value, right: Value) -> Value:
    truths = {truth(left), truth(right)}
    decisive = operator == "or"
    if decisive in truths:
        return decisive
    return UNKNOWN if None in truths else not decisive


def compare(operator: str, left: Value, right: Value) -> Value:
    """Compare two values; two samples say nothing about each other."""
    if isinstance(left, Unknown) or isinstance(right, Unknown):
        return UNKNOWN
    if isinstance(left, Tokens) or isinstance(right, Tokens):
        return _compare_tokens(operator, left, right)
    if isinstance(left, Sampled) and isinstance(right, Sampled):
        return UNKNOWN
    a, b = (value.value if isinstance(value, Sampled) else value for value in (left, right))
    if operator in ("=", "!="):
        return _equal(a, b) == (operator == "=")
    x, y = as_number(a), as_number(b)
    return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[operator]


def _compare_tokens(operator: str, left: Value, right: Value) -> Value:
    if operator in ("=", "!=") and "" in (left, right):
        return operator == "!="
    return UNKNOWN


def _equal(a: str | float, b: str | float) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return truth(a) == truth(b)
    if isinstance(a, str) and isinstance(b, str):
        return a == b
    return as_number(a) == as_number(b)


def as_number(value: float | str) -> float:
    """Convert to a number, NaN for what is none."""
    if not isinstance(value, str):
        return float(value)
    try:
        return float(value) if value.strip() and "_" not in value else math.nan
    except ValueError:
        return math.nan


def _arithmetic(operator: str, left: Value, right: Value) -> Value:
    if not isinstance(left, str | float | int) or not isinstance(right, str | float | int):
        return UNKNOWN
    x, y = as_number(left), as_number(right)
    match operator:
        case "+":
            return x + y
        case "-":
            return x - y
        case "*":
            return x * y
        case "div":
            return x / y if y else UNKNOWN
        case _:
            return math.fmod(x, y) if y else UNKNOWN


def _call(function: str, arguments: tuple[Node, ...], values: Values) -> Value:
    if function == "string-length" and len(arguments) == 1 and asked(arguments[0]):
        return values.get((asked(arguments[0]), "string-length"), UNKNOWN)
    given = [evaluate(argument, values) for argument in arguments]
    match function, given:
        case "true" | "false", []:
            return function == "true"
        case "today" | "now", []:
            return _today() + (0.5 if function == "now" else 0)
        case "not" | "boolean", [one]:
            held = truth(one)
            return UNKNOWN if held is None else held == (function == "boolean")
        case "selected", [one, str() | float() as choice]:
            return _selected(one, _written(choice) if isinstance(choice, float) else choice)
        case "if", [condition, then, otherwise]:
            held = truth(condition)
            return UNKNOWN if held is None else then if held else otherwise
        case _, [one]:
            return _converted(function, one)
        case _:
            return UNKNOWN


def _converted(function: str, value: Value) -> Value:
    match function, value:
        case "date" | "number" | "string" | "decimal-date-time", Sampled():
            return value
        case "number", str() | float():
            return as_number(value)
        case "date" | "decimal-date-time", str() | float():
            return _days(value)
        case _:
            return UNKNOWN


def _selected(held: Value, choice: str) -> Value:
    match held:
        case Tokens(chosen, left, more):
            return choice in chosen or (UNKNOWN if more and choice not in left else False)
        case Sampled(str(text)) | str(text):
            return choice in text.split()
        case _:
            return UNKNOWN


def _days(value: float | str) -> Value:
    if not isinstance(value, str):
        return float(value)
    try:
        return float((date.fromisoformat(value[:10]) - date(1970, 1, 1)).days)
    except ValueError:
        return UNKNOWN


@cache
def _today() -> float:
    return float((datetime.now(tz=UTC).date() - date(1970, 1, 1)).days)


def _written(number: float) -> str:
    return str(int(number)) if number.is_integer() else str(number)
