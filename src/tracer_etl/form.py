"""XLSForm or XForm XML -> Form.

An XLSForm is first converted by pyxform (this is the only module that imports it) and then read as
the XForm it became, so both inputs take the same path.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from tracer_etl.errors import FormError
from tracer_etl.questions import Form
from tracer_etl.xform import compile_xform

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Form", "read_form"]


def read_form(source: Path, media: Path | None = None) -> Form:
    """Read an XLSForm (.xlsx, .xls, .csv, .md) or an XForm (.xml).

    `media` is the folder of the CSV files that travel beside the form (default: its own folder).

    Raises:
        FormError: no such file, or the form does not compile; the message names sheet and row.
    """
    if not source.is_file():
        raise FormError("there is no such form", where=str(source), remedy="check the path in study.toml")
    media = media or source.parent
    if source.suffix.lower() == ".xml":
        return compile_xform(source.read_bytes(), media, where=source.name)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    xform, remarks = _convert(_Workbook(source.name, digest, source))
    return compile_xform(xform.encode(), media, where=source.name, warnings=remarks)


@dataclass(frozen=True, slots=True)
class _Workbook:
    """A workbook is its name, which may become the form's id, and its content, wherever it lies."""

    name: str
    digest: str
    path: Path = field(compare=False)


@lru_cache(maxsize=64)
def _convert(workbook: _Workbook) -> tuple[str, tuple[str, ...]]:
    """Convert once per content, since every stage of a run asks for the same workbooks."""
    from pyxform.xls2xform import convert

    source = workbook.path
    try:
        with warnings.catch_warnings():
            # What openpyxl misses in a workbook (a style, an extension of Excel's) says nothing about the form.
            warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
            result = convert(source, validate=False, form_name=None)
    except Exception as error:
        # pyxform lets bare TypeErrors and AttributeErrors out on 31 of 863 real forms.
        raise _form_error(source, error) from error
    return result.xform, tuple(result.warnings)


def _form_error(source: Path, error: Exception) -> FormError:
    text = str(error) or type(error).__name__
    row = re.search(r"\[row : (\d+)\]", text)
    sheet = re.search(r"'(survey|choices|settings|entities|osm)' sheet", text)
    where = " ".join(
        [source.name, *([f"sheet {sheet[1]}"] if sheet else []), *([f"row {row[1]}"] if row else [])]
    )
    text = re.sub(r"\[row : \d+\]\s*", "", text)
    return FormError(text, where=where, remedy="correct the workbook and run `tracer-etl forms check`")
