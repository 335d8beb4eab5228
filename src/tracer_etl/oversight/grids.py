"""Straight-lining: tables of items answered with one and the same value throughout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.names import quote
from tracer_etl.oversight.arguments import Arguments
from tracer_etl.oversight.registry import Finding, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.warehouse.contract import Connection


@check("straight_lines")
def straight_lines(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding]:
    """Find submissions with at least `least` and at most `most` flat grids.

    kwargs: table, grids (name: columns), items (answered at least, for a grid to be judged), least, most.

    Raises:
        NotEvaluated: no submission has a grid long enough.
    """
    given = Arguments(connection, kwargs, thresholds)
    grids: Mapping[str, Sequence[str]] = given.given("grids")
    listed = ", ".join(quote(column) for columns in grids.values() for column in columns)
    rows = connection.execute(
        f"SELECT _submission_id, {listed} FROM {quote('judged_' + given.given('table'))}"
    ).fetchall()
    items, judged = int(given.number("items")), 0
    least, most = int(given.number("least")), int(given.number("most"))
    for key, *answers in rows:
        told = dict(_split(grids, answers))
        judged += any(_answered(values) >= items for values in told.values())
        flat = flat_grids(told, items)
        if least <= len(flat) <= most:
            yield Finding(str(key), str(len(flat)), ", ".join(flat))
    if not judged:
        raise NotEvaluated(f"no submission answers {items} items of one grid")


def _split(
    grids: Mapping[str, Sequence[str]], answers: Sequence[object]
) -> Iterator[tuple[str, Sequence[object]]]:
    start = 0
    for name, columns in grids.items():
        yield name, answers[start : start + len(columns)]
        start += len(columns)


def _answered(values: Sequence[object]) -> int:
    return sum(value is not None for value in values)


def flat_grids(grids: Mapping[str, Sequence[object]], items: int) -> list[str]:
    """Name the grids in which at least `items` answers are given, and all are the same.

    >>> flat_grids({"before": ["3"] * 8, "after": ["3"] * 7 + ["4"], "short": ["3"] * 7}, 8)
    ['before']
    """
    told = {name: [value for value in values if value is not None] for name, values in grids.items()}
    return [name for name, values in told.items() if len(values) >= items and len(set(values)) == 1]
