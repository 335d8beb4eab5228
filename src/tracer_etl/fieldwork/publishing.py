"""Workbooks and their files -> a server: what would change, whether it may, and whether it did.

Nothing is written before every form has been compared; a form is published whole (files first) or not at
all, and a publication that broke off is taken up by the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from tracer_etl.differences import Difference, consequences, differences, summary
from tracer_etl.errors import Changed, DriftError, FormError, StudyError, TracerError
from tracer_etl.fieldwork.form_server import (
    Local,
    Standing,
    changed_files,
    open_server,
    read_local,
    same_label,
)
from tracer_etl.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tracer_etl.fieldwork.form_server import FormServer
    from tracer_etl.questions import Form
    from tracer_etl.study import Study

Action = Literal["new", "no change", "media", "new version", "clean up", "refused"]


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

    @property
    def to_do(self) -> bool:
        """Tell whether something is to be written."""
        return self.action not in ("no change", "refused")

    def shown(self) -> dict[str, object]:
        """Give what a person or a program is told."""
        return {
            "form_id": self.form_id,
            "action": self.action,
            "version": self.version,
            "details": self.details,
            "changes": [{"what": one.what, "node": one.node, "text": one.text} for one in self.changes],
            "tables": self.tables,
            "files": self.files,
            "unsafe": self.unsafe,
            "refusal": str(self.refusal or ""),
        }


# -- what would happen


def plans(
    study: Study, server: FormServer, forms: Sequence[str] = (), *, accept_unsafe: bool = False
) -> list[Plan]:
    """Compare the forms of a study with a server; nothing is written.

    Raises:
        FormError: a workbook does not compile.
        ServerError: the server does not answer, or does not let this account look.
    """
    read = [read_local(study, form) for form in study.chosen(forms)]
    made = {one.entity_list for one in read} - {""}
    return [plan(one, server, made, accept_unsafe=accept_unsafe) for one in read]


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
    counted = f"{local.asked} fields{_sent(files)}"
    taken = "; takes up a draft" if draft else ""
    return Plan(local.form.form_id, "new", local.form.version, counted + taken, local, files=files)


def _same_content(local: Local, standing: Standing, published: Form) -> Plan:
    files = changed_files(local, standing)
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
    files = changed_files(local, replace(standing, expected=None))
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


def _sent(files: Sequence[str]) -> str:
    return f", sends {', '.join(files)}" if files else ""


# -- doing it


def in_order(plans: Sequence[Plan]) -> list[Plan]:
    """Put the forms that fill entity lists before those that may read them."""
    return sorted(plans, key=lambda plan: not plan.local.entity_list)


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing came to: `outcomes` and the server's `warnings` by form_id.

    `failure` is what broke it off: it is seldom of one form alone, so the forms after it were left.
    """

    plans: tuple[Plan, ...]
    outcomes: Mapping[str, str]
    warnings: Mapping[str, tuple[str, ...]]
    failure: TracerError | None = None

    @property
    def refusals(self) -> tuple[TracerError, ...]:
        """Give why forms may not be published."""
        return tuple(plan.refusal for plan in self.plans if plan.refusal)


def publish(
    study: Study, forms: Sequence[str] = (), *, wanted: bool = False, accept_unsafe: bool = False
) -> Published:
    """Compare the forms of a study with its server; when it is `wanted`, publish what differs.

    Raises:
        FormError: a workbook does not compile.
        ServerError: the server does not answer, or does not let this account look.
    """
    server = open_server(study)
    found = tuple(plans(study, server, forms, accept_unsafe=accept_unsafe))
    outcomes: dict[str, str] = {}
    warnings: dict[str, tuple[str, ...]] = {}
    for one in in_order(found) if wanted else ():
        try:
            warnings[one.form_id] = apply(server, one)
        except TracerError as error:
            return Published(found, {**outcomes, one.form_id: "failed"}, warnings, error)
        if one.to_do:
            outcomes[one.form_id] = "done"
    return Published(found, outcomes, warnings)


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
        yield f"the server sees {seen} fields of {local.asked}"
    if files := changed_files(local, standing):
        yield f"{', '.join(files)} did not arrive as sent"
