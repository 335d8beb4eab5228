"""The charts, as SVG inside the page; colours are from Okabe and Ito's colour-blind safe set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from tracer_etl.report import words
from tracer_etl.report.words import LANGUAGES, Both, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from altair import Axis, Chart, FacetChart, LayerChart
    from markupsafe import Markup

    from tracer_etl.report.facts import Row
    from tracer_etl.report.figures import Figure

    Picture = Chart | LayerChart | FacetChart

BLUE, ORANGE, GREY, INK = "#0072b2", "#b34700", "#8a9299", "#22303c"
FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
WIDTH = 210
"""Pixels of the plotting area: narrow, so that letters stay legible on a phone."""

LONG_NAME = 22
SHARES: tuple[float, ...] = (0, 0.25, 0.5, 0.75, 1)


@dataclass(frozen=True)
class Drawing:
    """A picture in both languages, and the same figures as a table (heads and rows; none when they stand beside it)."""

    title: Both
    svg: Mapping[str, Markup]
    heads: Sequence[Both] = ()
    rows: Sequence[Sequence[object]] = ()


@dataclass(frozen=True)
class Scale:
    """The axis of numbers: marks, a function to write them (Vega expression of `datum.value`), and a line to compare."""

    marks: tuple[float, ...] = SHARES
    label: str = "format(datum.value, '.0%')"
    line: float | None = None


def intervals(
    key: str, title: Both, figures: Sequence[tuple[Both, Figure]], scale: Scale, heads: Sequence[Both]
) -> Drawing:
    """Draw numbers with their 95% intervals, one under the other in the given order; what is hidden is not drawn."""
    shown = [(name, one) for name, one in figures if one.shown and one.low is not None]

    def draw(language: str) -> Picture:
        rows = [_dot(name[language], one, scale) for name, one in shown]
        return _intervals(rows, scale)

    table = [(name, one) for name, one in figures]
    return drawing(key, title, draw, heads, table)


def _dot(name: str, one: Figure, scale: Scale) -> Row:
    """Cut what reaches beyond the axis."""
    low, high = scale.marks[0], scale.marks[-1]
    ends = [None if end is None else min(max(end, low), high) for end in (one.low, one.number, one.high)]
    found = dict(zip(("low", "value", "high"), ends, strict=True))
    return found | {
        "name": _broken(name),
        "all": one.group_by == "all",
        "thin": one.thin,
        "high": ends[2] or high,
    }


def _intervals(rows: Sequence[Row], scale: Scale) -> Picture:
    import altair as alt

    y = alt.Y("name:N", sort=[row["name"] for row in rows], title=None, axis=_names_axis())
    x: dict[str, Any] = {
        "title": None,
        "scale": alt.Scale(domain=[scale.marks[0], scale.marks[-1]]),
        "axis": alt.Axis(values=list(scale.marks), labelExpr=scale.label, domain=False, ticks=False),
    }
    colour = alt.condition("datum.all", alt.value(INK), alt.value(BLUE))
    base = alt.Chart(alt.InlineData(values=list(rows))).encode(y=y)
    bars = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", **x),
        x2="high:Q",
        color=colour,
        strokeDash=alt.condition("datum.thin", alt.value([2, 2]), alt.value([1, 0])),
    )
    dots = base.mark_point(size=75, opacity=1).encode(
        x=alt.X("value:Q", **x),
        color=colour,
        fill=alt.condition(
            "datum.thin",
            alt.value("#ffffff"),
            alt.value(BLUE),
        ),
    )
    layers = [bars, dots]
    if scale.line is not None:
        at = alt.Chart(alt.InlineData(values=[{"at": scale.line}]))
        layers.insert(0, at.mark_rule(color=ORANGE, strokeDash=[5, 3], strokeWidth=2).encode(x="at:Q"))
    return alt.layer(*layers).properties(width=WIDTH, height=alt.Step(31))


def bars(key: str, title: Both, counts: Sequence[tuple[Both, float, bool]], heads: Sequence[Both]) -> Drawing:
    """Draw counts as bars with the number at the end; the third of each tells whether it is in the strong colour."""
    import altair as alt

    def draw(language: str) -> Picture:
        rows = [
            {
                "name": _broken(name[language]),
                "count": size,
                "text": words.number(size, language),
                "good": good,
            }
            for name, size, good in counts
            if size
        ]
        base = alt.Chart(alt.InlineData(values=rows)).encode(
            y=alt.Y("name:N", sort=[str(row["name"]) for row in rows], title=None, axis=_names_axis()),
            x=alt.X("count:Q", title=None, axis=None),
        )
        drawn = base.mark_bar(height=15).encode(
            color=alt.condition("datum.good", alt.value(BLUE), alt.value(GREY))
        )
        numbers = base.mark_text(align="left", dx=5, color=INK, fontSize=12).encode(text="text:N")
        return alt.layer(drawn, numbers).properties(width=WIDTH - 30, height=alt.Step(31))

    return drawing(key, title, draw, heads, [(name, words.count(size)) for name, size, _ in counts])


def progress(key: str, title: Both, days: Sequence[Row]) -> Drawing:
    """Draw finished interviews, added up day by day; rows have `date` and `interviews`."""
    import altair as alt

    total, rows = 0, []
    for row in days:
        total += row["interviews"]
        rows.append({"day": row["date"].isoformat(), "interviews": total})

    def draw(language: str) -> Picture:
        months = [name[:3] for name in words.MONTHS[language]]
        label = f"utcdate(datum.value) + ' ' + {months}[utcmonth(datum.value)]"
        axis = alt.Axis(labelExpr=label, tickCount=5, grid=False)
        plain_axis = alt.Axis(tickCount=4, domain=False, ticks=False)
        chart: Chart = (
            alt.Chart(alt.InlineData(values=rows))
            .mark_area(
                color=BLUE, opacity=0.18, line={"color": BLUE, "strokeWidth": 2}, interpolate="step-after"
            )
            .encode(
                x=alt.X("day:T", scale=alt.Scale(type="utc"), title=None, axis=axis),
                y=alt.Y("interviews:Q", title=None, axis=plain_axis),
            )
            .properties(width=WIDTH + 130, height=170)
        )
        return chart

    return drawing(key, title, draw)


def waiting(key: str, title: Both, months: Sequence[Row], heads: Sequence[Both]) -> Drawing:
    """Draw the share that has found work by month with its interval; rows have `months`, `survival`, `low`, `high`."""
    import altair as alt

    rows = [
        {
            "months": row["months"],
            "found": 1 - row["survival"],
            "low": 1 - row["high"],
            "high": 1 - row["low"],
        }
        for row in months
    ]

    def draw(_: str) -> Picture:
        marks = [0, 3, 6, 12, 18, 24]
        x = alt.X(
            "months:Q",
            title=None,
            scale=alt.Scale(domain=[0, rows[-1]["months"]]),
            axis=alt.Axis(values=marks, grid=False, labelFlush=True),
        )
        axis = alt.Axis(values=list(SHARES), format=".0%", domain=False, ticks=False)
        base = alt.Chart(alt.InlineData(values=rows)).encode(x=x)
        band = base.mark_area(color=BLUE, opacity=0.2, interpolate="step-after").encode(
            y=alt.Y("low:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=axis), y2="high:Q"
        )
        line = base.mark_line(color=BLUE, strokeWidth=2.5, interpolate="step-after").encode(
            y=alt.Y("found:Q", title=None)
        )
        return alt.layer(band, line).properties(width=WIDTH + 120, height=200)

    table = [
        (words.count(row["months"]), words.share(row["found"]), words.plain(_range(row))) for row in rows
    ]
    return drawing(key, title, draw, heads, table)


def _range(row: Row) -> str:
    return f"{row['low'] * 100:.0f}{words.DASH}{row['high'] * 100:.0f}%"


def drawing(
    key: str,
    title: Both,
    draw: Callable[[str], Picture],
    heads: Sequence[Both] = (),
    rows: Sequence[Sequence[object]] = (),
) -> Drawing:
    """Render in both languages; `key` is unique on the page and makes the ids of the SVG so."""
    from markupsafe import Markup

    hint = say("table_follows" if rows else "no_table")
    svg = {
        language: Markup(_svg(draw(language), key + language, title[language], hint[language]))  # noqa: S704 - escaped
        for language in LANGUAGES
    }
    return Drawing(title, svg, heads, rows)


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


def _svg(chart: Picture, prefix: str, title: str, description: str) -> str:
    """Render without size in pixels, named for screen readers, with ids of its own."""
    import vl_convert

    themed: Any = chart.configure(font=FONT, background="transparent").configure_view(stroke=None)
    themed = themed.configure_axis(
        labelFontSize=12, labelColor=INK, gridColor="#dde3e8", domainColor="#b8c2cb"
    )
    svg = str(vl_convert.vegalite_to_svg(themed.to_dict()))
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    svg = re.sub(r' (?:aria-\w+|role|aria-roledescription)="[^"]*"', "", svg)
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"', "", svg)
    named = f'role="img" aria-labelledby="{prefix}-title {prefix}-desc" focusable="false"'
    said = f'<title id="{prefix}-title">{escape(title)}</title><desc id="{prefix}-desc">{escape(description)}</desc>'
    return re.sub(
        r'<svg([^>]*?) width="[^"]*" height="[^"]*"([^>]*)>',
        lambda found: f"<svg{found[1]} {named}{found[2]}>{said}",
        svg,
        count=1,
    )
