"""Where checked submissions live: one module per database, the same tables in each."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.running import alone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Warehouse

DATABASE = "TRACER_DATABASE"
"""Names PostgreSQL in place of the DuckDB file: in the environment only, since a password may stand in it."""


def open_warehouse(study: Study, *, renew: bool = True) -> Warehouse:
    """Open the study's warehouse: the database TRACER_DATABASE names, else the file of study.toml.

    What an older release made is cleared, to be filled anew from the landing; who only reads opens it without `renew`.

    Raises:
        StudyError: TRACER_DATABASE is no PostgreSQL address, or psycopg is not installed.
        WarehouseError: locked, damaged, out of reach, not writable, or made by another release.
    """
    address = os.environ.get(DATABASE, "")
    if address:
        from tracer_etl.warehouse import postgres

        return postgres.Warehouse(address, study.timezone, renew=renew)
    from tracer_etl.warehouse import duckdb

    return duckdb.Warehouse(study.warehouse, study.timezone, renew=renew)


@contextmanager
def reading(study: Study) -> Iterator[Warehouse]:
    """Open the warehouse for who only reads it.

    Who has the file open, if only to read, would break off a run: one that begins meanwhile waits for the block to end.

    Raises:
        StudyError, WarehouseError: as `open_warehouse`; or the file is in the hands of a run.
    """
    with (
        nullcontext() if os.environ.get(DATABASE) else alone(study),
        open_warehouse(study, renew=False) as warehouse,
    ):
        yield warehouse


def require_loaded(study: Study) -> None:
    """Refuse to read before anything was loaded.

    Raises:
        StudyError: there is nothing to open.
    """
    if not has_warehouse(study):
        raise StudyError("nothing is loaded yet", where=study.warehouse.name, remedy="run `tracer-etl run`")


def has_warehouse(study: Study) -> bool:
    """Tell whether there is anything to open: a server always is, a file only once something was loaded."""
    return bool(os.environ.get(DATABASE, "")) or study.warehouse.exists()
