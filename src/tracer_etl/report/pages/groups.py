"""How the groupings and levels of `marts.estimate` are called, and tables of numbers by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.report.figures import find
from tracer_etl.report.words import Both, catalogue, plain, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.report.facts import Facts
    from tracer_etl.report.figures import Figure

WHO = ("sex", "age_group", "education", "target_group", "zone", "certified", "funding", "year")
"""Groupings of people and classes, in the order they are shown."""

ZONES = ("north_west", "centre", "east", "south")


def level_name(facts: Facts, group_by: str, level: str) -> Both:
    """Name a level, as 'Women' for sex 2; one without a name keeps its code."""
    if group_by in ("all", "programme", "wanted_programme"):
        return facts.programme(level)
    key = f"{group_by}_{level}"
    return say(key) if key in catalogue() else plain(level)


def by_programme(facts: Facts, indicator: str) -> list[tuple[Both, Figure]]:
    """Give all programmes together, then each from the highest to the lowest; those without a number last."""
    each = [
        (facts.programme(code), find(facts, indicator, "programme", code))
        for code in facts.levels("programme")
    ]
    each.sort(key=lambda pair: (pair[1].number is None, -(pair[1].number or 0)))
    return [(facts.programme(""), find(facts, indicator)), *each]


def table_of(
    facts: Facts, group_by: str, indicators: Sequence[str], *, total: bool = True
) -> list[list[Both | Figure]]:
    """Give a row per level: its name and the numbers; all together first."""
    rows: list[list[Both | Figure]] = []
    if total:
        rows.append([facts.programme(""), *(find(facts, one) for one in indicators)])
    for level in sorted(facts.levels(group_by), key=_place):
        numbers = [find(facts, one, group_by, level) for one in indicators]
        rows.append([level_name(facts, group_by, level), *numbers])
    return rows


def _place(level: str) -> tuple[int, str]:
    """Order zones from north-west to south, all else by its code."""
    return (ZONES.index(level) if level in ZONES else 0, level)
