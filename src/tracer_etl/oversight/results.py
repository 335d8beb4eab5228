"""What came of the checks in the last run, as a person reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_etl.warehouse.contract import Connection


@dataclass(frozen=True, slots=True)
class Checked:
    """One check in its last run.

    `evaluated` counts rows where it judges rows; `findings` are submissions, enumerators, cells or 0/1, as `scope` says.
    """

    rule: str
    stage: str
    scope: str
    form_id: str
    severity: str
    outcome: str
    evaluated: int | None
    findings: int
    value: str
    threshold: str
    note: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """One finding about an enumerator, a cell or the whole; those about submissions are in quarantine."""

    rule: str
    scope: str
    key: str
    value: str
    detail: str


def results(connection: Connection, language: str) -> list[Checked]:
    """List the checks in the order of the study's files, those of `load` first."""
    why = "why_id" if language == "id" else "why_en"
    rows = connection.execute(
        "SELECT rule, stage, scope, form_id, severity, outcome, evaluated, findings, value, threshold, note, "
        f"{why} FROM meta.check_result ORDER BY stage, position"
    ).fetchall()
    return [Checked(*row) for row in rows]


def findings(connection: Connection, rule: str) -> list[Found]:
    """List what a rule found, submissions too; those are named by their id alone."""
    rows = connection.execute(
        "SELECT rule, scope, key, value, detail FROM meta.finding WHERE rule = ? UNION ALL "
        "SELECT DISTINCT rule, 'submission', _submission_id, '', detail FROM quarantine.reason "
        "WHERE rule = ? AND origin = 'oversight' ORDER BY 2, 3, 4, 5",
        [rule, rule],
    ).fetchall()
    return [Found(*row) for row in rows]
