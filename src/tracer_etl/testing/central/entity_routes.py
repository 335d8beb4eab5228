"""Datasets and entities over REST and OData."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tracer_etl.testing.central import edmx, entities
from tracer_etl.testing.central.answers import Problem, forbidden, moment, not_found, text_reply
from tracer_etl.testing.central.datasets import Dataset
from tracer_etl.testing.central.filters import Column, read_filter
from tracer_etl.testing.central.form_files import file_reply
from tracer_etl.testing.central.paging import Paging, context, next_link, page
from tracer_etl.testing.central.people import may
from tracer_etl.testing.central.render import as_json
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.datasets import Entity, EntityVersion
    from tracer_etl.testing.central.state import Project, State

_DONE = {"success": True}
_SYSTEM = "createdAt creatorId creatorName updates updatedAt deletedAt version conflict".split()
_COLUMNS: dict[str, Column] = {
    "__id": ("text", lambda entity: entity.key),
    "__system/createdAt": ("time", lambda entity: entity.created_at),
    "__system/updatedAt": ("time", lambda entity: entity.updated_at),
    "__system/deletedAt": ("time", lambda entity: entity.deleted_at),
    "__system/creatorId": ("integer", lambda entity: entity.versions[0].creator.number),
    "__system/conflict": ("text", lambda entity: entity.conflict),
}


def _project(state: State, call: Call, *, write: bool = False) -> Project:
    project = state.project(call.parts["project"])
    actor = may(call.actor, "manager") if write else may(call.actor, "manager", "viewer")
    if actor.device:
        raise forbidden()
    return project


def _dataset(state: State, call: Call, *, write: bool = False) -> Dataset:
    project = state.project(call.parts["project"])
    found = project.datasets.get(unquote(call.parts["dataset"]))
    if found is None:
        raise not_found()
    _project(state, call, write=write)
    return found


def _entity(state: State, call: Call, *, write: bool = False) -> tuple[Dataset, Entity]:
    dataset = _dataset(state, call, write=write)
    return dataset, dataset.live(unquote(call.parts["key"]))


# -- datasets


def list_datasets(state: State, call: Call) -> Reply:
    """List the datasets of a project."""
    project = _project(state, call)
    return Reply.of_json([{**each.listed(), **_counts(each, call)} for each in project.datasets.values()])


def _counts(dataset: Dataset, call: Call) -> dict[str, Any]:
    if not call.extended:
        return {}
    live = [entity for entity in dataset.entities.values() if not entity.deleted_at]
    updated = [entity.updated_at for entity in live if entity.updated_at]
    return {
        "entities": len(live),
        "lastEntity": moment(max((entity.created_at for entity in live), default=None)),
        "conflicts": sum(entity.conflict is not None for entity in live),
        "lastUpdate": moment(max(updated, default=None)),
    }


def get_dataset(state: State, call: Call) -> Reply:
    """Give one dataset with its forms and properties."""
    dataset = _dataset(state, call)
    forms = [form for form in state.projects[dataset.project].forms.values() if form.editions]
    linked = [form for form in forms if any(m.dataset == dataset.name for m in form.current.media.values())]
    source = [form for form in forms if (form.current.schema.entity or {}).get("dataset") == dataset.name]
    named = [{"name": form.current.schema.title, "xmlFormId": form.xml_id} for form in linked]
    sources = [{"name": form.current.schema.title, "xmlFormId": form.xml_id} for form in source]
    properties = [
        {
            "name": name,
            "publishedAt": moment(when),
            "odataName": name,
            "forms": [
                {"xmlFormId": form.xml_id, "name": form.current.schema.title}
                for form in source
                if any(node.save_to == name for node in form.current.schema.fields)
            ],
        }
        for name, when in dataset.properties.items()
    ]
    more = {"linkedForms": named, "sourceForms": sources, "draftLinkedForms": [], "draftSourceForms": []}
    return Reply.of_json({**dataset.listed(), **_counts(dataset, call), **more, "properties": properties})


def create_dataset(state: State, call: Call) -> Reply:
    """Make a dataset."""
    project = _project(state, call, write=True)
    name = call.request.json().get("name")
    if not name:
        raise Problem(400.2, "Required parameter name missing.", {"field": "name"})
    if name in project.datasets:
        values = [name, str(project.number)]
        message = f"A resource already exists with name,projectId value(s) of {','.join(values)}."
        raise Problem(
            409.3, message, {"fields": ["name", "projectId"], "values": values, "table": "datasets"}
        )
    dataset = project.datasets[name] = Dataset(project.number, name, state.tick())
    for form in project.forms.values():
        for item in form.current.media.values():
            if item.name == f"{name}.csv" and item.content is None:
                item.dataset = name
    state.log(call.actor, "dataset.create", dataset.actee_id, {"properties": []})
    return Reply.of_json({**dataset.listed(), "properties": []})


def create_property(state: State, call: Call) -> Reply:
    """Add a property to a dataset."""
    dataset = _dataset(state, call, write=True)
    name = call.request.json().get("name")
    if not name:
        raise Problem(400.2, "Required parameter name missing.", {"field": "name"})
    if name in dataset.properties:
        details = {"fields": ["name", "datasetId"], "values": [name, "1"], "table": "ds_properties"}
        raise Problem(409.3, f"A resource already exists with name,datasetId value(s) of {name},1.", details)
    dataset.properties[name] = state.tick()
    return Reply.of_json(_DONE)


# -- OData and CSV


def service(state: State, call: Call) -> Reply:
    """List the one table."""
    _dataset(state, call)
    tables = [{"name": "Entities", "kind": "EntitySet", "url": "Entities"}]
    head = {"@odata.context": context(state, call, "").removesuffix("#"), "value": tables}
    kind = "application/json; charset=utf-8; odata.metadata=minimal"
    return Reply(200, as_json(head), {"Content-Type": kind})


def metadata(state: State, call: Call) -> Reply:
    """Describe the table in EDMX."""
    dataset = _dataset(state, call)
    kind = {"Content-Type": "application/xml; charset=utf-8"}
    return Reply(200, edmx.of_entities(dataset.name, list(dataset.properties)), kind)


def odata(state: State, call: Call) -> Reply:
    """Answer Entities, newest first, without an entity tag."""
    dataset = _dataset(state, call)
    paging = Paging.of(call)
    rows = dataset.newest_first()
    every = False
    if text := call.request.param("$filter"):
        condition = read_filter(text, _COLUMNS)
        every = any(name.endswith("deletedAt") for name in condition.names)
        rows = [row for row in rows if condition.keeps(row)]
    rows = [row for row in rows if every or not row.deleted_at]
    start = _after(dataset, rows, paging.token)
    remaining = len(rows) - start
    begin = start + paging.skip
    shown = rows[begin:] if paging.top is None else rows[begin : begin + paging.top]
    names = _selected(dataset, call.request.param("$select"))
    footer: dict[str, Any] = {"@odata.context": context(state, call, "Entities")}
    if paging.top and remaining > paging.top:
        footer["@odata.nextLink"] = next_link(state, call, {"uuid": shown[-1].key if shown else None})
    if paging.count:
        footer["@odata.count"] = len(rows)
    return page([as_json(_row(dataset, row, names)) for row in shown], footer, None, plain=paging.top == 0)


def _after(dataset: Dataset, rows: list[Entity], token: dict[str, Any] | None) -> int:
    if token is None:
        return 0
    row = dataset.entities.get(token.get("uuid") or "")
    return len(rows) if row is None else bisect_right(rows, row.rank, key=lambda each: each.rank)


def _selected(dataset: Dataset, text: str) -> list[str] | None:
    if not text or text.strip() == "*":
        return None
    names = [name.strip() for name in text.split(",")]
    known = {"__id", "__system", "label", *dataset.properties}
    known |= {f"__system/{name}" for name in _SYSTEM if name != "version"}
    for name in names:
        if name not in known:
            raise Problem(400.23, f"Could not find a property named '{name}'", {"property": name})
    return names


def _row(dataset: Dataset, entity: Entity, names: list[str] | None) -> dict[str, Any]:
    first, current = entity.versions[0], entity.current
    system = {
        "createdAt": moment(entity.created_at),
        "creatorId": str(first.creator.number),
        "creatorName": first.creator.name,
        "updates": len(entity.versions) - 1,
        "updatedAt": moment(entity.updated_at),
        "deletedAt": moment(entity.deleted_at),
        "version": current.number,
        "conflict": entity.conflict,
    }
    row: dict[str, Any] = {"__id": entity.key, "label": current.label, "__system": system}
    row.update({name: current.data.get(name, "") for name in dataset.properties})
    if names is None:
        return row
    inner = {name: value for name, value in system.items() if f"__system/{name}" in names}
    kept = {name: value for name, value in row.items() if name in names}
    return {**kept, **({"__system": inner} if inner and "__system" not in names else {})}


def export(state: State, call: Call) -> Reply:
    """Give entities.csv with the MD5 of its content as strong entity tag."""
    dataset = _dataset(state, call)
    reply = file_reply(f"{dataset.name}.csv", dataset.export_csv(), "text/csv", "attachment")
    body = reply.body if isinstance(reply.body, bytes) else b""
    reply.body = [body[: len(body) // 2], body[len(body) // 2 :]]
    return reply


def integrity(state: State, call: Call) -> Reply:
    """Tell a device which entities were deleted; an app user may ask too."""
    dataset = state.project(call.parts["project"]).datasets.get(unquote(call.parts["dataset"]))
    if dataset is None:
        raise not_found()
    if call.actor is None or not call.actor.device:
        may(call.actor, "manager", "viewer")
    asked = [key for key in call.request.param("id").split(",") if key]
    found = [dataset.entities[key] for key in asked or dataset.entities if key in dataset.entities]
    rows = "".join(
        f'\n      <entity id="{entity.key}">\n        <deleted>{str(bool(entity.deleted_at)).lower()}</deleted>'
        "\n      </entity>"
        for entity in found
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return text_reply(f"{head}\n  <data>\n    <entities>{rows}\n    </entities>\n  </data>", "text/xml")


# -- entities


def list_entities(state: State, call: Call) -> Reply:
    """List entities, or with ?deleted=true the deleted ones."""
    dataset = _dataset(state, call)
    deleted = call.flag("deleted")
    rows = [row for row in dataset.newest_first() if bool(row.deleted_at) == deleted]
    return Reply.of_json([row.listed() for row in rows])


def get_entity(state: State, call: Call) -> Reply:
    """Give one entity."""
    _, entity = _entity(state, call)
    return Reply.of_json(entity.listed())


def list_versions(state: State, call: Call) -> Reply:
    """List the versions, oldest first."""
    _, entity = _entity(state, call)
    return Reply.of_json([_version(entity, version) for version in entity.versions])


def _version(entity: Entity, version: EntityVersion) -> dict[str, Any]:
    conflicting = entity.conflict is not None and version.conflict is not None
    return {
        "conflict": version.conflict,
        "resolved": version.conflict is not None and entity.conflict is None,
        "baseDiff": list(version.conflicting or ()) if conflicting else [],
        "serverDiff": list(version.conflicting or ()) if conflicting else [],
        "lastGoodVersion": False,
        **version.listed(current=version is entity.current),
        "source": version.source,
    }


def audits(state: State, call: Call) -> Reply:
    """Give the log of one entity."""
    _, entity = _entity(state, call)
    mine = [
        row
        for row in reversed(state.audits)
        if ((row["details"] or {}).get("entity") or {}).get("uuid") == entity.key
    ]
    return Reply.of_json(mine)


def post(state: State, call: Call) -> Reply:
    """Make one entity, or many from {"entities": [...], "source": {...}}: all or none."""
    dataset = _dataset(state, call, write=True)
    actor, agent = may(call.actor, "manager"), call.request.headers.get("user-agent")
    given = call.request.json()
    if "entities" not in given:
        return Reply.of_json(entities.add(state, dataset, given, actor, agent).listed())
    if not (given.get("source") or {}).get("name"):
        raise Problem(400.2, "Required parameter source.name missing.", {"field": "source.name"})
    kept = dict(dataset.entities)
    try:
        for each in given["entities"]:
            entities.add(state, dataset, each, actor, agent)
    except Problem:
        dataset.entities = kept
        raise
    return Reply.of_json(_DONE)


def patch(state: State, call: Call) -> Reply:
    """Change an entity: ?baseVersion= must be the current version unless ?force=true."""
    dataset, entity = _entity(state, call, write=True)
    actor, agent = may(call.actor, "manager"), call.request.headers.get("user-agent")
    provided, current = call.request.param("baseVersion") or "undefined", str(entity.current.number)
    if not call.flag("force") and provided != current:
        message = (
            f"Current version of the Entity is '{current}' and you provided '{provided}'. Please correct "
            "the version number or pass '?force=true' in the URL to forcefully update the Entity."
        )
        raise Problem(409.15, message, {"current": current, "provided": provided})
    given = call.request.json()
    data = entities.checked(dataset, given.get("data") or {})
    if call.flag("resolve"):
        if entity.conflict is None:
            message = "The Entity doesn't have any conflict"
            raise Problem(400.32, message)
        entity.conflict, entity.updated_at = None, state.tick()
    if data or given.get("label"):
        entities.revise(state, entity, given.get("label") or "", data, entity.current.number, actor, agent)
    details = {"entity": {"uuid": entity.key, "dataset": dataset.name}, "entityId": entity.number}
    state.log(actor, "entity.update.version", dataset.actee_id, details)
    return Reply.of_json(entity.listed())


def delete(state: State, call: Call) -> Reply:
    """Delete softly: updatedAt stays."""
    dataset, entity = _entity(state, call, write=True)
    entity.deleted_at = state.tick()
    details = {"entity": {"uuid": entity.key, "dataset": dataset.name}, "entityId": entity.number}
    state.log(call.actor, "entity.delete", dataset.actee_id, details)
    return Reply.of_json(_DONE)


def restore(state: State, call: Call) -> Reply:
    """Restore: updatedAt moves, other than with submissions."""
    dataset = _dataset(state, call, write=True)
    entity = dataset.entities.get(unquote(call.parts["key"]))
    if entity is None or not entity.deleted_at:
        raise not_found()
    entity.deleted_at, entity.updated_at = None, state.tick()
    details = {"entity": {"uuid": entity.key, "dataset": dataset.name}, "entityId": entity.number}
    state.log(call.actor, "entity.restore", dataset.actee_id, details)
    return Reply.of_json(_DONE)
