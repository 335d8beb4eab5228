"""Judge one of the study's checks of the whole in a world of a few rows, on any database.

A world maps tables to rows: {"judged_alumni_tracer": [{"_submission_id": "a", ...}], "clean.registry_person": [...]}.
Columns are those of the rows; a table without rows is written as its columns: {"marts.x": ["a", "b"]}.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

import postgres
from tracer_etl.names import literal, quote
from tracer_etl.oversight.evaluate import Evaluator, Result
from tracer_etl.oversight.registry import Check, builtin
from tracer_etl.oversight.rules import StudyRule, StudyRules, read_rules
from tracer_etl.warehouse.contract import AREAS, Connection
from tracer_etl.warehouse.session import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPECTATIONS = Path(__file__).parents[1] / "expectations"
FORMS = (
    "alumni_tracer", "applicant_registration", "backcheck", "employer_needs", "selection_assessment", "youth_ideas",
)  # fmt: skip
TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE PRECISION", datetime: "TIMESTAMPTZ", date: "DATE"}

World = dict[str, list[Any]]


def study_rules() -> StudyRules:
    """Read the study's own checks."""
    return read_rules(EXPECTATIONS, FORMS)


def matching(rules: StudyRules, key: tuple[str, ...]) -> list[StudyRule]:
    """Find the checks a key means: id, scope and severity; form, stage and column where it names them."""
    parts = ("rule_id", "scope", "severity", "form_id", "stage", "column")
    return [rule for rule in rules.rules if tuple(getattr(rule, part) for part in parts)[: len(key)] == key]


@contextmanager
def database(kind: str) -> Iterator[Connection]:
    """Open an empty database, `duckdb` or `postgres`, with the study's days."""
    if kind == "duckdb":
        with duckdb.connect() as opened:
            opened.execute("SET TimeZone = 'Asia/Jakarta'")
            yield opened
        return
    with postgres.running() as server:
        session = connect(server.fresh())
        session.execute("SET TimeZone = 'Asia/Jakarta'")
        yield session
        session.raw.close()


def judge_world(
    connection: Connection,
    rule: StudyRule,
    world: World,
    rules: StudyRules | None = None,
    more: dict[str, Check] | None = None,
) -> Result:
    """Judge one check among these rows, and leave no table behind."""
    try:
        for area in AREAS:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {area}")
        for table, rows in world.items():
            _make(connection, table, rows)
        views = frozenset(table for table in world if "." not in table)
        evaluator = Evaluator(connection, rules or study_rules(), {**builtin(), **(more or {})}, views)
        return evaluator.result(rule)
    finally:
        for table in world:
            connection.execute(f"DROP TABLE IF EXISTS {_name(table)}")


def _name(table: str) -> str:
    return ".".join(map(quote, table.split(".")))


def _make(connection: Connection, table: str, rows: list[Any]) -> None:
    columns: dict[str, str] = {}
    for row in rows:
        for column in row if isinstance(row, dict) else [row]:
            value = row[column] if isinstance(row, dict) else None
            kind = TYPES.get(type(value), "VARCHAR")
            columns[column] = kind if value is not None else columns.get(column, kind)
    declared = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
    connection.execute(f"CREATE {'' if '.' in table else 'TEMP '}TABLE {_name(table)} ({declared})")
    for row in rows:
        if isinstance(row, dict):
            values = ", ".join("NULL" if value is None else _said(value) for value in row.values())
            listed = ", ".join(map(quote, row))
            connection.execute(f"INSERT INTO {_name(table)} ({listed}) VALUES ({values})")


def _said(value: object) -> str:
    return str(value) if isinstance(value, int | float) else literal(str(value))
