"""Tokens -> syntax tree: operators by precedence, location paths with predicates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.logic.syntax import Binary, Call, CannotCompile, Literal, Negate, Path, Step
from tracer_etl.logic.tokens import Token, tokenize

if TYPE_CHECKING:
    from tracer_etl.logic.syntax import Node

# From loosest to tightest, as in XPath 1.0 section 3.
_LEVELS = (("or",), ("and",), ("=", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "div", "mod"))


def parse(expression: str) -> Node:
    """Parse an XPath 1.0 expression of the kind forms use.

    >>> parse("../age >= 15")
    Binary(operator='>=', left=Path(start='.', steps=(Step(name='..', predicates=()),
        Step(name='age', predicates=()))), right=Literal(value=15.0))

    Raises:
        CannotCompile: not XPath, or an axis, attribute or variable, which forms do not use.
    """
    parser = _Parser(tokenize(expression))
    node = parser.level(0)
    parser.take("")
    return node


class _Parser:
    """Walks the tokens once, from left to right."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens, self.position = tokens, 0

    # -- tokens

    @property
    def here(self) -> Token:
        return self.tokens[self.position]

    def next_is(self, *texts: str) -> bool:
        return self.here.kind in ("mark", "operator") and self.here.text in texts

    def advance(self) -> Token:
        self.position += 1
        return self.tokens[self.position - 1]

    def take(self, text: str) -> None:
        token = self.advance()
        if token.text != text or token.kind in ("text", "number"):
            raise CannotCompile(f"expected {text or 'the end'!r} and found {token.text or 'the end'!r}")

    # -- operators

    def level(self, depth: int) -> Node:
        if depth == len(_LEVELS):
            return self.unary()
        node = self.level(depth + 1)
        while self.next_is(*_LEVELS[depth]):
            operator = self.advance().text
            node = Binary(operator, node, self.level(depth + 1))
        return node

    def unary(self) -> Node:
        if self.next_is("-"):
            self.advance()
            return Negate(self.unary())
        node = self.operand()
        if self.next_is("|"):
            raise CannotCompile("unions of node sets are not compiled")
        return node

    # -- operands

    def operand(self) -> Node:
        token = self.here
        if token.kind == "number":
            return Literal(float(self.advance().text))
        if token.kind == "text":
            return Literal(self.advance().text)
        if self.next_is("("):
            self.advance()
            node = self.level(0)
            self.take(")")
            return self.no_path_after(node)
        if token.kind == "name" and self.tokens[self.position + 1].text == "(":
            return self.call_or_path()
        return self.path()

    def no_path_after(self, node: Node) -> Node:
        if self.next_is("/", "[", "//"):
            raise CannotCompile("a path after parentheses is not compiled")
        return node

    def call_or_path(self) -> Node:
        call = self.call()
        if not self.next_is("/"):
            return self.no_path_after(call)
        self.advance()
        start = "." if call == Call("current", ()) else call
        return Path(start, self.steps())

    def call(self) -> Call:
        name = self.advance().text
        self.take("(")
        arguments: list[Node] = []
        while not self.next_is(")"):
            arguments.append(self.level(0))
            if not self.next_is(")"):
                self.take(",")
        self.take(")")
        return Call(name, tuple(arguments))

    def path(self) -> Path:
        if self.next_is("/"):
            self.advance()
            return Path("/", self.steps())
        return Path(".", self.steps())

    def steps(self) -> tuple[Step, ...]:
        steps = [self.step()]
        while self.next_is("/"):
            self.advance()
            steps.append(self.step())
        if self.next_is("//", "::"):
            raise CannotCompile(f"{self.here.text!r} is not compiled")
        return tuple(steps)

    def step(self) -> Step:
        token = self.advance()
        named = token.kind == "name" and token.text != "*"
        if not named and token.text not in ("..", "."):
            raise CannotCompile(f"expected a node name and found {token.text or 'the end'!r}")
        predicates: list[Node] = []
        while self.next_is("["):
            self.advance()
            predicates.append(self.level(0))
            self.take("]")
        return Step(token.text.rpartition(":")[2], tuple(predicates))
