"""ODK Central: the review state hasIssues and a comment; who set a state is read from the audit log.

A change of state carries our mark as its note, the comment its reasons. The state goes first: an account
without the right to it is refused before anything is said, and a comment that was not reached is made up
for by the next run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracer_etl.fieldwork.review import CLEAR, DECIDED, DELETED, EDITED, FLAGGED, TELL, Standing
from tracer_etl.fieldwork.review_reasons import mark, marked
from tracer_etl.servers.central_form import project_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tracer_etl.fieldwork.review import Step
    from tracer_etl.servers.session import Session

_OK, _REFUSED, _GONE = 200, 400, 404
_FINAL = ("approved", "rejected")
"""States that are decided, whoever set them."""


class CentralDesk:
    """The submissions of one project."""

    speaks = True
    words: Mapping[str, str] = {
        "": "received", "edited": "edited", FLAGGED: FLAGGED, "approved": "approved", "rejected": "rejected",
    }  # fmt: skip

    def __init__(self, session: Session, project: str | int) -> None:
        """Work in a session that is logged in."""
        self.session, self.project = session, project

    @classmethod
    def of(cls, source: Any) -> CentralDesk:  # noqa: ANN401 - whatever a client's connect gives
        """Use a client's session."""
        return cls(source.session, source.project)

    def standing(self, form_id: str, keys: Collection[str]) -> dict[str, Standing]:
        """Read all submissions' metadata at once, and the log of those where somebody may have decided."""
        listed = self.session.json(self._path(form_id))
        wanted = set(keys)
        return {
            row["instanceId"]: self._standing(form_id, row)
            for row in listed
            if row["instanceId"] in wanted or row["reviewState"] == FLAGGED
        }

    def _standing(self, form_id: str, row: Mapping[str, Any]) -> Standing:
        key, state, instance = (
            row["instanceId"],
            row["reviewState"] or "",
            row["currentVersion"]["instanceId"],
        )
        # Every change of state moves updatedAt, so that what never moved has no history.
        if row["updatedAt"] is None or state in _FINAL:
            return Standing(instance, state)
        audits = self.session.json(f"{self._path(form_id, key)}/audits")
        now = Standing(instance, state, tuple(map(_mark_of, filter(_changes_state, audits))))
        return replace(now, said=self._said(form_id, key)) if now.ours and state == FLAGGED else now

    def _said(self, form_id: str, key: str) -> str:
        comments = self.session.json(f"{self._path(form_id, key)}/comments")
        ours = [one for one in comments if marked(one["body"])]
        newest = max(ours, key=lambda one: str(one["createdAt"]), default=None)
        return marked(newest["body"]) if newest else ""

    def carry_out(self, form_id: str, steps: Sequence[Step]) -> Iterator[Step]:
        """Do the steps one by one, each only if the submission still is what was planned for."""
        for step in steps:
            yield replace(step, outcome=self._outcome(form_id, step))

    def _outcome(self, form_id: str, step: Step) -> str:
        path = self._path(form_id, step.submission)
        reply = self.session.read(path, allow=(_GONE,))
        if reply.status_code == _GONE:
            return DELETED
        row = reply.json()
        if row["currentVersion"]["instanceId"] != step.instance:
            return EDITED
        if (row["reviewState"] or "") != step.state_now:
            return DECIDED
        status = _OK if step.what == TELL else self._move(path, step)
        if status == _GONE:
            return DELETED
        self.session.send("POST", f"{path}/comments", json={"body": step.comment})
        return "done" if status == _OK else "commented; the server keeps the state"

    def _move(self, path: str, step: Step) -> int:
        """Set the state and give the status; a Central that knows no way back to received refuses."""
        reply = self.session.send(
            "PATCH",
            path,
            json={"reviewState": step.state_then or None},
            headers={"X-Action-Notes": mark(step.digest)},
            repeatable=True,
            allow=(_GONE, _REFUSED) if step.what == CLEAR else (_GONE,),
        )
        return reply.status_code

    def _path(self, form_id: str, key: str = "") -> str:
        return project_path(str(self.project), "forms", form_id, "submissions", *([key] if key else []))


def _changes_state(audit: Mapping[str, Any]) -> bool:
    return audit["action"] == "submission.update" and "reviewState" in (audit["details"] or {})


def _mark_of(audit: Mapping[str, Any]) -> str:
    return marked(audit["notes"] or "")
