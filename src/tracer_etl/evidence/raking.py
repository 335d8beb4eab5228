"""Raking of weights to known margins, with small cells merged by a written rule and no silent end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.int64]

EVERYBODY = "all"
"""Label of the cell that holds the whole frame: the last step of every merge."""

JOINT = " & "
"""Between the names of cells that were merged."""


@dataclass(frozen=True)
class Margin:
    """One margin of the frame, as the respondents meet it.

    `codes` gives the cell of each respondent, `targets` the known total of each cell, `cells` their names, `merged`
    what the rule of `merge_cells` did, in words.
    """

    name: str
    codes: Codes
    targets: Floats
    cells: tuple[str, ...]
    merged: tuple[str, ...]


@dataclass(frozen=True)
class Raked:
    """Weights after raking; `discrepancy` is the largest |reached / target - 1| over all cells.

    With a matrix of weights (one column per replicate) the last two fields have one entry per column.
    """

    weights: Floats
    iterations: int
    discrepancy: Floats
    converged: NDArray[np.bool_]


def merge_cells(
    labels: pd.DataFrame, responded: Sequence[bool], minimum: int
) -> tuple[list[str], tuple[str, ...]]:
    """Merge cells with fewer than `minimum` respondents; one label per row of the frame, and what was merged.

    `labels` has one row per person of the frame and its columns run from the finest cell to the coarsest. The rule: the
    smallest cell (ties: first by name) joins the next smallest that shares its label in the second column, again
    and again until all have enough or none is left to join; then the same with the third column, and so on; at last
    with any cell. Specification 2.3 point 3.
    """
    current = [str(label) for label in labels.iloc[:, 0]]
    remarks: list[str] = []
    parents = [[str(label) for label in labels[column]] for column in labels.columns[1:]]
    for parent in [*parents, [EVERYBODY] * len(current)]:
        for name in sorted(set(parent)):
            rows = [row for row, label in enumerate(parent) if label == name]
            _merge_within(current, rows, responded, minimum, remarks)
    return current, tuple(remarks)


def _merge_within(
    current: list[str], rows: Sequence[int], responded: Sequence[bool], minimum: int, remarks: list[str]
) -> None:
    while True:
        sizes: dict[str, int] = {}
        for row in rows:
            sizes[current[row]] = sizes.get(current[row], 0) + bool(responded[row])
        order = sorted(sizes, key=lambda cell: (sizes[cell], cell))
        if len(order) < 2 or sizes[order[0]] >= minimum:  # noqa: PLR2004 - a cell needs another one to join
            return
        small, next_one = order[0], order[1]
        joined = JOINT.join(sorted([*small.split(JOINT), *next_one.split(JOINT)]))
        remarks.append(f"{small} (n={sizes[small]}) with {next_one} (n={sizes[next_one]})")
        for row in rows:
            if current[row] in (small, next_one):
                current[row] = joined


def make_margin(
    name: str,
    labels: pd.DataFrame,
    responded: Sequence[bool],
    minimum: int,
    shares: Sequence[float] | None = None,
) -> Margin:
    """Count the frame by merged cell; `shares` is what each person of the frame counts for (1 unless given)."""
    merged, remarks = merge_cells(labels, responded, minimum)
    cells = tuple(sorted(set(merged)))
    place = {cell: position for position, cell in enumerate(cells)}
    codes = np.array([place[cell] for cell in merged], dtype=np.int64)
    targets = np.bincount(codes, weights=None if shares is None else np.asarray(shares), minlength=len(cells))
    return Margin(name, codes[np.asarray(responded, dtype=bool)], targets.astype(float), cells, remarks)


def rake(
    weights: Floats, margins: Sequence[Margin], *, iterations: int = 100, tolerance: float = 1e-6
) -> Raked:
    """Fit weights to each margin in turn until all hold (iterative proportional fitting, Deming and Stephan 1940).

    `weights` is one per respondent, or a matrix with one column per replicate. It never raises when it cannot
    converge (a cell without weight, margins that contradict each other): the result says so.
    """
    matrix = weights.reshape(len(weights), -1).astype(float)
    members = [np.equal.outer(np.arange(len(m.targets)), m.codes).astype(float) for m in margins]
    discrepancy, turn = _discrepancy(matrix, margins, members), 0
    while turn < iterations and bool(np.any(discrepancy > tolerance)):
        for margin, member in zip(margins, members, strict=True):
            totals = member @ matrix
            empty = totals <= 0
            factors = np.where(empty, 1.0, margin.targets[:, None] / np.where(empty, 1.0, totals))
            matrix = matrix * factors[margin.codes]
        discrepancy, turn = _discrepancy(matrix, margins, members), turn + 1
    return Raked(matrix.reshape(weights.shape), turn, discrepancy, discrepancy <= tolerance)


def _discrepancy(matrix: Floats, margins: Sequence[Margin], members: Sequence[Floats]) -> Floats:
    worst = np.zeros(matrix.shape[1])
    for margin, member in zip(margins, members, strict=True):
        targets = margin.targets[:, None]
        off = np.abs(member @ matrix - targets) / np.where(targets > 0, targets, 1.0)
        worst = np.maximum(worst, np.max(off, axis=0))
    return worst
