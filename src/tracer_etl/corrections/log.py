"""corrections.csv: which answer of which submission is wrong, what it is instead, who says so and why."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.casts import cast
from tracer_etl.logbook import read_log
from tracer_etl.names import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracer_etl.logbook import Line
    from tracer_etl.schema import Column, Schema, Table
    from tracer_etl.study import Study

COLUMNS = ("form", "submission", "question", "row", "old", "new", "reason", "who", "when")


@dataclass(frozen=True, slots=True)
class Correction:
    """One line of the log, found in the Schema; `columns` are four for a position, else one.

    `row` is the key of the row in its table; `old` and `new` are texts as a client writes them, empty for no
    answer. `position` counts the form's lines from 1, `line` the file's.
    """

    line: Line
    position: int
    submission: str
    table: Table
    row: str
    columns: tuple[Column, ...]
    old: str
    new: str

    @property
    def column(self) -> str:
        """Name the column as people do: a position by the name its four columns share."""
        first = self.columns[0]
        return first.name.removesuffix(first.part)


def read_corrections(study: Study) -> list[Line]:
    """Read the study's log; no file is an empty log.

    Raises:
        StudyError: a line is malformed or names a form the study does not have; the line is named.
    """
    forms = {form.form_id for form in study.forms}
    lines = read_log(study.corrections, COLUMNS)
    for line in lines:
        line.require("form", "submission", "question", "reason", "who", "when")
        line.require_moment("when")
        if line.fields["form"] not in forms:
            raise line.error(f"no form {line.fields['form']!r}", f"choose of {', '.join(sorted(forms))}")
    return lines


def corrections_of(lines: Iterable[Line], schema: Schema) -> list[Correction]:
    """Find one form's lines in its Schema, in the order of the log.

    Raises:
        StudyError: a line names no question of the form, not the row a repeat needs, or a value that does not
            fit the question's type; the line is named.
    """
    own = [line for line in lines if line.fields["form"] == schema.form_id]
    found = [_correction(line, position, schema) for position, line in enumerate(own, 1)]
    _refuse_misfits(found)
    return found


def digest(lines: Iterable[Line], form_id: str) -> str:
    """Digest one form's lines, wherever in the file they stand; empty where there is none."""
    own = [sorted(line.fields.items()) for line in lines if line.fields["form"] == form_id]
    return hashlib.sha256(repr(own).encode()).hexdigest()[:16] if own else ""


def _correction(line: Line, position: int, schema: Schema) -> Correction:
    given = line.fields
    submission, row = given["submission"], given["row"]
    inner = row.removeprefix(submission).removeprefix("/")
    path = tuple(re.sub(r"\[\d+\]", "", inner).split("/")) if inner else ()
    table = next((one for one in schema.tables if one.path == path), None)
    if table is None:
        raise line.error(f"no repeat has a row {row!r}", "write it as `_row_id` has it, such as job[2]")
    columns = _columns(table, given["question"])
    if not columns:
        raise line.error(*_unfound(schema, table, given["question"]))
    key = f"{submission}/{inner}" if inner else submission
    return Correction(line, position, submission, table, key, columns, given["old"], given["new"])


def _columns(table: Table, question: str) -> tuple[Column, ...]:
    """Find the columns of a question by its path, else by the column's name."""
    path = tuple(question.split("/"))
    by_path = tuple(column for column in table.columns if path in column.paths)
    return by_path or tuple(c for c in table.columns if c.name.removesuffix(c.part) == question)


def _unfound(schema: Schema, table: Table, question: str) -> tuple[str, str]:
    elsewhere = [one for one in schema.tables if _columns(one, question)]
    if not elsewhere:
        return f"no question {question!r} in form {schema.form_id}", "name it by its path or its column"
    if table.parent:
        return f"question {question!r} is not in repeat {'/'.join(table.path)}", "correct `row`"
    repeat = "/".join(elsewhere[0].path)
    return f"question {question!r} is in repeat {repeat}", f"name the `row`, such as {repeat}[1]"


def _refuse_misfits(corrections: Sequence[Correction]) -> None:
    import duckdb

    with duckdb.connect() as connection:
        for one in corrections:
            first = one.columns[0]
            text = f"nullif({literal(one.new)}, '')"
            row = connection.execute(f"SELECT {cast(first, text)} IS NULL").fetchone()
            if one.new and row and row[0]:
                kind = "position" if first.part else first.kind
                raise one.line.error(f"`new` is no {kind}: {one.new!r}", "write it as a phone would")
