"""The pages, one module each; the order here is the order of the navigation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_etl.report.facts import Facts
    from tracer_etl.report.site import Page


def all_pages(facts: Facts) -> tuple[Page, ...]:
    """Give every page this study can have: the tracer study's with its estimates, else those of any study."""
    from tracer_etl.report.pages import (
        definitions,
        demand,
        outcomes,
        overview,
        places,
        plan,
        quality,
        response,
        selection,
        skills,
        summary,
        supervisor,
    )

    first = summary if facts.has(*summary.PAGE.needs) else overview
    tracer = (outcomes, skills, places, plan, demand, selection, response)
    return tuple(module.PAGE for module in (first, *tracer, quality, definitions, supervisor))
