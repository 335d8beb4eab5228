"""Build: shape from the form only, every value typed or a problem, newest version wins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makers import FORM, Nothing, schema, store, xml
from staging import chosen
from tracer_etl import tables
from tracer_etl.errors import DriftError, LandingError
from tracer_etl.landing import Landing, Segment
from tracer_etl.schema import schema_of
from tracer_etl.servers.folder import FolderSource
from tracer_etl.tables import build

if TYPE_CHECKING:
    from pathlib import Path

TZ = "Asia/Jakarta"


def built(folder: Path, submissions: dict[str, bytes], *texts: str) -> Path:
    store(folder / "in" / "visit.zip", submissions)
    landing = Landing(folder / "landing", "visit")
    landing.land(FolderSource(folder / "in").pull("visit", Nothing()), "t")
    compiled = schema(folder / "forms", *texts)
    build(landing.segments(), compiled, folder / "out", TZ)
    chosen(folder / "out", compiled)
    return folder / "out"


def rows(folder: Path, table: str, columns: str = "*") -> list[tuple]:
    return duckdb.sql(f"SELECT {columns} FROM '{folder}/{table}.parquet'").fetchall()


def problems(folder: Path) -> list[tuple]:
    return rows(folder, "problems", "path, value, reason")


def test_a_staging_folder_that_cannot_be_written_is_not_blamed_on_the_landing(tmp_path: Path) -> None:
    (tmp_path / "out" / "visit.parquet").mkdir(parents=True)
    with pytest.raises(
        LandingError, match=r"^visit: the staging folder cannot be written .*; free disk space"
    ):
        built(tmp_path, {"a": xml(1)})


def test_zero_submissions_give_the_same_tables(tmp_path: Path) -> None:
    full = built(tmp_path / "a", {"a": xml(1)})
    empty = built(tmp_path / "b", {})
    for name in (
        "visit",
        "visit__job",
        "visit__task",
        "visit__selected",
        "problems",
        "attachments",
        "tombstones",
    ):
        described = [
            duckdb.sql(f"DESCRIBE SELECT * FROM '{f}/{name}.parquet'").fetchall() for f in (full, empty)
        ]
        assert described[0] == described[1]
        assert not rows(empty, name)


def test_rows_stay_in_landing_order_where_a_submission_came_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_FORMAT", "FORMAT parquet, ROW_GROUP_SIZE 2048")
    lines = [
        {"key": f"k{n}", "landed": n, "revision": 0, "version": "1", "data": {}} for n in range(1, 15_001)
    ]
    lines += [{**line, "landed": line["landed"] + 15_000} for line in lines[::3]]
    file = tmp_path / "1.ndjson.zst"
    file.write_bytes(zstandard.compress("\n".join(map(json.dumps, lines)).encode()))
    build([Segment("1", file, len(lines), 1, "", ())], schema(tmp_path / "forms"), tmp_path / "out", TZ)
    landed = [row[0] for row in rows(tmp_path / "out", "visit", "_landed")]
    assert len(landed) == 15_000
    assert landed == sorted(landed)


def test_values_are_typed(tmp_path: Path) -> None:
    body = "<age>30</age><born>1995-02-03</born><work>1</work><tools>saw sawdust</tools><place>-8.1 112.2 160.0 4.5</place>"
    out = built(tmp_path, {"a": xml(1, body)})
    [row] = rows(
        out, "visit", "age, CAST(born AS VARCHAR), work, tools, place_lat, place_lon, place_alt, place_acc"
    )
    assert row == (30, "1995-02-03", "1", "saw sawdust", -8.1, 112.2, 160.0, 4.5)
    assert rows(out, "visit__selected", "question, choice, _position") == [
        ("tools", "saw", 1),
        ("tools", "sawdust", 2),
    ]
    assert not problems(out)


@pytest.mark.parametrize("blank", [" ", "  ", "\t", "\n", " \r\n "])
def test_any_white_space_may_part_tokens_and_numbers(tmp_path: Path, blank: str) -> None:
    tools, place = f"saw{blank}sawdust", f"-8.1{blank}112.2"
    out = built(tmp_path, {"a": xml(1, f"<tools>{blank}{tools}{blank}</tools><place>{blank}{place}</place>")})
    assert rows(out, "visit__selected", "choice, _position") == [("saw", 1), ("sawdust", 2)]
    assert rows(out, "visit", "place_lat, place_lon, place_alt") == [(-8.1, 112.2, None)]
    assert not problems(out)


def test_a_repeat_of_notes_alone_has_its_instances(tmp_path: Path) -> None:
    form = FORM.replace(
        "| choices",
        "| | begin_repeat | page | Page |\n| | note | said | Said |\n| | end_repeat |\n| choices",
        1,
    )
    out = built(tmp_path, {"a": xml(1, "<page><said/></page><page><said/></page>")}, form)
    assert rows(out, "visit__page", "_position") == [(1,), (2,)]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<age>7.5</age>", ("age", "7.5", "type")),
        ("<age>1_000</age>", ("age", "1_000", "type")),
        ("<age>99999999999999999999</age>", ("age", "99999999999999999999", "type")),
        ("<born>2025-02-31</born>", ("born", "2025-02-31", "type")),
        ("<born>31/12/1999</born>", ("born", "31/12/1999", "type")),
        ("<place>here</place>", ("place", "here", "type")),
        ("<nick>Bud</nick>", ("nick", "Bud", "unknown_field")),
        ("<age>1</age><age>2</age>", ("age", "2", "duplicate_element")),
        ("<job><title>x</title><boss>y</boss></job>", ("job/boss", "y", "unknown_field")),
    ],
)
def test_what_does_not_fit_is_a_problem_never_a_silent_null(
    tmp_path: Path, body: str, problem: tuple
) -> None:
    assert problems(built(tmp_path, {"a": xml(1, body)})) == [problem]


def test_a_whole_number_may_be_written_as_a_decimal(tmp_path: Path) -> None:
    assert rows(built(tmp_path, {"a": xml(1, "<age>7.0</age>")}), "visit", "age") == [(7,)]


def test_repeats_have_parents_and_positions(tmp_path: Path) -> None:
    task = "<task><what>a</what></task><task><what>b</what></task>"
    body = f"<job><title>x</title></job><job><title>y</title><hours>5</hours>{task}</job>"
    out = built(tmp_path, {"a": xml(1, body)})
    job = "uuid:00000001/job[2]"
    assert rows(out, "visit__job", "_row_id, _parent_row_id, _position, title, hours") == [
        ("uuid:00000001/job[1]", "uuid:00000001", 1, "x", None),
        (job, "uuid:00000001", 2, "y", 5),
    ]
    assert rows(out, "visit__task", "_row_id, _parent_row_id, what") == [
        (f"{job}/task[1]", job, "a"),
        (f"{job}/task[2]", job, "b"),
    ]


def test_the_newest_version_of_a_submission_wins(tmp_path: Path) -> None:
    edit = xml(2, "<age>31</age>", meta="<deprecatedID>uuid:00000001</deprecatedID>")
    out = built(tmp_path, {"b": edit, "a": xml(1, "<age>30</age><job><title>x</title></job>")})
    assert rows(out, "visit", "_submission_id, _instance_id, age") == [("uuid:00000001", "uuid:00000002", 31)]
    assert not rows(out, "visit__job")


def test_an_unknown_version_and_an_unreadable_file_are_problems(tmp_path: Path) -> None:
    out = built(tmp_path, {"a": xml(1, version="7"), "b": b"<data id='visit'"})
    assert sorted(reason for *_, reason in problems(out)) == ["unknown_version", "unreadable"]
    assert len(rows(out, "visit")) == 2


def test_a_moved_question_stays_one_column_and_an_added_one_is_null_in_old_rows(tmp_path: Path) -> None:
    moved = (
        FORM.replace("| survey   |", "| survey   |", 1)
        .replace(
            "|          | integer              | age      | Age    | yes      |              | quasi                |",
            "|          | begin_group          | who_g    | Who    |          |              |                      |\n"
            "|          | integer              | age      | Age    | yes      |              | quasi                |\n"
            "|          | text                 | extra    | Extra  |          |              |                      |\n"
            "|          | end_group            |          |        |          |              |                      |",
        )
        .replace("| visit    | 1", "| visit    | 2")
        .replace("| visit    | 1 ", "| visit    | 2 ")
    )
    moved = moved.replace("|          | visit                | 1 ", "|          | visit                | 2 ")
    new = xml(2, "<who_g><age>40</age><extra>z</extra></who_g>", version="1")
    out = built(tmp_path, {"a": xml(1, "<age>30</age>"), "b": new}, FORM, moved)
    assert rows(out, "visit", "age, extra") == [(30, None), (40, "z")]
    assert not problems(out)


def test_a_narrowed_type_stops_with_a_readable_difference(tmp_path: Path) -> None:
    narrowed = FORM.replace("| text                 | who ", "| integer              | who ")
    with pytest.raises(DriftError, match=r"question who was text and is now integer; .*new name"):
        schema(tmp_path, FORM, narrowed)


def test_a_renamed_repeat_stops(tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=r"repeat job is gone and work_done is new"):
        schema(
            tmp_path,
            FORM,
            FORM.replace("| begin_repeat         | job      |", "| begin_repeat         | work_done |"),
        )


leaf = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=("Cc", "Cs")), max_size=12
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ages=st.lists(leaf, max_size=4), titles=st.lists(leaf, max_size=3))
def test_every_leaf_value_is_in_the_tables_or_in_problems(
    tmp_path_factory: pytest.TempPathFactory, ages: list[str], titles: list[str]
) -> None:
    from xml.sax.saxutils import escape

    folder = tmp_path_factory.mktemp("leaves")
    jobs = "".join(f"<job><title>{escape(title)}</title></job>" for title in titles)
    submissions = {str(i): xml(i, f"<age>{escape(age)}</age>{jobs}") for i, age in enumerate(ages)}
    out = built(folder, submissions)
    seen = {str(age) for (age,) in rows(out, "visit", "age")} | {
        value.strip() for _, value, _ in problems(out)
    }
    for age in ages:
        assert not age.strip() or age.strip() in seen or str(int(float(age))) in seen
    found = [title for (title,) in rows(out, "visit__job", "title")]
    assert len(found) == len(ages) * len(titles)
    assert {t.strip() for t in titles if t.strip()} <= {str(f).strip() for f in found} or not ages


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)), cut=st.integers(1, 5))
def test_any_order_of_segments_gives_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("order")
    landing = Landing(folder / "landing", "visit")
    for part in (range(cut), range(6)):
        store(folder / "in" / "visit.zip", {str(i): xml(i, f"<age>{i}</age>") for i in part})
        landing.land(FolderSource(folder / "in").pull("visit", Nothing()), "t")
        landing = Landing(folder / "landing", "visit")
    segments = sorted(landing.segments(), key=lambda s: order[s.first % 6])
    made = schema_of(schema(folder / "forms").forms)
    build(segments, made, folder / "a", TZ)
    build(landing.segments(), made, folder / "b", TZ)
    for table in ("visit", "visit__job", "problems"):
        assert rows(folder / "a", table) == rows(folder / "b", table)


ENTITY = (
    FORM
    + """
| entities |           |           |
|          | list_name | COLUMN    |
|          | visitors  | VALUE     |
"""
)


@pytest.mark.parametrize(
    ("column", "value", "told", "columns", "row"),
    [
        (
            "label", "${who}", "create='1' id='e-1'><label>Sri</label></entity>",
            "entity_dataset, entity_create, entity_id, label", ("visitors", "1", "e-1", "Sri"),
        ),
        (
            "entity_id", "${who}", "update='1' baseVersion='2' trunkVersion='' branchId='' id='e-1'/>",
            "entity_dataset, entity_update, entity_baseversion, entity_branchid, entity_id",
            ("visitors", "1", "2", None, "e-1"),
        ),
    ],
)  # fmt: skip
def test_what_a_submission_does_to_an_entity_stands_in_columns(
    tmp_path: Path, column: str, value: str, told: str, columns: str, row: tuple
) -> None:
    sent = xml(1, meta=f"<entity dataset='visitors' {told}")
    out = built(tmp_path, {"a": sent}, ENTITY.replace("COLUMN", column).replace("VALUE", value))
    assert rows(out, "visit", columns) == [row]
    assert problems(out) == []


def test_an_entity_may_be_called_by_a_persons_name(tmp_path: Path) -> None:
    text = ENTITY.replace("COLUMN", "label").replace("VALUE", "${who}")
    [label] = [c for c in schema(tmp_path, text).root.columns if c.paths == (("meta", "entity", "label"),)]
    assert label.privacy == "direct"
