"""The columns Great Expectations is given: a table's keys, the columns its rules name, every derived column.

Whatever looks into other rows, a condition of the form or a written column, is computed apart, in a statement of
its own, and joined by the number of its row. DuckDB turns each look-up into joins, through which every other
column of its statement is carried: fourteen of them in one statement cost more than everything else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.logic import row_source
from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.checks.rules import Rules
    from tracer_etl.schema import Schema, Table

ROW = quote("row number")
"""A column of every staged table: the place of the row in its file, from 0."""

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

    def refused(self, terms: Mapping[str, str]) -> set[str]:
        """Name the conditions DuckDB does not accept."""
        plain = {name: sql for name, sql in terms.items() if not _LOOKS.search(sql)}
        well = plain if self._sound([*plain.values()]) else {}
        return {name for name, sql in terms.items() if name not in well and not self._sound([sql])}

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
        looked = {
            **self._look(own.terms, self.alias, self.clause),
            **self._look(derived, "this", f"FROM (SELECT {row} {self.clause}) this"),
        }
        terms = [f"{sql} AS {name}" for name, sql in own.terms.items() if name not in looked]
        found = [f"{table}.{name}" for name, table in looked.items()]
        joins = "".join(
            f" LEFT JOIN {table} ON {table}.row = {self.alias}.{ROW}" for table in looked.values()
        )
        columns = [name if name in looked else f"({sql}) AS {name}" for name, sql in derived.items()]
        # Unreadable submissions and unknown versions have reasons of their own; logic cannot judge them.
        unjudged = "SELECT _submission_id FROM problems WHERE reason IN ('unreadable', 'unknown_version')"
        return (
            f"SELECT {', '.join([*self._named(own, written), *columns])} "
            f"FROM (SELECT {', '.join([row, *terms, *found])} {self.clause}{joins}) this "
            f"WHERE this._submission_id NOT IN ({unjudged})"
        )

    def _look(self, columns: Mapping[str, str], row: str, source: str) -> dict[str, str]:
        """Compute the columns that look into other rows; give the table each is in, beside the `row` number."""
        looking = {name: sql for name, sql in columns.items() if _LOOKS.search(sql)}
        tables = {name: quote(f"looked {row} {number}") for number, name in enumerate(looking)}
        for name, sql in looking.items():
            self.connection.execute(
                f"CREATE OR REPLACE TABLE {tables[name]} AS SELECT {row}.{ROW} AS row, {sql} AS {name} {source}"
            )
        return tables

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
