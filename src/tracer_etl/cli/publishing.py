"""`forms publish`: the workbooks and their files go to the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tracer_etl.cli.output import print_json, remark, table, the_study, with_forms, with_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.fieldwork.publishing import Plan

_COLUMNS = ("form_id", "action", "version", "details")
_LINES = 40
"""Changes shown of one form; --json shows all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line per form; `outcome` is empty in a dry run."""

    form_id: str
    action: str
    version: str
    details: str
    outcome: str


@click.command("publish")
@with_forms
@with_json
@click.option("--apply", "wanted", is_flag=True, help="Do it; without it only what would be done is shown.")
@click.option(
    "--accept-unsafe",
    is_flag=True,
    help="Publish a version whose answers would not fit the warehouse's tables.",
)
def publish(forms: Sequence[str], as_json: bool, wanted: bool, accept_unsafe: bool) -> None:
    """Publish the workbooks and their files to the study's server.

    Each form is compared with what the server has, as compiled: its questions, choices, texts and logic, and
    the files it names. A form that is as it should be is not touched; changed content needs a new version on
    the settings sheet; a version whose answers would not fit the old ones' tables is refused.
    """
    from tracer_etl.fieldwork import publishing

    done = publishing.publish(the_study(), forms, wanted=wanted, accept_unsafe=accept_unsafe)
    remark(_warnings(done.plans))
    remark(
        f"{form}: the server warns: {said}" for form, warnings in done.warnings.items() for said in warnings
    )
    _give(done.plans, done.outcomes, as_json=as_json, wanted=wanted)
    _conclude(done.plans, done.outcomes, wanted=wanted)
    if done.failure or done.refusals:
        remark(str(refusal) for refusal in done.refusals[0 if done.failure else 1 :])
        raise done.failure or done.refusals[0]


def _give(found: Sequence[Plan], outcomes: Mapping[str, str], *, as_json: bool, wanted: bool) -> None:
    if as_json:
        print_json([{**plan.shown(), "outcome": outcomes.get(plan.form_id, "")} for plan in found])
        return
    rows = [
        Row(plan.form_id, plan.action, plan.version, plan.details, outcomes.get(plan.form_id, ""))
        for plan in found
    ]
    click.echo(table(rows, (*_COLUMNS, "outcome") if wanted else _COLUMNS))
    for plan in found:
        lines = list(_lines(plan))
        if lines:
            click.echo(f"\n{plan.form_id}")
            click.echo("\n".join(f"  {line}" for line in lines))


def _lines(plan: Plan) -> Iterator[str]:
    yield from map(str, plan.changes[:_LINES])
    if len(plan.changes) > _LINES:
        yield f"and {len(plan.changes) - _LINES} more (--json shows all)"
    yield from (f"warehouse: {what}" for what in plan.tables)
    if plan.unsafe:
        yield f"unsafe: {plan.unsafe}"


def _warnings(found: Sequence[Plan]) -> Iterator[str]:
    for plan in found:
        if plan.action in ("new", "new version"):
            yield from (f"{plan.form_id}: {warning}" for warning in plan.local.form.warnings)


def _conclude(found: Sequence[Plan], outcomes: Mapping[str, str], *, wanted: bool) -> None:
    due = [plan for plan in found if plan.to_do]
    if wanted and due:
        done = sum(outcomes.get(plan.form_id) == "done" for plan in due)
        remark([f"{done} of {len(due)} done"])
    elif due:
        remark([f"{len(due)} to do; --apply does it"])
    elif not any(plan.refusal for plan in found):
        remark(["nothing to do"])
