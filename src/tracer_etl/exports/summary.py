"""What a codebook counts: how many rows answered a column, how often each code, the range of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.names import quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.exports.published import Published
    from tracer_etl.warehouse.dictionary import Dataset, Dictionary, Variable

_RANGED = ("BIGINT", "DOUBLE", "DATE")


@dataclass(frozen=True, slots=True)
class Entry:
    """One column: rows with an answer, smallest and largest value, rows per code (of a select)."""

    variable: Variable
    answered: int
    low: Any = None
    high: Any = None
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One table: its rows and its columns."""

    dataset: Dataset
    rows: int
    entries: tuple[Entry, ...]


def summarise(copy: Published, dictionary: Dictionary) -> tuple[Chapter, ...]:
    """Count every table of a form.

    A range is told of open numbers and dates only: the smallest value of a quasi-identifier is one person's.
    """
    return tuple(
        Chapter(dataset, copy.count(dataset), tuple(_entries(copy, dataset)))
        for dataset in dictionary.datasets
    )


def _entries(copy: Published, dataset: Dataset) -> Iterator[Entry]:
    asked = [
        expression
        for variable in dataset.variables
        for expression in (
            [f"count({quote(variable.name)})"]
            + (
                [f"{f}({quote(variable.name)})" for f in ("min", "max")]
                if _ranged(variable)
                else ["NULL", "NULL"]
            )
        )
    ]
    row = (
        copy.connection.execute(f"SELECT {', '.join(asked)} FROM clean.{quote(dataset.name)}").fetchone()
        or ()
    )
    for place, variable in enumerate(dataset.variables):
        answered, low, high = row[3 * place : 3 * place + 3]
        counts = _counts(copy, dataset, variable) if variable.codes else {}
        yield Entry(variable, int(answered), low, high, counts)


def _ranged(variable: Variable) -> bool:
    return not variable.system and variable.privacy == "open" and variable.sql_type in _RANGED


def _counts(copy: Published, dataset: Dataset, variable: Variable) -> dict[str, int]:
    name = quote(variable.name)
    value = name if variable.kind == "select_one" else f"unnest(string_split({name}, ' '))"
    rows: Sequence[tuple[str, int]] = copy.connection.execute(
        f"SELECT value, count(*) FROM (SELECT {value} AS value FROM clean.{quote(dataset.name)} WHERE {name} IS NOT NULL) "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return {code.value: 0 for code in variable.codes} | dict(rows)
