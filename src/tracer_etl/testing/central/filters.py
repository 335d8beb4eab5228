"""The part of OData's $filter and $orderby that ODK Central reads, with its refusals."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from tracer_etl.testing.central.answers import Problem, bad_type, internal

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = Any
Getter = Callable[[Any], Value]
Column = tuple[Literal["time", "integer", "text"], Getter]
Truth = bool | None
"""SQL's third value is None: a comparison with null is neither true nor false."""

_TOKEN = re.compile(
    r"\s*(?:(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<date>\d{4}-\d\d-\d\d)(?![\w-])|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'(?:[^']|'')*')"
    r"|(?P<name>\$?[A-Za-z_][\w/$.-]*)|(?P<mark>[(),]))"
)
_FUNCTIONS = ("year", "month", "day", "hour", "minute", "second")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A read $filter: its test and the columns it names."""

    test: Callable[[Any], Truth]
    names: frozenset[str]

    def keeps(self, row: Any) -> bool:  # noqa: ANN401 - submissions and entities
        """Tell whether a row passes, as SQL's WHERE does: only true is true."""
        return self.test(row) is True


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Operand:
    kind: str
    value: Value = None
    getter: Getter | None = None


def read_filter(text: str, columns: Mapping[str, Column]) -> Filter:
    """Read a $filter over the columns a table offers.

    Raises:
        Problem: 400.18 syntax, 501.4 a feature, 501.5 a field, 500 or 400.11 a value of another type.
    """
    for dry in (True, False):  # Central parses all of it before it looks at names and values
        reader = _Reader(text, columns, dry=dry)
        test = reader.either()
        reader.must_end()
    return Filter(test, frozenset(reader.names))


def read_order(text: str, columns: Mapping[str, Column]) -> list[tuple[Getter, bool]]:
    """Read an $orderby into (column, descending) pairs.

    Raises:
        Problem: 501.5 for a field that cannot be sorted by.
    """
    order = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        if name not in columns:
            raise Problem(501.5, f"{_UNKNOWN}{name}", {"text": name})
        order.append((columns[name][1], direction.strip().lower() == "desc"))
    return order


_UNKNOWN = "The given OData filter expression references fields not supported by this server: "


class _Reader:
    def __init__(self, text: str, columns: Mapping[str, Column], *, dry: bool) -> None:
        self.text, self.columns, self.names, self.dry = text, columns, set[str](), dry
        self.position, self.at = 0, 0
        self.tokens: list[_Token] = []
        while match := _TOKEN.match(text, self.at):
            kind = match.lastgroup or ""
            self.tokens.append(_Token(kind, match[kind], match.start(kind), match.end()))
            self.at = match.end()

    # -- grammar

    def either(self) -> Callable[[Any], Truth]:
        parts = [self.both()]
        while self.word("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else lambda row: _or(part(row) for part in parts)

    def both(self) -> Callable[[Any], Truth]:
        parts = [self.negation()]
        while self.word("and"):
            parts.append(self.negation())
        return parts[0] if len(parts) == 1 else lambda row: _and(part(row) for part in parts)

    def negation(self) -> Callable[[Any], Truth]:
        if self.word("not"):
            inner = self.negation()
            return lambda row: None if (truth := inner(row)) is None else not truth
        if self.mark("("):
            grouped = self.either()
            if not self.mark(")"):
                raise self.syntax()
            return grouped
        if self.dry and self.is_call():
            return lambda _: None
        return self.comparison()

    def is_call(self) -> bool:
        """Take a call that stands alone, such as contains(__id,'a')."""
        start = self.position
        self.operand()
        following = self.peek()
        called = self.tokens[start].text not in _FUNCTIONS and self.tokens[self.position - 1].text == ")"
        if called and (following is None or following.text in ("and", "or", ")")):
            return True
        self.position = start
        return False

    def skipped_call(self) -> _Operand:
        """Pass over the arguments of a call."""
        depth = 0
        while token := self.peek():
            self.position += 1
            depth += (token.text == "(") - (token.text == ")")
            if depth == 0:
                return _Operand("null")
        raise self.syntax()

    def comparison(self) -> Callable[[Any], Truth]:
        left = self.operand()
        token = self.peek()
        if token is None or token.text not in _OPERATORS:
            raise self.syntax()
        self.position += 1
        right = self.operand()
        return (lambda _: None) if self.dry else _compare(token.text, left, right)

    def operand(self) -> _Operand:
        token = self.peek()
        if token is None or token.kind == "mark":
            raise self.syntax()
        self.position += 1
        if token.kind == "name":
            return self.named(token)
        value = token.text[1:-1].replace("''", "'") if token.kind == "text" else token.text
        return _Operand("literal", value)

    def named(self, token: _Token) -> _Operand:
        following = self.peek()
        if following and following.text == "(" and following.start == token.end:
            return self.skipped_call() if self.dry else self.call(token)
        if self.dry or token.text == "null":
            return _Operand("null")
        name = token.text.removeprefix("$root/Submissions/")
        column = self.columns.get(token.text)
        if column is None:
            text = f"{token.text} at {token.start}"
            raise Problem(501.5, f"{_UNKNOWN}{text}", {"at": token.start, "text": token.text})
        self.names.add(name)
        return _Operand(column[0], getter=column[1])

    def call(self, token: _Token) -> _Operand:
        if token.text == "now":
            raise internal()  # documented, and broken in v2026.2.2
        if token.text not in _FUNCTIONS:
            end = self.text.find(")", token.end) + 1 or len(self.text)
            text = self.text[token.start : end]
            message = (
                "The given OData filter expression uses features not supported by this server: "
                f'MethodCallExpression at {token.start} ("{text}")'
            )
            details = {"at": token.start, "type": "MethodCallExpression", "text": text}
            raise Problem(501.4, message, details)
        self.position += 1
        inner = self.operand()
        if not self.mark(")") or inner.getter is None:
            raise self.syntax()
        return _Operand("integer", getter=_part(token.text, inner.getter))

    # -- tokens

    def peek(self) -> _Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def word(self, text: str) -> bool:
        token = self.peek()
        found = token is not None and token.kind == "name" and token.text == text
        self.position += found
        return found

    def mark(self, text: str) -> bool:
        token = self.peek()
        found = token is not None and token.kind == "mark" and token.text == text
        self.position += found
        return found

    def must_end(self) -> None:
        if self.position < len(self.tokens) or self.text[self.at :].strip():
            raise self.syntax()

    def syntax(self) -> Problem:
        end = self.tokens[self.position - 1].end if 0 < self.position <= len(self.tokens) else 0
        reason = f"Unexpected character at {end}"
        message = f"The OData filter expression you provided could not be parsed: {reason}"
        return Problem(400.18, message, {"reason": reason})


def _part(name: str, getter: Getter) -> Getter:
    def read(row: Any) -> Value:  # noqa: ANN401 - submissions and entities
        value = getter(row)
        return None if value is None else getattr(value.astimezone(UTC), name)

    return read


def _or(truths: Any) -> Truth:  # noqa: ANN401 - an iterable of truths
    seen: Truth = False
    for truth in truths:
        if truth is True:
            return True
        seen = None if truth is None else seen
    return seen


def _and(truths: Any) -> Truth:  # noqa: ANN401 - an iterable of truths
    seen: Truth = True
    for truth in truths:
        if truth is False:
            return False
        seen = None if truth is None else seen
    return seen


def _compare(operator: str, left: _Operand, right: _Operand) -> Callable[[Any], Truth]:
    if "null" in (left.kind, right.kind):
        return _null_test(operator, left if right.kind == "null" else right)
    kind = left.kind if left.getter else right.kind
    one, two = _reader(left, kind), _reader(right, kind)
    test = _OPERATORS[operator]

    def compare(row: Any) -> Truth:  # noqa: ANN401 - submissions and entities
        a, b = one(row), two(row)
        return None if a is None or b is None else test(a, b)

    return compare


def _null_test(operator: str, operand: _Operand) -> Callable[[Any], Truth]:
    getter = operand.getter or (lambda _: operand.value)
    if operator == "eq":
        return lambda row: getter(row) is None
    if operator == "ne":
        return lambda row: getter(row) is not None
    return lambda _: None


def _reader(operand: _Operand, kind: str) -> Getter:
    if operand.getter:
        return operand.getter
    value = _cast(operand.value, kind)
    return lambda _: value


def _cast(text: str, kind: str) -> Value:
    if kind == "integer":
        if not re.fullmatch(r"-?\d+", text):
            raise bad_type(text, "type integer")
        return int(text)
    return as_time(text) if kind == "time" else text


def as_time(text: str) -> datetime:
    """Read a time or a date as PostgreSQL's server in UTC would.

    Raises:
        Problem: 500, which is what Central makes of a word here.
    """
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise internal() from error
    return value if value.tzinfo else value.replace(tzinfo=UTC)
