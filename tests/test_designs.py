"""A draw of seats and a cutoff of scores: the arithmetic by hand, planted effects found, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from applicants import TRAINED, pool_of
from estimate_world import world
from tracer_etl.errors import StudyError
from tracer_etl.evidence.applicant_pool import OUTCOMES, TABLE, read_drawn
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.designs import (
    complier_effect,
    density_test,
    drawn_rows,
    permutation_test,
    stratified,
)
from tracer_etl.evidence.estimates import read_study
from tracer_etl.report.words import catalogue

CONSTANTS = Constants(replicates=20)
OFFERED = TRAINED + 20
"""All who were trained, and twenty who were offered a seat and did not come."""


def test_the_effect_of_an_offer_by_hand():
    # Stratum a: (1, 1, 0) against (0, 1, 0): 1/3; b: (1, 0) against (0, 0): 1/2. Sizes 6 and 4: 0.6/3 + 0.4/2 = 0.4.
    # Variances 1/3 of 3 in both arms of a; 1/2 of 2 and 0 in b: 0.36 * 2/9 + 0.16 / 4.
    y = np.array([1.0, 1, 0, 0, 1, 0, 1, 0, 0, 0])
    offered = np.array([1, 1, 1, 0, 0, 0, 1, 1, 0, 0], dtype=bool)
    stratum = np.array(list("aaaaaabbbb"))
    effect, se = stratified(y, offered, stratum)
    assert (effect, se) == (pytest.approx(0.4), pytest.approx(math.sqrt(0.36 * 2 / 9 + 0.04)))
    alone = stratified(np.append(y, 1.0), np.append(offered, True), np.append(stratum, "c"))
    assert alone == (effect, se)  # a stratum with one person tells nothing
    assert all(map(math.isnan, stratified(y[:1], offered[:1], stratum[:1])))


def test_the_effect_of_training_is_that_of_the_offer_over_who_came_by_hand():
    # Offered: 3 of 4 work, half came; others: 1 of 4, nobody. (1/2) / (1/2) = 1. Left y - training: 0, 0, 1, 0 and 1, 0, 0, 0.
    y = np.array([1.0, 1, 1, 0, 1, 0, 0, 0])
    offered, came = np.arange(8) < 4, np.array([1.0, 1, 0, 0, 0, 0, 0, 0])
    effect, se = complier_effect(y, offered, came, np.array(["s"] * 8))
    assert (effect, se) == (pytest.approx(1.0), pytest.approx(math.sqrt(2 * 0.25 / 4) / 0.5))
    assert all(map(math.isnan, complier_effect(y, offered, np.zeros(8), np.array(["s"] * 8))))


def test_seats_drawn_anew_are_as_far_apart_as_often_as_counted_by_hand():
    # Of the 6 ways to seat two of 1, 1, 0, 0 only two are a whole apart: p = 1/3.
    p_value = permutation_test(
        np.array([1.0, 1, 0, 0]), np.array([True, True, False, False]), np.array(["s"] * 4), 1
    )
    assert p_value == pytest.approx(1 / 3, abs=0.04)


def test_scores_pushed_over_the_cutoff_are_noticed():
    assert density_test(np.concatenate([np.full(30, 1.0), np.full(28, -1.0)])) > 0.5
    assert density_test(np.concatenate([np.full(45, 0.5), np.full(15, -1.0)])) < 0.001


def chosen(**changed: object) -> pd.DataFrame:
    """A round of 580 with a draw: a seat takes work from 45 to about 75 %."""
    pool = pool_of(400, 0.45)
    columns = {
        "stratum": pool["program_code"],
        "score": "70",
        "cutoff": "70",
        "lottery_band": "1",
        "assigned": np.where(pool.index < OFFERED, "1", "0"),
        "took_up": np.where(pool.index < TRAINED, "1", "0"),
    }
    return pool.assign(**{**columns, **changed})


def scored(window: float) -> pd.DataFrame:
    """The same round cut at 70 points, the offered up to `window` above and the others as far below."""
    dice = np.random.default_rng(3)
    above = dice.uniform(0, window, 580)
    offered = np.arange(580) < OFFERED
    return chosen(lottery_band="0", score=(70 + np.where(offered, above, -above - 0.01)).astype(str))


@pytest.fixture(scope="module")
def told():
    with world() as connection:
        yield connection, read_study(connection, CONSTANTS)


@pytest.fixture
def rows(told):
    connection, study = told

    def run(pool: pd.DataFrame, **settings: float) -> dict[tuple[str, str], dict[str, object]]:
        connection.register("fresh", pool)
        connection.execute(f"create table {TABLE} as from fresh")
        try:
            constants = replace(CONSTANTS, **settings)
            found = drawn_rows(read_drawn(connection, study, constants), constants)
        finally:
            connection.execute(f"drop table {TABLE}")
        return {(row["design"], row["outcome"]): row for row in found}

    return run


def test_a_draw_finds_what_a_seat_and_what_the_training_changed(rows):
    found = rows(chosen())
    offer, training = found["lottery", "A1"], found["lottery_taken", "A1"]
    assert {design for design, _ in found} == {"lottery", "lottery_taken"}
    assert offer["verdict"] == training["verdict"] == "higher"
    assert 0.1 < offer["estimate"] < training["estimate"]
    assert training["low"] < 0.3 < training["high"]
    # 120 of 180 alumni answered the tracer and all twenty others their call.
    assert (offer["n"], offer["n_other"], offer["answered"]) == (140, 380, pytest.approx(0.7))
    assert offer["p_holm"] >= offer["p_value"]
    assert offer["bound_low"] <= offer["estimate"] <= offer["bound_high"]


def test_a_cutoff_is_read_within_five_points_of_it(rows):
    pool = scored(12.0)
    found = rows(pool, group_answered=0.5)
    near = (pd.to_numeric(pool["score"]) - 70).abs() <= 5
    assert {design for design, _ in found} == {"cutoff"}
    assert found["cutoff", "A1"]["n_other"] == (near & (pool.index >= OFFERED)).sum()
    # There are twice as many below as above, so this cutoff is not to be trusted.
    assert found["cutoff", "A1"]["reason"] == "manipulated"
    even = rows(pool[(pool.index < 2 * OFFERED)], group_answered=0.5)["cutoff", "A1"]
    assert (even["verdict"], even["p_value"] < 0.01) == ("higher", True)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"group_minimum": 200}, "few_applicants"), ({"group_answered": 0.9}, "few_answered")],
)
def test_without_the_conditions_there_is_no_number(rows, settings, reason):
    for row in rows(chosen(), **settings).values():
        assert (row["verdict"], row["reason"]) == ("not_allowed", reason)
        assert "estimate" not in row
        assert f"contrasts.reason_{reason}" in catalogue()


def test_no_effect_is_said_with_what_could_have_been_found(rows):
    offer = rows(chosen(assigned=np.where(np.arange(580) % 2, "1", "0")))["lottery", "A1"]
    assert (offer["verdict"], offer["detectable"]) == ("null", pytest.approx(2.8016 * offer["se"], rel=1e-4))


def test_what_cannot_be_compared_is_refused_and_what_does_not_differ_is_no_effect(rows):
    nobody_came = rows(chosen(took_up="0"))
    assert {nobody_came["lottery_taken", one]["reason"] for one in OUTCOMES} == {"not_comparable"}
    assert nobody_came["lottery", "A1"]["verdict"] == "higher"
    each_alone = rows(chosen(stratum=[str(number) for number in range(580)])).values()
    assert {(row["verdict"], row["reason"]) for row in each_alone} == {("not_allowed", "not_comparable")}
    assert "contrasts.reason_not_comparable" in catalogue()
    pool = rows(chosen(baseline_income=None))
    assert pool["lottery", "E2b_mean"]["reason"] == "few_applicants"
    assert pool["lottery", "A1"]["verdict"] == "higher"


def test_where_all_told_the_same_there_is_no_effect():
    people = pd.DataFrame(
        {"stratum": "s", "lottery": True, "assigned": [True, False] * 40, "responded": True, "distance": 0.0}
    )
    found = drawn_rows(people.assign(took_up=people["assigned"], **dict.fromkeys(OUTCOMES, 1.0)), CONSTANTS)
    assert {(row["verdict"], row["estimate"], row["p_holm"]) for row in found} == {("null", 0.0, 1.0)}


def test_a_score_that_is_no_number_names_its_column(rows):
    with pytest.raises(StudyError, match="score: 580 values are no numbers"):
        rows(chosen(score="85,5"))


def test_a_list_that_does_not_say_who_was_drawn_gives_nothing(rows):
    assert rows(chosen().drop(columns="took_up")) == {}


def test_the_report_has_words_for_each(rows):
    for design in ("lottery", "lottery_taken", "cutoff"):
        keys = [
            f"contrasts.design_{design}",
            *(f"contrasts.{one}_{design}" for one in ("higher", "lower", "null")),
        ]
        assert set(keys) <= set(catalogue())
    assert "contrasts.reason_manipulated" in catalogue()
