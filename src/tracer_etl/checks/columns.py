"""The columns Great Expectations is given: a table's keys, the columns its rules name, every derived column.

Whatever looks into other rows, a condition of the form or a written column, is computed apart, in a statement of
its own, and joined by the number of its row. DuckDB turns each look-up into joins, through which every other
column of its statement is carried: fourteen of them in one statement cost more than everything else.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from tracer_etl.logic import row_source
from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import duckdb
    from duckdb import DuckDBPyConnection

    from tracer_etl.checks.rules import Rules
    from tracer_etl.schema import Schema, Table

ROW = quote("row number")
"""A column of every staged table: the place of the row in its file, from 0."""

_THREADS = 2
"""At 100,000 rows one statement keeps one core busy."""
_LOOKS = re.compile(r"\bSELECT\b", re.IGNORECASE)


def staged(path: Path) -> str:
    """Write the query of a staged file, its rows numbered."""
    file = f"read_parquet({literal(str(path))}, file_row_number = true)"
    return f"SELECT * EXCLUDE (file_row_number), file_row_number AS {ROW} FROM {file}"


class Columns:
    """The columns of one table."""

    def __init__(self, connection: DuckDBPyConnection, schema: Schema, table: Table) -> None:
        """Bind them to a connection that knows the staged tables by name."""
        self.connection, self.schema, self.table = connection, schema, table
        self.clause, self.aliases = row_source(schema, table)
        self.alias = self.aliases[table.name]
        self.looked: dict[str, str] = {}

    def refused(self, terms: Mapping[str, str]) -> set[str]:
        """Name the conditions DuckDB does not accept; those that look into other rows are computed."""
        plain = {name: sql for name, sql in terms.items() if not _LOOKS.search(sql)}
        well = plain if self._sound([*plain.values()]) else {}
        refused = {name for name, sql in plain.items() if name not in well and not self._sound([sql])}
        failed = self._look(terms, self.alias, self.clause)
        return refused | set(failed)

    def _sound(self, expressions: Sequence[str]) -> bool:
        import duckdb

        try:
            self.connection.execute(f"EXPLAIN SELECT {', '.join(['1', *expressions])} {self.clause}")
        except duckdb.Error:
            return False
        return True

    def query(self, own: Rules, written: Rules) -> str:
        """Compute what looks into other rows, and write the query of all columns."""
        row = f"{self.alias}.*{self._above(written)}"
        derived = {quote(name): sql for name, sql in {**own.derived, **written.derived}.items()}
        for error in self._look(derived, "this", f"FROM (SELECT {row} {self.clause}) this").values():
            raise error
        looked = self.looked
        terms = [f"{sql} AS {name}" for name, sql in own.terms.items() if name not in looked]
        found = [f"{table}.{name}" for name, table in looked.items()]
        joins = "".join(
            f" LEFT JOIN {table} ON {table}.row = {self.alias}.{ROW}" for table in looked.values()
        )
        columns = [name if name in looked else f"({sql}) AS {name}" for name, sql in derived.items()]
        # Unreadable submissions and unknown versions have reasons of their own; logic cannot judge them.
        unjudged = "SELECT _submission_id FROM problems WHERE reason IN ('unreadable', 'unknown_version')"
        marks = ", ".join(["this.*", *(f"{sql} AS {name}" for name, sql in own.marks.items())])
        return (
            f"SELECT {', '.join([*self._named(own, written), *columns])} FROM (SELECT {marks} "
            f"FROM (SELECT {', '.join([row, *terms, *found])} {self.clause}{joins}) this) this "
            f"WHERE this._submission_id NOT IN ({unjudged})"
        )

    def _look(self, columns: Mapping[str, str], row: str, source: str) -> dict[str, duckdb.Error]:
        """Compute the columns that look into other rows, two at a time, each into a table; give what failed."""
        looking = {name: sql for name, sql in columns.items() if _LOOKS.search(sql)}
        tables = {name: quote(f"looked {row} {number}") for number, name in enumerate(looking)}
        queries = (f"SELECT {row}.{ROW} AS row, {sql} AS {name} {source}" for name, sql in looking.items())
        with ThreadPoolExecutor(_THREADS) as threads:
            errors = dict(zip(looking, threads.map(self._store, tables.values(), queries), strict=True))
        failed = {name: error for name, error in errors.items() if error is not None}
        self.looked |= {name: table for name, table in tables.items() if name not in failed}
        return failed

    def _store(self, table: str, query: str) -> duckdb.Error | None:
        import duckdb

        try:
            self.connection.cursor().execute(f"CREATE OR REPLACE TABLE {table} AS {query}")
        except duckdb.Error as error:
            return error
        return None

    def _named(self, own: Rules, written: Rules) -> list[str]:
        """List the keys, and the columns of the table that the rules name."""
        types = self.table.types()
        named = [c for rule in (*own.rules, *written.rules) for c in rule.columns() if c in types]
        return [f"this.{quote(c)}" for c in dict.fromkeys(["_submission_id", self.table.row_key, *named])]

    def _above(self, written: Rules) -> str:
        """Give `root` and `parent` as structs of just those columns the written SQL asks of them."""
        if not self.table.parent:
            return ""
        sql, above = " ".join(written.derived.values()), ""
        for word, name in (("root", self.schema.root.name), ("parent", self.table.parent)):
            types = self.schema.table(name).types()
            asked = [c for c in dict.fromkeys(re.findall(rf'\b{word}\."?(\w+)', sql)) if c in types]
            fields = ", ".join(f"{quote(c)} := {self.aliases[name]}.{quote(c)}" for c in asked)
            above += f", struct_pack({fields}) AS {word}" if fields else ""
        return above
