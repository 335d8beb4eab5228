"""The numbers R gave (golden.csv, by yardstick.R) and the data it gave them for.

`python tests/r_yardstick/golden.py <warehouse.duckdb>` writes rehearsal.csv and targets.csv anew from a warehouse in
which the rehearsal was run; then `Rscript tests/r_yardstick/yardstick.R tests/r_yardstick tests/r_yardstick/golden.csv`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tracer_etl.evidence.raking import Margin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HERE = Path(__file__).parent
API_MARGINS = pd.DataFrame(
    [
        ("stype", "E", 4421),
        ("stype", "H", 755),
        ("stype", "M", 1018),
        ("sch.wide", "No", 1072),
        ("sch.wide", "Yes", 5122),
    ],
    columns=["margin", "cell", "total"],
)
TOLD = ("earned", "wait", "wait_event", "cause", "wait_from", "wait_to")
COLUMNS = {
    "programme x year": "programme_year",
    "sex x age": "sex_age",
    "target group": "target_group",
    "zone": "zone",
    "funding": "funding",
}


def read_table(name: str) -> pd.DataFrame:
    return pd.read_csv(HERE / name)


def golden(name: str, key: str | None = None) -> NDArray[np.float64]:
    """Give all numbers of one check, or the one with this key."""
    table = pd.read_csv(HERE / "golden.csv", dtype={"key": str})
    found = table[(table["name"] == name) & ((table["key"] == key) | (key is None))]
    assert len(found), f"{name} {key} is not in golden.csv"
    return found["value"].to_numpy(float)


def margins_of(table: pd.DataFrame, targets: pd.DataFrame) -> Sequence[Margin]:
    """Make margins of a table of respondents and known totals by margin and cell."""
    made = []
    for name, part in targets.groupby("margin", sort=False):
        cells = tuple(part["cell"])
        codes = np.array([cells.index(cell) for cell in table[name]])
        made.append(Margin(str(name), codes, part["total"].to_numpy(float), cells, ()))
    return made


def write_inputs(warehouse: Path) -> None:
    import duckdb

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.estimates import read_study

    with duckdb.connect(str(warehouse), read_only=True) as connection:
        study = read_study(connection, Constants())
    margins = study.weighted.margins
    people = pd.DataFrame({COLUMNS[m.name]: [m.cells[code] for code in m.codes] for m in margins})
    told = study.persons.table
    people = people.assign(adjusted=study.weighted.adjusted, emp_bps=(told["emp_bps"] == "1").astype(int))
    people = people.assign(**{name: told[name] for name in TOLD})
    people.to_csv(HERE / "rehearsal.csv", index=False, float_format="%.10g")
    totals = [
        (COLUMNS[m.name], cell, total)
        for m in margins
        for cell, total in zip(m.cells, m.targets, strict=True)
    ]
    targets = pd.DataFrame(totals, columns=["margin", "cell", "total"])
    targets.to_csv(HERE / "targets.csv", index=False, float_format="%.15g")


if __name__ == "__main__":
    write_inputs(Path(sys.argv[1]))
