"""Groups of rows made into persons and enrolments, onto the registry that stands; every row gets its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tracer_etl.evidence.registry.entries import CONFLICT, MISSING, REFUSED, SOLVED, Entry, Issue, masked
from tracer_etl.evidence.registry.standing import ENROLMENT_COLUMNS, ERASED, PERSON_COLUMNS
from tracer_etl.evidence.registry.vocabulary import CLASS, DIRECT, PERSON, SEAT

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from tracer_etl.evidence.registry.matching import Matched
    from tracer_etl.evidence.registry.standing import Row, Standing

ENROLMENT, MERGED, OPT_OUT, CLASS_LIST, REVIEW = "enrolment", "merged", "opt_out", "class", "review"

_Group = tuple[Entry, ...]


@dataclass(slots=True)
class Outcomes:
    """What became of each data row, by place; the id it went to; and what people should look at."""

    of: dict[tuple[str, str, int], tuple[str, str]] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def set(self, entry: Entry, outcome: str, key: str = "") -> None:
        """Give a row its outcome."""
        self.of[entry.place] = (outcome, key)

    def set_aside(self, entry: Entry, reason: str, remedy: str) -> None:
        """Put a row into the review list as a whole."""
        self.set(entry, REVIEW)
        self.issues.append(Issue(MISSING, entry.file, entry.sheet, entry.row, "", "row", "", reason, remedy))


@dataclass(slots=True)
class Assembly:
    """The work of putting groups onto the registry that stands."""

    standing: Standing
    sign: Callable[[str], str]
    is_erased: Callable[[str], bool]
    kept_first: Collection[str]
    outcomes: Outcomes = field(default_factory=Outcomes)

    def assemble(self, matched: Matched) -> None:
        """Put every group where it belongs."""
        parted = {id(one) for pair in matched.parted for one in (pair.first, pair.second)}
        taken = {*self.standing.persons, *self.standing.identities.values(), *self.standing.replaced}
        used: set[str] = set()
        niks: set[str] = set()
        for group in sorted(matched.groups, key=_precedence):
            hashed = self._hashed(group)
            if hashed[0] and hashed[0] in niks:
                if not any(id(entry) in parted for entry in group):
                    self._refuse_twin(group)
                    continue
                hashed = ("", "")
            niks.add(hashed[0])
            self._place(group, hashed, taken, used)

    def _place(self, group: _Group, hashed: tuple[str, str], taken: set[str], used: set[str]) -> None:
        rows = [entry for entry in group if entry.file]
        if not self._admissible(group, rows):
            return
        key = self._id_of(group, taken, used)
        used.add(key)
        self.standing.identities.update({entry.who: key for entry in rows})
        if key == ERASED or self.is_erased(key):
            self._forget(rows, key)
            return
        self._person(group, key, hashed)
        self._enrol(rows, key)

    def _admissible(self, group: _Group, rows: Sequence[Entry]) -> bool:
        if not any(entry.person.get("full_name") for entry in group):
            self._aside(rows, "nobody's name stands with this NIK", "write the name into the list")
        elif not any(entry.alumni_id or entry.of_class for entry in group):
            for entry in rows:
                self._aside_without_class(entry)
        else:
            return True
        return False

    def _aside(self, rows: Iterable[Entry], reason: str, remedy: str) -> None:
        for entry in rows:
            self.outcomes.set_aside(entry, reason, remedy)

    def _aside_without_class(self, entry: Entry) -> None:
        if entry.opt_out and not entry.tells_class:
            reason, remedy = "withdraws, but is in no list of participants", "correct name, NIK or phone"
        else:
            reason, remedy = (
                "programme or year of the class is not known",
                "write both, or put them into the title",
            )
        self.outcomes.set_aside(entry, reason, remedy)

    def _refuse_twin(self, group: _Group) -> None:
        reason = "another person with quite another name has this NIK"
        self._aside(
            [e for e in group if e.file], reason, "decide in the sheet duplicates, or correct the NIK"
        )

    def _hashed(self, group: _Group) -> tuple[str, str]:
        """Give HMAC and last digits of the NIK: of the row to be kept, else as it stands, else of the first row."""
        ordered = sorted(group, key=lambda e: (e.who[:12] not in self.kept_first, bool(e.file), e.place))
        hashed = next((entry.hashed for entry in ordered if entry.hashed), "")
        return hashed, next((one.last4 for one in ordered if one.hashed == hashed and one.last4), "")

    def _id_of(self, group: _Group, taken: set[str], used: set[str]) -> str:
        if ERASED in {self.standing.identities.get(entry.who) for entry in group}:
            return ERASED
        kept = sorted((e.who[:12] not in self.kept_first, e.alumni_id) for e in group if not e.file)
        standing = [key for _, key in kept]
        if standing:
            for old in standing[1:]:
                self._replace(old, standing[0])
            return standing[0]
        known = sorted({entry.alumni_id for entry in group if entry.alumni_id} - used)
        known = [key for key in known if key not in self.standing.persons]
        return known[0] if known else self.standing.new_id(min(e.who for e in group), taken, self.sign)

    def _replace(self, old: str, now: str) -> None:
        self.standing.replaced[old] = now
        for who, key in list(self.standing.identities.items()):
            if key == old:
                self.standing.identities[who] = now
        self.standing.persons.pop(old, None)
        for batch, row in self.standing.enrolments.pop(old, {}).items():
            self.standing.enrolments.setdefault(now, {}).setdefault(batch, row)

    def _forget(self, rows: Iterable[Entry], key: str) -> None:
        for entry in rows:
            self.outcomes.set(entry, ERASED)
            self.standing.identities[entry.who] = ERASED
        self.standing.persons.pop(key, None)
        self.standing.enrolments.pop(key, None)

    # -- values

    def _person(self, group: _Group, key: str, hashed: tuple[str, str]) -> None:
        rows = sorted((entry for entry in group if entry.file), key=self._latest_first)
        before = self.standing.persons.get(key, dict.fromkeys(PERSON_COLUMNS, ""))
        values = self._first_of([(e, e.person) for e in rows], PERSON, {**before})
        phones = dict.fromkeys(
            e.person[n] for e in rows for n in ("phone_e164", "phone_alt") if e.person.get(n)
        )
        others = [one for one in phones if one != values["phone_e164"]]
        values["phone_alt"] = values["phone_alt"] or (others[0] if others else "")
        withdrawn = before["opt_out_at"] or min((e.opt_out for e in group if e.opt_out), default="")
        if hashed[0]:
            _solve(rows)
        values |= {"alumni_id": key, "nik_hmac": hashed[0], "nik_last4": hashed[1], "opt_out_at": withdrawn}
        self.standing.persons[key] = {name: values[name] for name in PERSON_COLUMNS}

    def _latest_first(self, entry: Entry) -> tuple[bool, int, tuple[str, str, int]]:
        year = entry.course.get("training_start", "")[:10].replace("-", "") or "0"
        return entry.who[:12] not in self.kept_first, -int(year), entry.place

    def _enrol(self, rows: Sequence[Entry], key: str) -> None:
        listed = self.standing.enrolments.setdefault(key, {})
        by_batch: dict[str, list[Entry]] = {}
        for entry in sorted(rows, key=lambda one: one.place):
            if entry.of_class:
                by_batch.setdefault(entry.course["batch"], []).append(entry)
            elif entry.tells_class:
                self._aside_without_class(entry)
            else:
                self.outcomes.set(entry, OPT_OUT if entry.opt_out else MERGED, key)
        for batch, entries in by_batch.items():
            listed[batch] = self._enrolment(entries, key, listed.get(batch))
            for place, entry in enumerate(entries):
                self.outcomes.set(entry, MERGED if place else ENROLMENT, key)
        for batch, row in listed.items():
            row |= {"enrolment_id": f"{batch}/{key}", "alumni_id": key, "n_enrolments": str(len(listed))}

    def _enrolment(self, entries: list[Entry], key: str, before: Row | None) -> Row:
        ordered = sorted(entries, key=lambda e: (e.who[:12] not in self.kept_first, e.place))
        blank = before or dict.fromkeys(ENROLMENT_COLUMNS, "")
        row = self._first_of([(e, {**e.course, **e.seat}) for e in ordered], (*CLASS, *SEAT), {**blank})
        return {name: row[name] for name in ENROLMENT_COLUMNS} | {"alumni_id": key}

    def _first_of(self, rows: Sequence[tuple[Entry, Row]], names: Iterable[str], values: Row) -> Row:
        """Take of each field the first value there is; a blank never removes what stands; tell where rows differ."""
        for name in names:
            given = [(entry, one[name]) for entry, one in rows if one.get(name)]
            if given:
                values[name] = given[0][1]
            for entry, value in given[1:]:
                if value != given[0][1] and not name.startswith("phone"):
                    self._tell_conflict(entry, name, value, given[0][0])
        return values

    def _tell_conflict(self, entry: Entry, name: str, value: str, kept: Entry) -> None:
        reason = f"differs from {kept.file} {kept.sheet} row {kept.row}, which is kept"
        shown = masked(value) if name in DIRECT else value
        self.outcomes.issues.append(
            Issue(
                CONFLICT,
                entry.file,
                entry.sheet,
                entry.row,
                name,
                name,
                shown,
                reason,
                "make both rows agree",
            )
        )


def _solve(rows: Iterable[Entry]) -> None:
    """Let be what could not be read of a NIK that another row has whole."""
    for entry in rows:
        entry.issues = [
            replace(one, kind=SOLVED) if (one.kind, one.field) == (REFUSED, "nik") else one
            for one in entry.issues
        ]


def _precedence(group: _Group) -> tuple[bool, int, str]:
    """Put first who stands already, then who is in most rows: they keep a NIK that others claim, too."""
    return all(entry.file for entry in group), -len(group), min(entry.who for entry in group)


def of_classes(entries: Iterable[Entry], classes: Iterable[Entry]) -> list[Entry]:
    """Fill what a row does not say of its class from the list of classes."""
    known = {one.course["batch"]: one.course for one in classes if one.of_class}
    return [
        replace(one, course={**known.get(one.course.get("batch", ""), {}), **one.course}) for one in entries
    ]
