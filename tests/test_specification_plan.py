"""Sections 0, 3.1 and 3.2 of the specification against files and code, each row by numbers written here anew.

The scores of the rehearsal are worked out anew in tests/specification_plan.py and compared in test_evidence_cli.py, which
has its warehouse at hand.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from specification_plan import RUBRIC, WEIGHTS, between, passes_gates, seated
from test_plan import known
from tracer_etl.evidence import constants
from tracer_etl.evidence.plan import gates, rubric_value, score, worth
from tracer_etl.evidence.plan_config import CRITERIA, read_plan
from tracer_etl.evidence.plan_draws import draw
from tracer_etl.evidence.selection import Applicant, select
from tracer_etl.evidence.selection_config import read_selection
from tracer_etl.evidence.selection_marks import Points

ROOT = Path(__file__).parents[1]
PLAN, SELECTION = ROOT / "evidence/plan_2026.toml", ROOT / "evidence/selection_2026.toml"


@pytest.fixture(scope="module")
def config():
    return read_plan(PLAN)


# 0: facts


def test_official_numbers_are_those_of_section_0_2():
    umk = constants.UMK_IDR
    assert umk == {2023: 2_215_072, 2024: 2_256_050, 2025: 2_413_974, 2026: 2_567_744}
    assert [round(1.2 * umk[year]) for year in (2024, 2025, 2026)] == [2_707_260, 2_896_769, 3_081_293]
    assert umk[2024] - umk[2023] == 40_978
    assert umk[2026] - umk[2025] == 153_770
    cpi = constants.CPI
    with (files(constants.__package__) / "seeds/benchmark.csv").open(encoding="utf-8") as lines:
        benchmark = {row["name"]: float(row["percent"]) for row in csv.DictReader(lines)}
    assert benchmark["employment_to_population"] == round(72.36 * (1 - 0.0477), 1) == 68.9
    assert (cpi["2024-12-31"], cpi["2025-12-31"]) == (107.11, 110.25)
    assert cpi["2024-12-31"] / cpi["2023-12-31"] == pytest.approx(1.0151, abs=5e-5)
    assert cpi["2025-12-31"] / cpi["2024-12-31"] == pytest.approx(1.0293, abs=5e-5)
    assert len(constants.DISTRICTS) == 22


def test_costs_and_seats_of_the_rehearsal_are_those_of_section_0_1(config):
    of_2025 = {"barista": 20, "mua": 20, "digimar": 25, "barber": 20, "masak": 20, "listrik_rt": 18}
    seats = {one.code: one.seats for one in config.candidates}
    assert of_2025.items() <= seats.items()
    assert sum(of_2025.values()) + 20 == 143  # barber twice
    each = {one.seat_cost_idr for one in config.candidates if one.code in of_2025}
    assert [round(cost) for cost in each] == pytest.approx([round(1.5e9 / 143)] * len(each), abs=1)


# 3.1


def test_weights_gates_and_rubric(config):
    assert dict(config.weights) == WEIGHTS
    office = tomllib.loads(PLAN.read_text(encoding="utf-8"))
    changes = [{}, {"dbhcht": False}, {"licensed": False}, {"legal": False}, {"package_cost_idr": 10**9}]
    for table, one in zip(office["programme"], config.candidates, strict=True):
        for change in changes:
            passed = not gates(dataclasses.replace(one, **change), config.cost_ceiling_idr)
            assert passed == passes_gates({**table, **change}, config.cost_ceiling_idr)
    for first in RUBRIC:
        for second in RUBRIC:
            assert rubric_value(np.array([[first, second]])) == [(RUBRIC[first] + RUBRIC[second]) / 2]


@pytest.mark.parametrize("share", [0.2, 0.3, 0.575, 0.85, 0.95])
def test_value_functions_are_straight_between_fixed_anchors(config, share):
    assert worth(np.array([share]), config.anchors["in_field"]) == pytest.approx([between(share, 0.3, 0.85)])
    cost = 10_000_000 / share
    assert worth(np.array([cost]), config.anchors["cost"]) == pytest.approx([between(cost, 30e6, 10e6)])


def test_draws_worked_out_anew(config):
    """Posteriors, Dirichlet 50, ratings off by one in a tenth: P(top 4), P(best), expected rank, by another generator."""
    nothing = {"in_field": np.nan, "in_field_n": 0.0, "earnings": np.nan, "earnings_se": np.nan}
    scored = score(config, known(masak={"in_field": 0.9}, ac={"in_field": 0.5}, alsintan=nothing))
    found, number, chance = draw(scored), 20_000, np.random.default_rng(99)
    values = np.repeat(scored.values[None], number, axis=0)
    share, earned = scored.in_field.draw(chance, number), scored.earnings.draw(chance, number)
    each = np.array([one.package_cost_idr / one.seats for one in scored.candidates])
    place = {name: CRITERIA.index(name) for name in CRITERIA}
    values[..., place["in_field"]] = np.clip((share - 0.30) / 0.55 * 100, 0, 100)
    values[..., place["earnings"]] = np.clip(earned / 0.5 * 100, 0, 100)
    values[..., place["cost"]] = np.clip((30e6 - each / share) / 20e6 * 100, 0, 100)
    for name in ("priority", "raw_material"):
        ratings = np.array([getattr(one, name) for one in scored.candidates])
        moved = ratings + chance.choice([-1, 0, 1], (number, *ratings.shape), p=[0.05, 0.9, 0.05])
        worths = np.array([RUBRIC[rating] for rating in range(4)])[moved.clip(0, 3)]
        values[..., place[name]] = worths.mean(axis=-1)
    weights = chance.dirichlet(50 * np.array([WEIGHTS[name] for name in CRITERIA]) / 100, number)
    ranks = (-np.einsum("dpc,dc->dp", values, weights)).argsort(axis=1).argsort(axis=1) + 1
    error = 4 * np.sqrt(0.25 / 10_000 + 0.25 / number)
    assert found.top == pytest.approx((ranks <= 4).mean(axis=0), abs=error)
    assert found.best == pytest.approx((ranks == 1).mean(axis=0), abs=error)
    assert found.expected == pytest.approx(ranks.mean(axis=0), abs=0.2)
    assert found.interval == pytest.approx(np.quantile(ranks, [0.05, 0.95], axis=0), abs=1)
    assert config.draws == 10_000


def test_adding_an_option_cannot_turn_the_order_of_others(config):
    """Anchors are fixed; only what is shrunk or borrowed may move, and here nothing is."""
    evidence = known(barista={"ideas": 0.25}, digimar={"vacancies": 60.0})
    fewer = dataclasses.replace(config, candidates=config.candidates[:8])
    small, large = score(fewer, evidence), score(config, evidence)
    own = [large.codes.index(code) for code in small.codes]
    fixed = [place for place, name in enumerate(CRITERIA) if name not in ("in_field", "earnings", "cost")]
    assert (small.values[:, fixed] == large.values[own][:, fixed]).all()


# 3.2


def crowd(number: int, chance: np.random.Generator) -> list[Applicant]:
    """Make applicants who pass, of all groups and a few villages, with scores that tie."""
    people = []
    for place in range(number):
        given = {"interview": 15.0, "task": 6, "punctual": 4, "aptitude": 15.0, "plan": 10.0}
        points = Points(f"K{place:04}", ("N1", "N2"), **given, documents=True, difference=0, third_used=False)
        group = str(chance.choice(["t1", "t2", "t3"], p=[0.15, 0.1, 0.75]))
        need, desa = float(chance.integers(5, 31)), str(chance.integers(0, 12))
        people.append(Applicant(f"K{place:04}", "barista", group, need, desa=desa, points=points))
    return people


@pytest.mark.parametrize("size", [4, 12, 25, 60, 200])
def test_seats_band_villages_and_reserve_worked_out_anew(size):
    config = read_selection(SELECTION)
    people = crowd(size, np.random.default_rng(size))
    passing = [
        {"number": one.number, "programme": one.programme, "group": one.group, "desa": one.desa, "total": one.need + 50}
        for one in people
    ]  # fmt: skip
    accepted, reserve = seated(config.seats, passing, config.name, config.public_seed)
    chosen = select(people, config)
    assert {one.applicant.number for one in chosen.outcomes if one.decision == "accept"} == accepted
    assert {one.applicant.number for one in chosen.outcomes if one.decision == "reserve"} == reserve
    for one in chosen.outcomes:
        said = f"{config.name}|barista-{one.applicant.group}|{one.applicant.number}|{config.public_seed}"
        assert one.lot == hashlib.sha256(said.encode()).hexdigest()
