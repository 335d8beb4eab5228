"""All versions of a form -> its languages, tables, columns and codes, as rows of the `meta` tables.

`meta.question` and `meta.choice` say what each version said; here stands what the versions come to
together: the newest label there is, where a column's answers stood, the choices no version offers any more.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from tracer_etl.names import plain
from tracer_etl.schema import BRIDGE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.questions import Choice, Form, Labels, NodePath
    from tracer_etl.schema import Column, Schema, Table

Row = list[object]

UNTRANSLATED = "-"
"""What pyxform writes where a translation is missing."""


def wording(label: str) -> str:
    """Give a label's text; empty where the form has none in this language."""
    text = label.strip()
    return "" if text == UNTRANSLATED else text


def form_languages(form: Form) -> tuple[str, ...]:
    """List the languages of one version, its default first."""
    others = (language for language in form.languages if language != form.default_language)
    return (form.default_language, *others)


def short_codes(languages: tuple[str, ...]) -> dict[str, str]:
    """Give each language a short code that can stand in a name.

    >>> short_codes(("Bahasa Indonesia (id)", "English (en)", "default", "Jawa", "Kromo (id)"))
    {'Bahasa Indonesia (id)': 'id', 'English (en)': 'en', 'default': 'default', 'Jawa': 'jawa', 'Kromo (id)': 'kromo_id'}
    """
    found: dict[str, str] = {}
    for language in languages:
        match = re.search(r"\(\s*([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*)\s*\)\s*$", language)
        wanted = [match[1]] if match else []
        wanted += [language, f"{language} {hashlib.sha256(language.encode()).hexdigest()[:8]}"]
        codes = (re.sub(r"_+", "_", plain(one)).strip("_") for one in wanted)
        found[language] = next(code for code in codes if code and code not in found.values())
    return found


def languages(schema: Schema) -> Iterator[Row]:
    """Give one row per language of the newest version, the default first."""
    for position, (language, code) in enumerate(short_codes(form_languages(schema.newest)).items(), 1):
        yield [schema.form_id, language, code, position]


def tables(schema: Schema) -> Iterator[Row]:
    """Give one row per table and language: the form's title, or the label of the repeat."""
    for position, table in enumerate(schema.tables, 1):
        kind = "repeat" if table.parent else "root"
        for language in form_languages(schema.newest):
            label = _table_label(schema, table, language)
            path = "/".join(table.path)
            yield [schema.form_id, table.name, kind, table.parent, path, position, language, label]
    last = len(schema.tables) + 1
    for language in form_languages(schema.newest):
        yield [schema.form_id, schema.bridge, "selected", schema.root.name, "", last, language, ""]


def _table_label(schema: Schema, table: Table, language: str) -> str:
    if not table.parent:
        return next((form.title for form in reversed(schema.forms) if form.title), "")
    found: dict[str, str] = {}
    for form in schema.forms:
        group = next((group for group in form.groups if group.path == table.path), None)
        found.update(_said(group.labels) if group else {})
    return found.get(language, "")


def columns(schema: Schema) -> Iterator[Row]:
    """Give one row per column of every table, in the tables' own order, system columns included."""
    first, last = schema.versions[0], schema.versions[-1]
    placed = [(table.name, table.keys) for table in schema.tables] + [(schema.bridge, BRIDGE_COLUMNS)]
    for name, keys in placed:
        for position, (key, sql_type) in enumerate(keys.items(), 1):
            head: Row = [schema.form_id, name, key, position, "system", sql_type, "open"]
            yield [*head, "", [], "", [], "", first, last]
    for table in schema.tables:
        for position, column in enumerate(table.columns, len(table.keys) + 1):
            yield [schema.form_id, table.name, column.name, position, *_column(schema, column)]


def _column(schema: Schema, column: Column) -> Row:
    asked = [form for form in schema.forms if any(form.question(path) for path in column.paths)]
    lists: dict[str, None] = {}
    for form in reversed(asked):
        name = next(q.list_name for q in map(form.question, column.paths) if q)
        if name and name in form.lists and not form.lists[name].file:
            lists.setdefault(name)
    paths = ["/".join(path) for path in column.paths]
    when = _asked_when(asked[-1], column.paths)
    head: Row = [column.kind, column.sql_type, column.privacy, column.list_name, list(lists)]
    return [*head, column.question, paths, when, asked[0].version, asked[-1].version]


def _asked_when(form: Form, paths: tuple[NodePath, ...]) -> str:
    """Join the conditions of a question and of the groups around it, as the form has them (XPath)."""
    path = next(path for path in paths if form.question(path))
    question = form.question(path)
    around = [group.bind.relevant for group in form.groups if path[: len(group.path)] == group.path]
    said = [one for one in (*around, question.bind.relevant if question else "") if one]
    return said[0] if len(said) == 1 else " and ".join(f"({one})" for one in said)


def codes(schema: Schema) -> Iterator[Row]:
    """Give one row per value of a list and language: the newest label, and the versions that offer it.

    `position` orders as the newest form does, then what is gone; `number` counts in the order of
    appearance over all versions, so that it stays when choices are added. A list that travels as a file
    holds people and places: it is a reference, not a code list.
    """
    spoken = dict.fromkeys(lang for form in reversed(schema.forms) for lang in form_languages(form))
    for name in _list_names(schema):
        offered: dict[str, dict[str, list[Choice]]] = {}
        for form in schema.forms:
            for choice in form.lists[name].choices if name in form.lists else ():
                offered.setdefault(choice.value, {}).setdefault(form.version, []).append(choice)
        numbers = {value: number for number, value in enumerate(offered, 1)}
        for position, value in enumerate(_newest_first(schema, name, tuple(offered)), 1):
            for language in spoken:
                label = _newest_label(offered[value], language)
                head: Row = [schema.form_id, name, value, language, label, position]
                yield [*head, numbers[value], list(offered[value])]


def _list_names(schema: Schema) -> list[str]:
    """Name every list that stands in the form, in the order of the newest version."""
    names = dict.fromkeys(name for form in reversed(schema.forms) for name in form.lists)
    files = {name for form in schema.forms for name, listed in form.lists.items() if listed.file}
    return [name for name in names if name not in files]


def _newest_first(schema: Schema, name: str, values: tuple[str, ...]) -> list[str]:
    current = next(form.lists[name].values() for form in reversed(schema.forms) if name in form.lists)
    kept = dict.fromkeys(current)
    return [*kept, *(value for value in values if value not in kept)]


def _newest_label(versions: Mapping[str, list[Choice]], language: str) -> str:
    """Give the newest label; a value that a list has twice (under two filters) keeps both labels."""
    for choices in reversed(list(versions.values())):
        labels = dict.fromkeys(wording(choice.labels.get(language, "")) for choice in choices)
        said = " / ".join(label for label in labels if label)
        if said:
            return said
    return ""


def _said(labels: Labels) -> dict[str, str]:
    return {language: label for language, label in labels.items() if wording(label)}
