"""One submission in six dialects gives the same typed tables: of phone, two browsers, two servers, one export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from random_forms import TIMEZONE, Handed
from staging import chosen
from tracer_etl import tables
from tracer_etl.form import read_form
from tracer_etl.landing import Landing
from tracer_etl.names import quote
from tracer_etl.records import Received
from tracer_etl.schema import Schema, schema_of
from tracer_etl.servers import central_csv, central_rows, kobo_rows, openrosa

DIALECTS = Path(__file__).parent / "dialects"
KEY = "uuid:0f1e2d3c-0000-4000-8000-000000000001"
ALIKE = ("collect.xml", "web_forms.xml", "enketo.xml", "kobo.json", "central.json", "central.csv")
TABLES = ("dialects", "dialects__job", "dialects__selected", "problems")


@pytest.fixture(scope="module")
def schema() -> Schema:
    return schema_of([read_form(DIALECTS / "dialects.md")])


def submission(name: str) -> Received:
    if name == "central.csv":
        return exported(DIALECTS)
    raw = (DIALECTS / name).read_bytes()
    if name == "kobo.json":
        return kobo_rows.received(json.loads(raw), stamp="")
    if name == "central.json":
        row = json.loads(raw)
        layout = central_rows.layout(json.loads((DIALECTS / "central_fields.json").read_bytes()))
        reading = central_rows.read_row(row, layout)
        assert reading.whole, "Central's client would fetch the XML"
        return Received(row["__id"], row["__id"], raw, reading.data, form_version="1")
    return openrosa.received(raw, where=name, fallback_key="none")


def exported(folder: Path) -> Received:
    """Read Central's CSV export, which has the repeat in a table of its own."""
    files = {"dialects.csv": "central.csv", "dialects-job.csv": "central-job.csv"}
    tables = {name: (folder / file).read_bytes() for name, file in files.items()}
    (one,) = central_csv.rows(tables, {}, schema_of([read_form(DIALECTS / "dialects.md")]), "central")
    return one


def built(folder: Path, schema: Schema, *received: Received) -> dict[str, list[tuple]]:
    landing = Landing(folder / "landing", "dialects")
    landing.land(Handed(received), "2026-01-05T00:00:00+00:00")
    tables.build(landing.segments(), schema, folder / "out", TIMEZONE)
    chosen(folder / "out", schema)
    own = {
        table.name: [c.name for c in table.columns if c.paths[0][0] not in SENDERS] for table in schema.tables
    }
    keys = {
        table.name: ["_row_id", "_position"] if table.parent else ["_submission_id"]
        for table in schema.tables
    }
    found = {}
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{TIMEZONE}'")
        for name in TABLES:
            listed = ", ".join(f'"{c}"::VARCHAR' for c in [*keys[name], *own[name]]) if name in own else "*"
            query = f"SELECT {listed} FROM '{folder}/out/{name}.parquet' ORDER BY ALL"
            found[name] = connection.execute(query).fetchall()
    return found


SENDERS = {"deviceid", "meta"}
"""What each client writes of itself; compared nowhere."""


@pytest.mark.parametrize("name", ALIKE[1:])
def test_every_dialect_gives_the_tables_the_phone_gives(name: str, schema: Schema, tmp_path: Path) -> None:
    phone = built(tmp_path / "phone", schema, replace(submission(ALIKE[0]), key=KEY))
    other = built(tmp_path / "other", schema, replace(submission(name), key=KEY))
    assert other == phone


def test_the_tables_hold_every_answer_typed(schema: Schema, tmp_path: Path) -> None:
    found = built(tmp_path, schema, submission(ALIKE[0]))
    assert found == {
        "dialects": [
            (
                KEY, "Siti Aminah", None, "0812", "16666666.666666666", "10000000", "2026-01-05", "2026-01-05 15:00:00.5+07",
                "15:30:00", "-8.098", "112.168", "0.0", "8.0", None, None, "las las_listrik", "1", "OK", "foto.jpg",
            )
        ],
        "dialects__job": [
            (f"{KEY}/job[1]", "1", "barista", "3400000.5"),
            (f"{KEY}/job[2]", "2", "kurir", None),
        ],
        "dialects__selected": [(KEY, KEY, "skills", "las", 1), (KEY, KEY, "skills", "las_listrik", 2)],
        "problems": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "column", "value"),
    [
        ("<mean>1.6666666666666666E7</mean>", "mean", "16666666.666666666"),
        ("<mean>16666666.666666666</mean>", "mean", "16666666.666666666"),
        ("<total>1.0E7</total>", "total", "10000000"),
        ("<total>10000000.0</total>", "total", "10000000"),
        ("<at>15:30:00.000+07:00</at>", "at_", "15:30:00"),
        ("<at>15:30:00.000Z</at>", "at_", "15:30:00"),
        ("<at>15:30</at>", "at_", "15:30:00"),
        ("<met>2026-01-05T08:00:00.5Z</met>", "met", "2026-01-05 15:00:00.5+07"),
        ("<met>2026-01-05T15:00:00.500+07</met>", "met", "2026-01-05 15:00:00.5+07"),
        ("<met>2026-01-05T15:00:00.50</met>", "met", "2026-01-05 15:00:00.5+07"),
        ("<born>2026-01-05T00:00:00.000+07:00</born>", "born", "2026-01-05"),
        ("<place>-8.098 112.168</place>", "place_lat", "-8.098"),
        ("<place>-8.098 112.168 0 9.999E-4</place>", "place_acc", "0.0009999"),
        ("<phone>\n      0812\n   </phone>", "phone", "0812"),
    ],
)
def test_each_way_of_writing_a_value_is_read(
    body: str, column: str, value: str, schema: Schema, tmp_path: Path
) -> None:
    assert _one(body, column, schema, tmp_path) == (value, [])


@pytest.mark.parametrize(
    ("body", "column"),
    [
        ("<total>1.6666666666666666E7</total>", "total"),
        ("<mean>9007199254740993</mean>", "mean"),
        ("<mean>NaN</mean>", "mean"),
        ("<at>25:00:00</at>", "at_"),
        ("<met>5 Januari 2026</met>", "met"),
        ("<place>-8.098</place>", "place_lat"),
        ("<place>-8.098 . 0 0</place>", "place_lat"),
    ],
)
def test_what_does_not_fit_is_a_problem_and_no_silent_null(
    body: str, column: str, schema: Schema, tmp_path: Path
) -> None:
    path = body[1 : body.index(">")]
    value, found = _one(body, column, schema, tmp_path)
    assert value is None
    assert found == [(path, body[len(path) + 2 : body.rindex("<")])]


def _one(body: str, column: str, schema: Schema, folder: Path) -> tuple[str | None, list[tuple]]:
    raw = f'<data id="dialects" version="1">{body}<meta><instanceID>{KEY}</instanceID></meta></data>'.encode()
    built(folder, schema, openrosa.received(raw, where="test", fallback_key="none"))
    with duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = '{TIMEZONE}'")
        row = connection.execute(
            f"SELECT {quote(column)}::VARCHAR FROM '{folder}/out/dialects.parquet'"
        ).fetchone()
        told = connection.execute(f"SELECT path, value FROM '{folder}/out/problems.parquet'").fetchall()
    return row[0], told


@pytest.mark.parametrize("kind", ["line", "area"])
@pytest.mark.parametrize("separator", [";", "; "])
def test_lines_and_areas_are_the_same_whoever_wrote_them(
    kind: str, separator: str, schema: Schema, tmp_path: Path
) -> None:
    points = ["-8.1 112.1 0 0", "-8.2 112.2 0 0", "-8.1 112.1 0 0"]
    value, told = _one(f"<{kind}>{separator.join(points)}</{kind}>", kind, schema, tmp_path)
    assert (value, told) == (";".join(points), [])
