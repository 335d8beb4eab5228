"""The twelve facts about incremental pulls (servers/central.md), each against the fake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from central_case import Case, key, xml
from tracer_etl.errors import Changed
from tracer_etl.testing import FakeCentral, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILTERABLE = {"__id", *(f"__system/{name}" for name in ("submissionDate", "updatedAt", "deletedAt"))}


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with FakeCentral() as server:
        yield Case(tmp_path, server)


def swept(case: Case) -> bool:
    return case.proof.swept


def test_central_fact_01_only_filterable_fields_are_filtered(case: Case) -> None:
    case.send(1, 2, 3)
    case.pull()
    case.server.delete("visit", key(1))
    case.server.purge("visit", key(1))
    case.server.edit("visit", key(2), xml(20, before=2))
    case.pull()
    filters = [request.param("$filter") for request in case.asked("$filter=")]
    assert any("updatedAt" in text for text in filters)
    assert any("deletedAt ne null" in text for text in filters)
    named = {name for text in filters for name in re.findall(r"(__[\w/]+) (?:ge|eq|ne)", text)}
    assert named <= FILTERABLE
    case.same()


def test_central_fact_02_the_servers_order_is_taken_as_it_is(case: Case) -> None:
    case.send(*range(12))
    case.pull()
    assert case.asked("$skiptoken=")
    assert not case.asked("$orderby")
    case.same()


def test_central_fact_03_a_late_commit_with_an_older_date_is_found(case: Case) -> None:
    late = case.server.begin("visit", xml(1))
    case.send(2)
    case.server.advance(300)
    case.send(3)
    case.pull()
    late.commit()
    case.pull()
    assert not swept(case)
    assert late.key in case.rows()
    case.same()


def test_central_fact_03_a_commit_later_than_the_overlap_shows_in_the_count(case: Case) -> None:
    late = case.server.begin("visit", xml(1))
    case.server.advance(3600)
    case.send(2)
    case.pull()
    late.commit()
    landed = case.pull()
    assert "the server counted 2 submissions, 1 were landed: compared all" in landed.remarks
    case.same()


def test_central_fact_04_a_late_file_comes_without_any_date(case: Case) -> None:
    case.send(1, body="<photo>a.jpg</photo>")
    case.pull()
    assert [file["present"] for file in case.rows()[key(1)]["attachments"]] == [False]
    case.server.attach("visit", key(1), "a.jpg", b"late")
    case.pull()
    assert not swept(case)
    assert [file["present"] for file in case.rows()[key(1)]["attachments"]] == [True]
    case.same()


def test_central_fact_04_a_file_that_comes_hours_later_is_asked_for(case: Case) -> None:
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"))
    case.server.advance(7200)
    case.send(2)
    case.pull()
    case.server.attach("visit", key(1), "a.jpg", b"late")
    before = len(case.server.requests)
    assert case.pull().new == 1
    assert not swept(case)
    assert "or __id eq 'uuid:00000001'" in case.server.requests[before + 1].param("$filter")
    case.same()
    case.pull()
    assert "__id" not in case.server.requests[-2].param("$filter")


def test_central_fact_04_cleared_files_and_those_of_many_waiting_are_found_by_the_sweep(case: Case) -> None:
    case.log_in(page=100)
    for number in range(45):
        case.server.submit("visit", xml(number, f"<photo>{number}.jpg</photo>"))
    case.server.submit("visit", xml(50, "<photo>b.jpg</photo>"), {"b.jpg": b"there"})
    case.server.advance(7200)
    case.send(60)
    case.pull()
    for number in range(45):
        case.server.attach("visit", key(number), f"{number}.jpg", b"late")
    case.server.clear("visit", key(50), "b.jpg")
    assert case.pull().new == 40
    assert case.pull(sweep=True).new == 6
    case.same()


def test_central_fact_04_a_comment_changes_nothing(case: Case) -> None:
    case.send(1)
    case.pull()
    path = f"/v1/projects/1/forms/visit/submissions/{key(1)}/comments"
    assert case.source.session.send("POST", path, json={"body": "seen"}).ok
    assert case.pull(sweep=True).new == 0


def test_central_fact_05_new_edited_reviewed_and_deleted_come_by_three_dates(case: Case) -> None:
    case.send(1, 2, 3, 4)
    case.server.advance(7200)
    case.send(5)
    case.pull()
    case.server.edit("visit", key(1), xml(10, "<who>Budi</who>", before=1))
    case.server.review("visit", key(2), "approved")
    case.server.delete("visit", key(3))
    case.send(6)
    before = len(case.server.requests)
    landed = case.pull()
    assert landed.new == 4
    assert not swept(case)
    assert not [r for r in case.server.requests[before:] if r.param("$select")]
    assert case.tombstones() == {key(3): "2026-01-05T03:00:00.090Z"}
    assert case.rows()[key(2)]["review"] == "approved"
    case.same()


def test_central_fact_05_deleted_rows_in_an_answer_are_not_landed_as_live(case: Case) -> None:
    case.send(1)
    case.pull()
    case.send(2)
    case.server.delete("visit", key(2))
    assert case.pull().new == 0
    assert set(case.rows()) == {key(1)}
    assert case.tombstones() == {}


def test_central_fact_06_a_restored_submission_is_found_by_the_count(case: Case) -> None:
    case.send(1)
    case.server.advance(7200)
    case.send(2)
    case.pull()
    case.server.delete("visit", key(1))
    case.pull()
    assert set(case.rows()) == {key(2)}
    case.server.advance(7200)
    case.send(3)
    case.pull()
    case.server.restore("visit", key(1))
    landed = case.pull()
    assert swept(case)
    assert landed.remarks == ("the server counted 3 submissions, 2 were landed: compared all",)
    case.same()


def test_central_fact_06_one_restored_and_one_deleted_do_not_hide_each_other(case: Case) -> None:
    case.send(1, 2, 3)
    case.pull()
    case.server.delete("visit", key(1))
    case.pull()
    case.server.advance(7200)
    case.send(4)
    case.pull()
    case.server.restore("visit", key(1))
    case.server.delete("visit", key(2))
    case.pull()
    case.same()


def test_central_fact_07_a_submission_deleted_while_it_is_read_is_left_out(case: Case) -> None:
    case.send(1, 2)
    case.server.edit("visit", key(1), xml(10, before=1))
    case.server.after("Submissions?", lambda: case.server.delete("visit", key(1)))
    case.pull()
    assert [r.path for r in case.asked(".xml")][-1].endswith("/submissions/uuid%3A00000001.xml")
    assert set(case.rows()) == {key(2)}
    assert case.tombstones() == {}
    case.same()


def test_central_fact_07_a_purged_submission_becomes_a_tombstone_without_a_date(case: Case) -> None:
    case.send(1, 2)
    case.pull()
    case.server.delete("visit", key(1))
    case.server.purge("visit", key(1))
    case.pull()
    assert case.tombstones() == {key(1): "unknown"}
    assert not case.asked("/audits")
    case.same()


def test_central_fact_08_a_token_whose_row_was_purged_loses_nothing(case: Case) -> None:
    case.send(*range(14))

    def purge() -> None:
        # Pages are newest first, five at a time: this is the last row of the first page.
        case.server.delete("visit", key(9))
        case.server.purge("visit", key(9))

    case.server.after("Submissions?", purge)
    landed = case.pull()
    assert "pages ended after 5 of 14 submissions: compared all" in landed.remarks
    assert case.tombstones() == {key(9): "unknown"}
    case.same()


def test_central_fact_08_a_token_survives_a_soft_deletion(case: Case) -> None:
    case.send(*range(14))
    case.server.after("Submissions?", lambda: case.server.delete("visit", key(9)))
    case.pull()
    assert len(case.asked("$skiptoken=")) == 2
    case.same()


def test_central_fact_08_many_rows_lost_to_a_purged_token_come_by_walking_again(case: Case) -> None:
    case.log_in(page=100)
    case.send(*range(350))

    def purge() -> None:
        case.server.delete("visit", key(250))
        case.server.purge("visit", key(250))

    case.server.after("Submissions?", purge)
    case.pull()
    assert not case.asked("__id eq")
    assert len(case.rows()) == 349
    case.same()


def test_central_fact_08_changes_lost_to_a_purged_token_come_by_walking_again(case: Case) -> None:
    case.log_in(page=100)
    for number in range(350):
        case.server.submit("visit", xml(number, f"<photo>{number}.jpg</photo>"))
    case.server.advance(7200)
    case.send(999)
    case.pull()
    for number in range(350):
        case.server.attach("visit", key(number), f"{number}.jpg", b"late")

    def purge() -> None:
        case.server.delete("visit", key(251))
        case.server.purge("visit", key(251))

    case.server.after("?%24expand", purge)  # the walk of the sweep, not the filter
    case.pull(sweep=True)
    assert case.tombstones() == {key(251): "unknown"}
    case.same()


def test_central_fact_09_inserts_and_deletions_during_the_walk_neither_double_nor_miss(case: Case) -> None:
    case.send(*range(14))
    case.server.after("Submissions?", lambda: case.send(20, 21, 22))
    for number in (1, 7):
        case.server.after("skiptoken", lambda number=number: case.server.delete("visit", key(number)))
    case.pull()
    assert len(case.rows()) == 15
    case.same()


def test_central_fact_10_skip_is_never_used(case: Case) -> None:
    case.send(*range(11))
    case.pull()
    case.pull(sweep=True)
    assert not case.asked("$skip=")
    assert case.proof.pages > 2


def test_central_fact_11_next_links_name_another_host_and_are_followed_here(case: Case) -> None:
    case.send(*range(11))
    case.pull()
    table = "/v1/projects/1/forms/visit.svc/Submissions"
    assert [request.path for request in case.asked("$skiptoken=")] == [table, table]
    case.same()


def test_central_fact_11_a_next_link_to_another_path_is_refused(tmp_path: Path) -> None:
    with FakeCentral(domain="https://central.example.org/elsewhere") as server:
        case = Case(tmp_path, server)
        case.send(*range(11))
        with pytest.raises(Changed, match="a next page at /elsewhere/v1/projects"):
            case.pull()


def test_central_fact_12_root_and_repeats_come_in_one_answer(case: Case) -> None:
    case.send(1, body="<job><title>x</title><task><what>a</what></task></job><job><title>y</title></job>")
    case.pull()
    assert not case.asked("Submissions.job")
    assert case.asked("$expand=*")
    case.same()


def test_central_fact_12_the_listing_is_one_answer(case: Case) -> None:
    case.send(*range(12))
    case.pull(sweep=True)
    (listing,) = case.asked("$select=__id,__system")
    assert listing.param("$top") == ""


def test_a_pull_without_news_costs_three_requests(case: Case) -> None:
    case.send(1, 2, 3)
    case.pull()
    case.pull()
    before, manifest = len(case.server.requests), case.landing.manifest
    assert case.pull().new == 0
    assert len(case.server.requests) - before <= 3
    assert case.landing.manifest == manifest


def test_a_cut_first_page_is_read_again(case: Case) -> None:
    case.send(1, 2, 3)
    case.server.faults.append(Fault("cut", match="expand"))
    case.pull()
    assert len(case.asked("$expand=*")) == 2
    case.same()
