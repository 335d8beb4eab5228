"""The national identity number: read from what a spreadsheet left of it, checked, and kept as HMAC only.

Sixteen digits: district (6), birth date DDMMYY with 40 added to the day of women, serial (4). It has no check digit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from tracer_etl.evidence.registry.readings import Unreadable

if TYPE_CHECKING:
    from tracer_etl.sheets import Cell

_DIGITS, _WOMAN, _CENTURY, _YOUNGEST, _LEAP = 16, 40, 100, 10, 29
_RETYPE = "type the 16 digits from the card into a cell of text"


@dataclass(frozen=True, slots=True)
class Nik:
    """A number that can be one; `digits` never leave the memory of the import."""

    digits: str

    @property
    def sex(self) -> str:
        """Give 1 for men and 2 for women."""
        return "2" if int(self.digits[6:8]) > _WOMAN else "1"

    def born(self, today: date) -> date:
        """Give the birth date: of the two centuries the one that makes the person at least ten years old."""
        day, month, year = _day(self.digits), int(self.digits[8:10]), int(self.digits[10:12])
        century = 2000 if year <= today.year % _CENTURY - _YOUNGEST or (year == 0 and day == _LEAP) else 1900
        return date(century + year, month, day)

    @property
    def in_regency(self) -> bool:
        """Tell whether the district is one of Kabupaten Blitar (3505)."""
        return self.digits.startswith("3505")


def read_nik(cell: Cell, *, rounded: bool = False) -> Nik:
    """Read a number with blanks, dots or an apostrophe; of a `rounded` sheet none can be trusted.

    Raises:
        Unreadable: digits are missing or lost, or they cannot be a NIK.

    >>> from tracer_etl.sheets import Cell
    >>> read_nik(Cell("'3505 1047.0499 9004", "'3505 1047.0499 9004")).sex
    '2'
    """
    text = cell.text
    if rounded:
        raise Unreadable("every NIK of the sheet ends in 0: a spreadsheet rounded them", _RETYPE)
    if re.fullmatch(r"\d[.,]?\d*[eE]\+?\d+", text):
        raise Unreadable("digits lost: the spreadsheet shows it as a power of ten", _RETYPE)
    digits = re.sub(r"[\s.'`\u2019\u00a0-]", "", text)
    if not digits.isascii() or not digits.isdigit():
        raise Unreadable("has other signs than digits", _RETYPE)
    if len(digits) != _DIGITS:
        raise Unreadable(f"has {len(digits)} digits instead of 16", _RETYPE)
    if isinstance(cell.value, int | float) and digits.endswith("0"):
        raise Unreadable("kept as a number, of which a spreadsheet loses the last digit", _RETYPE)
    if digits.endswith("000"):
        raise Unreadable("ends in 000, as after a spreadsheet rounded it", _RETYPE)
    return _checked(digits)


def _checked(digits: str) -> Nik:
    try:
        # Both centuries leap alike but for 1900 itself.
        date(2000 + int(digits[10:12]), int(digits[8:10]), _day(digits))
    except ValueError:
        raise Unreadable("digits 7 to 12 are no birth date", _RETYPE) from None
    if digits[0] == "0" or digits[12:] == "0000":
        raise Unreadable("has a serial 0000 or a province 0x", _RETYPE)
    return Nik(digits)


def _day(digits: str) -> int:
    day = int(digits[6:8])
    return day - _WOMAN if day > _WOMAN else day
