"""Submissions over REST: lists, XML, versions, files, comments, reviews, edits, deletions."""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from tracer_etl.testing.central import intake
from tracer_etl.testing.central.answers import Problem, moment, not_found, text_reply, unexpected
from tracer_etl.testing.central.filters import as_time
from tracer_etl.testing.central.form_files import file_reply
from tracer_etl.testing.central.forms import listed as listed_form
from tracer_etl.testing.central.forms import managed
from tracer_etl.testing.central.odata import read_form, selection
from tracer_etl.testing.central.people import may
from tracer_etl.testing.central.render import json_value, read_instance
from tracer_etl.testing.central.state import event_tag
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.state import Form, State, Submission, Version

_DONE = {"success": True}


def sender(call: Call) -> intake.Sender:
    """Say who sends.

    Raises:
        Problem: 401.2.
    """
    device = call.request.param("deviceID") or None
    actor = call.actor or may(call.actor)
    return intake.Sender(actor, device, call.request.headers.get("user-agent"))


def _found(state: State, call: Call) -> tuple[Form, Submission]:
    form = read_form(state, call)
    return form, form.live(unquote(call.parts["key"]))


def _managed(state: State, call: Call) -> tuple[Form, Submission]:
    form = managed(state, call)
    return form, form.live(unquote(call.parts["key"]))


# -- JSON


def listed_version(row: Submission, version: Version, *, extended: bool) -> dict[str, Any]:
    """Give the JSON of a submission's version."""
    return {
        "submitterId": version.submitter.number,
        "createdAt": moment(version.created_at),
        "instanceName": version.name,
        "instanceId": version.instance_id,
        "current": version is row.current,
        "deviceId": version.device,
        "userAgent": version.agent,
        **({"submitter": version.submitter.listed()} if extended else {}),
    }


def listed(row: Submission, *, extended: bool = False) -> dict[str, Any]:
    """Give the JSON of a submission."""
    first = row.first
    return {
        "instanceId": row.key,
        "submitterId": first.submitter.number,
        "deviceId": first.device,
        "createdAt": moment(first.created_at),
        "updatedAt": moment(row.updated_at),
        "reviewState": row.review_state,
        "userAgent": first.agent,
        "deletedAt": moment(row.deleted_at),
        **({"submitter": first.submitter.listed()} if extended else {}),
        "currentVersion": listed_version(row, row.current, extended=extended),
    }


# -- reading


def list_submissions(state: State, call: Call) -> Reply:
    """List submissions, or with ?deleted=true the deleted ones."""
    form = read_form(state, call)
    rows = selection(form, call.request.param("$filter"), deleted=call.flag("deleted"))
    limit, offset = call.request.param("limit"), int(call.request.param("offset") or 0)
    rows = rows[offset : offset + int(limit)] if limit else rows[offset:]
    body = [listed(row, extended=call.extended) for row in rows]
    return Reply.of_json(body, ETag=event_tag(rows))


def get_submission(state: State, call: Call) -> Reply:
    """Give one submission; the instanceID of a later version leads to that version."""
    form = read_form(state, call)
    key = unquote(call.parts["key"])
    if key not in form.by_key and key in form.by_instance:
        return _redirect(form, call, key, "")
    return Reply.of_json(listed(form.live(key), extended=call.extended))


def get_xml(state: State, call: Call) -> Reply:
    """Give the XML of the current version."""
    form = read_form(state, call)
    key = unquote(call.parts["key"])
    if key not in form.by_key and key in form.by_instance:
        return _redirect(form, call, key, ".xml")
    return text_reply(form.live(key).current.xml, "application/xml")


def _redirect(form: Form, call: Call, instance_id: str, suffix: str) -> Reply:
    row = form.by_instance[instance_id]
    if row.deleted_at:
        raise not_found()
    before = call.request.path.split("/submissions/")[0]
    place = f"{before}/submissions/{quote(row.key, safe='')}/versions/{instance_id}{suffix}"
    text = f"Moved Permanently. Redirecting to {place}"
    reply = text_reply(text, "text/plain", 301, Location=place)
    reply.headers["Vary"] = "Accept-Encoding, Origin, Accept"
    return reply


def list_versions(state: State, call: Call) -> Reply:
    """List the versions, newest first."""
    _, row = _found(state, call)
    rows = []
    for version in reversed(row.versions):
        more = {"formVersion": version.form_version} if call.extended else {}
        rows.append({**listed_version(row, version, extended=call.extended), **more})
    return Reply.of_json(rows)


def _version(row: Submission, call: Call) -> Version:
    wanted = unquote(call.parts["version"])
    for version in row.versions:
        if version.instance_id == wanted:
            return version
    raise not_found()


def get_version(state: State, call: Call) -> Reply:
    """Give one version."""
    _, row = _found(state, call)
    return Reply.of_json(listed_version(row, _version(row, call), extended=call.extended))


def get_version_xml(state: State, call: Call) -> Reply:
    """Give the XML of one version."""
    _, row = _found(state, call)
    return text_reply(_version(row, call).xml, "application/xml")


# -- files


def _files(state: State, call: Call) -> Version:
    _, row = _found(state, call)
    return _version(row, call) if call.parts.get("version") else row.current


def list_attachments(state: State, call: Call) -> Reply:
    """List the files the XML mentions."""
    files = _files(state, call).files.items()
    return Reply.of_json([{"name": name, "exists": content is not None} for name, content in files])


def get_attachment(state: State, call: Call) -> Reply:
    """Give a file."""
    name = unquote(call.parts["name"])
    content = _files(state, call).files.get(name)
    if content is None:
        raise not_found()
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return file_reply(name, content, kind, "inline")


def put_attachment(state: State, call: Call) -> Reply:
    """Upload an expected file."""
    form, row = _managed(state, call)
    name = unquote(call.parts["name"])
    intake.store(state, form, row, row.current, name, call.request.body, call.actor)
    return Reply.of_json(_DONE)


def clear_attachment(state: State, call: Call) -> Reply:
    """Clear a file: the name stays expected."""
    form, row = _managed(state, call)
    intake.store(state, form, row, row.current, unquote(call.parts["name"]), None, call.actor)
    return Reply.of_json(_DONE)


# -- comments, review, writing


def list_comments(state: State, call: Call) -> Reply:
    """List the comments, newest first."""
    _, row = _found(state, call)
    return Reply.of_json(list(reversed(row.comments)))


def add_comment(state: State, call: Call) -> Reply:
    """Add a comment, which who may read may do: neither updatedAt nor the entity tag moves."""
    _, row = _found(state, call)
    actor = may(call.actor, "viewer", "manager")
    body = call.request.json().get("body")
    comment = {"body": body, "actorId": actor.number, "createdAt": moment(state.tick())}
    row.comments.append(comment)
    return Reply.of_json(comment)


def patch(state: State, call: Call) -> Reply:
    """Set the review state."""
    form, row = _managed(state, call)
    value = call.request.json().get("reviewState")
    notes = call.request.headers.get("x-action-notes")
    intake.review(state, form, row, value, call.actor, notes)
    shown = listed(row)
    return Reply.of_json({key: shown[key] for key in shown if key not in ("userAgent", "currentVersion")})


def post(state: State, call: Call) -> Reply:
    """Send a submission."""
    form = state.form(call.parts["project"], unquote(call.parts["form"]))
    may(call.actor, "manager")
    row = intake.create(state, form, call.request.body, {}, sender(call))
    shown = listed(row)
    return Reply.of_json({key: shown[key] for key in shown if key not in ("reviewState", "deletedAt")})


def put(state: State, call: Call) -> Reply:
    """Edit a submission."""
    form, row = _managed(state, call)
    head = intake.read_head(call.request.body)
    if head.form_id != form.xml_id:
        raise unexpected("form id", head.form_id, "did not match the form ID in the URL")
    if not head.deprecated_id:
        message = (
            "This PUT endpoint expects a deprecatedID metadata tag pointing at the current version "
            "instanceID. I cannot find that tag in your request."
        )
        raise Problem(400.19, message)
    if head.deprecated_id != row.current.instance_id:
        raise intake.stale(head.deprecated_id)
    return Reply.of_json(listed(intake.revise(state, form, call.request.body, {}, sender(call))))


def delete(state: State, call: Call) -> Reply:
    """Delete a submission softly."""
    form, row = _managed(state, call)
    intake.delete(state, form, row, call.actor)
    return Reply.of_json(_DONE)


def restore(state: State, call: Call) -> Reply:
    """Restore a deleted submission."""
    form = managed(state, call)
    row = form.by_key.get(unquote(call.parts["key"]))
    if row is None or not row.deleted_at:
        raise not_found()
    intake.restore(state, form, row, call.actor)
    return Reply.of_json(_DONE)


# -- audits


def audits(state: State, call: Call) -> Reply:
    """Give the server's audit log, newest first: a server-wide right.

    Raises:
        Problem: 403.1 for all but an admin, 500 for a start that is no date.
    """
    may(call.actor)
    rows = [row for row in reversed(state.audits) if _of_action(row["action"], call.request.param("action"))]
    for name, keep in (("start", "__ge__"), ("end", "__le__")):
        if text := call.request.param(name):
            limit = moment(as_time(text)) or ""
            rows = [row for row in rows if getattr(row["loggedAt"], keep)(limit)]
    offset, limit_text = int(call.request.param("offset") or 0), call.request.param("limit")
    rows = rows[offset : offset + int(limit_text)] if limit_text else rows[offset:]
    shown = [_with_actor(state, row, extended=call.extended) for row in rows]
    return Reply.of_json([_with_actee(state, row) for row in shown] if call.extended else shown)


def _of_action(action: str, wanted: str) -> bool:
    nonverbose = ("backup", "submission.create")
    if not wanted:
        return True
    if wanted == "nonverbose":
        return action not in nonverbose
    return action == wanted or ("." not in wanted and action.startswith(f"{wanted}."))


def _with_actor(state: State, row: dict[str, Any], *, extended: bool) -> dict[str, Any]:
    if not extended or row["actorId"] is None:
        return row
    actor = next(actor for actor in state.people.actors if actor.number == row["actorId"])
    return {**row, "actor": actor.listed()}


def _with_actee(state: State, row: dict[str, Any]) -> dict[str, Any]:
    for project in state.projects.values():
        for form in project.forms.values():
            if form.actee_id == row["acteeId"]:
                return {**row, "actee": listed_form(form)}
    return row


def submission_audits(state: State, call: Call) -> Reply:
    """Give the log of one submission, entity errors included."""
    _, row = _found(state, call)
    mine = [each for each in reversed(state.audits) if _concerns(each, row)]
    return Reply.of_json([_with_actor(state, each, extended=call.extended) for each in mine])


def _concerns(audit: dict[str, Any], row: Submission) -> bool:
    details = audit["details"] or {}
    return bool(details.get("submissionId") == row.number or details.get("instanceId") == row.key)


def geojson(state: State, call: Call) -> Reply:
    """Give every geopoint, geotrace and geoshape at the root of the form."""
    form = read_form(state, call)
    rows = selection(form, call.request.param("$filter"))
    nodes = [node for node in form.current.schema.root.children.values() if node.kind.startswith("geo")]
    features = []
    for row in rows:
        root = read_instance(row.current.xml)
        for node in nodes:
            geometry = json_value(node.kind, None if root is None else root.findtext(node.name))
            if geometry:
                shape = {"type": geometry["type"], "coordinates": geometry["coordinates"]}
                place = {"properties": {"fieldpath": node.path}}
                features.append({"type": "Feature", "id": row.key, "geometry": shape, **place})
    return Reply.of_json({"type": "FeatureCollection", "features": features}, ETag=event_tag(rows))
