"""A grid to lines with named fields: titles, headers of one or two levels, sections, totals and footers told apart.

Which header is which field, and what a section says, is told by the `Reader`; nothing here knows a study.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracer_etl.sheets.grids import Cell, Grid

BLANK, TITLE, HEADER, NUMBERING, SECTION, TOTAL, FOOTER, DATA = (
    "blank",
    "title",
    "header",
    "numbering",
    "section",
    "total",
    "footer",
    "data",
)
_HEADER_FIELDS, _MANY_FIELDS, _NUMBERED = 2, 4, 3
_LABEL_WORDS, _SIGNATURES, _IDENTIFYING_DIGITS = 6, 2, 10


@dataclass(frozen=True, slots=True)
class Reader:
    """What is known of the lists: `field_of` a header, `said_by` a title or section, `group_of` a field.

    A section that says one field of a group ends what earlier sections said of that group. A header names a
    field of `needed`, or at least four others; `total` and `footer` match the first text of such rows.
    """

    field_of: Callable[[str], str]
    said_by: Callable[[str], Mapping[str, str]]
    group_of: Callable[[str], str]
    needed: frozenset[str]
    total: re.Pattern[str]
    footer: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a sheet: where it stands, its kind, its cells by field, and what titles and sections say of it.

    A section of which nothing could be understood has an empty `said`.
    """

    file: str
    sheet: str
    row: int
    kind: str
    cells: Mapping[str, Cell] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    text: str = ""


@dataclass(slots=True)
class _State:
    fields: dict[int, str] = field(default_factory=dict)
    heads: dict[int, str] = field(default_factory=dict)
    title: dict[str, str] = field(default_factory=dict)
    section: dict[str, str] = field(default_factory=dict)
    heard: bool = False
    in_block: set[str] = field(default_factory=set)
    closing: bool = False


def read_lines(grid: Grid, reader: Reader) -> Iterator[Line]:
    """Give every row of a sheet, in order, each exactly once.

    A row is data when it has two or more filled cells under known headers and no other sign; so nothing that
    could be a person is taken for a footer.
    """
    state, skip = _State(), 0
    for place, cells in enumerate(grid.rows):
        if skip:
            skip -= 1
            kind = HEADER
        elif levels := _header(grid, place, reader, state):
            skip, kind = levels - 1, HEADER
        else:
            kind = _kind(grid, place, reader, state)
        yield _line(grid, place, cells, kind, state)


def _line(grid: Grid, place: int, cells: tuple[Cell, ...], kind: str, state: _State) -> Line:
    filled = {name: cells[column] for column, name in state.fields.items() if cells[column].text}
    unknown = tuple(state.heads[c] for c in state.heads if c not in state.fields and cells[c].text)
    return Line(
        grid.file,
        grid.sheet,
        place + 1,
        kind,
        filled if kind == DATA else {},
        {name: state.heads[column] for column, name in state.fields.items()} if kind == DATA else {},
        {**state.title, **state.section} if kind == DATA or (kind == SECTION and state.heard) else {},
        unknown if kind == DATA else (),
        " | ".join(dict.fromkeys(cell.text for cell in cells if cell.text)),
    )


# -- headers


def _header(grid: Grid, place: int, reader: Reader, state: _State) -> int:
    """Recognise a header of two levels or one; gives how many rows it takes, 0 when it is none."""
    for levels in (2, 1):
        rows = grid.rows[place : place + levels]
        if len(rows) < levels or (levels > 1 and not _second_level(rows)):
            continue
        heads = _heads(rows)
        fields = _fields(heads, reader)
        lower_adds = levels == 1 or len(fields) > len(_fields(_heads(rows[:1]), reader))
        known = reader.needed & set(fields.values()) or len(fields) >= _MANY_FIELDS
        if len(fields) >= _HEADER_FIELDS and known and lower_adds:
            state.fields, state.heads = fields, {c: texts[0] for c, texts in heads.items()}
            state.closing = False
            return levels
    return 0


def _second_level(rows: tuple[tuple[Cell, ...], ...]) -> bool:
    """Tell whether both rows only name things, without digits or colons, and the second has something of its own."""
    upper = {cell.text for cell in rows[0] if cell.text}
    if len(upper) < _HEADER_FIELDS or any(re.search(r"[\d:]", text) for text in upper):
        return False
    own = [low.text for high, low in zip(*rows, strict=True) if low.text and low.text != high.text]
    return bool(own) and not any(re.search(r"\d", text) for text in own)


def _heads(rows: tuple[tuple[Cell, ...], ...]) -> dict[int, list[str]]:
    """Give the names a column may go by, the most telling first; a blank upper cell belongs to the one left of it."""
    heads: dict[int, list[str]] = {}
    upper = ""
    for column, cell in enumerate(rows[0]):
        lower = rows[1][column].text if len(rows) > 1 else ""
        upper = cell.text or (upper if lower else "")
        texts = [f"{upper} {lower}", lower] if lower and lower != upper else [cell.text]
        if any(texts):
            heads[column] = [text for text in texts if text.strip()]
    return heads


def _fields(heads: Mapping[int, list[str]], reader: Reader) -> dict[int, str]:
    """Map columns to fields; the first column of a field has it."""
    found: dict[int, str] = {}
    for column, texts in heads.items():
        names = [name for name in map(reader.field_of, texts) if name]
        if names and names[0] not in found.values():
            found[column] = names[0]
    return found


# -- rows under (and above) a header


def _kind(grid: Grid, place: int, reader: Reader, state: _State) -> str:
    cells = grid.rows[place]
    texts = list(dict.fromkeys(cell.text for cell in cells if cell.text))
    if not texts:
        return BLANK
    if not state.fields:
        _hear(texts, cells, reader, state.title)
        return TITLE
    if _numbering(cells):
        return NUMBERING
    if reader.total.match(texts[0]) and not _names_somebody(cells, reader, state):
        return TOTAL
    return _under_header(grid, place, texts, reader, state)


def _under_header(grid: Grid, place: int, texts: list[str], reader: Reader, state: _State) -> str:
    cells = grid.rows[place]
    known = [cells[column] for column in state.fields if cells[column].text]
    needed = [cells[column] for column, name in state.fields.items() if name in reader.needed]
    looks_filled = any(cell.text and not cell.merged for cell in needed) and len(texts) > 1
    if reader.footer.match(texts[0]) and not _numbered(cells, state):
        state.closing = True
        return FOOTER
    if state.closing and len(known) <= _SIGNATURES and not _numbered(cells, state):
        return FOOTER
    if len(texts) == 1 and not (looks_filled or _sole_person(grid, place)):
        _section(texts, cells, reader, state)
        return SECTION if state.in_block or _data_follows(grid, place) else FOOTER
    if ":" in texts[0] and not looks_filled and (said := _pairs(cells, reader)):
        _apply(said, reader, state)
        return SECTION
    state.in_block, state.closing = set(), False
    return DATA if known else FOOTER


def _sole_person(grid: Grid, place: int) -> bool:
    """Tell whether the sheet has one column only: then every row has one cell."""
    return max(sum(bool(cell.text) for cell in row) for row in grid.rows[: place + 1]) <= 1


def _names_somebody(cells: tuple[Cell, ...], reader: Reader, state: _State) -> bool:
    """Tell whether a number of ten digits or more stands under a header that tells people apart."""
    texts = [cells[column].text for column, name in state.fields.items() if name in reader.needed]
    return any(len(re.sub(r"\D", "", text)) >= _IDENTIFYING_DIGITS for text in texts)


def _numbered(cells: tuple[Cell, ...], state: _State) -> bool:
    """Tell whether a row begins with a number under a known header, or holds one of ten digits or more."""
    values = [cells[column].text for column in state.fields]
    return any(re.fullmatch(r"[\d'. ]{10,}", text) for text in values) or (
        bool(values) and bool(re.fullmatch(r"\d{1,4}\.?", cells[min(state.fields)].text))
    )


def _numbering(cells: tuple[Cell, ...]) -> bool:
    """Recognise the row 1, 2, 3 ... that officials put under a header."""
    values = [re.sub(r"\D", "", cell.text) or "x" for cell in cells if cell.text and not cell.merged]
    return len(values) >= _NUMBERED and values == [str(number) for number in range(1, len(values) + 1)]


def _data_follows(grid: Grid, place: int) -> bool:
    following = grid.rows[place + 1 :]
    return any(sum(bool(cell.text) for cell in row) > _HEADER_FIELDS for row in following)


# -- what titles and sections say


def _section(texts: list[str], cells: tuple[Cell, ...], reader: Reader, state: _State) -> None:
    said: dict[str, str] = {}
    _hear(texts, cells, reader, said)
    _apply(said, reader, state)


def _apply(said: Mapping[str, str], reader: Reader, state: _State) -> None:
    state.heard = bool(said)
    groups = {reader.group_of(name) for name in said} - state.in_block
    state.section = {k: v for k, v in state.section.items() if reader.group_of(k) not in groups}
    state.section.update(said)
    state.in_block |= groups


def _hear(texts: list[str], cells: tuple[Cell, ...], reader: Reader, into: dict[str, str]) -> None:
    said = _pairs(cells, reader)
    for text in texts:
        said = {**dict(reader.said_by(text)), **said}
    into.update(said)


def _pairs(cells: tuple[Cell, ...], reader: Reader) -> dict[str, str]:
    """Read `Label : value` within a cell, several parted by | or ;, or label and value in neighbouring cells."""
    texts = [cell.text for cell in cells if cell.text]
    said: dict[str, str] = {}
    for text in dict.fromkeys(texts):
        for part in re.split(r"\s*[|;]\s*", text):
            label, colon, value = part.partition(":")
            if colon and value.strip() and (name := reader.field_of(label)):
                said.setdefault(name, value.strip())
    for label, value in pairwise(texts):
        if (len(label.split()) <= _LABEL_WORDS and value.startswith(":")) or label.endswith(":"):
            name = reader.field_of(label.rstrip(": "))
            if name and value.strip(": "):
                said.setdefault(name, value.strip(": "))
    return said
