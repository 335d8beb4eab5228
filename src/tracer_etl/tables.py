"""Landing + Schema -> typed tables and problems, in DuckDB SQL generated from the Schema.

No Python loop over rows: DuckDB reads the segments with declared columns, casts, and writes Parquet. A
value that does not fit its type becomes a problem, never a silent NULL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.casts import cast, position_parts
from tracer_etl.errors import LandingError
from tracer_etl.names import literal, quote
from tracer_etl.projection import BLANK, Projection, pointer, trimmed
from tracer_etl.schema import GEOPOINT_PARTS
from tracer_etl.scratch import on_all_cores, room, scratch
from tracer_etl.segments import verify

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.landing import Segment
    from tracer_etl.questions import NodePath
    from tracer_etl.schema import Schema, Table


@dataclass(frozen=True, slots=True)
class Built:
    """What one build made of one form: submissions are counted once, in their newest version."""

    form_id: str
    folder: Path
    submissions: int
    problems: int


def build(
    segments: Sequence[Segment], schema: Schema, folder: Path, timezone: str, only: str = "true"
) -> Built:
    """Write `<table>.parquet` for every table of the Schema, problems, attachments and tombstones.

    One row per submission (its newest version within these segments), one per repeat instance. The root's file also
    holds what the other tables were made of, in columns with a space in their names. Date-times without an offset are
    read as local time of `timezone`. `only` is a condition in SQL on the `key` of a submission.

    Raises:
        LandingError: a segment is missing, cannot be read, or is not what was landed; or there is no room in `folder`.
    """
    import duckdb

    for segment in segments:
        verify(segment.file, segment.sha256, schema.form_id)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with scratch(folder, timezone) as connection:
            return _Builder(connection, segments, schema, folder, only).run()
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise _broken(error, folder, schema.form_id) from error


def _broken(error: Exception, folder: Path, form_id: str) -> LandingError:
    """Say whether it is the landing that cannot be read or the staging folder that cannot be written."""
    told = str(error).splitlines()[0]
    if str(folder) in told:
        what, remedy = (
            "the staging folder cannot be written",
            "free disk space or mend its rights, then run again",
        )
    else:
        what, remedy = "a segment cannot be read", "restore the landing from its backup"
    return LandingError(f"{what} ({told})", where=form_id, remedy=remedy)


class _Builder:
    """Holds the connection and the schema while the statements of one build run in order.

    The lines are read once: answers are typed as they stream by into the root's own file, where all that is made next
    reads them: its typed cells, its problems, and the lists its repeats come from. A name with a space is no column's
    and no table's of a form.
    """

    def __init__(
        self,
        connection: DuckDBPyConnection,
        segments: Sequence[Segment],
        schema: Schema,
        folder: Path,
        only: str,
    ) -> None:
        self.connection, self.schema, self.folder, self.only = connection, schema, folder, only
        # In landing order, so that no table needs sorting.
        self.segments = sorted(segments, key=lambda segment: segment.first)
        self.nodes = Projection(schema.paths, frozenset(t.path for t in schema.tables if t.parent))
        self.root = _kept(schema.root)

    def run(self) -> Built:
        self._read()
        for table in self.schema.tables:
            if table.parent:
                typed = f"{self._typed(table, self._child_rows(table))} ORDER BY _submission_id, _row_id"
                self.connection.execute(f"CREATE TEMP TABLE {_kept(table)} AS {typed}")
                names = ", ".join(quote(name) for name in table.types())
                self._copy(f"SELECT {names} FROM {_kept(table)}", table.name)
        problems = [*self._row_problems(), *self._envelope_problems(), *self._unknown_fields()]
        union = " UNION ALL BY NAME ".join(f"({part})" for part in problems)
        self.connection.execute(f'CREATE TEMP TABLE "all problems" AS SELECT * FROM ({union}) ORDER BY ALL')
        self._copy('FROM "all problems"', "problems")
        self._copy(_ATTACHMENTS.format(root=self.root), "attachments")
        return Built(self.schema.form_id, self.folder, self._count(self.root), self._count('"all problems"'))

    def _count(self, table: str) -> int:
        row = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(row[0]) if row else 0

    def _path(self, file: str) -> Path:
        return self.folder / f"{file}.parquet"

    def _copy(self, query: str, file: str) -> None:
        self.connection.execute(f"COPY ({query}) TO {literal(str(self._path(file)))} ({_FORMAT})")

    # -- reading

    def _read(self) -> None:
        """Read and type the newest version of every submission of the segments."""
        columns = ", ".join(f"{quote(name)}: {literal(kind)}" for name, kind in self._declared().items())
        files = ", ".join(literal(str(segment.file)) for segment in self.segments)
        source = (
            f"read_json([{files}], format='newline_delimited', compression='zstd', columns={{{columns}}}, "
            f"maximum_object_size={room(*(segment.longest for segment in self.segments))})"
            if self.segments
            else "(SELECT "
            + ", ".join(f"NULL::{kind} AS {quote(n)}" for n, kind in self._declared().items())
            + ")"
        )
        root = self.schema.root
        width = len(root.types()) + len(_ENVELOPE) + len(self.schema.children(root)) + 1
        with on_all_cores(self.connection, width):
            self._copy(self._typed(root, _ROOT_ROWS.format(source=source, only=self.only)), root.name)
        versions = f"read_parquet({literal(str(self._path(root.name)))}, file_row_number = true)"
        self.connection.execute(_NEWEST.format(versions=versions))
        self._copy(_TOMBSTONES, "tombstones")
        if self._count(versions) > self._count(_PRESENT):
            # Few batches bring a submission twice: only those are written twice.
            present = f"SELECT * EXCLUDE (file_row_number) FROM {versions} WHERE file_row_number IN (FROM {_PRESENT})"
            # What comes out of a join is copied in any order of its row groups.
            self._copy(f"{present} ORDER BY file_row_number", f"{root.name} present")
            self._path(f"{root.name} present").replace(self._path(root.name))
        self.connection.execute(f"CREATE TEMP VIEW {self.root} AS FROM {literal(str(self._path(root.name)))}")

    def _declared(self) -> dict[str, str]:
        return {
            "key": "VARCHAR", "landed": "BIGINT", "deleted": "VARCHAR", "instance": "VARCHAR", "revision": "BIGINT",
            "version": "VARCHAR", "submitted": "VARCHAR", "review": "VARCHAR", "error": "VARCHAR",
            "extra": "STRUCT(path VARCHAR, value VARCHAR)[]",
            "attachments": "STRUCT(name VARCHAR, sha256 VARCHAR, bytes BIGINT, present BOOLEAN)[]",
            "data": self.nodes.declared,
        }  # fmt: skip

    # -- tables

    def _typed(self, table: Table, rows: str) -> str:
        """Read, trim, cast and judge, each in a query around the one before: nothing is computed twice."""
        asked = dict.fromkeys(column.paths for column in table.columns)
        texts = {paths: f'"text {i}"' for i, paths in enumerate(asked)}
        parts = {c.paths: f'"parts {texts[c.paths][6:]}' for c in table.columns if c.part}
        raws = {
            path: f'"raw {i}"' for i, path in enumerate(dict.fromkeys(p for paths in asked for p in paths))
        }
        nested = {child.path: _items(child) for child in self.schema.children(table)}
        groups = {path: f'"group {i}"' for i, path in enumerate(self._groups(table))}
        base, kept = _base(table), [*map(quote, table.keys), *(() if table.parent else _ENVELOPE)]
        read = {name: self.nodes.reach(base, table.path, path) for path, name in raws.items()}
        read |= {name: self.nodes.instances(base, table.path, p) for p, name in (nested | groups).items()}
        trims = {name: _first([trimmed(raws[path]) for path in paths]) for paths, name in texts.items()}
        splits = {name: position_parts(texts[paths]) for paths, name in parts.items()}
        casts = {quote(c.name): cast(c, texts[c.paths], parts.get(c.paths, "")) for c in table.columns}
        query = f"SELECT {', '.join([*kept, *_named(read)])} FROM ({rows})"
        for step in (trims, splits, casts):
            query = f"SELECT {', '.join(['*', *_named(step)])} FROM ({query})"
        said = {'"the problems"': _problems(table, texts, groups)}
        return f"SELECT {', '.join([*kept, *casts, *nested.values(), *_named(said)])} FROM ({query})"

    def _child_rows(self, table: Table) -> str:
        """Give one row per repeat instance with its position inside its parent."""
        parent = self.schema.table(table.parent)
        # With its groups, since two repeats of one name in two groups share their parent.
        step = literal(f"/{'/'.join(table.path[len(parent.path) :])}[")
        return (
            f"SELECT _submission_id, parent_row || {step} || _position || ']' AS _row_id, "
            f"parent_row AS _parent_row_id, _position, item FROM (SELECT _submission_id, {parent.row_key} AS parent_row, "
            f"unnest({_items(table)}) AS item, generate_subscripts({_items(table)}, 1) AS _position "
            f"FROM {_kept(parent)})"
        )

    def _groups(self, table: Table) -> list[NodePath]:
        """List the groups of a table's rows: one that came more than once is a problem, only a repeat may."""
        repeats = {path for form in self.schema.forms for path in form.repeats}
        groups = {path[:length] for path in self.schema.paths for length in range(1, len(path))} - repeats
        return sorted(group for group in groups if _table_of(group, repeats) == table.path)

    # -- problems

    def _row_problems(self) -> Iterator[str]:
        """Collect what did not fit, noted in its row."""
        for table in self.schema.tables:
            yield (
                f"SELECT _submission_id, {literal(table.name)} AS table_name, _row_id, p.path AS path, p.value AS value, "
                f'p.reason AS reason FROM (SELECT _submission_id, {table.row_key} AS _row_id, unnest("the problems") AS p '
                f'FROM {_kept(table)} WHERE "the problems" IS NOT NULL) WHERE p IS NOT NULL'
            )

    def _envelope_problems(self) -> Iterator[str]:
        root = literal(self.schema.root.name)
        versions = ", ".join(literal(version) for version in self.schema.versions)
        head = f"SELECT _submission_id, {root} AS table_name, _submission_id AS _row_id"
        yield (
            f"{head}, '' AS path, \"the error\" AS value, 'unreadable' AS reason FROM {self.root} "
            "WHERE coalesce(\"the error\", '') <> ''"
        )
        yield (
            f"{head}, '@version' AS path, coalesce(_form_version, '') AS value, 'unknown_version' AS reason "
            f"FROM {self.root} WHERE coalesce(\"the error\", '') = '' AND coalesce(_form_version, '') NOT IN ({versions})"
        )
        known = ", ".join(literal("/".join(path)) for path in self.schema.paths)
        constants = {constant for form in self.schema.forms for constant in form.constants}
        stated = [f"({literal(path)}, {literal(value)})" for path, value in sorted(constants)]
        constant = f"AND (e.path, e.value) NOT IN ({', '.join(stated)})" if stated else ""
        yield (
            f"{head}, e.path AS path, e.value AS value, CASE WHEN e.path IN ({known}) THEN 'duplicate_element' "
            f"ELSE 'unknown_field' END AS reason FROM (SELECT _submission_id, unnest(\"the extra\") AS e FROM {self.root}) "
            f"WHERE trim(e.value, {BLANK}) <> '' {constant}"
        )

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
            f"maximum_object_size={room(segment.longest)}) j SEMI JOIN {self.root} "
            f"ON key = _submission_id AND landed = _landed) WHERE trim(value, {BLANK}) <> ''"
        )


_ENVELOPE = ('"is deleted"', '"the error"', '"the extra"', '"the attachments"')
_ROOT_ROWS = (
    "SELECT key AS _submission_id, nullif(instance, '') AS _instance_id, nullif(version, '') AS _form_version, "
    "TRY_CAST(nullif(submitted, '') AS TIMESTAMPTZ) AS _submitted_at, nullif(review, '') AS _review_state, "
    'revision AS _revision, landed AS _landed, deleted AS "is deleted", error AS "the error", extra AS "the extra", '
    'attachments AS "the attachments", data FROM {source} WHERE key IS NOT NULL AND ({only})'
)


def _kept(table: Table) -> str:
    """Name the rows that are kept of a table."""
    return quote(f"rows of {table.name}")


def _items(child: Table) -> str:
    """Name the column of a parent's rows that has the instances of a repeat."""
    return quote(f"items of {child.name}")


def _base(table: Table) -> str:
    """Name what holds the nodes of a row of the table."""
    return "item" if table.parent else "data"


def _table_of(group: NodePath, repeats: set[NodePath]) -> NodePath:
    return max((path for path in repeats if group[: len(path)] == path), key=len, default=())


def _named(columns: dict[str, str]) -> list[str]:
    return [f"{sql} AS {name}" for name, sql in columns.items()]


def _first(texts: list[str]) -> str:
    """Take a question's text from wherever its versions keep it."""
    return f"coalesce({', '.join(texts)})" if len(texts) > 1 else texts[0]


def _problems(table: Table, texts: dict[tuple[NodePath, ...], str], groups: dict[NodePath, str]) -> str:
    """Note what was answered but did not fit, and groups that came twice; a position is judged by its first part."""
    found = {
        f"({texts[c.paths]} IS NOT NULL AND {quote(c.name)} IS NULL)": (c.paths[0], texts[c.paths], "type")
        for c in table.columns
        if c.sql_type != "VARCHAR" and c.part in ("", GEOPOINT_PARTS[0])
    }
    found |= {
        f"len({listed}) > 1": (path, f"CAST(to_json({listed}[2:]) AS VARCHAR)", "duplicate_element")
        for path, listed in groups.items()
    }
    each = ", ".join(
        f"CASE WHEN {is_so} THEN {{'path': {literal('/'.join(path))}, 'value': {value}, 'reason': '{reason}'}} END"
        for is_so, (path, value, reason) in found.items()
    )
    none = "NULL::STRUCT(path VARCHAR, value VARCHAR, reason VARCHAR)[]"
    return f"CASE WHEN {' OR '.join(found)} THEN [{each}] END" if found else none


_ATTACHMENTS = (
    "SELECT _submission_id, a.name AS name, a.sha256 AS sha256, a.bytes AS bytes, coalesce(a.present, true) AS present "
    'FROM (SELECT _submission_id, unnest("the attachments") AS a FROM {root}) ORDER BY ALL'
)
_FORMAT = "FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 51_200"
"""Two groups hold a batch of 100,000, so that both cores write it."""
# A deletion buries all that landed before it; what landed after it was restored or sent again.
# Only the few columns that decide go through the windows, never the answers.
_NEWEST = (
    'CREATE TEMP TABLE "newest versions" AS SELECT number, _submission_id, _landed, "is deleted" FROM '
    '(SELECT file_row_number AS number, _submission_id, _landed, _revision, "is deleted", max(_landed) '
    'FILTER ("is deleted" IS NOT NULL) OVER (PARTITION BY _submission_id) AS buried FROM {versions}) '
    "WHERE buried IS NULL OR _landed >= buried QUALIFY row_number() OVER (PARTITION BY _submission_id "
    'ORDER BY "is deleted" IS NOT NULL, _revision DESC, _landed DESC) = 1'
)
_PRESENT = '(SELECT number FROM "newest versions" WHERE "is deleted" IS NULL)'
_TOMBSTONES = (
    'SELECT _submission_id, _landed, "is deleted" AS deleted_at FROM "newest versions" '
    'WHERE "is deleted" IS NOT NULL ORDER BY number'
)
