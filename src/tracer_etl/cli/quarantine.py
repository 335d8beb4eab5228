"""`quarantine`: what is set aside, and what people decide on it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from tracer_etl.cli.output import (
    Command,
    give,
    line,
    near,
    print_json,
    remark,
    table,
    the_study,
    with_forms,
    with_json,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from tracer_etl.quarantine.decisions import Verb
    from tracer_etl.quarantine.desk import Case
    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Warehouse


@click.group()
def quarantine() -> None:
    """See what is set aside, release it or reject it.

    Decisions go into decisions.csv beside study.toml, which is only added to: keep it in git. They take
    effect with the next `tracer-etl run`, or at once with `tracer-etl load`.
    """


@quarantine.command("list")
@with_forms
@with_json
def list_held(forms: Sequence[str], as_json: bool) -> None:
    """List what is set aside, and what was released."""
    from tracer_etl.quarantine.decisions import read_decisions
    from tracer_etl.quarantine.desk import held

    study = the_study()
    decisions = read_decisions(study)
    with _opened(study) as warehouse:
        rows = [
            one for form in study.chosen(forms) for one in held(warehouse.connection, form.form_id, decisions)
        ]
    give(rows, ("form_id", "submission", "state", "rules", "since", "decision"), as_json)
    remark(_overruled(study))


def _overruled(study: Study) -> list[str]:
    from tracer_etl.quarantine.decisions import overruled, read_decisions

    decisions = read_decisions(study)
    return [
        f"{study.decisions.name}:{number}: a later line on the same submission counts instead"
        for form in study.forms
        for number in sorted(overruled([one for one in decisions if one.form_id == form.form_id]))
    ]


@quarantine.command()
@click.argument("form")
@click.argument("submission")
@with_json
def show(form: str, submission: str, as_json: bool) -> None:
    """Show why a submission is set aside, and the answers in question.

    They come from the loader's file and may be personal data: mind who reads along.
    """
    found = _case(the_study(), form, submission)
    remark(["personal data: these answers are from the restricted part of the warehouse"])
    if as_json:
        print_json(found)
        return
    line(
        f"{found.form_id} {found.submission}: {found.state.replace('_', ' ')}, content {found.instance or '-'}"
    )
    click.echo(
        table(found.reasons, ("state", "rule", "severity", "row", "column", "question", "value", "why"))
    )


def _with_decision(command: Command) -> Command:
    for option in (
        click.option("--who", help="Who decides. Default: the name of this computer's user."),
        click.option("--why", required=True, help="Why, for whoever reads the log later. No personal data."),
        click.argument("submission"),
        click.argument("form"),
    ):
        command = option(command)
    return command


@quarantine.command()
@_with_decision
@click.option(
    "--rule", "rules", multiple=True, metavar="ID", help="Only this rule; may be repeated. Default: all."
)
def release(form: str, submission: str, why: str, who: str | None, rules: Sequence[str]) -> None:
    """Let a submission into the clean tables in spite of its reasons.

    It holds for these rules and this content: an edit or another reason sets the submission aside again.
    """
    _decide(form, submission, "release", who, why, rules)


@quarantine.command()
@_with_decision
def reject(form: str, submission: str, why: str, who: str | None) -> None:
    """Keep a submission out for good, edited or not, until a later release."""
    _decide(form, submission, "reject", who, why, ())


def _decide(form: str, submission: str, verb: Verb, who: str | None, why: str, rules: Sequence[str]) -> None:
    from tracer_etl.quarantine.desk import decide

    study = the_study()
    found = _case(study, form, submission)
    made = decide(study, found, verb, who=who or _user(), why=why, rules=rules)
    line(f"{near(study.decisions)}: {verb} {submission} ({' '.join(made.rules)})")
    remark(["takes effect with the next `tracer-etl run`"])


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError) as error:
        what = "this computer does not say who you are"
        raise click.BadParameter(what, param_hint="--who") from error


def _opened(study: Study) -> AbstractContextManager[Warehouse]:
    from tracer_etl.warehouse import reading, require_loaded

    require_loaded(study)
    return reading(study)


def _case(study: Study, form: str, submission: str) -> Case:
    from tracer_etl.quarantine.desk import case

    [chosen] = study.chosen([form])
    with _opened(study) as warehouse:
        return case(warehouse.connection, chosen.form_id, submission, next(iter(study.title), "en"))
