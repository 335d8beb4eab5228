"""References and syntax: what pyxform lets through and an engine stumbles over."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from tracer_etl.lint.expressions import REFERENCE, SMART, bare, calls, everything, parts, reference
from tracer_etl.lint.functions import FUNCTIONS
from tracer_etl.lint.registry import rule
from tracer_etl.lint.workbook import Cell
from tracer_etl.logic.syntax import Call, Literal, Path, Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.logic.syntax import Node

_TEXTS = ("label", "hint", "guidance_hint", "constraint_message", "required_message")
_FOREIGN = {
    "==": "=", "&&": "and", "||": "or", "<>": "!=", "=>": ">=", "=<": "<=",
    "AND": "and", "OR": "or", "And": "and", "Or": "or", "NOT": "not", "DIV": "div", "MOD": "mod",
}  # fmt: skip
_FOREIGN_SIGN = re.compile(r"==|&&|\|\||<>|=>|=<|\b(?:AND|OR|And|Or|DIV|MOD)\b|\bNOT\b(?=\s*\()")
_AGGREGATES = (
    "sum", "count", "max", "min", "join", "count-non-empty", "indexed-repeat", "position", "once", "concat",
    "area", "distance", "enclosed-area", "jr:choice-name", "string", "boolean", "randomize", "checklist",
)  # fmt: skip


@rule(
    "TL101", "does-not-compile", "error",
    why="No server takes the form, and nothing after this stage can read it.",
    remedy="Correct the row that pyxform names.",
)  # fmt: skip
def does_not_compile(survey: Survey) -> Iterator[Hit]:
    """Pass on what stopped pyxform."""
    if survey.error is None:
        return
    sheet = re.search(r"sheet (\w+)", survey.error.where)
    row = re.search(r"row (\d+)", survey.error.where)
    yield Cell(sheet[1] if sheet else "survey" if row else "", int(row[1]) if row else 0), survey.error.what


@rule(
    "TL102", "unknown-reference", "error",
    why="pyxform refuses the form, or the text shows an empty place.",
    remedy="Correct the name in ${...}; names are case-sensitive.",
)  # fmt: skip
def unknown_reference(survey: Survey) -> Iterator[Hit]:
    """Find ${names} that no row has."""
    known = set(survey.by_name)
    for cell in _referring(survey):
        for name in dict.fromkeys(REFERENCE.findall(cell.text)):
            if name.removeprefix("last-saved#") not in known:
                yield cell, f"${{{name}}} is no question{_like(name, known)}"


@rule(
    "TL103", "curly-quotes", "warning",
    why="pyxform straightens them; Kobo's formbuilder, Excel and other converters do not, so that the"
    " comparison silently fails there.",
    remedy="Type straight quotes, and turn off the spreadsheet's autocorrection.",
)  # fmt: skip
def curly_quotes(survey: Survey) -> Iterator[Hit]:
    """Find typographic quotes in logic."""
    for _, _, expression in survey.expressions:
        if any(sign in expression.cell.text for sign in SMART):
            yield expression.cell, "typographic quotes in an expression"


@rule(
    "TL104", "broken-expression", "error",
    why="pyxform passes it on; ODK Validate and Collect refuse the form.",
    remedy="Balance brackets and quotes, and put an operator between two values.",
)  # fmt: skip
def broken_expression(survey: Survey) -> Iterator[Hit]:
    """Find what is no XPath."""
    for _, column, expression in survey.expressions:
        problem = _unbalanced(expression.text) or expression.problem
        if problem and column != "default" and not _FOREIGN_SIGN.search(bare(expression.text)):
            yield expression.cell, f"not an expression: {problem}"


@rule(
    "TL105", "foreign-operator", "error",
    why="XPath has no such operator: Collect refuses the form.",
    remedy="Write =, !=, >=, <=, and, or, not() in lower case.",
)  # fmt: skip
def foreign_operator(survey: Survey) -> Iterator[Hit]:
    """Find operators of other languages."""
    for _, _, expression in survey.expressions:
        match = _FOREIGN_SIGN.search(bare(REFERENCE.sub("", expression.text)))
        if match:
            yield expression.cell, f"{match[0]} is no operator here: write {_FOREIGN[match[0]]}"


@rule(
    "TL106", "unknown-function", "error",
    why="Collect stops at the question, or refuses the form.",
    remedy="Use a function of the ODK XForms specification; names are case-sensitive.",
)  # fmt: skip
def unknown_function(survey: Survey) -> Iterator[Hit]:
    """Find functions no client of ODK has."""
    for _, _, expression in survey.expressions:
        for call in _all_calls(expression.tree):
            if call.name not in FUNCTIONS:
                yield expression.cell, f"there is no function {call.name}(){_like(call.name, set(FUNCTIONS))}"


@rule(
    "TL107", "wrong-number-of-arguments", "error",
    why="Collect stops at the question, or refuses the form.",
    remedy="Give the function the arguments the specification lists.",
)  # fmt: skip
def wrong_number_of_arguments(survey: Survey) -> Iterator[Hit]:
    """Count the arguments of every function."""
    for _, _, expression in survey.expressions:
        for call in _all_calls(expression.tree):
            least, most = FUNCTIONS.get(call.name, (0, None))
            given = len(call.arguments)
            if given < least or (most is not None and given > most):
                wanted = (
                    str(least)
                    if least == most
                    else f"{least} or more"
                    if most is None
                    else f"{least} to {most}"
                )
                yield expression.cell, f"{call.name}() takes {wanted} arguments, not {given}"


@rule(
    "TL108", "cycle", "error",
    why="JavaRosa refuses a form whose logic depends on itself.",
    remedy="Break the circle; keep an old value with once().",
)  # fmt: skip
def cycle(survey: Survey) -> Iterator[Hit]:
    """Find relevants and calculations that depend on themselves."""
    uses = {item.name: _uses(survey, item) for item in survey.items if item.name}
    for item in survey.items:
        cell = item.cell("calculation") or item.cell("relevant")
        if item.name in _reachable(uses, item.name) and survey.find(item.name) is item:
            yield cell, f"{item.name} depends on itself"


@rule(
    "TL109", "ambiguous-reference", "error",
    why="pyxform cannot know which of the two is meant.",
    remedy="Give every question a name of its own.",
)  # fmt: skip
def ambiguous_reference(survey: Survey) -> Iterator[Hit]:
    """Find ${names} that several questions have."""
    for cell in _referring(survey):
        for name in dict.fromkeys(REFERENCE.findall(cell.text)):
            found = survey.by_name.get(name, ())
            if len(found) > 1:
                rows = ", ".join(str(item.row.number) for item in found)
                yield cell, f"${{{name}}} may be the question of row {rows}"


@rule(
    "TL110", "name-without-braces", "error",
    why="A bare word is a child of the question itself, which has none: it is always empty.",
    remedy="Write ${name}.",
)  # fmt: skip
def name_without_braces(survey: Survey) -> Iterator[Hit]:
    """Find question names without ${}."""
    for item, column, expression in survey.expressions:
        if item is None or column in ("choice_filter", "default"):
            continue
        for name in _bare_names(expression.tree):
            if name in survey.by_name:
                yield expression.cell, f"{name} stands without ${{}}"


@rule(
    "TL111", "reference-in-quotes", "error",
    why="In quotes it is a text that never changes, not the answer.",
    remedy="Take the quotes away: ${name}, not '${name}'.",
)  # fmt: skip
def reference_in_quotes(survey: Survey) -> Iterator[Hit]:
    """Find ${} inside quotes, but for jr:choice-name(), which wants it so."""
    for _, _, expression in survey.expressions:
        wanted = {
            argument for call in calls(expression.tree, "jr:choice-name") for argument in call.arguments[1:]
        }
        for node in everything(expression.tree):
            if isinstance(node, Literal) and isinstance(node.value, str) and node not in wanted:
                match = REFERENCE.search(node.value)
                if match and match[1] in survey.by_name:
                    yield expression.cell, f"{match[0]} stands in quotes"


@rule(
    "TL112", "choice-name-without-quotes", "error",
    why="jr:choice-name() wants the name of the question as a text; without quotes it gets the answer.",
    remedy="Write jr:choice-name(${x}, '${x}').",
)  # fmt: skip
def choice_name_without_quotes(survey: Survey) -> Iterator[Hit]:
    """Find jr:choice-name() whose second argument is no text."""
    for _, _, expression in survey.expressions:
        for call in calls(expression.tree, "jr:choice-name"):
            if len(call.arguments) > 1 and reference(call.arguments[1]):
                yield expression.cell, f"${{{reference(call.arguments[1])}}} must stand in quotes here"


@rule(
    "TL113", "repeat-seen-from-outside", "warning",
    why="Outside its repeat the name means all instances: Collect stops as soon as there are two.",
    remedy="Use sum(), count(), max(), join() or indexed-repeat().",
)  # fmt: skip
def repeat_seen_from_outside(survey: Survey) -> Iterator[Hit]:
    """Find questions of a repeat that are read from outside as if there were one."""
    for item, column, expression in survey.expressions:
        if column == "repeat_count" and item is not None and item.kind == "repeat":
            inside: tuple[Item, ...] = item.repeats[:-1]
        else:
            inside = item.repeats if item else ()
        for name in _single(expression.tree):
            target = survey.find(name)
            if target and not target.is_group and inside[: len(target.repeats)] != target.repeats:
                yield expression.cell, f"${{{name}}} lies in the repeat {target.repeats[-1].name}"


@rule(
    "TL114", "position-outside-repeat", "warning",
    why="Outside a repeat position(..) is always 1.",
    remedy="Use position(..) inside the repeat only; further in, position(../..).",
)  # fmt: skip
def position_outside_repeat(survey: Survey) -> Iterator[Hit]:
    """Find position(..) where the node above is no repeat."""
    for item, _, expression in survey.expressions:
        for call in calls(expression.tree, "position"):
            if item and isinstance(call.arguments[0] if call.arguments else None, Path):
                path = call.arguments[0]
                ups = sum(step.name == ".." for step in path.steps) if isinstance(path, Path) else 0
                around = item.path[: len(item.path) - ups]
                if ups and around not in {repeat.path for repeat in item.repeats}:
                    yield expression.cell, "the node position() looks at is no repeat"


# -- what they share


def _referring(survey: Survey) -> Iterator[Cell]:
    for item in survey.items:
        for name, cell in item.row.cells.items():
            if "${" in cell.text and (name.partition("::")[0] in _TEXTS or name in _LOGIC_COLUMNS):
                yield cell
    for item_, _, expression in survey.expressions:
        if item_ is None and "${" in expression.text:
            yield expression.cell


_LOGIC_COLUMNS = (
    "relevant", "constraint", "required", "readonly", "calculation", "choice_filter", "repeat_count", "default",
    "trigger",
)  # fmt: skip


def _like(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), 1, 0.75)
    return f"; is it {close[0]}?" if close else ""


def _unbalanced(text: str) -> str:
    logic = bare(text)
    if re.sub(r"''|\"\"", "", logic).strip("'\"") != re.sub(r"''|\"\"", "", logic) or re.search(
        r"(?<!')'(?!')|(?<!\")\"(?!\")", logic
    ):
        return "a quote is not closed"
    for opening, closing in ("()", "[]", "{}"):
        more = logic.count(opening) - logic.count(closing)
        if more:
            return f"{abs(more)} {opening if more > 0 else closing} too many"
    return ""


def _all_calls(tree: Node | None) -> Iterator[Call]:
    for node in everything(tree):
        if isinstance(node, Call) and node.name != "ref":
            yield node


def _uses(survey: Survey, item: Item) -> set[str]:
    """List what an item's own value or relevance is computed from."""
    found: set[str] = set()
    for column in ("relevant", "calculation"):
        expression = item.expressions.get(column)
        if expression is None:
            continue
        shielded = {name for call in calls(expression.tree, "once") for name in _names_in(call)}
        own = {item.name} if column == "calculation" and item.name in shielded else set()
        found |= set(_names_in(expression.tree)) - own
    return found & set(survey.by_name)


def _names_in(tree: Node | None) -> Iterator[str]:
    yield from filter(None, (reference(node) for node in everything(tree)))


def _reachable(uses: dict[str, set[str]], name: str) -> set[str]:
    seen: set[str] = set()
    waiting = list(uses.get(name, ()))
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting.extend(uses.get(here, ()))
    return seen


def _bare_names(tree: Node | None) -> Iterator[str]:
    """Find single names outside predicates, which speak of other rows."""
    inside = {
        id(inner)
        for node in everything(tree)
        if isinstance(node, Path)
        for step in node.steps
        for predicate in step.predicates
        for inner in everything(predicate)
    }
    for node in everything(tree):
        match node:
            case Path(".", (Step(name),)) if name not in (".", "..") and id(node) not in inside:
                yield name


def _single(tree: Node | None) -> Iterator[str]:
    """Find names that are read as one value: not inside a function that takes many."""
    if tree is None:
        return
    if isinstance(tree, Call) and tree.name in _AGGREGATES:
        return
    name = reference(tree)
    if name:
        yield name
        return
    for part in () if isinstance(tree, Path) else parts(tree):
        yield from _single(part)
