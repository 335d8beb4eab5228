"""A list of applicants whose accepted ones are alumni of the world of `estimate_world`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

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
