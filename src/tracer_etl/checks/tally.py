"""What came of every rule of a batch: how many rows it judged, how many break it, and what nobody could judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_etl.names import literal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.checks.rules import Rule
    from tracer_etl.checks.suite import Judged

COLUMNS = {
    "table_name": "VARCHAR", "rule": "VARCHAR", "severity": "VARCHAR", "column_name": "VARCHAR", "evaluated": "BIGINT",
    "violations": "BIGINT", "note": "VARCHAR", "why_id": "VARCHAR", "why_en": "VARCHAR",
}  # fmt: skip
"""Of `checked.parquet`: one row per rule, and one per thing of a rule that could not be evaluated, which `note` tells.

`evaluated` and `violations` count rows of the table; `evaluated` is NULL where nothing was.
"""

_RAISED = "Great Expectations raised an exception; `tracer-etl check` shows it"
"""This is published, and the exception may repeat an answer."""


@dataclass(slots=True)
class _Count:
    table: str
    rule: Rule
    evaluated: int = 0
    violations: int = 0


@dataclass(slots=True)
class Tally:
    """Counts while tables are judged in batches."""

    counts: dict[tuple[str, int], _Count] = field(default_factory=dict)
    errors: dict[str, tuple[str, Rule]] = field(default_factory=dict)
    uncompiled: list[str] = field(default_factory=list)

    @property
    def missed(self) -> tuple[str, ...]:
        """Say what could not be evaluated, each once."""
        return tuple(dict.fromkeys([*self.uncompiled, *self.errors]))

    def begin(self, table: str, rules: Sequence[Rule], uncompiled: Sequence[str]) -> None:
        """Note the rules of a table, also those no batch will have rows for."""
        self.counts.update({(table, id(rule)): _Count(table, rule) for rule in rules})
        self.uncompiled.extend(uncompiled)

    def add(self, table: str, judged: Judged) -> None:
        """Count one rule on one batch."""
        if judged.error:
            self.errors[f"{table} {judged.rule.rule_id}: {judged.error}"] = (table, judged.rule)
            return
        count = self.counts[table, id(judged.rule)]
        count.evaluated += judged.evaluated
        count.violations += len(judged.rows)

    def write(self, connection: DuckDBPyConnection, root: str, path: Path) -> None:
        """Write all of it; what `build` found counts by submissions of the `root` table."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"CREATE OR REPLACE TABLE checked ({columns})")
        rows = [*self._counted(), *self._uncompiled(), *self._failed()]
        if rows:
            connection.executemany(f"INSERT INTO checked VALUES ({', '.join('?' * len(COLUMNS))})", rows)
        connection.execute(
            f"INSERT INTO checked SELECT {literal(root)}, 'form:' || k.reason, k.severity, '', "
            f"(SELECT count(*) FROM \"{root}\"), count(p.reason), '', k.why_id, k.why_en "
            "FROM problem_kinds k LEFT JOIN problems p USING (reason) GROUP BY ALL"
        )
        connection.execute(
            f"COPY (SELECT * FROM checked ORDER BY ALL) TO {literal(str(path))} (FORMAT parquet)"
        )

    def _counted(self) -> list[tuple[object, ...]]:
        failed = {id(rule) for _, rule in self.errors.values()}
        return [
            (
                one.table,
                rule.rule_id,
                rule.severity,
                rule.column,
                one.evaluated,
                one.violations,
                "",
                *rule.why,
            )
            for one in self.counts.values()
            for rule in [one.rule]
            if id(rule) not in failed or one.evaluated
        ]

    def _uncompiled(self) -> list[tuple[object, ...]]:
        """Tell apart what the compiler says in one line: table, path, rule: reason."""
        rows: list[tuple[object, ...]] = []
        for line in dict.fromkeys(self.uncompiled):
            place, _, reason = line.partition(": ")
            table, path, rule = place.split(" ")
            rows.append((table, rule, "warning", path, None, 0, reason, "", ""))
        return rows

    def _failed(self) -> list[tuple[object, ...]]:
        return [
            (table, rule.rule_id, rule.severity, rule.column, None, 0, _RAISED, *rule.why)
            for table, rule in self.errors.values()
        ]
