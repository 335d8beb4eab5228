"""What changes entities: submissions with an entity block, and the API."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
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


def invalid(reason: str) -> Problem:
    """Refuse an entity."""
    return Problem(400.28, f"The entity is invalid. {reason}", {"reason": reason})


# -- from submissions


@dataclass(frozen=True, slots=True)
class Block:
    """The entity block of one submission: its attributes, label, and the values saved to properties."""

    said: dict[str, str]
    label: str
    data: dict[str, str]

    @property
    def key(self) -> str:
        """Give the entity's uuid.

        Raises:
            Problem: 400.11 when it is none.
        """
        key = self.said.get("id", "").lower().removeprefix("uuid:")
        if not _UUID.fullmatch(key):
            raise not_a_uuid()
        return key

    def wants(self, action: str) -> bool:
        """Tell whether create or update is asked for."""
        return self.said.get(action, "").lower() in ("1", "true")

    def base(self, entity: Entity) -> int:
        """Give the version an update was made on; without one the current version."""
        text = self.said.get("baseVersion", "")
        return int(text) if text.isdigit() else entity.current.number


def not_a_uuid() -> Problem:
    """Refuse a uuid that is none."""
    message = "Invalid input data type: expected (uuid) to be (valid version 4 UUID)"
    return Problem(400.11, message, {"field": "uuid", "expected": "valid version 4 UUID"})


def process(state: State, form: Form, submission: Submission, version: Version) -> None:
    """Do what Central's workers do after a submission; a failure shows only in its audits."""
    schema = form.edition(version.form_version).schema
    block = None if version.encrypted or not schema.entity else read_block(version.xml, schema)
    if block is None:
        return
    try:
        _apply(state, form, submission, version, block)
    except Problem as problem:
        details = {
            "problem": {"problemCode": problem.code, "problemDetails": problem.details},
            "errorMessage": problem.message,
            "submissionId": submission.number,
            "submissionDefId": version.number,
        }
        state.tick()
        state.log(version.submitter, "entity.error", None, details)


def read_block(xml: bytes, schema: Schema) -> Block | None:
    """Read the entity block of a submission."""
    root = read_instance(xml)
    meta = children(root).get("meta", [None])[0]
    block = children(meta).get("entity", [None])[0]
    if block is None:
        return None
    said = {str(name).rpartition("}")[2]: str(value) for name, value in block.attrib.items()}
    label = children(block).get("label", [None])[0]
    return Block(said, "" if label is None else label.text or "", _saved(root, schema))


def _saved(root: _Element | None, schema: Schema) -> dict[str, str]:
    data = {}
    for node in schema.fields:
        if node.save_to:
            element = root
            for step in node.path.split("/")[1:]:
                element = children(element).get(step, [None])[-1]
            if element is not None:
                data[node.save_to] = element.text or ""
    return data


def _apply(state: State, form: Form, submission: Submission, version: Version, block: Block) -> None:
    name = block.said.get("dataset", "")
    dataset = state.projects[form.project].datasets.get(name)
    if dataset is None:
        message = f"The dataset ({name}) specified in the submission does not exist."
        raise Problem(404.7, message, {"datasetName": name})
    key = block.key
    if block.wants("update") and (key in dataset.entities or not block.wants("create")):
        entity, action = _update(state, dataset, key, block, version), "entity.update.version"
    elif block.wants("create"):
        if key in dataset.entities and len(submission.versions) > 1:
            return  # an edit of the submission that made it
        made = (block.label, block.data, version.submitter, version.agent)
        entity, action = create(state, dataset, key, *made), "entity.create"
    else:
        return
    details = {
        "entity": {"uuid": key, "dataset": dataset.name},
        "entityId": entity.number,
        "entityDefId": entity.current.number,
        "submissionId": submission.number,
        "submissionDefId": version.number,
    }
    state.log(version.submitter, action, dataset.actee_id, details)


def _update(state: State, dataset: Dataset, key: str, block: Block, version: Version) -> Entity:
    entity = dataset.entities.get(key)
    if entity is None:
        message = (
            f"The entity with UUID ({key}) specified in the submission does not exist in the dataset "
            f"({dataset.name})."
        )
        raise Problem(404.8, message, {"entityUuid": key, "datasetName": dataset.name})
    if entity.deleted_at:
        message = f"The entity with UUID ({key}) has been deleted."
        raise Problem(404.11, message, {"entityUuid": key})
    if block.said.get("trunkVersion") and not block.said.get("branchId"):
        raise Problem(400.2, "Required parameter branchId missing.", {"field": "branchId"})
    base = block.base(entity)
    if not 1 <= base <= len(entity.versions):
        message = f"Base version ({base}) does not exist for entity UUID ({key}) in dataset ({dataset.name})."
        details = {"baseVersion": base, "entityUuid": key, "datasetName": dataset.name}
        raise Problem(404.9, message, details)
    return revise(state, entity, block.label, block.data, base, version.submitter, version.agent)


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
    clashing = None if base == current.number else _clashing(current.data, before.data, data)
    hard = bool(clashing) or entity.conflict == "hard"
    conflict = entity.conflict if clashing is None else "hard" if hard else "soft"
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


def _clashing(now: dict[str, str], before: dict[str, str], sent: dict[str, str]) -> list[str]:
    changed = {name for name, value in now.items() if value != before.get(name)}
    return sorted(name for name, value in sent.items() if name in changed and now[name] != value)


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
        raise not_a_uuid()
    label = given.get("label")
    if label is not None and not isinstance(label, str):
        message = "Invalid input data type: expected (label) to be (string)"
        raise Problem(400.11, message, {"field": "label", "expected": "string"})
    entity = create(state, dataset, key, label or "", data, actor, agent)
    details = {"entity": {"uuid": key, "dataset": dataset.name}, "entityId": entity.number}
    state.log(actor, "entity.create", dataset.actee_id, details)
    return entity
