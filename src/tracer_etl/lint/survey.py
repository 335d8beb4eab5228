"""The rows of a workbook as questions, groups and repeats, with their logic parsed."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from tracer_etl.lint.expressions import Expression, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.errors import FormError
    from tracer_etl.lint.walk import Walked
    from tracer_etl.lint.workbook import Cell, Row, Workbook
    from tracer_etl.questions import Form, Question

_KINDS = {
    "int": "integer", "string": "text", "photo": "image", "gps": "geopoint", "location": "geopoint",
    "datetime": "datetime", "date_time": "datetime", "trigger": "acknowledge", "select1": "select_one",
    "phone_number": "phonenumber", "imei": "deviceid", "lgroup": "repeat",
}  # fmt: skip
_SELECTS = re.compile(
    r"(?P<kind>select_one_from_file|select one from file|select_multiple_from_file|select multiple from file"
    r"|select_one_external|select one external|select all that apply from|select all that apply"
    r"|add select one prompt using|add select multiple prompt using|select one from|select multiple from"
    r"|select multiple using|select one using|select_one|select one|select1|select_multiple|select multiple|rank)"
    r"\s+(?P<list>.+?)(?P<other>\s+(?:or_other|or other|or specify other|specify other))?",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"(?P<side>begin|end)[ _](?P<kind>group|repeat|loop|lgroup|looped group)\b.*", re.IGNORECASE
)
LOGIC = (
    "relevant",
    "constraint",
    "required",
    "readonly",
    "calculation",
    "choice_filter",
    "repeat_count",
    "default",
)
SELECTS = ("select_one", "select_multiple", "rank")
NUMBERS = ("integer", "decimal", "range")
MEDIA = ("image", "audio", "video", "file")
# Filled by the client itself: nobody sees or answers them.
METADATA = (
    "start", "end", "today", "deviceid", "username", "email", "phonenumber", "simserial", "subscriberid", "audit",
    "start-geopoint", "background-audio", "background-geopoint", "xml-external", "csv-external",
)  # fmt: skip
UNANSWERED = ("calculate", "hidden", "note", *METADATA)
FALSE_WORDS = ("", "no", "false", "false()", "0", "no()")
TRUE_WORDS = ("yes", "true", "true()", "1")


@dataclass(frozen=True, eq=False)
class Item:
    """One row of the survey that is a question, a group or a repeat; `parents` go from the root inward."""

    row: Row
    kind: str
    name: str
    parents: tuple[Item, ...]
    list_name: str = ""
    file: str = ""
    or_other: bool = False
    order: int = 0
    expressions: dict[str, Expression] = field(default_factory=dict)

    @property
    def path(self) -> tuple[str, ...]:
        """Give the names from the root to here."""
        return (*(parent.name for parent in self.parents), self.name)

    @property
    def is_group(self) -> bool:
        """Tell groups and repeats from questions."""
        return self.kind in ("group", "repeat")

    @property
    def repeats(self) -> tuple[Item, ...]:
        """List the repeats around it; a repeat lies in itself."""
        around = (*self.parents, self) if self.is_group else self.parents
        return tuple(item for item in around if item.kind == "repeat")

    @property
    def answered(self) -> bool:
        """Tell whether somebody can give an answer here."""
        return not self.is_group and self.kind not in UNANSWERED and not self.read_only

    @property
    def read_only(self) -> bool:
        """Tell whether the row is read only, whatever happens."""
        return self.text("readonly").lower() in TRUE_WORDS

    @property
    def required(self) -> bool:
        """Tell whether an answer can be demanded."""
        return self.text("required").lower() not in FALSE_WORDS

    @property
    def appearances(self) -> tuple[str, ...]:
        """List the words of the appearance; one with brackets is one word."""
        return tuple(re.findall(r"[^\s(]+(?:\(.*\))?", self.text("appearance")))

    def cell(self, header: str) -> Cell:
        """Give a cell of the row."""
        return self.row.cell(header)

    def text(self, header: str) -> str:
        """Give the text of a cell of the row."""
        return self.row.text(header)

    def parameters(self) -> dict[str, str]:
        """Read the parameters column."""
        pairs = re.findall(r"([\w-]+)\s*=\s*([^\s;,]+)", self.text("parameters"))
        return dict(pairs)


@dataclass(frozen=True)
class Survey:
    """Everything the rules look at.

    `form` is missing, and `error` says why, when it does not compile; `walked` is missing without `--walk`.
    """

    book: Workbook
    media: Path
    form: Form | None = None
    error: FormError | None = None
    walked: Walked | None = None

    @cached_property
    def items(self) -> tuple[Item, ...]:
        """List the rows of the survey sheet."""
        return tuple(_items(self.book))

    @cached_property
    def questions(self) -> tuple[Item, ...]:
        """List the items that are no groups."""
        return tuple(item for item in self.items if not item.is_group)

    @cached_property
    def by_name(self) -> dict[str, tuple[Item, ...]]:
        """Find the items of a name."""
        found: dict[str, tuple[Item, ...]] = {}
        for item in self.items:
            found[item.name] = (*found.get(item.name, ()), item)
        return found

    def find(self, name: str) -> Item | None:
        """Find the one item of that name."""
        found = self.by_name.get(name, ())
        return found[0] if len(found) == 1 else None

    @cached_property
    def lists(self) -> dict[str, tuple[Row, ...]]:
        """Give the rows of every choice list."""
        own, external = (_lists(self.book.sheet(title).rows) for title in ("choices", "external_choices"))
        return {**external, **own}

    def values(self, item: Item) -> tuple[str, ...] | None:
        """List the values a select can have; None when they are not known."""
        if item.kind not in SELECTS or "${" in item.list_name:
            return None
        if item.file:
            rows = self.file_rows(item.file)
            column = item.parameters().get("value", "name")
            return None if not rows else tuple(row.get(column, "") for row in rows)
        if item.list_name not in self.lists:
            return None
        values = tuple(row.text("name") for row in self.lists[item.list_name])
        return (*values, "other") if item.or_other else values

    def file_rows(self, file: str) -> tuple[dict[str, str], ...] | None:
        """Read a CSV that travels beside the form; None when it is not there."""
        path = self.media / (file if "." in file else f"{file}.csv")
        if path.suffix.lower() != ".csv" or not path.is_file():
            return None
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return tuple({k: v or "" for k, v in row.items() if k} for row in csv.DictReader(stream))

    @cached_property
    def settings(self) -> Row | None:
        """Give the row of the settings sheet."""
        rows = self.book.sheet("settings").rows
        return rows[0] if rows else None

    def setting(self, name: str) -> str:
        """Give one setting."""
        return self.settings.text(name) if self.settings else ""

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """List the languages of the labels, in the order of their columns."""
        sheets = (self.book.sheet("survey"), self.book.sheet("choices"))
        return tuple(dict.fromkeys(lang for sheet in sheets for lang in sheet.languages("label") if lang))

    @cached_property
    def expressions(self) -> tuple[tuple[Item | None, str, Expression], ...]:
        """List all logic: of the survey by item and column, of settings and entities without an item."""
        own = [(item, name, found) for item in self.items for name, found in item.expressions.items()]
        return (*own, *((None, cell.header, parsed(cell)) for cell in self._outside()))

    def _outside(self) -> Iterator[Cell]:
        if self.settings and self.settings.text("instance_name"):
            yield self.settings.cell("instance_name")
        for row in self.book.sheet("entities").rows:
            names = ("label", "create_if", "update_if", "entity_id")
            yield from (row.cell(name) for name in names if row.text(name))

    def compiled(self, item: Item) -> Question | None:
        """Give the question as compiled."""
        return self.form.question(item.path) if self.form else None


def _lists(rows: tuple[Row, ...]) -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for row in rows:
        if row.text("list_name") and row.text("name"):
            found[row.text("list_name")] = (*found.get(row.text("list_name"), ()), row)
    return found


def _items(book: Workbook) -> Iterator[Item]:
    parents: list[Item] = []
    for order, row in enumerate(book.sheet("survey").rows):
        text = " ".join(row.text("type").split())
        if not text or text.startswith("#") or row.text("disabled").lower() in TRUE_WORDS:
            continue
        match = _GROUP.fullmatch(text)
        if match and match["side"].lower() == "end":
            parents = parents[:-1]
            continue
        item = _item(row, text, tuple(parents), order, match)
        yield item
        if match:
            parents.append(item)


def _item(row: Row, text: str, parents: tuple[Item, ...], order: int, group: re.Match[str] | None) -> Item:
    kind, list_name, file, other = _kind(text)
    if group:
        kind = "group" if group["kind"].lower() == "group" else "repeat"
    item = Item(row, kind, row.text("name"), parents, list_name, file, other, order)
    for column in LOGIC:
        cell = row.cell(column)
        if cell and _is_logic(column, cell.text):
            item.expressions[column] = parsed(cell)
    return item


def _kind(text: str) -> tuple[str, str, str, bool]:
    match = _SELECTS.fullmatch(text)
    if match is None:
        kind = text.lower().replace(" ", "_")
        return _KINDS.get(kind, kind.replace("start_geopoint", "start-geopoint")), "", "", False
    word, list_name = match["kind"].lower(), match["list"]
    kind = "rank" if word == "rank" else "select_multiple"
    if "one" in word or word == "select1":
        kind = "select_one"
    is_file = re.search(r"\.(csv|xml|geojson)$", list_name) is not None
    return kind, list_name, list_name if is_file else "", bool(match["other"])


def _is_logic(column: str, text: str) -> bool:
    if column in ("required", "readonly"):
        return text.lower() not in (*FALSE_WORDS, *TRUE_WORDS)
    if column == "default":
        return "${" in text or re.search(r"[a-z-]\(.*\)", text) is not None
    return True
