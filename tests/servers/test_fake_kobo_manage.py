"""The life of a project on the fake KoboToolbox, over HTTP: import, deploy, grant, answer, take back."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import pytest
import requests
from openpyxl import load_workbook

from tracer_etl.testing import FakeKobo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FORM = """
| survey   |                    |       |              |           |
|          | type               | name  | label::en    | label::id |
|          | text               | who   | Who          | Siapa     |
|          | select_one yn      | work  | Work?        | Kerja?    |
|          | begin_repeat       | job   | Job          | Kerja     |
|          | text               | title | Title        | Jabatan   |
|          | image              | proof | Proof        | Bukti     |
|          | end_repeat         |       |              |           |
| choices  |                    |       |              |           |
|          | list_name          | name  | label::en    | label::id |
|          | yn                 | 1     | Yes          | Ya        |
| settings |                    |       |              |           |
|          | form_id            | version | form_title | default_language |
|          | visit              | 1     | Visit        | id        |
"""


class Client:
    """Speaks to a server as one user."""

    def __init__(self, server: FakeKobo, token: str) -> None:
        self.url, self.headers = server.url, {"Authorization": f"Token {token}"}

    def __call__(self, method: str, path: str, **sent: Any) -> requests.Response:
        url = path if path.startswith("http") else f"{self.url}{path}"
        return requests.request(method, url, headers=self.headers, timeout=10, allow_redirects=False, **sent)


@pytest.fixture
def server() -> Iterator[FakeKobo]:
    with FakeKobo() as made:
        yield made


@pytest.fixture
def owner(server: FakeKobo) -> Client:
    return Client(server, server.token)


def _import(client: Client, text: str, **fields: str) -> dict[str, Any]:
    begun = client(
        "POST", "/api/v2/imports/", data=fields, files={"file": ("visit.md", text.encode())}
    ).json()
    assert begun["status"] == "processing"
    done: dict[str, Any] = client("GET", begun["url"]).json()
    return done


def _imported(client: Client) -> str:
    uid: str = _import(client, FORM, name="Visit")["messages"]["created"][0]["uid"]
    assert client("POST", f"/api/v2/assets/{uid}/deployment/", json={"active": True}).status_code == 200
    return uid


def _xml(number: int, body: str = "") -> bytes:
    return f"<data>{body}<meta><instanceID>uuid:{number}</instanceID></meta></data>".encode()


def test_a_form_is_imported_deployed_replaced_and_archived(owner: Client) -> None:
    uid = _imported(owner)
    asset = f"/api/v2/assets/{uid}/"
    replaced = _import(
        owner, FORM.replace("| 1     | Visit", "| 2     | Visit"), destination=owner.url + asset
    )
    assert replaced["messages"]["updated"][0]["uid"] == uid
    draft = owner("GET", asset).json()
    assert draft["version_id"] != draft["deployed_version_id"]
    again = owner("PATCH", f"{asset}deployment/", json={"active": True, "version_id": draft["version_id"]})
    assert again.json()["version_id"] == draft["version_id"]
    assert len(owner("GET", f"{asset}versions/").json()["results"]) == 2
    assert not owner("PATCH", f"{asset}deployment/", json={"active": False}).json()["active"]
    assert owner("GET", "/api/v2/assets/?q=_deployment_status:archived").json()["count"] == 1
    assert "<xform>" not in owner("GET", "/formList").text
    owner("PATCH", f"{asset}deployment/", json={"active": True})
    assert uid in owner("GET", "/formList").text
    actions = owner("GET", f"{asset}history/actions/").json()["actions"]
    assert actions == ["deploy", "replace-form", "redeploy", "archive", "unarchive"]


def test_a_form_that_does_not_compile_is_not_imported(owner: Client) -> None:
    failed = _import(owner, FORM.replace("select_one yn", "select_one nothing"))
    assert failed["status"] == "error"
    assert "nothing" in failed["messages"]["error"]
    assert owner("GET", "/api/v2/assets/").json()["count"] == 0


def test_the_default_language_comes_first(owner: Client) -> None:
    content = owner("GET", f"/api/v2/assets/{_imported(owner)}/content/").json()["data"]
    assert content["translations"] == ["id", "en"]
    assert content["survey"][0]["label"] == ["Siapa", "Who"]
    assert content["choices"][0]["label"] == ["Ya", "Yes"]


def test_files_come_and_go_and_phones_get_them(owner: Client) -> None:
    uid = _imported(owner)
    path = f"/api/v2/assets/{uid}/files/"
    encoded = "data:text/csv;base64," + base64.b64encode(b"name,label\n1,Satu\n").decode()
    sent = {"file_type": "form_media", "metadata": '{"filename": "list.csv"}', "base64Encoded": encoded}
    made = owner("POST", path, data=sent)
    assert made.status_code == 201, made.text
    assert owner("POST", path, data=sent).json() == {"base64Encoded": ["File already exists"]}
    parts = {"content": ("list.csv", b"name,label\n")}
    assert owner("POST", path, data=sent, files=parts).json() == {"content": ["File already exists"]}
    assert owner("GET", made.json()["content"]).content == b"name,label\n1,Satu\n"
    manifest = owner("GET", "/xformsManifest/1").text
    assert made.json()["metadata"]["hash"] in manifest
    assert owner("GET", manifest.split("<downloadUrl>")[1].split("<")[0]).content == b"name,label\n1,Satu\n"
    assert owner("DELETE", made.json()["url"]).status_code == 204
    assert owner("GET", path).json()["count"] == 0


def test_rights_are_granted_and_taken_back(server: FakeKobo, owner: Client) -> None:
    uid = _imported(owner)
    asset = f"/api/v2/assets/{uid}/"
    phone = Client(server, server.add_user("phone"))
    parts = {"xml_submission_file": ("s.xml", server.stamp(uid, _xml(1)))}
    assert phone("POST", "/submission", files=parts).status_code == 403
    people = {"user": f"{owner.url}/api/v2/users/phone/"}
    granted = owner(
        "POST", f"{asset}permission-assignments/",
        json={**people, "permission": f"{owner.url}/api/v2/permissions/add_submissions/"},
    )  # fmt: skip
    assert phone("POST", "/submission", files=parts).status_code == 201
    assert phone("GET", f"{asset}data/").status_code == 404
    listed = owner("GET", f"{asset}permission-assignments/").json()
    phones = {item["permission"].split("/")[-2] for item in listed if item["user"].endswith("/phone/")}
    assert phones == {"add_submissions", "view_asset"}
    assert owner("DELETE", granted.json()["url"]).status_code == 204
    parts = {"xml_submission_file": ("s.xml", server.stamp(uid, _xml(2)))}
    assert phone("POST", "/submission", files=parts).status_code == 403
    assert phone("POST", f"{asset}permission-assignments/", json=people).status_code == 403
    server.set_permissions("phone", {"view_submissions"}, form=uid)
    listed = owner("GET", f"{asset}permission-assignments/").json()
    base = next(i for i in listed if i["user"].endswith("/phone/") and "view_asset" in i["permission"])
    assert owner("DELETE", base["url"]).status_code == 204
    assert phone("GET", f"{asset}data/").status_code == 404, "what implied the right is gone with it"


def test_bulk_changes_touch_what_they_name(server: FakeKobo, owner: Client) -> None:
    uid = _imported(owner)
    data = f"/api/v2/assets/{uid}/data/"
    keys = server.bulk(uid, [_xml(number, f"<who>{number}</who>") for number in range(6)])
    ids = [int(key) for key in keys]
    status = {"validation_status.uid": "validation_status_on_hold"}
    answer = owner(
        "PATCH", f"{data}validation_statuses/", json={"payload": {"submission_ids": [*ids[:3], 99], **status}}
    )
    assert answer.json() == {"detail": "3 submissions have been updated"}
    held = '{"_validation_status.uid": "validation_status_on_hold"}'
    assert owner("GET", data, params={"query": held}).json()["count"] == 3
    body = {"payload": {"submission_ids": [ids[0], 99], "data": {"who": "Ani", "home/village": "x"}}}
    assert owner("PATCH", f"{data}bulk/", json=body).json()["successes"] == 1
    row = owner("GET", f"{data}{ids[0]}/").json()
    assert (row["who"], row["home/village"], row["meta/deprecatedID"]) == ("Ani", "x", "uuid:0")
    assert row["_validation_status"]["uid"] == "validation_status_on_hold"
    refused = owner("DELETE", f"{data}bulk/", json={"payload": {"submission_ids": [ids[1], 99]}})
    assert refused.status_code == 400
    assert owner("DELETE", f"{data}bulk/", json={"payload": {"submission_ids": ids[1:3]}}).status_code == 200
    cleared = owner("DELETE", f"{data}validation_statuses/", json={"payload": {"query": {}}})
    assert cleared.json() == {"detail": "4 submissions have been updated"}
    assert sorted(server.truth(uid)) == sorted([keys[0], *keys[3:]])
    everything = owner("DELETE", f"{data}bulk/", json={"payload": {"confirm": True}})
    assert everything.json() == {"detail": "4 submissions have been deleted"}
    assert server.truth(uid) == {}


def test_a_file_of_a_repeat_instance_says_which(server: FakeKobo, owner: Client) -> None:
    uid = _imported(owner)
    jobs = "".join(f"<job><title>{n}</title><proof>p{n}.jpg</proof></job>" for n in range(2))
    key = server.submit(uid, _xml(1, jobs), {"p1.jpg": b"1", "p0.jpg": b"0"})
    url = f"/api/v2/assets/{uid}/data/"
    files = owner("GET", f"{url}{key}/").json()["_attachments"]
    xpaths = {item["media_file_basename"]: item["question_xpath"] for item in files}
    assert xpaths == {"p0.jpg": "job[1]/proof", "p1.jpg": "job[2]/proof"}
    for fields, lost in (
        ('["_attachments"]', True),
        ('["_attachments","who"]', True),
        ('["_attachments","job"]', False),
    ):
        (row,) = owner("GET", url, params={"fields": fields}).json()["results"]
        assert {item["question_xpath"] == "" for item in row["_attachments"]} == {lost}, fields


def test_an_xlsx_export_has_a_sheet_per_repeat(server: FakeKobo, owner: Client) -> None:
    uid = _imported(owner)
    server.submit(uid, _xml(1, "<who>Ani</who><job><title>a</title></job><job><title>b</title></job>"))
    stated = {
        "fields_from_all_versions": "true", "group_sep": "/", "hierarchy_in_labels": "false",
        "lang": "_xml", "multiple_select": "summary", "type": "xls",
    }  # fmt: skip
    begun = owner("POST", f"/api/v2/assets/{uid}/exports/", json=stated).json()
    assert (begun["status"], begun["result"]) == ("created", None)
    done = owner("GET", begun["url"]).json()
    book = load_workbook(io.BytesIO(owner("GET", done["result"]).content))
    assert book.sheetnames == ["Visit", "job"]
    rows = list(book["job"].iter_rows(values_only=True))
    assert [dict(zip(rows[0], row, strict=True))["job/title"] for row in rows[1:]] == ["a", "b"]
    assert {dict(zip(rows[0], row, strict=True))["_parent_index"] for row in rows[1:]} == {1}


def test_a_hundred_pages_hold_every_row_once(server: FakeKobo, owner: Client, tmp_path: Path) -> None:
    path = tmp_path / "visit.md"
    path.write_text(FORM, encoding="utf-8")
    uid = server.publish(path)
    server.bulk(uid, (_xml(number, f"<who>{number}</who>") for number in range(2_000)))
    server.world.max_page = 20
    seen, last = 0, 0
    while True:
        query = f'{{"_id": {{"$gt": {last}}}}}'
        rows = owner("GET", f"/api/v2/assets/{uid}/data.json", params={"query": query, "limit": "20"}).json()[
            "results"
        ]
        if not rows:
            break
        seen, last = seen + len(rows), rows[-1]["_id"]
    assert seen == 2_000
    assert len(server.requests) == 101


def test_an_edit_lets_go_of_the_files_it_no_longer_names_and_old_names_lead_nowhere(
    server: FakeKobo, owner: Client
) -> None:
    uid = _imported(owner)
    job = "<job><proof>old.jpg</proof></job>"
    key = server.submit(uid, _xml(1, job), {"old.jpg": b"1", "audit.csv": b"2"})
    for number, named in ((2, job), (3, job.replace("old", "new"))):
        raw = _xml(number, named)
        raw = raw.replace(b"</meta>", f"<deprecatedID>uuid:{number - 1}</deprecatedID></meta>".encode())
        server.edit(uid, key, raw)
    truth = server.truth(uid)[key]
    assert (truth.files, truth.missing) == ({"audit.csv": b"2"}, ("new.jpg",))
    data = f"/api/v2/assets/{uid}/data/"
    assert owner("GET", f"{data}uuid:3/").json()["_id"] == int(key)
    assert owner("GET", f"{data}uuid:1/").json()["_id"] == int(key), "the root uuid leads on"
    server.delete(uid, key)
    assert [owner("GET", f"{data}uuid:{number}/").status_code for number in (1, 2, 3)] == [404, 404, 404]
