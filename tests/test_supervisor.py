"""What a supervisor sees: marts of the team's work on both databases, and the page made of them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

import postgres
from supervisor_world import fill
from tracer_etl.evidence.marts import make_marts
from tracer_etl.warehouse.session import connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.warehouse.contract import Connection


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def made(request: pytest.FixtureRequest) -> Iterator[Connection]:
    if request.param == "duckdb":
        with duckdb.connect() as opened:
            fill(opened)
            make_marts(opened)
            yield opened
        return
    with postgres.running() as server:
        session = connect(server.fresh())
        try:
            fill(session)
            make_marts(session)
            yield session
        finally:
            session.raw.close()


def rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    found = connection.execute(sql).fetchall()
    return [tuple(round(v, 3) if isinstance(v, float) else v for v in row) for row in found]


def test_a_scorecard_counts_good_and_held_work_alike_and_no_web_form(made: Connection) -> None:
    found = rows(
        made,
        "select enumerator, attempts, persons, completes, held, reached_share, refused_share, median_minutes, team_minutes, "
        "short_share, rules from marts.enumerator_scorecard order by enumerator",
    )
    # completes take 25, 31 and three times 12 minutes: the team's median is 12, and nothing is under 0.6 of it
    assert found == [
        ("P01", 3, 3, 1, 0, 0.333, 0.333, 25.0, 12.0, 0.0, 1),
        ("P02", 3, 3, 3, 3, 1.0, 0.0, 12.0, 12.0, 0.0, 3),
        ("P03", 1, 1, 1, 0, 1.0, 0.0, 31.0, 12.0, 0.0, 1),
    ]


def test_findings_are_counted_per_enumerator_and_rule_and_released_ones_are_gone(made: Connection) -> None:
    found = rows(
        made,
        "select enumerator, rule, severity, scope, submissions, value from marts.enumerator_finding order by 1, 2",
    )
    assert found == [
        ("P01", "H21", "info", "submission", 1, ""),
        ("P02", "H10", "warning", "submission", 3, ""),
        ("P02", "H12", "warning", "submission", 3, ""),
        ("P02", "H17", "warning", "enumerator", None, "tidak pernah / never: 1 (0/0)"),
        ("P03", "H16", "info", "enumerator", None, "0 / 1"),
    ]


def test_back_checks_are_counted_by_type_of_error(made: Connection) -> None:
    found = rows(made, "select * from marts.enumerator_check order by enumerator")
    assert found == [
        ("P01", 1, 1, 0, 1, 2, 1, 3),
        ("P02", 3, 1, 1, 0, 0, 0, 0),
        ("P03", 1, 0, 0, 0, 0, 0, 0),
    ]


def test_everybody_in_the_frame_stands_somewhere(made: Connection) -> None:
    found = rows(made, "select * from marts.case_progress order by dimension, value")
    # A1 A7 A8 interviewed, A4-A6 held, A3 open, A9 untried, A2 refused
    assert ("overall", "", 9, 3, 3, 1, 1, 1) in found
    assert ("area", "350501", 4, 1, 1, 1, 0, 1) in found
    assert ("area", "350502", 5, 2, 2, 0, 1, 0) in found
    assert ("programme", "barista", 9, 3, 3, 1, 1, 1) in found
    assert all(frame == sum(parts) for _, _, frame, *parts in found)


def test_days_show_what_was_done_and_what_of_it_is_held(made: Connection) -> None:
    found = rows(
        made,
        "select date, submissions, attempts, completes, refusals, held, enumerators from marts.field_day",
    )
    assert found == [(date(2026, 1, 10), 7, 4, 2, 1, 3, 2), (date(2026, 1, 11), 1, 1, 1, 0, 0, 1)]


def test_what_to_send_back_names_rule_and_reason_and_no_answer(made: Connection) -> None:
    found = rows(
        made,
        "select submission_id, enumerator, review_state, rule, why_en from marts.send_back order by 1, 4",
    )
    why = "Almost the same answers."
    assert found == [
        (key, "P02", "hasIssues" if key == "b4" else "", rule, why)
        for key in ("b4", "b5", "b6")
        for rule in ("H10", "H12")
    ]
