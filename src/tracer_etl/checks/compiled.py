"""Schema -> the rules the form itself states: choices, required, relevant, constraint, calculations.

Every submission is held to the version it was filled with. One helper column per kind of rule lists the
questions that break it in a row, so that Great Expectations judges a handful of columns instead of one per
question: at 700 questions that is the difference between one second and thirty. Conditions many questions
share are terms, computed once per row below the helper columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.checks.rules import Rule, Rules
from tracer_etl.logic import (
    NotEvaluated,
    Scope,
    agrees,
    condition,
    list_table,
    offered,
    recalculable,
    repeat_count,
    row_source,
    text,
)
from tracer_etl.names import literal, quote
from tracer_etl.schema import GEOPOINT_PARTS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracer_etl.checks.rules import Why
    from tracer_etl.questions import Bind, Form, Group, NodePath, Question
    from tracer_etl.records import Severity
    from tracer_etl.schema import Column, Schema, Table

_WHY: dict[str, Why] = {
    "form:choice": (
        "Jawaban tidak ada dalam daftar pilihan versi formulir ini.",
        "The answer is not in the choice list of this form version.",
    ),
    "form:required": ("Pertanyaan wajib belum dijawab.", "A required question is not answered."),
    "form:relevant": (
        "Ada jawaban untuk pertanyaan yang seharusnya tidak ditanyakan.",
        "A question that should not have been asked is answered.",
    ),
    "form:constraint": ("Jawaban melanggar batasan formulir.", "The answer breaks the form's constraint."),
    "form:choice_filter": (
        "Pilihan ini tidak ditawarkan oleh saringan pilihan formulir untuk jawaban lain yang diberikan.",
        "The form's choice filter does not offer this choice beside the other answers.",
    ),
    "form:repeat_count": (
        "Jumlah pengulangan berbeda dari yang diminta formulir.",
        "The number of repeat instances is not the one the form asks for.",
    ),
    "form:calculate": (
        "Nilai hitungan berbeda dari hitungan ulang rumus formulir.",
        "A calculated value is not what the form's formula gives now.",
    ),
}
_SEVERITY: dict[str, Severity] = {"form:calculate": "info", "form:repeat_count": "info"}
"""All others are warnings. A stale formula says that something was changed, not that it is wrong, and Collect
itself keeps the instances of a count that became smaller."""
Broken = tuple[str, str, tuple[str, ...]]
"""A rule's id, SQL that is true where it is broken, and the terms that SQL names."""
_FEW = 300
"""Longer lists are looked up in a table instead of being written into the statement."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One thing one form version promises of one column; `broken` is SQL over the row and its terms."""

    rule_id: str
    version: str
    column: str
    broken: str
    terms: tuple[str, ...]
    why: Why


def compiled_rules(schema: Schema, table: Table, refusing: Callable[[Mapping[str, str]], set[str]]) -> Rules:
    """Compile what each version of the form promises of one table's columns.

    `refusing` names those of the terms DuckDB does not accept; what they judge is reported as not evaluated.
    """
    compiler = _Compiler(schema, table)
    promises = [promise for form in schema.forms for promise in compiler.promises(form)]
    terms = {name: sql for sql, name in compiler.terms.items()}
    refused = refusing(terms)
    kept = [promise for promise in promises if not refused & set(promise.terms)]
    missed = [
        f"{table.name} {promise.column} {promise.rule_id}: DuckDB refuses the expression"
        for promise in promises
        if refused & set(promise.terms)
    ]
    derived = {rule_id: sql for rule_id in _WHY if (sql := compiler.column(rule_id, kept))}
    rules = tuple(_rule(rule_id, kept) for rule_id in derived)
    sound_terms = {name: sql for name, sql in terms.items() if name not in refused}
    marks = {name: sql for sql, name in compiler.marks.items()}
    return Rules(rules, derived, (*compiler.missed, *missed), sound_terms, marks)


def _rule(rule_id: str, promises: list[Promise]) -> Rule:
    questions = {promise.column: promise.why for promise in promises if promise.rule_id == rule_id}
    kind, kwargs = "expect_column_values_to_be_null", {"column": rule_id}
    severity = _SEVERITY.get(rule_id, "warning")
    return Rule(rule_id, kind, kwargs, severity, rule_id, _WHY[rule_id], questions)


class _Compiler:
    """Compiles the promises of every version for the rows of one table."""

    def __init__(self, schema: Schema, table: Table) -> None:
        self.schema, self.table = schema, table
        _, self.aliases = row_source(schema, table)
        self.terms: dict[str, str] = {}
        self.marks: dict[str, str] = {}
        # A form without a version has the empty label, its submissions have none.
        self.version = self._term(f"coalesce({self.aliases[schema.root.name]}._form_version, '')")
        self.missed: list[str] = []

    def column(self, rule_id: str, promises: list[Promise]) -> str:
        """Write the helper column of one kind of rule; empty where no version promises anything of it."""
        versions: dict[tuple[str, str], list[str]] = {}
        for promise in promises:
            if promise.rule_id == rule_id:
                versions.setdefault((promise.column, promise.broken), []).append(promise.version)
        if not versions:
            return ""
        marks = [(self._mark(broken, promised), column) for (column, broken), promised in versions.items()]
        names = ", ".join(f"CASE WHEN {mark} THEN {literal(column)} END" for mark, column in marks)
        # Names are put together only for the few rows that break something.
        broken = " OR ".join(dict.fromkeys(mark for mark, _ in marks))
        known = self._of([form.version for form in self.schema.forms])
        return f"CASE WHEN {known} AND ({broken}) THEN concat_ws(' ', {names}) END"

    def _mark(self, broken: str, versions: list[str]) -> str:
        """Name what tells whether a promise is broken, judged only in the versions that make it."""
        everywhere = len(set(versions)) == len(self.schema.forms)
        sql = broken if everywhere else f"{self._of(versions)} AND ({broken})"
        return self.marks.setdefault(sql, quote(f"!{len(self.marks)}"))

    def _of(self, versions: list[str]) -> str:
        return _one_of([*dict.fromkeys(versions)], self.version)

    def promises(self, form: Form) -> Iterator[Promise]:
        for group in form.groups:
            if group.count and form.repeat_of(group.path[:-1]) == self.table.path:
                yield from self._count(form, group)
        for column in self.table.columns:
            question = next(filter(None, map(form.question, column.paths)), None)
            if question is None or column.part not in ("", GEOPOINT_PARTS[0]):
                continue
            for rule_id, broken, terms in (
                *self._choice(form, column, question),
                *self._filter(form, column, question),
                *self._logic(form, column, question),
            ):
                why = _told(question) if rule_id == "form:constraint" else _WHY[rule_id]
                yield Promise(rule_id, form.version, column.name, broken, terms, why)

    def _term(self, sql: str) -> str:
        """Name a condition; equal ones have one name."""
        return self.terms.setdefault(sql, quote(f":{len(self.terms)}"))

    # -- choices

    def _choice(self, form: Form, column: Column, question: Question) -> Iterator[Broken]:
        if question.kind != "select_one" and question.kind not in TOKENS:
            return
        choices = form.lists.get(question.list_name)
        if choices is None or not choices.choices or question.appearance.startswith("search("):
            self._miss(question.path, "form:choice", "its choices are not at hand")
            return
        values, terms = [*dict.fromkeys(choices.values())], list[str]()
        if len(values) <= _FEW:
            known = (_one_of if question.kind == "select_one" else _all_of)(values, quote(column.name))
        else:
            terms = [known := self._term(self._looked_up(form, column, question))]
        yield "form:choice", f"{quote(column.name)} IS NOT NULL AND NOT {known}", tuple(terms)

    def _looked_up(self, form: Form, column: Column, question: Question) -> str:
        """Look a long list up in its table."""
        cell, listed = self._cell(column), quote(list_table(form, question.list_name))
        if question.kind == "select_one":
            return f"({cell} IN (SELECT name FROM {listed}))"
        return f"list_has_all((SELECT list(name) FROM {listed}), {_tokens(cell)})"

    def _filter(self, form: Form, column: Column, question: Question) -> Iterator[Broken]:
        """Only choices of the list are held to its filter; others are form:choice."""
        if not question.choice_filter or not any(self._choice(form, column, question)):
            return
        scope = Scope(self.schema, form, question.path, self.aliases)
        left = offered(question.choice_filter, scope, question.list_name)
        if isinstance(left, NotEvaluated):
            self._miss(question.path, "form:choice_filter", f"{left.reason} [{left.expression}]")
            return
        cell, listed = self._cell(column), quote(list_table(form, question.list_name))
        chosen = (
            f"name = {cell}" if question.kind == "select_one" else f"list_contains({_tokens(cell)}, name)"
        )
        known, free = (
            f"SELECT count(*) FROM {listed} WHERE {chosen}",
            f"SELECT count(*) FROM ({left}) WHERE {chosen}",
        )
        term = self._term(f"({known}) > ({free})")
        yield "form:choice_filter", f"{quote(column.name)} IS NOT NULL AND {term}", (term,)

    def _cell(self, column: Column) -> str:
        return f"{self.aliases[self.table.name]}.{quote(column.name)}"

    # -- logic

    def _count(self, form: Form, group: Group) -> Iterator[Promise]:
        """Count the instances; fewer may be empty ones, which are no rows, if all in them depends on answers."""
        wanted = repeat_count(group.count, Scope(self.schema, form, group.path, self.aliases))
        if isinstance(wanted, NotEvaluated):
            self._miss(group.path, "form:repeat_count", f"{wanted.reason} [{wanted.expression}]")
            return
        relevant = self._relevance(form, group.path)
        if relevant is None:
            return
        child = next(table for table in self.schema.tables if table.path == group.path)
        key = f"{self.aliases[self.table.name]}.{self.table.row_key}"
        made = f"(SELECT count(*) FROM {quote(child.name)} c WHERE c._parent_row_id = {key})"
        always = any(q.path[:-1] == group.path and not q.bind.relevant for q in form.questions)
        term = self._term(f"{made} {'<>' if always else '>'} {wanted}")
        shown = self._counted(group)
        broken = " AND ".join([term, *relevant])
        yield Promise(
            "form:repeat_count", form.version, shown, broken, (term, *relevant), _WHY["form:repeat_count"]
        )

    def _counted(self, group: Group) -> str:
        """Name the question that holds the count, else the repeat."""
        path = tuple(group.count.strip("/ ").split("/")[1:])
        column = self.table.column_at(path)
        return column.name if column else group.path[-1]

    def _calculated(self, form: Form, column: Column, question: Question) -> Iterator[Broken]:
        bind = question.bind
        if not bind.calculate or not recalculable(bind.calculate, form):
            return
        again = text(bind.calculate, Scope(self.schema, form, question.path, self.aliases))
        if isinstance(again, NotEvaluated):
            self._miss(question.path, "form:calculate", f"{again.reason} [{again.expression}]")
            return
        relevant = self._relevant(form, question)
        same = agrees(term := self._term(again), column, quote(column.name))
        if relevant is not None and same:
            broken = " AND ".join([f"NOT {same}", *relevant])
            yield "form:calculate", broken, (term, *relevant)

    def _logic(self, form: Form, column: Column, question: Question) -> Iterator[Broken]:
        bind, cell = question.bind, quote(column.name)
        # What the form computes itself is neither asked nor refused by a client.
        if question.kind in ("calculate", "meta") or (bind.calculate and not question.labels):
            yield from self._calculated(form, column, question)
            return
        relevant = self._relevant(form, question)
        if relevant is not None and bind.required:
            required = self._compile(form, bind.required, question.path, "form:required")
            if required:
                terms = (required, *relevant)
                yield "form:required", f"{cell} IS NULL AND {' AND '.join(terms)}", terms
        if relevant:
            yield "form:relevant", f"{cell} IS NOT NULL AND NOT ({' AND '.join(relevant)})", tuple(relevant)
        if bind.constraint:
            kept = self._compile(form, bind.constraint, question.path, "form:constraint")
            if kept:
                yield "form:constraint", f"{cell} IS NOT NULL AND NOT {kept}", (kept,)

    def _relevant(self, form: Form, question: Question) -> list[str] | None:
        """Give all conditions under which a node is relevant: its own and those of the groups around it."""
        own = question.bind.relevant
        around = self._relevance(form, question.path)
        mine = self._compile(form, own, question.path, "form:relevant") if own else ""
        return None if around is None or mine is None else [*around, *([mine] if mine else [])]

    def _relevance(self, form: Form, path: NodePath) -> list[str] | None:
        """Give the conditions of the groups around a node; None where one of them cannot be evaluated."""
        binds: list[tuple[NodePath, Bind]] = [
            (group.path, group.bind) for group in form.groups if path[: len(group.path)] == group.path
        ]
        compiled = [
            self._compile(form, bind.relevant, place, "form:relevant")
            for place, bind in binds
            if bind.relevant
        ]
        known = [sql for sql in compiled if sql is not None]
        return known if len(known) == len(compiled) else None

    def _compile(self, form: Form, expression: str, path: NodePath, rule_id: str) -> str | None:
        compiled = condition(expression, Scope(self.schema, form, path, self.aliases))
        if isinstance(compiled, NotEvaluated):
            self._miss(path, rule_id, f"{compiled.reason} [{expression}]")
            return None
        return self._term(compiled)

    def _miss(self, path: NodePath, rule_id: str, reason: str) -> None:
        self.missed.append(f"{self.table.name} {'/'.join(path)} {rule_id}: {reason}")


def _tokens(cell: str) -> str:
    return f"string_split_regex(trim({cell}), '\\s+')"


def _one_of(values: list[str], cell: str) -> str:
    """Cast to an enumeration, a look-up per value; DuckDB turns every IN, even list_contains(), into a join of its own."""
    return f"(TRY_CAST({cell} AS ENUM({', '.join(map(literal, values))})) IS NOT NULL)"


def _all_of(values: list[str], cell: str) -> str:
    listed = ", ".join(map(literal, values))
    return f"CASE WHEN {_one_of(values, cell)} THEN true ELSE list_has_all([{listed}], {_tokens(cell)}) END"


def _told(question: Question) -> Why:
    """Add the form's own message, in the language of the reason where the form speaks it."""
    messages: Mapping[str, str] = question.messages
    own = [_in_language(messages, code) for code in ("id", "en")]
    general = _WHY["form:constraint"]
    return (f"{general[0]} {own[0]}".strip(), f"{general[1]} {own[1]}".strip())


def _in_language(messages: Mapping[str, str], code: str) -> str:
    spoken = [
        text for language, text in messages.items() if language == code or language.endswith(f"({code})")
    ]
    return next(iter([*spoken, *messages.values()]), "")
