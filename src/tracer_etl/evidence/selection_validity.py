"""Whether the marks can be trusted: agreement of a panel, severity of an assessor, and what a score foretells."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.selection_marks import Mark

    Floats = NDArray[np.float64]

LEAST = 2
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Panel:
    """Agreement of the first two assessors of each applicant of a programme on the 35 judged points.

    icc: ICC(2,k), None below two applicants or where all marks are the same; apart: pairs further apart than allowed.
    """

    programme: str
    applicants: int
    icc: float | None
    apart: int
    good: bool


@dataclass(frozen=True)
class Assessor:
    """severity: mean of own judged points - the applicant's mean over assessors; below 0 = strict."""

    assessor: str
    applicants: int
    severity: float
    alarm: bool


@dataclass(frozen=True)
class Foretelling:
    """How well a score tells those with an outcome from those without: AUC with its 95% interval.

    related: the interval leaves 0.5 out; an item that is not related is a candidate for being dropped.
    """

    item: str
    n: int
    auc: float
    low: float
    high: float
    related: bool


def icc_2k(marks: Floats) -> float | None:
    """Give ICC(2,k) of Shrout and Fleiss (1979): agreement of the mean of k raters, two-way random effects.

    One row per applicant, one column per rater. With mean squares of rows, columns and error:
    (MSR - MSE) / (MSR + (MSC - MSE) / n).
    """
    rows, columns = marks.shape
    if rows < LEAST or columns < LEAST:
        return None
    mean = marks.mean()
    of_rows = columns * float(((marks.mean(axis=1) - mean) ** 2).sum())
    of_columns = rows * float(((marks.mean(axis=0) - mean) ** 2).sum())
    rest = float(((marks - mean) ** 2).sum()) - of_rows - of_columns
    ms_rows, ms_columns = of_rows / (rows - 1), of_columns / (columns - 1)
    ms_error = rest / ((rows - 1) * (columns - 1))
    below = ms_rows + (ms_columns - ms_error) / rows
    return None if below <= 0 else (ms_rows - ms_error) / below


def panels(
    marks: Mapping[str, Sequence[Mark]], programmes: Mapping[str, str], third_above: float, least: float
) -> list[Panel]:
    """Give the agreement of each programme's panel; the columns are the assessors in the order of their codes.

    Where assessors take turns a column is no single person, so their severities count as disagreement.
    """
    pairs: dict[str, list[list[float]]] = defaultdict(list)
    for number, own in sorted(marks.items()):
        two = sorted(own, key=lambda mark: mark.assessor)[:LEAST]
        if len({mark.assessor for mark in two}) == LEAST and number in programmes:
            pairs[programmes[number]].append([mark.judged for mark in two])
    found = []
    for programme, table in sorted(pairs.items()):
        icc = icc_2k(np.array(table))
        apart = sum(abs(first - second) > third_above for first, second in table)
        found.append(Panel(programme, len(table), icc, apart, icc is not None and icc >= least))
    return found


def severities(marks: Mapping[str, Sequence[Mark]], alarm: float) -> list[Assessor]:
    """Give the mean-centred severity of each assessor, of applicants with two marks or more."""
    gaps: dict[str, list[float]] = defaultdict(list)
    for own in marks.values():
        if len(own) >= LEAST:
            mean = fmean(mark.judged for mark in own)
            for mark in own:
                gaps[mark.assessor].append(mark.judged - mean)
    return [
        Assessor(code, len(own), fmean(own), abs(fmean(own)) > alarm) for code, own in sorted(gaps.items())
    ]


def foretells(item: str, score: Floats, outcome: NDArray[np.bool_]) -> Foretelling | None:
    """Give the AUC of a score for an outcome such as completion or in-field work; None when all had the same.

    The AUC is the share of (with, without) pairs in which the one with the outcome scored higher, ties half; its
    standard error is Hanley and McNeil's (1982).
    """
    yes, no = score[outcome], score[~outcome]
    if len(yes) == 0 or len(no) == 0:
        return None
    gaps = yes[:, None] - no[None, :]
    auc = float((gaps > 0).mean() + (gaps == 0).mean() / 2)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (len(yes) - 1) * (q1 - auc**2) + (len(no) - 1) * (q2 - auc**2)
    spread = Z_95 * math.sqrt(max(0.0, variance) / (len(yes) * len(no)))
    low, high = max(0.0, auc - spread), min(1.0, auc + spread)
    return Foretelling(item, len(score), auc, low, high, not low <= 0.5 <= high)  # noqa: PLR2004 - a coin
