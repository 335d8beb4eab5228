"""`field`: what goes to the phones besides the forms."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from tracer_etl import errors
from tracer_etl.cli.output import give, line, near, remark, the_study, with_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.fieldwork.cases_delivery import Delivery
    from tracer_etl.fieldwork.phones import AppUsers, Holder, KoboAccounts, Phone
    from tracer_etl.fieldwork.qr import Badge
    from tracer_etl.servers.central import CentralSource
    from tracer_etl.servers.kobo import KoboSource
    from tracer_etl.study import Study

SHARED_USER, SHARED_PASSWORD = "TRACER_PHONES_USER", "TRACER_PHONES_PASSWORD"


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line per list and place; numbers are cases."""

    case_list: str
    place: str
    new: int
    changed: int
    gone: int
    same: int


@dataclass(frozen=True, slots=True)
class PhoneRow:
    """One line per person."""

    code: str
    name: str
    account: str
    todo: str


@click.group()
def field() -> None:
    """Equip the phones: case lists, app users, QR codes."""


@field.command()
@with_json
@click.option("--list", "names", multiple=True, metavar="NAME", help="Only this list; may be repeated.")
@click.option("--apply", "wanted", is_flag=True, help="Do it; without it only what would be done is shown.")
@click.option("--accept-deletions", is_flag=True, help="A list may lose more than a fifth of its cases.")
def cases(names: Sequence[str], as_json: bool, wanted: bool, accept_deletions: bool) -> None:
    """Bring the case lists of study.toml to the phones.

    On ODK Central a list is an entity list, of which only what differs is sent, or a file that travels with
    the form; on KoboToolbox it is a file beside the form, replaced when it differs. A case keeps its person.
    """
    from tracer_etl.fieldwork import cases_delivery

    deliveries = list(cases_delivery.prepare(the_study(), names))
    rows = [_list_row(one) for one in deliveries]
    give(rows, ("case_list", "place", "new", "changed", "gone", "same"), as_json)
    for one in deliveries:
        remark(f"{one.case_list.name}: {text}" for text in _said(one, asks=not (wanted or accept_deletions)))
    # All lists are looked at before the first is touched.
    for one in deliveries if wanted and not accept_deletions else ():
        one.refuse_loss()
    for one in deliveries if wanted else ():
        remark(f"{one.case_list.name}: {text}" for text in one.apply())
    _conclude(wanted)


def _list_row(one: Delivery) -> ListRow:
    changes = one.changes
    sizes = (len(changes.new), len(changes.changed), len(changes.gone), changes.same)
    return ListRow(one.case_list.name, one.target.place, *sizes)


def _said(one: Delivery, *, asks: bool) -> list[str]:
    """Say what a person should know before it is done."""
    from tracer_etl.fieldwork.cases import too_few

    gone = len(one.changes.gone)
    if gone and one.target.keeps_gone:
        return [*one.remarks, f"{gone} gone case(s) stay on the phones (remove = true takes them off)"]
    if asks and (what := too_few(one.changes)):
        return [*one.remarks, f"{what}: that needs --accept-deletions"]
    return list(one.remarks)


@field.command()
@with_json
@click.option("--apply", "wanted", is_flag=True, help="Do it; without it only what would be done is shown.")
@click.option("--revoke", is_flag=True, help="ODK Central: take away access that study.toml does not list.")
@click.option(
    "--with-password",
    is_flag=True,
    help=f"KoboToolbox: put the password of {SHARED_PASSWORD} into the codes.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the sheet of QR codes.  [default with --apply: var/phones.html]",
)
def phones(as_json: bool, wanted: bool, revoke: bool, with_password: bool, out: Path | None) -> None:
    """Give everyone in [[phones]] access, and print their QR codes.

    ODK Central: one app user per person, allowed the forms of their crew. KoboToolbox: the right to send in
    for the person's account, or for one all share (TRACER_PHONES_USER). The sheet holds what lets a phone
    in: it is written so that only you can read it.
    """
    from tracer_etl.fieldwork.phones import holders

    study = the_study()
    people = holders(study)
    desk = _desk(study, people)
    planned = desk.plan(people)
    give([_row(phone, revoke=revoke) for phone in planned], ("code", "name", "account", "todo"), as_json)
    if wanted:
        desk.apply(planned, revoke=revoke)
    target = out or (study.root / "var/phones.html" if wanted else None)
    if target:
        badges = _badges(study, desk, people, with_password=with_password)
        _print_sheet(study, target, badges, quiet=as_json)
    _conclude(wanted)


def _row(phone: Phone, *, revoke: bool) -> PhoneRow:
    todo = phone.todo
    if (phone.revoke or phone.withdrawals) and not revoke:
        todo = f"{todo} (with --revoke)"
    return PhoneRow(phone.code, phone.name, phone.account, todo)


def _desk(study: Study, people: Sequence[Holder]) -> AppUsers | KoboAccounts:
    from tracer_etl.fieldwork.phones import AppUsers, KoboAccounts
    from tracer_etl.servers import connecting

    kind = connecting.settings(study)["kind"]
    if kind == "folder":
        remedy = 'set [server] kind to "central" or "kobo", or TRACER_SERVER'
        raise errors.StudyError("a folder has no phones", where="[server]", remedy=remedy)
    source = connecting.source(study)
    if kind == "central":
        central = cast("CentralSource", source)
        return AppUsers(central.session, central.project)
    kobo = cast("KoboSource", source)
    forms = {form for person in people for form in person.forms}
    assets = {form: kobo.asset_of(form) for form in sorted(forms)}
    return KoboAccounts(kobo.session, assets, os.environ.get(SHARED_USER, ""))


def _badges(
    study: Study, desk: AppUsers | KoboAccounts, people: Sequence[Holder], *, with_password: bool
) -> list[Badge]:
    from tracer_etl.fieldwork.phones import AppUsers
    from tracer_etl.form import read_form

    used = {form for person in people for form in person.forms}
    titles = {
        form.form_id: read_form(form.workbook, study.media).title for form in study.chosen(sorted(used))
    }
    if isinstance(desk, AppUsers):
        return desk.badges(people, titles)
    password = os.environ.get(SHARED_PASSWORD, "") if with_password else ""
    if with_password and not password:
        remedy = "set it, or leave --with-password out"
        raise errors.StudyError("there is no password", where=SHARED_PASSWORD, remedy=remedy)
    project = study.title.get("id") or next(iter(study.title.values()))
    url = str(study.server.get("phones_url", ""))
    if not url and desk.session.host.startswith("kf."):
        remark([f"the codes name {desk.session.host}; if phones use kc., write phones_url under [server]"])
    return desk.badges(people, titles, project, url, password)


def _print_sheet(study: Study, target: Path, badges: Sequence[Badge], *, quiet: bool) -> None:
    from tracer_etl.fieldwork.qr import write_sheet

    if not badges:
        remark(["nobody has access yet, so there is no code to print: add --apply"])
        return
    write_sheet(target, badges, study.title)
    click.echo(f"\n{len(badges)} codes  {near(target)}", err=quiet)
    line("tracer-etl: whoever has this sheet can send data: print it, hand the codes out, delete the file")


def _conclude(wanted: bool) -> None:
    if not wanted:
        line("tracer-etl: nothing was changed; add --apply to do it")
