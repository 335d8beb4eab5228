"""The same SQL files on PostgreSQL, in a private cluster that answers on a socket only: same rows as DuckDB."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from demand import fill
from frame import Frame, frame
from postgres import running
from tracer_etl.evidence import storing
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.plan_config import read_plan
from tracer_etl.evidence.plan_result import TABLES as PLAN
from tracer_etl.evidence.plan_result import make_plan, store_plan
from tracer_etl.evidence.selection_config import read_selection
from tracer_etl.evidence.selection_result import TABLES as SELECTION
from tracer_etl.evidence.selection_result import make_selection, store_selection

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = {"DOUBLE": "double precision"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as one:
        yield one.address()


def filled() -> Frame:
    made = frame()
    works = {"emp_bps": "1", "status_emp": "4", "match_field": "1", "hours_all": 40, "accident": "0"}
    for number in range(60):
        answers = works | {"pay_net": 2_000_000 + 20_000 * number} if number % 3 else {"emp_bps": "0"}
        made.person("900", "110", programme=f"p{number % 4 * number % 5}", **answers)
    for codes in (["120"], ["211", "212"], ["410"], ["320"], ["220", "900"], []):
        made.person(*codes, emp_bps="1")
    fill(made.connection)
    return made


def copy(made: Frame, target) -> None:
    tables = made.connection.execute(
        "select table_schema || '.' || table_name from information_schema.tables where table_schema <> 'marts'"
    ).fetchall()
    for schema in ("clean", "pii", "meta", "quarantine", "marts"):
        target.execute(f"create schema {schema}")
    for [name] in tables:
        columns = made.connection.execute(f"describe {name}").fetchall()
        declared = ", ".join(f'"{column}" {TYPES.get(kind, kind)}' for column, kind, *_ in columns)
        target.execute(f"create table {name} ({declared})")
        marks = ", ".join(["%s"] * len(columns))
        with target.cursor() as cursor:
            cursor.executemany(
                f"insert into {name} values ({marks})", made.connection.table(name).fetchall() or []
            )


def rows(connection, name: str) -> list[str]:
    found = connection.execute(f"select * from {name}").fetchall()
    plain = [[round(float(v), 12) if isinstance(v, float | Decimal) else v for v in row] for row in found]
    return sorted(map(repr, plain))


def test_both_databases_make_the_same_marts(server):
    psycopg = pytest.importorskip("psycopg")
    made = filled()
    with psycopg.connect(server, autocommit=True) as target:
        copy(made, target)
        names = make_marts(made.connection)
        assert make_marts(target) == names
        assert make_marts(target) == names  # and again over the old ones
        for name in names:
            assert rows(target, name) == rows(made.connection, name), name
        assert len(rows(target, "marts.interview")) == 61
        assert len(rows(target, "marts.idea_topic")) == 3
        assert len(rows(target, "marts.selection_mark")) == 2
        for connection in (made.connection, target):
            decide(connection)
        for name in (*PLAN, *SELECTION):
            assert rows(target, name) == rows(made.connection, name), name
    made.connection.close()


def decide(connection) -> None:
    """Rank and select from the marts and one estimate."""
    folder = Path(__file__).parents[1] / "evidence"
    known = {"indicator": "S1", "group_by": "programme", "level": "barista", "estimate": 0.8, "n_eff": 17.0}
    table = pd.DataFrame([known | {"suppressed": False}]).reindex(columns=list(storing.ESTIMATE))
    storing.write(connection, "marts.estimate", storing.ESTIMATE, table)
    widened = pd.DataFrame([["widening_enrolments", 1.06, ""]], columns=list(storing.DIAGNOSTIC))
    storing.write(connection, "marts.weight_diagnostic", storing.DIAGNOSTIC, widened)
    store_plan(connection, make_plan(connection, read_plan(folder / "plan_2026.toml")))
    chosen = make_selection(
        connection, read_selection(folder / "selection_2026.toml"), "a key for tests only"
    )
    store_selection(connection, chosen)
