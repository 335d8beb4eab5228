"""Earnings that nobody told: donors by hand, who is imputed, and that nothing else moves."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimate_world import world
from tracer_etl.evidence import variance
from tracer_etl.evidence.answers import add_money
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.estimates import estimate_all
from tracer_etl.evidence.imputation import draw, earnings_deck, of_enrolments
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.sample import Level, Sample, estimate_rows
from tracer_etl.report.figures import Figure

CONSTANTS = Constants(imputations=4, imputations_each=2, donor_minimum=2, suppress_rate=1, winsor=1.0)
MEDIAN, MEAN = (next(one for one in all_indicators() if one.id == code) for code in ("E1_median", "E1_mean"))


def people(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    """Give respondents who work: id, programme, status, earnings (nan: told none)."""
    table = pd.DataFrame(rows, columns=["alumni_id", "programme", "status_emp", "real_now"])
    return table.assign(earnings_untold=table["real_now"].isna())


def sample_of(
    table: pd.DataFrame, weights: list[float], replicates: np.ndarray, *, impute: bool = True
) -> Sample:
    plain = variance.Calibration(np.zeros((len(table), 1)), np.ones(len(table)))
    deck = earnings_deck(table, np.array(weights), replicates, CONSTANTS) if impute else None
    return Sample(table, np.array(weights), replicates, plain, ("programme",), deck)


# Two paid workers of beverages and one who told nothing; an owner, and a worker of another family.
FIVE = people(
    ("A", "barista", "4", 10.0),
    ("B", "minuman", "4", 20.0),
    ("G", "barista", "4", math.nan),
    ("D", "barista", "1", 100.0),
    ("E", "mua", "4", 1000.0),
)
WEIGHTS = [1.0, 3.0, 2.0, 1.0, 1.0]
DRAWN = np.array([[1.0, 0.0, 0.0], [3.0, 4.0, 0.0], [2.0, 2.0, 2.0], [1.0, 1.0, 0.0], [1.0, 1.0, 6.0]])
"""Three replicates: as the weights; B and E alone of the workers; E alone."""


def test_donors_and_estimates_by_hand():
    sample = sample_of(FIVE, WEIGHTS, DRAWN)
    deck = sample.deck
    # G's own stream; A has a quarter of the weight of G's cell (A 1, B 3), B the rest.
    chance = np.random.default_rng([2026, ord("G")]).random(4 + 2 * 3)
    assert chance[:4].round(2).tolist() == [0.91, 0.03, 0.2, 0.85]
    assert deck.recipients.tolist() == [2]
    assert deck.point.tolist() == [[1, 0, 0, 1]]
    # In the second replicate only B told; in the third nobody of the cell, and E is the only worker.
    assert deck.drawn[0, 2:].tolist() == [1, 1, 4, 4]
    baristas = sample.levels[1]
    assert (baristas.level, baristas.member.tolist()) == ("barista", [True, False, True, True, False])
    row = estimate_rows(MEAN, sample, [baristas], CONSTANTS)[0]
    # A 10 and D 100 weigh 1 each, G 2 with 20 or 10: 150 / 4 or 130 / 4.
    assert row["estimate"] == pytest.approx((150 + 130 + 130 + 150) / 16)
    assert (row["n"], row["imputed"], row["weighted_total"]) == (2, 1, 4)
    assert row["unweighted"] == pytest.approx((130 + 120 + 120 + 130) / 12)
    # A third of three: more than a fifth.
    assert row["note"] == "much_imputed"


def test_the_median_of_an_imputed_cell_by_hand():
    sample = sample_of(FIVE, WEIGHTS, DRAWN)
    everybody = estimate_rows(MEDIAN, sample, sample.levels[:1], CONSTANTS)[0]
    # Weights 1, 3, 1, 1 on 10, 20, 100, 1000 and 2 on 20 or 10: half of 8 is reached at 20 either way.
    assert everybody["estimate"] == 20
    # Replicates: 20 as above; 20 with 6 of 8 on it; 1000 with 8 of 8 on it. Quantiles of 20, 20, 1000.
    low, high = variance.percentile_interval(np.array([20.0, 20.0, 1000.0]))
    widened = variance.stretched(20.0, (low, high), sample.calibration.widening)
    assert (everybody["low"], everybody["high"]) == pytest.approx(widened)
    assert everybody["n_eff"] == pytest.approx(36 / 12)  # who told: 1, 3, 1, 1
    narrow = math.sqrt(1 - 3 / 8)  # of eight persons
    assert everybody["cohort_high"] == pytest.approx(20 + narrow * (widened[1] - 20))


def test_too_few_donors_and_the_next_coarser_cell_gives():
    table = people(
        ("A", "barista", "4", 1.0),
        ("B", "mua", "4", 2.0),
        ("C", "barista", "4", math.nan),
        ("D", "barista", "2", 3.0),
        ("E", "barista", "6", math.nan),
    )
    deck = sample_of(table, [1.0] * 5, np.ones((5, 30))).deck
    of = {row: set(drawn.tolist()) for row, drawn in zip(deck.recipients.tolist(), deck.drawn, strict=True)}
    # One barista employee is too few: all employees. No casual worker told: everybody.
    assert of == {2: {0, 1}, 4: {0, 1, 3}}


def test_neither_the_order_of_rows_nor_another_person_moves_a_donor():
    dice = np.random.default_rng(5)
    table = many(dice)
    weights, replicates = dice.uniform(1, 3, 60), dice.poisson(1, (60, 40)) * dice.uniform(1, 3, (60, 40))
    first = donors(table, weights, replicates)
    assert len(first) > 5
    order = dice.permutation(60)
    assert donors(table.iloc[order].reset_index(drop=True), weights[order], replicates[order]) == first
    gone = next(iter(first))
    fewer = table.assign(earnings_untold=table["earnings_untold"] & (table["alumni_id"] != gone))
    assert donors(fewer, weights, replicates) == {name: ids for name, ids in first.items() if name != gone}
    other = donors(table, weights, replicates, replace(CONSTANTS, seed=1))
    assert other != first


def many(dice: np.random.Generator, size: int = 60) -> pd.DataFrame:
    rows = [
        (
            f"P{number:03}",
            str(dice.choice(["barista", "mua", "ac"])),
            str(dice.choice(["1", "4", "6"])),
            math.nan if dice.random() < 0.2 else float(dice.integers(1, 50)),
        )
        for number in range(size)
    ]
    return people(*rows)


def donors(
    table: pd.DataFrame, weights: np.ndarray, replicates: np.ndarray, constants: Constants = CONSTANTS
):
    deck = earnings_deck(table, weights, replicates, constants)
    ids = table["alumni_id"].to_numpy()
    drawn = np.hstack([deck.point, deck.drawn])
    return dict(zip(ids[deck.recipients].tolist(), ids[drawn].tolist(), strict=True))


def test_where_everybody_told_nothing_moves_by_a_bit():
    dice = np.random.default_rng(6)
    table = many(dice)
    weights, replicates = dice.uniform(1, 3, 60), dice.uniform(0, 3, (60, 40))
    whole = table.assign(real_now=table["real_now"].fillna(7.0), earnings_untold=False)
    assert earnings_deck(whole, weights, replicates, CONSTANTS) is None
    # In a cell of which all told, the deck of others changes nothing either.
    told = (table["real_now"].notna() & (table["programme"] == "mua")).to_numpy()
    place = [Level("told", "mua", told)]
    for one in (MEDIAN, MEAN):
        with_deck, without = (
            estimate_rows(
                one, sample_of(table, weights.tolist(), replicates, impute=impute), place, CONSTANTS
            )
            for impute in (True, False)
        )
        assert with_deck == without
        assert with_deck[0]["imputed"] == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.booleans(), st.integers(0, 3)),
        min_size=2,
        max_size=14,
    ),
    st.integers(1, 3),
    st.integers(0, 10**6),
)
def test_a_donor_told_is_of_the_cell_and_was_drawn(rows, minimum, seed):
    rows = [("a", "x", True, 1), *rows]
    group, family, told, first = (np.array(column) for column in zip(*rows, strict=True))
    cells = np.array([np.char.add(group, family), group, [""] * len(rows)])
    weights = np.ones(len(rows))
    replicates = np.column_stack([first, first[::-1], np.ones(len(rows))]).astype(float)
    constants = replace(CONSTANTS, donor_minimum=minimum, seed=seed)
    deck = draw([f"{n}" for n in range(len(rows))], told, ~told, cells, weights, replicates, constants)
    assert deck.recipients.tolist() == np.flatnonzero(~told).tolist()
    each = np.repeat(replicates, 2, axis=1)
    for row, point, drawn in zip(deck.recipients, deck.point, deck.drawn, strict=True):
        columns = [(weights, donor) for donor in point] + list(zip(each.T, drawn, strict=True))
        for column, donor in columns:
            assert told[donor]
            pools = [told & (level == level[row]) for level in cells]
            allowed = [pool for pool in pools[:-1] if pool.sum() >= minimum] + [pools[-1]]
            open_to = [pool & (column > 0) for pool in allowed if column[pool].sum() > 0]
            assert not open_to or open_to[0][donor]


def test_a_person_in_two_classes_is_given_the_same_in_both():
    deck = sample_of(FIVE, WEIGHTS, DRAWN).deck
    classes = pd.Series(["D", "G", "B", "A", "G", "E", "B"])
    found = of_enrolments(deck, FIVE["alumni_id"], classes)
    assert found.recipients.tolist() == [1, 4]
    ids = FIVE["alumni_id"].to_numpy()
    for place in (0, 1):
        assert classes[found.point[place]].tolist() == ids[deck.point[0]].tolist()
        assert classes[found.drawn[place]].tolist() == ids[deck.drawn[0]].tolist()
    assert of_enrolments(None, FIVE["alumni_id"], classes) is None


@pytest.mark.parametrize(
    ("answers", "untold"),
    [
        ({}, True),
        ({"status_emp": "1"}, True),
        ({"earnings_idr": 0.0}, False),  # a month without profit is told
        ({"status_emp": "7", "earnings_idr": 0.0}, False),  # unpaid family workers earn nothing
        ({"status_emp": None}, False),
        ({"job_at_end": None}, False),  # a proxy was not asked
        ({"emp_bps": "0", "status_emp": None}, False),
    ],
)
def test_who_is_imputed(answers, untold):
    base = {
        "emp_bps": "1",
        "status_emp": "4",
        "job_at_end": "0",
        "earnings_idr": None,
        "date": pd.Timestamp("2026-01-15"),
        "training_start": "2025-05-01",
        "pre_work": "0",
        "pre_income": None,
        "pre_midpoint_idr": None,
        "umk_idr": 2_567_744,
    }
    told = add_money(pd.DataFrame([{**base, **answers}]), CONSTANTS).iloc[0]
    assert bool(told["earnings_untold"]) is untold
    assert untold <= math.isnan(told["real_now"])


def test_the_long_table_says_how_many_and_only_e1_has_them():
    with world() as connection:
        sql = "select alumni_id from marts.interview where earnings_idr > 0 order by alumni_id"
        silent = [name for [name] in connection.execute(sql).fetchall()][::15]
        connection.execute(
            "update marts.interview set earnings_idr = null, earnings_source = 'unknown', decent_points = null "
            f"where alumni_id in ({', '.join(repr(name) for name in silent)})"
        )
        estimate_all(connection, Constants(replicates=60))
        table = connection.execute("select * from marts.estimate").df()
    rows = table[table["group_by"] == "all"].set_index("indicator")
    for code in ("E1_median", "E1_mean"):
        row = rows.loc[code]
        assert row["imputed"] == len(silent) > 5
        assert row["n"] == rows.loc["E3_median", "n"]
        assert row["weighted_total"] > rows.loc["E3_median", "weighted_total"]
        assert row["low"] <= row["estimate"] <= row["high"]
    assert table.loc[~table["indicator"].isin(["E1_median", "E1_mean"]), "imputed"].isna().all()
    hidden = table[table["suppressed"] & (table["indicator"] == "E1_median")]
    assert len(hidden) > 0
    assert hidden["imputed"].isna().all()
    # Classes count the same persons as persons do, and one of them may be in two.
    by_class = table[(table["indicator"] == "E1_mean") & (table["group_by"] == "year")]
    assert by_class["imputed"].sum() >= len(silent)


def test_a_reader_is_told_in_words():
    told = Figure("E1_median", "all", "", "IDR", 2e6, 1.9e6, 2.2e6, 160, ("much_imputed",), 7)
    assert (
        told.remark["en"]
        == "with care: more than a fifth is imputed; and 7 more who told no earnings: imputed"
    )
    assert told.hint["id"] == "banyak diimputasi; +7 diimputasi"
    assert Figure("E1_median", "all", "", "IDR", 2e6, 1.9e6, 2.2e6, 160, ()).remark is None
