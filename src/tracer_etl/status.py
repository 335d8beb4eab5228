"""How the forms of a study stand: what is loaded, and whether all of it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl import batches
from tracer_etl.landing import Landing
from tracer_etl.warehouse.counting import counts

if TYPE_CHECKING:
    from tracer_etl.study import Study, StudyForm
    from tracer_etl.warehouse.contract import Loaded


@dataclass(frozen=True, slots=True)
class Status:
    """How one form stands: counts in submissions, and the last pull's proof.

    `last_pull` is ISO 8601, UTC; `on_server` is None before the first pull and after one that broke off;
    `failed` says what the last pull lacks; `remarks` tell of drift it saw. `running` tells that a run holds the file:
    the counts are those it published last.
    """

    form_id: str
    landed: int
    good: int
    set_aside: int
    warned: int
    on_server: int | None
    last_pull: str
    complete: bool
    failed: str
    remarks: tuple[str, ...]
    versions: tuple[str, ...]
    running: bool = False


def status(study: Study) -> list[Status]:
    """Tell how each form stands, without pulling; a run may be at work meanwhile."""
    found, running = counts(study)
    return [_status(study, form, found[form.form_id], running=running) for form in study.forms]


def _status(study: Study, form: StudyForm, loaded: Loaded, *, running: bool) -> Status:
    landing = Landing(study.landing, form.form_id)
    last = landing.proofs[-1] if landing.proofs else {}
    failed = str(last.get("failed", "")) or "\n".join(last.get("missing", ()))
    counted = last.get("server_count")
    return Status(
        form_id=form.form_id,
        landed=loaded.landed,
        good=loaded.good,
        set_aside=loaded.set_aside,
        warned=loaded.warned,
        on_server=counted,
        last_pull=landing.pulled_at,
        complete=bool(last) and counted == last.get("distinct_keys") and not failed,
        failed=failed,
        remarks=tuple(last.get("remarks", ())),
        versions=batches.compiled(study, form).versions,
        running=running,
    )
