"""Central's CSV export, with its tables of repeats -> Received; see docs/how-to/pull-from-odk-central.md.

An export names columns after the steps to a question joined by "-", which names may hold too, so the form is
needed to read it. Rows are joined by `KEY`, which says where in the submission a repeat instance stands.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import Refused
from tracer_etl.records import Attachment, Received
from tracer_etl.servers.central_rows import review_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.questions import NodePath
    from tracer_etl.schema import Schema

_POSITION = ("Latitude", "Longitude", "Altitude", "Accuracy")
_STEP = re.compile(r"(.+)\[([0-9]+)\]")
_REMEDY = "export all data from Central again, with group paths and without a filter"


def tables_of(files: Mapping[str, bytes], form_id: str) -> dict[str, bytes]:
    """Pick the tables of a form's export; nothing when there is no root table among the files.

    >>> sorted(tables_of({"visit.csv": b"KEY", "visit-job.csv": b"", "villages.csv": b""}, "visit"))
    ['visit-job.csv', 'visit.csv']
    """
    if f"{form_id}.csv" not in files:
        return {}
    named = (f"{form_id}.csv", f"{form_id}-")
    return {name: body for name, body in files.items() if name.endswith(".csv") and name.startswith(named)}


def rows(
    tables: Mapping[str, bytes], media: Mapping[str, bytes], schema: Schema, where: str
) -> Iterator[Received]:
    """Give one Received per row of the root table, the instances of its repeats inside.

    A cell that is empty is left out: the export does not tell an answer cleared from a question not asked. A
    column no version of the form has goes to `extra`.

    Raises:
        Refused: a table is no CSV of an export, a repeat instance has no submission, or a column's name fits
            two questions.
    """
    read = {name: _lines(body, f"{where}/{name}") for name, body in tables.items()}
    root = read.pop(f"{schema.form_id}.csv")
    found = {line["KEY"]: _Submission(line.pop("KEY"), line) for line in root}
    names = _Names(schema, where)
    for one in found.values():
        names.place(one.answers, (), one.data, one.extra)
    for name in sorted(read):
        for line in read[name]:
            _put(line, found, names, f"{where}/{name}")
    claimed = [cell for one in found.values() for cell in set(one.cells)]
    for one in found.values():
        # A name that two submissions give to their files says not whose the file is.
        own = [n for n in sorted(set(one.cells)) if n in media and claimed.count(n) == 1]
        yield one.received([Attachment(n, media[n]) for n in own], where)


@dataclass
class _Submission:
    """A row of the root table while its repeats are put into it."""

    key: str
    line: dict[str, str]
    data: dict[str, Any] = field(default_factory=dict)
    extra: list[tuple[str, str]] = field(default_factory=list)
    children: list[dict[str, str]] = field(default_factory=list)

    @property
    def answers(self) -> dict[str, str]:
        return {name: cell for name, cell in self.line.items() if not name.startswith("\0")}

    @property
    def cells(self) -> list[str]:
        """List what names files: the answers, wherever they stand."""
        return [cell for line in (self.answers, *self.children) for cell in line.values() if cell]

    def received(self, files: list[Attachment], where: str) -> Received:
        """Make the record; its raw form is the row with its children as JSON."""
        system = {name[1:]: cell for name, cell in self.line.items() if name.startswith("\0")}
        shut = "decrypt" in system.get("Status", "").lower()
        meta = (self.data.get("meta/") or [{}])[0]
        raw = {"key": self.key, "system": system, "answers": self.answers, "repeats": self.children}
        return Received(
            key=self.key,
            instance_id=meta.get("instanceID") or self.key,
            raw=json.dumps(raw, ensure_ascii=False, sort_keys=True).encode(),
            data={} if shut else self.data,
            revision=int(system.get("Edits") or 0),
            form_version=system.get("FormVersion", ""),
            submitted_at=system.get("SubmissionDate", ""),
            review_state=review_state({"reviewState": system.get("ReviewState")}),
            extra=tuple(self.extra),
            attachments=tuple(files),
            error=f"{where}: encrypted; export it with its passphrase" if shut else "",
        )


def _lines(body: bytes, where: str) -> list[dict[str, str]]:
    """Read a table; what Central adds to a row is named with a NUL before, which no question is."""
    csv.field_size_limit(sys.maxsize)  # a line on the map may be longer than csv's 131,072 characters
    try:
        head, *lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        place = len(head) - 1 - head[::-1].index("KEY")
    except (ValueError, csv.Error) as error:
        raise Refused(f"no table of an export ({error})", where=where, remedy=_REMEDY) from error
    if any(len(line) != len(head) for line in lines):
        raise Refused("rows of different lengths", where=where, remedy=_REMEDY)
    own = [*(["SubmissionDate"] if head[0] == "SubmissionDate" else []), *head[place + 1 :]]
    answers = range(1 if head[0] == "SubmissionDate" else 0, place - (head[place - 1] == "PARENT_KEY"))
    twins = {head[i] for i in answers if [head[j] for j in answers].count(head[i]) > 1}
    if twins:
        what = f"two columns are called {min(twins)}"
        raise Refused(what, where=where, remedy=_REMEDY)
    system = [0, *range(place + 1, len(head))] if head[0] == "SubmissionDate" else range(place + 1, len(head))
    named = [*((head[i], i) for i in answers), *((f"\0{n}", i) for n, i in zip(own, system, strict=True))]
    return [{"KEY": line[place], **{name: line[i] for name, i in named}} for line in lines]


def _put(line: dict[str, str], found: dict[str, _Submission], names: _Names, where: str) -> None:
    """Put a repeat instance to where its key says."""
    address = line.pop("KEY")
    submission = found.get(next((key for key in _starts(address) if key in found), ""))
    if submission is None:
        raise Refused(f"{address} belongs to no submission", where=where, remedy=_REMEDY)
    path: list[str] = []
    data = submission.data
    for step in address[len(submission.key) + 1 :].split("/"):
        match = _STEP.fullmatch(step)
        name, place = (match[1], int(match[2])) if match else (step, 1)
        path.append(name)
        inside = data.setdefault(f"{name}/", [])
        inside.extend({} for _ in range(place - len(inside)))
        data = inside[place - 1]
    submission.children.append({"KEY": address, **line})
    names.place(line, tuple(path), data, submission.extra)


def _starts(address: str) -> Iterator[str]:
    """Give what may be the submission's key, the shortest first."""
    for place, letter in enumerate(address):
        if letter == "/":
            yield address[:place]


class _Names:
    """Finds the question of a column."""

    def __init__(self, schema: Schema, where: str) -> None:
        self.schema, self.where = schema, where
        self.repeats = {path for form in schema.forms for path in form.repeats}
        self.points = {q.path for form in schema.forms for q in form.questions if q.kind == "geopoint"}
        self.known: dict[NodePath, dict[str, NodePath]] = {}

    def place(
        self, line: Mapping[str, str], table: NodePath, data: dict[str, Any], extra: list[tuple[str, str]]
    ) -> None:
        """Put the cells of a row that hold something to their questions."""
        for head, cell in line.items():
            if not cell:
                continue
            path, part = self._question(head, table)
            if path is None:
                extra.append(("/".join((*table, head)), cell))
            elif part != _POSITION[0] and part:
                continue  # read with the latitude
            else:
                _leaf(data, path[len(table) :], self._position(line, head) if part else cell)

    @staticmethod
    def _position(line: Mapping[str, str], head: str) -> str:
        """Join the four columns of a position: degrees north and east, metres, metres."""
        base = head.removesuffix(_POSITION[0])
        parts = [line.get(base + part, "") for part in _POSITION]
        while parts and not parts[-1]:
            parts.pop()
        return " ".join(part or "0" for part in parts)

    def _question(self, head: str, table: NodePath) -> tuple[NodePath | None, str]:
        known = self._known(table)
        if head in known:
            return known[head], ""
        base, _, part = head.rpartition("-")
        if part in _POSITION and known.get(base) in self.points:
            return known[base], part
        split, _, _ = head.partition("/")
        # The 0 or 1 of one choice says nothing the question's own column does not.
        return (known[split], "split") if split in known else (None, "")

    def _known(self, table: NodePath) -> dict[str, NodePath]:
        """Map the names of a table's columns, with group paths and without, to questions."""
        if table not in self.known:
            own = [p for p in sorted(self.schema.paths) if self._table_of(p) == table]
            full = [("-".join(path[len(table) :]), path) for path in own]
            short = [(path[-1], path) for path in own]
            self.known[table] = {**self._unique(short, strict=False), **self._unique(full, strict=True)}
        return self.known[table]

    def _unique(self, named: list[tuple[str, NodePath]], *, strict: bool) -> dict[str, NodePath]:
        counted: dict[str, set[NodePath]] = {}
        for name, path in named:
            counted.setdefault(name, set()).add(path)
        for name, paths in counted.items():
            if strict and len(paths) > 1:
                what = f"column {name} is the name of two questions"
                raise Refused(what, where=self.where, remedy="pull from Central itself, or from its XML")
        return {name: next(iter(paths)) for name, paths in counted.items() if len(paths) == 1}

    def _table_of(self, path: NodePath) -> NodePath:
        return max((one for one in self.repeats if path[: len(one)] == one), key=len, default=())


def _leaf(data: dict[str, Any], steps: NodePath, cell: str) -> None:
    for step in steps[:-1]:
        data = data.setdefault(f"{step}/", [{}])[0]
    data[steps[-1]] = cell
