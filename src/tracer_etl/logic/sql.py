"""Syntax tree -> DuckDB SQL over the staging tables of one row's scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.logic import dates, functions, nodesets
from tracer_etl.logic.syntax import Binary, Call, CannotCompile, Literal, Negate, Path
from tracer_etl.logic.values import (
    Value,
    as_boolean,
    as_number,
    boolean_value,
    compare,
    equal,
    number_constant,
    text_constant,
)

if TYPE_CHECKING:
    from tracer_etl.logic.scope import Scope
    from tracer_etl.logic.syntax import Node

FUNCTIONS = {**functions.FUNCTIONS, **dates.FUNCTIONS, **nodesets.FUNCTIONS}


class Compiler:
    """Compiles the nodes of one expression in one scope."""

    def __init__(self, scope: Scope) -> None:
        """Bind the compiler to a row."""
        self.scope = scope

    def condition(self, node: Node) -> str:
        """Compile to a boolean; NULL only where clients disagree."""
        return as_boolean(self.value(node))

    def inside(self, scope: Scope, node: Node) -> str:
        """Compile a condition on another row, such as a predicate."""
        return Compiler(scope).condition(node)

    def value(self, node: Node) -> Value:
        """Compile to a value of whatever type it has."""
        match node:
            case Literal(value):
                return text_constant(value) if isinstance(value, str) else number_constant(value)
            case Negate(operand):
                return Value("number", f"(-{as_number(self.value(operand))})")
            case Binary():
                return self._binary(node)
            case Path():
                return self._path(node)
            case Call(name, arguments):
                function = FUNCTIONS.get(name)
                if function is None:
                    raise CannotCompile(f"{name}() is not compiled")
                return function(self, arguments)

    def values(self, arguments: tuple[Node, ...], least: int, most: int | None = None) -> list[Value]:
        """Compile the arguments of a function that takes so many."""
        if not least <= len(arguments) <= (least if most is None else most):
            raise CannotCompile("a function has the wrong number of arguments")
        return [self.value(argument) for argument in arguments]

    def _path(self, path: Path) -> Value:
        if isinstance(path.start, Call):
            source, column = self.scope.lookup(path, self.inside)
            if not column:
                raise CannotCompile("a row of a choice list has no single value")
            order = f"{column.partition('.')[0]}._position"
            return Value("text", f"coalesce((SELECT first({column} ORDER BY {order}) {source}), '')")
        return self.scope.item_column(path) or self.scope.node(path, self.inside)

    def _binary(self, node: Binary) -> Value:
        operator = node.operator
        if operator in ("and", "or"):
            return boolean_value(f"{self.condition(node.left)} {operator} {self.condition(node.right)}")
        left, right = self.value(node.left), self.value(node.right)
        if operator == "=":
            return boolean_value(equal(left, right))
        if operator == "!=":
            return boolean_value(f"NOT {equal(left, right)}")
        if operator in ("<", "<=", ">", ">="):
            return boolean_value(compare(operator, left, right))
        return Value("number", _arithmetic(operator, as_number(left), as_number(right)))


def _arithmetic(operator: str, left: str, right: str) -> str:
    if operator == "div":
        infinite = (
            f"CASE WHEN {left} > 0 THEN CAST('inf' AS DOUBLE) WHEN {left} < 0 THEN CAST('-inf' AS DOUBLE) END"
        )
        return f"(CASE WHEN {right} = 0 THEN {infinite} ELSE {left} / {right} END)"
    if operator == "mod":
        # The sign is the dividend's; DuckDB's own fmod() takes the divisor's.
        return f"(CASE WHEN {right} <> 0 THEN {left} - {right} * trunc({left} / {right}) END)"
    return f"({left} {operator} {right})"
