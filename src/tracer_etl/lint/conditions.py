"""Conditions: comparisons that cannot come true, questions nobody sees, constraints nobody can meet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.lint.expressions import SELF, calls, comparisons, reference
from tracer_etl.lint.reasoning import always, implied, never, outcomes, relevance
from tracer_etl.lint.registry import rule
from tracer_etl.logic.syntax import Binary, Call, Literal, Negate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.expressions import Expression
    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.logic.syntax import Node

_ORDER = ("<", "<=", ">", ">=")
_DATES = ("date", "datetime", "today", "start", "end")


@rule(
    "TL201", "no-such-choice", "error",
    why="The comparison never comes true, so a question stays hidden or an answer is refused for ever.",
    remedy="Compare with the name of a choice of that list (the name, not the label).",
)  # fmt: skip
def no_such_choice(survey: Survey) -> Iterator[Hit]:
    """Find comparisons with a choice the list does not have."""
    for item, _, expression in survey.expressions:
        for operator, left, right in comparisons(expression.tree):
            target = _target(survey, item, left)
            values = survey.values(target) if target else None
            text = _constant(right)
            if (
                target
                and values is not None
                and text
                and not _among(text, values, _as_number(operator, right))
            ):
                yield expression.cell, f"{target.name} has no choice {text!r} (list {target.list_name})"


@rule(
    "TL202", "wrong-type-of-comparison", "error",
    why="A number is compared with letters, or a date with a text: it never comes true.",
    remedy="Compare numbers with numbers, and dates with date('2026-01-31').",
)  # fmt: skip
def wrong_type_of_comparison(survey: Survey) -> Iterator[Hit]:
    """Find numbers compared with words and dates compared with quoted dates."""
    for item, _, expression in survey.expressions:
        for operator, left, right in comparisons(expression.tree):
            target = _target(survey, item, left)
            text = right.value if isinstance(right, Literal) else None
            if not target or not isinstance(text, str) or not text or operator == "selected":
                continue
            if target.kind in ("integer", "decimal", "range") and not _is_number(text):
                yield expression.cell, f"{target.name} is a number and is compared with {text!r}"
            elif target.kind in _DATES and operator in _ORDER:
                yield expression.cell, f"{target.name} is a date and {text!r} a text: write date({text!r})"


@rule(
    "TL203", "never-relevant", "error",
    why="Nobody ever sees the question; if it is required, everybody believes it is asked.",
    remedy="Mend the condition, or delete the question.",
)  # fmt: skip
def never_relevant(survey: Survey) -> Iterator[Hit]:
    """Find relevants that can never hold by themselves."""
    for item, expression in _with(survey, "relevant"):
        if expression.tree is None or _switched_off(expression.tree):
            continue
        if never(survey, [expression.tree], item):
            yield expression.cell, f"{item.name} can never be shown{_required(item)}"


@rule(
    "TL204", "unreachable-question", "error",
    why="Its own condition and those of its groups, or of the questions it leans on, exclude each other.",
    remedy="Mend the condition, or move the question to where it can be asked.",
)  # fmt: skip
def unreachable_question(survey: Survey) -> Iterator[Hit]:
    """Find questions whose conditions contradict those of their groups or of what they refer to."""
    for item, expression in _with(survey, "relevant"):
        if expression.tree is None or never(survey, [expression.tree], item):
            continue
        around = relevance(item)
        if len(around) > 1 and never(survey, around, item):
            yield expression.cell, f"{item.name} can never be shown inside its group{_required(item)}"
        elif (leaning := implied(survey, around)) and never(survey, [*around, *leaning], item):
            yield expression.cell, f"{item.name} can never be shown: what it refers to is hidden then"


@rule(
    "TL205", "impossible-constraint", "error",
    why="Every answer is refused: on a required question the interview ends here.",
    remedy="Correct the bounds.",
)  # fmt: skip
def impossible_constraint(survey: Survey) -> Iterator[Hit]:
    """Find constraints no answer meets."""
    for item, expression in _with(survey, "constraint"):
        if expression.tree is not None and never(survey, [expression.tree], item):
            end = ": a dead end, since it is required" if item.required else ""
            yield expression.cell, f"no answer to {item.name} meets the constraint{end}"


@rule(
    "TL206", "constraint-without-effect", "warning",
    why="It looks like a check and checks nothing.",
    remedy="Use `and` between two bounds, not `or`; or delete it.",
)  # fmt: skip
def constraint_without_effect(survey: Survey) -> Iterator[Hit]:
    """Find constraints every answer meets."""
    for item, expression in _with(survey, "constraint"):
        if expression.tree is not None and _asks(expression.tree) and always(survey, [expression.tree], item):
            yield expression.cell, f"every answer to {item.name} meets the constraint"


@rule(
    "TL207", "always-relevant", "warning",
    why="It looks like a skip and skips nothing.",
    remedy="Use `and` instead of `or` between two `!=`; or delete it.",
)  # fmt: skip
def always_relevant(survey: Survey) -> Iterator[Hit]:
    """Find relevants that always hold."""
    for item, expression in _with(survey, "relevant"):
        if expression.tree is not None and _asks(expression.tree) and always(survey, [expression.tree], item):
            yield expression.cell, f"{item.name} is always shown"


@rule(
    "TL208", "required-and-unanswerable", "error",
    why="The interview cannot be finished: an answer is demanded where none can be given.",
    remedy="Take `required` away, or `readonly`.",
)  # fmt: skip
def required_and_unanswerable(survey: Survey) -> Iterator[Hit]:
    """Find required notes and required read-only questions that nothing fills."""
    for item in survey.questions:
        filled = item.text("calculation") or item.text("default") or item.text("trigger")
        if (
            item.required
            and not filled
            and (item.kind == "note" or (item.read_only and item.kind != "calculate"))
        ):
            yield item.cell("required"), f"{item.name} is required and nobody can answer it"


@rule(
    "TL209", "equals-on-select-multiple", "warning",
    why="`=` holds only when this is the one choice selected; with a second one it fails.",
    remedy="Use selected(${x}, 'choice').",
)  # fmt: skip
def equals_on_select_multiple(survey: Survey) -> Iterator[Hit]:
    """Find = and != between a select_multiple and a choice."""
    for item, _, expression in survey.expressions:
        for operator, left, right in comparisons(expression.tree):
            target = _target(survey, item, left)
            if target and target.kind == "select_multiple" and operator in ("=", "!=") and _constant(right):
                yield expression.cell, f"{target.name} may hold several choices: use selected()"


@rule(
    "TL210", "holds-while-unanswered", "note",
    why="`!=` is true as long as the question is blank, so the next one shows too early or for all who skipped.",
    remedy="Add `${x} != '' and`.",
)  # fmt: skip
def holds_while_unanswered(survey: Survey) -> Iterator[Hit]:
    """Find relevants with != that hold while the question they lean on is blank."""
    for item, expression in _with(survey, "relevant"):
        if expression.tree is None:
            continue
        for name in _unequal(expression.tree):
            other = survey.find(name)
            if other is None or _surely_answered(other, item):
                continue
            if True in outcomes(survey, relevance(item), item, {(name, ""): ("",)}):
                yield expression.cell, f"{item.name} is shown while {name} is blank"


@rule(
    "TL211", "regex-java-refuses", "error",
    why="Collect crashes with a PatternSyntaxException while the enumerator types.",
    remedy="Correct the pattern; a backslash is written once.",
)  # fmt: skip
def regex_java_refuses(survey: Survey) -> Iterator[Hit]:
    """Find patterns no engine can compile."""
    for _, _, expression in survey.expressions:
        for pattern in _patterns(expression.tree):
            problem = _refused(pattern)
            if problem:
                yield expression.cell, f"the pattern {pattern!r} is refused: {problem}"


@rule(
    "TL212", "regex-without-anchors", "warning",
    why="Collect wants the whole answer to fit, Enketo and Web Forms any part of it.",
    remedy="Write ^(...)$ around the pattern.",
)  # fmt: skip
def regex_without_anchors(survey: Survey) -> Iterator[Hit]:
    """Find patterns that clients read differently."""
    for _, _, expression in survey.expressions:
        for pattern in _patterns(expression.tree):
            if not _refused(pattern) and not _anchored(pattern):
                yield expression.cell, f"the pattern {pattern!r} is not anchored at both ends"


@rule(
    "TL213", "relevant-looks-ahead", "note",
    why="The question is asked further down: this one shows only after going back.",
    remedy="Ask the other question first.",
)  # fmt: skip
def relevant_looks_ahead(survey: Survey) -> Iterator[Hit]:
    """Find relevants and choice filters that lean on a later question."""
    for item, column, expression in survey.expressions:
        if (
            item is None
            or column not in ("relevant", "choice_filter")
            or not (item.answered or item.is_group)
        ):
            continue
        for name in expression.references():
            other = survey.find(name)
            if other and other.order > item.order and other.answered:
                yield expression.cell, f"{item.name} leans on {name}, which is asked later"


@rule(
    "TL214", "today-in-constraint", "warning",
    why="Constraints are checked again when the form is finalized or edited: tomorrow `. = today()` fails.",
    remedy="Compare with <= today(), or ask for a `today` question once.",
)  # fmt: skip
def today_in_constraint(survey: Survey) -> Iterator[Hit]:
    """Find constraints that hold on one day only."""
    for _, expression in _with(survey, "constraint"):
        for operator, left, right in comparisons(expression.tree):
            if (
                operator == "="
                and left == SELF
                and isinstance(right, Call)
                and right.name in ("today", "now")
            ):
                yield expression.cell, f"the answer must be {right.name}() whenever it is checked"


@rule(
    "TL215", "switched-off", "note",
    why="The question is never shown, whatever is answered; its column stays empty.",
    remedy="Fine while trying things out; else delete it, or write the condition that was meant.",
)  # fmt: skip
def switched_off(survey: Survey) -> Iterator[Hit]:
    """Find relevants that are plain false() or 0."""
    for item, expression in _with(survey, "relevant"):
        if expression.tree is not None and _switched_off(expression.tree):
            yield expression.cell, f"{item.name} is switched off"


# -- what they share


def _with(survey: Survey, column: str) -> Iterator[tuple[Item, Expression]]:
    for item in survey.items:
        expression = item.expressions.get(column)
        if expression is not None:
            yield item, expression


def _target(survey: Survey, item: Item | None, node: Node) -> Item | None:
    if node == SELF:
        return item
    return survey.find(reference(node)) if reference(node) else None


def _constant(node: Node) -> str:
    match node:
        case Literal(str(text)):
            return text
        case Literal(number):
            return str(int(number)) if float(number).is_integer() else str(number)
        case Negate(Literal(float(number))):
            return f"-{number:g}"
        case _:
            return ""


def _as_number(operator: str, right: Node) -> bool:
    """Tell whether a comparison is one of numbers: 1 equals the choice 01, and '1' does not."""
    return operator != "selected" and not (isinstance(right, Literal) and isinstance(right.value, str))


def _among(text: str, values: tuple[str, ...], numeric: bool) -> bool:
    if text in values or "${" in text or "%(" in text:  # the loops of old forms write %(name)s
        return True
    return numeric and _is_number(text) and any(_is_number(v) and float(v) == float(text) for v in values)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\s*-?(\d+(\.\d*)?|\.\d+)\s*", text) is not None


def _switched_off(tree: Node) -> bool:
    return tree in (Call("false", ()), Literal(0.0))


def _required(item: Item) -> str:
    return ", although it is required" if item.required else ""


def _asks(tree: Node) -> bool:
    """Tell a condition that compares something from a plain true() or 1."""
    return any(True for _ in comparisons(tree))


def _unequal(tree: Node) -> list[str]:
    """List the questions compared by != with something that is not empty."""
    pairs = ((op, reference(left), right) for op, left, right in comparisons(tree))
    names = [name for op, name, right in pairs if op == "!=" and name and right != Literal("")]
    negated = [
        reference(inner.left)
        for call in calls(tree, "not")
        for inner in call.arguments
        if isinstance(inner, Binary) and inner.operator == "=" and inner.right != Literal("")
    ]
    return list(dict.fromkeys([*names, *filter(None, negated)]))


def _surely_answered(other: Item, item: Item) -> bool:
    """Tell whether whoever comes to the item has answered the other, or could not."""
    shared = other.parents == item.parents[: len(other.parents)]
    return not other.answered or (other.required and other.order < item.order and shared)


def _patterns(tree: Node | None) -> Iterator[str]:
    for call in calls(tree, "regex"):
        match call.arguments:
            case (_, Literal(str(pattern))) if pattern:
                yield pattern


def _refused(pattern: str) -> str:
    # Java's possessive quantifiers and classes are also Python's, but for \p{...} and \z.
    plain = re.sub(r"\\[pP]\{\w+\}", "x", pattern).replace(r"\z", r"\Z")
    try:
        re.compile(plain)
    except re.error as error:
        return str(error)
    return ""


def _anchored(pattern: str) -> bool:
    starts = pattern.startswith(("^", ".*"))
    if not (starts and pattern.endswith(("$", ".*")) and not pattern.endswith((r"\$", r"\.*"))):
        return False
    depth = 0
    for sign in re.sub(r"\\.|\[[^\]]*\]", "", pattern):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            return False
    return True
