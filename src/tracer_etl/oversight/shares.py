"""How often one answer is given, question by question: "other", "don't know", "refused"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tracer_etl.names import literal, quote
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated, check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.warehouse.contract import Connection

    Questions = dict[str, list[str]]


class Share(NamedTuple):
    """How many of those who answered a question gave the code."""

    question: str
    answered: int
    with_code: int

    @property
    def share(self) -> float:
        """Give it as 0..1."""
        return self.with_code / self.answered


def code_shares(connection: Connection, codes: Sequence[str]) -> list[Share]:
    """Count every choice question whose list has one of the codes, over all forms; unanswered ones are left out.

    The choices of a question that takes several count singly: who names the code among others gave it.
    """
    return [
        share
        for table, columns in _questions(connection, codes).items()
        for share in _counted(connection, table, columns, codes)
        if share.answered
    ]


def _questions(connection: Connection, codes: Sequence[str]) -> Questions:
    """Name the columns by table whose code list has one of the codes in any version."""
    rows = connection.execute(
        "SELECT DISTINCT c.table_name, c.position, c.column_name FROM meta.column c JOIN meta.code d "
        "ON d.form_id = c.form_id AND d.list_name = c.list_name WHERE c.kind IN ('select_one', 'select_multiple') "
        f"AND d.value IN ({', '.join(map(literal, codes))}) ORDER BY 1, 2, 3"
    ).fetchall()
    found: Questions = {}
    for table, _, column in rows:
        found.setdefault(table, []).append(column)
    return found


def _counted(
    connection: Connection, table: str, columns: Sequence[str], codes: Sequence[str]
) -> Iterator[Share]:
    asked = ", ".join(
        f"count({cell}), count(CASE WHEN {has} THEN 1 END)"
        for cell in map(quote, columns)
        for has in [" OR ".join(f"' ' || {cell} || ' ' LIKE {literal(f'% {code} %')}" for code in codes)]
    )
    row = connection.execute(f"SELECT {asked} FROM {quote(f'judged_{table}')}").fetchone()
    for place, column in enumerate(columns):
        yield Share(f"{table}.{column}", *row[2 * place : 2 * place + 2])


@check("code_share")
def code_share(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find the questions where a code is given too often; one finding per question.

    `codes`: the answers counted. `limit` and `least` name thresholds: the share above which it is a finding, and how
    many must have answered.
    """
    least, limit = thresholds[kwargs["least"]], thresholds[kwargs["limit"]]
    judged = [share for share in code_shares(connection, kwargs["codes"]) if share.answered >= least]
    if not judged:
        raise NotEvaluated(f"no question with the code was answered {least} times")
    yield Measured(f"{max(one.share for one in judged):.3f}")
    for one in judged:
        if one.share > limit:
            yield Finding(one.question, f"{one.share:.3f}", f"{one.with_code} of {one.answered}")
