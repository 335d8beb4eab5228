"""What the alumni are set against, and what may be said of it (specification 2.5): before, people in general, applicants.

Three tables. `marts.contrast` has a row per design and outcome; `marts.contrast_balance` and `marts.contrast_overlap` show how
alike the accepted and the other applicants are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tracer_etl.evidence import answers, applicant_pool, storing, variance
from tracer_etl.evidence.comparison import compare
from tracer_etl.evidence.designs import drawn_rows
from tracer_etl.evidence.effect_bounds import detectable, mcnemar, two_sided
from tracer_etl.evidence.marts import column_names
from tracer_etl.evidence.registry_rates import cost_per_additional
from tracer_etl.evidence.storing import REAL, TEXT, WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.sample import Sample, Study

    Floats = NDArray[np.float64]
    Row = dict[str, Any]

CONTRAST = {
    **dict.fromkeys(("design", "outcome", "unit", "verdict", "reason"), TEXT),
    **dict.fromkeys(("level", "other_level", "estimate", "se", "low", "high", "p_value", "p_holm"), REAL),
    **dict.fromkeys(("detectable", "n_eff_other", "answered", "answered_other"), REAL),
    **dict.fromkeys(("n", "n_other"), WHOLE),
    **dict.fromkeys(("e_value", "e_value_limit", "hidden_odds", "bound_low", "bound_high"), REAL),
}
"""Shares 0..1 or IDR/month of December 2025. verdict: higher, lower, null (with `detectable`: what 80 % power would have
found), or not_allowed (with `reason`, and without a number)."""

BALANCE = {"covariate": TEXT, "before": REAL, "after": REAL}
OVERLAP = {"low": REAL, "high": REAL, "accepted": WHOLE, "others": WHOLE}

TABLES: Mapping[str, Mapping[str, str]] = {
    "marts.contrast": CONTRAST,
    "marts.contrast_balance": BALANCE,
    "marts.contrast_overlap": OVERLAP,
}

BENCHMARK = "select percent from marts.seed_benchmark where name = 'employment_to_population'"
RATES = "select sex, age_group, education, percent from clean.benchmark_rate"


def store_contrasts(connection: Connection, study: Study, table: pd.DataFrame, constants: Constants) -> Row:
    """Write the three tables; `table` is the long one, already blanked where it must be. Give the row of X2 for it.

    Raises:
        StudyError: the list of applicants lacks a column.
    """
    pool = applicant_pool.read_pool(connection, study, constants)
    found = compare(pool, constants)
    rows = [
        *before_after(study.persons, table, constants),
        *benchmarks(connection, study.persons, table, constants),
        *found.rows,
        *drawn_rows(applicant_pool.read_drawn(connection, study, constants), constants),
    ]
    for name, content in zip(TABLES, (rows, found.balance, found.overlap), strict=True):
        storing.write(
            connection,
            name,
            TABLES[name],
            pd.DataFrame(content).reindex(columns=list(TABLES[name])).astype(object),
        )
    accepted = [] if pool is None else pool.table.loc[pool.accepted, "alumni_id"].tolist()
    effect = next(row for row in found.rows if row["outcome"] == "S1")
    return cost_per_additional(study.enrolments, accepted, effect)


def judged(row: Row, p_value: float) -> Row:
    """Add the verdict: higher or lower when p is below 5 %, else null with what could have been found."""
    if not p_value < 0.05:  # noqa: PLR2004 - the level of every interval here
        return row | {"verdict": "null", "detectable": detectable(row["se"])}
    return row | {"verdict": "higher" if row["estimate"] > 0 else "lower"}


def not_allowed(design: str, outcome: str, unit: str, reason: str, **known: float) -> Row:
    """Give the row of a contrast that the data do not allow."""
    return {
        "design": design,
        "outcome": outcome,
        "unit": unit,
        "verdict": "not_allowed",
        "reason": reason,
        **known,
    }


def before_after(sample: Sample, table: pd.DataFrame, constants: Constants) -> list[Row]:
    """Give the alumni's paired changes: work a month before the training and now (McNemar), and real earnings (E2b)."""
    told = sample.table[["pre_work", "emp_bps"]].notna().all(axis=1).to_numpy(dtype=bool)
    before, now = (_yes(sample.table[name]) * told for name in ("pre_work", "emp_bps"))
    if told.sum() < constants.suppress_rate:
        return [not_allowed("before_after", "A1", "share", "few", n=int(told.sum()))]
    influence = variance.mean_influence(now - before, sample.weights, told)
    level, was = (variance.weighted_mean(values[told], sample.weights[told]) for values in (now, before))
    row: Row = {"design": "before_after", "outcome": "A1", "unit": "share"}
    row |= {"level": level, "other_level": was}
    p_value = mcnemar(int((now > before).sum()), int((now < before).sum()))
    se = variance.standard_error(influence, sample.calibration)
    row |= spread(level - was, se, sample, constants) | {"n": int(told.sum()), "p_value": p_value}
    return [judged(row, p_value), _earnings(table)]


def _yes(answers_given: pd.Series[str]) -> Floats:
    return np.asarray(answers_given == "1", dtype=np.float64)


def spread(estimate: float, se: float, sample: Sample, constants: Constants) -> Row:
    """Give an estimate with its error and its normal interval, widened as all intervals of raked numbers are."""
    reach = variance.z_value(constants.confidence) * se * sample.calibration.widening
    return {"estimate": estimate, "se": se, "low": estimate - reach, "high": estimate + reach}


def _shown(table: pd.DataFrame, indicator: str) -> Row:
    """Give the row of everybody in the long table; without a number when it may not be shown."""
    found = table[(table["indicator"] == indicator) & (table["group_by"] == "all")]
    return dict(found.iloc[0]) if len(found) else {"estimate": math.nan, "n": 0, "unit": ""}


def _earnings(table: pd.DataFrame) -> Row:
    found = _shown(table, "E2b_mean")
    base = {"design": "before_after", "outcome": "E2b_mean", "unit": found["unit"], "n": found["n"]}
    if not math.isfinite(found["estimate"]):
        return not_allowed("before_after", "E2b_mean", found["unit"], "few")
    base |= {name: found[name] for name in ("estimate", "se", "low", "high")}
    certain = found["low"] > 0 or found["high"] < 0
    return judged(base, 0.0 if certain else 1.0)


def benchmarks(
    connection: Connection, sample: Sample, table: pd.DataFrame, constants: Constants
) -> list[Row]:
    """Give work among the alumni less that of people in general, and of people of the same sex, age and education.

    The rate of people in general is taken as known. The second contrast needs the list `benchmark_rate` (columns sex,
    age_group, education, percent), by which the alumni's own mix is expected to work: direct standardisation.
    """
    [[percent]] = connection.execute(BENCHMARK).fetchall()
    work, general = _shown(table, "A1"), float(percent) / 100
    if not math.isfinite(work["estimate"]):
        return [not_allowed("benchmark", "A1", "share", "few")]
    row = {"design": "benchmark", "outcome": "A1", "unit": "share", "level": work["estimate"]}
    row |= {"other_level": general, "n": work["n"], "se": work["se"], "estimate": work["estimate"] - general}
    row |= {"low": work["low"] - general, "high": work["high"] - general}
    plain = judged(row, 0.0 if row["low"] > 0 or row["high"] < 0 else 1.0)
    return [plain, _standardised(connection, sample, constants)]


def _standardised(connection: Connection, sample: Sample, constants: Constants) -> Row:
    design = "benchmark_same_mix"
    if not column_names(connection, "benchmark_rate", "clean"):
        return not_allowed(design, "A1", "share", "no_rates")
    keys = ["sex", "age_group", "education"]
    people = sample.table[[*keys, "emp_bps"]].merge(answers.read(connection, RATES), on=keys, how="left")
    expected = np.asarray(pd.to_numeric(people["percent"]), dtype=np.float64) / 100
    known = np.isfinite(expected) & people["emp_bps"].notna().to_numpy()
    if known.sum() < constants.suppress_rate:
        return not_allowed(design, "A1", "share", "few", n=int(known.sum()))
    works = _yes(people["emp_bps"])
    weights = sample.weights[known]
    influence = variance.mean_influence(works - expected, sample.weights, known)
    levels = [variance.weighted_mean(values[known], weights) for values in (works, expected)]
    row: Row = {"design": design, "outcome": "A1", "unit": "share"}
    row |= {"level": levels[0], "other_level": levels[1]}
    se = variance.standard_error(influence, sample.calibration)
    row |= spread(levels[0] - levels[1], se, sample, constants) | {"n": int(known.sum())}
    return judged(row, two_sided(row["estimate"], se * sample.calibration.widening))
