"""Whom the tobacco excise money reaches, by district, beside where tobacco is grown (specification 2.2, H1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.evidence import answers
from tracer_etl.evidence.marts import column_names, require
from tracer_etl.evidence.registry_rates import CLASSES, levels_of, plain_row, registry_rows

if TYPE_CHECKING:
    import pandas as pd

    from tracer_etl.evidence.marts import Connection

Row = dict[str, object]

TARGET = ("t1", "t2")
PLACES = ("zone", "kecamatan")
REACH = next(rate for rate in CLASSES if rate.id == "H1")
AREA = """
select a.kec_code as kecamatan, z.zone, a.hectares
from clean.tobacco_area a left join marts.seed_zone z on z.kec_code = a.kec_code order by a.kec_code
"""


def read_area(connection: Connection) -> pd.DataFrame | None:
    """Give the office's list `tobacco_area`, one row per kecamatan with its zone and hectares; None without one.

    Raises:
        StudyError: the list lacks a column, or hectares are no numbers.
    """
    if not column_names(connection, "tobacco_area", "clean"):
        return None
    require(connection, {"clean.tobacco_area": ("kec_code", "hectares")})
    area = answers.read(connection, AREA)
    return area.assign(hectares=answers.numbers(area["hectares"], "clean.tobacco_area"))


def reach_rows(enrolments: pd.DataFrame, area: pd.DataFrame | None) -> list[Row]:
    """Give H1 by kecamatan and, where the area is known, H1_area by zone and kecamatan, as rows of the long table.

    H1_area is the place's share of the enrolled of t1 and t2 over its share of the hectares: 1 where the seats follow the
    tobacco, below 1 where they do not reach it. `enrolments` has a row per enrolment.
    """
    by_district = [row for row in registry_rows([REACH], enrolments, ("kecamatan",)) if row["level"]]
    return by_district if area is None else by_district + _beside_area(enrolments, area)


def _beside_area(enrolments: pd.DataFrame, area: pd.DataFrame) -> list[Row]:
    reached = enrolments["target_group"].isin(TARGET)
    everything, everybody = float(area["hectares"].sum()), int(reached.sum())
    if not (everything and everybody):
        return []
    rows = []
    for group, level, part in levels_of(enrolments, PLACES)[1:]:
        grown = float(area.loc[area[group] == level, "hectares"].sum()) / everything
        if grown:
            ratio = float(reached[part.index].sum()) / everybody / grown
            rows.append(plain_row("H1_area", "ratio", group, level, ratio, len(part)))
    return rows
