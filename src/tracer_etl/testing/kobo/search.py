"""The `q` language of lists: `field:value` joined by AND, OR, NOT and brackets."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tracer_etl.testing.kobo.state import Json

Test = Callable[[Json], bool]
_TOKEN = re.compile(r'\(|\)|(?:[^\s()":]+:)?"[^"]*"|[^\s()]+')
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gte": operator.ge, "gt": operator.gt, "lte": operator.le, "lt": operator.lt, "icontains": operator.contains,
}  # fmt: skip


def finder(query: str) -> Test:
    """Make a test of a query; a field an item does not have answers nothing.

    Raises:
        ValueError: a date that is none (the server answers with status 500).
    """
    return _Reader(_TOKEN.findall(query)).either()


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    def either(self) -> Test:
        tests = [self.both()]
        while self._take("OR"):
            tests.append(self.both())
        return lambda item: any(test(item) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.at < len(self.tokens) and self.tokens[self.at] not in ("OR", ")"):
            self._take("AND")
            tests.append(self.one())
        return lambda item: all(test(item) for test in tests)

    def one(self) -> Test:
        if self._take("NOT"):
            inner = self.one()
            return lambda item: not inner(item)
        if self._take("("):
            test = self.either()
            self._take(")")
            return test
        self.at += 1
        return _term(self.tokens[self.at - 1]) if self.at <= len(self.tokens) else _never

    def _take(self, token: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == token:
            self.at += 1
            return True
        return False


def _never(item: Json) -> bool:
    del item
    return False


def _term(token: str) -> Test:
    name, colon, value = token.partition(":")
    if not colon:
        word = token.strip('"').lower()
        return lambda item: word in str(item.get("name", "")).lower()
    value = value.strip('"')
    *path, last = name.split("__")
    compare = _COMPARE.get(last) if path else None
    steps = path if compare else [*path, last]
    dated = name.startswith("date_")
    operand: Any = _moment(value) if dated else value.lower()
    return lambda item: _answers(_held(item, name, steps), compare or operator.eq, operand, dated=dated)


def _answers(held: Any, compare: Callable[[Any, Any], bool], operand: Any, *, dated: bool) -> bool:  # noqa: ANN401
    if held is None:
        return False
    return compare(_moment(held) if dated else str(held).lower(), operand)


def _held(item: Json, name: str, steps: list[str]) -> Any:  # noqa: ANN401 - JSON
    if name in item:
        return item[name]
    held: Any = item
    for step in steps:
        held = held.get(step) if isinstance(held, dict) else None
    return held


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
