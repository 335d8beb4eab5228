"""Where the rows of a batch go: which submissions are newer than what is there, and what of theirs is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.bridge import bridge_rows
from tracer_etl.names import literal, quote
from tracer_etl.records import SETS_ASIDE
from tracer_etl.warehouse.contract import areas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.schema import Schema

STAGED = "staged_"
"""Precedes the name of a table that holds rows of a batch."""
_IN_TOUCHED = "_submission_id IN (SELECT _submission_id FROM touched)"
IS_STORED = "_submission_id IN (SELECT _submission_id FROM touched WHERE stored)"
COUNTED = (
    "SELECT count(*) FILTER (WHERE stored), count(*) FILTER (WHERE state = 'good'), "
    "count(*) FILTER (WHERE state = 'set_aside'), count(*) FILTER (WHERE state = 'deleted'), "
    "count(*) = (SELECT count(*) FROM incoming) FROM touched"
)
_HOLDS = (
    f"CASE WHEN severity IN ({', '.join(map(literal, SETS_ASIDE))}) THEN 'open' ELSE 'listed' END AS state"
)


@dataclass(frozen=True, slots=True)
class Touched:
    """How many submissions of a batch are newer than what is there; `whole` tells that all of the batch are.

    `stored` were there before in any state: only theirs can have rows to replace.
    """

    stored: int
    good: int
    set_aside: int
    deleted: int
    whole: bool

    def __len__(self) -> int:
        """Count them all."""
        return self.good + self.set_aside + self.deleted

    def where(self, area: str) -> str | None:
        """Give the condition for the staged rows that go to an area; None where none goes there."""
        own, other = self.good, self.set_aside
        if area == "quarantine":
            own, other = other, own
        if not own:
            return None
        return "true" if self.whole and not other else _in_state(area)


@dataclass(frozen=True, slots=True)
class Flow:
    """Rows on their way: what `old` finds in `target` is replaced by what `select` reads of the batch, if anything."""

    target: str
    old: str
    select: str


def flows(schema: Schema, touched: Touched) -> Iterator[Flow]:
    """List where the rows of a batch go, parents before children."""
    for table in schema.tables:
        staged = quote(STAGED + table.name)
        for area, columns in areas(table).items():
            where = touched.where(area)
            select = f"SELECT {', '.join(map(quote, columns))} FROM {staged} WHERE {where}" if where else ""
            yield Flow(f"{area}.{quote(table.name)}", IS_STORED, select)
    for area in ("clean", "quarantine"):
        where = touched.where(area)
        select = bridge_rows(schema, STAGED, where, direct=area != "clean") if where else ""
        yield Flow(f"{area}.{quote(schema.bridge)}", IS_STORED, select)
    form = literal(schema.form_id)
    for target, staged in (
        ("quarantine.reason", f"(SELECT *, 'check' AS origin, '' AS detail, {_HOLDS} FROM staged_reasons)"),
        ("quarantine.problem", "staged_problems"),
        ("pii._attachment", "staged_attachments"),
        ("pii._correction", "staged_corrections"),
    ):
        select = f"SELECT {form} AS form_id, * FROM {staged} WHERE {_IN_TOUCHED}"
        yield Flow(target, f"form_id = {form} AND {IS_STORED}", select)


def _in_state(area: str) -> str:
    state = "set_aside" if area == "quarantine" else "good"
    return f"_submission_id IN (SELECT _submission_id FROM touched WHERE state = '{state}')"
