"""Mistakes made by chance in sound forms: how many does lint see?

Unlike the planted defects these were not written to fit a rule: a program makes one change to one cell of a
form of the study, of the kinds people make, and lint has to say something new.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tracer_etl.lint import lint_form

FORMS = Path(__file__).parents[1] / "forms"
SUBJECTS = ("applicant_registration", "employer_needs", "youth_ideas", "backcheck")
EACH = 5
Cells = dict[tuple[str, int, str], str]
Mutation = Callable[[Cells], Iterator[tuple[tuple[str, int, str], str]]]


@dataclass(frozen=True)
class Kind:
    """A kind of mistake."""

    name: str
    mutate: Mutation


def named(cells: Cells, header: str, sheet: str = "survey") -> Iterator[tuple[tuple[str, int, str], str]]:
    yield from ((key, text) for key, text in cells.items() if key[0] == sheet and key[2].startswith(header))


def renamed_question(cells: Cells):
    logic = " ".join(text for (_, _, header), text in cells.items() if header != "name")
    for key, text in named(cells, "name"):
        if f"${{{text}}}" in logic:
            yield key, text + "_x"


def renamed_choice(cells: Cells):
    logic = " ".join(text for (_, _, header), text in cells.items() if header in ("relevant", "constraint"))
    users = {}
    for (_, row, _), text in named(cells, "type"):
        users.setdefault(text.partition(" ")[2], []).append(cells.get(("survey", row, "name"), ""))
    for key, text in named(cells, "name", "choices"):
        names = users.get(cells[("choices", key[1], "list_name")], [])
        if any(
            f"${{{name}}}='{text}'" in logic or f"selected(${{{name}}},'{text}')" in logic for name in names
        ):
            yield key, text + "_x"


def mistyped_reference(cells: Cells):
    for header in ("relevant", "calculation", "choice_filter", "constraint"):
        for key, text in named(cells, header):
            match = re.search(r"\$\{(\w+)\}", text)
            if match:
                yield key, text.replace(match[0], f"${{{match[1][:-1]}}}", 1)


def lost_bracket(cells: Cells):
    for header in ("relevant", "calculation", "constraint"):
        for key, text in named(cells, header):
            if text.endswith(")"):
                yield key, text[:-1]


def lost_quote(cells: Cells):
    for header in ("relevant", "choice_filter", "constraint"):
        for key, text in named(cells, header):
            if text.count("'") == 2 and text.endswith("'"):
                yield key, text[:-1]


def turned_bound(cells: Cells):
    """`. >= 1 and . <= 12` becomes `. <= 1 and . >= 12`."""
    for key, text in named(cells, "constraint"):
        if key[2] == "constraint" and re.fullmatch(r"\. >=? \d+ and \. <=? \d+", text):
            turned = text.replace(">", "#").replace("<", ">").replace("#", "<")
            yield key, turned


def or_for_and(cells: Cells):
    for key, text in named(cells, "constraint"):
        if key[2] == "constraint" and re.fullmatch(r"\. >=? \d+ and \. <=? \d+", text):
            yield key, text.replace(" and ", " or ")


def lost_translation(cells: Cells):
    for header in ("label::English", "hint::English", "constraint_message::English"):
        yield from ((key, "") for key, _ in named(cells, header))


def lost_message(cells: Cells):
    rows = {key[1] for key, _ in named(cells, "constraint_message")}
    for row in sorted(rows):
        yield ("survey", row, "constraint_message*"), ""


def lost_class(cells: Cells):
    """Identifiers by name, phone, number or place; free texts that may name someone no rule can tell."""
    for key, text in named(cells, "bind::tracer:privacy"):
        kind, name = (cells.get(("survey", key[1], header), "") for header in ("type", "name"))
        if text == "direct" and (kind == "geopoint" or re.search(r"phone|nik|nama|name", name)):
            yield key, ""


def mistyped_function(cells: Cells):
    for header in ("relevant", "calculation", "constraint"):
        for key, text in named(cells, header):
            match = re.search(r"\b(selected|if|regex|string-length|concat|round)\(", text)
            if match:
                yield key, text.replace(match[0], f"{match[1].upper()}(", 1)


def duplicated_choice(cells: Cells):
    rows = [key for key, _ in named(cells, "name", "choices")]
    for one, other in pairwise(rows):
        if cells[("choices", one[1], "list_name")] == cells[("choices", other[1], "list_name")]:
            yield other, cells[one]


def lost_list(cells: Cells):
    for key, text in named(cells, "type"):
        if re.match(r"select_(one|multiple) ", text):
            yield key, text + "s"


KINDS = (
    Kind("a question renamed that others refer to", renamed_question),
    Kind("a choice renamed that a condition names", renamed_choice),
    Kind("a reference mistyped", mistyped_reference),
    Kind("a closing bracket lost", lost_bracket),
    Kind("a closing quote lost", lost_quote),
    Kind("the bounds of a constraint turned round", turned_bound),
    Kind("`or` for `and` between two bounds", or_for_and),
    Kind("a translation lost", lost_translation),
    Kind("a constraint message lost", lost_message),
    Kind("the privacy class of an identifier lost", lost_class),
    Kind("a function in capitals", mistyped_function),
    Kind("a choice name used twice", duplicated_choice),
    Kind("a list name mistyped", lost_list),
)


def read(form: str) -> Cells:
    book = load_workbook(FORMS / f"{form}.xlsx")
    return {
        (sheet.title, cell.row, str(sheet.cell(1, cell.column).value)): str(cell.value)
        for sheet in book.worksheets
        for row in sheet.iter_rows(min_row=2)
        for cell in row
        if cell.value is not None and sheet.cell(1, cell.column).value
    }


def write(form: str, key: tuple[str, int, str], text: str, target: Path) -> Path:
    book = load_workbook(FORMS / f"{form}.xlsx")
    sheet = book[key[0]]
    for column in range(1, sheet.max_column + 1):
        header = str(sheet.cell(1, column).value)
        if header == key[2] or (key[2].endswith("*") and header.startswith(key[2][:-1])):
            sheet.cell(key[1], column).value = text or None
    book.save(target)
    return target


def seen(path: Path) -> set[tuple[str, str]]:
    return {(one.rule.id, one.place) for one in lint_form(path, FORMS / "media")}


@cache
def sound(form: str) -> set[tuple[str, str]]:
    return seen(FORMS / f"{form}.xlsx")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_mistakes_made_by_chance_are_seen(kind, tmp_path, capsys):
    cells = {form: read(form) for form in SUBJECTS}
    sites = [(form, key, text) for form in SUBJECTS for key, text in kind.mutate(cells[form])]
    chosen = random.Random(7).sample(sites, min(EACH, len(sites)))
    missed = []
    for form, key, text in chosen:
        if not seen(write(form, key, text, tmp_path / f"{form}.xlsx")) - sound(form):
            missed.append(f"{form} {key} {text}")
    with capsys.disabled():
        print(f"\n{len(chosen) - len(missed)} of {len(chosen)} seen, of {len(sites)} possible: {kind.name}")
        print(*missed, sep="\n")
    assert len(chosen) >= 3
    assert missed == []
