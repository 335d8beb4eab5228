"""What a planted fault is, and what a recipe for one is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.sheet import Sheet

Edit = Callable[["Sheet", "Chance"], "tuple[str, str] | None"]
"""Changes a submission; returns path and what was done, or None where the fault cannot be planted."""


@dataclass(frozen=True)
class Fault:
    """One row of faults.csv; `submission_id` is the instanceID from before the change."""

    form: str
    submission_id: str
    kind: str
    rule: str
    path: str
    detail: str


@dataclass(frozen=True)
class Recipe:
    """One kind of fault: the form, the rule it breaks, how to do it, how often."""

    form: str
    kind: str
    rule: str
    edit: Edit
    times: int = 1


@dataclass(frozen=True)
class RawRecipe:
    """A fault of the file itself, not of an answer."""

    form: str
    kind: str
    change: Callable[[bytes], bytes]
