"""Case lists: who is to be visited, read, checked, and compared with what the phones have."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from tracer_etl.errors import Refused, StudyError, WarehouseError
from tracer_etl.fieldwork.assignment import Person, assign
from tracer_etl.names import literal
from tracer_etl.shelf import as_csv, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.questions import Form
    from tracer_etl.study import Assign, CaseList, Study

LARGEST_LOSS = 0.2
"""Share of a list that may vanish at once; more looks like a broken query or a half-written file."""

Case = dict[str, str]
"""A case as phones get it: column -> text, in the order of the list's columns."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What brings a list that stands somewhere to what it should be; cases by key."""

    new: Mapping[str, Case]
    changed: Mapping[str, Case]
    gone: tuple[str, ...]
    same: int


class Target(Protocol):
    """One place a case list goes to."""

    @property
    def place(self) -> str:
        """Say for people where that is."""
        ...

    @property
    def merges(self) -> bool:
        """Tell whether it is changed case by case, and holds more than the list; a file is replaced whole."""
        ...

    @property
    def keeps_gone(self) -> bool:
        """Tell whether cases that are gone from the list stay there."""
        ...

    def standing(self) -> Mapping[str, Case]:
        """Give the cases that are there now, by key."""
        ...

    def apply(self, cases: Mapping[str, Case], changes: Changes) -> list[str]:
        """Bring it to `cases`; gives remarks for people."""
        ...


# -- reading


def read_cases(study: Study, case_list: CaseList) -> dict[str, Case]:
    """Read a list's cases by key, only with the columns that travel, in the order of the source.

    Raises:
        StudyError: the source cannot be read, lacks a column, or a key or label is missing, twice or unfit.
        WarehouseError: a query is named and nothing is published yet.
    """
    rows = _source(study, case_list)
    columns = travelling(case_list)
    assigned = case_list.assign.column if case_list.assign else ""
    cases: dict[str, Case] = {}
    for number, row in enumerate(rows, 1):
        for column in columns:
            if column not in row and column != assigned:
                known = ", ".join(row)
                raise _wrong(case_list, f"column {column!r} is missing", f"the source has {known}")
        case = {column: row.get(column, "") for column in columns}
        key = case[case_list.key]
        if not key or re.search(r"\s", key):
            raise _wrong(case_list, f"row {number} has the key {key!r}", "a key is a word without blanks")
        if key in cases:
            raise _wrong(case_list, f"key {key!r} is there twice", "give one row per case")
        if not case[case_list.label].strip():
            raise _wrong(case_list, f"case {key!r} has no label", "the label is what enumerators choose by")
        cases[key] = case
    return cases


def travelling(case_list: CaseList) -> tuple[str, ...]:
    """List the columns phones get: key, label, the named ones, and that of the assignment."""
    assigned = (case_list.assign.column,) if case_list.assign else ()
    return tuple(dict.fromkeys([case_list.key, case_list.label, *case_list.columns, *assigned]))


def _source(study: Study, case_list: CaseList) -> list[Case]:
    asked = _asked(study, case_list) if case_list.query else None
    if case_list.file is None:
        return asked or []
    rows = read_csv(case_list.file, case_list.name)
    if asked is None:
        return rows
    known = {row.get(case_list.key, ""): row for row in rows}
    strangers = [row[case_list.key] for row in asked if row.get(case_list.key) not in known]
    if strangers:
        what = f"the query gives {len(strangers)} case(s) the file lacks, first {strangers[0]!r}"
        raise _wrong(case_list, what, f"add them to {case_list.file.name}")
    return [{**known[row[case_list.key]], **row} for row in asked]


def _asked(study: Study, case_list: CaseList) -> list[Case]:
    """Run the list's query on the analysts' copy: nothing can be written, and no other file be read."""
    import duckdb

    if not case_list.query or not case_list.query.is_file():
        raise _wrong(case_list, f"there is no {case_list.query}", "correct `query`")
    if not study.published.is_file():
        remedy = "run `tracer-etl run` first"
        raise WarehouseError("nothing is published yet", where=study.published.name, remedy=remedy)
    try:
        with duckdb.connect(str(study.published), read_only=True) as connection:
            connection.execute(f"SET TimeZone = {literal(study.timezone)}")
            connection.execute("SET enable_external_access = false")
            answer = connection.execute(case_list.query.read_text(encoding="utf-8"))
            names = [str(column[0]) for column in answer.description or ()]
            rows = answer.fetchall()
    except duckdb.Error as error:
        raise _wrong(case_list, f"the query fails ({str(error).splitlines()[0]})", "correct it") from error
    if case_list.key not in names:
        raise _wrong(case_list, f"the query gives no column {case_list.key!r}", "select ... as that name")
    return [dict(zip(names, map(_text, row), strict=True)) for row in rows]


def _text(value: object) -> str:
    """Write a value as a form would hold it: dates ISO, booleans 1 and 0, nothing for nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case datetime() | date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def read_csv(path: Path, name: str) -> list[Case]:
    """Read a CSV file of the list (or of people) `name`.

    Raises:
        StudyError: no such file, or not UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what, remedy = f"{path.name} cannot be read ({error})", "name a CSV file in UTF-8"
        raise StudyError(what, where=f"case list {name}", remedy=remedy) from error
    return parse_csv(text)


def parse_csv(text: str) -> list[Case]:
    """Read CSV with a header; short rows are filled up, what is too long is left out."""
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    return [{column: value for column, value in row.items() if column is not None} for row in reader]


def write_csv(columns: Sequence[str], cases: Iterable[Case]) -> bytes:
    r"""Write cases as phones read them: UTF-8, a header, quoted where needed.

    >>> write_csv(["name", "label"], [{"name": "A1", "label": 'Siti "Ti", Blitar'}]).decode()
    'name,label\nA1,"Siti ""Ti"", Blitar"\n'
    """
    return as_csv([columns, *([case.get(column, "") for column in columns] for case in cases)])


# -- checking


def check_privacy(study: Study, case_list: CaseList, forms: Sequence[Form]) -> None:
    """Refuse a column that identifies somebody, unless the list says in `direct` that it shall travel.

    Direct are the `direct` columns of [[reference]] tables and the questions a form marks so.

    Raises:
        StudyError: such a column is in the list and not in its `direct`.
    """
    known = {name.lower() for reference in study.references for name in reference.direct}
    known |= {q.path[-1].lower() for form in forms for q in form.questions if q.privacy == "direct"}
    found = [c for c in travelling(case_list) if c.lower() in known and c not in case_list.direct]
    if found:
        what = f"{', '.join(found)} identifies people and would go onto every phone"
        raise _wrong(case_list, what, f"leave it out, or say direct = {found} if it must travel")


def check_form(case_list: CaseList, form: Form, *, entities: bool = False) -> None:
    """Refuse a list that its form does not read, or of which it reads more; an entity's `name` is its uuid.

    Raises:
        StudyError: no such list in the form, a column the phones would not have, or entities read by `name`.
    """
    if not re.search(rf"['\"/]{re.escape(case_list.name)}(\.csv)?['\"]", form.xform):
        what = f"form {form.form_id} reads no {case_list.name}.csv"
        raise _wrong(case_list, what, "correct `name` or `form` of the list")
    value, read = read_columns(form.xform, case_list.name)
    if entities and value and value != case_list.key:
        what = (
            f"form {form.form_id} takes {value!r} of the list as the answer, which Central fills with a uuid"
        )
        raise _wrong(case_list, what, f"write value={case_list.key} into the question's parameters")
    missing = sorted(read - set(travelling(case_list)))
    if missing:
        what = f"form {form.form_id} reads {', '.join(missing)}, which the list does not carry"
        raise _wrong(case_list, what, "add to `columns`, or correct the form")


def read_columns(xform: str, name: str) -> tuple[str, set[str]]:
    """Find what a form reads of an external list: the column that is the answer, and all columns by name.

    >>> xform = "instance('a')/root/item[name= /data/who ]/sex, pulldata('a', 'age', 'name', /data/who)"
    >>> value, columns = read_columns(xform, "a")
    >>> value, sorted(columns)
    ('', ['age', 'sex'])
    """
    quoted = re.escape(name)
    found = set(re.findall(rf"instance\('{quoted}'\)/root/item\[[^\]]*\]/([\w.-]+)", xform))
    found |= set(re.findall(rf"pulldata\(\s*'{quoted}'\s*,\s*'([^']+)'", xform))
    sets = re.findall(
        rf"<itemset[^>]*instance\('{quoted}'\).*?<value ref=[\"']([^\"']+)[\"']\s*/>\s*<label ref=[\"']([^\"']+)",
        xform,
        re.DOTALL,
    )
    value = sets[0][0] if sets else ""
    return value, found | {column for pair in sets for column in pair}


def _wrong(case_list: CaseList, what: str, remedy: str) -> StudyError:
    return StudyError(what, where=f"case list {case_list.name}", remedy=remedy)


# -- sharing out


def share_out(
    case_list: CaseList, cases: Mapping[str, Case], standing: Mapping[str, Case]
) -> tuple[dict[str, Case], list[str]]:
    """Fill the column of the assignment; who has a case already, there or in the source, keeps it.

    Raises:
        StudyError: the CSV of people lacks a column, or the list lacks the area.
    """
    rule = case_list.assign
    if rule is None:
        return dict(cases), []
    if rule.by and any(rule.by not in case for case in cases.values()):
        raise _wrong(case_list, f"cases have no {rule.by!r}", "add it to `columns`")
    kept = {key: case.get(rule.column, "") for key, case in standing.items()}
    kept |= {key: case[rule.column] for key, case in cases.items() if case[rule.column]}
    areas = {key: case[rule.by] if rule.by else "" for key, case in cases.items()}
    people = _people(case_list, rule)
    given = assign(areas, people, kept)
    shared = {key: {**case, rule.column: given[key]} for key, case in cases.items()}
    return shared, _remarks_on(given, people)


def _people(case_list: CaseList, rule: Assign) -> list[Person]:
    people = []
    for row in read_csv(rule.among, case_list.name):
        needed = [rule.code, *([rule.areas] if rule.areas else []), *rule.where]
        missing = [column for column in needed if column not in row]
        if missing:
            raise _wrong(case_list, f"{rule.among.name} has no column {missing[0]!r}", "correct `assign`")
        if all(row[column] == value for column, value in rule.where.items()):
            people.append(Person(row[rule.code], frozenset(row[rule.areas].split()) if rule.areas else None))
    return people


def _remarks_on(given: Mapping[str, str], people: Sequence[Person]) -> list[str]:
    loads = Counter(given.values())
    sizes = [loads[person.code] for person in people]
    said = [f"{len(people)} people hold {min(sizes)} to {max(sizes)} cases each"] if people else []
    if loads[""]:
        said.append(f"{loads['']} case(s) are nobody's, since nobody covers their area")
    return said


# -- comparing


def compare(cases: Mapping[str, Case], standing: Mapping[str, Case], *, exact: bool = False) -> Changes:
    """Say what is new, changed, gone and the same; `exact` lets a column too many or in another place count.

    >>> compare({"a": {"x": "1"}, "b": {"x": "2"}}, {"b": {"x": "2", "more": ""}, "c": {}})
    Changes(new={'a': {'x': '1'}}, changed={}, gone=('c',), same=1)
    >>> compare({"b": {"x": "2"}}, {"b": {"x": "2", "more": ""}}, exact=True).changed
    {'b': {'x': '2'}}
    """
    there = [(key, case, standing[key]) for key, case in cases.items() if key in standing]
    changed = {
        key: case
        for key, case, old in there
        if any(old.get(column) != value for column, value in case.items()) or (exact and [*old] != [*case])
    }
    new = {key: case for key, case in cases.items() if key not in standing}
    gone = tuple(key for key in standing if key not in cases)
    return Changes(new, changed, gone, len(there) - len(changed))


def too_few(changes: Changes) -> str:
    """Say why a list must not be changed so without a word of confirmation; empty when it may."""
    before = len(changes.gone) + len(changes.changed) + changes.same
    lost = len(changes.gone)
    return f"{lost} of {before} cases would vanish from the phones" if lost > LARGEST_LOSS * before else ""


def refuse_loss(case_list: CaseList, changes: Changes) -> None:
    """Stop before a list loses more than a fifth.

    Raises:
        Refused: so many cases would vanish.
    """
    if what := too_few(changes):
        remedy = "check the source; if it is right, add --accept-deletions"
        raise Refused(what, where=f"case list {case_list.name}", remedy=remedy)


# -- as a file


def file_for_phones(study: Study, name: str) -> Path:
    """Find the media file as phones should have it: a case list as last made, else that of the media folder.

    The media folder keeps every case ever listed, since answers are checked against it.
    """
    made = study.cases / name
    return made if made.is_file() else study.media / name


def keep_for_phones(study: Study, case_list: CaseList, cases: Mapping[str, Case]) -> Path:
    """Write the list as file for the phones; only its owner may read it."""
    path = study.cases / f"{case_list.name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, write_csv(travelling(case_list), cases.values()), private=True)
    return path


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A list as a file of the study that `forms publish` sends."""

    study: Study
    case_list: CaseList
    merges: bool = False
    keeps_gone: bool = False

    @property
    def place(self) -> str:
        """Say which file."""
        path, root = self._path, self.study.root
        return str(path.relative_to(root) if path.is_relative_to(root) else path)

    @property
    def _path(self) -> Path:
        return self.study.cases / f"{self.case_list.name}.csv"

    def standing(self) -> Mapping[str, Case]:
        """Read the list as it was made last."""
        rows = read_csv(self._path, self.case_list.name) if self._path.is_file() else []
        return {row.get(self.case_list.key, ""): row for row in rows}

    def apply(self, cases: Mapping[str, Case], changes: Changes) -> list[str]:
        """Write the file."""
        del changes
        path = keep_for_phones(self.study, self.case_list, cases)
        return [f"{path.name} travels with the form: run `tracer-etl forms publish`"]
