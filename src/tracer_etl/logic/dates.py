"""The functions about days and moments; they need the connection's time zone to be the study's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.logic.syntax import CannotCompile
from tracer_etl.logic.values import Value, as_datetime, as_text
from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from tracer_etl.logic.functions import Arguments, Function
    from tracer_etl.logic.sql import Compiler

# JavaRosa's letters of format-date(); names of days and months are left out: they follow the phone's language.
_DATE_FORMAT = {
    "Y": "%Y", "y": "%y", "m": "%m", "n": "%-m", "d": "%d", "e": "%-d",
    "H": "%H", "h": "%-H", "M": "%M", "S": "%S", "3": "%g",
}  # fmt: skip


def _now(compiler: Compiler, arguments: Arguments) -> Value:
    """Give when the submission was last saved: the form's own `end`, else when the server had it."""
    compiler.values(arguments, 0)
    root = compiler.scope.aliases[compiler.scope.schema.root.name]
    moments = [*_preloaded(compiler, "end"), f"{root}._submitted_at"]
    return Value("datetime", f"coalesce({', '.join(moments)})", blank=True)


def _today(compiler: Compiler, arguments: Arguments) -> Value:
    """Give the day of the last save; a form's own `today` is the day it was opened, at times the day before."""
    saved = f"CAST({_now(compiler, arguments).sql} AS DATE)"
    return Value("date", f"greatest({', '.join([saved, *_preloaded(compiler, 'today')])})", blank=True)


def _preloaded(compiler: Compiler, preload: str) -> list[str]:
    """Name the columns of the root that Collect fills by itself."""
    scope = compiler.scope
    root, alias = scope.schema.root, scope.aliases[scope.schema.root.name]
    paths = [question.path for question in scope.form.questions if question.bind.preload == preload]
    columns = (root.column_at(path) for path in paths)
    wanted = {"end": "TIMESTAMPTZ", "today": "DATE"}[preload]
    return [f"{alias}.{quote(c.name)}" for c in columns if c is not None and c.sql_type == wanted]


def _date(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments, 1)
    if value.kind in ("date", "datetime"):
        return value
    if value.kind == "number":
        return Value("date", f"TRY(DATE '1970-01-01' + TRY_CAST(floor({value.sql}) AS INTEGER))", blank=True)
    return Value("date", f"TRY_CAST(nullif(substr({as_text(value)}, 1, 10), '') AS DATE)", blank=True)


def _date_time(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments, 1)
    return Value("datetime", as_datetime(value), blank=True)


def _decimal_date_time(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments, 1)
    return Value("number", f"(epoch({as_datetime(value)}) / 86400.0)")


def _format_date(compiler: Compiler, arguments: Arguments) -> Value:
    value, pattern = compiler.values(arguments, 2)
    if pattern.constant is None:
        raise CannotCompile("a date format made of answers is not compiled")
    moment = f"CAST({as_datetime(value)} AS TIMESTAMP)"
    pattern_sql = literal(_date_pattern(pattern.constant))
    return Value("text", f"coalesce(strftime({moment}, {pattern_sql}), '')")


def _date_pattern(pattern: str) -> str:
    parts = re.split(r"%(.)", pattern)
    letters = [_DATE_FORMAT.get(letter) for letter in parts[1::2]]
    if None in letters:
        raise CannotCompile(f"date format {pattern!r} depends on the phone's language, or is unknown")
    parts[1::2] = [letter or "" for letter in letters]
    return "".join(parts)


FUNCTIONS: dict[str, Function] = {
    "now": _now,
    "today": _today,
    "date": _date,
    "date-time": _date_time,
    "decimal-date-time": _decimal_date_time,
    "format-date": _format_date,
    "format-date-time": _format_date,
}
