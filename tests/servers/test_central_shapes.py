"""The shape traps of ODK Central's answers (servers/central.md), against the fake and the recordings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pytest

from central_case import FORM, KEPT, RECORDINGS, Case, key, plain, second_version, xml
from central_recordings import FORM as RECORDED
from central_recordings import rebuild
from tracer_etl.form import read_form
from tracer_etl.servers.central_rows import layout, read_row
from tracer_etl.servers.openrosa import received
from tracer_etl.testing import FakeCentral
from tracer_etl.testing.encryption import encrypt, key_pair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOBS = "".join(f"<job><title>{title}</title></job>" for title in ("a", "b", "c"))
ENTITIES = """
| survey   |      |      |       |         |
|          | type | name | label | save_to |
|          | text | who  | Name  | who     |
| entities |      |      |
|          | list_name | label  |
|          | people    | ${who} |
| settings |         |         |
|          | form_id | version |
|          | visit   | 1       |
"""


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with FakeCentral() as server:
        yield Case(tmp_path, server)


def test_central_shape_the_key_is_the_first_instance_and_the_instance_the_latest(case: Case) -> None:
    case.send(1)
    case.server.edit("visit", key(1), xml(2, "<who>Budi</who>", before=1))
    case.server.edit("visit", key(1), xml(3, "<who>Citra</who>", before=2))
    case.pull()
    (row,) = case.rows().values()
    assert (row["key"], row["instance"]) == (key(1), key(3))
    assert row["data"]["who"] == "Citra"


def test_central_shape_the_form_version_is_that_of_the_edit_though_odata_says_the_first(case: Case) -> None:
    case.send(1)
    case.publish(second_version())
    case.server.edit("visit", key(1), xml(2, "<phone>0812</phone>", version="2", before=1))
    case.pull()
    row = case.rows()[key(1)]
    assert row["version"] == "2"
    assert case.raw(key(1))["row"]["__system"]["formVersion"] == "1"
    assert row["data"]["phone"] == "0812"


def test_central_shape_submitter_and_device_stay_in_the_raw_row(case: Case) -> None:
    case.server.submit("visit", xml(1), by=case.user, device="collect:1")
    case.pull()
    system = case.raw(key(1))["__system"]
    assert (system["deviceId"], system["submitterName"]) == ("collect:1", case.user)
    assert "collect:1" not in json.dumps(case.rows()[key(1)]["data"])


def test_central_shape_answers_to_a_removed_question_come_from_the_xml(case: Case) -> None:
    case.send(1, body="<who>Ani</who><shift>07:00:00.000+07:00</shift>")
    case.publish(second_version())
    case.server.submit("visit", xml(2, "<phone>0812</phone>", version="2"))
    case.pull()
    assert case.rows()[key(1)]["data"]["shift"] == "07:00:00.000+07:00"
    assert [request.path for request in case.asked("/submissions/uuid")] == [
        "/v1/projects/1/forms/visit/submissions/uuid%3A00000001.xml"
    ]
    case.same()


def test_central_shape_a_version_that_only_adds_needs_no_xml(case: Case) -> None:
    case.send(1)
    case.publish(FORM.replace("| 1         |", "| 2         |").replace("| Hint  |", "| Hint2 |"))
    case.send(2)
    case.pull()
    assert not case.asked("/submissions/uuid")
    case.same()


def test_central_shape_a_whole_number_that_became_text_is_the_same_text(case: Case) -> None:
    case.send(1, body="<age>7</age>")
    text = FORM.replace("integer              | age ", "text                 | age ")
    case.publish(text.replace("| 1         |", "| 2         |"))
    case.server.submit("visit", xml(2, "<age>tujuh</age>", version="2"))
    case.pull()
    assert not case.asked("/submissions/uuid")
    assert [case.rows()[key(n)]["data"]["age"] for n in (1, 2)] == ["7", "tujuh"]


def test_central_shape_repeats_are_replaced_not_matched_by_their_id(case: Case) -> None:
    case.send(1, body=JOBS)
    case.pull()
    case.server.edit("visit", key(1), xml(2, JOBS.replace("<job><title>a</title></job>", ""), before=1))
    case.pull()
    assert case.rows()[key(1)]["data"]["job/"] == [{"title": "b"}, {"title": "c"}]


def test_central_shape_no_instances_of_a_repeat_is_no_key(case: Case) -> None:
    case.send(1, body="<who>Ani</who>")
    case.pull()
    assert "job" not in case.raw(key(1))
    assert "job/" not in case.rows()[key(1)]["data"]


def test_central_shape_repeats_lie_in_their_parent_without_ids(case: Case) -> None:
    body = "<job><title>x</title><task><what>p</what></task><task><what>q</what></task></job><job><title>y</title></job>"
    case.send(1, body=body)
    case.pull()
    jobs = [{"title": "x", "task/": [{"what": "p"}, {"what": "q"}]}, {"title": "y"}]
    assert case.rows()[key(1)]["data"]["job/"] == jobs


def test_central_shape_expand_is_a_star_and_never_with_select(case: Case) -> None:
    case.send(*range(7))
    case.pull(sweep=True)
    assert {request.param("$expand") for request in case.server.requests} == {"", "*"}
    assert not [r for r in case.server.requests if r.param("$expand") and r.param("$select")]


def test_central_shape_null_is_absent_and_a_choice_of_many_is_one_text(case: Case) -> None:
    case.send(1, body="<tools>saw hoe</tools><who/><hint/>")
    case.pull()
    data = case.rows()[key(1)]["data"]
    assert data == {"tools": "saw hoe", "meta/": [{"instanceID": key(1)}]}


def test_central_shape_an_entitys_id_comes_from_the_xml(tmp_path: Path) -> None:
    with FakeCentral() as server:
        case = Case(tmp_path, server, ENTITIES)
        block = '<entity dataset="people" create="1" id="b8b6359f-60e6-4912-be78-37a6ee0bff14"><label>Ani</label></entity>'
        raw = xml(1, "<who>Ani</who>").replace(b"<meta>", f"<meta>{block}".encode())
        server.submit("visit", raw)
        case.pull()
        row = case.rows()[key(1)]
        entity = {"@dataset": "people", "@create": "1", "@id": "b8b6359f-60e6-4912-be78-37a6ee0bff14"}
        assert row["data"]["meta/"][0]["entity/"] == [{**entity, "label": "Ani"}]
        case.same()


def test_central_shape_whole_numbers_beyond_2_53_keep_their_digits(case: Case) -> None:
    case.send(1, body="<age>9007199254740993</age>")
    case.send(2, body="<age>9007199254740991</age>")
    case.pull()
    assert [case.rows()[key(n)]["data"]["age"] for n in (1, 2)] == ["9007199254740993", "9007199254740991"]
    assert len(case.asked(".xml?")) == 2  # the form's one version, and one submission
    assert case.raw(key(1))["row"]["age"] == 9007199254740992


def test_central_shape_an_offset_of_hours_only_is_one_with_minutes(case: Case) -> None:
    case.send(1, body="<met>2026-01-05T15:00:00.000+07</met>")
    case.pull()
    assert case.rows()[key(1)]["data"]["met"] == "2026-01-05T15:00:00.000+07:00"


def test_central_shape_spaces_lines_emoji_and_marks_are_kept(case: Case) -> None:
    case.send(1, body="<who>  Ani &amp; Budi &lt;3\n\U0001f600 </who>")
    case.pull()
    assert case.rows()[key(1)]["data"]["who"] == "  Ani & Budi <3\n\U0001f600 "


@pytest.mark.parametrize(
    ("text", "landed"),
    [
        ("-8.0504478 112.2001958 265.0 10.5", "-8.0504478 112.2001958 265 10.5"),
        ("-8 112 0 0", "-8 112 0 0"),
        ("-8.5 112.25", "-8.5 112.25"),
    ],
)
def test_central_shape_a_point_is_written_latitude_first_with_its_accuracy(
    case: Case, text: str, landed: str
) -> None:
    case.send(1, body=f"<place>{text}</place>")
    case.pull()
    assert case.rows()[key(1)]["data"]["place"] == landed


def test_central_shape_a_line_keeps_the_accuracies_odata_drops(case: Case) -> None:
    line = "-8.058422 112.287430 0.0 4.5;-8.057422 112.288430 0.0 3.0"
    case.send(1, body=f"<path>{line}</path>")
    case.pull()
    assert case.rows()[key(1)]["data"]["path"] == line


def test_central_shape_a_name_odata_cannot_write_is_the_forms_own_again(case: Case) -> None:
    case.send(1, body="<home><visit.day>senin</visit.day></home>")
    case.pull()
    assert case.raw(key(1))["home"] == {"visit_day": "senin"}
    assert case.rows()[key(1)]["data"]["home/"] == [{"visit.day": "senin"}]


def test_central_shape_two_names_that_odata_makes_one_are_read_from_the_xml(tmp_path: Path) -> None:
    with FakeCentral() as server:
        case = Case(tmp_path, server, FORM.replace("|          | end_group ", _TWIN, 1))
        case.send(1, body="<home><visit.day>senin</visit.day><visit-day>selasa</visit-day></home>")
        case.pull()
        assert case.rows()[key(1)]["data"]["home/"] == [{"visit.day": "senin", "visit-day": "selasa"}]


_TWIN = "|          | text                 | visit-day | Twin  |\n|          | end_group "


def test_central_shape_files_of_two_submissions_may_have_one_name(case: Case) -> None:
    case.log_in(media=True)
    for number in (1, 2):
        case.server.submit("visit", xml(number, "<photo>a b.jpg</photo>"), {"a b.jpg": b"%d" % number})
    case.pull()
    stored = [case.rows()[key(number)]["attachments"][0]["sha256"] for number in (1, 2)]
    assert len(set(stored)) == 2


@pytest.mark.parametrize("name", ["a'b", "100% & more?", "a/b c#d", "\u00e9\U0001f600", "+07:00"])
def test_central_shape_an_id_may_hold_anything(case: Case, name: str) -> None:
    raw = xml(1, "<photo>a.jpg</photo><age>9007199254740993</age>").replace(
        key(1).encode(), escape(name).encode()
    )
    assert case.server.submit("visit", raw) == name
    case.log_in(media=True)
    case.pull()
    case.server.attach("visit", name, "a.jpg", b"late")
    assert case.pull().new == 1
    case.server.delete("visit", name)
    case.pull()
    case.server.advance(7200)
    case.send(2)
    case.pull()
    case.server.restore("visit", name)
    case.pull()
    assert case.asked("__id eq")
    case.same()


def test_central_shape_broken_xml_is_set_aside_with_its_bytes(case: Case) -> None:
    broken = b'<data id="visit" version="1"><who>x</who>'
    name = case.server.submit("visit", broken)
    case.pull()
    row = case.rows()[name]
    assert not name.startswith("uuid:")
    assert "not well-formed XML" in row["error"]
    assert row["data"] == {}
    assert case.raw(name)["xml"] == broken.decode()


def test_central_shape_a_submission_without_an_id_has_the_one_central_gave_it(case: Case) -> None:
    name = case.server.submit("visit", b'<data id="visit" version="1"><who>tanpa id</who></data>')
    case.pull()
    row = case.rows()[name]
    assert (row["instance"], row["error"], row["data"]["who"]) == (name, "", "tanpa id")


# -- encrypted submissions


def encrypted(case: Case, public: str, number: int, *, whole: bool = True) -> dict[str, bytes]:
    answers = xml(number, "<who>Rahasia</who><photo>a.jpg</photo>")
    manifest, files = encrypt(
        answers, {"a.jpg": b"jpg"}, public, form_id="visit", version="1", instance_id=key(number)
    )
    case.server.submit("visit", manifest, {n: c for n, c in files.items() if whole or n != "a.jpg.enc"})
    return files


def test_central_shape_an_encrypted_submission_is_opened_with_the_key(case: Case, tmp_path: Path) -> None:
    pem, public = key_pair()
    (tmp_path / "key.pem").write_bytes(pem)
    encrypted(case, public, 1)
    case.log_in(private_key=tmp_path / "key.pem", media=True)
    case.pull()
    row = case.rows()[key(1)]
    assert row["error"] == ""
    assert row["data"]["who"] == "Rahasia"
    assert [(f["name"], f["bytes"]) for f in row["attachments"]] == [("a.jpg", 3)]
    assert case.raw(key(1))["row"]["__system"]["status"] == "notDecrypted"


def test_central_shape_without_the_key_it_waits_and_comes_once_the_key_is_there(
    case: Case, tmp_path: Path
) -> None:
    pem, public = key_pair()
    other, _ = key_pair()
    encrypted(case, public, 1)
    case.pull()
    row = case.rows()[key(1)]
    assert "is encrypted" in row["error"]
    assert "private key" in row["error"]
    assert [file["name"] for file in row["attachments"]] == ["a.jpg.enc", "submission.xml.enc"]
    (tmp_path / "key.pem").write_bytes(other)
    case.log_in(private_key=tmp_path / "key.pem")
    case.pull()
    assert "another key" in case.rows()[key(1)]["error"]
    (tmp_path / "key.pem").write_bytes(pem)
    case.log_in()
    case.pull()
    assert case.rows()[key(1)]["data"]["who"] == "Rahasia"
    assert case.pull(sweep=True).new == 0


def test_central_shape_an_encrypted_submission_waits_for_its_files(case: Case, tmp_path: Path) -> None:
    pem, public = key_pair()
    (tmp_path / "key.pem").write_bytes(pem)
    case.log_in(private_key=tmp_path / "key.pem")
    late = encrypted(case, public, 1, whole=False)
    case.pull()
    assert "a.jpg.enc is missing" in case.rows()[key(1)]["error"]
    case.server.attach("visit", key(1), "a.jpg.enc", late["a.jpg.enc"])
    case.pull()
    assert case.rows()[key(1)]["data"]["who"] == "Rahasia"


# -- the recordings


def recorded(name: str) -> dict:
    return json.loads((RECORDINGS / f"{name}.response.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
def test_central_shape_recorded_rows_fit_the_recorded_fields() -> None:
    own = read_form(RECORDINGS / "forms" / "alumni_v2.xml")
    # With its entity, every row would be read from the XML.
    root = layout([f for f in recorded("045-fields-v2") if not f["path"].startswith("/meta/entity")])
    assert {"/".join(question.path) for question in own.questions} >= {"keluarga/ortu/ayah", "no_hp"}
    rows = [row for page in (1, 2) for row in recorded(f"105-odata-expand-page{page}")["value"]]
    for row in rows:
        row["meta"].pop("entity")
        reading = read_row(row, root)
        lines = row["rute"] or row["lahan"]
        ids = row["meta"]["instanceID"]
        big = any(isinstance(v, int | float) and abs(v) >= 2**53 for v in row.values())
        assert reading.whole == (not lines and not big and ids is not None), row["__id"]


def test_central_shape_a_recorded_row_equals_its_recorded_xml() -> None:
    row = json.loads((KEPT / "172-single-edited.response.json").read_text(encoding="utf-8"))["value"][0]
    fields = json.loads((KEPT / "045-fields-v2.response.json").read_text(encoding="utf-8"))
    truth = received((KEPT / "243-rest-xml.response.xml").read_bytes(), where="", fallback_key="").data
    data = plain(read_row(row, layout(fields)).data)
    expected = plain(truth)
    assert data.pop("meta/")[0].items() <= expected["meta/"][0].items()
    del expected["meta/"], expected["rute"]  # OData gives a line without its accuracies: the XML is asked
    assert data == expected


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")
def test_central_shape_the_recorded_server_is_landed_whole(tmp_path: Path) -> None:
    with FakeCentral() as server:
        rebuild(server)
        case = Case(tmp_path, server, page=None)
        case.form_id = RECORDED
        case.pull()
        case.same()
        assert len(case.rows()) == case.proof.server_count > 490
        assert case.pull(sweep=True).new == 0
