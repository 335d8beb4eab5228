"""What the office decides about a round of selection: evidence/selection_2026.toml, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.evidence.office_file import read_office_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

GROUPS = ("t1", "t2", "t3")
"""Target groups in the order of PMK 72/2024: tobacco and clove; factory workers and laid-off; everybody."""


@dataclass(frozen=True)
class SelectionConfig:
    """The office's file: seats per programme and target group, least points, days in Asia/Jakarta."""

    name: str
    training_starts: date
    announced: date
    holidays: frozenset[date]
    appeal_days: int
    public_seed: str
    months_since_training: int
    government: tuple[str, ...]
    least_total: float
    least_commitment: float
    least_aptitude: float
    third_assessor_above: float
    least_icc: float
    severity: float
    band: float
    women: float
    disability: int
    per_desa: int
    reserve: float
    seats: Mapping[str, Mapping[str, int]]


def read_selection(path: Path) -> SelectionConfig:
    """Read the office's file.

    Raises:
        StudyError: the file is missing, not TOML, or lacks something; the message says what.
    """
    config = read_office_file(path, _config, "docs/how-to/select-participants.md")
    if not config.public_seed.strip():
        raise StudyError("public_seed is empty", where=path.name, remedy="write the seed that was announced")
    return config


def _config(document: Mapping[str, Any]) -> SelectionConfig:
    one, marks, aims = document["round"], document["marks"], document["aims"]
    return SelectionConfig(
        name=one["name"],
        training_starts=one["training_starts"],
        announced=one["announced"],
        holidays=frozenset(one["holidays"]),
        appeal_days=int(one["appeal_days"]),
        public_seed=one["public_seed"],
        months_since_training=int(document["gates"]["months_since_training"]),
        government=tuple(document["gates"]["government"]),
        least_total=float(marks["total"]),
        least_commitment=float(marks["commitment"]),
        least_aptitude=float(marks["aptitude"]),
        third_assessor_above=float(marks["third_assessor_above"]),
        least_icc=float(marks["icc"]),
        severity=float(marks["severity"]),
        band=float(document["lottery"]["band"]),
        women=float(aims["women"]),
        disability=int(aims["disability"]),
        per_desa=int(aims["per_desa"]),
        reserve=float(aims["reserve"]),
        seats={
            table["programme"]: {group: int(table["seats"][group]) for group in GROUPS}
            for table in document["class"]
        },
    )
