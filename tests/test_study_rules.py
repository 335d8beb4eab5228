"""Every check of expectations/study fires where it is broken and holds its peace where it is kept, on both databases."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oversight_case import World, database, judge_world, matching, study_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.oversight.rules import StudyRule
    from tracer_etl.warehouse.contract import Connection

MODULES = [
    importlib.import_module(p.stem)
    for p in sorted(Path(__file__).parent.glob("*_cases.py"))
    if p.stem != "rule_cases"
]
CASES: dict[tuple[str, ...], tuple[World, World]] = {k: v for m in MODULES for k, v in m.CASES.items()}
MORE: dict[str, Any] = {name: check for m in MODULES for name, check in getattr(m, "CHECKS", {}).items()}
RULES = study_rules()


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    with database(request.param) as opened:
        yield opened


def test_every_check_has_one_pair_of_worlds() -> None:
    meant = [rule.where for key in CASES for rule in matching(RULES, key)]
    assert sorted(meant) == sorted(rule.where for rule in RULES.rules)


@pytest.mark.parametrize("key", CASES, ids=" ".join)
def test_a_check_fires_where_it_is_broken_and_only_there(
    connection: Connection, key: tuple[str, ...]
) -> None:
    [rule] = matching(RULES, key)
    broken, kept = (judge_world(connection, rule, world, RULES, MORE) for world in CASES[key])
    assert (broken.outcome, kept.outcome) == ("found", "passed"), (broken, kept)
    assert not kept.findings


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: f"{rule.rule_id} {rule.scope}")
def test_a_check_without_anything_to_judge_is_not_evaluated(connection: Connection, rule: StudyRule) -> None:
    assert judge_world(connection, rule, {}, RULES, MORE).outcome == "not_evaluated"
