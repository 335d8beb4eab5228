"""The server: reachable, trusted, signed in, the same time, and what this account may do with each form."""

from __future__ import annotations

import os
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tracer_etl.doctor.finding import error, of_error, warning, well
from tracer_etl.errors import Refused, TracerError
from tracer_etl.servers.session import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracer_etl.doctor.finding import Finding
    from tracer_etl.servers import Options
    from tracer_etl.servers.central import CentralSource
    from tracer_etl.servers.kobo import KoboSource
    from tracer_etl.servers.session import Session
    from tracer_etl.study import Study

AREA = "server"
HASTY = Patience(connect=10, stall=30, tries=2, pause=1, longest=2)
"""A doctor says after a minute what a pull would only say after many."""
LATE, WRONG = timedelta(minutes=1), timedelta(minutes=10)
"""Differences of the clocks; a pull reads ten minutes again, so that a larger one may lose something."""
EXPIRES = timedelta(days=14)
DATED = "2025.3"
"""Before this ODK Central tells of deleted submissions to nobody but its own trash."""


def server(study: Study, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Iterator[Finding]:
    """Ask the server everything a run, a review and a publication will ask of it, and change nothing."""
    from tracer_etl.servers import connecting

    try:
        found, options = connecting.settings(study), connecting.options(study)
        match found["kind"]:
            case "kobo":
                yield from _kobo(study, found, options, now)
            case "central":
                yield from _central(study, found, options, now)
            case _:
                yield _folder(Path(found["path"]))
    except TracerError as raised:
        yield of_error(AREA, raised)


def _folder(path: Path) -> Finding:
    if not path.is_dir():
        return error(AREA, f"{path} is no folder", "check [server] path in study.toml, or TRACER_PATH")
    files = [file for file in path.rglob("*") if file.suffix.lower() in (".xml", ".zip", ".csv")]
    if not files:
        return warning(AREA, f"{path} holds no submission", "put folders or zips of submissions into it")
    return well(AREA, f"folder {path}: {len(files)} file(s) to read")


def _signed_in(session: Session, who: str, now: Callable[[], datetime]) -> Iterator[Finding]:
    """Say what holds of both servers once one has answered."""
    here = now()
    yield well(AREA, f"{session.host} knows {who}")
    yield _certificate(session.base, here)
    if session.clock is not None:
        yield drift(session.clock, here)


def _certificate(base: str, here: datetime) -> Finding:
    split = urlsplit(base)
    if split.scheme != "https":
        return well(AREA, f"{split.netloc} is this machine itself, so nothing is encrypted")
    ends = _expiry(str(split.hostname), split.port or 443)
    if ends is None:
        return well(AREA, "its certificate is trusted")
    said = f"its certificate is trusted until {ends:%Y-%m-%d}"
    if ends - here < EXPIRES:
        return warning(AREA, said, "tell the server's administrator")
    return well(AREA, said)


def _expiry(host: str, port: int) -> datetime | None:
    """Give when the certificate ends; None behind a proxy, which answers in the server's place."""
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    try:
        context = ssl.create_default_context(cafile=bundle)
        with (
            socket.create_connection((host, port), timeout=HASTY.connect) as raw,
            context.wrap_socket(raw, server_hostname=host) as tls,
        ):
            ends = (tls.getpeercert() or {}).get("notAfter")
    except OSError:
        return None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(ends)), UTC) if ends else None


def drift(there: datetime, here: datetime) -> Finding:
    """Compare the server's clock with this machine's.

    >>> noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    >>> drift(noon, noon + timedelta(seconds=20)).state, drift(noon, noon - timedelta(hours=7)).state
    ('ok', 'error')
    """
    apart = abs(here - there)
    seconds = round(apart.total_seconds())
    said = f"this machine's clock is {seconds} s {'ahead of' if here > there else 'behind'} the server's"
    remedy = "set this machine's clock, e.g. by `timedatectl set-ntp true`"
    if apart > WRONG:
        return error("clock", said, remedy)
    return warning("clock", said, remedy) if apart > LATE else well("clock", said)


# -- KoboToolbox


def _kobo(
    study: Study, found: Mapping[str, str], options: Options, now: Callable[[], datetime]
) -> Iterator[Finding]:
    from tracer_etl.servers import kobo

    source = kobo.connect(found, options, HASTY)
    yield from _signed_in(source.session, "this account", now)
    for form in study.forms:
        try:
            yield from _project(source, form.form_id)
        except TracerError as raised:
            yield of_error(AREA, raised)


def _project(source: KoboSource, form_id: str) -> Iterator[Finding]:
    from tracer_etl.servers.kobo_listing import Listing

    uid = source.asset_of(form_id)
    standing = Listing(source.session, uid).standing()
    if standing.sees_some:
        what, remedy = f"{form_id}: only some submissions are visible", 'ask for "View submissions" of all'
        yield error(AREA, what, remedy)
    elif not standing.sees_all:
        yield error(AREA, f"{form_id}: submissions are not visible", 'ask for "View submissions"')
    else:
        history = ", and the history" if standing.sees_history else ", without the history"
        yield well(AREA, f"{form_id}: project {uid}, {standing.count} submissions visible{history}")
    for right, what in _KOBO_RIGHTS.items():
        if right not in standing.permissions:
            yield warning(
                AREA, f"{form_id}: no right {right}, which {what} needs", "ask the project's owner for it"
            )
    if not standing.active:
        yield warning(AREA, f"{form_id}: the project is archived and takes no answers", "deploy it again")
    elif standing.draft != standing.deployed:
        remedy = "`tracer-etl forms publish` says what differs"
        yield warning(AREA, f"{form_id}: a draft is newer than what is deployed", remedy)


_KOBO_RIGHTS = {"validate_submissions": "`review --apply`", "manage_asset": "`forms publish --apply`"}


# -- ODK Central


def _central(
    study: Study, found: Mapping[str, str], options: Options, now: Callable[[], datetime]
) -> Iterator[Finding]:
    from tracer_etl.servers import central
    from tracer_etl.servers.central_form import project_path

    source = central.connect(found, options, HASTY)
    project = source.session.json(project_path(source.project), headers={"X-Extended-Metadata": "true"})
    yield from _signed_in(source.session, found["user"], now)
    yield _release(source.session)
    yield from _verbs(project)
    for form in study.forms:
        try:
            yield _form(source, form.form_id)
        except TracerError as raised:
            yield of_error(AREA, raised)


def _release(session: Session) -> Finding:
    """Read what ODK Central's own web server says of its release."""
    try:
        said = session.read("/version.txt", stream=True, allow=(401, 403, 404)).text
    except TracerError:
        said = ""
    found = re.search(r"\(v(\d{4}\.\d+)[^)]*\)", said)
    if found is None:
        return well(AREA, "its release is not told")
    if tuple(map(int, found[1].split("."))) < tuple(map(int, DATED.split("."))):
        return warning(AREA, f"ODK Central {found[1]} is old", f"have it upgraded to {DATED} or newer")
    return well(AREA, f"ODK Central {found[1]}")


def _verbs(project: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare the rights the server lists, where it lists them, with what each command needs."""
    if "verbs" not in project:
        return
    for verb, what in _CENTRAL_RIGHTS.items():
        if verb not in project["verbs"]:
            yield warning(
                AREA, f"no right {verb}, which {what} needs", "ask for the role of a Project Manager"
            )


_CENTRAL_RIGHTS = {
    "submission.update": "`review --apply`",
    "form.update": "`forms publish --apply`",
    "field_key.list": "`field phones`",
}


def _form(source: CentralSource, form_id: str) -> Finding:
    from tracer_etl.servers.central_form import CentralForm

    form = CentralForm(source.session, source.project, form_id)
    standing = form.standing()
    state = source.session.json(form.path).get("state", "open")
    try:
        listed = source.session.json(form.table, {"$top": "0", "$count": "true"})
    except Refused as raised:
        return error(AREA, f"{form_id}: {raised.what}", "ask for the role of a Project Viewer")
    if state != "open":
        return warning(
            AREA, f"{form_id}: the form is {state} and takes no new answers", "open it, if it should"
        )
    counted = listed.get("@odata.count")
    return well(AREA, f"{form_id}: version {standing.version or 'none'}, {counted} submissions visible")
