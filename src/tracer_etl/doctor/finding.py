"""What one check of the doctor came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tracer_etl.errors import TracerError

State = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: how something stands, and what to do where it does not stand well.

    An `error` makes a run fail or lose something; a `warning` will, or makes one command fail that runs do
    without.
    """

    state: State
    area: str
    said: str
    remedy: str = ""


def well(area: str, said: str) -> Finding:
    """Say that something is as it should be."""
    return Finding("ok", area, said)


def warning(area: str, said: str, remedy: str) -> Finding:
    """Say what will go wrong one day."""
    return Finding("warning", area, said, remedy)


def error(area: str, said: str, remedy: str) -> Finding:
    """Say what goes wrong now."""
    return Finding("error", area, said, remedy)


def of_error(area: str, raised: TracerError) -> Finding:
    """Say what a stage of a run would end with."""
    return Finding(
        "error", area, f"{raised.where}: {raised.what}" if raised.where else raised.what, raised.remedy
    )
