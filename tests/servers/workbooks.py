"""Workbooks for tests of publishing: changed copies of the study's, small new ones, other converters' XML."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openpyxl import Workbook, load_workbook

from tracer_etl.study import read_study

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from tracer_etl.form import Form
    from tracer_etl.study import Study

ROOT = Path(__file__).parents[2]


def copied_study(folder: Path) -> Study:
    """Give the study of this repository with workbooks and media below `folder`."""
    study = read_study(ROOT / "study.toml")
    shutil.copytree(study.media, folder / "media")
    forms = []
    for form in study.forms:
        shutil.copy(form.workbook, folder)
        forms.append(replace(form, workbook=folder / form.workbook.name))
    return replace(study, media=folder / "media", cases=folder / "cases", forms=tuple(forms))


def change(path: Path, *edits: tuple[str, str, str, str], version: str = "") -> None:
    """Change cells of a workbook: (sheet, name of the row, column, new text); and its version."""
    book = load_workbook(path)
    for sheet, name, column, text in edits:
        table = book[sheet]
        table.cell(_row(table, name), _column(table, column)).value = text
    if version:
        table = book["settings"]
        table.cell(2, _column(table, "version")).value = version
    book.save(path)


def add(path: Path, after: str, **cells: str) -> None:
    """Add a question after another one."""
    book = load_workbook(path)
    table = book["survey"]
    at = _row(table, after) + 1
    table.insert_rows(at)
    for column, text in cells.items():
        table.cell(at, _column(table, column)).value = text
    book.save(path)


def remove(path: Path, name: str) -> None:
    """Drop a question."""
    book = load_workbook(path)
    book["survey"].delete_rows(_row(book["survey"], name))
    book.save(path)


def write(path: Path, sheets: dict[str, tuple[tuple[str, ...], ...]]) -> Path:
    """Write a workbook: the first row of each sheet is its heading."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        table = book.create_sheet(name)
        for row in rows:
            table.append(row)
    book.save(path)
    return path


def by_another_converter(form: Form) -> str:
    """Give a form's XForm as a converter of other habits would: root element, spaces, text ids, instance id."""
    text = re.sub(rf"(?<![\w./-])/{form.root}(?=[/\"'\s)\[])", "/formulir", form.xform)
    text = text.replace(f"<{form.root} ", "<formulir ", 1).replace(f"</{form.root}>", "</formulir>", 1)
    text = re.sub(r" (=|>=|&lt;=) ", r"  \1 ", text)
    text = re.sub(r":label(?=['\"])", ":teks", text)
    text, count = re.subn(
        r'<bind nodeset="/formulir/meta/instanceID"[^>]*>',
        '<bind nodeset="/formulir/meta/instanceID" type="string" readonly="true()"'
        " calculate=\"concat('uuid:', uuid())\"/>",
        text,
    )
    assert count == 1
    return text


def _column(table: Worksheet, name: str) -> int:
    return [cell.value for cell in table[1]].index(name) + 1


def _row(table: Worksheet, name: str) -> int:
    column = _column(table, "name")
    return next(n for n in range(2, table.max_row + 1) if table.cell(n, column).value == name)
