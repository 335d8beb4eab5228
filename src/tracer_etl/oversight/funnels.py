"""Funnel plots and interviewer effects: does one enumerator differ from the team by more than chance?"""

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


@dataclass(frozen=True, slots=True)
class Rate:
    """One enumerator's share beside the team's; `deviation` in standard errors of a share of `n` at the team's."""

    who: str
    share: float
    n: int
    team: float
    deviation: float


@check("funnel")
def funnel(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find enumerators whose share lies outside the funnel.

    kwargs: sql (measure, enumerator, hits, n), deviations (standard errors), least (n, for one to be judged),
    sides (`both` or `above`).

    Raises:
        NotEvaluated: fewer than three enumerators have enough cases.
    """
    given = Arguments(connection, kwargs, thresholds)
    measures: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for measure, who, hits, n in given.rows():
        if n >= given.number("least"):
            measures[str(measure)].append((str(who), int(hits), int(n)))
    rates = {name: outside_limits(counts) for name, counts in sorted(measures.items()) if len(counts) > 2}  # noqa: PLR2004
    if not rates:
        raise NotEvaluated("fewer than three enumerators have enough cases")
    limit, above = given.number("deviations"), given.given("sides") == "above"
    worst = max((abs(one.deviation) for some in rates.values() for one in some), default=0)
    yield Measured(f"{worst:.2f}")
    for name, some in rates.items():
        for one in some:
            if (one.deviation if above else abs(one.deviation)) > limit:
                said = f"{name}: {one.share:.0%} (n = {one.n}) ~ {one.team:.0%}"
                yield Finding(one.who, f"{one.deviation:+.1f}", said)


def outside_limits(counts: Sequence[tuple[str, int, int]]) -> list[Rate]:
    """Place each enumerator's share on the team's funnel (Spiegelhalter 2005, Statistics in Medicine 24:1185).

    `counts` are enumerator, hits and cases. The team's share is that of all cases together.

    >>> [one] = [r for r in outside_limits([("a", 5, 50), ("b", 5, 50), ("c", 20, 50)]) if r.who == "c"]
    >>> one.share, round(one.team, 2), round(one.deviation, 2)
    (0.4, 0.2, 3.54)
    """
    cases = sum(n for _, _, n in counts)
    team = sum(hits for _, hits, _ in counts) / cases
    spread = team * (1 - team)
    return [
        Rate(who, hits / n, n, team, (hits / n - team) / math.sqrt(spread / n) if spread else 0.0)
        for who, hits, n in counts
    ]


@dataclass(frozen=True, slots=True)
class Effect:
    """How much of an outcome's variance lies between enumerators, and the p of the F test that none does."""

    icc: float
    p: float
    enumerators: int
    n: int


@check("interviewer_effect")
def interviewer_effect(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find outcomes whose variance lies between enumerators by more than `icc`.

    kwargs: sql (outcome, enumerator, value), icc, p (the F test's, below which it counts as seen), least (answers per
    enumerator).

    Raises:
        NotEvaluated: no outcome has two enumerators with enough answers.
    """
    given = Arguments(connection, kwargs, thresholds)
    told: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for outcome, who, value in given.rows():
        told[str(outcome)][str(who)].append(float(value))
    least, effects = given.number("least"), {}
    for outcome, groups in sorted(told.items()):
        enough = [values for values in groups.values() if len(values) >= least]
        effect = effect_of(enough) if len(enough) > 1 else None
        if effect is not None:
            effects[outcome] = effect
    if not effects:
        raise NotEvaluated("no outcome has two enumerators with enough answers that differ")
    yield Measured(f"{max(one.icc for one in effects.values()):.3f}")
    for outcome, one in effects.items():
        if one.icc > given.number("icc") and one.p < given.number("p"):
            said = f"p = {one.p:.2g}, k = {one.enumerators}, n = {one.n}"
            yield Finding(outcome, f"{one.icc:.3f}", said)


def effect_of(groups: Sequence[Sequence[float]]) -> Effect | None:
    """Estimate the intraclass correlation by one-way analysis of variance; None where no answer differs.

    ICC = (MSB - MSW) / (MSB + (m - 1) MSW), m = (N - sum n_i^2 / N) / (k - 1) for groups of unequal size
    (Donner 1986, International Statistical Review 54:67). Below 0 it is taken as 0.

    >>> one = effect_of([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    >>> round(one.icc, 4), round(one.p, 4), one.n
    (0.8966, 0.001, 9)
    """
    from scipy import special

    n, k = sum(map(len, groups)), len(groups)
    mean = sum(map(sum, groups)) / n
    means = [sum(values) / len(values) for values in groups]
    between = sum(len(values) * (own - mean) ** 2 for values, own in zip(groups, means, strict=True)) / (
        k - 1
    )
    within = sum((value - own) ** 2 for values, own in zip(groups, means, strict=True) for value in values)
    within /= n - k
    if not between and not within:
        return None
    size = (n - sum(len(values) ** 2 for values in groups) / n) / (k - 1)
    icc = max(0.0, (between - within) / (between + (size - 1) * within))
    p = float(special.fdtrc(k - 1, n - k, between / within)) if within else 0.0
    return Effect(icc, p, k, n)
