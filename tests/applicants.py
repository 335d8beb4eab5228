"""A list of applicants whose accepted ones are alumni of the world of `estimate_world`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tracer_etl.evidence.aipw import Groups, estimate_effect
from tracer_etl.evidence.effect_bounds import detectable
from tracer_etl.evidence.regression import chances

if TYPE_CHECKING:
    from tracer_etl.evidence.constants import Constants

TRAINED = 180
"""Alumni of the world's three classes of which two in three answered, 120."""


def pool_of(size: int, works: float, **changed: Any) -> pd.DataFrame:
    """Make a list: alumni as the accepted, and others alike of whom a share works."""
    dice, total = np.random.default_rng(5), TRAINED + size
    own = np.arange(total) < TRAINED
    at_work = dice.random(total) < works
    table = pd.DataFrame(
        {
            "applicant_id": [f"K{number:04}" for number in range(total)],
            "alumni_id": [f"A{number:04}" if number < TRAINED else None for number in range(total)],
            "program_code": dice.choice(["barista", "mua"], total),
            "applied_on": "2025-03-01",
            "accepted": np.where(own, "1", "0"),
            "ap_followup": "1",
            "baseline_lab": dice.choice(["1", "2", "3"], total),
            "baseline_hours": dice.integers(0, 30, total).astype(str),
            "baseline_income": (dice.integers(0, 20, total) * 100_000).astype(str),
            "baseline_edu": dice.choice(["3", "4", "5"], total),
            "baseline_birth_year": dice.integers(1985, 2005, total).astype(str),
            "baseline_sex": dice.choice(["1", "2"], total),
            "baseline_kec": dice.choice(["350503", "350510"], total),
            "baseline_tg": dice.choice(["t1", "t3"], total),
            "baseline_welfare": dice.choice(["1", "2", "4"], total),
            "asked_on": np.where(own, None, "2026-01-20"),
            "emp_bps": np.where(own, None, np.where(at_work, "1", "0")),
            "in_field": np.where(own | ~at_work, None, np.where(dice.random(total) < 0.2, "1", "0")),
            "earnings_idr": np.where(own | ~at_work, None, "1500000"),
        }
    )
    return table.assign(**changed)


def one_effect(number: int, constants: Constants, gain: float) -> pd.DataFrame:
    """Draw 360 applicants of whom about 120 are accepted, with a known effect on work; one row: how the estimate did.

    held: the effect on these accepted lies in the 95 % interval; off: how far the estimate is from it; off_plain: how
    far the plain difference of the groups is; found: the interval leaves out 0.
    """
    dice = np.random.default_rng([number, 12])
    recorded = np.column_stack([np.ones(360), dice.standard_normal((360, 5))])
    accepted = dice.random(360) < chances(recorded, np.array([-0.8, 0.5, -0.4, 0.3, 0.0, 0.0]))
    without = chances(recorded, np.array([0.5, -0.6, 0.5, -0.3, 0.4, 0.0]))
    worked = dice.random(360) < np.where(accepted, np.minimum(without + gain, 1.0), without)
    truth = float((np.minimum(without + gain, 1.0) - without)[accepted].mean())
    y = worked.astype(float)
    found = estimate_effect(Groups(accepted, recorded, recorded, np.ones(360)), y, constants, binary=True)
    reach, plain = 1.959964 * found.se, float(y[accepted].mean() - y[~accepted].mean())
    row = {"held": abs(found.estimate - truth) <= reach, "off": found.estimate - truth}
    row |= {
        "off_plain": plain - truth,
        "found": abs(found.estimate) > reach,
        "detectable": detectable(found.se),
    }
    return pd.DataFrame([row])
