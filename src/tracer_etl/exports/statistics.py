"""One file per table for SPSS (.sav) or Stata (.dta), with labels; and what became of names and codes."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from tracer_etl.exports.encoding import SAV, Encoder, StatColumn, Target, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracer_etl.exports.published import Published
    from tracer_etl.warehouse.dictionary import Dataset, Dictionary

_FILE_LABEL = 60
"""Bytes: SPSS takes 64, Stata 80."""


def write_statistics(
    copy: Published, forms: Sequence[tuple[Dictionary, str]], folder: Path, target: Target
) -> Iterator[Path | str]:
    """Write `<table>.sav` or `.dta` for every table, `variables.csv` and `codes.csv`; give files and remarks.

    A table is held in memory while it is written. Times are the study's local time, since neither program
    knows time zones. No answer is a system-missing number or an empty text.
    """
    variables: list[list[object]] = [["file", "variable", "table", "column", "choice"]]
    codes: list[list[object]] = [["file", "variable", "number", "value", "label"]]
    for dictionary, language in forms:
        encoder = Encoder(dictionary, language, target, copy.timezone)
        for dataset in dictionary.datasets:
            columns = encoder.columns(dataset, copy.frame(dataset))
            file = folder / f"{dataset.name}.{target.ending}"
            _write(columns, file, cut(_title(dictionary, dataset, language), _FILE_LABEL), target)
            variables += _variable_rows(file.name, dataset, columns)
            codes += _code_rows(file.name, columns)
            yield file
        yield from encoder.remarks
    yield _write_csv(folder / "variables.csv", variables)
    yield _write_csv(folder / "codes.csv", codes)


def _title(dictionary: Dictionary, dataset: Dataset, language: str) -> str:
    return dictionary.label(dataset.labels, language) or dataset.name


def _write(columns: Sequence[StatColumn], file: Path, title: str, target: Target) -> None:
    import pandas as pd
    import pyreadstat

    frame = pd.concat({column.name: column.values for column in columns}, axis=1)
    part = file.with_name(file.name + ".part")
    said: dict[str, Any] = {
        "file_label": title,
        "column_labels": {c.name: c.label for c in columns if c.label},
        "variable_value_labels": {c.name: c.value_labels for c in columns if c.value_labels},
        "variable_format": {c.name: c.layout for c in columns if c.layout},
    }
    if target is SAV:
        measures: dict[str, str] = {column.name: column.measure for column in columns}
        pyreadstat.write_sav(frame, part, **said, variable_measure=measures, row_compress=True)
    else:
        pyreadstat.write_dta(frame, part, **said)
    part.replace(file)


def _variable_rows(file: str, dataset: Dataset, columns: Sequence[StatColumn]) -> Iterator[list[object]]:
    """Say which column each variable is, whether or not its name had to change."""
    for column in columns:
        yield [file, column.name, dataset.name, column.variable.name, column.choice]


def _code_rows(file: str, columns: Sequence[StatColumn]) -> Iterator[list[object]]:
    """Say which number stands for which text code."""
    for column in columns:
        for value, number in column.numbers.items():
            yield [file, column.name, number, value, column.value_labels.get(number, "")]


def _write_csv(path: Path, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(rows)
    return path
