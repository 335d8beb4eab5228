"""One Excel workbook per form: a sheet per table, and the codebook."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from tracer_etl.exports.flat import RISKY
from tracer_etl.names import quote
from tracer_etl.warehouse.labels import label_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from openpyxl import Workbook
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

    from tracer_etl.exports.published import Published
    from tracer_etl.warehouse.dictionary import Dataset, Dictionary

MOST_ROWS = 1_048_575
"""A sheet has 1,048,576 rows, the first of them the heading."""
LONGEST_TEXT = 32_767
LONGEST_NUMBER = 10**15
"""Excel shows and keeps 15 digits."""
_FIRST_DAY = date(1900, 3, 1)
"""Before it Excel's calendar is wrong (it has a 29 February 1900)."""


def write_workbook(
    copy: Published,
    dictionary: Dictionary,
    language: str,
    file: Path,
    codebook: Iterable[tuple[str, Sequence[Sequence[object]]]],
) -> list[str]:
    """Write one form's tables and the sheets of its codebook; give the remarks.

    `language` puts labels in the place of codes, empty leaves the codes. A text is a text, also "007" and
    "=1+1"; a whole number of more than 15 digits is text, since Excel would round it. Times are the study's
    local time.
    """
    from openpyxl import Workbook

    book, remarks = Workbook(write_only=True), []
    sheets = _Sheets(book)
    for dataset in dictionary.datasets:
        selected = ", ".join(
            f"{label_sql(dictionary, v, language) if language else quote(v.name)} AS {quote(v.name)}"
            for v in dataset.variables
        )
        rows = copy.count(dataset)
        if rows > MOST_ROWS:
            remarks.append(
                f"xlsx: {dataset.name} has {rows} rows, more than a sheet holds: left out, take the CSV"
            )
            continue
        remarks += sheets.add(dataset.name, _header(dataset), copy.rows(dataset, selected))
    for name, (heading, *body) in codebook:
        remarks += sheets.add(name, heading, body)
    part = file.with_name(file.name + ".part")
    book.save(part)
    part.replace(file)
    return remarks


def write_sheets(file: Path, named: Iterable[tuple[str, Sequence[Sequence[object]]]]) -> None:
    """Write a workbook of plain sheets, each with its heading first."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheets = _Sheets(book)
    for name, (heading, *body) in named:
        sheets.add(name, heading, body)
    part = file.with_name(file.name + ".part")
    book.save(part)
    part.replace(file)


def _header(dataset: Dataset) -> list[str]:
    return [variable.name for variable in dataset.variables]


class _Sheets:
    """Adds sheets whose names Excel allows."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.taken: set[str] = set()

    def add(self, name: str, heading: Sequence[object], rows: Iterable[Sequence[object]]) -> list[str]:
        """Write one sheet; give what could not be written as it is."""
        sheet = self.book.create_sheet(self._title(name))
        sheet.freeze_panes = "A2"
        writer = _Cells(sheet, name)
        sheet.append([writer.heading(one) for one in heading])
        for row in rows:
            sheet.append([writer.cell(value) for value in row])
        return writer.remarks()

    def _title(self, name: str) -> str:
        """Cut to 31 characters: the end, where the repeat's name is, tells more than the beginning."""
        plain = re.sub(r"[\[\]:*?/\\]", "_", name)
        title, number = plain if len(plain) <= 31 else plain[-31:].lstrip("_"), 1  # noqa: PLR2004 - Excel's limit
        while title.lower() in self.taken:
            number += 1
            title = f"{title[:27]}_{number}"
        self.taken.add(title.lower())
        return title


class _Cells:
    """Writes values so that Excel neither computes nor rounds them."""

    def __init__(self, sheet: WriteOnlyWorksheet, table: str) -> None:
        from openpyxl.cell import WriteOnlyCell
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
        from openpyxl.styles import Font

        self.sheet, self.table, self.bold = sheet, table, Font(bold=True)
        self.make, self.illegal = WriteOnlyCell, ILLEGAL_CHARACTERS_RE
        self.counts = {"longer than 32,767 characters: cut": 0, "with control characters: replaced": 0}

    def remarks(self) -> list[str]:
        return [
            f"xlsx: {self.table} has {number} text(s) {what}"
            for what, number in self.counts.items()
            if number
        ]

    def heading(self, value: object) -> Cell:
        cell = self._text(str(value))
        cell.font = self.bold
        return cell

    def cell(self, value: Any) -> Any:  # noqa: ANN401 - what DuckDB gives is what Excel takes
        match value:
            case str():
                return self._text(value)
            case int() if not isinstance(value, bool) and abs(value) >= LONGEST_NUMBER:
                return self._text(str(value))
            case datetime():
                return self._formatted(value.replace(tzinfo=None), "yyyy-mm-dd hh:mm:ss")
            case date() if value < _FIRST_DAY:
                return self._text(value.isoformat())
            case date():
                return self._formatted(value, "yyyy-mm-dd")
            case _:
                return value

    def _formatted(self, value: Any, layout: str) -> Cell:  # noqa: ANN401 - its stubs know no dates
        cell = self.make(self.sheet, value)
        cell.number_format = layout
        return cell

    def _text(self, value: str) -> Cell:
        kept = self.illegal.sub("\ufffd", value)
        self.counts["with control characters: replaced"] += kept != value
        self.counts["longer than 32,767 characters: cut"] += len(kept) > LONGEST_TEXT
        cell = self.make(self.sheet, kept[:LONGEST_TEXT])
        cell.data_type = "s"  # openpyxl takes "=1+1" for a formula and "#N/A" for an error
        cell.number_format = "@"
        if kept.startswith(RISKY):
            cell.quotePrefix = True
        return cell
