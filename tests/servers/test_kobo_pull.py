"""Pulling from KoboToolbox: what is created, edited, reviewed and deleted arrives, at little cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kobo_world import World
from tracer_etl.testing import FakeKobo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with FakeKobo() as server:
        yield World(server, tmp_path)


def test_create_edit_review_delete(world: World) -> None:
    keys = [world.submit(number) for number in range(5)]
    assert world.pull().new == 5
    assert world.matches()
    world.edit(keys[1], 101, "<who><name>Dewi</name></who>")
    world.server.review(world.form, keys[2], "validation_status_approved")
    world.server.delete(world.form, keys[3])
    world.submit(6)
    world.pull()
    assert world.matches()
    assert world.state()[keys[1]]["data"]["who/"] == [{"name": "Dewi"}]
    assert list(world.deleted()) == [keys[3]]


def test_no_news_costs_three_requests(world: World) -> None:
    keys = [world.submit(number) for number in range(5)]
    world.edit(keys[1], 101)
    world.pull()
    assert world.pull().new == 0
    assert world.cost <= 3
    world.edit(keys[2], 102)
    world.pull()
    assert world.pull().new == 0
    assert world.cost <= 3


@pytest.mark.parametrize("most", [10, 1000])
def test_no_news_costs_three_requests_even_after_a_rush(tmp_path: Path, most: int) -> None:
    with FakeKobo(max_page=most) as server:
        world = World(server, tmp_path)
        server.bulk(world.form, [world.xml(number) for number in range(15 * most if most < 100 else 1500)])
        world.pull()
        assert world.pull().new == 0
        assert world.cost <= 3
        late = server.begin(world.form, world.xml(90_001))
        server.bulk(world.form, [world.xml(number) for number in range(91_000, 91_000 + 2 * most)])
        world.pull()
        late.commit()
        assert world.pull().new == 1
        assert world.matches()
