"""Which programmes for next year: the ranking with its doubt, the best sets, and what the ranking hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.report.site import Page
from tracer_etl.report.words import Both, count, joined, plain, rupiah, say, share

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.site import Desk

PILOT = "no evidence yet: pilot"
TABLES = (
    "marts.plan_programme",
    "marts.plan_acceptability",
    "marts.plan_value",
    "marts.plan_portfolio",
    "marts.plan_sensitivity",
    "marts.plan_setting",
)
LEAST, FEW, MANY = 0.005, 0.05, 0.2
"""Shares of draws at which a cell of the rank table takes its next shade; below the first it stays empty."""


def _render(facts: Facts, desk: Desk) -> Markup:
    rows = facts.rows("select * from marts.plan_programme order by place, programme")
    settings = {row["name"]: row["value"] for row in facts.rows("select * from marts.plan_setting")}
    ranked = [row for row in rows if not row["gates_failed"]]
    choose = int(settings["choose"])
    return desk.lay(
        "plan.html.j2",
        year=plain(settings["year"]),
        choose=choose,
        headline=_headline(ranked, choose),
        places=[_place(facts, row, choose) for row in ranked],
        failed=[_failed(facts, row) for row in rows if row["gates_failed"]],
        ranks=range(1, len(ranked) + 1),
        acceptability=_acceptability(facts, ranked),
        portfolios=[
            _portfolio(facts, row) for row in facts.rows("select * from marts.plan_portfolio order by place")
        ],
        budget=rupiah(float(settings["budget_idr"])),
        criteria=_criteria(facts, ranked),
        sensitivity=_sensitivity(facts, ranked[:choose]),
        undecided=_undecided(settings),
        made=say("plan.made", draws=int(settings["draws"]), seed=plain(settings["seed"])),
    )


def _headline(ranked: list[Row], choose: int) -> Both:
    """Say how many of the first places are certain."""
    clear = sum(row["p_top"] >= 0.7 for row in ranked[:choose])  # noqa: PLR2004 - "likely" and "clear"
    return say("plan.headline_some" if clear else "plan.headline_none", clear=clear, choose=choose)


def _undecided(settings: dict[str, str]) -> Both | None:
    """Name what is a placeholder; None when the office has decided everything."""
    names = [say(f"plan.undecided_{name}") for name in settings.get("undecided", "").split()]
    return say("plan.undecided", what=joined(names, ", ")) if names else None


def _place(facts: Facts, row: Row, choose: int) -> dict[str, Any]:
    pilot = row["evidence"] == PILOT
    return {
        "name": facts.programme(row["programme"]),
        "place": row["place"],
        "chosen": row["place"] <= choose,
        "last": row["place"] == choose,
        "p": row["p_top"],
        "p_said": _said(row["p_top"]),
        "words": Both(id=row["words_id"], en=row["words_en"]),
        "ranks": say(
            "plan.rank_range",
            low=row["rank_low"],
            high=row["rank_high"],
            expected=count(row["expected_rank"], 1),
        ),
        "equal": say("plan.equal", place=row["place_equal_weights"]),
        "score": count(row["score"], 1),
        "pilot": pilot,
    }


def _failed(facts: Facts, row: Row) -> tuple[Both, Both]:
    gates = [say(f"plan.gate_{gate}") for gate in row["gates_failed"].split()]
    return facts.programme(row["programme"]), Both(
        {lang: "; ".join(one[lang] for one in gates) for lang in gates[0]}
    )


def _acceptability(facts: Facts, ranked: list[Row]) -> list[dict[str, Any]]:
    """Give a row per programme: in how many draws it takes each rank."""
    found = facts.rows("select programme, rank, share from marts.plan_acceptability")
    shares = {(row["programme"], row["rank"]): row["share"] for row in found}
    codes = [row["programme"] for row in ranked]
    return [
        {
            "name": facts.programme(code),
            "cells": [_cell(shares.get((code, rank), 0.0)) for rank in range(1, len(codes) + 1)],
        }
        for code in codes
    ]


def _cell(part: float) -> dict[str, Any]:
    """Shade a share of the draws; below a half of a percent it stays empty."""
    step = 0 if part < LEAST else 1 + (part >= FEW) + (part >= MANY)
    return {"step": step, "said": _said(part) if step else plain("")}


def _said(part: float) -> Both:
    """Write a share of the draws; nothing that happened at all is said to be 0%.

    >>> _said(0.002)["en"], _said(0.0)["en"]
    ('<1%', '0%')
    """
    return plain("<1%") if 0 < part < LEAST else share(part)


def _portfolio(facts: Facts, row: Row) -> list[Both]:
    names = [facts.programme(code) for code in row["programmes"].split()]
    together = Both({lang: ", ".join(one[lang] for one in names) for lang in names[0]})
    return [
        together,
        count(row["score"], 1),
        count(row["lost"], 1),
        rupiah(row["cost_idr"]),
        count(row["seats"]),
    ]


def _criteria(facts: Facts, ranked: list[Row]) -> dict[str, Any]:
    """Give what each criterion gave each programme: points of its weight."""
    rows = facts.rows("select * from marts.plan_value")
    points = {(row["programme"], row["criterion"]): row["points"] for row in rows}
    weights = {row["criterion"]: row["weight"] for row in rows}
    order = sorted(weights, key=lambda name: -weights[name])
    return {
        "heads": [
            say("plan.criterion_of", name=say(f"plan.criterion_{name}"), weight=count(weights[name]))
            for name in order
        ],
        "rows": [
            [
                facts.programme(row["programme"]),
                *(count(points[row["programme"], name], 1) for name in order),
                count(row["score"], 1),
            ]
            for row in ranked
        ],
    }


def _sensitivity(facts: Facts, chosen: list[Row]) -> list[list[Both]]:
    """Say what changes when a criterion is left out, and at which weight the last chosen gives way."""
    now = {row["programme"] for row in chosen}
    found = []
    for row in facts.rows("select * from marts.plan_sensitivity order by weight desc, criterion"):
        without = set(row["chosen_without"].split())
        swap = row["break_even_weight"]
        found.append(
            [
                say(f"plan.criterion_{row['criterion']}"),
                count(row["weight"]),
                say("plan.none") if swap is None else count(swap, 1),
                say("plan.same") if without == now else _change(facts, now, without),
            ]
        )
    return found


def _change(facts: Facts, now: set[str], without: set[str]) -> Both:
    names = [[facts.programme(code) for code in sorted(one)] for one in (without - now, now - without)]
    came, went = (
        Both({lang: ", ".join(one[lang] for one in found) for lang in ("id", "en")}) for found in names
    )
    return say("plan.change", came=came, went=went)


PAGE = Page("plan", say("plan.nav"), _render, needs=TABLES)
