"""What is printed beside the numbers: bounds of the headline, early and late, recall, demand, the curve of waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tracer_etl.evidence import recall, registry_rates, storing, variance
from tracer_etl.evidence.coding.agreement import kappa_rows
from tracer_etl.evidence.indicators import all_indicators
from tracer_etl.evidence.sample import Level, estimate_rows, levels_of
from tracer_etl.evidence.survival import kaplan_meier, log_log_interval
from tracer_etl.privacy.disclosure import TOTAL, Place

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.sample import Sample, Study

HEADLINE = "A1"
ALARM = 2.0
"""Ratio of told to expected above which round numbers of months are heaped."""


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
            for level in levels_of(table, group)
        ]
        rows += estimate_rows(headline, study.persons, found, constants)
    worked = headline.values(study.persons.table)["y"].dropna()
    size, answered = len(study.frame), len(worked)
    for code, missing in (("A1_worst", 0), ("A1_best", size - answered)):
        rows.append(registry_rates.plain_row(code, "share", "all", "", (worked.sum() + missing) / size, size))
    figures = study.weighted.diagnostics
    rows.append(registry_rates.plain_row("F9", "0-1", "all", "", figures["r_indicator"], size))
    rows.append(registry_rates.plain_row("F9_bias", "share", "all", "", figures["max_absolute_bias"], size))
    rows += kappa_rows(study.persons, constants)
    return rows + _demand_rows(study.persons, constants) + _turnbull_rows(study.persons)


def _turnbull_rows(sample: Sample) -> list[dict[str, Any]]:
    waiting = sample.table["wait"].notna().to_numpy(dtype=bool)
    if not waiting.any():
        return []
    begins, ends = (
        sample.table.loc[waiting, name].to_numpy(dtype=float) for name in ("wait_from", "wait_to")
    )
    found = recall.turnbull(begins, ends, sample.weights[waiting])
    low, high = recall.interval_median(found)
    plain = recall.interval_median(recall.turnbull(begins, ends, np.ones(len(begins))))[1]
    row = registry_rates.plain_row("T1_turnbull", "months", "all", "", high, len(begins))
    size, total = variance.effective_size(sample.weights[waiting]), float(sample.weights[waiting].sum())
    told = {"low": low, "high": high, "unweighted": plain, "n_eff": size, "weighted_total": total}
    return [{**row, **told, "note": "interval_censored"}]


def recall_remarks(study: Study) -> list[tuple[str, float, str]]:
    """Give one row per round number of months: told over expected, and an alarm above 2 (specification 2.4)."""
    months = study.persons.table["told_months"].dropna().to_numpy(dtype=float)
    return [
        (
            f"heaping_{heap.months}_months",
            heap.ratio,
            f"{'alarm: ' if heap.ratio > ALARM else ''}{heap.told} told, {heap.expected:.1f} expected",
        )
        for heap in recall.heaping(months)
    ]


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
        found = variance.percentile_interval(drawn[place], constants.confidence)
        low, high = np.clip(variance.stretched(estimate[place], found, sample.calibration.widening), 0, 1)
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


def time_to_job(study: Study, table: pd.DataFrame, constants: Constants) -> pd.DataFrame:
    """Give the Kaplan-Meier curve of waiting for the first job, for everybody and each programme.

    One row per group and whole month 0..24 that somebody was watched for; `survival` is the share still without a job.
    A group has a curve where `table`, the long one, shows its T1.
    """
    shown = table[
        (table["indicator"] == "T1") & ~table["suppressed"] & table["group_by"].isin(["all", "programme"])
    ]
    rows = []
    for place in map(Place, shown["group_by"], shown["level"]):
        sample = study.persons if place == TOTAL else study.classes
        member = sample.table["wait"].notna().to_numpy(dtype=bool)
        if place != TOTAL:
            member = member & (sample.table[place.group_by] == place.level).to_numpy(dtype=bool)
        rows += _curve_rows(sample, member, place, constants)
    return pd.DataFrame(rows, columns=list(storing.TIME_TO_JOB))


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
