"""KoboToolbox as it really behaves, facts 1 to 14: reading rows. Numbers are those of the study's notes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kobo_world import World, bare
from tracer_etl.errors import Changed, Refused, Unavailable
from tracer_etl.servers import kobo_rows
from tracer_etl.servers.openrosa import received
from tracer_etl.testing import FakeKobo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.testing.loopback import Reply, Request


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with FakeKobo() as server:
        yield World(server, tmp_path)


def asked(world: World, name: str) -> list[str]:
    """List what data requests asked under a parameter."""
    return [r.param(name) for r in world.server.requests if r.path.endswith("data.json") and r.param(name)]


@pytest.mark.parametrize(("most", "pages"), [(100, 3), (1000, 1), (30_000, 1)])
def test_kobo_01_pages_are_as_long_as_the_server_likes(tmp_path: Path, most: int, pages: int) -> None:
    with FakeKobo(max_page=most) as server:
        world = World(server, tmp_path)
        server.bulk(world.form, [world.xml(number) for number in range(250)])
        assert world.pull().new == 250
        assert world.landing.proofs[-1]["pages"] == pages
        assert world.pull(sweep=True).new == 0
    assert set(asked(world, "limit")) == {"1000", "10000"}


def test_kobo_01_a_chosen_page_length_is_kept_to(world: World) -> None:
    world.server.bulk(world.form, [world.xml(number) for number in range(25)])
    assert world.pull(page=10).total == 25
    assert world.landing.proofs[-1]["pages"] == 3
    for bad in ("0", "abc"):
        with pytest.raises(Refused, match="A positive integer is required"):
            world.source().session.json(f"/api/v2/assets/{world.form}/data.json", {"limit": bad})


def test_kobo_02_neither_offset_nor_page_is_used(tmp_path: Path) -> None:
    with FakeKobo(max_page=2) as server:
        world = World(server, tmp_path)
        for number in range(5):
            world.submit(number)
        world.pull()
        world.pull(sweep=True)
        assert [line["key"] for line in world.lines()] == list(server.truth(world.form))
    assert not asked(world, "offset") + asked(world, "page") + asked(world, "start")


class Disordered(FakeKobo):
    """A server that forgets the order it was asked for."""

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        if request.path.endswith("/data.json") and isinstance(reply.body, bytes):
            body = json.loads(reply.body)
            body["results"].reverse()
            reply.body = json.dumps(body).encode()
        return reply


def test_kobo_03_rows_out_of_order_are_not_believed(tmp_path: Path) -> None:
    with Disordered() as server:
        world = World(server, tmp_path)
        for number in range(3):
            world.submit(number)
        with pytest.raises(Changed, match="not in the order asked for"):
            world.pull()
    assert world.landing.cursor == {}


def test_kobo_04_deletions_between_pages_lose_nobody(tmp_path: Path) -> None:
    with FakeKobo(max_page=3) as server:
        world = World(server, tmp_path)
        keys = [world.submit(number) for number in range(9)]
        for key in keys[:3]:
            server.after("data.json", lambda key=key: server.delete(world.form, key))
        landed = world.pull()
        assert world.matches()
        assert landed.total == 6
        assert set(world.deleted()) <= set(keys[:3])


def test_kobo_05_late_commit_within_the_overlap_is_found(world: World) -> None:
    world.submit(1)
    late = world.server.begin(world.form, world.xml(2))
    after = world.submit(3)
    world.pull()
    assert int(late.key) < int(after)
    late.commit()
    assert world.pull().new == 1
    assert world.cost <= 4
    assert world.matches()


def test_kobo_05_late_commit_beyond_the_overlap_is_found_by_the_count(world: World) -> None:
    late = world.server.begin(world.form, world.xml(1))
    for number in range(2, 5):
        world.server.advance(3600)
        world.submit(number)
    world.pull()
    assert world.landing.cursor["after"] > int(late.key)
    late.commit()
    assert world.pull().new == 1
    assert world.matches()


def test_kobo_06_ties_of_the_submission_time_are_not_lost(world: World) -> None:
    for number in range(20):
        world.submit(number)
        if number % 5 == 0:
            world.pull()
    world.pull()
    assert len({line["submitted"] for line in world.lines()}) < 20
    assert world.matches()
    assert all(line["submitted"].endswith("+00:00") for line in world.lines())
    assert not any("_submission_time" in query for query in asked(world, "query") + asked(world, "sort"))


def test_kobo_07_a_submission_may_lie_in_the_past_and_be_redated(world: World) -> None:
    world.submit(1)
    world.pull()
    old = world.xml(2, submissionDate="2025-06-01T10:00:00.000+07:00")
    key = world.server.submit(world.form, old)
    world.pull()
    assert world.state()[key]["submitted"] == "2025-06-01T10:00:00+00:00"
    world.server.resync(world.form)
    assert world.pull(sweep=True).total == 2
    assert world.matches()
    assert world.deleted() == {}


def test_kobo_08_every_answer_stays_the_text_it_is(world: World) -> None:
    answers = ["6", "3400000.50", "07", "bukan angka", "1e3", "9007199254740993"]
    keys = [world.submit(n, f"<who><age>{answer}</age></who>") for n, answer in enumerate(answers)]
    world.pull()
    state = world.state()
    assert [state[key]["data"]["who/"][0]["age"] for key in keys] == answers
    assert kobo_rows.project({"a": 6, "b": 1.5, "c": True, "d": None, "_geolocation": [1, 2]}, []) == {
        "a": "6",
        "b": "1.5",
        "c": "true",
    }


def test_kobo_09_only_operators_the_server_knows_are_used(world: World) -> None:
    keys = [world.submit(number) for number in range(3)]
    world.pull()
    world.edit(keys[0], 10)
    world.server.delete(world.form, keys[1])
    world.pull()
    queries = [json.loads(query) for query in asked(world, "query")]
    operators = {name for query in queries for condition in query.values() for name in condition}
    assert operators == {"$gt", "$in"}
    operands = [value for query in queries for value in query.get("_id", {}).values()]
    assert all(
        isinstance(one, int) for value in operands for one in (value if isinstance(value, list) else [value])
    )


def test_kobo_09_a_query_the_server_chokes_on_is_no_empty_list(world: World) -> None:
    path, session = f"/api/v2/assets/{world.form}/data.json", world.source().session
    with pytest.raises(Unavailable, match="status 500 twice"):
        session.json(path, {"query": "[]"})
    with pytest.raises(Refused, match="Value must be valid JSON"):
        session.json(path, {"query": "{bad"})


REPEATS = (
    "<who><name>Ani</name><age></age></who><tools> </tools>"
    "<job><title>barista</title><skill><level>1</level></skill><skill><level>2</level></skill></job>"
    "<job><title/></job>"
    "<job><skill><level>2</level></skill></job>"
)


def test_kobo_10_blanks_are_absent_and_repeats_nest_as_in_the_xml(world: World) -> None:
    key = world.submit(1, REPEATS)
    world.pull()
    data = world.state()[key]["data"]
    assert data["job/"] == [
        {"title": "barista", "skill/": [{"level": "1"}, {"level": "2"}]},
        {"skill/": [{"level": "2"}]},
    ]
    assert bare(data) == bare(
        received(world.server.truth(world.form)[key].xml, where="", fallback_key="").data
    )


def test_kobo_11_unknown_elements_odd_names_and_blanks_are_kept(world: World) -> None:
    body = "<asing>x</asing><baru><kolom>y</kolom></baru><nilai.titik>t</nilai.titik><who><name>  Ani &#13;\n b </name></who>"
    key = world.submit(1, body)
    world.pull()
    data = world.state()[key]["data"]
    assert data["asing"] == "x"
    assert data["baru/"] == [{"kolom": "y"}]
    assert data["nilai.titik"] == "t"
    assert data["who/"] == [{"name": "  Ani \r\n b "}]


def test_kobo_11_what_has_no_place_is_kept_apart() -> None:
    extra: list[tuple[str, str]] = []
    row: dict[str, Any] = {
        "job": [{"job/title": "x"}], "job/note": "y", "job/skill": [{"job/skill/level": "1"}], "odd": {"a": 1}, "empty": []
    }  # fmt: skip
    assert kobo_rows.project(row, extra) == {"job/": [{"title": "x"}]}
    assert dict(extra) == {"job/note": "y", "job/skill": '[{"job/skill/level": "1"}]', "odd": '{"a": 1}'}


def test_kobo_12_chosen_fields_stamp_a_row_as_the_whole_row_does(world: World) -> None:
    keys = [world.submit(number, files={"a.jpg": b"1"}) for number in range(4)]
    world.edit(keys[0], 10)
    world.server.review(world.form, keys[1], "validation_status_on_hold")
    world.server.clear(world.form, keys[2], "a.jpg")
    world.pull()
    assert world.pull(sweep=True).new == 0
    assert asked(world, "fields") == ['["_id","_uuid","_validation_status","_attachments"]']


def test_kobo_13_a_position_is_its_text_and_geojson_is_never_asked_for(world: World) -> None:
    place = "-8.01034 112.18297 168.0 6.5"
    key = world.submit(1, f"<place>{place}</place>")
    world.submit(2)
    world.pull()
    data = world.state()[key]["data"]
    assert data["place"] == place
    assert not any("geolocation" in name for name in data)
    assert not any("geojson" in request.path for request in world.server.requests)


def test_kobo_14_the_form_is_found_by_its_own_id_whatever_the_root_element(world: World) -> None:
    assert world.source().asset_of("visit") == world.form
    other = world.xml(1).replace(world.form.encode(), b"tidakada")
    key = world.server.submit(world.form, other)
    world.pull()
    assert world.state()[key]["data"]["who/"] == [{"name": "Sari 1", "age": "21"}]
    row = json.loads(world.lines("raw.ndjson")[0]["raw"])
    assert row["_xform_id_string"] == "tidakada"
    assert world.landing.manifest["origin"].endswith(f"project {world.form}")
