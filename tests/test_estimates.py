"""Estimates: every formula worked by hand, R's survey as yardstick, and the long table from end to end."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest

from estimate_world import SMALL, TABLES, world
from r_yardstick.golden import API_MARGINS, golden, margins_of, read_table
from tracer_etl.errors import StudyError
from tracer_etl.evidence import variance
from tracer_etl.evidence.answers import add_money, add_times, only_latest, price_factor
from tracer_etl.evidence.cells import Values, effect_size, estimate_cell
from tracer_etl.evidence.coding.coder import Coder
from tracer_etl.evidence.coding.storing import store_codes
from tracer_etl.evidence.coding.titles import shipped_terms
from tracer_etl.evidence.computed import compute
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.estimates import estimate_all
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.reach import reach_rows, read_area
from tracer_etl.evidence.registry_rates import (
    RESPONSE,
    cost_per_additional,
    cost_per_worker,
    cost_rows,
    demand_shares,
)
from tracer_etl.evidence.storing import DEMAND, definitions, hold_to_bar

CONSTANTS = Constants(replicates=60)


# Formulas


@pytest.mark.parametrize(
    ("share", "size", "low", "high"),
    [
        (16 / 20, 20, 0.5840, 0.9193),
        (115 / 143, 143, 0.7315, 0.8610),
        (0.0, 10, 0.0, 0.2775),
        (1.0, 10, 0.7225, 1.0),
    ],
)
def test_wilson_intervals_of_the_specification(share, size, low, high):
    assert variance.wilson(share, size) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_finite_population_by_hand():
    # 16 of 20 work, 20 of 25 answered: the variance is a fifth, so the interval is that of 100: 71.1-86.7 %.
    fraction = variance.answered_fraction(np.full(20, 1.25))
    assert fraction == pytest.approx(20 / 25)
    narrow = variance.wilson(0.8, 20, fraction=fraction)
    assert narrow == pytest.approx(variance.wilson(0.8, 100))
    assert narrow == (pytest.approx(0.7112, abs=1e-4), pytest.approx(0.8666, abs=1e-4))
    assert variance.wilson(0.8, 20, fraction=1.0) == (0.8, 0.8)


def test_the_linearised_error_by_hand():
    # y 1, 0 with weights 3, 1: mean 3/4; influences 3 * (1/4) / 4 and 1 * (-3/4) / 4 = +-3/16.
    influence = variance.mean_influence(np.array([1.0, 0.0]), np.array([3.0, 1.0]), np.array([True, True]))
    assert influence.tolist() == pytest.approx([3 / 16, -3 / 16])
    assert variance.standard_error(influence) == pytest.approx(math.sqrt(2 * 2 * (3 / 16) ** 2))


def test_a_number_the_margins_know_has_no_error():
    table = read_table("apisrs.csv")
    weights = golden("api_rake")
    calibrated = variance.calibration(weights, margins_of(table, API_MARGINS))
    known = (table["stype"] == "E").to_numpy(float)
    influence = variance.mean_influence(known, weights, np.ones(200, dtype=bool))
    assert variance.standard_error(influence) > 0.03
    assert variance.standard_error(influence, calibrated) == pytest.approx(0, abs=1e-12)


def test_intervals_are_widened_for_the_cells_that_raking_fitted():
    # 200 schools, cells of two margins: 3 + 2 of which one is told by the others: 4. sqrt(199 / 196).
    table = read_table("apisrs.csv")
    calibrated = variance.calibration(golden("api_rake"), margins_of(table, API_MARGINS))
    assert calibrated.widening == pytest.approx(math.sqrt(199 / 196))
    assert variance.Calibration(np.zeros((4, 1)), np.ones(4)).widening == 1


def test_the_weighted_median_by_hand():
    # Half of the weight 8 is reached at the second of 10 (3), 20 (1), 30 (4).
    values, weights = np.array([30.0, 10.0, 20.0]), np.array([4.0, 3.0, 1.0])
    assert variance.weighted_quantile(values, weights).tolist() == [20]
    assert variance.weighted_quantile(values, np.array([[4.0], [5.0], [1.0]])).tolist() == [10]


def test_hodges_lehmann_by_hand():
    # Pair means of 0, 2, 10 with themselves at half weight: 0 (1/2), 1, 2 (1/2), 5, 6, 10 (1/2).
    # Weights sum to 4.5; 2.25 is reached at 5.
    assert variance.hodges_lehmann(np.array([0.0, 2.0, 10.0]), np.ones(3)).tolist() == [5]


def test_winsorised_values_end_at_the_quantile():
    values = np.arange(1.0, 101.0)
    assert variance.winsorise(values, np.ones(100), 0.99)[-2:, 0].tolist() == [99, 99]


def test_an_interval_from_too_few_replicates_is_not_given():
    drawn = np.append(np.arange(80.0), [np.nan] * 20)
    assert all(math.isnan(bound) for bound in variance.percentile_interval(drawn))
    low, high = variance.percentile_interval(np.arange(101.0))
    assert (low, high) == (pytest.approx(2.5), pytest.approx(97.5))


def test_the_effect_size_by_hand():
    # Item 1: 1, 3 -> 3, 5; item 2: 2, 2 -> 2, 4. Gains 2, 2 and 0, 2: mean of means 1.5.
    # Variances 1, 1, 1, 0 (divided by n): mean 0.75.
    after, before = np.array([[3.0, 2.0], [5.0, 4.0]]), np.array([[1.0, 2.0], [3.0, 2.0]])
    found = effect_size(np.hstack([after, before]), np.ones((2, 1)))
    assert found[0] == pytest.approx(1.5 / math.sqrt(0.75))


def test_demand_counts_a_second_choice_by_half():
    # mua: 2 * 1 + 1 * 0.5 = 2.5; ac: 1 * 1 + 0 = 1; of 3.5.
    first, second = pd.Series(["mua", "ac"]), pd.Series([None, "mua"])
    shares = demand_shares(first, second, np.array([2.0, 1.0]), ["ac", "mua"])
    assert shares[:, 0].tolist() == pytest.approx([1 / 3.5, 2.5 / 3.5])


def test_response_rates_by_hand():
    # 60 I, 5 P, 10 R, 5 NC, 2 O, 10 UH, 3 UO, 5 NE: known 82, e = 82 / 87, all = 95.
    counts = {"I": 60, "P": 5, "R": 10, "NC": 5, "O": 2, "UH": 10, "UO": 3, "NE": 5}
    codes = {"UH": "000", "UO": "320"}
    rows = [(name, codes.get(name, "110")) for name, size in counts.items() for _ in range(size)]
    table = pd.DataFrame(rows, columns=["category", "aapor_code"])
    table["reachable"] = [True] * 80 + [False] * 10 + [None] * 10
    found = {rate.id: np.divide(*rate.compute(table)) for rate in RESPONSE}
    assert found == pytest.approx(
        {
            "F1": 80 / 90,
            "F2": 60 / 95,
            "F3": 65 / 95,
            "F4_rr3": 60 / (82 + 82 / 87 * 13),
            "F4_rr4": 65 / (82 + 82 / 87 * 13),
            "F5": 77 / 95,
            "F6": 60 / 77,
            "F7": 10 / 95,
            "F8_gross": 65 / 100,
            "F8_net": 65 / 87,
        }
    )


CLASSES = pd.DataFrame(
    {"batch": ["a"] * 2 + ["b"] * 2, "package_cost_idr": [300.0] * 4, "cert_result": ["1", "1", "1", "2"]}
)


def in_field(**changed: object) -> pd.DataFrame:
    base = {
        "indicator": "S1",
        "unit": "share",
        "group_by": "all",
        "level": "",
        "estimate": 0.5,
        "se": 0.1,
        "low": 0.25,
    }
    base |= {"high": 0.75, "cohort_low": 0.4, "cohort_high": 0.6, "unweighted": 0.6, "unweighted_low": 0.3}
    return pd.DataFrame(
        [{**base, "unweighted_high": 0.8, "n": 3.0, "suppressed": False, "note": "", **changed}]
    )


def test_cost_counts_a_class_once_and_turns_the_interval_over():
    [certified] = cost_rows(CLASSES, ())
    assert certified["estimate"] == 200  # 600 for three certified
    each = cost_per_worker(CLASSES, in_field(), ()).iloc[0]
    assert each["estimate"] == 300  # 600 / (4 * 0.5)
    assert (each["low"], each["high"], each["cohort_low"], each["cohort_high"]) == (200, 600, 250, 375)
    assert each["se"] == pytest.approx(60)


def test_nobody_in_field_has_no_cost():
    each = cost_per_worker(CLASSES, in_field(estimate=0.0, low=0.0, high=0.25), ()).iloc[0]
    assert math.isnan(each["estimate"])
    assert (each["low"], math.isnan(each["high"])) == (600, True)


def test_where_s1_is_hidden_its_cost_is_too(estimates):
    table, _ = estimates
    hidden = {
        code: set(zip(rows["group_by"], rows["level"], strict=True))
        for code, rows in table[table["suppressed"]].groupby("indicator")
    }
    costs = table[table["indicator"] == "X1_in_field"]
    places = set(zip(costs["group_by"], costs["level"], strict=True))
    assert hidden["X1_in_field"] == hidden["S1"] & places != set()
    assert costs.loc[costs["suppressed"], ["estimate", "low", "unweighted", "n"]].isna().all(axis=None)


# R's survey


def calibrated_error(values, weights, domain, margins):
    influence = variance.mean_influence(values, weights, domain)
    return variance.standard_error(influence, variance.calibration(weights, margins))


def test_means_and_their_errors_are_r_svymean_on_public_data():
    table, weights, everybody = read_table("apisrs.csv"), golden("api_rake"), np.ones(200, dtype=bool)
    score = table["api00"].to_numpy(float)
    assert variance.weighted_mean(score, weights) == pytest.approx(golden("api_mean", "mean")[0], abs=1e-6)
    plain = variance.standard_error(variance.mean_influence(score, weights, everybody))
    assert plain == pytest.approx(golden("api_mean", "se")[0], abs=1e-6)
    margins = margins_of(table, API_MARGINS)
    raked = calibrated_error(score, weights, everybody, margins)
    assert raked == pytest.approx(golden("api_raked_mean", "se")[0], abs=1e-6)


@pytest.mark.parametrize("kind", ["E", "H", "M"])
def test_domains_are_r_svyby_on_public_data(kind):
    table, weights = read_table("apisrs.csv"), golden("api_rake")
    domain = (table["stype"] == kind).to_numpy()
    met = (table["comp.imp"] == "Yes").to_numpy(float)
    assert variance.weighted_mean(met[domain], weights[domain]) == pytest.approx(
        golden("api_by_mean", kind)[0], abs=1e-6
    )
    error = variance.standard_error(variance.mean_influence(met, weights, domain))
    assert error == pytest.approx(golden("api_by_se", kind)[0], abs=1e-6)
    raked = calibrated_error(table["api00"].to_numpy(float), weights, domain, margins_of(table, API_MARGINS))
    assert raked == pytest.approx(golden("api_raked_by_se", kind)[0], abs=1e-6)


@pytest.mark.parametrize("quantile", ["0.25", "0.5", "0.99"])
def test_quantiles_are_r_svyquantile(quantile):
    score = read_table("apisrs.csv")["api00"].to_numpy(float)
    found = variance.weighted_quantile(score, golden("api_rake"), float(quantile))
    assert found[0] == golden("api_quantile", quantile)[0]


def test_the_headline_of_the_rehearsal_is_r_svymean():
    table, weights = read_table("rehearsal.csv"), golden("rehearsal_rake")
    works, everybody = table["emp_bps"].to_numpy(float), np.ones(len(table), dtype=bool)
    assert variance.weighted_mean(works, weights) == pytest.approx(
        golden("rehearsal_mean", "mean")[0], abs=1e-6
    )
    influence = variance.mean_influence(works, weights, everybody)
    assert variance.standard_error(influence) == pytest.approx(golden("rehearsal_mean", "se")[0], abs=1e-6)
    paid = table["earned"].notna().to_numpy()
    median = variance.weighted_quantile(table["earned"].to_numpy(float)[paid], weights[paid])
    assert median[0] == golden("rehearsal_median")[0]
    for zone in ("centre", "east", "north_west", "south"):
        domain = (table["zone"] == zone).to_numpy()
        influence = variance.mean_influence(works, weights, domain)
        assert variance.standard_error(influence) == pytest.approx(
            golden("rehearsal_by_se", zone)[0], abs=1e-6
        )
        mean = variance.weighted_mean(works[domain], weights[domain])
        assert mean == pytest.approx(golden("rehearsal_by_mean", zone)[0], abs=1e-6)


def swept(influence, weights, margins, rounds):
    """Sweep the margins' means out of an influence, `rounds` times: what R does ten times."""
    for _ in range(rounds):
        for margin in margins:
            bare = influence / weights
            middle = np.bincount(margin.codes, bare) / np.bincount(margin.codes)
            influence = (bare - middle[margin.codes]) * weights
    return influence


def test_the_raked_error_of_the_rehearsal_is_where_r_sweeping_leads():
    table, weights = read_table("rehearsal.csv"), golden("rehearsal_rake")
    margins = margins_of(table, read_table("targets.csv"))
    works, everybody = table["emp_bps"].to_numpy(float), np.ones(len(table), dtype=bool)
    influence = variance.mean_influence(works, weights, everybody)
    ten = variance.standard_error(swept(influence, weights, margins, 10))
    assert ten == pytest.approx(golden("rehearsal_raked_mean", "se")[0], abs=1e-6)
    many = variance.standard_error(swept(influence, weights, margins, 2000))
    assert calibrated_error(works, weights, everybody, margins) == pytest.approx(many, abs=1e-6)


# Answers and what they count as


def person(**answers: object) -> pd.DataFrame:
    base = {
        "alumni_id": "A1",
        "origin": "2025-06-10",
        "training_start": "2025-05-01",
        "date": pd.Timestamp("2026-01-15"),
        "emp_bps": "1",
        "emp_icls": "1",
        "job_at_end": "0",
        "status_emp": "4",
        "earnings_idr": 3_000_000.0,
        "umk_idr": 2_567_744,
        "hours": 40.0,
        "pre_work": "1",
        "pre_income": 1_000_000.0,
        "pre_midpoint_idr": None,
        "match_field": "1",
        "biz_start": None,
        "contract": "1",
        "bpjs_tk": "1",
        "bpjs_kes": "0",
        "paid_leave": "1",
        "biz_legal": None,
        "biz_books": None,
        "accident": "0",
    }
    return pd.DataFrame([{**base, **answers}])


def spell(**told: object) -> dict[str, object]:
    base = {
        "alumni_id": "A1",
        "position": 1,
        "j_status": "4",
        "j_end_reason": "1",
        "j_end": None,
        "j_found": "3",
    }
    return {**base, "j_start": "2025-08-01", **told}


def told_of_work(spells: list[dict[str, object]], **answers: object) -> pd.DataFrame:
    columns = ["alumni_id", "position", "j_start", "j_end", "j_status", "j_end_reason", "j_found"]
    return add_times(person(**answers), pd.DataFrame(spells, columns=columns))


def timed(spells: list[dict[str, object]], **answers: object) -> pd.Series:
    return told_of_work(spells, **answers).iloc[0]


def value(code: str, table: pd.DataFrame) -> float:
    indicator = next(found for found in all_indicators() if found.id == code)
    return float(indicator.values(table)["y"].iloc[0])


@pytest.mark.parametrize(
    ("answers", "s1", "s2"),
    [
        ({}, 1, 1),
        ({"emp_bps": "0", "match_field": None, "earnings_idr": None, "hours": None}, 0, 0),
        ({"match_field": "3"}, 0, 1),
        ({"match_field": None}, math.nan, 1),  # a proxy is not asked
        ({"earnings_idr": 2_567_743.0}, 1, 0),
        ({"hours": 34.0, "earnings_idr": None}, 1, 0),  # short hours settle it
        ({"earnings_idr": None}, 1, math.nan),
    ],
)
def test_the_ladder(answers, s1, s2):
    table = add_money(person(**answers), CONSTANTS)
    assert value("S1", table) == pytest.approx(s1, nan_ok=True)
    assert value("S2", table) == pytest.approx(s2, nan_ok=True)


OWNER = {"status_emp": "1", "contract": None, "bpjs_tk": None, "bpjs_kes": None, "accident": None}
LICENSED = {**OWNER, "biz_books": "0", "biz_legal": "1 6"}


@pytest.mark.parametrize(
    ("answers", "least", "most"),
    [
        ({}, 5, 5),
        ({"contract": "3", "hours": 50.0}, 3, 3),
        (LICENSED, 3, 5),  # an owner is not asked about social protection and accidents
        ({**LICENSED, "biz_legal": "6"}, 2, 4),
        ({**OWNER, "status_emp": "7", "earnings_idr": 0.0}, 1, 3),  # family: no contract, no pay
        (OWNER, math.nan, math.nan),  # a proxy is not asked
        ({"emp_bps": "0"}, math.nan, math.nan),
    ],
)
def test_decent_work_of_all_the_employed_lies_between_two_bounds(answers, least, most):
    table = add_money(person(**answers), CONSTANTS)
    found = [value(f"D5_mean_{case}", table) for case in ("worst", "best")]
    assert found == pytest.approx([least, most], nan_ok=True)
    shares = [value(f"D5_{case}", table) for case in ("worst", "best")]
    reached = [math.nan if math.isnan(score) else float(score >= 4) for score in (least, most)]
    assert shares == pytest.approx(reached, nan_ok=True)


def test_a_licence_stands_for_a_contract():
    own, none = (add_money(person(**{**LICENSED, "biz_legal": held}), CONSTANTS) for held in ("1", "0"))
    assert (value("D5_contract", own), value("D5_contract", none)) == (1, 0)
    assert math.isnan(value("D5_safe", own))


@pytest.mark.parametrize(
    ("answers", "neet"),
    [
        ({"emp_bps": "0"}, 1),
        ({"emp_bps": "0", "no_seek_reason": "4"}, 1),
        ({"emp_bps": "0", "no_seek_reason": "3"}, 0),  # in education or training
        ({"emp_bps": "0", "main_act": "2"}, 0),
        ({}, 0),
        ({"emp_bps": "0", "age_group": "25-29"}, math.nan),
    ],
)
def test_the_young_without_work_education_or_training(answers, neet):
    young = {"age_group": "15-24", "main_act": "3", "no_seek_reason": None}
    assert value("A6", person(**{**young, **answers})) == pytest.approx(neet, nan_ok=True)


@pytest.mark.parametrize(
    ("answers", "informal"),
    [
        ({}, 0),
        ({"paid_leave": "0"}, 1),
        ({"bpjs_tk": "98", "bpjs_kes": "0"}, 1),
        ({"status_emp": "1", "contract": None, "biz_legal": "0", "biz_books": "0"}, 1),
        ({"status_emp": "1", "contract": None, "biz_legal": "6 1", "biz_books": "0"}, 0),
        ({"status_emp": "2", "contract": None, "biz_legal": "0", "biz_books": "1"}, 0),
        ({"status_emp": "7", "contract": None}, 1),
        ({"contract": None}, math.nan),  # a proxy is not asked
        ({"emp_bps": "0", "status_emp": None}, math.nan),
    ],
)
def test_informal_by_icls(answers, informal):
    assert value("D4", person(**answers)) == pytest.approx(informal, nan_ok=True)


def test_prices_between_the_anchors():
    # Half a year of the 2.93 % of 2025: sqrt(110.25 / 107.11) from about 1 July.
    factors = price_factor(pd.Series(["2024-12-31", "2025-07-01", "2025-12-31", "2026-02-01"]), CONSTANTS)
    assert factors.tolist() == pytest.approx([110.25 / 107.11, (110.25 / 107.11) ** (183 / 365), 1, 1])


def test_the_change_of_earnings_in_prices_of_december_2025():
    before = float(price_factor(pd.Series(["2025-04-01"]), CONSTANTS)[0]) * 1_000_000
    both = add_money(person(), CONSTANTS).iloc[0]
    assert both["change_workers"] == both["change_all"] == pytest.approx(3_000_000 - before)
    assert both["change_umk"] == pytest.approx((3_000_000 - before) / 2_413_974)  # though asked in 2026
    idle = add_money(person(emp_bps="0", earnings_idr=None, status_emp=None), CONSTANTS).iloc[0]
    assert math.isnan(idle["change_workers"])
    assert idle["change_all"] == pytest.approx(-before)
    new = add_money(person(pre_work="0", pre_income=None), CONSTANTS).iloc[0]
    assert new["change_all"] == pytest.approx(3_000_000)
    band = add_money(person(pre_income=None, pre_midpoint_idr=750_000), CONSTANTS).iloc[0]
    assert band["change_all"] == pytest.approx(3_000_000 - 0.75 * before)


def test_waiting_ends_with_the_first_spell_after_the_training():
    # 10 June to 15 August: 66 days.
    row = timed([spell(j_start="2025-10-01", position=2), spell()])
    assert (row["wait"], row["wait_event"], row["cause"]) == (pytest.approx(66 / 30.4375), 1, 1)
    assert row["first_found"] == "3"


@pytest.mark.parametrize("code", ["S3", "S4_3", "S6", "T1"])
def test_what_counts_from_the_end_of_the_training_is_asked_of_the_latest_class_only(code):
    table = add_money(told_of_work([spell()], earnings_idr=4_000_000.0), CONSTANTS)
    assert value(code, only_latest(table.assign(index_row=True))) > 0
    assert math.isnan(value(code, only_latest(table.assign(index_row=False))))


def test_waiting_is_censored_at_the_interview():
    row = timed([])
    assert (row["wait"], row["wait_event"]) == (pytest.approx(219 / 30.4375), 0)  # 10 June to 15 January


def test_who_worked_when_the_training_ended_does_not_wait():
    row = timed([spell(j_start="2024-01-01")], job_at_end="1")
    assert math.isnan(row["wait"])
    assert row["kept_job"] == 1
    left = timed([spell(j_start="2024-01-01", j_end="2025-09-01", j_end_reason="3")], job_at_end="1")
    assert left["kept_job"] == 0


def test_work_at_three_six_and_twelve_months():
    # Work from mid-August to mid-October; 7.2 months watched: 12 cannot be told.
    row = timed([spell(j_end="2025-10-01", j_end_reason="3")])
    assert (row["work_3"], row["work_6"]) == (1, 0)
    assert math.isnan(row["work_12"])


def test_a_business_that_closed_lasted_from_the_middle_of_one_month_to_that_of_another():
    # 15 August to 15 November: 92 days; to the interview on 15 January: 153.
    row = timed([spell(j_status="1", j_end="2025-11-01", j_end_reason="6")])
    assert (row["business_ended"], row["business_months"]) == (1, pytest.approx(92 / 30.4375))
    running = timed([spell(j_status="1")])
    assert (running["business_ended"], running["business_months"]) == (0, pytest.approx(153 / 30.4375))
    briefly = timed([spell(j_status="1", j_end="2025-08-01", j_end_reason="6")])
    assert briefly["business_months"] == 0.5


def test_a_share_cell_by_hand():
    indicator = next(found for found in all_indicators() if found.id == "A1")
    y, weights = np.array([0.0, 0.0, 1.0, 0.0]), np.array([1.0, 1.0, 2.0, 1.0])
    values = Values(y[:, None], weights, np.ones((4, 1)))
    influence = variance.mean_influence(y, weights, np.ones(4, dtype=bool))
    plain = variance.Calibration(np.zeros((4, 1)), weights)
    cell = estimate_cell(indicator, values, influence, plain, CONSTANTS)
    assert (cell.estimate, cell.unweighted, cell.weighted_total, cell.n) == (0.4, 0.25, 5, 4)
    assert cell.n_eff == pytest.approx(25 / 7)
    # z = w (y - 0.4) / 5: three of -0.4 and one of 2 x 0.6, so 0.24 / (1.92 / 25) = 3.125.
    assert cell.deff == pytest.approx(4 / 3.125)
    assert (cell.low, cell.high) == pytest.approx(variance.wilson(0.4, 3.125))
    assert (cell.cohort_low, cell.cohort_high) == pytest.approx(variance.wilson(0.4, 3.125 / (1 - 5 / 7)))


@pytest.mark.parametrize(
    ("y", "weights", "size"),
    [
        ([1, 0, 0, 1, 0], [2, 2, 2, 2, 2], 5),  # equal weights: everybody counts
        ([1, 0, 0], [1, 1, 2], 3),  # (3/16) / (14/256) = 3.43, but no more than there are
        ([1, 0, 1, 0], [1, 1, 2, 2], 18 / 5),  # a share of a half is Kish's
        ([1, 1, 1], [1, 1, 2], 8 / 3),  # nobody differs: Kish's
    ],
)
def test_the_size_a_share_stands_on_by_hand(y, weights, size):
    assert variance.share_size(np.array(y, float), np.array(weights, float)) == pytest.approx(size)


# The long table


@pytest.fixture(scope="module")
def estimates():
    with world() as connection:
        rows = estimate_all(connection, CONSTANTS)
        table = connection.execute("select * from marts.estimate").df()
        assert len(table) == rows
        others = {
            name: connection.execute(f"select * from marts.{name}").df()
            for name in TABLES
            if name != "estimate"
        }
        assert estimate_all(connection, CONSTANTS) == rows
        again = connection.execute("select * from marts.estimate").df()
        pd.testing.assert_frame_equal(table, again)
    return table, others


def row_of(table: pd.DataFrame, code: str, group: str = "all", level: str = "") -> pd.Series:
    found = table[(table["indicator"] == code) & (table["group_by"] == group) & (table["level"] == level)]
    assert len(found) == 1, (code, group, level)
    return found.iloc[0]


def test_other_numbers_of_the_same_people_give_the_same_table(estimates):
    # All but E1, whose imputation draws each person's donors by the person's number.
    with world() as connection:
        for name in (
            "clean.registry_person",
            "pii.registry_person",
            "clean.registry_enrolment",
            "clean.alumni_tracer",
        ):
            connection.execute(f"update {name} set alumni_id = md5(alumni_id)")
        make_marts(connection)
        store_codes(connection, Coder({}, shipped_terms()))
        estimate_all(connection, CONSTANTS)
        renamed = connection.execute("select * from marts.estimate").df()
    same = ~renamed["indicator"].str.startswith("E1")
    pd.testing.assert_frame_equal(renamed[same], estimates[0][same], rtol=1e-7)


def test_each_cell_stands_once(estimates):
    table, _ = estimates
    assert not table.duplicated(["indicator", "group_by", "level"]).any()
    wanted = "all programme year batch funding target_group sex age_group education zone seat_source certified".split()
    assert set(wanted) <= set(table.loc[table["indicator"] == "A1", "group_by"])


def test_the_frame_is_covered_but_for_one_without_a_phone_or_address(estimates):
    covered = row_of(estimates[0], "F1")
    assert (covered["estimate"], covered["n"]) == (240 / 241, 241)


def test_without_applicants_the_cost_of_an_additional_worker_is_not_estimable(estimates):
    row = row_of(estimates[0], "X2")
    assert (bool(row["suppressed"]), row["note"], math.isnan(row["estimate"])) == (
        True,
        "not_estimable",
        True,
    )


def test_reach_is_told_by_district_and_beside_the_tobacco_area(estimates):
    # Of 241 classes of 240 persons every fourth is of t1; districts in turn. 10, 20 and 70 of 100 hectares.
    table, _ = estimates
    for place, grown in (("350503", 0.1), ("350510", 0.2), ("350517", 0.7)):
        mine = [n for n in [0, *range(240)] if place == ("350503", "350510", "350517")[n % 3]]
        target = sum(n % 4 == 0 for n in mine)
        assert row_of(table, "H1", "kecamatan", place)["estimate"] == pytest.approx(target / len(mine))
        share = target / sum(n % 4 == 0 for n in [0, *range(240)])
        assert row_of(table, "H1_area", "kecamatan", place)["estimate"] == pytest.approx(share / grown)
    zones = table[(table["indicator"] == "H1_area") & (table["group_by"] == "zone")]
    assert set(zones["level"]) == {"north_west", "centre", "east"}


def test_an_r_indicator_that_cannot_be_given_leaves_the_bar_without_a_value():
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        hold_to_bar(connection, 0.9, 100)  # a study without the mart
        row = "'representativity' as measure, 0.8::double as target, 1::double as value, 0 as n, true as met"
        connection.execute(f"create table marts.quality_bar as select {row}")
        for value, kept, met in ((math.nan, None, None), (np.float64(0.75), 0.75, False)):
            hold_to_bar(connection, value, 100)
            found = connection.execute("select value, n, met from marts.quality_bar").fetchone()
            assert found == (kept, 100, met)


@pytest.mark.parametrize(
    ("row", "message"),
    [("'12,5' as hectares", "hectares: 1 values are no numbers"), ("'12.5' as area", "no hectares")],
)
def test_a_list_of_tobacco_area_that_cannot_be_read_is_named_and_no_reason_to_be_silent(
    tmp_path, row, message
):
    with duckdb.connect() as connection:
        connection.execute("create schema clean; create schema marts")
        assert read_area(connection) is None
        connection.execute("create table marts.seed_zone as select '350503' as kec_code, 'east' as zone")
        connection.execute(f"create table clean.tobacco_area as select '350503' as kec_code, {row}")
        with pytest.raises(StudyError, match=message):
            read_area(connection)
        study = SimpleNamespace(root=tmp_path, evidence={})
        with pytest.raises(StudyError, match=message):
            compute(connection, study)
        connection.execute("drop table clean.tobacco_area")
        assert compute(connection, study) == ()


def test_without_a_list_of_areas_only_the_reach_is_told():
    enrolled = pd.DataFrame(
        {"kecamatan": ["350503"] * 3 + [None], "zone": "north_west", "target_group": ["t1", "t3", "t2", "t1"]}
    )
    [row] = reach_rows(enrolled, None)
    assert (row["indicator"], row["level"], row["estimate"], row["n"]) == ("H1", "350503", 2 / 3, 3)
    nothing = pd.DataFrame({"kecamatan": ["350503"], "zone": ["north_west"], "hectares": [0.0]})
    assert reach_rows(enrolled, nothing) == [row]


def test_the_cost_of_an_additional_worker_by_hand():
    # Two accepted of class a, 400 a seat, one of class b, 100: 300 a seat. An effect of 0.3 (0.2 to 0.6).
    seats = pd.DataFrame(
        {
            "alumni_id": list("pqrstu"),
            "batch": list("aaabbb"),
            "package_cost_idr": [1200.0] * 3 + [300.0] * 3,
            "latest": 1,
        }
    )
    effect = {"verdict": "higher", "estimate": 0.3, "low": 0.2, "high": 0.6, "se": 0.09, "n": 90}
    row = cost_per_additional(seats, ["p", "q", "s"], effect)
    assert [row[name] for name in ("estimate", "low", "high", "se")] == pytest.approx([1000, 500, 1500, 300])
    for none in (
        {"verdict": "null", "low": -0.1},
        {"verdict": "not_allowed"},
        {"verdict": "higher", "low": 0.0},
    ):
        assert cost_per_additional(seats, ["p"], {**effect, **none})["note"] == "not_estimable"


def test_the_headline_counts_everybody_of_the_frame(estimates):
    table, others = estimates
    headline = row_of(table, "A1")
    assert headline["n"] == 3 * 40 + SMALL
    assert headline["weighted_total"] == pytest.approx(240, rel=1e-5)  # the ineligible person is out
    assert (
        headline["low"]
        < headline["cohort_low"]
        < headline["estimate"]
        < headline["cohort_high"]
        < headline["high"]
    )
    assert others["weight"]["weight"].sum() == pytest.approx(240, rel=1e-5)


def test_waiting_is_surer_of_these_people_than_of_the_next(estimates):
    table, _ = estimates
    for code in ("T1", "T2", "T3_wage_12"):
        row = row_of(table, code)
        assert row["low"] <= row["cohort_low"] <= row["estimate"] <= row["cohort_high"] <= row["high"]
        # Few months are told here, so the ends of T1's range, which are months somebody told, may stay.
        assert code == "T1" or row["cohort_high"] - row["cohort_low"] < row["high"] - row["low"]


def test_worst_and_best_case_by_hand(estimates):
    table, _ = estimates
    headline, worst, best = (row_of(table, code)["estimate"] for code in ("A1", "A1_worst", "A1_best"))
    assert best - worst == pytest.approx((240 - 129) / 240)
    assert worst < headline < best


def test_a_small_class_is_hidden_with_a_partner_and_everywhere(estimates):
    table, _ = estimates
    small = row_of(table, "A1", "programme", "ac")
    assert (bool(small["suppressed"]), small["note"]) == (True, "too_few")
    hidden = table[table["suppressed"] & table["note"].str.contains("too_few|complementary", na=False)]
    numbers = ["estimate", "low", "high", "unweighted", "n", "n_eff", "deff", "weighted_total"]
    assert hidden[numbers].isna().all(axis=None)
    for group in ("programme", "programme_year", "batch"):
        of_group = table[(table["indicator"] == "A1") & (table["group_by"] == group)]
        assert of_group["suppressed"].sum() >= 2


def test_no_shown_rate_stands_on_fewer_than_ten(estimates):
    table, _ = estimates
    shown = table[~table["suppressed"]]
    assert (shown["n"] >= 10).all()
    indicative = shown["note"].str.contains("indicative", na=False)
    assert (indicative == (shown["n"] < 30)).all()


def test_an_enrolment_counts_in_each_of_its_classes(estimates):
    table, _ = estimates
    # A0000 took barista 2024 and mua 2025; A9999 was no trainee.
    assert row_of(table, "A1", "programme", "barista")["n"] == 80
    assert row_of(table, "C2", "programme", "mua")["n"] == 61
    assert row_of(table, "C2")["n"] == 241


def test_shares_are_shares_and_hold_their_estimate(estimates):
    table, _ = estimates
    shares = table[(table["unit"] == "share") & table["estimate"].notna()]
    assert shares["estimate"].between(0, 1).all()
    bounded = shares[shares["low"].notna() & ~shares["indicator"].str.startswith(("T3", "N1_demand"))]
    assert (bounded["low"] <= bounded["estimate"] + 1e-12).all()
    assert (bounded["estimate"] <= bounded["high"] + 1e-12).all()


def test_every_indicator_is_defined_and_every_definition_used(estimates):
    table, others = estimates
    assert set(table["indicator"]) == set(others["indicator"]["indicator"])
    assert set(definitions()["indicator"]) - set(table["indicator"]) == {code for code, *_ in DEMAND}
    assert (others["indicator"][["name_id", "name_en", "numerator", "denominator"]] != "").all(axis=None)


def test_the_raked_margins_are_stored_as_the_weights_reach_them(estimates):
    _, others = estimates
    margins, weights = others["weight_margin"], others["weight"]["weight"]
    totals = margins.groupby("margin")["reached"].sum()
    assert set(totals.index) == {"programme x year", "sex x age", "target group", "zone", "funding"}
    assert totals.to_numpy() == pytest.approx(weights.sum())
    assert (margins["reached"] / margins["target"]).to_numpy() == pytest.approx(1, abs=1e-6)


def test_the_table_of_margins_leads_from_the_registry_to_what_is_raked(estimates):
    _, others = estimates
    cells = others["registry_margin"]
    steps = cells[cells["margin"] == "all"].set_index("cell")["persons"]
    # 240 persons, and one who turned out to be no trainee.
    assert steps.to_dict() == {"registry": 241, "not eligible (AAPOR 410)": 1, "frame": 240}
    parts = cells[cells["margin"] != "all"]
    assert parts.groupby("margin")["persons"].sum().to_numpy() == pytest.approx(240)
    classes = parts[parts["margin"] == "programme x year"].set_index("cell")
    # One of the 60 of barista 2024 took mua 2025 as well, which is the latest class.
    persons = {"barista 2024": 59, "barista 2025": 60, "mua 2024": 60, "mua 2025": 1, "ac 2025": 60}
    assert classes["persons"].to_dict() == persons
    assert classes.loc["ac 2025", "respondents"] == SMALL
    assert classes.loc["ac 2025", "raked_as"] == "ac 2025 & barista 2024"
    raked = parts.groupby(["margin", "raked_as"])["persons"].sum()
    targets = others["weight_margin"].set_index(["margin", "cell"])["target"]
    assert raked.to_dict() == pytest.approx(targets.to_dict())


def test_merged_cells_and_figures_stand_in_the_diagnostics(estimates):
    _, others = estimates
    figures = others["weight_diagnostic"].set_index("name")
    assert figures.loc["rake_converged", "value"] == 1
    assert figures.loc["widening_persons", "value"] > figures.loc["widening_enrolments", "value"] > 1
    assert figures.loc["deff", "value"] >= 1
    remarks = " ".join(figures.loc[["remark"], "remark"])
    assert re.search(r"merged ac 2025 \(n=9\) with ", remarks)


def test_the_curve_of_waiting_begins_at_one_and_never_rises(estimates):
    _, others = estimates
    curve = others["time_to_job"]
    everybody = curve[curve["group_by"] == "all"].sort_values("months")
    assert everybody["survival"].iloc[0] == 1
    assert everybody["survival"].is_monotonic_decreasing
    assert "ac" not in set(curve["level"])


def test_nobody_has_answered_yet():
    with world() as connection:
        connection.execute("delete from marts.interview")
        connection.execute("update marts.case_disposition set aapor_code = '000', category = 'UH'")
        with pytest.raises(StudyError, match="nobody has answered yet"):
            estimate_all(connection, CONSTANTS)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            "alter table clean.alumni_tracer drop column sat_all",
            "clean.alumni_tracer: there is no sat_all; load the form",
        ),
        ("drop table clean.alumni_tracer__job", "clean.alumni_tracer__job: the table is missing; ask it"),
        (
            "drop table clean.registry_enrolment",
            "the table is missing; add .* registry_enrolment to study.toml",
        ),
    ],
)
def test_what_is_missing_is_named(sql, message):
    with world() as connection:
        connection.execute(sql)
        with pytest.raises(StudyError, match=message):
            estimate_all(connection, CONSTANTS)
