"""Weights: worked by hand, against R, and in a simulated study whose truth is known."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coverage_world import simulated_frame
from r_yardstick.golden import API_MARGINS, golden, margins_of, read_table
from tracer_etl.evidence.constants import FAMILIES, UMK_IDR, Constants
from tracer_etl.evidence.raking import Margin, make_margin, merge_cells, rake
from tracer_etl.evidence.variance import effective_size
from tracer_etl.evidence.weights import (
    bootstrap_weights,
    calibrate,
    class_adjusted,
    design_matrix,
    fit_propensity,
    person_weights,
    propensity_classes,
    spread_unknown_age,
    trim,
    with_cells,
)

HERE = Path(__file__).parent / "r_yardstick"
CROSS = (
    Margin("a", np.array([0, 0, 1, 1]), np.array([30.0, 10.0]), ("a1", "a2"), ()),
    Margin("b", np.array([0, 1, 0, 1]), np.array([20.0, 20.0]), ("b1", "b2"), ()),
)


def test_raking_a_cross_of_two_margins_by_hand():
    # One respondent in each of four cells: independence, 30 * 20 / 40 = 15 and 10 * 20 / 40 = 5.
    raked = rake(np.ones(4), CROSS)
    assert raked.weights.tolist() == pytest.approx([15, 15, 5, 5])
    assert raked.converged.all()


def test_a_matrix_of_weights_is_raked_column_by_column():
    both = rake(np.array([[1.0, 3.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]), CROSS)
    alone = rake(np.array([3.0, 1.0, 1.0, 1.0]), CROSS)
    assert both.weights[:, 0].tolist() == pytest.approx([15, 15, 5, 5])
    assert both.weights[:, 1] == pytest.approx(alone.weights, abs=1e-4)


@pytest.mark.parametrize(
    "margins",
    [
        (CROSS[0], Margin("b", CROSS[1].codes, np.array([30.0, 20.0]), ("b1", "b2"), ())),
        (CROSS[0], Margin("b", np.array([0, 0, 1, 1]), np.array([20.0, 20.0]), ("b1", "b2"), ())),
        (Margin("a", np.zeros(4, dtype=int), np.array([30.0, 10.0]), ("a1", "a2"), ()),),
    ],
    ids=["totals contradict", "cells contradict", "nobody in a cell"],
)
def test_raking_that_cannot_converge_says_so_after_all_its_turns(margins):
    raked = rake(np.ones(4), margins, iterations=100)
    assert not raked.converged.any()
    assert raked.iterations == 100
    assert raked.discrepancy.max() > 0.1


def test_small_cells_merge_with_the_smallest_of_their_family_then_across_years():
    labels = pd.DataFrame(
        [("barista 2024", "beverage 2024", "beverage")] * 9
        + [("minuman 2024", "beverage 2024", "beverage")] * 10
        + [("kopi 2024", "beverage 2024", "beverage")] * 30
        + [("ac 2024", "technical 2024", "technical")] * 4
        + [("ac 2025", "technical 2025", "technical")] * 12
    )
    cells, remarks = merge_cells(labels, [True] * len(labels), 10)
    assert sorted(set(cells)) == ["ac 2024 & ac 2025", "barista 2024 & minuman 2024", "kopi 2024"]
    assert remarks == (
        "barista 2024 (n=9) with minuman 2024 (n=10)",
        "ac 2024 (n=4) with ac 2025 (n=12)",
    )


def test_a_cell_without_kin_merges_with_the_smallest_of_all():
    labels = pd.DataFrame({"zone": ["south"] * 3 + ["east"] * 12 + ["centre"] * 11})
    cells, _ = merge_cells(labels, [True] * 26, 10)
    assert sorted(set(cells)) == ["centre & south", "east"]


def test_only_respondents_count_for_the_size_but_everybody_for_the_total():
    labels = pd.DataFrame({"zone": ["south"] * 20 + ["east"] * 20})
    margin = make_margin("zone", labels, [True] * 12 + [False] * 8 + [True] * 11 + [False] * 9, 10)
    assert (margin.cells, margin.targets.tolist(), len(margin.codes)) == (("east", "south"), [20, 20], 23)


def test_persons_of_unknown_age_are_shared_out_within_their_sex():
    frame = pd.DataFrame(
        {
            "sex": ["1", "1", "1", "1", "2"],
            "age_group": ["15-24", "15-24", "30-39", None, "30-39"],
            "responded": [True, True, True, False, True],
        }
    )
    # Three known men stand for four: 4 / 3 each; the woman for herself.
    shared = spread_unknown_age(frame)
    assert shared["share"].tolist() == pytest.approx([4 / 3, 4 / 3, 4 / 3, 0, 1])
    assert shared["share"].sum() == pytest.approx(5)
    assert shared.loc[3, "age_group"] == "15-24"


def test_propensity_classes_join_the_neighbour_with_fewer_respondents():
    propensity = np.linspace(0.01, 0.99, 100)
    responded = np.ones(100, dtype=bool)
    responded[:15] = False  # the lowest of five classes of 20 keeps 5 respondents
    classes = propensity_classes(propensity, responded, count=5, minimum=15)
    assert np.bincount(classes).tolist() == [40, 20, 20, 20]


def test_class_adjustment_by_hand():
    # Class 0: 4 persons, 2 answered: 4 / 2 = 2 each. Class 1: 3 persons, all answered: 1 each.
    classes, responded = (
        np.array([0, 0, 0, 0, 1, 1, 1]),
        np.array([True, True, False, False, True, True, True]),
    )
    assert class_adjusted(np.ones(7), classes, responded).tolist() == [2, 2, 1, 1, 1]


def test_trimming_keeps_what_was_not_drawn_at_zero():
    # The second column: mean of the drawn 1, 1, 7 is 3; bounds 0.99 and 9.
    columns = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 7.0], [1.0, 0.0]])
    assert trim(columns, (0.33, 3.0)).tolist() == columns.tolist()
    assert trim(columns[:, 1], (0.5, 2.0)).tolist() == pytest.approx([1.5, 1.5, 6, 0])


def test_a_trimmed_weight_is_raked_once_more():
    margin = Margin("a", np.array([0] * 10), np.array([100.0]), ("a1",), ())
    start = np.array([1.0] * 9 + [91.0])
    raked = calibrate(start, [margin], Constants(), 1e-6)
    # Raked to 100 the mean is 10: 91 becomes 30, 1 becomes 3.3; those sum to 59.7 and are raked to 100 again.
    assert raked.weights[9] == pytest.approx(30 / 59.7 * 100)
    assert raked.weights.sum() == pytest.approx(100)


def test_effective_size_by_hand():
    assert effective_size(np.array([1.0, 1.0, 2.0])) == pytest.approx(16 / 6)


def test_the_propensity_model_is_r_glm():
    schools = read_table("apisrs.csv").astype({"meals": float})
    design = design_matrix(schools, ["stype", "meals"])
    fitted = fit_propensity(design, (schools["sch.wide"] == "Yes").to_numpy())
    assert fitted == pytest.approx(golden("api_propensity"), abs=1e-8)


def test_a_category_that_always_answered_gets_finite_weights():
    design = np.array([[1.0, 1.0]] * 10 + [[1.0, 0.0]] * 10)
    responded = np.array([True] * 10 + [True, False] * 5)
    fitted = fit_propensity(design, responded, ridge=1.0)
    assert 0.5 < fitted[0] < 0.99
    assert fitted[-1] > 0.5  # a ridge draws groups together


@pytest.mark.parametrize("name", ["api", "rehearsal"])
def test_raked_weights_are_r_survey_rake(name):
    table, targets, start = (
        (read_table("apisrs.csv"), API_MARGINS, "pw")
        if name == "api"
        else (read_table("rehearsal.csv"), read_table("targets.csv"), "adjusted")
    )
    raked = rake(table[start].to_numpy(float), margins_of(table, targets), iterations=5000, tolerance=1e-11)
    assert raked.converged.all()
    assert raked.weights == pytest.approx(golden(f"{name}_rake"), abs=1e-6)


def test_a_hundred_turns_are_enough_for_the_rehearsal():
    table = read_table("rehearsal.csv")
    raked = rake(table["adjusted"].to_numpy(float), margins_of(table, read_table("targets.csv")))
    assert raked.converged.all()
    assert raked.weights == pytest.approx(golden("rehearsal_rake"), rel=1e-4)


@pytest.mark.skipif(
    shutil.which("Rscript") is None, reason="R is not installed; the golden file stands for it"
)
def test_the_golden_file_is_what_r_says_today(tmp_path):
    for name in ("rehearsal.csv", "targets.csv"):
        shutil.copy(HERE / name, tmp_path / name)
    there = ["Rscript", "-e", "q(status = !all(c('survey', 'survival') %in% rownames(installed.packages())))"]
    if subprocess.run(there, check=False, capture_output=True).returncode:
        pytest.skip("R is there, but its packages survey and survival are not")
    script = str(HERE / "yardstick.R")
    subprocess.run(["Rscript", script, str(tmp_path), str(tmp_path / "golden.csv")], check=True, timeout=120)
    fresh, kept = (
        {
            (row["name"], row["key"]): float(row["value"])
            for row in csv.DictReader(path.read_text().splitlines())
        }
        for path in (tmp_path / "golden.csv", HERE / "golden.csv")
    )
    assert fresh == pytest.approx(kept, abs=1e-9, rel=1e-9, nan_ok=True)


def test_umk_is_the_seed_of_the_marts():
    seed = Path(__file__).parents[1] / "src/tracer_etl/evidence/seeds/umk.csv"
    rows = csv.DictReader(seed.read_text(encoding="utf-8").splitlines())
    told = {int(row["year"]): int(row["idr_per_month"]) for row in rows}
    assert told == UMK_IDR


# A simulated study: classes of about 20, employment and response both follow programme, sex, age and target group.


def test_weights_and_replicates_are_the_same_every_time():
    frame = simulated_frame(np.random.default_rng(7))
    first, second = (person_weights(frame, Constants(replicates=20)) for _ in range(2))
    assert first.weights.tolist() == second.weights.tolist()
    assert first.replicates.tolist() == second.replicates.tolist()
    assert first.weights.sum() == pytest.approx(len(frame), rel=1e-5)


def test_a_failure_to_converge_stands_in_the_notes():
    frame = simulated_frame(np.random.default_rng(7))
    weighted = person_weights(frame, Constants(replicates=5, rake_iterations=1))
    assert any(note.startswith("raking did not converge: largest difference") for note in weighted.notes)
    assert any("5 of 5 bootstrap replicates did not converge" in note for note in weighted.notes)
    assert weighted.diagnostics["rake_converged"] == 0


def test_a_replicate_without_somebody_in_a_cell_is_left_out():
    margin = Margin("a", np.array([0] * 9 + [1]), np.array([10.0, 10.0]), ("a1", "a2"), ())
    replicates, broken = bootstrap_weights(np.ones(10), [margin], Constants(replicates=200))
    assert broken == int(np.isnan(replicates[0]).sum()) > 0
    # Chance that the one person is drawn never: (9 / 10)^10 = 35 %.
    assert 0.25 < broken / 200 < 0.45


def test_every_programme_of_the_form_has_a_family():
    listed = Path(__file__).parents[1] / "forms/media/programs.csv"
    rows = csv.DictReader(listed.read_text(encoding="utf-8").splitlines())
    assert {row["code"] for row in rows} - {"88"} == set(FAMILIES)


def test_cells_of_a_person_without_age_are_unknown():
    frame = pd.DataFrame(
        {"programme": ["ac"], "year": [2024], "sex": ["1"], "age_group": [None], "target_group": ["t3"]}
    )
    assert with_cells(frame, FAMILIES).loc[0, ["sex_age", "family_year", "tobacco"]].tolist() == [
        "unknown",
        "technical 2024",
        "public",
    ]


def test_an_alarm_about_the_design_effect():
    frame = simulated_frame(np.random.default_rng(7))
    quiet, loud = (
        person_weights(frame, Constants(replicates=1, deff_alarm=limit)).notes for limit in (1.5, 1.01)
    )
    assert not any(note.startswith("design effect") for note in quiet)
    assert any(note.startswith("design effect 1.") and note.endswith("above 1.01") for note in loud)


def test_a_class_that_answered_to_the_last_is_noted():
    frame = simulated_frame(np.random.default_rng(7))
    frame["responded"] |= frame["programme"] == "ac"
    weighted = person_weights(frame, Constants(replicates=1))
    assert "propensity fitted with a ridge of 1 (separation)" in weighted.notes
    assert weighted.propensity.max() < 1
