"""The embedded warehouse: one DuckDB file for the loader, one published copy for analysts.

A batch is one transaction: newer versions replace older ones with all their repeat rows, tombstones
remove, set-aside submissions go to `quarantine`, direct identifiers to `pii` only, and the ledger row goes
in with them. A row is overwritten only by a newer (revision, landed), so batches may come in any order,
twice, or again after a crash.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.errors import WarehouseError
from tracer_etl.names import literal, quote
from tracer_etl.schema import BRIDGE_COLUMNS
from tracer_etl.warehouse.labels import add_labels
from tracer_etl.warehouse.meta import describe, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.schema import Schema, Table
    from tracer_etl.study import Reference

STORAGE = "v1.5.0"
"""File format older DuckDB tools still read."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked tables in a staging folder, and what they were made of.

    `segments` name what was landed, `recipe` the forms and expectations: the ledger knows both.
    """

    schema: Schema
    folder: Path
    segments: tuple[str, ...]
    recipe: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """How a form stands in the warehouse; counts are submissions, `changed` those touched by this load."""

    form_id: str
    landed: int
    good: int
    set_aside: int
    warned: int
    changed: int = 0


class Warehouse:
    """The loader's DuckDB file; only one loader can hold it at a time.

    Raises:
        WarehouseError: locked, damaged or not writable.
    """

    def __init__(self, path: Path, timezone: str) -> None:
        """Open the file, and make where there is none its schemas and `meta` tables."""
        import duckdb

        self.path = path
        with _guarded(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection: DuckDBPyConnection = duckdb.connect(
                str(path), config={"storage_compatibility_version": STORAGE, "memory_limit": "700MB"}
            )
            self.connection.execute(f"SET TimeZone = {literal(timezone)}")
            with self._transaction():
                prepare(self.connection)

    def __enter__(self) -> Warehouse:
        """Give itself, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file, which writes its log into it."""
        with _guarded(self.path):
            self.connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with _guarded(self.path):
            self.connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

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
            "SELECT md5((SELECT any_value(number) FROM meta.layout)"
            " || coalesce((SELECT string_agg(form_id || segment || recipe, ',' ORDER BY position) FROM meta.load), '')"
            " || coalesce((SELECT string_agg(name || digest, ',' ORDER BY name) FROM meta.reference), '')"
            " || coalesce((SELECT string_agg(form_id || pulled_at, ',' ORDER BY form_id, pulled_at) FROM meta.pull), ''))"
        ).fetchone()
        return str(row[0]) if row else ""

    def summary(self, form_id: str, changed: int = 0) -> Loaded:
        """Count a form's submissions by state; a warned submission is good and has a listed warning."""
        row = self.connection.execute(
            "SELECT count(*) FILTER (WHERE state <> 'deleted'), count(*) FILTER (WHERE state = 'good'), "
            "count(*) FILTER (WHERE state = 'set_aside'), count(*) FILTER (WHERE state = 'good' AND EXISTS "
            "(SELECT 1 FROM quarantine.reason r WHERE r.form_id = s.form_id AND r._submission_id = s._submission_id)) "
            "FROM meta.submission s WHERE form_id = ?",
            [form_id],
        ).fetchone()
        landed, good, set_aside, warned = row or (0, 0, 0, 0)
        return Loaded(form_id, landed, good, set_aside, warned, changed)

    # -- loading

    def load(self, batch: Batch) -> Loaded:
        """Load one batch in one transaction; where the recipe changed, the form's rows are made anew.

        Raises:
            WarehouseError: nothing was loaded; the warehouse is as it was.
        """
        schema = batch.schema
        with self._transaction():
            if self.recipe(schema.form_id) != batch.recipe:
                self._renew(schema)
            self._stage(batch)
            changed = self._touch(schema)
            for table in schema.tables:
                self._replace(table)
            self._replace_bridge(schema)
            self._replace_lists(schema)
            self._record(batch)
        return self.summary(schema.form_id, changed)

    def _renew(self, schema: Schema) -> None:
        """Make the form's tables from its Schema; landing brings all rows again."""
        old = self.connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN "
            "('clean', 'pii', 'quarantine') AND (table_name = ? OR starts_with(table_name, ?))",
            [schema.root.name, f"{schema.root.name}__"],
        ).fetchall()
        for area, name in old:
            self.connection.execute(f"DROP TABLE {area}.{quote(name)}")
        for table in schema.tables:
            for area, columns in areas(table).items():
                declared = ", ".join(f"{quote(name)} {table.types()[name]}" for name in columns)
                self.connection.execute(f"CREATE TABLE {area}.{quote(table.name)} ({declared})")
        bridge = ", ".join(f"{name} {kind}" for name, kind in BRIDGE_COLUMNS.items())
        for area in ("clean", "quarantine"):
            self.connection.execute(f"CREATE TABLE {area}.{quote(schema.bridge)} ({bridge})")
        for table_name in _PER_SUBMISSION:
            self.connection.execute(f"DELETE FROM {table_name} WHERE form_id = ?", [schema.form_id])
        describe(self.connection, schema)

    def _stage(self, batch: Batch) -> None:
        files = [table.name for table in batch.schema.tables] + [batch.schema.bridge]
        for name in [*files, "problems", "reasons", "attachments", "tombstones"]:
            path = literal(str(batch.folder / f"{name}.parquet"))
            self.connection.execute(
                f"CREATE OR REPLACE TEMP VIEW {quote('staged_' + name)} AS SELECT * FROM {path}"
            )

    def _touch(self, schema: Schema) -> int:
        """Find what is newer than what is there, remove the old rows, note the new state."""
        form = literal(schema.form_id)
        self.connection.execute(
            "CREATE OR REPLACE TEMP TABLE touched AS SELECT i.* FROM ("
            "SELECT _submission_id, _revision, _landed, CASE WHEN _submission_id IN (SELECT _submission_id FROM "
            "staged_reasons WHERE severity IN ('critical', 'warning')) THEN 'set_aside' ELSE 'good' END AS state "
            f"FROM {quote('staged_' + schema.root.name)} UNION ALL SELECT _submission_id, NULL, _landed, 'deleted' "
            f"FROM staged_tombstones) i LEFT JOIN meta.submission s ON s.form_id = {form} "
            "AND s._submission_id = i._submission_id WHERE s._submission_id IS NULL OR CASE "
            "WHEN i._revision IS NULL OR s.state = 'deleted' THEN i._landed >= s._landed "
            "ELSE (i._revision, i._landed) >= (s._revision, s._landed) END"
        )
        self.connection.execute(f"DELETE FROM meta.submission WHERE form_id = {form} AND {_IN_TOUCHED}")
        self.connection.execute(
            f"INSERT INTO meta.submission SELECT {form}, _submission_id, coalesce(_revision, 0), _landed, state "
            "FROM touched ORDER BY _landed"
        )
        row = self.connection.execute("SELECT count(*) FROM touched").fetchone()
        return int(row[0]) if row else 0

    def _replace(self, table: Table) -> None:
        for area, columns in areas(table).items():
            target, listed = f"{area}.{quote(table.name)}", ", ".join(map(quote, columns))
            state = "set_aside" if area == "quarantine" else "good"
            self.connection.execute(f"DELETE FROM {target} WHERE {_IN_TOUCHED}")
            self.connection.execute(
                f"INSERT INTO {target} SELECT {listed} FROM {quote('staged_' + table.name)} "
                f"WHERE _submission_id IN (SELECT _submission_id FROM touched WHERE state = '{state}')"
            )

    def _replace_bridge(self, schema: Schema) -> None:
        for area, state in (("clean", "good"), ("quarantine", "set_aside")):
            target = f"{area}.{quote(schema.bridge)}"
            self.connection.execute(f"DELETE FROM {target} WHERE {_IN_TOUCHED}")
            hidden = [c.name for t in schema.tables for c in t.columns if c.privacy == "direct"]
            kept = (
                f"AND question NOT IN ({', '.join(map(literal, hidden))})"
                if hidden and area == "clean"
                else ""
            )
            self.connection.execute(
                f"INSERT INTO {target} SELECT * FROM {quote('staged_' + schema.bridge)} WHERE _submission_id IN "
                f"(SELECT _submission_id FROM touched WHERE state = '{state}') {kept}"
            )

    def _replace_lists(self, schema: Schema) -> None:
        """Replace the touched submissions' reasons, problems and files."""
        form = literal(schema.form_id)
        for target, staged in (
            ("quarantine.reason", "staged_reasons"),
            ("quarantine.problem", "staged_problems"),
            ("pii._attachment", "staged_attachments"),
        ):
            self.connection.execute(f"DELETE FROM {target} WHERE form_id = {form} AND {_IN_TOUCHED}")
            self.connection.execute(
                f"INSERT INTO {target} SELECT {form}, * FROM {staged} WHERE {_IN_TOUCHED}"
            )

    def _record(self, batch: Batch) -> None:
        for segment in batch.segments:
            self.connection.execute(
                "INSERT INTO meta.load SELECT ?, ?, ?, coalesce(max(position), 0) + 1 FROM meta.load",
                [batch.schema.form_id, segment, batch.recipe],
            )

    # -- beside the forms

    def load_reference(self, reference: Reference, digest: str) -> None:
        """Load a CSV as text columns, direct ones to `pii` only; nothing happens when it is unchanged.

        Raises:
            WarehouseError: the CSV cannot be read, or lacks a column declared direct.
        """
        name = quote(reference.name)
        known = self.connection.execute(
            "SELECT digest FROM meta.reference WHERE name = ?", [reference.name]
        ).fetchone()
        if known == (digest,):
            return
        source = f"read_csv({literal(str(reference.file))}, all_varchar=true, header=true)"
        with self._transaction():
            columns = [
                str(row[0]) for row in self.connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            ]
            missing = set(reference.direct) - set(columns)
            if missing:
                what = f"has no column {', '.join(sorted(missing))}"
                raise WarehouseError(what, where=reference.file.name, remedy="correct `direct` in study.toml")
            open_columns = [column for column in columns if column not in reference.direct]
            hidden = [columns[0], *(column for column in reference.direct if column != columns[0])]
            for area, kept in (("clean", open_columns), ("pii", hidden if reference.direct else [])):
                self.connection.execute(f"DROP TABLE IF EXISTS {area}.{name}")
                if kept:
                    listed = ", ".join(map(quote, kept))
                    self.connection.execute(f"CREATE TABLE {area}.{name} AS SELECT {listed} FROM {source}")
            self.connection.execute("DELETE FROM meta.reference WHERE name = ?", [reference.name])
            self.connection.execute("INSERT INTO meta.reference VALUES (?, ?)", [reference.name, digest])

    def record_pulls(self, form_id: str, proofs: Sequence[dict[str, object]]) -> None:
        """Keep the completeness proofs of all pulls of a form."""
        with self._transaction():
            self.connection.execute("DELETE FROM meta.pull WHERE form_id = ?", [form_id])
            for proof in proofs:
                marks = ", ".join("?" * (len(_PROOF) + 1))
                values = [_flat(proof.get(name)) for name in _PROOF]
                self.connection.execute(f"INSERT INTO meta.pull VALUES ({marks})", [form_id, *values])

    def summarise(self, form_ids: Sequence[str]) -> None:
        """Write the counts that may leave the loader's file: no value of any submission is in them."""
        with self._transaction():
            self.connection.execute("DELETE FROM meta.form_summary")
            for form_id in form_ids:
                one = self.summary(form_id)
                row = [form_id, one.landed, one.good, one.set_aside, one.warned]
                self.connection.execute("INSERT INTO meta.form_summary VALUES (?, ?, ?, ?, ?)", row)
            self.connection.execute("DELETE FROM meta.set_aside")
            self.connection.execute(
                "INSERT INTO meta.set_aside SELECT form_id, rule, severity, column_name, any_value(why_id), "
                "any_value(why_en), count(DISTINCT _submission_id) FROM quarantine.reason GROUP BY ALL ORDER BY ALL"
            )

    def publish(self, path: Path) -> None:
        """Write the analysts' copy (clean, marts, meta) whole, then put it in place of the old one.

        An open writer blocks even readers, and a copy of the file would carry `pii` in its free blocks.
        """
        part = path.with_name(path.name + ".part")
        with _guarded(path):
            part.unlink(missing_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.connection.execute(f"ATTACH {literal(str(part))} AS published (STORAGE_VERSION '{STORAGE}')")
            try:
                for area, name in self._publishable():
                    self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS published.{area}")
                    target = f"published.{area}.{quote(name)}"
                    self.connection.execute(f"CREATE TABLE {target} AS SELECT * FROM {area}.{quote(name)}")
                add_labels(self.connection, "published")
                self.connection.execute("CHECKPOINT published")
            finally:
                self.connection.execute("DETACH published")
            part.replace(path)

    def _publishable(self) -> list[tuple[str, str]]:
        return self.connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database() "
            "AND table_schema IN ('clean', 'marts', 'meta') ORDER BY ALL"
        ).fetchall()


_PER_SUBMISSION = (
    "meta.submission",
    "meta.load",
    "pii._attachment",
    "quarantine.reason",
    "quarantine.problem",
)
_IN_TOUCHED = "_submission_id IN (SELECT _submission_id FROM touched)"


def areas(table: Table) -> dict[str, list[str]]:
    """Tell which columns of a table go to which schema; `pii` is absent where nothing is direct.

    `quarantine` holds all, since a supervisor must see what was set aside.
    """
    direct = [column.name for column in table.columns if column.privacy == "direct"]
    clean = [name for name in table.types() if name not in direct]
    keys = [name for name in ("_submission_id", "_row_id") if name in table.keys]
    found = {"clean": clean, "quarantine": list(table.types())}
    return {**found, "pii": [*keys, *direct]} if direct else found


_PROOF = (
    "server_count", "distinct_keys", "pages", "swept", "pulled_at", "remarks", "missing", "failed",
)  # fmt: skip


def _flat(value: object) -> object:
    """Write a list as lines, and nothing as NULL."""
    return "\n".join(map(str, value)) or None if isinstance(value, list) else value


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    import duckdb

    try:
        yield
    except (
        duckdb.IOException,
        duckdb.FatalException,
        duckdb.OutOfMemoryException,
        duckdb.SerializationException,
    ) as error:
        what = f"cannot be used ({str(error).splitlines()[0]})"
        remedy = "check rights and free disk space, and that no other loader is running"
        raise WarehouseError(what, where=str(path), remedy=remedy) from error
    except OSError as error:
        what = f"cannot be used ({error.strerror or error})"
        raise WarehouseError(what, where=str(path), remedy="check rights and free disk space") from error
