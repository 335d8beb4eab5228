"""The review list: what the office looks at and decides, and what it decided, read back at the next import."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.evidence.registry.entries import SOLVED
from tracer_etl.evidence.registry.matching import DIFFERENT, SAME
from tracer_etl.evidence.registry.standing import rows_of, write_rows
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from tracer_etl.evidence.registry.entries import Entry, Issue
    from tracer_etl.evidence.registry.matching import Matched, Pair

FILE, LOG = "review.xlsx", "decisions.csv"
_DUPLICATES = "case state rule proposal first second agree differ decision keep".split()
_VALUES = "kind file sheet row column value reason remedy key decision".split()
_ROWS = "file sheet row kind outcome alumni_id text".split()
_COLUMNS = ("case", "decision", "keep")


@dataclass(frozen=True, slots=True)
class Decisions:
    """What the office decided: `same` or `different` by case, codes by value, and whose values go first."""

    pairs: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()


def read_decisions(folder: Path) -> Decisions:
    """Read decisions.csv, take up what the review list says beyond it, and keep all of that in decisions.csv.

    Raises:
        StudyError: a decision is none, or the review list cannot be opened.
    """
    log = {row["case"]: row for row in rows_of(folder / LOG)}
    fresh = {row["case"]: row for row in _from_list(folder / FILE)}
    decided = {**log, **fresh}
    for case, row in decided.items():
        _check(case, row)
    if any(log.get(case) != row for case, row in fresh.items()):
        write_rows(folder / LOG, _COLUMNS, decided.values())
    pairs = {case: row["decision"] for case, row in decided.items() if "|" not in case}
    values = {case: row["decision"] for case, row in decided.items() if "|" in case}
    return Decisions(pairs, values, frozenset(row["keep"] for row in decided.values() if row["keep"]))


def _check(case: str, row: Mapping[str, str]) -> None:
    if "|" not in case and row["decision"] not in (SAME, DIFFERENT):
        remedy = f"write {SAME} or {DIFFERENT}"
        raise StudyError(f"case {case} is decided as {row['decision']!r}", where=LOG, remedy=remedy)
    if row["keep"] and row["keep"] not in case.split("-"):
        raise StudyError(f"case {case} keeps {row['keep']!r}", where=LOG, remedy="write 1 or 2 into keep")


def _from_list(path: Path) -> list[dict[str, str]]:
    """Read the filled cells of the columns `decision` and `keep`; 1 and 2 of `keep` become the half of the case."""
    if not path.exists():
        return []
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise StudyError(
            f"cannot be opened ({error})", where=FILE, remedy="close it, or delete it"
        ) from error
    found = []
    for sheet, key in (("duplicates", "case"), ("values", "key")):
        for row in _records(book[sheet]) if sheet in book.sheetnames else []:
            if row.get(key) and row.get("decision"):
                half = dict(zip("12", row[key].split("-"), strict=False)) if sheet == "duplicates" else {}
                keep = row.get("keep", "")
                found.append(
                    {"case": row[key], "decision": row["decision"].lower() if half else row["decision"]}
                    | {"keep": half.get(keep, keep)}
                )
    book.close()
    return found


def _records(sheet: Any) -> list[dict[str, str]]:  # noqa: ANN401 - of a read-only workbook
    rows = [
        ["" if value is None else str(value).strip() for value in row]
        for row in sheet.iter_rows(values_only=True)
    ]
    return [dict(zip(rows[0], row, strict=False)) for row in rows[1:]] if rows else []


# -- writing


def write_review(
    folder: Path,
    matched: Matched,
    issues: Iterable[Issue],
    rows: Sequence[Sequence[object]],
    decisions: Decisions,
) -> int:
    """Write the review list and give how many things in it are still open; direct identifiers are masked in it."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    values = sorted(issues, key=lambda one: (one.file, one.sheet, one.row, one.column, one.kind))
    _sheet(book.create_sheet("duplicates"), _DUPLICATES, _pair_rows(matched, decisions))
    _sheet(book.create_sheet("values"), _VALUES, ([getattr(one, n, "") for n in _VALUES] for one in values))
    _sheet(book.create_sheet("rows"), _ROWS, rows)
    _offer(book["duplicates"])
    content = io.BytesIO()
    book.save(content)
    write_atomically(folder / FILE, content.getvalue(), private=True)
    return len(matched.open) + sum(one.kind != SOLVED for one in values)


def _pair_rows(matched: Matched, decisions: Decisions) -> list[list[object]]:
    """List open pairs first, then what was decided, then what a rule merged although something differs."""
    states = (("open", matched.open), ("different", matched.parted), ("merged", matched.merged))
    seen: set[str] = set()
    rows: list[list[object]] = []
    for state, pairs in states:
        for pair in pairs:
            if pair.case not in seen and (state != "merged" or _telling(pair, decisions)):
                seen.add(pair.case)
                rows.append(_pair_row(pair, state, decisions))
    return rows


def _telling(pair: Pair, decisions: Decisions) -> bool:
    """Tell whether a merged pair is worth a look: it was decided, or goes by less than NIK and name."""
    between_rows = pair.rule != "known" and bool(pair.first.file and pair.second.file)
    return pair.case in decisions.pairs or (
        between_rows and (pair.rule != "nik" or pair.first.name_key != pair.second.name_key)
    )


def _pair_row(pair: Pair, state: str, decisions: Decisions) -> list[object]:
    ordered = sorted((pair.first, pair.second), key=lambda entry: entry.who[:12])
    agree, differ = _compared(*ordered)
    keep = next((str(n) for n, entry in enumerate(ordered, 1) if entry.who[:12] in decisions.kept), "")
    decided = decisions.pairs.get(pair.case, "")
    return [pair.case, state, pair.rule, pair.proposal, *map(_where, ordered), agree, differ, decided, keep]


def _where(entry: Entry) -> str:
    return f"{entry.file} {entry.sheet} row {entry.row}" if entry.file else f"registry {entry.alumni_id}"


def _compared(first: Entry, second: Entry) -> tuple[str, str]:
    """Name what agrees and what differs, without saying it."""
    values = [{"name": e.name_key, "NIK": e.hashed, **e.person, **e.course} for e in (first, second)]
    names = "name NIK birth_date sex phone_e164 kec_code desa_code batch".split()
    known = [name for name in names if values[0].get(name) and values[1].get(name)]
    agree = [name for name in known if values[0][name] == values[1][name]]
    return ", ".join(agree), ", ".join(name for name in known if name not in agree)


def _sheet(sheet: Worksheet, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    sheet.append(list(columns))
    for row in rows:
        sheet.append([*row])
        for cell in sheet[sheet.max_row]:
            if cell.data_type == "f":
                cell.data_type = "s"  # a list's text that begins with = is no formula of ours
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions


def _offer(sheet: Worksheet) -> None:
    from openpyxl.worksheet.datavalidation import DataValidation

    for letter, choices in (("I", f"{SAME},{DIFFERENT}"), ("J", "1,2")):
        offered = DataValidation(type="list", formula1=f'"{choices}"', allow_blank=True)
        sheet.add_data_validation(offered)
        offered.add(f"{letter}2:{letter}{max(sheet.max_row, 2)}")
