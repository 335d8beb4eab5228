"""How many submissions a warehouse has, also for those who only ask: they write nothing and hold up no run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tracer_etl.running import claim
from tracer_etl.warehouse import DATABASE, reading
from tracer_etl.warehouse.contract import Loaded
from tracer_etl.warehouse.meta import refuse_other
from tracer_etl.warehouse.publishing import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Connection

_PATIENCE = 0.5
"""Seconds: another who only asks is done sooner, a run is not."""


def summary(connection: Connection, form_id: str, changed: int = 0) -> Loaded:
    """Count a form's submissions by state; a warned submission is good and has a listed warning."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE state <> 'deleted'), count(*) FILTER (WHERE state = 'good'), "
        "count(*) FILTER (WHERE state = 'set_aside'), (SELECT count(*) FROM meta.submission WHERE form_id = ? "
        "AND state = 'good' AND _submission_id IN (SELECT _submission_id FROM quarantine.reason WHERE form_id = ?)) "
        "FROM meta.submission WHERE form_id = ?",
        [form_id] * 3,
    ).fetchone()
    landed, good, set_aside, warned = row or (0, 0, 0, 0)
    return Loaded(form_id, landed, good, set_aside, warned, changed)


def counts(study: Study) -> tuple[dict[str, Loaded], bool]:
    """Count each form's submissions; tell whether the counts are those published last, since a run holds the file.

    Raises:
        WarehouseError: warehouse or published copy are damaged, out of reach, or of another release.
    """
    forms = [form.form_id for form in study.forms]
    found = {form_id: Loaded(form_id, 0, 0, 0, 0) for form_id in forms}
    if os.environ.get(DATABASE):
        with reading(study) as warehouse:
            return {form_id: warehouse.summary(form_id) for form_id in forms}, False
    # Who reads the file keeps writers out of it: a run that begins meanwhile waits for this claim to end.
    with claim(study, _PATIENCE) as free:
        source = _loaded(study.warehouse, forms) if free else _published(study.published)
        found |= {one.form_id: one for one in source if one.form_id in found}
    return found, not free


def _loaded(path: Path, forms: Sequence[str]) -> Iterator[Loaded]:
    """Count in the loader's file."""
    import duckdb

    if not path.exists():
        return
    with guarded(path), duckdb.connect(str(path), read_only=True) as connection:
        refuse_other(connection, path.name, renew=False)
        yield from [summary(connection, form_id) for form_id in forms]


def _published(path: Path) -> Iterator[Loaded]:
    """Give the counts in the analysts' copy, which no writer holds."""
    import duckdb

    if not path.exists():
        return
    with guarded(path), duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT form_id, landed, good, set_aside, warned FROM meta.form_summary")
        yield from [Loaded(*row) for row in rows.fetchall()]
