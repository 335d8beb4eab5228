"""One staging folder -> reasons.parquet and a verdict."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tracer_etl.bridge import bridge_rows
from tracer_etl.checks.columns import Columns, staged
from tracer_etl.checks.compiled import compiled_rules
from tracer_etl.checks.expectations import written_rules
from tracer_etl.checks.tally import Tally
from tracer_etl.errors import LandingError, StudyError
from tracer_etl.logic import create_lists
from tracer_etl.names import literal, quote
from tracer_etl.records import SETS_ASIDE, Verdict, silent
from tracer_etl.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from duckdb import DuckDBPyConnection

    from tracer_etl.checks.rules import Rule, Rules
    from tracer_etl.records import Progress
    from tracer_etl.schema import Schema, Table

BATCH_ROWS = 200_000
"""Great Expectations works in pandas: at a million rows one batch would take 2 GB."""

_REASONS = ("_submission_id", "table_name", "_row_id", "rule", "severity", "column_name", "why_id", "why_en")
_PROBLEMS = """
    VALUES ('type', 'warning', 'Jawaban tidak sesuai dengan jenis pertanyaannya.',
            'The answer does not fit the type of its question.'),
    ('unreadable', 'critical', 'Kiriman tidak dapat dibaca.', 'The submission cannot be read.'),
    ('unknown_version', 'warning', 'Versi formulir tidak dikenal.', 'The form version is not known.'),
    ('duplicate_element', 'warning', 'Satu pertanyaan dijawab dua kali.', 'One question is answered twice.'),
    ('correction_stale', 'warning', 'Koreksi tidak cocok lagi dengan jawabannya.',
     'A correction no longer matches the answer.'),
    ('unknown_field', 'info', 'Ada isian yang tidak ada di versi formulir mana pun.',
     'A field is in no version of the form.')
"""


def check(
    folder: Path, schema: Schema, expectations: Path, *, timezone: str = "UTC", progress: Progress = silent
) -> Verdict:
    """Judge the tables of a staging folder and write `reasons.parquet` and `checked.parquet` beside them.

    Reasons: one row per row and rule violated (of the form's own rules: per question). A submission with a critical
    or warning reason is set aside whole. Checked: one row per rule, with what came of it; see `tally`. `timezone` says
    which day a moment falls on.

    Raises:
        StudyError: an expectation file is wrong.
        LandingError: the folder lacks a table.
    """
    with _opened(schema, folder, timezone) as connection:
        tally = Tally()
        for table in progress(schema.tables, f"check {schema.form_id}", len(schema.tables)):
            _Judge(connection, schema, table, tally).run(expectations)
        _add_problems(connection, schema)
        target = literal(str(folder / "reasons.parquet"))
        connection.execute(f"COPY (SELECT DISTINCT * FROM reasons ORDER BY ALL) TO {target} (FORMAT parquet)")
        tally.write(connection, schema.root.name, folder / "checked.parquet")
        return _verdict(connection, schema, tally.missed)


def frames(
    folder: Path, schema: Schema, expectations: Path, timezone: str
) -> Iterator[tuple[Table, tuple[Rule, ...], pd.DataFrame]]:
    """Give what Great Expectations is given: each table's rules, and its rows batch by batch."""
    with _opened(schema, folder, timezone) as connection:
        for table in schema.tables:
            judge = _Judge(connection, schema, table, Tally())
            rules, batches = judge.prepared(expectations)
            for frame in batches:
                yield table, rules, frame


@contextmanager
def _opened(schema: Schema, folder: Path, timezone: str) -> Iterator[DuckDBPyConnection]:
    with scratch(folder, timezone) as connection:
        _open(connection, schema, folder)
        yield connection


def _open(connection: DuckDBPyConnection, schema: Schema, folder: Path) -> None:
    """Make the staged tables and the choice lists of every version known by name."""
    for name in [*(table.name for table in schema.tables), "problems", "attachments"]:
        path = folder / f"{name}.parquet"
        if not path.is_file():
            raise LandingError(f"{path.name} is missing", where=str(folder), remedy="run `tracer-etl build`")
        connection.execute(f"CREATE VIEW {quote(name)} AS {staged(path)}")
    connection.execute(f"CREATE VIEW {quote(schema.bridge)} AS {bridge_rows(schema)}")
    create_lists(connection, schema)
    columns = ", ".join(f"{name} VARCHAR" for name in _REASONS)
    connection.execute(f"CREATE TABLE reasons ({columns})")
    kinds = "problem_kinds(reason, severity, why_id, why_en)"
    connection.execute(f"CREATE VIEW problem_kinds AS SELECT * FROM ({_PROBLEMS}) AS {kinds}")


class _Judge:
    """Judges one table, batch by batch."""

    def __init__(self, connection: DuckDBPyConnection, schema: Schema, table: Table, tally: Tally) -> None:
        self.connection, self.schema, self.table, self.tally = connection, schema, table, tally
        self.columns = Columns(connection, schema, table)

    def prepared(self, expectations: Path) -> tuple[tuple[Rule, ...], Iterator[pd.DataFrame]]:
        """Give the table's rules, and its rows in batches with the columns the rules name."""
        from tracer_etl.checks.suite import needs_whole_table

        file = expectations / f"{self.table.name}.yaml"
        own, written = (
            compiled_rules(self.schema, self.table, self.columns.refused),
            written_rules(file, self.table),
        )
        rules = (*own.rules, *written.rules)
        self.tally.begin(self.table.name, rules, own.not_evaluated)
        batches = self._frames(own, written, file.name, whole=needs_whole_table(rules)) if rules else iter(())
        return rules, batches

    def run(self, expectations: Path) -> None:
        """Add the table's reasons, and what came of its rules."""
        from tracer_etl.checks.suite import Suite

        rules, batches = self.prepared(expectations)
        if not rules:
            return
        suite = Suite(rules, f"{self.table.name}.yaml")
        for frame in batches:
            found: list[tuple[str, ...]] = []
            for judged in suite.judged(frame):
                self.tally.add(self.table.name, judged)
                found += _told(judged.rule, frame.iloc[list(judged.rows)], self.table)
            self._add(found)

    # -- columns

    def _frames(self, own: Rules, written: Rules, where: str, *, whole: bool) -> Iterator[pd.DataFrame]:
        """Give the table in batches: its keys, the columns the rules name, and every derived column."""
        import duckdb
        import pandas as pd
        import pyarrow as pa

        # Great Expectations goes through booleans and blanks as objects one by one.
        kinds = {pa.bool_(): pd.BooleanDtype()}
        try:
            # Read from a table: DuckDB plans the query of a relation twice, and this one takes it a while.
            self.connection.execute(f"CREATE OR REPLACE TABLE judged AS {self.columns.query(own, written)}")
            reader = self.connection.cursor().sql("FROM judged").to_arrow_reader(BATCH_ROWS)
            for batch in [reader.read_all()] if whole else reader:
                if batch.num_rows:
                    yield batch.to_pandas(date_as_object=False, types_mapper=kinds.get)
        except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
            what, remedy = (
                f"cannot be checked ({str(error).splitlines()[0]})",
                "free memory and disk space, then run again",
            )
            raise LandingError(what, where=self.table.name, remedy=remedy) from error
        except duckdb.Error as error:
            what = f"derived_columns cannot be computed ({str(error).splitlines()[0]})"
            raise StudyError(what, where=where, remedy="correct the SQL") from error

    # -- reasons

    def _add(self, rows: Sequence[tuple[str, ...]]) -> None:
        import pyarrow as pa

        if rows:
            columns = zip(_REASONS, zip(*rows, strict=True), strict=True)
            found = pa.table({name: pa.array(values, pa.string()) for name, values in columns})
            self.connection.register("found", found)
            self.connection.execute("INSERT INTO reasons SELECT * FROM found")
            self.connection.unregister("found")


def _told(rule: Rule, rows: pd.DataFrame, table: Table) -> Iterator[tuple[str, ...]]:
    """Give the reasons of the rows that break a rule."""
    kept = rows[["_submission_id", table.row_key, rule.columns()[0]]]
    for submission, key, value in kept.itertuples(index=False, name=None):
        questions = value.split() if rule.questions else ()
        named = [(column, *rule.questions[column]) for column in questions] or [(rule.column, *rule.why)]
        for column, *why in named:
            yield submission, table.name, key, rule.rule_id, rule.severity, column, *why


def _add_problems(connection: DuckDBPyConnection, schema: Schema) -> None:
    """Turn what build could not type into reasons; an answer that does not fit is not a missing one."""
    named = [
        (table.name, "/".join(path), column.name)
        for table in schema.tables
        for column in table.columns
        for path in column.paths
    ]
    connection.execute("CREATE TABLE named (table_name VARCHAR, path VARCHAR, column_name VARCHAR)")
    connection.executemany("INSERT INTO named VALUES (?, ?, ?)", named)
    connection.execute(
        "INSERT INTO reasons SELECT p._submission_id, p.table_name, p._row_id, 'form:' || p.reason, k.severity, "
        "coalesce(n.column_name, p.path, ''), k.why_id, k.why_en "
        "FROM problems p JOIN problem_kinds k USING (reason) "
        "LEFT JOIN named n ON n.table_name = p.table_name AND n.path = p.path"
    )
    connection.execute(
        "DELETE FROM reasons r WHERE r.rule = 'form:required' AND EXISTS (SELECT 1 FROM reasons t "
        "WHERE t.rule = 'form:type' AND t._row_id = r._row_id AND t.table_name = r.table_name "
        "AND (t.column_name = r.column_name OR starts_with(r.column_name, t.column_name || '_')))"
    )


def _verdict(connection: DuckDBPyConnection, schema: Schema, missed: Sequence[str]) -> Verdict:
    severe = ", ".join(literal(severity) for severity in SETS_ASIDE)
    row = connection.execute(
        f"WITH held AS (SELECT DISTINCT _submission_id FROM reasons WHERE severity IN ({severe})), "
        "warned AS (SELECT DISTINCT _submission_id FROM reasons ANTI JOIN held USING (_submission_id)) "
        f"SELECT count(*), count(*) FILTER (_submission_id IN (FROM held)), "
        f"count(*) FILTER (_submission_id IN (FROM warned)) FROM {quote(schema.root.name)}"
    ).fetchone()
    landed, held, warned = row or (0, 0, 0)
    counted = connection.execute("SELECT rule, count(*) FROM reasons GROUP BY rule ORDER BY rule").fetchall()
    return Verdict(schema.form_id, landed, landed - held, held, warned, dict(counted), tuple(missed))
