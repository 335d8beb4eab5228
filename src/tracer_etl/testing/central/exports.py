"""CSV exports of a form: the root table alone, or a zip of all tables with the files."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from tracer_etl.testing.central.answers import moment
from tracer_etl.testing.central.odata import read_form, selection, system_of
from tracer_etl.testing.central.render import children, read_instance
from tracer_etl.testing.central.state import event_tag
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.schema import Field
    from tracer_etl.testing.central.state import Form, State, Submission

_GEOPOINT = ("Latitude", "Longitude", "Altitude", "Accuracy")
_TAIL = (
    ("SubmitterID", "submitterId"), ("SubmitterName", "submitterName"),
    ("AttachmentsPresent", "attachmentsPresent"), ("AttachmentsExpected", "attachmentsExpected"),
    ("Status", "status"), ("ReviewState", "reviewState"), ("DeviceID", "deviceId"),
    ("Edits", "edits"), ("FormVersion", "formVersion"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What the query asks for."""

    group_paths: bool = True
    split: bool = False
    deleted_fields: bool = False
    attachments: bool = True

    @classmethod
    def of(cls, call: Call) -> Options:
        """Read the query."""
        get = call.request.param
        return cls(
            get("groupPaths") != "false",
            call.flag("splitSelectMultiples"),
            call.flag("deletedFields"),
            get("attachments") != "false",
        )


@dataclass(frozen=True, slots=True)
class Column:
    """One node of a table, by its steps below the table's own node."""

    steps: tuple[str, ...]
    kind: str
    multiple: bool

    def text(self, element: _Element | None) -> str:
        """Give the raw text, as it was sent."""
        for step in self.steps:
            found = children(element).get(step)
            if not found:
                return ""
            element = found[-1]
        return "" if element is None else element.text or ""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table before it is written."""

    key: str
    parent: str
    element: _Element | None
    row: Submission


def zipped(state: State, call: Call) -> Reply:
    """Give all tables, and the files unless attachments=false."""
    form = read_form(state, call)
    state.log(call.actor, "form.submission.export", form.actee_id, None)
    rows = selection(form, call.request.param("$filter"))
    options = Options.of(call)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, chain in _tables(form, options).items():
            file = f"{form.xml_id}.csv" if name == "Submissions" else f"{form.xml_id}-{chain[-1].name}.csv"
            archive.writestr(file, write_table(form, rows, chain, options))
        if options.attachments:
            for name, content in {n: c for row in rows for n, c in row.current.files.items() if c}.items():
                archive.writestr(f"media/{name}", content)
    return _sent(f"{form.xml_id}.csv.zip", "application/zip", packed.getvalue(), rows)


def root_only(state: State, call: Call) -> Reply:
    """Give the root table."""
    form = read_form(state, call)
    state.log(call.actor, "form.submission.export", form.actee_id, None)
    rows = selection(form, call.request.param("$filter"))
    text = write_table(form, rows, (form.current.schema.root,), Options.of(call))
    return _sent(f"{form.xml_id}.csv", "text/csv; charset=utf-8", text, rows)


def _sent(name: str, kind: str, content: bytes, rows: list[Submission]) -> Reply:
    named = f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name)}"
    headers = {"ETag": event_tag(rows), "Content-Disposition": named, "Content-Type": kind}
    half = len(content) // 2
    return Reply(200, [content[:half], content[half:]], headers)


def _tables(form: Form, options: Options) -> dict[str, tuple[Field, ...]]:
    tables = dict(form.current.schema.tables)
    if options.deleted_fields:
        for edition in reversed(form.editions[:-1]):
            tables = {**edition.schema.tables, **tables}
    return {"Submissions": tables.pop("Submissions"), **tables}


def write_table(form: Form, rows: list[Submission], chain: tuple[Field, ...], options: Options) -> bytes:
    """Write one table, newest submission first."""
    columns = _columns(form, chain, options)
    lines = [line for row in rows for line in _lines(row, chain)]
    values = {column: _values(column, lines) for column in columns if column.multiple and options.split}
    heads = [head for column in columns for head in _heads(column, options, values.get(column))]
    root = len(chain) == 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    extra = [name for name, _ in _TAIL] if root else []
    writer.writerow(
        [*(["SubmissionDate"] if root else []), *heads, *([] if root else ["PARENT_KEY"]), "KEY", *extra]
    )
    for line in lines:
        cells = [cell for column in columns for cell in _cells(column, line.element, values.get(column))]
        if root:
            system = system_of(line.row)
            tail = [system[key] for _, key in _TAIL]
            writer.writerow([moment(line.row.first.created_at), *cells, line.key, *tail])
        else:
            writer.writerow([*cells, line.parent, line.key])
    return text.getvalue().encode()


def _columns(form: Form, chain: tuple[Field, ...], options: Options) -> list[Column]:
    path = chain[-1].path
    editions = list(reversed(form.editions)) if options.deleted_fields else form.editions[-1:]
    found: dict[tuple[str, ...], Column] = {}
    for edition in editions:
        for node in (tables[-1] for tables in edition.schema.tables.values()):
            if node.path == path:
                for column in _leaves(node, ()):
                    found.setdefault(column.steps, column)
    return list(found.values())


def _leaves(node: Field, steps: tuple[str, ...]) -> Iterator[Column]:
    for child in node.children.values():
        here = (*steps, child.name)
        if child.kind == "structure":
            yield from _leaves(child, here)
        elif child.kind != "repeat":
            yield Column(here, child.kind, child.multiple)


def _lines(row: Submission, chain: tuple[Field, ...]) -> Iterator[Line]:
    element = None if row.current.encrypted else read_instance(row.current.xml)
    if len(chain) == 1:
        yield Line(row.key, "", element, row)
    else:
        yield from _descend(row, chain, 1, element, (row.key, row.key))


def _descend(
    row: Submission, chain: tuple[Field, ...], depth: int, element: _Element | None, keys: tuple[str, str]
) -> Iterator[Line]:  # fmt: skip
    node = chain[depth]
    parent, address = keys
    for position, child in enumerate(children(element).get(node.name, ()), start=1):
        if node.kind == "structure":
            yield from _descend(row, chain, depth + 1, child, (parent, f"{address}/{node.name}"))
            continue
        key = f"{address}/{node.name}[{position}]"
        if depth == len(chain) - 1:
            yield Line(key, parent, child, row)
        else:
            yield from _descend(row, chain, depth + 1, child, (key, key))


def _values(column: Column, lines: list[Line]) -> list[str]:
    return sorted({value for line in lines for value in column.text(line.element).split()})


def _heads(column: Column, options: Options, values: list[str] | None) -> list[str]:
    name = "-".join(column.steps) if options.group_paths else column.steps[-1]
    if column.kind == "geopoint":
        return [f"{name}-{part}" for part in _GEOPOINT]
    return [name, *(f"{name}/{value}" for value in values or ())]


def _cells(column: Column, element: _Element | None, values: list[str] | None) -> list[str]:
    text = column.text(element)
    if column.kind == "geopoint":
        parts = text.split()[:4]
        return parts + [""] * (4 - len(parts))
    chosen = text.split()
    return [text, *("1" if value in chosen else "0" for value in values or ())]
