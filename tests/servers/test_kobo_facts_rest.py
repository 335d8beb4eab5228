"""KoboToolbox as it really behaves, facts 23 to 34: versions, files, accounts, errors, encryption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kobo_world import FORM, QUICK, SECOND, World, bare
from tracer_etl.errors import Refused, StudyError, Unavailable
from tracer_etl.form import read_form
from tracer_etl.servers import Options, kobo, kobo_rows
from tracer_etl.servers.openrosa import received
from tracer_etl.testing import FakeKobo, Fault
from tracer_etl.testing.encryption import encrypt, key_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.questions import Form
    from tracer_etl.testing.loopback import Reply, Request

RECORDED = Path(__file__).parent / "recordings" / "kobo"
PHOTO = "<photo>a.jpg</photo>"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with FakeKobo() as server:
        yield World(server, tmp_path)


def forms(world: World) -> dict[str, Form]:
    return {label: read_form(path) for label, path in world.landing.deployed()}


# -- versions and content


def test_kobo_23_rows_carry_the_uid_of_their_version(world: World) -> None:
    old = world.submit(1)
    world.pull()
    world.publish(SECOND)
    new = world.submit(2)
    xml = world.xml(3)
    stranger = world.server.submit(world.form, world.server.stamp(world.form, xml, version="vUnknown"))
    nameless = world.server.submit(
        world.form, xml.replace(b"__version__", b"nothing").replace(b":00000003", b":4")
    )
    world.pull()
    versions = world.server.world.assets[world.form].versions
    found = {key: line["version"] for key, line in world.state().items()}
    assert found == {old: versions[0].uid, new: versions[1].uid, stranger: "vUnknown", nameless: ""}
    assert list(forms(world)) == [version.uid for version in versions]
    assert [form.version for form in forms(world).values()] == ["1", "2"]


def test_kobo_23_changes_that_are_not_deployed_are_remarked_on(world: World) -> None:
    path = world.folder / "draft" / "visit.md"
    path.parent.mkdir()
    path.write_text(SECOND, encoding="utf-8")
    world.server.publish(path, deploy=False)
    assert "the project has changes that are not deployed" in world.pull().remarks
    assert len(forms(world)) == 1


class Brief(FakeKobo):
    """A server that lists only the newest versions beside the project."""

    def handle(self, request: Request) -> Reply:
        reply = super().handle(request)
        if request.path.endswith(f"/{next(iter(self.world.assets), '')}/") and isinstance(reply.body, bytes):
            body = json.loads(reply.body)
            del body["deployed_versions"]["results"][1:]
            reply.body = json.dumps(body).encode()
        return reply


def test_kobo_23_versions_not_listed_beside_the_project_are_asked_for(tmp_path: Path) -> None:
    with Brief() as server:
        world = World(server, tmp_path)
        world.publish(SECOND)
        world.pull()
        assert [form.version for form in forms(world).values()] == ["1", "2"]


def test_kobo_24_each_version_is_decoded_by_its_own_form(tmp_path: Path) -> None:
    with FakeKobo() as server:
        for number in "12":
            server.publish(RECORDED / f"tracer_v{number}.xlsx", RECORDED)
        source = kobo.connect({"url": server.url, "token": server.token}, Options(), QUICK)
        world = World(server, tmp_path)
        pull = source.pull("tracer_blitar", world.landing)
        list(pull)
    kinds, paths = [], []
    for version in pull.versions:
        (tmp_path / version.file_name).write_bytes(version.content)
        form = read_form(tmp_path / version.file_name, RECORDED)
        kinds.append(next(q.kind for q in form.questions if q.path == ("pekerjaan", "gaji")))
        paths.append(next(q.path for q in form.questions if q.name == "desa"))
    assert kinds == ["decimal", "select_one"]
    assert paths == [("identitas", "desa"), ("desa",)]


def test_kobo_25_or_other_is_restored_and_files_of_choices_stay_outside(world: World) -> None:
    key = world.submit(1, "<tools>saw other</tools><tools_other>gergaji besi</tools_other>")
    world.pull()
    (form,) = forms(world).values()
    assert form.question(("tools_other",)) is not None
    assert "other" in form.lists["tool"].values()
    assert world.state()[key]["data"]["tools_other"] == "gergaji besi"
    content = json.loads((RECORDED / "version_detail_v1.response.json").read_text())["content"]
    assert "pelatihan_other" not in {row.get("name") for row in content["survey"]}


# -- files


def test_kobo_26_files_are_kept_once_and_named_as_listed(world: World) -> None:
    key = world.submit(1, PHOTO, {"a.jpg": b"jpeg", "audit.csv": b"event,node\n"})
    world.pull(media=True)
    files = {file["name"]: file for file in world.state()[key]["attachments"]}
    assert set(files) == {"a.jpg", "audit.csv"}
    kept = world.landing.folder / "media" / files["a.jpg"]["sha256"][:2] / files["a.jpg"]["sha256"]
    assert kept.read_bytes() == b"jpeg"
    world.edit(key, 2, PHOTO)
    world.pull(media=True)
    downloads = [r for r in world.server.requests if "/attachments/" in r.path]
    assert len(downloads) == 2
    assert world.state()[key]["attachments"][0]["sha256"] == files["a.jpg"]["sha256"]


def test_kobo_26_a_photo_that_never_came_and_a_deleted_one_are_absent(world: World) -> None:
    waiting = world.submit(1, PHOTO)
    deleted = world.submit(2, PHOTO, {"a.jpg": b"jpeg"})
    world.server.clear(world.form, deleted, "a.jpg")
    world.pull(media=True)
    for key in (waiting, deleted):
        (file,) = world.state()[key]["attachments"]
        assert (file["name"], file["present"], file["sha256"]) == ("a.jpg", False, None)
    world.server.attach(world.form, waiting, "a.jpg", b"late")
    world.pull(media=True, sweep=True)
    assert world.state()[waiting]["attachments"][0]["present"]
    assert world.matches()


def test_kobo_26_switching_media_on_fetches_what_is_landed_already(world: World) -> None:
    world.submit(1, PHOTO, {"a.jpg": b"jpeg"})
    world.submit(2)
    world.pull()
    assert world.pull(media=True).new == 1
    assert world.pull(media=True).new == 0
    assert world.cost <= 3
    assert world.pull().new == 0


@pytest.mark.parametrize("kind", ["cut", "stall", "reset", "html", "status"])
def test_kobo_26_a_file_that_breaks_off_is_fetched_again(world: World, kind: Any) -> None:
    key = world.submit(1, PHOTO, {"a.jpg": b"jpeg" * 50_000})
    world.server.faults.append(Fault(kind, "/attachments/", seconds=0.5, times=2))
    world.pull(media=True)
    assert world.state()[key]["attachments"][0]["bytes"] == 200_000


def test_kobo_26_a_file_that_never_comes_whole_fails_the_pull_and_keeps_the_rest(world: World) -> None:
    world.submit(1, PHOTO, {"a.jpg": b"first"})
    world.submit(2, PHOTO, {"a.jpg": b"second" * 50_000})
    world.server.faults.append(Fault("cut", "/data/2/attachments/", times=99))
    with pytest.raises(Unavailable):
        world.pull(media=True)
    assert world.landing.cursor == {}
    world.server.faults.clear()
    world.pull(media=True)
    assert world.matches()
    assert len([r for r in world.server.requests if "/data/1/attachments/" in r.path]) == 1


def test_kobo_26_a_file_the_server_lists_and_does_not_have_is_absent(world: World) -> None:
    key = world.submit(1, PHOTO, {"a.jpg": b"jpeg"})
    world.server.faults.append(Fault("status", "/attachments/", status=404, times=99))
    landed = world.pull(media=True)
    assert [r for r in landed.remarks if "lists a.jpg, but does not give it" in r]
    assert not world.state()[key]["attachments"][0]["present"]
    world.server.faults.clear()
    world.pull(media=True, sweep=True)
    assert world.state()[key]["attachments"][0]["present"]


# -- accounts


class Bearer(FakeKobo):
    """A server behind something that spoils the Authorization header."""

    def handle(self, request: Request) -> Reply:
        sent = request.headers.get("authorization", "").replace("Token", "Bearer")
        return super().handle(
            type(request)(request.method, request.path, request.query, {"authorization": sent})
        )


def test_kobo_27_who_is_not_recognised_sees_no_empty_lists() -> None:
    with Bearer() as server, pytest.raises(Refused, match="does not recognise this account"):
        kobo.connect({"url": server.url, "token": server.token}, Options(), QUICK)


def test_kobo_27_bad_credentials_are_refused_and_never_shown() -> None:
    with FakeKobo() as server:
        for given in ({"token": "geheim"}, {"user": "owner", "password": "geheim"}):
            with pytest.raises(Refused) as refusal:
                kobo.connect({"url": server.url, **given}, Options(), QUICK)
            assert "geheim" not in str(refusal.value)
        with pytest.raises(StudyError, match="TRACER_TOKEN"):
            kobo.connect({"url": server.url, "user": "owner"}, Options(), QUICK)


def test_kobo_27_a_password_is_changed_for_a_token_once(world: World) -> None:
    world.submit(1)
    source = world.owner()
    assert len(list(source.pull("visit", world.landing))) == 1
    sent = [request.headers["authorization"].split()[0] for request in world.server.requests]
    assert sent[:2] == ["Basic", "Token"]
    assert set(sent[2:]) == {"Token"}
    assert world.server.token not in repr(vars(source)) + repr(source.session)


def test_kobo_27_a_token_taken_back_is_asked_for_anew(world: World) -> None:
    world.submit(1)
    source = world.owner()
    world.server.world.users["owner"].token = world.server.token[::-1]
    assert len(list(source.pull("visit", world.landing))) == 1


def test_kobo_27_a_row_level_permission_is_never_taken_for_everything(world: World) -> None:
    keys = [world.submit(number) for number in range(5)]
    world.token = world.server.add_user("peer")
    world.server.set_permissions("peer", {"view_asset", "view_submissions"}, rows=keys[:2])
    with pytest.raises(Refused, match="2 submissions are visible, the project counts 5"):
        world.pull()
    assert world.lines() == []
    world.server.set_permissions("peer", {"view_asset", "view_submissions"}, rows=keys)
    landed = world.pull()
    assert landed.total == 5
    assert any("row-level" in remark for remark in landed.remarks)


def test_kobo_27_without_the_right_to_see_submissions_nothing_is_pulled(world: World) -> None:
    world.submit(1)
    world.token = world.server.add_user("enum", {"view_asset", "add_submissions"})
    with pytest.raises(Refused, match="may not see submissions"):
        world.pull()


# -- errors


def test_kobo_28_errors_of_all_shapes_name_what_the_server_said(world: World) -> None:
    session, path = world.source().session, f"/api/v2/assets/{world.form}/data"
    shapes = {
        f"{path}/999999.json": "Not found",  # {"detail": ...}
        f"{path}.json?sort=_id": "Value must be valid JSON",  # {"field": "..."}
        f"{path}.json?count=1": "not implemented",
        "/api/v2/assets/aXXXXXXXXXXXXXXXXXXXXX/data.json": "not found",  # a web page
    }
    for address, said in shapes.items():
        with pytest.raises(Refused, match=said):
            session.json(address)
    with pytest.raises(Refused, match="credentials"):  # XML of OpenRosa
        world.anonymous().read("/formList", headers={"X-OpenRosa-Version": "1.0"})
    for body in ({"payload": {"submission_ids": [99_999], "data": {"x": "1"}}}, {}):
        with pytest.raises(Refused, match="status 400"):
            session.send("PATCH", f"{path}/bulk/", json=body)


def test_kobo_28_a_web_page_instead_of_rows_is_asked_for_again(world: World) -> None:
    world.submit(1)
    for match in ("/me/", "data.json", "/history/", "/versions/", f"assets/{world.form}/?"):
        world.server.faults.append(Fault("html", match))
        world.server.faults.append(Fault("cut", match))
    assert world.pull().new == 1
    assert not world.server.faults
    assert world.matches()


def test_kobo_29_whoever_stands_in_front_may_ask_for_patience(world: World) -> None:
    world.submit(1)
    world.server.faults.append(Fault("status", "data.json", status=429, retry_after="0", times=2))
    world.server.faults.append(Fault("status", "/history/", status=503))
    assert world.pull().new == 1


def test_kobo_30_exports_are_stale_and_never_used(world: World) -> None:
    world.submit(1)
    world.pull()
    world.submit(2)  # within the 300 seconds an export is kept
    assert world.pull().new == 1
    assert not any("export" in request.path for request in world.server.requests)


def test_kobo_31_a_hook_carries_the_row_of_the_api() -> None:
    body = json.loads((RECORDED / "hook_payload.json").read_text())["body"]
    row = kobo_rows.received(body, stamp=kobo_rows.stamp_of(body))
    assert (row.key, row.form_version) == (str(body["_id"]), body["__version__"])
    assert row.data["pekerjaan/"][0]["tempat/"] == [{"nama_usaha": "Usaha 311-0"}]
    assert row.submitted_at.endswith("+00:00")


def test_kobo_32_an_archived_project_is_still_read(world: World) -> None:
    key = world.submit(1)
    world.pull()
    world.server.archive(world.form)
    with pytest.raises(ValueError, match="not active"):
        world.submit(2)
    landed = world.pull()
    assert "the project is archived: it takes no new submissions" in landed.remarks
    assert (list(world.state()), world.deleted()) == ([key], {})


def test_kobo_32_a_phone_that_repeats_itself_makes_no_second_submission(world: World) -> None:
    for _ in range(3):
        world.submit(1)
    assert world.pull().new == 1


# -- encryption and data of other projects


class Sealed:
    """A form with a public key, and one interview encrypted for it."""

    def __init__(self, server: FakeKobo, folder: Path) -> None:
        pem, public = key_pair()
        self.key = folder / "private.pem"
        self.key.write_bytes(pem)
        text = FORM.replace("| form_title  |", "| form_title  | public_key |").replace(
            "| Visit       |", f"| Visit | {public} |"
        )
        self.world = World(server, folder, text)
        self.plain = self.world.xml(1, PHOTO + "<who><name>Rahasia</name></who>")
        instance = "uuid:00000001-0000-4000-8000-000000000000"
        form = self.world.form
        manifest, files = encrypt(
            self.plain, {"a.jpg": b"jpeg"}, public, form_id=form, version="1", instance_id=instance
        )
        self.id = server.submit(form, manifest, files)


def test_kobo_33_an_encrypted_submission_waits_for_its_key(tmp_path: Path) -> None:
    with FakeKobo() as server:
        sealed = Sealed(server, tmp_path)
        world = sealed.world
        world.pull()
        waiting = world.state()[sealed.id]
        assert "private_key" in waiting["error"]
        assert waiting["data"] == {}
        assert world.pull(private_key=sealed.key).new == 1
        opened = world.state()[sealed.id]
        assert opened["error"] == ""
        assert bare(opened["data"]) == bare(received(sealed.plain, where="", fallback_key="").data)
        assert opened["version"] == server.world.assets[world.form].versions[0].uid
        assert world.pull(private_key=sealed.key).new == 0
        assert world.cost <= 3


def test_kobo_33_files_of_an_encrypted_submission_are_opened_too(tmp_path: Path) -> None:
    with FakeKobo() as server:
        sealed = Sealed(server, tmp_path)
        world = sealed.world
        world.pull(private_key=sealed.key, media=True)
        (file,) = world.state()[sealed.id]["attachments"]
        kept = world.landing.folder / "media" / file["sha256"][:2] / file["sha256"]
        assert (file["name"], kept.read_bytes()) == ("a.jpg", b"jpeg")


def test_kobo_33_another_key_sets_the_submission_aside(tmp_path: Path) -> None:
    with FakeKobo() as server:
        sealed = Sealed(server, tmp_path)
        wrong = tmp_path / "wrong.pem"
        wrong.write_bytes(key_pair()[0])
        sealed.world.pull(private_key=wrong)
        assert "another key" in sealed.world.state()[sealed.id]["error"]
        sealed.world.pull(private_key=sealed.key, sweep=True)
        assert sealed.world.state()[sealed.id]["error"] == ""


def test_kobo_34_a_list_shared_by_another_project_stays_outside_the_form(tmp_path: Path) -> None:
    text = FORM.replace(
        "| image                   | photo   |", "| select_one_from_file peserta.xml | photo |"
    )
    with FakeKobo() as server:
        world = World(server, tmp_path, text)
        key = world.submit(1, "<photo>p17</photo>")
        world.pull()
        (form,) = forms(world).values()
        assert form.lists["peserta"].file == "peserta.xml"
        assert world.state()[key]["data"]["photo"] == "p17"
