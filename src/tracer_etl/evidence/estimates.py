"""All indicators by all groupings into one long table, with what stands behind them (specification 2.2 and 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tracer_etl.evidence import answers, registry_rates, storing, variance
from tracer_etl.evidence.companions import extra_rows, recall_remarks, time_to_job
from tracer_etl.evidence.contrasts import store_contrasts
from tracer_etl.evidence.imputation import earnings_deck, of_enrolments
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.raking import make_margin
from tracer_etl.evidence.reach import reach_rows, read_area
from tracer_etl.evidence.sample import Sample, Study, estimate_rows, in_order, levels_of
from tracer_etl.evidence.suppression import suppress, table_lines
from tracer_etl.evidence.weights import calibrate, person_weights, with_cells
from tracer_etl.privacy.disclosure import Line, Place

if TYPE_CHECKING:
    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.indicators import Indicator
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.weights import Weighted

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

OF_COST = ("programme", "programme_year", "year", "funding")

NESTED = (
    ("programme_year", "programme"),
    ("programme_year", "year"),
    ("batch", "programme_year"),
    ("kecamatan", "zone"),
)
"""Groupings whose cells sum to another grouping's."""


def estimate_all(connection: Connection, constants: Constants) -> int:
    """Estimate every indicator and write `marts.estimate`; gives its number of rows.

    One row per indicator, group_by and level. Also writes `marts.indicator` (definitions), `marts.weight` (one row per
    respondent), `marts.weight_margin` (one row per raked margin and cell), `marts.registry_margin` (one row per margin
    and finest cell), `marts.weight_diagnostic` (one row per figure or remark), `marts.time_to_job` (one row per group
    and time) and the tables of `contrasts`. Reads marts and clean tables; the same data and constants give the same
    table to the last digit.

    Raises:
        StudyError: nobody has answered yet, or a table or question the estimates need is missing; or one of the
            office's lists cannot be read.
    """
    area = read_area(connection)
    return store_all(connection, read_study(connection, constants), area, constants)


def store_all(connection: Connection, study: Study, area: pd.DataFrame | None, constants: Constants) -> int:
    """Write what `estimate_all` does from a study and a list of tobacco areas (`read_area`) that are read already.

    Raises:
        StudyError: the office's list of applicants cannot be read.
    """
    table = estimate_table(study, area, constants)
    additional = store_contrasts(connection, study, table, constants)
    table = pd.concat([table, pd.DataFrame([additional]).reindex(columns=list(storing.ESTIMATE))])
    storing.write(connection, "marts.estimate", storing.ESTIMATE, table.astype(object))
    storing.write(connection, "marts.indicator", storing.INDICATOR, storing.told_of(table))
    storing.write(
        connection, "marts.weight", storing.WEIGHT, storing.weight_rows(study.frame, study.weighted)
    )
    storing.write(
        connection, "marts.weight_margin", storing.WEIGHT_MARGIN, storing.margin_rows(study.weighted)
    )
    storing.write(
        connection,
        "marts.weight_diagnostic",
        storing.DIAGNOSTIC,
        storing.diagnostic_rows(study.weighted, [*_widenings(study), *recall_remarks(study)]),
    )
    storing.hold_to_bar(connection, study.weighted.diagnostics["r_indicator"], len(study.frame))
    storing.write(
        connection,
        "marts.registry_margin",
        storing.REGISTRY_MARGIN,
        storing.registry_margin_rows(study.person, study.frame, constants),
    )
    storing.write(connection, "marts.time_to_job", storing.TIME_TO_JOB, time_to_job(study, table, constants))
    return len(table)


def _widenings(study: Study) -> list[tuple[str, float, str]]:
    """Give what bootstrap intervals are widened by: of persons, and of enrolments (all numbers about classes)."""
    samples = {"widening_persons": study.persons, "widening_enrolments": study.classes}
    return [(name, sample.calibration.widening, "") for name, sample in samples.items()]


def read_study(connection: Connection, constants: Constants) -> Study:
    """Read the marts and weight the respondents.

    Raises:
        StudyError: nobody has answered yet, or a table or question the estimates need is missing.
    """
    answers.require_inputs(connection)
    enrolment, person = answers.read(connection, answers.ENROLMENT), answers.read_persons(connection)
    given = answers.read_answers(connection)
    frame = in_order(answers.read_frame(enrolment, person), given)
    storing.require_answers(int(frame["responded"].sum()))
    weighted = person_weights(frame, constants)
    told = answers.respondents(frame, given)
    told = answers.add_times(answers.add_money(told, constants), answers.read(connection, answers.SPELL))
    everybody = with_cells(answers.enrolment_rows(frame, enrolment), constants.families)
    persons = Sample(
        told,
        weighted.weights,
        weighted.replicates,
        variance.calibration(weighted.weights, weighted.margins),
        OF_PERSONS,
        earnings_deck(told, weighted.weights, weighted.replicates, constants),
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
    deck = of_enrolments(persons.deck, persons.table["alumni_id"], table["alumni_id"])
    return Sample(table, raked.weights, replicates, fitted, OF_ENROLMENTS, deck)


def estimate_table(study: Study, area: pd.DataFrame | None, constants: Constants) -> pd.DataFrame:
    """Give the long table with what may not be shown blanked."""
    rows = [row for indicator in all_indicators() for row in _rows(indicator, study, constants)]
    rows += extra_rows(study, constants)
    rows += registry_rates.registry_rows(registry_rates.RESPONSE, study.person, (*OF_PERSONS, *OF_ENROLMENTS))
    rows += registry_rates.registry_rows(
        registry_rates.CLASSES, study.enrolments, (*OF_PERSONS, *OF_ENROLMENTS)
    )
    rows += reach_rows(study.enrolments, area)
    rows += registry_rates.cost_rows(study.enrolments, OF_COST)
    table = pd.DataFrame(rows).reindex(columns=[*storing.ESTIMATE, "minimum", "signed", "covered"])
    table = table.fillna({"minimum": 0, "signed": False, "covered": 1.0, "note": ""})
    shown = suppress(table, lines(study), constants)
    in_field = shown[shown["indicator"] == "S1"]
    shown = pd.concat([shown, registry_rates.cost_per_worker(study.enrolments, in_field, OF_COST)])
    order = ["indicator", "group_by", "level"]
    return shown.sort_values(order, kind="stable")[list(storing.ESTIMATE)].reset_index(drop=True)


def _rows(indicator: Indicator, study: Study, constants: Constants) -> list[dict[str, Any]]:
    person, enrolled = study.persons, study.classes
    return [
        *estimate_rows(indicator, person, person.levels, constants),
        *estimate_rows(indicator, enrolled, enrolled.levels[1:], constants),
    ]


def lines(study: Study) -> list[Line]:
    """Give the sums a reader could make in the long table, for complementary suppression."""
    levels = {group: levels_of(study.frame, group) for group in OF_PERSONS}
    levels |= {group: levels_of(study.enrolments, group) for group in (*OF_ENROLMENTS, "kecamatan")}
    levels |= {group: levels_of(study.persons.table, group) for group in ("early", "mode")}
    wanted = pd.concat([study.persons.table["need_1"], study.persons.table["need_2"]]).to_frame(
        "wanted_programme"
    )
    levels["wanted_programme"] = levels_of(wanted, "wanted_programme")
    nested: dict[Place, list[Place]] = {}
    found = []
    for fine, coarse in NESTED:
        nested = {}
        pairs = study.enrolments[[fine, coarse]].dropna().drop_duplicates().sort_values([coarse, fine])
        for part, margin in zip(pairs[fine], pairs[coarse], strict=True):
            nested.setdefault(Place(coarse, str(margin)), []).append(Place(fine, str(part)))
        found += table_lines({}, nested)
    return found + table_lines(levels, {})
