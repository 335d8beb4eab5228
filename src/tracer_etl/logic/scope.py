"""Where a path of an expression lies in the staging tables, seen from the row that is judged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from tracer_etl.logic.syntax import Call, CannotCompile, Literal, Path
from tracer_etl.logic.values import Value, text_constant
from tracer_etl.names import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracer_etl.logic.syntax import Node
    from tracer_etl.questions import ChoiceList, Form, NodePath
    from tracer_etl.schema import Column, Schema, Table

    Condition = Callable[["Scope", Node], str]
    Predicates = dict[int, tuple[Node, ...]]


BLANK = text_constant("")


@dataclass(frozen=True, slots=True)
class Item:
    """The row of a choice list a predicate speaks of; `columns` are its names there."""

    alias: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class Nodes:
    """The instances of a repeat, or a question's nodes in them, that belong to the row that is judged."""

    source: str
    scope: Scope
    table: Table
    positions: int = 0

    @property
    def path(self) -> NodePath:
        """Give the path the nodes share."""
        return self.scope.path

    @property
    def alias(self) -> str:
        """Give the SQL alias of the instances."""
        return self.scope.aliases[self.table.name]

    @property
    def value(self) -> Value:
        """Give the value of one of the nodes."""
        return column_value(self.alias, self.table, self.path, self.scope.form)

    def single(self, condition: str = "") -> Value:
        """Give the value where there is only one node."""
        sql = f"(SELECT {self.value.sql} {self.source}{condition} LIMIT 1)"
        return replace(self.value, sql=f"coalesce({sql}, '')" if self.value.kind == "text" else sql)


@dataclass(frozen=True, slots=True)
class Scope:
    """One row of a table, its ancestors, and the context node of the expression.

    `aliases` maps the names of the tables whose rows are at hand to their SQL aliases; `item` is set while
    a predicate on a choice list is compiled.
    """

    schema: Schema
    form: Form
    path: NodePath
    aliases: Mapping[str, str]
    level: int = 0
    item: Item | None = None

    def at(self, path: NodePath) -> Scope:
        """Give the same row with another context node."""
        return replace(self, path=path)

    # -- paths

    def resolve(self, path: Path) -> tuple[NodePath, Predicates]:
        """Give the absolute steps below the root, and the predicates by the depth of their step."""
        steps: list[str] = [] if path.start == "/" else [self.form.root, *self.path]
        predicates: Predicates = {}
        for step in path.steps:
            if step.name == "..":
                steps = steps[:-1]
            elif step.name != ".":
                steps.append(step.name)
                if step.predicates:
                    predicates[len(steps) - 1] = step.predicates
        if not steps or steps[0] != self.form.root:
            raise CannotCompile(f"/{'/'.join(steps)} is outside the form")
        return tuple(steps[1:]), predicates

    def table_of(self, path: NodePath) -> Table:
        """Find the table whose rows hold a node."""
        repeat = self.form.repeat_of(path)
        return next(table for table in self.schema.tables if table.path == repeat)

    def node(self, path: Path, condition: Condition) -> Value:
        """Give the value of one node of this row or of a row above it."""
        steps, predicates = self.resolve(path)
        table = self.table_of(steps)
        if predicates:
            return self._instance_of(steps, predicates, condition)
        if table.name not in self.aliases:
            raise CannotCompile(f"{_shown(steps)} has one value per instance of its repeat")
        return column_value(self.aliases[table.name], table, steps, self.form)

    def _instance_of(self, steps: NodePath, predicates: Predicates, condition: Condition) -> Value:
        """Give the node of the one instance a numeric predicate names, such as /data/job[1]/title."""
        nodes = self._nodes(steps, predicates, condition)
        if not nodes.positions or nodes.positions != len(predicates) or nodes.table.path == steps:
            raise CannotCompile(f"{_shown(steps)} with a condition may have many values")
        return nodes.single()

    def nodes(self, node: Node, condition: Condition) -> Nodes:
        """Give the nodes of a repeat inside this row; only aggregates may ask."""
        if not isinstance(node, Path) or isinstance(node.start, Call):
            raise CannotCompile("only a path to a repeat is a set of nodes")
        return self._nodes(*self.resolve(node), condition)

    def _nodes(self, steps: NodePath, predicates: Predicates, condition: Condition) -> Nodes:
        table = self.table_of(steps)
        if table.name in self.aliases:
            raise CannotCompile(f"clients disagree whether {_shown(steps)} means one instance here or all")
        chain = [table]
        while self.schema.table(chain[0].parent).name not in self.aliases:
            chain.insert(0, self.schema.table(chain[0].parent))
        source, inner = self._joined(chain)
        places = {len(table.path): table for table in chain}
        positions = 0
        for depth, tests in predicates.items():
            if depth not in places:
                raise CannotCompile("a predicate on a node that does not repeat is not compiled")
            for test in tests:
                source += f" AND {inner.at(places[depth].path).instance_test(test, places[depth], condition)}"
                positions += isinstance(test, Literal)
        return Nodes(source, inner.at(steps), table, positions)

    def _joined(self, chain: list[Table]) -> tuple[str, Scope]:
        """Join the tables from the first repeat that is not at hand down to the one that is asked for."""
        own = {table.name: f"s{self.level}_{position}" for position, table in enumerate(chain)}
        inner = replace(self, aliases={**self.aliases, **own}, level=self.level + 1)
        above = self.schema.table(chain[0].parent)
        first = own[chain[0].name]
        joins = [
            f"JOIN {quote(table.name)} {own[table.name]} ON {own[table.name]}._parent_row_id = {own[outer.name]}._row_id "
            for outer, table in pairwise(chain)
        ]
        belongs = f"{first}._parent_row_id = {self.aliases[above.name]}.{above.row_key}"
        return f"FROM {quote(chain[0].name)} {first} {''.join(joins)}WHERE {belongs}", inner

    def instance_test(self, test: Node, table: Table, condition: Condition) -> str:
        """Write a predicate on a repeat: a number is a position, all else a condition."""
        if isinstance(test, Literal) and isinstance(test.value, float):
            return f"{self.aliases[table.name]}._position = {int(test.value)}"
        return condition(self, test)

    # -- choice lists

    def lookup(self, path: Path, condition: Condition) -> tuple[str, str]:
        """Read instance('list')/root/item[...]/column: its rows as SQL, and the column or nothing."""
        call, steps = path.start, path.steps
        if not isinstance(call, Call):
            raise CannotCompile("only instance() leads to a choice list")
        name = call.arguments[0].value if call.arguments and isinstance(call.arguments[0], Literal) else ""
        names = [step.name for step in steps]
        if call.name != "instance" or names[:2] != ["root", "item"] or len(names) > 3:  # noqa: PLR2004
            raise CannotCompile(f"a path from {call.name}() is not compiled")
        source, item = self.choices(str(name), steps[1].predicates, condition)
        column = names[2] if len(names) == 3 else ""  # noqa: PLR2004
        if column and column not in item.columns:
            raise CannotCompile(f"list {name} has no column {column}")
        return source, f"{item.alias}.{quote(column)}" if column else ""

    def choices(self, name: str, tests: tuple[Node, ...], condition: Condition) -> tuple[str, Item]:
        """Write the FROM clause of the choices of a list that pass all tests."""
        item = Item(f"i{self.level}", frozenset(list_columns(known_list(self.form, name))))
        inner = replace(self, item=item, level=self.level + 1)
        if any(isinstance(test, Literal) for test in tests):
            raise CannotCompile("a position in a choice list is not compiled")
        where = " AND ".join(condition(inner, test) for test in tests)
        source = f"FROM {quote(list_table(self.form, name))} {item.alias}"
        return f"{source} WHERE {where}" if where else source, item

    def item_column(self, path: Path) -> Value | None:
        """Give the column of the choice list a bare name in a predicate means, if it means one."""
        if self.item is None or path.start != "." or len(path.steps) != 1:
            return None
        name = path.steps[0].name
        if name in (".", ".."):
            return None
        # A column no choice has is blank in all of them.
        return Value("text", f"{self.item.alias}.{quote(name)}") if name in self.item.columns else BLANK


def known_list(form: Form, name: str) -> ChoiceList:
    """Find a choice list whose choices are at hand."""
    choices = form.lists.get(name)
    if choices is None or not choices.choices:
        raise CannotCompile(f"list {name} is not at hand")
    return choices


def list_table(form: Form, name: str) -> str:
    """Name the table a choice list of one form version is held in while expressions run."""
    return f"list:{form.version}:{name}"


def list_columns(choices: ChoiceList) -> dict[str, None]:
    """Name the columns of a choice list as expressions know them; the order is the form's."""
    return dict.fromkeys(["name", *(column for choice in choices.choices for column in choice.columns)])


def row_source(schema: Schema, table: Table) -> tuple[str, dict[str, str]]:
    """Write the FROM clause of a table's rows with the rows above them, and name the aliases."""
    chain = [table]
    while chain[0].parent:
        chain.insert(0, schema.table(chain[0].parent))
    aliases = {one.name: f"t{depth}" for depth, one in enumerate(chain)}
    clause = f"FROM {quote(table.name)} {aliases[table.name]}"
    for inner, outer in zip(chain[::-1], chain[-2::-1], strict=False):
        key = f"{aliases[outer.name]}.{outer.row_key}"
        clause += (
            f" JOIN {quote(outer.name)} {aliases[outer.name]} ON {key} = {aliases[inner.name]}._parent_row_id"
        )
    return clause, aliases


def column_value(alias: str, table: Table, path: NodePath, form: Form) -> Value:
    """Give the value of a column as XPath sees the node."""
    if path == ("meta", "instanceID") and not table.parent:
        return Value("text", f"coalesce({alias}._instance_id, '')")
    question = form.question(path)
    if question is not None and question.kind == "note":
        return BLANK
    column = table.column_at(path)
    if column is None or question is None:
        raise CannotCompile(f"{_shown(path)} is no question of this form version")
    if column.part:
        return _position_text(alias, table, path)
    return _typed(f"{alias}.{quote(column.name)}", column)


def _typed(sql: str, column: Column) -> Value:
    match column.sql_type:
        case "VARCHAR":
            return Value("text", f"coalesce({sql}, '')")
        case "BIGINT" | "DOUBLE":
            return Value("number", f"CAST({sql} AS DOUBLE)", blank=True)
        case "DATE":
            return Value("date", sql, blank=True)
        case "TIMESTAMPTZ":
            return Value("datetime", sql, blank=True)
        case "TIME":
            return Value("time", sql, blank=True)
        case "BOOLEAN":
            return Value("text", f"coalesce(CAST({sql} AS VARCHAR), '')")


def _position_text(alias: str, table: Table, path: NodePath) -> Value:
    columns = [f"{alias}.{quote(column.name)}" for column in table.columns if path in column.paths]
    return Value("text", f"concat_ws(' ', {', '.join(columns)})")


def _shown(path: NodePath) -> str:
    return "/".join(path)
