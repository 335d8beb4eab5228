"""Verdicts go back to the server: what is set aside is flagged there, and the flag is taken back in time.

The server is the ledger: what was said and who set a state is read back from it before anything is done, so
that a run that broke off is finished by the next, and a person's decision is never overruled.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from tracer_etl.errors import ServerError, StudyError
from tracer_etl.fieldwork.review_reasons import CLEARED, comment, findings, good
from tracer_etl.landing import Landing
from tracer_etl.records import silent
from tracer_etl.shelf import write_atomically
from tracer_etl.warehouse import reading, require_loaded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.fieldwork.review_reasons import Finding, Reason
    from tracer_etl.records import Progress
    from tracer_etl.servers.session import Session
    from tracer_etl.study import Study

FLAG, TELL, CLEAR = "flag", "comment", "clear"
SETTLED, EDITED, DELETED, DECIDED = "nothing to do", "edited since", "deleted", "decided by a person"
TO_DO = (FLAG, TELL, CLEAR)
"""What is done; the other words say why nothing is."""

FLAGGED = "hasIssues"
_OPEN = ("", "edited")
"""States nobody has decided on."""
_LIST = ("form", "submission", "state", "severity", "rule", "place", "question", "why")


@dataclass(frozen=True, slots=True)
class Standing:
    """A submission as the server has it now.

    `state` is in ODK Central's words, "" for received. `changes` are the digests of the marks its changes of
    state carry, newest first, "" where somebody else made the change. `said` is the mark of the newest
    comment of ours.
    """

    instance: str
    state: str
    changes: tuple[str, ...] = ()
    said: str = ""

    @property
    def ours(self) -> bool:
        """Tell whether the present state is the one we set."""
        return bool(self.changes and self.changes[0])


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done with one submission, or why nothing is; `outcome` is filled in once it was tried."""

    submission: str
    form_id: str
    what: str
    instance: str
    state_now: str
    state_then: str
    digest: str
    comment: str
    why: tuple[Reason, ...] = ()
    outcome: str = ""


class Desk(Protocol):
    """The server's side of a review; `speaks` tells whether it takes comments, `words` names its states."""

    speaks: bool
    words: Mapping[str, str]
    session: Session

    def standing(self, form_id: str, keys: Collection[str]) -> Mapping[str, Standing]:
        """Read how some submissions stand, and all that are flagged; those the server has not are absent."""
        ...

    def carry_out(self, form_id: str, steps: Sequence[Step]) -> Iterator[Step]:
        """Do the steps; give each with its outcome as soon as it is known."""
        ...


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review found and did; `failure` is why it broke off, with the rest left to the next run."""

    steps: tuple[Step, ...]
    words: Mapping[str, str]
    failure: ServerError | None = None


def review(
    study: Study, forms: Sequence[str] = (), *, apply: bool = False, progress: Progress = silent
) -> Reviewed:
    """Compare the warehouse's verdicts with the server; with `apply` bring the server up to them.

    Raises:
        StudyError: the study's server takes no verdicts, nothing is loaded yet, or it came from elsewhere.
        ServerError: the server cannot be read.
    """
    chosen = [form.form_id for form in study.chosen(forms)]
    require_loaded(study)
    desk = open_desk(study)
    for form_id in chosen:
        _refuse_other(study, form_id, desk.session.host)
    planned = [step for form_id in chosen for step in _planned(study, desk, form_id)]
    if not apply:
        return Reviewed(tuple(planned), desk.words)
    return _applied(desk, planned, progress)


def _refuse_other(study: Study, form_id: str, host: str) -> None:
    """Refuse verdicts on another server's submissions: here they would all seem to be deleted."""
    origin = Landing(study.landing, form_id).origin
    if origin and f" {host} " not in origin:
        what = f"form {form_id} was landed from {origin}, not from {host}"
        raise StudyError(what, where="[server]", remedy="set TRACER_STORAGE as for the pull from this server")


def _applied(desk: Desk, planned: Sequence[Step], progress: Progress) -> Reviewed:
    """Do what is due, form by form, until all is done or the server fails."""
    tried: dict[tuple[str, str], Step] = {}
    failure = None
    try:
        for form_id in dict.fromkeys(step.form_id for step in planned):
            due = [step for step in planned if step.form_id == form_id and step.what in TO_DO]
            for step in progress(desk.carry_out(form_id, due), f"review {form_id}", len(due)):
                tried[form_id, step.submission] = step
    except ServerError as error:
        failure = error
    steps = tuple(tried.get((step.form_id, step.submission), _untried(step)) for step in planned)
    return Reviewed(steps, desk.words, failure)


def open_desk(study: Study) -> Desk:
    """Log in at the study's server.

    Raises:
        StudyError: the settings are incomplete, or the server is a folder.
        ServerError: the server does not let this account in.
    """
    from tracer_etl.servers import connecting

    kind = connecting.settings(study)["kind"]
    if kind == "folder":
        what, remedy = "a folder takes no verdicts", "set kind to kobo or central"
        raise StudyError(what, where="[server]", remedy=remedy)
    source = connecting.source(study)
    if kind == "central":
        from tracer_etl.fieldwork.review_central import CentralDesk

        return CentralDesk.of(source)
    from tracer_etl.fieldwork.review_kobo import KoboDesk

    return KoboDesk.of(source, _projects(study))


def _projects(study: Study) -> dict[str, str]:
    """Map form to the KoboToolbox project it was pulled from, where study.toml does not name one."""
    forms = [form.form_id for form in study.forms if not form.asset]
    cursors = {form_id: Landing(study.landing, form_id).cursor for form_id in forms}
    return {form_id: str(cursor["asset"]) for form_id, cursor in cursors.items() if cursor.get("asset")}


def _planned(study: Study, desk: Desk, form_id: str) -> list[Step]:
    language = next(iter(study.title), "en")
    with reading(study) as warehouse:
        found = findings(warehouse.connection, form_id, language)
    standing = desk.standing(form_id, found)
    with reading(study) as warehouse:
        sound = good(warehouse.connection, form_id, [key for key in standing if key not in found])
    return plan(form_id, found, sound, standing, language=language, speaks=desk.speaks)


def plan(
    form_id: str,
    found: Mapping[str, Finding],
    sound: Mapping[str, str],
    standing: Mapping[str, Standing],
    *,
    language: str = "en",
    speaks: bool = True,
) -> list[Step]:
    """Decide for every submission that is set aside, and every good one (`sound`: its instance) we flagged."""
    steps = []
    for key, finding in found.items():
        now = standing.get(key)
        what = _verdict(finding, now, speaks=speaks)
        steps.append(_step(form_id, key, what, now, finding, comment(finding, language)))
    for key, instance in sound.items():
        now = standing[key]
        if now.ours and now.state == FLAGGED:
            what = _acquittal(key, instance, now)
            steps.append(_step(form_id, key, what, now, None, comment(None, language)))
    return steps


def _verdict(finding: Finding, now: Standing | None, *, speaks: bool) -> str:
    if now is None:
        return DELETED
    if not _same(finding.key, finding.instance, now):
        return EDITED
    if now.state == FLAGGED and now.ours:
        return SETTLED if not speaks or now.said == finding.digest else TELL
    # Whoever took back what we set for these very reasons has decided, too.
    taken_back = finding.digest in now.changes and not now.ours
    return FLAG if now.state in _OPEN and not taken_back else DECIDED


def _acquittal(key: str, instance: str, now: Standing) -> str:
    if not _same(key, instance, now):
        return EDITED
    return SETTLED if now.said == CLEARED else CLEAR


def _same(key: str, landed: str, now: Standing) -> bool:
    """Tell whether the server still has the content that was judged; without an instanceID it is the key."""
    return (landed or key).removeprefix("uuid:") == now.instance.removeprefix("uuid:")


def _step(
    form_id: str, key: str, what: str, now: Standing | None, finding: Finding | None, text: str
) -> Step:
    state = now.state if now else ""
    then = {FLAG: FLAGGED, CLEAR: ""}.get(what, state)
    digest = finding.digest if finding else CLEARED
    why = finding.reasons if finding else ()
    return Step(key, form_id, what, now.instance if now else "", state, then, digest, text, why)


def _untried(step: Step) -> Step:
    return replace(step, outcome="not done") if step.what in TO_DO else step


def write_list(path: Path, reviewed: Reviewed) -> int:
    """Write a CSV for the supervisor: one row per submission that is set aside and reason; give their number.

    UTF-8 with a byte order mark, so that a spreadsheet opens it as it is; no answer is in it.
    """
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(_LIST)
    rows = [_listed(step, one, reviewed.words) for step in reviewed.steps for one in step.why]
    lines.writerows(rows)
    write_atomically(path, text.getvalue().encode("utf-8-sig"))
    return len(rows)


def _listed(step: Step, one: Reason, words: Mapping[str, str]) -> tuple[str, ...]:
    about = (step.form_id, step.submission, words[step.state_now])
    return (*about, one.severity, one.rule, one.place, one.question, one.why)
