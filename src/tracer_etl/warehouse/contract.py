"""What a warehouse is to the stages before and after it, whatever database it lies in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import Self

    from tracer_etl.schema import Schema, Table
    from tracer_etl.study import Reference

AREAS = ("clean", "pii", "quarantine", "marts", "meta")
"""The schemas of every warehouse."""

PARTITION = "partition "
"""Begins what the ledger calls a part of the segments that others load, until all parts are loaded."""

PUBLISHED = ("clean", "marts", "meta")
"""Those an analyst reads."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Checked tables in a staging folder, and what they were made of.

    `segments` name what was landed, `recipe` the forms and expectations: the ledger knows both. What came of its checks
    is kept under `name`, that of the first segment where none is given.
    """

    schema: Schema
    folder: Path
    segments: tuple[str, ...]
    recipe: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """How a form stands in the warehouse; counts are submissions, `changed` those touched by this load."""

    form_id: str
    landed: int
    good: int
    set_aside: int
    warned: int
    changed: int = 0


class Connection(Protocol):
    """An open connection; `?` stands for a parameter, and for nothing else in a statement that has some."""

    def execute(self, query: str, parameters: Any = None, /) -> Any:  # noqa: ANN401 - drivers type it differently
        """Run a statement and give what has `fetchone` and `fetchall`."""
        ...


class Executes(Protocol):
    """What runs statements without parameters: any driver's connection."""

    def execute(self, query: str, /) -> Any:  # noqa: ANN401 - drivers type it differently
        """Run a statement."""
        ...


@contextmanager
def one_transaction(connection: Executes) -> Iterator[None]:
    """Keep what is done inside, or nothing of it."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


class Warehouse(Protocol):
    """Checked submissions by form, in the same tables on every database; close it by leaving its block."""

    @property
    def connection(self) -> Connection:
        """Give the open connection, to read with."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def recipe(self, form_id: str) -> str:
        """Give the recipe all present rows of a form were made by; empty when nothing is loaded."""
        ...

    def segments(self, form_id: str) -> frozenset[str]:
        """Name the segments loaded since the recipe last changed."""
        ...

    def ledger(self) -> str:
        """Digest all that was ever loaded, so that others see whether anything changed."""
        ...

    def summary(self, form_id: str, changed: int = 0) -> Loaded:
        """Count a form's submissions by state; a warned submission is good and has a listed warning."""
        ...

    def load(self, batch: Batch) -> Loaded:
        """Load one batch in one transaction; where the recipe changed, the form's rows are made anew.

        Raises:
            WarehouseError: nothing was loaded; the warehouse is as it was.
        """
        ...

    def join(self, form_id: str, recipe: str, partitions: Sequence[str], segments: Sequence[str]) -> None:
        """Put segments into the ledger in the place of the partitions in which they were loaded.

        Raises:
            WarehouseError: a partition is not loaded.
        """
        ...

    def load_reference(self, reference: Reference, digest: str) -> None:
        """Load a CSV as text columns, direct ones to `pii` only; nothing happens when it is unchanged.

        Raises:
            WarehouseError: the CSV cannot be read, or lacks a column declared direct.
        """
        ...

    def record_pulls(self, form_id: str, proofs: Sequence[dict[str, object]]) -> None:
        """Keep the completeness proofs of all pulls of a form."""
        ...

    def summarise(self, form_ids: Sequence[str]) -> None:
        """Write the counts analysts may see: no value of any submission is in them."""
        ...

    def alone(self, purpose: str) -> AbstractContextManager[Connection]:
        """Give the connection to one user per purpose at a time; a failure of the database is one line.

        Raises:
            WarehouseError: the database failed, or somebody else holds what is needed.
        """
        ...

    def compact(self) -> None:
        """Write all that is stored anew, so that nothing that was deleted is left in it; nothing else uses it meanwhile.

        Raises:
            WarehouseError: somebody else holds it, or there is no space for a second one.
        """
        ...

    def publish(self, path: Path) -> None:
        """Write the analysts' copy, a DuckDB file of clean, marts and meta, whole in place of the old one."""
        ...


def areas(table: Table) -> dict[str, list[str]]:
    """Tell which columns of a table go to which schema; `pii` is absent where nothing is direct.

    `quarantine` holds all, since a supervisor must see what was set aside.
    """
    direct = [column.name for column in table.columns if column.privacy == "direct"]
    clean = [name for name in table.types() if name not in direct]
    keys = [name for name in ("_submission_id", "_row_id") if name in table.keys]
    found = {"clean": clean, "quarantine": list(table.types())}
    return {**found, "pii": [*keys, *direct]} if direct else found
