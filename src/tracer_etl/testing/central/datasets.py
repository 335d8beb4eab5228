"""Entity lists: entities with their versions, and the files made of them."""

from __future__ import annotations

import csv
import io
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.central.answers import moment, not_found

if TYPE_CHECKING:
    from datetime import datetime

    from tracer_etl.testing.central.people import Actor


@dataclass(slots=True)
class EntityVersion:
    """One version of an entity; all values are strings."""

    number: int
    label: str
    data: dict[str, str]
    received: dict[str, str]
    creator: Actor
    created_at: datetime
    agent: str | None
    base: int | None = None
    conflict: str | None = None
    conflicting: list[str] | None = None
    source: dict[str, Any] = field(default_factory=dict)

    def listed(self, *, current: bool = True) -> dict[str, Any]:
        """Give the JSON of a version."""
        return {
            "current": current,
            "label": self.label,
            "creatorId": self.creator.number,
            "userAgent": self.agent,
            "data": self.data,
            "version": self.number,
            "baseVersion": self.base,
            "dataReceived": self.received,
            "conflictingProperties": self.conflicting,
            "createdAt": moment(self.created_at),
            "branchId": None,
            "trunkVersion": None,
            "branchBaseVersion": None,
        }


@dataclass(slots=True, eq=False)
class Entity:
    """One entity, oldest version first."""

    key: str
    number: int
    versions: list[EntityVersion]
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    conflict: str | None = None
    audits: list[dict[str, Any]] = field(default_factory=list)

    @property
    def current(self) -> EntityVersion:
        """Give the latest version."""
        return self.versions[-1]

    @property
    def created_at(self) -> datetime:
        """Give the time of the first version."""
        return self.versions[0].created_at

    @property
    def rank(self) -> tuple[float, int]:
        """Sort newest first."""
        return (-self.created_at.timestamp(), -self.number)

    def listed(self) -> dict[str, Any]:
        """Give the JSON of an entity."""
        return {
            "uuid": self.key,
            "creatorId": self.versions[0].creator.number,
            "conflict": self.conflict,
            "createdAt": moment(self.created_at),
            "updatedAt": moment(self.updated_at),
            "deletedAt": moment(self.deleted_at),
            "currentVersion": self.current.listed(),
        }


@dataclass(eq=False)
class Dataset:
    """An entity list; `properties` by the time they were published."""

    project: int
    name: str
    created_at: datetime
    properties: dict[str, datetime] = field(default_factory=dict)
    entities: dict[str, Entity] = field(default_factory=dict)
    actee_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def listed(self) -> dict[str, Any]:
        """Give the JSON of a dataset."""
        return {
            "name": self.name,
            "createdAt": moment(self.created_at),
            "projectId": self.project,
            "approvalRequired": False,
            "ownerOnly": False,
            "deletedAt": None,
        }

    def live(self, key: str) -> Entity:
        """Find an entity that is not deleted.

        Raises:
            Problem: 404.1.
        """
        found = self.entities.get(key)
        if found is None or found.deleted_at:
            raise not_found()
        return found

    def newest_first(self) -> list[Entity]:
        """List all entities, deleted ones too."""
        return sorted(self.entities.values(), key=lambda entity: entity.rank)

    def export_csv(self) -> bytes:
        """Write the CSV of /entities.csv."""
        head = ["__id", "label", *self.properties]
        head += "__createdAt __creatorId __creatorName __updates __updatedAt __version".split()
        rows = (
            [
                entity.key,
                entity.current.label,
                *(entity.current.data.get(name, "") for name in self.properties),
                moment(entity.created_at),
                entity.versions[0].creator.number,
                entity.versions[0].creator.name,
                len(entity.versions) - 1,
                moment(entity.updated_at) or "",
                entity.current.number,
            ]
            for entity in self.newest_first()
            if not entity.deleted_at
        )
        return _csv([head, *rows])

    def list_csv(self) -> bytes:
        """Write the CSV that travels with forms: name, label, version, properties."""
        head = ["name", "label", "__version", *self.properties]
        rows = (
            [
                entity.key,
                entity.current.label,
                entity.current.number,
                *(entity.current.data.get(name, "") for name in self.properties),
            ]
            for entity in self.newest_first()
            if not entity.deleted_at
        )
        return _csv([head, *rows])


def _csv(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
