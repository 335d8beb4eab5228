"""CSV and Parquet, written by DuckDB row by row: memory stays flat however long a table is."""

from __future__ import annotations

import codecs
import shutil
from typing import TYPE_CHECKING

from tracer_etl.names import literal, quote
from tracer_etl.warehouse.labels import label_sql

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.exports.published import Published
    from tracer_etl.warehouse.dictionary import Dataset, Dictionary, Variable

RISKY = ("=", "+", "-", "@", "\t", "\r")
"""A text that begins like this is a formula to a spreadsheet (CWE-1236)."""


def write_csv(
    copy: Published, dictionary: Dictionary, language: str, dataset: Dataset, folder: Path, *, for_excel: bool
) -> Path:
    """Write one table and give its file; `language` puts labels in the place of codes, empty leaves the codes.

    UTF-8, comma, a header, nothing where nothing is answered, date-times ISO 8601 with their offset.
    `for_excel` adds the byte order mark Excel needs to see UTF-8, and an apostrophe before a text that Excel
    would run as a formula.
    """
    selected = ", ".join(
        f"{_text(variable, label_sql(dictionary, variable, language) if language else quote(variable.name), for_excel)}"
        f" AS {quote(variable.name)}"
        for variable in dataset.variables
    )
    file, part = folder / f"{dataset.name}.csv", folder / f"{dataset.name}.csv.part"
    copy.connection.execute(
        f"COPY ({copy.query(dataset, selected)}) TO {literal(str(part))} (FORMAT csv, HEADER, NULLSTR '')"
    )
    if for_excel:
        _mark(part)
    return part.replace(file)


def write_parquet(copy: Published, dataset: Dataset, folder: Path) -> Path:
    """Write one table as it is, with its own types; give its file."""
    file, part = folder / f"{dataset.name}.parquet", folder / f"{dataset.name}.parquet.part"
    copy.connection.execute(
        f"COPY ({copy.query(dataset)}) TO {literal(str(part))} (FORMAT parquet, COMPRESSION zstd)"
    )
    return part.replace(file)


def _text(variable: Variable, sql: str, for_excel: bool) -> str:
    if variable.sql_type == "TIMESTAMPTZ":
        written = f"replace(CAST({sql} AS VARCHAR), ' ', 'T')"
        return f"regexp_replace({written}, '([+-][0-9][0-9])$', '\\1:00')"
    if variable.sql_type == "VARCHAR" and for_excel:
        # One call a column: DuckDB needs ten seconds to plan two hundred CASEs that look into their text.
        return f"regexp_replace({sql}, '^([=+@\\t\\r-])', '''\\1')"
    return sql


def _mark(file: Path) -> None:
    plain = file.with_name(file.name + ".plain")
    file.replace(plain)
    with plain.open("rb") as source, file.open("wb") as target:
        target.write(codecs.BOM_UTF8)
        shutil.copyfileobj(source, target)
    plain.unlink()
