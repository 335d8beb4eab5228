"""Publishing to ODK Central: draft, files of the draft, publish."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from tracer_etl.errors import Refused, StudyError
from tracer_etl.fieldwork.form_server import Standing, md5
from tracer_etl.servers.central_form import project_path, version_path
from tracer_etl.xform import compile_xform

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.fieldwork.form_server import Local
    from tracer_etl.questions import Form, Kind
    from tracer_etl.servers.session import Session

_EXCEL = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xls": "application/vnd.ms-excel",
}
_WARNS = 400.16
_TYPES: dict[Kind, str] = {
    "integer": "int", "decimal": "decimal", "boolean": "boolean", "date": "date", "time": "time",
    "datetime": "dateTime", "geopoint": "geopoint", "geotrace": "geotrace", "geoshape": "geoshape",
    "media": "binary",
}  # fmt: skip
"""What Central calls the type of a question; all others are strings to it."""


@dataclass(frozen=True, slots=True)
class CentralForms:
    """The forms of one project; `media` is the folder in which the files of forms are found."""

    session: Session
    project: str
    media: Path

    # -- reading

    def standing(self, form_id: str) -> Standing | None:
        """Ask how a form stands; None when the server does not have it.

        Raises:
            StudyError: Central encrypts the project's forms itself, so that what it has is no workbook's.
        """
        path = self._path(form_id)
        said = self._found(path)
        if said and said.get("keyId") is not None:
            what = "Central's managed encryption rewrites what is published, so nothing can be compared"
            raise StudyError(what, where=form_id, remedy="publish it in Central's own pages")
        published = said is not None and said.get("publishedAt") is not None
        draft = self._compiled(f"{path}/draft.xml") if self._found(f"{path}/draft") is not None else None
        if not published:
            return None if draft is None else Standing(None, draft=draft)
        files = self._files(f"{path}/attachments")
        drafted = {} if draft is None else self._files(f"{path}/draft/attachments")
        return Standing(
            self._compiled(f"{path}.xml"),
            _held(files),
            frozenset(name for name, (_, given) in files.items() if given),
            draft,
            _held(drafted),
            frozenset(files),
        )

    def published(self, form_id: str) -> list[Form]:
        """Fetch every published version, oldest first."""
        path = self._path(form_id)
        labels = [one["version"] or "" for one in reversed(self.session.json(f"{path}/versions"))]
        return [self._compiled(f"{version_path(path, label)}.xml") for label in labels]

    def filled(self, made: Collection[str]) -> frozenset[str]:
        """Name the files of entity lists: those of the project, and those `made` by forms to come."""
        listed = self.session.json(project_path(self.project, "datasets"))
        return frozenset(f"{name}.csv" for name in {*made, *(one["name"] for one in listed)})

    def objection(self, earlier: Sequence[Form], new: Form) -> str:
        """Foretell error 400.17: Central lets a question become text, and nothing else."""
        for form in earlier:
            for question in new.questions:
                before = form.question(question.path)
                if before is None:
                    continue
                was, wanted = _TYPES.get(before.kind, "string"), _TYPES.get(question.kind, "string")
                if was != wanted != "string":
                    node = "/".join(question.path)
                    return f"Central takes no change of {node} from {was} to {wanted}"
        return ""

    def fields(self, form_id: str) -> int | None:
        """Count the questions Central sees in the published version."""
        listed = self.session.json(f"{self._path(form_id)}/fields")
        return sum(one["type"] not in ("structure", "repeat") for one in listed)

    # -- writing

    def publish(self, local: Local) -> tuple[str, ...]:
        """Upload a workbook as draft, send its files, publish; gives Central's warnings."""
        path = self._path(local.form.form_id)
        known = self._found(path) is not None or self._found(f"{path}/draft") is not None
        warnings = self._upload(f"{path}/draft" if known else self._forms, local)
        self._send_files(path, local)
        self.session.send("POST", f"{path}/draft/publish")
        return warnings

    def replace_media(self, local: Local) -> None:
        """Publish the published workbook again with other files, under its label and a number."""
        path = self._path(local.form.form_id)
        self.session.send("POST", f"{path}/draft")
        self._send_files(path, local)
        labels = [one["version"] or "" for one in self.session.json(f"{path}/versions")]
        label = _next_label(local.form.version, labels)
        self.session.send("POST", f"{path}/draft/publish", params={"version": label})

    def clean_up(self, form_id: str) -> None:
        """Drop the draft."""
        self.session.send("DELETE", f"{self._path(form_id)}/draft")

    def _upload(self, path: str, local: Local) -> tuple[str, ...]:
        """Upload a workbook; warnings do not stop it, since it compiled here without an error."""
        headers = {
            "Content-Type": _EXCEL[local.workbook.suffix.lower()],
            "X-XlsForm-FormId-Fallback": quote(local.form.form_id),
        }
        options: dict[str, Any] = {"data": local.workbook.read_bytes(), "headers": headers}
        reply = self.session.send("POST", path, allow=(requests.codes.bad_request,), **options)
        if reply.ok:
            return ()
        said = _said(reply)
        if said.get("code") != _WARNS:
            raise _refused(self.session.host, local.workbook.name, said)
        self.session.send("POST", path, params={"ignoreWarnings": "true"}, **options)
        return _warnings(said)

    def _send_files(self, path: str, local: Local) -> None:
        digests = local.digests()
        for name, (digest, given) in self._files(f"{path}/draft/attachments").items():
            if name in local.files and not given and digest != digests[name]:
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                self.session.send(
                    "POST",
                    f"{path}/draft/attachments/{quote(name, safe='')}",
                    repeatable=True,
                    data=local.files[name].read_bytes(),
                    headers={"Content-Type": kind},
                )

    # -- how Central is asked

    @property
    def _forms(self) -> str:
        return project_path(self.project, "forms")

    def _path(self, form_id: str) -> str:
        return project_path(self.project, "forms", form_id)

    def _found(self, path: str) -> Mapping[str, Any] | None:
        reply = self.session.read(path, allow=(requests.codes.not_found,))
        return _said(reply) if reply.ok else None

    def _compiled(self, path: str) -> Form:
        return compile_xform(self.session.read(path).content, self.media, where=path.rpartition("/")[2])

    def _files(self, path: str) -> dict[str, tuple[str, bool]]:
        """Map each file a version names to its MD5 (empty: missing) and whether an entity list stands in."""
        files = {}
        for one in self.session.json(path):
            given = bool(one.get("datasetExists")) and not one.get("blobExists")
            digest = str(one.get("hash") or "") if one["exists"] else ""
            if one["exists"] and not digest and not given:
                digest = md5(self.session.read(f"{path}/{quote(one['name'], safe='')}").content)
            files[one["name"]] = (digest, given)
        return files


def _next_label(label: str, published: Sequence[str]) -> str:
    """Give the label of a publication that changes files only: Central takes no label twice.

    >>> _next_label("7", ["7+1", "7", "6+4"])
    '7+2'
    """
    matches = [re.fullmatch(re.escape(label) + r"\+(\d+)", one) for one in published]
    return f"{label}+{max([0, *(int(match[1]) for match in matches if match)]) + 1}"


def _held(files: Mapping[str, tuple[str, bool]]) -> dict[str, str]:
    return {name: digest for name, (digest, _) in files.items() if digest}


def _said(reply: requests.Response) -> Mapping[str, Any]:
    try:
        said = reply.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _warnings(said: Mapping[str, Any]) -> tuple[str, ...]:
    given = (said.get("details") or {}).get("warnings") or {}
    words = [str(warning) for warning in given.get("xlsFormWarnings") or ()]
    words += [
        f"{warning.get('type')}: {warning.get('details')}" for warning in given.get("workflowWarnings") or ()
    ]
    return tuple(words)


def _refused(host: str, workbook: str, said: Mapping[str, Any]) -> Refused:
    reason = (said.get("details") or {}).get("error") or ""
    what = f"{said.get('code')}: {said.get('message', 'the workbook is not accepted')} {reason}"
    return Refused(what, where=f"{host} {workbook}", remedy="correct the workbook; nothing was published")
