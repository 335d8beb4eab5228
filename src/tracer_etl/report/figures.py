"""One number of `marts.estimate` as a reader meets it: value, range, how many people, and a word where care is due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.report.words import DASH, Both, both, count, joined, number, plain, rupiah, say, share

if TYPE_CHECKING:
    from tracer_etl.report.facts import Facts, Row

THIN = "indicative"
WITHHELD = (
    "median_not_reached",
    "too_few",
    "complementary",
    "withheld_rse",
    "exposed_under_30",
    "uncoded",
    "nobody_watched_that_long",
    "not_estimable",
)
"""Notes that say why there is no number, the first that applies counts."""

SAID = ("indicative", "caution_rse", "upper_bound_open", "interval_censored", "much_imputed")
"""Notes that are said beside a number."""

_DECIMALS = {
    "share": 0,
    "0-1": 2,
    "kappa": 2,
    "months": 1,
    "ratio": 2,
    "UMK": 2,
    "SD": 2,
    "persons": 0,
    "-100..100": 0,
}
"""Digits after the point by unit; points of a scale have one."""


@dataclass(frozen=True)
class Figure:
    """One number, or the reason why there is none; `number`, `low`, `high` are in the indicator's unit.

    `imputed`: how many people beside the `n` told no earnings and stand in with imputed ones.
    """

    indicator: str
    group_by: str
    level: str
    unit: str
    number: float | None
    low: float | None
    high: float | None
    n: int | None
    notes: tuple[str, ...]
    imputed: int = 0

    @property
    def shown(self) -> bool:
        """Tell whether there is a number."""
        return self.number is not None

    @property
    def thin(self) -> bool:
        """Tell whether fewer than 30 people stand behind it."""
        return THIN in self.notes

    @property
    def value(self) -> Both:
        """Write the number with its unit; a dash where there is none."""
        return plain(DASH) if self.number is None else written(self.number, self.unit)

    @property
    def range(self) -> Both | None:
        """Write the 95% interval; None where the number has none."""
        if self.number is None or self.low is None:
            return None
        if self.high is None:
            return say("from", low=written(self.low, self.unit))
        return written_range(self.low, self.high, self.unit)

    @property
    def range_low(self) -> Both:
        """Write the lower end of the interval."""
        return plain(DASH) if self.low is None else written(self.low, self.unit)

    @property
    def range_high(self) -> Both:
        """Write the upper end of the interval."""
        return plain(DASH) if self.high is None else written(self.high, self.unit)

    @property
    def size(self) -> Both | None:
        """Write how many people stand behind it; None where even that is kept back."""
        return None if self.n is None else say("n_is", n=self.n)

    @property
    def detail(self) -> Both:
        """Write range and number of people."""
        return joined([part for part in (self.range, self.size) if part is not None], " · ")

    @property
    def remark(self) -> Both | None:
        """Say why the number is missing or wants care; None where nothing is to be said."""
        return self._said("note")

    @property
    def hint(self) -> Both | None:
        """Say the same in a word or two, for tables."""
        return self._said("hint")

    def _said(self, how: str) -> Both | None:
        if self.number is None:
            reason = next((note for note in WITHHELD if note in self.notes), "no_answers")
            return say(f"{how}_{reason}")
        said = [say(f"{how}_{note}") for note in SAID if note in self.notes]
        if self.imputed:
            said.append(say(f"{how}_imputed", k=self.imputed))
        return joined(said, "; ") if said else None


def find(facts: Facts, indicator: str, group_by: str = "all", level: str = "") -> Figure:
    """Find a number; one without a row has nobody behind it."""
    row = facts.estimates.get((indicator, group_by, level))
    if row is None:
        return Figure(indicator, group_by, level, "share", None, None, None, 0, ())
    notes = tuple(note for note in str(row["note"] or "").split("; ") if note)
    hidden = row["suppressed"] or row["estimate"] is None
    value, low, high = (None if hidden else row[name] for name in ("estimate", "low", "high"))
    people, imputed = _people(row, "n"), _people(row, "imputed")
    return Figure(indicator, group_by, level, row["unit"], value, low, high, people, notes, imputed or 0)


def _people(row: Row, name: str) -> int | None:
    # A copy published before an upgrade lacks the newer counts.
    return None if row.get(name) is None else int(row[name])


def written(value: float, unit: str) -> Both:
    """Write a value in its unit.

    >>> written(0.911, "share"), written(1.81, "months")["id"]
    ({'id': '91%', 'en': '91%'}, '1,8 bulan')
    """
    if unit.startswith("IDR"):
        return rupiah(value)
    if unit == "share":
        return share(value)
    bare = count(value, _DECIMALS.get(unit, 1))
    return joined([bare, say("unit_months")]) if unit == "months" else bare


def written_range(low: float, high: float, unit: str) -> Both:
    r"""Write an interval; the unit stands once.

    >>> ascii(written_range(0.866, 0.942, "share")["en"])
    "'87\\u201394%'"
    """
    if unit == "share":
        return both(lambda language: number(low * 100, language) + DASH + number(high * 100, language) + "%")
    if unit == "months":
        return joined([_ends(count(low, 1), count(high, 1)), say("unit_months")])
    return _ends(written(low, unit), written(high, unit))


def _ends(low: Both, high: Both) -> Both:
    between = f" {DASH} " if "-" in low["en"] + high["en"] or "Rp" in low["en"] else DASH
    return joined([low, high], between)
