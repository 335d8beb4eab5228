"""What changes submissions: the rules that hold whether a change comes from Python or over HTTP."""

from __future__ import annotations

import copy
import mimetypes
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lxml import etree

from tracer_etl.errors import SubmissionError
from tracer_etl.safe_xml import local_name, parse
from tracer_etl.testing.kobo.history import note_row
from tracer_etl.testing.kobo.rows import KEPT_ON_EDIT, bad_geopoint, head, media_names, row_bytes
from tracer_etl.testing.kobo.state import STATUSES, Asset, Attached, Submission

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lxml.etree import _Element

    from tracer_etl.testing.kobo.rows import Head
    from tracer_etl.testing.kobo.state import Json, World

_TYPES = {".m4a": "audio/mp4", ".amr": "audio/amr", ".jpg": "image/jpeg", ".csv": "text/csv"}


class Refusal(ValueError):
    """The server does not accept a submission; `status` is what it answers over HTTP."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass
class Pending:
    """A submission on its way in: it has its `_id` and its time, but nobody sees it before `commit`."""

    key: str
    _show: Callable[[], None]
    committed: bool = False

    def commit(self) -> None:
        """Make the row visible; a second time changes nothing."""
        if not self.committed:
            self.committed = True
            self._show()


def read_head(xml: bytes) -> Head:
    """Read an XML's head.

    Raises:
        Refusal: malformed, or without an instanceID.
    """
    try:
        found = head(xml)
    except SubmissionError as error:
        raise Refusal(400, "Improperly formatted XML.") from error
    if not found.uuid:
        raise Refusal(400, "Instance ID is required")
    return found


def receive(
    world: World, asset: Asset, xml: bytes, files: Mapping[str, bytes], user: str, *, late: bool = False
) -> tuple[Pending, Submission, int]:
    """Take a submission in: new (201), one more part of a known one (201), or the same again (202).

    Raises:
        Refusal: malformed (400), not deployed (404), archived (405), another content under a known
            instanceID (409), an edit of what is not current (410), a geopoint that is none (500).
    """
    found = read_head(xml)
    _must_be_open(asset)
    if found.deprecated:
        edited = edit(world, asset, xml, user, add=files)
        return Pending(str(edited.id), lambda: None, committed=True), edited, 201
    known = asset.find(f"uuid:{found.uuid}")
    if known is not None:
        status = _again(world, asset, known, xml, files)
        return Pending(str(known.id), lambda: None, committed=True), known, status
    made = _new(world, asset, found, xml, user)
    made.attachments = [_attached(world, made, name, content) for name, content in files.items()]
    _render(world, asset, made, found)
    pending = Pending(str(made.id), lambda: _show(world, asset, made))
    if not late:
        pending.commit()
    return pending, made, 201


def edit(
    world: World, asset: Asset, xml: bytes, user: str, add: Mapping[str, bytes] | None = None
) -> Submission:
    """Replace the content of a submission: `_id`, time, root uuid, status and submitter stay.

    Raises:
        Refusal: 410 when the deprecatedID is not the current instanceID of any row.
    """
    found = read_head(xml)
    old = asset.find(f"uuid:{found.deprecated}")
    if old is None or old.uuid != found.deprecated:
        raise Refusal(410, "Invalid submission - deprecatedID refers to an old version")
    if bad_geopoint(asset, xml):
        raise Refusal(500, "Internal Server Error")
    world.tick()
    old.xml = xml
    asset.rename(old, found.uuid)
    old.attachments += [_attached(world, old, name, content) for name, content in (add or {}).items()]
    used = media_names(asset, xml)
    for item in old.attachments:
        kept = item.name in used or item.name in KEPT_ON_EDIT or item.name.endswith(".enc")
        item.deleted = item.deleted or not kept
    _renew(world, asset, old)
    note_row(world, asset, user, "modify-submission", old)
    return old


def attach(world: World, asset: Asset, row: Submission, name: str, content: bytes) -> None:
    """Add a file that arrives late; the history does not say so."""
    world.tick()
    row.attachments.append(_attached(world, row, name, content))
    _renew(world, asset, row)


def clear(world: World, asset: Asset, row: Submission, uid: str) -> None:
    """Mark an attachment as deleted; the history does not say so."""
    world.tick()
    next(item for item in row.attachments if item.uid == uid).deleted = True
    _renew(world, asset, row)


def review(world: World, asset: Asset, row: Submission, status: str, user: str) -> None:
    """Set the validation status, or clear it with an empty one; nothing else of the row moves.

    Raises:
        ValueError: an unknown status.
    """
    if status and status not in STATUSES:
        message = f"Invalid validation status: `{status}`"
        raise ValueError(message)
    moment = world.tick()
    row.status = {}
    if status:
        label = STATUSES[status]
        row.status = {"timestamp": int(moment.timestamp()), "uid": status, "by_whom": user, "label": label}
    _renew(world, asset, row)
    note_row(world, asset, user, "modify-submission", row, STATUSES.get(status, "None"))


def delete(world: World, asset: Asset, row: Submission, user: str) -> None:
    """Remove a row for good; daily counts and the last submission time keep it."""
    world.tick()
    asset.drop(row)
    note_row(world, asset, user, "delete-submission", row)


def duplicate(world: World, asset: Asset, row: Submission, user: str) -> Submission:
    """Copy a row under a new `_id` and uuid; `start` and `end` become now."""
    moment = world.tick()
    root = parse(row.xml)
    for element in list(root):
        if local_name(element) in ("start", "end"):
            element.text = moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+00:00"
        if local_name(element) == "meta":
            _set_meta(element, world.uuid(), "", "")
    xml = etree.tostring(root, encoding="utf-8")
    made = _new(world, asset, head(xml), xml, user)
    made.time = stamp_second(moment)
    for item in row.attachments:
        made.attachments.append(_attached(world, made, item.name, item.content))
    _show(world, asset, made)
    return made


def bulk_edit(world: World, asset: Asset, row: Submission, data: Json, user: str) -> Submission:
    """Set values by path: the first node of that path, made where there is none."""
    root = copy.deepcopy(parse(row.xml))
    for path, value in data.items():
        _set(root, path.split("/"), str(value))
    meta = next((element for element in root if local_name(element) == "meta"), None)
    if meta is None:
        meta = etree.SubElement(root, "meta")
    _set_meta(meta, world.uuid(), f"uuid:{row.uuid}", f"uuid:{row.root}")
    return edit(world, asset, etree.tostring(root, encoding="utf-8"), user)


def stamp_second(moment: datetime) -> str:
    """Write a time as `_submission_time` has it: UTC without saying so, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def resync(world: World, asset: Asset) -> None:
    """Render all rows again from the database: a stated submissionDate becomes what it is in UTC."""
    for row in asset.visible():
        stated = head(row.xml).submission_date
        if stated:
            row.time = stamp_second(datetime.fromisoformat(stated).astimezone(UTC))
        _renew(world, asset, row)


def _must_be_open(asset: Asset) -> None:
    if asset.current is None:
        raise Refusal(404, "Form does not exist on this account")
    if not asset.active:
        raise Refusal(405, "Form is not active")


def _new(world: World, asset: Asset, found: Head, xml: bytes, user: str) -> Submission:
    moment = world.tick()
    time = stamp_second(moment)
    if found.submission_date:
        time = stamp_second(datetime.fromisoformat(found.submission_date))
    asset.last_submission = moment
    day = moment.strftime("%Y-%m-%d")
    asset.daily[day] = asset.daily.get(day, 0) + 1
    return Submission(world.next_id(), xml, found.uuid, found.root or found.uuid, moment, time, user)


def _show(world: World, asset: Asset, row: Submission) -> None:
    asset.show(row)
    row_bytes(world, asset, row)
    note_row(world, asset, row.user, "add-submission", row)


def _render(world: World, asset: Asset, row: Submission, found: Head) -> None:
    try:
        row_bytes(world, asset, row, found.tree)
    except ValueError as error:  # a geopoint that is none; its _id is spent
        raise Refusal(500, "Internal Server Error") from error


def _renew(world: World, asset: Asset, row: Submission) -> None:
    row.row = b""
    row_bytes(world, asset, row)


def _again(world: World, asset: Asset, known: Submission, xml: bytes, files: Mapping[str, bytes]) -> int:
    if known.xml != xml:
        raise Refusal(409, "Submission with this instance ID already exists")
    held = {item.name for item in known.attachments}
    fresh = {name: content for name, content in files.items() if name not in held}
    for name, content in fresh.items():
        attach(world, asset, known, name, content)
    return 201 if fresh else 202


def _attached(world: World, row: Submission, name: str, content: bytes) -> Attached:
    suffix = "." + name.rpartition(".")[2].lower()
    mimetype = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Attached(world.uid("att"), name, mimetype, content, row.uuid)


def _set(element: _Element, steps: list[str], value: str) -> None:
    for step in steps:
        found = next((child for child in element if local_name(child) == step), None)
        element = etree.SubElement(element, step) if found is None else found
    element.text = value


def _set_meta(meta: _Element, uuid: str, deprecated: str, root: str) -> None:
    for name, value in (("instanceID", f"uuid:{uuid}"), ("deprecatedID", deprecated), ("rootUuid", root)):
        found = next((child for child in meta if local_name(child) == name), None)
        if value:
            made = etree.SubElement(meta, name) if found is None else found
            made.text = value
        elif found is not None:
            meta.remove(found)
