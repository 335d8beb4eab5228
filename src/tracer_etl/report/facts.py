"""What the page tells, read from `marts` and `meta` of the published copy: counts and rates only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError, WarehouseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

Row = dict[str, Any]

QUERIES = {
    "forms": "select form_id, landed, good, set_aside, warned from marts.data_quality where rule = '' order by form_id",
    "rules": (
        "select rule, severity, min(why_id) as why_id, min(why_en) as why_en, sum(submissions) as submissions, "
        "count(*) as forms from marts.data_quality where rule <> '' group by rule, severity "
        "order by case severity when 'critical' then 1 when 'warning' then 2 else 3 end, submissions desc, rule"
    ),
    "pulls": (
        "select form_id, server_count, distinct_keys, pulled_at from ("
        "select *, row_number() over (partition by form_id order by pulled_at desc) as latest from meta.pull) "
        "where latest = 1 order by form_id"
    ),
    "versions": "select form_id, version from meta.form_version order by form_id, position",
}
"""Every study has these."""

FIELD_DAYS = 180
"""Longer than any round of field work (12 weeks)."""

TRACER_QUERIES = {
    "response": "select * from marts.response_rate order by dimension, value",
    "dispositions": (
        "select s.code, s.category, s.label_id, s.label_en, count(c.alumni_id) as persons from marts.seed_aapor s "
        "left join marts.case_disposition c on c.aapor_code = s.code "
        "group by s.code, s.category, s.label_id, s.label_en, s.precedence order by s.precedence, s.code"
    ),
    "ladder": "select * from marts.absorption order by programme, rung",
    "days": (
        "select d.date, d.attempts, coalesce(i.interviews, 0) as interviews from ("
        "select date, cast(sum(attempts) as bigint) as attempts from marts.enumerator_day group by date) d left join ("
        "select date, count(*) as interviews from marts.interview group by date) i on i.date = d.date order by d.date"
    ),
    "earnings": (
        "select count(*) filter (where earnings_source = 'stated') as stated, "
        "count(*) filter (where earnings_source = 'band_midpoint') as band, "
        "count(*) filter (where earnings_source = 'unknown' and emp_bps = '1') as missing, "
        "count(*) filter (where aapor_code = '120') as proxies from marts.interview"
    ),
    "benchmarks": "select name, percent from marts.seed_benchmark",
}
"""A tracer study has these besides."""


@dataclass(frozen=True)
class Facts:
    """All tables of the page; a study without the tracer form has `tracer` false and only the first four."""

    tables: Mapping[str, Sequence[Row]]
    programmes: Mapping[str, Mapping[str, str]]
    tracer: bool

    @property
    def pulled_at(self) -> str:
        """Give the time of the latest pull (ISO 8601, UTC); empty when nothing was pulled."""
        return max((str(row["pulled_at"]) for row in self.tables["pulls"]), default="")

    def rung(self, name: str, programme: str = "") -> Row:
        """Find a row of the ladder; an empty row where there is none."""
        rows = (r for r in self.tables["ladder"] if r["rung"] == name and r["programme"] == programme)
        return next(rows, {"n": None, "rate": None, "publication": "suppressed"})

    @property
    def field_days(self) -> list[Row]:
        """Give the days of the last months; a phone whose clock was wrong must not stretch the field period."""
        days = self.tables["days"]
        return [row for row in days if (days[-1]["date"] - row["date"]).days <= FIELD_DAYS]

    def benchmark(self, name: str) -> float:
        """Give a reference number in percent."""
        return next(float(row["percent"]) for row in self.tables["benchmarks"] if row["name"] == name)


def read_facts(published: Path) -> Facts:
    """Read the published copy, read-only.

    Raises:
        StudyError: it has no marts yet.
        WarehouseError: it cannot be opened.
    """
    import duckdb

    try:
        connection = duckdb.connect(str(published), read_only=True)
    except duckdb.Error as error:
        what = f"cannot be read ({str(error).splitlines()[0]})"
        raise WarehouseError(what, where=published.name, remedy="run `tracer-etl run`") from error
    with connection:
        present = {f"{schema}.{name}" for schema, name in _pairs(connection, "information_schema.tables")}
        if "marts.data_quality" not in present:
            raise StudyError("there are no marts", where=published.name, remedy="run `tracer-etl run`")
        tracer = "marts.absorption" in present
        wanted = {**QUERIES, **(TRACER_QUERIES if tracer else {})}
        tables = {name: _rows(connection, sql) for name, sql in wanted.items()}
        programmes = (
            _rows(connection, "select * from clean.programme") if "clean.programme" in present else []
        )
    labels = {row["code"]: {"id": row["label_id"], "en": row["label_en"]} for row in programmes}
    return Facts(tables, labels, tracer)


def _pairs(connection: DuckDBPyConnection, table: str) -> list[tuple[str, str]]:
    return connection.execute(f"select table_schema, table_name from {table}").fetchall()


def _rows(connection: DuckDBPyConnection, sql: str) -> list[Row]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
