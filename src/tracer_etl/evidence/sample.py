"""Respondents with their weights, their groupings, and one indicator estimated at each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from tracer_etl.evidence import variance
from tracer_etl.evidence.cells import Values, estimate_cell
from tracer_etl.evidence.imputation import completed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.imputation import HotDeck
    from tracer_etl.evidence.indicators import Indicator
    from tracer_etl.evidence.weights import Weighted

    Floats = NDArray[np.float64]


KNOWN = (
    *("programme", "year", "origin", "sex", "age_group", "kecamatan", "edu", "target_group", "seat_source"),
    *("cert_result", "aapor_code", "attempts", "phone"),
)
"""What the registry and the field work know of a person."""


class Level(NamedTuple):
    """One group of respondents and who is in it."""

    group_by: str
    level: str
    member: NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """Respondents (or their enrolments) with their weights and by what they are grouped.

    `deck` says whose earnings stand for those that nobody told.
    """

    table: pd.DataFrame
    weights: Floats
    replicates: Floats
    calibration: variance.Calibration
    groupings: tuple[str, ...]
    deck: HotDeck | None = None

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


def in_order(frame: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Order persons by what is known of them and what they told, and by number only where all of it is alike.

    So the bootstrap draws the same people whatever their numbers, which are random and new with every key.
    """
    said = pd.util.hash_pandas_object(told.drop(columns="alumni_id").astype(str), index=False)
    place = pd.Series(said.to_numpy(), index=told["alumni_id"])
    ordered = frame.assign(said=frame["alumni_id"].map(place)).sort_values([*KNOWN, "said", "alumni_id"])
    return ordered.drop(columns="said").reset_index(drop=True)


def estimate_rows(
    indicator: Indicator, sample: Sample, levels: Sequence[Level], constants: Constants
) -> list[dict[str, Any]]:
    """Estimate one indicator at some levels of a sample, as rows of the long table.

    Below the least n of a rate only the count is given: nothing is computed that could slip out.
    """
    columns = indicator.values(sample.table).to_numpy(dtype=float)
    told, covered = np.isfinite(columns).all(axis=1), _covered(indicator, sample)
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
            "covered": _share(covered[place.member]),
            "n": int(inside.sum()),
            "note": "",
        }
        if int(inside.sum()) >= constants.suppress_rate:
            row |= _estimated(indicator, sample, columns, place.member, constants)
        rows.append(row)
    return rows


def _covered(indicator: Indicator, sample: Sample) -> Floats:
    if indicator.covered is None:
        return np.ones(len(sample.table))
    return np.asarray(indicator.covered(sample.table), dtype=float)


def _share(covered: Floats) -> float:
    asked = covered[np.isfinite(covered)]
    return float(asked.mean()) if len(asked) else 1.0


def _estimated(
    indicator: Indicator,
    sample: Sample,
    columns: Floats,
    member: NDArray[np.bool_],
    constants: Constants,
) -> dict[str, Any]:
    told = np.asarray(np.isfinite(columns).all(axis=1))
    inside, whole = member & told, None
    if indicator.imputed and sample.deck is not None:
        whole = completed(sample.deck, columns, member, told, sample.weights, sample.replicates)
    values = Values(columns[inside], sample.weights[inside], sample.replicates[inside], whole)
    influence = variance.mean_influence(columns[:, 0], sample.weights, inside)
    found = asdict(estimate_cell(indicator, values, influence, sample.calibration, constants))
    notes = list(found.pop("notes"))
    if indicator.imputed:
        count = 0 if whole is None else whole.count
        found["imputed"] = count
        notes += ["much_imputed"] * (count > constants.imputed_caution * (count + found["n"]))
    return {**found, "note": "; ".join(notes)}


def levels_of(table: pd.DataFrame, group: str) -> list[str]:
    """Give the levels of a grouping, in order."""
    return sorted(str(level) for level in table[group].dropna().unique())
