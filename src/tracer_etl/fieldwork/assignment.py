"""Cases shared out among people: the same every time, as even as the areas allow, and kept once given."""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can be given cases: those of `areas`, or of every area where that is None."""

    code: str
    areas: frozenset[str] | None = None

    def covers(self, area: str) -> bool:
        """Tell whether cases of an area may be theirs."""
        return self.areas is None or area in self.areas


def assign(
    cases: Mapping[str, str], people: Iterable[Person], kept: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give every case (key -> area) the code of one person; "" where nobody covers its area.

    A case in `kept` stays with its person while that person is still there and covers its area. The other
    cases are shared so that no exchange of them makes the loads more even (an optimal semi-matching: Harvey,
    Ladner, Lovasz and Tamir 2006, Journal of Algorithms 59). The result depends on nothing but the arguments,
    and not on their order.

    >>> assign({"a": "x", "b": "x", "c": "y"}, [Person("P1"), Person("P2", frozenset("x"))])
    {'a': 'P1', 'b': 'P2', 'c': 'P1'}
    """
    sharing = _Sharing({person.code: person for person in people})
    before = kept or {}
    for key in cases:
        sharing.keep(key, cases[key], before.get(key, ""))
    for key in sorted((key for key in cases if key not in sharing.holder), key=_shuffled):
        sharing.give(key, cases[key])
    return {key: sharing.holder.get(key, "") for key in cases}


def _shuffled(key: str) -> tuple[str, str]:
    """Order keys by nothing that means anything, such as the order of registration."""
    return hashlib.sha256(key.encode()).hexdigest(), key


@dataclass
class _Sharing:
    """Who holds what; cases of one area can stand for each other, so areas are what is searched."""

    people: dict[str, Person]
    holder: dict[str, str] = field(default_factory=dict)
    load: dict[str, int] = field(default_factory=dict)
    movable: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """By person and area: the cases that were given just now."""

    def __post_init__(self) -> None:
        self.load = dict.fromkeys(sorted(self.people), 0)
        self.movable = {code: defaultdict(list) for code in self.load}

    def keep(self, key: str, area: str, code: str) -> None:
        if code in self.people and self.people[code].covers(area):
            self.holder[key] = code
            self.load[code] += 1

    def give(self, key: str, area: str) -> None:
        """Give a case to whoever ends up lightest, moving others along the way if that evens out."""
        reached = self._reached(area)
        if not reached:
            return
        code = min(reached, key=lambda each: (self.load[each], each))
        self.load[code] += 1
        while (step := reached[code]) is not None:
            giver, moved = step
            self._put(self.movable[giver][moved].pop(), moved, code)
            code = giver
        self._put(key, area, code)

    def _put(self, key: str, area: str, code: str) -> None:
        self.holder[key] = code
        self.movable[code][area].append(key)

    def _reached(self, area: str) -> dict[str, tuple[str, str] | None]:
        """Find everyone whose load can grow by this case: directly, or by taking over a case of another.

        Maps a code to (who hands over, the area of the case handed over), to None for the first.
        """
        reached: dict[str, tuple[str, str] | None] = {
            code: None for code in self.load if self.people[code].covers(area)
        }
        waiting = deque(reached)
        while waiting:
            giver = waiting.popleft()
            for moved in sorted(area for area, keys in self.movable[giver].items() if keys):
                for code in self.load:
                    if code not in reached and self.people[code].covers(moved):
                        reached[code] = (giver, moved)
                        waiting.append(code)
        return reached
