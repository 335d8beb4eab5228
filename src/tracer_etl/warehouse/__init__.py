"""Where checked submissions live: one module per database, the same tables in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Warehouse


def open_warehouse(study: Study) -> Warehouse:
    """Open the study's warehouse: the file of study.toml.

    Raises:
        WarehouseError: locked, damaged, out of reach or not writable.
    """
    from tracer_etl.warehouse import duckdb

    return duckdb.Warehouse(study.warehouse, study.timezone)


def has_warehouse(study: Study) -> bool:
    """Tell whether there is anything to open: nothing before something was loaded."""
    return study.warehouse.exists()
