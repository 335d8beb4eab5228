"""Names for tables and columns: deterministic, at most 63 bytes, free of collisions and SQL words."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LIMIT = 63
"""PostgreSQL cuts longer identifiers without a word."""

# Reserved in PostgreSQL 16 or DuckDB: as a bare column name each is a syntax error in one of the two.
RESERVED = frozenset(
    """
    all analyse analyze and anti any array as asc asof asymmetric at authorization between binary both by case cast
    check collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    describe distinct do else end except false fetch for foreign freeze from full glob grant group
    having ilike in initially inner intersect into is isnull join lambda lateral leading left like
    limit localtime localtimestamp map natural not notnull null offset on only or order outer
    overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning
    right select semi session_user show similar some struct summarize symmetric system_user table
    tablesample then to trailing true try_cast union unique unpack unpivot user using variadic verbose when
    where window with
    """.split()
)


def quote(name: str) -> str:
    """Quote an identifier for SQL.

    >>> quote('a"b')
    '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL.

    >>> literal("Qur'an")
    "'Qur''an'"
    """
    return "'" + text.replace("'", "''") + "'"


def plain(text: str) -> str:
    """Reduce a name to lower-case ASCII letters, digits and underscores.

    >>> plain("Umur-Año.2"), plain("日本")
    ('umur_ano_2', '')
    """
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9_]", "_", ascii_only.lower())


def _short(name: str, path: Sequence[str], limit: int) -> str:
    if len(name) <= limit:
        return name
    return f"{name[: limit - 9]}_{_digest(path)}"


def _digest(path: Sequence[str]) -> str:
    return hashlib.sha256("/".join(path).encode()).hexdigest()[:8]


def _candidates(path: Sequence[str]) -> Iterable[str]:
    steps = [plain(step) for step in path]
    if path[-1].startswith("@"):
        steps[-2:] = ["_".join([*steps[-2:-1], plain(path[-1][1:])])]
    if not steps[-1].strip("_"):
        steps[-1] = f"q_{_digest(path)}"
    for depth in range(1, len(steps) + 1):
        name = "__".join(steps[-depth:])
        yield f"{name}_" if name in RESERVED else name
    yield f"{steps[-1]}_{_digest(path)}"


def allocate(path: Sequence[str], taken: set[str], parts: Sequence[str] = ("",), prefix: str = "") -> str:
    """Give a node its name and mark it taken: its own name, else with its groups, else with a digest.

    `parts` are the suffixes one node needs (a geopoint has four); all of them are free in the result.
    `prefix` stands before every candidate.
    Whoever asks first keeps the short name, so versions are named oldest first.

    >>> taken = set()
    >>> allocate(["a", "name"], taken), allocate(["b", "name"], taken), allocate(["b", "Name"], taken)
    ('name', 'b__name', 'name_76f591a9')
    >>> allocate(["entity", "@id"], taken)
    'entity_id'
    >>> allocate(["order"], taken), len(allocate(["x" * 90], taken))
    ('order_', 63)
    """
    longest = max(len(part) for part in parts)
    for candidate in _candidates(path):
        name = _short(prefix + candidate, path, LIMIT - longest)
        wanted = {name + part for part in parts}
        if not wanted & taken:
            taken |= wanted
            return name
    raise AssertionError(path)  # two equal paths: the caller's own fault
