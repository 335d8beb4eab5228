"""Case lists: read, checked, and brought to the phones of either server without losing a case."""

from __future__ import annotations

import csv
import io
import json
import stat
import uuid
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from frame import frame
from tiny import ROOT, STUDY
from tracer_etl.cli import cli
from tracer_etl.errors import Changed, Refused, StudyError, WarehouseError
from tracer_etl.evidence.marts import make_marts
from tracer_etl.fieldwork import cases, cases_delivery
from tracer_etl.fieldwork.cases_central import LARGEST_BODY, EntityList
from tracer_etl.form import read_form
from tracer_etl.servers import Options, central, kobo
from tracer_etl.servers.session import Patience
from tracer_etl.study import CaseList, Study, read_study
from tracer_etl.testing import FakeCentral, FakeKobo, Fault

if TYPE_CHECKING:
    from pathlib import Path

QUICK = Patience(connect=1, stall=0.5, tries=3, pause=0.01)
PEOPLE = "case_id,label,village,phone,who\n" + "".join(
    f"A{n},Orang {n},V{n % 3},0812{n},\n" for n in range(1, 11)
)
CREW = "name,role,villages\nP1,enumerator,V0 V1\nP2,enumerator,V1 V2\nS1,supervisor,V0\n"
FORM = """
| survey   |                                |      |       |                                                     |             |
|          | type                           | name | label | parameters                                          | calculation |
|          | select_one_from_file people.csv | who  | Who?  | value=case_id                                       |             |
|          | calculate                      | where |      |  | instance('people')/root/item[case_id=${who}]/village |
| settings |                                |      |       |                                                     |             |
|          | form_id                        | version | form_title |                                             |             |
|          | visit                          | 1    | Visit |                                                     |             |
"""
MARKED = """
| survey   |         |         |            |                      |
|          | type    | name    | label      | bind::tracer:privacy |
|          | text    | village | Village    | direct               |
| settings |         |         |            |                      |
|          | form_id | version | form_title | namespaces           |
|          | other   | 1       | Other      | tracer="urn:tracer-etl:privacy" |
"""
LIST = """
[[case_list]]
name = "people"
form = "visit"
file = "people.csv"
key = "case_id"
columns = ["village"]
"""
ASSIGN = """
[case_list.assign]
column = "who"
among = "crew.csv"
where = { role = "enumerator" }
by = "village"
areas = "villages"
"""


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "media").mkdir()
    write(tmp_path, "visit.md", FORM)
    write(tmp_path, "people.csv", PEOPLE)
    write(tmp_path, "media/people.csv", "case_id,label,village\n")
    write(tmp_path, "crew.csv", CREW)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text, encoding="utf-8")


def study(root: Path, tables: str = LIST) -> Study:
    text = STUDY.replace('media = "."', 'media = "media"').replace('"tiny"', '"visit"')
    write(root, "study.toml", text.replace('"tiny.md"', '"visit.md"') + tables)
    return read_study(root / "study.toml")


def one_list(root: Path, tables: str = LIST) -> tuple[Study, CaseList]:
    made = study(root, tables)
    return made, made.case_lists[0]


def without(number: int, text: str = PEOPLE) -> str:
    """Leave the first cases out."""
    head, *rows = text.splitlines(keepends=True)
    return "".join([head, *rows[number:]])


# -- reading and checking


def test_phones_get_only_the_columns_the_list_names(root):
    read = cases.read_cases(*one_list(root))
    assert len(read) == 10
    assert read["A4"] == {"case_id": "A4", "label": "Orang 4", "village": "V1"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PEOPLE.replace("village", "place"), "column 'village' is missing"),
        (PEOPLE.replace("A2,", "A1,"), "key 'A1' is there twice"),
        (PEOPLE.replace("A2,", ","), "row 2 has the key ''"),
        (PEOPLE.replace("A2,", "A 2,"), "row 2 has the key 'A 2'"),
        (PEOPLE.replace("Orang 3", " "), "case 'A3' has no label"),
    ],
)
def test_a_list_that_would_confuse_phones_is_refused(root, text, says):
    write(root, "people.csv", text)
    with pytest.raises(StudyError, match=f"case list people: {says}"):
        cases.read_cases(*one_list(root))


def test_a_list_needs_a_source(root):
    with pytest.raises(StudyError, match="'people' has no source"):
        study(root, LIST.replace('file = "people.csv"\n', ""))


def test_a_direct_identifier_travels_only_when_the_list_says_so(root):
    reference = '\n[[reference]]\nname = "people"\nfile = "people.csv"\ndirect = ["Phone"]\n'
    made, one = one_list(root, LIST.replace('"village"', '"village", "phone"') + reference)
    with pytest.raises(StudyError, match="phone identifies people"):
        cases.check_privacy(made, one, [])
    made, one = one_list(
        root, LIST.replace('"village"]', '"village", "phone"]\ndirect = ["phone"]') + reference
    )
    cases.check_privacy(made, one, [])


def test_what_a_form_marks_as_direct_is_an_identifier_too(root):
    made, one = one_list(root)
    write(root, "other.md", MARKED)
    with pytest.raises(StudyError, match="village identifies people"):
        cases.check_privacy(made, one, [read_form(root / "other.md", root / "media")])


def test_a_form_that_reads_a_column_the_list_lacks_is_refused(root):
    made, one = one_list(root, LIST.replace('["village"]', "[]"))
    with pytest.raises(StudyError, match="form visit reads village"):
        cases.check_form(one, read_form(made.forms[0].workbook, made.media))


def test_a_list_no_form_reads_is_refused(root):
    made, one = one_list(root, LIST.replace('name = "people"', 'name = "person"'))
    with pytest.raises(StudyError, match=r"form visit reads no person\.csv"):
        cases.check_form(one, read_form(made.forms[0].workbook, made.media))


def test_entities_are_not_to_be_read_by_name(root):
    """Central fills `name` with the entity's uuid: answers would no longer be the study's keys."""
    write(root, "visit.md", FORM.replace("value=case_id", "").replace("[case_id=", "[name="))
    made, one = one_list(root)
    form = read_form(made.forms[0].workbook, made.media)
    with pytest.raises(StudyError, match="write value=case_id"):
        cases.check_form(one, form, entities=True)
    with pytest.raises(StudyError, match="form visit reads name"):
        cases.check_form(one, form)


def test_the_file_for_phones_survives_every_character(root):
    odd = {"case_id": "A1", "label": 'Siti "Ti", RT 05\nBlitar é 日', "village": "=1+1, x"}
    text = cases.write_csv(list(odd), [odd]).decode("utf-8")
    assert list(csv.DictReader(io.StringIO(text, newline=""))) == [odd]
    assert cases.parse_csv(text) == [odd]


# -- queries


def published(root: Path, statement: str) -> None:
    (root / "var").mkdir(exist_ok=True)
    with duckdb.connect(str(root / "var/tracer.duckdb")) as connection:
        connection.execute("create schema marts")
        connection.execute(statement)


QUERY = LIST.replace('file = "people.csv"', 'query = "due.sql"')


def test_a_query_gives_text_as_a_form_would_hold_it(root):
    published(
        root,
        "create table marts.due as select 'A1' as case_id, 'Satu' as label, v as village from (values "
        "(date '2026-01-05')) t(v)",
    )
    write(
        root,
        "due.sql",
        "select case_id, label, village, 3.0::double as x, null as y, true as z, 1.50::decimal(9,2) as d from marts.due",
    )
    made, one = one_list(root, QUERY.replace('["village"]', '["village", "x", "y", "z", "d"]'))
    [row] = cases.read_cases(made, one).values()
    assert list(row.values()) == ["A1", "Satu", "2026-01-05", "3", "", "1", "1.50"]


def test_a_query_with_a_file_chooses_cases_and_adds_to_them(root):
    published(
        root, "create table marts.due as select 'A' || n as case_id, 'V9' as village from range(2, 4) t(n)"
    )
    write(root, "due.sql", "select * from marts.due order by case_id desc")
    made, one = one_list(root, QUERY.replace("query", 'file = "people.csv"\nquery'))
    assert list(cases.read_cases(made, one).values()) == [
        {"case_id": "A3", "label": "Orang 3", "village": "V9"},
        {"case_id": "A2", "label": "Orang 2", "village": "V9"},
    ]


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("select * from marts.nothing", "the query fails"),
        ("select 1 as", "the query fails"),
        ("select 'x' as name", "gives no column 'case_id'"),
        ("create table marts.mine (x int)", "the query fails"),
        ("copy marts.due to 'out.csv'", "the query fails"),
        ("select * from read_csv('people.csv')", "the query fails"),
        ("select 'A99' as case_id", "1 case.s. the file lacks, first 'A99'"),
    ],
)
def test_a_query_can_neither_fail_silently_nor_touch_anything(root, statement, says, monkeypatch):
    monkeypatch.chdir(root)
    published(root, "create table marts.due as select 'A1' as case_id")
    write(root, "due.sql", statement)
    made, one = one_list(root, QUERY.replace("query", 'file = "people.csv"\nquery'))
    before = sorted(root.rglob("*"))
    with pytest.raises(StudyError, match=says):
        cases.read_cases(made, one)
    assert sorted(root.rglob("*")) == before


def test_a_query_needs_a_published_warehouse(root):
    write(root, "due.sql", "select 1")
    with pytest.raises(WarehouseError, match="run `tracer-etl run` first"):
        cases.read_cases(*one_list(root, QUERY))


def test_the_follow_up_of_the_study_asks_whom_it_should(tmp_path):
    made = frame(str(tmp_path / "tracer.duckdb"))
    asked = {
        "never": made.person(),
        "open": made.person("900", "900"),
        "too early": made.person("900", "320"),
        "not reached, once": made.person("220"),
    }
    left = {
        "complete": made.person("900", "110"),
        "proxy": made.person("120"),
        "refused": made.person("900", "211"),
        "broke off": made.person("212"),
        "dead": made.person("231"),
        "no trainee": made.person("410"),
        "five attempts": made.person("900", "900", "900", "900", "220"),
        "twelve attempts": made.person(*["900"] * 12),
    }
    five_in_a_day = made.person()
    for number in range(5):
        made.attempt(five_in_a_day, number + 1, "320", today="2026-01-05")
    made.connection.execute(
        "update clean.alumni_tracer set today = '2026-01-05' where alumni_id = ?", [five_in_a_day]
    )
    withdrawn = made.person("900")
    made.connection.execute("alter table clean.registry_person add column opt_out_at varchar")
    made.connection.execute(
        "update clean.registry_person set opt_out_at = '2026-01-09T10:00:00+07:00' where alumni_id = ?",
        [withdrawn],
    )
    make_marts(made.connection)
    statement = (ROOT / "forms/cases/follow_up.sql").read_text(encoding="utf-8")
    found = [row[0] for row in made.connection.execute(statement).fetchall()]
    made.connection.close()
    assert set(found) == {*asked.values(), five_in_a_day}
    assert not set(found) & {*left.values(), withdrawn}
    assert found[0] == asked["never"]


# -- sharing out


def test_cases_are_shared_out_within_areas_and_kept(root):
    made, one = one_list(root, LIST + ASSIGN)
    shared, said = cases.share_out(one, cases.read_cases(made, one), {})
    holds = {key: case["who"] for key, case in shared.items()}
    assert set(holds.values()) == {"P1", "P2"}
    assert {holds[key] for key, case in shared.items() if case["village"] == "V0"} == {"P1"}
    assert said == ["2 people hold 5 to 5 cases each"]
    write(
        root,
        "people.csv",
        PEOPLE.replace("A1,Orang 1,V1,08121,", "A1,Orang 1,V1,08121,P2") + "B1,Baru,V9,0,\n",
    )
    again, said = cases.share_out(one, cases.read_cases(made, one), shared)
    assert {key: case["who"] for key, case in again.items()} == {**holds, "A1": "P2", "B1": ""}
    assert said[1] == "1 case(s) are nobody's, since nobody covers their area"


def test_sharing_out_needs_its_columns(root):
    made, one = one_list(root, LIST + ASSIGN.replace('"villages"', '"areas"'))
    with pytest.raises(StudyError, match=r"crew\.csv has no column 'areas'"):
        cases.share_out(one, cases.read_cases(made, one), {})
    made, one = one_list(root, LIST.replace('["village"]', "[]") + ASSIGN)
    with pytest.raises(StudyError, match="cases have no 'village'"):
        cases.share_out(one, cases.read_cases(made, one), {})


# -- ODK Central


@pytest.fixture
def odk(root):
    with FakeCentral() as server:
        server.publish(root / "visit.md", root / "empty")
        yield server


def entity_list(server: FakeCentral, one: CaseList) -> EntityList:
    source = opened(server)
    return EntityList(source.session, source.project, one)


def opened(server: FakeCentral) -> central.CentralSource:
    user, password = server.admin
    settings = {"url": server.url, "user": user, "password": password, "project": str(server.project)}
    return central.connect(settings, Options(), QUICK)


def bring(target: EntityList, listed: dict[str, cases.Case]) -> tuple[tuple[int, int, int, int], list[str]]:
    """Do what the command does; gives new, changed, gone, same."""
    changes = cases.compare(listed, target.standing())
    said = target.apply(listed, changes)
    return (len(changes.new), len(changes.changed), len(changes.gone), changes.same), said


def on_server(server: FakeCentral) -> dict[str, dict[str, str]]:
    """What the entity list holds, by key."""
    dataset = server.state.projects[server.project].datasets["people"]
    living = [entity.current for entity in dataset.entities.values() if not entity.deleted_at]
    return {one.data.get("case_id", ""): {**one.data, "label": one.label} for one in living}


ENTITIES = LIST + "entities = true\n"


def writes(server: FakeCentral) -> list[str]:
    return [
        f"{one.method} {one.path.rpartition('/')[2]}"
        for one in server.requests
        if one.method not in ("GET", "HEAD")
    ]


def test_a_list_is_made_with_its_properties_and_entities_in_one_call(root, odk):
    made, one = one_list(root, ENTITIES)
    listed = cases.read_cases(made, one)
    assert bring(entity_list(odk, one), listed) == ((10, 0, 0, 0), [])
    assert on_server(odk) == listed
    assert writes(odk)[1:] == ["POST datasets", "POST properties", "POST properties", "POST entities"]
    keys = odk.state.projects[1].datasets["people"].entities
    assert {uuid.UUID(key).version for key in keys} == {4}
    assert entity_list(odk, one).identity("A1") in keys


def test_only_what_differs_is_sent_and_nothing_the_second_time(root, odk):
    made, one = one_list(root, ENTITIES)
    bring(entity_list(odk, one), cases.read_cases(made, one))
    write(
        root,
        "people.csv",
        PEOPLE.replace("Orang 3,V0", "Orang 3,V2").replace("Orang 5", "Orang Lima") + "B1,Baru,V0,0,\n",
    )
    listed = cases.read_cases(made, one)
    odk.requests.clear()
    assert bring(entity_list(odk, one), listed)[0] == (1, 2, 0, 8)
    assert on_server(odk) == listed
    bodies = [request.json() for request in odk.requests if request.method == "PATCH"]
    assert bodies == [{"data": {"village": "V2"}}, {"label": "Orang Lima"}]
    odk.requests.clear()
    assert bring(entity_list(odk, one), listed)[0] == (0, 0, 0, 11)
    assert writes(odk) == ["POST sessions"]


def test_gone_cases_stay_unless_the_list_removes_them(root, odk):
    made, one = one_list(root, ENTITIES)
    bring(entity_list(odk, one), cases.read_cases(made, one))
    write(root, "people.csv", without(1))
    made, one = one_list(root, ENTITIES)
    assert bring(entity_list(odk, one), cases.read_cases(made, one))[0] == (0, 0, 1, 9)
    assert "A1" in on_server(odk)
    made, one = one_list(root, ENTITIES + "remove = true\n")
    assert bring(entity_list(odk, one), cases.read_cases(made, one))[0] == (0, 0, 1, 9)
    assert "A1" not in on_server(odk)


def test_a_case_that_comes_back_is_restored_as_it_should_be_now(root, odk):
    made, one = one_list(root, ENTITIES + "remove = true\n")
    bring(entity_list(odk, one), cases.read_cases(made, one))
    write(root, "people.csv", without(1))
    bring(entity_list(odk, one), cases.read_cases(made, one))
    write(root, "people.csv", PEOPLE.replace("Orang 1,V1", "Orang 1,V2"))
    listed = cases.read_cases(made, one)
    assert bring(entity_list(odk, one), listed)[0] == (1, 0, 0, 9)
    assert on_server(odk) == listed
    assert len(odk.state.projects[1].datasets["people"].entities) == 10


def test_a_stale_version_is_read_again_once(root, odk):
    made, one = one_list(root, ENTITIES)
    target = entity_list(odk, one)
    bring(target, cases.read_cases(made, one))
    write(root, "people.csv", PEOPLE.replace("Orang 3,V0", "Orang 3,V2"))
    listed = cases.read_cases(made, one)
    changes = cases.compare(listed, target.standing())
    other = entity_list(odk, one)
    bring(other, {**listed, "A3": {**listed["A3"], "label": "Dari lapangan", "village": "V0"}})
    odk.requests.clear()
    target.apply(listed, changes)
    assert on_server(odk)["A3"] == listed["A3"]
    patched = [request for request in odk.requests if request.method == "PATCH"]
    assert [request.param("baseVersion") for request in patched] == ["1", "2"]


def test_somebody_faster_with_the_same_change_is_no_conflict(root, odk):
    made, one = one_list(root, ENTITIES)
    target = entity_list(odk, one)
    bring(target, cases.read_cases(made, one))
    write(root, "people.csv", PEOPLE.replace("Orang 3,V0", "Orang 3,V2"))
    listed = cases.read_cases(made, one)
    changes = cases.compare(listed, target.standing())
    bring(entity_list(odk, one), listed)
    odk.requests.clear()
    target.apply(listed, changes)
    assert len([request for request in odk.requests if request.method == "PATCH"]) == 1
    assert on_server(odk) == listed


def test_a_list_that_never_rests_is_given_up(root, odk):
    made, one = one_list(root, ENTITIES)
    target = entity_list(odk, one)
    bring(target, cases.read_cases(made, one))
    write(root, "people.csv", PEOPLE.replace("Orang 3,V0", "Orang 3,V2"))
    listed = cases.read_cases(made, one)
    changes = cases.compare(listed, target.standing())

    def meddle(place: str) -> None:
        rival = entity_list(odk, one)
        rival.standing()
        rival._change("A3", {**listed["A3"], "village": place})

    meddle("V7")
    odk.after("GET /v1/projects/1/datasets/people/entities/", lambda: _revise(odk, "A3", "V8"))
    with pytest.raises(Changed, match="case 'A3' keeps being changed"):
        target.apply(listed, changes)


def _revise(server: FakeCentral, key: str, village: str) -> None:
    """Give an entity a further version while the server's lock is held."""
    from tracer_etl.testing.central import entities

    dataset = server.state.projects[1].datasets["people"]
    entity = next(one for one in dataset.entities.values() if one.current.data["case_id"] == key)
    current = entity.current
    entities.revise(server.state, entity, "", {"village": village}, current.number, current.creator, None)


def test_an_answer_that_gets_lost_makes_no_second_entity(root, odk):
    made, one = one_list(root, ENTITIES)
    target, listed = entity_list(odk, one), cases.read_cases(made, one)
    changes = cases.compare(listed, target.standing())
    odk.faults.append(Fault("cut", match="POST /v1/projects/1/datasets/people/entities"))
    target.apply(listed, changes)
    assert on_server(odk) == listed
    assert len(odk.state.projects[1].datasets["people"].entities) == 10


def test_a_uuid_the_server_will_not_have_again_gets_a_successor(root, odk):
    made, one = one_list(root, ENTITIES)
    target, listed = entity_list(odk, one), cases.read_cases(made, one)
    bring(target, {"A2": listed["A2"]})
    dataset = odk.state.projects[1].datasets["people"]
    occupied = dataset.entities[target.identity("A2")]
    occupied.current.data.pop("case_id")
    counts, said = bring(entity_list(odk, one), {"A2": listed["A2"]})
    assert counts == (1, 0, 0, 0)
    assert said == ["1 entities have no case_id and are left alone"]
    assert on_server(odk)["A2"] == listed["A2"]
    assert set(dataset.entities) == {target.identity("A2"), target.identity("A2", 1)}


def test_long_lists_are_sent_in_bodies_central_takes(root, odk):
    rows = "".join(f"K{n},{'Nama panjang ' * 20}{n},V1,0,\n" for n in range(1500))
    write(root, "people.csv", "case_id,label,village,phone,who\n" + rows)
    made, one = one_list(root, ENTITIES)
    listed = cases.read_cases(made, one)
    bring(entity_list(odk, one), listed)
    bodies = [request.body for request in odk.requests if request.path.endswith("/entities")]
    assert len(bodies) > 1
    assert max(map(len, bodies)) < 250_000
    assert sum(len(json.loads(body)["entities"]) for body in bodies) == 1500
    assert LARGEST_BODY < 250_000
    assert cases.compare(listed, entity_list(odk, one).standing()).same == 1500


def test_pages_that_change_under_the_reader_are_no_list(root, odk):
    rows = "".join(f"K{n},Nama {n},V1,0,\n" for n in range(1100))
    write(root, "people.csv", "case_id,label,village,phone,who\n" + rows)
    made, one = one_list(root, ENTITIES)
    bring(entity_list(odk, one), cases.read_cases(made, one))
    dataset = odk.state.projects[1].datasets["people"]
    odk.after("Entities?", lambda: dataset.entities.pop(next(reversed(dataset.entities))))
    with pytest.raises(Changed, match="1100 entities came, 1099 were counted"):
        entity_list(odk, one).standing()


def test_what_forms_wrote_into_further_properties_stays(root, odk):
    made, one = one_list(root, ENTITIES)
    bring(entity_list(odk, one), cases.read_cases(made, one))
    dataset = odk.state.projects[1].datasets["people"]
    dataset.properties["status"] = odk.clock
    for entity in dataset.entities.values():
        entity.current.data["status"] = "selesai"
    write(root, "people.csv", PEOPLE.replace("Orang 3,V0", "Orang 3,V2"))
    assert bring(entity_list(odk, one), cases.read_cases(made, one))[0] == (0, 1, 0, 9)
    assert {row["status"] for row in on_server(odk).values()} == {"selesai"}


def test_what_a_person_should_look_at_is_said(root, odk):
    made, one = one_list(root, ENTITIES)
    bring(entity_list(odk, one), cases.read_cases(made, one))
    entities = list(odk.state.projects[1].datasets["people"].entities.values())
    entities[0].conflict = "hard"
    entities[1].current.data["case_id"] = "A3"
    target = entity_list(odk, one)
    target.standing()
    assert target.remarks == [
        "two entities have the key 'A3'; the newer one is used",
        "1 entities are in conflict: look at them in Central",
    ]


@pytest.mark.parametrize("name", ["name", "Label", "__id", "no blank"])
def test_names_central_keeps_for_itself_are_refused(root, odk, name):
    _, one = one_list(root, ENTITIES.replace('"village"', f'"{name}"'))
    with pytest.raises(StudyError, match="cannot be a property of entities"):
        entity_list(odk, one)


def test_a_form_without_a_link_gets_a_file_and_one_with_a_link_entities(root, odk):
    made, one = one_list(root)
    [delivery] = cases_delivery.prepare(made, source=opened(odk))
    assert delivery.target.place == "var/cases/people.csv"
    said = delivery.apply()
    assert said == ["people.csv travels with the form: run `tracer-etl forms publish`"]
    path = cases.file_for_phones(made, "people.csv")
    assert path == root / "var/cases/people.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(cases.parse_csv(path.read_text(encoding="utf-8"))) == 10
    bring(entity_list(odk, one), {})
    [delivery] = cases_delivery.prepare(made, source=opened(odk))
    assert delivery.target.place == "entity list people"


def test_what_a_killed_run_left_readable_does_not_make_the_next_list_so(root):
    made, one = one_list(root)
    (root / "var/cases").mkdir(parents=True)
    for name in ("people.part", "people.csv.part"):
        (root / "var/cases" / name).write_text("half", encoding="utf-8")
        (root / "var/cases" / name).chmod(0o644)
    path = cases.keep_for_phones(made, one, cases.read_cases(made, one))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# -- KoboToolbox


@pytest.fixture
def kpi(root):
    with FakeKobo() as server:
        write(root, "media/people.csv", "")
        (root / "media/people.csv").unlink()
        server.form = server.publish(root / "visit.md", root / "media")
        yield server


def opened_kobo(server: FakeKobo) -> kobo.KoboSource:
    return kobo.connect({"url": server.url, "token": server.token}, Options(), QUICK)


def deliver(
    made: Study, server: FakeKobo, *, accept_deletions: bool = False
) -> tuple[tuple[int, int, int, int], list[str]]:
    [one] = cases_delivery.prepare(made, source=opened_kobo(server))
    if not accept_deletions:
        one.refuse_loss()
    changes = one.changes
    return (len(changes.new), len(changes.changed), len(changes.gone), changes.same), one.apply()


def media(server: FakeKobo) -> dict[str, bytes]:
    return {file.name: file.content for file in server.world.assets[server.form].files}


def test_kobo_gets_the_file_beside_the_form_and_a_deployment(root, kpi):
    made = study(root)
    assert deliver(made, kpi) == ((10, 0, 0, 0), [])
    assert media(kpi)["people.csv"].startswith(b"case_id,label,village\nA1,Orang 1,V1\n")
    assert media(kpi)["people.csv"] == (root / "var/cases/people.csv").read_bytes()
    assert writes(kpi) == ["POST ", "PATCH "]
    kpi.requests.clear()
    assert deliver(made, kpi) == ((0, 0, 0, 10), [])
    assert writes(kpi) == []


def test_kobo_replaces_the_file_only_when_it_differs(root, kpi):
    deliver(study(root), kpi)
    write(root, "people.csv", PEOPLE.replace("Orang 3,V0", "Orang 3,V2"))
    kpi.requests.clear()
    assert deliver(study(root), kpi)[0] == (0, 1, 0, 9)
    assert [call.partition(" ")[0] for call in writes(kpi)] == ["DELETE", "POST", "PATCH"]
    assert b"A3,Orang 3,V2" in media(kpi)["people.csv"]
    assert len(media(kpi)) == 1


def test_a_column_the_list_no_longer_names_leaves_the_phones(root, kpi):
    deliver(study(root, LIST.replace('"village"', '"village", "phone"')), kpi)
    assert b"08121" in media(kpi)["people.csv"]
    assert deliver(study(root), kpi)[0] == (0, 10, 0, 0)
    assert b"08121" not in media(kpi)["people.csv"]


def test_a_list_of_two_forms_goes_to_both_with_the_same_people(root, kpi):
    write(root, "again.md", FORM.replace("| visit ", "| again "))
    second = kpi.publish(root / "again.md", root / "media")
    text = LIST.replace('form = "visit"', 'form = ["visit", "again"]') + ASSIGN
    made = study(root, text + '\n[[forms]]\nid = "again"\nworkbook = "again.md"\n')
    for one in cases_delivery.prepare(made, source=opened_kobo(kpi)):
        one.apply()
    [file] = kpi.world.assets[second].files
    assert file.content == media(kpi)["people.csv"]


def test_kobo_believes_the_file_not_the_answer_that_got_lost(root, kpi):
    kpi.faults.append(Fault("cut", match="POST /api/v2/assets/"))
    assert deliver(study(root), kpi)[0] == (10, 0, 0, 0)
    assert b"A10,Orang 10,V1" in media(kpi)["people.csv"]


def test_kobo_does_not_deploy_what_somebody_is_still_editing(root, kpi):
    write(root, "next.md", FORM.replace("| 1    | Visit", "| 2    | Visit"))
    kpi.publish(root / "next.md", root / "media", form=kpi.form, deploy=False)
    assert deliver(study(root), kpi)[1] == [
        "visit has changes that are not deployed: run `tracer-etl forms publish`"
    ]
    assert "people.csv" in media(kpi)
    assert writes(kpi) == ["POST "]


def test_kobo_leaves_an_archived_form_closed(root, kpi):
    kpi.archive(kpi.form)
    assert deliver(study(root), kpi)[1] == ["visit is not deployed: phones get the list with it"]
    assert not kpi.world.assets[kpi.form].active


# -- safety, and the command


def test_a_list_that_shrinks_by_more_than_a_fifth_needs_a_word(root, kpi):
    deliver(study(root), kpi)
    before = media(kpi)
    write(root, "people.csv", without(3))
    with pytest.raises(
        Refused, match=r"people: 3 of 10 cases would vanish from the phones; .*--accept-deletions"
    ):
        deliver(study(root), kpi)
    assert media(kpi) == before
    assert deliver(study(root), kpi, accept_deletions=True)[0] == (0, 0, 3, 7)
    write(root, "people.csv", without(4))
    assert deliver(study(root), kpi)[0] == (0, 0, 1, 6)


def test_one_list_that_shrinks_stops_all_before_any_is_touched(root, kpi):
    deliver(study(root), kpi)
    write(root, "people.csv", without(5))
    write(root, "more.csv", PEOPLE)
    write(root, "media/more.csv", "case_id,label,village\n")
    write(root, "visit.md", FORM.replace("('people')", "('more')"))
    study(root, LIST.replace("people", "more") + LIST)
    failed = field_cases(root, kpi, "--apply")
    assert isinstance(failed.exception, Refused)
    assert "more.csv" not in media(kpi)
    assert failed.stdout.split("\n")[2].split()[-4:] == ["0", "0", "5", "5"]


def test_an_empty_source_takes_nothing_away(root, kpi):
    deliver(study(root), kpi)
    write(root, "people.csv", without(10))
    with pytest.raises(Refused, match="10 of 10 cases"):
        deliver(study(root), kpi)


def test_a_list_nobody_knows_is_refused(root, kpi):
    with pytest.raises(StudyError, match="no case list 'persons'; choose of people"):
        list(cases_delivery.prepare(study(root), ["persons"], opened_kobo(kpi)))


def field_cases(root: Path, server: FakeKobo, *options: str):
    environment = {"TRACER_SERVER": "kobo", "TRACER_URL": server.url, "TRACER_TOKEN": server.token}
    command = ["--study", str(root / "study.toml"), "field", "cases", *options]
    return CliRunner().invoke(cli, command, env=environment)


def test_the_command_changes_nothing_until_told(root, kpi):
    study(root, LIST + ASSIGN)
    dry = field_cases(root, kpi)
    assert dry.exit_code == 0
    assert dry.stdout.split("\n")[1].split() == ["people", "people.csv", "of", "visit", "10", "0", "0", "0"]
    assert "people: 2 people hold 5 to 5 cases each" in dry.stderr
    assert "nothing was changed" in dry.stderr
    assert media(kpi) == {}
    assert not (root / "var/cases").exists()
    assert field_cases(root, kpi, "--apply").exit_code == 0
    assert b"case_id,label,village,who\n" in media(kpi)["people.csv"]
    [row] = json.loads(field_cases(root, kpi, "--apply", "--json").stdout)
    assert (row["new"], row["changed"], row["gone"], row["same"]) == (0, 0, 0, 10)
    write(root, "people.csv", without(5))
    assert (
        "5 of 10 cases would vanish from the phones: that needs --accept-deletions"
        in field_cases(root, kpi).stderr
    )


def test_the_lists_of_this_study_can_travel(tmp_path):
    """Every list names columns its form reads, and no identifier it does not admit to."""
    whole = read_study(ROOT / "study.toml")
    forms = {form.form_id: read_form(form.workbook, whole.media) for form in whole.forms}
    assert {one.name for one in whole.case_lists} == {"alumni", "applicants", "backcheck"}
    for one in whole.case_lists:
        cases.check_privacy(whole, one, list(forms.values()))
        for form_id in one.forms:
            cases.check_form(one, forms[form_id])
        assert one.file is not None
        rows = cases.parse_csv(one.file.read_text(encoding="utf-8"))
        assert rows
        assert set(cases.travelling(one)) <= set(rows[0])
