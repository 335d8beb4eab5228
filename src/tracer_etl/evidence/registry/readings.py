"""Single values of the office's lists: dates, phones, names, money, shares; each read, or refused with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from tracer_etl.sheets import Cell

_MONTHS = "jan feb mar apr mei jun jul agu sep okt nov des".split()
_OTHER_MONTHS = {"may": 5, "aug": 8, "ags": 8, "agt": 8, "oct": 10, "dec": 12, "nop": 11, "pebr": 2, "peb": 2}
_SERIALS = (10_000, 80_000)  # 1927 to 2119, as days since 1899-12-30
_MOBILE, _LANDLINE = re.compile(r"\+628[1-35-9]\d{7,10}"), re.compile(r"\+62[2-79]\d{6,10}")
_YEARS = (1920, 2100)
_MONTH_OF_YEAR = 12


class Unreadable(Exception):
    """A value that cannot be taken: why, and what the office can do."""

    def __init__(self, reason: str, remedy: str) -> None:
        """Keep both parts."""
        super().__init__(reason)
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True, slots=True)
class Reading:
    """A value as the registry keeps it, and what makes it doubtful."""

    value: str
    doubt: str = ""


# -- dates


def read_date(cell: Cell, today: date, *, end: bool = False, birth: bool = False) -> Reading:
    """Read a date as ISO: a date cell, a serial number, day first with figures or month names, or a month.

    Of a month the first day is taken, with `end` its last; a `birth` is at least ten years back and needs its day.

    Raises:
        Unreadable: it is none, or only a month where a birth date is asked.

    >>> from tracer_etl.sheets import Cell
    >>> day = date(2026, 1, 1)
    >>> [read_date(Cell(t, t), day).value for t in ("12/03/2024", "12 Maret 2024", "2024-03-12", "45363")]
    ['2024-03-12', '2024-03-12', '2024-03-12', '2024-03-12']
    >>> read_date(Cell("Mar-24", "Mar-24"), day, end=True)
    Reading(value='2024-03-31', doubt='only the month is given: its last day is taken')
    """
    value = cell.value
    if isinstance(value, datetime | date):
        found = value.date() if isinstance(value, datetime) else value
        if "d" not in cell.format.lower() and "m" in cell.format.lower():
            return _of_month(found.year, found.month, end=end, birth=birth)
        return _sensible(found, today, birth=birth)
    if re.fullmatch(r"\d{5}(\.\d+)?", cell.text) and _SERIALS[0] <= float(cell.text) < _SERIALS[1]:
        return _sensible(date(1899, 12, 30) + timedelta(days=int(float(cell.text))), today, birth=birth)
    return _from_text(cell.text, today, end=end, birth=birth)


def _from_text(text: str, today: date, *, end: bool, birth: bool) -> Reading:
    said = re.sub(r"^\s*[^\d,]{3,},\s*", "", text.casefold())  # "Blitar, 12 Maret 1998"
    said = re.sub(r"^(senin|selasa|rabu|kamis|jum'?at|sabtu|minggu)\W+|\s+00:00(:00)?$", "", said.strip())
    if match := re.fullmatch(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", said):
        return _made(int(match[1]), int(match[2]), int(match[3]), today, birth=birth)
    if match := re.fullmatch(r"(\d{1,2})\s*[-/. ]\s*(\d{1,2})\s*[-/. ]\s*(\d{4}|\d{2})", said):
        day, month, year = int(match[1]), int(match[2]), _year(match[3], today, birth=birth)
        if month > _MONTH_OF_YEAR >= day:
            return Reading(_made(year, day, month, today, birth=birth).value, "read with the month first")
        return _made(year, month, day, today, birth=birth)
    if match := re.fullmatch(r"(\d{1,2})[-\s./]*([a-z]{3,})\.?[-\s./]*(\d{4}|\d{2})", said):
        return _made(_year(match[3], today, birth=birth), _month(match[2]), int(match[1]), today, birth=birth)
    if match := re.fullmatch(r"([a-z]{3,})\.?[-\s./]*(\d{4}|\d{2})", said):
        return _of_month(_year(match[2], today, birth=birth), _month(match[1]), end=end, birth=birth)
    raise Unreadable("is no date", "write it as day, month and year, such as 12/03/2024")


def _month(name: str) -> int:
    found = next((number for text, number in _OTHER_MONTHS.items() if name.startswith(text)), 0)
    if not found and name[:3] in _MONTHS:
        found = _MONTHS.index(name[:3]) + 1
    if not found:
        raise Unreadable("names no month", "write the month as a number or by its name")
    return found


def _year(text: str, today: date, *, birth: bool) -> int:
    if len(text) > 2:  # noqa: PLR2004 - two figures or four
        return int(text)
    newest = today.year % 100 - (10 if birth else -2)
    return int(text) + (2000 if int(text) <= newest else 1900)


def _made(year: int, month: int, day: int, today: date, *, birth: bool) -> Reading:
    try:
        found = date(year, month, day)
    except ValueError:
        raise Unreadable("is no day of the calendar", "look it up and write it anew") from None
    return _sensible(found, today, birth=birth)


def _sensible(found: date, today: date, *, birth: bool) -> Reading:
    latest = today.year - 10 if birth else _YEARS[1]
    if not _YEARS[0] <= found.year <= latest:
        raise Unreadable(f"is of the year {found.year}", "look it up and write it anew")
    return Reading(found.isoformat())


def _of_month(year: int, month: int, *, end: bool, birth: bool) -> Reading:
    if birth:
        raise Unreadable("is only a month", "write the whole birth date")
    first = date(year, month, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    said = "last" if end else "first"
    return Reading((last if end else first).isoformat(), f"only the month is given: its {said} day is taken")


def read_period(text: str, today: date) -> tuple[Reading, Reading]:
    """Read the first and the last day of `15 April s.d. 3 Mei 2024`, `5-23 Agustus 2024` or `12/3/2024 - 4/4/2024`.

    Raises:
        Unreadable: it is no such period.

    >>> [one.value for one in read_period("5 - 23 Agustus 2024", date(2026, 1, 1))]
    ['2024-08-05', '2024-08-23']
    """
    from tracer_etl.sheets import Cell

    parts = re.split(
        r"\s*(?:s\.?\s?/?\s?d\.?|sampai(?: dengan)?|hingga|\u2013|\u2014)\s+|\s+-\s+|(?<=^\d\d)-|(?<=^\d)-",
        text,
    )
    if len(parts) != 2:  # noqa: PLR2004 - from and to
        raise Unreadable("is no period", "give first and last day, such as 15 April s.d. 3 Mei 2024")
    first, last = (part.strip() for part in parts)
    tail = last.split()
    missing = (
        tail[1:]
        if re.fullmatch(r"\d{1,2}", first)
        else tail[2:]
        if re.fullmatch(r"\d{1,2} \S+", first)
        else []
    )
    whole = " ".join([first, *missing])
    return read_date(Cell(whole, whole), today), read_date(Cell(last, last), today, end=True)


# -- phones


def read_phones(text: str) -> tuple[Reading, Reading]:
    """Read one or two numbers as E.164: the mobile one first; a landline is only ever the second.

    Raises:
        Unreadable: there is no number of Indonesia in it.

    >>> [one.value for one in read_phones("0812-3456.7890 / (0342) 801234")]
    ['+6281234567890', '+62342801234']
    >>> read_phones("81234567890")[0].value
    '+6281234567890'
    """
    numbers = [_e164(part) for part in re.split(r"[/,;&]|\bdan\b|\batau\b", text) if re.search(r"\d", part)]
    mobile = [one for one in numbers if _MOBILE.fullmatch(one)]
    fixed = [one for one in numbers if not _MOBILE.fullmatch(one) and _LANDLINE.fullmatch(one)]
    good = [*mobile, *fixed]
    if not good:
        raise Unreadable("is no phone number of Indonesia", "ask for the number and write it as 08...")
    doubt = "a part of it is no number" if len(good) < len(numbers) else ""
    first = mobile[0] if mobile else ""
    second = next((one for one in good if one != first), "")
    return Reading(first, doubt), Reading(second)


def _e164(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    for prefix in ("0062", "062", "62", "0"):
        if digits.startswith(prefix):
            return "+62" + digits.removeprefix(prefix).removeprefix("0")
    return "+62" + digits


# -- names


def read_name(text: str, titles: Collection[str]) -> Reading:
    """Write a name without titles, in capitals and small letters where it had but one of them.

    Raises:
        Unreadable: there are not two letters in it.

    >>> read_name("  Hj. SRI  SETYOWATI, S.Pd", {"hj", "s pd"}).value
    'Sri Setyowati'
    """
    kept = text.replace("\u2019", "'")
    head, *tail = [part.strip() for part in kept.split(",")]
    kept = " ".join([head, *(part for part in tail if _plain(part) not in titles)])
    words = kept.split()
    while len(words) > 1 and _plain(words[0]) in titles:
        words = words[1:]
    while len(words) > 1 and "." in words[-1] and _plain(words[-1]) in titles:
        words = words[:-1]
    name = " ".join(words).strip(" .-")
    if len(re.findall(r"[^\W\d_]", name)) < 2:  # noqa: PLR2004 - Indonesian names can be that short
        raise Unreadable("is no name", "write the name as on the card")
    return Reading(_cased(name) if name.isupper() or name.islower() else name)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.casefold()))


def _cased(name: str) -> str:
    return re.sub(r"[^\W\d_]+('[^\W\d_]+)?", lambda word: word[0][0].upper() + word[0][1:].lower(), name)


def name_key(name: str) -> str:
    """Reduce a name to what two spellings share: letters only, old spelling made new, Muhammad in one form.

    >>> name_key("Moch. Soetjipto") == name_key("Mohammad Sucipto")
    True
    """
    words = _plain(name).split()
    words = [
        "muhammad" if re.fullmatch(r"m|mo?u?h|moch|much|mohamm?ad|muhamm?ad", word) else word
        for word in words
    ]
    text = " ".join(words)
    for old, new in (("oe", "u"), ("tj", "c"), ("dj", "j"), ("sj", "sy")):
        text = text.replace(old, new)
    return re.sub(r"(.)\1", r"\1", text)


# -- numbers


def read_money(cell: Cell) -> Reading:
    """Read rupiah: a number, or text with dots between thousands.

    Raises:
        Unreadable: it is no amount.

    >>> from tracer_etl.sheets import Cell
    >>> read_money(Cell("Rp 225.000.000,-", "Rp 225.000.000,-")).value
    '225000000'
    """
    if isinstance(cell.value, int | float):
        return Reading(str(round(cell.value)))
    digits = re.sub(r"[^\d,.]", "", re.sub(r",(-|\d{2}\b).*$", "", cell.text))
    if not re.fullmatch(r"\d{1,3}([.,]\d{3})+|\d+", digits):
        raise Unreadable("is no amount of rupiah", "write it as 225.000.000")
    return Reading(re.sub(r"\D", "", digits))


def read_share(cell: Cell) -> Reading:
    """Read per cent, 0 to 100: `95%`, `95,5`, or a cell of 0.95 shown as per cent.

    Raises:
        Unreadable: it is none.
    """
    if isinstance(cell.value, int | float):
        share = float(cell.value) * (100 if "%" in cell.format else 1)
    else:
        text = re.sub(r"[\s%]|persen", "", cell.text.casefold()).replace(",", ".")
        if not re.fullmatch(r"\d+(\.\d+)?", text):
            raise Unreadable("is no share", "write it as a number of per cent")
        share = float(text)
    if not 0 <= share <= 100:  # noqa: PLR2004 - per cent
        raise Unreadable("is no share between 0 and 100", "write it as a number of per cent")
    return Reading(f"{share:.10g}")


def read_whole(text: str) -> Reading:
    """Read the one whole number in a text such as `120 JP`.

    Raises:
        Unreadable: there is none, or more than one.
    """
    found = re.findall(r"\d+", text)
    if len(found) != 1:
        raise Unreadable("is no whole number", "write one number")
    return Reading(found[0])
