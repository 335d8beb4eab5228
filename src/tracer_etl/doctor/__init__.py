"""Is all there that a run needs? One line per check, with what to do; nothing is changed, no secret is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.doctor.disk import disk
from tracer_etl.doctor.finding import Finding
from tracer_etl.doctor.keys import keys
from tracer_etl.doctor.machine import clock, versions
from tracer_etl.doctor.server import server
from tracer_etl.doctor.stores import forms, landing, warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tracer_etl.study import Study

__all__ = ["AREAS", "Finding", "examine"]

AREAS: Mapping[str, Callable[[Study], Iterator[Finding]]] = {
    "versions": versions,
    "clock": clock,
    "forms": forms,
    "keys": keys,
    "disk": disk,
    "landing": landing,
    "warehouse": warehouse,
    "server": server,
}
"""In the order they are looked at: what needs a network comes last."""


def examine(study: Study, areas: Sequence[str] = ()) -> Iterator[Finding]:
    """Give the findings area by area; none named means all."""
    for name, look in AREAS.items():
        if not areas or name in areas:
            yield from look(study)
