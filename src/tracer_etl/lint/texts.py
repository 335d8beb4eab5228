"""Texts: what enumerator and respondent read, in every language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.lint.expressions import REFERENCE
from tracer_etl.lint.registry import rule
from tracer_etl.lint.survey import SELECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.lint.workbook import Cell, Row, Sheet

_SURVEY = ("label", "hint", "guidance_hint", "constraint_message", "required_message")


@rule(
    "TL501", "missing-translation", "warning",
    why="Collect shows a dash or nothing; who reads only that language has to guess.",
    remedy="Translate it, or take the text away in the other language too.",
)  # fmt: skip
def missing_translation(survey: Survey) -> Iterator[Hit]:
    """Find texts that exist in one language and not in another."""
    for row, part in _texts(survey):
        given = {language: cell for language, cell in row.translations(part).items() if language}
        for language in survey.languages if given else ():
            if language not in given and f"{part}::{language}" in survey.book.sheet(row.sheet).headers:
                header = survey.book.sheet(row.sheet).headers[f"{part}::{language}"]
                yield _empty(row, header), f"no {part.replace('_', ' ')} in {language}"


@rule(
    "TL502", "column-without-language", "warning",
    why="pyxform makes of it a language of its own, called default, in which nearly everything is missing.",
    remedy="Rename the column, e.g. hint to hint::English (en).",
)  # fmt: skip
def column_without_language(survey: Survey) -> Iterator[Hit]:
    """Find text columns without a language in a form that has languages."""
    for sheet, part in _columns(survey):
        if survey.languages and part in sheet.headers and any(row.text(part) for row in sheet.rows):
            yield (
                sheet.headers[part],
                f"{part} names no language, and the form has {', '.join(survey.languages)}",
            )


@rule(
    "TL503", "column-not-translated", "warning",
    why="The whole column is missing in one language.",
    remedy="Add the column for that language.",
)  # fmt: skip
def column_not_translated(survey: Survey) -> Iterator[Hit]:
    """Find text columns that lack one of the form's languages altogether."""
    for sheet, part in _columns(survey):
        given = [language for language in sheet.languages(part) if language]
        for language in survey.languages if given else ():
            if language not in given:
                yield sheet.headers[f"{part}::{given[0]}"], f"there is no column {part}::{language}"


@rule(
    "TL504", "constraint-without-message", "warning",
    why="The enumerator reads `Value not allowed` and does not learn what would be allowed.",
    remedy="Write constraint_message in every language.",
)  # fmt: skip
def constraint_without_message(survey: Survey) -> Iterator[Hit]:
    """Find constraints without a message."""
    for item in survey.questions:
        if item.text("constraint") and item.answered and not item.row.translations("constraint_message"):
            yield item.cell("constraint"), f"{item.name} refuses answers without saying why"


@rule(
    "TL505", "default-language-unknown", "warning",
    why="The form opens in an empty language.",
    remedy="Write default_language exactly as in the label columns.",
)  # fmt: skip
def default_language_unknown(survey: Survey) -> Iterator[Hit]:
    """Find a default language no label has."""
    name = survey.setting("default_language")
    if name and survey.languages and name not in survey.languages and survey.settings:
        yield survey.settings.cell("default_language"), f"no label is in {name!r}"


@rule(
    "TL506", "language-without-code", "note",
    why="Enketo and Web Forms choose fonts, direction and the user's language by the code.",
    remedy="Write label::Bahasa Indonesia (id).",
)  # fmt: skip
def language_without_code(survey: Survey) -> Iterator[Hit]:
    """Find languages without their code in brackets."""
    for language in survey.languages:
        if not re.search(r"\([a-z]{2,3}(-[A-Za-z]+)?\)\s*$", language):
            sheet = survey.book.sheet("survey")
            cell = sheet.headers.get(f"label::{language}")
            if cell:
                yield cell, f"{language} has no code, such as (id)"


@rule(
    "TL507", "one-language-twice", "warning",
    why="Two spellings are two languages, each with half of the texts.",
    remedy="Write the language the same way in every header.",
)  # fmt: skip
def one_language_twice(survey: Survey) -> Iterator[Hit]:
    """Find languages spelled in two ways."""
    seen: dict[str, str] = {}
    for sheet, part in _columns(survey):
        for language in filter(None, sheet.languages(part)):
            key = re.sub(r"\s*\(.*\)|\s", "", language).casefold()
            first = seen.setdefault(key, language)
            if first != language:
                yield sheet.headers[f"{part}::{language}"], f"{language!r} is spelled {first!r} elsewhere"


@rule(
    "TL508", "translation-lost-a-reference", "warning",
    why="One language shows the earlier answer and the other does not: two different questions.",
    remedy="Use the same ${...} in every language.",
)  # fmt: skip
def translation_lost_a_reference(survey: Survey) -> Iterator[Hit]:
    """Find translations that do not show the same ${}."""
    for row, part in _texts(survey):
        cells = [cell for language, cell in row.translations(part).items() if language]
        for cell in cells[1:]:
            odd = set(REFERENCE.findall(cell.text)) ^ set(REFERENCE.findall(cells[0].text))
            if odd:
                yield cell, f"${{{min(odd)}}} is shown in one language only"


@rule(
    "TL509", "same-question-twice", "note",
    why="Respondents think the question was asked already; analysts mix up the columns.",
    remedy="Say in the label what is different.",
)  # fmt: skip
def same_question_twice(survey: Survey) -> Iterator[Hit]:
    """Find two questions of one group with one label and the same condition."""
    seen: dict[tuple[object, ...], Item] = {}
    for item in survey.questions:
        labels = tuple(sorted((k, c.text.casefold()) for k, c in item.row.translations("label").items()))
        if not labels or not (item.answered and item.kind != "acknowledge"):
            continue
        first = seen.setdefault((labels, item.parents, item.text("relevant")), item)
        if first is not item and "list-nolabel" not in item.text("appearance"):
            yield item.cell("name"), f"{item.name} asks the same as {first.name} (row {first.row.number})"


@rule(
    "TL510", "question-without-label", "error",
    why="pyxform refuses a question that shows nothing.",
    remedy="Write a label or a hint.",
)  # fmt: skip
def question_without_label(survey: Survey) -> Iterator[Hit]:
    """Find questions without any text or media to show."""
    for item in survey.questions:
        shown = ("label", "hint", "guidance_hint", "image", "audio", "video", "big-image")
        visible = item.answered or item.kind == "note"
        if (
            visible
            and survey.error
            and not item.text("calculation")
            and not any(map(item.row.translations, shown))
        ):
            yield item.cell("name"), f"{item.name} has neither label nor hint"


@rule(
    "TL511", "choices-not-translated", "warning",
    why="The questions are translated and the answers are not.",
    remedy="Add a label column for that language on the choices sheet.",
)  # fmt: skip
def choices_not_translated(survey: Survey) -> Iterator[Hit]:
    """Find choice labels without languages in a translated survey."""
    choices, spoken = survey.book.sheet("choices"), survey.book.sheet("survey").languages("label")
    wanted = [language for language in spoken if language]
    given = [language for language in choices.languages("label") if language]
    selects = any(item.kind in SELECTS and not item.file for item in survey.questions)
    for language in wanted if selects and choices.rows else ():
        if language not in given and not any(_same(language, other) for other in given):
            cell = next((cell for name, cell in choices.headers.items() if name.startswith("label")), None)
            yield cell or choices.rows[0].place, f"the choices have no labels in {language}"


# -- what they share


def _columns(survey: Survey) -> Iterator[tuple[Sheet, str]]:
    for part in _SURVEY:
        yield survey.book.sheet("survey"), part
    yield survey.book.sheet("choices"), "label"


def _texts(survey: Survey) -> Iterator[tuple[Row, str]]:
    for item in survey.items:
        if item.kind != "calculate":
            yield from ((item.row, part) for part in _SURVEY)
    for rows in survey.lists.values():
        yield from ((row, "label") for row in rows)


def _empty(row: Row, header: Cell) -> Cell:
    return type(header)(row.sheet, row.number, header.column, header.header)


def _same(one: str, other: str) -> bool:
    return re.sub(r"\s|\(.*\)", "", one).casefold() == re.sub(r"\s|\(.*\)", "", other).casefold()
