"""Any form: what goes in comes out, in any order; names stay, and are fit for any database."""

from __future__ import annotations

import random
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from random_forms import TIMEZONE, Instances, land, leaves, load, unproven
from tracer_etl import tables
from tracer_etl.form import read_form
from tracer_etl.names import LIMIT, RESERVED, quote
from tracer_etl.schema import Schema, schema_of
from tracer_etl.warehouse.duckdb import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.questions import Form

LONG = "berapa_rata_rata_pendapatan_bersih_per_bulan_dari_pekerjaan_utama_"
"""63 bytes and more are shared by two names that begin so."""
NAMES = (
    "name", "Name", "NAME", "order", "select", "user", "group", "Limit", "a.b", "a-b", "a_b", "selected", "visit",
    "_row_id", "_position", "place", "place_lat", "umur", "usía", "data", "item", "key", "at", "t1", "p", f"{LONG}1", f"{LONG}2",
)  # fmt: skip
QUESTIONS = (
    "text", "integer", "decimal", "date", "time", "dateTime", "geopoint", "geotrace", "geoshape", "image", "audio",
    "video", "file", "barcode", "calculate", "hidden", "note", "acknowledge", "select_one tool", "select_multiple tool",
    "rank tool", "select_one tool or_other", "select_one_from_file village.csv", "select_multiple_from_file village.csv",
    "range", "start", "end", "today", "deviceid", "email",
)  # fmt: skip
DEEPEST = 3
CHOICES = """
| choices  |           |         |           |
|          | list_name | name    | label     |
|          | tool      | saw     | Saw       |
|          | tool      | sawdust | Dust      |
|          | tool      | las     | Las       |
|          | tool      | las_listrik | Las listrik |
| settings |           |         |           |
|          | form_id   | version |           |
|          | visit     | 1       |           |
"""
Node = tuple[str, str, Any]
SETTINGS = settings(
    deadline=None,
    # Making an example smaller takes minutes here; what fails is printed whole, and kept for the next run.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)


@st.composite
def nodes(draw: st.DrawFn, depth: int = 0) -> list[Node]:
    """Draw the members of a group: (type, name, members or details)."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
    return [draw(_node(name, depth)) for name in names]


@st.composite
def _node(draw: st.DrawFn, name: str, depth: int) -> Node:
    kind = draw(st.sampled_from(("question", "question", "question", "begin_group", "begin_repeat")))
    if kind != "question" and depth < DEEPEST:
        return kind, name, draw(nodes(depth + 1))
    return draw(st.sampled_from(QUESTIONS)), name, draw(st.booleans())


def distinct(members: list[Node], counter: Iterator[int]) -> list[Node]:
    """Number the repeats, since pyxform wants their names to be unique in the whole form."""
    made = []
    for kind, name, more in members:
        numbered = f"{name}_{next(counter)}" if kind == "begin_repeat" else name
        made.append((kind, numbered, distinct(more, counter) if isinstance(more, list) else more))
    return made


def written(members: list[Node]) -> str:
    """Write the form as the tables of an XLSForm."""
    head = "| survey   |\n|          | type | name | label | calculation | parameters | repeat_count | readonly | default |\n"
    return head + "".join(_lines(members)) + CHOICES


def _lines(members: list[Node]) -> list[str]:
    lines = []
    for kind, name, more in members:
        if kind.startswith("begin"):
            count = "2" if kind == "begin_repeat" and len(more) % 2 else ""
            lines.append(f"| | {kind} | {name} | L | | | {count} | | |\n")
            lines += [*_lines(more), f"| | {kind.replace('begin', 'end')} | | | | | | | |\n"]
            continue
        calculation = "1 + 1" if kind == "calculate" else ""
        parameters = f"start=0 end=10 step={'0.5' if more else '1'}" if kind == "range" else ""
        fixed = "yes | stated" if kind == "text" and more else " | "
        lines.append(f"| | {kind} | {name} | L | {calculation} | {parameters} | | {fixed} |\n")
    return lines


def compiled(folder: Path, members: list[Node]) -> Form:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "visit.md").write_text(written(distinct(members, count())), encoding="utf-8")
    (folder / "village.csv").write_text("name,label\n3505,Blitar\n0812,Kosong\n", encoding="utf-8")
    return read_form(folder / "visit.md")


def content(folder: Path, schema: Schema) -> dict[str, list[tuple]]:
    """Read every table sorted, without what tells the order of landing."""
    found = {}
    for name in [*(table.name for table in schema.tables), "problems"]:
        relation = duckdb.sql(f"SELECT * FROM '{folder}/{name}.parquet'")
        kept = [column for column in relation.columns if column != "_landed"]
        listed = ", ".join(f"{quote(column)}::VARCHAR" for column in kept)
        found[name] = [tuple(kept), *duckdb.sql(f"SELECT {listed} FROM relation ORDER BY ALL").fetchall()]
    return found


@pytest.mark.slow
@settings(SETTINGS, max_examples=8)
@given(members=nodes(), seed=st.integers(0, 10**6))
def test_every_answer_of_any_form_arrives_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, members: list[Node], seed: int
) -> None:
    folder, rng = tmp_path_factory.mktemp("any"), random.Random(seed)
    form = compiled(folder, members)
    schema, instances = schema_of([form]), Instances(form.xform)
    made = [instances.make(number, rng) for number in range(5)]
    expected = [leaf for raw in made for leaf in leaves(raw, instances.repeats)]
    landing = land(folder / "a", "visit", [made])
    with Warehouse(folder / "warehouse.duckdb", TIMEZONE) as warehouse:
        assert load(landing, schema, folder / "built", warehouse).good == len(made)
        assert not unproven(warehouse, schema, expected)
    rng.shuffle(made)
    cut = rng.randint(1, 4)
    landing = land(folder / "b", "visit", [made[:cut], made[cut:]])
    tables.build(landing.segments()[::-1], schema, folder / "again", TIMEZONE)
    assert content(folder / "built", schema) == content(folder / "again", schema)
    tables.build((), schema, folder / "empty", TIMEZONE)
    for name, (header, *_) in content(folder / "built", schema).items():
        assert content(folder / "empty", schema)[name] == [header]
        described = [
            duckdb.sql(f"DESCRIBE SELECT * FROM '{folder}/{which}/{name}.parquet'").fetchall()
            for which in ("built", "empty")
        ]
        assert described[0] == described[1]


@settings(SETTINGS, max_examples=20)
@given(members=nodes(), more=nodes(depth=DEEPEST), place=st.integers(0, 100))
def test_names_are_fit_for_any_database_and_stay_when_questions_are_added(
    tmp_path_factory: pytest.TempPathFactory, members: list[Node], more: list[Node], place: int
) -> None:
    folder = tmp_path_factory.mktemp("names")
    old = compiled(folder / "1", members)
    known = {name for _, name, _ in members}
    added = [node for node in more if node[1] not in known]
    cut = place % (len(members) + 1)
    new = compiled(folder / "2", [*members[:cut], *added, *members[cut:]])
    before, after = schema_of([old]), schema_of([old, new])
    named = {(table.path, c.paths[0], c.part): c.name for table in after.tables for c in table.columns}
    for table in before.tables:
        assert after.table(table.name).path == table.path
        for column in table.columns:
            assert named[table.path, column.paths[0], column.part] == column.name
    tables_ = [table.name for table in after.tables] + [after.bridge]
    assert len(set(tables_)) == len(tables_)
    for table in after.tables:
        assert len(table.types()) == len(table.keys) + len(table.columns)
    names = [*tables_, *(name for table in after.tables for name in table.types())]
    assert all(
        len(name.encode()) <= LIMIT and name == name.lower() and name not in RESERVED for name in names
    )


def test_the_proof_sees_what_is_lost_and_what_comes_from_nowhere(tmp_path: Path) -> None:
    form = compiled(
        tmp_path, [("begin_repeat", "job", [("text", "name", False)]), ("integer", "umur", False)]
    )
    schema = schema_of([form])
    head, tail = b'<data id="visit"><meta><instanceID>uuid:1</instanceID></meta>', b"</data>"
    told = head + b"<umur>7</umur><job_0><name>a</name></job_0><job_0><name>b</name></job_0>" + tail
    meant = head + b"<umur>8</umur><job_0><name>b</name></job_0><job_0><name>a</name></job_0>" + tail
    instances = Instances(form.xform)
    with Warehouse(tmp_path / "warehouse.duckdb", TIMEZONE) as warehouse:
        load(land(tmp_path / "in", "visit", [[told]]), schema, tmp_path / "built", warehouse)
        assert not unproven(warehouse, schema, [*leaves(told, instances.repeats)])
        wrong = unproven(warehouse, schema, [*leaves(meant, instances.repeats)])
    assert sum(line.startswith("lost") for line in wrong) == 3
    assert sum(line.startswith("from nowhere") for line in wrong) == 3
