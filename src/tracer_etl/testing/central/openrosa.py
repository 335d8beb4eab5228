"""What Collect calls: form list, manifest, submission."""

from __future__ import annotations

import hashlib
import html
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from tracer_etl.testing.central import intake
from tracer_etl.testing.central.answers import Problem, forbidden, openrosa_message, text_reply
from tracer_etl.testing.central.form_files import content_of
from tracer_etl.testing.central.forms import hashes, reachable
from tracer_etl.testing.central.people import may
from tracer_etl.testing.central.rest import sender
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.state import Attachment, Form, State

XML_PART = "xml_submission_file"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def check_version(call: Call) -> None:
    """Let only clients pass that name the protocol's version.

    Raises:
        Problem: 400.6.
    """
    given = call.request.headers.get("x-openrosa-version")
    if given != "1.0":
        message = (
            "An expected header field (X-OpenRosa-Version) did not match the expected format "
            f"(got: {given or '[nothing]'})."
        )
        raise Problem(400.6, message, {"field": "X-OpenRosa-Version", "value": given})


def _base(state: State, call: Call) -> str:
    key = f"/key/{call.key}" if call.key else ""
    return f"{state.domain}/v1{key}/projects/{call.parts['project']}"


# -- reading


def form_list(state: State, call: Call) -> Reply:
    """List the open forms the caller may fill in."""
    check_version(call)
    project = state.project(call.parts["project"])
    actor = call.actor or may(call.actor)
    if not actor.device:
        may(actor, "viewer", "manager")
    wanted = call.request.param("formID")
    shown = [
        form
        for form in project.forms.values()
        if form.editions
        and form.state == "open"
        and (not actor.device or actor.number in form.assigned)
        and wanted in ("", form.xml_id)
    ]
    base = _base(state, call)
    body = "".join(_listed(state, form, f"{base}/forms/{quote(form.xml_id)}") for form in shown)
    space = "http://openrosa.org/xforms/xformsList"
    return text_reply(f'{_HEAD}\n  <xforms xmlns="{space}">{body}\n  </xforms>', "text/xml")


def _listed(state: State, form: Form, place: str) -> str:
    edition = form.current
    rows = [
        ("formID", form.xml_id),
        ("name", edition.schema.title or form.xml_id),
        ("version", edition.version),
        ("hash", f"md5:{hashes(edition.xform)['hash']}"),
        ("downloadUrl", f"{place}.xml"),
    ]
    if any(content_of(state, form, item) is not None for item in edition.media.values()):
        rows.append(("manifestUrl", f"{place}/manifest"))
    return "\n    <xform>" + _lines(rows) + "\n    </xform>"


def _lines(rows: list[tuple[str, str]]) -> str:
    return "".join(f"\n      <{tag}>{html.escape(text, quote=False)}</{tag}>" for tag, text in rows)


def manifest(state: State, call: Call) -> Reply:
    """List the files of a form."""
    check_version(call)
    form = reachable(state, call)
    base = _base(state, call)
    body = "".join(_media(state, form, item, base) for item in form.current.media.values())
    space = "http://openrosa.org/xforms/xformsManifest"
    return text_reply(f'{_HEAD}\n  <manifest xmlns="{space}">{body}\n  </manifest>', "text/xml")


def _media(state: State, form: Form, item: Attachment, base: str) -> str:
    content = content_of(state, form, item)
    if content is None:
        return ""
    listed = item.dataset and item.content is None
    digest = hashlib.md5(content).hexdigest()  # noqa: S324 - OpenRosa's
    rows = [
        ("filename", item.name),
        ("hash", f"md5:{digest}"),
        ("downloadUrl", f"{base}/forms/{quote(form.xml_id)}/attachments/{quote(item.name)}"),
    ]
    if listed:
        rows.append(("integrityUrl", f"{base}/datasets/{quote(item.dataset)}/integrity"))
    kind = ' type="entityList"' if listed else ""
    return f"\n    <mediaFile{kind}>" + _lines(rows) + "\n    </mediaFile>"


# -- writing


def head(state: State, call: Call) -> Reply:
    """Say that submissions are taken here."""
    check_version(call)
    state.project(call.parts["project"])
    return Reply(204)


def submit(state: State, call: Call) -> Reply:
    """Take a submission and its files, or more files of one that is here."""
    check_version(call)
    project = state.project(call.parts["project"])
    actor = call.actor or may(call.actor)
    parts = dict(multipart(call))
    xml = parts.pop(XML_PART, None)
    if xml is None:
        message = f"Required multipart POST field {XML_PART} missing."
        raise Problem(400.7, message, {"field": XML_PART})
    form = state.form(str(project.number), intake.read_head(xml).form_id)
    if actor.device and actor.number not in form.assigned:
        raise forbidden()
    if not actor.device:
        may(actor, "manager")
    intake.from_device(state, form, xml, parts, sender(call))
    return openrosa_message("full submission upload was successful!", 201)


def multipart(call: Call) -> Iterator[tuple[str, bytes]]:
    """Read the parts: the XML under its field's name, files under their own.

    Raises:
        Problem: 400.7 when the body is not multipart.
    """
    boundary = re.search(r'boundary="?([^";]+)"?', call.request.headers.get("content-type", ""))
    if boundary is None:
        raise Problem(400.7, f"Required multipart POST field {XML_PART} missing.", {"field": XML_PART})
    for piece in (b"\r\n" + call.request.body).split(b"\r\n--" + boundary[1].encode())[1:]:
        headers, separator, content = piece.partition(b"\r\n\r\n")
        if not separator:
            continue
        said = headers.decode("utf-8", "replace")
        field = re.search(r'[ ;]name="([^"]*)"', said)
        file = re.search(r'filename="([^"]*)"', said)
        if field and field[1] == XML_PART:
            yield XML_PART, content
        elif file:
            yield unquote(file[1]), content
        elif field:
            yield field[1], content
