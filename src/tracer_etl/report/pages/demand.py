"""What is asked for: by people who apply, alumni, young people with ideas, and employers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.report.figures import find
from tracer_etl.report.pages.groups import level_name
from tracer_etl.report.pages.response import LEAST
from tracer_etl.report.site import Page
from tracer_etl.report.words import Both, count, say, share

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.figures import Figure
    from tracer_etl.report.site import Desk

_IDEA = "select programme, ideas, wanted, share from marts.idea_demand order by wanted desc, ideas desc, programme"
_EMPLOYER = "select * from marts.employer_demand order by vacancies desc, programme"
_REACH = "select programme, people from marts.plan_reach where source = 'applicants' order by people desc, programme"


def _render(facts: Facts, desk: Desk) -> Markup:
    ideas, employers = facts.rows(_IDEA), facts.rows(_EMPLOYER)
    applied = facts.rows(_REACH) if facts.has("marts.plan_reach") else []
    return desk.lay(
        "demand.html.j2",
        ideas=sum(row["ideas"] for row in ideas),
        idea_rows=[_idea(facts, row) for row in ideas],
        vacancies=sum(row["vacancies"] for row in employers),
        employer_rows=[_employer(facts, row) for row in employers],
        applications=sum(row["people"] for row in applied),
        applied_rows=[[facts.programme(row["programme"]), _people(row["people"])] for row in applied],
        wanted_rows=_wanted(facts),
    )


def _people(size: int) -> Both:
    """Write a count; a small one stays unsaid."""
    return count(size) if size == 0 or size >= LEAST else say("few")


def _idea(facts: Facts, row: Row) -> list[Both]:
    enough = row["ideas"] >= LEAST
    name = say("demand.no_match") if row["programme"] == "none" else facts.programme(row["programme"])
    return [
        name,
        _people(row["ideas"]),
        share(row["share"]) if enough and row["wanted"] >= LEAST else say("few_share"),
    ]


def _employer(facts: Facts, row: Row) -> list[Both]:
    """Show what firms need, where at least five of them ask: business data are aggregates."""
    name = say("demand.not_taught") if row["programme"] == "none" else facts.programme(row["programme"])
    if row["employers"] < LEAST:
        hidden = say("demand.few_firms")
        return [name, say("few"), hidden, hidden, hidden]
    return [
        name,
        count(row["employers"]),
        count(row["vacancies"]),
        count(row["hard"]),
        count(row["committed"], 1),
    ]


def _wanted(facts: Facts) -> list[list[Both | Figure]]:
    found = [
        find(facts, "N1_demand", "wanted_programme", level)
        for level in facts.levels("wanted_programme", "N1_demand")
    ]
    found.sort(key=lambda one: (one.number is None, -(one.number or 0)))
    return [[level_name(facts, "wanted_programme", one.level), one] for one in found]


PAGE = Page(
    "demand",
    say("demand.nav"),
    _render,
    needs=("marts.idea_demand", "marts.employer_demand", "marts.estimate"),
)
