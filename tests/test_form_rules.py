"""The form's choice filters, repeat counts and calculations: each fires where it is broken, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from makers import schema as make_schema
from staging import Rows, stage
from tracer_etl.checks import check

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.records import Verdict

FORM = """
| survey   |                      |          |        |                 |                   |              |              |
|          | type                 | name     | label  | choice_filter   | calculation       | repeat_count | relevant     |
|          | select_one city      | city     | City   |                 |                   |              |              |
|          | select_one area      | area     | Area   | in=${city}      |                   |              |              |
|          | select_multiple area | visited  | Areas  | in=${city}      |                   |              |              |
|          | integer              | children | Number |                 |                   |              |              |
|          | begin_repeat         | child    | Child  |                 |                   | ${children}  |              |
|          | text                 | called   | Name   |                 |                   |              |              |
|          | integer              | age      | Age    |                 |                   |              |              |
|          | calculate            | months   |        |                 | ${age} * 12       |              |              |
|          | end_repeat           |          |        |                 |                   |              |              |
|          | calculate            | doubled  |        |                 | ${children} * 2   |              |              |
|          | calculate            | oldest   |        |                 | max(${age})       |              |              |
|          | calculate            | place    |        |                 | concat(${city}, '/', ${area}) |  | ${city}='b'  |
|          | calculate            | drawn    |        |                 | random()          |              |              |
| choices  |                      |          |        |
|          | list_name            | name     | label  | in |
|          | city                 | b        | Blitar |    |
|          | city                 | m        | Malang |    |
|          | area                 | b1       | Garum  | b  |
|          | area                 | b2       | Wlingi | b  |
|          | area                 | m1       | Batu   | m  |
| settings |                      |          |
|          | form_id              | version  |
|          | visit                | 1        |
"""
KEPT = {
    "city": "b", "area": "b1", "visited": "b1 b2", "children": 1, "doubled": "2", "oldest": "7", "place": "b/b1", "drawn": "0.3",
}  # fmt: skip
CHILD = {"called": "Ani", "age": 7, "months": "84"}


def visit(folder: Path, root: dict[str, Any], children: Rows, *forms: str) -> tuple[list[Any], Verdict]:
    """Judge one submission; give (table, rule, severity, column) of its reasons."""
    schema = make_schema(folder / "form", *(forms or (FORM,)))
    rows = [
        {"_submission_id": "a", "_row_id": f"a/child[{n}]", "_parent_row_id": "a", "_position": n, **child}
        for n, child in enumerate(children, 1)
    ]
    tables = {"visit": [{"_submission_id": "a", "_form_version": "1", **root}], "visit__child": rows}
    staged = stage(folder / "staging", schema, tables)
    verdict = check(staged, schema, folder / "expectations")
    columns = "table_name, rule, severity, column_name"
    found = duckdb.sql(f"SELECT {columns} FROM '{staged}/reasons.parquet' ORDER BY ALL").fetchall()
    return found, verdict


def test_answers_as_the_form_has_them_break_nothing(tmp_path: Path) -> None:
    found, verdict = visit(tmp_path, KEPT, [CHILD])
    assert found == []
    assert verdict.good == 1
    assert verdict.not_evaluated == ()


@pytest.mark.parametrize(
    ("changed", "column"),
    [
        ({"area": "m1", "place": "b/m1"}, "area"),
        ({"visited": "b1 m1"}, "visited"),
        ({"city": None, "area": "b1", "visited": None, "place": None}, "area"),
    ],
    ids=["one", "one of several", "nothing offered"],
)
def test_a_choice_the_filter_does_not_offer(tmp_path: Path, changed: dict[str, Any], column: str) -> None:
    found, verdict = visit(tmp_path, KEPT | changed, [CHILD])
    assert found == [("visit", "form:choice_filter", "warning", column)]
    assert verdict.set_aside == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"city": "m", "area": "m1", "visited": "m1", "place": None},
        {"area": None, "visited": None, "place": "b/"},
    ],
    ids=["the other city", "no answer"],
)
def test_a_choice_the_filter_offers(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert visit(tmp_path, KEPT | changed, [CHILD])[0] == []


def test_a_choice_of_no_list_is_not_a_matter_of_the_filter(tmp_path: Path) -> None:
    found, _ = visit(tmp_path, KEPT | {"area": "x", "place": "b/x"}, [CHILD])
    assert found == [("visit", "form:choice", "warning", "area")]


@pytest.mark.parametrize(
    ("root", "children"),
    [
        ({"children": 2, "doubled": "4"}, [CHILD]),
        ({"children": 1}, [CHILD, CHILD]),
        ({"children": 3, "doubled": "6", "oldest": None}, []),
        ({"children": None, "doubled": "NaN"}, [CHILD]),
    ],
    ids=["one too few", "one too many", "none", "no count"],
)
def test_more_or_fewer_instances_than_asked_for(tmp_path: Path, root: dict[str, Any], children: Rows) -> None:
    found, verdict = visit(tmp_path, KEPT | root, children)
    assert found == [("visit", "form:repeat_count", "info", "children")]
    assert (verdict.good, verdict.warned) == (1, 1)  # listed, and not set aside


@pytest.mark.parametrize(("count", "children"), [(0, []), (2, [CHILD, CHILD]), (None, [])])
def test_as_many_instances_as_asked_for(tmp_path: Path, count: int | None, children: Rows) -> None:
    doubled = "NaN" if count is None else str(2 * count)
    root = KEPT | {"children": count, "doubled": doubled, "oldest": "7" if children else None}
    assert visit(tmp_path, root, children)[0] == []


@pytest.mark.parametrize(
    ("root", "child", "table", "column"),
    [
        ({"doubled": "3"}, {}, "visit", "doubled"),
        ({"oldest": "8"}, {}, "visit", "oldest"),
        ({"place": "m/b1"}, {}, "visit", "place"),
        ({"place": None}, {}, "visit", "place"),
        ({}, {"months": "85"}, "visit__child", "months"),
        ({}, {"months": None}, "visit__child", "months"),
    ],
)
def test_a_value_that_is_not_what_its_formula_gives(
    tmp_path: Path, root: dict[str, Any], child: dict[str, Any], table: str, column: str
) -> None:
    found, verdict = visit(tmp_path, KEPT | root, [CHILD | child])
    assert found == [(table, "form:calculate", "info", column)]
    assert (verdict.good, verdict.warned) == (1, 1)


@pytest.mark.parametrize(
    ("root", "child"),
    [
        ({"doubled": "2.0"}, {"months": "8.4E1"}),
        ({"children": 1, "doubled": "2.0000000001"}, {}),
        ({"city": "m", "area": "m1", "visited": "m1", "place": "old"}, {}),
        ({"drawn": None}, {}),
        ({"oldest": None}, {"age": None, "months": "NaN"}),
    ],
    ids=["numbers written otherwise", "rounded otherwise", "not relevant", "chance", "blank"],
)
def test_a_value_its_formula_gives_or_nobody_can_have_again(
    tmp_path: Path, root: dict[str, Any], child: dict[str, Any]
) -> None:
    found, verdict = visit(tmp_path, KEPT | root, [CHILD | child])
    assert [one for one in found if one[1] == "form:calculate"] == []
    assert verdict.not_evaluated == ()


MOMENTS = """
| survey   |           |      |       |                                    |
|          | type      | name | label | calculation                        |
|          | dateTime  | met  | Met   |                                    |
|          | calculate | day  |       | format-date(${met}, '%Y-%m-%d %H') |
| settings |           |      |       |                                    |
|          | form_id   | version | | |
|          | visit     | 1       | | |
"""


@pytest.mark.parametrize(("day", "kept"), [("2026-01-06 01", True), ("2026-01-05 18", False)])
def test_a_moment_falls_on_the_day_of_the_study(tmp_path: Path, day: str, kept: bool) -> None:
    schema = make_schema(tmp_path / "form", MOMENTS)
    row = {"_submission_id": "a", "_form_version": "1", "met": "2026-01-05T18:30:00+00:00", "day": day}
    staged = stage(tmp_path / "staging", schema, {"visit": [row]})
    written = (
        "derived_columns: {late: \"CAST(met AS DATE) = DATE '2026-01-06'\"}\nexpectations:\n"
        "- {type: expect_column_values_to_be_in_set, kwargs: {column: late, value_set: [true]}, severity: info,\n"
        "   meta: {id: R1, why: {id: Lain hari., en: Another day.}}}\n"
    )
    (tmp_path / "visit.yaml").write_text(written, encoding="utf-8")
    verdict = check(staged, schema, tmp_path, timezone="Asia/Jakarta")
    assert verdict.by_rule == ({} if kept else {"form:calculate": 1})


def test_each_version_is_held_to_its_own_filter_count_and_formula(tmp_path: Path) -> None:
    newer = FORM.replace("${children} * 2", "${children} * 3").replace(
        "| m1       | Batu   | m  |", "| m1 | Batu | b |"
    )
    newer = newer.replace("| visit                | 1 ", "| visit                | 2 ")
    answers = KEPT | {"area": "m1", "place": "b/m1", "doubled": "3"}
    old, _ = visit(tmp_path / "old", answers, [CHILD], FORM, newer)
    new, _ = visit(tmp_path / "new", answers | {"_form_version": "2"}, [CHILD], FORM, newer)
    assert [(rule, column) for _, rule, _, column in old] == [
        ("form:calculate", "doubled"),
        ("form:choice_filter", "area"),
    ]
    assert new == []
