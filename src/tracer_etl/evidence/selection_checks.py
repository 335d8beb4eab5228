"""The check of the selection that SQL cannot say: the draw reproduces from the published seed (specification 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.evidence.lottery import ticket
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.oversight.registry import Check
    from tracer_etl.warehouse.contract import Connection

_SETTINGS = "SELECT name, value FROM marts.selection_setting WHERE name IN ('name', 'public_seed')"
_LOTS = (
    "SELECT number, stratum, lot, line, in_band FROM marts.selection_result WHERE lot IS NOT NULL AND lot <> '' "
    "ORDER BY stratum, line, number"
)


def lottery_reproduces(
    connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
) -> Iterator[Finding | Measured]:
    """Find lots that are not those of the published seed, and places in a lottery band that are not in their order.

    Raises:
        NotEvaluated: nobody was drawn, or the round was made without a seed.
    """
    del kwargs, thresholds
    settings = dict(connection.execute(_SETTINGS).fetchall())
    drawn = connection.execute(_LOTS).fetchall()
    if not drawn or len(settings) < 2:  # noqa: PLR2004 - name and seed
        raise NotEvaluated("nobody was drawn yet")
    before: dict[str, str] = {}
    for number, stratum, lot, _, in_band in drawn:
        if lot != ticket(settings["name"], stratum, number, settings["public_seed"]):
            yield Finding(number, "", f"the lot in {stratum} is not that of the published seed")
        if in_band:
            if lot < before.get(stratum, ""):
                yield Finding(number, "", f"out of the order of the lots in {stratum}")
            before[stratum] = lot
    yield Measured(f"{len(drawn)} lots")


CHECKS: dict[str, Check] = {"lottery_reproduces": lottery_reproduces}
