"""Rows of the bridge table from columns of chosen tokens, in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.names import literal, quote
from tracer_etl.schema import BRIDGE_COLUMNS, TOKENS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.schema import Schema

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


def bridge_rows(schema: Schema, prefix: str = "", where: str = "true", *, direct: bool = True) -> str:
    """Give the bridge of a form: one row per token chosen in those rows of its tables that `where` is true of.

    In DuckDB's own words: as `token_rows`, faster. The relations have the tables' names after `prefix`, and their rows
    stay in order. Without `direct`, questions that tell who somebody is are left out.
    """
    asked = {
        table: [c.name for c in table.columns if c.kind in TOKENS and (direct or c.privacy != "direct")]
        for table in schema.tables
    }
    none = ", ".join(f"NULL::{kind} AS {name}" for name, kind in BRIDGE_COLUMNS.items())
    parts = [f"SELECT {none} LIMIT 0"]
    parts += [_split(quote(prefix + t.name), t.row_key, names, where) for t, names in asked.items() if names]
    return " UNION ALL ".join(f"({part})" for part in parts)


def _split(source: str, row_key: str, columns: Sequence[str], where: str) -> str:
    asked = ", ".join(f"{{'question': {literal(c)}, 'tokens': {_tokens(quote(c))}}}" for c in columns)
    return (
        "SELECT _submission_id, _row_id, asked.question AS question, unnest(asked.tokens) AS choice, "
        "generate_subscripts(asked.tokens, 1) AS _position FROM (SELECT _submission_id, "
        f"{row_key} AS _row_id, unnest([{asked}]) AS asked FROM {source} AS held WHERE {where}) AS split"
    )


def _tokens(text: str) -> str:
    """Split a text; most were written with one blank between tokens, and splitting at that is far cheaper."""
    odd = " OR ".join(f"contains({text}, {blank})" for blank in _OTHER_BLANKS)
    return (
        f"CASE WHEN {odd} THEN regexp_split_to_array(trim({text}), '\\s+') "
        f"ELSE string_split(trim({text}), ' ') END"
    )
