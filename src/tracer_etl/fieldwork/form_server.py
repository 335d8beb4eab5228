"""A form on the two sides of its publication: as the study has it, and as a server has it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tracer_etl.differences import differences, summary
from tracer_etl.errors import StudyError
from tracer_etl.fieldwork.cases import file_for_phones
from tracer_etl.fine_print import fine_print
from tracer_etl.form import read_form

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.questions import Form
    from tracer_etl.study import Study, StudyForm

_ENTITY = "meta/entity"
_SPREADSHEETS = (".xlsx", ".xls")
_PLACES = r"jr://(?:file-csv|file|images|audio|video)/([^\"<>]+)"
_SEARCHED = r"(?<![\w-])search\(\s*(?:'|&apos;|\")([\w .-]+?)(?:'|&apos;|\")"


@dataclass(frozen=True)
class Local:
    """A form as the study has it; `files` are those it names and the media folder holds."""

    form: Form = field(repr=False)
    workbook: Path
    files: Mapping[str, Path]
    absent: tuple[str, ...] = ()

    @property
    def entity_list(self) -> str:
        """Name the entity list this form adds to, if it adds to one."""
        said = fine_print(self.form.xform)
        return said.get((_ENTITY, "dataset"), "") if (_ENTITY, "create") in said else ""

    @property
    def asked(self) -> int:
        """Count the nodes that hold answers; attributes of an entity are none to a server."""
        return sum(not question.name.startswith("@") for question in self.form.questions)

    def digests(self) -> dict[str, str]:
        """Map each file to the MD5 of its bytes, which is what both servers list."""
        return {name: md5(path.read_bytes()) for name, path in self.files.items()}


@dataclass(frozen=True)
class Standing:
    """A form as a server has it.

    `form` is what phones get, None before the first publication; `media` maps its files to their MD5; `given`
    names files the server fills itself (entity lists, linked projects); `draft` is content that is uploaded
    and not published, `draft_media` its files; `expected` are the files the published version has a place for
    (None: any); `closed` says why the form takes no answers.
    """

    form: Form | None = field(repr=False)
    media: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    draft: Form | None = field(default=None, repr=False)
    draft_media: Mapping[str, str] = field(default_factory=dict)
    expected: frozenset[str] | None = None
    closed: str = ""

    @property
    def leftover(self) -> bool:
        """Tell whether there is a draft that would change nothing."""
        return self._redrafted and self.draft_media == self.media

    @property
    def _redrafted(self) -> bool:
        if self.form is None or self.draft is None:
            return False
        return not differences(self.form, self.draft)

    def foreign(self, local: Local) -> str:
        """Say what of the draft is neither published nor the study's: what somebody else has begun.

        A publication of ours that broke off leaves our content, and files that are old or ours.
        """
        if self.draft is None:
            return ""
        changes = differences(self.draft, local.form)
        if changes and not self._redrafted:
            return summary(changes)
        mine = local.digests()
        files = [
            name
            for name, digest in self.draft_media.items()
            if digest not in (self.media.get(name), mine.get(name))
        ]
        return f"other files: {', '.join(files)}" if files and self.form else ""


class FormServer(Protocol):
    """A server forms are published to."""

    def standing(self, form_id: str) -> Standing | None:
        """Ask how a form stands; None when the server does not have it."""
        ...

    def published(self, form_id: str) -> list[Form]:
        """Fetch every published version, oldest first."""
        ...

    def filled(self, made: Collection[str]) -> frozenset[str]:
        """Name the files the server fills itself: those of its entity lists, `made` by forms to come or not."""
        ...

    def objection(self, earlier: Sequence[Form], new: Form) -> str:
        """Say why this server would not take a version after the earlier ones; empty when it would."""
        ...

    def publish(self, local: Local) -> tuple[str, ...]:
        """Publish a workbook with its files as the first or next version; gives the server's warnings."""
        ...

    def replace_media(self, local: Local) -> None:
        """Publish other files with the published workbook."""
        ...

    def clean_up(self, form_id: str) -> None:
        """Drop a draft that would change nothing."""
        ...

    def fields(self, form_id: str) -> int | None:
        """Count the questions the server itself sees in the published version, if it tells."""
        ...


def open_server(study: Study) -> FormServer:
    """Log in at the study's server.

    Raises:
        StudyError: the settings are incomplete, or the server is a folder.
        ServerError: the server does not let this account in.
    """
    from tracer_etl.servers import connecting

    found, options = connecting.settings(study), connecting.options(study)
    match found["kind"]:
        case "central":
            from tracer_etl.fieldwork.publishing_central import CentralForms
            from tracer_etl.servers import central

            project = central.connect(found, options)
            return CentralForms(project.session, project.project, study.media)
        case "kobo":
            from tracer_etl.fieldwork.publishing_kobo import KoboForms
            from tracer_etl.servers import kobo

            return KoboForms(kobo.connect(found, options).session, study.media, options.assets)
        case _:
            what, remedy = "forms are published to a server, not to a folder", "set kind to kobo or central"
            raise StudyError(what, where="[server]", remedy=remedy)


def read_local(study: Study, form: StudyForm) -> Local:
    """Read a form and find its files.

    Raises:
        FormError: the workbook is missing or does not compile.
        StudyError: it is another form, says no version, or is no spreadsheet.
    """
    compiled, name = read_form(form.workbook, study.media), form.workbook.name
    if compiled.form_id != form.form_id:
        what = f"the workbook says form_id {compiled.form_id!r}, study.toml says {form.form_id!r}"
        raise StudyError(what, where=name, remedy="make the two equal")
    if form.workbook.suffix.lower() not in _SPREADSHEETS:
        raise StudyError("servers take workbooks only", where=name, remedy="save it as .xlsx")
    if not compiled.version:
        what = "the settings sheet says no version"
        raise StudyError(what, where=name, remedy="add a column version, e.g. 2026112401")
    found = {file: file_for_phones(study, file) for file in media_names(compiled)}
    files = {file: path for file, path in found.items() if path.is_file()}
    return Local(compiled, form.workbook, files, tuple(file for file in found if file not in files))


def md5(content: bytes) -> str:
    """Digest a file as OpenRosa manifests do."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def media_names(form: Form) -> tuple[str, ...]:
    """Name the files that travel with a form: lists in CSV, pictures, sounds and videos."""
    named = re.findall(_PLACES, form.xform)
    searched = [f"{name.removesuffix('.csv')}.csv" for name in re.findall(_SEARCHED, form.xform)]
    return tuple(sorted({*named, *searched}))


def same_label(mine: str, theirs: str) -> bool:
    """Tell whether a published label is a workbook's: Central adds +1, +2 when only files changed.

    >>> same_label("2026112401", "2026112401+2"), same_label("1", "11")
    (True, False)
    """
    return theirs == mine or re.fullmatch(re.escape(mine) + r"\+\d+", theirs) is not None


def changed_files(local: Local, standing: Standing) -> tuple[str, ...]:
    """Name the files of a form that a server has not, or has otherwise; what it fills itself is left to it."""
    digests = local.digests()
    sent = digests.keys() - standing.given
    if standing.expected is not None:
        sent &= standing.expected
    return tuple(name for name in sorted(sent) if standing.media.get(name) != digests[name])
