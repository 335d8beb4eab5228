"""Random histories x page sizes x interleaved pulls and faults: in the end the warehouse equals the server."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import CentralWorld, Follower, KoboWorld, expected

from tracer_etl.errors import LandingError, ServerError
from tracer_etl.servers import Options
from tracer_etl.testing import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worlds import World

HISTORIES = int(os.environ.get("TRACER_HISTORIES", "260"))
"""Of each server; two servers make more than 500."""

COMMON = (
    "create",
    "create",
    "create",
    "edit",
    "edit",
    "delete",
    "review",
    "photo",
    "begin",
    "commit",
    "deploy",
)
OUTSIDE = ("pull", "pull", "sweep", "load", "fault", "between", "deny", "allow", "reconnect")
Step = tuple[str, int]


def steps(*own: str) -> st.SearchStrategy[list[Step]]:
    one = st.tuples(st.sampled_from((*COMMON, *own, *OUTSIDE)), st.integers(0, 40))
    return st.lists(one, max_size=30)


class Play:
    """Plays a history against a server and lets a warehouse follow it."""

    def __init__(self, world: World, folder: Path, page: int) -> None:
        self.world, self.options = world, Options(media=True, page=page)
        self.follower = Follower(folder, world)
        self.world.allow(page)
        self.source = world.source(self.options)
        self.broken = 0

    def play(self, history: Sequence[Step]) -> None:
        for verb, number in history:
            if hasattr(self, f"_{verb}"):
                getattr(self, f"_{verb}")(number)
            else:
                getattr(self.world, verb)(number)

    def _pull(self, number: int) -> None:
        self._try(sweep=False)

    def _sweep(self, number: int) -> None:
        self._try(sweep=True)

    def _try(self, *, sweep: bool) -> None:
        """Pull; a server that fails is no reason for a wrong warehouse, only for an old one."""
        try:
            self.follower.pull(self.source, sweep=sweep)
        except (ServerError, LandingError):
            self.broken += 1

    def _load(self, number: int) -> None:
        if self.follower.landing.segments():
            self.follower.load()

    def _fault(self, number: int) -> None:
        kind = ("status", "html", "cut", "reset")[number % 4]
        self.world.server.faults.append(Fault(kind, skip=number % 3, times=1 + number % 4))

    def _between(self, number: int) -> None:
        """Let something happen right after the next answer: between two pages, or between list and rows."""
        verb = ("delete", "create", "edit", "review")[number % 4]
        self.world.server.after("GET ", lambda: getattr(self.world, verb)(number))

    def _deny(self, number: int) -> None:
        self.world.deny()

    def _allow(self, number: int) -> None:
        self.world.allow(number)

    def _reconnect(self, number: int) -> None:
        try:
            self.source = self.world.source(self.options)
        except ServerError:
            self.broken += 1

    def settle(self) -> None:
        """Let everything that was begun become visible, all faults end, and pull to the end."""
        while self.world.pending:
            self.world.commit(0)
        self.world.server.faults.clear()
        self.world.server.forget_actions()
        self.world.allow(1)
        self.source = self.world.source(self.options)
        self.follower.pull(self.source)


@pytest.fixture(scope="module", params=["central", "kobo"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


OWN = {"central": ("restore",), "kobo": ("duplicate",)}
WORLDS: dict[str, type[World]] = {"central": CentralWorld, "kobo": KoboWorld}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["central", "kobo"])
def test_at_quiescence_the_warehouse_equals_the_server(kind: str) -> None:
    @settings(
        max_examples=HISTORIES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        print_blob=True,
    )
    @given(history=steps(*OWN[kind]), page=st.integers(1, 9))
    def follows(history: list[Step], page: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            world = WORLDS[kind](Path(folder))
            with world.server:
                play = Play(world, Path(folder), page)
                play.play(history)
                play.settle()
                live = set(play.follower.landing.stamps)
                assert live == set(world.server.truth(world.form))
                proof = play.follower.pull(play.source, sweep=True)
                assert proof.complete
                assert proof.swept
                play.follower.load()
                assert play.follower.content() == expected(world, play.follower)

    follows()
