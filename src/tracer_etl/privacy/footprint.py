"""What a study holds of somebody: records landed, and rows of the files people keep beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.erased import Erased, read_erased
from tracer_etl.landing import Landing
from tracer_etl.privacy.persons import Persons, persons_of, reference, rows_of
from tracer_etl.privacy.requests import read_requests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.privacy.requests import Request
    from tracer_etl.questions import NodePath
    from tracer_etl.schema import Schema
    from tracer_etl.study import Study, StudyForm

LONG = 12
"""Characters from which a key or a number is long enough to be looked for inside other texts."""
_TELLING = 8


@dataclass
class Traces:
    """What landed of one form: records by submission, their files, and texts that identify whom they are about."""

    form_id: str
    records: dict[str, int] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)
    instances: dict[str, str] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Target:
    """Whom the open requests are about: keys of submissions by form, keys of persons, and what was erased before."""

    requests: tuple[Request, ...]
    persons: Persons | None
    erased: Erased

    def keys(self, scope: str) -> frozenset[str]:
        """Give the keys asked for in one scope: a form, or the registry."""
        return frozenset(one.key for one in self.requests if one.of == scope)

    def means(self, scope: str, key: str) -> bool:
        """Tell whether a key is asked for, or was erased before."""
        return key in self.keys(scope) or self.erased.knows(scope, key)


def target_of(study: Study) -> Target:
    """Gather the erasures that were asked for and are not completed."""
    wanted = tuple(one for one in read_requests(study) if one.verb == "erase" and not one.done)
    return Target(wanted, persons_of(study), read_erased(study.landing))


def traces(study: Study, form: StudyForm, target: Target) -> Traces:
    """Read the landing of a form for records of a target: by its key, or by the key of the person it is about."""
    landing, found = Landing(study.landing, form.form_id), Traces(form.form_id)
    if not landing.segments():
        return found
    schema = study.schema(form, landing.deployed())
    links = _paths(schema, target.persons.forms.get(form.form_id, "") if target.persons else "")
    direct = [
        path for table in schema.tables for c in table.columns if c.privacy == "direct" for path in c.paths
    ]
    own, people = target.keys(form.form_id), _people(target)
    for envelope in landing.envelopes():
        data = envelope.get("data", {})
        linked = links and any(value in people or _was(target, value) for value in leaves(data, links))
        if envelope["key"] in own or target.erased.knows(form.form_id, envelope["key"]) or linked:
            _note(found, envelope, set(leaves(data, direct)))
    return found


def _people(target: Target) -> frozenset[str]:
    return target.keys(target.persons.registry) if target.persons else frozenset()


def _was(target: Target, person: str) -> bool:
    return bool(target.persons) and target.erased.knows(
        target.persons.registry if target.persons else "", person
    )


def _paths(schema: Schema, column: str) -> list[NodePath]:
    return [path for one in schema.root.columns if one.name == column for path in one.paths]


def _note(found: Traces, envelope: Mapping[str, Any], values: set[str]) -> None:
    key = envelope["key"]
    found.records[key] = found.records.get(key, 0) + 1
    found.files |= {file["sha256"] for file in envelope.get("attachments", ()) if file["sha256"]}
    found.values |= {value for value in values if len(value) >= _TELLING}
    instance = envelope.get("instance", "")
    if instance:
        found.instances[instance] = key


def leaves(data: Mapping[str, Any], paths: Sequence[NodePath]) -> Iterator[str]:
    """Give the values at some paths, of every instance of the repeats on the way.

    >>> list(leaves({"who": "Sri", "job/": [{"boss": "Ani"}, {"boss": "Eko"}]}, [("who",), ("job", "boss")]))
    ['Sri', 'Ani', 'Eko']
    """
    for path in paths:
        nodes = [data]
        for step in path[:-1]:
            nodes = [inner for node in nodes for inner in node.get(f"{step}/", ())]
        yield from (node[path[-1]] for node in nodes if node.get(path[-1]))


@dataclass(frozen=True, slots=True)
class Kept:
    """A file people keep beside the study, and how to tell rows of a target in it."""

    file: Path
    column: str
    keys: frozenset[str]


def files_with_rows(study: Study, target: Target, submissions: Mapping[str, Sequence[str]]) -> Iterator[Kept]:
    """List the files that may hold rows of a target: reference tables, case lists and logs of the study.

    `submissions` are the keys found by form. A row of a reference table counts, too, where it names one of them.
    """
    people, every = (
        _people(target),
        frozenset(key for keys in submissions.values() for key in keys if len(key) >= LONG),
    )
    for one in study.references:
        if target.persons and one.name in target.persons.tables:
            yield Kept(one.file, target.persons.tables[one.name], people)
        yield Kept(one.file, "", every)
    for case_list in study.case_lists:
        column = target.persons.case_lists.get(case_list.name, "") if target.persons else ""
        for file in (case_list.file, study.cases / f"{case_list.name}.csv"):
            if file and column:
                yield Kept(file, column, people)
    for log in (study.corrections, study.decisions):
        yield Kept(log, "submission", frozenset(key for keys in submissions.values() for key in keys))


def registry_values(study: Study, target: Target) -> set[str]:
    """Give what the registry says of the persons asked for, as far as it is long enough to be looked for."""
    if not target.persons:
        return set()
    one, people = reference(study, target.persons.registry), _people(target)
    rows = [row for row in rows_of(one.file, target.persons.key) if row[target.persons.key] in people]
    return {row[c] for row in rows for c in one.direct if len(row.get(c) or "") >= _TELLING}
