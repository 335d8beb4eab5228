"""What may be shown: small cells, cells that give small ones away, uncertain numbers."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.suppression import (
    not_anonymous,
    relative_error_note,
    round_counts,
    suppress,
    table_lines,
)
from tracer_etl.privacy.disclosure import TOTAL, Line, Place, complementary

CONSTANTS = Constants()


def zones(**sizes: int) -> dict[Place, int]:
    return {**{Place("zone", name): size for name, size in sizes.items()}, TOTAL: sum(sizes.values())}


def hidden(sizes: dict[Place, int], lines: list[Line]) -> set[str]:
    few = {place for place, size in sizes.items() if size < 10}
    return {place.level for place in complementary(sizes, few, lines, 10)}


ZONE = table_lines({"zone": ["centre", "east", "north", "south"]}, {})


def test_a_single_small_cell_takes_the_next_smallest_with_it():
    # 50 - 20 - 15 - 8 would be 7.
    assert hidden(zones(centre=20, east=15, north=8, south=7), ZONE) == {"north", "south"}
    assert hidden(zones(centre=20, east=15, north=12, south=7), ZONE) == {"north", "south"}


def test_nothing_small_hides_nothing():
    assert hidden(zones(centre=20, east=15, north=12, south=10), ZONE) == set()


def test_two_small_cells_that_are_few_together_need_a_third():
    # 4 and 3: their sum of 7 could be worked out, and a rate on 7 is no more to be shown than one on 4.
    assert hidden(zones(centre=20, east=15, north=4, south=3), ZONE) == {"east", "north", "south"}


def test_an_empty_cell_is_no_secret():
    assert hidden(zones(centre=20, east=15, north=0, south=7), ZONE) == {"east", "south"}


def test_rows_and_columns_close_a_rectangle():
    sizes = {
        Place("cell", "a 2024"): 7,
        Place("cell", "a 2025"): 20,
        Place("cell", "b 2024"): 13,
        Place("cell", "b 2025"): 25,
        Place("cell", "c 2025"): 11,
    }
    for name in "abc":
        sizes[Place("programme", name)] = sum(
            n for place, n in sizes.items() if place.level.startswith(f"{name} ")
        )
    for year in ("2024", "2025"):
        sizes[Place("year", year)] = sum(
            n for p, n in sizes.items() if p.group_by == "cell" and year in p.level
        )
    nested = {
        Place("programme", name): [p for p in sizes if p.group_by == "cell" and p.level.startswith(name)]
        for name in "abc"
    } | {
        Place("year", y): [p for p in sizes if p.group_by == "cell" and p.level.endswith(y)]
        for y in ("2024", "2025")
    }
    # c has one class: hiding it would hide the programme, so b's two cells close the rectangle though c is smaller.
    assert hidden(sizes, table_lines({}, nested)) == {"a 2024", "a 2025", "b 2024", "b 2025"}


def test_a_margin_of_one_hidden_part_is_hidden_too():
    sizes = {Place("cell", "a 2024"): 7, Place("programme", "a"): 7}
    lines = table_lines({}, {Place("programme", "a"): [Place("cell", "a 2024")]})
    assert complementary(sizes, {Place("cell", "a 2024")}, lines, 10) == set(sizes)


@pytest.mark.parametrize(
    ("estimate", "se", "note"),
    [
        (0.5, 0.12, ""),
        (0.5, 0.13, "caution_rse"),
        (0.5, 0.25, "caution_rse"),
        (0.5, 0.26, "withheld_rse"),
        (0.0, 0.0, ""),
        (math.nan, 0.1, ""),
        (0.5, math.nan, ""),
    ],
)
def test_relative_standard_error(estimate, se, note):
    assert relative_error_note(estimate, se, CONSTANTS) == note


def long_table(**columns: list[object]) -> pd.DataFrame:
    size = len(columns["n"])
    numbers = (
        "low",
        "high",
        "cohort_low",
        "cohort_high",
        "imputed",
        "n_eff",
        "deff",
        "weighted_total",
        "unweighted",
    )
    base = dict.fromkeys([*numbers, "unweighted_low", "unweighted_high"], [0.5] * size)
    base |= {"indicator": ["A1"] * size, "minimum": [0] * size, "signed": [False] * size, "note": [""] * size}
    return pd.DataFrame({**base, "estimate": [0.5] * size, "se": [0.05] * size, **columns})


def test_a_suppressed_row_keeps_no_number():
    table = long_table(
        group_by=["zone"] * 3 + ["all"], level=["centre", "east", "south", ""], n=[40, 12, 4, 56]
    )
    shown = suppress(table, table_lines({"zone": ["centre", "east", "south"]}, {}), CONSTANTS)
    assert shown["note"].tolist() == ["", "complementary", "too_few", ""]
    assert shown["suppressed"].tolist() == [False, True, True, False]
    blank = shown.loc[
        shown["suppressed"],
        ["estimate", "low", "unweighted", "n", "imputed", "n_eff", "deff", "weighted_total"],
    ]
    assert blank.isna().all(axis=None)


def test_indicative_exposed_and_withheld():
    table = long_table(
        group_by=["all"] * 4,
        level=["", "", "", ""],
        indicator=["A1", "S4_12", "A3", "E2"],
        n=[29, 29, 100, 100],
        minimum=[0, 30, 0, 0],
        se=[0.05, 0.05, 0.3, 0.3],
        signed=[False, False, False, True],
    )
    shown = suppress(table, [], CONSTANTS)
    assert shown["note"].tolist() == ["indicative", "exposed_under_30", "withheld_rse", ""]
    assert shown["estimate"].isna().tolist() == [False, True, True, False]
    assert shown["n"].tolist() == [29, 29, 100, 100]


def test_counts_of_public_files_are_rounded_to_five():
    rounded = round_counts(pd.DataFrame({"n": [3.0, 7.0, 8.0]}), ["n"], CONSTANTS)
    assert rounded["n"].tolist() == [5, 5, 10]


def test_rows_fewer_than_five_share_are_not_anonymous():
    rows = pd.DataFrame({"programme": ["ac"] * 5 + ["mua"] * 4, "sex": ["1"] * 9})
    assert not_anonymous(rows, ["programme", "sex"], CONSTANTS).tolist() == [False] * 5 + [True] * 4
