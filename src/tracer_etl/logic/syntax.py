"""What an XPath is made of once it is parsed, and what to say when it cannot be turned into SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class CannotCompile(Exception):
    """An expression, or a part of it, has no faithful SQL; caught at the border of this package."""

    def __init__(self, reason: str) -> None:
        """Keep the reason, one short sentence."""
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Literal:
    """A number or a text written in the expression."""

    value: float | str


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Negate:
    """A minus before an operand."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and what stands between them."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: a node's name, `..` or `.`, with its predicates."""

    name: str
    predicates: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """A location path; `start` is "/" (the root), "." (the context node) or a call such as instance('x')."""

    start: str | Call
    steps: tuple[Step, ...]


Node = Literal | Call | Negate | Binary | Path


def parts(node: Node) -> Iterator[Node]:
    """Give a node and all nodes in it, predicates included."""
    yield node
    match node:
        case Negate(operand):
            inner: tuple[Node, ...] = (operand,)
        case Binary(_, left, right):
            inner = (left, right)
        case Call(_, arguments):
            inner = arguments
        case Path(start, steps):
            tests = tuple(test for step in steps for test in step.predicates)
            inner = (start, *tests) if isinstance(start, Call) else tests
        case Literal():
            inner = ()
    for one in inner:
        yield from parts(one)
