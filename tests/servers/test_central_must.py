"""The eleven things an ETL against ODK Central must handle, and that every numbered fact has its test."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from central_case import FORM, Case, key, second_version, xml
from tracer_etl.errors import Changed, Unavailable
from tracer_etl.form import read_form
from tracer_etl.servers.central_listing import _Reader
from tracer_etl.testing import FakeCentral, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.testing.loopback import Reply, Request

NOT_TESTED = {
    "csv": "CSV exports of submissions are not used: OData, and XML where it is not whole, say all they say",
    "subtable": "subtables are not asked: $expand=* gives root and repeats in one answer",
    "wkt": "$wkt is not asked: it drops accuracies",
    "entity.error": "shows only in the audits of each submission: one request each, so it is not asked",
    "basic": "Basic authentication is not used: each call costs the server about a second",
    "qr": "the QR of an app user belongs to publishing, not to pulling",
}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with FakeCentral() as server:
        yield Case(tmp_path, server)


# -- 1: watermark


def test_central_must_01_the_watermark_is_a_server_time_and_moves_only_with_a_complete_pull(
    case: Case,
) -> None:
    case.send(*range(8))
    case.pull()
    mark = case.landing.cursor["watermark"]
    assert mark == "2026-01-05T01:00:00.090Z"
    case.send(*range(10, 18))
    case.server.faults.append(Fault("status", match="skiptoken", times=99))
    with pytest.raises(Unavailable):
        case.pull()
    assert case.landing.cursor["watermark"] == mark
    case.server.faults.clear()
    case.pull()
    assert case.landing.cursor["watermark"] == "2026-01-05T01:00:00.170Z"
    case.same()


def test_central_must_01_the_overlap_lies_before_the_watermark(case: Case) -> None:
    case.log_in(overlap_minutes=2)
    case.send(1)
    case.pull()
    case.pull()
    (asked,) = {request.param("$filter") for request in case.asked("updatedAt ge")}
    assert asked.startswith("__system/submissionDate ge 2026-01-05T00:58:00.020Z or __system/updatedAt ge")


def test_central_must_01_what_changes_during_a_walk_is_not_behind_the_watermark(case: Case) -> None:
    case.log_in(overlap_minutes=0)
    case.send(*range(12))
    case.pull()
    case.send(*range(20, 32))

    def change() -> None:
        # The newest row was on the page before: its change is seen next time only.
        case.server.review("visit", key(31), "approved")
        case.server.advance(60)
        case.server.review("visit", key(20), "approved")

    case.server.after("expand", change)
    case.pull()
    case.pull()
    case.same()


def test_central_must_01_what_is_read_again_is_not_landed_again(case: Case) -> None:
    case.send(1, 2)
    case.pull()
    assert [case.pull().new for _ in range(3)] == [0, 0, 0]
    assert sum(segment.records for segment in case.landing.segments()) == 2


# -- 2: paging


@pytest.mark.parametrize("page", [1, 2, 3, 7, 8, 100, None])
def test_central_must_02_any_page_size_gives_the_same(case: Case, page: int | None) -> None:
    case.log_in(page=page)
    case.send(*range(7))
    case.pull()
    case.same()
    assert {request.param("$top") for request in case.asked("$expand")} == {str(page or 2000)}


def test_central_must_02_links_that_go_in_a_circle_are_noticed(case: Case) -> None:
    case.send(*range(12))
    pull = case.source.pull("visit", case.landing)
    walk = pull._walk({})
    first = next(walk)
    link = first["@odata.nextLink"]
    second = next(walk)
    second["@odata.nextLink"] = link
    with pytest.raises(Changed, match="pages that go in a circle"):
        next(walk)


# -- 3: the sweep


def test_central_must_03_a_sweep_is_due_after_its_hours(case: Case) -> None:
    case.send(1)
    case.pull()
    assert case.proof.swept
    case.send(2)
    case.pull()
    assert not case.proof.swept
    case.log_in(sweep_hours=0)
    case.pull()
    assert case.proof.swept


def test_central_must_03_a_sweep_finds_what_no_date_tells(case: Case) -> None:
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"))
    case.send(2, 3)
    case.server.advance(7200)
    case.send(4)
    case.pull()
    case.server.delete("visit", key(2))
    case.pull()
    case.server.advance(7200)
    case.send(5)
    case.pull()
    case.server.attach("visit", key(1), "a.jpg", b"late")
    case.server.restore("visit", key(2))
    case.server.delete("visit", key(3))
    case.server.purge("visit", key(3))
    case.pull()
    assert not case.proof.swept  # one came back, one is gone for good: the count cannot tell
    case.pull(sweep=True)
    case.same()


def test_central_must_03_switching_files_on_fetches_those_of_all_submissions(case: Case) -> None:
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"jpg"})
    case.server.advance(7200)
    case.send(2)
    case.pull()
    case.log_in(media=True)
    assert case.pull().new == 1
    assert case.rows()[key(1)]["attachments"][0]["bytes"] == 3
    assert case.pull(sweep=True).new == 0
    case.log_in(media=False)
    assert case.pull(sweep=True).new == 0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_central_must_03_a_listing_is_read_the_same_whatever_its_pieces(size: int) -> None:
    rows = [
        {"__id": f"\u00e9{n}]}},{{", "__system": {"submissionDate": f"2026-01-0{n}"}} for n in range(1, 6)
    ]
    footer = {"@odata.context": "x", "@odata.count": 5}
    for indent in (None, 1):
        body = json.dumps({"value": rows, **footer}, ensure_ascii=False, indent=indent).encode()
        reader = _Reader(body[start : start + size] for start in range(0, len(body), size))
        assert list(reader) == rows
        assert reader.footer == footer
    with pytest.raises(Unavailable, match="ends in the midst"):
        list(_Reader([body[: len(body) // 2]]))
    with pytest.raises(Unavailable, match="that is none"):
        list(_Reader([b"<html>" + b" " * 2000]))
    assert list(_Reader([b'{"value":[],"@odata.count":0}'])) == []


def test_central_must_03_a_listing_that_breaks_off_is_begun_anew(case: Case) -> None:
    case.send(*range(1200), body="<age>1</age>")
    case.log_in(page=None)
    case.server.faults.append(Fault("cut", match="select", times=2))
    case.pull()
    assert len(case.asked("$select=")) == 3
    assert case.proof.swept
    case.server.faults.append(Fault("cut", match="select", times=99))
    with pytest.raises(Unavailable):
        case.pull(sweep=True)
    assert case.tombstones() == {}


def test_central_must_03_after_a_rush_little_is_read_again(case: Case) -> None:
    case.log_in(page=None)
    case.send(*range(3000), body="<age>1</age>")
    case.pull()
    before = len(case.server.requests)
    assert case.pull().new == 0
    assert len(case.server.requests) - before == 3
    since = case.landing.cursor["since"]
    assert since == case.server.truth("visit")[key(2000)].submitted_at
    case.send(4000)
    case.pull()
    assert case.landing.cursor["since"] > since
    assert not case.proof.swept


# -- 4: deletions


def test_central_must_04_many_that_vanish_at_once_need_a_word(case: Case) -> None:
    case.log_in(page=100)
    case.send(*range(60))
    case.pull()
    for number in range(21):
        case.server.delete("visit", key(number))
    with pytest.raises(Changed, match=r"21 of 60 landed submissions are gone.*--accept-deletions"):
        case.pull()
    with pytest.raises(Changed, match="21 of 60"):
        case.pull(sweep=True)
    assert len(case.landing.stamps) == 60
    case.log_in(accept_deletions=True)
    case.pull()
    case.same()


def test_central_must_04_twenty_or_a_fifth_may_vanish(case: Case) -> None:
    case.log_in(page=100)
    case.send(*range(60))
    case.pull()
    for number in range(20):
        case.server.delete("visit", key(number))
        case.server.purge("visit", key(number))
    case.pull()
    case.same()


class Liar(FakeCentral):
    """Its listing lacks what it counts."""

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        if request.param("$select") == "__id,__system" and not request.param("$filter"):
            body = json.loads(b"".join(reply.body))
            reply.body = json.dumps({**body, "value": body["value"][:-1]}).encode()
        return reply


def test_central_must_04_an_incomplete_listing_deletes_nothing(tmp_path: Path) -> None:
    with Liar() as server:
        case = Case(tmp_path, server)
        case.send(1, 2, 3)
        with pytest.raises(Changed, match="a listing of 2 submissions, counted as 3"):
            case.pull()
        assert case.tombstones() == {}


def test_central_must_04_a_tombstone_falls_away_when_the_submission_comes_back(case: Case) -> None:
    case.send(1, 2)
    case.pull()
    case.server.delete("visit", key(1))
    case.pull()
    case.server.restore("visit", key(1))
    case.pull()
    case.same()
    assert case.tombstones() == {key(1): "2026-01-05T01:00:00.040Z"}


# -- 5: versions


def test_central_must_05_every_deployed_version_is_kept_oldest_first(case: Case) -> None:
    case.publish(second_version())
    case.pull()
    case.publish(second_version("3 b/c"))
    case.pull()
    case.pull()
    kept = case.landing.deployed()
    assert [label for label, _ in kept] == ["1", "2", "3 b/c"]
    forms = [read_form(path) for _, path in kept]
    assert [form.version for form in forms] == ["1", "2", "3 b/c"]
    assert forms[0].question(("shift",)) is not None
    assert forms[1].question(("shift",)) is None
    assert len(case.asked("/versions?")) == 2


def test_central_must_05_no_304_is_trusted_for_rows(case: Case) -> None:
    case.send(1)
    for _ in range(2):
        case.pull(sweep=True)
    assert not [request for request in case.asked("Submissions") if "if-none-match" in request.headers]


def test_central_must_05_a_version_published_during_the_pull_loses_nothing(case: Case) -> None:
    case.send(1, body="<age>7</age><shift>07:00:00.000+07:00</shift>")

    def publish() -> None:
        case.publish(second_version())
        case.server.submit("visit", xml(2, "<phone>0812</phone>", version="2"))

    case.server.after("forms/visit/versions/1.xml", publish)
    case.pull()
    assert case.landing.versions == ("1", "2")
    case.same()


def test_central_must_05_a_question_dropped_during_the_pull_keeps_its_answers(case: Case) -> None:
    case.send(1, body="<who>Ani</who><shift>07:00:00.000+07:00</shift>")
    dropped = FORM.replace("|          | time                 | shift     | Shift |\n", "")
    case.server.after(
        "versions/1.xml", lambda: case.publish(dropped.replace("| 1         |", "| 2         |"))
    )
    case.pull()
    assert case.rows()[key(1)]["data"]["shift"] == "07:00:00.000+07:00"
    case.same()


def test_central_must_05_a_form_without_a_version_has_one_all_the_same(tmp_path: Path) -> None:
    with FakeCentral() as server:
        case = Case(tmp_path, server, FORM.replace("| 1         | Visit", "|           | Visit"))
        server.submit("visit", xml(1, "<who>Ani</who>", version=""))
        case.pull()
        label = case.landing.versions[0]
        assert case.rows()[key(1)]["version"] == label
        assert len(case.asked("/versions/___")) == (3 if label == "" else 0)


# -- the numbers


def test_central_every_numbered_behaviour_has_a_test() -> None:
    names = {
        node.name
        for path in Path(__file__).parent.glob("test_central_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    facts = [f"test_central_fact_{number:02d}_" for number in range(1, 13)]
    musts = [f"test_central_must_{number:02d}_" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 11)]
    shapes, errors = ["test_central_shape_"] * 20, ["test_central_error_"] * 5
    for start in (*facts, *musts, "test_central_entities_"):
        assert any(name.startswith(start) for name in names), start
    for prefix, wanted in ((shapes[0], len(shapes)), (errors[0], len(errors))):
        assert sum(name.startswith(prefix) for name in names) >= wanted
    assert all(why for why in NOT_TESTED.values())
