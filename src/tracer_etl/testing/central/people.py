"""Who may do what: users with sessions, and app users with their tokens."""

from __future__ import annotations

import base64
import binascii
import itertools
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from tracer_etl.testing.central.answers import Problem, forbidden, moment, unauthenticated

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracer_etl.testing.loopback import Request

Role = Literal["admin", "manager", "viewer", "none"]
SESSION = timedelta(hours=24)
_VIEWER = "project.read form.list form.read submission.list submission.read dataset.list dataset.read entity.list entity.read"
_MANAGER = (
    "project.update project.delete form.create form.update form.delete submission.create submission.update "
    "field_key.list field_key.create field_key.delete assignment.list assignment.create assignment.delete "
    "dataset.create dataset.update entity.create entity.update entity.delete"
)
VERBS: dict[Role, list[str]] = {
    "viewer": _VIEWER.split(),
    "manager": [*_VIEWER.split(), *_MANAGER.split()],
    "admin": [*_VIEWER.split(), *_MANAGER.split(), "project.create", "config.read", "user.list"],
    "none": [],
}
"""Of what Central lists per role (its migrations of `roles`) those that name what the routes here let a role do."""


@dataclass(slots=True)
class Actor:
    """A user or an app user; an app user may use the forms in `forms`."""

    number: int
    name: str
    created_at: datetime
    role: Role = "none"
    password: str = ""
    token: str = ""
    """Of an app user; empty once revoked."""
    forms: set[str] = field(default_factory=set)

    @property
    def device(self) -> bool:
        """Tell whether this is an app user."""
        return not self.password

    def listed(self) -> dict[str, Any]:
        """Give the JSON of an actor."""
        return {
            "id": self.number,
            "type": "field_key" if self.device else "user",
            "displayName": self.name,
            "createdAt": moment(self.created_at),
            "updatedAt": None,
            "deletedAt": None,
        }


@dataclass(slots=True)
class Session:
    """One log-in."""

    actor: Actor
    expires: datetime


class People:
    """All actors and sessions of a server."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        """Take the server's clock."""
        self.clock = clock
        self.actors: list[Actor] = []
        self.sessions: dict[str, Session] = {}
        self._numbers = itertools.count(5)

    def add(self, name: str, *, role: Role = "none", password: str = "") -> Actor:
        """Add a user (with a password) or an app user (without)."""
        actor = Actor(next(self._numbers), name, self.clock(), role, password)
        if actor.device:
            actor.token = secrets.token_hex(32)
        self.actors.append(actor)
        return actor

    def named(self, name: str) -> Actor:
        """Find an actor by e-mail or display name.

        Raises:
            KeyError: nobody is called so.
        """
        found = next((actor for actor in self.actors if actor.name == name), None)
        if found is None:
            raise KeyError(name)
        return found

    def log_in(self, email: str, password: str) -> dict[str, Any]:
        """Open a session.

        Raises:
            Problem: 401.2.
        """
        actor = self._checked(email, password)
        token = secrets.token_urlsafe(48)[:64]
        now = self.clock()
        self.sessions[token] = Session(actor, now + SESSION)
        csrf = secrets.token_urlsafe(48)[:64]
        return {
            "token": token,
            "csrf": csrf,
            "expiresAt": moment(now + SESSION),
            "createdAt": moment(now),
        }

    def of_key(self, token: str) -> Actor:
        """Find the app user of a /key/ path.

        Raises:
            Problem: 403.1 for an unknown or revoked token.
        """
        found = next((actor for actor in self.actors if actor.token == token), None)
        if found is None:
            raise forbidden(bare=True)
        return found

    def of_header(self, request: Request) -> Actor | None:
        """Find the actor of the Authorization header; None without one.

        Raises:
            Problem: 401.2 bad credentials, 401.3 Basic over plain http.
        """
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            session = self.sessions.get(value)
            if session is None or session.expires <= self.clock():
                raise unauthenticated()
            return session.actor
        if kind.lower() == "basic":
            return self._basic(request, value)
        return None

    def _basic(self, request: Request, value: str) -> Actor:
        if request.headers.get("x-forwarded-proto") != "https":
            message = "This authentication method is only available over HTTPS"
            raise Problem(401.3, message, bare=True)
        try:
            email, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise unauthenticated() from error
        return self._checked(email, password)

    def _checked(self, email: str, password: str) -> Actor:
        for actor in self.actors:
            if not actor.device and actor.name == email and actor.password == password:
                return actor
        raise unauthenticated()


def may(actor: Actor | None, *roles: Role) -> Actor:
    """Let an actor pass whose role is one of those; an admin always passes.

    Raises:
        Problem: 401.2 for nobody, 403.1 for the wrong role.
    """
    if actor is None:
        raise unauthenticated()
    if actor.role != "admin" and actor.role not in roles:
        raise forbidden()
    return actor
