"""Numbers and addresses that identify somebody, in free text: NIK, phone numbers of Indonesia, e-mail addresses.

The patterns are for RE2 (DuckDB), PostgreSQL and Python alike: no look-around, so what stands before a finding is
captured with it and put back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.names import literal

if TYPE_CHECKING:
    from collections.abc import Mapping

_GAP = "[ .-]?"
_FOUR = f"[0-9]{{2}}{_GAP}[0-9]{{2}}"
PATTERNS: Mapping[str, str] = {
    # Province 11-96, regency, district; day 01-31 or, of women, 41-71; month; year; serial.
    "NIK": (
        f"(^|[^0-9A-Za-z])[1-9][0-9]{_GAP}{_FOUR}{_GAP}"
        f"(?:[04][1-9]|[1256][0-9]|[37][01]){_GAP}(?:0[1-9]|1[0-2]){_GAP}[0-9]{{2}}{_GAP}{_FOUR}($|[^0-9A-Za-z])"
    ),
    # Mobile numbers: 0, 62 or +62, then 8 and 8 to 11 more digits, however they are grouped.
    "TEL": f"(^|[^0-9A-Za-z+])(?:\\+?62{_GAP}|0)8(?:{_GAP}[0-9]){{8,11}}($|[^0-9A-Za-z])",
    "EMAIL": "(^|[^0-9A-Za-z._%+-])[0-9A-Za-z._%+-]+@[0-9A-Za-z-]+(?:[.][0-9A-Za-z-]+)*[.][A-Za-z]{2,}($|[^0-9A-Za-z])",
}
"""By the word that stands in the place of a finding; the first group is what comes before, the last what comes after."""

_COMPILED = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}


_TWICE = [*_COMPILED.items()] * 2
"""Two findings with one blank between share it: the second one is seen when the first is gone."""


def found_in(text: str) -> tuple[str, ...]:
    """Name what a text holds that identifies somebody.

    >>> found_in("call 0812-3456-7890 or sri@example.org"), found_in("since 2026-02-01, Rp 2.500.000")
    (('TEL', 'EMAIL'), ())
    """
    return tuple(kind for kind, pattern in _COMPILED.items() if pattern.search(text))


def masked(text: str) -> str:
    """Put a word in the place of everything that identifies somebody.

    >>> masked("NIK 3505104704990001, hp +62 812 3456 7890.")
    'NIK [NIK], hp [TEL].'
    """
    for kind, pattern in _TWICE:
        text = pattern.sub(rf"\g<1>[{kind}]\g<2>", text)
    return text


def masked_sql(column: str) -> str:
    """Write the same for DuckDB, of a SQL expression."""
    for kind, pattern in _TWICE:
        put = f"\\1[{kind}]\\2"
        column = f"regexp_replace({column}, {literal(pattern.pattern)}, {literal(put)}, 'g')"
    return column
