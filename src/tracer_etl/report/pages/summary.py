"""The first page: how many work, how sure that is, and what may be said of the official claim."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.report.figures import find, written
from tracer_etl.report.pages import contrasts
from tracer_etl.report.site import Page
from tracer_etl.report.words import Both, count, say, share

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts
    from tracer_etl.report.figures import Figure
    from tracer_etl.report.site import Desk

RUNGS = ("A1", "S1", "S2", "D5")
"""Each asks more than the one before: any work, in the field, quality, decent."""

CARDS = (
    ("T1", "outcomes.html#waiting"),
    ("E3_median", "outcomes.html#earnings"),
    ("M3", "outcomes.html#match"),
    ("Q1", "skills.html#satisfaction"),
    ("C2", "skills.html#certificates"),
    ("F3", "response.html"),
)
"""Other numbers people ask for, and where more stands about each."""


def _render(facts: Facts, desk: Desk) -> Markup:
    work, benchmark = find(facts, "A1"), facts.benchmark("employment_to_population")
    claim = (facts.benchmark("official_low"), facts.benchmark("official_high"))
    return desk.lay(
        "summary.html.j2",
        work=work,
        headline=_headline(work),
        lines=_lines(facts, work, benchmark, claim),
        reading=_reading(work, benchmark, claim),
        rungs=[{"name": say(f"rung_{key}"), "figure": find(facts, key)} for key in RUNGS],
        rung_words=_rung_words(facts, claim),
        benchmark=benchmark,
        cards=[
            {"figure": one, "page": page, "said": _card(one)}
            for one, page in ((find(facts, key), page) for key, page in CARDS)
            if one.shown
        ],
        annex="annex.xlsx" if "annex.xlsx" in desk.there else "",
        limits=_limits(facts),
    )


def _headline(work: Figure) -> Both:
    if work.number is None:
        return say("summary.headline_none")
    return say("summary.headline", rate=count(work.number * 100))


def _card(one: Figure) -> Both:
    return say(f"summary.card_{one.indicator}")


def _lines(facts: Facts, work: Figure, benchmark: float, claim: tuple[float, float]) -> list[dict[str, Any]]:
    """Give the strips of the picture: alumni, bounds, claim, people in general, each with its ends on 0..1."""
    worst, best = find(facts, "A1_worst"), find(facts, "A1_best")
    strips: list[dict[str, Any]] = [
        {"kind": "alumni", "low": work.low, "high": work.high, "at": work.number, "figure": work},
        {"kind": "claim", "low": claim[0], "high": claim[1], "at": None, "figure": None},
        {"kind": "bounds", "low": worst.number, "high": best.number, "at": None, "figure": worst},
        {"kind": "general", "low": None, "high": None, "at": benchmark, "figure": None},
    ]
    kept = [one for one in strips if one["at"] is not None or one["low"] is not None]
    return [one | {"name": say(f"summary.line_{one['kind']}"), "said": _ends(one)} for one in kept]


def _ends(strip: dict[str, Any]) -> Both:
    if strip["low"] is None:
        return share(strip["at"], 1)
    if strip["at"] is None:
        return say("summary.between", low=share(strip["low"]), high=share(strip["high"]))
    return say(
        "summary.at_between", at=share(strip["at"]), low=share(strip["low"]), high=share(strip["high"])
    )


def _reading(work: Figure, benchmark: float, claim: tuple[float, float]) -> list[Both]:
    """Say what may be said: against people in general, and against the official claim."""
    ends = {"low": share(claim[0]), "high": share(claim[1])}
    general = say("summary.sakernas", benchmark=share(benchmark, 1))
    if work.number is None or work.low is None or work.high is None:
        return [general]
    verdict = "above" if work.low > benchmark else "below" if work.high < benchmark else "within"
    against = say(f"summary.claim_{against_claim(work.low, work.high, *claim)}", **ends)
    return [against, general, say(f"summary.verdict_{verdict}"), say("summary.claim_scope", **ends)]


def against_claim(low: float, high: float, claim_low: float, claim_high: float) -> str:
    """Compare an interval with the claimed one: above, below, inside or overlaps.

    >>> against_claim(0.87, 0.94, 0.8, 0.9), against_claim(0.13, 0.24, 0.8, 0.9)
    ('overlaps', 'below')
    """
    if low > claim_high:
        return "above"
    if high < claim_low:
        return "below"
    return "inside" if low >= claim_low and high <= claim_high else "overlaps"


def _rung_words(facts: Facts, claim: tuple[float, float]) -> Both | None:
    """Say which stricter rungs lie wholly below the claim."""
    below = [
        say(f"short_{key}")
        for key in RUNGS[1:]
        if (one := find(facts, key)).high is not None and one.high < claim[0]
    ]
    if not below:
        return None
    names = Both({lang: ", ".join(one[lang].lower() for one in below) for lang in below[0]})
    return say("summary.rungs_below", names=names, low=share(claim[0]))


def _limits(facts: Facts) -> list[Both]:
    """Say what the numbers cannot tell."""
    worst, best, r = find(facts, "A1_worst"), find(facts, "A1_best"), find(facts, "F9")
    found = [say("summary.limit_effect_compared" if contrasts.compared(facts) else "summary.limit_effect")]
    if worst.number is not None and best.number is not None:
        found.insert(0, say("summary.limit_bounds", worst=worst.value, best=best.value))
    if r.number is not None:
        found.insert(1, say("summary.limit_silent", r=written(r.number, r.unit)))
    return [*found, say("summary.limit_recent"), say("summary.limit_decent")]


PAGE = Page("index", say("summary.nav"), _render, needs=("marts.estimate", "marts.seed_benchmark"))
