"""The plan: every formula on a case worked by hand, the arithmetic beside it; then its doubt, and the office's file."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from demand import add_tables, applicant, employer, idea
from frame import frame
from tracer_etl.errors import StudyError
from tracer_etl.evidence import constants, storing
from tracer_etl.evidence.demand_rates import store_demand
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.plan import (
    CRITERIA,
    PILOT,
    borrowed,
    break_even,
    employer_value,
    equal_weights,
    gates,
    order,
    people_value,
    score,
    without,
)
from tracer_etl.evidence.plan_config import UNDECIDED, read_plan
from tracer_etl.evidence.plan_draws import draw, misrated, ranks_of, sampled, words
from tracer_etl.evidence.plan_evidence import Evidence, read_evidence
from tracer_etl.evidence.plan_result import TABLES, make_plan, store_plan
from tracer_etl.evidence.plan_shrinkage import (
    MEANS,
    SPREADS,
    STRENGTHS,
    _at_spread,
    _log_likelihood,
    beta_binomial,
    normal_normal,
)
from tracer_etl.evidence.portfolio import portfolios
from tracer_etl.report.words import catalogue

FILE = Path(__file__).parents[1] / "evidence/plan_2026.toml"
CODES = [one.code for one in read_plan(FILE).candidates]
KNOWN = Evidence(
    in_field=0.7,
    in_field_n=17,
    earnings=0.25,
    earnings_se=0.1,
    skill_gain=0.9,
    certified=0.91,
    applications=80,
    unmet_need=0.05,
    vacancies=20,
    committed=10,
    ideas=0.05,
    women=0.4,
    target_group=0.3,
    spread=0.9,
    reach="alumni",
)


@pytest.fixture
def config():
    return read_plan(FILE)


def known(**changes):
    """Give every programme the same evidence, except where changed: {code: {field: value}}."""
    return {code: dataclasses.replace(KNOWN, **changes.get(code, {})) for code in CODES}


def edited(tmp_path, *changes):
    """Read the office's file after an edit of its text."""
    text = FILE.read_text(encoding="utf-8")
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text, count=1, flags=re.MULTILINE)
        assert count == 1, pattern
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


# The office's file


def test_the_file_has_the_weights_and_anchors_of_the_specification(config):
    assert tuple(config.weights.values()) == (20, 10, 5, 12, 8, 5, 12, 8, 10, 10)
    assert (config.concentration, config.rubric_error, config.draws) == (50, 0.10, 10_000)
    anchors = config.anchors
    assert (anchors["in_field"], anchors["earnings"], anchors["cost"]) == (
        (0.3, 0.85),
        (0, 0.5),
        (30e6, 10e6),
    )
    assert (anchors["skill_gain"], anchors["certified"]) == ((0, 1.5), (0.7, 1))
    assert (anchors["per_seat"], anchors["applicants"], anchors["ideas"]) == ((0, 2), (1, 16), (0, 0.25))
    assert (anchors["target_group"], anchors["women"], anchors["spread"]) == ((0, 0.6), (0, 0.5), (0, 0.9))
    assert dataclasses.astuple(config.rules)[:4] == (1, 0.5, 1, 2)
    assert config.umk_idr == constants.UMK_IDR[2026]


def test_its_families_are_those_of_the_estimates(config):
    assert {one.code: one.family for one in config.candidates}.items() <= constants.FAMILIES.items()


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ("^in_field = 20", "in_field = 25", r"weights add up to 105.*100 in all"),
        ("^youth = 5", "yuoth = 5", r"\[weights\] (youth is missing|yuoth is not known)"),
        (r"^women = \[0.0, 0.50\]", "women = [0.5, 0.5]", "women: worth 0 and worth 100 are the same"),
        (
            r"^priority = \[2, 2\]",
            "priority = [2, 4]",
            r"barista priority is \[2, 4\]; ratings are 0, 1, 2 or 3",
        ),
        (r"^priority = \[2, 2\]", "priority = [2, 1.5]", "ratings are 0, 1, 2 or 3"),
        (r"^priority = \[2, 2\]", "priority = [2]", r"barista priority is \[2\], and must be two numbers"),
        ("^dbhcht = true", 'dbhcht = "ya"', "barista dbhcht is 'ya', and must be true or false"),
        ("^rubric_error = 0.10", "rubric_error = 10", r"\[draws\] rubric_error is 10, and may be 0 to 1"),
        ("^in_field = 20", 'in_field = "20"', r"\[weights\] in_field is '20', no number"),
        ("^one_family = 2", "one_famly = 2", r"\[portfolio\] one_famly is not known, it has: .*one_family"),
        (r"^\[portfolio\]", "[portofolio]", r"\[portfolio\] is missing"),
        ('^code = "mua"', 'code = "barista"', "'barista' is listed twice"),
        ("^seats = 20", "seats = 0", r"\[\[programme\]\] barista seats is 0, and may be 1 or more"),
        ("^choose = 4", "choose = 40", "40 of 16 programmes"),
        ("^umk_idr.*$", "", r"\[plan\] umk_idr is missing; see docs/how-to/rank-programmes-2026.md"),
        ("^seats = 20", "seat = 20", "barista seat is not known, it has: code, family, seats"),
        (r"^\[plan\]", "[plan", "not TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_remedy(tmp_path, pattern, replacement, message):
    with pytest.raises(StudyError, match=message) as raised:
        read_plan(edited(tmp_path, (pattern, replacement)))
    assert str(raised.value).startswith("plan.toml: ")
    assert "\n" not in str(raised.value)


def test_what_nobody_has_decided_is_named_and_nothing_else_may_be(config, tmp_path):
    assert set(config.undecided) == set(UNDECIDED)
    decided = read_plan(edited(tmp_path, (r"^undecided = .*$", 'undecided = ["ratings"]')))
    assert decided.undecided == ("ratings",)
    with pytest.raises(StudyError, match="'weather' is not known"):
        read_plan(edited(tmp_path, (r"^undecided = .*$", 'undecided = ["weather"]')))
    assert {f"plan.undecided_{name}" for name in UNDECIDED} <= set(catalogue())


def test_no_file_is_said_so(tmp_path):
    with pytest.raises(StudyError, match="there is no such file"):
        read_plan(tmp_path / "absent.toml")


# Gates and values


def test_gates_each_alone(config):
    good = config.candidates[0]
    ceiling = 12_000_000
    cases = {
        (): {},
        ("G1",): {"dbhcht": False},
        ("G2",): {"licensed": False},
        ("G3",): {"package_cost_idr": 20 * ceiling + 1},
        ("G4",): {"legal": False},
    }
    for failed, change in cases.items():
        assert tuple(gates(dataclasses.replace(good, **change), ceiling)) == failed
    assert (
        gates(dataclasses.replace(good, dbhcht=False, funding="APBD"), ceiling) == []
    )  # other funding named
    assert gates(dataclasses.replace(good, package_cost_idr=20 * ceiling), ceiling) == []


def test_a_programme_failing_a_gate_is_listed_not_scored(config):
    scored = score(config, known())
    assert "grafis" not in scored.codes  # not licensed
    assert len(scored.codes) == 15


def test_employers_half_credit_for_what_nobody_signed(config):
    seats = np.array([20.0, 20.0, 20.0])
    value = employer_value(np.array([20.0, 0, 100]), np.array([10.0, 5, 0]), seats, config)
    # (10 + 10/2)/20 = .75 of 2; 5/20 = .25 of 2; 100/2/20 = 2.5 of 2, never above 100
    assert value.tolist() == [37.5, 12.5, 100.0]


@pytest.mark.parametrize(
    ("applications", "need", "opened", "value"),
    [
        (80, 0.05, True, (50 + 20) / 2),  # log2(80/20) = 2 of 4; 0.05 of 0.25
        (320, 0.25, True, 100),
        (20, 0.0, True, 0),  # one applicant per seat
        (3, 0.0, True, 0),
        (math.nan, 0.10, True, 20),  # open, and nobody came
        (math.nan, 0.10, False, 40),  # nobody could apply: N1 alone
    ],
)
def test_people_by_doublings_and_unmet_need(config, applications, need, opened, value):
    one = dataclasses.replace(config.candidates[0], open_for_application=opened)
    seen = dataclasses.replace(KNOWN, applications=applications, unmet_need=need)
    assert people_value([one], [seen], config) == pytest.approx([value])


def test_the_values_of_one_programme_by_hand(config):
    scored = score(config, known())
    row = dict(zip(CRITERIA, scored.values[scored.codes.index("barista")], strict=True))
    share = scored.in_field.mean[scored.codes.index("barista")]
    assert row["in_field"] == pytest.approx((share - 0.3) / 0.55 * 100)
    assert row["earnings"] == pytest.approx(50)  # all at 0.25 UMK: nothing to shrink
    assert row["skill"] == pytest.approx((60 + 70) / 2)  # 0.9 of 1.5; 0.91 is 0.21 of 0.30
    assert row["employers"] == pytest.approx(37.5)
    assert row["people"] == pytest.approx(35)
    assert row["youth"] == pytest.approx(20)
    assert row["priority"] == 67
    assert row["raw_material"] == 100
    assert row["cost"] == pytest.approx((30e6 - 209_790_210 / 20 / share) / 20e6 * 100)
    assert row["equity"] == pytest.approx((50 + 80 + 100) / 3)
    total = sum(config.weights[name] * value for name, value in row.items()) / 100
    assert scored.scores[scored.codes.index("barista")] == pytest.approx(total)


def test_two_raters_who_differ_get_the_mean(config):
    scored = score(config, known())
    row = scored.values[scored.codes.index("listrik_rt")]
    assert row[CRITERIA.index("priority")] == (33 + 67) / 2


def test_what_is_not_known_is_the_familys_or_everybodys():
    column = np.array([1.0, np.nan, 3.0, np.nan])
    assert borrowed(column, ["a", "a", "b", "c"]).tolist() == [1, 1, 3, 2]
    assert borrowed(np.array([np.nan]), ["a"]).tolist() == [0]


def test_a_new_candidate_moves_no_values_of_others(config):
    everything = known(alsintan={"in_field_n": 0, "earnings_se": math.nan})
    few = dataclasses.replace(config, candidates=config.candidates[:12])
    more = score(config, everything)
    less = score(few, everything)
    fixed = [CRITERIA.index(name) for name in ("skill", "employers", "people", "youth", "equity")]
    for code in less.codes:
        row, other = less.values[less.codes.index(code)], more.values[more.codes.index(code)]
        assert row[fixed].tolist() == other[fixed].tolist()


# Shrinkage


def test_shares_are_those_of_studies_drawn_until_they_look_like_this_one():
    """No shared code: strengths, means of all and of families, and shares drawn anew, weighed by what is seen."""
    rng, number, families = np.random.default_rng(3), 400_000, np.array([0, 0, 1])
    strength = rng.choice(STRENGTHS, number, p=np.exp(-((np.log(STRENGTHS / 20) / np.log(2.5)) ** 2) / 2) /
                          np.exp(-((np.log(STRENGTHS / 20) / np.log(2.5)) ** 2) / 2).sum())  # fmt: skip
    middle, twice = rng.random(number)[:, None], 2 * strength[:, None]
    means = rng.beta(middle * twice, (1 - middle) * twice, (number, 2)).clip(1e-6, 1 - 1e-6)[:, families]
    share = rng.beta(means * twice, (1 - means) * twice)
    weight = (share ** [8, 4, 9] * (1 - share) ** [2, 6, 1]).prod(axis=1)
    expected = weight @ share / weight.sum()
    spread = np.sqrt(weight @ (share - expected) ** 2 / weight.sum())
    found = beta_binomial(np.array([0.8, 0.4, 0.9]), np.full(3, 10.0), ["f", "f", "g"])
    assert found.mean == pytest.approx(expected, abs=0.005)
    drawn = found.draw(np.random.default_rng(1), 40_000)
    assert drawn.mean(axis=0) == pytest.approx(found.mean, abs=0.004)
    assert drawn.std(axis=0) == pytest.approx(spread, abs=0.004)
    assert found.cells.sum() == pytest.approx(1)
    assert 0.4 < found.mean[1] < found.mean[0] < 0.8


def test_the_likelihood_by_hand():
    # strength M = 4 is a Beta of 8 around the family's mean 0.005: B(0.04 + 1, 7.96 + 1) / B(0.04, 7.96) = 0.04 x 7.96 / (8 x 9)
    assert _log_likelihood(np.array([1.0]), np.array([1.0]))[0, 0, 0] == pytest.approx(math.log(0.3184 / 72))


def test_a_programme_without_alumni_has_its_family_mean_with_the_whole_spread():
    rate, size = np.array([0.9, 0.5, np.nan]), np.array([40.0, 40.0, 0.0])
    shares = beta_binomial(rate, size, ["a", "b", "a"])
    assert shares.mean[2] > 0.75  # the family's 36 of 40, a little pulled towards all
    drawn = shares.draw(np.random.default_rng(1), 4000)
    assert drawn[:, 2].std() > 1.5 * drawn[:, 0].std()


def test_the_more_programmes_differ_the_weaker_the_prior():
    size = np.full(8, 40.0)
    same = beta_binomial(np.full(8, 0.7), size, list("abcdefgh"))
    apart = beta_binomial(np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.2, 0.6, 1.0]), size, list("abcdefgh"))
    strength = np.repeat(STRENGTHS, len(MEANS))
    assert apart.cells @ strength < 8
    assert same.cells @ strength > 25


def test_one_spread_by_hand():
    # Two of one family, 0.1 and 0.5 with se 0.1, half the variance 0.035: covariance 0.07 and 0.035; seen 0.08 and 0.035.
    seen, between = np.array([True, True]), 0.035 * np.array([[2.0, 1.0], [1.0, 2.0]])
    log, centre, root = _at_spread(np.array([0.1, 0.5]), np.array([0.1, 0.1]), seen, between)
    # The mean of all is 0.3; both are 0.2 away from it, of which (0.07 - 0.035) / (0.08 - 0.035) is believed.
    assert centre == pytest.approx([0.3 - 0.2 * 7 / 9, 0.3 + 0.2 * 7 / 9])
    determinant, known = 0.08**2 - 0.035**2, 2 / (0.08 + 0.035)
    assert log == pytest.approx(-math.log(determinant) / 2 - math.log(known) / 2 - 2 * 0.2**2 / 0.045 / 2)
    # Half the difference: 1 / (1 / 0.0175 + 1 / 0.005); the mean of both, for which nothing is known before: 0.01 / 2.
    half = 1 / (1 / 0.0175 + 1 / 0.005)
    assert root @ root.T == pytest.approx(
        np.array([[0.005 + half, 0.005 - half], [0.005 - half, 0.005 + half]])
    )


def test_amounts_are_those_of_studies_drawn_until_they_look_like_this_one():
    rng, number, families = np.random.default_rng(4), 400_000, np.array([0, 0, 1])
    before = SPREADS * np.exp(-((SPREADS / 0.2) ** 2) / 2)
    spread = rng.choice(SPREADS, number, p=before / before.sum())[:, None] / math.sqrt(2)
    middle = rng.uniform(-0.4, 0.9, number)[:, None]
    amount = middle + rng.normal(0, spread, (number, 2))[:, families] + rng.normal(0, spread, (number, 3))
    weight = np.exp(-(((amount - [0.1, 0.5, 0.2]) / 0.1) ** 2).sum(axis=1) / 2)
    expected = weight @ amount / weight.sum()
    found = normal_normal(np.array([0.1, 0.5, 0.2]), np.full(3, 0.1), ["f", "f", "g"])
    assert found.mean == pytest.approx(expected, abs=0.004)
    assert found.sd == pytest.approx(np.sqrt(weight @ (amount - expected) ** 2 / weight.sum()), abs=0.004)
    drawn = found.draw(np.random.default_rng(1), 40_000)
    assert drawn.std(axis=0) == pytest.approx(found.sd, abs=0.003)


def test_a_pilot_has_the_whole_spread_and_shares_its_family_with_another_pilot():
    seen = np.array([True, True, False, False])
    names = np.array(["a", "b", "a", "a"])
    alike = (names[:, None] == names[None, :]) + np.eye(4)
    mean, error = np.array([0.1, 0.3, math.nan, math.nan]), np.array([1e-4, 1e-4, math.nan, math.nan])
    _, _, root = _at_spread(mean, error, seen, 0.01 / 2 * alike)
    covariance = root @ root.T
    # Of the mean of all, for which two programmes tell, a pilot of family a is sure to 0.01 / 2 x (1 - 1 / 2)^2.
    assert covariance[2, 2] == pytest.approx(0.01 + 0.005 * 0.25, rel=1e-3)
    assert covariance[2, 3] > 0.2 * covariance[2, 2]
    shares = beta_binomial(np.array([0.7, 0.7, 0.7, math.nan]), np.array([1e5, 1e5, 1e5, 0]), list("aaaa"))
    drawn = shares.draw(np.random.default_rng(1), 20_000)[:, 3]
    whole = shares.cells @ (0.21 / (np.repeat(STRENGTHS, len(MEANS)) + 1))
    assert drawn.var() == pytest.approx(whole, rel=0.1)
    two = beta_binomial(np.array([0.7, math.nan, math.nan]), np.array([40.0, 0, 0]), list("abb"))
    together = two.draw(np.random.default_rng(1), 20_000)
    assert np.corrcoef(together[:, 1], together[:, 2])[0, 1] > 0.4


def test_where_nobody_has_earnings_all_are_alike(config):
    nothing = normal_normal(np.full(3, math.nan), np.full(3, math.nan), list("aab"))
    assert nothing.mean.tolist() == [0, 0, 0]
    assert nothing.sd == pytest.approx(np.full(3, nothing.sd[0]))


def test_a_new_programme_is_a_pilot_and_not_punished(config):
    nothing = {"in_field": math.nan, "in_field_n": 0.0, "earnings": math.nan, "earnings_se": math.nan}
    nothing |= {"skill_gain": math.nan, "certified": math.nan}
    scored = score(config, known(dapur_mbg=nothing))
    place = scored.codes.index("dapur_mbg")
    assert scored.labels[place] == PILOT
    assert scored.labels.count(PILOT) == 1
    assert scored.in_field.mean[place] == pytest.approx(
        scored.in_field.mean[scored.codes.index("masak")], abs=0.01
    )


def test_nobody_with_alumni_is_an_error(config):
    with pytest.raises(StudyError, match="no programme has alumni"):
        score(config, {code: Evidence() for code in CODES})


# Doubt


def test_draws_are_the_same_to_the_bit_and_quick(config):
    scored = score(config, known(barista={"in_field": 0.9}, mua={"in_field": 0.4}))
    begun = time.perf_counter()
    first = draw(scored)
    assert time.perf_counter() - begun < 5
    assert first.ranks.shape == (10_000, 15)
    assert np.array_equal(first.ranks, draw(scored).ranks)
    other = score(
        dataclasses.replace(config, seed=2027), known(barista={"in_field": 0.9}, mua={"in_field": 0.4})
    )
    assert not np.array_equal(first.ranks, draw(other).ranks)


def test_skill_need_and_ideas_are_drawn_with_their_sampling_error(config):
    sure = {"skill_gain_se": 0.15, "certified_n": 40.0, "certified": 0.85, "unmet_need_se": 0.02}
    sure |= {"ideas": 0.10, "ideas_n": 150.0}
    nothing = {"skill_gain": math.nan, "skill_gain_se": math.nan, "certified": math.nan, "certified_n": 0.0}
    few = {"tani": {**sure, "unmet_need_se": 0.0}, "alsintan": {**sure, **nothing}}
    evidence = known(**(dict.fromkeys(CODES, sure) | few))
    scored = score(config, evidence | {"ac": dataclasses.replace(evidence["ac"], skill_gain=0.3)})
    drawn = sampled(scored, np.random.default_rng(1), 20_000)
    barista, tani, masak, pilot = map(scored.codes.index, ("barista", "tani", "masak", "alsintan"))
    # 0.15 of 1.5 is 10 points; sqrt(0.85 x 0.15 / 42) = 0.055 of 0.3 is 18.4; half of both
    assert drawn["skill"][:, barista].std() == pytest.approx(math.hypot(10, 18.4) / 2, rel=0.05)
    assert drawn["skill"][:, barista].mean() == pytest.approx(scored.values[barista, 2], abs=0.5)
    # Not known: its family's, spread as all are
    assert drawn["skill"][:, pilot].std() > 3
    # 0.02 of 0.25 is 8 points, half of it N1; whole where nobody could apply
    assert drawn["people"][:, barista].std() == pytest.approx(4, rel=0.05)
    assert drawn["people"][:, masak].std() == pytest.approx(8, rel=0.05)
    assert (drawn["people"][:, tani] == scored.values[tani, CRITERIA.index("people")]).all()
    # sqrt(0.1 x 0.9 / 152) of 0.25
    assert drawn["youth"][:, barista].std() == pytest.approx(100 * math.sqrt(0.09 / 152) / 0.25, rel=0.05)


def test_what_the_draws_say_adds_up(config):
    drawn = draw(score(config, known()))
    assert drawn.acceptability.sum(axis=0) == pytest.approx(np.ones(15))
    assert drawn.acceptability.sum(axis=1) == pytest.approx(np.ones(15))
    assert drawn.top.sum() == pytest.approx(4)
    assert drawn.best.sum() == pytest.approx(1)
    assert drawn.expected.sum() == pytest.approx(120)
    low, high = drawn.interval
    assert ((low <= drawn.expected) & (drawn.expected <= high)).all()


def test_ranks_by_hand():
    ranks = ranks_of(np.array([[3.0, 5.0, 4.0], [1.0, 1.0, 2.0]]))
    assert ranks.tolist() == [[3, 1, 2], [2, 3, 1]]


def test_ratings_move_by_one_in_a_tenth_of_the_draws_within_the_scale():
    ratings = np.array([[0, 3], [1, 2]])
    moved = misrated(ratings, 0.10, np.random.default_rng(5), 40_000)
    step = moved - ratings
    assert set(np.unique(step)) == {-1, 0, 1}
    assert (moved.min(), moved.max()) == (0, 3)
    assert (step[:, 1] != 0).mean() == pytest.approx(0.10, abs=0.005)
    assert (step[:, 0, 0] == 1).mean() == pytest.approx(0.05, abs=0.005)  # from 0 only up
    assert (misrated(ratings, 0.0, np.random.default_rng(5), 3) == ratings).all()


def test_words_follow_the_probability():
    assert [words(p)[0] for p in (1, 0.901, 0.9, 0.7, 0.699, 0.3, 0.299, 0)] == [
        "clear",
        "clear",
        "likely",
        "likely",
        "open",
        "open",
        "unlikely",
        "unlikely",
    ]
    assert words(0.901) == ("clear", "jelas")


# Sensitivity and portfolios


def test_leaving_a_criterion_out_and_equal_weights(config):
    scored = score(config, known(ac={"vacancies": 1000.0, "committed": 1000.0}))
    assert scored.codes[without(scored, "raw_material")[0]] in ("alsintan", "dapur_mbg", "unggas")
    by_hand = scored.values.mean(axis=1)
    assert equal_weights(scored) == order(by_hand, scored.codes)
    left = scored.weights.copy()
    left[CRITERIA.index("cost")] = 0
    assert without(scored, "cost") == order(scored.values @ (left / left.sum()), scored.codes)


def test_equal_scores_are_ordered_by_code():
    assert order(np.array([1.0, 2.0, 2.0]), ["z", "b", "a"]) == [2, 1, 0]


def test_break_even_swaps_the_fourth_and_the_fifth(config):
    scored = score(config, known(barista={"in_field": 0.9}, digimar={"earnings": 0.5}))
    ranked = order(scored.scores, scored.codes)
    found = {name: break_even(scored, name) for name in CRITERIA}
    assert any(weight is not None for weight in found.values())
    for name, weight in found.items():
        if weight is None:
            continue
        weights = scored.weights.copy()
        place = CRITERIA.index(name)
        weights *= (1 - weight / 100) / (1 - weights[place])
        weights[place] = weight / 100
        scores = scored.values @ weights
        assert scores[ranked[3]] == pytest.approx(scores[ranked[4]])


def test_portfolios_keep_every_rule_and_are_the_best(config):
    evidence = known(masak={"women": 0.7}, unggas={"women": 0.7}, mua={"women": 0.98})
    scored = score(config, evidence)
    best, second, third = portfolios(scored)
    assert best.score >= second.score >= third.score
    rest = {one.code: one for one in config.candidates}
    for one in (best, second, third):
        chosen = [rest[code] for code in one.programmes]
        assert one.cost_idr == sum(c.package_cost_idr for c in chosen) <= config.budget_idr
        assert any(c.south for c in chosen)
        assert {"masak", "unggas", "mua"} & set(one.programmes)
        families = [c.family for c in chosen]
        assert max(families.count(f) for f in families) <= 2
        assert one.score + one.lost == pytest.approx(np.sort(scored.scores)[-4:].sum())


def test_each_rule_of_a_portfolio_bites(config):
    scored = score(config, known(mua={"women": 0.98}))
    rules, first = config.rules, portfolios(scored)[0]
    assert "mua" in first.programmes  # the only one mostly for women
    assert first.lost > 0
    free = dataclasses.replace(config, rules=dataclasses.replace(rules, mostly_women=0, one_family=4))
    assert "mua" not in portfolios(dataclasses.replace(scored, config=free))[0].programmes
    assert portfolios(dataclasses.replace(scored, config=free))[0].lost == pytest.approx(0)
    only = tuple(dataclasses.replace(one, south=one.code == "ac") for one in scored.candidates)
    assert all("ac" in one.programmes for one in portfolios(dataclasses.replace(scored, candidates=only)))
    poor = dataclasses.replace(config, budget_idr=100_000_000)
    assert portfolios(dataclasses.replace(scored, config=poor)) == []


def test_at_most_two_of_a_family_however_good_they_are(config):
    cooks = [one.code for one in config.candidates if one.family == "cooking"]
    asked = {"ideas": 0.25, "unmet_need": 0.25, "women": 0.9, "vacancies": 80.0, "committed": 40.0}
    scored = score(config, known(**dict.fromkeys(cooks, asked)))
    assert len(set(portfolios(scored)[0].programmes) & set(cooks)) == 2
    free = dataclasses.replace(config, rules=dataclasses.replace(config.rules, one_family=4))
    assert set(portfolios(dataclasses.replace(scored, config=free))[0].programmes) == set(cooks)


def test_the_files_own_figure_for_women_goes_before_the_registry(tmp_path):
    path = edited(tmp_path, ('^code = "ac"$', 'code = "ac"\nwomen = 0.9'))
    scored = score(read_plan(path), known())
    assert all("ac" in one.programmes for one in portfolios(scored))


# One change in the file changes the ranking, as docs/how-to/rank-programmes-2026.md says

OF_UNGGAS = r'(code = "unggas"\n(?:.*\n)*?{}) = .*'


def places(tmp_path, *changes, **evidence):
    """Rank after an edit: programmes from the best down."""
    scored = score(read_plan(edited(tmp_path, *changes)), known(barista={"ideas": 0.25}, **evidence))
    return [scored.codes[place] for place in order(scored.scores, scored.codes)], scored


@pytest.mark.parametrize(
    ("changes", "winner"),
    [
        ([], "unggas"),
        ([("^in_field = 20", "in_field = 0"), ("^youth = 5", "youth = 25")], "barista"),
        ([(OF_UNGGAS.format("package_cost_idr"), r"\1 = 258_000_000")], "barista"),
        ([(OF_UNGGAS.format("licensed"), r"\1 = false")], "barista"),
        ([(OF_UNGGAS.format("priority"), r"\1 = [0, 0]")], "barista"),
        ([(OF_UNGGAS.format("seats"), r"\1 = 400")], "barista"),
        ([("^cost_ceiling_idr = .*", "cost_ceiling_idr = 7_000_000")], None),
    ],
    ids=["nothing", "weight", "cost", "gate", "rating", "seats", "ceiling"],
)
def test_one_change_in_the_file_changes_who_comes_first(tmp_path, changes, winner):
    if winner is None:
        with pytest.raises(StudyError, match="0 programmes pass the gates, 4 are to be chosen"):
            places(tmp_path, *changes)
    else:
        assert places(tmp_path, *changes)[0][0] == winner


def test_a_failed_gate_moves_all_behind_up(tmp_path):
    before, _ = places(tmp_path)
    after, _ = places(tmp_path, (OF_UNGGAS.format("licensed"), r"\1 = false"))
    assert after == before[1:]


def test_a_ceiling_lists_who_costs_more_and_leaves_the_others_in_their_order(tmp_path):
    before, scored = places(tmp_path)
    after, _ = places(tmp_path, ("^cost_ceiling_idr = .*", "cost_ceiling_idr = 10_600_000"))
    dear = {one.code for one in scored.candidates if one.seat_cost_idr > 10_600_000}
    assert dear == {"konten", "ac", "dapur_mbg", "kopi_cokelat", "alsintan"}
    assert [code for code in before if code not in dear] == after


def test_fewer_seats_cost_more_each_and_are_wanted_by_more_each(tmp_path):
    _, before = places(tmp_path)
    _, after = places(tmp_path, (r'(code = "barista"\n(?:.*\n)*?seats) = 20', r"\1 = 18"))
    barista = before.codes.index("barista")
    moved = dict(zip(CRITERIA, after.values[barista] - before.values[barista], strict=True))
    assert moved["cost"] < 0 < moved["people"]
    # (10 + 10 / 2) of 20 seats, then of 18; at 2 per seat 100
    assert moved["employers"] == pytest.approx((15 / 18 - 15 / 20) / 2 * 100)
    assert {name for name, value in moved.items() if value} == {"cost", "people", "employers"}


def test_points_from_raw_material_to_people_help_who_is_asked_for(tmp_path):
    moved = [("^raw_material = 8", "raw_material = 0"), ("^people = 8", "people = 16")]
    asked = {"digimar": {"applications": 400.0}}
    before, _ = places(tmp_path, **asked)
    after, _ = places(tmp_path, *moved, **asked)
    assert after.index("digimar") < before.index("digimar")
    assert after.index("kopi_cokelat") > before.index("kopi_cokelat")


def test_a_lower_budget_costs_points(tmp_path):
    women = {"mua": {"women": 0.98}}
    lost = []
    for budget in ("950_000_000", "760_000_000", "700_000_000"):
        _, scored = places(tmp_path, ("^budget_idr = .*", f"budget_idr = {budget}"), **women)
        lost.append(portfolios(scored)[0].lost)
    assert lost == sorted(lost)
    assert lost[0] < lost[-1]


# From the marts and back


def world():
    made = frame()
    add_tables(made.connection)
    for _ in range(12):
        made.person("110", programme="barista", emp_bps="1")
    idea(made.connection, "a", "Barista", interest="5")
    idea(made.connection, "b", "Bahasa Korea", sector="ln")
    employer(made.connection, "e", ("barista",), (("Barista", 6, "1"),), committed=2)
    for number in range(12):
        applicant(made.connection, f"K00{number:02}", ap_program="dapur_mbg", ap_sex="2", ap_tg="t1")
    applicant(made.connection, "K0050", ap_program="alsintan")
    make_marts(made.connection)
    rows = [
        ("S1", "programme", "barista", 0.75, 0.1, 11.0, False),
        ("S1", "programme", "mua", None, None, None, True),
        ("E5", "programme", "barista", 0.3, 0.05, 11.0, False),
        ("K1_d", "programme", "barista", 1.2, 0.05, 11.0, False),
        ("C2", "programme", "barista", 0.95, None, 12.0, False),
        ("N1_demand", "wanted_programme", "barista", 0.6, 0.1, 12.0, False),
        ("N1_demand", "wanted_programme", "mua", None, None, None, True),
        ("N1_demand", "wanted_programme", "ac", None, None, None, True),
    ]
    columns = ["indicator", "group_by", "level", "estimate", "se", "n_eff", "suppressed"]
    table = pd.DataFrame(rows, columns=columns).reindex(columns=list(storing.ESTIMATE))
    storing.write(made.connection, "marts.estimate", storing.ESTIMATE, table)
    widened = pd.DataFrame([("widening_enrolments", 1.5, ""), ("widening_persons", 9.0, "")])
    storing.write(
        made.connection,
        "marts.weight_diagnostic",
        storing.DIAGNOSTIC,
        widened.set_axis(list(storing.DIAGNOSTIC), axis=1),
    )
    return made.connection


def test_evidence_is_read_from_estimates_and_marts(config):
    connection = world()
    found = read_evidence(connection, CODES)
    barista, mua = found["barista"], found["mua"]
    assert (barista.in_field, barista.in_field_n, barista.earnings, barista.earnings_se) == (
        0.75,
        11,
        0.3,
        pytest.approx(0.05 * 1.5),
    )
    assert (barista.skill_gain, barista.certified, barista.unmet_need) == (1.2, 0.95, 0.6)
    assert (barista.skill_gain_se, barista.certified_n, barista.unmet_need_se) == (
        pytest.approx(0.075),
        12,
        0.1,
    )
    assert (barista.ideas_n, mua.ideas_n, mua.unmet_need_se) == (2, 2, 0)
    assert (barista.vacancies, barista.committed, barista.ideas) == (6, 2, 0.5)
    assert (barista.women, barista.spread, barista.reach) == (1, 0, "alumni")  # all women of one kecamatan
    assert (mua.in_field_n, math.isnan(mua.in_field)) == (0, True)  # withheld: not used either
    assert mua.unmet_need == pytest.approx(0.2)  # 0.4 is left for the two withheld
    cook, machine = found["dapur_mbg"], found["alsintan"]
    assert (cook.applications, cook.women, cook.target_group, cook.reach) == (12, 1, 1, "applicants")
    assert (machine.applications, machine.reach) == (1, "family")  # one application tells nothing
    connection.close()


def test_the_plan_is_stored_whole_and_the_same_twice(config):
    connection = world()
    store_plan(connection, make_plan(connection, config))
    first = {name: connection.table(name).fetchall() for name in TABLES}
    store_plan(connection, make_plan(connection, config))
    assert first == {name: connection.table(name).fetchall() for name in TABLES}
    assert len(first["marts.plan_programme"]) == len(CODES)
    assert len(first["marts.plan_value"]) == 15 * 10
    assert len(first["marts.plan_acceptability"]) == 15 * 15
    failed = connection.execute(
        "select programme, gates_failed, score from marts.plan_programme where gates_failed <> ''"
    ).fetchall()
    assert failed == [("grafis", "G2", None)]
    [[most]] = connection.execute(
        "select max(abs(p.score - v.points)) from marts.plan_programme p join "
        "(select programme, sum(points) as points from marts.plan_value group by 1) v using (programme)"
    ).fetchall()
    assert most < 1e-9
    settings = dict(connection.table("marts.plan_setting").fetchall())
    assert (settings["seed"], settings["draws"], settings["kappa_priority"]) == ("2026", "10000", "0.524")
    connection.close()


def test_without_estimates_the_command_that_makes_them_is_named(config):
    made = frame()
    with pytest.raises(StudyError, match=r"marts\.estimate: the table is missing; .*estimates"):
        make_plan(made.connection, config)
    made.connection.close()


def test_demand_is_told_per_seat_in_the_long_table_too(config):
    connection = world()
    storing.write(connection, "marts.indicator", storing.INDICATOR, storing.definitions().head(0))
    before = connection.execute("select count(*) from marts.estimate").fetchone()[0]
    seats = sum(one.seats for one in config.candidates if one.open_for_application)
    for _ in range(2):  # the second time in place of the first
        count = store_demand(connection, config.candidates, constants.Constants())
    assert connection.execute("select count(*) from marts.estimate").fetchone()[0] == before + count
    found = {
        (code, level): (estimate, n, note)
        for code, level, estimate, n, note in connection.execute(
            "select indicator, level, estimate, n, note from marts.estimate where indicator in ('N2', 'N3', 'N4')"
        ).fetchall()
    }
    # Twelve applied for dapur_mbg, one for alsintan; one employer needs six baristas; one idea of two is a barista's.
    assert found["N2", ""] == (13 / seats, 13, "registry; indicative")
    assert found["N2", "alsintan"][2] == "registry; too_few"
    assert found["N2", "dapur_mbg"][2] == "registry; complementary"  # it would tell the one
    assert "too_few" in found["N3", "barista"][2]
    assert found["N4", "barista"][2] == "registry; too_few"  # two ideas in all
    defined = [row[0] for row in connection.execute("select indicator from marts.indicator").fetchall()]
    assert defined == ["N2", "N3", "N3_hard", "N4"]
