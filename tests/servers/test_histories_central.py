"""Random histories against ODK Central; a module of its own, so that the two can run side by side."""

from __future__ import annotations

import pytest
from histories import hold_histories, hold_short_histories


@pytest.mark.slow
def test_at_quiescence_the_warehouse_equals_the_server() -> None:
    hold_histories("central")


def test_the_shortest_histories_hold_too() -> None:
    hold_short_histories("central")
