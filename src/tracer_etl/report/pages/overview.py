"""The first page of a study without estimates: what came in, and where the rest is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.report.pages.quality import totals
from tracer_etl.report.site import Page
from tracer_etl.report.words import say

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts
    from tracer_etl.report.site import Desk


def _render(facts: Facts, desk: Desk) -> Markup:
    return desk.lay("overview.html.j2", totals=totals(facts), tracer=facts.has("marts.interview"))


PAGE = Page("index", say("overview.nav"), _render)
