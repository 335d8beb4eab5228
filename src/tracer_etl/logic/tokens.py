"""XPath 1.0 text -> tokens, with the specification's rule for `*`, `and`, `or`, `div` and `mod`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tracer_etl.logic.syntax import CannotCompile

TokenKind = Literal["number", "text", "name", "operator", "mark", "end"]

_PATTERN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d*)?|\.\d+)
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<name>[^\W\d][\w.\-]*(?::[^\W\d][\w.\-]*)?)
      | (?P<mark><=|>=|!=|//|::|\.\.|[.@/|+\-*=<>()\[\],$])
    )""",
    re.VERBOSE,
)
_WORDS = frozenset({"and", "or", "div", "mod"})
_OPERATORS = frozenset({"/", "//", "|", "+", "-", "=", "!=", "<", "<=", ">", ">=", "*", *_WORDS})
_OPENERS = frozenset({"@", "::", "(", "[", ","})


@dataclass(frozen=True, slots=True)
class Token:
    """One token; a text comes without its quotes."""

    kind: TokenKind
    text: str


def tokenize(expression: str) -> list[Token]:
    """Cut an expression into tokens, an `end` last.

    A name is an operator only where an operator can stand: after an operand.

    >>> [token.text for token in tokenize("/d/div div 2")]
    ['/', 'd', '/', 'div', 'div', '2', '']
    >>> [token.kind for token in tokenize("/d/div div 2")]
    ['mark', 'name', 'mark', 'name', 'operator', 'number', 'end']
    """
    tokens: list[Token] = []
    position, text = 0, expression.rstrip()
    while position < len(text):
        match = _PATTERN.match(text, position)
        if match is None:
            raise CannotCompile(f"unexpected character {text[position:].lstrip()[:1]!r}")
        tokens.append(_token(match, tokens))
        position = match.end()
    return [*tokens, Token("end", "")]


def _token(match: re.Match[str], before: list[Token]) -> Token:
    if match["number"]:
        return Token("number", match["number"])
    if match["text"]:
        return Token("text", match["text"][1:-1])
    after_operand = bool(before) and not _expects_operand(before[-1])
    word = match["name"] or match["mark"]
    if match["name"]:
        return Token("operator" if after_operand and word in _WORDS else "name", word)
    if word == "*":
        return Token("operator" if after_operand else "name", word)
    return Token("mark", word)


def _expects_operand(token: Token) -> bool:
    return token.kind == "operator" or (token.kind == "mark" and token.text in _OPERATORS | _OPENERS)
