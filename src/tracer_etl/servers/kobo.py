"""KoboToolbox: signing in, finding the project of a form, and the source that pulls from it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tracer_etl.errors import Refused, StudyError
from tracer_etl.servers.kobo_feed import KoboPull
from tracer_etl.servers.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.records import Memory
    from tracer_etl.servers import Options
    from tracer_etl.servers.session import Patience

PAGE_PROJECTS = "100"


def connect(settings: Mapping[str, str], options: Options, patience: Patience | None = None) -> KoboSource:
    """Sign in with `url` and `token`, or `user` and `password`, and make sure the server knows who asks.

    Raises:
        StudyError: a setting is missing. Refused: the server knows no such account.
    """
    url = settings.get("url", "")
    login = _Login(url, settings, patience)
    session = Session(url, login.headers, patience)
    me = session.json("/me/", {"format": "json"})
    if not (isinstance(me, dict) and me.get("username")):
        # Who is not recognised gets empty lists with status 200, which look like deletions.
        what = "the server does not recognise this account"
        raise Refused(
            what, where=session.host, remedy="check TRACER_TOKEN, or TRACER_USER and TRACER_PASSWORD"
        )
    return KoboSource(session, options)


class _Login:
    """Gives the header that says who asks; a password is changed for a token once."""

    def __init__(self, url: str, settings: Mapping[str, str], patience: Patience | None) -> None:
        self._url, self._patience = url, patience
        self._token = settings.get("token", "").strip()
        user, password = settings.get("user", ""), settings.get("password", "")
        if not self._token and not (user and password):
            remedy = "set TRACER_TOKEN, or TRACER_USER and TRACER_PASSWORD"
            raise StudyError("no token and no password", where="[server] kobo", remedy=remedy)
        self._basic = base64.b64encode(f"{user}:{password}".encode()).decode() if password else ""

    def headers(self, renew: bool) -> dict[str, str]:
        """Give the headers; a token the server took back is asked for anew where a password is known."""
        if not self._token or (renew and self._basic):
            self._token = self._fetched()
        return {"Authorization": f"Token {self._token}", "Accept-Language": "en"}

    def _fetched(self) -> str:
        basic = {"Authorization": f"Basic {self._basic}"}
        session = Session(self._url, lambda _: basic, self._patience)
        match session.json("/token/", {"format": "json"}):
            case {"token": str(token)}:
                return token
            case _:
                remedy = "is this address KoboToolbox's?"
                raise Refused("the login gave no token", where=session.host, remedy=remedy)


class KoboSource:
    """The projects one account sees on one server."""

    def __init__(self, session: Session, options: Options) -> None:
        """Remember the session; nothing is asked yet."""
        self.session, self.options = session, options
        self._assets: dict[str, str] = dict(options.assets)
        self._id_strings: dict[str, str] = {}

    def pull(self, form_id: str, memory: Memory, *, sweep: bool = False) -> KoboPull:
        """Begin a pull of one form.

        Raises:
            Refused: no project of this form is visible, or more than one.
        """
        known = str(memory.cursor.get("asset", ""))
        uid = self._assets.get(form_id) or known or self.asset_of(form_id)
        return KoboPull(self.session, uid, form_id, memory, self.options, sweep=sweep)

    def asset_of(self, form_id: str) -> str:
        """Find the project of a form: by the form_id of its XLSForm, or else by its name.

        Raises:
            Refused: none, or more than one.
        """
        if form_id not in self._assets:
            self._assets[form_id] = self._found(form_id)
        return self._assets[form_id]

    def _found(self, form_id: str) -> str:
        projects = self._projects()
        by_id = [uid for uid in projects if self._id_string(uid) == form_id]
        found = by_id or [uid for uid, name in projects.items() if form_id in (name, uid)]
        if len(found) == 1:
            return found[0]
        what = (
            f"{len(found)} projects of form {form_id}"
            if found
            else f"no project of form {form_id} is visible"
        )
        named = f": {', '.join(found)}" if found else ""
        remedy = 'name one as asset = "..." under [[forms]] in study.toml'
        if not found:
            remedy = f"publish it (`tracer-etl forms publish`), or {remedy}"
        raise Refused(what + named, where=f"KoboToolbox {self.session.host}", remedy=remedy)

    def _projects(self) -> dict[str, str]:
        """Map the uids of the deployed projects to their names."""
        found: dict[str, str] = {}
        start = 0
        while True:
            params = {"format": "json", "q": "asset_type:survey", "limit": PAGE_PROJECTS, "start": str(start)}
            body = self.session.json("/api/v2/assets/", params)
            found |= {one["uid"]: one["name"] for one in body["results"] if one.get("has_deployment")}
            start += len(body["results"])
            if not body["results"] or start >= body["count"]:
                return found

    def _id_string(self, uid: str) -> str:
        """Give the form_id of a project; each is asked once, however many forms are looked for."""
        if uid not in self._id_strings:
            body = self.session.json(f"/api/v2/assets/{uid}/", {"format": "json"})
            settings = (body.get("content") or {}).get("settings") or {}
            self._id_strings[uid] = str(settings.get("id_string") or "")
        return self._id_strings[uid]
