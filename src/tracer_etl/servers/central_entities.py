"""An entity list of ODK Central as CSV, counted."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from tracer_etl.errors import Changed
from tracer_etl.servers.central_form import project_path

if TYPE_CHECKING:
    from tracer_etl.servers.session import Session

_TRIES = 3


@dataclass(frozen=True, slots=True)
class EntityList:
    """An entity list: `content` is CSV, one row per living entity, every value text; `etag` marks its content."""

    content: bytes = field(repr=False)
    etag: str
    count: int
    remarks: tuple[str, ...] = ()


def entity_list(session: Session, project: str, name: str, known_etag: str = "") -> EntityList | None:
    """Fetch an entity list; None when it is what `known_etag` marks.

    Entities are made seconds after the submission that brings them, so a list may lag behind its form.

    Raises:
        Refused: no such list, or no right to it. Changed: rows and count never agree.
    """
    path = project_path(project, "datasets", name)
    rows = count = 0
    for attempt in range(_TRIES):
        headers = {"If-None-Match": known_etag} if known_etag and not attempt else None
        reply = session.read(f"{path}/entities.csv", headers=headers)
        if reply.status_code == requests.codes.not_modified:
            return None
        rows, count = _rows(reply.content, name), _count(session, path)
        if rows == count:
            remarks = _remarks(name, _count(session, path, "__system/conflict ne null"))
            return EntityList(reply.content, reply.headers.get("ETag", ""), rows, remarks)
    what = f"entity list {name} has {rows} rows, counted as {count}"
    raise Changed(what, where=session.host, remedy="pull again when fewer submissions are coming in")


def _rows(content: bytes, name: str) -> int:
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = next(lines, [])
    if "__id" not in header:
        remedy = "is this address ODK Central's?"
        raise Changed(f"entity list {name} has no column __id", where=f"{name}.csv", remedy=remedy)
    return sum(1 for line in lines if line)


def _count(session: Session, path: str, condition: str = "") -> int:
    params = {"$top": "0", "$count": "true", **({"$filter": condition} if condition else {})}
    said = session.json(f"{path}.svc/Entities", params)
    count = said.get("@odata.count") if isinstance(said, dict) else None
    if not isinstance(count, int):
        raise Changed("no count of entities", where=session.host, remedy="is this address ODK Central's?")
    return count


def _remarks(name: str, conflicts: int) -> tuple[str, ...]:
    if not conflicts:
        return ()
    return (f"entity list {name}: {conflicts} in conflict, two updates began from one state; resolve them",)
