"""What loading is on every database: the same statements, in the same order, in one transaction.

A batch is one transaction: newer versions replace older ones with all their repeat rows, tombstones
remove, set-aside submissions go to `quarantine`, direct identifiers to `pii` only, and the ledger row goes
in with them. A row is overwritten only by a newer (revision, landed), so batches may come in any order,
twice, or again after a crash.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tracer_etl.errors import WarehouseError
from tracer_etl.names import literal, quote
from tracer_etl.schema import BRIDGE_COLUMNS
from tracer_etl.warehouse.contract import PARTITION, areas
from tracer_etl.warehouse.counting import summary
from tracer_etl.warehouse.flows import COUNTED, IS_STORED, STAGED, Touched, flows
from tracer_etl.warehouse.meta import STAGED_CORRECTION, describe
from tracer_etl.warehouse.runs import record_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from duckdb import DuckDBPyConnection

    from tracer_etl.schema import Schema, SqlType
    from tracer_etl.study import Reference
    from tracer_etl.warehouse.contract import Batch, Connection, Loaded


class Loader(ABC):
    """The statements that every warehouse runs, on the hooks that each database fills in its own way.

    `files` is the DuckDB connection that reads the batch; `connection` is the warehouse's own.
    """

    files: DuckDBPyConnection

    @property
    @abstractmethod
    def connection(self) -> Connection:
        """Give the open connection, to read with."""

    @abstractmethod
    def _transaction(self, purpose: str) -> AbstractContextManager[None]:
        """Do all of a block or nothing, as the only one with that purpose."""

    @abstractmethod
    def _create(self, name: str, columns: Mapping[str, SqlType]) -> None:
        """Make an empty table."""

    @abstractmethod
    def _bring(self, table: str, select: str) -> None:
        """Make a temporary table in the warehouse from rows that `files` reads."""

    @abstractmethod
    def _tell(self, table: str, source: str) -> None:
        """Let `files` read a temporary table of the warehouse, made of rows of one that was brought."""

    @abstractmethod
    def _fill(self, target: str, select: str) -> None:
        """Append the rows that `files` reads."""

    @abstractmethod
    def _settle(self, schema: Schema) -> None:
        """Do what a form's new tables need once they hold their first rows."""

    # -- what is there

    def recipe(self, form_id: str) -> str:
        """Give the recipe all present rows of a form were made by; empty when nothing is loaded."""
        row = self.connection.execute(
            "SELECT recipe FROM meta.load WHERE form_id = ? ORDER BY position DESC LIMIT 1", [form_id]
        ).fetchone()
        return str(row[0]) if row else ""

    def segments(self, form_id: str) -> frozenset[str]:
        """Name the segments loaded since the recipe last changed."""
        rows = self.connection.execute(
            "SELECT segment FROM meta.load WHERE form_id = ?", [form_id]
        ).fetchall()
        return frozenset(str(row[0]) for row in rows)

    def ledger(self) -> str:
        """Digest all that was ever loaded and the layout of the tables, so that others see whether anything changed."""
        row = self.connection.execute(
            "SELECT md5((SELECT max(number) FROM meta.layout)"
            " || coalesce((SELECT string_agg(form_id || segment || recipe, ',' ORDER BY position, form_id) FROM meta.load), '')"
            " || coalesce((SELECT string_agg(name || digest, ',' ORDER BY name) FROM meta.reference), '')"
            " || coalesce((SELECT string_agg(concat_ws(' ', form_id, line, _submission_id, decision, rules, state), ',' "
            "ORDER BY form_id, line) FROM quarantine.decision), '')"
            " || coalesce((SELECT string_agg(form_id || pulled_at, ',' ORDER BY form_id, pulled_at) FROM meta.pull), ''))"
        ).fetchone()
        return str(row[0]) if row else ""

    def summary(self, form_id: str, changed: int = 0) -> Loaded:
        """Count a form's submissions by state; a warned submission is good and has a listed warning."""
        return summary(self.connection, form_id, changed)

    # -- loading

    def load(self, batch: Batch) -> Loaded:
        """Load one batch in one transaction; where the recipe changed, the form's rows are made anew.

        Raises:
            WarehouseError: nothing was loaded; the warehouse is as it was.
        """
        schema = batch.schema
        with self._transaction(schema.form_id):
            anew = self.recipe(schema.form_id) != batch.recipe
            if anew:
                self._renew(schema)
            self._stage(batch)
            touched = self._touch(schema)
            if touched:
                self._overlook(schema.form_id)
            for flow in flows(schema, touched) if touched else ():
                if touched.stored:
                    self.connection.execute(f"DELETE FROM {flow.target} WHERE {flow.old}")
                if flow.select:
                    self._fill(flow.target, flow.select)
            self._record(batch)
            if anew:
                self._settle(schema)
        return self.summary(schema.form_id, len(touched))

    def _renew(self, schema: Schema) -> None:
        """Make the form's tables from its Schema; landing brings all rows again."""
        old = self.connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN "
            "('clean', 'pii', 'quarantine') AND table_type = 'BASE TABLE' AND (table_name = ? OR starts_with(table_name, ?))",
            [schema.root.name, f"{schema.root.name}__"],
        ).fetchall()
        for area, name in old:
            self.connection.execute(f"DROP TABLE {area}.{quote(name)} CASCADE")
        for table in schema.tables:
            for area, columns in areas(table).items():
                self._create(f"{area}.{quote(table.name)}", {name: table.types()[name] for name in columns})
        for area in ("clean", "quarantine"):
            self._create(f"{area}.{quote(schema.bridge)}", BRIDGE_COLUMNS)
        for table_name in _PER_SUBMISSION:
            self.connection.execute(f"DELETE FROM {table_name} WHERE form_id = ?", [schema.form_id])
        describe(self.connection, schema)

    def _stage(self, batch: Batch) -> None:
        beside = ("problems", "reasons", "attachments", "tombstones", "corrections")
        for name in (*(table.name for table in batch.schema.tables), *beside):
            file = batch.folder / f"{name}.parquet"
            none = name == "corrections" and not file.exists()
            rows = _UNCORRECTED if none else f"SELECT * FROM {literal(str(file))}"
            self.files.execute(f"CREATE OR REPLACE TEMP VIEW {quote(STAGED + name)} AS {rows}")

    def _touch(self, schema: Schema) -> Touched:
        """Find what is newer than what is there, and note the new state."""
        form = literal(schema.form_id)
        self._bring(
            "incoming",
            "SELECT _submission_id, _revision, _landed, CASE WHEN _submission_id IN (SELECT _submission_id FROM "
            "staged_reasons WHERE severity IN ('critical', 'warning')) THEN 'set_aside' ELSE 'good' END AS state "
            f"FROM {quote(STAGED + schema.root.name)} UNION ALL SELECT _submission_id, NULL, _landed, 'deleted' "
            "FROM staged_tombstones",
        )
        self.connection.execute("DROP TABLE IF EXISTS touched")
        self.connection.execute(
            "CREATE TEMP TABLE touched AS SELECT i.*, s._submission_id IS NOT NULL AS stored FROM incoming i "
            f"LEFT JOIN meta.submission s ON s.form_id = {form} AND s._submission_id = i._submission_id "
            "WHERE s._submission_id IS NULL OR CASE WHEN i._revision IS NULL OR s.state = 'deleted' THEN i._landed >= s._landed "
            "ELSE (i._revision, i._landed) >= (s._revision, s._landed) END"
        )
        self._tell("touched", "incoming")
        found = self.connection.execute(COUNTED).fetchone() or (0, 0, 0, 0, True)
        touched = Touched(*found)
        if touched.stored:
            self.connection.execute(f"DELETE FROM meta.submission WHERE form_id = {form} AND {IS_STORED}")
        self.connection.execute(
            f"INSERT INTO meta.submission SELECT {form}, _submission_id, coalesce(_revision, 0), _landed, state "
            "FROM touched ORDER BY _landed"
        )
        return touched

    def _overlook(self, form_id: str) -> None:
        """Forget that the form's submissions were judged against the rest of the study: some are new, or new again."""
        self.connection.execute("DELETE FROM meta.setting WHERE name = ?", [f"overseen {form_id}"])

    def _record(self, batch: Batch) -> None:
        """Note what was loaded and what came of its checks; what another loader has noted meanwhile stays as it is."""
        self._record_checks(batch)
        self._note(batch.schema.form_id, batch.recipe, batch.segments or ("",))

    def _note(self, form_id: str, recipe: str, segments: Sequence[str]) -> None:
        """Note segments in the ledger; those of partitions have no place of their own in its order."""
        form, in_part = literal(form_id), f"starts_with(segment, {literal(PARTITION)})"
        for segment in segments:
            self.connection.execute(
                f"INSERT INTO meta.load (form_id, segment, recipe, position) SELECT {form}, {literal(segment)}, "
                f"{literal(recipe)}, coalesce(max(position) FILTER (WHERE NOT {in_part}), 0) + 1 FROM meta.load "
                f"HAVING count(*) FILTER (WHERE form_id = {form} AND segment = {literal(segment)}) = 0"
            )

    def join(self, form_id: str, recipe: str, partitions: Sequence[str], segments: Sequence[str]) -> None:
        """Put segments into the ledger in the place of the partitions in which they were loaded.

        Raises:
            WarehouseError: a partition is not loaded, or the form's rows were made by another recipe since.
        """
        with self._transaction(form_id):
            missing = set(partitions) - self.segments(form_id)
            if missing or self.recipe(form_id) != recipe:
                what = f"{len(missing) or 'all'} of {len(partitions)} partitions are not loaded"
                raise WarehouseError(what, where=form_id, remedy="run again: what is loaded is kept")
            self.connection.execute(
                "DELETE FROM meta.load WHERE form_id = ? AND starts_with(segment, ?)", [form_id, PARTITION]
            )
            self._note(form_id, recipe, segments)

    def _record_checks(self, batch: Batch) -> None:
        """Keep what came of every rule of the batch: counts, and no value of any submission."""
        file, form = batch.folder / "checked.parquet", literal(batch.schema.form_id)
        name = literal(batch.name or next(iter(batch.segments), ""))
        self.connection.execute(f"DELETE FROM meta.row_check WHERE form_id = {form} AND batch = {name}")
        if file.exists():
            self._fill("meta.row_check", f"SELECT {form}, {name}, * FROM {literal(str(file))}")

    # -- beside the forms

    def load_reference(self, reference: Reference, digest: str) -> None:
        """Load a CSV as text columns, direct ones to `pii` only; nothing happens when it is unchanged.

        Raises:
            WarehouseError: the CSV cannot be read, or lacks a column declared direct.
        """
        with self._transaction(f"reference {reference.name}"):
            known = self.connection.execute(
                "SELECT digest FROM meta.reference WHERE name = ?", [reference.name]
            ).fetchone()
            if known == (digest,):
                return
            source = f"read_csv({literal(str(reference.file))}, all_varchar=true, header=true)"
            for area, kept in self._split(reference, source).items():
                name = f"{area}.{quote(reference.name)}"
                self.connection.execute(f"DROP TABLE IF EXISTS {name} CASCADE")
                if kept:
                    self._create(name, dict.fromkeys(kept, "VARCHAR"))
                    self._fill(name, f"SELECT {', '.join(map(quote, kept))} FROM {source}")
            self.connection.execute("DELETE FROM meta.reference WHERE name = ?", [reference.name])
            self.connection.execute("INSERT INTO meta.reference VALUES (?, ?)", [reference.name, digest])

    def _split(self, reference: Reference, source: str) -> dict[str, list[str]]:
        """Tell which columns go to which schema; `pii` keeps the first one as the key to join by."""
        columns = [str(row[0]) for row in self.files.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
        missing = set(reference.direct) - set(columns)
        if missing:
            what = f"has no column {', '.join(sorted(missing))}"
            raise WarehouseError(what, where=reference.file.name, remedy="correct `direct` in study.toml")
        hidden = [columns[0], *(column for column in reference.direct if column != columns[0])]
        clean = [column for column in columns if column not in reference.direct]
        return {"clean": clean, "pii": hidden if reference.direct else []}

    def record_pulls(self, form_id: str, proofs: Sequence[dict[str, object]]) -> None:
        """Keep the completeness proofs of all pulls of a form."""
        with self._transaction(form_id):
            self.connection.execute("DELETE FROM meta.pull WHERE form_id = ?", [form_id])
            for proof in proofs:
                marks = ", ".join("?" * (len(_PROOF) + 1))
                values = [_flat(proof.get(name)) for name in _PROOF]
                self.connection.execute(f"INSERT INTO meta.pull VALUES ({marks})", [form_id, *values])

    def summarise(self, form_ids: Sequence[str]) -> None:
        """Write the counts that may leave the loader's tables, and keep them in the history of runs.

        No value of any submission is in them.
        """
        with self._transaction("summary"):
            self.connection.execute("DELETE FROM meta.form_summary")
            for form_id in form_ids:
                one = self.summary(form_id)
                row = [form_id, one.landed, one.good, one.set_aside, one.warned]
                self.connection.execute("INSERT INTO meta.form_summary VALUES (?, ?, ?, ?, ?)", row)
            self.connection.execute("DELETE FROM meta.set_aside")
            self.connection.execute(
                "INSERT INTO meta.set_aside SELECT form_id, rule, severity, column_name, min(why_id), min(why_en), "
                "count(DISTINCT _submission_id) FROM quarantine.reason WHERE state <> 'released' "
                "GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
            )
            for table, select in _SUMMARIES.items():
                self.connection.execute(f"DELETE FROM {table}")
                self.connection.execute(f"INSERT INTO {table} {select}")
            self.connection.execute("DELETE FROM meta.check_result WHERE stage = 'check'")
            self.connection.execute(f"INSERT INTO meta.check_result {_ROW_CHECKS}")
            record_run(self.connection)


_ROW_CHECKS = (
    "SELECT row_number() OVER (ORDER BY c.form_id, c.rule, c.judged DESC), c.rule, 'check', 'row', c.form_id, "
    "CASE c.rank WHEN 1 THEN 'critical' WHEN 2 THEN 'warning' ELSE 'info' END, "
    "CASE WHEN coalesce(c.evaluated, 0) = 0 THEN 'not_evaluated' WHEN f.found > 0 THEN 'found' ELSE 'passed' END, "
    "c.evaluated, CASE WHEN c.judged THEN coalesce(f.found, 0) ELSE 0 END, '', '', "
    "CASE WHEN NOT c.judged THEN concat_ws(' ', c.parts, 'not evaluated, e.g.', c.missed) "
    "WHEN c.evaluated = 0 THEN 'no row to judge' ELSE '' END, c.why_id, c.why_en FROM ("
    "SELECT form_id, rule, evaluated IS NOT NULL AS judged, CAST(sum(evaluated) AS BIGINT) AS evaluated, "
    "min(CASE severity WHEN 'critical' THEN 1 WHEN 'warning' THEN 2 ELSE 3 END) AS rank, min(why_id) AS why_id, "
    "min(why_en) AS why_en, count(DISTINCT table_name || ' ' || column_name || note) AS parts, "
    "min(column_name || ': ' || note) AS missed FROM meta.row_check GROUP BY form_id, rule, evaluated IS NOT NULL) AS c "
    "LEFT JOIN (SELECT form_id, rule, count(*) AS found FROM quarantine.reason WHERE origin = 'check' "
    "GROUP BY form_id, rule) AS f ON f.form_id = c.form_id AND f.rule = c.rule"
)
"""One row per form and rule: rows judged in all batches, what breaks it now; one more where parts were not evaluated."""

_SUMMARIES = {
    "meta.released": (
        "SELECT form_id, rule, severity, column_name, count(DISTINCT _submission_id) FROM quarantine.reason "
        "WHERE state = 'released' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
    ),
    # Values only where analysts have the column, the submission is good and the old text was of the column's type.
    "meta.correction": (
        "SELECT c.form_id, c.position, c._submission_id, c.table_name, c._row_id, c.column_name, "
        "CASE WHEN s.state = 'good' AND c.privacy <> 'direct' AND c.fitted THEN c.old END, "
        "CASE WHEN s.state = 'good' AND c.privacy <> 'direct' AND c.state = 'applied' THEN c.new END, "
        "c.reason, c.who, c.corrected_at, c.state FROM pii._correction c LEFT JOIN meta.submission s "
        "ON s.form_id = c.form_id AND s._submission_id = c._submission_id ORDER BY c.form_id, c.position"
    ),
}


_PER_SUBMISSION = (
    "meta.submission",
    "meta.load",
    "meta.row_check",
    "pii._attachment",
    "pii._correction",
    "quarantine.reason",
    "quarantine.problem",
)
_UNCORRECTED = (
    f"SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in STAGED_CORRECTION.items())} WHERE false"
)
"""Stands for the corrections of a batch to which nobody has made any."""
_PROOF = (
    "server_count", "distinct_keys", "pages", "swept", "pulled_at", "remarks", "missing", "failed",
)  # fmt: skip


def _flat(value: object) -> object:
    """Write a list as lines, and nothing as NULL."""
    return "\n".join(map(str, value)) or None if isinstance(value, list) else value
