"""What changes entities: submissions with an entity block, and the API."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.central.answers import Problem
from tracer_etl.testing.central.datasets import Dataset, Entity, EntityVersion
from tracer_etl.testing.central.render import children, read_instance

if TYPE_CHECKING:
    from lxml.etree import _Element

    from tracer_etl.testing.central.people import Actor
    from tracer_etl.testing.central.schema import Schema
    from tracer_etl.testing.central.state import Form, State, Submission, Version

_UUID = re.compile(r"(?:uuid:)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_TRUE = ("1", "true")


def invalid(reason: str) -> Problem:
    """Refuse an entity."""
    return Problem(400.28, f"The entity is invalid. {reason}", {"reason": reason})


# -- from submissions


def process(state: State, form: Form, submission: Submission, version: Version) -> None:
    """Do what Central's workers do after a submission; a failure shows only in its audits."""
    schema = form.edition(version.form_version).schema
    root = None if version.encrypted else read_instance(version.xml)
    block = _block(root)
    if block is None or not schema.entity:
        return
    said = {str(name).rpartition("}")[2]: str(value) for name, value in block.attrib.items()}
    try:
        _apply(state, form, submission, version, (said, block, _saved(root, schema)))
    except Problem as problem:
        details = {
            "problem": {"problemCode": problem.code, "problemDetails": problem.details},
            "errorMessage": problem.message,
            "submissionId": submission.number,
            "submissionDefId": version.number,
        }
        state.tick()
        state.log(version.submitter, "entity.error", None, details)


def _block(root: _Element | None) -> _Element | None:
    meta = children(root).get("meta", [None])[0]
    return children(meta).get("entity", [None])[0]


def _saved(root: _Element | None, schema: Schema) -> dict[str, str]:
    data = {}
    for node in schema.fields:
        if node.save_to and root is not None:
            element: _Element | None = root
            for step in node.path.split("/")[1:]:
                element = children(element).get(step, [None])[-1]
            if element is not None:
                data[node.save_to] = element.text or ""
    return data


def _apply(
    state: State,
    form: Form,
    submission: Submission,
    version: Version,
    sent: tuple[dict[str, str], _Element, dict[str, str]],
) -> None:
    said, block, data = sent
    dataset = state.projects[form.project].datasets.get(said.get("dataset", ""))
    if dataset is None:
        name = said.get("dataset", "")
        raise Problem(
            404.7, f"The dataset ({name}) specified in the submission does not exist.", {"datasetName": name}
        )
    key = said.get("id", "").lower().removeprefix("uuid:")
    if not _UUID.fullmatch(key):
        raise Problem(
            400.8, "Invalid input data type: expected (uuid) to be (valid version 4 UUID)", {"field": "uuid"}
        )
    label = children(block).get("label", [None])[0]
    text = "" if label is None else label.text or ""
    wants_update = said.get("update", "").lower() in _TRUE
    if wants_update and (key in dataset.entities or said.get("create", "").lower() not in _TRUE):
        entity = _update(state, dataset, key, said, (text, data), version)
        action = "entity.update.version"
    elif said.get("create", "").lower() in _TRUE:
        if key in dataset.entities and len(submission.versions) > 1:
            return  # an edit of the submission that made it
        entity = create(state, dataset, key, text, data, version.submitter, version.agent)
        action = "entity.create"
    else:
        return
    submission.entity = key
    details = {
        "entity": {"uuid": key, "dataset": dataset.name},
        "entityId": entity.number,
        "entityDefId": entity.current.number,
        "submissionId": submission.number,
        "submissionDefId": version.number,
    }
    state.log(version.submitter, action, dataset.actee_id, details)


def _update(
    state: State,
    dataset: Dataset,
    key: str,
    said: dict[str, str],
    sent: tuple[str, dict[str, str]],
    version: Version,
) -> Entity:
    entity = dataset.entities.get(key)
    if entity and entity.deleted_at:
        message = f"The entity with UUID ({key}) has been deleted."
        raise Problem(404.11, message, {"entityUuid": key})
    if entity is None:
        message = (
            f"The entity with UUID ({key}) specified in the submission does not exist in the dataset "
            f"({dataset.name})."
        )
        raise Problem(404.8, message, {"entityUuid": key, "datasetName": dataset.name})
    if said.get("trunkVersion") and not said.get("branchId"):
        raise Problem(400.2, "Required parameter branchId missing.", {"field": "branchId"})
    base = int(said["baseVersion"]) if said.get("baseVersion", "").isdigit() else entity.current.number
    if not 1 <= base <= len(entity.versions):
        message = f"Base version ({base}) does not exist for entity UUID ({key}) in dataset ({dataset.name})."
        details = {"baseVersion": base, "entityUuid": key, "datasetName": dataset.name}
        raise Problem(404.9, message, details)
    label, data = sent
    return revise(state, entity, label, data, base, version.submitter, version.agent)


# -- the changes themselves


def create(
    state: State,
    dataset: Dataset,
    key: str,
    label: str,
    data: dict[str, str],
    actor: Actor,
    agent: str | None,
) -> Entity:
    """Make an entity.

    Raises:
        Problem: 400.2 without a label, 409.3 when the uuid exists, 409.19 when it was deleted.
    """
    if not label.strip():
        raise Problem(400.2, "Required parameter label missing.", {"field": "label"})
    if key in dataset.entities and dataset.entities[key].deleted_at:
        message = (
            "The following UUID(s) cannot be used because they are associated with deleted Entities: "
            f"({key})."
        )
        raise Problem(409.19, message, {"entityUuids": [key]})
    if key in dataset.entities:
        details = {"fields": ["uuid"], "values": [key], "table": "entities"}
        raise Problem(409.3, f"A resource already exists with uuid value(s) of {key}.", details)
    received = {**data, "label": label}
    version = EntityVersion(1, label, dict(data), received, actor, state.tick(), agent)
    entity = Entity(key, next(state.entity_numbers), [version])
    dataset.entities[key] = entity
    return entity


def revise(
    state: State,
    entity: Entity,
    label: str,
    data: dict[str, str],
    base: int,
    actor: Actor,
    agent: str | None,
) -> Entity:
    """Give an entity a further version; a base that is not the current one makes a conflict.

    The conflict is hard when both sides changed a property to different values, soft otherwise.
    """
    current, before = entity.current, entity.versions[base - 1]
    received = {**data, **({"label": label} if label else {})}
    conflict, clashing = entity.conflict, None
    if base != current.number:
        clashing = sorted(
            name
            for name, value in data.items()
            if current.data.get(name) != before.data.get(name) and current.data.get(name) != value
        )
        conflict = "hard" if clashing or entity.conflict == "hard" else "soft"
    version = EntityVersion(
        current.number + 1,
        label or current.label,
        {**current.data, **data},
        received,
        actor,
        state.tick(),
        agent,
        base,
        conflict if base != current.number else None,
        clashing,
    )
    entity.versions.append(version)
    entity.updated_at, entity.conflict = version.created_at, conflict
    return entity


def checked(dataset: Dataset, given: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Check the data of an API call.

    Raises:
        Problem: 400.11 for a value that is no string, 400.28 for a property that does not exist.
    """
    data = given if isinstance(given, dict) else {}
    for name, value in data.items():
        if name not in dataset.properties:
            raise invalid(f"You specified the dataset property [{name}] which does not exist.")
        if not isinstance(value, str):
            message = f"Invalid input data type: expected ({name}) to be (string)"
            raise Problem(400.11, message, {"field": name, "expected": "string"})
    return data


def add(state: State, dataset: Dataset, given: dict[str, Any], actor: Actor, agent: str | None) -> Entity:
    """Make an entity of an API call.

    Raises:
        Problem: 400.11, 400.2, 400.28, 409.3.
    """
    data = checked(dataset, given.get("data") or {})
    key = str(given.get("uuid") or uuid.uuid4()).lower()
    if not _UUID.fullmatch(key):
        message = "Invalid input data type: expected (uuid) to be (valid version 4 UUID)"
        raise Problem(400.11, message, {"field": "uuid", "expected": "valid version 4 UUID"})
    label = given.get("label")
    if label is not None and not isinstance(label, str):
        message = "Invalid input data type: expected (label) to be (string)"
        raise Problem(400.11, message, {"field": "label", "expected": "string"})
    entity = create(state, dataset, key, label or "", data, actor, agent)
    details = {"entity": {"uuid": key, "dataset": dataset.name}, "entityId": entity.number}
    state.log(actor, "entity.create", dataset.actee_id, details)
    return entity
