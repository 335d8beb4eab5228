"""Work in the field of the training (S1), three ways: as people say, by the code of the job, and by either."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tracer_etl.evidence.indicators import Indicator, employed, only

if TYPE_CHECKING:
    from collections.abc import Callable

CODED, REVIEWED = ("reviewed", "proposed"), "reviewed"
"""States of `marts.job_code` in which a job has a code that counts."""

KNOWN = "respondents of whom it can be told"
BOTH = "employed, both known"


def told_in_field(table: pd.DataFrame) -> pd.Series[float]:
    """Say who works in the field by their own word: 1 or 0, missing where it is not known."""
    matched = table["match_field"].isin(["1", "2"]).astype(float)
    return matched.where(employed(table) & table["match_field"].notna()).where(table["emp_bps"] != "0", 0.0)


def coded_in_field(table: pd.DataFrame) -> pd.Series[float]:
    """Say whose job has a code of the programme of the row: 1 or 0, missing where the job has none.

    Where no job has a code nothing is known of anybody: those without work alone are no rate.
    """
    has = _has_code(table)
    inside = [
        str(programme) in fields.split() if isinstance(fields, str) else False
        for programme, fields in zip(table["programme"], table["job_fields"], strict=True)
    ]
    known = pd.Series(inside, index=table.index).astype(float).where(has).where(table["emp_bps"] != "0", 0.0)
    return known if has.any() else known * np.nan


def either_in_field(table: pd.DataFrame) -> pd.Series[float]:
    """Say who works in the field one way or the other, of those whose own word is known: a job without a code adds nobody.

    Were those left out of whom neither says yes and the code is unknown, only who says no would go, and the rate be too high.
    """
    told = told_in_field(table)
    either = told.mask((told == 0) & (coded_in_field(table) == 1), 1.0)
    return either if _has_code(table).any() else either * np.nan


def both_told(table: pd.DataFrame) -> pd.Series[bool]:
    """Say of which employed both are known."""
    return employed(table) & told_in_field(table).notna() & coded_in_field(table).notna()


def coverage(table: pd.DataFrame) -> pd.Series[float]:
    """Say which of the employed have a code: 1 or 0, missing for who has no work and where nobody codes jobs."""
    return _has_code(table).astype(float).where(employed(table) & table["job_state"].notna())


def _has_code(table: pd.DataFrame) -> pd.Series[bool]:
    return employed(table) & table["job_state"].isin(list(CODED))


def _reviewed(table: pd.DataFrame) -> pd.DataFrame:
    return only((table["job_state"] == REVIEWED).astype(float).where(_has_code(table)))


def _apart(told: int, coded: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Count who is so by their own word and so by the code."""

    def values(table: pd.DataFrame) -> pd.DataFrame:
        found = (told_in_field(table) == told) & (coded_in_field(table) == coded)
        return only(found.astype(float).where(both_told(table)))

    return values


def _agree(table: pd.DataFrame) -> pd.DataFrame:
    return only((told_in_field(table) == coded_in_field(table)).astype(float).where(both_told(table)))


IN_FIELD = (
    Indicator(
        "S1",
        "share",
        "share",
        "Serapan-2: bekerja di bidang pelatihan",
        "In-field work",
        "employed and match_field 1 or 2 (self-report)",
        KNOWN,
        lambda table: only(told_in_field(table)),
    ),
    Indicator(
        "S1_coded",
        "share",
        "share",
        "Serapan-2 menurut kode jabatan",
        "In-field work by the code of the job",
        "employed and coded KBJI or KBLI on the programme's list",
        KNOWN,
        lambda table: only(coded_in_field(table)),
        covered=coverage,
    ),
    Indicator(
        "S1_either",
        "share",
        "share",
        "Serapan-2 menurut salah satu",
        "In-field work by either",
        "employed, and match_field 1 or 2 or coded on the programme's list",
        KNOWN,
        lambda table: only(either_in_field(table)),
        covered=coverage,
    ),
    Indicator(
        "S1_with_code",
        "share",
        "share",
        "Pekerjaan yang berkode",
        "Jobs with a code",
        "job has a KBJI code that counts",
        "employed",
        lambda table: only(coverage(table)),
    ),
    Indicator(
        "S1_reviewed",
        "share",
        "share",
        "Kode yang ditinjau pengode",
        "Codes a coder reviewed",
        "code decided by a coder, not proposed by the map",
        "employed, with a code",
        _reviewed,
    ),
    Indicator(
        "S1_agree",
        "share",
        "share",
        "Pengakuan dan kode sama",
        "Self-report and code agree",
        "both in the field, or both not",
        BOTH,
        _agree,
    ),
    Indicator(
        "S1_told_only",
        "share",
        "share",
        "Sebidang hanya menurut pengakuan",
        "In the field by self-report only",
        "match_field 1 or 2, coded outside the programme's list",
        BOTH,
        _apart(1, 0),
    ),
    Indicator(
        "S1_coded_only",
        "share",
        "share",
        "Sebidang hanya menurut kode",
        "In the field by the code only",
        "match_field 3 or 4, coded on the programme's list",
        BOTH,
        _apart(0, 1),
    ),
)
