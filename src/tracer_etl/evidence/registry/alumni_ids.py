"""Ids of persons: `A`, six digits without a meaning, and a check digit that catches every single wrong digit."""

from __future__ import annotations


def luhn_digit(digits: str) -> str:
    """Return the check digit of Luhn's formula (ISO/IEC 7812-1, annex B).

    >>> luhn_digit("7992739871")
    '3'
    """
    doubled = [int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return str(-sum(number // 10 + number % 10 for number in doubled) % 10)


def alumni_id(digits: str) -> str:
    """Complete six digits to an id.

    >>> alumni_id("102949")
    'A1029495'
    """
    return f"A{digits}{luhn_digit(digits)}"
