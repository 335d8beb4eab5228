"""How much an effect can bear: what could have been found, what hidden differences would undo it, and how many looks.

Every formula has a hand-worked example in the tests.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from tracer_etl.evidence.variance import weighted_mean, z_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

POWER = 0.80


def detectable(se: float, *, power: float = POWER, confidence: float = 0.95) -> float:
    """Give the minimal detectable effect: the true one that a study with this error finds with the given power.

    >>> round(detectable(math.sqrt(0.689 * 0.311 * (1 / 120 + 1 / 240))), 3)  # specification 0.3: 14.5 points
    0.145
    """
    return (z_value(confidence) + NormalDist().inv_cdf(power)) * se


def two_sided(estimate: float, se: float) -> float:
    """Give the p-value of a normal test against 0.

    >>> round(two_sided(1.959964, 1.0), 4)
    0.05
    """
    return 2 * NormalDist().cdf(-abs(estimate) / se) if se > 0 else math.nan


def holm(p_values: Sequence[float]) -> list[float]:
    """Raise p-values for having looked several times (Holm 1979); `nan`, a test that cannot be made, shows nothing: 1.

    >>> [round(p, 2) for p in holm([0.04, 0.01, 0.03])], holm([math.nan, 0.02])
    ([0.06, 0.03, 0.06], [1.0, 0.04])
    """
    known = [1.0 if math.isnan(p) else p for p in p_values]
    raised, worst = [0.0] * len(known), 0.0
    for step, place in enumerate(sorted(range(len(known)), key=known.__getitem__)):
        worst = min(1.0, max(worst, (len(known) - step) * known[place]))
        raised[place] = worst
    return raised


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """Give the chance of so many successes or more.

    >>> binomial_tail(2, 3, 0.5)
    0.5
    """
    terms = (
        math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(successes, trials + 1)
    )
    return min(1.0, math.fsum(terms))


def mcnemar(gained: int, lost: int) -> float:
    """Give the exact two-sided p-value of McNemar: of those who changed, did as many gain as lose?

    >>> mcnemar(8, 2)
    0.109375
    """
    if gained + lost == 0:
        return 1.0
    return min(1.0, 2 * binomial_tail(max(gained, lost), gained + lost, 0.5))


def e_value(ratio: float) -> float:
    """Give how strongly something unrecorded had to go with both acceptance and outcome to make up a risk ratio.

    VanderWeele and Ding 2017: r + sqrt(r (r - 1)), of 1/r below 1.

    >>> e_value(2.0), e_value(0.5) == e_value(2.0), e_value(1.0)
    (3.414213562373095, True, 1.0)
    """
    ratio = max(ratio, 1 / ratio)
    return ratio + math.sqrt(ratio * (ratio - 1))


def hidden_odds(better: int, worse: int, *, alpha: float = 0.05) -> float:
    """Give Rosenbaum's bound: how many times hidden differences may multiply the odds of acceptance within a pair.

    `better`, `worse`: pairs in which the accepted one fared better, and worse. Up to that factor the sign test still finds
    an advantage at `alpha`, one-sided; 1 where it finds none at all (Rosenbaum 2002, chapter 4).
    """
    pairs = better + worse
    if binomial_tail(better, pairs, 0.5) > alpha:
        return 1.0
    low, high = 1.0, 1e6
    for _ in range(60):
        middle = math.sqrt(low * high)
        held = binomial_tail(better, pairs, middle / (1 + middle)) <= alpha
        low, high = (middle, high) if held else (low, middle)
    return low


def pairs_of(chance: Floats, accepted: Mask, y: Floats) -> tuple[int, int]:
    """Pair each accepted person with the unused other of the nearest chance; count pairs better and worse off.

    The hardest to pair, of the highest chance, choose first; the log-odds may differ by a fifth of their deviation.
    """
    odds = np.log(chance / (1 - chance))
    reach, free = 0.2 * float(odds.std(ddof=1)), ~accepted
    better = worse = 0
    for person in sorted(np.flatnonzero(accepted), key=lambda row: -odds[row]):
        left = np.flatnonzero(free)
        near = left[np.argmin(np.abs(odds[left] - odds[person]))] if len(left) else person
        if near == person or abs(odds[near] - odds[person]) > reach:
            continue
        free[near] = False
        better += bool(y[person] > y[near])
        worse += bool(y[person] < y[near])
    return better, worse


def response_bounds(
    accepted: tuple[Floats, Floats], others: tuple[Floats, Floats], answered: tuple[float, float]
) -> tuple[float, float]:
    """Give Lee's bounds of the difference of means where one group answered more than the other (Lee 2009).

    `accepted`, `others`: values and weights; `answered`: the share of each group that did. The group that answered more
    is cut to the other's share, at its top for one bound and at its bottom for the other.
    """
    rates = dict(zip(("accepted", "others"), answered, strict=True))
    keep = min(answered) / max(answered)
    told = {"accepted": accepted, "others": others}
    more = "accepted" if rates["accepted"] >= rates["others"] else "others"
    least, most = (_kept_mean(*told[more], keep, top=top) for top in (False, True))
    if more == "accepted":
        other = weighted_mean(*others)
        return least - other, most - other
    own = weighted_mean(*accepted)
    return own - most, own - least


def _kept_mean(values: Floats, weights: Floats, keep: float, *, top: bool) -> float:
    """Give the mean of the lowest (or highest) part of the weight; the value at the cut counts in part."""
    order = np.argsort(-values if top else values, kind="stable")
    before = np.cumsum(weights[order]) - weights[order]
    part = np.clip(keep * weights.sum() - before, 0, weights[order])
    return weighted_mean(values[order], part)
