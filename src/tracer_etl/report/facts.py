"""What the pages tell, read from the published copy."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError, WarehouseError
from tracer_etl.report.words import Both, plain, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

Row = dict[str, Any]

_PULL = (
    "select form_id, server_count, distinct_keys, pulled_at from ("
    "select *, row_number() over (partition by form_id order by pulled_at desc) as latest from meta.pull) "
    "where latest = 1 order by form_id"
)
_PROGRAMME = "select code, label_id, label_en from clean.programme order by code"
_BENCHMARK = "select name, percent from marts.seed_benchmark"


class Facts:
    """The published copy, open for reading, and what several pages ask of it."""

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        found = "select table_schema || '.' || table_name from information_schema.tables"
        self._tables = frozenset(name for [name] in connection.execute(found).fetchall())

    def has(self, *tables: str) -> bool:
        """Tell whether all these tables (`schema.name`) are there."""
        return self._tables.issuperset(tables)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Give the rows of a query as dictionaries; parameters are `?`."""
        cursor = self._connection.execute(sql, list(parameters))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    @cached_property
    def pulls(self) -> Mapping[str, Row]:
        """Give the latest pull of each form."""
        return {row["form_id"]: row for row in self.rows(_PULL)}

    @property
    def pulled_at(self) -> str:
        """Give the time of the latest pull (ISO 8601, UTC); empty when nothing was pulled."""
        return max((str(row["pulled_at"]) for row in self.pulls.values()), default="")

    @cached_property
    def _programmes(self) -> Mapping[str, Both]:
        if not self.has("clean.programme"):
            return {}
        return {row["code"]: Both(id=row["label_id"], en=row["label_en"]) for row in self.rows(_PROGRAMME)}

    def programme(self, code: str | None) -> Both:
        """Name a programme; '' is all of them together, None or 'none' is no programme."""
        if code == "":
            return say("all_programmes")
        if code is None or code == "none":
            return say("no_programme")
        return self._programmes.get(code, plain(code))

    @cached_property
    def _benchmarks(self) -> Mapping[str, float]:
        return {row["name"]: row["percent"] / 100 for row in self.rows(_BENCHMARK)}

    def benchmark(self, name: str) -> float:
        """Give a reference number as a share 0..1."""
        return self._benchmarks[name]

    @cached_property
    def estimates(self) -> Mapping[tuple[str, str, str], Row]:
        """Give `marts.estimate` by indicator, grouping and level."""
        if not self.has("marts.estimate"):
            return {}
        rows = self.rows("select * from marts.estimate order by indicator, group_by, level")
        return {(row["indicator"], row["group_by"], row["level"]): row for row in rows}

    def levels(self, group_by: str, indicator: str = "A1") -> list[str]:
        """Give the levels of a grouping, in order."""
        return [level for found, group, level in self.estimates if found == indicator and group == group_by]


@contextmanager
def read_facts(published: Path) -> Iterator[Facts]:
    """Open the published copy, read-only.

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
        facts = Facts(connection)
        if not facts.has("marts.data_quality"):
            raise StudyError("there are no marts", where=published.name, remedy="run `tracer-etl run`")
        yield facts
