"""One command per stage of the way from the server to the report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_etl import errors
from tracer_etl.cli.output import (
    SUMMARY,
    Command,
    give,
    line,
    near,
    print_json,
    progress,
    remark,
    table,
    the_study,
    with_forms,
    with_json,
)
from tracer_etl.report import DATA_DOCS
from tracer_etl.servers import connecting

if TYPE_CHECKING:
    from collections.abc import Sequence


def with_pulling(command: Command) -> Command:
    """Add how to pull from a server."""
    for option in (
        click.option("--sweep", is_flag=True, help="Compare every submission, not only what has changed."),
        click.option("--media", is_flag=True, help="Download the files sent with the submissions."),
        click.option(
            "--accept-deletions",
            is_flag=True,
            help="Believe the server when many submissions are gone at once.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@with_forms
@with_json
@with_pulling
@click.option("--strict", is_flag=True, help="Exit 5 if a submission is unreadable or of an unknown version.")
def run(
    forms: Sequence[str], as_json: bool, strict: bool, sweep: bool, media: bool, accept_deletions: bool
) -> None:
    """Do every stage: from the server to the report."""
    from tracer_etl import pipeline

    study = the_study()
    options = connecting.options(study, media=media, accept_deletions=accept_deletions)
    try:
        done = pipeline.refresh(study, forms, progress(), options=options, sweep=sweep)
    except errors.Partial:
        # The others went on to the report: that is worth seeing above the error.
        wanted = {form.form_id for form in study.chosen(forms)}
        give([one for one in pipeline.status(study) if one.form_id in wanted], SUMMARY, as_json)
        raise
    remark(done.remarks)
    if as_json:
        print_json(done)
    else:
        click.echo(table(done.forms, SUMMARY))
        click.echo(f"\nwarehouse  {near(done.published)}\nreport     {near(done.report)}")
    if strict:
        _refuse_unexplained(done.published)


@click.command()
@with_forms
@with_json
@with_pulling
def pull(forms: Sequence[str], as_json: bool, sweep: bool, media: bool, accept_deletions: bool) -> None:
    """Fetch what is new on the server into the landing area."""
    from tracer_etl import pipeline

    study = the_study()
    options = connecting.options(study, media=media, accept_deletions=accept_deletions)
    pulled = pipeline.pull(study, forms, progress(), options=options, sweep=sweep)
    for one in pulled:
        remark(f"{one.form_id}: {remark}" for remark in one.remarks)
    give(pulled, ("form_id", "new", "total"), as_json)


@click.command()
@with_forms
@with_json
def build(forms: Sequence[str], as_json: bool) -> None:
    """Make typed tables of what has landed."""
    from tracer_etl import pipeline

    give(pipeline.build(the_study(), forms, progress()), ("form_id", "submissions", "problems"), as_json)


@click.command()
@with_forms
@with_json
def check(forms: Sequence[str], as_json: bool) -> None:
    """Check every answer by form and expectations."""
    from tracer_etl import pipeline

    verdicts = pipeline.check(the_study(), forms, progress())
    for verdict in verdicts:
        remark(f"{verdict.form_id}: not evaluated: {what}" for what in verdict.not_evaluated)
    give(verdicts, SUMMARY, as_json)


@click.command()
@with_forms
@with_json
def load(forms: Sequence[str], as_json: bool) -> None:
    """Load the checked tables into the warehouse."""
    from tracer_etl import pipeline

    give(pipeline.load(the_study(), forms, progress()), (*SUMMARY, "changed"), as_json)


@click.command()
def marts() -> None:
    """Compute the tables for analysts and report."""
    from tracer_etl import pipeline

    for name in pipeline.marts(the_study()):
        click.echo(name)


@click.command()
@click.option(
    "--data-docs",
    is_flag=True,
    help="Add Great Expectations' Data Docs to the office's part: every rule, and what came of it.",
)
def report(data_docs: bool) -> None:
    """Publish the analysts' copy and write the report."""
    from tracer_etl import pipeline

    study = the_study()
    click.echo(near(pipeline.publish(study)))
    click.echo(near(pipeline.report(study, data_docs=data_docs)))
    if data_docs:
        click.echo(near(study.report / DATA_DOCS / "index.html"))


@click.command()
@with_json
def status(as_json: bool) -> None:
    """Show what is loaded and whether all of it came."""
    from tracer_etl import pipeline

    found = pipeline.status(the_study())
    give(found, (*SUMMARY, "on_server", "last_pull", "complete", "versions"), as_json)
    if any(one.running for one in found):
        remark(["a run is at work: counted is what was published last"])
    for one in found:
        remark(f"{one.form_id}: {what}" for what in (*one.failed.splitlines(), *one.remarks))


@click.command()
@click.option("--seed", type=int, default=2026, show_default=True, help="The same seed gives the same files.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("forms/rehearsal"),
    show_default=True,
    help="Where to write the zips, the registry and what was planted.",
)
@click.option(
    "--forms-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("forms"),
    show_default=True,
    help="The folder of the workbooks.",
)
def rehearse(seed: int, out: Path, forms_dir: Path) -> None:
    """Fill the forms with synthetic people (needs Java)."""
    from tracer_etl.evidence.rehearsal import rehearse as play

    summary = play(forms_dir, out, seed, line if sys.stderr.isatty() else None)
    for form_id, count in summary.submissions.items():
        click.echo(f"{form_id}  {count}")


def _refuse_unexplained(published: Path) -> None:
    import duckdb

    with duckdb.connect(str(published), read_only=True) as connection:
        found = connection.execute(
            "SELECT coalesce(sum(submissions), 0) FROM meta.set_aside"
            " WHERE rule IN ('form:unreadable', 'form:unknown_version')"
        ).fetchone()
    if found and found[0]:
        what = f"{found[0]} submission(s) are unreadable or of an unknown form version"
        remedy = "list the missing version in study.toml, or look at the submission on the server"
        raise errors.DriftError(what, where=near(published), remedy=remedy)


COMMANDS = (run, pull, build, check, load, marts, report, status, rehearse)
"""In the order of the way."""
