"""Syntax tree -> DuckDB SQL with XPath's meaning: a blank node is '', a number that is none compares false."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tracer_etl.logic.parser import Call, Node, NotEvaluated, Number, Path, Text
from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from tracer_etl.questions import NodePath
    from tracer_etl.schema import Column, Schema, Table

Type = Literal["boolean", "number", "text", "day"]
"""`day` is a date or date-time: a number of days since 1970, with an ISO text."""


@dataclass(frozen=True, slots=True)
class Value:
    """A piece of SQL: its text form is never NULL, its number form is NULL where XPath has NaN."""

    type: Type
    sql: str
    days: str = ""

    def number(self) -> str:
        """Give the number form."""
        match self.type:
            case "number":
                return self.sql
            case "boolean":
                return f"CASE WHEN {self.sql} THEN 1 ELSE 0 END"
            case "day":
                return self.days
            case "text":
                return f"TRY_CAST(nullif({self.sql}, '') AS DOUBLE)"

    def text(self) -> str:
        """Give the text form."""
        match self.type:
            case "number":
                whole = f"{self.sql} = round({self.sql}) AND abs({self.sql}) < 1e15"
                return (
                    f"coalesce(CASE WHEN {whole} THEN CAST(CAST({self.sql} AS BIGINT) AS VARCHAR) "
                    f"ELSE CAST({self.sql} AS VARCHAR) END, '')"
                )
            case "boolean":
                return f"CASE WHEN {self.sql} THEN 'true' ELSE 'false' END"
            case "day" | "text":
                return self.sql

    def boolean(self) -> str:
        """Give the truth form."""
        match self.type:
            case "boolean":
                return self.sql
            case "number":
                return f"coalesce({self.sql} <> 0, false)"
            case "day" | "text":
                return f"({self.text()} <> '')"


class Scope:
    """Where an expression stands: a row of a table, with the tables around it at hand.

    SQL refers to the row's table and its ancestors by their names, joined by `joins()`.
    """

    def __init__(self, schema: Schema, table: Table) -> None:
        """Look up the table's ancestors."""
        self.schema, self.table = schema, table
        self.chain = [table]
        while self.chain[-1].parent:
            self.chain.append(schema.table(self.chain[-1].parent))

    def joins(self) -> str:
        """Write the FROM clause."""
        sql = quote(self.table.name)
        for child, parent in zip(self.chain, self.chain[1:], strict=False):
            sql += (
                f" LEFT JOIN {quote(parent.name)} ON {quote(parent.name)}.{parent.row_key} = "
                f"{quote(child.name)}._parent_row_id"
            )
        return sql

    def compile(self, node: Node, context: NodePath) -> Value:
        """Compile a tree that belongs to the node `context`.

        Raises:
            NotEvaluated: it uses what is not compiled, or a node that has no column here.
        """
        match node:
            case Number(value):
                return Value("number", f"CAST({value} AS DOUBLE)")
            case Text(value):
                return Value("text", literal(value))
            case Path(value):
                return self._node(self._resolve(value, context))
            case Call(name, arguments):
                return self._call(name, arguments, context)

    # -- nodes

    def _resolve(self, text: str, context: NodePath) -> NodePath:
        if text.startswith("/"):
            return tuple(step.rpartition(":")[2] for step in text.strip("/").split("/")[1:])
        steps = list(context)
        for step in text.removeprefix("current()/").split("/"):
            if step == "..":
                if not steps:
                    raise NotEvaluated(f"path {text} leaves the form")
                steps.pop()
            elif step not in ("", "."):
                steps.append(step.rpartition(":")[2])
        return tuple(steps)

    def _column(self, path: NodePath) -> tuple[Table, Column]:
        for table in self.chain:
            column = table.column_at(path)
            if column is not None:
                return table, column
        raise NotEvaluated(f"node {'/'.join(path)} has no column in reach")

    def _node(self, path: NodePath) -> Value:
        table, column = self._column(path)
        name = f"{quote(table.name)}.{quote(column.name)}"
        if column.part:
            return Value("text", f"CASE WHEN {name} IS NULL THEN '' ELSE CAST({name} AS VARCHAR) END")
        match column.sql_type:
            case "BIGINT" | "DOUBLE":
                return Value("number", f"CAST({name} AS DOUBLE)")
            case "DATE" | "TIMESTAMPTZ":
                return Value("day", f"coalesce(CAST({name} AS VARCHAR), '')", _days(name))
            case "BOOLEAN":
                return Value("text", f"coalesce(CAST({name} AS VARCHAR), '')")
            case "VARCHAR" | "TIME":
                return Value("text", f"coalesce(CAST({name} AS VARCHAR), '')")

    # -- calls

    def _call(self, name: str, arguments: tuple[Node, ...], context: NodePath) -> Value:
        if name in ("count", "sum"):
            return self._aggregate(name, arguments, context)
        if name in ("<", "<=", ">", ">=") and any(a == Call("now", ()) for a in arguments):
            return self._against_now(name, arguments, context)
        if name in ("today", "now"):
            return self._moment(name)
        values = [self.compile(argument, context) for argument in arguments]
        made = _operator(name, values) or _function(name, values)
        if made is None:
            raise NotEvaluated(f"{name}() with {len(values)} arguments is not compiled")
        return made

    def _moment(self, name: str) -> Value:
        """Take today() from the submission, since a check must say the same next year."""
        root = self.chain[-1]
        for path in (("today",), ("start",), ("end",)) if name == "today" else ():
            column = root.column_at(path)
            if column is not None and column.sql_type in ("DATE", "TIMESTAMPTZ"):
                day = f"CAST({quote(root.name)}.{quote(column.name)} AS DATE)"
                return Value("day", f"coalesce(CAST({day} AS VARCHAR), '')", _days(day))
        raise NotEvaluated(f"{name}() without a question that recorded it")

    def _against_now(self, operator: str, arguments: tuple[Node, ...], context: NodePath) -> Value:
        """Compare with now(): some moment between start and end, so take the one that accuses nobody."""
        left, right = arguments
        flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
        if left == Call("now", ()):
            left, right, operator = right, left, flipped[operator]
        moment = ("start",) if operator.startswith(">") else ("end",)
        return _compare(operator, self.compile(left, context), self._node(moment))

    def _aggregate(self, name: str, arguments: tuple[Node, ...], context: NodePath) -> Value:
        if len(arguments) != 1 or not isinstance(arguments[0], Path):
            raise NotEvaluated(f"{name}() of something else than a path")
        path = self._resolve(arguments[0].value, context)
        for table in self.schema.tables:
            column = None if table.path == path else table.column_at(path)
            if table.parent and (table.path == path or column):
                owner = self.chain[-1] if table.parent not in {t.name for t in self.chain} else (
                    self.schema.table(table.parent))  # fmt: skip
                key = "_submission_id" if not owner.parent else "_parent_row_id"
                condition = f"x.{key} = {quote(owner.name)}.{owner.row_key}"
                if name == "count":
                    filled = f" AND x.{quote(column.name)} IS NOT NULL" if column else ""
                    sql = f"(SELECT count(*) FROM {quote(table.name)} x WHERE {condition}{filled})"
                elif column is not None:
                    cell = f"TRY_CAST(x.{quote(column.name)} AS DOUBLE)"
                    sql = f"(SELECT coalesce(sum({cell}), 0) FROM {quote(table.name)} x WHERE {condition})"
                else:
                    break
                return Value("number", f"CAST({sql} AS DOUBLE)")
        raise NotEvaluated(f"{name}() of {'/'.join(path)}")


def _days(name: str) -> str:
    return f"(epoch({name}) / 86400.0)"


def _compare(operator: str, left: Value, right: Value) -> Value:
    """Compare as XPath does: by truth, else by number, else by text; order is always of numbers."""
    if operator in ("=", "!="):
        sign = "=" if operator == "=" else "<>"
        types = {left.type, right.type}
        if "boolean" in types:
            return Value("boolean", f"({left.boolean()} {sign} {right.boolean()})")
        if "number" in types and not _is_blank(left) and not _is_blank(right):
            other = "false" if operator == "=" else "true"
            return Value("boolean", f"coalesce({left.number()} {sign} {right.number()}, {other})")
        return Value("boolean", f"({left.text()} {sign} {right.text()})")
    return Value("boolean", f"coalesce({left.number()} {operator} {right.number()}, false)")


def _is_blank(value: Value) -> bool:
    return value.type == "text" and value.sql == "''"


def _operator(name: str, values: list[Value]) -> Value | None:
    if len(values) == 1 and name == "negate":
        return Value("number", f"(-{values[0].number()})")
    if len(values) != 2:  # noqa: PLR2004 - operators take two
        return None
    left, right = values
    match name:
        case "and" | "or":
            return Value("boolean", f"({left.boolean()} {name} {right.boolean()})")
        case "=" | "!=" | "<" | "<=" | ">" | ">=":
            return _compare(name, left, right)
        case "+" | "-" | "*":
            return Value("number", f"({left.number()} {name} {right.number()})")
        case "div":
            return Value("number", f"({left.number()} / nullif({right.number()}, 0))")
        case "mod":
            return Value("number", f"fmod({left.number()}, nullif({right.number()}, 0))")
        case _:
            return None


def _tokens(value: Value) -> str:
    return f"list_filter(string_split_regex(trim({value.text()}), '\\s+'), lambda token: token <> '')"


def _function(name: str, values: list[Value]) -> Value | None:  # noqa: C901, PLR0911, PLR0912 - one table of functions
    texts = [value.text() for value in values]
    match name, len(values):
        case ("true", 0):
            return Value("boolean", "true")
        case ("false", 0):
            return Value("boolean", "false")
        case ("not", 1):
            return Value("boolean", f"(NOT {values[0].boolean()})")
        case ("boolean", 1):
            return Value("boolean", values[0].boolean())
        case ("selected", 2):
            return Value("boolean", f"list_contains({_tokens(values[0])}, trim({texts[1]}))")
        case ("count-selected", 1):
            return Value("number", f"CAST(len({_tokens(values[0])}) AS DOUBLE)")
        case ("selected-at", 2):
            at = f"CAST({values[1].number()} AS BIGINT) + 1"
            return Value("text", f"coalesce({_tokens(values[0])}[{at}], '')")
        case ("string-length", 1):
            return Value("number", f"CAST(length({texts[0]}) AS DOUBLE)")
        case ("regex", 2):
            return Value("boolean", f"regexp_full_match({texts[0]}, {texts[1]})")
        case ("contains", 2):
            return Value("boolean", f"contains({texts[0]}, {texts[1]})")
        case ("starts-with", 2):
            return Value("boolean", f"starts_with({texts[0]}, {texts[1]})")
        case ("concat", _) if values:
            return Value("text", f"({' || '.join(texts)})")
        case ("coalesce", 2):
            return Value("text", f"CASE WHEN {texts[0]} <> '' THEN {texts[0]} ELSE {texts[1]} END")
        case ("if", 3):
            return _choose(values)
        case ("number" | "decimal-date-time", 1):
            return Value("number", values[0].number())
        case ("string" | "once", 1):
            return Value("text", texts[0])
        case ("int", 1):
            return Value("number", f"trunc({values[0].number()})")
        case ("round", 1):
            return Value("number", f"floor({values[0].number()} + 0.5)")
        case ("substr", 2):
            return Value("text", f"substr({texts[0]}, CAST({values[1].number()} AS BIGINT) + 1)")
        case ("substr", 3):
            first, last = (f"CAST({value.number()} AS BIGINT)" for value in values[1:])
            return Value("text", f"substr({texts[0]}, {first} + 1, {last} - {first})")
        case ("date", 1):
            day = f"TRY_CAST(substr({texts[0]}, 1, 10) AS DATE)"
            return Value("day", f"coalesce(CAST({day} AS VARCHAR), '')", _days(day))
        case _:
            return None


def _choose(values: list[Value]) -> Value:
    condition, yes, no = values
    if yes.type == no.type == "number":
        return Value("number", f"CASE WHEN {condition.boolean()} THEN {yes.sql} ELSE {no.sql} END")
    return Value("text", f"CASE WHEN {condition.boolean()} THEN {yes.text()} ELSE {no.text()} END")
