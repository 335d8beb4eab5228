"""The tables the estimates are stored in, on DuckDB and PostgreSQL alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tracer_etl.errors import StudyError
from tracer_etl.evidence import registry_rates
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.marts import column_names
from tracer_etl.evidence.weights import registry_cells

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.weights import Weighted

TEXT, REAL, WHOLE, TRUTH = "varchar", "double precision", "bigint", "boolean"

ESTIMATE = {
    "indicator": TEXT,
    "group_by": TEXT,
    "level": TEXT,
    "unit": TEXT,
    "estimate": REAL,
    "se": REAL,
    "low": REAL,
    "high": REAL,
    "cohort_low": REAL,
    "cohort_high": REAL,
    "n": WHOLE,
    "imputed": WHOLE,
    "n_eff": REAL,
    "deff": REAL,
    "weighted_total": REAL,
    "unweighted": REAL,
    "unweighted_low": REAL,
    "unweighted_high": REAL,
    "suppressed": TRUTH,
    "note": TEXT,
}
INDICATOR = dict.fromkeys(
    ("indicator", "kind", "unit", "name_id", "name_en", "numerator", "denominator"), TEXT
)
WEIGHT = {"alumni_id": TEXT, "propensity": REAL, "class": WHOLE, "adjusted": REAL, "weight": REAL}
DIAGNOSTIC = {"name": TEXT, "value": REAL, "remark": TEXT}
WEIGHT_MARGIN = {"margin": TEXT, "cell": TEXT, "target": REAL, "reached": REAL}
REGISTRY_MARGIN = {"margin": TEXT, "cell": TEXT, "persons": REAL, "respondents": WHOLE, "raked_as": TEXT}
TIME_TO_JOB = {
    "group_by": TEXT,
    "level": TEXT,
    "months": WHOLE,
    "survival": REAL,
    "low": REAL,
    "high": REAL,
    "n": WHOLE,
}

BATCH = 500
"""Rows per insert statement."""

EXTRA = (
    (
        "A1_worst",
        "share",
        "Serapan-1, kasus terburuk",
        "Employed, worst case",
        "works",
        "frame; the silent do not work",
    ),
    (
        "A1_best",
        "share",
        "Serapan-1, kasus terbaik",
        "Employed, best case",
        "works",
        "frame; all the silent work",
    ),
    (
        "S1_kappa",
        "kappa",
        "Kappa pengakuan dan kode",
        "Kappa of self-report and code",
        "Cohen's kappa, bootstrap range",
        "employed, both known",
    ),
    ("F9", "0-1", "Indikator-R", "R-indicator", "1 - 2 SD of the response propensity", "frame"),
    (
        "F9_bias",
        "share",
        "Bias mutlak terbesar",
        "Largest absolute bias",
        "(1 - R) / (4 mean propensity)",
        "frame",
    ),
    (
        "H1_area",
        "ratio",
        "Jangkauan terhadap luas tembakau",
        "Reach beside tobacco area",
        "share of the enrolled of t1 and t2 who live there",
        "share of the hectares of tobacco there",
    ),
    (
        "N1_demand",
        "share",
        "Permintaan pelatihan",
        "Share of demand",
        "first choice 1, second 1/2",
        "all choices",
    ),
    (
        "T1_turnbull",
        "months",
        "Median bulan, hanya bulan diketahui",
        "Median months, month only",
        "Turnbull",
        "as T1",
    ),
    (
        "X1_certified",
        "IDR",
        "Biaya per lulusan bersertifikat",
        "Cost per certified",
        "package cost",
        "certified",
    ),
    (
        "X1_in_field",
        "IDR",
        "Biaya per pekerja sebidang",
        "Cost per in-field worker",
        "package cost",
        "enrolled x S1",
    ),
    (
        "X2",
        "IDR",
        "Biaya per pekerja sebidang tambahan",
        "Cost per additional in-field worker",
        "package cost",
        "enrolled x effect on S1, of the accepted applicants",
    ),
)


DEMAND = (
    (
        "N2",
        "per seat",
        "Pendaftar per kursi",
        "Applicants per seat",
        "applications of the round",
        "seats of the programmes that were open",
    ),
    (
        "N3",
        "per seat",
        "Lowongan per kursi",
        "Vacancies per seat",
        "vacancies of 12 months mapped to the programme",
        "seats of the programme",
    ),
    (
        "N3_hard",
        "share",
        "Lowongan yang sulit diisi",
        "Vacancies hard to fill",
        "in places hard to fill",
        "vacancies of 12 months mapped to the programme",
    ),
    (
        "N4",
        "share",
        "Permintaan pemuda",
        "Youth demand",
        "ideas mapped to the programme, interest 4 or 5",
        "all ideas, one per device and day (never representative)",
    ),
)
"""What `demand_rates` adds: id, unit, names, numerator, denominator."""


def require_answers(count: int) -> None:
    """Refuse to estimate from nothing.

    Raises:
        StudyError: nobody has answered yet.
    """
    if count == 0:
        raise StudyError(
            "nobody has answered yet", where="marts.interview", remedy="pull and load interviews first"
        )


def told_of(table: pd.DataFrame) -> pd.DataFrame:
    """Give the definitions of the indicators a long table has."""
    known = definitions()
    return known[known["indicator"].isin(table["indicator"])]


def definitions() -> pd.DataFrame:
    """Give the dictionary of indicators, one row each, in the order of the specification."""
    columns = list(INDICATOR)
    rows: list[tuple[str, ...]] = [
        (i.id, i.kind, i.unit, i.name_id, i.name_en, i.numerator, i.denominator) for i in all_indicators()
    ]
    rates = [*registry_rates.RESPONSE, *registry_rates.CLASSES]
    rows += [(r.id, "register", "share", r.name_id, r.name_en, r.numerator, r.denominator) for r in rates]
    rows += [(code, "register", *rest) for code, *rest in (*EXTRA, *DEMAND)]
    return pd.DataFrame(rows, columns=columns)


def weight_rows(frame: pd.DataFrame, weighted: Weighted) -> pd.DataFrame:
    """Give one row per respondent: the propensity of answering, its class (0 = lowest), weights per person."""
    answered = frame["responded"].to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "alumni_id": frame.loc[answered, "alumni_id"].to_numpy(),
            "propensity": weighted.propensity[answered],
            "class": weighted.classes[answered],
            "adjusted": weighted.adjusted,
            "weight": weighted.weights,
        }
    )


def diagnostic_rows(weighted: Weighted, others: Sequence[tuple[str, float, str]]) -> pd.DataFrame:
    """Give one row per figure about the weights, and one per remark (merged cells, failure to converge, alarm).

    `others` are rows about what intervals are widened by, and about heaping.
    """
    figures = [(name, value, "") for name, value in weighted.diagnostics.items()]
    remarks = [("remark", math.nan, note) for note in weighted.notes]
    return pd.DataFrame([*figures, *others, *remarks], columns=list(DIAGNOSTIC))


def margin_rows(weighted: Weighted) -> pd.DataFrame:
    """Give one row per raked margin and (merged) cell: persons in the registry, and the weights' sum there."""
    rows = [
        (margin.name, cell, float(target), float(weighted.weights[margin.codes == code].sum()))
        for margin in weighted.margins
        for code, (cell, target) in enumerate(zip(margin.cells, margin.targets, strict=True))
    ]
    return pd.DataFrame(rows, columns=list(WEIGHT_MARGIN))


def registry_margin_rows(registry: pd.DataFrame, frame: pd.DataFrame, constants: Constants) -> pd.DataFrame:
    """Give the table of margins: from the registry's persons to the frame, then the frame by each margin's finest cells.

    What the weights are raked to is the sum over the cells with the same `raked_as`: `target` in `marts.weight_margin`.
    """
    answered = registry["alumni_id"].isin(frame.loc[frame["responded"], "alumni_id"]).to_numpy(dtype=bool)
    inside = registry["alumni_id"].isin(frame["alumni_id"]).to_numpy(dtype=bool)
    steps = {
        "registry": np.ones(len(registry), dtype=bool),
        "not eligible (AAPOR 410)": ~inside,
        "frame": inside,
    }
    top = [("all", name, float(who.sum()), int((answered & who).sum()), "") for name, who in steps.items()]
    cells = registry_cells(frame, constants)[list(REGISTRY_MARGIN)]
    return pd.concat([pd.DataFrame(top, columns=list(REGISTRY_MARGIN)), cells], ignore_index=True)


def hold_to_bar(connection: Connection, r_indicator: float, persons: int) -> None:
    """Put the R-indicator of the frame into `marts.quality_bar`, where the study has that mart."""
    if column_names(connection, "quality_bar"):
        value = literal(r_indicator, REAL)
        told = f"value = {value}, n = {persons}, met = {value} >= target"
        connection.execute(f"update marts.quality_bar set {told} where measure = 'representativity'")


def write(connection: Connection, name: str, columns: Mapping[str, str], table: pd.DataFrame) -> None:
    """Make a table anew with these columns and rows; a missing number is NULL."""
    declared = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    connection.execute(f"drop table if exists {name}")
    connection.execute(f"create table {name} ({declared})")
    append(connection, name, columns, table)


def append(connection: Connection, name: str, columns: Mapping[str, str], table: pd.DataFrame) -> None:
    """Add rows to a table of these columns."""
    rows = list(_tuples(table[list(columns)], columns))
    for start in range(0, len(rows), BATCH):
        connection.execute(f"insert into {name} values " + ", ".join(rows[start : start + BATCH]))


def _tuples(table: pd.DataFrame, columns: Mapping[str, str]) -> Iterator[str]:
    kinds = list(columns.values())
    for row in table.itertuples(index=False, name=None):
        yield "(" + ", ".join(literal(value, kind) for value, kind in zip(row, kinds, strict=True)) + ")"


def literal(value: object, kind: str) -> str:
    """Write a value as SQL.

    >>> literal(0.1, REAL), literal(float("nan"), REAL), literal("it's", TEXT), literal(3.0, WHOLE)
    ('0.1', 'null', "'it''s'", '3')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "null"
    if kind == TEXT:
        return "'" + str(value).replace("'", "''") + "'"
    if kind == TRUTH:
        return "true" if value else "false"
    if kind == WHOLE:
        return str(int(value))  # type: ignore[call-overload]
    number = float(value)  # type: ignore[arg-type]
    return repr(number) if math.isfinite(number) else "null"
