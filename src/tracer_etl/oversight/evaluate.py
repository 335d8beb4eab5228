"""One check -> its result: passed, found, or not evaluated; nothing is passed that nobody judged."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from tracer_etl.errors import StudyError
from tracer_etl.names import quote
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated
from tracer_etl.oversight.rules import SQL, Thresholds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.oversight.registry import Check
    from tracer_etl.oversight.rules import StudyRule, StudyRules
    from tracer_etl.warehouse.contract import Connection

Outcome = Literal["passed", "found", "not_evaluated"]
_COLUMNS = 3


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one check: its findings in the order of their keys, and what was measured.

    `threshold` words the thresholds it asked for; `note` says why it was not evaluated, or the first finding.
    """

    rule: StudyRule
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    value: str = ""
    threshold: str = ""
    note: str = ""


class Evaluator:
    """Judges rules on one connection; `views` are the judged tables that are there."""

    def __init__(
        self, connection: Connection, rules: StudyRules, checks: Mapping[str, Check], views: frozenset[str]
    ) -> None:
        """Look up which tables are there."""
        self.connection, self.rules, self.checks = connection, rules, checks
        rows = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database()"
        ).fetchall()
        self.present = views | {f"{area}.{name}" for area, name in rows}
        self.filled: dict[str, bool] = {}

    def result(self, rule: StudyRule) -> Result:
        """Judge one rule.

        Raises:
            StudyError: its SQL does not run, its type is unknown, or it names a threshold nobody gives.
        """
        thresholds = Thresholds(self.rules.thresholds, rule.where)
        try:
            self._require(rule)
            said = list(self._said(rule, thresholds))
        except NotEvaluated as why:
            return Result(rule, "not_evaluated", threshold=thresholds.said(), note=str(why))
        found = tuple(sorted(dict.fromkeys(one for one in said if isinstance(one, Finding)), key=_order))
        measured = next((one.value for one in said if isinstance(one, Measured)), "")
        first = found[0] if found and rule.scope != "submission" else Finding("")
        note = " ".join(filter(None, (first.key, first.detail)))
        outcome: Outcome = "found" if found else "passed"
        return Result(rule, outcome, found, measured or first.value, thresholds.said(), note)

    def _require(self, rule: StudyRule) -> None:
        """Be sure the tables are there and hold something.

        Raises:
            NotEvaluated: which one is not.
        """
        for table in rule.tables:
            if table not in self.present:
                raise NotEvaluated(f"the table {table} is not there")
        for table in rule.needs:
            if not self._holds_rows(table):
                raise NotEvaluated(f"the table {table} holds nothing yet")

    def _holds_rows(self, table: str) -> bool:
        if table not in self.filled:
            name = ".".join(map(quote, table.split(".", 1)))
            row = self.connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone()
            self.filled[table] = row is not None
        return self.filled[table]

    def _said(self, rule: StudyRule, thresholds: Thresholds) -> Iterator[Finding | Measured]:
        if rule.type == SQL:
            yield from self._by_sql(rule, thresholds)
            return
        if rule.type not in self.checks:
            what, remedy = (
                f"{rule.rule_id} has type {rule.type!r}",
                f"use sql, {', '.join(sorted(self.checks))}",
            )
            raise StudyError(what, where=rule.where, remedy=remedy)
        yield from self.checks[rule.type](self.connection, rule.kwargs, thresholds)

    def _by_sql(self, rule: StudyRule, thresholds: Thresholds) -> Iterator[Finding | Measured]:
        if "measure" in rule.kwargs:
            rows = self._rows(rule, thresholds.fill(rule.kwargs["measure"]))
            if not rows or rows[0][0] is None:
                raise NotEvaluated("nothing to judge yet")
            yield Measured(_text(rows[0][0]))
        for row in self._rows(rule, thresholds.fill(rule.kwargs["sql"])):
            if len(row) > _COLUMNS:
                remedy = "select key, value and detail"
                raise StudyError(
                    f"{rule.rule_id} selects {len(row)} columns", where=rule.where, remedy=remedy
                )
            yield Finding(*map(_text, row))

    def _rows(self, rule: StudyRule, sql: str) -> list[tuple[Any, ...]]:
        """Read what a rule selects; a driver's message is shown only where it cannot repeat a value."""
        try:
            rows: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
        except Exception as error:
            kinds = {
                one.__name__ for one in type(error).__mro__
            }  # DB-API 2.0 names them alike in every driver
            if not kinds & {"ProgrammingError", "DataError"}:
                raise
            said = f": {str(error).splitlines()[0]}" if "ProgrammingError" in kinds else ""
            what = f"the SQL of {rule.rule_id} does not run ({type(error).__name__}{said})"
            raise StudyError(what, where=rule.where, remedy="correct it") from None
        return rows


def _order(one: Finding) -> tuple[str, str, str]:
    return one.key, one.value, one.detail


def _text(value: Any) -> str:  # noqa: ANN401 - any column
    """Word a value alike on every database: no trailing zeros, six significant places."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float | Decimal) else str(value)
