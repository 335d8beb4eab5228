"""The estimates on PostgreSQL: the same table as on DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from applicants import pool_of
from estimate_world import TABLES, world
from postgres import running
from tracer_etl.evidence.answers import read
from tracer_etl.evidence.coding.coder import Coder
from tracer_etl.evidence.coding.review import review
from tracer_etl.evidence.coding.storing import store_codes
from tracer_etl.evidence.coding.titles import shipped_terms
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.estimates import estimate_all
from tracer_etl.evidence.marts import make_marts

if TYPE_CHECKING:
    import duckdb
    import psycopg

CONSTANTS = Constants(replicates=20)


def copy(source: duckdb.DuckDBPyConnection, target: psycopg.Connection) -> None:
    for schema in ("clean", "pii", "meta", "quarantine", "marts"):
        target.execute(f"create schema {schema}")
    listed = "select table_schema || '.' || table_name from information_schema.tables where table_schema <> 'marts'"
    for [name] in source.execute(listed).fetchall():
        columns = source.execute(f"describe {name}").fetchall()
        declared = ", ".join(f'"{column}" {kind}' for column, kind, *_ in columns)
        target.execute(f"create table {name} ({declared})")
        marks = ", ".join(["%s"] * len(columns))
        with target.cursor() as cursor:
            cursor.executemany(f"insert into {name} values ({marks})", source.table(name).fetchall())


def test_both_databases_give_the_same_estimates():
    import psycopg

    with running() as server, world() as source, psycopg.connect(server.fresh(), autocommit=True) as target:
        source.register("fresh", pool_of(200, 0.6))
        source.execute("create table clean.applicant_pool as from fresh")
        source.unregister("fresh")
        copy(source, target)
        make_marts(target)
        ours = Coder({}, shipped_terms())
        assert store_codes(target, ours)
        assert review(target, ours) == review(source, ours)
        assert estimate_all(source, CONSTANTS) == estimate_all(target, CONSTANTS)
        for name in (
            *TABLES,
            "job_code",
            "programme_code",
            "contrast",
            "contrast_balance",
            "contrast_overlap",
        ):
            here, there = (read(connection, f"select * from marts.{name}") for connection in (source, target))
            order = list(here.columns[:3])
            here, there = (table.sort_values(order, ignore_index=True) for table in (here, there))
            pd.testing.assert_frame_equal(here, there, check_dtype=False, rtol=1e-9)
