"""All indicators by all groupings into one long table, with what stands behind them (specification 2.2 and 2.3)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tracer_etl.evidence import answers, registry_rates, storing, variance
from tracer_etl.evidence.cells import Values, estimate_cell
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.raking import make_margin
from tracer_etl.evidence.suppression import TOTAL, Line, Place, suppress, table_lines
from tracer_etl.evidence.survival import kaplan_meier, log_log_interval
from tracer_etl.evidence.weights import calibrate, person_weights, with_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.indicators import Indicator
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.weights import Weighted

    Floats = NDArray[np.float64]

OF_PERSONS = ("sex", "age_group", "education", "zone")
OF_ENROLMENTS = (
    "programme",
    "programme_year",
    "year",
    "batch",
    "funding",
    "target_group",
    "seat_source",
    "certified",
)
"""A person in two classes counts in both: what is said of a class is said of its enrolments."""

NESTED = (("programme_year", "programme"), ("programme_year", "year"), ("batch", "programme_year"))
"""Groupings whose cells sum to another grouping's."""

HEADLINE = "A1"


class Level(NamedTuple):
    """One group of respondents and who is in it."""

    group_by: str
    level: str
    member: NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """Respondents (or their enrolments) with their weights and by what they are grouped."""

    table: pd.DataFrame
    weights: Floats
    replicates: Floats
    calibration: variance.Calibration
    groupings: tuple[str, ...]

    @cached_property
    def levels(self) -> list[Level]:
        """Give everybody as ("all", "") and then each level of each grouping."""
        everybody = np.ones(len(self.table), dtype=bool)
        found = [Level("all", "", everybody)]
        for group in self.groupings:
            for level in sorted(self.table[group].dropna().unique(), key=str):
                member = (self.table[group] == level).to_numpy(dtype=bool)
                found.append(Level(group, str(level), member))
        return found


@dataclass(frozen=True)
class Study:
    """Everything the estimates start from: persons and enrolments, each with its weights."""

    person: pd.DataFrame
    frame: pd.DataFrame
    enrolments: pd.DataFrame
    weighted: Weighted
    persons: Sample
    classes: Sample


def estimate_all(connection: Connection, constants: Constants) -> int:
    """Estimate every indicator and write `marts.estimate`; gives its number of rows.

    One row per indicator, group_by and level. Also writes `marts.indicator` (definitions), `marts.weight` (one row per
    respondent), `marts.weight_diagnostic` (one row per figure or remark) and `marts.time_to_job` (one row per group
    and time). Reads marts and clean tables; the same data and constants give the same table to the last digit.

    Raises:
        StudyError: nobody has answered yet, or a table or question the estimates need is missing.
    """
    study = read_study(connection, constants)
    table = estimate_table(study, constants)
    storing.write(connection, "marts.estimate", storing.ESTIMATE, table)
    storing.write(connection, "marts.indicator", storing.INDICATOR, storing.definitions())
    storing.write(
        connection, "marts.weight", storing.WEIGHT, storing.weight_rows(study.frame, study.weighted)
    )
    storing.write(
        connection, "marts.weight_diagnostic", storing.DIAGNOSTIC, storing.diagnostic_rows(study.weighted)
    )
    storing.write(connection, "marts.time_to_job", storing.TIME_TO_JOB, time_to_job(study, constants))
    return len(table)


def read_study(connection: Connection, constants: Constants) -> Study:
    """Read the marts and weight the respondents.

    Raises:
        StudyError: nobody has answered yet, or a table or question the estimates need is missing.
    """
    answers.require_inputs(connection)
    enrolment, person = answers.read(connection, answers.ENROLMENT), answers.read(connection, answers.PERSON)
    frame = answers.read_frame(enrolment, person)
    storing.require_answers(int(frame["responded"].sum()))
    weighted = person_weights(frame, constants)
    told = answers.respondents(frame, answers.read_answers(connection))
    told = answers.add_times(answers.add_money(told, constants), answers.read(connection, answers.SPELL))
    everybody = with_cells(answers.enrolment_rows(frame, enrolment), constants.families)
    persons = Sample(
        told,
        weighted.weights,
        weighted.replicates,
        variance.calibration(weighted.weights, weighted.margins),
        OF_PERSONS,
    )
    index = enrolment[enrolment["latest"] == 1].drop(columns="latest")
    return Study(
        person.merge(
            with_cells(frame_of_all(person, index), constants.families), on="alumni_id", suffixes=("", "_")
        ),
        frame,
        everybody,
        weighted,
        persons,
        _classes(everybody, persons, weighted, constants),
    )


def frame_of_all(person: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Give the attributes of each person's latest class for everybody in the registry, eligible or not."""
    kept = index[
        ["alumni_id", "programme", "year", "batch", "funding", "target_group", "seat_source", "cert_result"]
    ]
    own = person[["alumni_id", "sex", "age_group", "edu"]].merge(kept, on="alumni_id")
    return own.assign(
        education=own["edu"].map(answers.EDUCATION),
        certified=np.where(own["cert_result"] == "1", "yes", "no"),
    ).drop(columns=["edu", "cert_result"])


def _classes(everybody: pd.DataFrame, persons: Sample, weighted: Weighted, constants: Constants) -> Sample:
    """Calibrate the persons' weights to the margins of enrolments: programme x year, target group, funding."""
    table = answers.only_latest(answers.respondents(everybody, persons.table))
    responded = everybody["responded"].tolist()
    columns = {
        "programme x year": ["programme_year", "family_year", "family"],
        "target group": ["target_group", "tobacco"],
        "funding": ["funding"],
    }
    margins = [
        make_margin(name, everybody[found].fillna("unknown"), responded, constants.margin_minimum)
        for name, found in columns.items()
    ]
    place = pd.Series(np.arange(len(persons.table)), index=persons.table["alumni_id"])[
        table["alumni_id"]
    ].to_numpy()
    raked = calibrate(weighted.weights[place], margins, constants, constants.rake_tolerance)
    again = calibrate(
        np.nan_to_num(weighted.replicates[place]), margins, constants, constants.replicate_tolerance
    )
    replicates = np.where(again.converged, again.weights, np.nan)
    fitted = variance.calibration(raked.weights, margins)
    return Sample(table, raked.weights, replicates, fitted, OF_ENROLMENTS)


def estimate_table(study: Study, constants: Constants) -> pd.DataFrame:
    """Give the long table with what may not be shown blanked."""
    rows = [row for indicator in all_indicators() for row in _rows(indicator, study, constants)]
    rows += extra_rows(study, constants)
    rows += registry_rates.registry_rows(registry_rates.RESPONSE, study.person, (*OF_PERSONS, *OF_ENROLMENTS))
    rows += registry_rates.registry_rows(
        registry_rates.CLASSES, study.enrolments, (*OF_PERSONS, *OF_ENROLMENTS)
    )
    in_field = {
        (row["group_by"], row["level"]): row for row in rows if row["indicator"] == "S1" and "estimate" in row
    }
    rows += registry_rates.cost_rows(
        study.enrolments, in_field, ("programme", "programme_year", "year", "funding")
    )
    table = pd.DataFrame(rows).reindex(columns=[*storing.ESTIMATE, "minimum", "signed"])
    table = table.fillna({"minimum": 0, "signed": False, "note": ""})
    shown = suppress(table, lines(study), constants)
    order = ["indicator", "group_by", "level"]
    return shown.sort_values(order, kind="stable")[list(storing.ESTIMATE)].reset_index(drop=True)


def _rows(indicator: Indicator, study: Study, constants: Constants) -> list[dict[str, Any]]:
    person, enrolled = study.persons, study.classes
    return [
        *estimate_rows(indicator, person, person.levels, constants),
        *estimate_rows(indicator, enrolled, enrolled.levels[1:], constants),
    ]


def estimate_rows(
    indicator: Indicator, sample: Sample, levels: Sequence[Level], constants: Constants
) -> list[dict[str, Any]]:
    """Estimate one indicator at some levels of a sample, as rows of the long table.

    Below the least n of a rate only the count is given: nothing is computed that could slip out.
    """
    columns = indicator.values(sample.table).to_numpy(dtype=float)
    told = np.isfinite(columns).all(axis=1)
    rows = []
    for place in levels:
        inside = place.member & told
        row: dict[str, Any] = {
            "indicator": indicator.id,
            "unit": indicator.unit,
            "group_by": place.group_by,
            "level": place.level,
            "minimum": indicator.minimum,
            "signed": indicator.signed,
            "n": int(inside.sum()),
            "note": "",
        }
        if int(inside.sum()) >= constants.suppress_rate:
            row |= _estimated(indicator, sample, columns, inside, constants)
        rows.append(row)
    return rows


def _estimated(
    indicator: Indicator,
    sample: Sample,
    columns: Floats,
    inside: NDArray[np.bool_],
    constants: Constants,
) -> dict[str, Any]:
    values = Values(columns[inside], sample.weights[inside], sample.replicates[inside])
    influence = variance.mean_influence(columns[:, 0], sample.weights, inside)
    found = asdict(estimate_cell(indicator, values, influence, sample.calibration, constants))
    return {**found, "note": "; ".join(found.pop("notes"))}


def extra_rows(study: Study, constants: Constants) -> list[dict[str, Any]]:
    """Give what is printed beside the headline: worst and best case, early and late respondents, phone and field.

    Worst case: nobody who did not answer works; best case: everybody does (specification 2.3 point 7). Also F9, the
    representativity, and N1 by programme wanted.
    """
    headline = next(indicator for indicator in all_indicators() if indicator.id == HEADLINE)
    table, rows = study.persons.table, []
    for group in ("early", "mode"):
        found = [
            Level(group, level, (table[group] == level).to_numpy(dtype=bool))
            for level in _levels(table, group)
        ]
        rows += estimate_rows(headline, study.persons, found, constants)
    worked = headline.values(study.persons.table)["y"].dropna()
    size, answered = len(study.frame), len(worked)
    for code, missing in (("A1_worst", 0), ("A1_best", size - answered)):
        rows.append(registry_rates.plain_row(code, "share", "all", "", (worked.sum() + missing) / size, size))
    figures = study.weighted.diagnostics
    rows.append(registry_rates.plain_row("F9", "0-1", "all", "", figures["r_indicator"], size))
    rows.append(registry_rates.plain_row("F9_bias", "share", "all", "", figures["max_absolute_bias"], size))
    return rows + _demand_rows(study.persons, constants)


def _demand_rows(sample: Sample, constants: Constants) -> list[dict[str, Any]]:
    wants = (sample.table["need_more"] == "1").to_numpy(dtype=bool)
    first, second = sample.table.loc[wants, "need_1"], sample.table.loc[wants, "need_2"]
    named = sorted(set(first.dropna()) | set(second.dropna()))
    estimate = registry_rates.demand_shares(first, second, sample.weights[wants], named)[:, 0]
    plain = registry_rates.demand_shares(first, second, np.ones(int(wants.sum())), named)[:, 0]
    drawn = registry_rates.demand_shares(first, second, sample.replicates[wants], named)
    rows = []
    for place, code in enumerate(named):
        counted = int(((first == code) | (second == code)).sum())
        row = registry_rates.plain_row(
            "N1_demand", "share", "wanted_programme", code, estimate[place], counted
        )
        low, high = variance.percentile_interval(drawn[place], constants.confidence)
        spread = drawn[place][np.isfinite(drawn[place])]
        changed = {
            "low": low,
            "high": high,
            "se": float(spread.std(ddof=1)),
            "unweighted": plain[place],
            "note": "",
        }
        rows.append({**row, **changed})
    return rows


def lines(study: Study) -> list[Line]:
    """Give the sums a reader could make in the long table, for complementary suppression."""
    levels = {group: _levels(study.frame, group) for group in OF_PERSONS}
    levels |= {group: _levels(study.enrolments, group) for group in OF_ENROLMENTS}
    levels |= {group: _levels(study.persons.table, group) for group in ("early", "mode")}
    wanted = pd.concat([study.persons.table["need_1"], study.persons.table["need_2"]]).to_frame(
        "wanted_programme"
    )
    levels["wanted_programme"] = _levels(wanted, "wanted_programme")
    nested: dict[Place, list[Place]] = {}
    found = []
    for fine, coarse in NESTED:
        nested = {}
        pairs = study.enrolments[[fine, coarse]].drop_duplicates().sort_values([coarse, fine])
        for part, margin in zip(pairs[fine], pairs[coarse], strict=True):
            nested.setdefault(Place(coarse, str(margin)), []).append(Place(fine, str(part)))
        found += table_lines({}, nested)
    return found + table_lines(levels, {})


def _levels(table: pd.DataFrame, group: str) -> Sequence[str]:
    return sorted(str(level) for level in table[group].dropna().unique())


def time_to_job(study: Study, constants: Constants) -> pd.DataFrame:
    """Give the Kaplan-Meier curve of waiting for the first job, for everybody and each programme.

    One row per group and whole month 0..24 with at least the least n of a rate still waiting; `survival` is the share
    still without a job.
    """
    rows = []
    for sample, groups in ((study.persons, [TOTAL]), (study.classes, _programmes(study))):
        for group, level in groups:
            member = sample.table["wait"].notna().to_numpy(dtype=bool)
            if level:
                member = member & (sample.table[group] == level).to_numpy(dtype=bool)
            if int(member.sum()) >= constants.suppress_rate:
                rows += _curve_rows(sample, member, Place(group, level), constants)
    return pd.DataFrame(rows, columns=list(storing.TIME_TO_JOB))


def _programmes(study: Study) -> list[Place]:
    return [Place("programme", level) for level in _levels(study.enrolments, "programme")]


def _curve_rows(
    sample: Sample, member: NDArray[np.bool_], place: Place, constants: Constants
) -> list[dict[str, Any]]:
    months = sample.table.loc[member, "wait"].to_numpy(dtype=float)
    event = sample.table.loc[member, "wait_event"].to_numpy(dtype=np.int64)
    curve = kaplan_meier(months, event, sample.weights[member])
    rows = []
    for month in range(25):
        if month > 0 and float(months.max()) < month:
            break
        share, spread = curve.at(month)
        low, high = log_log_interval(share, spread, constants.confidence)
        found = {"group_by": place.group_by, "level": place.level, "months": month, "survival": share}
        rows.append({**found, "low": low, "high": high, "n": int(member.sum())})
    return rows
