"""From an XLSForm to checked tables, a warehouse and a report."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_etl.api import read_form, read_tables

__all__ = ["__version__", "read_form", "read_tables"]
__version__ = "0.3.0"

_API = frozenset({"read_form", "read_tables"})


def __getattr__(name: str) -> object:
    """Load the analysts' functions when they are first asked for, so that the import itself stays light."""
    if name in _API:
        # By name: modules that read __version__ here do not thereby import what lies above them.
        return getattr(import_module("tracer_etl.api"), name)
    what = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(what)


def __dir__() -> list[str]:
    """List the functions too that are not loaded yet."""
    return sorted({*globals(), *_API})
