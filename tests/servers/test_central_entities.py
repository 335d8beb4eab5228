"""Entity lists of ODK Central as CSV: unchanged, counted, lagging, in conflict (servers/central.md)."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from central_case import PATIENCE, Case, xml
from tracer_etl.errors import Changed, Refused
from tracer_etl.servers import Options, central
from tracer_etl.testing import FakeCentral, Fault
from tracer_etl.testing.loopback import Loopback, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORM = """
| survey   |         |      |         |         |
|          | type    | name | label   | save_to |
|          | text    | who  | Name    | who     |
|          | integer | age  | Age     | age     |
| entities |         |      |
|          | list_name | label  |
|          | people    | ${who} |
| settings |         |         |
|          | form_id | version |
|          | visit   | 1       |
"""
LIST = "/v1/projects/1/datasets/people"


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with FakeCentral() as server:
        yield Case(tmp_path, server, FORM)


def person(case: Case, number: int, who: str, sent: int | None = None, **said: str) -> None:
    """Send a submission that makes or changes an entity."""
    attributes = said or {"create": "1"}
    text = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    key = f"b8b6359f-60e6-4912-be78-{number:012d}"
    block = f'<entity dataset="people" id="{key}" {text}><label>{who}</label></entity>'
    body = f"<who>{who}</who><age>{30 + number}</age>"
    raw = xml(sent or number, body).replace(b"<meta>", f"<meta>{block}".encode())
    case.server.submit("visit", raw)


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_central_entities_are_texts_one_row_each(case: Case) -> None:
    person(case, 1, "Ani, alias A")
    person(case, 2, "Budi\nSantoso")
    found = case.source.entity_list("people")
    assert found is not None
    assert found.count == 2
    assert found.remarks == ()
    assert [(row["label"], row["age"]) for row in rows(found.content)] == [
        ("Budi\nSantoso", "32"),
        ("Ani, alias A", "31"),
    ]


def test_central_entities_unchanged_are_not_fetched_twice(case: Case) -> None:
    person(case, 1, "Ani")
    found = case.source.entity_list("people", "")
    assert found is not None
    before = len(case.server.requests)
    assert case.source.entity_list("people", found.etag) is None
    assert len(case.server.requests) == before + 1
    person(case, 2, "Budi")
    renewed = case.source.entity_list("people", found.etag)
    assert renewed is not None
    assert (renewed.count, renewed.etag != found.etag) == (2, True)


def test_central_entities_deleted_are_not_in_the_list_and_restored_ones_are(case: Case) -> None:
    person(case, 1, "Ani")
    person(case, 2, "Budi")
    one = f"{LIST}/entities/b8b6359f-60e6-4912-be78-000000000001"
    assert case.source.session.send("DELETE", one).ok
    found = case.source.entity_list("people")
    assert found is not None
    assert found.count == 1
    assert case.source.session.send("POST", f"{one}/restore").ok
    restored = case.source.entity_list("people", found.etag)
    assert restored is not None
    assert restored.count == 2


def test_central_entities_in_conflict_are_counted_in_a_remark(case: Case) -> None:
    person(case, 1, "Ani")
    for sent, age in ((11, "Ani A"), (12, "Ani B")):
        person(case, 1, age, sent, update="1", baseVersion="1")
    found = case.source.entity_list("people")
    assert found is not None
    assert rows(found.content)[0]["__version"] == "3"
    assert "entity list people: 1 in conflict" in found.remarks[0]


def test_central_entities_made_between_list_and_count_are_fetched(case: Case) -> None:
    person(case, 1, "Ani")
    case.server.after("entities.csv", lambda: person(case, 2, "Budi"))
    found = case.source.entity_list("people")
    assert found is not None
    assert found.count == 2
    assert len(case.asked("entities.csv")) == 2


def test_central_entities_lag_behind_their_submissions(tmp_path: Path) -> None:
    with FakeCentral(entities_at_once=False) as server:
        case = Case(tmp_path, server, FORM)
        person(case, 1, "Ani")
        case.pull()
        early = case.source.entity_list("people")
        assert early is not None
        assert early.count == 0
        assert server.work_off() == 1
        late = case.source.entity_list("people", early.etag)
        assert late is not None
        assert late.count == 1


def test_central_entities_that_never_agree_with_their_count_are_refused(case: Case) -> None:
    for number in (1, 2, 3):
        case.server.after("entities.csv", lambda number=number: person(case, number, "Ani"))
    with pytest.raises(Changed, match="entity list people has 2 rows, counted as 3"):
        case.source.entity_list("people")


def test_central_entities_a_list_that_is_not_there_is_a_refusal(case: Case) -> None:
    with pytest.raises(Refused, match="not found"):
        case.source.entity_list("nobody")


def test_central_entities_a_cut_list_is_read_again(case: Case) -> None:
    person(case, 1, "Ani")
    case.server.faults.append(Fault("cut", match="entities.csv"))
    found = case.source.entity_list("people")
    assert found is not None
    assert found.count == 1


def test_central_entities_an_answer_that_is_no_list_is_not_taken_for_one() -> None:
    class Strange(Loopback):
        def handle(self, request: Request) -> Reply:
            if request.path == "/v1/sessions":
                return Reply.of_json({"token": "t"})
            return Reply(200, b"a,b\n1,2\n", {"Content-Type": "text/csv"})

    with Strange() as server:
        settings = {"url": server.url, "user": "u", "password": "p", "project": "1"}
        with pytest.raises(Changed, match="has no column __id"):
            central.connect(settings, Options(), PATIENCE).entity_list("people")
