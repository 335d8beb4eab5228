"""Nothing is called deleted that may be hidden, and no fault of the network changes what is landed."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kobo_world import FORM, World
from tracer_etl.errors import Changed, LandingError, Refused, Unavailable
from tracer_etl.servers import Options
from tracer_etl.testing import FakeKobo, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.testing.loopback import Reply, Request

SEES = {"view_asset", "view_submissions"}
HERE = Path(__file__).parent


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with FakeKobo() as server:
        yield World(server, tmp_path)


@pytest.fixture
def viewer(world: World) -> World:
    world.token = world.server.add_user("viewer", SEES)
    return world


def fill(world: World, number: int) -> list[str]:
    return [world.submit(one) for one in range(number)]


def untouched(world: World, landed: int) -> bool:
    return len(world.state()) == landed and not world.deleted()


def test_every_numbered_fact_is_tested() -> None:
    named: set[str] = set()
    for path in HERE.glob("test_kobo_facts_*.py"):
        functions = [
            node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)
        ]
        named |= {found[1] for name in functions if (found := re.match(r"test_kobo_(\d\d)_", name))}
    assert named == {f"{number:02d}" for number in range(1, 35)}


# -- permissions


@pytest.mark.parametrize("left", [set(), {"view_asset"}, {"view_asset", "add_submissions"}])
def test_permission_lost_between_two_pulls(viewer: World, left: set[str]) -> None:
    fill(viewer, 4)
    viewer.pull()
    viewer.server.set_permissions("viewer", left)
    with pytest.raises(Refused, match="the 4 landed submissions stay as they are"):
        viewer.pull()
    assert untouched(viewer, 4)
    viewer.server.set_permissions("viewer", SEES)
    assert viewer.pull().new == 0


@pytest.mark.parametrize("page", [1, 2, 3])
def test_permission_lost_between_two_pages(tmp_path: Path, page: int) -> None:
    with FakeKobo(max_page=2) as server:
        world = World(server, tmp_path, token=server.add_user("viewer", SEES))
        fill(world, 8)
        world.pull()
        lose = lambda: server.set_permissions("viewer", {"view_asset"})  # noqa: E731 - said where it is used
        server.after(f"%22%24gt%22%3A{2 * (page - 1)}%7D", lose)
        with pytest.raises(Refused):
            world.pull(sweep=True)
        assert untouched(world, 8)


def test_row_level_restriction_between_two_pulls(viewer: World) -> None:
    keys = fill(viewer, 4)
    viewer.pull()
    viewer.server.set_permissions("viewer", SEES, rows=keys[:3])
    with pytest.raises(Refused, match="3 submissions are visible, the project counts 4, landed are 4"):
        viewer.pull()
    assert untouched(viewer, 4)


def test_row_level_restriction_that_the_project_counts_as_if_it_were_all(tmp_path: Path) -> None:
    with Narrow() as server:
        world = World(server, tmp_path, token=server.add_user("viewer", SEES))
        keys = fill(world, 4)
        world.pull()
        server.set_permissions("viewer", SEES, rows=keys[:3])
        server.counted = 3
        with pytest.raises(Refused, match="3 submissions are visible, the project counts 3, landed are 4"):
            world.pull()
        assert untouched(world, 4)


def test_row_level_restriction_between_two_pages(tmp_path: Path) -> None:
    with FakeKobo(max_page=3) as server:
        world = World(server, tmp_path, token=server.add_user("viewer", SEES))
        keys = fill(world, 8)
        world.pull()
        server.after("fields=", lambda: server.set_permissions("viewer", SEES, rows=keys[:4]))
        with pytest.raises(Refused, match="rights changed during the pull"):
            world.pull()
        assert untouched(world, 8)


def test_a_row_level_account_never_buries(world: World) -> None:
    keys = fill(world, 5)
    world.token = world.server.add_user("peer")
    world.server.set_permissions("peer", SEES, rows=keys)
    world.pull()
    world.server.delete(world.form, keys[0])
    landed = world.pull()
    assert untouched(world, 5)
    assert any("1 landed submissions are not shown to this account now; kept" in r for r in landed.remarks)


class Narrow(FakeKobo):
    """A server that counts as KoboToolbox does for row-level accounts, or hides rows without saying so."""

    hidden = 0
    counted: int | None = None

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        if not isinstance(reply.body, bytes) or reply.status != 200:
            return reply
        if request.path.endswith("/data.json") and self.hidden:
            body = json.loads(reply.body)
            kept = [row for row in body["results"] if row["_id"] > self.hidden]
            body["count"] -= (
                len(body["results"]) - len(kept) if request.param("limit") != "1" else self.hidden
            )
            body["results"] = kept
            reply.body = json.dumps(body).encode()
        if re.fullmatch(r"/api/v2/assets/\w+/", request.path) and self.counted is not None:
            body = json.loads(reply.body)
            body["deployment__submission_count"] = self.counted
            reply.body = json.dumps(body).encode()
        return reply


def test_rows_hidden_without_a_word_are_not_called_deleted(tmp_path: Path) -> None:
    with Narrow() as server:
        world = World(server, tmp_path)
        fill(world, 6)
        world.pull()
        server.hidden = 2
        with pytest.raises(Refused, match="counts 6 submissions, this account is shown 4"):
            world.pull(sweep=True)
        assert untouched(world, 6)


def test_a_count_that_is_off_is_lived_with_and_remarked_on(tmp_path: Path) -> None:
    with Narrow() as server:
        world = World(server, tmp_path)
        fill(world, 6)
        server.counted = 8
        landed = world.pull()
        assert any("the project counts 8 submissions, 6 are shown" in remark for remark in landed.remarks)
        assert world.pull().new == 0
        assert world.cost <= 3  # it is not looked for again each time
        server.counted = 9
        world.submit(7)
        assert world.pull().total == 7
        server.counted = 6
        assert any("its count lags behind" in remark for remark in world.pull().remarks)


def test_a_count_far_off_is_refused_on_the_first_pull(tmp_path: Path) -> None:
    with Narrow() as server:
        world = World(server, tmp_path)
        fill(world, 6)
        server.counted = 40
        with pytest.raises(Refused, match="counts 40 submissions, this account is shown 6"):
            world.pull()


# -- emptiness and large losses


def test_a_shrunken_project_is_believed_when_asked_to(viewer: World) -> None:
    keys = fill(viewer, 40)
    viewer.pull()
    for key in keys[:21]:
        viewer.server.delete(viewer.form, key)
    with pytest.raises(Changed, match=r"21 of 40 landed submissions vanished at once; .*--accept-deletions"):
        viewer.pull()
    assert untouched(viewer, 40)
    viewer.pull(accept_deletions=True)
    assert set(viewer.deleted()) == set(keys[:21])
    assert viewer.matches()


def test_many_deletions_the_history_names_are_guarded_too(world: World) -> None:
    keys = fill(world, 25)
    world.pull()
    for key in keys:
        world.server.delete(world.form, key)
    with pytest.raises(Changed, match="25 of 25"):
        world.pull()
    assert untouched(world, 25)
    assert world.pull(accept_deletions=True).total == 0


def test_a_few_deletions_are_believed(world: World) -> None:
    keys = fill(world, 25)
    world.pull()
    for key in keys[:20]:
        world.server.delete(world.form, key)
    assert world.pull().total == 5
    assert world.matches()


def test_a_project_that_was_never_deployed_is_refused(tmp_path: Path) -> None:
    with FakeKobo() as server:
        world = World(server, tmp_path)
        path = tmp_path / "other.md"
        path.write_text(FORM.replace("| visit ", "| other "), encoding="utf-8")
        other = server.publish(path, deploy=False)
        landing = world.landing
        with pytest.raises(Refused, match="no project of form other is visible"):
            world.source().pull("other", landing)
        with pytest.raises(Refused, match="the project is not deployed; deploy it"):
            list(world.source(Options(assets={"other": other})).pull("other", landing))


def test_a_form_of_two_projects_must_be_named(tmp_path: Path) -> None:
    with FakeKobo(owner="one") as server:
        world = World(server, tmp_path)
        server.add_user("two")
        first, server.owner = world.form, "two"
        second = world.publish(FORM)
        server.world.assets[second].grants["one"] = server.world.users["one"].grant.__class__(frozenset(SEES))
        with pytest.raises(Refused, match="2 projects of form visit") as refusal:
            world.pull()
        assert first in str(refusal.value)
        assert second in str(refusal.value)
        assert world.pull(assets={"visit": second}).new == 0
        assert world.landing.manifest["origin"].endswith(second)
        with pytest.raises(LandingError, match="holds submissions of"):
            world.pull(assets={"visit": first})


# -- the network


FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 502},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 429, "retry_after": "0"},
    {"kind": "html"},
    {"kind": "cut"},
    {"kind": "stall", "seconds": 0.5},
    {"kind": "reset"},
]
PLACES = ["/me/", "assets/?", "{form}/?", "data.json", "history", "fields="]


@pytest.mark.parametrize("fault", FAULTS, ids=[f"{f['kind']}{f.get('status', '')}" for f in FAULTS])
def test_a_fault_anywhere_changes_nothing(world: World, fault: dict[str, Any]) -> None:
    keys = fill(world, 5)
    world.server.faults += [Fault(match=place.format(form=world.form), **fault) for place in PLACES[:5]]
    world.pull()
    world.edit(keys[0], 10)
    world.server.delete(world.form, keys[1])
    world.server.faults += [Fault(match=place.format(form=world.form), **fault) for place in PLACES[2:]]
    world.pull(sweep=True)
    assert not world.server.faults
    assert world.matches()
    assert list(world.deleted()) == [keys[1]]


@pytest.mark.parametrize("place", ["/?format=json", "data.json", "history", "fields=", "%24in"])
def test_a_server_that_stays_away_changes_nothing(world: World, place: str) -> None:
    keys = fill(world, 5)
    world.pull()
    world.edit(keys[0], 10)
    world.server.delete(world.form, keys[1])
    cursor = dict(world.landing.cursor)
    world.server.faults.append(Fault("status", place, status=503, times=99))
    with pytest.raises(Unavailable):
        world.pull(sweep=True)
    assert world.landing.cursor == cursor
    assert set(world.deleted()) <= {keys[1]}
    world.server.faults.clear()
    world.pull()
    assert world.matches()


def test_a_first_pull_that_broke_off_goes_on(tmp_path: Path) -> None:
    with FakeKobo(max_page=10) as server:
        world = World(server, tmp_path)
        keys = fill(world, 35)
        server.faults.append(Fault("status", "data.json", status=503, skip=2, times=99))
        with pytest.raises(Unavailable):
            world.pull()
        server.faults.clear()
        server.delete(world.form, keys[3])
        world.edit(keys[4], 99)
        world.pull()
        assert world.matches()
        assert world.landing.proofs[-1]["swept"]


def test_rows_that_come_and_go_during_a_sweep(tmp_path: Path) -> None:
    with FakeKobo(max_page=4) as server:
        world = World(server, tmp_path, token=server.add_user("viewer", SEES))
        keys = fill(world, 20)
        world.pull()
        server.after("fields=", lambda: world.submit(50))
        server.after("fields=", lambda: server.delete(world.form, keys[0]))
        server.after("fields=", lambda: world.edit(keys[1], 60))
        world.pull()
        world.pull()
        assert world.matches()


def test_a_listing_that_counts_what_it_does_not_give(tmp_path: Path) -> None:
    class Stingy(FakeKobo):
        def handle(self, request: Request) -> Reply:
            reply = super().handle(request)
            if request.path.endswith("/data.json") and isinstance(reply.body, bytes):
                reply.body = json.dumps({**json.loads(reply.body), "results": []}).encode()
            return reply

    with Stingy() as server:
        world = World(server, tmp_path)
        fill(world, 2)
        with pytest.raises(Changed, match="2 submissions after number 0 are counted, none given"):
            world.pull()


def test_rows_that_are_counted_and_not_given_are_neither_gone_nor_unchanged(tmp_path: Path) -> None:
    class Hollow(FakeKobo):
        hollow = False

        def handle(self, request: Request) -> Reply:
            reply = super().handle(request)
            if self.hollow and "$in" in request.param("query") and isinstance(reply.body, bytes):
                reply.body = json.dumps({**json.loads(reply.body), "results": []}).encode()
            return reply

    with Hollow() as server:
        world = World(server, tmp_path)
        keys = fill(world, 3)
        world.pull()
        world.edit(keys[0], 9)
        server.hollow = True
        with pytest.raises(Changed, match="1 submissions are counted, none given"):
            world.pull()
        server.hollow = False
        world.pull()
        assert world.matches()


@pytest.mark.parametrize(
    "answer", [b"[]", b'{"count": 1}', b'{"count": "1", "results": []}', b'{"count":1,"results":[{}]}']
)
def test_an_answer_of_another_shape_is_a_change_of_the_server(tmp_path: Path, answer: bytes) -> None:
    class Odd(FakeKobo):
        def handle(self, request: Request) -> Reply:
            reply = super().handle(request)
            if request.path.endswith("/data.json"):
                reply.body = answer
            return reply

    with Odd() as server:
        world = World(server, tmp_path)
        fill(world, 1)
        with pytest.raises(Changed):
            world.pull()


def test_no_secret_is_landed_or_written_into_an_address(world: World) -> None:
    fill(world, 2)
    world.pull(media=True)
    files = [path for path in world.landing.folder.rglob("*") if path.is_file()]
    assert files
    assert not any(world.server.token.encode() in path.read_bytes() for path in files)
    asked = [f"{request.path}?{request.query}" for request in world.server.requests]
    assert not any(world.server.token in address for address in asked)
