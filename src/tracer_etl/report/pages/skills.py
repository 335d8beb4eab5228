"""What was learnt, what the work asks for beyond it, and how alumni judge their training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.report.figures import find
from tracer_etl.report.pages import groups
from tracer_etl.report.site import Page
from tracer_etl.report.words import Both, say

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts
    from tracer_etl.report.figures import Figure
    from tracer_etl.report.site import Desk

ITEMS = ("tech", "tool", "k3", "qual", "digi", "comm", "team", "prob", "biz", "disc")
STEPS = (-0.25, 0.25, 0.5, 0.75)
"""Gaps (points of 5) at which the heat map takes its next shade; the number stands in every cell."""

JUDGED = ("Q1", "Q3", "Q4", "Q2", "N1")
PAPERS = ("C1", "C2", "C3", "C4")


def _render(facts: Facts, desk: Desk) -> Markup:
    programmes = [code for code in facts.levels("programme") if _any_gap(facts, code)]
    hidden = [facts.programme(code) for code in facts.levels("programme") if code not in programmes]
    return desk.lay(
        "skills.html.j2",
        heads=[facts.programme(code) for code in ("", *programmes)],
        heat=[
            {
                "name": say(f"skills.item_{item}"),
                "cells": [_cell(facts, item, code) for code in ("", *programmes)],
            }
            for item in ITEMS
        ],
        hidden=_names(hidden),
        largest=_largest(facts),
        gains=[
            [say(f"skills.item_{item}"), find(facts, f"K1_{item}"), find(facts, f"K2_{item}")]
            for item in ITEMS
        ],
        overall=find(facts, "K1_d"),
        satisfaction=groups.table_of(facts, "programme", JUDGED),
        papers=groups.table_of(facts, "programme", PAPERS),
    )


def _any_gap(facts: Facts, code: str) -> bool:
    return any(find(facts, f"K2_{item}", "programme", code).shown for item in ITEMS)


def _cell(facts: Facts, item: str, code: str) -> dict[str, Any]:
    one = find(facts, f"K2_{item}", "programme" if code else "all", code)
    return {"figure": one, "shade": shade(one)}


def shade(one: Figure) -> int | None:
    """Give the step of a gap: 0 for a surplus, 4 for the widest shortage; None where it is not shown."""
    return None if one.number is None else sum(one.number > step for step in STEPS)


def _largest(facts: Facts) -> Both | None:
    """Name the widest gap of all programmes together, and say whether it is surely above zero."""
    gaps = [
        (one.number, item, one) for item in ITEMS if (one := find(facts, f"K2_{item}")).number is not None
    ]
    if not gaps:
        return None
    _, item, one = max(gaps)
    sure = "sure" if one.low is not None and one.low > 0 else "unsure"
    return say(f"skills.largest_{sure}", item=say(f"skills.item_{item}"), gap=one.value)


def _names(programmes: list[Both]) -> Both | None:
    if not programmes:
        return None
    return say(
        "skills.hidden",
        names=Both({lang: ", ".join(one[lang] for one in programmes) for lang in programmes[0]}),
    )


PAGE = Page("skills", say("skills.nav"), _render, needs=("marts.estimate",))
