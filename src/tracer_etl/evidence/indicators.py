"""What each number of specification 2.2 is: its names, unit, numerator and denominator, and how a row counts.

An indicator's `values` gives one number per respondent, missing where the person is not in the denominator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal[
    "share", "score", "mean", "winsor", "median", "shift", "effect", "total", "wait", "curve", "register"
]
"""How a number is estimated and its interval made.

share: sum(w y) / sum(w), Wilson on n over its own design effect. score: weighted mean, linearised variance. mean, winsor
(capped at the 99th percentile), median, shift (Hodges-Lehmann), effect (mean gain over pooled SD), total: bootstrap with
re-raking. wait: median of Kaplan-Meier, log-log. curve: read off a survival curve. register: counted, no survey error.
"""

Columns = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Indicator:
    """One indicator; `signed` numbers may be near 0 or below, so no relative standard error is asked of them.

    `values` gives column `y`; for wait and curve also `event` (0: watching ended); for effect the items after, then
    before. `horizon` and `cause` say where a curve is read; `minimum` is the least n beyond the general rule. `covered`
    says of whom a number could be told among those it should be told of (1 or 0): of too few, and it is withheld.
    `imputed`: earnings that nobody told are imputed.
    """

    id: str
    kind: Kind
    unit: str
    name_id: str
    name_en: str
    numerator: str
    denominator: str
    values: Columns
    signed: bool = False
    horizon: float = 0.0
    cause: int = 0
    minimum: int = 0
    covered: Callable[[pd.DataFrame], pd.Series[float]] | None = None
    imputed: bool = False


def only(y: pd.Series[float]) -> pd.DataFrame:
    """Wrap one column."""
    return pd.DataFrame({"y": y.astype(float)})


def flag(
    column: str, yes: Sequence[str], among: Callable[[pd.DataFrame], pd.Series[bool]] | None = None
) -> Columns:
    """Count 1 where the answer is one of `yes`, 0 where it is another, missing where there is none or not `among`."""

    def values(table: pd.DataFrame) -> pd.DataFrame:
        known = table[column].notna() if among is None else table[column].notna() & among(table)
        return only(table[column].isin(list(yes)).astype(float).where(known))

    return values


def number(column: str, among: Callable[[pd.DataFrame], pd.Series[bool]] | None = None) -> Columns:
    """Take a column as a number."""

    def values(table: pd.DataFrame) -> pd.DataFrame:
        taken = pd.to_numeric(table[column])
        return only(taken if among is None else taken.where(among(table)))

    return values


def at_least(
    column: str, least: float, among: Callable[[pd.DataFrame], pd.Series[bool]] | None = None
) -> Columns:
    """Count 1 where a number reaches `least`, missing where it is."""

    def values(table: pd.DataFrame) -> pd.DataFrame:
        taken = pd.to_numeric(table[column]).astype(float)
        known = taken.notna() if among is None else taken.notna() & among(table)
        return only((taken >= least).astype(float).where(known))

    return values


def employed(table: pd.DataFrame) -> pd.Series[bool]:
    """Say who is employed by the definition of BPS (Sakernas), the headline one."""
    return table["emp_bps"] == "1"


def employees(table: pd.DataFrame) -> pd.Series[bool]:
    """Say who is an employee in the main job (status 4)."""
    return employed(table) & (table["status_emp"] == "4")


def all_indicators() -> tuple[Indicator, ...]:
    """Give every indicator in the order of the specification."""
    from tracer_etl.evidence.indicators_earnings import EARNINGS
    from tracer_etl.evidence.indicators_training import TRAINING
    from tracer_etl.evidence.indicators_work import WORK

    return (*WORK, *EARNINGS, *TRAINING)
