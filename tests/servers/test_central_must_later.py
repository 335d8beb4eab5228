"""The sixth to eleventh thing an ETL against ODK Central must handle (servers/central.md), and its proofs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from central_case import FORM, Case, key, xml
from tracer_etl.errors import Changed, Unavailable
from tracer_etl.testing import FakeCentral, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.testing.loopback import Reply, Request


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with FakeCentral() as server:
        yield Case(tmp_path, server)


# -- 6 to 8: see shapes and errors; here what ties them


def test_central_must_06_an_edit_that_drops_a_job_drops_its_row(case: Case) -> None:
    jobs = "<job><title>a</title></job><job><title>b</title></job>"
    case.send(1, body=jobs)
    case.pull()
    case.server.edit("visit", key(1), xml(2, "<who>Ani</who>", before=1))
    case.pull()
    assert "job/" not in case.rows()[key(1)]["data"]


def test_central_must_07_values_are_texts_whatever_json_makes_of_them(case: Case) -> None:
    case.send(1, body="<age>7</age><pay>3400000.50</pay><place>-8 112 0 0</place><tools>saw</tools>")
    case.pull()

    data = case.rows()[key(1)]["data"]
    assert {name: type(data[name]) for name in ("age", "pay", "place", "tools")} == dict.fromkeys(
        ("age", "pay", "place", "tools"), str
    )
    case.same()


def test_central_must_08_a_pull_survives_every_fault_at_every_request(case: Case) -> None:
    kinds = ("status", "html", "cut", "reset", "stall")
    case.send(*range(11), body="<photo>a.jpg</photo>")
    case.pull()
    for turn in range(5):
        case.server.review("visit", key(turn), "approved")
        case.server.delete("visit", key(10 - turn))
        case.server.faults += [Fault(kinds[(turn + n) % 5], skip=n, seconds=0.4) for n in range(4)]  # type: ignore[arg-type]
        case.pull()
        case.server.faults.clear()
        case.same()


# -- 9: files


def test_central_must_09_files_are_fetched_once_and_known_by_their_content(case: Case) -> None:
    case.log_in(media=True)
    case.server.submit("visit", xml(1, "<photo>a b#c.jpg</photo>"), {"a b#c.jpg": b"jpg"})
    case.pull()
    (file,) = case.rows()[key(1)]["attachments"]
    assert (file["name"], file["bytes"], file["present"]) == ("a b#c.jpg", 3, True)
    stored = case.folder / "landing" / "visit" / "media" / file["sha256"][:2] / file["sha256"]
    assert stored.read_bytes() == b"jpg"
    case.server.review("visit", key(1), "approved")
    case.pull()
    again = [request.headers.get("if-none-match", "") for request in case.asked("/attachments/")]
    assert again[0] == ""
    assert len(again) == 2
    assert again[1].startswith('"')
    case.same()


def test_central_must_09_a_file_of_new_content_is_fetched_when_its_submission_is(case: Case) -> None:
    case.log_in(media=True)
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"old"})
    case.pull()
    case.server.attach("visit", key(1), "a.jpg", b"newer")
    case.server.review("visit", key(1), "approved")
    case.pull()
    assert case.rows()[key(1)]["attachments"][0]["bytes"] == 5


@pytest.mark.parametrize("media", [True, False])
def test_central_must_09_one_of_two_files_is_there(tmp_path: Path, media: bool) -> None:
    photo = "|          | image                | photo     | Photo |\n"
    with FakeCentral() as server:
        case = Case(
            tmp_path, server, FORM.replace(photo, photo + photo.replace("photo", "photo2")), media=media
        )
        body = "<photo>a.jpg</photo><photo2>b.jpg</photo2>"
        server.submit("visit", xml(1, body), {"b.jpg": b"jpg"})
        case.pull()
        files = {file["name"]: file["present"] for file in case.rows()[key(1)]["attachments"]}
        assert files == {"a.jpg": False, "b.jpg": True}


def test_central_must_09_files_that_are_all_there_need_no_list(case: Case) -> None:
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"jpg"})
    case.server.submit("visit", xml(2, "<photo>b.jpg</photo>"))
    case.pull()
    assert not case.asked("/attachments")
    case.same()


def test_central_must_09_an_awaited_file_is_listed_and_fetched_when_it_comes(case: Case) -> None:
    case.log_in(media=True)
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"))
    case.pull()
    assert case.rows()[key(1)]["attachments"] == [
        {"name": "a.jpg", "sha256": None, "bytes": None, "present": False}
    ]
    case.server.attach("visit", key(1), "a.jpg", b"late")
    case.pull()
    assert case.rows()[key(1)]["attachments"][0]["bytes"] == 4


def test_central_must_09_a_file_that_breaks_off_is_tried_again(case: Case) -> None:
    case.log_in(media=True)
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"x" * 100_000})
    case.server.faults.append(Fault("cut", match="/attachments/", times=2))
    case.pull()
    assert case.rows()[key(1)]["attachments"][0]["bytes"] == 100_000


def test_central_must_09_a_file_that_never_comes_whole_stops_the_pull_and_keeps_the_others(
    case: Case,
) -> None:
    case.log_in(media=True)
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"x" * 100_000})
    case.server.submit("visit", xml(2, "<photo>b.jpg</photo>"), {"b.jpg": b"jpg"})
    case.server.faults.append(Fault("cut", match="a.jpg", times=99))
    with pytest.raises(Unavailable, match=r"a\.jpg: the file broke off"):
        case.pull()
    assert case.landing.find(f"{key(2)}/b.jpg") is not None
    assert case.landing.cursor == {}
    case.server.faults.clear()
    case.pull()
    assert len([request for request in case.asked("b.jpg") if "if-none-match" not in request.headers]) == 1
    case.same()


def test_central_must_09_a_file_cleared_while_it_is_fetched_is_awaited_again(case: Case) -> None:
    case.log_in(media=True)
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"jpg"})
    case.server.after("/attachments", lambda: case.server.clear("visit", key(1), "a.jpg"))
    case.pull()
    assert case.rows()[key(1)]["attachments"][0]["present"] is False
    case.pull()
    case.same()


# -- 11: nothing is too broken to keep


def test_central_must_11_broken_and_nameless_submissions_are_landed_beside_the_others(case: Case) -> None:
    broken = case.server.submit("visit", b'<data id="visit" version="1"><who>x</who>')
    nameless = case.server.submit("visit", b'<data id="visit" version="1"><who>y</who></data>')
    case.send(1)
    case.pull()
    rows = case.rows()
    assert set(rows) == {broken, nameless, key(1)}
    assert [bool(rows[name]["error"]) for name in (broken, nameless, key(1))] == [True, False, False]
    assert case.pull(sweep=True).new == 0


# -- proof and origin


def test_central_proof_counts_pages_and_names_the_origin(case: Case) -> None:
    case.send(*range(7))
    case.pull()
    proof = case.proof
    assert (proof.server_count, proof.distinct_keys, proof.missing) == (7, 7, ())
    assert proof.pages == len(case.asked("Submissions"))
    host = case.server.url.removeprefix("http://")
    assert case.landing.manifest["origin"] == f"ODK Central {host} project 1, form visit"


def test_central_proof_of_a_form_without_submissions_is_complete(case: Case) -> None:
    assert case.pull().total == 0
    assert case.proof.server_count == 0
    case.pull()
    case.send(1)
    case.pull()
    case.same()


def test_central_proof_a_server_that_moves_on_during_the_pull_is_followed(case: Case) -> None:
    case.send(1, 2)
    case.pull()
    numbers = iter(range(100, 200))
    for match in ("expand", "count", "select"):
        case.server.after(match, lambda: case.send(next(numbers)))
    case.pull()
    case.pull()
    case.same()


class Miser(FakeCentral):
    """Lists a submission and never hands it out."""

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        if request.param("$expand"):
            body = json.loads(b"".join(reply.body))
            rows = [row for row in body["value"] if row["__id"] != key(2)]
            reply.body = json.dumps({**body, "value": rows}).encode()
        return reply


def test_central_proof_a_submission_that_is_listed_and_never_handed_out_fails_the_pull(
    tmp_path: Path,
) -> None:
    with Miser() as server:
        case = Case(tmp_path, server)
        case.send(1, 2, 3)
        with pytest.raises(Changed, match=f"counts 3 submissions, 2 came .missing: {key(2)}"):
            case.pull()
        assert case.landing.cursor == {}
        assert set(case.rows()) == {key(1), key(3)}
