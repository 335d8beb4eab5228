"""Real XLSForms with random answers: every view opens, every format is written and can be read back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import duckdb
import pandas as pd
import pyreadstat
import pytest

from random_forms import TIMEZONE, Instances, land, load
from test_corpus import CORPUS, _forms
from tracer_etl.api import read_tables
from tracer_etl.exports import FORMATS, Wish, export
from tracer_etl.form import read_form
from tracer_etl.schema import schema_of
from tracer_etl.warehouse.duckdb import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

INSTANCES = 3


@pytest.mark.slow
@pytest.mark.parametrize("file", _forms()[::12])
def test_a_real_form_goes_out_in_every_format_and_comes_back(file: str, tmp_path: Path) -> None:
    form = read_form(CORPUS / file)
    schema = schema_of([form])
    instances, rng = Instances(form.xform), random.Random(file)
    landing = land(tmp_path / "landing", form.form_id, [[instances.make(n, rng) for n in range(INSTANCES)]])
    copy = tmp_path / "published.duckdb"
    with Warehouse(tmp_path / "warehouse.duckdb", TIMEZONE) as warehouse:
        load(landing, schema, tmp_path / "built", warehouse)
        warehouse.publish(copy)
    rows = every_view_has_the_rows_of_its_table(copy)
    done = export(copy, tmp_path / "out", formats=FORMATS)
    assert [
        remark for remark in done.remarks if "2^53" not in remark and not remark.startswith("geojson")
    ] == []
    for table, count in rows.items():
        written = tmp_path / "out"
        sav, _ = pyreadstat.read_sav(written / "sav" / f"{table}.sav")
        dta, _ = pyreadstat.read_dta(written / "dta" / f"{table}.dta")
        csv = pd.read_csv(written / "csv" / f"{table}.csv", dtype=str, keep_default_na=False)
        assert [len(frame) for frame in (sav, dta, csv)] == [count] * 3
        assert len(sav.columns) == len(dta.columns) >= len(csv.columns)
    export(copy, tmp_path / "labelled", formats=["csv", "xlsx"], wish=Wish(labels=True, for_excel=True))
    frames = read_tables(copy, form.form_id, labels="")
    assert {table: len(frame) for table, frame in frames.items()} == rows


def every_view_has_the_rows_of_its_table(copy: Path) -> dict[str, int]:
    with duckdb.connect(str(copy), read_only=True) as connection:
        views = connection.execute("SELECT table_name, view_name FROM meta.view").fetchall()
        tables = [
            row[0] for row in connection.execute("SELECT DISTINCT table_name FROM meta.form_table").fetchall()
        ]
        counts = {
            name: len(connection.execute(f'SELECT * FROM clean."{name}"').fetchall())
            for name in [*tables, *(view for _, view in views)]
        }
    assert views
    assert all(counts[view] == counts[table] for table, view in views)
    return {table: counts[table] for table in tables}
