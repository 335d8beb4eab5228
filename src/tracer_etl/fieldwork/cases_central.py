"""Case lists on ODK Central: an entity list, changed case by case, or a file that travels with the form."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests

from tracer_etl.errors import Changed, StudyError
from tracer_etl.fieldwork.cases import Case, LocalFile, travelling
from tracer_etl.servers.central_form import project_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.fieldwork.cases import Changes, Target
    from tracer_etl.servers.session import Session
    from tracer_etl.study import CaseList, Study

PAGE = 1000
LARGEST_BODY = 200_000
"""Bytes of JSON in one call; Central refuses 250 kB (400.36)."""
RESERVED = {"name", "label"}
"""Central fills these columns itself: with the entity's uuid, and its label."""
_CONFLICT, _GONE = requests.codes.conflict, requests.codes.not_found
_GENERATIONS = 9


def target(session: Session, project: str, study: Study, case_list: CaseList) -> Target:
    """Find where a list goes: to an entity list if a form is linked to one of that name, or it asks for one.

    Raises:
        ServerError: the server does not let this account look.
        StudyError: the list's names do not fit an entity list.
    """
    if case_list.entities or any(_linked(session, project, form, case_list.name) for form in case_list.forms):
        return EntityList(session, project, case_list)
    return LocalFile(study, case_list)


def _linked(session: Session, project: str, form: str, name: str) -> bool:
    """Tell whether the published form takes the list from an entity list."""
    path = project_path(project, "forms", form, "attachments")
    reply = session.read(path, allow=(_GONE,))
    files = [] if reply.status_code == _GONE else reply.json()
    return any(file["name"] == f"{name}.csv" and file.get("datasetExists") for file in files)


@dataclass
class EntityList:
    """An entity list; its entities are told apart by the list's key, which is a property of them.

    Entities without that property, which forms may have made, are left alone; so are further properties.
    """

    session: Session
    project: str
    case_list: CaseList
    merges: bool = True
    entities: dict[str, _Entity] = field(default_factory=dict)
    """By key, as last read."""
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse names that Central does not take."""
        columns = [column for column in travelling(self.case_list) if column != self.case_list.label]
        for name in columns:
            if name.lower() in RESERVED or not re.fullmatch(r"(?!__)[A-Za-z_][\w.-]*", name):
                what = f"{name!r} cannot be a property of entities"
                remedy = "give that column another name, such as case_id, in the list and the form"
                raise StudyError(what, where=f"case list {self.case_list.name}", remedy=remedy)
        self.properties = columns

    @property
    def place(self) -> str:
        """Say which list."""
        return f"entity list {self.case_list.name}"

    @property
    def keeps_gone(self) -> bool:
        """Tell whether gone cases stay."""
        return not self.case_list.remove

    @property
    def path(self) -> str:
        """Give the path of the list."""
        return project_path(self.project, "datasets", self.case_list.name)

    @property
    def _datasets(self) -> str:
        return project_path(self.project, "datasets")

    # -- reading

    def standing(self) -> Mapping[str, Case]:
        """Read every living entity of the list.

        Raises:
            Changed: the pages do not add up to what the server counts.
        """
        self.entities, self.remarks = {}, []
        if not self._there():
            return {}
        foreign, conflicts = 0, 0
        for entity in self._read(""):
            key = entity.case.get(self.case_list.key, "")
            conflicts += entity.conflict
            if not key:
                foreign += 1
            elif key in self.entities:
                self.remarks.append(f"two entities have the key {key!r}; the newer one is used")
            else:
                self.entities[key] = entity
        if foreign:
            self.remarks.append(f"{foreign} entities have no {self.case_list.key} and are left alone")
        if conflicts:
            self.remarks.append(f"{conflicts} entities are in conflict: look at them in Central")
        return {key: entity.case for key, entity in self.entities.items()}

    def _there(self) -> bool:
        return any(each["name"] == self.case_list.name for each in self.session.json(self._datasets))

    def _read(self, only: str) -> Iterator[_Entity]:
        """Page through the entities, newest first; another uuid twice or a count that differs is no snapshot."""
        names = {each["name"]: each["odataName"] for each in self._properties()}
        params: dict[str, str] | None = {
            "$top": str(PAGE),
            "$count": "true",
            **({"$filter": only} if only else {}),
        }
        path, seen, count = f"{self.path}.svc/Entities", set(), 0
        while path:
            page = self.session.json(path, params)
            count = page["@odata.count"]
            for row in page["value"]:
                if row["__id"] not in seen:
                    seen.add(row["__id"])
                    yield self._entity(row, names)
            link = page.get("@odata.nextLink")
            path, params = (self.session.here(link) if link else ""), None
        if len(seen) != count:
            what = f"{len(seen)} entities came, {count} were counted"
            raise Changed(what, where=self.place, remedy="somebody is changing it: run again")

    def _entity(self, row: Mapping[str, Any], names: Mapping[str, str]) -> _Entity:
        case = {name: row.get(names.get(name, name)) or "" for name in self.properties}
        case[self.case_list.label] = row["label"] or ""
        system = row["__system"]
        return _Entity(row["__id"], system["version"], case, conflict=bool(system["conflict"]))

    def _properties(self) -> list[dict[str, Any]]:
        extended = {"X-Extended-Metadata": "true"}
        return list(self.session.json(self.path, headers=extended)["properties"])

    # -- changing

    def apply(self, cases: Mapping[str, Case], changes: Changes) -> list[str]:
        """Send what differs: new entities in bulk, changed ones one by one on the version they were read in."""
        del cases
        self._prepare()
        back = self._restore(changes.new)
        for key, case in {**changes.changed, **back}.items():
            self._change(key, case)
        self._create({key: case for key, case in changes.new.items() if key not in back})
        if self.case_list.remove:
            for key in changes.gone:
                self.session.send("DELETE", self._one(key), repeatable=True, allow=(_GONE,))
        return self.remarks

    def _prepare(self) -> None:
        """Make the list and those of its properties that are missing."""
        if not self._there():
            self.session.send("POST", self._datasets, json={"name": self.case_list.name})
        there = {each["name"] for each in self._properties()}
        for name in self.properties:
            if name not in there:
                self.session.send("POST", f"{self.path}/properties", json={"name": name})

    def _restore(self, new: Mapping[str, Case]) -> dict[str, Case]:
        """Take deleted entities of the same key back: a uuid can never be used a second time."""
        if not new:
            return {}
        back = {}
        for entity in self._read("__system/deletedAt ne null"):
            key = entity.case.get(self.case_list.key, "")
            if key in new and key not in back:
                self.session.send("POST", f"{self.path}/entities/{entity.uuid}/restore", allow=(_GONE,))
                self.entities[key] = entity
                back[key] = new[key]
        return back

    def _change(self, key: str, case: Case) -> None:
        """Change an entity; if somebody was faster, look once what they made of it.

        Raises:
            Changed: it was changed again in that moment.
        """
        entity = self.entities[key]
        for _ in range(2):
            body = self._difference(entity.case, case)
            if not body:
                return
            params = {"baseVersion": str(entity.version)}
            reply = self.session.send(
                "PATCH", self._one(key), repeatable=True, params=params, json=body, allow=(_CONFLICT,)
            )
            if reply.status_code != _CONFLICT:
                return
            entity = self._again(key)
        what = f"case {key!r} keeps being changed by others"
        raise Changed(what, where=self.place, remedy="run again when the list is quiet")

    def _difference(self, there: Case, wanted: Case) -> dict[str, Any]:
        data = {name: wanted[name] for name in self.properties if there.get(name, "") != wanted[name]}
        label = wanted[self.case_list.label]
        renamed = {"label": label} if there.get(self.case_list.label) != label else {}
        return {**renamed, **({"data": data} if data else {})}

    def _again(self, key: str) -> _Entity:
        row = self.session.json(self._one(key))
        current = row["currentVersion"]
        case = {name: current["data"].get(name) or "" for name in self.properties}
        case[self.case_list.label] = current["label"]
        return _Entity(row["uuid"], current["version"], case, conflict=bool(row["conflict"]))

    def _one(self, key: str) -> str:
        return f"{self.path}/entities/{self.entities[key].uuid}"

    def _create(self, new: Mapping[str, Case]) -> None:
        """Make entities in bulk; a uuid that is in use was made by a call whose answer got lost, or is purged.

        Raises:
            Changed: the server has no room for an identity.
        """
        waiting = dict(new)
        for generation in range(_GENERATIONS):
            refused: dict[str, Case] = {}
            for part in self._parts(waiting, generation):
                body = {"entities": list(part.values()), "source": {"name": "tracer_etl", "size": len(part)}}
                reply = self.session.send(
                    "POST", f"{self.path}/entities", repeatable=True, json=body, allow=(_CONFLICT,)
                )
                if reply.status_code == _CONFLICT:
                    refused |= {key: waiting[key] for key in part}
            if not refused:
                return
            self.standing()
            waiting = {key: case for key, case in refused.items() if key not in self.entities}
            if not waiting:
                return
        what = f"{len(waiting)} entities are refused as already there"
        raise Changed(what, where=self.place, remedy="look for deleted entities in Central")

    def _parts(self, cases: Mapping[str, Case], generation: int) -> Iterator[dict[str, Any]]:
        """Cut what is to be made into bodies the server takes."""
        part: dict[str, Any] = {}
        size = 0
        for key, case in cases.items():
            made = self._new(key, case, generation)
            length = len(json.dumps(made))
            if part and size + length > LARGEST_BODY:
                yield part
                part, size = {}, 0
            part[key] = made
            size += length + 2
        if part:
            yield part

    def _new(self, key: str, case: Case, generation: int) -> dict[str, Any]:
        data = {name: case[name] for name in self.properties}
        return {"uuid": self.identity(key, generation), "label": case[self.case_list.label], "data": data}

    def identity(self, key: str, generation: int = 0) -> str:
        """Give a case the same uuid at every run; uuids are unique on a server, so the project is in it.

        Formed like a random one (version 4), since Central has refused all others (lib/data/entity.js, 2023).
        """
        again = f"#{generation}" if generation else ""
        name = f"{self.session.base}{self.path}/{key}{again}"
        return str(uuid.UUID(bytes=hashlib.sha256(name.encode()).digest()[:16], version=4))


@dataclass(frozen=True, slots=True)
class _Entity:
    uuid: str
    version: int
    case: Case
    conflict: bool
