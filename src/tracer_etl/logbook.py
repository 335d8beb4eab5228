"""CSV logs that people write, review and keep in git: strict reading that names the line, durable appending."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from _csv import Reader
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log: its number as an editor counts it, and its fields without outer blanks."""

    file: str
    number: int
    fields: Mapping[str, str]

    def error(self, what: str, remedy: str) -> StudyError:
        """Make the error that names this line."""
        return StudyError(what, where=f"{self.file}:{self.number}", remedy=remedy)

    def require(self, *columns: str) -> None:
        """Insist on fields that may not be empty.

        Raises:
            StudyError: one of them is.
        """
        for column in columns:
            if not self.fields[column]:
                raise self.error(f"`{column}` is empty", "fill it in")

    def require_moment(self, column: str) -> None:
        """Insist on a date or a date-time.

        Raises:
            StudyError: it is neither.
        """
        try:
            datetime.fromisoformat(self.fields[column])
        except ValueError as error:
            what = f"`{column}` is no date: {self.fields[column]!r}"
            raise self.error(what, "write it as 2026-02-01 or 2026-02-01T09:30:00+07:00") from error


def read_log(path: Path, columns: Sequence[str]) -> list[Line]:
    """Read a log whose first line names exactly these columns, in any order; no file is an empty log.

    Raises:
        StudyError: not UTF-8, other columns, or a line with more or fewer fields; the line is named.
    """
    if not path.exists():
        return []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StudyError("not UTF-8", where=path.name, remedy="save it as CSV UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        return _lines(reader, path.name, columns)
    except csv.Error as error:
        where = f"{path.name}:{reader.line_num}"
        raise StudyError(f"not CSV ({error})", where=where, remedy="close the quotes") from error


def _lines(reader: Reader, file: str, columns: Sequence[str]) -> list[Line]:
    header = [name.strip() for name in next(reader, [])]
    if sorted(header) != sorted(columns):
        what = f"the columns are {', '.join(header) or 'missing'}"
        raise StudyError(what, where=f"{file}:1", remedy=f"they must be {', '.join(columns)}")
    lines, start = [], reader.line_num + 1
    for row in reader:
        number, start = start, reader.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            what = f"{len(row)} fields instead of {len(header)}"
            raise StudyError(what, where=f"{file}:{number}", remedy="put a text with commas into quotes")
        lines.append(Line(file, number, {name: cell.strip() for name, cell in zip(header, row, strict=True)}))
    return lines


def append_line(path: Path, columns: Sequence[str], fields: Mapping[str, str]) -> None:
    """Add a line at the end, under the columns the file has; where there is no file, make it."""
    present = path.read_bytes() if path.exists() else b""
    text = present.decode("utf-8-sig")
    header = next(csv.reader(io.StringIO(text, newline="")), [])
    order = [name.strip() for name in header] or list(columns)
    added = io.StringIO()
    if text and not text.endswith("\n"):
        added.write("\n")
    writer = csv.writer(added, lineterminator="\n")
    if not header:
        writer.writerow(order)
    writer.writerow([fields[name] for name in order])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, present + added.getvalue().encode())
