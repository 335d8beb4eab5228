"""The codebook of one form: an HTML page in all its languages that opens offline, and sheets for Excel."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracer_etl.exports.summary import Chapter, Entry
    from tracer_etl.warehouse.dictionary import Dictionary

Sheet = tuple[str, list[list[object]]]

WORDS = {
    "codebook": ("Codebook", "Buku kode"),
    "versions": ("Versions of the form", "Versi formulir"),
    "rows": ("rows", "baris"),
    "column": ("Column", "Kolom"),
    "label": ("Question", "Pertanyaan"),
    "values": ("Values", "Nilai"),
    "answered": ("Answered", "Terisi"),
    "asked_when": ("Asked when", "Ditanyakan bila"),
    "only_in": ("In versions", "Dalam versi"),
    "was_at": ("Stood at", "Semula di"),
    "gone": ("no longer offered", "tidak ditawarkan lagi"),
    "no_names": (
        "Columns that identify a person are not in these tables.",
        "Kolom yang mengenali orang tidak ada dalam tabel ini.",
    ),
}
"""Every text of the page, in English and in Indonesian."""


def html(dictionary: Dictionary, chapters: Sequence[Chapter]) -> str:
    """Lay out the page; every language of the form has a button, the default is shown first."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_resource("exports", "codebook.html.j2"))
    return template.render(
        dictionary=dictionary,
        languages=list(dictionary.languages.items()),
        chapters=chapters,
        style=Markup(_resource("report", "assets/style.css") + _switch(dictionary)),  # noqa: S704 - our own files
        say=say,
        gone=lambda code: code.in_versions and code.in_versions[-1] != dictionary.versions[-1],
    )


def say(key: str, code: str) -> str:
    """Give a text of the page; a language we have no words in gets the English."""
    return WORDS[key][code == "id"]


def _resource(package: str, name: str) -> str:
    return files(f"tracer_etl.{package}").joinpath(name).read_text(encoding="utf-8")


def _switch(dictionary: Dictionary) -> str:
    """Write the rules that show one language at a time, without a script."""
    codes = list(dictionary.languages.values())
    return "".join(
        f"html:has(#lang-{shown}:checked) .l-{other}{{display:none}}"
        for shown in codes
        for other in codes
        if other != shown
    )


def sheets(dictionary: Dictionary, chapters: Sequence[Chapter]) -> list[Sheet]:
    """Give the sheets `columns` (one row per column) and `codes` (one row per column and value)."""
    languages = list(dictionary.languages)
    spoken = [f"label_{code}" for code in dictionary.languages.values()]
    head = "table column position kind type privacy".split()
    tail = "asked_when question paths first_version last_version rows answered minimum maximum".split()
    columns: list[list[object]] = [[*head, *spoken, *tail]]
    codes: list[list[object]] = [["table", "column", "value", *spoken, "number", "in_versions", "rows"]]
    for chapter in chapters:
        for position, entry in enumerate(chapter.entries, 1):
            columns.append(_column_row(dictionary, chapter, position, entry, languages))
            codes += _code_rows(dictionary, chapter, entry, languages)
    return [("codebook", columns), ("codes", codes)]


def _column_row(
    dictionary: Dictionary, chapter: Chapter, position: int, entry: Entry, languages: Sequence[str]
) -> list[object]:
    variable = entry.variable
    labels = [dictionary.label(variable.labels, language) for language in languages]
    head = [chapter.dataset.name, variable.name, position, variable.kind, variable.sql_type, variable.privacy]
    where = [variable.asked_when, variable.question, " ".join(variable.paths)]
    versions = [variable.first_version, variable.last_version]
    return [*head, *labels, *where, *versions, chapter.rows, entry.answered, entry.low, entry.high]


def _code_rows(
    dictionary: Dictionary, chapter: Chapter, entry: Entry, languages: Sequence[str]
) -> Iterator[list[object]]:
    for code in entry.variable.codes:
        labels = [dictionary.label(code.labels, language) for language in languages]
        rest = [code.number, " ".join(code.in_versions), entry.counts.get(code.value, 0)]
        yield [chapter.dataset.name, entry.variable.name, code.value, *labels, *rest]
