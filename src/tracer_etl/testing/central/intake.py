"""Everything that changes a submission, and what ODK Central refuses."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.central.answers import Problem, not_found, unexpected
from tracer_etl.testing.central.render import children, read_instance
from tracer_etl.testing.central.state import Submission, Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.etree import _Element

    from tracer_etl.testing.central.people import Actor
    from tracer_etl.testing.central.state import Form, State

REVIEW_STATES = ("hasIssues", "edited", "rejected", "approved")
Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Head:
    """What the server reads of a submission at once."""

    form_id: str
    version: str
    instance_id: str
    name: str | None
    deprecated_id: str
    encrypted: bool
    root: _Element | None


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, from which device, with which program."""

    actor: Actor
    device: str | None = None
    agent: str | None = None


def read_head(xml: bytes) -> Head:
    """Read form, version and identities.

    Raises:
        Problem: 400.2 when no form is named.
    """
    root = read_instance(xml)
    form_id = "" if root is None else root.get("id") or ""
    if root is None or not form_id:
        details = {"field": "form ID xml attribute"}
        raise Problem(400.2, "Required parameter form ID xml attribute missing.", details)
    meta = children(children(root).get("meta", [None])[0])
    texts = {name: (found[0].text or "").strip() for name, found in meta.items()}
    sealed = root.get("encrypted") == "yes"
    instance_id = texts.get("instanceID") or root.get("instanceID") or ""
    return Head(
        form_id,
        root.get("version") or "",
        instance_id,
        texts.get("instanceName") or None,
        texts.get("deprecatedID", ""),
        sealed,
        root,
    )


def expected_files(form: Form, head: Head) -> list[str]:
    """List the files a submission mentions, in its order."""
    if head.root is None:
        return []
    if head.encrypted:
        wanted = ("file", "encryptedXmlFile")
        nodes = [node for node in head.root.iter() if str(node.tag).rpartition("}")[2] in wanted]
        return [node.text.strip() for node in nodes if node.text]
    binaries = form.edition(head.version).schema.binaries
    return list(dict.fromkeys(_named(head.root, "", binaries)))


def _named(element: _Element, path: str, binaries: frozenset[str]) -> list[str]:
    found = []
    for name, nodes in children(element).items():
        here = f"{path}/{name}"
        for node in nodes:
            if here in binaries:
                found += [node.text.strip()] if node.text and node.text.strip() else []
            elif len(node):
                found += _named(node, here, binaries)
    return found


def make(state: State, form: Form, head: Head, xml: bytes, sender: Sender) -> Version:
    """Make a version of what was sent; no file has come yet.

    Raises:
        Problem: 404.6 for a version of the form that does not exist.
    """
    if not any(edition.version == head.version for edition in form.editions):
        message = f"The form version specified in this submission '{head.version}' does not exist."
        raise Problem(404.6, message, {"formVersion": head.version})
    return Version(
        next(state.version_numbers),
        xml,
        head.instance_id or str(uuid.uuid4()),
        head.name,
        head.version,
        sender.actor,
        state.tick(),
        sender.device,
        sender.agent,
        dict.fromkeys(expected_files(form, head)),
        head.encrypted,
    )


def create(state: State, form: Form, xml: bytes, files: Files, sender: Sender) -> Submission:
    """Take a new submission over REST.

    Raises:
        Problem: 400.8 another form's, 404.6 unknown version, 409.3 the id exists.
    """
    submission = draw_up(state, form, xml, files, sender)
    admit(state, form, submission)
    return submission


def draw_up(state: State, form: Form, xml: bytes, files: Files, sender: Sender) -> Submission:
    """Make a submission that nobody sees yet.

    Raises:
        Problem: as `create`.
    """
    head = read_head(xml)
    if head.form_id != form.xml_id:
        raise unexpected("form id", head.form_id, "did not match the form ID in the URL")
    if head.instance_id in form.by_instance:
        raise duplicate(form, head.instance_id)
    version = make(state, form, head, xml, sender)
    _fill(version, files)
    return Submission(version.instance_id, next(state.numbers), [version])


def duplicate(form: Form, instance_id: str) -> Problem:
    """Refuse an id that exists, in PostgreSQL's words."""
    values = [str(form.number), instance_id, "f"]
    message = f"A resource already exists with formId,instanceId,draft value(s) of {','.join(values)}."
    details = {"fields": ["formId", "instanceId", "draft"], "values": values, "table": "submissions"}
    return Problem(409.3, message, details)


def admit(state: State, form: Form, submission: Submission) -> None:
    """Let a submission become visible."""
    submission.event = next(state.events)
    form.insert(submission)
    first = submission.first
    state.log(first.submitter, "submission.create", form.actee_id, _details(submission, first))
    state.feed_entities(form, submission, first)


def revise(state: State, form: Form, xml: bytes, files: Files, sender: Sender) -> Submission:
    """Take an edit: XML with a new instanceID and the current one as deprecatedID.

    Raises:
        Problem: 404.5 nothing to edit, 409.9 not the current version, 409.8 the id exists.
    """
    head = read_head(xml)
    submission = _edited(form, head)
    version = make(state, form, head, xml, sender)
    kept = submission.current.files
    version.files = {name: kept.get(name) for name in version.files}
    _fill(version, files)
    submission.versions.append(version)
    submission.updated_at, submission.review_state = version.created_at, "edited"
    submission.event = next(state.events)
    form.by_instance[version.instance_id] = submission
    form.touch(submission)
    state.log(sender.actor, "submission.update.version", form.actee_id, _details(submission, version))
    state.feed_entities(form, submission, version)
    return submission


def _edited(form: Form, head: Head) -> Submission:
    submission = form.by_instance.get(head.deprecated_id)
    if submission is None or submission.deleted_at:
        message = (
            "You tried to update an existing submission, but we can't find that submission to update "
            f"({head.deprecated_id})"
        )
        raise Problem(404.5, message, {"deprecatedId": head.deprecated_id})
    if submission.current.instance_id != head.deprecated_id:
        raise stale(head.deprecated_id)
    if head.instance_id in form.by_instance:
        message = (
            "You tried to update a submission, but the instanceID you provided already exists on this "
            "server. Please try again with a unique instanceID."
        )
        raise Problem(409.8, message)
    return submission


def _details(submission: Submission, version: Version) -> dict[str, Any]:
    return {
        "instanceId": submission.key,
        "submissionId": submission.number,
        "submissionDefId": version.number,
    }


def stale(deprecated_id: str) -> Problem:
    """Refuse an edit of a version that is no longer the current one."""
    message = (
        f"You tried to update a submission, but the copy you were editing ({deprecated_id}) is now out of "
        "date. Please get the new version that has been submitted, and make your edits again."
    )
    return Problem(409.9, message, {"deprecatedId": deprecated_id})


def from_device(state: State, form: Form, xml: bytes, files: Files, sender: Sender) -> Submission:
    """Take what Collect sends: a new submission, the same again with more files, or an edit.

    Raises:
        Problem: 409.x for a closed form, another XML under the same id, a deleted submission.
    """
    head = read_head(xml)
    if form.state == "closed":
        message = (
            "This form is not currently accepting submissions. "
            "Please talk to your program staff if this is unexpected."
        )
        raise Problem(409.2, message)
    known = form.by_instance.get(head.instance_id) if head.instance_id else None
    if known is None:
        take = revise if head.deprecated_id else create
        return take(state, form, xml, files, sender)
    if known.deleted_at:
        raise Problem(409.18, "This submission has been deleted. You may not resubmit it.")
    version = next(version for version in known.versions if version.instance_id == head.instance_id)
    if version.xml != xml:
        message = (
            "A submission already exists with this ID, but with different XML. Resubmissions to attach "
            "additional multimedia must resubmit an identical xml_submission_file."
        )
        raise Problem(409.1, message)
    for name, content in files.items():
        if name in version.files:
            store(state, form, known, version, name, content, sender.actor)
    return known


def store(
    state: State, form: Form, submission: Submission, version: Version, name: str, content: bytes | None,
    actor: Actor | None,
) -> None:  # fmt: skip
    """Put a file in its place, or clear it (None): no event, so that the entity tag stays.

    Raises:
        Problem: 404.1 for a name the XML does not mention.
    """
    if name not in version.files:
        raise not_found()
    old, version.files[name] = version.files[name], content
    state.tick()
    form.touch(submission)
    blobs = {"oldBlobId": state.blob(old), "newBlobId": state.blob(content)}
    details = {
        "name": name,
        **{kind: number for kind, number in blobs.items() if number},
        "instanceId": submission.key,
        "submissionDefId": version.number,
    }
    state.log(actor, "submission.attachment.update", form.actee_id, details)


def review(
    state: State, form: Form, submission: Submission, value: str | None, actor: Actor | None,
    notes: str | None = None,
) -> None:  # fmt: skip
    """Set the review state; the same state again counts as a change, and null is the way back to received.

    Raises:
        Problem: 400.8 for a word that is none.
    """
    if value is not None and value not in REVIEW_STATES:
        raise unexpected("state", str(value), "not a recognized state name")
    submission.review_state, submission.updated_at = value, state.tick()
    _event(state, form, submission)
    details = {
        "reviewState": value,
        "submissionId": submission.number,
        "submissionDefId": submission.current.number,
    }
    state.log(actor, "submission.update", form.actee_id, details, notes)


def delete(state: State, form: Form, submission: Submission, actor: Actor | None) -> None:
    """Delete softly: only deletedAt changes."""
    submission.deleted_at = state.tick()
    _event(state, form, submission)
    details = {"submissionId": submission.number, "instanceId": submission.key}
    state.log(actor, "submission.delete", form.actee_id, details)


def restore(state: State, form: Form, submission: Submission, actor: Actor | None) -> None:
    """Undo a deletion: updatedAt stays as it was."""
    submission.deleted_at = None
    state.tick()
    _event(state, form, submission)
    details = {"submissionId": submission.number, "instanceId": submission.key}
    state.log(actor, "submission.restore", form.actee_id, details)


def purge(state: State, form: Form, submission: Submission) -> None:
    """Remove a deleted submission for good, as Central does after 30 days."""
    state.tick()
    form.rows.remove(submission)
    del form.by_key[submission.key]
    for version in submission.versions:
        form.by_instance.pop(version.instance_id, None)
    form.serial += 1
    state.log(None, "submission.purge", None, {"submissionsDeleted": 1})


def _event(state: State, form: Form, submission: Submission) -> None:
    submission.event = next(state.events)
    form.touch(submission)


def _fill(version: Version, files: Mapping[str, bytes]) -> None:
    version.files.update({name: content for name, content in files.items() if name in version.files})
