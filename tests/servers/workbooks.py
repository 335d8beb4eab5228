"""Changed copies of the study's workbooks, and the study with its forms in a folder that may be changed."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openpyxl import load_workbook

from tracer_etl.study import read_study

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

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


def _column(table: Worksheet, name: str) -> int:
    return [cell.value for cell in table[1]].index(name) + 1


def _row(table: Worksheet, name: str) -> int:
    column = _column(table, "name")
    return next(n for n in range(2, table.max_row + 1) if table.cell(n, column).value == name)
