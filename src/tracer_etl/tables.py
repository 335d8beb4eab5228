"""Landing + Schema -> typed tables and problems, in DuckDB SQL generated from the Schema.

No Python loop over rows: DuckDB reads the segments with declared columns, casts, and writes Parquet. A
value that does not fit its type becomes a problem, never a silent NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.bridge import token_rows
from tracer_etl.casts import cast
from tracer_etl.errors import LandingError
from tracer_etl.names import literal, quote
from tracer_etl.projection import BLANK, Projection, pointer
from tracer_etl.schema import BRIDGE_COLUMNS, GEOPOINT_PARTS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.landing import Segment
    from tracer_etl.questions import NodePath
    from tracer_etl.schema import Column, Schema, Table

MEMORY_LIMIT = "700MB"
"""DuckDB spills to disk beyond it, so that a million submissions need no more memory than a thousand."""


@dataclass(frozen=True, slots=True)
class Built:
    """What one build made of one form: submissions are counted once, in their newest version."""

    form_id: str
    folder: Path
    submissions: int
    problems: int


def build(segments: Sequence[Segment], schema: Schema, folder: Path, timezone: str) -> Built:
    """Write `<table>.parquet` for every table of the Schema, the bridge, problems and tombstones.

    One row per submission (its newest version within these segments), one per repeat instance. Date-times
    without an offset are read as local time of `timezone`.

    Raises:
        LandingError: a segment cannot be read.
    """
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        config={"memory_limit": MEMORY_LIMIT, "temp_directory": str(folder / "spill")}
    )
    try:
        connection.execute(f"SET TimeZone = {literal(timezone)}")
        return _Builder(connection, segments, schema, folder).run()
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        what = f"a segment cannot be read ({str(error).splitlines()[0]})"
        raise LandingError(
            what, where=schema.form_id, remedy="restore the landing from its backup"
        ) from error
    finally:
        connection.close()


class _Builder:
    """Holds the connection and the schema while the statements of one build run in order."""

    def __init__(
        self, connection: DuckDBPyConnection, segments: Sequence[Segment], schema: Schema, folder: Path
    ) -> None:
        self.connection, self.schema, self.folder = connection, schema, folder
        # In landing order, so that no table needs sorting.
        self.segments = sorted(segments, key=lambda segment: segment.first)
        self.nodes = Projection(schema.paths)

    def run(self) -> Built:
        self._read()
        problems = [self._write_table(table) for table in self.schema.tables]
        self._write("bridge", self._bridge(), self.schema.bridge)
        problems += [*self._envelope_problems(), *self._unknown_fields()]
        union = " UNION ALL BY NAME ".join(f"({part})" for part in problems if part)
        self._write("problem", f"SELECT * FROM ({union}) ORDER BY ALL", "problems")
        self._write("attachment", _ATTACHMENTS, "attachments")
        self._write("tombstone", _TOMBSTONES, "tombstones")
        return Built(self.schema.form_id, self.folder, self._count("landed"), self._count("problem"))

    def _count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0

    def _write(self, table: str, query: str, file: str) -> None:
        self.connection.execute(f"CREATE TEMP TABLE {quote(table)} AS {query}")
        self._copy(f"FROM {quote(table)}", file)

    def _copy(self, query: str, file: str) -> None:
        path = literal(str(self.folder / f"{file}.parquet"))
        self.connection.execute(f"COPY ({query}) TO {path} (FORMAT parquet, COMPRESSION snappy)")

    # -- reading

    def _read(self) -> None:
        """Read the newest version of every submission of the segments."""
        columns = ", ".join(f"{quote(name)}: {literal(kind)}" for name, kind in self._declared().items())
        files = ", ".join(literal(str(segment.file)) for segment in self.segments)
        source = (
            f"read_json([{files}], format='newline_delimited', compression='zstd', columns={{{columns}}}, "
            "maximum_object_size=67108864)"
            if self.segments
            else "(SELECT "
            + ", ".join(f"NULL::{kind} AS {quote(n)}" for n, kind in self._declared().items())
            + ")"
        )
        self.connection.execute(f"CREATE TEMP TABLE received AS SELECT * FROM {source} WHERE key IS NOT NULL")
        # A deletion buries all that landed before it; what landed after it was restored or sent again.
        # Only the few columns that decide go through the windows, never the answers.
        self.connection.execute(
            "DELETE FROM received WHERE rowid NOT IN (SELECT number FROM (SELECT rowid AS number, key, landed, deleted, "
            "revision, max(landed) FILTER (deleted IS NOT NULL) OVER (PARTITION BY key) AS buried FROM received) "
            "WHERE buried IS NULL OR landed >= buried QUALIFY row_number() OVER (PARTITION BY key "
            "ORDER BY deleted IS NOT NULL, revision DESC, landed DESC) = 1)"
        )
        self.connection.execute("CREATE TEMP VIEW landed AS SELECT * FROM received WHERE deleted IS NULL")

    def _declared(self) -> dict[str, str]:
        return {
            "key": "VARCHAR", "landed": "BIGINT", "deleted": "VARCHAR", "instance": "VARCHAR", "revision": "BIGINT",
            "version": "VARCHAR", "submitted": "VARCHAR", "review": "VARCHAR", "error": "VARCHAR",
            "extra": "STRUCT(path VARCHAR, value VARCHAR)[]",
            "attachments": "STRUCT(name VARCHAR, sha256 VARCHAR, bytes BIGINT, present BOOLEAN)[]",
            "data": self.nodes.declared,
        }  # fmt: skip

    # -- tables

    def _write_table(self, table: Table) -> str:
        """Write one table in one pass over its rows; give the query of its type problems."""
        texts = {column.paths: self._text(column, table) for column in table.columns}
        # With a space, which no column's name has.
        index = {paths: f'"text {i}"' for i, paths in enumerate(texts)}
        keys = ", ".join(quote(name) for name in table.keys)
        read = ", ".join([keys, *(f"{sql} AS {index[paths]}" for paths, sql in texts.items())])
        typed = [f"{cast(column, index[column.paths])} AS {quote(column.name)}" for column in table.columns]
        bad = {c: f"({index[c.paths]} IS NOT NULL AND {quote(c.name)} IS NULL)" for c in _typed(table)}
        rows = self._child_rows(table) if table.parent else _ROOT_ROWS
        order = "ORDER BY _submission_id, _row_id" if table.parent else ""
        names = ", ".join([keys, *(quote(column.name) for column in table.columns)])
        cells = ", ".join([keys, *(index[c.paths] for c in bad), *typed])
        self.connection.execute(
            f'CREATE TEMP TABLE {quote(table.name)} AS SELECT {names}, {" OR ".join(bad.values()) or "false"} AS "a misfit" '
            f"FROM (SELECT {cells} FROM (SELECT {read} FROM ({rows}))) {order}"
        )
        if table.parent:
            self._note_positions(table)
        self._copy(f'SELECT * EXCLUDE ("a misfit") FROM {quote(table.name)}', table.name)
        return self._type_problems(table, rows, texts) if bad else ""

    def _child_rows(self, table: Table) -> str:
        """Give one row per repeat instance with its position inside its parent."""
        parent = self.schema.table(table.parent)
        source = "landed" if not parent.parent else quote(f"items_{parent.name}")
        owner = (
            "key AS _submission_id, key AS parent_row"
            if not parent.parent
            else "_submission_id, _row_id AS parent_row"
        )
        inside = self.nodes.instances(_base(parent), parent.path, table.path)
        # With its groups, since two repeats of one name in two groups share their parent.
        step = literal(f"/{'/'.join(table.path[len(parent.path) :])}[")
        return (
            f"SELECT _submission_id, parent_row || {step} || _position || ']' AS _row_id, "
            f"parent_row AS _parent_row_id, _position, item FROM (SELECT {owner}, "
            f"unnest({inside}) AS item, generate_subscripts({inside}, 1) AS _position FROM {source})"
        )

    def _text(self, column: Column, table: Table) -> str:
        """Read a question's text from wherever its versions keep it."""
        reached = [self.nodes.text(_base(table), table.path, path) for path in column.paths]
        return f"coalesce({', '.join(reached)})" if len(reached) > 1 else reached[0]

    def _note_positions(self, table: Table) -> None:
        """Keep the instances as they were read, for the repeats inside them."""
        if self.schema.children(table):
            name = quote(f"items_{table.name}")
            self.connection.execute(f"CREATE TEMP TABLE {name} AS {self._child_rows(table)}")

    def _type_problems(self, table: Table, rows: str, texts: dict[tuple[NodePath, ...], str]) -> str:
        """Collect what was answered but did not fit, only from the rows where something did not."""
        cells = {c: f'"cell {i}"' for i, c in enumerate(_typed(table))}
        found = ", ".join(
            f"CASE WHEN {texts[c.paths]} IS NOT NULL AND {cell} IS NULL "
            f"THEN {{'path': {literal('/'.join(c.paths[0]))}, 'value': {texts[c.paths]}}} END"
            for c, cell in cells.items()
        )
        kept = ", ".join(f"{quote(c.name)} AS {cell}" for c, cell in cells.items())
        misfits = f'SELECT {table.row_key} AS "a key", {kept} FROM {quote(table.name)} WHERE "a misfit"'
        return (
            f"SELECT _submission_id, {literal(table.name)} AS table_name, _row_id, p.path AS path, p.value AS value, "
            f"'type' AS reason FROM (SELECT _submission_id, {table.row_key} AS _row_id, unnest([{found}]) AS p "
            f'FROM ({misfits}) JOIN ({rows}) ON {table.row_key} = "a key") WHERE p IS NOT NULL'
        )

    def _bridge(self) -> str:
        parts = [
            token_rows(quote(table.name), table.row_key, column.name)
            for table in self.schema.tables
            for column in table.columns
            if column.kind in TOKENS
        ]
        empty = (
            "SELECT "
            + ", ".join(f"NULL::{kind} AS {name}" for name, kind in BRIDGE_COLUMNS.items())
            + " LIMIT 0"
        )
        return f"SELECT * FROM ({' UNION ALL '.join([f'({part})' for part in (empty, *parts)])}) ORDER BY ALL"

    # -- problems of other kinds

    def _envelope_problems(self) -> Iterator[str]:
        root = literal(self.schema.root.name)
        versions = ", ".join(literal(version) for version in self.schema.versions)
        head = f"SELECT key AS _submission_id, {root} AS table_name, key AS _row_id"
        yield f"{head}, '' AS path, error AS value, 'unreadable' AS reason FROM landed WHERE coalesce(error, '') <> ''"
        yield (
            f"{head}, '@version' AS path, coalesce(version, '') AS value, 'unknown_version' AS reason FROM landed "
            f"WHERE coalesce(error, '') = '' AND coalesce(version, '') NOT IN ({versions})"
        )
        known = ", ".join(literal("/".join(path)) for path in self.schema.paths)
        constants = {constant for form in self.schema.forms for constant in form.constants}
        stated = [f"({literal(path)}, {literal(value)})" for path, value in sorted(constants)]
        constant = f"AND (e.path, e.value) NOT IN ({', '.join(stated)})" if stated else ""
        yield (
            f"{head}, e.path AS path, e.value AS value, CASE WHEN e.path IN ({known}) THEN 'duplicate_element' "
            f"ELSE 'unknown_field' END AS reason FROM (SELECT key, unnest(extra) AS e FROM landed) "
            f"WHERE trim(e.value, {BLANK}) <> '' {constant}"
        )
        yield from self._doubled_groups()

    def _doubled_groups(self) -> Iterator[str]:
        """Look for a group that came more than once: only a repeat may."""
        repeats = {path for form in self.schema.forms for path in form.repeats}
        groups = {path[:length] for path in self.schema.paths for length in range(1, len(path))} - repeats
        for table in self.schema.tables:
            inside = sorted(group for group in groups if self._table_of(group, repeats) == table.path)
            lists = [self.nodes.instances(_base(table), table.path, group) for group in inside]
            if not lists:
                continue
            found = ", ".join(
                f"CASE WHEN len({listed}) > 1 THEN {{'path': {literal('/'.join(group))}, "
                f"'value': CAST(to_json({listed}[2:]) AS VARCHAR)}} END"
                for group, listed in zip(inside, lists, strict=True)
            )
            source = "landed" if not table.parent else f"({self._child_rows(table)})"
            more = " OR ".join(f"len({listed}) > 1" for listed in lists)
            key = "key" if not table.parent else "_submission_id"
            yield (
                f"SELECT _submission_id, {literal(table.name)} AS table_name, _row_id, g.path AS path, g.value AS value, "
                f"'duplicate_element' AS reason FROM (SELECT {key} AS _submission_id, "
                f"{key if not table.parent else '_row_id'} AS _row_id, unnest([{found}]) AS g FROM {source} WHERE {more}) "
                "WHERE g IS NOT NULL"
            )

    @staticmethod
    def _table_of(group: NodePath, repeats: set[NodePath]) -> NodePath:
        return max((path for path in repeats if group[: len(path)] == path), key=len, default=())

    def _unknown_fields(self) -> Iterator[str]:
        """Look for answers no version of the form has, only in segments whose manifest names such a path."""
        known = {"/".join(path) for path in self.schema.paths}
        for segment in self.segments:
            for path in sorted(set(segment.paths) - known):
                yield self._unknown_field(segment, path)

    def _unknown_field(self, segment: Segment, path: str) -> str:
        steps = path.split("/")
        values = f"json_extract_string(data, {literal(pointer(steps, every=True))})"
        listed = values if len(steps) > 1 else f"[{values}]"
        return (
            f"SELECT key AS _submission_id, {literal(self.schema.root.name)} AS table_name, key AS _row_id, "
            f"{literal(path)} AS path, value, 'unknown_field' AS reason FROM (SELECT j.key, j.landed, "
            f"unnest({listed}) AS value FROM read_json({literal(str(segment.file))}, format='newline_delimited', "
            "compression='zstd', columns={key: 'VARCHAR', landed: 'BIGINT', data: 'JSON'}, "
            f"maximum_object_size=67108864) j SEMI JOIN landed USING (key, landed)) WHERE trim(value, {BLANK}) <> ''"
        )


_ROOT_ROWS = (
    "SELECT key AS _submission_id, nullif(instance, '') AS _instance_id, nullif(version, '') AS _form_version, "
    "TRY_CAST(nullif(submitted, '') AS TIMESTAMPTZ) AS _submitted_at, nullif(review, '') AS _review_state, "
    "revision AS _revision, landed AS _landed, data FROM landed"
)


def _typed(table: Table) -> list[Column]:
    """List the columns a text may not fit; a position is judged by its first part."""
    return [c for c in table.columns if c.sql_type != "VARCHAR" and c.part in ("", GEOPOINT_PARTS[0])]


def _base(table: Table) -> str:
    """Name what holds the nodes of a row of the table."""
    return "item" if table.parent else "data"


_ATTACHMENTS = (
    "SELECT key AS _submission_id, a.name AS name, a.sha256 AS sha256, a.bytes AS bytes, coalesce(a.present, true) AS present "
    "FROM (SELECT key, unnest(attachments) AS a FROM landed) ORDER BY ALL"
)
_TOMBSTONES = "SELECT key AS _submission_id, landed AS _landed, deleted AS deleted_at FROM received WHERE deleted IS NOT NULL"
