"""Values the form writes itself: defaults, calculations, counts of repeats."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import TYPE_CHECKING

from tracer_etl.lint.evaluation import Sampled, evaluate, truth
from tracer_etl.lint.expressions import calls, everything, reference
from tracer_etl.lint.registry import rule
from tracer_etl.lint.survey import NUMBERS, SELECTS
from tracer_etl.logic.syntax import Binary, Call, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.logic.syntax import Node

_HUGE = 1_000_000.0
_ARITHMETIC = ("+", "-", "*", "div", "mod")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@rule(
    "TL220", "default-is-no-choice", "error",
    why="The question starts with an answer its own list does not have; checks refuse it later.",
    remedy="Use the name of a choice.",
)  # fmt: skip
def default_is_no_choice(survey: Survey) -> Iterator[Hit]:
    """Find defaults of selects that are no choice."""
    for item in _static_defaults(survey):
        values = survey.values(item)
        if values is None:
            continue
        given = [item.text("default")] if item.kind == "select_one" else item.text("default").split()
        for value in given:
            if value not in values:
                yield item.cell("default"), f"{item.name} has no choice {value!r} (list {item.list_name})"


@rule(
    "TL221", "default-breaks-constraint", "error",
    why="Who leaves the default untouched cannot finish the form.",
    remedy="Change the default or the constraint.",
)  # fmt: skip
def default_breaks_constraint(survey: Survey) -> Iterator[Hit]:
    """Find defaults the form's own constraint refuses."""
    for item in _static_defaults(survey):
        constraint = item.expressions.get("constraint")
        if constraint is None or constraint.tree is None:
            continue
        held = evaluate(
            constraint.tree,
            {(".", ""): _typed(item), (".", "string-length"): float(len(item.text("default")))},
        )
        if truth(held) is False:
            yield item.cell("default"), f"the constraint refuses the default {item.text('default')!r}"


@rule(
    "TL222", "default-of-another-type", "error",
    why="Clients drop it or refuse the form.",
    remedy="Write numbers as digits and dates as yyyy-mm-dd.",
)  # fmt: skip
def default_of_another_type(survey: Survey) -> Iterator[Hit]:
    """Find defaults that are no number, or no day there is."""
    for item in _static_defaults(survey):
        text = item.text("default")
        whole = re.fullmatch(r"-?\d+", text) is not None
        if item.kind == "integer" and not whole:
            yield item.cell("default"), f"{text!r} is no whole number"
        elif item.kind in ("decimal", "range") and math.isnan(_number(text)):
            yield item.cell("default"), f"{text!r} is no number"
        elif item.kind in ("date", "datetime") and not _is_day(text[:10]):
            yield item.cell("default"), f"{text!r} is no date (yyyy-mm-dd)"


@rule(
    "TL223", "impossible-date", "error",
    why="Web Forms stops with a RangeError; Collect takes it for another day or none.",
    remedy="Write a day that exists, as yyyy-mm-dd.",
)  # fmt: skip
def impossible_date(survey: Survey) -> Iterator[Hit]:
    """Find date('...') of days that do not exist."""
    for _, _, expression in survey.expressions:
        for call in calls(expression.tree, "date", "date-time", "decimal-date-time"):
            text = call.arguments[0] if call.arguments else None
            if (
                isinstance(text, Literal)
                and isinstance(text.value, str)
                and text.value
                and "${" not in text.value
            ) and not _is_day(text.value[:10]):
                yield expression.cell, f"{call.name}({text.value!r}) is no day"


@rule(
    "TL224", "repeat-count-is-no-number", "error",
    why="JavaRosa and Web Forms hang or run out of memory.",
    remedy="Count by an integer question with an upper bound, or by a calculate of type int.",
)  # fmt: skip
def repeat_count_is_no_number(survey: Survey) -> Iterator[Hit]:
    """Find repeats counted by something that is no number."""
    for item in survey.items:
        source = _count_source(survey, item)
        if source and source.kind in ("text", "date", "datetime", "time", "select_multiple", "note", "image"):
            yield (
                item.cell("repeat_count"),
                f"{item.name} is counted by {source.name}, which is {source.kind}",
            )


@rule(
    "TL225", "unbounded-repeat-count", "warning",
    why="A slip of the finger (200 for 20) makes hundreds of instances and the phone stops.",
    remedy="Give the counting question a constraint such as `. >= 0 and . <= 30`.",
)  # fmt: skip
def unbounded_repeat_count(survey: Survey) -> Iterator[Hit]:
    """Find repeats counted by a number without an upper bound."""
    for item in survey.items:
        source = _count_source(survey, item)
        if source and source.kind in ("integer", "decimal") and _unbounded(source):
            yield (
                item.cell("repeat_count"),
                f"{item.name} is counted by {source.name}, which has no upper bound",
            )


@rule(
    "TL226", "random-without-once", "warning",
    why="random() and uuid() give another value at every change, so the stored one is a matter of chance.",
    remedy="Wrap it: once(random()).",
)  # fmt: skip
def random_without_once(survey: Survey) -> Iterator[Hit]:
    """Find random() and uuid() in calculations without once()."""
    for item in survey.items:
        expression = item.expressions.get("calculation")
        if expression is None or item.text("trigger"):
            continue
        for call in _outside_once(expression.tree, "random", "uuid"):
            yield expression.cell, f"{call.name}() changes at every recalculation"


@rule(
    "TL227", "now-without-once", "note",
    why="The value moves whenever the form is opened again, also months later in an edit.",
    remedy="Wrap it in once(), or give the calculation a trigger.",
)  # fmt: skip
def now_without_once(survey: Survey) -> Iterator[Hit]:
    """Find calculations that are nothing but the present."""
    for item in survey.items:
        expression = item.expressions.get("calculation")
        if expression is None or item.text("trigger"):
            continue
        if any(_outside_once(expression.tree, "now", "today")):
            yield expression.cell, f"{item.name} changes when the form is opened again"


@rule(
    "TL228", "arithmetic-with-text", "error",
    why="XPath adds numbers only: the result is NaN.",
    remedy="Join texts by concat().",
)  # fmt: skip
def arithmetic_with_text(survey: Survey) -> Iterator[Hit]:
    """Find + - * div mod with a text in quotes or a text question."""
    for _, _, expression in survey.expressions:
        for node in everything(expression.tree):
            if isinstance(node, Binary) and node.operator in _ARITHMETIC:
                for side in (node.left, node.right):
                    if (
                        isinstance(side, Literal)
                        and isinstance(side.value, str)
                        and math.isnan(_number(side.value))
                    ):
                        yield expression.cell, f"{side.value!r} is no number for `{node.operator}`"


@rule(
    "TL229", "constant-calculation", "note",
    why="A calculation without a reference is the same in every interview.",
    remedy="Refer to a question, or use a hidden question with a default.",
)  # fmt: skip
def constant_calculation(survey: Survey) -> Iterator[Hit]:
    """Find calculations without any reference that look like one was forgotten."""
    for item in survey.items:
        expression = item.expressions.get("calculation")
        if expression is None or not isinstance(expression.tree, Binary):
            continue
        if expression.tree.operator in _ARITHMETIC and all(
            isinstance(node, Literal | Binary) for node in everything(expression.tree)
        ):
            yield expression.cell, f"{item.name} is the same in every interview"


@rule(
    "TL230", "range-step-misses-end", "warning",
    why="The last value the scale shows cannot be chosen, or clients round differently.",
    remedy="Choose start, end and step so that end = start + n * step.",
)  # fmt: skip
def range_step_misses_end(survey: Survey) -> Iterator[Hit]:
    """Find ranges whose steps do not meet their end."""
    for item in survey.questions:
        if item.kind != "range":
            continue
        start, end, step = (_number(item.parameters().get(key, default)) for key, default in
                            (("start", "1"), ("end", "10"), ("step", "1")))  # fmt: skip
        steps = (end - start) / step if step else math.nan
        if not (steps > 0 and abs(steps - round(steps)) < 1e-6):  # noqa: PLR2004 - rounding of decimals
            yield item.cell("parameters"), f"from {start:g} by {step:g} one never comes to {end:g}"


# -- what they share


def count_sources(survey: Survey) -> Iterator[Item]:
    """List the questions that count repeats."""
    for item in survey.items:
        source = _count_source(survey, item)
        if source:
            yield source


def _static_defaults(survey: Survey) -> Iterator[Item]:
    for item in survey.questions:
        if item.text("default") and "default" not in item.expressions:
            yield item


def _typed(item: Item) -> Sampled | str | float:
    text = item.text("default")
    if item.kind in ("date", "datetime") and _is_day(text[:10]):
        return float((date.fromisoformat(text[:10]) - date(1970, 1, 1)).days)
    number = _number(text)
    return text if item.kind in SELECTS or math.isnan(number) or item.kind not in NUMBERS else number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _is_day(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _count_source(survey: Survey, item: Item) -> Item | None:
    """Find the question a repeat is counted by, if it is one question or a plain copy of it."""
    expression = item.expressions.get("repeat_count") if item.kind == "repeat" else None
    for _ in range(5):  # a copy of a copy
        source = survey.find(_copied(expression.tree)) if expression and expression.tree else None
        if source is None or source.kind != "calculate":
            return source
        expression = source.expressions.get("calculation")
    return None


def _copied(tree: Node) -> str:
    match tree:
        case Call("int" | "number" | "string" | "round", (inner,)):
            return _copied(inner)
        case _:
            return reference(tree)


def _unbounded(item: Item) -> bool:
    constraint = item.expressions.get("constraint")
    if constraint is None:
        return True
    return (
        constraint.tree is not None and truth(evaluate(constraint.tree, {(".", ""): Sampled(_HUGE)})) is True
    )


def _outside_once(tree: Node | None, *names: str) -> Iterator[Call]:
    kept = {id(inner) for call in calls(tree, "once") for inner in everything(call)}
    yield from (call for call in calls(tree, *names) if id(call) not in kept)
