"""From the office's lists to the registry: read, match, assemble, write, and account for every row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from tracer_etl.errors import StudyError
from tracer_etl.evidence.registry.column_rules import broken_rules
from tracer_etl.evidence.registry.entries import (
    DOUBT,
    Desk,
    Entry,
    Issue,
    masked,
    read_entry,
    rounded_columns,
)
from tracer_etl.evidence.registry.matching import Matched, match
from tracer_etl.evidence.registry.persons import CLASS_LIST, ENROLMENT, REVIEW, Assembly, of_classes
from tracer_etl.evidence.registry.places import Places
from tracer_etl.evidence.registry.review import Decisions, read_decisions, write_review
from tracer_etl.evidence.registry.standing import ERASED, read_standing, rows_of, write_standing
from tracer_etl.sheets import DATA, Line, read_grids, read_lines
from tracer_etl.sheets.grids import ENDINGS
from tracer_etl.sheets.tables import BLANK, HEADER, SECTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date
    from pathlib import Path

    from tracer_etl.evidence.registry.standing import Standing
    from tracer_etl.evidence.registry.vocabulary import Vocabulary


_AGAIN = 5
"""How often the rows are matched anew with what they made, at most."""


@dataclass(frozen=True, slots=True)
class SheetCount:
    """What became of the rows of one sheet; `data` is the sum of the four after it."""

    file: str
    sheet: str
    rows: int
    other: int
    data: int
    enrolment: int
    merged: int
    review: int
    rest: int


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many persons the registry has in a programme of a year."""

    year: str
    programme: str
    classes: int
    enrolments: int
    certified: int


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import, without anybody's identity."""

    persons: int
    enrolments: int
    new_persons: int
    opted_out: int
    open_cases: int
    to_review: int
    sheets: tuple[SheetCount, ...]
    classes: tuple[ClassCount, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Office:
    """With what an import works: words, villages, the key of the HMAC, the day, the time zone, who was erased."""

    words: Vocabulary
    villages: Path
    key: str
    today: date
    timezone: str
    is_erased: Callable[[str], bool]


def import_registry(sources: Sequence[Path], out: Path, office: Office) -> Imported:
    """Read lists (files, or folders of them) into the registry in `out`, onto what stands there.

    The same lists give the same files, in whatever order they come; who is known keeps the id. A row that cannot be
    used is in the review list, never lost.

    Raises:
        StudyError: no key, no list, a file that cannot be opened, or a decision that is none.
    """
    _require_key(office.key)
    lines = list(_lines(sources, office.words))
    decisions, standing = read_decisions(out), read_standing(out)
    before = len(standing.persons)
    desk = _desk(office, decisions)
    entries, classes, nameless = _entries([line for line in lines if line.kind == DATA], desk)
    entries = of_classes(entries, classes)
    matched, work = _assembled(entries, standing, desk, office, decisions)
    for _ in range(_AGAIN):
        # Two rows may tell together what neither says alone: what the next import would join by it, this one does.
        before_it, (matched, work) = matched, _assembled(entries, standing, desk, office, decisions)
        if _together(before_it) == _together(matched):
            break
    for entry in classes:
        work.outcomes.set(entry, CLASS_LIST)
    for entry in nameless:
        work.outcomes.set_aside(entry, "has neither a name nor a NIK", "complete the row, or delete it")
    write_standing(out, standing, desk.places.name_of)
    issues = [*work.outcomes.issues, *(one for entry in (*entries, *classes) for one in entry.issues)]
    issues += broken_rules(classes, entries, office.words.frame)
    issues += [_strange(line) for line in lines if line.kind == SECTION and not line.said]
    listed = [_row(line, work.outcomes.of) for line in lines if line.kind != BLANK]
    to_review = write_review(out, matched, issues, listed, decisions)
    counts = _sheets(lines, work.outcomes.of)
    return _told(standing, before, matched, to_review, counts, lines)


def _assembled(
    entries: Sequence[Entry], standing: Standing, desk: Desk, office: Office, decisions: Decisions
) -> tuple[Matched, Assembly]:
    for entry in entries:
        known = standing.identities.get(entry.who, "")
        entry.alumni_id = "" if known == ERASED else known
    matched = match([*standing.entries(desk.sign), *entries], decisions.pairs)
    work = Assembly(standing, desk.sign, office.is_erased, decisions.kept)
    work.assemble(matched)
    return matched, work


def _together(matched: Matched) -> set[frozenset[tuple[str, str, int]]]:
    """Give which rows are one person."""
    return {frozenset(entry.place for entry in group if entry.file) for group in matched.groups} - {
        frozenset()
    }


def _require_key(key: str) -> None:
    if not key:
        remedy = "export the key the registry is made with; make it once with `openssl rand -hex 32`"
        raise StudyError("is not set", where="TRACER_HMAC_KEY", remedy=remedy)


def _lines(sources: Sequence[Path], words: Vocabulary) -> Iterable[Line]:
    for path in _files(sources):
        for grid in read_grids(path):
            yield from read_lines(grid, words.reader)


def _files(sources: Sequence[Path]) -> list[Path]:
    found: dict[str, Path] = {}
    for source in sources:
        inside = sorted(source.iterdir()) if source.is_dir() else [source]
        for path in inside:
            lock = path.name.startswith(("~$", ".~lock", "."))
            if source.is_dir() and (path.suffix.lower() not in ENDINGS or lock):
                continue
            if found.setdefault(path.name, path).resolve() != path.resolve():
                remedy = "rename one of them: rows are named by their file"
                raise StudyError("two lists have this name", where=path.name, remedy=remedy)
    if not found:
        where = ", ".join(source.name for source in sources) or "registry import"
        raise StudyError("there is no list", where=where, remedy="name files or a folder with .xlsx or .csv")
    return [found[name] for name in sorted(found)]


def _desk(office: Office, decisions: Decisions) -> Desk:
    places = Places.of(rows_of(office.villages))
    noon = datetime(
        office.today.year, office.today.month, office.today.day, 12, tzinfo=ZoneInfo(office.timezone)
    )
    return Desk(office.words, places, office.key, office.today, noon.isoformat()[-6:], decisions.values)


def _entries(lines: Sequence[Line], desk: Desk) -> tuple[list[Entry], list[Entry], list[Entry]]:
    """Read the rows of people, those of lists of classes, and those that name nobody."""
    by_sheet: dict[tuple[str, str], list[Line]] = {}
    for line in lines:
        by_sheet.setdefault((line.file, line.sheet), []).append(line)
    people: list[Entry] = []
    classes: list[Entry] = []
    nameless: list[Entry] = []
    for listed in by_sheet.values():
        rounded = rounded_columns(listed)
        for line in listed:
            entry = read_entry(line, desk, rounded=rounded)
            if entry.is_person:
                people.append(entry)
            else:
                (nameless if {"full_name", "nik"} & set(line.columns) else classes).append(entry)
    return (
        people,
        [one for one in classes if one.of_class],
        [*nameless, *(one for one in classes if not one.of_class)],
    )


def _strange(line: Line) -> Issue:
    reason = "is neither a row of a list nor a heading that says a class or a place"
    remedy = "if it is a person, complete the row; if a class, write `Jenis Pelatihan: ...`"
    return Issue(DOUBT, line.file, line.sheet, line.row, "", "row", masked(line.text), reason, remedy)


# -- the account


def _row(line: Line, of: dict[tuple[str, str, int], tuple[str, str]]) -> list[object]:
    outcome, key = of.get((line.file, line.sheet, line.row), ("", ""))
    text = "" if line.kind == DATA else line.text
    return [line.file, line.sheet, line.row, line.kind, outcome, key, text]


def _sheets(lines: Iterable[Line], of: dict[tuple[str, str, int], tuple[str, str]]) -> tuple[SheetCount, ...]:
    counts: dict[tuple[str, str], Counter[str]] = {}
    for line in lines:
        count = counts.setdefault((line.file, line.sheet), Counter())
        count["rows"] += 1
        if line.kind == DATA:
            count["data"] += 1
            count[of[line.file, line.sheet, line.row][0]] += 1
    return tuple(
        SheetCount(
            *place,
            rows=count["rows"],
            other=count["rows"] - count["data"],
            data=count["data"],
            enrolment=count[ENROLMENT],
            merged=count["merged"],
            review=count[REVIEW],
            rest=count["data"] - count[ENROLMENT] - count["merged"] - count[REVIEW],
        )
        for place, count in counts.items()
    )


def _told(
    standing: Standing,
    before: int,
    matched: Matched,
    to_review: int,
    counts: tuple[SheetCount, ...],
    lines: Sequence[Line],
) -> Imported:
    enrolments = [row for listed in standing.enrolments.values() for row in listed.values()]
    return Imported(
        persons=len(standing.persons),
        enrolments=len(enrolments),
        new_persons=len(standing.persons) - before,
        opted_out=sum(bool(row["opt_out_at"]) for row in standing.persons.values()),
        open_cases=len(matched.open),
        to_review=to_review,
        sheets=counts,
        classes=_classes(enrolments),
        remarks=tuple(_remarks(lines)),
    )


def _classes(enrolments: Sequence[dict[str, str]]) -> tuple[ClassCount, ...]:
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in enrolments:
        found.setdefault((row["budget_year"], row["program_code"]), []).append(row)
    return tuple(
        ClassCount(
            *key,
            len({row["batch"] for row in rows}),
            len(rows),
            sum(row["cert_result"] == "1" for row in rows),
        )
        for key, rows in sorted(found.items())
    )


def _remarks(lines: Sequence[Line]) -> Iterable[str]:
    sheets = dict.fromkeys((line.file, line.sheet) for line in lines if line.kind != BLANK)
    with_table = {(line.file, line.sheet) for line in lines if line.kind == HEADER}
    for file, sheet in sheets:
        if (file, sheet) not in with_table:
            yield f"{file} {sheet}: no row there is a header with a name or NIK, so nothing of it is used"
    unknown = dict.fromkeys((line.file, line.sheet, name) for line in lines for name in line.unknown)
    for file, sheet, name in unknown:
        yield f"{file} {sheet}: the column {name!r} is not used; a mapping file can name its field"
