"""A row of the office's lists read into the fields of the registry, with what could not be read."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from tracer_etl.evidence.lottery import nik_hmac
from tracer_etl.evidence.registry.nik import Nik, read_nik
from tracer_etl.evidence.registry.readings import (
    Reading,
    Unreadable,
    name_key,
    read_date,
    read_money,
    read_name,
    read_period,
    read_phones,
    read_share,
    read_whole,
)
from tracer_etl.evidence.registry.vocabulary import DIRECT
from tracer_etl.sheets import Cell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from tracer_etl.evidence.registry.places import Places
    from tracer_etl.evidence.registry.vocabulary import Vocabulary
    from tracer_etl.sheets import Line

MISSING, REFUSED, DOUBT, WARNING, CONFLICT, SOLVED = (
    *("missing", "refused", "doubtful", "warning", "conflict"),
    "solved",
)
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10}
_ROUNDED = 5
ATTENDED = 80
"""Least per cent of a training that somebody who completed it has attended."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing about a value that a person should see; `value` is masked where it identifies somebody."""

    kind: str
    file: str
    sheet: str
    row: int
    column: str
    field: str
    value: str
    reason: str
    remedy: str
    key: str = ""


@dataclass(slots=True)
class Entry:
    """One row read: person, class and seat by field, the HMAC of the NIK, what the row is recognised by."""

    file: str
    sheet: str
    row: int
    person: dict[str, str] = field(default_factory=dict)
    course: dict[str, str] = field(default_factory=dict)
    seat: dict[str, str] = field(default_factory=dict)
    hashed: str = ""
    last4: str = ""
    opt_out: str = ""
    who: str = ""
    alumni_id: str = ""
    tells_class: bool = False
    issues: list[Issue] = field(default_factory=list)

    @property
    def place(self) -> tuple[str, str, int]:
        """Say where the row stands."""
        return (self.file, self.sheet, self.row)

    @property
    def name_key(self) -> str:
        """Give the name as spellings share it."""
        return name_key(self.person.get("full_name", ""))

    @property
    def is_person(self) -> bool:
        """Tell whether the row names somebody."""
        return bool(self.person.get("full_name") or self.hashed)

    @property
    def of_class(self) -> bool:
        """Tell whether the row says of which class it is."""
        return bool(self.course.get("program_code") and self.course.get("batch"))


@dataclass(frozen=True, slots=True)
class Desk:
    """What rows are read with: words, villages, the key of the HMAC, the day, time zone, and decided values."""

    words: Vocabulary
    places: Places
    key: str
    today: date
    offset: str
    decided: Mapping[str, str]

    def sign(self, text: str) -> str:
        """Give a name that only the key's holder can compute: 24 hexadecimal digits."""
        said = f"registry\0{text}".encode()
        return hmac.new(self.key.encode(), said, hashlib.sha256).hexdigest()[:24]


def rounded_columns(lines: list[Line]) -> bool:
    """Tell whether every NIK of a sheet ends in 0: a spreadsheet has rounded them before they became text."""
    texts = [re.sub(r"\D", "", line.cells["nik"].text) for line in lines if "nik" in line.cells]
    whole = [text for text in texts if len(text) == 16]  # noqa: PLR2004 - digits of a NIK
    return len(whole) >= _ROUNDED and all(text.endswith("0") for text in whole)


def read_entry(line: Line, desk: Desk, *, rounded: bool = False) -> Entry:
    """Read a row; whatever cannot be read is left blank and listed in `issues`."""
    cells = {**_said(desk.words.says(line.file, line.sheet)), **_said(line.said), **line.cells}
    entry = Entry(line.file, line.sheet, line.row)
    reader = _Row(line, {n: c for n, c in cells.items() if not c.text.startswith("=")}, entry, desk)
    for name in cells.keys() - reader.cells.keys():
        reader.tell(
            REFUSED, name, cells[name].text, "is a formula without a result", "save the list anew in Excel"
        )
    reader.person(rounded=rounded)
    reader.places()
    reader.course()
    reader.seat()
    entry.who = _who(entry, desk)
    return entry


def _said(values: Mapping[str, str]) -> dict[str, Cell]:
    return {name: Cell(value, value) for name, value in values.items()}


def _who(entry: Entry, desk: Desk) -> str:
    """Name the person by what is known best: the same row gives the same name at every import."""
    sure = [
        entry.hashed,
        entry.name_key,
        entry.person.get("birth_date", ""),
        entry.person.get("phone_e164", ""),
    ]
    if not any((sure[0], sure[2], sure[3])):
        sure += [
            entry.course.get("batch", ""),
            entry.person.get("desa_code", ""),
            entry.person.get("address", ""),
        ]
    return desk.sign("\0".join(sure)) if entry.is_person else ""


@dataclass(slots=True)
class _Row:
    line: Line
    cells: Mapping[str, Cell]
    entry: Entry
    desk: Desk

    def person(self, *, rounded: bool) -> None:
        """Read name, NIK, phones, birth date and the codes of a person."""
        person, today = self.entry.person, self.desk.today
        self._keep(
            person, "full_name", "full_name", lambda cell: read_name(cell.text, self.desk.words.titles)
        )
        self._keep(person, "birth_date", "birth_date", lambda cell: read_date(cell, today, birth=True))
        self._phones()
        self._codes(person, "sex edu marital disability_flag")
        self._texts(person, ("address",))
        self._nik(rounded=rounded)
        self._opt_out()

    def places(self) -> None:
        """Read district and village; a village alone gives its district."""
        person = self.entry.person
        self._keep(person, "kec", "kec_code", lambda cell: self._district(cell.text))
        district = person.get("kec_code", "")
        self._keep(person, "desa", "desa_code", lambda cell: self._village(cell.text, district))
        if not district and person.get("desa_code"):
            person["kec_code"] = person["desa_code"][:6]

    def course(self) -> None:
        """Read of which class the row is, and what it says of that class."""
        course, today = self.entry.course, self.desk.today
        self.entry.tells_class = any(name in self.cells for name in ("program", "batch"))
        self._keep(course, "program", "program_code", lambda cell: self._code("program", cell.text))
        if "period" in self.cells:
            self._period()
        for name in ("training_start", "training_end", "magang_end"):
            self._keep(course, name, name, partial(read_date, today=today, end=name != "training_start"))
        self._keep(course, "budget_year", "budget_year", lambda cell: _year(cell.text))
        if "budget_year" not in course and course.get("training_start"):
            course["budget_year"] = course["training_start"][:4]
        self._keep(course, "planned_hours", "planned_hours", lambda cell: read_whole(cell.text))
        self._keep(course, "package_cost_idr", "package_cost_idr", read_money)
        self._codes(course, "funding")
        self._texts(course, ("provider_lpk",))
        self._batch()

    def seat(self) -> None:
        """Read what the row says of this person in this class."""
        seat, today = self.entry.seat, self.desk.today
        self._keep(seat, "attended_pct", "attended_pct", read_share)
        self._codes(seat, "completed drop_reason cert_result target_group target_proof seat_source")
        self._texts(seat, ("lsp", "cert_scheme", "cert_no"))
        self._keep(seat, "cert_date", "cert_date", lambda cell: read_date(cell, today))
        if "completed" not in seat and "attended_pct" in seat:
            seat["completed"] = str(int(float(seat["attended_pct"]) >= ATTENDED))

    def _phones(self) -> None:
        person = self.entry.person
        for name in ("phone", "phone_alt"):
            cell = self.cells.get(name)
            if cell is None:
                continue
            try:
                first, second = read_phones(cell.text)
            except Unreadable as error:
                self._refuse(name, cell, error)
                continue
            numbers = [one.value for one in (first, second) if one.value]
            if name == "phone" and first.value:
                person["phone_e164"], numbers = first.value, numbers[1:]
            if numbers:
                person.setdefault("phone_alt", numbers[0])
            if name == "phone" and not first.value:
                self.tell(WARNING, name, cell.text, "is no mobile number", "ask for a mobile number")
            if first.doubt:
                self.tell(DOUBT, name, cell.text, first.doubt, "correct it in the list")

    def _nik(self, *, rounded: bool) -> None:
        cell = self.cells.get("nik")
        if cell is None:
            return
        try:
            nik = read_nik(cell, rounded=rounded)
        except Unreadable as error:
            self._refuse("nik", cell, error)
            return
        self.entry.hashed, self.entry.last4 = nik_hmac(nik.digits, self.desk.key), nik.digits[-4:]
        self._compare(nik)

    def _compare(self, nik: Nik) -> None:
        """Fill birth date and sex from the NIK where the list has none; say where they differ."""
        person, born = self.entry.person, nik.born(self.desk.today).isoformat()
        for name, said in (("birth_date", born), ("sex", nik.sex)):
            given = person.setdefault(name, said)
            # The century is not in a NIK.
            if given[2:] != said[2:] if name == "birth_date" else given != said:
                reason = f"does not agree with the {name.replace('_', ' ')} of the list"
                self.tell(
                    WARNING, "nik", self.cells["nik"].text, reason, "look at the card and mend one of them"
                )
        if not nik.in_regency:
            reason = "is of another regency than Blitar"
            self.tell(WARNING, "nik", self.cells["nik"].text, reason, "correct only if the card says so")

    def _opt_out(self) -> None:
        cell = self.cells.get("opt_out")
        if (
            cell is None
            or self.desk.words.code("disability_flag", cell.text) == "0"
            or cell.text in ("-", "0")
        ):
            return
        try:
            time = cell.value.strftime("%H:%M:%S") if isinstance(cell.value, datetime) else "00:00:00"
            day = read_date(cell, self.desk.today).value
        except Unreadable:
            day, time = self.desk.today.isoformat(), "00:00:00"
            self.tell(
                DOUBT, "opt_out", cell.text, "gives no day: that of the import is taken", "write the day"
            )
        self.entry.opt_out = f"{day}T{time}{self.desk.offset}"

    def _period(self) -> None:
        cell = self.cells["period"]
        try:
            first, last = read_period(cell.text, self.desk.today)
        except Unreadable as error:
            self._refuse("period", cell, error)
            return
        self.entry.course.setdefault("training_start", first.value)
        self.entry.course.setdefault("training_end", last.value)

    def _batch(self) -> None:
        """Name the class: `programme-year-number`, or with its first day where it has no number."""
        course, cell = self.entry.course, self.cells.get("batch")
        program, year = course.get("program_code", ""), course.get("budget_year", "")
        said = cell.text.strip() if cell else ""
        if re.fullmatch(r"[a-z_]+-\d{4}-\w+", said):
            course["batch"] = said
        elif program and year:
            start = course.get("training_start", "")
            number = _number(said) or (start[5:7] + start[8:10] if start else "1")
            course["batch"] = f"{program}-{year}-{number}"

    def _district(self, text: str) -> Reading:
        bare = re.sub(r"(?i)^\W*kec(amatan)?\b[\s./:]*", "", text)
        return self._code("kec", bare)

    def _village(self, text: str, district: str) -> Reading:
        decided = self.desk.decided.get(_value_key("desa", f"{text} {district}".strip()))
        if decided and not self.desk.places.name_of(decided):
            raise Unreadable(f"is decided as {decided}, which is no village", "write a code of desa.csv")
        return Reading(decided) if decided else self.desk.places.village(text, district)

    def _coded(self, name: str, cell: Cell) -> Reading:
        return self._code(name, cell.text)

    def _code(self, name: str, text: str) -> Reading:
        decided = self.desk.decided.get(_value_key(name, text), "")
        found = self.desk.words.code(name, decided or text)
        if not found:
            raise Unreadable(
                "is no known value", "mend it in the list, or put the code into the column decision"
            )
        return Reading(found)

    def _codes(self, into: dict[str, str], names: str) -> None:
        for name in names.split():
            self._keep(into, name, name, partial(self._coded, name))

    def _texts(self, into: dict[str, str], names: tuple[str, ...]) -> None:
        for name in names:
            if (cell := self.cells.get(name)) is not None and cell.text.strip("- "):
                into[name] = cell.text

    def _keep(self, into: dict[str, str], name: str, as_name: str, read: Callable[[Cell], Reading]) -> None:
        cell = self.cells.get(name)
        if cell is None or not cell.text.strip("-. "):
            return
        try:
            reading = read(cell)
        except Unreadable as error:
            self._refuse(name, cell, error)
            return
        into[as_name] = reading.value
        if reading.doubt:
            self.tell(DOUBT, name, cell.text, reading.doubt, "correct it in the list if that is wrong")

    def _refuse(self, name: str, cell: Cell, error: Unreadable) -> None:
        self.tell(REFUSED, name, cell.text, error.reason, error.remedy)

    def tell(self, kind: str, name: str, value: str, reason: str, remedy: str) -> None:
        """List something about a value."""
        district = self.entry.person.get("kec_code", "") if name == "desa" else ""
        key = "" if name in DIRECT else _value_key(name, f"{value} {district}".strip())
        shown = masked(value) if name in DIRECT else value
        line = self.line
        column = line.columns.get(name, name)
        self.entry.issues.append(
            Issue(kind, line.file, line.sheet, line.row, column, name, shown, reason, remedy, key)
        )


def _value_key(name: str, text: str) -> str:
    """Name a value for decisions: field and plain text."""
    return f"{name}|{' '.join(re.findall(r'[a-z0-9]+', text.casefold()))}"


def masked(value: str) -> str:
    """Hide all of a value but its last two signs.

    >>> masked("3505104704999004"), masked("Ani")
    ('**************04', '***')
    """
    return "*" * len(value) if len(value) <= 4 else "*" * (len(value) - 2) + value[-2:]  # noqa: PLR2004 - too short to show any


def _year(text: str) -> Reading:
    match = re.search(r"\b(20\d\d)\b", text)
    if not match:
        raise Unreadable("is no year", "write it with four figures")
    return Reading(match[1])


def _number(text: str) -> str:
    """Read `2`, `II`, `Angkatan 2` or `ke-2`; empty where there is none."""
    word = re.sub(r"(?i)^\s*(angkatan|kelas|gelombang|ke)\W*(ke\W*)?", "", text).strip()
    if word.casefold() in _ROMAN:
        return str(_ROMAN[word.casefold()])
    found = re.findall(r"\d+", word)
    return str(int(found[0])) if len(found) == 1 else ""
