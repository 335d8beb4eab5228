"""The functions about many nodes: aggregates over a repeat, and the place of an instance in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.logic.syntax import Call, CannotCompile, Path, Step
from tracer_etl.logic.values import Value, as_number, as_text

if TYPE_CHECKING:
    from tracer_etl.logic.functions import Arguments, Function
    from tracer_etl.logic.scope import Nodes
    from tracer_etl.logic.sql import Compiler
    from tracer_etl.logic.syntax import Node


def _number(sql: str) -> Value:
    return Value("number", f"CAST({sql} AS DOUBLE)")


def _set(compiler: Compiler, arguments: Arguments) -> Nodes:
    if len(arguments) != 1:
        raise CannotCompile("a function over nodes takes one path")
    return compiler.scope.nodes(arguments[0], compiler.inside)


def _count(compiler: Compiler, arguments: Arguments) -> Value:
    if len(arguments) == 1 and isinstance(arguments[0], Path) and isinstance(arguments[0].start, Call):
        return _number(f"(SELECT count(*) {compiler.scope.lookup(arguments[0], compiler.inside)[0]})")
    nodes = _set(compiler, arguments)
    question = compiler.scope.form.question(nodes.path)
    if question is not None and question.bind.relevant:
        raise CannotCompile("a blank node and one not asked for count differently and look alike")
    return _number(f"(SELECT count(*) {nodes.source})")


def _count_non_empty(compiler: Compiler, arguments: Arguments) -> Value:
    nodes = _set(compiler, arguments)
    return _number(f"(SELECT count(*) {nodes.source} AND {as_text(nodes.value)} <> '')")


def _sum(compiler: Compiler, arguments: Arguments) -> Value:
    """Add up the nodes; one that is no number makes the sum none."""
    nodes = _set(compiler, arguments)
    number = as_number(nodes.value)
    whole = f"CASE WHEN count(*) = count({number}) THEN coalesce(sum({number}), 0) END"
    return Value("number", f"(SELECT {whole} {nodes.source})")


def _extreme(aggregate: str, scalar: str) -> Function:
    def function(compiler: Compiler, arguments: Arguments) -> Value:
        if len(arguments) == 1 and _is_repeated(compiler, arguments[0]):
            nodes = _set(compiler, arguments)
            return Value("number", f"(SELECT {aggregate}({as_number(nodes.value)}) {nodes.source})")
        numbers = (as_number(value) for value in compiler.values(arguments, 1, len(arguments)))
        return Value("number", f"{scalar}({', '.join(numbers)})")

    return function


def _is_repeated(compiler: Compiler, node: Node) -> bool:
    if not isinstance(node, Path) or isinstance(node.start, Call):
        return False
    steps, _ = compiler.scope.resolve(node)
    return compiler.scope.table_of(steps).name not in compiler.scope.aliases


def _join(compiler: Compiler, arguments: Arguments) -> Value:
    """Write values one after the other: the arguments, or the nodes of a repeat in their order."""
    if len(arguments) == 2 and _is_repeated(compiler, arguments[1]):  # noqa: PLR2004 - separator and nodes
        nodes = compiler.scope.nodes(arguments[1], compiler.inside)
        separator, order = as_text(compiler.value(arguments[0])), f"{nodes.alias}._position"
        gathered = f"string_agg({as_text(nodes.value)}, {separator} ORDER BY {order})"
        return Value("text", f"coalesce((SELECT {gathered} {nodes.source}), '')")
    separator, *parts = (as_text(value) for value in compiler.values(arguments, 1, len(arguments)))
    return Value("text", f"({f' || {separator} || '.join(parts)})" if parts else "''")


def _position(compiler: Compiler, arguments: Arguments) -> Value:
    """Give the 1-based place of an instance among those of its repeat."""
    scope, node = compiler.scope, arguments[0] if arguments else Path(".", (Step("."),))
    if not isinstance(node, Path) or isinstance(node.start, Call):
        raise CannotCompile("position() wants a path")
    steps, _ = scope.resolve(node)
    table = scope.table_of(steps)
    if not steps or table.path != steps or table.name not in scope.aliases:
        raise CannotCompile("position() wants the repeat this row is an instance of")
    return _number(f"{scope.aliases[table.name]}._position")


def _indexed_repeat(compiler: Compiler, arguments: Arguments) -> Value:
    """Give a question of the n-th instance of a repeat."""
    if len(arguments) != 3:  # noqa: PLR2004 - a question, its repeat and a number
        raise CannotCompile("indexed-repeat() over nested repeats is not compiled")
    nodes = compiler.scope.nodes(arguments[0], compiler.inside)
    place = as_number(compiler.value(arguments[2]))
    return nodes.single(f" AND {nodes.alias}._position = {place}")


FUNCTIONS: dict[str, Function] = {
    "count": _count,
    "count-non-empty": _count_non_empty,
    "sum": _sum,
    "max": _extreme("max", "greatest"),
    "min": _extreme("min", "least"),
    "join": _join,
    "position": _position,
    "indexed-repeat": _indexed_repeat,
}
