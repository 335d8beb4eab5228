"""What became of the alumni: work by programme and group, time to the first job, earnings, match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.report import charts
from tracer_etl.report.charts import Scale
from tracer_etl.report.figures import find
from tracer_etl.report.pages import contrasts, groups
from tracer_etl.report.pages.summary import RUNGS
from tracer_etl.report.site import Page
from tracer_etl.report.words import say, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from tracer_etl.report.charts import Drawing
    from tracer_etl.report.facts import Facts
    from tracer_etl.report.figures import Figure
    from tracer_etl.report.site import Desk
    from tracer_etl.report.words import Both

    Cells = list[list[Both | Figure]]

WAITING = ("T1", "T2", "S4_3", "S4_6", "S4_12", "S6")
EARNINGS = ("E1_median", "E3_umk", "E3_12umk", "E2a_shift", "E4")
MATCH = ("M1", "M2", "M3", "M4")
CODED = (
    *("S1", "S1_coded", "S1_either", "S1_agree", "S1_kappa", "S1_told_only", "S1_coded_only"),
    *("S1_with_code", "S1_reviewed"),
)
DECENT = ("D5", "D5_worst", "D5_best", "D5_pay", "D5_hours", "D5_contract", "D5_cover", "D5_safe", "D3")
RATIO = Scale((0, 0.5, 1, 1.5, 2), "datum.value + ' UMK'", line=1.0)
_CURVE = "select months, survival, low, high, n from marts.time_to_job where group_by = 'all' order by months"


def _render(facts: Facts, desk: Desk) -> Markup:
    return desk.lay(
        "outcomes.html.j2",
        rungs=[say(f"short_{key}") for key in RUNGS],
        work=_work(facts),
        programmes=groups.table_of(facts, "programme", RUNGS),
        groupings=[(say(name), groups.table_of(facts, name, RUNGS)) for name in _groupings(facts)],
        curve=_curve(facts),
        waiting=_list(facts, WAITING),
        waits=groups.table_of(facts, "programme", ("T1", "T2", "S4_6")),
        earnings=_earnings(facts),
        money=_list(facts, EARNINGS),
        paid=groups.table_of(facts, "programme", ("E1_median", "E3_umk", "E5")),
        match=_list(facts, MATCH),
        matched=groups.table_of(facts, "programme", ("M1", "M2", "M3")),
        coded=_list(facts, CODED) if find(facts, "S1_with_code").shown else [],
        both_ways=groups.table_of(facts, "programme", ("S1", "S1_coded", "S1_either")),
        decent=_list(facts, DECENT),
        compared=contrasts.section(facts, desk),
    )


def _groupings(facts: Facts) -> list[str]:
    return [name for name in groups.WHO if facts.levels(name)]


def _list(facts: Facts, indicators: Sequence[str]) -> Cells:
    """Give a row per indicator, of everybody: what it is, and the number."""
    return [[say(f"what_{key}"), find(facts, key)] for key in indicators]


def _work(facts: Facts) -> Drawing:
    benchmark = facts.benchmark("employment_to_population")
    title = say("outcomes.work_chart", benchmark=share(benchmark, 1))
    return charts.intervals(
        "work",
        title,
        groups.by_programme(facts, "A1"),
        Scale(line=benchmark),
        [say("programme"), say("short_A1")],
    )


def _earnings(facts: Facts) -> Drawing:
    heads = [say("programme"), say("outcomes.ratio")]
    return charts.intervals(
        "umk", say("outcomes.earnings_chart"), groups.by_programme(facts, "E3_median"), RATIO, heads
    )


def _curve(facts: Facts) -> Drawing | None:
    """Draw the curve of finding work; None where too few waited."""
    rows = facts.rows(_CURVE)
    if not rows:
        return None
    heads = [say("outcomes.month"), say("outcomes.found"), say("range_head")]
    return charts.waiting("curve", say("outcomes.curve_chart", n=rows[0]["n"]), rows, heads)


PAGE = Page(
    "outcomes",
    say("outcomes.nav"),
    _render,
    needs=("marts.estimate", "marts.time_to_job", "marts.seed_benchmark"),
)
