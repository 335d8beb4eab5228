"""Forms over REST: upload, draft, publish, versions, fields, files that travel with them."""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tracer_etl.errors import FormError
from tracer_etl.form import read_form
from tracer_etl.testing.central.answers import Problem, forbidden, moment, not_found, text_reply
from tracer_etl.testing.central.people import may
from tracer_etl.testing.central.schema import read_schema
from tracer_etl.testing.central.state import Attachment, Edition, Form
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.people import Actor
    from tracer_etl.testing.central.schema import Schema
    from tracer_etl.testing.central.state import Project, State

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_DONE = {"success": True}


# -- rights and lookup


def reachable(state: State, call: Call) -> Form:
    """Find a form for someone who may read it; an app user only if the form is assigned.

    Raises:
        Problem: 401.2, 403.1, 404.1.
    """
    form = state.form(call.parts["project"], unquote(call.parts["form"]))
    if call.actor is not None and call.actor.device:
        if call.actor.number not in form.assigned:
            raise forbidden()
        return form
    may(call.actor, "viewer", "manager")
    return form


def managed(state: State, call: Call) -> Form:
    """Find a form for someone who may change it.

    Raises:
        Problem: 401.2, 403.1, 404.1.
    """
    form = state.form(call.parts["project"], unquote(call.parts["form"]))
    may(call.actor, "manager")
    return form


# -- what a form looks like


def listed(form: Form, edition: Edition | None = None) -> dict[str, Any]:
    """Give the JSON of a form in one of its versions."""
    shown = edition or form.current
    return {
        "projectId": form.project,
        "xmlFormId": form.xml_id,
        "state": form.state,
        "enketoId": None,
        "enketoOnceId": None,
        "createdAt": moment(form.created_at),
        "updatedAt": moment(form.updated_at),
        "webformsEnabled": True,
        "keyId": None,
        "version": shown.version,
        **hashes(shown.xform),
        "draftToken": shown.draft_token,
        "publishedAt": moment(shown.published_at),
        "name": shown.schema.title or form.xml_id,
    }


def hashes(xform: bytes) -> dict[str, str]:
    """Give the three digests Central shows of a form."""
    return {
        "hash": hashlib.md5(xform).hexdigest(),  # noqa: S324 - as OpenRosa does
        "sha": hashlib.sha1(xform).hexdigest(),  # noqa: S324 - as Central does
        "sha256": hashlib.sha256(xform).hexdigest(),
    }


def extended(form: Form) -> dict[str, Any]:
    """Give what X-Extended-Metadata adds."""
    live = [row for row in form.rows if not row.deleted_at]
    states = [row.review_state for row in live]
    return {
        "submissions": len(live),
        "entityRelated": form.current.schema.entity is not None,
        "reviewStates": {
            "received": states.count(None),
            "hasIssues": states.count("hasIssues"),
            "edited": states.count("edited"),
        },
        "lastSubmission": moment(live[0].first.created_at) if live else None,
        "excelContentType": EXCEL if form.current.excel else None,
        "publicLinks": 0,
        "createdBy": form.creator.listed(),
    }


def _json(form: Form, call: Call, edition: Edition | None = None) -> dict[str, Any]:
    more = {**extended(form), "publishNotes": None} if call.extended else {}
    return {**listed(form, edition), **more}


def list_forms(state: State, call: Call) -> Reply:
    """List the published forms of a project."""
    project = state.project(call.parts["project"])
    may(call.actor, "viewer", "manager")
    return Reply.of_json([_json(form, call) for form in project.forms.values() if form.editions])


def get_form(state: State, call: Call) -> Reply:
    """Give the published version, which a form that was never published has not."""
    form = reachable(state, call)
    if not form.editions:
        raise not_found()
    return Reply.of_json(_json(form, call))


def edition_of(state: State, call: Call) -> tuple[Form, Edition]:
    """Find the form version of a path: draft, versions/{v}, or the published one.

    Raises:
        Problem: 404.1 among others.
    """
    if call.parts.get("draft"):
        form = managed(state, call)
        if form.draft is None:
            raise not_found()
        return form, form.draft
    form = reachable(state, call)
    if (version := call.parts.get("version")) is not None:
        name = unquote(version)
        return form, form.edition("" if name == "___" else name)
    return form, form.current


def get_edition(state: State, call: Call) -> Reply:
    """Give the draft or a published version."""
    form, edition = edition_of(state, call)
    return Reply.of_json(_json(form, call, edition))


def list_versions(state: State, call: Call) -> Reply:
    """List the published versions, newest first."""
    form = reachable(state, call)
    who = {"publishedBy": form.creator.listed(), "excelContentType": EXCEL} if call.extended else {}
    return Reply.of_json([{**listed(form, edition), **who} for edition in reversed(form.editions)])


def get_xml(state: State, call: Call) -> Reply:
    """Give the XForm."""
    _, edition = edition_of(state, call)
    return text_reply(edition.xform, "application/xml")


def get_fields(state: State, call: Call) -> Reply:
    """List the fields of a version."""
    _, edition = edition_of(state, call)
    odata = call.flag("odata")
    return Reply.of_json([node.listed(odata=odata) for node in edition.schema.fields])


# -- upload and publish


def compile_upload(call: Call) -> tuple[bytes, bool]:
    """Turn an uploaded workbook or XForm into the XForm.

    Raises:
        Problem: 400.15 for a workbook that does not compile, 400.16 for warnings.
    """
    excel = (
        "xml" not in call.request.headers.get("content-type", "").partition(";")[0].rpartition("/")[2][-3:]
    )
    with tempfile.TemporaryDirectory() as folder:
        fallback = call.request.headers.get("x-xlsform-formid-fallback", "form")
        name = unquote(fallback).replace("/", "_")
        source = Path(folder) / f"{name}{'.xlsx' if excel else '.xml'}"
        source.write_bytes(call.request.body)
        try:
            form = read_form(source)
        except FormError as error:
            message = (
                "The given XLSForm file was not valid. Please see the error details for more information."
            )
            raise Problem(400.15, message, {"error": error.what, "warnings": []}) from error
    if form.warnings and not call.flag("ignoreWarnings"):
        message = (
            "The Form is valid, but with warnings. Please check the warnings and if they are acceptable "
            "resubmit with ?ignoreWarnings=true"
        )
        raise Problem(400.16, message, {"warnings": {"xlsFormWarnings": list(form.warnings)}})
    return form.xform.encode(), excel


def make_edition(state: State, form: Form | None, project: Project, xform: bytes, *, excel: bool) -> Edition:
    """Make a draft of an XForm; its files begin with those of the version before.

    Raises:
        Problem: 400.17 when a field changes to a type that cannot hold the old values.
    """
    schema = read_schema(xform)
    if form:
        for edition in form.editions:
            _check_types(edition.schema, schema)
    before = form.editions[-1].media if form and form.editions else {}
    media = {}
    for kind, name in schema.media:
        old = before.get(name)
        dataset = name.removesuffix(".csv") if kind == "file" else ""
        media[name] = Attachment(
            name,
            kind,
            old.content if old else None,
            dataset if dataset in project.datasets else "",
            old.updated_at if old else None,
        )
    edition = Edition(xform, schema, state.tick(), media, excel, schema.version)
    edition.draft_token = secrets.token_urlsafe(48)[:64]
    return edition


def _check_types(old: Schema, new: Schema) -> None:
    before = {node.path: node.kind for node in old.fields}
    for node in new.fields:
        kind = before.get(node.path, node.kind)
        structural = "structure" in (kind, node.kind) or "repeat" in (kind, node.kind)
        if kind != node.kind and (structural or node.kind != "string"):
            message = (
                f"The form you have uploaded attempts to change the type of the field at {node.path}. In a "
                f"previous version, it had the type {kind}. Please either return that field to its previous "
                "type, or rename the field so it lives at a new path."
            )
            raise Problem(400.17, message, {"path": node.path, "type": kind})


def add_form(state: State, project: Project, xform: bytes, actor: Actor, *, excel: bool) -> Form:
    """Add a form that has only a draft.

    Raises:
        Problem: 409.3 when the project has a form of that id.
    """
    draft = make_edition(state, None, project, xform, excel=excel)
    xml_id = draft.schema.form_id
    if xml_id in project.forms:
        values = [str(project.number), xml_id]
        message = f"A resource already exists with projectId,xmlFormId value(s) of {','.join(values)}."
        details = {"fields": ["projectId", "xmlFormId"], "values": values, "table": "forms"}
        raise Problem(409.3, message, details)
    form = Form(project.number, xml_id, actor, draft.created_at, draft=draft, number=len(project.forms) + 1)
    project.forms[xml_id] = form
    state.log(actor, "form.create", form.actee_id, {"newActeeId": form.actee_id})
    return form


def publish(state: State, form: Form, actor: Actor, version: str = "") -> Edition:
    """Turn the draft into the current version.

    Raises:
        Problem: 404.1 without a draft, 409.6 when a published version has that name.
    """
    draft = form.draft
    if draft is None:
        raise not_found()
    if version:
        draft.xform = _with_version(draft.xform, draft.version, version)
        draft.version = draft.schema.version = version
    if any(edition.version == draft.version for edition in form.editions):
        message = (
            f"You tried to publish the form '{form.xml_id}' with version '{draft.version}', but a published "
            "form has already existed in this project with those identifiers."
        )
        raise Problem(409.6, message, {"xmlFormId": form.xml_id, "version": draft.version})
    first = not form.editions
    now = form.created_at if first else state.tick()
    draft.published_at, draft.draft_token = now, None
    form.updated_at = None if first else now
    form.editions.append(draft)
    form.draft = None
    form.serial += 1
    state.projects[form.project].publish_datasets(draft.schema, now)
    state.log(actor, "form.update.publish", form.actee_id, {"oldDefId": None, "newDefId": len(form.editions)})
    return draft


def _with_version(xform: bytes, old: str, new: str) -> bytes:
    given = f'version="{old}"'.encode()
    if old and given in xform:
        return xform.replace(given, f'version="{new}"'.encode(), 1)
    raise Problem(400.8, f"Unexpected version value {new}; the draft names no version", {"field": "version"})


def create_form(state: State, call: Call) -> Reply:
    """Upload a new form; ?publish=true publishes it at once."""
    project = state.project(call.parts["project"])
    actor = may(call.actor, "manager")
    xform, excel = compile_upload(call)
    form = add_form(state, project, xform, actor, excel=excel)
    if call.flag("publish"):
        publish(state, form, actor)
    return Reply.of_json(listed(form))


def put_draft(state: State, call: Call) -> Reply:
    """Upload a draft, or copy the published version when the body is empty."""
    form = managed(state, call)
    project = state.projects[form.project]
    current = form.current
    xform, excel = compile_upload(call) if call.request.body else (current.xform, current.excel)
    form.draft = make_edition(state, form, project, xform, excel=excel)
    return Reply.of_json(_DONE)


def delete_draft(state: State, call: Call) -> Reply:
    """Drop the draft."""
    form = managed(state, call)
    if form.draft is None:
        raise not_found()
    if not form.editions:
        message = (
            "Could not delete draft, because the form has not been published. Either delete the whole form, "
            "or replace the draft."
        )
        raise Problem(409.7, message)
    form.draft = None
    return Reply.of_json(_DONE)


def publish_draft(state: State, call: Call) -> Reply:
    """Publish the draft, under another version name with ?version=."""
    form = managed(state, call)
    publish(state, form, may(call.actor, "manager"), call.request.param("version"))
    return Reply.of_json(_DONE)


def patch_form(state: State, call: Call) -> Reply:
    """Open or close a form."""
    form = managed(state, call)
    value = call.request.json().get("state", form.state)
    if value not in ("open", "closing", "closed"):
        raise Problem(
            400.8, f"Unexpected state value {value}; not a recognized state name", {"field": "state"}
        )
    form.state, form.updated_at = value, state.tick()
    return Reply.of_json(listed(form))


def delete_form(state: State, call: Call) -> Reply:
    """Delete a form."""
    form = managed(state, call)
    del state.projects[form.project].forms[form.xml_id]
    state.log(call.actor, "form.delete", form.actee_id, None)
    return Reply.of_json(_DONE)
