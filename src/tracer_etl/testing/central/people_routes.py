"""Log-in, users and app users over REST."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tracer_etl.testing.central.answers import Problem, not_found
from tracer_etl.testing.central.forms import managed
from tracer_etl.testing.central.people import VERBS, may
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.people import Actor
    from tracer_etl.testing.central.state import State

_DONE = {"success": True}
_NEVER = "9999-12-31T23:59:59.000Z"


def log_in(state: State, call: Call) -> Reply:
    """Open a session of 24 hours."""
    given = call.request.json() if call.request.body else {}
    email, password = given.get("email"), given.get("password")
    if email is None or password is None:
        got = ", ".join(f"{name}: {_shown(given.get(name))}" for name in ("email", "password"))
        message = f"Required parameters missing. Expected (email, password), got ({got})."
        raise Problem(400.3, message, {"expected": ["email", "password"], "got": given})
    session = state.people.log_in(email, password)
    return Reply.of_json(session, Set_Cookie=f"session={session['token']}; Path=/; HttpOnly; SameSite=Strict")


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    return "undefined" if value is None else f"'{value}'"


def log_out(state: State, call: Call) -> Reply:
    """Close a session."""
    token = unquote(call.parts["token"])
    if token == "current":  # noqa: S105 - the word of the path
        token = call.request.headers.get("authorization", "").partition(" ")[2]
    if state.people.sessions.pop(token, None) is None:
        raise not_found()
    return Reply.of_json(_DONE)


def list_projects(state: State, call: Call) -> Reply:
    """List the projects one has a role in."""
    actor = call.actor or may(call.actor)
    seen = state.projects.values() if actor.role != "none" else ()
    return Reply.of_json([project.listed() for project in seen])


def get_project(state: State, call: Call) -> Reply:
    """Give one project; extended, also what one may do in it."""
    project = state.project(call.parts["project"])
    actor = may(call.actor, "manager", "viewer")
    more = {"verbs": VERBS[actor.role]} if call.extended else {}
    return Reply.of_json({**more, **project.listed()})


def create_project(state: State, call: Call) -> Reply:
    """Add a project."""
    may(call.actor)
    state.tick()
    return Reply.of_json(state.add_project(call.request.json()["name"]).listed())


# -- app users


def _app_user(state: State, number: str) -> Actor:
    for actor in state.people.actors:
        if actor.device and str(actor.number) == number:
            return actor
    raise not_found()


def list_app_users(state: State, call: Call) -> Reply:
    """List the app users with their tokens (null once revoked)."""
    number = state.project(call.parts["project"]).number
    may(call.actor, "manager")
    rows = [
        {"projectId": number, **actor.listed(), "token": actor.token or None}
        for actor in reversed(state.people.actors)
        if actor.device
    ]
    return Reply.of_json(rows)


def create_app_user(state: State, call: Call) -> Reply:
    """Add an app user."""
    number = state.project(call.parts["project"]).number
    may(call.actor, "manager")
    state.tick()
    actor = state.people.add(call.request.json()["displayName"])
    more = {"token": actor.token, "csrf": actor.token[::-1], "expiresAt": _NEVER}
    return Reply.of_json({"projectId": number, **actor.listed(), **more})


def delete_app_user(state: State, call: Call) -> Reply:
    """Remove an app user; what it sent stays."""
    may(call.actor, "manager")
    _app_user(state, call.parts["actor"]).token = ""
    return Reply.of_json(_DONE)


def revoke(state: State, call: Call) -> Reply:
    """Revoke an app user's token."""
    may(call.actor, "manager")
    token = unquote(call.parts["token"])
    found = next((actor for actor in state.people.actors if actor.token == token), None)
    if found is None:
        return log_out(state, call)
    found.token = ""
    return Reply.of_json(_DONE)


def assign(state: State, call: Call) -> Reply:
    """Let an app user fill a form in."""
    form = managed(state, call)
    form.assigned.add(_app_user(state, call.parts["actor"]).number)
    return Reply.of_json(_DONE)


def unassign(state: State, call: Call) -> Reply:
    """Take a form away from an app user."""
    form = managed(state, call)
    form.assigned.discard(_app_user(state, call.parts["actor"]).number)
    return Reply.of_json(_DONE)


def assignments(state: State, call: Call) -> Reply:
    """List the app users of a form."""
    form = managed(state, call)
    rows = [actor.listed() for actor in state.people.actors if actor.number in form.assigned]
    return Reply.of_json(rows)
