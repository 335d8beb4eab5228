"""The attack test of published tables: can a reader work a hidden cell out from the sums that are published?

The attacker knows which cells add up to which, every number that is printed, and that nobody counts less than zero. A
hidden number is worked out when the equations leave it no freedom: its row of their null space is zero. That nobody
is in a cell may be worked out: it tells of nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tracer_etl.warehouse.contract import Connection


class Cell(NamedTuple):
    """A cell of a published table: how people are grouped, and which group."""

    grouping: str
    level: str


Numbers = dict[Cell, "int | None"]
"""What is printed in each cell of a table; None where it is hidden. A cell that is not there holds nobody."""
Sums = dict[tuple[Cell, str], list[Cell]]
"""Cells of one grouping that add up to a margin."""

_ZERO = 1e-9


class Leak(NamedTuple):
    """A hidden cell a reader can work out, or a printed one with too few people; `why` says which."""

    cell: Cell
    why: str


def leaks(numbers: Numbers, sums: Sums, least: int) -> list[Leak]:
    """Attack one table; `least` people are the fewest that may be printed, or left over for hidden cells together.

    >>> men, women, everybody = Cell("sex", "1"), Cell("sex", "2"), Cell("all", "")
    >>> leaks({everybody: 30, men: 26, women: None}, {(everybody, "sex"): [men, women]}, 5)
    [Leak(cell=Cell(grouping='sex', level='2'), why='worked out from the sums')]
    """
    numbers = _with_zeros(numbers, sums)
    lines = list(_lines(numbers, sums))
    found = dict.fromkeys(_too_few(numbers, least), "fewer people than may be shown")
    found |= dict.fromkeys(_left_over(numbers, lines, least), "too few people left over")
    found |= dict.fromkeys(_worked_out(numbers, lines), "worked out from the sums")
    return [Leak(cell, why) for cell, why in sorted(found.items())]


def _lines(numbers: Numbers, sums: Sums) -> Iterator[tuple[Cell, list[Cell]]]:
    """Give the equations that hold a hidden cell, with those parts that are in the table."""
    for (margin, _), parts in sums.items():
        present = [cell for cell in parts if cell in numbers]
        if margin in numbers and present and any(numbers[cell] is None for cell in (margin, *present)):
            yield margin, present


def _with_zeros(numbers: Numbers, sums: Sums) -> Numbers:
    """Fill in the hidden cells that must be empty, since the printed parts are all of a printed margin."""
    known, before = dict(numbers), -1
    while before != (before := sum(number is None for number in known.values())):
        for margin, parts in _lines(known, sums):
            if known[margin] is not None and known[margin] == sum(known[cell] or 0 for cell in parts):
                known |= dict.fromkeys((cell for cell in parts if known[cell] is None), 0)
    return known


def _too_few(numbers: Numbers, least: int) -> list[Cell]:
    return [cell for cell, number in numbers.items() if number is not None and 0 < number < least]


def _left_over(numbers: Numbers, lines: Iterable[tuple[Cell, list[Cell]]], least: int) -> Iterator[Cell]:
    for margin, parts in lines:
        total, hidden = numbers[margin], [cell for cell in parts if numbers[cell] is None]
        if total is not None and 0 < total - sum(numbers[cell] or 0 for cell in parts) < least:
            yield from hidden


def _worked_out(numbers: Numbers, lines: Sequence[tuple[Cell, list[Cell]]]) -> list[Cell]:
    import numpy as np

    hidden = sorted({cell for margin, parts in lines for cell in (margin, *parts) if numbers[cell] is None})
    if not hidden:
        return []
    place = {cell: position for position, cell in enumerate(hidden)}
    equations, printed = np.zeros((len(lines), len(hidden))), np.zeros(len(lines))
    for row, (margin, parts) in enumerate(lines):
        for cell, sign in [(margin, -1), *((cell, 1) for cell in parts)]:
            if cell in place:
                equations[row, place[cell]] += sign
            else:
                printed[row] -= sign * (numbers[cell] or 0)
    _, strengths, directions = np.linalg.svd(equations)
    free = directions[int((strengths > _ZERO).sum()) :]
    worth = np.linalg.lstsq(equations, printed, rcond=None)[0]
    determined = zip(hidden, free.T, worth, strict=True)
    return [cell for cell, column, n in determined if round(n) and not np.any(np.abs(column) > _ZERO)]


@check("attack")
def attack(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Attack published tables.

    `cells`: SQL of one row per cell: table, grouping, level, number (NULL = hidden). `sums`: SQL of one row per part:
    grouping and level of the margin, grouping and level of the part. `least`: the threshold of people.
    """
    tables: dict[str, Numbers] = {}
    for name, grouping, level, number in connection.execute(kwargs["cells"]).fetchall():
        tables.setdefault(name, {})[Cell(grouping, level)] = number
    if not tables:
        raise NotEvaluated("no table is published yet")
    sums: Sums = {}
    for grouping, level, part, part_level in connection.execute(kwargs["sums"]).fetchall():
        sums.setdefault((Cell(grouping, level), part), []).append(Cell(part, part_level))
    found = [
        (name, leak)
        for name, numbers in sorted(tables.items())
        for leak in leaks(numbers, sums, thresholds[kwargs["least"]])
    ]
    hidden = sum(number is None for numbers in tables.values() for number in numbers.values())
    yield Measured(f"{len(found)} of {hidden} hidden")
    for name, leak in found:
        yield Finding("", "", f"{name} {leak.cell.grouping} {leak.cell.level}: {leak.why}")
