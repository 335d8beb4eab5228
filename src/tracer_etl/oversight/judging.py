"""All checks of a stage: findings become reasons and rows of `meta`, whole and in one transaction.

Findings about submissions settle like any other reason: they hold a submission back until a person releases it, and
go when the rule finds it no more. Unchanged findings change nothing.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tracer_etl.errors import ChecksFailed
from tracer_etl.names import literal
from tracer_etl.oversight.evaluate import Evaluator
from tracer_etl.oversight.judged import ORIGIN, judged
from tracer_etl.quarantine.settling import settle_within
from tracer_etl.records import SETS_ASIDE
from tracer_etl.warehouse.contract import one_transaction
from tracer_etl.warehouse.meta import insert_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracer_etl.oversight.evaluate import Result
    from tracer_etl.oversight.registry import Check
    from tracer_etl.oversight.rules import Stage, StudyRules
    from tracer_etl.quarantine.decisions import Decision
    from tracer_etl.warehouse.codelists import Row
    from tracer_etl.warehouse.contract import Connection, Warehouse

    Reason = tuple[str, ...]

OVERSEEN = "overseen "
"""Begins the setting that names, per form, the state of the warehouse its submissions were last judged in."""


def judge(
    warehouse: Warehouse,
    rules: StudyRules,
    checks: Mapping[str, Check],
    stage: Stage,
    decisions: Sequence[Decision] = (),
    state: str = "",
) -> dict[str, int]:
    """Judge all checks of a stage; give the number of submissions that moved, per form.

    `state` is noted with the findings of the stage `load`, so that `overseen` knows them again.

    Raises:
        StudyError: a check cannot be run as it is written; nothing has changed.
        WarehouseError: nothing has changed.
    """
    connection, forms = warehouse.connection, _forms(warehouse.connection)
    with ExitStack() as alone:
        for purpose in ("oversight", *forms):
            alone.enter_context(warehouse.alone(purpose))
        with judged(connection) as views:
            evaluator = Evaluator(connection, rules, checks, views)
            results = [evaluator.result(rule) for rule in rules.rules if rule.stage == stage]
        with one_transaction(connection):
            _note(connection, stage, results)
            if stage == "marts":
                return {}
            moved = _set_aside(connection, forms, results, decisions)
            _remember(connection, forms, state)
    return moved


def overseen(connection: Connection) -> str:
    """Give the state of the warehouse all present findings were made in; empty when any form was loaded since."""
    forms = _forms(connection)
    rows = connection.execute("SELECT name, value FROM meta.setting").fetchall()
    states = {value for name, value in rows if name.startswith(OVERSEEN)}
    names = {name.removeprefix(OVERSEEN) for name, _ in rows if name.startswith(OVERSEEN)}
    return states.pop() if names == set(forms) and len(states) == 1 else ""


def judged_before(connection: Connection) -> bool:
    """Tell whether any check was ever judged: a study whose checks were taken away has findings to take back."""
    return (
        connection.execute(
            "SELECT 1 FROM meta.check_result WHERE stage IN ('load', 'marts') LIMIT 1"
        ).fetchone()
        is not None
    )


def stop_if_failed(connection: Connection, stage: Stage, where: str) -> None:
    """Stop where a check of the whole found something in its last run.

    Raises:
        ChecksFailed: which checks, and what they found first.
    """
    rows = connection.execute(
        "SELECT rule, why_en, note FROM meta.check_result WHERE stage = ? AND scope = 'batch' AND severity = 'critical' "
        "AND outcome = 'found' ORDER BY position",
        [stage],
    ).fetchall()
    if rows:
        found = "; ".join(
            f"{rule} {why.rstrip('.')}{f' ({note})' if note else ''}" for rule, why, note in rows
        )
        remedy = "nothing is published, the last copy stays; see `tracer-etl oversight`, mend the data and run again"
        raise ChecksFailed(found, where=where, remedy=remedy)


def _forms(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT DISTINCT form_id FROM meta.form_table ORDER BY 1").fetchall()
    return [str(row[0]) for row in rows]


def _note(connection: Connection, stage: Stage, results: Sequence[Result]) -> None:
    """Keep one row per check, and the findings that are not about submissions."""
    for table in ("meta.check_result", "meta.finding"):
        connection.execute(f"DELETE FROM {table} WHERE stage = {literal(stage)}")
    insert_rows(connection, "meta.check_result", [_row(place, one) for place, one in enumerate(results, 1)])
    found: list[Row] = [
        [one.rule.rule_id, stage, one.rule.scope, finding.key, finding.value, finding.detail]
        for one in results
        if one.rule.scope != "submission"
        for finding in one.findings
    ]
    insert_rows(connection, "meta.finding", found)


def _row(place: int, one: Result) -> Row:
    rule = one.rule
    said: Row = [
        rule.rule_id,
        rule.stage,
        rule.scope,
        rule.form_id,
        rule.severity,
        one.outcome,
        None,
        len(one.findings),
    ]
    return [place, *said, one.value, one.threshold, one.note, *rule.why]


def _set_aside(
    connection: Connection, forms: Sequence[str], results: Sequence[Result], decisions: Sequence[Decision]
) -> dict[str, int]:
    """Put the reasons of each form in place of the old ones where they differ, and move what they hold."""
    moved = {}
    for form_id in forms:
        wanted = _reasons(connection, form_id, results)
        if wanted == _present(connection, form_id):
            continue
        connection.execute(
            "DELETE FROM quarantine.reason WHERE form_id = ? AND origin = ?", [form_id, ORIGIN]
        )
        insert_rows(connection, "quarantine.reason", [[*one, _opened(one)] for one in sorted(wanted)])
        moved[form_id] = settle_within(connection, form_id, decisions)
    return moved


def _reasons(connection: Connection, form_id: str, results: Sequence[Result]) -> set[Reason]:
    """Word the findings about one form's submissions as rows of `quarantine.reason`, without their state."""
    [root] = connection.execute(
        "SELECT DISTINCT table_name FROM meta.form_table WHERE form_id = ? AND kind = 'root'", [form_id]
    ).fetchall()
    return {
        (
            form_id, finding.key, root[0], finding.key, one.rule.rule_id, one.rule.severity, one.rule.column,
            *one.rule.why, ORIGIN, " ".join(filter(None, (finding.value, finding.detail))),
        )
        for one in results
        if one.rule.scope == "submission" and one.rule.form_id == form_id
        for finding in one.findings
    }  # fmt: skip


def _present(connection: Connection, form_id: str) -> set[Reason]:
    rows = connection.execute(
        "SELECT form_id, _submission_id, table_name, _row_id, rule, severity, column_name, why_id, why_en, origin, detail "
        "FROM quarantine.reason WHERE form_id = ? AND origin = ?",
        [form_id, ORIGIN],
    ).fetchall()
    return {tuple(row) for row in rows}


def _opened(reason: Reason) -> str:
    return "open" if reason[5] in SETS_ASIDE else "listed"


def _remember(connection: Connection, forms: Sequence[str], state: str) -> None:
    connection.execute(f"DELETE FROM meta.setting WHERE starts_with(name, {literal(OVERSEEN)})")
    insert_rows(connection, "meta.setting", [[OVERSEEN + form_id, state] for form_id in forms])
