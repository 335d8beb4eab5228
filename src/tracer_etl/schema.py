"""All deployed versions of a form -> one Schema: a root table, a table per repeat, their columns.

The shape comes from the forms only, never from the data: zero submissions give the same tables.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

from tracer_etl.errors import DriftError
from tracer_etl.names import allocate
from tracer_etl.questions import Form, Group, Kind, NodePath, Privacy, Question

if TYPE_CHECKING:
    from collections.abc import Sequence

SqlType = Literal["VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "DATE", "TIME", "TIMESTAMPTZ"]

_TYPES: dict[Kind, SqlType] = {
    "integer": "BIGINT", "decimal": "DOUBLE", "boolean": "BOOLEAN",
    "date": "DATE", "time": "TIME", "datetime": "TIMESTAMPTZ",
}  # fmt: skip
GEOPOINT_PARTS = ("_lat", "_lon", "_alt", "_acc")
"""Degrees north, degrees east, metres above the ellipsoid, metres of accuracy."""
TOKENS: tuple[Kind, ...] = ("select_multiple", "rank")

ROOT_COLUMNS: dict[str, SqlType] = {
    "_submission_id": "VARCHAR",
    "_instance_id": "VARCHAR",
    "_form_version": "VARCHAR",
    "_submitted_at": "TIMESTAMPTZ",
    "_review_state": "VARCHAR",
    "_revision": "BIGINT",
    "_landed": "BIGINT",
}
"""Key, content version and origin of a submission; (`_revision`, `_landed`) orders its versions."""
CHILD_COLUMNS: dict[str, SqlType] = {
    "_submission_id": "VARCHAR",
    "_row_id": "VARCHAR",
    "_parent_row_id": "VARCHAR",
    "_position": "BIGINT",
}
"""Key of a repeat instance; the parent of a first-level instance is its submission."""
BRIDGE_COLUMNS: dict[str, SqlType] = {
    "_submission_id": "VARCHAR",
    "_row_id": "VARCHAR",
    "question": "VARCHAR",
    "choice": "VARCHAR",
    "_position": "BIGINT",
}
"""One row per token chosen in a select_multiple or rank; `_position` counts from 1."""
BESIDE = frozenset(
    """
    attachments checked corrections judged named problem_kinds problems reasons tombstones
    _attachment _correction decision problem reason
    """.split()
)
"""What lies beside the tables of forms, in staging and in the warehouse: a form of such a name gets another for its tables."""
# Written by clients and servers, whether or not a form lists them: no answers.
SYSTEM_PATHS = (
    ("meta", "instanceID"),
    ("meta", "deprecatedID"),
    ("meta", "rootUuid"),
    ("formhub", "uuid"),
    ("__version__",),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: where its value stands in every version (`paths`, newest first) and what it is."""

    name: str
    paths: tuple[NodePath, ...]
    kind: Kind
    sql_type: SqlType
    privacy: Privacy
    part: str = ""
    list_name: str = ""

    @property
    def question(self) -> str:
        """Give the question's own name."""
        return self.paths[0][-1]


@dataclass(frozen=True, slots=True)
class Table:
    """One table: the root (empty path) or a repeat; `parent` is empty for the root."""

    name: str
    path: NodePath
    parent: str
    columns: tuple[Column, ...]

    @property
    def keys(self) -> dict[str, SqlType]:
        """Give the system columns."""
        return CHILD_COLUMNS if self.parent else ROOT_COLUMNS

    @property
    def row_key(self) -> str:
        """Name the column that identifies a row."""
        return "_row_id" if self.parent else "_submission_id"

    def types(self) -> dict[str, SqlType]:
        """Map every column, system columns first, to its type."""
        return {**self.keys, **{column.name: column.sql_type for column in self.columns}}

    def column_at(self, path: NodePath) -> Column | None:
        """Find the column of a node; a geopoint gives its first part."""
        return next((column for column in self.columns if path in column.paths), None)


@dataclass(frozen=True)
class Schema:
    """The tables of one form, root first, parents before children."""

    form_id: str
    forms: tuple[Form, ...]
    tables: tuple[Table, ...]
    bridge: str

    @property
    def root(self) -> Table:
        """Give the table with one row per submission."""
        return self.tables[0]

    @property
    def newest(self) -> Form:
        """Give the newest form version."""
        return self.forms[-1]

    @property
    def versions(self) -> tuple[str, ...]:
        """List the known version labels, oldest first."""
        return tuple(form.version for form in self.forms)

    def table(self, name: str) -> Table:
        """Find a table by name.

        Raises:
            KeyError: there is none of that name.
        """
        found = next((table for table in self.tables if table.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def children(self, table: Table) -> tuple[Table, ...]:
        """List the tables of the repeats directly inside a table."""
        return tuple(child for child in self.tables if child.parent == table.name)

    @cached_property
    def paths(self) -> frozenset[NodePath]:
        """List every node path of every version that has a column or is read as a system column."""
        own = {path for table in self.tables for column in table.columns for path in column.paths}
        return frozenset(own | set(SYSTEM_PATHS))

    @cached_property
    def fingerprint(self) -> str:
        """Digest all that decides how landed data become rows."""
        parts = [
            (t.name, t.path, t.parent, c.name, c.paths, c.sql_type, c.privacy)
            for t in self.tables
            for c in t.columns
        ]
        return hashlib.sha256(repr((self.form_id, self.versions, parts)).encode()).hexdigest()[:16]


def schema_of(forms: Sequence[Form]) -> Schema:
    """Unite the versions of one form, given oldest first.

    A question that moved between groups stays one column; integers may widen to decimals and anything to
    text.

    Raises:
        DriftError: a version narrows a type, or takes a repeat's place with another.
    """
    union = _Union(forms[0].form_id)
    for form in forms:
        union.add(form)
    return union.schema(tuple(forms))


def _sql_type(kind: Kind, part: str) -> SqlType:
    """Give the type of a question's column; the parts of a position are numbers."""
    return "DOUBLE" if part else _TYPES.get(kind, "VARCHAR")


class _Union:
    """Grows column by column as versions are added, so that old names stay as they are."""

    def __init__(self, form_id: str) -> None:
        self.form_id = form_id
        self.table_names = set(BESIDE)
        root = allocate([form_id], self.table_names)
        self.tables: dict[NodePath, str] = {(): root}
        self.bridge = allocate(["selected"], self.table_names, prefix=f"{root}__")
        self.columns: dict[NodePath, list[Column]] = {(): []}
        self.taken: dict[NodePath, set[str]] = {(): set(ROOT_COLUMNS)}
        self.groups: dict[NodePath, Group] = {}
        self.previous: Form | None = None

    def add(self, form: Form) -> None:
        self._check_repeats(form)
        for path in form.repeats:
            if path not in self.tables:
                name = allocate(path, self.table_names, prefix=f"{self.tables[()]}__")
                self.tables[path], self.columns[path], self.taken[path] = name, [], set(CHILD_COLUMNS)
        for question in form.questions:
            if question.kind != "note" and question.path not in SYSTEM_PATHS:
                self._add_question(form, question)
        self.previous = form

    def _check_repeats(self, form: Form) -> None:
        if self.previous is None:
            return
        gone, new = (
            set(self.previous.repeats) - set(form.repeats),
            set(form.repeats) - set(self.previous.repeats),
        )
        if gone and new:
            what = f"repeat {'/'.join(min(gone))} is gone and {'/'.join(min(new))} is new"
            remedy = "a renamed repeat would split its rows over two tables: keep the old name"
            raise DriftError(what, where=f"{self.form_id} version {form.version}", remedy=remedy)

    def _add_question(self, form: Form, question: Question) -> None:
        scope = form.repeat_of(question.path)
        columns = self.columns[scope]
        known = [column for column in columns if question.path in column.paths] or self._moved(
            form, question, columns
        )
        if known:
            for column in known:
                columns[columns.index(column)] = self._merged(form, column, question)
            return
        parts = GEOPOINT_PARTS if question.kind == "geopoint" else ("",)
        relative = question.path[len(scope) :]
        name = allocate(relative, self.taken[scope], parts)
        for part in parts:
            sql_type = _sql_type(question.kind, part)
            columns.append(
                Column(
                    name + part,
                    (question.path,),
                    question.kind,
                    sql_type,
                    question.privacy,
                    part,
                    question.list_name,
                )
            )

    def _moved(self, form: Form, question: Question, columns: list[Column]) -> list[Column]:
        """Find the columns of a question that left another group of the same table in this version."""
        return [
            column
            for column in columns
            if column.question == question.name
            and column.kind == question.kind
            and not any(form.question(path) for path in column.paths)
        ]

    def _merged(self, form: Form, column: Column, question: Question) -> Column:
        wanted = _sql_type(question.kind, column.part)
        if bool(column.part) != (question.kind == "geopoint"):
            raise self._narrowed(form, column, question)
        widest = {column.sql_type, wanted}
        if widest == {"BIGINT", "DOUBLE"}:
            wanted = "DOUBLE" if wanted == "DOUBLE" else column.sql_type
        elif len(widest) == 2 and wanted != "VARCHAR":  # noqa: PLR2004 - two different types
            raise self._narrowed(form, column, question)
        order: list[Privacy] = list(get_args(Privacy))
        return replace(
            column,
            paths=(question.path, *(path for path in column.paths if path != question.path)),
            kind=question.kind,
            sql_type=wanted,
            privacy=min(column.privacy, question.privacy, key=order.index),
            list_name=question.list_name,
        )

    def _narrowed(self, form: Form, column: Column, question: Question) -> DriftError:
        return DriftError(
            f"question {'/'.join(question.path)} was {column.kind} and is now {question.kind}",
            where=f"{self.form_id} version {form.version}",
            remedy="old answers would not fit: give the new question a new name",
        )

    def schema(self, forms: tuple[Form, ...]) -> Schema:
        tables = [
            Table(name, path, self._parent(path), tuple(self.columns[path]))
            for path, name in self.tables.items()
        ]
        return Schema(self.form_id, forms, tuple(tables), self.bridge)

    def _parent(self, path: NodePath) -> str:
        if not path:
            return ""
        outer = [other for other in self.tables if other != path and path[: len(other)] == other]
        return self.tables[max(outer, key=len)]
