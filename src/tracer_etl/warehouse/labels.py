"""Labels where analysts look for them: comments on tables and columns, and a view per table and language.

The views lie in the published copy only, next to the tables they read, and need nothing of `meta`. They
are named `clean.v_<table>_<language>`: the same rows and column names, system columns first; a value of a
select_one is its label, a select_multiple or rank its labels joined by "; ".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.names import allocate, literal, quote
from tracer_etl.warehouse.dictionary import known_forms, read_dictionary

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from tracer_etl.warehouse.contract import Connection
    from tracer_etl.warehouse.dictionary import Dataset, Dictionary, Variable

JOINED = "; "
"""Stands between the labels of a select_multiple. A label may hold it too: count with the codes, not with this."""


def add_labels(connection: DuckDBPyConnection, catalog: str) -> None:
    """Comment every table and column of an attached copy, and add its views and `meta.view`.

    Inside the copy nothing names the catalog, so that the file can be renamed or attached by any name.
    """
    row = connection.execute("SELECT current_database()").fetchone()
    connection.execute(f"USE {quote(catalog)}")
    try:
        connection.execute(
            "CREATE TABLE meta.view (form_id VARCHAR, table_name VARCHAR, language VARCHAR, view_name VARCHAR)"
        )
        taken = _tables(connection)
        for form_id in known_forms(connection):
            _label_form(connection, read_dictionary(connection, form_id), taken)
    finally:
        connection.execute(f"USE {quote(row[0] if row else 'memory')}")


def comment_tables(connection: Connection, form_id: str) -> None:
    """Comment a form's tables and columns in `clean` in the form's default language, where they are loaded."""
    dictionary = read_dictionary(connection, form_id)
    for dataset in dictionary.datasets:
        _comment(connection, dictionary, dataset, dataset.name, dictionary.default_language, "TABLE")


def _tables(connection: DuckDBPyConnection) -> set[str]:
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_catalog = current_database() "
        "AND table_schema = 'clean'"
    ).fetchall()
    return {str(row[0]) for row in rows}


def _label_form(connection: DuckDBPyConnection, dictionary: Dictionary, taken: set[str]) -> None:
    present = _tables(connection)
    for dataset in dictionary.datasets:
        if dataset.name not in present:
            continue  # described, and its rows are loaded by no batch yet
        _comment(connection, dictionary, dataset, dataset.name, dictionary.default_language, "TABLE")
        if dataset.kind == "selected":
            continue
        for language, code in dictionary.languages.items():
            name = allocate([f"{dataset.name}_{code}"], taken, prefix="v_")
            connection.execute(
                f"CREATE VIEW clean.{quote(name)} AS {view_sql(dictionary, dataset, language)}"
            )
            row = [dictionary.form_id, dataset.name, language, name]
            connection.execute("INSERT INTO meta.view VALUES (?, ?, ?, ?)", row)
            _comment(connection, dictionary, dataset, name, language, "VIEW")


def _comment(
    connection: Connection,
    dictionary: Dictionary,
    dataset: Dataset,
    name: str,
    language: str,
    what: str,
) -> None:
    title = dictionary.label(dataset.labels, language)
    if title:
        connection.execute(f"COMMENT ON {what} clean.{quote(name)} IS {literal(title)}")
    for variable in dataset.variables:
        label = dictionary.label(variable.labels, language)
        if label:
            column = f"clean.{quote(name)}.{quote(variable.name)}"
            connection.execute(f"COMMENT ON COLUMN {column} IS {literal(label)}")


def view_sql(dictionary: Dictionary, dataset: Dataset, language: str) -> str:
    """Write the query of a table with labels in the place of codes."""
    columns = ", ".join(
        f"{label_sql(dictionary, variable, language)} AS {quote(variable.name)}"
        for variable in dataset.variables
    )
    return f"SELECT {columns} FROM clean.{quote(dataset.name)}"


def label_sql(dictionary: Dictionary, variable: Variable, language: str) -> str:
    """Write the expression of a column's labels; a column without a code list is itself."""
    name = quote(variable.name)
    if not variable.codes or variable.kind not in ("select_one", "select_multiple", "rank"):
        return name
    if variable.kind == "select_one":
        return _case(dictionary, variable, language, name)
    label = _case(dictionary, variable, language, "chosen")
    chosen = f"list_transform(string_split({name}, ' '), lambda chosen: {label})"
    return f"array_to_string({chosen}, {literal(JOINED)})"


def _case(dictionary: Dictionary, variable: Variable, language: str, value: str) -> str:
    """Write the label of a value; a value without a label stands for itself."""
    labels = {code.value: dictionary.label(code.labels, language) for code in variable.codes}
    whens = " ".join(f"WHEN {literal(v)} THEN {literal(label)}" for v, label in labels.items() if label)
    return f"CASE {value} {whens} ELSE {value} END" if whens else value
