"""Pulling from KoboToolbox: what is created, edited, reviewed and deleted arrives, at little cost."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kobo_world import FORM, QUICK, World, bare
from makers import Nothing
from tracer_etl.errors import Refused
from tracer_etl.servers import Options, kobo
from tracer_etl.servers.folder import FolderSource
from tracer_etl.testing import FakeKobo
from tracer_etl.testing.loopback import Loopback, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMS = Path(__file__).parents[2] / "forms"


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


def test_no_news_costs_three_requests_even_after_a_mass_review(world: World) -> None:
    keys = world.server.bulk(world.form, [world.xml(number) for number in range(600)])
    world.pull()
    for key in keys:
        world.server.review(world.form, key, "validation_status_approved")
    assert world.pull().new == 600
    assert world.pull().new == 0
    assert world.cost <= 3
    world.edit(keys[0], 9_999)
    assert world.pull().new == 1


@pytest.mark.parametrize("name", [path.stem for path in sorted(FORMS.glob("*.xlsx"))])
def test_interviews_of_a_real_client_read_as_their_xml_does(name: str) -> None:
    """The rehearsal's submissions were filled by the engine of ODK Collect."""
    made = FolderSource(FORMS / "rehearsal").pull(name, Nothing())
    with FakeKobo() as server:
        form = server.publish(FORMS / f"{name}.xlsx", FORMS / "media")
        sent = {
            server.submit(
                form, server.stamp(form, one.raw), {a.name: a.content or b"" for a in one.attachments}
            ): one
            for one in islice((one for one in made if not one.error and b"deprecatedID" not in one.raw), 30)
        }
        source = kobo.connect({"url": server.url, "token": server.token}, Options(), QUICK)
        got = {one.key: one for one in source.pull(name, Nothing()) if hasattr(one, "data")}
    assert set(got) == set(sent)
    assert len(sent) == 30
    for key, one in sent.items():
        assert bare(dict(got[key].data)) == bare(dict(one.data))
        files = {file.name for file in got[key].attachments if file.present}
        assert files == {file.name for file in one.attachments}


def test_no_project_is_looked_into_twice(tmp_path: Path) -> None:
    with FakeKobo() as server:
        forms = {
            f"form{number}": World(server, tmp_path, FORM.replace("visit ", f"form{number} ")).form
            for number in (1, 2, 3)
        }
        source = kobo.connect({"url": server.url, "token": server.token}, Options(), QUICK)
        server.requests.clear()
        assert {form_id: source.asset_of(form_id) for form_id in forms} == forms
        looked = [
            one.path
            for one in server.requests
            if one.path in {f"/api/v2/assets/{uid}/" for uid in forms.values()}
        ]
        assert sorted(looked) == sorted(set(looked))


@pytest.mark.parametrize("answer", [{"welcome": "here"}, [], {"token": None}])
def test_a_login_that_gives_no_token_is_another_server(answer: object) -> None:
    class Other(Loopback):
        def handle(self, request: Request) -> Reply:
            return Reply.of_json(answer)

    login = {"user": "me", "password": "geheim"}
    with Other() as server, pytest.raises(Refused, match=r"gave no token; is this address KoboToolbox's\?"):
        kobo.connect({"url": server.url, **login}, Options(), QUICK)


def test_a_clock_of_the_server_that_once_was_ahead_ends_no_sweeps(world: World) -> None:
    world.submit(1)
    world.pull()
    landing = world.landing
    landing.manifest["cursor"]["swept_at"] = "2099-01-01T00:00:00+00:00"
    (landing.folder / "manifest.json").write_text(json.dumps(landing.manifest), encoding="utf-8")
    before = len(world.server.requests)
    world.pull()
    assert any(request.param("fields") for request in world.server.requests[before:])
