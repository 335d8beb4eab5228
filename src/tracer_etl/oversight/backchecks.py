"""Back-checks: what a person told the enumerator beside what the same person tells the supervisor.

Types after Innovations for Poverty Action: 1 what cannot change (whoever errs there did not ask), 2 what the
enumerator has to understand and ask well, 3 what people themselves tell differently from day to day.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.oversight.arguments import Arguments
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.warehouse.contract import Connection

NEVER = "never"
"""The question on whether there was an interview at all: one error there is enough."""


@dataclass(slots=True)
class Errors:
    """One enumerator's comparisons, those that differ, and how many people say they were never interviewed."""

    compared: int = 0
    wrong: int = 0
    never: int = 0

    @property
    def share(self) -> float:
        """Give the error rate, 0..1."""
        return self.wrong / self.compared if self.compared else 0.0

    @property
    def said(self) -> str:
        """Word it for a supervisor: errors of comparisons, and how many say there was no interview."""
        figures = f"{self.wrong}/{self.compared}"
        if not self.never:
            return f"berbeda / differ: {figures}"
        answers = f" ({figures})" if self.compared else ""
        return f"tidak pernah diwawancarai / never interviewed: {self.never}{answers}"


@check("back_check_errors")
def back_check_errors(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find enumerators whose error rate is above `share`, or of whom anybody says `never`.

    kwargs: sql (enumerator, question, differs 0/1; the question `never` counts apart), share (0..1), wrong (errors at
    least, so that one slip in few comparisons is none), work (optional SQL: enumerator, key; then every key of a found
    enumerator is one finding, else the enumerator is).

    Raises:
        NotEvaluated: nothing was checked again yet.
    """
    given = Arguments(connection, kwargs, thresholds)
    rates = error_rates([(str(who), str(question), int(differs)) for who, question, differs in given.rows()])
    yield Measured(f"{max(one.share for one in rates.values()):.3f}")
    share, wrong = given.number("share"), given.number("wrong")
    found = {
        who: one for who, one in rates.items() if one.never or (one.wrong >= wrong and one.share > share)
    }
    if "work" not in kwargs:
        yield from (Finding(who, f"{one.share:.3f}", one.said) for who, one in sorted(found.items()))
        return
    for who, key in given.rows("work") if found else ():
        if who in found:
            yield Finding(str(key), f"{found[who].share:.3f}", f"{who} {found[who].said}")


def error_rates(pairs: Sequence[tuple[str, str, int]]) -> dict[str, Errors]:
    """Count each enumerator's comparisons and errors; `never` is no comparison.

    >>> rates = error_rates([("a", "edu", 0), ("a", "sex", 1), ("a", "never", 0), ("b", "never", 1)])
    >>> rates["a"].share, rates["a"].never, rates["b"].never
    (0.5, 0, 1)
    """
    rates: dict[str, Errors] = defaultdict(Errors)
    for who, question, differs in pairs:
        if question == NEVER:
            rates[who].never += differs
        else:
            rates[who].compared += 1
            rates[who].wrong += differs
    return dict(rates)


@check("paired_differences")
def paired_differences(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find questions whose second answers differ from the first on the whole, by the paired t test.

    kwargs: sql (question, first value, second value), p, least (pairs).

    Raises:
        NotEvaluated: no question has enough pairs.
    """
    given = Arguments(connection, kwargs, thresholds)
    told: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for question, first, second in given.rows():
        told[str(question)].append((float(first), float(second)))
    enough = {name: pairs for name, pairs in sorted(told.items()) if len(pairs) >= given.number("least")}
    if not enough:
        raise NotEvaluated(f"no question was asked again of {given.number('least'):.0f} people yet")
    tests = {name: paired_t(pairs) for name, pairs in enough.items()}
    yield Measured(f"{min(p for _, p in tests.values()):.3g}")
    for name, (difference, p) in tests.items():
        if p < given.number("p"):
            yield Finding(name, f"{p:.3g}", f"{difference:+,.0f}, n = {len(enough[name])}")


def paired_t(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Give the mean difference (second minus first) and the two-sided p of the paired t test.

    Where all differ by the same the test has no spread to judge by: p is 0, or 1 where none differs at all.

    >>> difference, p = paired_t([(10, 12), (20, 21), (30, 33)])
    >>> difference, round(p, 4)
    (2.0, 0.0742)
    """
    from scipy import special

    differences = [second - first for first, second in pairs]
    mean = sum(differences) / len(differences)
    if len(set(differences)) == 1:
        return mean, 0.0 if mean else 1.0
    freedom = len(differences) - 1
    variance = sum((one - mean) ** 2 for one in differences) / freedom
    t = mean / math.sqrt(variance / len(differences))
    return mean, float(2 * special.stdtr(freedom, -abs(t)))
