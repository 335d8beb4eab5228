"""A form on ODK Central: where it stands, its versions, the fields of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tracer_etl.errors import Changed
from tracer_etl.records import Deployed
from tracer_etl.servers.central_rows import Node, layout, places

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tracer_etl.servers.session import Session

_NAMELESS = "___"
"""How Central's paths name the version that is an empty string."""


def project_path(project: str, *steps: str) -> str:
    """Give the path of a project, or of what lies below it, every step quoted.

    >>> project_path("3"), project_path("3", "forms", "a/b")
    ('/v1/projects/3', '/v1/projects/3/forms/a%2Fb')
    """
    return "/".join(("/v1/projects", *(quote(step, safe="") for step in (project, *steps))))


def version_path(form_path: str, label: str) -> str:
    """Give the path of a form's published version.

    >>> version_path("/v1/projects/3/forms/a", "")
    '/v1/projects/3/forms/a/versions/___'
    """
    return f"{form_path}/versions/{quote(label, safe='') or _NAMELESS}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the server says of a form now."""

    version: str
    hash: str
    created_at: str


@dataclass(slots=True)
class CentralForm:
    """One form of one project; what does not change once it is published is asked once."""

    session: Session
    project: str
    form_id: str
    _fields: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _layouts: dict[str, Node] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Give the form's path."""
        return project_path(self.project, "forms", self.form_id)

    @property
    def table(self) -> str:
        """Give the path of the form's root table."""
        return f"{self.path}.svc/Submissions"

    def submission(self, key: str, rest: str = "") -> str:
        """Give the path of a submission, or of what hangs below it."""
        return f"{self.path}/submissions/{quote(key, safe='')}{rest}"

    def standing(self) -> Standing:
        """Ask for the published version.

        Raises:
            Refused: no such form, not published, or not visible to this account.
        """
        said = self.session.json(self.path)
        if not isinstance(said, dict) or "hash" not in said:
            raise _strange(self.form_id, "a form without a hash")
        return Standing(said.get("version") or "", said["hash"], said.get("createdAt") or "")

    def deployed(self, known: Collection[str]) -> tuple[Deployed, ...]:
        """Fetch the published versions whose label is not known yet, oldest first."""
        listed = self.session.json(f"{self.path}/versions")
        if not isinstance(listed, list):
            raise _strange(self.form_id, "versions that are no list")
        ordered = sorted(listed, key=lambda one: one.get("publishedAt") or "")
        return tuple(self._deployed(one) for one in ordered if (one.get("version") or "") not in known)

    def _deployed(self, listed: Mapping[str, Any]) -> Deployed:
        label = listed.get("version") or ""
        content = self.session.read(f"{self._version(label)}.xml").content
        name = re.sub(r"[^\w.-]", "_", f"{self.form_id}-{label}")
        return Deployed(label, listed.get("publishedAt") or "", f"{name}.xml", content)

    def layout(self, label: str) -> Node:
        """Give the fields of a version as a tree."""
        if label not in self._layouts:
            self._layouts[label] = layout(self.fields(label))
        return self._layouts[label]

    def fields(self, label: str) -> list[dict[str, Any]]:
        """Give the fields of a version: `path` is the form's own, `name` the one OData made of it."""
        if label not in self._fields:
            own, odata = self._listed(label, {}), self._listed(label, {"odata": "true"})
            if len(own) != len(odata):
                raise _strange(self.form_id, "two lists of fields that differ")
            self._fields[label] = [{**f, "name": o["name"]} for f, o in zip(own, odata, strict=True)]
        return self._fields[label]

    def _listed(self, label: str, params: dict[str, str]) -> list[dict[str, Any]]:
        listed = self.session.json(f"{self._version(label)}/fields", params)
        if not isinstance(listed, list):
            raise _strange(self.form_id, "fields that are no list")
        return listed

    def hides(self, current: str, label: str) -> bool:
        """Tell whether the current version has no place for something an older one asked."""
        if label == current:
            return False
        return bool(places(self.fields(label)) - places(self.fields(current)))

    def _version(self, label: str) -> str:
        return version_path(self.path, label)


def _strange(form_id: str, what: str) -> Changed:
    return Changed(f"the server answers with {what}", where=form_id, remedy="is this address ODK Central's?")
