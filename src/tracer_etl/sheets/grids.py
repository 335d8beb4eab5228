"""XLSX and CSV files as grids of cells, with merged cells filled and nothing else changed."""

from __future__ import annotations

import csv
import io
import warnings
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

ENDINGS = (".xlsx", ".xlsm", ".csv", ".txt")
_DELIMITERS = ";,\t|"
_SAMPLE = 50


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its value as stored, as text, its number format, and whether a merged range brought it here."""

    value: object = None
    text: str = ""
    format: str = ""
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """One sheet: its rows from the first on, all of one width."""

    file: str
    sheet: str
    rows: tuple[tuple[Cell, ...], ...]


def read_grids(path: Path) -> Iterator[Grid]:
    """Read every sheet of a workbook, hidden ones too, or the one table of a CSV file.

    Raises:
        StudyError: the file is of another kind, or damaged.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        remedy = "save it as .xlsx or .csv"
        raise StudyError(f"cannot read a file of kind {ending or 'none'}", where=path.name, remedy=remedy)
    if ending in (".csv", ".txt"):
        yield Grid(path.name, "", _square(_csv_rows(path)))
    else:
        yield from _workbook(path)


def text_of(value: object) -> str:
    """Write a cell's value as a person would type it; numbers without exponent, dates ISO.

    >>> text_of(81234567890.0), text_of(0.95), text_of(None)
    ('81234567890', '0.95', '')
    """
    match value:
        case None:
            return ""
        case bool():
            return "ya" if value else "tidak"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime() | date():
            return value.isoformat()
        case _:
            return " ".join(str(value).split())


def _workbook(path: Path) -> Iterator[Grid]:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl tells of styles and validations that it leaves out
            typed, shown = (load_workbook(path, data_only=values) for values in (False, True))
    except Exception as error:  # a damaged zip, XML or sheet: openpyxl raises whatever its parts do
        what, remedy = f"cannot be opened ({error})", "open it in a spreadsheet program and save it anew"
        raise StudyError(what, where=path.name, remedy=remedy) from error
    for sheet in typed.worksheets:
        yield Grid(path.name, sheet.title, _square(_sheet_rows(sheet, shown[sheet.title])))


def _sheet_rows(typed: Worksheet, shown: Worksheet) -> list[list[Cell]]:
    """Take computed values; a formula that nobody has computed yet stays a formula, and so is seen."""
    rows = [
        [_cell(cell, shown.cell(number, place).value) for place, cell in enumerate(row, 1)]
        for number, row in enumerate(typed.iter_rows(), 1)
    ]
    for area in typed.merged_cells.ranges:
        first = rows[area.min_row - 1][area.min_col - 1]
        copy = Cell(first.value, first.text, first.format, merged=True)
        for row in range(area.min_row - 1, min(area.max_row, len(rows))):
            for column in range(area.min_col - 1, min(area.max_col, len(rows[row]))):
                rows[row][column] = copy
    return rows


def _cell(typed: Any, shown: object) -> Cell:  # noqa: ANN401 - openpyxl has two kinds of cells
    value = typed.value if shown is None else shown
    return Cell(value, text_of(value), str(typed.number_format or ""))


def _csv_rows(path: Path) -> list[list[Cell]]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")  # what Excel writes in Indonesia
    if text[:4].lower() == "sep=":  # Excel's own hint
        delimiter, text = text[4:5], text.partition("\n")[2]
    else:
        delimiter = _delimiter(text)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [[Cell(text_of(value), text_of(value)) for value in row] for row in rows]


def _delimiter(text: str) -> str:
    """Find what most lines are split by into most fields."""
    sample = io.StringIO("\n".join(text.splitlines()[:_SAMPLE]))
    lines = [line for line in sample if line.strip()]

    def fields(delimiter: str) -> int:
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter))
        return max((width * times for width, times in counts.items() if width > 1), default=0)

    return max(_DELIMITERS, key=fields)


def _square(rows: list[list[Cell]]) -> tuple[tuple[Cell, ...], ...]:
    width = max(map(len, rows), default=0)
    return tuple((*row, *([Cell()] * (width - len(row)))) for row in rows)
