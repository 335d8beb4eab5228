"""From the marks of blind assessors to the points of an applicant (specification 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ENOUGH = 2
"""Blind assessors per applicant, before a third is called."""


@dataclass(frozen=True)
class Mark:
    """One assessor on one applicant: interview 0-20, plan 0-15, test 0-25, task 0 or 6, punctual 0 or 4."""

    number: str
    assessor: str
    interview: float
    plan: float
    test: float
    task: float
    punctual: float
    documents: bool = True
    conflict: bool = False

    @property
    def judged(self) -> float:
        """The points that are a judgement, 0-35."""
        return self.interview + self.plan


@dataclass(frozen=True)
class Points:
    """What the assessors give an applicant together; `missing` says what must still happen, empty = final.

    commitment 0-30 = interview + task + punctual; aptitude 0-25; plan 0-15; difference: largest in the judged points
    between the first two assessors.
    """

    number: str
    assessors: tuple[str, ...]
    interview: float
    task: float
    punctual: float
    aptitude: float
    plan: float
    documents: bool
    difference: float
    third_used: bool
    missing: str = ""

    @property
    def commitment(self) -> float:
        """Interview, task and punctuality, 0-30."""
        return self.interview + self.task + self.punctual


def combine(marks: Sequence[Mark], third_above: float) -> Points:
    """Join the marks of one applicant.

    Marks of an assessor with a conflict of interest do not count, nor a second mark of the same assessor. Two assessors
    at most `third_above` judged points apart: the mean. Further apart: a third is needed, then the mean of the two
    that are closest (equally close: of all three). What is a fact (test, task, punctuality) is the mean of all.
    """
    valid = _one_per_assessor(mark for mark in marks if not mark.conflict)
    difference = abs(valid[0].judged - valid[1].judged) if len(valid) >= ENOUGH else 0.0
    apart = difference > third_above
    used = _closest(valid) if apart and len(valid) > ENOUGH else valid[:ENOUGH]
    missing = ""
    if len(valid) < ENOUGH:
        missing = "second assessor"
    elif apart and len(valid) == ENOUGH:
        missing = "third assessor"
    return Points(
        number=marks[0].number,
        assessors=tuple(mark.assessor for mark in valid),
        interview=_mean(mark.interview for mark in used),
        task=_mean(mark.task for mark in valid),
        punctual=_mean(mark.punctual for mark in valid),
        aptitude=_mean(mark.test for mark in valid),
        plan=_mean(mark.plan for mark in used),
        documents=all(mark.documents for mark in valid),
        difference=difference,
        third_used=apart and len(valid) > ENOUGH,
        missing=missing,
    )


def _one_per_assessor(marks: Iterable[Mark]) -> list[Mark]:
    first: dict[str, Mark] = {}
    for mark in marks:
        first.setdefault(mark.assessor, mark)
    return list(first.values())


def _closest(marks: Sequence[Mark]) -> Sequence[Mark]:
    """Give the two marks closest in judged points; all where two pairs are equally close."""
    apart = {pair: abs(pair[0].judged - pair[1].judged) for pair in combinations(marks, 2)}
    nearest = [pair for pair, gap in apart.items() if gap == min(apart.values())]
    return nearest[0] if len(nearest) == 1 else marks


def _mean(values: Iterable[float]) -> float:
    given = list(values)
    return fmean(given) if given else 0.0
