"""ODK Central as a source of submissions and entity lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from tracer_etl.errors import Refused, Unavailable
from tracer_etl.servers.central_detail import Reader
from tracer_etl.servers.central_entities import EntityList, entity_list
from tracer_etl.servers.central_feed import CentralPull
from tracer_etl.servers.central_form import CentralForm
from tracer_etl.servers.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.records import Memory
    from tracer_etl.servers import Options
    from tracer_etl.servers.session import Patience

_NO = (requests.codes.bad_request, requests.codes.unauthorized)

__all__ = ["CentralSource", "EntityList", "connect"]


def connect(settings: Mapping[str, str], options: Options, patience: Patience | None = None) -> CentralSource:
    """Open a project of a server; `settings` has url, user, password and project (its number).

    Nothing is asked before the first pull.

    Raises:
        StudyError: the address is no URL, or would send the password unencrypted over a network.
    """
    login = _Login(settings["url"], settings["user"], settings["password"], patience)
    session = Session(settings["url"], login.headers, patience)
    return CentralSource(session, settings["project"], options)


class CentralSource:
    """The forms and entity lists of one project."""

    def __init__(self, session: Session, project_id: str, options: Options) -> None:
        """Remember where to ask; forms are looked up when they are pulled."""
        self.session, self.project, self.options = session, project_id, options
        self._forms: dict[str, CentralForm] = {}

    def pull(self, form_id: str, memory: Memory, *, sweep: bool = False) -> CentralPull:
        """Begin a pull of one form; `sweep` compares every submission even when nothing asks for it."""
        form = self._forms.setdefault(form_id, CentralForm(self.session, self.project, form_id))
        reader = Reader(form, memory, self.options)
        return CentralPull(form, reader, memory, self.options, sweep=sweep)

    def entity_list(self, name: str, known_etag: str = "") -> EntityList | None:
        """Fetch an entity list as CSV; None when it is still what `known_etag` marks.

        Raises:
            ServerError: no such list, or its rows and count do not agree.
        """
        return entity_list(self.session, self.project, name, known_etag)


class _Login:
    """An account's session token, asked for when first needed and again when the server ends it (24 h)."""

    def __init__(self, url: str, user: str, password: str, patience: Patience | None) -> None:
        self._door = Session(url, lambda _renew: {}, patience)
        self._user, self._password = user, password
        self._token = ""

    def headers(self, renew: bool) -> Mapping[str, str]:
        """Give the header that lets us in."""
        if renew or not self._token:
            self._token = self._begin()
        return {"Authorization": f"Bearer {self._token}"}

    def _begin(self) -> str:
        """Log in; a password costs the server about a second, a token nothing."""
        credentials = {"email": self._user, "password": self._password}
        # A refusal may quote what was sent, so it is not quoted here.
        reply = self._door.send("POST", "/v1/sessions", repeatable=True, json=credentials, allow=_NO)
        if reply.status_code in _NO:
            what, remedy = "user and password are not accepted", "check TRACER_USER and TRACER_PASSWORD"
            raise Refused(what, where=self._door.host, remedy=remedy)
        try:
            return str(reply.json()["token"])
        except (ValueError, KeyError, TypeError) as error:
            remedy = "is this address ODK Central's?"
            raise Unavailable("the login gave no token", where=self._door.host, remedy=remedy) from error
