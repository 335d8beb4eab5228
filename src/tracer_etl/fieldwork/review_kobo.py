"""KoboToolbox: the validation status "on hold"; it has no comments, so the reasons go into a list.

A status says who set it (`by_whom`): what this account put on hold counts as ours.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import Changed, Refused
from tracer_etl.fieldwork.review import CLEAR, DECIDED, DELETED, EDITED, FLAG, FLAGGED, Standing

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from tracer_etl.fieldwork.review import Step
    from tracer_etl.servers.session import Session

ON_HOLD = "validation_status_on_hold"
_STATES = {
    ON_HOLD: FLAGGED,
    "validation_status_approved": "approved",
    "validation_status_not_approved": "rejected",
}
_FIELDS = json.dumps(["_id", "_uuid", "_validation_status"])
_CHUNK = 100
"""Submissions per call: their numbers travel in the address, and little is left half done by a break."""
_GONE = 404


class KoboDesk:
    """The submissions of one account's projects; `asset_of` finds the asset uid of a form."""

    speaks = False
    words: Mapping[str, str] = {
        "": "none", "edited": "none", FLAGGED: "on hold", "approved": "approved", "rejected": "not approved",
    }  # fmt: skip

    def __init__(self, session: Session, asset_of: Callable[[str], str]) -> None:
        """Ask who we are.

        Raises:
            Refused: the server takes this account for nobody.
        """
        self.session, self.asset_of = session, asset_of
        self.name = str(session.json("/me/", {"format": "json"}).get("username", ""))
        if not self.name:
            what, remedy = "the server does not know this account", "check TRACER_TOKEN"
            raise Refused(what, where=session.host, remedy=remedy)

    @classmethod
    def of(cls, source: Any, projects: Mapping[str, str]) -> KoboDesk:  # noqa: ANN401 - what connect gives
        """Use a client's session; `projects` are the uids known already."""
        return cls(source.session, lambda form_id: projects.get(form_id) or str(source.asset_of(form_id)))

    def standing(self, form_id: str, keys: Collection[str]) -> dict[str, Standing]:
        """Read the status of some rows by number, and every row that is on hold."""
        path = self._path(form_id)
        found = {row["_id"]: row for chunk in _chunks(list(keys)) for row in self._named(path, chunk)}
        found |= {row["_id"]: row for row in self._rows(path, {"_validation_status.uid": ON_HOLD}, {})}
        return {str(number): self._standing(row) for number, row in found.items()}

    def _named(self, path: str, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
        return self._rows(path, {}, {"$in": [int(key) for key in keys]})

    def _rows(
        self, path: str, query: Mapping[str, Any], number: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Read rows page by page, however few the server hands out at a time; `number` restricts `_id`.

        Raises:
            Changed: the server counts rows and gives none: they are not gone.
        """
        last, more = 0, True
        while more:
            asked = {**query, "_id": {**number, "$gt": last}}
            options = {"query": json.dumps(asked), "fields": _FIELDS, "sort": '{"_id": 1}', "limit": "1000"}
            page = self.session.json(f"{path}/data.json", options)
            count, rows = page["count"], page["results"]
            if count and not rows:
                what = f"{count} submissions are counted, none given"
                raise Changed(what, where=f"{self.session.host} {path}", remedy="review again")
            yield from rows
            last, more = max((int(row["_id"]) for row in rows), default=0), len(rows) < count

    def _standing(self, row: Mapping[str, Any]) -> Standing:
        status = row.get("_validation_status") or {}
        state = _STATES.get(status.get("uid", ""), "")
        ours = state == FLAGGED and status.get("by_whom") == self.name
        return Standing(row["_uuid"], state, (ON_HOLD,) if ours else ())

    def carry_out(self, form_id: str, steps: Sequence[Step]) -> Iterator[Step]:
        """Put on hold in bulk and clear one by one, each row only if it still is what was planned for."""
        path = self._path(form_id)
        for chunk in _chunks(steps):
            present = self._present(path, chunk)
            moved = {step.submission: _moved_on(step, present) for step in chunk}
            yield from (
                replace(step, outcome=moved[step.submission]) for step in chunk if moved[step.submission]
            )
            ready = [step for step in chunk if not moved[step.submission]]
            yield from self._hold(path, [step for step in ready if step.what == FLAG])
            yield from (self._clear(path, step) for step in ready if step.what == CLEAR)

    def _present(self, path: str, steps: Sequence[Step]) -> dict[str, Standing]:
        rows = self._named(path, [step.submission for step in steps])
        return {str(row["_id"]): self._standing(row) for row in rows}

    def _hold(self, path: str, steps: Sequence[Step]) -> Iterator[Step]:
        """Put rows on hold with one call, and read back which are."""
        if not steps:
            return  # without numbers KoboToolbox would take all submissions for meant
        payload = {
            "submission_ids": [int(step.submission) for step in steps],
            "validation_status.uid": ON_HOLD,
        }
        self.session.send(
            "PATCH", f"{path}/data/validation_statuses/", json={"payload": payload}, repeatable=True
        )
        present = self._present(path, steps)
        for step in steps:
            now = present.get(step.submission)
            held = now is not None and now.state == FLAGGED and now.ours
            yield replace(step, outcome="done" if held else "the server did not take it")

    def _clear(self, path: str, step: Step) -> Step:
        address = f"{path}/data/{step.submission}/validation_status/"
        reply = self.session.send("DELETE", address, repeatable=True, allow=(_GONE,))
        return replace(step, outcome=DELETED if reply.status_code == _GONE else "done")

    def _path(self, form_id: str) -> str:
        return f"/api/v2/assets/{self.asset_of(form_id)}"


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]


def _moved_on(step: Step, present: Mapping[str, Standing]) -> str:
    """Say what happened to a row since it was planned for; empty when nothing did."""
    now = present.get(step.submission)
    if now is None:
        return DELETED
    if now.instance != step.instance:
        return EDITED
    same = now.state == step.state_now and (now.ours or step.what != CLEAR)
    return "" if same else DECIDED
