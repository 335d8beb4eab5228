"""Every number of the site: what is counted, over whom, how many people stand behind it, how it is estimated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.report.figures import find
from tracer_etl.report.site import Page
from tracer_etl.report.words import Both, formula, say

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.site import Desk

CHAPTERS = ("A", "S", "T", "E", "D", "M", "K", "C", "Q", "N", "F", "H", "X")
"""First letters of the indicators' ids, in the order of the specification: a chapter each."""

MORE = ("N2", "N3", "N4", "score", "ptop", "icc")
"""What other pages show that is no indicator of `marts.estimate`, or not in a study without a plan."""

_INDICATOR = "select * from marts.indicator"


def _render(facts: Facts, desk: Desk) -> Markup:
    rows = facts.rows(_INDICATOR)
    chapters = [
        {"name": say(f"definitions.chapter_{letter}"), "letter": letter, "terms": terms}
        for letter in CHAPTERS
        if (terms := [_term(facts, row) for row in rows if row["indicator"][0] == letter])
    ]
    kinds, codes = sorted({row["kind"] for row in rows}), {row["indicator"] for row in rows}
    return desk.lay(
        "definitions.html.j2",
        chapters=chapters,
        more=[(code, *_told(say(f"definitions.more_{code}"))) for code in MORE if code not in codes],
        kinds=[(kind, say(f"definitions.kind_{kind}")) for kind in kinds],
    )


def _told(text: Both) -> tuple[Both, Both]:
    """Part a name from its meaning."""
    names, meanings = zip(*(side.split("|", 1) for side in text.values()), strict=True)
    return Both(zip(text, names, strict=True)), Both(zip(text, meanings, strict=True))


def _term(facts: Facts, row: Row) -> dict[str, Any]:
    own = find(facts, row["indicator"])
    return {
        "id": row["indicator"],
        "name": Both(id=row["name_id"], en=row["name_en"]),
        "numerator": formula(row["numerator"]),
        "denominator": formula(row["denominator"]),
        "unit": formula(row["unit"]),
        "kind": row["kind"],
        "figure": own if (row["indicator"], "all", "") in facts.estimates else None,
    }


PAGE = Page("definitions", say("definitions.nav"), _render, needs=("marts.estimate", "marts.indicator"))
