"""Landing + Schema -> typed tables and problems, in DuckDB SQL generated from the Schema.

No Python loop over rows: DuckDB reads the segments with declared columns, casts, and writes Parquet. A
value that does not fit its type becomes a problem, never a silent NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.errors import LandingError
from tracer_etl.names import literal, quote
from tracer_etl.schema import BRIDGE_COLUMNS, GEOPOINT_PARTS, TOKENS, Column, Schema, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.landing import Segment
    from tracer_etl.questions import NodePath

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
        self.connection, self.segments, self.schema, self.folder = connection, segments, schema, folder

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
        path = literal(str(self.folder / f"{file}.parquet"))
        self.connection.execute(f"COPY {quote(table)} TO {path} (FORMAT parquet, COMPRESSION zstd)")

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
        # A deletion buries all that landed before it; what landed after it was restored or sent again.
        self.connection.execute(
            f"CREATE TEMP TABLE newest AS SELECT * EXCLUDE (buried) FROM (SELECT *, max(landed) FILTER (deleted IS NOT NULL) "
            f"OVER (PARTITION BY key) AS buried FROM {source} WHERE key IS NOT NULL) "
            "WHERE buried IS NULL OR landed >= buried QUALIFY row_number() OVER (PARTITION BY key "
            "ORDER BY deleted IS NOT NULL, revision DESC, landed DESC) = 1"
        )
        self.connection.execute("CREATE TEMP VIEW landed AS SELECT * FROM newest WHERE deleted IS NULL")

    def _declared(self) -> dict[str, str]:
        return {
            "key": "VARCHAR", "landed": "BIGINT", "deleted": "VARCHAR", "instance": "VARCHAR", "revision": "BIGINT",
            "version": "VARCHAR", "submitted": "VARCHAR", "review": "VARCHAR", "error": "VARCHAR",
            "extra": "STRUCT(path VARCHAR, value VARCHAR)[]",
            "attachments": "STRUCT(name VARCHAR, sha256 VARCHAR, bytes BIGINT, present BOOLEAN)[]",
            "data": _struct(set(self.schema.paths)),
        }  # fmt: skip

    # -- tables

    def _write_table(self, table: Table) -> str:
        """Write one table; give the query of its type problems."""
        rows = self._root_rows() if not table.parent else self._child_rows(table)
        raw = f"raw_{table.name}"
        texts = {
            column.paths: _text(column, "data" if not table.parent else "item", len(table.path))
            for column in table.columns
        }
        index = {paths: f"t{i}" for i, paths in enumerate(texts)}
        selected = ", ".join(f"{sql} AS {index[paths]}" for paths, sql in texts.items())
        self.connection.execute(
            f"CREATE TEMP TABLE {quote(raw)} AS SELECT * EXCLUDE (item), {selected or 'NULL AS t_none'} FROM ({rows})"
            if table.parent
            else f"CREATE TEMP TABLE {quote(raw)} AS SELECT *, {selected or 'NULL AS t_none'} FROM ({rows})"
        )
        if table.parent:
            self._note_positions(table)
        typed = [f"{_cast(column, index[column.paths])} AS {quote(column.name)}" for column in table.columns]
        keys = ", ".join(quote(name) for name in table.keys)
        order = "_landed" if not table.parent else "_submission_id, _row_id"
        self._write(
            table.name, f"SELECT {', '.join([keys, *typed])} FROM {quote(raw)} ORDER BY {order}", table.name
        )
        return self._type_problems(table, raw, index)

    def _root_rows(self) -> str:
        return (
            "SELECT key AS _submission_id, nullif(instance, '') AS _instance_id, nullif(version, '') AS _form_version, "
            "TRY_CAST(nullif(submitted, '') AS TIMESTAMPTZ) AS _submitted_at, nullif(review, '') AS _review_state, "
            "revision AS _revision, landed AS _landed, data FROM landed"
        )

    def _child_rows(self, table: Table) -> str:
        """Give one row per repeat instance with its position inside its parent."""
        parent = self.schema.table(table.parent)
        source = "landed" if not parent.parent else quote(f"items_{parent.name}")
        owner = (
            "key AS _submission_id, key AS parent_row"
            if not parent.parent
            else "_submission_id, _row_id AS parent_row"
        )
        inside = _reach("data" if not parent.parent else "item", table.path[len(parent.path) :], leaf=False)
        return (
            f"SELECT _submission_id, parent_row || '/{table.path[-1]}[' || _position || ']' AS _row_id, "
            f"parent_row AS _parent_row_id, _position, item FROM (SELECT {owner}, "
            f"unnest({inside}) AS item, generate_subscripts({inside}, 1) AS _position FROM {source})"
        ).replace("'/" + table.path[-1], "'/" + table.path[-1].replace("'", "''"))

    def _note_positions(self, table: Table) -> None:
        """Keep the instances as they were read, for the repeats inside them."""
        if self.schema.children(table):
            name = quote(f"items_{table.name}")
            self.connection.execute(f"CREATE TEMP TABLE {name} AS {self._child_rows(table)}")

    def _type_problems(self, table: Table, raw: str, index: dict[tuple[NodePath, ...], str]) -> str:
        """Collect what was answered but did not fit, only for the rows where something did not."""
        typed = [c for c in table.columns if c.sql_type != "VARCHAR" and c.part in ("", GEOPOINT_PARTS[0])]
        if not typed:
            return ""
        bad = {c: f"({index[c.paths]} IS NOT NULL AND {_cast(c, index[c.paths])} IS NULL)" for c in typed}
        row_id = "_row_id" if table.parent else "_submission_id"
        found = ", ".join(
            f"CASE WHEN {test} THEN {{'path': {literal('/'.join(c.paths[0]))}, 'value': {index[c.paths]}}} END"
            for c, test in bad.items()
        )
        return (
            f"SELECT _submission_id, {literal(table.name)} AS table_name, _row_id, p.path AS path, p.value AS value, "
            f"'type' AS reason FROM (SELECT _submission_id, {row_id} AS _row_id, unnest([{found}]) AS p "
            f"FROM {quote(raw)} WHERE {' OR '.join(bad.values())}) WHERE p IS NOT NULL"
        )

    def _bridge(self) -> str:
        parts = []
        for table in self.schema.tables:
            row_id = "_row_id" if table.parent else "_submission_id"
            parts += [
                f"SELECT _submission_id, {row_id} AS _row_id, {literal(column.name)} AS question, unnest(tokens) AS choice, "
                f"generate_subscripts(tokens, 1) AS _position FROM (SELECT _submission_id, {row_id}, "
                f"string_split_regex(trim({quote(column.name)}), '\\s+') AS tokens FROM {quote(table.name)} "
                f"WHERE {quote(column.name)} IS NOT NULL)"
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
        yield (
            f"{head}, e.path AS path, e.value AS value, CASE WHEN e.path IN ({known}) THEN 'duplicate_element' "
            "ELSE 'unknown_field' END AS reason FROM (SELECT key, unnest(extra) AS e FROM landed)"
        )

    def _unknown_fields(self) -> Iterator[str]:
        """Look for answers no version of the form has, only in segments whose manifest names such a path."""
        known = {"/".join(path) for path in self.schema.paths}
        for segment in self.segments:
            for path in sorted(set(segment.paths) - known):
                yield self._unknown_field(segment, path)

    def _unknown_field(self, segment: Segment, path: str) -> str:
        steps = path.split("/")
        keys = [f"{step}/" for step in steps[:-1]]
        pointer = "$" + "".join(f".{_json_key(key)}[*]" for key in keys) + f".{_json_key(steps[-1])}"
        values = f"json_extract_string(data, {literal(pointer)})"
        listed = values if keys else f"[{values}]"
        return (
            f"SELECT key AS _submission_id, {literal(self.schema.root.name)} AS table_name, key AS _row_id, "
            f"{literal(path)} AS path, value, 'unknown_field' AS reason FROM (SELECT j.key, j.landed, "
            f"unnest({listed}) AS value FROM read_json({literal(str(segment.file))}, format='newline_delimited', "
            "compression='zstd', columns={key: 'VARCHAR', landed: 'BIGINT', data: 'JSON'}, "
            "maximum_object_size=67108864) j SEMI JOIN landed USING (key, landed)) WHERE trim(value) <> ''"
        )


_ATTACHMENTS = (
    "SELECT key AS _submission_id, a.name AS name, a.sha256 AS sha256, a.bytes AS bytes, coalesce(a.present, true) AS present "
    "FROM (SELECT key, unnest(attachments) AS a FROM landed) ORDER BY ALL"
)
_TOMBSTONES = "SELECT key AS _submission_id, landed AS _landed, deleted AS deleted_at FROM newest WHERE deleted IS NOT NULL"


def _json_key(key: str) -> str:
    return '"' + key.replace('"', '\\"') + '"'


def _struct(paths: set[NodePath]) -> str:
    """Declare the projection: a node with children is a list of structs under its name + "/"."""
    leaves = sorted({path[0] for path in paths if len(path) == 1})
    groups = sorted({path[0] for path in paths if len(path) > 1})
    parts = [f"{quote(leaf)} VARCHAR" for leaf in leaves]
    for group in groups:
        inner = _struct({path[1:] for path in paths if len(path) > 1 and path[0] == group})
        parts.append(f"{quote(group + '/')} {inner}[]")
    return f"STRUCT({', '.join(parts)})"


def _reach(base: str, steps: Sequence[str], *, leaf: bool) -> str:
    """Write the way from a row's struct to a node: through the first instance of every group."""
    sql = base
    for position, step in enumerate(steps):
        if position == len(steps) - 1:
            return f"{sql}.{quote(step if leaf else step + '/')}"
        sql = f"{sql}.{quote(step + '/')}[1]"
    return sql


def _text(column: Column, base: str, depth: int) -> str:
    """Read a question's text from wherever its versions keep it; blank is NULL."""
    reached = [f"nullif(trim({_reach(base, path[depth:], leaf=True)}), '')" for path in column.paths]
    return f"coalesce({', '.join(reached)})" if len(reached) > 1 else reached[0]


def _cast(column: Column, text: str) -> str:
    """Cast a text; NULL where it does not fit."""
    if column.part:
        number = GEOPOINT_PARTS.index(column.part) + 1
        parts = f"string_split_regex({text}, '\\s+')"
        whole = f"regexp_full_match({text}, '-?[0-9.]+(\\s+-?[0-9.]+){{1,3}}')"
        return f"CASE WHEN {whole} THEN TRY_CAST({parts}[{number}] AS DOUBLE) END"
    match column.sql_type:
        case "BIGINT":
            # A bare cast would round 7.5 to 8; a whole number survives the way back to text.
            cast = f"TRY_CAST({text} AS BIGINT)"
            whole = f"regexp_full_match({text}, '[+-]?[0-9]+(\\.0+)?')"
            return f"CASE WHEN CAST({cast} AS VARCHAR) = {text} THEN {cast} WHEN {whole} THEN {cast} END"
        case "DOUBLE":
            number_text = "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?"
            return f"CASE WHEN regexp_full_match({text}, '{number_text}') THEN TRY_CAST({text} AS DOUBLE) END"
        case "DATE":
            return (
                f"CASE WHEN CAST(TRY_CAST({text} AS DATE) AS VARCHAR) = {text} THEN TRY_CAST({text} AS DATE) "
                f"WHEN regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T.*') "
                f"THEN TRY_CAST(substr({text}, 1, 10) AS DATE) END"
            )
        case "TIME":
            clock = f"regexp_full_match({text}, '[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\\.[0-9]+)?)?(Z|[+-][0-9:]+)?')"
            return (
                f"CASE WHEN {clock} THEN TRY_CAST(regexp_replace({text}, '(Z|[+-][0-9:]+)$', '') AS TIME) END"
            )
        case "TIMESTAMPTZ":
            moment = f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ].*)?')"
            return f"CASE WHEN {moment} THEN TRY_CAST({text} AS TIMESTAMPTZ) END"
        case "BOOLEAN":
            return f"CASE lower({text}) WHEN 'true' THEN true WHEN '1' THEN true WHEN 'false' THEN false WHEN '0' THEN false END"
        case "VARCHAR":
            return text
