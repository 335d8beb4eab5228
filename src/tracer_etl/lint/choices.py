"""Choices: lists, the filters that cut them, and the files they come from."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from tracer_etl.lint.evaluation import evaluate, truth
from tracer_etl.lint.expressions import calls, everything, reference
from tracer_etl.lint.reasoning import never, relevance
from tracer_etl.lint.registry import rule
from tracer_etl.lint.survey import SELECTS, TRUE_WORDS
from tracer_etl.logic.syntax import Binary, Call, Literal, Negate, Path, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.lint.workbook import Row
    from tracer_etl.logic.syntax import Node

_OTHER_NAMES = ("other", "lainnya", "autre", "otro", "outro")
_SPECIFY = re.compile(r"\b(specify|sebutkan|tuliskan|pr[eé]cise[rz]|especif\w+)\b", re.IGNORECASE)
_CHECKED_PARENTS = 60


@rule(
    "TL301", "missing-list", "error",
    why="pyxform refuses the form.",
    remedy="Add the list to the choices sheet, or correct its name.",
)  # fmt: skip
def missing_list(survey: Survey) -> Iterator[Hit]:
    """Find selects whose list is not on the choices sheet."""
    for item in survey.questions:
        on_sheet = item.kind in SELECTS and not item.file and "${" not in item.list_name
        if on_sheet and item.list_name not in survey.lists and "search(" not in item.text("appearance"):
            yield item.cell("type"), f"there is no list {item.list_name}"


@rule(
    "TL302", "duplicate-choice", "error",
    why="Two choices with one name cannot be told apart in the data.",
    remedy="Give each choice a name of its own.",
)  # fmt: skip
def duplicate_choice(survey: Survey) -> Iterator[Hit]:
    """Find choices that share a name within their list."""
    if survey.setting("allow_choice_duplicates").lower() in TRUE_WORDS:
        return
    for name, rows in survey.lists.items():
        counts = Counter(row.text("name") for row in rows)
        seen: set[str] = set()
        for row in rows:
            value = row.text("name")
            if counts[value] > 1 and value in seen:
                yield row.cell("name"), f"{value!r} is twice in list {name}"
            seen.add(value)


@rule(
    "TL303", "space-in-choice-name", "error",
    why="A select_multiple stores its choices with spaces between them: nobody can split them again.",
    remedy="Use underscores in the name; the label may have spaces.",
)  # fmt: skip
def space_in_choice_name(survey: Survey) -> Iterator[Hit]:
    """Find spaces in the names of choices of select_multiple and rank."""
    lists = {item.list_name for item in survey.questions if item.kind in ("select_multiple", "rank")}
    for name, rows in survey.lists.items():
        for row in rows if name in lists else ():
            if re.search(r"\s", row.text("name")):
                yield row.cell("name"), f"{row.text('name')!r} holds a space"


@rule(
    "TL304", "choice-without-label", "warning",
    why="The enumerator sees an empty line, or the raw name.",
    remedy="Give the choice a label, or an image.",
)  # fmt: skip
def choice_without_label(survey: Survey) -> Iterator[Hit]:
    """Find choices without label and without media."""
    for name, rows in survey.lists.items():
        for row in rows:
            if not any(row.translations(part) for part in ("label", "image", "audio", "video", "big-image")):
                yield row.place, f"choice {row.text('name')!r} of list {name} has no label"


@rule(
    "TL305", "duplicate-choice-label", "warning",
    why="Two choices look the same on the screen; which one is tapped is chance.",
    remedy="Make the labels differ, or delete one choice.",
)  # fmt: skip
def duplicate_choice_label(survey: Survey) -> Iterator[Hit]:
    """Find choices of a list that show the same label at the same time."""
    filtered = {item.list_name for item in survey.questions if item.text("choice_filter")}
    for name, rows in survey.lists.items():
        seen: dict[tuple[object, ...], str] = {}
        for row in rows:
            for language, cell in row.translations("label").items():
                others = _columns(row) if name in filtered else ()
                key = (language, cell.text.casefold(), others)
                first = seen.setdefault(key, row.text("name"))
                if first != row.text("name"):
                    yield cell, f"{cell.text!r} is also the label of choice {first!r} in list {name}"


@rule(
    "TL306", "unused-list", "warning",
    why="A list nobody uses is often a question that lost its type, or a name mistyped.",
    remedy="Use it or delete it.",
)  # fmt: skip
def unused_list(survey: Survey) -> Iterator[Hit]:
    """Find lists no question uses."""
    used = {item.list_name for item in survey.questions}
    loops = " ".join(item.text("type") for item in survey.items if item.kind == "repeat")
    logic = " ".join(expression.text for _, _, expression in survey.expressions)
    for name, rows in survey.lists.items():
        looked_up = f"instance('{name}')" in logic or f'instance("{name}")' in logic
        if name not in used and not looked_up and name not in loops:
            yield rows[0].cell("list_name"), f"no question uses list {name}"


@rule(
    "TL307", "other-without-text", "note",
    why="Who says `other` has an answer that nobody writes down.",
    remedy="Add a text question with relevant ${x} = 'other' (or selected()).",
)  # fmt: skip
def other_without_text(survey: Survey) -> Iterator[Hit]:
    """Find an `other` choice that no later text question follows up."""
    for item in survey.questions:
        if item.kind not in ("select_one", "select_multiple") or item.or_other:
            continue
        for row in survey.lists.get(item.list_name, ()):
            if _is_other(row) and not _followed_up(survey, item, row.text("name")):
                yield (
                    item.cell("type"),
                    f"no text question follows choice {row.text('name')!r} of {item.name}",
                )


@rule(
    "TL308", "filter-on-missing-column", "error",
    why="The column is not there, so no choice ever fits.",
    remedy="Add the column to the choices sheet (or the CSV), or correct its name.",
)  # fmt: skip
def filter_on_missing_column(survey: Survey) -> Iterator[Hit]:
    """Find choice filters on a column the choices do not have."""
    for item in survey.questions:
        expression = item.expressions.get("choice_filter")
        known = _known_columns(survey, item)
        if expression is None or known is None:
            continue
        for column in _own_columns(expression.tree):
            if column not in known:
                yield expression.cell, f"the choices of {item.name} have no column {column}"


@rule(
    "TL309", "filter-leaves-nothing", "warning",
    why="The question shows no choice at all: if it is required, the interview ends there.",
    remedy="Add choices for that value, or hide the question for it.",
)  # fmt: skip
def filter_leaves_nothing(survey: Survey) -> Iterator[Hit]:
    """Find answers of a parent question for which a choice filter leaves no choice."""
    for item in survey.questions:
        expression = item.expressions.get("choice_filter")
        rows = _filter_rows(survey, item)
        if expression is None or expression.tree is None or not rows:
            continue
        for name in expression.references():
            parent = survey.find(name)
            empty = _empty_for(survey, item, parent, expression.tree, rows) if parent else []
            if empty:
                yield expression.cell, f"no choice is left when {name} is {', '.join(empty[:5])}"


@rule(
    "TL310", "missing-file", "warning",
    why="The form cannot be opened until the file is attached; lint cannot look into it either.",
    remedy="Put the CSV beside the form (or name its folder), and attach it on the server.",
)  # fmt: skip
def missing_file(survey: Survey) -> Iterator[Hit]:
    """Find files the form reads that do not lie beside it."""
    for item in survey.questions:
        if item.file.endswith(".csv") and survey.file_rows(item.file) is None:
            yield item.cell("type"), f"there is no file {item.file}"
        if item.kind == "csv-external" and survey.file_rows(f"{item.name}.csv") is None:
            yield item.cell("type"), f"there is no file {item.name}.csv"
    for _, _, expression in survey.expressions:
        for call in calls(expression.tree, "pulldata"):
            file = (
                call.arguments[0].value if call.arguments and isinstance(call.arguments[0], Literal) else ""
            )
            if isinstance(file, str) and file and survey.file_rows(file) is None:
                yield expression.cell, f"there is no file {file.removesuffix('.csv')}.csv"


@rule(
    "TL311", "file-lacks-column", "error",
    why="Choices without value or label: Collect shows nothing, or stops.",
    remedy="Name the columns in `parameters` (value=..., label=...), or correct the CSV.",
)  # fmt: skip
def file_lacks_column(survey: Survey) -> Iterator[Hit]:
    """Find CSV files without the columns the form reads from them."""
    for item in survey.questions:
        rows = survey.file_rows(item.file) if item.file else None
        wanted = [
            item.parameters().get(part, default) for part, default in (("value", "name"), ("label", "label"))
        ]
        for column in wanted:
            if rows and column not in rows[0]:
                yield item.cell("type"), f"{item.file} has no column {column}"
    for _, _, expression in survey.expressions:
        for file, column in _pulled(expression.tree):
            rows = survey.file_rows(file)
            if rows and column not in rows[0]:
                yield expression.cell, f"{file} has no column {column}"


@rule(
    "TL312", "choice-case-twins", "warning",
    why="Databases and people mix up names that differ only in case.",
    remedy="Use lower case throughout.",
)  # fmt: skip
def choice_case_twins(survey: Survey) -> Iterator[Hit]:
    """Find choices of a list whose names differ only in case."""
    for name, rows in survey.lists.items():
        seen: dict[str, str] = {}
        for row in rows:
            first = seen.setdefault(row.text("name").casefold(), row.text("name"))
            if first != row.text("name"):
                yield (
                    row.cell("name"),
                    f"{row.text('name')!r} and {first!r} in list {name} differ only in case",
                )


@rule(
    "TL313", "choice-nobody-can-reach", "warning",
    why="Its filter column holds a value no answer gives: the choice is never offered.",
    remedy="Correct the value in the filter column.",
)  # fmt: skip
def choice_nobody_can_reach(survey: Survey) -> Iterator[Hit]:
    """Find choices whose filter value no parent has."""
    for item in survey.questions:
        expression = item.expressions.get("choice_filter")
        match expression.tree if expression else None:
            case Binary("=", Path(".", (Step(column, ()),)), right) if reference(right):
                parent = survey.find(reference(right))
            case Binary("=", left, Path(".", (Step(column, ()),))) if reference(left):
                parent = survey.find(reference(left))
            case _:
                continue
        values = survey.values(parent) if parent and parent.kind == "select_one" else None
        for row in survey.lists.get(item.list_name, ()):
            if values and parent and row.text(column) and row.text(column) not in values:
                yield row.cell(column), f"{parent.name} is never {row.text(column)!r}"


@rule(
    "TL314", "choice-without-list", "warning",
    why="pyxform leaves the row out without a word.",
    remedy="Fill list_name, or delete the row.",
)  # fmt: skip
def choice_without_list(survey: Survey) -> Iterator[Hit]:
    """Find choices that belong to no list."""
    for row in survey.book.sheet("choices").rows:
        if row.text("name") and not row.text("list_name"):
            yield row.cell("name"), f"choice {row.text('name')!r} has no list_name"


@rule(
    "TL315", "quote-in-choice-name", "warning",
    why="A quote in a choice's name cannot be written in any condition, and breaks exports.",
    remedy="Use letters, digits and underscores.",
)  # fmt: skip
def quote_in_choice_name(survey: Survey) -> Iterator[Hit]:
    """Find quotes and separators in names of choices."""
    for name, rows in survey.lists.items():
        for row in rows:
            if re.search(r"""['"\u2018\u2019\u201c\u201d<>&,;|]""", row.text("name")):
                yield (
                    row.cell("name"),
                    f"choice {row.text('name')!r} of list {name} holds a sign that needs escaping",
                )


# -- what they share


def _columns(row: Row) -> tuple[tuple[str, str], ...]:
    skip = ("name", "list_name", "label", "image", "audio", "video", "big-image")
    return tuple((k, c.text) for k, c in sorted(row.cells.items()) if k.partition("::")[0] not in skip)


def _is_other(row: Row) -> bool:
    texts = [cell.text for cell in row.translations("label").values()]
    return row.text("name").lower() in _OTHER_NAMES or any(map(_SPECIFY.search, texts))


def _followed_up(survey: Survey, item: Item, value: str) -> bool:
    for other in survey.questions:
        around = (*other.parents, other)
        texts = [one.expressions["relevant"].text for one in around if "relevant" in one.expressions]
        if other.kind == "text" and any(f"${{{item.name}}}" in text and value in text for text in texts):
            return True
    return False


def _known_columns(survey: Survey, item: Item) -> set[str] | None:
    if item.file:
        rows = survey.file_rows(item.file)
        return set(rows[0]) if rows else None
    if item.list_name not in survey.lists:
        return None
    headers = [name for title in ("choices", "external_choices") for name in survey.book.sheet(title).headers]
    return {name.partition("::")[0] for name in headers} | {"itextId"}


def _own_columns(tree: Node | None) -> Iterator[str]:
    """Find the columns a filter names: single steps outside other predicates."""
    for node in everything(tree):
        match node:
            case Path(".", (Step(name),)) if name not in (".", ".."):
                yield name


def _filter_rows(survey: Survey, item: Item) -> tuple[Mapping[str, str], ...]:
    if item.file:
        return survey.file_rows(item.file) or ()
    return tuple({k: c.text for k, c in row.cells.items()} for row in survey.lists.get(item.list_name, ()))


def _empty_for(
    survey: Survey, item: Item, parent: Item, tree: Node, rows: tuple[Mapping[str, str], ...]
) -> list[str]:
    values = survey.values(parent) if parent.kind == "select_one" else None
    if values is None or len(values) > _CHECKED_PARENTS:
        return []
    conditions = relevance(item)
    given = [value for value in dict.fromkeys(values) if _can_be_given(survey, parent, value)]
    return [
        value
        for value in given
        if not any(_offered(tree, row, parent.name, value) for row in rows)
        and not never(survey, conditions or [Literal("x")], item, {(parent.name, ""): (value,)})
    ]


def _can_be_given(survey: Survey, parent: Item, value: str) -> bool:
    """Tell whether the parent's own filter may offer a value."""
    expression = parent.expressions.get("choice_filter")
    column = parent.parameters().get("value", "name") if parent.file else "name"
    rows = [row for row in _filter_rows(survey, parent) if row.get(column) == value]
    if expression is None or expression.tree is None or not rows:
        return True
    return any(_offered(expression.tree, row, "", "") for row in rows)


def _offered(tree: Node, row: Mapping[str, str], parent: str, value: str) -> bool:
    """Tell whether a choice may be offered when the parent has that value, whatever else was answered."""
    return truth(evaluate(_on_row(tree, row), {(parent, ""): value})) is not False


def _on_row(tree: Node, row: Mapping[str, str]) -> Node:
    match tree:
        case Path(".", (Step(name, ()),)) if name not in (".", ".."):
            return Literal(row.get(name, ""))
        case Binary(operator, left, right):
            return Binary(operator, _on_row(left, row), _on_row(right, row))
        case Negate(operand):
            return Negate(_on_row(operand, row))
        case Call(name, arguments):
            return Call(name, tuple(_on_row(argument, row) for argument in arguments))
        case _:
            return tree


def _pulled(tree: Node | None) -> Iterator[tuple[str, str]]:
    for call in calls(tree, "pulldata"):
        texts = [
            a.value if isinstance(a, Literal) and isinstance(a.value, str) else "" for a in call.arguments
        ]
        if len(texts) == 4 and texts[0]:  # noqa: PLR2004 - file, column, key, value
            yield from ((texts[0], column) for column in texts[1:3] if column)
