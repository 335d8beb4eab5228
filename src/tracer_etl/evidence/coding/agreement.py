"""How far two ways to tell work in the field agree: the person's own word, and the code of the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tracer_etl.evidence import variance
from tracer_etl.evidence.indicators_field import both_told, coded_in_field, told_in_field
from tracer_etl.evidence.registry_rates import plain_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.sample import Sample

    Floats = NDArray[np.float64]


def kappa(one: Floats, other: Floats, weights: Floats) -> Floats:
    """Give Cohen's kappa of two answers 0 or 1 of the same people, one number per column of weights.

    It is 1 where they always agree, 0 where they agree as often as by chance; nan where chance alone would always agree.

    >>> kappa(np.array([1.0, 1, 0, 0]), np.array([1.0, 0, 0, 0]), np.ones((4, 1))).tolist()
    [0.5]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = weights / weights.sum(axis=0)
        yes, also = one @ share, other @ share
        observed = (one == other).astype(float) @ share
        chance = yes * also + (1 - yes) * (1 - also)
        return np.asarray(np.where(chance < 1, (observed - chance) / (1 - chance), np.nan))


def kappa_rows(sample: Sample, constants: Constants) -> list[dict[str, Any]]:
    """Give the row of S1_kappa, of the employed of whom both are known: weighted, with the range of the replicates."""
    told = both_told(sample.table).to_numpy(dtype=bool)
    if told.sum() < constants.suppress_rate:
        return []
    one, other = (np.asarray(of(sample.table)[told], dtype=float) for of in (told_in_field, coded_in_field))
    estimate, plain = (
        float(kappa(one, other, w[:, None])[0]) for w in (sample.weights[told], np.ones(len(one)))
    )
    drawn = kappa(one, other, sample.replicates[told])
    found = variance.percentile_interval(drawn, constants.confidence)
    low, high = variance.stretched(estimate, found, sample.calibration.widening)
    row = plain_row("S1_kappa", "kappa", "all", "", estimate, len(one))
    spread = drawn[np.isfinite(drawn)]
    shown = {"low": low, "high": min(high, 1.0), "se": float(spread.std(ddof=1)), "unweighted": plain}
    return [{**row, **shown, "weighted_total": float(sample.weights[told].sum()), "note": "", "signed": True}]
