"""Checks across submissions and tables: the other ways to break each of them, on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cross_table_cases import ALSO_BROKEN, ALSO_KEPT, CASES, CHECKS, interviewed
from oversight_case import World, database, judge_world, matching, study_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.oversight.rules import StudyRule
    from tracer_etl.warehouse.contract import Connection

RULES = study_rules()


def rule_of(key: tuple[str, ...]) -> StudyRule:
    [rule] = matching(RULES, key)
    return rule


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    with database(request.param) as opened:
        yield opened


@pytest.mark.parametrize(
    ("key", "world"), ALSO_BROKEN, ids=lambda part: part[0] if isinstance(part, tuple) else ""
)
def test_every_way_to_break_a_check_is_found(
    connection: Connection, key: tuple[str, ...], world: World
) -> None:
    assert judge_world(connection, rule_of(key), world, RULES, CHECKS).outcome == "found"


@pytest.mark.parametrize(
    ("key", "world"), ALSO_KEPT, ids=lambda part: part[0] if isinstance(part, tuple) else ""
)
def test_at_the_limit_a_check_holds_its_peace(
    connection: Connection, key: tuple[str, ...], world: World
) -> None:
    assert judge_world(connection, rule_of(key), world, RULES, CHECKS).outcome == "passed"


def test_the_first_of_two_interviews_is_kept_and_the_other_named(connection: Connection) -> None:
    world = {
        "judged_alumni_tracer": [interviewed("b", day=10), interviewed("a", day=11), interviewed("c", day=12)]
    }
    found = judge_world(connection, rule_of(("X02",)), world, RULES, CHECKS).findings
    assert [(one.key, one.value, one.detail) for one in found] == [
        ("a", "b", "interviewed before"),
        ("c", "a", "interviewed before"),
    ]


def test_an_interview_of_the_next_wave_is_no_duplicate(connection: Connection) -> None:
    rows = [interviewed("a"), {**interviewed("b"), "today": interviewed("x")["today"].replace(month=7)}]
    rows[1]["start"] = rows[0]["start"].replace(month=7)
    assert (
        judge_world(connection, rule_of(("X02",)), {"judged_alumni_tracer": rows}, RULES, CHECKS).outcome
        == "passed"
    )


def test_a_mart_is_named_and_no_value_of_it(connection: Connection) -> None:
    [(_, world)] = [
        pair for pair in ALSO_BROKEN if "Setyowati".lower() in str(pair[1]).lower() and "note" in str(pair[1])
    ][:1]
    [found] = judge_world(connection, rule_of(("X21",)), world, RULES, CHECKS).findings
    assert (found.key, found.detail) == ("marts.absorption.note", "name of a person")


def test_every_rule_of_this_file_is_of_the_list() -> None:
    ids = {key[0] for key in CASES}
    assert ids >= {f"X{number:02d}" for number in range(1, 22)} - {"X07"}
    assert ids >= {"S04", "S06", "S07", "R02", "C19", "C22"}
