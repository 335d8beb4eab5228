"""Whoever has withdrawn, and whatever identifies a person, in tables where neither may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.names import literal, quote
from tracer_etl.oversight.arguments import Arguments
from tracer_etl.oversight.registry import Check, Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.warehouse.contract import Connection

_PIECE = 500


@check("identifiers_in_tables")
def identifiers_in_tables(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find columns of an area that identify people, by what they are called and by what is in them.

    What is found is named by table and column; no value is repeated.
    kwargs: area, columns (names no column may have), patterns (name: regular expression no text may hold),
    sql (texts no cell may be, such as the names of people).

    Raises:
        NotEvaluated: the area has no table.
    """
    given = Arguments(connection, kwargs, thresholds)
    area, forbidden = str(given.given("area")), set(given.given("columns"))
    columns = _columns(connection, area)
    if not columns:
        raise NotEvaluated(f"there is no table in {area}")
    connection.execute("DROP TABLE IF EXISTS named_people")
    connection.execute(
        f"CREATE TEMP TABLE named_people AS SELECT lower(name) AS name FROM ({given.given('sql')}) AS p(name)"
    )
    patterns = {str(what): str(pattern) for what, pattern in given.given("patterns").items()}
    for table, column, is_text in columns:
        if column in forbidden:
            yield Finding(f"{area}.{table}.{column}", "", "a column of this name")
        for what in _holding(connection, f"{area}.{quote(table)}", column, patterns) if is_text else ():
            yield Finding(f"{area}.{table}.{column}", "", what)
    connection.execute("DROP TABLE IF EXISTS named_people")
    yield Measured(str(len(columns)))


def _columns(connection: Connection, area: str) -> list[tuple[str, str, bool]]:
    rows = connection.execute(
        "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c "
        "WHERE c.table_catalog = current_database() AND c.table_schema = ? ORDER BY 1, 2",
        [area],
    ).fetchall()
    return [
        (table, column, kind.lower() in ("varchar", "text", "character varying"))
        for table, column, kind in rows
    ]


def _holding(connection: Connection, table: str, column: str, patterns: Mapping[str, str]) -> list[str]:
    """Name what a text column holds."""
    text = quote(column)
    # What both databases have: a text that changes when the pattern is taken out of it holds the pattern.
    tests = {
        what: f"regexp_replace({text}, {literal(pattern)}, '', 'g') <> {text}"
        for what, pattern in patterns.items()
    }
    tests["name of a person"] = f"lower({text}) IN (SELECT name FROM named_people)"
    counts = ", ".join(f"count(CASE WHEN {test} THEN 1 END)" for test in tests.values())
    [row] = connection.execute(f"SELECT {counts} FROM {table}").fetchall()
    return [what for what, count in zip(tests, row, strict=True) if count]


def checks_of_withdrawn(people: frozenset[str]) -> dict[str, Check]:
    """Give the check that nobody of these is left, by the keys of the people who have withdrawn."""

    def withdrawn_absent(
        connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
    ) -> Iterator[Finding | Measured]:
        """Find people who have withdrawn and are in a table of an area all the same.

        kwargs: area, column (the person's key in any of its tables), sql (keys of others who have withdrawn).

        Raises:
            NotEvaluated: the area has no table.
        """
        given = Arguments(connection, kwargs, thresholds)
        area, key = str(given.given("area")), str(given.given("column"))
        columns = _columns(connection, area)
        if not columns:
            raise NotEvaluated(f"there is no table in {area}")
        out = people | {str(row[0]) for row in connection.execute(str(given.given("sql"))).fetchall()}
        for table, column, _ in columns:
            left = _left(connection, f"{area}.{quote(table)}", column, out) if column == key else 0
            if left:
                yield Finding(f"{area}.{table}", str(left), f"{left} of {len(out)}")
        yield Measured(str(len(out)))

    return {"withdrawn_absent": withdrawn_absent}


def _left(connection: Connection, table: str, column: str, people: frozenset[str]) -> int:
    listed, found = sorted(people), 0
    for start in range(0, len(listed), _PIECE):
        some = ", ".join(map(literal, listed[start : start + _PIECE]))
        sql = f"SELECT count(DISTINCT {quote(column)}) FROM {table} WHERE {quote(column)} IN ({some})"
        found += connection.execute(sql).fetchall()[0][0]
    return found
