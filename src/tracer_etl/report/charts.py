"""The charts: Vega-Lite drawn as SVG inside the page; colours are from Okabe and Ito's colour-blind safe set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from tracer_etl.report import words
from tracer_etl.report.words import LANGUAGES, Both, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

    from tracer_etl.report.facts import Row
    from tracer_etl.report.figures import Figure

    Picture = dict[str, Any]
    """A Vega-Lite specification without data of its own beyond what is drawn."""

BLUE, ORANGE, GREY, INK = "#0072b2", "#b34700", "#8a9299", "#22303c"
FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
WIDTH = 210
"""Pixels of the plotting area: narrow, so that letters stay legible on a phone."""

LONG_NAME = 22
NAMES = {
    "labelLimit": 300,
    "labelExpr": "split(datum.label, '|')",
    "labelLineHeight": 13,
    "labelBaseline": {
        "condition": {"test": "indexof(datum.label, '|') > 0", "value": "bottom"},
        "value": "middle",
    },
    "ticks": False,
    "domain": False,
}
"""Axis of names: long ones in two lines, so that the drawing stays narrow."""

CONFIG = {
    "font": FONT,
    "background": "transparent",
    "view": {"stroke": None},
    "axis": {"labelFontSize": 12, "labelColor": INK, "gridColor": "#dde3e8", "domainColor": "#b8c2cb"},
}
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
        return _intervals([_dot(name[language], one, scale) for name, one in shown], scale, language)

    return drawing(key, title, draw, heads, figures)


def _dot(name: str, one: Figure, scale: Scale) -> Row:
    """Cut what reaches beyond the axis; an interval without upper end reaches to its edge."""
    low, high = scale.marks[0], scale.marks[-1]
    ends = {"low": one.low, "value": one.number, "high": high if one.high is None else one.high}
    cut = {name: min(max(end or 0.0, low), high) for name, end in ends.items()}
    colour = INK if one.group_by == "all" else BLUE
    return {**cut, "name": _broken(name), "colour": colour, "fill": "#ffffff" if one.thin else colour}


def _intervals(rows: Sequence[Row], scale: Scale, language: str) -> Picture:
    y = {"field": "name", "type": "nominal", "sort": [row["name"] for row in rows], "title": None}
    marks: dict[str, Any] = {
        "values": list(scale.marks),
        "labelExpr": f"replace({scale.label}, '.', ',')" if language == "id" else scale.label,
        "domain": False,
        "ticks": False,
    }
    marks |= {"labelFlush": False, "grid": True}
    domain = {"domain": [scale.marks[0], scale.marks[-1]]}
    x = {"type": "quantitative", "title": None, "scale": domain, "axis": marks}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    layers: list[Picture] = [
        {
            "mark": {"type": "rule", "strokeWidth": 2.5},
            "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "point", "size": 75, "opacity": 1, "strokeWidth": 2},
            "encoding": {"x": x | {"field": "value"}, "color": colour, "fill": colour | {"field": "fill"}},
        },
    ]
    for layer in layers:
        layer["encoding"]["y"] = y | {"axis": NAMES}
    if scale.line is not None:
        rule = {"type": "rule", "color": ORANGE, "strokeDash": [5, 3], "strokeWidth": 2}
        layers.insert(0, {"data": {"values": [{}]}, "mark": rule, "encoding": {"x": {"datum": scale.line}}})
    return {"data": {"values": list(rows)}, "layer": layers, "width": WIDTH, "height": {"step": 31}}


def bars(key: str, title: Both, counts: Sequence[tuple[Both, float, bool]], heads: Sequence[Both]) -> Drawing:
    """Draw counts as bars with the number at the end; the third of each tells whether it is in the strong colour."""

    def draw(language: str) -> Picture:
        rows = [
            {"name": _broken(name[language]), "count": size, "text": words.number(size, language)}
            | {"colour": BLUE if good else GREY}
            for name, size, good in counts
            if size
        ]
        return _bars(rows)

    return drawing(key, title, draw, heads, [(name, words.count(size)) for name, size, _ in counts])


def _bars(rows: Sequence[Row]) -> Picture:
    sort = [row["name"] for row in rows]
    return {
        "data": {"values": list(rows)},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": sort, "title": None, "axis": NAMES},
            "x": {"field": "count", "type": "quantitative", "title": None, "axis": None},
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": 15},
                "encoding": {"color": {"field": "colour", "type": "nominal", "scale": None}},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": INK, "fontSize": 12},
                "encoding": {"text": {"field": "text"}},
            },
        ],
        "width": WIDTH - 30,
        "height": {"step": 31},
    }


def progress(key: str, title: Both, days: Sequence[Row]) -> Drawing:
    """Draw finished interviews, added up day by day; rows have `date` and `interviews`."""
    total, rows = 0, []
    for row in days:
        total += row["interviews"]
        rows.append({"day": row["date"].isoformat(), "interviews": total})

    def draw(language: str) -> Picture:
        months = [name[:3] for name in words.MONTHS[language]]
        label = f"utcdate(datum.value) + ' ' + {months}[utcmonth(datum.value)]"
        day = {"field": "day", "type": "temporal", "scale": {"type": "utc"}, "title": None}
        plain = {"tickCount": 4, "domain": False, "ticks": False}
        return {
            "data": {"values": rows},
            "mark": _area() | {"line": {"color": BLUE, "strokeWidth": 2}},
            "encoding": {
                "x": day | {"axis": {"labelExpr": label, "tickCount": 5, "grid": False}},
                "y": {"field": "interviews", "type": "quantitative", "title": None, "axis": plain},
            },
            "width": WIDTH + 130,
            "height": 170,
        }

    return drawing(key, title, draw)


def waiting(key: str, title: Both, months: Sequence[Row], heads: Sequence[Both]) -> Drawing:
    """Draw the share that has found work by month with its interval; rows have `months`, `survival`, `low`, `high`."""
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
        axis = {"values": [0, 3, 6, 12, 18, 24], "grid": False}
        scale = {"domain": [0, rows[-1]["months"]]}
        x = {"field": "months", "type": "quantitative", "title": None, "scale": scale, "axis": axis}
        shares = {"values": list(SHARES), "format": ".0%", "domain": False, "ticks": False}
        y = {"type": "quantitative", "title": None, "scale": {"domain": [0, 1]}, "axis": shares}
        line = {"type": "line", "color": BLUE, "strokeWidth": 2.5, "interpolate": "step-after"}
        return {
            "data": {"values": rows},
            "encoding": {"x": x},
            "layer": [
                {"mark": _area(), "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}}},
                {"mark": line, "encoding": {"y": y | {"field": "found"}}},
            ],
            "width": WIDTH + 120,
            "height": 200,
        }

    table = [
        (words.count(row["months"]), words.share(row["found"]), words.plain(_range(row))) for row in rows
    ]
    return drawing(key, title, draw, heads, table)


def _area() -> Picture:
    return {"type": "area", "color": BLUE, "opacity": 0.2, "interpolate": "step-after"}


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


def _svg(picture: Picture, prefix: str, title: str, description: str) -> str:
    """Render without size in pixels, named for screen readers, with ids of its own."""
    import vl_convert

    svg = str(vl_convert.vegalite_to_svg(picture | {"config": CONFIG}))
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
