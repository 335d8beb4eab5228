"""The charts, as SVG that goes into the page; colours are from Okabe and Ito's colour-blind safe set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tracer_etl.report import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altair import Axis, Chart, FacetChart, LayerChart

    from tracer_etl.report.facts import Facts, Row

BLUE, ORANGE, GREY, INK = "#0072b2", "#b34700", "#8a9299", "#22303c"
FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
WIDTH = 210
"""Pixels of the plotting area: narrow, so that letters stay legible on a phone."""


LONG_NAME = 22


def ladder_chart(facts: Facts, names: dict[str, str], language: str) -> str:
    """Draw the any-work rate of each programme with its interval, and the benchmark as a line."""
    import altair as alt

    rows = [_point(row, names, language) for row in facts.tables["ladder"] if _drawn(row)]
    order = [row["name"] for row in sorted(rows, key=lambda row: (row["all"], row["rate"]), reverse=True)]
    y = alt.Y("name:N", sort=order, title=None, axis=_names_axis())
    x = _percent_axis()
    colour = alt.condition("datum.all", alt.value(INK), alt.value(BLUE))
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y)
    bars = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("low:Q", **x),
        x2="high:Q",
        color=colour,
        opacity=alt.condition("datum.thin", alt.value(0.55), alt.value(1)),
    )
    dots = base.mark_point(size=70, filled=True, opacity=1).encode(x=alt.X("rate:Q", **x), color=colour)
    line = (
        alt.Chart(alt.InlineData(values=[{"at": facts.benchmark("employment_to_population")}]))
        .mark_rule(color=ORANGE, strokeDash=[5, 3], strokeWidth=2)
        .encode(x="at:Q")
    )
    return _svg(alt.layer(line, bars, dots).properties(width=WIDTH, height=alt.Step(31)), "ladder" + language)


def response_chart(facts: Facts, language: str) -> str:
    """Draw the persons of the frame by final disposition."""
    import altair as alt

    rows = [
        {
            "name": _broken(row[f"label_{language}"]),
            "persons": row["persons"],
            "text": words.number(row["persons"], language),
            "good": row["category"] in "IP",
        }
        for row in facts.tables["dispositions"]
        if row["persons"]
    ]
    order = [row["name"] for row in rows]
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=_names_axis()),
        x=alt.X("persons:Q", title=None, axis=None),
    )
    bars = base.mark_bar(height=15).encode(
        color=alt.condition("datum.good", alt.value(BLUE), alt.value(GREY))
    )
    numbers = base.mark_text(align="left", dx=5, color=INK, fontSize=12).encode(text="text:N")
    chart = alt.layer(bars, numbers).properties(width=WIDTH - 30, height=alt.Step(31))
    return _svg(chart, "response" + language)


def progress_chart(facts: Facts, language: str) -> str:
    """Draw finished interviews, added up day by day."""
    import altair as alt

    total, rows = 0, []
    for row in facts.field_days:
        total += row["interviews"]
        rows.append({"day": row["date"].isoformat(), "interviews": total})
    months = {f"{i}": name[:3] for i, name in enumerate(words.MONTHS[language])}
    label = f"utcdate(datum.value) + ' ' + {list(months.values())}[utcmonth(datum.value)]"
    x = alt.X(
        "day:T",
        scale=alt.Scale(type="utc"),
        title=None,
        axis=alt.Axis(labelExpr=label, tickCount=5, grid=False),
    )
    chart = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_area(color=BLUE, opacity=0.18, line={"color": BLUE, "strokeWidth": 2}, interpolate="step-after")
        .encode(
            x=x, y=alt.Y("interviews:Q", title=None, axis=alt.Axis(tickCount=4, domain=False, ticks=False))
        )
        .properties(width=WIDTH + 130, height=170)
    )
    return _svg(chart, "progress" + language)


def _drawn(row: Row) -> bool:
    return bool(row["rung"] == "A1" and row["rate"] is not None)


def _point(row: Row, names: dict[str, str], language: str) -> dict[str, Any]:
    size = f"n = {words.number(row['n'], language)}"
    return {
        "name": _broken(f"{names[row['programme']]} ({size})"),
        "rate": round(row["rate"] * 100, 2),
        "low": round(row["low"] * 100, 2),
        "high": round(row["high"] * 100, 2),
        "all": row["programme"] == "",
        "thin": row["publication"] == "indicative",
    }


def _names_axis() -> Axis:
    """Break long names in two lines, so that the drawing stays narrow."""
    import altair as alt

    baseline = alt.condition("indexof(datum.label, '|') > 0", alt.value("bottom"), alt.value("middle"))
    lines = "split(datum.label, '|')"
    return alt.Axis(
        labelLimit=300, labelExpr=lines, labelLineHeight=13, labelBaseline=baseline, ticks=False, domain=False
    )


def _broken(name: str) -> str:
    """Put the mark of a new line at the space nearest the middle of a long name.

    >>> _broken("Household appliance technician (n = 14)"), _broken("Barista (n = 26)")
    ('Household appliance|technician (n = 14)', 'Barista (n = 26)')
    """
    if len(name) <= LONG_NAME:
        return name
    spaces = [place for place, letter in enumerate(name) if letter == " "]
    middle = min(spaces, key=lambda place: abs(place - len(name) / 2), default=None)
    return name if middle is None else f"{name[:middle]}|{name[middle + 1 :]}"


def _percent_axis() -> dict[str, Any]:
    import altair as alt

    axis = alt.Axis(values=[0, 25, 50, 75, 100], labelExpr="datum.value + '%'", domain=False, ticks=False)
    return {"title": None, "scale": alt.Scale(domain=[0, 100]), "axis": axis}


def _svg(chart: LayerChart | FacetChart | Chart, prefix: str) -> str:
    """Render without size in pixels, hidden from screen readers (a table says the same), with ids of its own."""
    import vl_convert

    themed = chart.configure(font=FONT, background="transparent").configure_view(stroke=None)
    themed = themed.configure_axis(
        labelFontSize=12, labelColor=INK, gridColor="#dde3e8", domainColor="#b8c2cb"
    )
    svg = str(vl_convert.vegalite_to_svg(themed.to_dict()))
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r' (?:aria-\w+|role|aria-roledescription)="[^"]*"', "", svg)
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", svg)
    return re.sub(
        r'<svg([^>]*?) width="[^"]*" height="[^"]*"',
        r'<svg\1 aria-hidden="true" focusable="false"',
        svg,
        count=1,
    )


def names_of(facts: Facts, language: str, codes: Sequence[str]) -> dict[str, str]:
    """Name programmes; '' is all of them together."""
    known = {code: facts.programmes.get(code, {}).get(language, code) for code in codes}
    return {**known, "": words.text("all_programmes", language), "none": words.text("no_programme", language)}
