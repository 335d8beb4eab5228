"""The logic of one cell: its text as pyxform reads it, its tree, and what lies in the tree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tracer_etl.logic.parser import parse
from tracer_etl.logic.syntax import Binary, Call, CannotCompile, Literal, Negate, Path, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.workbook import Cell
    from tracer_etl.logic.syntax import Node

REFERENCE = re.compile(r"\$\{\s*([^}\s]+)\s*\}")
SMART = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"'}
_PIECES = re.compile(r"""("[^"]*"|'[^']*')|\$\{\s*([^}\s]+)\s*\}""")
_BEYOND = re.compile(r"::|//|@|\*|\|")
"""Axes, attributes, wildcards and unions: XPath the parser leaves out, which is no mistake of the form."""
SELF = Path(".", (Step("."),))


@dataclass(frozen=True, slots=True)
class Expression:
    """One cell of logic; without a tree, `problem` says what is wrong, or is empty if it is merely unusual."""

    cell: Cell
    text: str
    tree: Node | None
    problem: str = ""

    def references(self) -> tuple[str, ...]:
        """List the names in ${}, each once."""
        return tuple(dict.fromkeys(REFERENCE.findall(self.text)))


def parsed(cell: Cell) -> Expression:
    """Parse the logic of a cell."""
    text = straight(cell.text)
    tree, problem = _tree(text)
    return Expression(cell, text, tree, problem)


def straight(text: str) -> str:
    r"""Make the curly quotes straight, as pyxform does.

    >>> straight("\u2018ya\u2019")
    "'ya'"
    """
    return re.sub("|".join(SMART), lambda match: SMART[match[0]], text)


@lru_cache(maxsize=4096)
def _tree(text: str) -> tuple[Node | None, str]:
    plain = _PIECES.sub(lambda match: match[1] or f" ref('{match[2]}')", text)
    try:
        return parse(plain), ""
    except CannotCompile as error:
        unusual = _BEYOND.search(bare(text)) or "compiled" in error.reason
        return None, "" if unusual else error.reason


def bare(text: str) -> str:
    """Empty the texts in quotes, so that what is left is logic.

    >>> bare("regex(., '^a|b$') and ${x}='1'")
    "regex(., '') and ${x}=''"
    """
    return re.sub(r"""("[^"]*"|'[^']*')""", lambda match: match[0][0] * 2, text)


def everything(node: Node | None) -> Iterator[Node]:
    """Walk a tree, outside first."""
    if node is not None:
        yield node
        for part in parts(node):
            yield from everything(part)


def parts(node: Node) -> tuple[Node, ...]:
    """List what a node is made of directly."""
    match node:
        case Literal():
            return ()
        case Binary(_, left, right):
            return (left, right)
        case Negate(operand):
            return (operand,)
        case Call(_, arguments):
            return arguments
        case Path(start, steps):
            predicates = (predicate for step in steps for predicate in step.predicates)
            return (*((start,) if isinstance(start, Call) else ()), *predicates)


def calls(node: Node | None, *names: str) -> Iterator[Call]:
    """Find the calls of some functions."""
    for inner in everything(node):
        if isinstance(inner, Call) and inner.name in names:
            yield inner


def comparisons(node: Node | None) -> Iterator[tuple[str, Node, Node]]:
    """Find the comparisons, each from both of its sides; `selected(a, b)` counts as one."""
    for inner in everything(node):
        if isinstance(inner, Binary) and inner.operator in ("=", "!=", "<", "<=", ">", ">="):
            yield inner.operator, inner.left, inner.right
            yield inner.operator, inner.right, inner.left
        elif isinstance(inner, Call) and inner.name == "selected" and len(inner.arguments) == 2:  # noqa: PLR2004
            yield "selected", inner.arguments[0], inner.arguments[1]


def reference(node: Node) -> str:
    """Give the name in ${}, or an empty text."""
    match node:
        case Call("ref", (Literal(str(name)),)):
            return name
        case Path(Call("ref", (Literal(str(name)),)), ()):
            return name
        case _:
            return ""


def conjuncts(node: Node) -> Iterator[Node]:
    """Take an expression apart at its outer `and`s."""
    match node:
        case Binary("and", left, right):
            yield from conjuncts(left)
            yield from conjuncts(right)
        case _:
            yield node
