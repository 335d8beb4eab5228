"""Rows of the bridge table from columns of chosen tokens, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.names import literal, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

_OTHER_BLANKS = ("'  '", *(f"chr({code})" for code in (9, 10, 12, 13)))


def token_rows(source: str, row_key: str, column: str) -> str:
    """Give one row per token of a select_multiple or rank, in the bridge's own columns.

    It runs on every database. `source` is a relation with `_submission_id`, the row key and the column.
    """
    return (
        f"SELECT _submission_id, _row_id, {literal(column)} AS question, unnest(tokens) AS choice, "
        f"generate_subscripts(tokens, 1) AS _position FROM (SELECT _submission_id, {row_key} AS _row_id, "
        f"regexp_split_to_array(trim({quote(column)}), '\\s+') AS tokens FROM {source} "
        f"AS held WHERE {quote(column)} IS NOT NULL) AS split"
    )


def all_token_rows(source: str, row_key: str, columns: Sequence[str]) -> str:
    """Give one row per token of the select_multiples and ranks of a table at once, in DuckDB's own words.

    As `token_rows`, faster; the rows of `source` stay in their order.
    """
    asked = ", ".join(f"{{'question': {literal(c)}, 'tokens': {_tokens(quote(c))}}}" for c in columns)
    return (
        "SELECT _submission_id, _row_id, asked.question AS question, unnest(asked.tokens) AS choice, "
        "generate_subscripts(asked.tokens, 1) AS _position FROM (SELECT _submission_id, "
        f"{row_key} AS _row_id, unnest([{asked}]) AS asked FROM {source} AS held) AS split"
    )


def _tokens(text: str) -> str:
    """Split a text; most were written with one blank between tokens, and splitting at that is far cheaper."""
    odd = " OR ".join(f"contains({text}, {blank})" for blank in _OTHER_BLANKS)
    return (
        f"CASE WHEN {odd} THEN regexp_split_to_array(trim({text}), '\\s+') "
        f"ELSE string_split(trim({text}), ' ') END"
    )
