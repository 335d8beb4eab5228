"""The fake KoboToolbox answers the recorded calls as the real one did, and keeps its promises to tests."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from lxml import etree

from kobo_recordings import ASSET, RECORDINGS, Recorded, Stage, collected, draft, names, staged
from tracer_etl.form import read_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tracer_etl.testing.kobo.state import World

pytestmark = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the recordings are not at hand")

NOT_REPLAYED = {
    "asset_create_from_content": "projects are made from workbooks only",
    "asset_xls": "no workbook download: content and XForm are the sources",
    "attachment_thumb": "no thumbnails",
    "hook_create": "no REST services",
    "hook_logs": "no REST services",
    "hook_logs_failed": "no REST services",
    "hooks_list": "no REST services: the list is always empty",
}
"""Recorded calls the fake does not answer."""


# -- what must be so before a call


def _nothing(stage: Stage) -> None:
    del stage


def _each(*steps: Callable[[Stage], None]) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        for step in steps:
            step(stage)

    return prepare


def _later(seconds: int) -> Callable[[Stage], None]:
    return lambda stage: stage.server.advance(seconds)


def _list(stage: Stage) -> None:
    stage.play(Recorded.read("data_page_first"))


def _one_more(stage: Stage) -> None:
    xml = b"<d><meta><instanceID>uuid:late</instanceID></meta></d>"
    stage.server.submit(stage.form, stage.server.stamp(stage.form, xml))


def _clear_photo(stage: Stage) -> None:
    stage.server.clear(stage.form, "4", "foto_3.jpg")


def _photo_gone(stage: Stage) -> None:
    stage.play(Recorded.read("submission_second_part"))
    _reviewed(stage)
    _clear_photo(stage)


def _edited(stage: Stage) -> None:
    stage.play(Recorded.read("bulk_edit"))


def _edited_by_phone(stage: Stage) -> None:
    stage.play(Recorded.read("submission_edit_openrosa"))


def _reviewed(stage: Stage) -> None:
    for key in ("4", "5", "30", "32"):
        stage.server.review(stage.form, key, "validation_status_approved")


def _deleted(stage: Stage) -> None:
    for key in ("40", "41", "42"):
        stage.server.delete(stage.form, key)


def _may_view(stage: Stage) -> None:
    stage.server.set_permissions("enum1", {"add_submissions", "view_submissions"}, form=stage.form)


def _partial(stage: Stage) -> None:
    _edited(stage)
    stage.play(Recorded.read("perm_partial"))
    for row in stage.server.world.assets[stage.form].grants["peer"].filters or ():
        row.clear()
        row["kode_peserta"] = "BLT-0009"


def _deployed(stage: Stage) -> None:
    stage.play(Recorded.read("deploy_create"))


def _second_draft(stage: Stage) -> None:
    stage.server.publish(RECORDINGS / "tracer_v2.xlsx", deploy=False)


def _both_deployed(stage: Stage) -> None:
    _deployed(stage)
    stage.server.publish(RECORDINGS / "tracer_v2.xlsx")


def _no_files(stage: Stage) -> None:
    stage.server.world.assets[stage.form].files.clear()


def _imported(stage: Stage, name: str, uid: str) -> None:
    stage.known[uid] = stage.play(Recorded.read(name)).json()["uid"]


def _archived(stage: Stage) -> None:
    stage.server.archive(stage.form)


def _exported(stage: Stage) -> None:
    for name, uid in (
        ("export_create_csv", "eY3PrnqzpMzVakvjYcavaS"),
        ("export_create_xlsx", "etUnGsbs4SYbwQHCLUVkfx"),
        ("export_settings_create", "eshx7PhqsGwewnDKaU7uvmF"),
    ):
        _imported(stage, name, uid)
    item = next(iter(stage.server.world.assets[stage.form].exports.values()))
    path = item["result"].removeprefix(stage.server.url)
    stage.known[Recorded.read("export_csv_file").target] = path


def _shared(stage: Stage) -> None:
    stage.play(Recorded.read("data_sharing_enable"))


def _paired(stage: Stage) -> None:
    _shared(stage)
    made = stage.play(Recorded.read("paired_data_create")).json()
    stage.known["pdhXAGUBvYLhcf3Lb9vhb4x"] = made["url"].rstrip("/").rpartition("/")[2]


def _dotted_row(stage: Stage) -> None:
    form = list(stage.server.world.assets)[1]
    for number in range(2):
        answers = f"<kode>K1</kode><n>1</n><nilai.titik>t1</nilai.titik><meta><instanceID>uuid:{number}</instanceID></meta>"
        stage.server.submit(form, stage.server.stamp(form, f"<data>{answers}</data>".encode()))


def _encrypted_row(stage: Stage) -> None:
    stage.play(Recorded.read("submission_encrypted"))


BEFORE_DEPLOYMENT: dict[str, Callable[[Stage], None]] = {
    "asset_detail_draft": _nothing,
    "assets_list_q": _nothing,
    "data_not_deployed": _nothing,
    "deploy_create": _nothing,
    "deploy_patch": _deployed,
    "deploy_patch_v2": _each(_deployed, _second_draft),
    "deploy_twice": _deployed,
    "deployment_get": _deployed,
    "asset_detail_undeployed_changes": _each(_deployed, _second_draft),
    "asset_detail_v2": _both_deployed,
    "file_upload": _no_files,
    "file_upload_duplicate": _nothing,
    "files_list": _nothing,
    "form_xml_v1": _deployed,
    "import_create": _nothing,
    "import_detail": lambda stage: _imported(stage, "import_create", "i7NcXpX5ped6KtwQjN72Sk"),
    "import_replace": _nothing,
    "import_replace_detail": lambda stage: _imported(stage, "import_replace", "i6y79jf5BmArJ7Ao5NYhuG"),
    "perm_add_submissions": _nothing,
    "formlist": _deployed,
    "manifest": _deployed,
    "manifest_media": _deployed,
}
"""Calls on a project that begins as a draft."""
PREPARED: dict[str, Callable[[Stage], None]] = {
    "attachment_deleted_download": _clear_photo,
    "data_row_attachment_deleted": _photo_gone,
    "bulk_edit_missing_id": _edited,
    "data_by_root_uuid": _edited,
    "data_query_root_uuid_in": _edited,
    "data_query_edited": _edited,
    "data_query_id_in": _edited,
    "data_row_after_edit": _edited,
    "data_row_missing_media": _reviewed,
    "data_query_validation_status": _reviewed,
    "validation_status_get": _reviewed,
    "validation_status_delete": _reviewed,
    "bulk_delete_with_missing": lambda stage: stage.server.delete(stage.form, "43"),
    "submission_after_delete": _deleted,
    "data_partial_permission": _partial,
    "history_no_permission": _may_view,
    "validation_no_permission": _may_view,
    "history_modify-submission": _each(_reviewed, _edited),
    "history_since": _each(_later(28_100_000), _reviewed),
    "history_delete-submission": _deleted,
    "history_window": _each(_later(27_930_000), _deleted),
    "history_openrosa_edit": _edited_by_phone,
    "history_actions": _each(_reviewed, _deleted, _partial, _list),
    "submission_edit_not_allowed": _edited_by_phone,
    "submission_archived": _archived,
    "data_dotted_name": _dotted_row,
    "data_encrypted": _encrypted_row,
    "asset_encrypted": _nothing,
    "paired_data_create": _shared,
    "paired_data_external": _paired,
    "manifest_paired": _paired,
    "export_detail": _exported,
    "exports_list": _exported,
    "export_csv_file": _exported,
    "export_settings_list": _exported,
    "export_settings_sync_csv": _exported,
    "attachment_delete": _nothing,
    "submission_second_part": _nothing,
    "data_query_submission_time_gt": _each(_later(30_000_000), _one_more),
    "data_query_date_operand": _nothing,
    "submission_post": lambda stage: stage.server.delete(stage.form, "1"),
    "submission_no_permission": _nothing,
    "submission_unknown_form": lambda stage: stage.server.delete(stage.form, "3"),
    "submission_with_submissiondate": lambda stage: stage.server.delete(stage.form, "6"),
    "data_v2_row": _nothing,
    "submission_encrypted": lambda stage: stage.server.set_permissions("enum1", {"add_submissions"}),
}
"""What must be so before a call on the collected rows; calls not named need nothing."""
LANGUAGE = {"error_localised": {"Accept-Language": "fr"}}


# -- the comparison

FREE = {"specified", "kuid_names", "daily_submission_counts", "content", "data", "filters", "metadata"}
"""Objects whose keys depend on the rows or the form."""


def _differences(recorded: Any, ours: Any, at: str = "") -> Iterator[str]:
    """Name what differs in shape: keys and types; of a row only what the server itself adds."""
    if recorded is None or ours is None:
        return
    if type(recorded) is not type(ours) and {type(recorded), type(ours)} != {int, float}:
        yield f"{at}: {type(recorded).__name__} is {type(ours).__name__}"
    elif isinstance(recorded, dict):
        if at.endswith("_validation_status") and not (recorded and ours):
            return
        theirs, own = (_keys(item) for item in (recorded, ours))
        if theirs != own:
            yield f"{at}: missing {sorted(theirs - own)}, too many {sorted(own - theirs)}"
        for key in theirs & own - FREE:
            yield from _differences(recorded[key], ours[key], f"{at}/{key}")
    elif isinstance(recorded, list) and recorded and ours:
        yield from _differences(recorded[0], ours[0], f"{at}[0]")
    elif isinstance(recorded, list) and at.endswith("results") and bool(recorded) != bool(ours):
        yield f"{at}: {len(recorded)} results are {len(ours)}"


def _keys(item: dict[str, Any]) -> set[str]:
    if "_id" in item and "_uuid" in item:
        return {key for key in item if key.startswith("_") or key in ("meta/rootUuid", "meta/deprecatedID")}
    return set(item)


def _tags(body: bytes) -> list[str]:
    root = etree.fromstring(body, etree.XMLParser(recover=True))  # one recording was cut short
    return list(dict.fromkeys(etree.QName(node).localname for node in root.iter("*")))


HEADERS = ("Content-Type", "Allow", "Content-Language", "Vary", "X-Kobonaut", "Content-Disposition")
HEADERS_OF_PHONES = ("X-OpenRosa-Version", "X-OpenRosa-Accept-Content-Length")


def _check(recorded: Recorded, ours: requests.Response, stage: Stage) -> None:
    assert ours.status_code == recorded.status, ours.text[:500]
    answered = requests.structures.CaseInsensitiveDict(recorded.answered)
    for name in (*HEADERS, *HEADERS_OF_PHONES):
        theirs, own = stage.ours(answered.get(name, "")), ours.headers.get(name, "")
        if "_all_versions_" in theirs:
            theirs, own = theirs.partition("=")[0], own.partition("=")[0]
        assert own == theirs, name
    for name in ("Location", "WWW-Authenticate", "Set-Cookie"):
        theirs = {key.lower() for key in recorded.answered}
        assert (name.lower() in theirs) == (name in ours.headers), name
    kind = recorded.answered.get("Content-Type", "")
    if kind.startswith("application/json") and recorded.answer.strip():
        if recorded.status >= 400:
            assert ours.json() == json.loads(stage.ours(recorded.answer.decode()))
        assert list(_differences(recorded.json, ours.json())) == []
        _check_count(recorded, ours)
    elif "xml" in kind and recorded.answer.strip():
        _check_xml(recorded, ours)
    elif "html" in kind:
        assert ours.text.strip()[:9].lower() == recorded.answer.decode().strip()[:9].lower()


def _check_count(recorded: Recorded, ours: requests.Response) -> None:
    """An empty list is empty here too, and so is one that is not."""
    if isinstance(recorded.json, dict) and "count" in recorded.json:
        assert bool(recorded.json["count"]) == bool(ours.json()["count"])


def _check_xml(recorded: Recorded, ours: requests.Response) -> None:
    if recorded.status >= 400:
        assert "".join(etree.fromstring(ours.content).itertext()).split() == (
            "".join(etree.fromstring(recorded.answer).itertext()).split()
        )
    anonymous = re.compile("d$|tidakada|a[A-Za-z0-9]{21}|data")
    theirs = [tag for tag in _tags(recorded.answer) if not anonymous.fullmatch(tag)]
    assert [tag for tag in _tags(ours.content) if not anonymous.fullmatch(tag)] == theirs


@pytest.fixture(scope="module")
def before() -> World:
    return draft()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> World:
    return collected(tmp_path_factory.mktemp("forms"))


@pytest.fixture
def stage(rows: World) -> Iterator[Stage]:
    made = staged(rows)
    with made.server:
        yield made


@pytest.mark.parametrize("name", [name for name in names() if name not in NOT_REPLAYED])
def test_a_recorded_call_is_answered_as_recorded(name: str, before: World, rows: World) -> None:
    recorded = Recorded.read(name)
    stage = staged(before if name in BEFORE_DEPLOYMENT else rows)
    with stage.server:
        {**PREPARED, **BEFORE_DEPLOYMENT}.get(name, _nothing)(stage)
        _check(recorded, stage.play(recorded, **LANGUAGE.get(name, {})), stage)


def test_what_is_not_replayed_was_recorded() -> None:
    assert set(NOT_REPLAYED) <= set(names())
    assert set(PREPARED) | set(BEFORE_DEPLOYMENT) <= set(names())


# -- the recorded rows and contents to the letter


def _plain(row: dict[str, Any]) -> str:
    """Write a row without what no two servers share: ids of attachments, and times they took."""
    text = json.dumps(row, ensure_ascii=False)
    text = re.sub(r"\batt[A-Za-z0-9]{21}\b", "ATT", text)
    text = re.sub(r'"_submission_time": "2026-[^"]*"', "TIME", text)
    return re.sub(r'"timestamp": \d+', "STAMP", text)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("data_detail", f"/api/v2/assets/{ASSET}/data/1.json"),
        ("data_row_submissiondate", f"/api/v2/assets/{ASSET}/data/6.json"),
    ],
)
def test_a_row_equals_the_recorded_one(name: str, path: str, stage: Stage) -> None:
    recorded = Recorded.read(name).json
    theirs = json.loads(stage.ours(json.dumps(recorded.get("results", [recorded])[0])))
    assert _plain(stage.row(path)) == _plain(theirs)
    assert list(stage.row(path)) == list(theirs), "the keys come in the recorded order"


@pytest.mark.parametrize("name", ["version_detail_v1", "version_detail_v2"])
def test_a_content_equals_the_recorded_one(name: str, stage: Stage) -> None:
    recorded = Recorded.read(name)
    assert _without_kuid(stage.play(recorded).json()["content"]) == _without_kuid(recorded.json["content"])


def _without_kuid(content: dict[str, Any]) -> dict[str, Any]:
    return json.loads(re.sub(r'"\$kuid": "\w+",? ?', "", json.dumps(content, sort_keys=True)))


@pytest.mark.parametrize("name", ["form_xml_v2", "asset_xml"])
def test_an_xform_has_the_recorded_nodes(name: str, stage: Stage, tmp_path: Path) -> None:
    recorded = Recorded.read(name)
    for folder, body in (("theirs", recorded.answer), ("ours", stage.play(recorded).content)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "form.xml").write_bytes(body)
    theirs, ours = (read_form(tmp_path / folder / "form.xml") for folder in ("theirs", "ours"))
    kinds = {question.path: question.kind for question in theirs.questions}
    assert {question.path: question.kind for question in ours.questions} == kinds
    assert ours.repeats == theirs.repeats
    assert (ours.root, ours.form_id == stage.form) == (stage.form, theirs.form_id == ASSET)
