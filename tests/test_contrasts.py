"""Before and after, people in general, and applicants not accepted: by hand, against R and statsmodels, in made worlds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from applicants import TRAINED, pool_of
from estimate_world import world
from r_yardstick.golden import golden, read_table
from tracer_etl.errors import StudyError
from tracer_etl.evidence import aipw, effect_bounds
from tracer_etl.evidence.aipw import Groups
from tracer_etl.evidence.applicant_pool import TABLE, read_pool
from tracer_etl.evidence.comparison import compare
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.contrasts import benchmarks
from tracer_etl.evidence.estimates import estimate_all, read_study
from tracer_etl.evidence.regression import chances, linear
from tracer_etl.report.words import catalogue

CONSTANTS = Constants(replicates=30, effect_partings=3)


# By hand


def test_the_effect_on_the_accepted_by_hand():
    # Accepted: y 1, 1, 0 of chance 1/2 (odds 1); others: y 1, 0 of odds 1 and 3, expected 1/2 everywhere.
    # Left: 1/2, 1/2, -1/2 -> mean 1/6; 1/2 * 1 and -1/2 * 3 over 4 -> -1/4. Effect 1/6 + 1/4 = 5/12.
    ones = np.ones((5, 1))
    groups = Groups(np.array([True, True, True, False, False]), ones, ones, np.ones(5))
    y, chance = np.array([1.0, 1.0, 0.0, 1.0, 0.0]), np.array([0.5, 0.5, 0.5, 0.5, 0.75])
    found = aipw.effect_of(groups, y, chance, np.full(5, 0.5))
    assert found.estimate == pytest.approx(5 / 12)
    assert (found.level, found.without) == (pytest.approx(2 / 3), pytest.approx(2 / 3 - 5 / 12))
    # Influences: (1/3, 1/3, -2/3) / 3, and of the others -(3/4) / 4 and (1/4) * 3 / 4 with the sign turned.
    squares = 2 / 81 + 4 / 81 + 2 * (3 / 16) ** 2
    assert found.se == pytest.approx(math.sqrt(5 / 4 * squares))
    assert aipw.comparison_size(groups, chance) == pytest.approx(16 / 10)


def test_standardised_differences_by_hand():
    # Means 2 and 1, variances 2 and 2 -> 1 / sqrt(2); with weights 3, 1 the accepted's mean is 1.5.
    column, accepted = np.array([[1.0], [3.0], [0.0], [2.0]]), np.array([True, True, False, False])
    assert aipw.mean_differences(column, accepted, np.ones(4))[0] == pytest.approx(1 / math.sqrt(2))
    tilted = aipw.mean_differences(column, accepted, np.array([3.0, 1.0, 1.0, 1.0]))
    assert tilted[0] == pytest.approx(0.5 / math.sqrt(2))
    assert aipw.mean_differences(np.ones((4, 1)), accepted, np.ones(4))[0] == 0


def test_detectable_effects_of_the_specification():
    # Section 0.3: at 68.9 %, 120 against 240 find 14.5 points and 280 against 800 find 9.0.
    found = [
        effect_bounds.detectable(math.sqrt(0.689 * 0.311 * (1 / few + 1 / many)))
        for few, many in ((120, 240), (280, 800), (1520, 1520))
    ]
    assert found == [pytest.approx(size, abs=5e-4) for size in (0.145, 0.090, 0.047)]


def test_hidden_odds_by_hand():
    # 10 pairs, 9 better: at odds g the chance of 9 or more is 10 p^9 (1 - p) + p^10 with p = g / (1 + g).
    found = effect_bounds.hidden_odds(9, 1)
    p = found / (1 + found)
    assert 10 * p**9 * (1 - p) + p**10 == pytest.approx(0.05, abs=1e-6)
    assert effect_bounds.hidden_odds(6, 4) == 1


def test_pairs_are_the_nearest_free_ones_within_reach():
    chance = np.array([0.8, 0.5, 0.79, 0.51, 0.05])
    accepted = np.array([True, True, False, False, False])
    y = np.array([1.0, 0.0, 0.0, 1.0, 1.0])
    assert effect_bounds.pairs_of(chance, accepted, y) == (1, 1)
    assert effect_bounds.pairs_of(chance, np.array([True, False, False, False, True]), y) == (1, 0)


def test_bounds_of_response_by_hand():
    # 4 of 4 accepted answered (1, 1, 0, 0), half of the others (mean 1/2): half of the accepted is cut, top or bottom.
    own, other = (np.array([1.0, 1, 0, 0]), np.ones(4)), (np.array([1.0, 0.0]), np.ones(2))
    assert effect_bounds.response_bounds(own, other, (1.0, 0.5)) == (-0.5, 0.5)
    assert effect_bounds.response_bounds(other, own, (0.5, 1.0)) == (-0.5, 0.5)
    assert effect_bounds.response_bounds(own, other, (0.7, 0.7)) == (0, 0)
    # Three quarters are kept: of the lowest 0, 0, 1 -> 1/3; of the highest 1, 1, 0 -> 2/3.
    assert effect_bounds.response_bounds(own, other, (0.8, 0.6)) == (
        pytest.approx(-1 / 6),
        pytest.approx(1 / 6),
    )


# Yardsticks


def schools(outcome: str) -> tuple[Groups, np.ndarray]:
    table = read_table("apisrs.csv")
    kinds = pd.get_dummies(table["stype"], drop_first=True).to_numpy(dtype=float)
    design = np.hstack([np.ones((200, 1)), kinds, table[["meals"]].to_numpy(dtype=float)])
    weights = 1 + table["meals"].to_numpy(dtype=float) / 100
    score = table["api00"].to_numpy(dtype=float)
    accepted = (table["sch.wide"] == "Yes").to_numpy()
    return Groups(accepted, design, design, weights), (score > 700).astype(float) if outcome else score


@pytest.mark.parametrize(("name", "binary"), [("api_effect", False), ("api_effect_binary", True)])
def test_effect_and_error_are_those_of_r_svyglm(name, binary):
    groups, y = schools("binary" if binary else "")
    plain = Constants(effect_folds=1, effect_ridge=0.0, overlap=(0.0, 1.0))
    found = aipw.estimate_effect(groups, y, plain, binary=binary)
    assert found.estimate == pytest.approx(golden(name, "estimate")[0], abs=1e-6)
    assert found.se == pytest.approx(golden(name, "se")[0], abs=1e-6)


def test_chances_effect_and_holm_are_those_of_statsmodels():
    import statsmodels.api as sm
    from statsmodels.stats.contingency_tables import mcnemar
    from statsmodels.stats.multitest import multipletests
    from statsmodels.treatment.treatment_effects import TreatmentEffect

    groups, y = schools("")
    groups = replace(groups, weights=np.ones(200))
    fitted = sm.Logit(groups.accepted.astype(float), groups.selection).fit(disp=False, tol=1e-12)
    chance = aipw.propensity(groups, 0.0)
    assert chance == pytest.approx(fitted.predict(), abs=1e-6)
    # With an outcome model fitted by the odds, its residuals sum to 0: statsmodels calls that regression `ipw_ra`.
    table = pd.DataFrame(groups.prognosis, columns=["const", "H", "M", "meals"])
    judge = TreatmentEffect(sm.OLS(y, table), groups.accepted.astype(int), results_select=fitted)
    others = ~groups.accepted
    slope = linear(groups.prognosis[others], y[others], aipw.alike(groups, chance)[others])
    found = aipw.effect_of(groups, y, chance, groups.prognosis @ slope)
    expected = judge.ipw_ra(return_results=False, effect_group=1)
    assert found.estimate == pytest.approx(expected[0], abs=1e-6)
    p_values = [0.01, 0.04, 0.03, 0.005]
    assert effect_bounds.holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())
    assert effect_bounds.mcnemar(8, 2) == pytest.approx(mcnemar([[5, 8], [2, 5]], exact=True).pvalue)


# A simulation with a known effect


def trial(dice: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Draw applicants: what was recorded, who was accepted, earnings, and the true effect on the accepted."""
    recorded = dice.standard_normal((size, 2))
    accepted = dice.random(size) < chances(
        np.column_stack([np.ones(size), recorded]), np.array([-0.5, 1.0, -0.8])
    )
    gain = 2 + recorded[:, 0]
    y = 10 + 2 * recorded[:, 0] - 3 * recorded[:, 1] + accepted * gain + dice.standard_normal(size)
    return recorded, accepted, y, float(gain[accepted].mean())


@pytest.mark.parametrize(
    ("selection", "prognosis", "bias"),
    [
        ("right", "right", 0.0),
        ("right", "wrong", 0.0),
        ("wrong", "right", 0.0),
        ("wrong", "wrong", 4.0),
    ],
)
def test_the_estimate_is_right_when_either_model_is(selection, prognosis, bias):
    rounds, gaps = 30, []
    settings = Constants(effect_partings=1, effect_folds=2, effect_ridge=0.0, overlap=(0.01, 0.99))
    for number in range(rounds):
        recorded, accepted, y, truth = trial(np.random.default_rng([7, number]), 800)
        designs = {
            "right": np.column_stack([np.ones(800), recorded]),
            "wrong": np.ones((800, 1)),
        }
        groups = Groups(accepted, designs[selection], designs[prognosis], np.ones(800))
        gaps.append(aipw.estimate_effect(groups, y, settings, binary=False).estimate - truth)
    error = float(np.std(gaps, ddof=1)) / math.sqrt(rounds)
    if bias:
        assert np.mean(gaps) > 2
    else:
        assert abs(np.mean(gaps)) < 3.5 * error + 0.02


def test_folds_part_both_groups_evenly_and_nobody_is_predicted_by_a_model_that_saw_them():
    accepted = np.arange(50) < 20
    seen = np.zeros(50)
    for learn, apply in aipw.folds(accepted, 5, np.random.default_rng(1)):
        assert not (learn & apply).any()
        assert (accepted & apply).sum() == 4
        assert (~accepted & apply).sum() == 6
        seen += apply
    assert (seen == 1).all()


# From the list of applicants to the tables


@pytest.fixture(scope="module")
def told():
    """The world with its estimates, and the study they were made of."""
    with world() as connection:
        estimate_all(connection, CONSTANTS)
        yield connection, read_study(connection, CONSTANTS)


@pytest.fixture
def compared(told):
    """Compare the alumni with a list of applicants."""
    connection, study = told

    def run(pool, **settings):
        connection.register("fresh", pool)
        connection.execute(f"create table {TABLE} as from fresh")
        try:
            constants = replace(CONSTANTS, **settings)
            return compare(read_pool(connection, study, constants), constants)
        finally:
            connection.execute(f"drop table {TABLE}")

    return run


def row_of(rows, design: str, outcome: str = "A1") -> dict[str, object]:
    [row] = [row for row in rows if (row["design"], row["outcome"]) == (design, outcome)]
    return row


def test_a_planted_effect_is_found(compared):
    # 120 alumni answered and about 75 % work; of the others 45 % do, whatever is recorded of them.
    found = compared(pool_of(400, 0.45))
    row = row_of(found.rows, "applicants")
    assert row["verdict"] == "higher"
    assert row["low"] < 0.30 < row["high"]
    assert row["level"] - row["other_level"] == pytest.approx(row["estimate"])
    assert row["other_level"] == pytest.approx(0.45, abs=0.08)
    assert row["p_holm"] >= row["p_value"]
    assert "detectable" not in row
    assert (row["answered"], row["answered_other"]) == (pytest.approx(2 / 3), 1)
    assert row["bound_low"] < row["estimate"] < row["bound_high"]
    assert row["e_value"] > row["e_value_limit"] > 1
    assert row["hidden_odds"] > 1
    # Balance and overlap stand beside it; few people of a bin are not told.
    after, before = (np.array([abs(one[name]) for one in found.balance]) for name in ("after", "before"))
    assert len(after) > 15
    assert after.max() < 0.1 < before.max()
    assert [one["low"] for one in found.overlap] == pytest.approx([step / 10 for step in range(10)])
    assert not {1, 2, 3, 4} & {one[name] for one in found.overlap for name in ("accepted", "others")}


def test_no_effect_is_said_with_what_could_have_been_found(compared):
    row = row_of(compared(pool_of(150, 0.75)).rows, "applicants")
    assert row["verdict"] == "null"
    assert row["detectable"] == pytest.approx(effect_bounds.detectable(row["se"]))
    assert 0.08 < row["detectable"] < 0.25
    assert row["e_value_limit"] == pytest.approx(1)


def half_silent() -> pd.DataFrame:
    pool = pool_of(400, 0.5)
    return pool.assign(emp_bps=np.where(np.arange(len(pool)) % 2, pool["emp_bps"], None))


def older() -> pd.DataFrame:
    pool = pool_of(400, 0.5)
    return pool.assign(
        baseline_birth_year=np.where(pool["accepted"] == "1", "2003", "1975"),
        baseline_income=np.where(pool["accepted"] == "1", "0", "3000000"),
    )


@pytest.mark.parametrize(
    ("pool", "settings", "reason"),
    [
        (pool_of(29, 0.5), {}, "few_applicants"),
        (pool_of(90, 0.5, ap_followup="0"), {}, "few_applicants"),
        (half_silent(), {}, "few_answered"),
        (older(), {}, "no_overlap"),
        (pool_of(400, 0.5), {"balance": 0.001}, "unbalanced"),
    ],
)
def test_without_the_conditions_there_is_no_number(compared, pool, settings, reason):
    found = compared(pool, **settings)
    assert f"contrasts.reason_{reason}" in catalogue()
    for outcome in ("A1", "S1", "E2b_mean"):
        row = row_of(found.rows, "applicants", outcome)
        assert (row["verdict"], row["reason"]) == ("not_allowed", reason)
        assert not {"estimate", "low", "high", "level", "e_value"} & set(row)


def test_who_was_trained_later_or_did_not_agree_is_left_out(compared):
    pool = pool_of(400, 0.45)
    later = pool["alumni_id"].where(pool.index < TRAINED + 3, "A9998").where(pool.index != 500, "A9997")
    pool = pool.assign(
        alumni_id=later.where(pool.index < 560), ap_followup=np.where(pool.index < 570, "1", "0")
    )
    row = row_of(compared(pool, group_minimum=1).rows, "applicants")
    assert row["n_other"] <= 3 + 10


def test_a_list_without_a_column_is_refused_by_name(compared):
    with pytest.raises(StudyError, match="baseline_income"):
        compared(pool_of(90, 0.5).drop(columns="baseline_income"))


def test_before_and_after_is_paired_and_without_a_list_there_is_no_effect(told):
    connection, _ = told
    rows = connection.execute("select * from marts.contrast").df().to_dict("records")
    row = row_of(rows, "before_after")
    # Half worked before (every other number), about 75 % do now.
    assert row["other_level"] == pytest.approx(0.5, abs=0.06)
    assert row["estimate"] == pytest.approx(row["level"] - row["other_level"])
    assert (row["verdict"], row["p_value"] < 0.001) == ("higher", True)
    assert row_of(rows, "before_after", "E2b_mean")["verdict"] == "higher"
    for outcome in ("A1", "S1", "E2b_mean"):
        assert row_of(rows, "applicants", outcome)["reason"] == "no_list"


def test_people_in_general_are_a_contrast_and_with_their_rates_of_the_same_mix(told):
    connection, study = told
    table = connection.execute("select * from marts.estimate").df()
    plain, missing = benchmarks(connection, study.persons, table, CONSTANTS)
    assert plain["estimate"] == pytest.approx(plain["level"] - 0.689)
    assert (missing["design"], missing["reason"]) == ("benchmark_same_mix", "no_rates")
    connection.execute(
        "create table clean.benchmark_rate as select s.sex, a.age_group, e.education, "
        "case when s.sex = '1' then '60' else '40' end as percent from "
        "(values ('1'), ('2')) s(sex), (values ('15-24'), ('25-29'), ('30-39'), ('40+')) a(age_group), "
        "(values ('smp_or_less'), ('sma'), ('smk')) e(education)"
    )
    try:
        same = benchmarks(connection, study.persons, table, CONSTANTS)[1]
    finally:
        connection.execute("drop table clean.benchmark_rate")
    people, weights = study.persons.table, study.persons.weights
    men = float(weights[people["sex"] == "1"].sum() / weights.sum())
    assert same["other_level"] == pytest.approx(0.6 * men + 0.4 * (1 - men))
    assert same["estimate"] == pytest.approx(same["level"] - same["other_level"])
    assert same["verdict"] == "higher"
