"""The `meta` tables: ledger, completeness proofs, form versions, questions and choices in every language.

What a form says of its tables, columns and codes over all its versions is written by `codelists`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.warehouse import codelists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from tracer_etl.questions import Form
    from tracer_etl.schema import Schema
    from tracer_etl.warehouse.codelists import Row

LAYOUT = 3
"""Counts changes of META_TABLES. A file of another layout is made anew: landing brings all of it again."""

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
        "_row_id VARCHAR, rule VARCHAR, severity VARCHAR, column_name VARCHAR, why_id VARCHAR, why_en VARCHAR)"
    ),
    (
        "CREATE TABLE IF NOT EXISTS quarantine.problem (form_id VARCHAR, _submission_id VARCHAR, table_name VARCHAR, "
        "_row_id VARCHAR, path VARCHAR, value VARCHAR, reason VARCHAR)"
    ),
)


def prepare(connection: DuckDBPyConnection) -> None:
    """Make the schemas and tables every warehouse has, after clearing away those of another layout."""
    areas = ("clean", "pii", "quarantine", "marts", "meta")
    if _layout(connection) != LAYOUT:
        for area in areas:
            connection.execute(f"DROP SCHEMA IF EXISTS {area} CASCADE")
    for area in areas:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {area}")
    for statement in META_TABLES:
        connection.execute(statement)
    connection.execute(f"INSERT INTO meta.layout SELECT {LAYOUT} WHERE NOT EXISTS (FROM meta.layout)")
    zone = "current_setting('TimeZone')"
    connection.execute(f"DELETE FROM meta.setting WHERE name = 'timezone' AND value <> {zone}")
    connection.execute(
        f"INSERT INTO meta.setting SELECT 'timezone', {zone} WHERE NOT EXISTS (FROM meta.setting WHERE name = 'timezone')"
    )


def _layout(connection: DuckDBPyConnection) -> int:
    present = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'meta' AND table_name = 'layout'"
    ).fetchone()
    row = connection.execute("SELECT number FROM meta.layout").fetchone() if present else None
    return int(row[0]) if row else 0


def describe(connection: DuckDBPyConnection, schema: Schema) -> None:
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
        _insert(connection, table, listed)


def _insert(connection: DuckDBPyConnection, table: str, rows: list[Row]) -> None:
    if rows:
        marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
        values = [value for row in rows for value in row]
        connection.execute(f"INSERT INTO meta.{table} VALUES {marks}", values)


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
