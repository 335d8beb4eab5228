"""A new study that runs at once: form, expectations, rehearsal, flow, and what a repository of it needs."""

from __future__ import annotations

import csv
import re
import uuid
from datetime import datetime, timedelta
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from tracer_etl import __version__
from tracer_etl.errors import StudyError
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

ServerKind = Literal["folder", "kobo", "central"]

FORM = "household"
LONGEST = 40
"""Characters of a study's name: it becomes a folder, a file and a word on every page."""

_PLACES = {
    "study.toml.j2": "study.toml",
    "README.md.j2": "README.md",
    "gitignore.j2": ".gitignore",
    "ci_run.j2": ".ci/run",
    "refresh.py.j2": "flows/refresh.py",
    "household.yaml.j2": f"expectations/{FORM}.yaml",
    "household__member.yaml.j2": f"expectations/{FORM}__member.yaml",
}
_SHEETS = ("survey", "choices", "settings")
_EXECUTABLE = 0o755
_WIDEST = 48


def start_study(
    folder: Path, day: date, *, server: ServerKind = "folder", timezone: str = "Asia/Jakarta"
) -> list[Path]:
    """Write a new study into a folder and name its files; the folder's name is the study's.

    `day` becomes the form's version and the day of the rehearsal's interviews, which are the same for the
    same name and day.

    Raises:
        StudyError: the folder holds something, its name is none for a study, or it cannot be written.
    """
    name = folder.name
    if len(name) > LONGEST or not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        remedy = f"use small letters, digits, - and _, a letter first, at most {LONGEST}"
        raise StudyError(f"{name!r} is no name for a study", where="init", remedy=remedy)
    said = {
        "name": name,
        "server": server,
        "timezone": timezone,
        "release": __version__,
        "version": f"{day:%Y%m%d}01",
    }
    try:
        _refuse_used(folder)
        return [_written(folder / place, content) for place, content in _contents(said, day)]
    except OSError as error:
        what, remedy = f"cannot be written ({error.strerror or error})", "choose a folder you may write"
        raise StudyError(what, where=str(folder), remedy=remedy) from error


def _refuse_used(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        remedy = "give another name, or empty it"
        raise StudyError("is there already and not empty", where=str(folder), remedy=remedy)


def _written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    if content.startswith(b"#!"):
        path.chmod(_EXECUTABLE)
    return path


def _contents(said: dict[str, str], day: date) -> Iterator[tuple[str, bytes]]:
    for template, place in _PLACES.items():
        yield place, _filled(template, said).encode()
    yield f"forms/{FORM}.xlsx", _workbook(said)
    begin = datetime(day.year, day.month, day.day, 9, tzinfo=ZoneInfo(said["timezone"]))
    for number, row in enumerate(csv.DictReader(_template("households.csv").splitlines())):
        content = _submission(said, row, begin + timedelta(minutes=20 * number), number)
        yield f"rehearsal/{FORM}/{row['head'].lower()}/submission.xml", content


def _submission(said: dict[str, str], row: dict[str, str], start: datetime, place: int) -> bytes:
    end = start + timedelta(minutes=int(row["minutes"]))
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"tracer-etl:{said['name']}:{said['version']}:{place}")
    members = [member.split() for member in row["members"].split(";")]
    told = {**said, "row": row, "members": members, "start": start, "end": end, "uuid": identity}
    return _filled("submission.xml.j2", told).encode()


def _workbook(said: dict[str, str]) -> bytes:
    """Make the XLSForm of its sheets, with headings that stay in sight."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    book, bold, wrapped = Workbook(), Font(bold=True), Alignment(wrap_text=True, vertical="top")
    book.remove(book.worksheets[0])
    for title in _SHEETS:
        sheet, rows = (
            book.create_sheet(title),
            list(csv.reader(_filled(f"form/{title}.csv", said).splitlines())),
        )
        sheet.freeze_panes = "C2"
        for row in rows:
            sheet.append(row)
        for number, texts in enumerate(zip(*rows, strict=True), 1):
            width = min(max(map(len, texts)) + 2, _WIDEST)
            sheet.column_dimensions[get_column_letter(number)].width = width
            heading = sheet.cell(1, number)
            heading.font, heading.alignment = bold, wrapped
    stream = BytesIO()
    book.save(stream)
    return stream.getvalue()


def _filled(template: str, said: dict[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    # XML is escaped, all else is text as it stands.
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=template.endswith(".xml.j2"),
    )
    return environment.from_string(_template(template)).render(said)


def _template(name: str) -> str:
    return files("tracer_etl.starting").joinpath("template", name).read_text(encoding="utf-8")
