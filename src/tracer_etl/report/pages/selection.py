"""How the participants are selected, in counts only: who applied, who passed the gates, how the seats were given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.evidence.selection import GATES
from tracer_etl.report.pages.groups import level_name
from tracer_etl.report.pages.response import LEAST
from tracer_etl.report.site import Page
from tracer_etl.report.words import Both, count, joined, plain, say, share

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.site import Desk

DECIDED = (
    "marts.selection_result",
    "marts.selection_stratum",
    "marts.selection_aim",
    "marts.selection_setting",
)
_APPLIED = (
    "select programme, count(*) as applied, count(*) filter (where {passed}) as passed "
    "from marts.selection_applicant group by programme order by applied desc, programme"
)
_STRATUM = "select * from marts.selection_stratum order by programme, target_group"
_PANEL = "select programme, applicants, icc, good from marts.selection_panel order by programme"


def _render(facts: Facts, desk: Desk) -> Markup:
    passed = " and ".join(f"gate_{gate}" for gate in GATES)
    applied = facts.rows(_APPLIED.format(passed=passed))
    decided = facts.has(*DECIDED)
    return desk.lay(
        "selection.html.j2",
        applied=sum(row["applied"] for row in applied),
        passed=sum(row["passed"] for row in applied),
        applied_rows=[
            [facts.programme(row["programme"]), _size(row["applied"]), _size(row["passed"])]
            for row in applied
        ],
        gate_rows=[_gate(facts, gate) for gate in GATES],
        strata=[_stratum(facts, row) for row in facts.rows(_STRATUM)] if decided else [],
        final=decided and all(row["final"] for row in facts.rows(_STRATUM)),
        panels=[_panel(facts, row) for row in facts.rows(_PANEL)]
        if facts.has("marts.selection_panel")
        else [],
        **(_round(facts) if decided else {"settings": {}, "aims": []}),
    )


def _size(people: int) -> Both:
    return count(people) if people == 0 or people >= LEAST else say("few")


def _gate(facts: Facts, gate: str) -> list[Both]:
    """Count who does not pass a gate; one person may fail several."""
    [row] = facts.rows(f"select count(*) as n from marts.selection_applicant where not gate_{gate}")
    return [say(f"selection.gate_{gate}"), _size(row["n"])]


def _stratum(facts: Facts, row: Row) -> list[Both]:
    programme, group = (
        facts.programme(row["programme"]),
        level_name(facts, "target_group", row["target_group"]),
    )
    drawn = (
        say("selection.drawn", seats=row["band_seats"], band=row["band"]) if row["band_seats"] else plain("0")
    )
    carried = [say("selection.carried", seats=row["carried"])] if row["carried"] else []
    return [
        joined([programme, group], ": "),
        joined([count(row["seats"]), *carried]),
        count(row["accepted"]),
        drawn,
        count(row["reserve"]),
        count(row["unfilled"]),
        say("selection.final" if row["final"] else "selection.open"),
    ]


def _panel(facts: Facts, row: Row) -> list[Both]:
    agreement = say("selection.unknown") if row["icc"] is None else count(row["icc"], 2)
    good = say("selection.good" if row["good"] else "selection.poor")
    return [facts.programme(row["programme"]), _size(row["applicants"]), agreement, good]


def _round(facts: Facts) -> dict[str, object]:
    """Give the round's settings, and its aims in words: how many are disabled would tell of one person."""
    settings = {
        row["name"]: row["value"] for row in facts.rows("select name, value from marts.selection_setting")
    }
    aims = []
    for row in facts.rows("select name, wanted, found, met from marts.selection_aim order by name"):
        met = say("selection.met" if row["met"] else "selection.missed")
        wanted = share(row["wanted"]) if row["name"] == "women" else count(row["wanted"])
        aims.append([say(f"selection.aim_{row['name']}"), wanted, met])
    return {"settings": {name: plain(value) for name, value in settings.items()}, "aims": aims}


PAGE = Page("selection", say("selection.nav"), _render, needs=("marts.selection_applicant", "marts.estimate"))
