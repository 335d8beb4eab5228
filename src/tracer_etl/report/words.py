"""Numbers and dates as each language writes them, and the catalogue of texts."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

LANGUAGES = ("id", "en")
"""Indonesian is the default."""

DASH = "\u2013"
"""Stands where there is no value, and between the ends of a range."""

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),
    "en": "January February March April May June July August September October November December".split(),
}


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Read every text of the page: key -> language -> text."""
    source = files("tracer_etl.report").joinpath("texts.toml").read_text(encoding="utf-8")
    texts: dict[str, dict[str, str]] = tomllib.loads(source)
    return texts


def text(key: str, language: str, **values: object) -> str:
    """Give one text with its values put in."""
    return catalogue()[key][language].format(**values)


def number(value: float, language: str, decimals: int = 0) -> str:
    """Write a number.

    >>> number(1234.5, "id", 1), number(1234.5, "en", 1)
    ('1.234,5', '1,234.5')
    """
    written = f"{value:,.{decimals}f}"
    return written.translate(str.maketrans(",.", ".,")) if language == "id" else written


def percent(share: float | None, language: str, decimals: int = 0) -> str:
    """Write a share 0..1 in percent; a dash where there is none.

    >>> percent(0.689, "id", 1), percent(None, "en") == DASH
    ('68,9%', True)
    """
    return DASH if share is None else number(share * 100, language, decimals) + "%"


def day(value: date, language: str) -> str:
    """Write a date in full.

    >>> day(date(2026, 2, 3), "id"), day(date(2026, 2, 3), "en")
    ('3 Februari 2026', '3 February 2026')
    """
    return f"{value.day} {MONTHS[language][value.month - 1]} {value.year}"


def moment(iso: str, language: str) -> str:
    """Write an instant in western Indonesian time.

    >>> moment("2026-11-24T10:26:42+00:00", "id"), moment("", "en") == DASH
    ('24 November 2026, 17.26 WIB', True)
    """
    if not iso:
        return DASH
    local = datetime.fromisoformat(iso).astimezone(ZoneInfo("Asia/Jakarta"))
    clock = f"{local:%H.%M}" if language == "id" else f"{local:%H:%M}"
    return f"{day(local.date(), language)}, {clock} WIB"
