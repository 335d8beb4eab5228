"""`oversight`: what the checks of the whole found in the last run."""

from __future__ import annotations

from collections import Counter

import click

from tracer_etl.cli.output import give, remark, the_study, with_json

COLUMNS = (
    "rule",
    "stage",
    "scope",
    "form_id",
    "severity",
    "outcome",
    "findings",
    "value",
    "threshold",
    "why",
)
_FINDING = ("rule", "scope", "key", "value", "detail")
OUTCOMES = {"found": "found something", "passed": "passed", "not_evaluated": "not evaluated"}


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also the checks that found nothing.")
@click.option("--rule", metavar="ID", help="List what one check found, one line each.")
@with_json
def oversight(everything: bool, rule: str | None, as_json: bool) -> None:
    """Show what the checks of the whole found in the last run.

    They are the study's expectations/study/*.yaml: checks across submissions, tables, enumerators and
    results. Submissions they set aside are in `tracer-etl quarantine list` like all others.
    """
    from tracer_etl.oversight.results import findings, results
    from tracer_etl.warehouse import reading, require_loaded

    study = the_study()
    require_loaded(study)
    with reading(study) as warehouse:
        if rule:
            give(findings(warehouse.connection, rule), _FINDING, as_json)
            return
        rows = results(warehouse.connection, next(iter(study.title), "en"))
    give([one for one in rows if everything or one.outcome != "passed"], COLUMNS, as_json)
    counts = Counter(one.outcome for one in rows)
    told = ", ".join(f"{counts[outcome]} {words}" for outcome, words in OUTCOMES.items())
    remark([f"{len(rows)} checks: {told}"])
    remark(f"{one.rule} not evaluated: {one.note}" for one in rows if one.outcome == "not_evaluated")
