"""`corrections`: what became of every line of the corrections log."""

from __future__ import annotations

import click

from tracer_etl.cli.output import give, remark, the_study, with_json


@click.group()
def corrections() -> None:
    """Look after corrections.csv, which is replayed in every run."""


@corrections.command()
@with_json
def check(as_json: bool) -> None:
    """Check the log against the forms, and show the state of each line.

    A line is applied, stale (the answer is no longer the old one: the submission is set aside), unknown (no
    such submission) or waits for the next run. No answer is shown.
    """
    from tracer_etl import pipeline

    found = pipeline.corrected(the_study())
    give(found, ("line", "form_id", "submission", "question", "row", "state"), as_json)
    waiting = sum(one.state == "next run" for one in found)
    remark([f"{waiting} line(s) wait for the next `tracer-etl run`"] if waiting else [])
