"""Which rows are the same person: by HMAC of the NIK, name and birth date, name and class, phone and name.

| rule | same | applied at once when |
|---|---|---|
| nik | HMAC of the NIK | names alike |
| name_birth | name and birth date | at most one of them has a NIK |
| name_class | name and class | nothing contradicts |
| phone_name | phone, and names alike | the names are equal, and nothing contradicts |
| near_name | birth date, and names alike | never: the office decides |

What the office decided goes before every rule. Two people with different NIKs never become one without its word.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tracer_etl.evidence.registry.entries import Entry

SAME, DIFFERENT = "same", "different"
ALIKE = 0.85
"""Likeness of two names (0 to 1, Ratcliff and Obershelp) from which they may be one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows that may be one person: by which rule, what is proposed, and whether that stands without a word."""

    first: Entry
    second: Entry
    rule: str
    proposal: str
    sure: bool

    @property
    def case(self) -> str:
        """Name the pair, the same at every import."""
        return "-".join(sorted((self.first.who[:12], self.second.who[:12])))


@dataclass(frozen=True, slots=True)
class Matched:
    """Groups of entries, one per person; pairs merged by rule or by word; pairs that are still open."""

    groups: tuple[tuple[Entry, ...], ...]
    merged: tuple[Pair, ...]
    open: tuple[Pair, ...]
    parted: tuple[Pair, ...]


def alike(first: str, second: str) -> bool:
    """Tell whether two names may be one: near in spelling, or one is a part of the other.

    >>> (
    ...     alike("sri setyowati", "sri setiyowati"),
    ...     alike("siti aminah", "siti"),
    ...     alike("sri utami", "dian lestari"),
    ... )
    (True, True, False)
    """
    if not first or not second:
        return False
    shorter, longer = sorted((set(first.split()), set(second.split())), key=len)
    return shorter <= longer or SequenceMatcher(None, first, second).ratio() >= ALIKE


def match(entries: Sequence[Entry], decisions: Mapping[str, str]) -> Matched:
    """Group entries by person; `decisions` says `same` or `different` by the name of a pair."""
    groups = _Groups(entries)
    merged, waiting, parted = [], [], []
    pairs = sorted(
        _pairs(entries), key=lambda pair: (decisions.get(pair.case) is None, _RULES.index(pair.rule))
    )
    for pair in pairs:
        if decisions.get(pair.case) == DIFFERENT:
            groups.part(pair.first, pair.second)
            parted.append(pair)
    for pair in pairs:
        told = decisions.get(pair.case)
        if told == DIFFERENT:
            continue
        if (told == SAME or pair.sure) and groups.join(pair.first, pair.second, forced=told == SAME):
            merged.append(pair)
        else:
            waiting.append(pair)
    still = _one_per_groups(waiting, groups)
    return Matched(groups.all(), tuple(merged), tuple(still), tuple(parted))


def _one_per_groups(pairs: Iterable[Pair], groups: _Groups) -> Iterator[Pair]:
    """Leave out pairs that other pairs joined or parted, and all but one between the same two people."""
    seen: set[frozenset[int]] = set()
    for pair in pairs:
        roots = frozenset((groups.root(pair.first), groups.root(pair.second)))
        if len(roots) > 1 and roots not in seen and not groups.apart(pair.first, pair.second):
            seen.add(roots)
            yield pair


# -- pairs

_RULES = ("known", "nik", "name_birth", "name_class", "phone_name", "near_name")


def _pairs(entries: Sequence[Entry]) -> Iterator[Pair]:
    for rule, key, judge in _BLOCKS:
        blocks: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if value := key(entry):
                blocks[value].append(entry)
        for block in blocks.values():
            yield from _within(block, rule, judge)


def _within(
    block: list[Entry], rule: str, judge: Callable[[Entry, Entry], tuple[str, bool] | None]
) -> Iterator[Pair]:
    # Of three namesakes, two with different NIKs, nobody can say whose the third row is.
    clear = rule in ("known", "nik") or len({entry.hashed for entry in block} - {""}) <= 1
    for first, second in combinations(sorted(block, key=lambda entry: entry.who), 2):
        if (found := judge(first, second)) is not None:
            yield Pair(first, second, rule, found[0], found[1] and clear)


def _contradict(first: Entry, second: Entry) -> bool:
    """Tell whether NIK or birth date of both are known and differ."""
    born = [one.person.get("birth_date", "") for one in (first, second)]
    return _two_niks(first, second) or (all(born) and born[0] != born[1])


def _two_niks(first: Entry, second: Entry) -> bool:
    return bool(first.hashed and second.hashed and first.hashed != second.hashed)


def _known(first: Entry, second: Entry) -> tuple[str, bool] | None:
    return (SAME, True) if first.alumni_id or first.who == second.who else None


def _by_nik(first: Entry, second: Entry) -> tuple[str, bool] | None:
    # A birth date may have been filled in from the NIK: it proves nothing where the names differ.
    near = alike(first.name_key, second.name_key) or not (first.name_key and second.name_key)
    return (SAME, True) if near else (DIFFERENT, False)


def _by_name_birth(first: Entry, second: Entry) -> tuple[str, bool] | None:
    return SAME, not _two_niks(first, second)


def _by_name_class(first: Entry, second: Entry) -> tuple[str, bool] | None:
    return None if _contradict(first, second) else (SAME, True)


def _by_phone(first: Entry, second: Entry) -> tuple[str, bool] | None:
    if not alike(first.name_key, second.name_key):
        return None  # a family, or a village office that lends its number
    apart = _contradict(first, second)
    return (DIFFERENT if apart else SAME), not apart and first.name_key == second.name_key


def _by_near_name(first: Entry, second: Entry) -> tuple[str, bool] | None:
    if first.name_key == second.name_key or not alike(first.name_key, second.name_key):
        return None
    return (DIFFERENT if _two_niks(first, second) else SAME), False


def _named(first: str, second: str) -> str:
    return f"{first}\0{second}" if first and second else ""


_BLOCKS: tuple[tuple[str, Callable[[Entry], str], Callable[[Entry, Entry], tuple[str, bool] | None]], ...] = (
    ("known", lambda one: one.who, _known),
    ("known", lambda one: one.alumni_id, _known),
    ("nik", lambda one: one.hashed, _by_nik),
    ("name_birth", lambda one: _named(one.name_key, one.person.get("birth_date", "")), _by_name_birth),
    ("name_class", lambda one: _named(one.name_key, one.course.get("batch", "")), _by_name_class),
    ("phone_name", lambda one: one.person.get("phone_e164", ""), _by_phone),
    ("near_name", lambda one: one.person.get("birth_date", ""), _by_near_name),
)


# -- groups


class _Groups:
    """Disjoint sets that refuse to join what was parted, or two different NIKs."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self.place = {id(entry): number for number, entry in enumerate(entries)}
        self.parent = list(range(len(entries)))
        self.members: dict[int, list[int]] = {number: [number] for number in self.parent}
        self.parts: list[tuple[int, int]] = []

    def root(self, entry: Entry) -> int:
        number = self.place[id(entry)]
        while self.parent[number] != number:
            number = self.parent[number]
        return number

    def part(self, first: Entry, second: Entry) -> None:
        self.parts.append((self.place[id(first)], self.place[id(second)]))

    def apart(self, first: Entry, second: Entry) -> bool:
        roots = {self.root(first), self.root(second)}
        return any({self.root(self.entries[one]) for one in pair} == roots for pair in self.parts)

    def join(self, first: Entry, second: Entry, *, forced: bool) -> bool:
        one, other = self.root(first), self.root(second)
        if one == other:
            return True
        if self.apart(first, second) or (not forced and len(self._niks(one) | self._niks(other)) > 1):
            return False
        self.parent[other] = one
        self.members[one] += self.members.pop(other)
        return True

    def _niks(self, root: int) -> set[str]:
        return {self.entries[number].hashed for number in self.members[root]} - {""}

    def all(self) -> tuple[tuple[Entry, ...], ...]:
        found = [tuple(self.entries[number] for number in sorted(group)) for group in self.members.values()]
        return tuple(sorted(found, key=lambda group: min(entry.who for entry in group)))
