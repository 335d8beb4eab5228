"""Portability: what Collect, Web Forms and Enketo do differently, or do not do."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tracer_etl.lint.appearances import (
    ANY_TYPE,
    APPEARANCES,
    CALENDARS,
    HEADERS,
    KNOWN_WORDS,
    PARAMETERS,
    SETTINGS,
)
from tracer_etl.lint.evaluation import Sampled, evaluate, truth
from tracer_etl.lint.expressions import REFERENCE, calls, everything, reference
from tracer_etl.lint.registry import rule
from tracer_etl.logic.syntax import Binary, Call, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.lint.workbook import Cell
    from tracer_etl.logic.syntax import Node

_NINE_DIGITS = 999_999_999
_NUMBERED = {"nik", "ktp", "kk", "hp", "phone", "telp", "telepon", "tel", "telephone", "mobile", "wa", "whatsapp",
             "npwp", "bpjs", "rekening", "cell", "cellphone", "passport", "imei", "barcode"}  # fmt: skip
_GRID_LETTERS, _GRID_CHOICES = 12, 5


@rule(
    "TL601", "date-function-on-a-date", "warning",
    why="ODK Web Forms 0.22 refuses to load a form with decimal-date-time(${date}) or date(${date}).",
    remedy="Write decimal-date-time(string(${d})), or for an age int((today() - ${d}) div 365.25).",
)  # fmt: skip
def date_function_on_a_date(survey: Survey) -> Iterator[Hit]:
    """Find decimal-date-time() and date() on a question that is a date already."""
    for item, _, expression in survey.expressions:
        for call in calls(expression.tree, "decimal-date-time", "date"):
            name = reference(call.arguments[0]) if call.arguments else ""
            target = survey.find(name) if name else None
            if target and target.kind in ("date", "datetime", "today", "start", "end") and item:
                yield expression.cell, f"{call.name}(${{{name}}}) on a {target.kind}"


@rule(
    "TL602", "unknown-appearance", "warning",
    why="Clients ignore what they do not know, so the question looks otherwise than meant.",
    remedy="Correct the word.",
)  # fmt: skip
def unknown_appearance(survey: Survey) -> Iterator[Hit]:
    """Find appearances no client knows."""
    for item in survey.items:
        for word in item.appearances:
            if not _is_known(word):
                close = difflib.get_close_matches(word, sorted(KNOWN_WORDS), 1, 0.7)
                yield (
                    item.cell("appearance"),
                    f"no client knows {word!r}{f'; is it {close[0]}?' if close else ''}",
                )


@rule(
    "TL603", "appearance-of-another-type", "warning",
    why="The appearance belongs to another type of question and does nothing here.",
    remedy="Take it away, or change the type.",
)  # fmt: skip
def appearance_of_another_type(survey: Survey) -> Iterator[Hit]:
    """Find appearances that do not go with the type."""
    for item in survey.items:
        fits = APPEARANCES.get(item.kind)
        for word in item.appearances if fits is not None else ():
            base = word.partition("(")[0].partition(":")[0]
            if _is_known(word) and fits is not None and base not in fits | ANY_TYPE and not _by_prefix(word):
                yield item.cell("appearance"), f"{word!r} does not go with {item.kind}"


@rule(
    "TL604", "collect-only", "note",
    why="Web Forms (and Central's browser links) do not do this; the question is plain or missing there.",
    remedy="Fine if everybody uses Collect; else offer another way.",
)  # fmt: skip
def collect_only(survey: Survey) -> Iterator[Hit]:
    """Find what only Collect can do, once per feature."""
    seen: set[str] = set()
    for item in survey.items:
        for feature, cell in _collect_features(item):
            if feature not in seen:
                seen.add(feature)
                yield cell, f"{feature} works in Collect only"


@rule(
    "TL605", "number-before-answer", "note",
    why="Before the answer Web Forms and Enketo show NaN, Collect nothing; checks see the difference.",
    remedy="Wrap it: if(${x}='', '', ...).",
)  # fmt: skip
def number_before_answer(survey: Survey) -> Iterator[Hit]:
    """Find shown calculations with arithmetic on answers that may be blank."""
    shown = _shown_names(survey)
    for item in survey.questions:
        expression = item.expressions.get("calculation")
        if (
            expression is None
            or item.name not in shown
            or any(calls(expression.tree, "if", "coalesce", "sum", "count"))
        ):
            continue
        names = [name for name in _added(expression.tree) if (other := survey.find(name)) and other.answered]
        if names:
            yield expression.cell, f"{item.name} is NaN until {names[0]} is answered"


@rule(
    "TL606", "integer-beyond-nine-digits", "warning",
    why="Collect's integer field takes at most nine digits: a larger answer cannot be typed.",
    remedy="Use text with appearance numbers (identifiers) or decimal (amounts).",
)  # fmt: skip
def integer_beyond_nine_digits(survey: Survey) -> Iterator[Hit]:
    """Find integers whose constraint allows ten digits or more."""
    for item in survey.questions:
        constraint = item.expressions.get("constraint") if item.kind == "integer" else None
        for node in everything(constraint.tree if constraint else None):
            if isinstance(node, Literal) and isinstance(node.value, float) and node.value > _NINE_DIGITS + 1:
                yield (
                    item.cell("constraint"),
                    f"{item.name} allows {node.value:.0f}, and Collect takes nine digits",
                )
                break


@rule(
    "TL607", "identifier-as-number", "warning",
    why="As a number it loses leading zeros, and Collect takes nine digits only.",
    remedy="Use type text with appearance numbers.",
)  # fmt: skip
def identifier_as_number(survey: Survey) -> Iterator[Hit]:
    """Find phone numbers and identity numbers that are integers."""
    for item in survey.questions:
        words = set(item.name.lower().replace("-", "_").split("_"))
        counted = words & {
            "n",
            "num",
            "count",
            "jumlah",
            "total",
            "many",
            "has",
            "have",
            "owned",
            "price",
            "cost",
        }
        if item.kind in ("integer", "decimal") and words & _NUMBERED and not counted and not _small(item):
            yield item.cell("type"), f"{item.name} looks like a number nobody calculates with"


@rule(
    "TL608", "field-list-around-repeat", "warning",
    why="Collect cannot show a repeat on one screen with other questions.",
    remedy="Put field-list on a group inside the repeat.",
)  # fmt: skip
def field_list_around_repeat(survey: Survey) -> Iterator[Hit]:
    """Find repeats inside a group shown on one screen."""
    for item in survey.items:
        if item.kind != "repeat":
            continue
        for parent in item.parents:
            if parent.kind == "group" and {"field-list", "table-list"} & set(parent.appearances):
                yield (
                    parent.cell("appearance"),
                    f"{parent.name} is one screen and holds the repeat {item.name}",
                )


@rule(
    "TL609", "pulldata", "note",
    why="pulldata() is a function of its own in each client; instance() is plain XPath and lint can follow it.",
    remedy="Write instance('file')/root/item[key = ${x}]/column.",
)  # fmt: skip
def pulldata_used(survey: Survey) -> Iterator[Hit]:
    """Find the first use of pulldata()."""
    for _, _, expression in survey.expressions:
        if any(calls(expression.tree, "pulldata")):
            yield expression.cell, "pulldata() where instance() would do"
            return


@rule(
    "TL610", "mistyped-header", "warning",
    why="pyxform ignores a column it does not know: all of its logic is lost without a word.",
    remedy="Correct the header.",
)  # fmt: skip
def mistyped_header(survey: Survey) -> Iterator[Hit]:
    """Find headers that are nearly those of XLSForm."""
    for title, known in (("survey", HEADERS), ("settings", SETTINGS)):
        for name, cell in survey.book.sheet(title).headers.items():
            base = name.partition("::")[0]
            close = difflib.get_close_matches(base, sorted(known), 1, 0.82)
            if base not in known and close and close[0] not in survey.book.sheet(title).headers:
                yield cell, f"{cell.text!r} is no column of XLSForm; is it {close[0]}?"


@rule(
    "TL611", "unknown-parameter", "warning",
    why="An unknown parameter is ignored, or refused by pyxform.",
    remedy="Correct the word.",
)  # fmt: skip
def unknown_parameter(survey: Survey) -> Iterator[Hit]:
    """Find parameters the type does not have."""
    for item in survey.questions:
        for key in item.parameters():
            if key not in PARAMETERS.get(item.kind, frozenset(item.parameters())):
                yield item.cell("parameters"), f"{item.kind} has no parameter {key}"


@rule(
    "TL612", "crowded-grid", "note",
    why="On a phone in Enketo a grid of five columns stacks the letters of long labels.",
    remedy="Shorten the labels, or use likert or a plain list.",
)  # fmt: skip
def crowded_grid(survey: Survey) -> Iterator[Hit]:
    """Find grids whose columns are too many and too long for a phone."""
    for item in survey.items:
        words = set(item.appearances)
        rows = survey.lists.get(item.list_name, ()) if "label" in words else ()
        longest = max((len(c.text) for row in rows for c in row.translations("label").values()), default=0)
        if len(rows) >= _GRID_CHOICES and longest > _GRID_LETTERS:
            yield item.cell("appearance"), f"{len(rows)} columns with labels of up to {longest} letters"


@rule(
    "TL613", "date-time-as-text", "note",
    why="concat() of a date-time gives the day in Collect and the whole moment in Web Forms.",
    remedy="Wrap it in format-date-time(..., '%Y-%m-%d %H:%M').",
)  # fmt: skip
def date_time_as_text(survey: Survey) -> Iterator[Hit]:
    """Find date-times joined to texts."""
    for _, _, expression in survey.expressions:
        for call in calls(expression.tree, "concat", "join"):
            for name in filter(None, map(reference, call.arguments)):
                other = survey.find(name)
                if (
                    other
                    and other.kind in ("datetime", "start", "end")
                    and "=''" not in expression.text.replace(" ", "")
                ):
                    yield expression.cell, f"{name} is a date-time inside {call.name}()"


@rule(
    "TL614", "logic-nobody-checks", "warning",
    why="Clients check constraints and `required` only on what is asked.",
    remedy="Check it on the question the value comes from.",
)  # fmt: skip
def logic_nobody_checks(survey: Survey) -> Iterator[Hit]:
    """Find constraints on calculations and hidden values, and repeat counts outside repeats."""
    for item in survey.items:
        if item.kind in ("calculate", "hidden", "note") and item.text("constraint"):
            yield item.cell("constraint"), f"nobody checks the constraint of a {item.kind}"
        if item.text("repeat_count") and item.kind != "repeat":
            yield item.cell("repeat_count"), f"{item.name} is no repeat"


# -- what they share


def _is_known(word: str) -> bool:
    return word.partition("(")[0].partition(":")[0] in KNOWN_WORDS or _by_prefix(word)


def _by_prefix(word: str) -> bool:
    """Tell words with a number or a programme behind them."""
    head, _, rest = word.partition("-")
    return (
        word.startswith(("ex:", "bearing", "printer:", "intent:", "custom", "my-"))
        or (head in ("columns", "compact", "quickcompact") and rest.isdigit())
        or (word[:1] == "w" and word[1:].isdigit())
    )


def _collect_features(item: Item) -> Iterator[tuple[str, Cell]]:
    if item.kind in ("audit", "background-audio", "barcode"):
        yield item.kind, item.cell("type")
    for word in item.appearances:
        base = word.partition("(")[0].partition(":")[0]
        if base in {"signature", "draw", "annotate", "quick", "counter", "printer", "image-map", "search", "picker",
                    "ex"} | CALENDARS:  # fmt: skip
            yield base, item.cell("appearance")
    for expression in item.expressions.values():
        if "${last-saved#" in expression.text:
            yield "last-saved", expression.cell
        if any(calls(expression.tree, "intersects", "geofence")):
            yield "intersects()", expression.cell


def _shown_names(survey: Survey) -> set[str]:
    """List the names that texts on the screen show."""
    texts = [cell.text for item in survey.items for part in ("label", "hint")
             for cell in item.row.translations(part).values()]  # fmt: skip
    return {name for text in texts for name in REFERENCE.findall(text)}


def _added(tree: Node | None) -> Iterator[str]:
    for node in everything(tree):
        if isinstance(node, Binary) and node.operator in ("+", "-", "*", "div", "mod"):
            yield from filter(None, (reference(side) for side in (node.left, node.right)))


def _small(item: Item) -> bool:
    """Tell a number whose constraint keeps it below a thousand: no identifier."""
    constraint = item.expressions.get("constraint")
    if constraint is None or constraint.tree is None:
        return False
    return truth(evaluate(constraint.tree, {(".", ""): Sampled(1000.0)})) is False and not any(
        isinstance(node, Call) and node.name in ("regex", "string-length")
        for node in everything(constraint.tree)
    )
