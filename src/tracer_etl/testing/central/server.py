"""The fake ODK Central itself: its HTTP door and the Python verbs of a test."""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tracer_etl.form import read_form
from tracer_etl.testing.central import answers, entities, forms, intake, routes
from tracer_etl.testing.central.answers import Call, Problem, moment, not_found, unauthenticated
from tracer_etl.testing.central.schema import read_schema
from tracer_etl.testing.central.state import Pending, State, Truth
from tracer_etl.testing.loopback import Loopback, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tracer_etl.testing.central.people import Actor, Role
    from tracer_etl.testing.central.state import Form, Submission

ADMIN = "admin@example.org"
PASSWORD = "central-admin-1"  # noqa: S105 - of a server on the loopback interface


class FakeCentral(Loopback):
    """ODK Central v2026.2.2 with one project (`project`), an admin and no form.

    `domain` is what the server believes to be called: next links and download addresses carry it, as
    behind a proxy whose env.domain differs.
    """

    def __init__(self, domain: str = "https://central.example.org", *, entities_at_once: bool = True) -> None:
        """Bind a port; the virtual clock stands at 2026-01-05T01:00:00Z."""
        super().__init__()
        self.state = State(domain)
        if entities_at_once:
            self.state.feed_entities = partial(entities.process, self.state)
        self.admin = (ADMIN, PASSWORD)
        self.project = 1
        self.release = "v2026.2.2"
        """What /version.txt tells, as Central's web server does beside the API; empty behind one that has no such file."""
        self._admin = self.state.people.add(ADMIN, role="admin", password=PASSWORD)

    # -- HTTP

    def handle(self, request: Request) -> Reply:
        """Answer one request as Central does."""
        if request.path == "/version.txt" and self.release:
            return Reply(200, answers.release_file(self.release), {"Content-Type": "text/plain"})
        version = re.match(r"/v(\d+)(/.*|$)", request.path)
        call = Call(request, "", None)
        if version is None or version[1] != "1":
            problem = _version_problem(version[1] if version else "")
            reply = answers.refusal(problem, call)
            reply.headers["ETag"] = answers.weak_tag(problem.message.encode())
            return reply
        path = version[2]
        for raw, plain in (("%27", "'"), ("%28", "("), ("%29", ")"), ("%24", "$")):
            path = path.replace(raw, plain)
        if key := re.match(r"/key/([^/]+)(/.*)", path):
            call.key, path = unquote(key[1]), key[2]
        call.path = path
        try:
            call.actor = self._actor(call)
            answers.check_body(request)
            return answers.finish(self._routed(call), call)
        except Problem as problem:
            return answers.finish(answers.refusal(problem, call), call, bare=problem.bare)

    def _actor(self, call: Call) -> Actor | None:
        if call.key:
            return self.state.people.of_key(call.key)
        return self.state.people.of_header(call.request)

    def _routed(self, call: Call) -> Reply:
        for handler, parts in routes.find(call.request.method, call.path):
            if call.actor is None and call.path != "/sessions":
                raise _nobody(call)
            call.parts = parts
            return handler(self.state, call)
        raise not_found()

    # -- the clock and the people

    @property
    def clock(self) -> datetime:
        """Give the virtual time."""
        return self.state.clock

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        with self.lock:
            self.state.clock += timedelta(seconds=seconds)

    def add_user(self, email: str, password: str, role: Role = "viewer") -> None:
        """Add a user with a role in the project."""
        with self.lock:
            self.state.people.add(email, role=role, password=password)

    def set_role(self, email: str, role: Role) -> None:
        """Change a user's role."""
        with self.lock:
            self.state.people.named(email).role = role

    def add_app_user(self, name: str, *assigned: str) -> str:
        """Add an app user for some forms (default: all published ones); gives its token."""
        with self.lock:
            actor = self.state.people.add(name)
            for form in self.state.projects[self.project].forms.values():
                if not assigned or form.xml_id in assigned:
                    form.assigned.add(actor.number)
            return actor.token

    def expire_sessions(self) -> None:
        """End every session, as 24 hours do."""
        with self.lock:
            self.state.people.sessions.clear()

    # -- forms

    def form(self, name: str) -> Form:
        """Find a form by its xmlFormId."""
        return self.state.projects[self.project].forms[name]

    def publish(self, workbook: Path, media: Path | None = None) -> str:
        """Publish a workbook as the first or the next version; `media` is the folder of its files.

        Raises:
            FormError: the workbook does not compile.
            ValueError: Central would refuse it.
        """
        xform = read_form(workbook, media).xform.encode()
        with self.lock, _refusals():
            project = self.state.projects[self.project]
            draft_id = read_schema(xform).form_id
            form = project.forms.get(draft_id)
            if form is None:
                form = forms.add_form(self.state, project, xform, self._admin, excel=True)
            else:
                form.draft = forms.make_edition(self.state, form, project, xform, excel=True)
            folder = media or workbook.parent
            for item in form.draft.media.values() if form.draft else ():
                if (folder / item.name).is_file():
                    item.content = (folder / item.name).read_bytes()
            forms.publish(self.state, form, self._admin)
            return form.xml_id

    def close(self, form: str, state: str = "closed") -> None:
        """Close a form, or set it to "closing" or "open"."""
        with self.lock:
            self.form(form).state = state

    # -- submissions

    def _sender(self, by: str = "", device: str | None = None, agent: str | None = None) -> intake.Sender:
        return intake.Sender(self.state.people.named(by) if by else self._admin, device, agent)

    def submit(
        self, form: str, xml: bytes, files: dict[str, bytes] | None = None, **who: str
    ) -> str:  # fmt: skip
        """Send a submission; `who` may give by (e-mail or app user's name), device and agent.

        Raises:
            ValueError: Central would refuse it.
        """
        with self.lock, _refusals():
            return intake.create(self.state, self.form(form), xml, files or {}, self._sender(**who)).key

    def bulk(self, form: str, xmls: Iterable[bytes]) -> list[str]:
        """Send many; gives their keys."""
        return [self.submit(form, xml) for xml in xmls]

    def begin(self, form: str, xml: bytes, files: dict[str, bytes] | None = None, **who: str) -> Pending:
        """Begin a submission whose row becomes visible only at `commit`, with its date of now.

        Raises:
            ValueError: Central would refuse it.
        """
        with self.lock, _refusals():
            found = self.form(form)
            submission = intake.draw_up(self.state, found, xml, files or {}, self._sender(**who))
        return Pending(submission.key, lambda: self._commit(found, submission))

    def _commit(self, form: Form, submission: Submission) -> None:
        with self.lock:
            intake.admit(self.state, form, submission)

    def edit(
        self, form: str, key: str, xml: bytes, files: dict[str, bytes] | None = None, **who: str
    ) -> None:  # fmt: skip
        """Edit: the XML has a new instanceID and the current one as deprecatedID.

        Raises:
            ValueError: Central would refuse it.
        """
        with self.lock, _refusals():
            found = self.form(form)
            head = intake.read_head(xml)
            if head.deprecated_id != found.live(key).current.instance_id:
                raise intake.stale(head.deprecated_id)
            intake.revise(self.state, found, xml, files or {}, self._sender(**who))

    def attach(self, form: str, key: str, name: str, content: bytes) -> None:
        """Let a late file come.

        Raises:
            ValueError: the XML does not mention it.
        """
        self._store(form, key, name, content)

    def clear(self, form: str, key: str, name: str) -> None:
        """Clear a file."""
        self._store(form, key, name, None)

    def _store(self, form: str, key: str, name: str, content: bytes | None) -> None:
        with self.lock, _refusals():
            found = self.form(form)
            row = found.live(key)
            intake.store(self.state, found, row, row.current, name, content, self._admin)

    def review(self, form: str, key: str, state: str | None) -> None:
        """Set the review state; None is received."""
        with self.lock, _refusals():
            found = self.form(form)
            intake.review(self.state, found, found.live(key), state, self._admin)

    def delete(self, form: str, key: str) -> None:
        """Delete softly."""
        with self.lock, _refusals():
            found = self.form(form)
            intake.delete(self.state, found, found.live(key), self._admin)

    def restore(self, form: str, key: str) -> None:
        """Restore a deleted submission."""
        with self.lock, _refusals():
            found = self.form(form)
            intake.restore(self.state, found, found.by_key[key], self._admin)

    def purge(self, form: str, key: str) -> None:
        """Remove a deleted submission for good."""
        with self.lock:
            found = self.form(form)
            intake.purge(self.state, found, found.by_key[key])

    def work_off(self) -> int:
        """Do what Central's workers do some seconds later: make entities; gives how many were waiting."""
        with self.lock:
            waiting, self.state.backlog = self.state.backlog, []
            for each in waiting:
                entities.process(self.state, *each)
            return len(waiting)

    def truth(self, form: str) -> dict[str, Truth]:
        """Give every live submission by its key."""
        with self.lock:
            return {row.key: _truth(row) for row in self.form(form).rows if not row.deleted_at}


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what Central would answer with an error into a ValueError."""
    try:
        yield
    except Problem as problem:
        raise ValueError(f"{problem.code}: {problem.message}") from problem


def _nobody(call: Call) -> Problem:
    if not call.openrosa:
        return unauthenticated()
    problem = unauthenticated()
    problem.headers["WWW-Authenticate"] = 'Basic charset="UTF-8"'
    return problem


def _truth(row: Submission) -> Truth:
    version = row.current
    files = {name: content for name, content in version.files.items() if content is not None}
    missing = tuple(name for name, content in version.files.items() if content is None)
    date = moment(row.first.created_at) or ""
    state = row.review_state or ""
    return Truth(
        version.xml, version.instance_id, row.key, version.form_version, state, files, missing, date
    )  # fmt: skip


def _version_problem(got: str) -> Problem:
    if got:
        return Problem(404.3, f"Unexpected an API version (accepts: 1) (got: {got}).", {"got": got})
    return Problem(404.2, "Expected an API version (eg /v1) at the start of the request URL.")
