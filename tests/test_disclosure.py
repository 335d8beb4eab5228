"""The attack test: what a reader of hidden cells can work out, by hand and against the suppression of the study."""

from __future__ import annotations

import random
from itertools import product

from tracer_etl.evidence.suppression import TOTAL, Line, Place, complementary
from tracer_etl.oversight.disclosure import Cell, Numbers, Sums, leaks

ALL = Cell("all", "")
EAST, WEST, NORTH = (Cell("zone", name) for name in ("east", "west", "north"))
ZONES: Sums = {(ALL, "zone"): [EAST, WEST, NORTH]}
MEN, WOMEN = Cell("sex", "1"), Cell("sex", "2")


def named(numbers: Numbers, sums: Sums = ZONES) -> dict[str, str]:
    return {leak.cell.level: leak.why for leak in leaks(numbers, sums, 5)}


def test_one_hidden_part_is_the_margin_less_the_others():
    assert named({ALL: 60, EAST: 20, WEST: 30, NORTH: None}) == {"north": "worked out from the sums"}


def test_two_hidden_parts_keep_their_secret_if_there_are_people_enough():
    assert named({ALL: 60, EAST: 30, WEST: None, NORTH: None}) == {}
    assert named({ALL: 34, EAST: 30, WEST: None, NORTH: None}) == dict.fromkeys(
        ("west", "north"), "too few people left over"
    )


def test_a_hidden_margin_hides_and_tells_as_its_parts_do():
    assert named({ALL: None, EAST: 20, WEST: 30, NORTH: None}) == {}
    assert named({ALL: None, EAST: 20, WEST: 30, NORTH: 10}) == {"": "worked out from the sums"}


def test_a_few_people_may_not_be_printed():
    assert named({ALL: 60, EAST: 20, WEST: 36, NORTH: 4}) == {"north": "fewer people than may be shown"}
    assert named({ALL: 60, EAST: 20, WEST: 40, NORTH: 0}) == {}


def test_that_nobody_is_there_is_no_secret_but_what_follows_from_it_is():
    assert named({ALL: 60, EAST: 60, WEST: None, NORTH: None}) == {}
    cells = {
        (zone, sex): Cell("zone sex", f"{zone.level} {sex.level}")
        for zone in (EAST, WEST)
        for sex in (MEN, WOMEN)
    }
    sums = {(zone, "zone sex"): [cells[zone, sex] for sex in (MEN, WOMEN)] for zone in (EAST, WEST)}
    sums |= {(sex, "zone sex"): [cells[zone, sex] for zone in (EAST, WEST)] for sex in (MEN, WOMEN)}
    # All 20 of the east are men, so no woman is; hence all 7 women are in the west.
    told: Numbers = {EAST: 20, WEST: 27, MEN: 40, WOMEN: 7, cells[EAST, MEN]: 20, **{
        cells[place]: None for place in cells if place != (EAST, MEN)
    }}  # fmt: skip
    assert named(told, sums) == {"west 1": "worked out from the sums", "west 2": "worked out from the sums"}


def test_rows_and_columns_together_tell_what_neither_tells_alone():
    """Hidden cells in a ring keep their secret; one more printed cell breaks it."""
    levels = ["a", "b", "c"]
    cells = {pair: Cell("xy", "".join(pair)) for pair in product(levels, levels)}
    sums = {(Cell("x", x), "xy"): [cells[x, y] for y in levels] for x in levels}
    sums |= {(Cell("y", y), "xy"): [cells[x, y] for x in levels] for y in levels}
    margins = dict.fromkeys([Cell(axis, level) for axis in "xy" for level in levels], 30)
    ring = [("a", "a"), ("a", "b"), ("b", "b"), ("b", "a")]
    shown: Numbers = {**margins, **{cell: None if pair in ring else 10 for pair, cell in cells.items()}}
    assert named(shown, sums) == {}
    assert len(named({**shown, cells["a", "a"]: 10}, sums)) == 3


def random_table(seed: int) -> tuple[dict[Place, int], list[Line]]:
    """People by programme and year with both margins and the total; every third cell is small or empty."""
    chance, years = random.Random(seed), "12"
    sizes = {(p, y): chance.choice([0, 2, 6, 9, 12, 20, 40]) for p in "abcd" for y in years}
    margins = {Place("x", p): [(p, y) for y in years] for p in "abcd"}
    margins |= {Place("y", y): [(p, y) for p in "abcd"] for y in years}
    places = {Place("both", " ".join(pair)): n for pair, n in sizes.items()}
    places |= {margin: sum(map(sizes.__getitem__, pairs)) for margin, pairs in margins.items()}
    places[TOTAL] = sum(sizes.values())
    lines = [Line(tuple(Place("both", " ".join(p)) for p in pairs), one) for one, pairs in margins.items()]
    lines += [Line(tuple(one for one in margins if one.group_by == axis), TOTAL) for axis in "xy"]
    return {place: n for place, n in places.items() if n}, lines


def attacked(places: dict[Place, int], lines: list[Line], hidden: set[Place]) -> int:
    sums: Sums = {
        (Cell(*line.margin), line.parts[0].group_by): [Cell(*part) for part in line.parts] for line in lines
    }
    return len(leaks({Cell(*place): None if place in hidden else n for place, n in places.items()}, sums, 5))


def test_what_the_study_hides_stays_hidden_and_small_cells_alone_would_not_do():
    """Random tables, hidden by the study's own rule, attacked; without the complementary cells most give way."""
    gave_way = 0
    for seed in range(60):
        places, lines = random_table(seed)
        few = {place for place, n in places.items() if n < 10}
        assert attacked(places, lines, complementary(places, few, lines, 10)) == 0, seed
        gave_way += attacked(places, lines, few) > 0
    assert gave_way > 30
