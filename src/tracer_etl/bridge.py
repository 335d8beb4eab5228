"""Rows of the bridge table from a column of chosen tokens, in SQL."""

from __future__ import annotations

from tracer_etl.names import literal, quote


def token_rows(source: str, row_key: str, column: str) -> str:
    """Give one row per token of a select_multiple or rank, in the bridge's own columns.

    `source` is a relation with `_submission_id`, the row key and the column.
    """
    return (
        f"SELECT _submission_id, _row_id, {literal(column)} AS question, unnest(tokens) AS choice, "
        f"generate_subscripts(tokens, 1) AS _position FROM (SELECT _submission_id, {row_key} AS _row_id, "
        f"regexp_split_to_array(trim({quote(column)}), '\\s+') AS tokens FROM {source} "
        f"AS held WHERE {quote(column)} IS NOT NULL) AS split"
    )
