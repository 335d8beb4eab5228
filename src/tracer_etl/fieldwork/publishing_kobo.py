"""Publishing to KoboToolbox: import the workbook, put its files beside it, deploy."""

from __future__ import annotations

import json
import mimetypes
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_etl.differences import differences
from tracer_etl.errors import Changed, Refused, Unavailable
from tracer_etl.fieldwork.form_server import Standing, same_label
from tracer_etl.form import read_form
from tracer_etl.servers.kobo_content import workbook

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tracer_etl.fieldwork.form_server import Local
    from tracer_etl.questions import Form
    from tracer_etl.servers.session import Session

_ASSETS = "/api/v2/assets/"
_JSON = {"format": "json"}
_PAGE = "100"
_LOOKS = 40
"""How often to ask for the outcome of an import; with growing pauses that is about three minutes."""
_LONGEST_PAUSE = 5.0


@dataclass(slots=True)
class KoboForms:
    """The projects of one account; `assets` names the uid of a form where study.toml does.

    `media` is the folder in which the files of forms are found.
    """

    session: Session
    media: Path
    assets: Mapping[str, str] = field(default_factory=dict)
    _uids: dict[str, list[str]] | None = None

    # -- reading

    def standing(self, form_id: str) -> Standing | None:
        """Ask how a form stands; None when no project of this account has it."""
        uid = self._uid(form_id)
        if uid is None:
            return None
        project = self._project(uid)
        newest = self._compiled(project["content"], form_id)
        deployed, archived = project["deployed_version_id"], project["deployment_status"] == "archived"
        form = None
        if project["has_deployment"]:
            same = deployed == project["version_id"]
            form = newest if same else self._compiled(self._version(uid, deployed), form_id)
        media = _digests(project["files"])
        changed = form is None or bool(differences(form, newest))
        paired = self._listed(f"{_ASSETS}{uid}/paired-data/")
        return Standing(
            form,
            media,
            frozenset(one["filename"] for one in paired) | _linked(project["files"]),
            newest if changed else None,
            media,
            closed="archived" if archived else "",
        )

    def published(self, form_id: str) -> list[Form]:
        """Fetch every deployed version, oldest first."""
        uid = self._uid(form_id)
        if uid is None:
            return []
        listed = sorted(self._listed(f"{_ASSETS}{uid}/versions/"), key=lambda one: one["date_deployed"] or "")
        return [self._compiled(self._version(uid, one["uid"]), form_id) for one in listed]

    def filled(self, made: Collection[str]) -> frozenset[str]:
        """Name the files of entity lists: KoboToolbox has none; linked projects are told by `standing`."""
        del made
        return frozenset()

    def objection(self, earlier: Sequence[Form], new: Form) -> str:
        """Object to nothing: KoboToolbox takes every change, and keeps old answers as they were."""
        del earlier, new
        return ""

    def fields(self, form_id: str) -> int | None:
        """Tell nothing: the content is compared as a whole, and the server counts its lines otherwise."""
        del form_id
        return None

    # -- writing

    def publish(self, local: Local) -> tuple[str, ...]:
        """Import a workbook unless a publication that broke off did, send its files, deploy."""
        uid = self._uid(local.form.form_id)
        newest = None if uid is None else self._compiled(self._project(uid)["content"], local.form.form_id)
        same = newest is not None and same_label(local.form.version, newest.version)
        if uid is None or newest is None or not same or differences(newest, local.form):
            uid = self._imported(local, uid)
        self._send_files(uid, local)
        project = self._project(uid)
        self._deploy(uid, project["version_id"] if project["has_deployment"] else "")
        return ()

    def replace_media(self, local: Local) -> None:
        """Put other files beside the deployed version, and deploy it again, which takes them to the phones."""
        uid = self._known(local.form.form_id)
        self._send_files(uid, local)
        self._deploy(uid, self._project(uid)["deployed_version_id"])

    def clean_up(self, form_id: str) -> None:
        """Deploy the newest content, which is the same: KoboToolbox drops no version."""
        uid = self._known(form_id)
        self._deploy(uid, self._project(uid)["version_id"])

    def _imported(self, local: Local, uid: str | None) -> str:
        """Import a workbook as a new project, or in place of a project's form; gives the project."""
        fields = {"name": local.form.title or local.form.form_id, "library": "false"}
        if uid is not None:
            fields = {"destination": f"{self.session.base}{_ASSETS}{uid}/", "assetUid": uid}
        kind = mimetypes.guess_type(local.workbook.name)[0] or "application/octet-stream"
        files = {"file": (local.workbook.name, local.workbook.read_bytes(), kind)}
        begun = self.session.send("POST", "/api/v2/imports/", params=_JSON, data=fields, files=files).json()
        made = self._outcome(begun["uid"], local.workbook.name)
        if self._uids is not None and made not in self._uids.setdefault(local.form.form_id, []):
            self._uids[local.form.form_id].append(made)
        return made

    def _outcome(self, job: str, name: str) -> str:
        """Wait for an import; the pauses grow with the session's patience."""
        pause = self.session.patience.pause
        for _ in range(_LOOKS):
            said = self.session.json(f"/api/v2/imports/{job}/", _JSON)
            messages = said.get("messages") or {}
            if said["status"] == "complete":
                done = [*messages.get("created", ()), *messages.get("updated", ())]
                if not done:
                    remedy = "look at the project on the server"
                    raise Changed("the import names no project", where=name, remedy=remedy)
                return str(done[0]["uid"])
            if said["status"] == "error":
                what = f"the workbook is not accepted: {messages.get('error', 'without a reason')}"
                raise Refused(what, where=f"{self.session.host} {name}", remedy="correct the workbook")
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        remedy = "run `tracer-etl forms publish` again later"
        raise Unavailable("the import does not end", where=f"{self.session.host} {name}", remedy=remedy)

    def _send_files(self, uid: str, local: Local) -> None:
        """Bring the files of a form up to date; a name is taken only once, so the old one goes first."""
        held = {
            one["metadata"]["filename"]: one for one in self._listed(f"{_ASSETS}{uid}/files/") if _media(one)
        }
        for name, digest in local.digests().items():
            old = held.get(name)
            if old is not None and (_linked([old]) or _digests([old])[name] == digest):
                continue
            if old is not None:
                self.session.send("DELETE", f"{_ASSETS}{uid}/files/{old['uid']}/")
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            fields = {"file_type": "form_media", "description": "default"}
            self.session.send(
                "POST",
                f"{_ASSETS}{uid}/files/",
                data={**fields, "metadata": json.dumps({"filename": name})},
                files={"content": (name, local.files[name].read_bytes(), kind)},
            )

    def _deploy(self, uid: str, version: str) -> None:
        path = f"{_ASSETS}{uid}/deployment/"
        if version:
            body = {"active": True, "version_id": version}
            self.session.send("PATCH", path, repeatable=True, json=body)
        else:
            self.session.send("POST", path, json={"active": True})

    # -- how the server is asked

    def _uid(self, form_id: str) -> str | None:
        """Find the project of a form by the form_id of its workbook.

        Raises:
            Refused: there is more than one.
        """
        if form_id in self.assets:
            return self.assets[form_id]
        if self._uids is None:
            self._uids = {}
            for uid in self._surveys():
                settings = (self._project(uid)["content"] or {}).get("settings") or {}
                self._uids.setdefault(str(settings.get("id_string") or ""), []).append(uid)
        found = self._uids.get(form_id, [])
        if len(found) > 1:
            what = f"{len(found)} projects of form {form_id}: {', '.join(found)}"
            remedy = 'name one as asset = "..." under [[forms]] in study.toml'
            raise Refused(what, where=f"KoboToolbox {self.session.host}", remedy=remedy)
        return found[0] if found else None

    def _known(self, form_id: str) -> str:
        uid = self._uid(form_id)
        if uid is None:
            raise Changed(
                f"the project of form {form_id} is gone", where=self.session.host, remedy="try again"
            )
        return uid

    def _surveys(self) -> list[str]:
        listed = self._listed(_ASSETS, q="asset_type:survey")
        return [one["uid"] for one in listed if one.get("asset_type", "survey") == "survey"]

    def _listed(self, path: str, **params: str) -> list[Mapping[str, Any]]:
        """Read a list to its end, however long its pages are."""
        return list(self._pages(path, params))

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        start = 0
        while True:
            body = self.session.json(path, {**_JSON, **params, "limit": _PAGE, "start": str(start)})
            yield from body["results"]
            start += len(body["results"])
            if not body["results"] or start >= body["count"]:
                return

    def _project(self, uid: str) -> Mapping[str, Any]:
        body: Mapping[str, Any] = self.session.json(f"{_ASSETS}{uid}/", _JSON)
        return body

    def _version(self, uid: str, version: str) -> Mapping[str, Any]:
        content: Mapping[str, Any] = self.session.json(f"{_ASSETS}{uid}/versions/{version}/", _JSON)[
            "content"
        ]
        return content

    def _compiled(self, content: Mapping[str, Any], form_id: str) -> Form:
        """Compile a version's content; its title is the project's name, which is its owner's to choose."""
        written = workbook(content, title=form_id, form_id=form_id)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{form_id}-on-the-server.xlsx"
            path.write_bytes(written)
            return replace(read_form(path, self.media), title="")


def _media(file: Mapping[str, Any]) -> bool:
    return file.get("file_type") == "form_media" and bool((file.get("metadata") or {}).get("filename"))


def _digests(files: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {
        one["metadata"]["filename"]: str(one["metadata"].get("hash", "")).removeprefix("md5:")
        for one in files
        if _media(one)
    }


def _linked(files: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Name the files the server fetches from an address of their own."""
    return frozenset(
        one["metadata"]["filename"] for one in files if _media(one) and one["metadata"].get("redirect_url")
    )
