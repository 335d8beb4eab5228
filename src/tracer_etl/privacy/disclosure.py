"""Tables of counts that give nobody away: small cells are hidden, and with them those that would tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Place(NamedTuple):
    """A cell of a published table: how people are grouped, and which group."""

    group_by: str
    level: str


class Line(NamedTuple):
    """Cells that together make up a published margin: its number gives away a single hidden part."""

    parts: tuple[Place, ...]
    margin: Place


TOTAL = Place("all", "")


def complementary(
    sizes: Mapping[Place, int], hidden: Iterable[Place], lines: Sequence[Line], minimum: int
) -> set[Place]:
    """Give all cells to hide, so that no line lets a hidden one be worked out.

    In each line at least two cells stay hidden, with at least `minimum` people together. The next part to hide is
    one that is not its margin all by itself (a class in a programme of one class: hiding it would hide the
    programme), then the smallest, then the first by name; the margin only when no part is left. Repeated until
    nothing changes: rows and columns.
    """
    out = {place for place in hidden if sizes.get(place, 0) > 0}
    alone = {parts[0] for line in lines if len(parts := _present(line, sizes)) == 1}
    while True:
        before = len(out)
        for line in lines:
            _close(line, sizes, alone, out, minimum)
        if len(out) == before:
            return out


def _present(line: Line, sizes: Mapping[Place, int]) -> list[Place]:
    return [place for place in line.parts if sizes.get(place, 0) > 0]


def _close(line: Line, sizes: Mapping[Place, int], alone: set[Place], out: set[Place], minimum: int) -> None:
    parts = _present(line, sizes)
    while True:
        secret = [place for place in [*parts, line.margin] if place in out]
        people = sum(sizes.get(place, 0) for place in secret)
        if not secret or (len(secret) > 1 and (line.margin in out or people >= minimum)):
            return
        left = [place for place in parts if place not in out]
        if not left:
            out.update([line.margin] if len(parts) == 1 else [])
            return
        out.add(min(left, key=lambda place: (place in alone, sizes[place], place)))
