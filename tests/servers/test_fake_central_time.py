"""What the recordings show of ODK Central over time: windows, entity tags, purges, roles, late rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openpyxl
import pytest
import requests

from central_recordings import FORM, RECORDINGS, Recorded, first_version, log_in, same_frame, sent_xml
from tracer_etl.testing.central import FakeCentral

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not here")


def ids(answer: requests.Response) -> list[str]:
    return [row["__id"] for row in answer.json()["value"]]


class Reader:
    """Asks a fake as a client does."""

    def __init__(self, server: FakeCentral, form: str = FORM) -> None:
        self.server, self.root = server, f"{server.url}/v1/projects/1/forms/{form}"
        self.session = requests.Session()
        self.session.headers.update(log_in(server))

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.session.get(self.root + path, headers=headers, timeout=20)

    def rows(self, query: str = "", **headers: str) -> requests.Response:
        return self.get(f".svc/Submissions?{query}", **headers)

    def close(self) -> None:
        self.session.close()


@pytest.fixture
def small():
    """A server with the first version and three submissions; number 2 waits for its photo."""
    with FakeCentral() as server:
        server.publish(RECORDINGS / "forms/alumni_v1.xlsx")
        for number in (1, 2, 3):
            server.submit(FORM, first_version(f"uuid:{number}", "foto.png" if number == 2 else ""))
        yield server


@pytest.fixture
def reader(small):
    asked = Reader(small)
    yield asked
    asked.close()


WATERMARK = " or ".join(f"__system/{name} ge {{0}}" for name in ("submissionDate", "updatedAt", "deletedAt"))


def test_entity_tag_stays_when_the_columns_change(small, reader):
    first = reader.rows("$top=5")
    assert "jam_kerja" in first.json()["value"][0]
    small.publish(RECORDINGS / "forms/alumni_v2.xlsx")
    again = reader.rows("$top=5", **{"If-None-Match": first.headers["ETag"]})
    recorded = Recorded.read("042-odata-304-after-form-v2")
    same_frame(again, recorded)
    assert again.content == b""
    assert "jam_kerja" not in reader.rows("$top=5").json()["value"][0]
    assert reader.rows("$select=jam_kerja").json()["code"] == 400.23


@pytest.mark.parametrize("change", ["attach", "clear", "comment"])
def test_entity_tag_stays_with_files_and_comments(small, reader, change):
    small.attach(FORM, "uuid:2", "foto.png", b"first")
    tag = reader.rows().headers["ETag"]
    if change == "comment":
        reader.session.post(f"{reader.root}/submissions/uuid:2/comments", json={"body": "x"}, timeout=20)
    elif change == "clear":
        small.clear(FORM, "uuid:2", "foto.png")
    else:
        small.attach(FORM, "uuid:2", "foto.png", b"second")
    assert reader.rows("", **{"If-None-Match": tag}).status_code == 304
    row = reader.rows("$filter=__id eq 'uuid:2'").json()["value"][0]["__system"]
    assert row["updatedAt"] is None
    assert row["attachmentsPresent"] == (change != "clear")


@pytest.mark.parametrize("change", ["review", "edit", "delete", "restore", "submit"])
def test_entity_tag_moves_with_events(small, reader, change):
    small.delete(FORM, "uuid:1")
    tag = reader.rows().headers["ETag"]
    edited = first_version("uuid:4").replace(b"</meta>", b"<deprecatedID>uuid:3</deprecatedID></meta>")
    {
        "review": lambda: small.review(FORM, "uuid:3", "approved"),
        "edit": lambda: small.edit(FORM, "uuid:3", edited),
        "delete": lambda: small.delete(FORM, "uuid:3"),
        "restore": lambda: small.restore(FORM, "uuid:1"),
        "submit": lambda: small.submit(FORM, first_version("uuid:5")),
    }[change]()
    assert reader.rows("", **{"If-None-Match": tag}).status_code == 200
    assert reader.rows().headers["ETag"] != tag


def test_files_have_strong_tags(small, reader):
    small.attach(FORM, "uuid:2", "foto.png", b"png")
    path = "/submissions/uuid:2/attachments/foto.png"
    first = reader.get(path)
    again = reader.get(path, **{"If-None-Match": first.headers["ETag"]})
    same_frame(again, Recorded.read("252-attachment-304"))


def test_a_restored_row_is_in_no_window(small, reader):
    small.delete(FORM, "uuid:1")
    small.advance(60)
    since = small.clock.strftime("%Y-%m-%dT%H:%M:%SZ")
    small.restore(FORM, "uuid:1")
    assert ids(reader.rows("$filter=" + WATERMARK.format(since))) == []
    assert ids(reader.rows()) == ["uuid:3", "uuid:2", "uuid:1"]


def test_deleted_rows_show_only_when_deletedat_is_named(small, reader):
    small.delete(FORM, "uuid:1")
    assert ids(reader.rows("$filter=__system/submissionDate ge 2026-01-01")) == ["uuid:3", "uuid:2"]
    assert ids(reader.rows("$filter=" + WATERMARK.format("2026-01-01"))) == ["uuid:3", "uuid:2", "uuid:1"]
    small.purge(FORM, "uuid:1")
    assert ids(reader.rows("$filter=" + WATERMARK.format("2026-01-01"))) == ["uuid:3", "uuid:2"]


def test_a_purge_between_pages_cuts_the_rest_off(small, reader):
    first = reader.rows("$top=1&$count=true").json()
    small.delete(FORM, "uuid:3")
    query = first["@odata.nextLink"].split("?")[1]
    assert ids(reader.rows(query)) == ["uuid:2"]
    small.purge(FORM, "uuid:3")
    cut = reader.rows(query).json()
    assert (cut["value"], cut["@odata.count"], "@odata.nextLink" in cut) == ([], 2, False)


def test_a_late_commit_has_an_early_date(small, reader):
    pending = small.begin(FORM, first_version("uuid:late"))
    small.submit(FORM, first_version("uuid:5"))
    assert ids(reader.rows()) == ["uuid:5", "uuid:3", "uuid:2", "uuid:1"]
    pending.commit()
    assert ids(reader.rows()) == ["uuid:5", "uuid:late", "uuid:3", "uuid:2", "uuid:1"]


def test_sessions_end(small, reader):
    small.advance(24 * 3600 + 1)
    assert reader.rows().json()["code"] == 401.2
    reader.session.headers.update(log_in(small))
    assert reader.rows().status_code == 200
    small.expire_sessions()
    assert reader.rows().status_code == 401


def test_roles(small):
    small.add_user("viewer@example.org", "viewer-password", "viewer")
    small.add_user("nobody@example.org", "nobody-password", "none")
    with requests.Session() as session:
        session.headers.update(log_in(small, "viewer@example.org", "viewer-password"))
        assert session.get(f"{small.url}/v1/projects/1/forms/{FORM}.svc/Submissions", timeout=20).ok
        for path in ("audits", "projects/1/app-users"):
            assert session.get(f"{small.url}/v1/{path}", timeout=20).json()["code"] == 403.1
        delete = session.delete(f"{small.url}/v1/projects/1/forms/{FORM}/submissions/uuid:1", timeout=20)
        assert delete.status_code == 403
        session.headers.update(log_in(small, "nobody@example.org", "nobody-password"))
        answer = session.get(f"{small.url}/v1/projects/1/forms/{FORM}.svc/Submissions", timeout=20)
    recorded = Recorded.read("210-403-no-role")
    same_frame(answer, recorded)
    assert answer.json() == recorded.json()


def test_encrypted_rows_show_nothing(small, reader):
    sealed = (
        f'<data id="{FORM}" version="1" encrypted="yes"><base64EncryptedKey>x</base64EncryptedKey>'
        "<meta><instanceID>uuid:sealed</instanceID></meta>"
        "<encryptedXmlFile>submission.xml.enc</encryptedXmlFile></data>"
    ).encode()
    small.submit(FORM, sealed)
    row = reader.rows("$top=1&$expand=*").json()["value"][0]
    assert set(row) == {"__id", "__system"}
    assert row["__system"]["status"] == "missingEncryptedFormData"
    small.attach(FORM, "uuid:sealed", "submission.xml.enc", b"sealed")
    assert reader.rows("$top=1").json()["value"][0]["__system"]["status"] == "notDecrypted"


def test_truth_is_what_was_sent(small):
    small.attach(FORM, "uuid:2", "foto.png", b"png")
    small.delete(FORM, "uuid:1")
    edited = first_version("uuid:4").replace(b"</meta>", b"<deprecatedID>uuid:3</deprecatedID></meta>")
    small.edit(FORM, "uuid:3", edited)
    truth = small.truth(FORM)
    assert set(truth) == {"uuid:2", "uuid:3"}
    assert truth["uuid:2"].files == {"foto.png": b"png"}
    assert (truth["uuid:3"].xml, truth["uuid:3"].instance_id) == (edited, "uuid:4")
    assert (truth["uuid:3"].root_uuid, truth["uuid:3"].review_state) == ("uuid:3", "edited")


def test_refusals_of_the_verbs(small):
    with pytest.raises(ValueError, match=r"409\.3"):
        small.submit(FORM, first_version("uuid:1"))
    with pytest.raises(ValueError, match=r"404\.6"):
        small.submit(FORM, first_version("uuid:9").replace(b'version="1"', b'version="9"'))
    with pytest.raises(ValueError, match=r"409\.9"):
        small.edit(
            FORM,
            "uuid:1",
            first_version("uuid:9").replace(b"</meta>", b"<deprecatedID>x</deprecatedID></meta>"),
        )
    with pytest.raises(ValueError, match=r"404\.1"):
        small.attach(FORM, "uuid:1", "unknown.png", b"")


def test_next_links_carry_the_configured_domain():
    with FakeCentral(domain="http://data.example.org/") as server:
        server.publish(RECORDINGS / "forms/alumni_v1.xlsx")
        server.bulk(FORM, (first_version(f"uuid:{number}") for number in range(3)))
        reader = Reader(server)
        link = reader.rows("$top=2").json()["@odata.nextLink"]
        reader.close()
    assert link.startswith(f"http://data.example.org/v1/projects/1/forms/{FORM}.svc/Submissions?%24top=2&")


def workbook(path: Path, kind: str, version: str) -> Path:
    book = openpyxl.Workbook()
    survey = book.active
    survey.title = "survey"
    survey.append(["type", "name", "label"])
    survey.append([kind, "b-1.c", "B"])
    settings = book.create_sheet("settings")
    settings.append(["form_id", "version", "form_title"])
    settings.append(["tipe", version, "Tipe"])
    book.save(path)
    return path


def test_type_changes(tmp_path):
    recorded = Recorded.read("290-form-type-conflict")
    with FakeCentral() as server:
        server.publish(workbook(tmp_path / "1.xlsx", "integer", "1"))
        server.submit(
            "tipe",
            b'<data id="tipe" version="1"><b-1.c>7</b-1.c><meta><instanceID>uuid:1</instanceID></meta></data>',
        )
        reader = Reader(server, "tipe")
        assert reader.rows().json()["value"][0]["b_1_c"] == 7
        server.publish(workbook(tmp_path / "2.xlsx", "text", "2"))
        assert reader.rows().json()["value"][0]["b_1_c"] == "7"
        body = workbook(tmp_path / "3.xlsx", "integer", "3").read_bytes()
        kind = {"Content-Type": recorded.sent["Content-Type"]}
        answer = reader.session.post(
            f"{reader.root}/draft?ignoreWarnings=true", data=body, headers=kind, timeout=20
        )
        fields = reader.get("/fields?odata=true").json()
        reader.close()
    same_frame(answer, recorded)
    wanted = recorded.body.decode().replace("/b", "/b-1.c")
    assert answer.json() == json.loads(wanted)
    assert fields[0]["path"] == "/b_1_c"


def test_entities_come_later_and_in_pages():
    with FakeCentral(entities_at_once=False) as server:
        server.publish(RECORDINGS / "forms/alumni_v1.xlsx")
        first = sent_xml("024-openrosa-resubmit-same")
        for number in range(5):
            text = first.replace(b"fbe4816c", b"fbe4816%d" % number).replace(
                b"c1f2cfc1", b"c1f2cfc%d" % number
            )
            server.submit(FORM, text)
        with requests.Session() as session:
            session.headers.update(log_in(server))
            place = f"{server.url}/v1/projects/1/datasets/peserta"
            assert session.get(f"{place}.svc/Entities", timeout=20).json()["value"] == []
            assert server.work_off() == 5
            assert server.work_off() == 0
            seen, link = [], f"{place}.svc/Entities?$top=2&$count=true"
            while link:
                answer = session.get(link.replace("https://central.example.org", server.url), timeout=20)
                body = answer.json()
                seen += body["value"]
                link = body.get("@odata.nextLink", "")
            tag = session.get(f"{place}/entities.csv", timeout=20).headers["ETag"]
            again = session.get(f"{place}/entities.csv", headers={"If-None-Match": tag}, timeout=20)
            none = session.get(f"{place}.svc/Entities?$select=__system/version", timeout=20)
    assert len({row["__id"] for row in seen}) == body["@odata.count"] == 5
    assert seen[0]["nama"] == "Agus Sampel 0001"
    assert (again.status_code, "ETag" in answer.headers, none.status_code) == (304, False, 400)


def test_select_in_subtables_is_relative(small, reader):
    small.submit(FORM, sent_xml("024-openrosa-resubmit-same"))
    whole = reader.get(".svc/Submissions.pekerjaan").json()["value"][0]
    some = reader.get(".svc/Submissions.pekerjaan?$select=gaji,tempat/kota").json()["value"][0]
    assert some == {"gaji": whole["gaji"], "tempat": whole["tempat"]}
    key = reader.get(".svc/Submissions.pekerjaan?$select=__Submissions-id").json()["value"][0]
    assert key == {"__Submissions-id": whole["__Submissions-id"]}
    for name, code in (("tugas/jam", 400.24), ("pekerjaan", 400.23), ("__system", 400.23)):
        assert reader.get(f".svc/Submissions.pekerjaan?$select={name}").json()["code"] == code
    assert reader.rows("$select=pekerjaan/gaji").json()["code"] == 400.24


def test_collect_must_say_who_it_is_and_what_it_speaks(small):
    place, spoken = f"{small.url}/v1/projects/1/submission", {"X-OpenRosa-Version": "1.0"}
    files = {"xml_submission_file": ("s.xml", first_version("uuid:9"), "text/xml")}
    nobody = requests.post(place, files=files, headers=spoken, timeout=20)
    silent = requests.post(place, files=files, headers=log_in(small), timeout=20)
    empty = requests.post(place, files={"x": b"y"}, headers={**spoken, **log_in(small)}, timeout=20)
    small.add_user("viewer@example.org", "viewer-password", "viewer")
    viewer = log_in(small, "viewer@example.org", "viewer-password")
    forbidden = requests.post(place, files=files, headers={**spoken, **viewer}, timeout=20)
    stranger = small.add_app_user("stranger", "another form")
    keyed = place.replace("/v1/", f"/v1/key/{stranger}/")
    unassigned = requests.post(keyed, files=files, headers=spoken, timeout=20)
    answers = (nobody, silent, empty, forbidden, unassigned)
    assert [answer.status_code for answer in answers] == [401, 400, 400, 403, 403]
    assert all("<OpenRosaResponse" in answer.text for answer in answers)
    assert "uuid:9" not in small.truth(FORM)


def test_drafts_and_their_files():
    with FakeCentral() as server:
        server.publish(RECORDINGS / "forms/alumni_update.xlsx")
        reader = Reader(server, "alumni_update")
        post, place = reader.session.post, f"{reader.root}/draft"
        body = (RECORDINGS / "forms/alumni_update.xlsx").read_bytes()
        kind = {"Content-Type": Recorded.read("005-form-create-update").sent["Content-Type"]}
        assert post(f"{place}?ignoreWarnings=true", data=body, headers=kind, timeout=20).ok
        listed = reader.get("/draft/attachments").json()
        assert [(file["name"], file["exists"], file["datasetExists"]) for file in listed] == [
            ("peserta.csv", True, True)
        ]
        upload = post(f"{place}/attachments/peserta.csv", data=b"name,label\n", timeout=20)
        unknown = post(f"{place}/attachments/lain.csv", data=b"x", timeout=20)
        assert (upload.json(), unknown.status_code) == ({"success": True}, 404)
        used = post(f"{place}/publish", timeout=20).json()
        assert (used["code"], used["details"]) == (409.6, {"xmlFormId": "alumni_update", "version": "1"})
        assert post(f"{place}/publish?version=1%20b", timeout=20).ok
        assert [version["version"] for version in reader.get("/versions").json()] == ["1 b", "1"]
        assert reader.get("/versions/1%20b/attachments/peserta.csv").content == b"name,label\n"
        assert b'version="1 b"' in reader.get(".xml").content
        reader.close()


@pytest.mark.parametrize(
    ("body", "code"), [(b"{" + b" " * 256_000 + b"}", 400.36), (b"{", 400.1), (b'{"email": "x"}', 400.3)]
)
def test_bodies_that_are_refused(small, body, code):
    sent = {"Content-Type": "application/json"}
    answer = requests.post(f"{small.url}/v1/sessions", data=body, headers=sent, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_deleted_entities_keep_their_ids():
    with FakeCentral() as server, requests.Session() as session:
        session.headers.update(log_in(server))
        place = f"{server.url}/v1/projects/1/datasets"
        made = session.post(place, json={"name": "people"}, timeout=20).json()
        assert (made["name"], made["properties"]) == ("people", [])
        assert session.post(f"{place}/people/properties", json={"name": "age"}, timeout=20).ok
        given = {"label": "One", "data": {"age": "20"}}
        key = session.post(f"{place}/people/entities", json=given, timeout=20).json()["uuid"]
        one = f"{place}/people/entities/{key}"
        assert session.delete(one, timeout=20).ok
        assert session.get(one, timeout=20).status_code == 404
        again = session.post(f"{place}/people/entities", json={**given, "uuid": key}, timeout=20)
        assert (again.status_code, again.json()["code"]) == (409, 409.19)
        assert session.post(f"{one}/restore", timeout=20).ok
        restored = session.get(one, timeout=20).json()
    assert restored["deletedAt"] is None
    assert restored["updatedAt"] is not None
