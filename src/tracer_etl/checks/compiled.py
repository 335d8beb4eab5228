"""Schema -> the rules the form itself states: choices, required, relevant, constraint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.checks.rules import Rule, Rules, holds
from tracer_etl.logic.parser import parse
from tracer_etl.logic.scope import Scope, row_source
from tracer_etl.logic.sql import Compiler
from tracer_etl.logic.syntax import CannotCompile
from tracer_etl.names import literal, quote
from tracer_etl.schema import TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.questions import Labels, NodePath, Question
    from tracer_etl.schema import Column, Schema, Table

_WHY = {
    "form:choice": (
        "Jawaban tidak ada dalam daftar pilihan formulir.",
        "The answer is not in the form's choice list.",
    ),
    "form:required": ("Pertanyaan wajib belum dijawab.", "A required question is not answered."),
    "form:relevant": (
        "Ada jawaban untuk pertanyaan yang tidak berlaku.",
        "A question that does not apply is answered.",
    ),
    "form:constraint": ("Jawaban melanggar batasan formulir.", "The answer breaks the form's constraint."),
}


def compiled_rules(schema: Schema, table: Table) -> Rules:
    """Compile what the newest version of the form promises of one table's columns.

    A submission of an older version is held to its own choice lists; its logic is judged by the newest
    version's binds only for questions that version still has.
    """
    return _Compiler(schema, table).rules()


class _Compiler:
    def __init__(self, schema: Schema, table: Table) -> None:
        self.schema, self.table, self.form = schema, table, schema.newest
        _, self.aliases = row_source(schema, table)
        self.scope = Scope(schema, self.form, table.path, self.aliases)
        self.here = self.aliases[table.name]
        self.derived: dict[str, str] = {}
        self.missed: list[str] = []

    def rules(self) -> Rules:
        found: list[Rule] = []
        for column in self.table.columns:
            question = self.form.question(column.paths[0])
            if question is None or (column.part and column.part != "_lat"):
                continue
            found += self._choice(column)
            found += self._logic(column, question)
        return Rules(tuple(found), self.derived, tuple(self.missed))

    def _rule(self, rule_id: str, column: Column, sql: str, messages: Labels | None = None) -> Rule:
        name = f"ok_{len(self.derived)}"
        self.derived[name] = sql
        why_id, why_en = _WHY[rule_id]
        told = [text for text in (messages or {}).values() if text]
        if told:
            why_id, why_en = f"{why_id} {told[0]}", f"{why_en} {told[-1]}"
        kind, kwargs = holds(name)
        return Rule(rule_id, kind, kwargs, "warning", column.name, why_id, why_en)

    # -- choices

    def _choice(self, column: Column) -> Iterator[Rule]:
        if column.kind != "select_one" and column.kind not in TOKENS:
            return
        by_version = {
            form.version: self._values(form_index, column)
            for form_index, form in enumerate(self.schema.forms)
        }
        if not any(by_version.values()):
            return  # choices made of the submission's own nodes, or a file that is not at hand
        cell = f"{self.here}.{quote(column.name)}"
        tests = {
            version: self._in_list(cell, column, values) for version, values in by_version.items() if values
        }
        newest = list(tests.values())[-1]
        if len(set(tests.values())) == 1:
            yield self._rule("form:choice", column, f"CASE WHEN {cell} IS NOT NULL THEN {newest} END")
            return
        version = f"{self.aliases[self.schema.root.name]}._form_version"
        cases = " ".join(f"WHEN {version} = {literal(label)} THEN {test}" for label, test in tests.items())
        yield self._rule(
            "form:choice", column, f"CASE WHEN {cell} IS NULL THEN NULL {cases} ELSE {newest} END"
        )

    def _values(self, form_index: int, column: Column) -> tuple[str, ...]:
        form = self.schema.forms[form_index]
        question = next(filter(None, map(form.question, column.paths)), None)
        choices = form.lists.get(question.list_name) if question else None
        return choices.values() if choices else ()

    def _in_list(self, cell: str, column: Column, values: tuple[str, ...]) -> str:
        listed = ", ".join(literal(value) for value in dict.fromkeys(values))
        if column.kind == "select_one":
            return f"{cell} IN ({listed})"
        return f"list_has_all([{listed}], string_split_regex(trim({cell}), '\\s+'))"

    # -- logic

    def _logic(self, column: Column, question: Question) -> Iterator[Rule]:
        bind, cell = question.bind, f"{self.here}.{quote(column.name)}"
        asked = question.kind not in ("calculate", "meta") and not bind.calculate and not bind.readonly
        relevant = self._relevant(question.path) if asked else None
        if relevant is not None:
            if bind.required and (required := self._compile(bind.required, question.path)):
                sql = f"CASE WHEN ({relevant}) AND {required} THEN {cell} IS NOT NULL END"
                yield self._rule("form:required", column, sql)
            if relevant != "true":
                yield self._rule(
                    "form:relevant", column, f"CASE WHEN NOT ({relevant}) THEN {cell} IS NULL END"
                )
        if bind.constraint and (constraint := self._compile(bind.constraint, question.path)):
            sql = f"CASE WHEN {cell} IS NOT NULL THEN {constraint} END"
            yield self._rule("form:constraint", column, sql, question.messages)

    def _relevant(self, path: NodePath) -> str | None:
        """Say when a node is relevant: its own condition and those of all groups around it."""
        conditions = [
            group.bind.relevant for group in self.form.groups if path[: len(group.path)] == group.path
        ]
        contexts = [group.path for group in self.form.groups if path[: len(group.path)] == group.path]
        question = self.form.question(path)
        pairs = [*zip(conditions, contexts, strict=True), (question.bind.relevant if question else "", path)]
        compiled = [self._compile(xpath, context) for xpath, context in pairs if xpath]
        if None in compiled:
            return None
        return " AND ".join(filter(None, compiled)) or "true"

    def _compile(self, xpath: str, context: NodePath) -> str | None:
        try:
            return Compiler(self.scope.at(context)).condition(parse(xpath))
        except CannotCompile as reason:
            self.missed.append(f"{self.table.name} {'/'.join(context)}: {reason}")
            return None
