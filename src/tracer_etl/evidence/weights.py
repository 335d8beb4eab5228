"""Person weights: response propensity, classes, raking to the registry, trimming, bootstrap replicates.

Census of all trainees (base weight 1); what is weighted is non-response (specification 2.3 points 1-4).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tracer_etl.evidence.raking import Margin, Raked, make_margin, merge_cells, rake
from tracer_etl.evidence.regression import chances, logistic
from tracer_etl.evidence.variance import design_effect, effective_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

PROPENSITY = (
    "programme",
    "year",
    "sex",
    "age_group",
    "education",
    "target_group",
    "zone",
    "phone",
    "certified",
    "months",
)
"""Registry variables of the propensity model (specification 2.3 point 2); of the phone only its kind."""

MARGINS = {
    "programme x year": ("programme_year", "family_year", "family"),
    "sex x age": ("sex_age", "sex_broad_age", "sex"),
    "target group": ("target_group", "tobacco"),
    "zone": ("zone",),
    "funding": ("funding",),
}
"""Each margin's columns of the frame, from the finest cells to the coarsest they may be merged into."""

BROAD_AGE = {"15-24": "15-29", "25-29": "15-29", "30-39": "30+", "40+": "30+"}
TOBACCO = {"t1": "tobacco", "t2": "tobacco", "t3": "public"}

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Weighted:
    """Weights of all respondents, in the order of the frame.

    `replicates` has one column per bootstrap replicate; `margins` are the raked ones; `raked` is how raking ended.
    """

    weights: Floats
    replicates: Floats
    margins: tuple[Margin, ...]
    raked: Raked
    propensity: Floats
    classes: NDArray[np.int64]
    adjusted: Floats
    broken_replicates: int
    notes: tuple[str, ...]

    @property
    def diagnostics(self) -> dict[str, float]:
        """Give what to publish beside the estimates: Kish's design effect, n_eff, extremes, how raking ended."""
        mean = float(self.weights.mean())
        return {
            "respondents": float(len(self.weights)),
            "frame": float(self.weights.sum()),
            "deff": design_effect(self.weights),
            "n_eff": effective_size(self.weights),
            "min_weight_to_mean": float(self.weights.min()) / mean,
            "max_weight_to_mean": float(self.weights.max()) / mean,
            "rake_iterations": float(self.raked.iterations),
            "rake_discrepancy": float(self.raked.discrepancy.max()),
            "rake_converged": float(self.raked.converged.all()),
            "broken_replicates": float(self.broken_replicates),
            "r_indicator": r_indicator(self.propensity),
            "max_absolute_bias": (1 - r_indicator(self.propensity)) / (4 * float(self.propensity.mean())),
        }


def r_indicator(propensity: Floats) -> float:
    """Give 1 - 2 * SD of the propensities: 1 means respondents mirror the frame (Schouten, Cobben, Bethlehem 2009).

    >>> round(r_indicator(np.array([0.5, 0.7])), 4)
    0.7172
    """
    return 1 - 2 * float(np.std(propensity, ddof=1))


def with_cells(frame: pd.DataFrame, families: Mapping[str, str]) -> pd.DataFrame:
    """Add the columns of `MARGINS` to a frame with one row per person: programme, year, sex, age_group, target_group."""
    code, sex, age, year = (
        frame[column].astype(object) for column in ("programme", "sex", "age_group", "year")
    )
    family = [families.get(programme, programme) for programme in code]
    broad = [BROAD_AGE.get(group) for group in age]
    return frame.assign(
        family=_joined(family),
        programme_year=_joined(code, year),
        family_year=_joined(family, year),
        sex_age=_joined(sex, age),
        sex_broad_age=_joined(sex, broad),
        tobacco=[TOBACCO.get(group, UNKNOWN) for group in frame["target_group"].astype(object)],
    )


def _joined(*columns: Iterable[object]) -> list[str]:
    rows = zip(*columns, strict=True)
    return [UNKNOWN if any(pd.isna(part) for part in row) else " ".join(map(str, row)) for row in rows]


def registry_cells(frame: pd.DataFrame, constants: Constants) -> pd.DataFrame:
    """Count the frame by the finest cells of each margin, one row each, and say in which cell it was raked.

    Columns: margin, cell, persons (who has no known age is shared out, so not always whole), respondents, raked_as.
    """
    cells = with_cells(spread_unknown_age(frame), constants.families)
    found = []
    for name, columns in MARGINS.items():
        labels = cells[list(columns)].fillna(UNKNOWN)
        raked_as, _ = merge_cells(labels, cells["responded"].tolist(), constants.margin_minimum)
        table = pd.DataFrame(
            {
                "margin": name,
                "cell": labels.iloc[:, 0],
                "persons": cells["share"] if name == "sex x age" else 1.0,
                "respondents": cells["responded"].astype(int),
                "raked_as": raked_as,
            }
        )
        found.append(table.groupby(["margin", "cell", "raked_as"], as_index=False).sum())
    return pd.concat(found, ignore_index=True)


def spread_unknown_age(frame: pd.DataFrame) -> pd.DataFrame:
    """Give persons whose age is not known to the age groups of their sex, in proportion.

    Only persons nobody has tried to reach have no age. Adds `share`: 0 for them, and for the others what each counts
    for. Their `age_group` becomes the commonest of their sex: a group of its own would foretell non-response.
    Respondents of unknown age stay a group of their own; so does everybody when no age of that sex is known.
    """
    unknown = frame["age_group"].isna() & ~frame["responded"]
    known = (~unknown).groupby(frame["sex"]).transform("sum")
    of_sex = frame.groupby("sex")["sex"].transform("size")
    share = np.where(unknown & (known > 0), 0.0, np.where(known > 0, of_sex / known.where(known > 0, 1), 1.0))
    common = frame.groupby("sex")["age_group"].transform(_commonest)
    return frame.assign(share=share, age_group=frame["age_group"].where(~unknown, common))


def _commonest(labels: pd.Series[str]) -> str:
    return str(labels.mode().iat[0]) if labels.notna().any() else UNKNOWN


def fit_propensity(design: Floats, responded: Mask, *, ridge: float = 0.0) -> Floats:
    """Fit a logistic regression and give the fitted probability of each row; see `regression.logistic`."""
    return chances(design, logistic(design, responded.astype(float), ridge=ridge))


def design_matrix(frame: pd.DataFrame, columns: Sequence[str]) -> Floats:
    """Write registry variables as numbers: a column of ones, 0/1 per category but the first, numbers centred."""
    parts = [np.ones((len(frame), 1))]
    for column in columns:
        values = frame[column]
        if pd.api.types.is_float_dtype(values):
            middle = values.fillna(values.mean())
            spread = float(middle.std(ddof=0)) or 1.0
            parts.append(((middle - middle.mean()) / spread).to_numpy()[:, None])
        else:
            filled = values.astype("object").where(values.notna(), UNKNOWN).astype(str)
            parts.append(pd.get_dummies(filled, drop_first=True).to_numpy(dtype=float))
    return np.hstack(parts)


def propensity_classes(
    propensity: Floats, responded: Mask, *, count: int = 5, minimum: int = 15
) -> NDArray[np.int64]:
    """Cut the frame into `count` classes of equal size by propensity, lowest first.

    A class with fewer than `minimum` respondents joins the neighbour that has fewer of them.
    """
    edges = np.quantile(propensity, np.arange(1, count) / count)
    classes = np.searchsorted(edges, propensity, side="left")
    while True:
        numbers = np.unique(classes)
        sizes = np.array([int(responded[classes == number].sum()) for number in numbers])
        if len(numbers) == 1 or sizes.min() >= minimum:
            return np.searchsorted(numbers, classes).astype(np.int64)
        small = int(sizes.argmin())
        beside = [place for place in (small - 1, small + 1) if 0 <= place < len(numbers)]
        target = min(beside, key=lambda place: int(sizes[place]))
        classes = np.where(classes == numbers[small], numbers[target], classes)


def class_adjusted(base: Floats, classes: NDArray[np.int64], responded: Mask) -> Floats:
    """Give respondents their base weight times (weight of the class) / (weight of its respondents)."""
    everyone = np.bincount(classes, weights=base)
    answered = np.bincount(classes, weights=base * responded, minlength=len(everyone))
    factors = everyone / np.where(answered > 0, answered, np.nan)
    return np.asarray((base * factors[classes])[responded])


def trim(weights: Floats, bounds: tuple[float, float]) -> Floats:
    """Bring weights (each column for itself) between `bounds` times their mean.

    >>> trim(np.array([0.1, 1.0, 1.0, 5.9]), (0.33, 2.0)).tolist()
    [0.66, 1.0, 1.0, 4.0]
    """
    mean = weights.sum(axis=0) / np.maximum((weights > 0).sum(axis=0), 1)
    return np.where(weights > 0, np.clip(weights, bounds[0] * mean, bounds[1] * mean), 0.0)


def calibrate(start: Floats, margins: Sequence[Margin], constants: Constants, tolerance: float) -> Raked:
    """Rake, trim to the bounds, and rake once more where something was trimmed (specification 2.3 point 3).

    With a matrix each column is a replicate; a weight of 0 (not drawn) stays 0 and is no part of the mean.
    """
    first = rake(start, margins, iterations=constants.rake_iterations, tolerance=tolerance)
    cut = trim(first.weights, constants.trim)
    if np.array_equal(cut, first.weights):
        return first
    again = rake(cut, margins, iterations=constants.rake_iterations, tolerance=tolerance)
    return replace(again, iterations=first.iterations + again.iterations)


def person_weights(frame: pd.DataFrame, constants: Constants) -> Weighted:
    """Weight the respondents of a frame of eligible persons (one row each).

    Columns: `responded` (bool), those of `PROPENSITY`, programme, year, sex, age_group, target_group, zone, funding.
    Never raises because raking failed: `notes` says so and the caller prints it.
    """
    cells = with_cells(spread_unknown_age(frame), constants.families)
    responded = cells["responded"].to_numpy(dtype=bool)
    propensity, remarks = _propensity(cells, responded)
    classes = propensity_classes(
        propensity, responded, count=constants.propensity_classes, minimum=constants.class_minimum
    )
    adjusted = class_adjusted(np.ones(len(cells)), classes, responded)
    shares = {"sex x age": cells["share"].tolist()}
    margins = tuple(
        make_margin(
            name,
            cells[list(columns)].fillna(UNKNOWN),
            responded.tolist(),
            constants.margin_minimum,
            shares.get(name),
        )
        for name, columns in MARGINS.items()
    )
    raked = calibrate(adjusted, margins, constants, constants.rake_tolerance)
    replicates, broken = bootstrap_weights(adjusted, margins, constants)
    notes = (*remarks, *_notes(raked, margins, broken, constants))
    return Weighted(raked.weights, replicates, margins, raked, propensity, classes, adjusted, broken, notes)


def _propensity(cells: pd.DataFrame, responded: Mask) -> tuple[Floats, tuple[str, ...]]:
    design = design_matrix(cells, PROPENSITY)
    plain = fit_propensity(design, responded)
    if plain.min() > 1e-4 and plain.max() < 1 - 1e-4:  # noqa: PLR2004 - a category that answered always or never
        return plain, ()
    return fit_propensity(design, responded, ridge=1.0), ("propensity fitted with a ridge of 1 (separation)",)


def bootstrap_weights(start: Floats, margins: Sequence[Margin], constants: Constants) -> tuple[Floats, int]:
    """Draw respondents with replacement, weight and rake each replicate anew; one column each.

    The seed is `constants.seed`. Also gives how many replicates did not converge; those become nan, so an interval
    from too few replicates is not given at all.
    """
    chance = np.random.default_rng(constants.seed)
    size = len(start)
    drawn = chance.multinomial(size, np.full(size, 1 / size), size=constants.replicates).T.astype(float)
    raked = calibrate(start[:, None] * drawn, margins, constants, constants.replicate_tolerance)
    return np.where(raked.converged, raked.weights, np.nan), int((~raked.converged).sum())


def _notes(raked: Raked, margins: Sequence[Margin], broken: int, constants: Constants) -> tuple[str, ...]:
    notes = [f"margin {margin.name}: merged {remark}" for margin in margins for remark in margin.merged]
    if not raked.converged.all():
        worst = f"largest difference {float(raked.discrepancy.max()):.2e} after {raked.iterations} iterations"
        notes.append(f"raking did not converge: {worst}")
    if broken:
        notes.append(
            f"{broken} of {constants.replicates} bootstrap replicates did not converge and are left out"
        )
    if design_effect(raked.weights) > constants.deff_alarm:
        notes.append(f"design effect {design_effect(raked.weights):.2f} above {constants.deff_alarm}")
    return tuple(notes)
