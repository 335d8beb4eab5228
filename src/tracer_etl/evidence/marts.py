"""The study's marts: numbered SQL files that both DuckDB and PostgreSQL run, and the seeds they join."""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Protocol

from tracer_etl.errors import StudyError
from tracer_etl.warehouse.contract import one_transaction

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from importlib.resources.abc import Traversable

SUBJECT = "clean.alumni_tracer"
"""The table that makes a study a tracer study; without it only the marts of every study are made."""

LOADER = ("meta.", "quarantine.reason", "quarantine.problem", "quarantine.decision")
"""What the loader itself writes, whatever the study."""

SEED_TYPES = {
    "year": "bigint",
    "idr_per_month": "bigint",
    "midpoint_idr": "bigint",
    "precedence": "bigint",
    "percent": "double precision",
    "target": "double precision",
}
"""SQL types of the seeds' columns by name; every other column is text."""

REMEDIES: dict[str, str] = {
    "clean.alumni_tracer": "load the form alumni_tracer",
    "clean.registry_person": "add [[reference]] registry_person to study.toml and load",
    "clean.registry_enrolment": "add [[reference]] registry_enrolment to study.toml and load",
}


class Connection(Protocol):
    """An open connection of DuckDB or psycopg."""

    def execute(self, query: Any, /) -> Any:  # noqa: ANN401 - the two drivers type it differently
        """Run one or more statements and give a cursor."""
        ...


def column_names(connection: Connection, table: str, area: str = "marts") -> set[str]:
    """Give the columns of a mart, or of a table of another schema; none where nobody has made it."""
    sql = f"select column_name from information_schema.columns where table_schema = '{area}' and table_name = '{table}'"
    return {name for [name] in connection.execute(sql).fetchall()}


def require(connection: Connection, needed: Mapping[str, Collection[str]]) -> None:
    """Look whether these columns are there, by table with its schema.

    Raises:
        StudyError: a table or a column is not; names it.
    """
    found = _columns(connection)
    for table, names in needed.items():
        missing = sorted(set(names) - found.get(table, frozenset()))
        if missing:
            what = f"there is no {', '.join(missing)}" if table in found else "the table is missing"
            remedy = REMEDIES.get(table, "ask it in the form, or add it to the list, and load")
            raise StudyError(what, where=table, remedy=remedy)


def make_marts(connection: Connection) -> tuple[str, ...]:
    """Make every mart anew, in one transaction, and name them.

    A study without the tracer form gets the marts that need only what the loader itself writes; one without ideas,
    employers or applicants does not get the marts on them, nor a mart whose line `-- reads table: columns` names a
    column that is not kept or not asked.

    Raises:
        StudyError: a table that a mart reads is not loaded; no mart has changed.
    """
    with one_transaction(connection):
        return tuple(_make(connection))


def _make(connection: Connection) -> Iterator[str]:
    columns, made = _columns(connection), set[str]()
    present = frozenset(columns)
    for seed in _files("seeds", ".csv"):
        name = f"marts.seed_{seed.name.removesuffix('.csv')}"
        connection.execute(f"drop table if exists {name}")
        connection.execute(seed_sql(name, seed.read_text(encoding="utf-8").splitlines()))
        made.add(name)
        yield name
    for file in _files("marts", ".sql"):
        sql, name = file.read_text(encoding="utf-8"), f"marts.{file.name[4:].removesuffix('.sql')}"
        needs = re.findall(r"\b(?:from|join)\s+((?:clean|pii|meta|quarantine|marts)\.\w+)", sql)
        foreign = SUBJECT not in present and not all(table.startswith(LOADER) for table in needs)
        if foreign or _side_source_missing(needs, present, made) or _column_missing(sql, columns):
            connection.execute(f"drop table if exists {name}")
            continue
        _require(name, [table for table in needs if not table.startswith("marts.")], present)
        connection.execute(sql)
        made.add(name)
        yield name


def _side_source_missing(needs: Sequence[str], present: frozenset[str], made: set[str]) -> bool:
    """Tell whether a mart needs what this study does not have: another form, another list, or a mart left out."""
    sources = (table for table in needs if not table.startswith(("marts.", *LOADER)))
    if any(table not in present and table not in REMEDIES for table in sources):
        return True
    return any(table not in made for table in needs if table.startswith("marts."))


def _column_missing(sql: str, columns: Mapping[str, frozenset[str]]) -> bool:
    reads = re.findall(r"^-- reads (\S+): (.+)$", sql, re.MULTILINE)
    return any(set(named.split()) - columns.get(table, frozenset()) for table, named in reads)


def _require(mart: str, needs: Sequence[str], present: frozenset[str]) -> None:
    for table in needs:
        if table not in present:
            remedy = REMEDIES.get(table, "run `tracer-etl load` first")
            raise StudyError(f"the table {table} is missing", where=mart, remedy=remedy)


def _columns(connection: Connection) -> dict[str, frozenset[str]]:
    """Give the columns of every table, by its name with the schema."""
    sql = "select table_schema, table_name, column_name from information_schema.columns"
    found: dict[str, set[str]] = {}
    for schema, table, column in connection.execute(sql).fetchall():
        found.setdefault(f"{schema}.{table}", set()).add(column)
    return {table: frozenset(names) for table, names in found.items()}


def _files(folder: str, ending: str) -> list[Traversable]:
    found = files("tracer_etl.evidence").joinpath(folder).iterdir()
    return sorted((file for file in found if file.name.endswith(ending)), key=lambda file: file.name)


def seed_sql(name: str, lines: Sequence[str]) -> str:
    """Write a CSV with a header as one `create table ... as` statement.

    >>> print(seed_sql("marts.seed_umk", ["year,source", "2024,it's law"]))
    create table marts.seed_umk as select cast(year as bigint) as year, source
    from (values ('2024', 'it''s law')) as seed(year, source)
    """
    header, *rows = csv.reader(lines)
    columns = ", ".join(
        f"cast({column} as {SEED_TYPES[column]}) as {column}" if column in SEED_TYPES else column
        for column in header
    )
    values = ", ".join("(" + ", ".join(map(_literal, row)) + ")" for row in rows)
    return f"create table {name} as select {columns}\nfrom (values {values}) as seed({', '.join(header)})"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
