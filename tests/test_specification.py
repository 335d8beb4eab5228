"""Every row of specification 2.2 and every point of 2.1 to 2.5, recomputed from the rehearsal's answers and set beside the marts.

`specification_world` weights, `specification_rows` counts; both are written from the specification in plain pandas and call
nothing of the evidence package. What has another judge stays there: intervals of curves and raked errors (R, `r_yardstick`),
bootstrap intervals (`test_coverage`), the effect on the accepted (R and statsmodels, `test_contrasts`).
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from specification_rows import (
    ALL_ROWS,
    CLASSES,
    REGISTRY,
    SURVEY,
    WILSON,
    cost,
    estimated,
    values_of,
    works,
)
from specification_world import MONTH, OF_CLASSES, OF_PERSONS, Survey, levels, survey
from tracer_etl import pipeline
from tracer_etl.evidence.coding.coder import codes_file, read_coder
from tracer_etl.evidence.coding.storing import store_codes
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.demand_rates import store_demand
from tracer_etl.evidence.estimates import estimate_all
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.plan_config import read_plan
from tracer_etl.study import read_study

ROOT = Path(__file__).parents[1]
OF_COST = ("programme", "programme_year", "year", "funding")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Book:
    """What the pipeline made of the rehearsal, and what the specification makes of the same answers."""

    estimate: pd.DataFrame
    marts: dict[str, pd.DataFrame]
    survey: Survey

    @cached_property
    def rows(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        columns = ["indicator", "group_by", "level"]
        keys = self.estimate[columns].itertuples(index=False, name=None)
        return dict(zip(keys, self.estimate.to_dict("records"), strict=True))

    def row(self, code: str, group: str = "all", level: str = "") -> dict[str, Any]:
        return self.rows[code, group, level]

    def shown(self, code: str, group: str) -> pd.Series:
        """The numbers of a grouping that may be shown, by level."""
        found = self.estimate.query("indicator == @code and group_by == @group and not suppressed")
        assert len(found) >= 5
        return found.set_index("level")["estimate"]


MARTS = (
    *("estimate", "weight", "weight_diagnostic", "contrast", "contrast_balance", "contrast_overlap"),
    *("idea_topic", "employer_vacancy", "quality_bar"),
)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    folder = tmp_path_factory.mktemp("rehearsal")
    for name in ("forms", "expectations", "evidence"):
        (folder / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "study.toml", folder / "study.toml")
    study = read_study(folder / "study.toml")
    for stage in (pipeline.pull, pipeline.build, pipeline.check, pipeline.load):
        stage(study)
    with duckdb.connect(str(study.warehouse)) as opened:
        make_marts(opened)
        store_codes(opened, read_coder(codes_file(study)))
        estimate_all(opened, Constants(replicates=40))  # more only sharpen the bootstrap's intervals
        store_demand(opened, read_plan(folder / "evidence/plan_2026.toml").candidates, Constants())
        return read_book(opened)


def read_book(opened: duckdb.DuckDBPyConnection) -> Book:
    marts = {name: opened.execute(f"select * from marts.{name}").df() for name in MARTS}
    marts["applicants"] = opened.execute("select ap_program from clean.applicant_registration").df()
    return Book(marts["estimate"], marts, survey(opened))


def close(found: float, wanted: float) -> bool:
    return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9) or (
        math.isnan(found) and math.isnan(wanted)
    )


# 2.2: every row, at every level of every grouping


@pytest.mark.parametrize("code", SURVEY)
def test_a_row_asked_of_respondents(book: Book, code: str) -> None:
    shown = 0
    for table, found in book.survey.samples:
        values = values_of(code, table)
        for group, level, members in found:
            y, row = values[values.index.isin(members)], book.row(code, group, level)
            assert (len(y) < 10) == ("too_few" in row["note"]), (group, level)
            if not row["suppressed"]:
                shown += 1
                assert row["n"] == len(y), (group, level)
                w = table.loc[y.index, "w"].to_numpy(float)
                if row["imputed"]:
                    assert untold_are_counted(row, code, table.loc[members], y), (group, level)
                else:
                    assert close(row["estimate"], estimated(code, table, y)), (group, level)
                assert close(row["n_eff"], w.sum() ** 2 / (w**2).sum()), (group, level)
                if code in WILSON:
                    got = [row[name] for name in ("deff", "low", "high", "cohort_low", "cohort_high")]
                    assert got == pytest.approx(interval(y.to_numpy(), w), abs=1e-9), (group, level)
    assert shown


def untold_are_counted(row: dict[str, Any], code: str, part: pd.DataFrame, y: pd.Series) -> bool:
    """E1 of those who were asked and told nothing, too: between what it were if all of them earned least, and most."""
    asked = part[works(part) & part["job_at_end"].notna() & (part["status_emp"] != "7")]
    ends = [estimated(code, part, y.reindex(asked.index, fill_value=end)) for end in (y.min(), y.max())]
    counted = (int(row["imputed"]), row["weighted_total"]) == (
        len(asked) - len(y),
        pytest.approx(asked["w"].sum()),
    )
    return counted and ends[0] - 1e-6 <= row["estimate"] <= ends[1] + 1e-6


def interval(y: np.ndarray, w: np.ndarray) -> list[float]:
    """Design effect of the share itself, Wilson on n / deff for the programme, and the same for these people only."""
    p, kish = (w * y).sum() / w.sum(), w.sum() ** 2 / (w**2).sum()
    spread = ((w * (y - p)) ** 2).sum() / w.sum() ** 2
    size = min(len(y), p * (1 - p) / spread) if spread > 0 else kish
    return [len(y) / size, *wilson(p, size), *wilson(p, size / (1 - min(1, kish / w.sum())))]


def wilson(p: float, n: float) -> tuple[float, float]:
    z = 1.959963984540054
    middle, reach = p + z * z / 2 / n, z * math.sqrt(p * (1 - p) / n + z * z / 4 / n / n)
    return max(0.0, (middle - reach) / (1 + z * z / n)), min(1.0, (middle + reach) / (1 + z * z / n))


@pytest.mark.parametrize("code", [*REGISTRY, *CLASSES])
def test_a_row_counted_in_the_registry(book: Book, code: str) -> None:
    table = book.survey.registry if code in REGISTRY else book.survey.enrolled
    count = (REGISTRY | CLASSES)[code]
    by = (*OF_PERSONS, *OF_CLASSES, *(("kecamatan",) if code == "H1" else ()))
    for group, level, members in [("all", "", table.index), *levels(table, by)]:
        above, below = count(table.loc[members])
        row = book.row(code, group, level)
        assert row["suppressed"] or (row["n"], row["estimate"]) == (
            len(members),
            pytest.approx(above / below, abs=1e-12),
        )


def test_every_row_of_the_specification_is_there_by_every_grouping(book: Book) -> None:
    by = book.estimate.groupby("indicator")["group_by"].agg(set)
    for code in ALL_ROWS:
        assert any(found.startswith(code) for found in by.index), code
    asked = {*OF_PERSONS, *OF_CLASSES, "all"}
    for code in (*SURVEY, *REGISTRY, *CLASSES):
        assert by[code] - {"early", "mode", "kecamatan"} == asked, code
    assert by["H1"] == {*asked, "kecamatan"}
    assert by["A1"] == {*asked, "early", "mode"}


def test_f9_the_r_indicator_with_the_largest_bias(book: Book) -> None:
    r = 1 - 2 * book.survey.propensity.std(ddof=1)
    assert book.row("F9")["estimate"] == pytest.approx(r, abs=1e-9)
    assert book.row("F9_bias")["estimate"] == pytest.approx(
        (1 - r) / 4 / book.survey.propensity.mean(), abs=1e-9
    )


def test_n1_the_share_of_demand_a_second_choice_at_half(book: Book) -> None:
    told = book.survey.persons
    wants = told[told["need_more"] == "1"]
    demand = wants.groupby("need_1")["w"].sum().add(wants.groupby("need_2")["w"].sum() / 2, fill_value=0)
    rows = book.shown("N1_demand", "wanted_programme")
    assert rows.to_dict() == pytest.approx((demand / demand.sum())[rows.index].to_dict(), abs=1e-9)


def test_n2_n3_n4_demand_of_others(book: Book) -> None:
    applied = book.marts["applicants"].groupby("ap_program").size()
    plan = pd.Series({one.code: one.seats for one in read_plan(ROOT / "evidence/plan_2026.toml").candidates})
    vacancies = book.marts["employer_vacancy"].dropna(subset=["programme"])
    wanted = vacancies.groupby("programme")["needed"].sum()
    hard = (
        vacancies[vacancies["hard"]].groupby("programme")["needed"].sum().reindex(wanted.index, fill_value=0)
    )
    ideas = book.marts["idea_topic"]
    once = ideas[ideas["first_of_day"]]
    keen = once[once["interest"] >= 4].groupby("programme").size()
    numbers = {"N2": applied / plan, "N3": wanted / plan, "N3_hard": hard / wanted, "N4": keen / len(once)}
    for code, known in numbers.items():
        rows = book.shown(code, "programme")
        assert rows.to_dict() == pytest.approx(known.reindex(rows.index).fillna(0).to_dict()), code


def test_x1_cost_of_a_certified_and_of_an_in_field_worker(book: Book) -> None:
    table = book.survey.enrolled
    for group, level, members in [("all", "", table.index), *levels(table, OF_COST)]:
        part = table.loc[members]
        certified = cost(part) / (part["cert_result"] == "1").sum()
        assert book.row("X1_certified", group, level)["estimate"] == pytest.approx(certified)
        in_field, row = book.row("S1", group, level), book.row("X1_in_field", group, level)
        assert row["suppressed"] == in_field["suppressed"]
        if not row["suppressed"]:
            each = cost(part) / len(part)
            assert row["estimate"] == pytest.approx(each / in_field["estimate"])
            assert (row["low"], row["high"]) == pytest.approx(
                (each / in_field["high"], each / in_field["low"])
            )


def test_x2_needs_an_effect_whose_interval_leaves_out_0(book: Book) -> None:
    effect = book.marts["contrast"].query("design == 'applicants' and outcome == 'S1'").iloc[0]
    row = book.row("X2")
    assert effect["low"] > 0
    seat = row["estimate"] * effect["estimate"]
    assert (row["low"], row["high"]) == pytest.approx((seat / effect["high"], seat / effect["low"]))


# 2.3: weights, intervals, what is shown, and what the silent may hide


def test_the_weights_are_propensity_classes_raked_and_trimmed(book: Book) -> None:
    weight, told = book.marts["weight"].set_index("alumni_id"), book.survey.persons
    stored = weight.loc[told["alumni_id"]]
    assert stored["weight"].to_numpy() == pytest.approx(told["w"].to_numpy(float), abs=1e-9)
    assert stored["adjusted"].to_numpy() == pytest.approx(book.survey.adjusted, abs=1e-9)
    known = book.survey.propensity[book.survey.frame["answered"]]
    assert stored["propensity"].to_numpy() == pytest.approx(known, abs=1e-9)


def test_design_effect_and_its_alarm(book: Book) -> None:
    w, figures = book.survey.persons["w"].astype(float), book.marts["weight_diagnostic"].set_index("name")
    deff = len(w) * (w**2).sum() / w.sum() ** 2
    assert figures.loc["deff", "value"] == pytest.approx(deff)
    assert figures.loc["n_eff", "value"] == pytest.approx(len(w) / deff)
    assert ("design effect" in " ".join(figures["remark"])) == (deff > 1.5)


def test_what_is_published(book: Book) -> None:
    table = book.estimate[~book.estimate["indicator"].str.match("X1_certified|X2|T1_turnbull")]
    shown, hidden = table[~table["suppressed"]], table[table["suppressed"]]
    assert shown["n"].min() >= 10
    assert hidden[["estimate", "low", "high", "unweighted"]].isna().all(axis=None)
    indicative = shown["note"].str.contains("indicative")
    assert (indicative == (shown["n"] < 30)).all()
    signed = shown["indicator"].str.match("E2[ab]_(?!rise)|E5|K1|K2|Q2")
    error = (shown["se"] / shown["estimate"].abs()).where(~signed)
    assert error.max() <= 0.5
    assert (shown["note"].str.contains("caution_rse") == (error > 0.25)).all()
    exposed = hidden[hidden["note"] == "exposed_under_30"]
    assert len(exposed)
    assert exposed["indicator"].str.startswith("S4").all()
    assert exposed["n"].between(10, 29).all()


def test_early_and_late_phone_and_field_and_the_bounds_beside_the_headline(book: Book) -> None:
    told, frame = book.survey.persons, book.survey.frame
    early = told["attempts"].map(lambda tries: "first_attempt" if tries == 1 else "later_attempts")
    for group, by in (("early", early), ("mode", told["mode"])):
        for level, part in told.groupby(by):
            row = book.row("A1", group, str(level))
            number = (part["w"] * works(part)).sum() / part["w"].sum()
            assert row["suppressed"] or close(row["estimate"], float(number))
    silent = len(frame) - len(told)
    assert book.row("A1_worst")["estimate"] == pytest.approx(works(told).sum() / len(frame))
    assert book.row("A1_best")["estimate"] == pytest.approx((works(told).sum() + silent) / len(frame))


def test_the_bar_of_section_5(book: Book) -> None:
    bar, told = book.marts["quality_bar"].set_index("measure"), book.survey.persons
    earners = told[works(told) & (told["status_emp"] != "7") & told["job_at_end"].notna()]
    numbers = {"response": book.row("F3"), "contact": book.row("F5"), "refusal": book.row("F7")}
    wanted = {name: row["estimate"] for name, row in numbers.items()}
    wanted["representativity"] = book.row("F9")["estimate"]
    wanted["income_untold"] = earners["earned"].isna().mean()
    assert bar.loc[list(wanted), "value"].to_dict() == pytest.approx(wanted)
    targets = {
        "response": 0.8,
        "contact": 0.92,
        "refusal": 0.04,
        "representativity": 0.8,
        "income_untold": 0.15,
    }
    assert bar["target"].to_dict() == {**targets, "checked_again": 0.1, "type_1_error": 0.02}
    reached = (bar["value"] >= bar["target"]).where(
        bar["direction"] == "least", bar["value"] <= bar["target"]
    )
    assert (bar["met"] == reached).all()


# 2.4: recall and what is known by the month only


def test_stories_are_tested_for_heaping_at_round_months(book: Book) -> None:
    waited = book.survey.persons.dropna(subset=["first_job"]).query("at_end == '0'")
    whole = [
        (began.year - ended.year) * 12 + began.month - ended.month
        for began, ended in zip(pd.to_datetime(waited["first_start"]), waited["origin"], strict=True)
    ]
    counts = np.bincount(whole)
    month = np.log1p(np.arange(len(counts)))
    design = np.column_stack([np.ones(len(counts)), month, month**2])
    others = ~np.isin(np.arange(len(counts)), [3, 6, 12])
    smooth = (
        sm.GLM(counts[others], design[others], family=sm.families.Poisson()).fit(tol=1e-12).predict(design)
    )
    figures = book.marts["weight_diagnostic"].set_index("name")
    for k in (3, 6, 12):
        row = figures.loc[f"heaping_{k}_months"]
        assert row["value"] == pytest.approx(counts[k] / smooth[k], rel=1e-6)
        assert row["remark"].startswith("alarm") == (counts[k] > 2 * smooth[k])


def test_turnbull_knows_only_the_month_in_which_work_began(book: Book) -> None:
    waiting = book.survey.persons.dropna(subset=["wait"])
    ended, asked = waiting["origin"], pd.to_datetime(waiting["today"])
    watched = ((asked - ended).dt.days / MONTH).to_numpy()
    first = pd.to_datetime(waiting["first_start"])
    began = ((first - ended).dt.days / MONTH).to_numpy()
    low = np.where(first.isna(), watched, np.clip(began, 0, watched - 1 / MONTH))
    high = np.where(first.isna(), np.inf, np.minimum(began + 1, watched))
    cuts = np.unique(np.concatenate([low, high]))
    inside = (low[:, None] <= cuts[:-1]) & (cuts[1:] <= high[:, None])
    mass, w = np.full(len(cuts) - 1, 1.0), waiting["w"].to_numpy(float)
    for _ in range(3000):
        parts = inside * mass
        mass = w @ (parts / parts.sum(axis=1, keepdims=True))
    half = int(np.argmax(np.cumsum(mass) >= mass.sum() / 2))
    row = book.row("T1_turnbull")
    assert (row["low"], row["high"]) == pytest.approx((cuts[half], cuts[half + 1]), abs=0.05)


# 2.5: before, others, the effect


def test_before_and_after_is_paired_and_exact(book: Book) -> None:
    told = book.survey.persons.dropna(subset=["pre_work"])
    before, now = told["pre_work"] == "1", works(told)
    [row] = book.marts["contrast"].query("design == 'before_after' and outcome == 'A1'").to_dict("records")
    changed = (told["w"] * (now.astype(float) - before.astype(float))).sum() / told["w"].sum()
    assert row["estimate"] == pytest.approx(changed)
    assert row["p_value"] == pytest.approx(mcnemar(pd.crosstab(before, now), exact=True).pvalue)


def test_the_benchmark_is_a_difference_from_68_9_percent(book: Book) -> None:
    [row] = book.marts["contrast"].query("design == 'benchmark'").to_dict("records")
    assert row["other_level"] == pytest.approx(0.7236 * (1 - 0.0477), abs=5e-4)
    assert row["estimate"] == pytest.approx(book.row("A1")["estimate"] - 0.689)


def test_the_effect_is_guarded_as_the_specification_wants(book: Book) -> None:
    rows = book.marts["contrast"].query("design == 'applicants'")
    assert set(rows["outcome"]) == {"A1", "S1", "E2b_mean"}
    assert (rows[["answered", "answered_other"]] >= 0.6).all(axis=None)
    raised = multipletests(rows["p_value"], method="holm")[1]
    assert rows["p_holm"].to_numpy() == pytest.approx(raised)
    assert ((rows["verdict"] == "null") == (rows["p_holm"] >= 0.05)).all()
    assert rows[["e_value", "hidden_odds", "bound_low", "bound_high"]].notna().all(axis=None)
    assert book.marts["contrast_balance"]["after"].abs().max() < 0.1
    assert len(book.marts["contrast_overlap"]) == 10


def test_beside_every_null_stands_what_would_have_been_found(book: Book) -> None:
    rows = book.marts["contrast"]
    null = rows[rows["verdict"] == "null"]
    assert len(null)
    assert null["detectable"].to_numpy() == pytest.approx(2.8015852 * null["se"].to_numpy(), rel=1e-6)
    assert rows[rows["verdict"] != "null"]["detectable"].isna().all()
