"""Workbooks and their files -> a server: what would change, whether it may, and whether it did.

Nothing is written before every form has been compared; a form is published whole (files first) or not at
all, and a publication that broke off is taken up by the next.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from tracer_etl.differences import Difference, consequences, differences, summary
from tracer_etl.errors import Changed, DriftError, FormError, StudyError, TracerError
from tracer_etl.fine_print import fine_print
from tracer_etl.form import read_form
from tracer_etl.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.questions import Form
    from tracer_etl.study import Study, StudyForm

Action = Literal["new", "no change", "media", "new version", "clean up", "refused"]
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
        """Count the nodes that hold answers; an entity block is none, whatever it is made of."""
        return sum("/".join(question.path) != _ENTITY for question in self.form.questions)

    def digests(self) -> dict[str, str]:
        """Map each file to the MD5 of its bytes, which is what both servers list."""
        return {name: md5(path.read_bytes()) for name, path in self.files.items()}


@dataclass(frozen=True)
class Standing:
    """A form as a server has it.

    `form` is what phones get, None before the first publication; `media` maps its files to their MD5; `given`
    names files the server fills itself (entity lists, linked projects); `draft` is content that is uploaded
    and not published, `draft_media` its files; `closed` says why the form takes no answers.
    """

    form: Form | None = field(repr=False)
    media: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = frozenset()
    draft: Form | None = field(default=None, repr=False)
    draft_media: Mapping[str, str] = field(default_factory=dict)
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


@dataclass(frozen=True)
class Plan:
    """What is to happen to one form; `tables` says what that does to the warehouse, `files` are to be sent."""

    form_id: str
    action: Action
    version: str
    details: str
    local: Local = field(repr=False)
    changes: tuple[Difference, ...] = ()
    tables: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    unsafe: str = ""
    refusal: TracerError | None = None

    def shown(self) -> dict[str, object]:
        """Give what a person or a program is told."""
        return {
            "form_id": self.form_id,
            "action": self.action,
            "version": self.version,
            "details": self.details,
            "changes": [str(change) for change in self.changes],
            "tables": self.tables,
            "files": self.files,
            "unsafe": self.unsafe,
        }


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


# -- what would happen


def plans(
    study: Study, server: FormServer, forms: Sequence[str] = (), *, accept_unsafe: bool = False
) -> list[Plan]:
    """Compare the forms of a study with a server; nothing is written.

    Raises:
        FormError: a workbook does not compile.
        ServerError: the server does not answer, or does not let this account look.
    """
    read = [local(study, form) for form in study.chosen(forms)]
    made = {one.entity_list for one in read} - {""}
    return [plan(one, server, made, accept_unsafe=accept_unsafe) for one in read]


def local(study: Study, form: StudyForm) -> Local:
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
    found = {file: study.media / file for file in media_names(compiled)}
    files = {file: path for file, path in found.items() if path.is_file()}
    return Local(compiled, form.workbook, files, tuple(file for file in found if file not in files))


def plan(
    local: Local, server: FormServer, made: Collection[str] = (), *, accept_unsafe: bool = False
) -> Plan:
    """Compare one form with a server; a form that must not be published is a plan with a refusal.

    `made` names entity lists that forms published in the same run fill.
    """
    form, standing = local.form, None
    try:
        standing = server.standing(form.form_id)
        _check(local, standing, server, made)
        if standing is None or standing.form is None:
            return _first(local, standing)
        if differences(standing.form, form) or not same_label(form.version, standing.form.version):
            return _next_version(local, standing, standing.form, server, accept_unsafe=accept_unsafe)
        return _same_content(local, standing, standing.form)
    except (StudyError, DriftError, FormError) as error:
        changes = differences(standing.form, form) if standing and standing.form else ()
        return Plan(form.form_id, "refused", form.version, error.what, local, changes, refusal=error)


def _first(local: Local, draft: Standing | None) -> Plan:
    files = tuple(sorted(local.files))
    counted = f"{local.asked} questions{_sent(files)}"
    taken = "; takes up a draft" if draft else ""
    return Plan(local.form.form_id, "new", local.form.version, counted + taken, local, files=files)


def _same_content(local: Local, standing: Standing, published: Form) -> Plan:
    files = _changed_files(local, standing)
    unchanged = Plan(local.form.form_id, "no change", published.version, "", local)
    if files:
        return replace(unchanged, action="media", details=_sent(files).removeprefix(", "), files=files)
    if standing.leftover:
        return replace(unchanged, action="clean up", details="drops a draft that changes nothing")
    return unchanged


def _next_version(
    local: Local, standing: Standing, published: Form, server: FormServer, *, accept_unsafe: bool
) -> Plan:
    changes = differences(published, local.form)
    mine, theirs = local.form.version, published.version
    if same_label(mine, theirs):
        what = f"version {mine} on the server has other content ({summary(changes)})"
        raise _no(local, what, "raise version on the settings sheet")
    earlier = server.published(local.form.form_id)
    if _behind(mine, theirs, [form.version for form in earlier]):
        what = f"the server has version {theirs}, newer than the workbook's {mine}"
        raise _no(local, what, "fetch that workbook, or raise version above it")
    if objection := server.objection(earlier, local.form):
        raise _no(local, objection, "give the new question a new name")
    tables, unsafe = _judged(earlier, local.form)
    if unsafe and not accept_unsafe:
        raise DriftError(unsafe.what, where=unsafe.where, remedy=f"{unsafe.remedy}, or --accept-unsafe")
    details = (summary(changes) or "only its label") + f" since {theirs}"
    if unsafe:
        details += "; UNSAFE"
    files = _changed_files(local, standing)
    words = str(unsafe) if unsafe else ""
    return Plan(
        local.form.form_id, "new version", mine, details + _sent(files), local, changes, tables, files, words
    )


def _judged(earlier: Sequence[Form], new: Form) -> tuple[tuple[str, ...], DriftError | None]:
    """Say what becomes of the tables, or why the old answers would not fit."""
    try:
        schema_of(earlier)
    except DriftError:
        earlier = earlier[-1:]  # an earlier change was accepted as it is: only what is new is judged
    try:
        return consequences(earlier, new), None
    except DriftError as error:
        return (), error


def _behind(mine: str, theirs: str, published: Sequence[str]) -> bool:
    """Tell whether the workbook is older: its label was published before, or is the smaller number."""
    base = theirs.partition("+")[0]
    smaller = mine.isdigit() and base.isdigit() and int(mine) < int(base)
    return smaller or any(same_label(mine, label) for label in published)


def _check(local: Local, standing: Standing | None, server: FormServer, made: Collection[str]) -> None:
    """Refuse what would be incomplete, or would overwrite what somebody else has begun."""
    held = {*standing.media, *standing.given} if standing else set()
    missing = [name for name in local.absent if name not in held]
    if missing:
        missing = sorted(set(missing) - server.filled(made))
    if missing:
        what = f"{', '.join(missing)} of the form is neither in the media folder nor on the server"
        raise _no(local, what, "put it into the media folder")
    if standing is None:
        return
    if standing.closed:
        raise _no(local, f"the form on the server is {standing.closed}", "open it there first")
    if foreign := standing.foreign(local):
        remedy = "publish or discard them there, or bring them into the workbook"
        raise _no(local, f"the server holds changes nobody published ({foreign})", remedy)


def _no(local: Local, what: str, remedy: str) -> StudyError:
    return StudyError(what, where=local.workbook.name, remedy=remedy)


def _changed_files(local: Local, standing: Standing) -> tuple[str, ...]:
    digests = local.digests()
    return tuple(
        name
        for name in sorted(digests)
        if name not in standing.given and standing.media.get(name) != digests[name]
    )


def _sent(files: Sequence[str]) -> str:
    return f", sends {', '.join(files)}" if files else ""


# -- doing it


def in_order(plans: Sequence[Plan]) -> list[Plan]:
    """Put the forms that fill entity lists before those that may read them."""
    return sorted(plans, key=lambda plan: not plan.local.entity_list)


def apply(server: FormServer, plan: Plan) -> tuple[str, ...]:
    """Do what a plan says and look whether it holds; gives the server's warnings.

    Raises:
        ServerError: the server refused, or does not have afterwards what was published.
    """
    warnings: tuple[str, ...] = ()
    match plan.action:
        case "no change" | "refused":
            return ()
        case "new" | "new version":
            warnings = server.publish(plan.local)
        case "media":
            server.replace_media(plan.local)
        case "clean up":
            server.clean_up(plan.form_id)
    faults = list(_faults(plan.local, server))
    if faults:
        remedy = "run `tracer-etl forms publish` again, and look at the form on the server"
        raise Changed(f"after publishing, {'; '.join(faults)}", where=plan.form_id, remedy=remedy)
    return warnings


def _faults(local: Local, server: FormServer) -> Iterator[str]:
    """Compare what the server has now with what it was to have."""
    mine, standing = local.form, server.standing(local.form.form_id)
    if standing is None or standing.form is None:
        yield "the server has no published version"
        return
    if not same_label(mine.version, standing.form.version):
        yield f"the published version is {standing.form.version!r}, not {mine.version!r}"
    if changes := differences(standing.form, mine):
        yield f"the published form differs ({summary(changes)})"
    seen = server.fields(mine.form_id)
    if seen is not None and seen != local.asked:
        yield f"the server sees {seen} questions of {local.asked}"
    if files := _changed_files(local, standing):
        yield f"{', '.join(files)} did not arrive as sent"
