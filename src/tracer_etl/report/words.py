"""Texts in both languages, and numbers and dates as each language writes them."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LANGUAGES = ("id", "en")
"""Indonesian is the default."""

DASH = "\u2013"
"""Stands where there is no value, and between the ends of a range."""

MILLION = 1_000_000

MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),
    "en": "January February March April May June July August September October November December".split(),
}


class Both(dict[str, str]):
    """A text in each language; in a template it becomes one span per language, or plain text where both agree."""

    def __html__(self) -> str:
        from markupsafe import escape

        first, *others = (self[language] for language in LANGUAGES)
        if all(other == first for other in others):
            return str(escape(first))
        return "".join(
            f'<span class="{language}" lang="{language}">{escape(self[language])}</span>'
            for language in LANGUAGES
        )


@cache
def catalogue() -> dict[str, dict[str, str]]:
    """Read every text: `file.key` (for common.toml only `key`) -> language -> text."""
    texts: dict[str, dict[str, str]] = {}
    for source in sorted(files("tracer_etl.report").joinpath("texts").iterdir(), key=lambda one: one.name):
        stem = source.name.removesuffix(".toml")
        prefix = "" if stem == "common" else f"{stem}."
        read = tomllib.loads(source.read_text(encoding="utf-8"))
        texts.update({f"{prefix}{key}": sides for key, sides in read.items()})
    return texts


def say(key: str, **values: object) -> Both:
    """Give a text with its values put in: each as the language writes it.

    >>> say("overview.received", landed=1234)
    {'id': '1.234 kiriman diterima', 'en': '1,234 submissions received'}
    """
    sides = catalogue()[key]
    return Both(
        {
            language: sides[language].format(
                **{name: spoken(value, language) for name, value in values.items()}
            )
            for language in LANGUAGES
        }
    )


def formula(text: str) -> Both:
    """Say how `marts.indicator` puts it in both languages; what is code stays as it is.

    >>> formula("paid workers")["id"], formula("emp_bps = 1")["id"]
    ('pekerja dibayar', 'emp_bps = 1')
    """
    return Both(catalogue().get(f"formulas.{text}") or plain(text))


def spoken(value: object, language: str) -> str:
    """Write one value in a language: a text of both, a whole number, or what is the same in both."""
    if isinstance(value, Both):
        return value[language]
    return number(value, language) if isinstance(value, int) else str(value)


def both(write: Callable[[str], str]) -> Both:
    """Write something once per language."""
    return Both({language: write(language) for language in LANGUAGES})


def plain(text: str) -> Both:
    """Take what is the same in both languages."""
    return both(lambda _: text)


def joined(parts: Iterable[Both], between: str = " ") -> Both:
    """Put texts together."""
    found = list(parts)
    return both(lambda language: between.join(part[language] for part in found))


def number(value: float, language: str, decimals: int = 0) -> str:
    """Write a number.

    >>> number(1234.5, "id", 1), number(1234.5, "en", 1), number(-0.01, "en")
    ('1.234,5', '1,234.5', '0')
    """
    written = f"{value:,.{decimals}f}"
    if written.strip("-0.,") == "":
        written = written.lstrip("-")
    return written.translate(str.maketrans(",.", ".,")) if language == "id" else written


def count(value: float, decimals: int = 0) -> Both:
    """Write a number in both languages."""
    return both(lambda language: number(value, language, decimals))


def percent(share: float | None, language: str, decimals: int = 0) -> str:
    """Write a share 0..1 in percent; a dash where there is none.

    >>> percent(0.689, "id", 1), percent(None, "en") == DASH
    ('68,9%', True)
    """
    return DASH if share is None else number(share * 100, language, decimals) + "%"


def share(value: float | None, decimals: int = 0) -> Both:
    """Write a share 0..1 in percent, in both languages."""
    return both(lambda language: percent(value, language, decimals))


def rupiah(value: float) -> Both:
    """Write an amount of IDR: millions with one decimal below a hundred, less than a million in full hundreds.

    >>> rupiah(2_287_324)["id"], rupiah(950e6)["en"], rupiah(15_089.9)["en"]
    ('Rp2,3 juta', 'Rp950 million', 'Rp15,100')
    """
    if abs(value) >= MILLION:
        decimals = int(abs(value) < 100 * MILLION)
        return both(
            lambda language: (
                "Rp"
                + number(value / MILLION, language, decimals)
                + (" juta" if language == "id" else " million")
            )
        )
    return both(lambda language: "Rp" + number(round(value, -2), language))


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
