"""The reference page of the study's own tables, out of its forms."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_etl.study import read_study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.questions import Form
    from tracer_etl.schema import Column, Schema, Table

STUDY = Path(__file__).parents[1] / "study.toml"
INTRODUCTION = """What `study.toml` and the forms make: one table per form and per repeat. *open* and *quasi* columns are in the
schema `clean`; *direct* ones name somebody and are in `pii` only, under the same table. System columns (`_submission_id` ...),
the table `<form>__selected` of chosen codes and the views with labels are in [Tables of the warehouse](warehouse-tables.md);
codes and counts are in the codebook beside the report."""


def page(generated: str) -> str:
    """Write one section per form and one table per table of it."""
    study = read_study(STUDY)
    parts = [_form(study.schema(form)) for form in study.forms]
    return f"# Tables of the study\n\n{generated}\n\n{INTRODUCTION}\n\n" + "\n".join(parts)


def _form(schema: Schema) -> str:
    tables = "\n".join(_table(table, schema.newest) for table in schema.tables)
    return (
        f"## {schema.form_id}\n\n{_escaped(schema.newest.title)}, version {schema.versions[-1]}.\n\n{tables}"
    )


def _table(table: Table, form: Form) -> str:
    rows = "".join(_row(column, form) for column in table.columns)
    what = (
        f"instance of the repeat `{'/'.join(table.path)}`, below `{table.parent}`"
        if table.parent
        else "submission"
    )
    heading = "| column | type | class | question |\n|---|---|---|---|\n"
    return f"### Table {table.name}\n\nOne row per {what}.\n\n{heading}{rows}"


def _row(column: Column, form: Form) -> str:
    asked = next((one for one in form.questions if one.path == column.paths[0]), None)
    words = _escaped(_english(asked.labels)) if asked else ""
    return f"| `{column.name}` | {column.kind}, {column.sql_type} | {column.privacy} | {words} |\n"


def _english(labels: Mapping[str, str]) -> str:
    return next((text for name, text in labels.items() if "English" in name), "")


def _escaped(text: str) -> str:
    return re.sub(r"([|*_<>\[\]$`])", r"\\\1", " ".join(text.split()))
