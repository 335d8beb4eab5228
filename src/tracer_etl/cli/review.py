"""`review`: what is set aside here is flagged on the server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_etl.cli.output import give, line, near, progress, remark, the_study, with_forms, with_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.fieldwork.review import Reviewed, Step

_WIDEST = 70


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what is to be done with a submission, or why nothing is."""

    submission: str
    form_id: str
    what: str
    state: str
    reasons: int
    why: str
    outcome: str


@click.command()
@with_forms
@with_json
@click.option("--apply", "wanted", is_flag=True, help="Do it; without it only what would be done is shown.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all reasons, one row each, to this CSV for the supervisor.",
)
def review(forms: Sequence[str], as_json: bool, wanted: bool, out: Path | None) -> None:
    """Send the verdicts back: flag on the server what is set aside.

    ODK Central gets the review state hasIssues and a comment with the reasons, KoboToolbox the status "on
    hold". A flag is taken back when its reasons are gone. What a person decided, and what was edited since
    the last pull, is left alone.
    """
    from tracer_etl.fieldwork import review as desk

    if out and not out.parent.is_dir():
        raise click.BadParameter(f"there is no folder {near(out.parent)}", param_hint="--out")
    reviewed = desk.review(the_study(), forms, apply=wanted, progress=progress())
    shown = [_row(step, reviewed) for step in reviewed.steps if step.what != desk.SETTLED]
    columns = ("submission", "form_id", "what", "state", "reasons", "why")
    if shown or as_json:
        give(shown, (*columns, "outcome") if wanted else columns, as_json)
    if out:
        line(f"{desk.write_list(out, reviewed)} reason(s) written to {near(out)}")
    _conclude(reviewed, wanted)


def _row(step: Step, reviewed: Reviewed) -> Row:
    now, then = reviewed.words[step.state_now], reviewed.words[step.state_then]
    state = now if now == then else f"{now} -> {then}"
    lines = list(dict.fromkeys(one.text for one in step.why))
    why = lines[0] if lines else ""
    short = why if len(why) <= _WIDEST else f"{why[: _WIDEST - 1]}…"
    return Row(step.submission, step.form_id, step.what, state, len(lines), short, step.outcome)


def _conclude(reviewed: Reviewed, wanted: bool) -> None:
    from tracer_etl.fieldwork.review import TO_DO

    due = [step for step in reviewed.steps if step.what in TO_DO]
    if not due:
        remark(["nothing to do"])
    elif wanted:
        done = sum(step.outcome == "done" for step in due)
        remark([f"{done} of {len(due)} done"])
    else:
        remark([f"{len(due)} to do; --apply does it"])
    if reviewed.failure:
        raise reviewed.failure
