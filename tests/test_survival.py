"""Time to the first job: worked by hand and against R's survfit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from r_yardstick.golden import golden, read_table
from tracer_etl.evidence.recall import Interval, heaping, interval_median, turnbull
from tracer_etl.evidence.survival import (
    cumulative_incidence,
    kaplan_meier,
    known_fraction,
    log_log_interval,
    median_time,
    months_to_day,
    months_to_month,
    of_cohort,
    restricted_mean,
    survival_at,
)

# Five people: jobs after 1, 2 and 4 months; watching ended after 3 and 5.
MONTHS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
EVENT = np.array([1, 1, 0, 1, 0])
ONES = np.ones(5)


def test_kaplan_meier_by_hand():
    # 4/5; 4/5 * 3/4 = 0.6; nobody at 3; 0.6 * 1/2 = 0.3; nobody at 5.
    curve = kaplan_meier(MONTHS, EVENT, ONES)
    assert curve.survival.tolist() == pytest.approx([0.8, 0.6, 0.6, 0.3, 0.3])
    assert curve.at_risk.tolist() == [5, 4, 3, 2, 1]


def test_weights_count_like_people_in_the_curve_but_not_in_its_error():
    doubled = kaplan_meier(MONTHS, EVENT, 2 * ONES)
    plain = kaplan_meier(MONTHS, EVENT, ONES)
    assert doubled.survival == pytest.approx(plain.survival)
    assert doubled.spread == pytest.approx(plain.spread)


def test_the_error_of_an_unweighted_curve_is_greenwoods():
    # var(log S) = sum d / (r (r - d)): 1/20; + 1/12 = 2/15; at 4: + 1/2.
    spread = kaplan_meier(MONTHS, EVENT, ONES).spread
    assert (spread**2)[[0, 1, 3]].tolist() == pytest.approx([1 / 20, 2 / 15, 2 / 15 + 1 / 2])


def test_log_log_interval_by_hand():
    # S = 0.6, se(log S) = sqrt(2/15) = 0.365148; log(-log 0.6) = -0.671727;
    # reach = 1.959964 * 0.365148 / 0.510826 = 1.401024;
    # low exp(-exp(0.729297)) = 0.12573, high exp(-exp(-2.072751)) = 0.88176.
    low, high = log_log_interval(0.6, math.sqrt(2 / 15))
    assert (low, high) == (pytest.approx(0.12573, abs=1e-5), pytest.approx(0.88176, abs=1e-5))


def test_a_cohort_is_known_as_far_as_its_people_were_watched():
    # Ten people of whom five answered: half of them is known, less who was watched to month 3 only.
    fraction = known_fraction(MONTHS, EVENT, 2 * ONES, np.array([1.0, 3.0, 3.5, 5.0, 6.0]))
    assert fraction.tolist() == pytest.approx([0.5, 0.5, 0.4, 0.4, 0.3])
    # Weights 4, 1, 1, 2, 2: after month 3, n_eff = 9^2 / (16 + 1 + 4 + 4) = 3.24 of 10.
    weighted = known_fraction(MONTHS, EVENT, np.array([4.0, 1.0, 1.0, 2.0, 2.0]), np.array([4.0]))
    assert weighted.tolist() == pytest.approx([0.324])
    # All answered, all had the event: the curve is the cohort's.
    curve = kaplan_meier(MONTHS, np.ones(5, dtype=int), ONES)
    own = of_cohort(curve, known_fraction(MONTHS, np.ones(5, dtype=int), ONES, curve.times))
    assert own.spread[:4].tolist() == [0, 0, 0, 0]
    assert median_time(own) == (3, 3, 3)


def test_the_cohorts_median_lies_in_a_narrower_range():
    months = np.arange(1.0, 41.0)
    event = np.where(months % 7 == 0, 0, 1)
    curve = kaplan_meier(months, event, np.full(40, 1.25))
    own = of_cohort(curve, known_fraction(months, event, np.full(40, 1.25), curve.times))
    median, low, high = median_time(curve)
    assert median_time(own)[0] == median
    assert low < median_time(own)[1] < median < median_time(own)[2] < high


def test_nobody_had_the_event_yet():
    assert log_log_interval(1.0, 0.0) == (1.0, 1.0)


def test_median_and_one_that_is_not_reached():
    # The curve is at half or less from month 4 on.
    assert median_time(kaplan_meier(MONTHS, EVENT, ONES))[0] == 4
    never = median_time(kaplan_meier(MONTHS, np.array([1, 0, 0, 0, 0]), ONES))
    assert math.isnan(never[0])
    assert math.isnan(never[2])


def test_restricted_mean_by_hand():
    # Areas: 1 * 1 + 1 * 0.8 + 2 * 0.6 + 1 * 0.3 = 3.3 until month 5; half a month more at 0.3 until 5.5.
    assert restricted_mean(MONTHS, EVENT, ONES, 5.0).tolist() == pytest.approx([3.3])
    assert restricted_mean(MONTHS, EVENT, ONES, 5.5).tolist() == pytest.approx([3.45])


def test_competing_risks_by_hand():
    # Wage at 1 and 4, own business at 2. Wage: 1 * 1/5 + 0.6 * 1/2 = 0.5; business: 0.8 * 1/4 = 0.2.
    cause = np.array([1, 2, 0, 1, 0])
    assert cumulative_incidence(MONTHS, cause, ONES, 1, 12).tolist() == pytest.approx([0.5])
    assert cumulative_incidence(MONTHS, cause, ONES, 2, 12).tolist() == pytest.approx([0.2])
    # They and who still waits make 1.
    assert 0.5 + 0.2 + survival_at(MONTHS, EVENT, ONES, 12)[0] == pytest.approx(1)


def test_columns_of_weights_are_curves_of_their_own():
    weights = np.array([ONES, [2, 1, 1, 1, 1]]).T
    columns = restricted_mean(MONTHS, EVENT, weights, 5.0)
    assert columns[0] == pytest.approx(3.3)
    assert columns[1] == pytest.approx(restricted_mean(MONTHS, EVENT, weights[:, 1], 5.0)[0])


def test_a_job_of_the_month_of_the_training_waited_half_a_month():
    ended = np.array(["2025-03-10", "2025-03-10", "2025-03-10", "NaT"], "M8[D]")
    began = np.array(["2025-03-01", "2025-04-01", "2025-02-01", "2025-04-01"], "M8[D]")
    # To 15 April are 36 days, to 15 February -23; a month is 30.4375 days.
    assert months_to_month(ended, began)[:3].tolist() == pytest.approx([0.5, 36 / 30.4375, -23 / 30.4375])
    assert math.isnan(months_to_month(ended, began)[3])
    assert months_to_day(ended[:1], np.array(["2025-04-09"], "M8[D]"))[0] == pytest.approx(30 / 30.4375)


def lung():
    table = read_table("lung.csv")
    return (
        table["time"].to_numpy(float),
        (table["status"] == 2).to_numpy(np.int64),
        table["w"].to_numpy(float),
    )


def rehearsal():
    table = read_table("rehearsal.csv")
    waiting = table["wait"].notna().to_numpy()
    weights = golden("rehearsal_rake")[waiting]
    rows = table[waiting]
    return rows["wait"].to_numpy(float), rows["wait_event"].to_numpy(np.int64), weights


@pytest.mark.parametrize(("name", "data"), [("lung", lung), ("rehearsal_wait", rehearsal)])
def test_the_curve_and_its_intervals_are_r_survfit(name, data):
    curve = kaplan_meier(*data())
    assert curve.survival == pytest.approx(golden(f"{name}_surv"), abs=1e-6)
    bounds = np.array([log_log_interval(s, e) for s, e in zip(curve.survival, curve.spread, strict=True)])
    inside = (curve.survival > 0) & (curve.survival < 1)
    assert bounds[inside, 0] == pytest.approx(golden(f"{name}_low")[inside], abs=1e-6)
    assert bounds[inside, 1] == pytest.approx(golden(f"{name}_high")[inside], abs=1e-6)
    assert median_time(curve) == pytest.approx(tuple(golden(f"{name}_median")), abs=1e-6)


@pytest.mark.parametrize(("name", "data", "horizon"), [("lung", lung, 365), ("rehearsal", rehearsal, 12)])
def test_the_restricted_mean_is_r_survmean(name, data, horizon):
    assert restricted_mean(*data(), horizon)[0] == pytest.approx(golden(f"{name}_rmean")[0], abs=1e-6)


@pytest.mark.parametrize("cause", [1, 2])
def test_cumulative_incidence_is_r_survfit_with_states(cause):
    table = read_table("lung.csv")
    time, weights = table["time"].to_numpy(float), table["w"].to_numpy(float)
    kinds = np.where(table["status"] == 1, 0, table["sex"])
    found = [cumulative_incidence(time, kinds, weights, cause, days)[0] for days in (100, 365)]
    assert found == pytest.approx(golden(f"lung_incidence_{cause}"), abs=1e-6)
    table = read_table("rehearsal.csv").dropna(subset=["wait"])
    weights = golden("rehearsal_rake")[table.index]
    kinds = table["cause"].to_numpy(np.int64)
    found = [
        cumulative_incidence(table["wait"].to_numpy(float), kinds, weights, cause, k)[0] for k in (3, 6, 12)
    ]
    assert found == pytest.approx(golden(f"rehearsal_incidence_{cause}"), abs=1e-6)


def test_turnbull_by_hand():
    # One within (0, 2], one within (1, 3], one still waiting at 3: stretches (1, 2] and (3, inf).
    found = turnbull(np.array([0.0, 1.0, 3.0]), np.array([2.0, 3.0, np.inf]), np.ones(3))
    assert [(one.begins, one.ends) for one in found] == [(1, 2), (3, math.inf)]
    assert [one.share for one in found] == pytest.approx([2 / 3, 1 / 3])
    assert interval_median(found) == (1, 2)


def test_turnbull_shares_a_wide_stretch_between_the_narrow_ones_in_it():
    # (0, 1] once, (1, 2] once, (0, 2] once: by symmetry one half each; with weight 3 on the first, 3/4 and 1/4.
    begins, ends = np.array([0.0, 1.0, 0.0]), np.array([1.0, 2.0, 2.0])
    assert [one.share for one in turnbull(begins, ends, np.ones(3))] == pytest.approx([0.5, 0.5])
    heavy = turnbull(begins, ends, np.array([3.0, 1.0, 1.0]))
    assert [one.share for one in heavy] == pytest.approx([0.75, 0.25])


def test_a_median_beyond_the_last_stretch_is_open():
    assert interval_median([Interval(0, 1, 0.4)]) == (math.inf, math.inf)


def test_turnbull_is_r_survfit_for_interval_censored_stories():
    table = read_table("rehearsal.csv").dropna(subset=["wait"])
    weights = golden("rehearsal_rake")[table.index]
    found = turnbull(table["wait_from"].to_numpy(float), table["wait_to"].to_numpy(float), weights)
    later = [sum(one.share for one in found if one.begins >= month) for month in (1, 3, 6, 12)]
    # R ends its iterations earlier.
    assert later == pytest.approx(golden("rehearsal_turnbull"), abs=3e-4)


def test_heaps_at_round_months_stand_out_of_a_smooth_curve():
    smooth = {month: round(60 * 0.8**month) for month in range(15)}
    told = np.repeat(list(smooth), list(smooth.values())).astype(float)
    assert all(0.8 < heap.ratio < 1.25 for heap in heaping(told))
    heaped = np.append(told, [6.0] * smooth[6])
    ratios = {heap.months: heap.ratio for heap in heaping(heaped)}
    assert ratios[6] == pytest.approx(2, abs=0.25)
    assert ratios[3] < 1.25


def test_few_stories_tell_nothing_about_heaps():
    assert heaping(np.array([1.0, 2.0, 3.0, 3.0])) == ()
