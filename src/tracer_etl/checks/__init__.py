"""Typed tables + the form's logic + expectations -> reasons per row, and a verdict per batch."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tracer_etl.checks.compiled import compiled_rules
from tracer_etl.checks.expectations import written_rules
from tracer_etl.errors import StudyError
from tracer_etl.logic.scope import list_columns, list_table, row_source
from tracer_etl.names import literal, quote
from tracer_etl.records import Verdict, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from tracer_etl.checks.rules import Rule, Rules
    from tracer_etl.records import Progress
    from tracer_etl.schema import Schema, Table

BATCH_ROWS = 100_000
"""Great Expectations works in pandas: at a million rows one batch would take 2 GB."""

_REASONS = ("_submission_id", "table_name", "_row_id", "rule", "severity", "column_name", "why_id", "why_en")
_PROBLEMS = """
    VALUES ('type', 'warning', 'Jawaban tidak sesuai jenis pertanyaannya.', 'The answer does not fit its question''s type.'),
    ('unreadable', 'critical', 'Berkas kiriman tidak dapat dibaca.', 'The submission cannot be read.'),
    ('unknown_version', 'warning', 'Versi formulir tidak dikenal.', 'The form version is not known.'),
    ('duplicate_element', 'warning', 'Satu pertanyaan dijawab dua kali.', 'One question is answered twice.'),
    ('unknown_field', 'info', 'Ada isian yang tidak ada di formulir.', 'A field is in no version of the form.')
"""


def check(folder: Path, schema: Schema, expectations: Path, *, progress: Progress = silent) -> Verdict:
    """Judge the tables of a staging folder and write `reasons.parquet` beside them.

    One row per row and rule violated. A submission with a critical or warning reason is set aside whole.

    Raises:
        StudyError: an expectation file is wrong.
        ChecksFailed: a critical expectation about the whole batch failed.
    """
    import duckdb

    with duckdb.connect(config={"memory_limit": "700MB"}) as connection:
        for name in [*(table.name for table in schema.tables), schema.bridge, "problems"]:
            path = literal(str(folder / f"{name}.parquet"))
            connection.execute(f"CREATE VIEW {quote(name)} AS SELECT * FROM {path}")
        _create_lists(connection, schema)
        columns = ", ".join(f"{name} VARCHAR" for name in _REASONS)
        connection.execute(f"CREATE TABLE reasons ({columns})")
        missed: list[str] = []
        for table in progress(schema.tables, f"check {schema.form_id}", len(schema.tables)):
            missed += _check_table(connection, schema, table, expectations)
        _add_problems(connection)
        target = literal(str(folder / "reasons.parquet"))
        connection.execute(f"COPY (SELECT DISTINCT * FROM reasons ORDER BY ALL) TO {target} (FORMAT parquet)")
        return _verdict(connection, schema, tuple(missed))


def _create_lists(connection: DuckDBPyConnection, schema: Schema) -> None:
    """Hold every choice list of every version as a table, for the expressions that look into one."""
    import pandas as pd

    for form in schema.forms:
        for name, choices in form.lists.items():
            columns = list(list_columns(choices))
            rows = [
                {"name": one.value, **one.columns, "_position": at}
                for at, one in enumerate(choices.choices, 1)
            ]
            frame = pd.DataFrame(rows, columns=[*columns, "_position"])
            listed = ", ".join(f"CAST({quote(column)} AS VARCHAR) AS {quote(column)}" for column in columns)
            connection.register("choices", frame)
            target = quote(list_table(form, name))
            connection.execute(
                f"CREATE TABLE {target} AS SELECT {listed}, CAST(_position AS BIGINT) AS _position FROM choices"
            )
            connection.unregister("choices")


def _check_table(
    connection: DuckDBPyConnection, schema: Schema, table: Table, expectations: Path
) -> list[str]:
    written = written_rules(expectations / f"{table.name}.yaml", table)
    own = compiled_rules(schema, table)
    rules, missed = (*own.rules, *written.rules), list(own.not_evaluated)
    for frame in _frames(connection, schema, table, own, written) if rules else ():
        missed += _judge(connection, frame, table, rules)
    return missed


def _columns(derived: Mapping[str, str]) -> list[str]:
    return [f"({sql}) AS {quote(column)}" for column, sql in derived.items()]


def _frames(
    connection: DuckDBPyConnection, schema: Schema, table: Table, own: Rules, written: Rules
) -> Iterator[Any]:
    """Give the table in batches, with every derived column computed by DuckDB.

    Written columns stand above the compiled ones: they see the table's columns bare and other tables by name.
    """
    import duckdb

    clause, aliases = row_source(schema, table)
    here = aliases[table.name]
    # Unreadable submissions and unknown versions have reasons of their own; logic cannot judge them.
    unjudged = "SELECT _submission_id FROM problems WHERE reason IN ('unreadable', 'unknown_version')"
    rows = f"SELECT {', '.join([f'{here}.*', *_columns(own.derived)])} {clause}"
    query = (
        f"SELECT {', '.join(['this.*', *_columns(written.derived)])} FROM ({rows}) this "
        f"WHERE this._submission_id NOT IN ({unjudged})"
    )
    try:
        reader = connection.cursor().sql(query).to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        what = f"derived_columns cannot be computed ({str(error).splitlines()[0]})"
        raise StudyError(what, where=f"{table.name}.yaml", remedy="correct the SQL") from error
    for batch in reader:
        if batch.num_rows:
            yield batch.to_pandas(date_as_object=False)


def _judge(connection: DuckDBPyConnection, frame: Any, table: Table, rules: Sequence[Rule]) -> list[str]:  # noqa: ANN401 - a DataFrame
    import pandas as pd

    from tracer_etl.checks.suite import violations

    missed, rows = [], []
    owner = dict(zip(frame[table.row_key], frame["_submission_id"], strict=True))
    for rule, keys in violations(frame, rules, table.row_key, table.name):
        if keys is None:
            missed.append(f"{table.name} {rule.rule_id}: Great Expectations could not evaluate it")
            continue
        told = (rule.rule_id, rule.severity, rule.column, rule.why_id, rule.why_en)
        rows += [(owner[key], table.name, key, *told) for key in keys]
    if rows:
        violated = pd.DataFrame(rows, columns=list(_REASONS))
        connection.register("violated", violated)
        connection.execute("INSERT INTO reasons SELECT * FROM violated")
        connection.unregister("violated")
    return missed


def _add_problems(connection: DuckDBPyConnection) -> None:
    """Turn what build could not type into reasons."""
    connection.execute(
        "INSERT INTO reasons SELECT p._submission_id, p.table_name, p._row_id, 'form:' || p.reason, k.severity, "
        f"p.path, k.why_id, k.why_en FROM problems p JOIN ({_PROBLEMS}) AS k(reason, severity, why_id, why_en) "
        "USING (reason)"
    )


def _verdict(connection: DuckDBPyConnection, schema: Schema, missed: tuple[str, ...]) -> Verdict:
    row = connection.execute(
        "WITH held AS (SELECT DISTINCT _submission_id FROM reasons WHERE severity IN ('critical', 'warning')), "
        "warned AS (SELECT DISTINCT _submission_id FROM reasons ANTI JOIN held USING (_submission_id)) "
        f"SELECT (SELECT count(*) FROM {quote(schema.root.name)}), (SELECT count(*) FROM held), (SELECT count(*) FROM warned)"
    ).fetchone()
    landed, held, warned = row or (0, 0, 0)
    by_rule = Counter(
        dict(connection.execute("SELECT rule, count(*) FROM reasons GROUP BY rule ORDER BY rule").fetchall())
    )
    return Verdict(schema.form_id, landed, landed - held, held, warned, by_rule, tuple(dict.fromkeys(missed)))
