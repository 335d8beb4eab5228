"""Files that travel with a form: CSV lists, images, and entity lists that stand in for them."""

from __future__ import annotations

import hashlib
import mimetypes
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from tracer_etl.testing.central.answers import moment, not_found
from tracer_etl.testing.central.forms import edition_of, managed
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.state import Attachment, Edition, Form, State

_DONE = {"success": True}


def content_of(state: State, form: Form, attachment: Attachment) -> bytes | None:
    """Give the bytes of a form's file; a dataset's are its entity list."""
    if attachment.content is not None or not attachment.dataset:
        return attachment.content
    return state.projects[form.project].datasets[attachment.dataset].list_csv()


def list_attachments(state: State, call: Call) -> Reply:
    """List the files a form version names."""
    form, edition = edition_of(state, call)
    rows = []
    for item in edition.media.values():
        content = content_of(state, form, item)
        digest = None if content is None else hashlib.md5(content).hexdigest()  # noqa: S324 - OpenRosa's
        rows.append(
            {
                "name": item.name,
                "type": item.kind,
                "exists": content is not None,
                "blobExists": item.content is not None,
                "datasetExists": bool(item.dataset) and item.content is None,
                "hash": digest,
                "updatedAt": moment(item.updated_at),
            }
        )
    return Reply.of_json(rows)


def _attachment(edition: Edition, call: Call) -> Attachment:
    found = edition.media.get(unquote(call.parts["name"]))
    if found is None:
        raise not_found()
    return found


def get_attachment(state: State, call: Call) -> Reply:
    """Give a file of a form."""
    form, edition = edition_of(state, call)
    item = _attachment(edition, call)
    content = content_of(state, form, item)
    if content is None:
        raise not_found()
    kind = mimetypes.guess_type(item.name)[0] or "application/octet-stream"
    return file_reply(item.name, content, kind, "attachment")


def file_reply(name: str, content: bytes, kind: str, disposition: str) -> Reply:
    """Send a file with the strong entity tag of its MD5."""
    plain = name.encode("ascii", "replace").decode().replace('"', "")
    headers = {
        "ETag": f'"{hashlib.md5(content).hexdigest()}"',  # noqa: S324 - as Central does
        "Content-Disposition": f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}",
        "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
    }
    return Reply(200, content, headers)


def put_attachment(state: State, call: Call) -> Reply:
    """Upload a file of the draft."""
    form = managed(state, call)
    if form.draft is None:
        raise not_found()
    item = _attachment(form.draft, call)
    item.content, item.updated_at = call.request.body, state.tick()
    return Reply.of_json(_DONE)


def link_dataset(state: State, call: Call) -> Reply:
    """Let a dataset stand in for a file of the draft, or no longer."""
    form = managed(state, call)
    if form.draft is None:
        raise not_found()
    item = _attachment(form.draft, call)
    wanted = bool(call.request.json().get("dataset"))
    name = item.name.removesuffix(".csv")
    if wanted and name not in state.projects[form.project].datasets:
        raise not_found()
    item.dataset, item.updated_at = name if wanted else "", state.tick()
    item.content = None if wanted else item.content
    return Reply.of_json(_DONE)


def delete_attachment(state: State, call: Call) -> Reply:
    """Take back a file of the draft."""
    form = managed(state, call)
    if form.draft is None:
        raise not_found()
    item = _attachment(form.draft, call)
    item.content, item.updated_at = None, state.tick()
    return Reply.of_json(_DONE)
