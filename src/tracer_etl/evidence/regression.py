"""Regressions with weights and a ridge: what chances and expectations are predicted from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LIMIT = 30.0
"""Largest absolute log-odds: beyond it a chance is 0 or 1 to all digits."""


def _penalty(design: Floats, ridge: float) -> Floats:
    """Give the ridge of each coefficient; the first one, the constant, has none."""
    penalty = np.full(design.shape[1], ridge)
    penalty[0] = 0.0
    return penalty


def logistic(
    design: Floats,
    happened: Floats,
    weights: Floats | None = None,
    *,
    ridge: float = 0.0,
    iterations: int = 50,
) -> Floats:
    """Fit a logistic regression by Newton's method and give its coefficients, one per column of the design.

    `happened` is 0 or 1 (or a share); the first column of the design is 1. `ridge` > 0 keeps coefficients finite where
    a category always or never happened. It is what R's `glm` gives when `ridge` is 0.
    """
    beta, penalty = np.zeros(design.shape[1]), _penalty(design, ridge)
    weighted = np.ones(len(design)) if weights is None else weights
    for _ in range(iterations):
        fitted = chances(design, beta)
        slope = design.T @ (weighted * (happened - fitted)) - penalty * beta
        bend = (design * (weighted * fitted * (1 - fitted))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.lstsq(bend, slope, rcond=None)[0]
        beta += step
        if float(np.max(np.abs(step))) < 1e-10:  # noqa: PLR2004 - converged to the last digits
            break
    return beta


def chances(design: Floats, beta: Floats) -> Floats:
    """Give the chance of each row, 0..1, by a logistic regression."""
    return np.asarray(1 / (1 + np.exp(-np.clip(design @ beta, -LIMIT, LIMIT))))


def linear(design: Floats, y: Floats, weights: Floats, *, ridge: float = 0.0) -> Floats:
    """Fit least squares with weights and give the coefficients; what R's `lm` gives when `ridge` is 0."""
    bend = (design * weights[:, None]).T @ design + np.diag(_penalty(design, ridge))
    return np.asarray(np.linalg.lstsq(bend, design.T @ (weights * y), rcond=None)[0])
