"""Random histories x page sizes x interleaved pulls and faults: in the end the warehouse equals the server."""

from __future__ import annotations

import os
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from worlds import CentralWorld, Follower, KoboWorld, expected

from tracer_etl.errors import LandingError, ServerError
from tracer_etl.servers import Options
from tracer_etl.testing import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worlds import World

HISTORIES = int(os.environ.get("TRACER_HISTORIES", "50"))
"""Of each server. Before a release `TRACER_HISTORIES=230`: with Hypothesis's own more than 500, 4 minutes a server."""

FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the landing syncs every file to disk

COMMON = (
    *("create",) * 4, *("edit",) * 3, *("delete",) * 3, *("review",) * 2, *("photo",) * 2, *("begin",) * 2,
    *("commit",) * 2, "deploy",
)  # fmt: skip
OUTSIDE = ("sweep", "fault", "fault", "between", "between", "deny", "allow", "allow", "reconnect")
AFTER = ("pull",) * 6 + ("load",) + ("wait",) * 6
"""What follows a step: a change is seen by itself as often as among others, and soon or long after the last."""
Step = tuple[str, int]


def history(seed: int, *own: str) -> list[Step]:
    """Make a history of 10 to 50 steps, half of them followed by a pull; it begins with some submissions."""
    rng = random.Random(seed)
    verbs = (*COMMON, *own, *OUTSIDE)
    made = [("create", rng.randint(0, 40)) for _ in range(rng.randint(0, 8))]
    for _ in range(rng.randint(10, 50)):
        made += [(rng.choice(verbs), rng.randint(0, 40)), (rng.choice(AFTER), rng.randint(0, 40))]
    return made


def steps(*own: str) -> st.SearchStrategy[list[Step]]:
    one = st.tuples(st.sampled_from((*COMMON, *own, *OUTSIDE, *AFTER)), st.integers(0, 40))
    return st.lists(one, max_size=30)


class Play:
    """Plays a history against a server and lets a warehouse follow it."""

    def __init__(self, world: World, folder: Path, page: int) -> None:
        self.world, self.options = world, Options(media=True, page=page, overlap_minutes=1)
        self.follower = Follower(folder, world)
        self.world.allow(page)
        self.source = world.source(self.options)
        self.seen: Counter[str] = Counter()

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
            self.seen["pulls"] += 1
        except (ServerError, LandingError) as error:
            self.seen[type(error).__name__] += 1

    def _wait(self, number: int) -> None:
        """Let time pass, up to twelve minutes: most of it is far beyond the overlap."""
        self.world.server.advance(number * 18)

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
            self.seen["no login"] += 1

    def settle(self) -> None:
        """Let everything that was begun become visible, all faults end, and pull to the end."""
        while self.world.pending:
            self.world.commit(0)
        self.world.server.faults.clear()
        self.world.server.forget_actions()
        self.world.allow(1)
        self.source = self.world.source(self.options)
        self.follower.pull(self.source)


OWN = {"central": ("restore",) * 3, "kobo": ("duplicate",)}
WORLDS: dict[str, type[World]] = {"central": CentralWorld, "kobo": KoboWorld}


def follow(kind: str, steps: Sequence[Step], page: int) -> Counter[str]:
    """Play a history to its end; the warehouse must equal the server. Count what happened."""
    with tempfile.TemporaryDirectory(dir=FAST) as folder:
        world = WORLDS[kind](Path(folder))
        with world.server:
            play = Play(world, Path(folder), page)
            play.play(steps)
            play.settle()
            assert set(play.follower.landing.stamps) == set(world.server.truth(world.form))
            proof = play.follower.pull(play.source, sweep=True)
            assert proof.complete
            assert proof.swept
            play.follower.load()
            assert play.follower.content() == expected(world, play.follower)
            more = {"histories": 1, "loads": play.follower.loads, "requests": len(world.server.requests)}
            return play.seen + Counter(more) + Counter(_landed(play.follower))


def hold_histories(kind: str) -> None:
    """Play seeded histories; say what they met, which must be enough of everything."""
    seen: Counter[str] = Counter()
    for seed in range(HISTORIES):
        played = history(seed, *OWN[kind])
        try:
            seen += follow(kind, played, 1 + seed % 9)
        except Exception:
            print(f"{kind}: history {seed}: {played}")
            raise
    print(f"{kind}: {dict(sorted(seen.items()))}")
    assert seen["histories"] == HISTORIES
    assert min(seen[one] for one in ("tombstones", "Unavailable", "Refused", "versions")) >= HISTORIES // 10


def hold_short_histories(kind: str) -> None:
    """Let Hypothesis look where short histories are odd, and shorten what fails."""

    @settings(max_examples=HISTORIES // 8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(history=steps(*OWN[kind]), page=st.integers(1, 9))
    def follows(history: list[Step], page: int) -> None:
        follow(kind, history, page)

    follows()


def _landed(follower: Follower) -> dict[str, int]:
    """Count what a history landed: records, tombstones, form versions beyond the first."""
    with duckdb.connect() as connection:
        files = [str(segment.file) for segment in follower.landing.segments()]
        found = connection.execute(
            "SELECT count(*), count(*) FILTER (deleted IS NOT NULL) FROM read_json(?, format='newline_delimited', "
            "compression='zstd', columns={key: 'VARCHAR', deleted: 'VARCHAR'})",
            [files],
        ).fetchone() if files else (0, 0)  # fmt: skip
    versions = len(follower.landing.versions) - 1
    return {"records": found[0], "tombstones": found[1], "versions": versions} if found else {}
