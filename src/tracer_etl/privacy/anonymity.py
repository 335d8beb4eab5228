"""k-anonymity (Samarati and Sweeney 1998): every combination of what others may know is shared by k people.

Columns are generalised step by step, each time the one with the most different values (Datafly, Sweeney 2002), until
few rows are left over; those lose all of these columns. A leftover smaller than k takes the smallest class along, so
that it cannot be told from what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

Step = "Callable[[str], str]"
NOT_TOLD = "*"
"""Stands for a value that is not published."""


@dataclass(frozen=True)
class Anonymous:
    """What may be published; `steps` counts how often each column was generalised, `suppressed` rows without any."""

    rows: pd.DataFrame
    steps: Mapping[str, int]
    suppressed: int
    smallest: int


@dataclass(frozen=True)
class Demand:
    """What is asked: `k` people a class, at most `share` of the rows suppressed before a column is generalised.

    `people` names the column that tells people apart (empty: every row is another one), `diverse` how many different
    values of a column a class must have at least, so that being in it does not tell the value.
    """

    k: int
    share: float
    people: str
    diverse: Mapping[str, int]


def anonymise(
    rows: pd.DataFrame, generalisations: Mapping[str, Sequence[Callable[[str], str]]], demand: Demand
) -> Anonymous | None:
    """Generalise and suppress the columns named; None where there are fewer than k people in all.

    A column that has no steps left becomes `*`. The columns must be text.
    """
    columns, out = list(generalisations), rows.copy()
    taken = dict.fromkeys(columns, 0)
    while True:
        small = _small(out, columns, demand)
        if small.mean() <= demand.share:
            break
        widest = max(
            (c for c in columns if out[c].nunique() > 1), key=lambda c: out[c].nunique(), default=None
        )
        if widest is None:
            return None
        steps = generalisations[widest]
        step = steps[taken[widest]] if taken[widest] < len(steps) else _hide
        out[widest] = out[widest].map(step)
        taken[widest] += 1
    return _suppressed(out, columns, demand, taken)


def _hide(_: str) -> str:
    return NOT_TOLD


def class_sizes(rows: pd.DataFrame, columns: Sequence[str], people: str) -> pd.Series[int]:
    """Count, for each row, the people in its class."""
    counted = rows.groupby(list(columns), dropna=False)
    return counted[people].transform("nunique") if people else counted[columns[0]].transform("size")


def _small(rows: pd.DataFrame, columns: Sequence[str], demand: Demand) -> pd.Series[bool]:
    small = class_sizes(rows, columns, demand.people) < demand.k
    for column, least in demand.diverse.items():
        small |= rows.groupby(list(columns), dropna=False)[column].transform("nunique") < least
    return small


def _suppressed(
    out: pd.DataFrame, columns: list[str], demand: Demand, taken: Mapping[str, int]
) -> Anonymous | None:
    """Hide what is left over, and the smallest classes with it until it is a class itself."""
    small = _small(out, columns, demand)
    while small.any():
        tried = out.copy()
        tried.loc[small, columns] = NOT_TOLD
        left = _small(tried, columns, demand)
        if not left.any():
            out = tried
            break
        shown = ~(tried[columns] == NOT_TOLD).all(axis=1)
        if not shown.any():
            return None
        sizes = class_sizes(tried, columns, demand.people)
        least = tried[shown].assign(_size=sizes[shown]).sort_values(["_size", *columns]).iloc[0]
        small |= (tried[columns] == least[columns]).all(axis=1)
    sizes = class_sizes(out, columns, demand.people)
    return Anonymous(out, taken, int(small.sum()), int(sizes.min()))
