"""The `meta` tables: ledger, completeness proofs, form versions, questions and choices in every language.

What a form says of its tables, columns and codes over all its versions is written by `codelists`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.errors import WarehouseError
from tracer_etl.warehouse import codelists
from tracer_etl.warehouse.contract import AREAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tracer_etl.questions import Form
    from tracer_etl.schema import Schema
    from tracer_etl.warehouse.codelists import Row
    from tracer_etl.warehouse.contract import Connection

LAYOUT = 8
"""Counts changes of META_TABLES. A file of another layout is made anew: landing brings all of it again."""

ROWS = 1000
"""Rows per insert statement; PostgreSQL takes at most 65,535 parameters in one."""

CORRECTION = {
    "position": "BIGINT", "_submission_id": "VARCHAR", "table_name": "VARCHAR", "_row_id": "VARCHAR",
    "column_name": "VARCHAR", "old": "VARCHAR", "new": "VARCHAR", "reason": "VARCHAR", "who": "VARCHAR",
    "corrected_at": "VARCHAR", "state": "VARCHAR",
}  # fmt: skip
"""One row per line of the corrections log; `position` counts the form's lines."""
STAGED_CORRECTION = {**CORRECTION, "privacy": "VARCHAR", "fitted": "BOOLEAN"}
"""As `build` writes it, with all values; `fitted` tells whether the old text was of the column's type."""


def _listed(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())


META_TABLES = (
    "CREATE TABLE IF NOT EXISTS meta.layout (number BIGINT)",
    "CREATE TABLE IF NOT EXISTS meta.setting (name VARCHAR, value VARCHAR)",
    (
        "CREATE TABLE IF NOT EXISTS meta.submission (form_id VARCHAR, _submission_id VARCHAR, _revision BIGINT, "
        "_landed BIGINT, state VARCHAR)"
    ),
    "CREATE TABLE IF NOT EXISTS meta.load (form_id VARCHAR, segment VARCHAR, recipe VARCHAR, position BIGINT)",
    (
        "CREATE TABLE IF NOT EXISTS meta.pull (form_id VARCHAR, server_count BIGINT, distinct_keys BIGINT, pages BIGINT, "
        "swept BOOLEAN, pulled_at VARCHAR, remarks VARCHAR, missing VARCHAR, failed VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS pii._attachment (form_id VARCHAR, _submission_id VARCHAR, name VARCHAR, sha256 VARCHAR, "
        "bytes BIGINT, present BOOLEAN)"
    ),
    "CREATE TABLE IF NOT EXISTS meta.reference (name VARCHAR, digest VARCHAR)",
    "CREATE TABLE IF NOT EXISTS meta.form_version (form_id VARCHAR, version VARCHAR, position BIGINT)",
    (
        "CREATE TABLE IF NOT EXISTS meta.question (form_id VARCHAR, version VARCHAR, path VARCHAR, table_name VARCHAR, "
        "column_name VARCHAR, kind VARCHAR, privacy VARCHAR, list_name VARCHAR, language VARCHAR, label VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.choice (form_id VARCHAR, version VARCHAR, list_name VARCHAR, value VARCHAR, "
        "language VARCHAR, label VARCHAR, position BIGINT)"
    ),
    "CREATE TABLE IF NOT EXISTS meta.language (form_id VARCHAR, language VARCHAR, code VARCHAR, position BIGINT)",
    (
        "CREATE TABLE IF NOT EXISTS meta.form_table (form_id VARCHAR, table_name VARCHAR, kind VARCHAR, parent VARCHAR, "
        "repeat VARCHAR, position BIGINT, language VARCHAR, label VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.column (form_id VARCHAR, table_name VARCHAR, column_name VARCHAR, position BIGINT, "
        "kind VARCHAR, sql_type VARCHAR, privacy VARCHAR, list_name VARCHAR, lists VARCHAR[], question VARCHAR, "
        "paths VARCHAR[], asked_when VARCHAR, first_version VARCHAR, last_version VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.code (form_id VARCHAR, list_name VARCHAR, value VARCHAR, language VARCHAR, "
        "label VARCHAR, position BIGINT, number BIGINT, in_versions VARCHAR[])"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.form_summary (form_id VARCHAR, landed BIGINT, good BIGINT, set_aside BIGINT, "
        "warned BIGINT)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.set_aside (form_id VARCHAR, rule VARCHAR, severity VARCHAR, column_name VARCHAR, "
        "why_id VARCHAR, why_en VARCHAR, submissions BIGINT)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS quarantine.reason (form_id VARCHAR, _submission_id VARCHAR, table_name VARCHAR, "
        "_row_id VARCHAR, rule VARCHAR, severity VARCHAR, column_name VARCHAR, why_id VARCHAR, why_en VARCHAR, "
        "origin VARCHAR, detail VARCHAR, state VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.row_check (form_id VARCHAR, batch VARCHAR, table_name VARCHAR, rule VARCHAR, "
        "severity VARCHAR, column_name VARCHAR, evaluated BIGINT, violations BIGINT, note VARCHAR, why_id VARCHAR, "
        "why_en VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.check_result (position BIGINT, rule VARCHAR, stage VARCHAR, scope VARCHAR, "
        "form_id VARCHAR, severity VARCHAR, outcome VARCHAR, evaluated BIGINT, findings BIGINT, value VARCHAR, "
        "threshold VARCHAR, note VARCHAR, why_id VARCHAR, why_en VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.finding (rule VARCHAR, stage VARCHAR, scope VARCHAR, key VARCHAR, value VARCHAR, "
        "detail VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.run (run BIGINT, ended_at VARCHAR, form_id VARCHAR, landed BIGINT, good BIGINT, "
        "set_aside BIGINT, warned BIGINT)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.run_check (run BIGINT, form_id VARCHAR, stage VARCHAR, rule VARCHAR, "
        "severity VARCHAR, outcome VARCHAR, evaluated BIGINT, findings BIGINT)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS quarantine.decision (form_id VARCHAR, line BIGINT, _submission_id VARCHAR, "
        "decision VARCHAR, rules VARCHAR, who VARCHAR, decided_at VARCHAR, why VARCHAR, instance_id VARCHAR, state VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.released (form_id VARCHAR, rule VARCHAR, severity VARCHAR, column_name VARCHAR, "
        "submissions BIGINT)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS meta.pdp_log (position BIGINT, noted_at VARCHAR, who VARCHAR, event VARCHAR, said VARCHAR, "
        "intact BOOLEAN)"
    ),
    f"CREATE TABLE IF NOT EXISTS meta.correction (form_id VARCHAR, {_listed(CORRECTION)})",
    f"CREATE TABLE IF NOT EXISTS pii._correction (form_id VARCHAR, {_listed(STAGED_CORRECTION)})",
    (
        "CREATE TABLE IF NOT EXISTS quarantine.problem (form_id VARCHAR, _submission_id VARCHAR, table_name VARCHAR, "
        "_row_id VARCHAR, path VARCHAR, value VARCHAR, reason VARCHAR)"
    ),
)


def prepare(connection: Connection, timezone: str, translate: Callable[[str], str] = str) -> None:
    """Make the schemas and tables every warehouse has, after clearing away those of another layout.

    `translate` puts a `CREATE TABLE` into the database's own words.
    """
    if layout(connection) != LAYOUT:
        for area in AREAS:
            connection.execute(f"DROP SCHEMA IF EXISTS {area} CASCADE")
    for area in AREAS:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {area}")
    for statement in META_TABLES:
        connection.execute(translate(statement))
    connection.execute(
        f"INSERT INTO meta.layout SELECT {LAYOUT} WHERE NOT EXISTS (SELECT 1 FROM meta.layout)"
    )
    if zone(connection) != timezone:
        connection.execute("DELETE FROM meta.setting WHERE name = 'timezone'")
        connection.execute("INSERT INTO meta.setting VALUES ('timezone', ?)", [timezone])


def refuse_other(connection: Connection, where: str, *, renew: bool) -> None:
    """Refuse a newer layout, which an older release must not clear away; and an older one, unless it may be renewed.

    Raises:
        WarehouseError: another release made it.
    """
    present = layout(connection)
    if present > LAYOUT:
        what = f"was made by a newer tracer_etl (layout {present}, this one makes {LAYOUT})"
        raise WarehouseError(what, where=where, remedy="upgrade tracer_etl here")
    if present not in (0, LAYOUT) and not renew:
        what = f"was made by an older tracer_etl (layout {present}, this one makes {LAYOUT})"
        raise WarehouseError(
            what, where=where, remedy="run `tracer-etl run`: it makes it anew from the landing"
        )


def layout(connection: Connection) -> int:
    """Give the number of the layout that is there; 0 where there is none."""
    present = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'meta' AND table_name = 'layout'"
    ).fetchone()
    row = connection.execute("SELECT number FROM meta.layout").fetchone() if present else None
    return int(row[0]) if row else 0


def zone(connection: Connection) -> str:
    """Give the time zone of the days in the marts; empty where none is noted yet."""
    row = connection.execute("SELECT value FROM meta.setting WHERE name = 'timezone'").fetchone()
    return str(row[0]) if row else ""


def describe(connection: Connection, schema: Schema) -> None:
    """Write what the form's versions say of themselves, and what they come to together."""
    rows: dict[str, list[Row]] = {
        "form_version": [[schema.form_id, v, i] for i, v in enumerate(schema.versions, 1)],
        "question": [row for form in schema.forms for row in _questions(schema, form)],
        "choice": [row for form in schema.forms for row in _choices(form)],
        "language": list(codelists.languages(schema)),
        "form_table": list(codelists.tables(schema)),
        "column": list(codelists.columns(schema)),
        "code": list(codelists.codes(schema)),
    }
    for table, listed in rows.items():
        connection.execute(f"DELETE FROM meta.{table} WHERE form_id = ?", [schema.form_id])
        insert_rows(connection, f"meta.{table}", listed)


def insert_rows(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    """Append rows, many to a statement."""
    for start in range(0, len(rows), ROWS):
        some = rows[start : start + ROWS]
        marks = ", ".join(["(" + ", ".join("?" * len(some[0])) + ")"] * len(some))
        values = [value for row in some for value in row]
        connection.execute(f"INSERT INTO {table} VALUES {marks}", values)


def _questions(schema: Schema, form: Form) -> Iterator[Row]:
    for table in schema.tables:
        for column in table.columns:
            question = next(filter(None, map(form.question, column.paths)), None)
            if question is None:
                continue
            for language in form.languages or (form.default_language,):
                label = question.labels.get(language, "")
                where = [form.form_id, form.version, "/".join(question.path), table.name, column.name]
                yield [*where, question.kind, column.privacy, question.list_name, language, label]


def _choices(form: Form) -> Iterator[Row]:
    for choices in form.lists.values():
        if choices.file:
            continue  # a list that travels as a file holds people and places: it is a reference, not a code list
        for position, choice in enumerate(choices.choices, 1):
            for language in form.languages or (form.default_language,):
                label = choice.labels.get(language, "")
                yield [form.form_id, form.version, choices.name, choice.value, language, label, position]
