"""Who answered, how the field work went, and how far weighting has to reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.report import charts
from tracer_etl.report.figures import find
from tracer_etl.report.pages import groups
from tracer_etl.report.site import Page
from tracer_etl.report.words import Both, both, count, day, joined, say, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from tracer_etl.report.charts import Drawing
    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.site import Desk

RATES = ("F1", "F2", "F3", "F4_rr3", "F4_rr4", "F5", "F6", "F7", "F8_gross", "F8_net")
FIELD_DAYS = 180
"""Longer than any round of field work (12 weeks)."""

BAR = (
    *("response", "contact", "refusal", "representativity"),
    *("income_untold", "checked_again", "type_1_error"),
)
"""What the field work holds itself to, in the order it is shown."""

LEAST = 5
"""Counts of persons below it are not shown (specification 2.3 point 6)."""

_CATEGORY = (
    "select s.category, count(c.alumni_id) as persons from (select distinct category from marts.seed_aapor) s "
    "left join marts.case_disposition c on c.category = s.category group by s.category"
)
_CATEGORIES = ("I", "P", "R", "NC", "O", "UO", "UH", "NE")
_DAY = (
    "select d.date, d.attempts, coalesce(i.interviews, 0) as interviews from ("
    "select date, cast(sum(attempts) as bigint) as attempts from marts.enumerator_day group by date) d left join ("
    "select date, count(*) as interviews from marts.interview group by date) i on i.date = d.date order by d.date"
)
_DIAGNOSTIC = "select name, value, remark from marts.weight_diagnostic"


def _render(facts: Facts, desk: Desk) -> Markup:
    persons = {row["category"]: row["persons"] for row in facts.rows(_CATEGORY)}
    days = facts.rows(_DAY)
    diagnostics = facts.rows(_DIAGNOSTIC)
    return desk.lay(
        "response.html.j2",
        bar=_bar(facts),
        rr2=find(facts, "F3"),
        **_reached(facts, persons),
        outcomes=_outcomes(persons),
        rates=[[say(f"response.rate_{code}"), find(facts, code)] for code in RATES],
        programmes=groups.table_of(facts, "programme", ("F3", "F5", "F7")),
        progress=charts.progress("progress", say("response.progress_chart"), field_days(days))
        if days
        else None,
        field=_field(days) if days else None,
        weights=_weights(diagnostics),
        alike=[find(facts, "F9"), find(facts, "F9_bias")],
        early=groups.table_of(facts, "early", ("A1",), total=False),
        mode=groups.table_of(facts, "mode", ("A1",), total=False),
        heaping=_heaping(diagnostics),
    )


def _reached(facts: Facts, persons: dict[str, int]) -> dict[str, object]:
    """Say how many of the eligible answered, against the target, and how many submissions wait for a supervisor."""
    eligible = sum(persons.values()) - persons.get("NE", 0)
    answered = persons.get("I", 0) + persons.get("P", 0)
    target = facts.benchmark("response_target")
    short = -int(-target * eligible // 1) - answered
    aside = facts.rows(
        "select coalesce(sum(set_aside), 0) as n from marts.data_quality where rule = '' and form_id = ?",
        ["alumni_tracer"],
    )
    return {
        "headline": say("response.title", answered=answered, eligible=eligible),
        "judgement": say("response.target_met", target=share(target))
        if short <= 0
        else say("response.target_missed", target=share(target), short=short),
        "aside": say("response.aside", aside=int(aside[0]["n"])) if aside[0]["n"] else None,
    }


def _outcomes(persons: dict[str, int]) -> Drawing:
    """Draw the final outcomes; a bar of very few persons is left out and said in words."""
    heads = [say("response.outcome"), say("response.persons")]
    shown = [(code, persons.get(code, 0)) for code in _CATEGORIES if persons.get(code, 0)]
    drawn = charts.bars(
        "outcomes",
        say("response.outcomes_chart"),
        [(say(f"response.category_{code}"), size, code in "IP") for code, size in shown if size >= LEAST],
        heads,
    )
    few = [(say(f"response.category_{code}"), say("few")) for code, size in shown if size < LEAST]
    return charts.Drawing(drawn.title, drawn.svg, heads, [*drawn.rows, *few])


def field_days(days: Sequence[Row]) -> list[Row]:
    """Give the days of the last months; a phone whose clock was wrong must not stretch the field period."""
    return [row for row in days if (days[-1]["date"] - row["date"]).days <= FIELD_DAYS]


def _field(days: Sequence[Row]) -> list[Both]:
    kept = field_days(days)
    stray = sum(row["attempts"] for row in days) - sum(row["attempts"] for row in kept)
    said = say(
        "response.progress_lead",
        interviews=sum(row["interviews"] for row in kept),
        attempts=sum(row["attempts"] for row in kept),
        first=both(lambda language: day(kept[0]["date"], language)),
        last=both(lambda language: day(kept[-1]["date"], language)),
    )
    return [said, *([say("response.progress_stray", stray=stray)] if stray else [])]


def _weights(diagnostics: Sequence[Row]) -> list[tuple[Both, Both]]:
    """Say how uneven the weights are and how raking ended; merged cells are counted, not named: they are small."""
    value = {row["name"]: row["value"] for row in diagnostics}
    merged = sum("merged" in str(row["remark"]) for row in diagnostics)
    alarm = value["deff"] > 1.5  # noqa: PLR2004 - specification 2.3 point 4
    converged = bool(value["rake_converged"])
    rows = [
        ("n_eff", say("response.n_eff", respondents=int(value["respondents"]), n=round(value["n_eff"]))),
        ("deff", say(f"response.deff_{'alarm' if alarm else 'fine'}", deff=count(value["deff"], 2))),
        (
            "extremes",
            say(
                "response.extremes",
                low=count(value["min_weight_to_mean"], 2),
                high=count(value["max_weight_to_mean"], 2),
            ),
        ),
        (
            "raking",
            say(f"response.raking_{'yes' if converged else 'no'}", turns=int(value["rake_iterations"])),
        ),
        ("merged", count(merged)),
    ]
    return [(say(f"response.weight_{name}"), said) for name, said in rows]


def _bar(facts: Facts) -> list[list[Both]]:
    """Give what the field work holds itself to, of ten or more; nothing in a copy made before there was a bar."""
    if not facts.has("marts.quality_bar"):
        return []
    rows = facts.rows("select * from marts.quality_bar where n >= 10 and value is not null")
    return [_held(row) for row in sorted(rows, key=lambda row: BAR.index(row["measure"]))]


def _held(row: Row) -> list[Both]:
    target = say(f"response.bar_{row['direction']}", target=share(row["target"]))
    standing = say("response.bar_met" if row["met"] else "response.bar_missed")
    behind = joined([share(row["value"], 1), say("n_is", n=row["n"])], " · ")
    return [say(f"response.bar_{row['measure']}"), target, behind, standing]


def _heaping(diagnostics: Sequence[Row]) -> list[Both]:
    """Say which round numbers of months were told more than twice as often as they should be."""
    return [
        say("response.heaping", months=int(row["name"].split("_")[1]), ratio=count(row["value"], 1))
        for row in diagnostics
        if row["name"].startswith("heaping_") and str(row["remark"]).startswith("alarm")
    ]


PAGE = Page(
    "response",
    say("response.nav"),
    _render,
    needs=("marts.estimate", "marts.weight_diagnostic", "marts.case_disposition", "marts.seed_benchmark"),
)
