"""Applicants of a past round, accepted or not: what they told before, and what became of them.

Read from the list `applicant_pool` ([[reference]] in study.toml), one row per person, made by the office: see
docs/how-to/compare-with-applicants.md. Outcomes of the accepted are those of the tracer interview.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tracer_etl.errors import StudyError
from tracer_etl.evidence import answers
from tracer_etl.evidence.aipw import Groups
from tracer_etl.evidence.marts import column_names
from tracer_etl.evidence.weights import (
    class_adjusted,
    design_matrix,
    fit_propensity,
    propensity_classes,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.sample import Study

    Mask = NDArray[np.bool_]

TABLE = "clean.applicant_pool"
TOLD_BEFORE = (
    "baseline_lab",
    "baseline_hours",
    "baseline_income",
    "baseline_edu",
    "baseline_birth_year",
    "baseline_sex",
    "baseline_kec",
    "baseline_tg",
    "baseline_welfare",
)
COLUMNS = (
    *("applicant_id", "alumni_id", "program_code", "applied_on", "accepted", "ap_followup"),
    *TOLD_BEFORE,
    *("asked_on", "emp_bps", "in_field", "earnings_idr"),
)
POOL = f"""
select {", ".join(f"p.{name}" for name in COLUMNS)}, z.zone
from {TABLE} p left join marts.seed_zone z on z.kec_code = p.baseline_kec order by p.applicant_id
"""
COVARIATES = (
    "work",
    "family",
    "sex",
    "age",
    "education",
    "zone",
    "target_group",
    "welfare",
    "income",
    "hours",
)
"""What both models see, as the application form records it before anybody is chosen."""

WORK = {"1": "unemployed_short", "2": "unemployed_long", "3": "part_time", "4": "full_time"}
"""`lab_status_app`; the others want work but do not look, study, or do not want any."""

OUTCOMES = ("A1", "S1", "E2b_mean")
"""Named before anybody looked (specification 2.5): any work, work in the field, change of real earnings."""


UNITS = {"A1": "share", "S1": "share", "E2b_mean": "IDR/month of Dec 2025"}

CHOSEN = ("stratum", "score", "cutoff", "lottery_band", "assigned", "took_up")
"""Further columns of the list, where the round drew seats or cut at a score (specification 1.7, `applicants`)."""


@dataclass(frozen=True)
class Pool:
    """Applicants who may be asked again, one row each: covariates, `accepted`, `responded`, and one column per outcome."""

    table: pd.DataFrame

    @property
    def accepted(self) -> Mask:
        """Tell who was accepted and trained."""
        return self.table["accepted"].to_numpy(dtype=bool)

    @property
    def responded(self) -> Mask:
        """Tell who answered the follow-up."""
        return self.table["responded"].to_numpy(dtype=bool)

    def answered(self) -> tuple[float, float]:
        """Give the share that answered: of the accepted, and of the others; nan where there is nobody."""
        shares = self.table.groupby("accepted")["responded"].mean()
        return float(shares.get(True, np.nan)), float(shares.get(False, np.nan))


def read_pool(connection: Connection, study: Study, constants: Constants) -> Pool | None:
    """Read the list, or give None where the study has none.

    Who did not agree to be asked again (`ap_followup`), and who was accepted but is no alumnus, is left out; so is
    who was not accepted then but trained later.

    Raises:
        StudyError: the list lacks a column.
    """
    found = column_names(connection, "applicant_pool", "clean")
    if not found:
        return None
    missing = sorted(set(COLUMNS) - found)
    if missing:
        remedy = "add it to the list: docs/how-to/compare-with-applicants.md says what each column is"
        raise StudyError(f"there is no {', '.join(missing)}", where=TABLE, remedy=remedy)
    return Pool(_with_outcomes(_people(answers.read(connection, POOL), constants), study, constants))


def read_drawn(connection: Connection, study: Study, constants: Constants) -> pd.DataFrame | None:
    """Read how a round chose, one row per applicant who agreed to be asked again; None where the list does not say.

    Adds to the outcomes: stratum, distance (score less cutoff), lottery, assigned and took_up (bool). Unlike the comparison
    it keeps who was offered a seat and did not come: the draw is about the offer.

    Raises:
        StudyError: a score or a cutoff is no number.
    """
    if not {*COLUMNS, *CHOSEN} <= column_names(connection, "applicant_pool", "clean"):
        return None
    rows = answers.read(connection, f"select p.*, null as zone from {TABLE} p order by p.applicant_id")
    kept = rows[rows["ap_followup"] == "1"].reset_index(drop=True)
    kept = _recorded(kept, constants).assign(accepted=kept["alumni_id"].fillna("") != "")
    told = _with_outcomes(kept, study, constants)
    flags = {"lottery": "lottery_band", "assigned": "assigned", "took_up": "took_up"}
    return told.assign(
        distance=answers.numbers(told["score"], TABLE) - answers.numbers(told["cutoff"], TABLE),
        **{name: told[column] == "1" for name, column in flags.items()},
    )


def _people(rows: pd.DataFrame, constants: Constants) -> pd.DataFrame:
    """Keep whom the comparison may use, with what they told before as covariates."""
    trained = rows["alumni_id"].fillna("") != ""
    accepted = rows["accepted"] == "1"
    kept = rows[(rows["ap_followup"] == "1") & (accepted == trained)].reset_index(drop=True)
    return _recorded(kept, constants)


def _recorded(kept: pd.DataFrame, constants: Constants) -> pd.DataFrame:
    """Write what applicants told before as covariates."""
    applied = pd.to_datetime(kept["applied_on"])
    age = applied.dt.year - answers.numbers(kept["baseline_birth_year"], TABLE)
    income = answers.numbers(kept["baseline_income"], TABLE)
    return kept.assign(
        accepted=kept["accepted"] == "1",
        work=kept["baseline_lab"].map(WORK).fillna("not_looking"),
        family=[constants.families.get(code, code) for code in kept["program_code"]],
        sex=kept["baseline_sex"],
        age=pd.cut(age, [0, 24, 29, 39, 120], labels=["15-24", "25-29", "30-39", "40+"]).astype(object),
        education=kept["baseline_edu"].map(answers.EDUCATION),
        target_group=kept["baseline_tg"],
        welfare=kept["baseline_welfare"],
        income=np.log1p(income / 100_000),
        hours=answers.numbers(kept["baseline_hours"], TABLE),
        real_before=income * answers.price_factor(applied, constants),
    )


def _with_outcomes(people: pd.DataFrame, study: Study, constants: Constants) -> pd.DataFrame:
    """Add what became of everybody: the accepted's from the tracer interview, the others' from the list."""
    told = study.persons.table
    alumni = pd.DataFrame(
        {
            "alumni_id": told["alumni_id"],
            "works": (told["emp_bps"] == "1").astype(float).where(told["emp_bps"].notna()),
            "field": _in_field(told),
            "real_now": told["real_now"].where(told["emp_bps"] == "1", 0.0),
        }
    )
    joined = people.merge(alumni, on="alumni_id", how="left")
    asked = pd.to_datetime(joined["asked_on"])
    works = (joined["emp_bps"] == "1").astype(float).where(joined["emp_bps"].notna())
    earned = answers.numbers(joined["earnings_idr"], TABLE) * answers.price_factor(asked, constants)
    field = (
        ((works == 1) & (joined["in_field"] == "1"))
        .astype(float)
        .where((works == 0) | joined["in_field"].notna())
    )
    own = joined["accepted"]
    now = joined["real_now"].where(own, earned.where(works == 1, 0.0).where(works.notna()))
    result = joined.assign(
        A1=joined["works"].where(own, works),
        S1=joined["field"].where(own, field),
        E2b_mean=now - joined["real_before"],
    )
    return result.assign(responded=result["A1"].notna())


def _in_field(told: pd.DataFrame) -> pd.Series[float]:
    from tracer_etl.evidence.indicators import all_indicators

    in_field = next(one for one in all_indicators() if one.id == "S1")
    return in_field.values(told)["y"]


def response_weights(pool: Pool, constants: Constants) -> NDArray[np.float64]:
    """Give how many of the own group each who answered stands for, by classes of the propensity of answering."""
    weights = np.ones(len(pool.table))
    for group in (pool.accepted, ~pool.accepted):
        responded = pool.responded[group]
        design = design_matrix(pool.table[group], COVARIATES)
        chance = fit_propensity(design, responded, ridge=constants.effect_ridge)
        classes = propensity_classes(
            chance, responded, count=constants.propensity_classes, minimum=constants.class_minimum
        )
        weights[np.flatnonzero(group)[responded]] = class_adjusted(np.ones(len(chance)), classes, responded)
    return weights


def groups_of(pool: Pool, constants: Constants) -> tuple[Groups, pd.DataFrame]:
    """Give those who answered, weighted to their own group, and their rows."""
    told = pool.responded
    table = pool.table[told].reset_index(drop=True)
    design = design_matrix(table, COVARIATES)
    return Groups(pool.accepted[told], design, design, response_weights(pool, constants)[told]), table
