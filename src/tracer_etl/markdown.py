"""A workbook as Markdown: one pipe table per sheet, so that `git diff` of an XLSForm can be read.

Run as `python -m tracer_etl.markdown FILE`; docs/how-to/read-a-form-diff.md tells git to do so.
"""

from __future__ import annotations

import sys
import warnings
from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

from tracer_etl.errors import FormError, TracerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def workbook_markdown(path: Path) -> str:
    """Return the sheets of a workbook as Markdown tables, in the order of the workbook.

    One line per row that holds anything; the first row is the header. Columns and rows that are empty to
    the end are left out. Formatting, widths and comments do not show; formulas show as formulas.

    Raises:
        FormError: the file is missing or is no .xlsx workbook.
    """
    return "\n".join(_table(title, rows) for title, rows in _sheets(path))


def _sheets(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        # git hands over a temporary copy under a name of its own; an open file spares the check of the name.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
            book = load_workbook(file, read_only=True)
            for sheet in book.worksheets:
                sheet.reset_dimensions()
                yield sheet.title, _filled(sheet.iter_rows(values_only=True))
    except (OSError, BadZipFile, InvalidFileException, ParseError, KeyError, ValueError) as error:
        raise FormError(
            f"not a readable workbook ({error})", where=str(path), remedy="give an .xlsx file"
        ) from error


def _filled(rows: Iterable[Sequence[object]]) -> list[list[str]]:
    texts = ([_text(value) for value in row] for row in rows)
    filled = [row for row in texts if any(row)]
    width = max((_width(row) for row in filled), default=0)
    return [(row + [""] * width)[:width] for row in filled]


def _width(row: Sequence[str]) -> int:
    return max((place for place, text in enumerate(row, 1) if text), default=0)


def _text(value: object) -> str:
    match value:
        case None:
            text = ""
        case bool():
            text = str(value).upper()
        case float() if value.is_integer():
            text = str(int(value))
        case datetime() | date() | time():
            text = value.isoformat()
        case _:
            text = str(value)
    return "<br>".join(text.replace("|", r"\|").splitlines())


def _table(title: str, rows: list[list[str]]) -> str:
    heading = f"## {title}\n"
    if not rows:
        return heading
    header, *body = rows
    lines = [header, ["---"] * len(header), *body]
    return heading + "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: Sequence[str]) -> int:
    """Print one workbook as Markdown; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tracer_etl.markdown FILE\n")
        return 2
    try:
        text = workbook_markdown(Path(arguments[0]))
    except TracerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    # The encoding of the terminal must not decide what git compares.
    sys.stdout.buffer.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
