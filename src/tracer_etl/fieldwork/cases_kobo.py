"""Case lists on KoboToolbox: a CSV beside the form, replaced when its content changes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

from tracer_etl.errors import Changed
from tracer_etl.fieldwork.cases import Case, keep_for_phones, parse_csv, travelling, write_csv

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.fieldwork.cases import Changes
    from tracer_etl.servers.session import Session
    from tracer_etl.study import CaseList, Study

_TAKEN = requests.codes.bad_request


@dataclass(frozen=True, slots=True)
class FormMedia:
    """The list as media file of one form, `asset` being KoboToolbox's uid of it."""

    session: Session
    asset: str
    form_id: str
    study: Study
    case_list: CaseList
    merges: bool = False
    keeps_gone: bool = False

    @property
    def place(self) -> str:
        """Say which file of which form."""
        return f"{self._name} of {self.form_id}"

    @property
    def _name(self) -> str:
        return f"{self.case_list.name}.csv"

    @property
    def path(self) -> str:
        """Give the form's path."""
        return f"/api/v2/assets/{self.asset}/"

    def standing(self) -> Mapping[str, Case]:
        """Read the file phones have now."""
        file = self._file()
        if file is None:
            return {}
        content = self.session.read(f"{self.path}files/{file['uid']}/content/").content
        rows = parse_csv(content.decode("utf-8-sig", "replace"))
        return {row.get(self.case_list.key, ""): row for row in rows}

    def apply(self, cases: Mapping[str, Case], changes: Changes) -> list[str]:
        """Replace the file and deploy again, so that phones hear of it; nothing happens when it is the same.

        Raises:
            Changed: the server has another file than was sent.
        """
        del changes
        keep_for_phones(self.study, self.case_list, cases)
        content = write_csv(travelling(self.case_list), cases.values())
        old = self._file()
        if old is not None and old["metadata"].get("hash") == _digest(content):
            return []
        if old is not None:
            path = f"{self.path}files/{old['uid']}/"
            self.session.send("DELETE", path, repeatable=True, allow=(requests.codes.not_found,))
        self._upload(content)
        return self._deploy()

    def _file(self) -> dict[str, Any] | None:
        """Find the file of the list's name."""
        path: str | None = f"{self.path}files/"
        while path:
            page = self.session.json(path)
            for file in page["results"]:
                if file["file_type"] == "form_media" and file["metadata"].get("filename") == self._name:
                    return dict(file)
            path = self.session.here(page["next"]) if page["next"] else None
        return None

    def _upload(self, content: bytes) -> None:
        """Send the file; a name that is taken may be our own first try, whose answer got lost."""
        form = {
            "file_type": "form_media",
            "description": "default",
            "metadata": json.dumps({"filename": self._name}),
        }
        part = {"content": (self._name, content, "text/csv")}
        path = f"{self.path}files/"
        reply = self.session.send("POST", path, repeatable=True, data=form, files=part, allow=(_TAKEN,))
        now = self._file()
        if now is None or now["metadata"].get("hash") != _digest(content):
            said = (
                " ".join(reply.text.split())[:200] if reply.status_code == _TAKEN else "another file is there"
            )
            remedy = "run again: phones may be without this list now"
            raise Changed(f"the file did not arrive ({said})", where=self.place, remedy=remedy)

    def _deploy(self) -> list[str]:
        """Deploy the same version again; what somebody is still editing, or has archived, stays as it is."""
        asset = self.session.json(self.path)
        deployed = asset.get("deployed_version_id")
        if not asset.get("has_deployment") or not asset.get("deployment__active"):
            return [f"{self.form_id} is not deployed: phones get the list with it"]
        if asset.get("version_id") != deployed:
            return [f"{self.form_id} has changes that are not deployed: run `tracer-etl forms publish`"]
        body = {"active": True, "version_id": deployed}
        self.session.send("PATCH", f"{self.path}deployment/", repeatable=True, json=body)
        return []


def _digest(content: bytes) -> str:
    return f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"
