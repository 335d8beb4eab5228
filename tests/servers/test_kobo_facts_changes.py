"""KoboToolbox as it really behaves, facts 15 to 22: edits, reviews, deletions, and what tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kobo_world import World
from tracer_etl.errors import Refused, Unavailable
from tracer_etl.testing import FakeKobo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

APPROVED = "validation_status_approved"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with FakeKobo() as server:
        yield World(server, tmp_path)


@pytest.fixture
def viewer(world: World) -> World:
    """An account that may see everything but the project history."""
    world.token = world.server.add_user("viewer", {"view_asset", "view_submissions"})
    return world


def history_calls(world: World) -> list[str]:
    return [r.param("q") for r in world.server.requests if r.path.endswith("/history/")]


def test_kobo_15_an_edit_keeps_the_key_and_the_review(world: World) -> None:
    key = world.submit(1)
    world.server.review(world.form, key, APPROVED)
    world.pull()
    first = world.state()[key]
    for number in (11, 12):
        world.edit(key, number, f"<who><name>Versi {number}</name></who>")
        world.pull()
    last = world.state()[key]
    assert last["instance"] != first["instance"]
    assert last["submitted"] == first["submitted"]
    assert (last["review"], last["data"]["who/"]) == ("approved", [{"name": "Versi 12"}])
    assert last["data"]["meta/"][0]["rootUuid"] == first["instance"]
    assert len(world.lines()) == 3


@pytest.mark.parametrize(
    ("uid", "word"),
    [
        (APPROVED, "approved"),
        ("validation_status_not_approved", "rejected"),
        ("validation_status_on_hold", "hasIssues"),
    ],
)
def test_kobo_16_a_review_is_seen_and_so_is_its_end(world: World, uid: str, word: str) -> None:
    key = world.submit(1)
    world.pull()
    for state, expected in ((uid, word), ("", "")):
        world.server.review(world.form, key, state)
        assert world.pull().new == 1
        assert world.state()[key]["review"] == expected
    assert len({line["instance"] for line in world.lines()}) == 1


def test_kobo_17_a_deleted_submission_sent_again_is_a_new_one(world: World) -> None:
    old = world.submit(1)
    world.submit(2)
    world.pull()
    world.server.delete(world.form, old)
    new = world.submit(1)
    world.pull()
    assert new != old
    assert world.matches()
    assert list(world.deleted()) == [old]
    assert world.deleted()[old].startswith("2026-01-05T01:00:0")


def test_kobo_17_deleted_and_sent_again_between_two_sweeps(viewer: World) -> None:
    old = viewer.submit(1)
    viewer.pull()
    viewer.server.delete(viewer.form, old)
    viewer.submit(1)
    viewer.pull()
    assert viewer.matches()
    assert list(viewer.deleted()) == [old]


def test_kobo_18_a_duplicate_is_a_submission_of_its_own(world: World) -> None:
    key = world.submit(1, files={"a.jpg": b"1"})
    world.pull()
    copy = world.server.duplicate(world.form, key)
    world.pull()
    state = world.state()
    assert world.matches()
    assert state[copy]["data"]["who/"] == state[key]["data"]["who/"]
    assert state[copy]["instance"] != state[key]["instance"]


def test_kobo_19_history_is_asked_by_action_and_moment(world: World) -> None:
    keys = [world.submit(number) for number in range(6)]
    world.pull()
    world.server.advance(3600)
    world.edit(keys[0], 10)
    world.server.review(world.form, keys[1], APPROVED)
    world.server.delete(world.form, keys[2])
    before = len(history_calls(world))
    world.pull()
    (query,) = history_calls(world)[before:]
    assert query.startswith("(action:modify-submission OR action:delete-submission) AND date_created__gte:")
    assert '"2026-01-05T00:50:00Z"' in query
    assert world.matches()
    assert world.deleted() == {keys[2]: "2026-01-05T02:00:00Z"}
    world.pull()
    assert world.cost <= 3
    assert '"2026-01-05T01:50:00Z"' in history_calls(world)[-1]


def test_kobo_19_a_second_change_in_the_same_second_is_seen(world: World) -> None:
    keys = [world.submit(number) for number in range(4)]
    world.pull()
    for number, key in enumerate(keys):
        world.edit(key, 10 + number)
        assert world.pull().new == 1
    assert world.matches()


def test_kobo_19_history_longer_than_a_page(tmp_path: Path) -> None:
    with FakeKobo(max_page=4) as server:
        world = World(server, tmp_path)
        keys = [world.submit(number) for number in range(14)]
        world.pull()
        for key in keys[:11]:
            server.review(world.form, key, APPROVED)
        world.pull()
        assert world.matches()


def test_kobo_19_an_edit_of_a_row_that_was_still_on_its_way_is_seen(world: World) -> None:
    late = world.server.begin(world.form, world.xml(1))
    for number in range(2, 5):
        world.server.advance(3600)
        world.submit(number)
    world.pull()
    late.commit()
    world.edit(late.key, 10, "<who><name>Dewi</name></who>")
    assert world.pull().new == 1
    assert world.matches()
    assert not world.landing.proofs[-1]["swept"]


def test_kobo_19_without_the_right_history_is_not_asked_for(viewer: World) -> None:
    viewer.submit(1)
    viewer.pull()
    viewer.pull()
    assert not history_calls(viewer)
    with pytest.raises(Refused, match="You do not have permission"):
        viewer.source().session.json(f"/api/v2/assets/{viewer.form}/history/")
    with pytest.raises(Unavailable, match="status 500"):
        viewer.owner().session.json(
            f"/api/v2/assets/{viewer.form}/history/", {"q": "date_created__gte:kemarin"}
        )


def test_kobo_19_what_the_history_never_says_is_found_by_the_next_sweep(world: World) -> None:
    keys = [world.submit(number, files={"a.jpg": b"1"}) for number in range(3)]
    world.server.advance(3600)
    world.submit(5)
    world.pull()
    world.server.attach(world.form, keys[0], "late.jpg", b"2")
    world.server.clear(world.form, keys[1], "a.jpg")
    assert world.pull().new == 0
    assert world.pull(sweep=True).new == 2
    assert world.matches()
    assert world.pull(sweep_hours=0).new == 0
    assert world.landing.proofs[-1]["swept"]


def test_kobo_20_without_history_a_sweep_finds_exactly_what_changed(viewer: World) -> None:
    keys = [viewer.submit(number, files={"a.jpg": b"1"}) for number in range(9)]
    viewer.server.advance(3600)
    viewer.submit(20)
    viewer.pull()
    viewer.edit(keys[0], 30)
    viewer.server.review(viewer.form, keys[1], APPROVED)
    viewer.server.delete(viewer.form, keys[2])
    viewer.server.attach(viewer.form, keys[3], "late.jpg", b"2")
    viewer.server.clear(viewer.form, keys[4], "a.jpg")
    assert viewer.pull().new == 5
    assert viewer.matches()
    assert viewer.pull().new == 0
    assert viewer.cost == 3


def test_kobo_20_a_sweep_costs_a_page_for_every_thousand(tmp_path: Path) -> None:
    with FakeKobo(max_page=10) as server:
        world = World(server, tmp_path, token=server.add_user("viewer", {"view_asset", "view_submissions"}))
        server.bulk(world.form, [world.xml(number) for number in range(35)])
        server.advance(3600)
        world.submit(99)
        world.pull()
        assert world.pull().new == 0
        assert world.cost == 2 + 4  # the project, its newest rows, four pages of ten


def test_kobo_21_last_submission_time_and_daily_counts_are_not_believed(world: World) -> None:
    keys = [world.submit(number) for number in range(3)]
    world.pull()
    detail = f"/api/v2/assets/{world.form}/"
    before = world.source().session.json(detail)
    world.server.delete(world.form, keys[-1])
    world.edit(keys[0], 10)
    after = world.source().session.json(detail)
    for marker in ("deployment__last_submission_time", "date_modified"):
        assert before[marker] == after[marker]
    world.pull()
    assert world.matches()
    assert not any(request.path.endswith("/counts/") for request in world.server.requests)


def test_kobo_22_bulk_edits_and_bulk_deletions_are_seen(world: World) -> None:
    body = "<job><title>a</title></job>"
    keys = [world.submit(number, body) for number in range(6)]
    world.pull()
    session, path = world.source().session, f"/api/v2/assets/{world.form}/data/bulk/"
    ids = [int(key) for key in keys]
    edit = {"submission_ids": ids[:2], "data": {"job/title": "Diubah", "baru/kolom": "x"}}
    session.send("PATCH", path, json={"payload": edit})
    session.send("DELETE", path, json={"payload": {"submission_ids": ids[2:4]}})
    world.pull()
    assert world.matches()
    state = world.state()
    assert [state[key]["data"]["job/"] for key in keys[:2]] == [[{"title": "Diubah"}]] * 2
    assert state[keys[0]]["data"]["baru/"] == [{"kolom": "x"}]
    assert set(world.deleted()) == set(keys[2:4])
    with pytest.raises(Refused):
        session.send("DELETE", path, json={"payload": {"submission_ids": [ids[0], 99_999]}})
    assert world.pull().new == 0
