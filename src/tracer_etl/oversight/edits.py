"""Edits of submissions nobody has: an edit names what it replaces, and that never came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.landing import Landing
from tracer_etl.names import literal
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated
from tracer_etl.scratch import MEMORY_LIMIT, room

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tracer_etl.oversight.registry import Check
    from tracer_etl.warehouse.contract import Connection


def checks_of_edits(landing: Path) -> dict[str, Check]:
    """Give the check that follows edits back through the landing area."""
    return {"unresolved_edits": _Edits(landing).unresolved}


@dataclass(frozen=True, slots=True)
class _Edits:
    landing: Path

    def unresolved(
        self, connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
    ) -> Iterator[Finding | Measured]:
        """Find submissions that edit another which was never landed, by no server's account either.

        A server keeps the chain itself and says when it received the first of it: nothing to find there.
        kwargs: form.

        Raises:
            NotEvaluated: nothing of the form is landed.
        """
        import duckdb

        del connection, thresholds
        segments = Landing(self.landing, str(kwargs["form"])).segments()
        if not segments:
            raise NotEvaluated("nothing is landed")
        listed = ", ".join(literal(str(one.file)) for one in segments)
        longest = [one.longest for one in segments]
        columns = "{key: 'VARCHAR', instance: 'VARCHAR', submitted: 'VARCHAR'}"
        with duckdb.connect(config={"memory_limit": MEMORY_LIMIT}) as reading:
            reading.execute(
                f"CREATE TEMP TABLE landed AS SELECT key, instance FROM read_json([{listed}], columns={columns}, "
                f"format='newline_delimited', maximum_object_size={room(*longest)}) WHERE instance <> '' "
                "AND coalesce(submitted, '') = ''"
            )
            [[edits]] = reading.execute("SELECT count(*) FROM landed WHERE key <> instance").fetchall()
            found = reading.execute(
                "SELECT DISTINCT key FROM landed WHERE key <> instance AND key NOT IN (SELECT instance FROM landed) "
                "ORDER BY 1"
            ).fetchall()
        yield Measured(str(edits))
        yield from (Finding(str(key)) for [key] in found)
