"""What the office decides about a round of selection: evidence/selection_2026.toml, read and checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.evidence.office_file import read_office_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tracer_etl.evidence.office_file import Table

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


def _config(document: Table) -> SelectionConfig:
    one, gates, marks, aims = (document[name] for name in ("round", "gates", "marks", "aims"))
    return SelectionConfig(
        name=str(one["name"]),
        training_starts=_day(one["training_starts"], "[round] training_starts"),
        announced=_day(one["announced"], "[round] announced"),
        holidays=frozenset(_day(day, "[round] holidays") for day in one["holidays"]),
        appeal_days=int(one.number("appeal_days", 0)),
        public_seed=str(one["public_seed"]),
        months_since_training=int(gates.number("months_since_training", 0)),
        government=_codes(gates["government"]),
        least_total=marks.number("total", 0, 100),
        least_commitment=marks.number("commitment", 0, 30),
        least_aptitude=marks.number("aptitude", 0, 25),
        third_assessor_above=marks.number("third_assessor_above", 0, 35),
        least_icc=marks.number("icc", 0, 1),
        severity=marks.number("severity", 0, 35),
        band=document["lottery"].number("band", 0, 100),
        women=aims.number("women", 0, 1),
        disability=int(aims.number("disability", 0)),
        per_desa=int(aims.number("per_desa", 1)),
        reserve=aims.number("reserve", 0, 1),
        seats=_classes(document["class"]),
    )


def _day(value: object, where: str) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError(f"{where} is {value!r}, and must be a day such as 2026-03-16, without quotes")
    return value


def _codes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"[gates] government is {value!r}, and must be a list")
    return tuple(map(str, value))


def _classes(tables: Sequence[Table]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for table in tables:
        if table["programme"] in found:
            raise ValueError(f"[[class]] {table['programme']} is listed twice")
        found[table["programme"]] = {group: int(table["seats"].number(group, 0)) for group in GROUPS}
    return found
