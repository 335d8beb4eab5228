"""Studies drawn from a known truth: do the intervals hold it, and is P(top 4) as often right as it says?

`bench/coverage.py` runs them in thousands, `tests/test_coverage.py` in a few. What estimates is the code of the pipeline: who
answers, classes of the propensity, raking, replicates, and each indicator's own interval.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tracer_etl.evidence import variance
from tracer_etl.evidence.cells import Values, statistic
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.imputation import earnings_deck
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.sample import Sample, estimate_rows
from tracer_etl.evidence.weights import person_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_etl.evidence.indicators import Indicator

    Floats = NDArray[np.float64]

HEADLINE = (
    "A1",
    "S1",
    "S2",
    "D5",
    "M3",
    "Q1",
    "E1_median",
    "E3_median",
    "E2b_mean",
    "T1",
    "T2",
    "T3_wage_12",
)
"""What the first page and the ladder of the report show, the outcomes of the comparison, and the curves of waiting."""

UMK = 2_413_974
PROGRAMMES = ("barista", "mua", "barber", "digimar", "ac", "masak", "konten", "unggas")
GROUPS = {"15-24": (-0.3, -0.7), "25-29": (0.0, 0.0), "30-39": (0.5, 0.6), "40+": (0.3, 0.4)}


def simulated_frame(chance: np.random.Generator, size: int = 350, silent: float = 0.0) -> pd.DataFrame:
    """Draw persons, whether they work (`works`, with its probability) and whether they answer.

    `silent`: how much less, in log-odds, who has no work answers, whatever the registry says of them.
    """
    frame = pd.DataFrame(
        {
            "programme": chance.choice(PROGRAMMES, size),
            "year": chance.choice([2024, 2025], size),
            "sex": chance.choice(["1", "2"], size),
            "age_group": chance.choice(list(GROUPS), size, p=[0.25, 0.35, 0.3, 0.1]),
            "education": chance.choice(["sma", "smk", "smp_or_less"], size),
            "target_group": chance.choice(["t1", "t2", "t3"], size, p=[0.2, 0.15, 0.65]),
            "zone": chance.choice(["centre", "east", "north_west", "south"], size),
            "funding": chance.choice(["apbd", "dbhcht"], size),
            "phone": "mobile",
            "certified": chance.choice(["yes", "no"], size, p=[0.9, 0.1]),
            "months": chance.uniform(2, 24, size),
        }
    )
    rank = frame["programme"].map(PROGRAMMES.index)
    work = 0.7 + 0.22 * (rank - 3.5) + frame["age_group"].map({k: v[0] for k, v in GROUPS.items()})
    answer = 0.8 + 0.36 * (rank - 3.5) + frame["age_group"].map({k: v[1] for k, v in GROUPS.items()})
    work += 0.5 * (frame["target_group"] == "t3") - 0.3 * (frame["sex"] == "2")
    answer += 0.5 * (frame["target_group"] == "t3") - 0.4 * (frame["sex"] == "2")
    chances = 1 / (1 + np.exp(-work))
    works = chance.random(size) < chances
    return frame.assign(
        p_work=chances,
        works=works,
        responded=chance.random(size) < 1 / (1 + np.exp(-(answer - silent * ~works))),
    )


def with_answers(frame: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    """Add what everybody would tell, as the columns of the indicators; all of it goes with who answers."""
    size, works = len(frame), frame["works"].to_numpy(dtype=bool)
    lift = (frame["programme"].map(PROGRAMMES.index).to_numpy(dtype=float) - 3.5) / 3.5
    older = frame["age_group"].isin(["30-39", "40+"]).to_numpy(dtype=float)
    pay = np.exp(14.5 + 0.15 * lift + 0.15 * older + 0.4 * chance.standard_normal(size)).round(-4)
    before = np.where(chance.random(size) < 0.4, np.exp(14.1 + 0.4 * chance.standard_normal(size)), 0.0)
    employee = works & (chance.random(size) < 0.7)
    wait = chance.exponential(4 * np.exp(-0.5 * lift - 0.4 * older))
    months = frame["months"].to_numpy(dtype=float)
    waiting = chance.random(size) < 0.8
    points = chance.binomial(5, 0.55 + 0.15 * lift, size)
    match = np.where(chance.random(size) < 0.65 + 0.15 * lift, "1", "3")
    return frame.assign(
        emp_bps=np.where(works, "1", "0"),
        status_emp=np.where(works, np.where(employee, "4", "1"), None),
        match_field=np.where(works, match, None),
        match_level=np.where(works, np.where(chance.random(size) < 0.7, "2", "1"), None),
        hours=np.where(works, chance.normal(40 + 3 * lift, 9), np.nan),
        earnings_idr=np.where(works, pay, np.nan),
        earned=np.where(works, pay, np.nan),
        real_now=np.where(works, pay, np.nan),
        umk=float(UMK),
        decent_points=np.where(employee, points, np.nan),
        sat_all=np.clip(np.round(chance.normal(3.9 + 0.4 * lift, 0.9)), 1, 5),
        change_all=np.where(works, pay, 0.0) - before,
        full_wait=np.where(waiting, wait, np.nan),
        wait=np.where(waiting, np.minimum(wait, months), np.nan),
        wait_event=np.where(waiting, (wait <= months).astype(float), np.nan),
        full_cause=np.where(waiting, np.where(employee, 1.0, 2.0), np.nan),
        cause=np.where(waiting, np.where(wait > months, 0.0, np.where(employee, 1.0, 2.0)), np.nan),
    )


def headline() -> list[Indicator]:
    """Give the headline indicators."""
    return [one for one in all_indicators() if one.id in HEADLINE]


def of_everybody(people: pd.DataFrame, constants: Constants) -> dict[str, float]:
    """Give each headline number of a whole population that answered to the last."""
    people = people.assign(wait=people["full_wait"], wait_event=1.0, cause=people["full_cause"])
    found = {}
    for indicator in headline():
        columns = indicator.values(people).dropna().to_numpy(dtype=float)
        ones = np.ones((len(columns), 1))
        if indicator.kind == "share":
            found[indicator.id] = float(columns[:, 0].mean())
        elif indicator.kind == "wait":
            found[indicator.id] = float(np.median(columns[:, 0]))
        elif indicator.kind == "curve":
            found[indicator.id] = _read_off(indicator, columns)
        else:
            values = Values(columns, ones[:, 0], ones)
            found[indicator.id] = float(statistic(indicator, constants)(values, ones)[0])
    return found


def _read_off(indicator: Indicator, columns: Floats) -> float:
    """Give a curve's number where everybody was watched to the end."""
    wait, cause = columns.T
    if indicator.cause < 0:
        return float(np.minimum(wait, indicator.horizon).mean())
    return float(((wait <= indicator.horizon) & (cause == indicator.cause)).mean())


@cache
def truth() -> dict[str, float]:
    """Give the truth of the programme in general, from 400,000 persons."""
    dice = np.random.default_rng(1)
    return of_everybody(with_answers(simulated_frame(dice, 400_000), dice), Constants())


def weighted_sample(frame: pd.DataFrame, constants: Constants, groupings: tuple[str, ...] = ()) -> Sample:
    """Give the respondents as the pipeline weights them."""
    told = frame[frame["responded"]].reset_index(drop=True)
    weighted = person_weights(frame, constants)
    fitted = variance.calibration(weighted.weights, weighted.margins)
    return Sample(told, weighted.weights, weighted.replicates, fitted, groupings)


def samples(frame: pd.DataFrame, constants: Constants) -> tuple[Sample, Sample]:
    """Give the respondents as the pipeline weights them, and as they are."""
    ours = weighted_sample(frame, constants)
    size = len(ours.table)
    drawn = np.random.default_rng(constants.seed).multinomial(
        size, np.full(size, 1 / size), size=constants.replicates
    )
    bare = variance.Calibration(np.zeros((size, 1)), np.ones(size))
    return ours, Sample(ours.table, np.ones(size), drawn.T.astype(float), bare, ())


def numbers(sample: Sample, constants: Constants) -> dict[str, dict[str, Any]]:
    """Give the row of everybody for each headline indicator, as the long table has it."""
    return {one.id: estimate_rows(one, sample, sample.levels[:1], constants)[0] for one in headline()}


def one_round(number: int, constants: Constants, silent: float) -> pd.DataFrame:
    """Draw one study; a row per headline indicator: which intervals hold the truth, and how far the estimates are off.

    programme: the truth of the programme in `low`..`high`; cohort: that of these very people in `cohort_low`..
    `cohort_high`; unweighted: the programme's in the interval without weights.
    """
    dice = np.random.default_rng([2026, number])
    frame = with_answers(simulated_frame(dice, silent=silent), dice)
    ours, plain = (numbers(sample, constants) for sample in samples(frame, constants))
    known, people = truth(), of_everybody(frame, constants)
    rows = []
    for code, row in ours.items():
        bare = plain[code]
        rows.append(
            {
                "indicator": code,
                "programme": row["low"] <= known[code] <= row["high"],
                "cohort": row["cohort_low"] <= people[code] <= row["cohort_high"],
                "unweighted": bare["low"] <= known[code] <= bare["high"],
                "off": row["estimate"] - known[code],
                "off_unweighted": bare["estimate"] - known[code],
            }
        )
    return pd.DataFrame(rows)


CELLS = ("programme", "target_group", "sex", "age_group")
SIZES = ("Kish", "the share's own", "less what raking gains")
"""What a share's Wilson interval may stand on."""


def sizes_of(y: Floats, weights: Floats, se: float) -> dict[str, float]:
    """Give each of `SIZES` of one share; `se` is its error after raking, widened."""
    share, kish = variance.weighted_mean(y, weights), variance.effective_size(weights)
    raked = share * (1 - share) / se**2 if se > 0 else kish
    return dict(zip(SIZES, (kish, variance.share_size(y, weights), raked), strict=True))


@cache
def truth_of_cells() -> dict[tuple[str, str, str], float]:
    """Give the true share of each headline indicator, of all and of each level of `CELLS`, from 400,000 persons."""
    dice = np.random.default_rng(1)
    frame, found = with_answers(simulated_frame(dice, 400_000), dice), {}
    for indicator in shares():
        y = indicator.values(frame)["y"]
        found[indicator.id, "all", ""] = float(y.mean())
        for group in CELLS:
            found |= {
                (indicator.id, group, str(level)): mean
                for level, mean in y.groupby(frame[group]).mean().items()
            }
    return found


def shares() -> list[Indicator]:
    """Give the headline indicators that are shares."""
    return [one for one in headline() if one.kind == "share"]


def one_round_of_cells(number: int, constants: Constants) -> pd.DataFrame:
    """Draw one study; a row per share and cell of ten or more: its n, and whether Wilson on each of `SIZES` holds the truth."""
    dice = np.random.default_rng([78, number])
    frame = with_answers(simulated_frame(dice), dice)
    sample = weighted_sample(frame, constants, CELLS)
    rows = []
    for indicator in shares():
        y = indicator.values(sample.table)["y"].to_numpy(dtype=float)
        for place in sample.levels:
            inside = place.member & np.isfinite(y)
            if inside.sum() < constants.suppress_rate:
                continue
            influence = variance.mean_influence(y, sample.weights, inside)
            se = variance.standard_error(influence, sample.calibration) * sample.calibration.widening
            share = variance.weighted_mean(y[inside], sample.weights[inside])
            known = truth_of_cells()[indicator.id, place.group_by, place.level]
            row = {"indicator": indicator.id, "group_by": place.group_by, "n": int(inside.sum())}
            for name, size in sizes_of(y[inside], sample.weights[inside], se).items():
                low, high = variance.wilson(share, size)
                row[name] = low <= known <= high
            rows.append(row)
    return pd.DataFrame(rows)


EARNINGS = ("E1_median", "E1_mean")
WAYS = ("imputed", "left out", "all told")
"""What is done about earnings that nobody told: as the pipeline does, complete cases only, and had everybody told."""


def with_untold_earnings(people: pd.DataFrame, chance: np.random.Generator) -> pd.DataFrame:
    """Let owners earn 30 % less, and 15 % of those at work tell no earnings: owners and some programmes more often."""
    owner, study = people["status_emp"].to_numpy() == "1", chance.integers(10**9)
    lift = (people["programme"].map(PROGRAMMES.index).to_numpy(dtype=float) - 3.5) / 3.5
    silent = chance.random(len(people)) < np.where(owner, 0.3, 0.08) * (1 - 0.5 * lift)
    return people.assign(
        alumni_id=[f"{study}/{number}" for number in range(len(people))],
        real_now=people["real_now"] * np.where(owner, 0.7, 1.0),
        earnings_untold=people["works"].to_numpy(dtype=bool) & silent,
    )


def earnings_of_everybody(people: pd.DataFrame, constants: Constants) -> dict[str, float]:
    """Give E1 of a whole population in which everybody told."""
    paid = people["real_now"].dropna().to_numpy(dtype=float)
    ones = np.ones((len(paid), 1))
    values = Values(paid[:, None], ones[:, 0], ones)
    return {one.id: float(statistic(one, constants)(values, ones)[0]) for one in earnings()}


def earnings() -> list[Indicator]:
    """Give the indicators that impute."""
    return [one for one in all_indicators() if one.imputed]


@cache
def truth_of_earnings() -> dict[str, float]:
    """Give the true E1 of the programme in general, from 400,000 persons."""
    dice = np.random.default_rng(1)
    people = with_answers(simulated_frame(dice, 400_000), dice)
    return earnings_of_everybody(with_untold_earnings(people, dice), Constants())


def ways_of(sample: Sample, constants: Constants) -> dict[str, Sample]:
    """Give the sample with its untold earnings imputed, left out, and as if told."""
    untold = sample.table["earnings_untold"]
    told = sample.table.assign(real_now=sample.table["real_now"].where(~untold))
    left = replace(sample, table=told)
    deck = earnings_deck(told, sample.weights, sample.replicates, constants)
    return dict(zip(WAYS, (replace(left, deck=deck), left, sample), strict=True))


def one_round_of_earnings(number: int, constants: Constants) -> pd.DataFrame:
    """Draw one study; a row per E1 and way: which intervals hold the truth, how far the estimate is off, and the width."""
    dice = np.random.default_rng([15, number])
    frame = with_untold_earnings(with_answers(simulated_frame(dice), dice), dice)
    known, people = truth_of_earnings(), earnings_of_everybody(frame, constants)
    rows = []
    for way, sample in ways_of(weighted_sample(frame, constants), constants).items():
        for one in earnings():
            row = estimate_rows(one, sample, sample.levels[:1], constants)[0]
            rows.append(
                {
                    "indicator": one.id,
                    "way": way,
                    "programme": row["low"] <= known[one.id] <= row["high"],
                    "cohort": row["cohort_low"] <= people[one.id] <= row["cohort_high"],
                    "off": row["estimate"] / known[one.id] - 1,
                    "width": (row["high"] - row["low"]) / known[one.id],
                    "imputed": row["imputed"] / (row["imputed"] + row["n"]),
                }
            )
    return pd.DataFrame(rows)


RUBIN = "imputed, Rubin's rules"


def one_round_by_rubin(number: int, constants: Constants) -> pd.DataFrame:
    """Draw the same study; the row of E1_mean by Rubin's rules: 20 approximate Bayesian bootstraps, linearised errors."""
    dice = np.random.default_rng([15, number])
    frame = with_untold_earnings(with_answers(simulated_frame(dice), dice), dice)
    whole = weighted_sample(frame, constants)
    sample = ways_of(whole, constants)["left out"]
    size, weights, known = len(sample.table), sample.weights, truth_of_earnings()["E1_mean"]
    again = dice.multinomial(size, np.full(size, 1 / size), size=constants.imputations).T * weights[:, None]
    deck = earnings_deck(sample.table, weights, again, replace(constants, imputations_each=1))
    told = sample.table["real_now"].to_numpy(dtype=float)
    found = []
    for donors in deck.drawn.T if deck else ():
        filled = told.copy()
        filled[deck.recipients] = told[donors]
        paid = np.isfinite(filled)
        filled[paid] = variance.winsorise(filled[paid], weights[paid], constants.winsor)[:, 0]
        influence = variance.mean_influence(filled, weights, paid)
        error = variance.standard_error(influence, sample.calibration) * sample.calibration.widening
        found.append((variance.weighted_mean(filled[paid], weights[paid]), error**2))
    means, errors = np.array(found).T
    total = errors.mean() + (1 + 1 / len(means)) * means.var(ddof=1)
    reach = variance.z_value() * float(np.sqrt(total))
    row = {"indicator": "E1_mean", "way": RUBIN, "programme": abs(means.mean() - known) <= reach}
    return pd.DataFrame([{**row, "off": means.mean() / known - 1, "width": 2 * reach / known}])
