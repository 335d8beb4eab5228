"""The fake KoboToolbox keeps the numbered behaviours of the recorded server, and its promises to tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from kobo_recordings import ASSET, RECORDINGS, Recorded, Stage, collected, staged
from tracer_etl.testing import FakeKobo, Fault
from tracer_etl.testing.kobo import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.testing.kobo.state import World

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not at hand")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> World:
    return collected(tmp_path_factory.mktemp("forms"))


@pytest.fixture
def stage(rows: World) -> Iterator[Stage]:
    made = staged(rows)
    with made.server:
        yield made


def test_a_stated_submission_date_is_kept_without_its_offset_until_a_resync(stage: Stage) -> None:
    path = f"/api/v2/assets/{ASSET}/data/6.json"
    assert stage.row(path)["_submission_time"] == "2025-06-01T10:00:00"
    stage.server.resync(stage.form)
    assert stage.row(path)["_submission_time"] == "2025-06-01T03:00:00"


def _data(stage: Stage, user: str = "disnaker", **params: str) -> dict[str, Any]:
    found: dict[str, Any] = stage.get(f"/api/v2/assets/{ASSET}/data.json", user, **params).json()
    return found


def _ids(page: dict[str, Any]) -> list[int]:
    return [row["_id"] for row in page["results"]]


def test_kobo_01_a_page_is_capped_silently(stage: Stage) -> None:
    stage.server.world.max_page = 50
    page = _data(stage, limit="1100")
    assert len(page["results"]) == 50
    assert "limit=50" in page["next"]
    assert "start=50" in page["next"]
    assert len(_data(stage)["results"]) == 50


def test_kobo_02_offset_and_page_only_spoil_the_next_address(stage: Stage) -> None:
    first = _data(stage, offset="5", limit="2")
    assert _ids(first) == [1, 3]
    assert "start=7" in first["next"]
    second = _data(stage, page="2", limit="2")
    assert _ids(second) == [1, 3]
    assert "start=4" in second["next"]


def test_kobo_03_04_offset_paging_drifts_and_keyset_paging_does_not(stage: Stage) -> None:
    everything = sorted(int(key) for key in stage.server.truth(stage.form))
    seen = _ids(_data(stage, limit="100"))
    for key in seen[:3]:
        stage.server.delete(stage.form, str(key))
    start = 100
    while page := _ids(_data(stage, limit="100", start=str(start))):
        seen, start = seen + page, start + 100
    assert len(set(everything) - set(seen)) == 3
    keyset, last = [], 0
    while page := _ids(_data(stage, query=json.dumps({"_id": {"$gt": last}}), limit="100")):
        keyset, last = keyset + page, page[-1]
    assert keyset == everything[3:]


def test_kobo_05_a_late_commit_shows_an_older_id_later(stage: Stage) -> None:
    late = stage.server.begin(stage.form, _instance("late"), {"big.bin": b"1"})
    early = stage.server.submit(stage.form, _instance("early"))
    assert int(late.key) < int(early)
    assert _ids(_data(stage, sort='{"_id":-1}', limit="1")) == [int(early)]
    assert int(late.key) not in _ids(_data(stage, limit="1000"))
    late.commit()
    assert _ids(_data(stage, limit="1000"))[-2:] == [int(late.key), int(early)]


def _instance(uuid: str, body: str = "", meta: str = "") -> bytes:
    return f"<data>{body}<meta><instanceID>uuid:{uuid}</instanceID>{meta}</meta></data>".encode()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"identitas/keluarga/jml_anggota": {"$gt": 5}}, 0),
        ({"identitas/keluarga/jml_anggota": {"$gt": "5"}}, 214),
        ({"identitas/keluarga/jml_anggota": {"$lte": "6"}}, 213),
        ({"_id": {"$gt": "100"}}, 0),
        ({"_id": "10"}, 1),
        ({"_id": {"$in": [10, 20, 999]}}, 2),
        ({"_id": {"$gte": 10, "$lt": 12}}, 2),
        ({"$and": [{"_id": {"$gt": 3}}, {"_id": {"$lte": 5}}]}, 2),
        ({"rekaman": {"$exists": False}}, 3),
        ({"_validation_status.uid": {"$ne": "x"}}, 215),
        ({"_id": {"$foo": 1}}, 0),
        ({"$where": "1"}, 0),
        ({"_submission_time": {"$gte": "2026-01-05T01:00:00Z"}}, 100),
    ],
)
def test_kobo_06_08_09_types_are_compared_as_they_are(
    query: dict[str, Any], count: int, stage: Stage
) -> None:
    if "_submission_time" in query:
        times = [truth.submitted_at for truth in stage.server.truth(stage.form).values()]
        count = sum(time > "2026-01-05T01:00:00" for time in times)
        assert any(time == "2026-01-05T01:00:00" for time in times), "the equal ones are lost"
    assert _data(stage, query=json.dumps(query), limit="1")["count"] == count


def test_kobo_08_10_11_answers_are_texts_blank_ones_and_empty_instances_are_not_there(stage: Stage) -> None:
    job = "<pekerjaan><jabatan/></pekerjaan><pekerjaan><jabatan>Tukang</jabatan></pekerjaan>"
    body = f"<usia>07</usia><kode_peserta> a&#13;\nb </kode_peserta><asing>x</asing><catatan/>{job}"
    key = stage.server.submit(stage.form, _instance("odd", body))
    row = stage.row(f"/api/v2/assets/{ASSET}/data/{key}.json")
    assert (row["usia"], row["kode_peserta"], row["asing"]) == ("07", " a\r\nb ", "x")
    assert row["pekerjaan"] == [{"pekerjaan/jabatan": "Tukang"}]
    assert not {"catatan", "__version__"} & set(row)


def test_kobo_15_16_an_edit_keeps_id_time_and_status(stage: Stage) -> None:
    stage.server.review(stage.form, "10", "validation_status_approved")
    before = stage.row(f"/api/v2/assets/{ASSET}/data/10.json")
    previous = before["meta/instanceID"]
    stage.server.advance(60)
    stage.server.edit(stage.form, "10", _instance("new", meta=f"<deprecatedID>{previous}</deprecatedID>"))
    after = stage.row(f"/api/v2/assets/{ASSET}/data/10.json")
    for name in ("_id", "_submission_time", "meta/rootUuid", "_validation_status", "_submitted_by"):
        assert after[name] == before[name], name
    assert (after["_uuid"], after["meta/deprecatedID"]) == ("new", previous)
    with pytest.raises(ValueError, match="deprecatedID"):
        stage.server.edit(
            stage.form, "10", _instance("again", meta=f"<deprecatedID>{previous}</deprecatedID>")
        )
    stage.server.review(stage.form, "10", "")
    assert stage.row(f"/api/v2/assets/{ASSET}/data/10.json")["_validation_status"] == {}
    with pytest.raises(ValueError, match="bogus"):
        stage.server.review(stage.form, "10", "bogus")


def test_kobo_17_18_a_row_sent_again_or_copied_has_a_new_id(stage: Stage) -> None:
    truth = stage.server.truth(stage.form)["50"]
    stage.server.delete(stage.form, "50")
    assert stage.get(f"/api/v2/assets/{ASSET}/data/50.json").status_code == 404
    again = stage.server.submit(stage.form, truth.xml)
    assert int(again) > 1410
    assert stage.server.truth(stage.form)[again].root_uuid == truth.root_uuid
    copy = stage.server.duplicate(stage.form, again)
    copied = stage.server.truth(stage.form)[copy]
    assert copied.instance_id != truth.instance_id
    assert copied.root_uuid == copied.instance_id
    assert stage.server.submit(stage.form, truth.xml) == again, "the same again makes no new row"


def test_kobo_19_the_history_names_changes_by_root_uuid_and_not_late_files(stage: Stage) -> None:
    stage.server.advance(1)
    since = stage.server.clock.strftime("%Y-%m-%dT%H:%M:%SZ")
    roots = {
        key: truth.root_uuid.removeprefix("uuid:") for key, truth in stage.server.truth(stage.form).items()
    }
    stage.server.attach(stage.form, "11", "foto_11.jpg", b"1")
    stage.server.clear(stage.form, "11", "foto_11.jpg")
    stage.server.review(stage.form, "12", "validation_status_on_hold")
    stage.server.delete(stage.form, "13")
    query = f'(action:modify-submission OR action:delete-submission) AND date_created__gte:"{since}"'
    entries = stage.get(f"/api/v2/assets/{ASSET}/history/", q=query).json()["results"]
    about = [(entry["action"], entry["metadata"]["submission"]) for entry in entries]
    assert about == [
        ("delete-submission", {"root_uuid": roots["13"], "submitted_by": "enum1"}),
        ("modify-submission", {"root_uuid": roots["12"], "submitted_by": "enum1", "status": "On Hold"}),
    ]
    before = stage.get(f"/api/v2/assets/{ASSET}/history/", q="action:view-data").json()["count"]
    _data(stage, limit="1")
    assert stage.get(f"/api/v2/assets/{ASSET}/history/", q="action:view-data").json()["count"] == before + 1


def test_kobo_20_26_a_sweep_sees_late_and_deleted_files(stage: Stage) -> None:
    fields = '["_id","_uuid","_validation_status","_attachments"]'
    (row,) = _data(stage, fields=fields, query='{"_id":11}')["results"]
    assert row["_attachments"] == []
    stage.server.attach(stage.form, "11", "foto_1.jpg", b"123")
    stage.server.attach(stage.form, "11", "rek_1.m4a", b"45")
    stage.server.clear(stage.form, "11", "foto_1.jpg")
    (row,) = _data(stage, fields=fields, query='{"_id":11}')["results"]
    assert [(a["media_file_basename"], a["is_deleted"]) for a in row["_attachments"]] == [
        ("rek_1.m4a", False),
        ("foto_1.jpg", True),
    ]
    assert {item["question_xpath"] for item in row["_attachments"]} == {""}
    whole = stage.row(f"/api/v2/assets/{ASSET}/data/11.json")
    assert {item["question_xpath"] for item in whole["_attachments"]} == {"rekaman", "foto_sertifikat"}
    answers = [_download(stage, item) for item in row["_attachments"]]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[0].content == b"45"
    assert stage.server.truth(stage.form)["11"].missing == ("foto_1.jpg",)


def _download(stage: Stage, item: dict[str, Any]) -> requests.Response:
    return requests.get(
        item["download_url"], headers={"Authorization": f"Token {stage.server.token}"}, timeout=10
    )


def test_kobo_21_counters_keep_deleted_rows_or_not(stage: Stage) -> None:
    detail = stage.get(f"/api/v2/assets/{ASSET}/").json()
    stage.server.delete(stage.form, "1410")
    after = stage.get(f"/api/v2/assets/{ASSET}/").json()
    assert after["deployment__submission_count"] == detail["deployment__submission_count"] - 1
    assert after["deployment__last_submission_time"] == detail["deployment__last_submission_time"]
    assert after["date_modified"] == detail["date_modified"]
    counts = stage.get(f"/api/v2/assets/{ASSET}/counts/").json()
    assert sum(counts["daily_submission_counts"].values()) == counts["total_submission_count"] + 1


def test_kobo_23_a_row_keeps_the_version_it_was_answered_with(stage: Stage) -> None:
    server, form = stage.server, stage.form
    detail = stage.get(f"/api/v2/assets/{ASSET}/").json()
    newest, oldest = (version["uid"] for version in detail["deployed_versions"]["results"])
    now = server.submit(form, server.stamp(form, _instance("now")))
    old = server.submit(form, server.stamp(form, _instance("old"), version=oldest))
    truth = server.truth(form)
    assert (truth[now].version, truth[old].version) == (newest, oldest)
    server.publish(RECORDINGS / "tracer_v1.xlsx", deploy=False)
    undeployed = stage.get(f"/api/v2/assets/{ASSET}/").json()
    assert undeployed["deployed_version_id"] == newest != undeployed["version_id"]


def test_kobo_27_rights_hide_rows_without_a_word(stage: Stage) -> None:
    server = stage.server
    assert stage.get("/api/v2/assets/", user="").json()["count"] == 0
    assert stage.get(f"/api/v2/assets/{ASSET}/data.json", user="peer").status_code == 404
    server.set_permissions("peer", {"view_submissions"}, rows={"1", "3", "10"})
    page = _data(stage, "peer", limit="2")
    assert (page["count"], _ids(page)) == (3, [1, 3])
    assert stage.get(f"/api/v2/assets/{ASSET}/data/4.json", user="peer").status_code == 404
    codes = {
        item["codename"]
        for item in stage.get(f"/api/v2/assets/{ASSET}/", user="peer").json()["effective_permissions"]
    }
    assert codes == {"view_asset", "partial_submissions"}
    assert stage.get(f"/api/v2/assets/{ASSET}/history/", user="peer").status_code == 403
    server.set_permissions("peer", {"view_submissions"})
    assert _data(stage, "peer", limit="1")["count"] == len(server.truth(stage.form))
    server.set_permissions("peer", set())
    assert stage.get(f"/api/v2/assets/{ASSET}/data.json", user="peer").status_code == 404


def test_kobo_28_whoever_accepts_html_first_gets_html(stage: Stage) -> None:
    headers = {"Authorization": f"Token {stage.server.token}", "Accept": "text/html,*/*"}
    url = f"{stage.server.url}/api/v2/assets/{stage.form}/data/"
    assert requests.get(url, headers=headers, timeout=10).headers["Content-Type"].startswith("text/html")
    assert requests.get(url + "?format=json", headers=headers, timeout=10).json()["count"]


def test_kobo_30_a_synchronous_export_is_cached_for_five_minutes(stage: Stage) -> None:
    saved = Recorded.read("export_settings_create")
    stage.known["eshx7PhqsGwewnDKaU7uvmF"] = stage.play(saved).json()["uid"]
    path = Recorded.read("export_settings_sync_csv").target

    def lines() -> int:
        return len(stage.get(path).content.split(b'\n"')) + stage.get(path).content.count(b"\r\n")

    first = lines()
    stage.server.submit(stage.form, _instance("one more"))
    assert lines() == first
    stage.server.advance(301)
    assert lines() > first


def test_kobo_32_what_a_server_refuses_python_raises(stage: Stage) -> None:
    server, form = stage.server, stage.form
    for xml, status in (
        (b"<a", 400),
        (b"<data/>", 400),
        (_instance("x", meta="<deprecatedID>uuid:nobody</deprecatedID>"), 410),
        (_instance("y", "<lokasi>di sana</lokasi>"), 500),
        (server.truth(form)["1"].xml.replace(b"Budi", b"Bud1"), 409),
    ):
        with pytest.raises(Refusal) as refused:
            server.submit(form, xml)
        assert refused.value.status == status, xml
    server.archive(form)
    with pytest.raises(Refusal, match="not active") as refused:
        server.submit(form, _instance("late"))
    assert refused.value.status == 405
    assert _data(stage, limit="1")["count"] == len(server.truth(form))


def test_phones_may_answer_the_digest_challenge(stage: Stage) -> None:
    given = requests.auth.HTTPDigestAuth("disnaker", stage.server.password)
    url = f"{stage.server.url}/formList"
    assert requests.get(url, auth=given, timeout=10).status_code == 200
    assert (
        requests.get(url, auth=requests.auth.HTTPDigestAuth("disnaker", "x"), timeout=10).status_code == 401
    )


def test_two_servers_do_not_share_a_form(tmp_path: Path) -> None:
    for name, kind in (("one", "repeat"), ("two", "group")):
        text = f"""
| survey |               |      |       |
|        | type          | name | label |
|        | begin_{kind}  | part | Part  |
|        | text          | a    | A     |
|        | end_{kind}    |      |       |
"""
        (tmp_path / f"{name}.md").write_text(text, encoding="utf-8")
    for name, row in (("one", {"part": [{"part/a": "1"}]}), ("two", {"part/a": "1"})):
        with FakeKobo() as server:
            form = server.publish(tmp_path / f"{name}.md")
            key = server.submit(form, _instance("i", "<part><a>1</a></part>"))
            url = f"{server.url}/api/v2/assets/{form}/data/{key}.json"
            found = requests.get(url, headers={"Authorization": f"Token {server.token}"}, timeout=10).json()
            assert row.items() <= found.items()


def test_the_network_misbehaves_on_demand(stage: Stage) -> None:
    stage.server.faults.append(Fault("status", match="/data.json", status=502))
    path = f"/api/v2/assets/{ASSET}/data.json"
    assert [stage.get(path).status_code for _ in range(2)] == [502, 200]
    stage.server.after("/data.json", lambda: stage.server.delete(stage.form, "1"))
    assert _ids(_data(stage, limit="1")) == [1]
    assert _ids(_data(stage, limit="1")) == [3]
