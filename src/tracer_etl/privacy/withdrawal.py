"""People and submissions that are left out of what is built and loaded, whatever the landing holds.

Out is who opted out in the registry, and what a line of erasures.csv names. A submission that is out is loaded as a
deletion: whatever the tables had of it goes, in the transaction that brings its batch.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tracer_etl.erased import Erased, read_erased
from tracer_etl.errors import StudyError
from tracer_etl.names import literal, quote
from tracer_etl.privacy.persons import Persons, persons_of, reference, rows_of
from tracer_etl.privacy.requests import read_requests
from tracer_etl.scratch import scratch
from tracer_etl.shelf import as_csv, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tracer_etl.schema import Schema
    from tracer_etl.study import Reference, Study

_PARTS = ("problems", "attachments", "corrections", "reasons")


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Who and what is out: keys of persons, keys of submissions by form, and hashes of what was erased."""

    persons: Persons | None
    people: frozenset[str]
    submissions: Mapping[str, frozenset[str]]
    erased: Erased

    def link(self, form_id: str) -> str:
        """Name the form's column with the person's key; empty where it has none."""
        return self.persons.forms.get(form_id, "") if self.persons else ""

    def digest(self, form_id: str) -> str:
        """Digest who is out of a form; empty where nobody is."""
        linked = bool(self.link(form_id))
        registry = self.persons.registry if self.persons else ""
        out = [
            sorted(self.submissions.get(form_id, ())),
            sorted(self.erased.hashes.get(form_id, ())),
            sorted(self.people) if linked else [],
            sorted(self.erased.hashes.get(registry, ())) if linked else [],
        ]
        return hashlib.sha256(repr(out).encode()).hexdigest()[:16] if any(out) else ""

    def covers(self, person: str) -> bool:
        """Tell whether a person is out."""
        registry = self.persons.registry if self.persons else ""
        return person in self.people or self.erased.knows(registry, person)


def withdrawn(study: Study) -> Withdrawn:
    """Gather who is out, from the registry's own file and the log of requests.

    Raises:
        StudyError: the log or `[privacy]` is malformed, or the registry lacks a column.
    """
    people, out = persons_of(study), set()
    if people and people.opt_out:
        for row in rows_of(reference(study, people.registry).file, people.key):
            if people.opt_out not in row:
                what, remedy = f"has no column {people.opt_out}", "correct `opt_out` in study.toml [privacy]"
                raise StudyError(what, where=reference(study, people.registry).file.name, remedy=remedy)
            if (row[people.opt_out] or "").strip():
                out.add(row[people.key])
    erased, submissions = read_erased(study.landing), dict[str, set[str]]()
    for request in read_requests(study):
        if not request.done and not erased.knows(request.of, request.key):
            whole = (
                out if people and request.of == people.registry else submissions.setdefault(request.of, set())
            )
            whole.add(request.key)
    listed = {form: frozenset(keys) for form, keys in submissions.items()}
    return Withdrawn(people, frozenset(out), listed, erased)


def erased_persons(study: Study) -> Callable[[str], bool]:
    """Give a test whether the person of a key was erased; nobody was where the study knows no persons."""
    people, erased = persons_of(study), read_erased(study.landing)
    return lambda key: bool(people) and erased.knows(people.registry if people else "", key)


def leave_out(folder: Path, schema: Schema, out: Withdrawn) -> int:
    """Take out of a staging folder whoever is out, and put a tombstone in; give how many submissions that were."""
    if not out.digest(schema.form_id):
        return 0
    with scratch(folder) as connection:
        root = literal(str(folder / f"{schema.root.name}.parquet"))
        connection.execute(
            f"CREATE TEMP TABLE gone AS SELECT _submission_id, _landed FROM {root} WHERE {_is_out(schema, out)}"
        )
        row = connection.execute("SELECT count(*) FROM gone").fetchone()
        if not row or not row[0]:
            return 0
        for name in [*(table.name for table in schema.tables), *_PARTS]:
            file = folder / f"{name}.parquet"
            if file.exists():
                kept = (
                    f"FROM {literal(str(file))} WHERE _submission_id NOT IN (SELECT _submission_id FROM gone)"
                )
                _write(connection, kept, file)
        tombs = folder / "tombstones.parquet"
        union = f"FROM {literal(str(tombs))} UNION ALL SELECT _submission_id, _landed, 'withdrawn' FROM gone"
        _write(connection, union, tombs)
        return int(row[0])


def _write(connection: object, query: str, file: Path) -> None:
    part = file.with_name(file.name + ".part")
    connection.execute(f"COPY ({query}) TO {literal(str(part))} (FORMAT parquet)")  # type: ignore[attr-defined]
    part.replace(file)


def _is_out(schema: Schema, out: Withdrawn) -> str:
    tests = [_among("_submission_id", out.submissions.get(schema.form_id, frozenset()))]
    link = out.link(schema.form_id)
    if link and out.persons:
        if link not in schema.root.types():
            what, remedy = (
                f"form {schema.form_id} has no column {link}",
                "correct `forms` in study.toml [privacy]",
            )
            raise StudyError(what, where="study.toml [privacy]", remedy=remedy)
        tests.append(_among(f"CAST({quote(link)} AS VARCHAR)", out.people))
        hashed = (
            f"sha256({literal(out.erased.prefix(out.persons.registry))} || CAST({quote(link)} AS VARCHAR))"
        )
        tests.append(_among(hashed, out.erased.hashes.get(out.persons.registry, frozenset())))
    return " OR ".join(f"coalesce({test}, false)" for test in tests)


def _among(value: str, keys: frozenset[str]) -> str:
    return f"{value} IN ({', '.join(map(literal, sorted(keys)))})" if keys else "false"


def references(study: Study, out: Withdrawn) -> Iterator[Reference]:
    """Give every reference table without the rows of who is out; the copies lie in staging while they are read."""
    folder = study.staging / "_references"
    try:
        for one in study.references:
            yield without(one, out, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def without(reference: Reference, out: Withdrawn, folder: Path) -> Reference:
    """Give a reference table without the rows of who is out: a copy in `folder`, or itself where nobody is."""
    column = out.persons.tables.get(reference.name, "") if out.persons else ""
    if not column:
        return reference
    rows = list(rows_of(reference.file, column))
    kept = [row for row in rows if not out.covers(row[column])]
    if len(kept) == len(rows):
        return reference
    content = as_csv([list(rows[0]), *(row.values() for row in kept)])
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / reference.file.name, content, private=True)
    return replace(reference, file=folder / reference.file.name)
