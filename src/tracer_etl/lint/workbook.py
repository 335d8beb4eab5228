"""A workbook as written: cells with their sheet, row and column, under the names the headers stand for."""

from __future__ import annotations

import csv
import re
import warnings
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from tracer_etl.errors import FormError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_ALIASES = {
    "caption": "label", "relevance": "relevant", "calculate": "calculation", "count": "repeat_count",
    "jr:count": "repeat_count", "read_only": "readonly", "constraining_message": "constraint_message",
    "jr:constraintmsg": "constraint_message", "jr:requiredmsg": "required_message",
    "requiredmsg": "required_message", "command": "type", "tag": "name", "set_form_id": "form_id",
    "set_form_title": "form_title", "title": "form_title", "id_string": "form_id",
}  # fmt: skip
_CHOICES_ALIASES = {"value": "name", "list name": "list_name"}
_PREFIXES = ("bind", "control", "body", "media")
_CHOICE_SHEETS = ("choices", "external_choices", "columns", "choices and columns")
# The other columns are the form's own: filters look for them as they are written.
_CHOICE_COLUMNS = frozenset({"list_name", "name", "label", "image", "audio", "video", "big-image", "caption"})
_SHEETS = {"columns": "choices", "choices and columns": "choices"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; column 0 is the whole row, row 0 the whole sheet."""

    sheet: str
    row: int
    column: int = 0
    header: str = ""
    text: str = ""

    def __bool__(self) -> bool:
        """Tell whether anything is written in it."""
        return bool(self.text)


@dataclass(frozen=True)
class Row:
    """One row: its filled cells by canonical header, such as `relevant` or `label::English (en)`."""

    sheet: str
    number: int
    cells: dict[str, Cell]

    @property
    def place(self) -> Cell:
        """Give the row itself as a place."""
        return Cell(self.sheet, self.number)

    def cell(self, header: str) -> Cell:
        """Give a cell; one that is empty has no text and stands for the row."""
        return self.cells.get(header) or Cell(self.sheet, self.number, header=header)

    def text(self, header: str) -> str:
        """Give the text of a cell, empty if there is none."""
        cell = self.cells.get(header)
        return cell.text if cell else ""

    def translations(self, header: str) -> dict[str, Cell]:
        """Give the cells of a translatable column by language; the empty language is the plain column."""
        found = {}
        for name, cell in self.cells.items():
            base, _, language = name.partition("::")
            if base == header:
                found[language] = cell
        return found


@dataclass(frozen=True)
class Sheet:
    """One sheet: its headers by canonical name, as written, and its rows that hold anything."""

    title: str
    headers: dict[str, Cell]
    rows: tuple[Row, ...]

    def languages(self, header: str) -> tuple[str, ...]:
        """List the languages a translatable column comes in."""
        pairs = (name.partition("::") for name in self.headers)
        return tuple(language for base, _, language in pairs if base == header)


@dataclass(frozen=True)
class Workbook:
    """The sheets of a workbook by their lower-case titles."""

    name: str
    sheets: dict[str, Sheet]

    def sheet(self, title: str) -> Sheet:
        """Give a sheet; one that is not there is empty."""
        return self.sheets.get(title) or Sheet(title, {}, ())


def read_workbook(path: Path) -> Workbook:
    """Read an XLSForm (.xlsx, .xlsm, .xls, .csv, .md) as it is written.

    Raises:
        FormError: no such file, or not a workbook of these kinds.
    """
    readers: dict[str, Callable[[Path], Iterator[tuple[str, list[list[str]]]]]] = {
        ".xlsx": _xlsx, ".xlsm": _xlsx, ".xls": _xls, ".csv": _csv, ".md": _markdown,
    }  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        remedy = "give an XLSForm: .xlsx, .xls, .csv or .md"
        raise FormError("lint reads workbooks", where=path.name, remedy=remedy)
    if not path.is_file():
        raise FormError("there is no such form", where=str(path), remedy="check the path")
    try:
        sheets = [_sheet(title, rows) for title, rows in reader(path)]
    except (OSError, BadZipFile, ParseError, KeyError, ValueError, csv.Error) as error:
        raise FormError(
            f"not a readable workbook ({error})", where=path.name, remedy="save it anew"
        ) from error
    found: dict[str, Sheet] = {}
    for sheet in sheets:
        title = _SHEETS.get(sheet.title, sheet.title)
        found[title] = _joined(found[title], sheet) if title in found else sheet
    return Workbook(path.name, found)


def _joined(one: Sheet, other: Sheet) -> Sheet:
    return Sheet(one.title, {**other.headers, **one.headers}, (*one.rows, *other.rows))


def _xlsx(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    from openpyxl import load_workbook

    with path.open("rb") as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
        book = load_workbook(file, read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            yield sheet.title, [[_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]


def _xls(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    import xlrd  # type: ignore[import-untyped]  # ships no types

    try:
        book = xlrd.open_workbook(path)
    except xlrd.XLRDError as error:
        raise ValueError(str(error)) from error
    for sheet in book.sheets():
        yield sheet.name, [[_text(value) for value in sheet.row_values(r)] for r in range(sheet.nrows)]


def _csv(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _stacked([[cell.strip() for cell in row] for row in csv.reader(file)])


def _markdown(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    yield from _stacked([_cells(line) for line in lines if line.startswith("|")])


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def _stacked(rows: list[list[str]]) -> Iterator[tuple[str, list[list[str]]]]:
    """Cut one table into sheets: a title stands in the first column, by itself."""
    title, body = "", list[list[str]]()
    for row in rows:
        if row and row[0]:
            if title:
                yield title, body
            title, body = row[0], []
        elif title:
            body.append(row[1:])
    if title:
        yield title, body


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value).strip()


def _sheet(title: str, rows: list[list[str]]) -> Sheet:
    title = title.strip().lower()
    start = next((place for place, row in enumerate(rows) if any(row)), len(rows))
    header = rows[start] if start < len(rows) else []
    names = {place: _canonical(text, title) for place, text in enumerate(header) if text}
    headers = {
        name: Cell(title, start + 1, place + 1, header[place], header[place]) for place, name in names.items()
    }
    body = [
        Row(title, number, _row(title, number, row, names, header))
        for number, row in enumerate(rows[start + 1 :], start + 2)
        if any(row)
    ]
    return Sheet(title, headers, tuple(row for row in body if row.cells))


def _row(
    title: str, number: int, row: Sequence[str], names: dict[int, str], header: list[str]
) -> dict[str, Cell]:
    return {
        name: Cell(title, number, place + 1, header[place], row[place])
        for place, name in names.items()
        if place < len(row) and row[place]
    }


def _canonical(header: str, sheet: str) -> str:
    """Write a header the one way the rules know it.

    >>> [_canonical(h, "survey") for h in ("Label:English", "bind::relevant", "media::image::id", "jr:count")]
    ['label::English', 'relevant', 'image::id', 'repeat_count']
    >>> _canonical("list name", "choices"), _canonical("bind::tracer:privacy", "survey")
    ('list_name', 'bind::tracer:privacy')
    >>> _canonical("bind:jr:constraintMsg", "survey")
    'constraint_message'
    """
    text = header.strip()
    if text.lower() in _ALIASES:
        return _ALIASES[text.lower()]
    # A prefix of a namespace belongs to what follows, also where single colons part a header.
    parts = [part.strip() for part in (text.split("::") if "::" in text else re.split(r"(?<!jr):", text))]
    if len(parts) > 1 and parts[0].lower() in _PREFIXES and (parts[0].lower() != "bind" or _is_own(parts[1])):
        parts = parts[1:]
    base = parts[0].lower()
    if sheet in _CHOICE_SHEETS:
        base = _CHOICES_ALIASES.get(base, base)
        base = base if base.replace(" ", "_") in _CHOICE_COLUMNS else parts[0]
    base = base.replace(" ", "_")
    return "::".join([_ALIASES.get(base, base), *parts[1:]])


def _is_own(attribute: str) -> bool:
    """Tell the binds that have a column of their own from those that do not, such as bind::type."""
    known = (
        "relevant",
        "required",
        "constraint",
        "calculate",
        "readonly",
        "jr:constraintmsg",
        "jr:requiredmsg",
    )
    return attribute.lower() in known
