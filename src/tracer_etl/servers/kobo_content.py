"""The content of a KoboToolbox form version -> the XLSForm workbook it was uploaded as.

Content is the workbook turned inside out: texts of all languages in one list per column, list names beside
the question types, and a few keys of KoboToolbox's own (`$kuid`, `$xpath`, ...), which are left out.
"""

from __future__ import annotations

import tempfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import FormError
from tracer_etl.form import read_form
from tracer_etl.servers.kobo_groups import expanded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openpyxl.worksheet.worksheet import Worksheet

Line = dict[str, str]

_LONGEST_CELL = 32_767
"""Characters; what is longer a workbook cuts off."""
_OWN_PREFIXES = ("$", "_", "kobo--")
_KNOWN_PARTS = {"schema", "survey", "choices", "settings", "translated", "translations"}
_SELECTS = {"select_one", "select_multiple", "rank", "select_one_external"}
_FROM_FILE = {"select_one_from_file", "select_multiple_from_file", "rank_from_file"}


def workbook(content: Mapping[str, Any], *, title: str, form_id: str) -> bytes:
    """Write a version's content as .xlsx; `form_id` serves where the content names none.

    Raises:
        FormError: it is not the content of a form, or does not fit into a workbook.
    """
    from openpyxl import Workbook

    try:
        languages = content.get("translations") or [None]
        survey = [
            _question(row, languages) for row in expanded(content["survey"], content.get("choices") or ())
        ]
        others = {
            sheet: [_line(row, languages) for row in content.get(sheet) or ()]
            for sheet in ("choices", *(key for key in content if key not in _KNOWN_PARTS))
            if isinstance(content.get(sheet) or [], list)
        }
        settings = _settings(content.get("settings") or {}, title, form_id)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _no_form(f"the content cannot be read ({type(error).__name__}: {error})") from error
    book = Workbook()
    book.remove(book.worksheets[0])
    _write(book.create_sheet("survey"), survey, ("type", "name"))
    for sheet, lines in others.items():
        if lines:
            _write(book.create_sheet(sheet), lines, ("list_name", "name") if sheet == "choices" else ())
    _write(book.create_sheet("settings"), [settings], ("form_title", "form_id"))
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def refusal(written: bytes) -> str:
    """Say why a workbook does not compile as an XLSForm; empty when it does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "version.xlsx"
        path.write_bytes(written)
        try:
            read_form(path)
        except FormError as error:
            return str(error)
    return ""


def _question(row: Mapping[str, Any], languages: Sequence[str | None]) -> Line:
    """Write one line of the survey: the type as XLSForm has it, then its columns."""
    kind, source = row.get("type"), row.get("select_from_list_name")
    if isinstance(kind, dict):  # as older versions of the server kept it
        kind, source = next(iter(kind.items()))
    words = [str(kind or "")]
    taken = {"type", "select_from_list_name"}
    if kind in _FROM_FILE:
        words.append(str(row.get("file") or source or ""))
        taken.add("file")
    elif kind in _SELECTS:
        words.append(str(source or ""))
    if row.get("_or_other"):
        words.append("or_other")
    others = {key: value for key, value in row.items() if key not in taken}
    return {"type": " ".join(word for word in words if word), **_line(others, languages)}


def _line(row: Mapping[str, Any], languages: Sequence[str | None]) -> Line:
    line: Line = {}
    for key, value in row.items():
        if not key.startswith(_OWN_PREFIXES):
            line |= _cells(key, value, languages)
    if "name" not in line and (row.get("$autoname") or row.get("$autovalue")):
        line["name"] = str(row.get("$autoname") or row.get("$autovalue"))
    return line


def _cells(column: str, value: object, languages: Sequence[str | None]) -> Line:
    """Spread a value over the columns of its languages, or of its parts."""
    match value:
        case list():
            named = zip(languages, value, strict=False)
            return {
                f"{column}::{language}" if language else column: str(text)
                for language, text in named
                if text not in (None, "")
            }
        case dict():
            return {f"{column}::{part}": str(text) for part, text in value.items() if text is not None}
        case bool():
            return {column: "yes" if value else "no"}
        case None | "":
            return {}
        case _:
            return {column: str(value)}


def _settings(given: Mapping[str, Any], title: str, form_id: str) -> Line:
    plain = {
        key: str(value)
        for key, value in given.items()
        if not key.startswith(_OWN_PREFIXES) and isinstance(value, str | int | float) and value != ""
    }
    named = plain.pop("id_string", "") or plain.pop("form_id", "") or form_id
    return {"form_title": plain.pop("form_title", "") or title or named, **plain, "form_id": named}


def _write(sheet: Worksheet, lines: Iterable[Line], first: tuple[str, ...]) -> None:
    """Write text cells only: an expression that begins with = is no formula of a workbook."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    lines = list(lines)
    columns = list(dict.fromkeys([*first, *(column for line in lines for column in line)]))
    for number, texts in enumerate([dict(zip(columns, columns, strict=True)), *lines], 1):
        for position, column in enumerate(columns, 1):
            text = ILLEGAL_CHARACTERS_RE.sub("", texts.get(column, ""))
            if len(text) > _LONGEST_CELL:
                raise _no_form(f"{sheet.title} row {number}: {column} has {len(text)} characters")
            if text:
                cell = sheet.cell(number, position, text)
                cell.data_type = "s"


def _no_form(what: str) -> FormError:
    return FormError(
        what, where="KoboToolbox form version", remedy="correct the form on the server and redeploy"
    )
