"""`forms publish`: the workbooks and their files go to the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tracer_etl import errors
from tracer_etl.cli.output import print_json, remark, table, the_study, with_forms, with_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracer_etl.fieldwork.form_server import FormServer
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
    from tracer_etl.fieldwork.form_server import open_server
    from tracer_etl.fieldwork.publishing import plans

    study = the_study()
    server = open_server(study)
    found = plans(study, server, forms, accept_unsafe=accept_unsafe)
    remark(_warnings(found))
    outcomes, failure = _applied(server, found) if wanted else ({}, None)
    _give(found, outcomes, as_json=as_json, wanted=wanted)
    _conclude(found, outcomes, wanted=wanted)
    refusals = [plan.refusal for plan in found if plan.refusal]
    if failure or refusals:
        remark(str(refusal) for refusal in refusals[0 if failure else 1 :])
        raise failure or refusals[0]


def _applied(server: FormServer, found: Sequence[Plan]) -> tuple[dict[str, str], errors.TracerError | None]:
    """Publish form by form; the first failure ends it, since it is seldom of one form alone."""
    from tracer_etl.fieldwork.publishing import apply, in_order

    outcomes: dict[str, str] = {}
    for plan in in_order(found):
        try:
            warnings = apply(server, plan)
        except errors.TracerError as error:
            outcomes[plan.form_id] = "failed"
            return outcomes, error
        remark(f"{plan.form_id}: the server warns: {warning}" for warning in warnings)
        if plan.to_do:
            outcomes[plan.form_id] = "done"
    return outcomes, None


def _give(found: Sequence[Plan], outcomes: dict[str, str], *, as_json: bool, wanted: bool) -> None:
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


def _conclude(found: Sequence[Plan], outcomes: dict[str, str], *, wanted: bool) -> None:
    due = [plan for plan in found if plan.to_do]
    if wanted and due:
        done = sum(outcomes.get(plan.form_id) == "done" for plan in due)
        remark([f"{done} of {len(due)} done"])
    elif due:
        remark([f"{len(due)} to do; --apply does it"])
    elif not any(plan.refusal for plan in found):
        remark(["nothing to do"])
