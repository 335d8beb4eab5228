"""`forms publish` against KoboToolbox: the six study forms, and everything that may be half done or wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from workbooks import add, change, copied_study, remove, write

from tracer_etl.errors import Changed, DriftError, Refused, StudyError, TracerError, Unavailable
from tracer_etl.fieldwork.publishing import Plan, apply, in_order, plans
from tracer_etl.fieldwork.publishing_kobo import KoboForms
from tracer_etl.servers import Options, kobo
from tracer_etl.servers.session import Patience
from tracer_etl.study import StudyForm
from tracer_etl.testing import FakeKobo, Fault
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.study import Study
    from tracer_etl.testing.kobo.state import Asset
    from tracer_etl.testing.loopback import Request

FORM = "selection_assessment"
OLD, NEW = "2026112401", "2026112501"
HASTY = Patience(connect=10, stall=60, tries=2, pause=0.01, longest=0.01)


@pytest.fixture
def server() -> Iterator[FakeKobo]:
    with FakeKobo() as fake:
        yield fake


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return copied_study(tmp_path)


@pytest.fixture
def forms(server: FakeKobo, study: Study) -> KoboForms:
    return opened(server, study, server.token)


def opened(server: FakeKobo, study: Study, token: str) -> KoboForms:
    source = kobo.connect({"url": server.url, "token": token}, Options(), HASTY)
    return KoboForms(source.session, study.media)


def publish(study: Study, forms: KoboForms, *names: str, unsafe: bool = False) -> list[Plan]:
    found = plans(study, forms, names, accept_unsafe=unsafe)
    for one in in_order(found):
        apply(forms, one)
    return found


def only(study: Study, forms: KoboForms, *, unsafe: bool = False) -> Plan:
    return plans(study, forms, [FORM], accept_unsafe=unsafe)[0]


def refused(study: Study, forms: KoboForms) -> TracerError:
    plan = only(study, forms)
    assert plan.action == "refused"
    assert plan.refusal is not None
    return plan.refusal


def asset(server: FakeKobo, form_id: str = FORM) -> Asset:
    return next(one for one in server.world.assets.values() if one.newest.form.form_id == form_id)


def writes(server: FakeKobo) -> list[str]:
    """List what was written since the last look, with the uids of projects and files left out."""
    asked = [r for r in server.requests if r.method != "GET"]
    server.requests.clear()
    shown = [f"{r.method} {r.path.removeprefix('/api/v2').rstrip('/')}" for r in asked]
    uids = [u for one in server.world.assets.values() for u in (one.uid, *(f.uid for f in one.files))]
    for uid in uids:
        shown = [line.replace(uid, "*") for line in shown]
    return shown


def workbook(study: Study, name: str = FORM) -> Path:
    return next(form.workbook for form in study.forms if form.form_id == name)


# -- the way of a form


def test_the_six_forms_of_the_study_are_deployed_and_then_there_is_nothing_to_do(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    first = plans(study, forms)
    assert {plan.action for plan in first} == {"new"}
    assert not writes(server)
    for plan in first:
        apply(forms, plan)
    for form in study.forms:
        made = asset(server, form.form_id)
        assert made.active
        assert made.current is made.newest
        assert made.newest.content["settings"]["id_string"] == form.form_id
        assert made.newest.content["settings"]["version"] == OLD
        for file in made.files:
            assert file.content == (study.media / file.name).read_bytes()
    assert [file.name for file in asset(server).files] == ["applicants.csv", "assessors.csv"]
    writes(server)
    again = publish(study, forms)
    assert [(plan.action, plan.details) for plan in again] == [("no change", "")] * 6
    assert not writes(server)


def test_files_are_there_before_the_form_is_deployed(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    assert writes(server) == [
        "POST /imports",
        "POST /assets/*/files",
        "POST /assets/*/files",
        "POST /assets/*/deployment",
    ]


def test_another_file_takes_the_old_ones_place_and_the_form_is_deployed_again(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    before = asset(server).current
    with (study.media / "applicants.csv").open("a", encoding="utf-8") as file:
        file.write("AP1,Pelamar rekaan\n")
    plan = only(study, forms)
    assert (plan.action, plan.details, plan.version) == ("media", "sends applicants.csv", OLD)
    server.requests.clear()
    apply(forms, plan)
    assert [line.partition(" ")[0] for line in writes(server)] == ["DELETE", "POST", "PATCH"]
    assert asset(server).current is before
    held = {file.name: file.content for file in asset(server).files}
    assert held["applicants.csv"] == (study.media / "applicants.csv").read_bytes()
    assert len(held) == len(asset(server).files) == 2
    assert only(study, forms).action == "no change"


def test_a_new_version_is_deployed_in_place_of_the_old_one(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    uid, path = asset(server).uid, workbook(study)
    remove(path, "sa_note")
    label = {"label::Bahasa Indonesia (id)": "Nomor kursi", "label::English (en)": "Seat number"}
    add(path, "sa_test", type="integer", name="seat_no", **label)
    change(path, version=NEW)
    plan = only(study, forms)
    assert (plan.action, plan.version) == ("new version", NEW)
    assert plan.details == f"1 node added, 1 node removed since {OLD}"
    assert plan.tables == (
        f"column {FORM}.sa_note stays and is empty in new submissions",
        f"new column {FORM}.seat_no (BIGINT)",
    )
    server.requests.clear()
    apply(forms, plan)
    assert writes(server) == ["POST /imports", "PATCH /assets/*/deployment"]
    assert (asset(server).uid, len(server.world.assets)) == (uid, 1)
    assert asset(server).current is asset(server).newest
    assert only(study, forms).action == "no change"
    assert [form.version for form in forms.published(FORM)] == [OLD, NEW]


def test_a_project_that_was_renamed_is_the_same_form(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    asset(server).name = "Seleksi 2026, tim Blitar"
    assert only(study, forms).action == "no change"


def test_pictures_and_searched_lists_travel_with_the_form(
    server: FakeKobo, study: Study, forms: KoboForms, tmp_path: Path
) -> None:
    sheets: dict[str, tuple[tuple[str, ...], ...]] = {
        "survey": (
            ("type", "name", "label", "media::image", "appearance"),
            ("note", "peta", "Peta", "peta.png", ""),
            ("select_one desa", "desa", "Desa", "", "search('desa')"),
        ),
        "choices": (("list_name", "name", "label"), ("desa", "name", "label")),
        "settings": (("form_id", "version"), ("bergambar", "1")),
    }
    pictured = replace(study, forms=(StudyForm("bergambar", write(tmp_path / "bergambar.xlsx", sheets)),))
    (study.media / "peta.png").write_bytes(b"picture")
    publish(pictured, forms)
    desa = (study.media / "desa.csv").read_bytes()
    held = {file.name: file.content for file in asset(server, "bergambar").files}
    assert held == {"desa.csv": desa, "peta.png": b"picture"}
    assert plans(pictured, forms)[0].action == "no change"


# -- what is refused


def test_changed_content_under_the_old_label_is_refused(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Remark"))
    writes(server)
    error = refused(study, forms)
    assert isinstance(error, StudyError)
    assert "other content (1 text changed)" in error.what
    publish(study, forms, FORM)
    assert not writes(server)


def test_an_unsafe_change_is_refused_unless_accepted(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_test", "type", "date"), version=NEW)
    writes(server)
    error = refused(study, forms)
    assert isinstance(error, DriftError)
    assert error.exit_code == 5
    assert "sa3/sa_test was integer and is now date" in str(error)
    publish(study, forms, FORM)
    assert not writes(server)
    (plan,) = publish(study, forms, FORM, unsafe=True)
    assert "was integer and is now date" in plan.unsafe
    assert asset(server).current is asset(server).newest
    assert only(study, forms).action == "no change"


def test_an_older_workbook_is_refused(study: Study, forms: KoboForms) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Remark"), version=NEW)
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Note"), version=OLD)
    assert refused(study, forms).what == f"the server has version {NEW}, newer than the workbook's {OLD}"


def test_somebody_elses_undeployed_changes_are_not_overwritten(
    server: FakeKobo, study: Study, forms: KoboForms, tmp_path: Path
) -> None:
    publish(study, forms, FORM)
    theirs = tmp_path / "theirs.xlsx"
    theirs.write_bytes(workbook(study).read_bytes())
    change(theirs, ("survey", "sa_note", "label::English (en)", "Their words"))
    server.publish(theirs, study.media, form=asset(server).uid, deploy=False)
    assert "changes nobody published (1 text changed)" in refused(study, forms).what
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "My words"), version=NEW)
    writes(server)
    publish(study, forms, FORM)
    assert not writes(server)
    assert len(asset(server).versions) == 2


def test_an_archived_form_is_not_opened_by_the_way(server: FakeKobo, study: Study, forms: KoboForms) -> None:
    publish(study, forms, FORM)
    server.archive(asset(server).uid)
    assert "archived" in refused(study, forms).what


def test_two_projects_of_one_form_are_told_apart_by_study_toml(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    first = asset(server).uid
    path = workbook(study)
    files = {"file": (path.name, path.read_bytes())}
    forms.session.send("POST", "/api/v2/imports/", data={"name": "copy"}, files=files)
    with pytest.raises(Refused, match=f"2 projects of form {FORM}"):
        plans(study, KoboForms(forms.session, study.media), [FORM])
    named = KoboForms(forms.session, study.media, {FORM: first})
    assert only(study, named).action == "no change"


def test_a_file_that_is_nowhere_is_asked_for(study: Study, forms: KoboForms) -> None:
    (study.media / "applicants.csv").unlink()
    assert "neither in the media folder nor on the server" in refused(study, forms).what


def test_whoever_may_not_edit_the_form_is_told_so(server: FakeKobo, study: Study, forms: KoboForms) -> None:
    publish(study, forms, FORM)
    viewer = opened(server, study, server.add_user("lihat", {"view_asset", "view_submissions"}))
    assert only(study, viewer).action == "no change"
    (study.media / "applicants.csv").write_text("name,label\n", encoding="utf-8")
    with pytest.raises(Refused, match="may not do that"):
        publish(study, viewer, FORM)
    assert {file.name for file in asset(server).files} == {"applicants.csv", "assessors.csv"}


def test_a_workbook_the_server_does_not_take_is_refused_in_its_words(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    plan = only(study, forms)
    workbook(study).write_bytes(b"PK not a workbook")
    with pytest.raises(Refused, match="the workbook is not accepted"):
        apply(forms, plan)
    assert not server.world.assets


def test_an_import_that_takes_its_time_is_waited_for(study: Study) -> None:
    class Slow(FakeKobo):
        """KoboToolbox with a long queue: an import is looked at three times before it is complete."""

        looks = 0

        def handle(self, request: Request) -> Reply:
            reply = super().handle(request)
            if request.method == "GET" and request.path.startswith("/api/v2/imports/"):
                self.looks += 1
                if self.looks < 3:
                    return Reply.of_json({"status": "processing", "uid": "i", "messages": {}})
            return reply

    with Slow() as server:
        publish(study, opened(server, study, server.token), FORM)
        assert server.looks == 3
        assert asset(server).current is asset(server).newest


# -- what was left half done


@pytest.mark.parametrize("broken", ["/files/", "/deployment/", "GET /api/v2/imports/"])
def test_a_first_publication_that_broke_off_is_taken_up(
    broken: str, server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    plan = only(study, forms)
    server.faults.append(
        Fault("status", match=broken, status=500, times=3, skip=1 if "files" in broken else 0)
    )
    with pytest.raises(Unavailable):
        apply(forms, plan)
    server.faults.clear()
    assert asset(server).current is None
    later = opened(server, study, server.token)
    plan = only(study, later)
    assert (plan.action, plan.details.endswith("takes up a draft")) == ("new", True)
    writes(server)
    apply(later, plan)
    assert "POST /imports" not in writes(server)
    assert len(server.world.assets) == 1
    assert asset(server).current is asset(server).newest
    assert only(study, later).action == "no change"


def test_a_next_version_that_broke_off_is_taken_up(server: FakeKobo, study: Study, forms: KoboForms) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Remark"), version=NEW)
    server.faults.append(Fault("status", match="PATCH", status=503, times=9))
    with pytest.raises(Unavailable):
        publish(study, forms, FORM)
    server.faults.clear()
    assert asset(server).current is not asset(server).newest
    writes(server)
    (plan,) = publish(study, forms, FORM)
    assert plan.action == "new version"
    assert writes(server) == ["PATCH /assets/*/deployment"]
    assert only(study, forms).action == "no change"


def test_a_file_that_was_dropped_and_not_replaced_is_sent_again(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    publish(study, forms, FORM)
    (study.media / "applicants.csv").write_text("name,label\nAP1,Pelamar rekaan\n", encoding="utf-8")
    server.faults.append(Fault("status", match="POST /api/v2/assets", status=500, times=3))
    with pytest.raises(Unavailable):
        publish(study, forms, FORM)
    server.faults.clear()
    assert [file.name for file in asset(server).files] == ["assessors.csv"]
    (plan,) = publish(study, forms, FORM)
    assert plan.action == "media"
    assert only(study, forms).action == "no change"


# -- proof


def test_what_does_not_arrive_as_sent_is_reported(server: FakeKobo, study: Study, forms: KoboForms) -> None:
    plan = only(study, forms)

    def spoil() -> None:
        asset(server).files[0].content = b"name,label\n"

    server.after("/deployment/", spoil)
    with pytest.raises(Changed, match=r"applicants\.csv did not arrive as sent"):
        apply(forms, plan)


def test_content_that_came_out_otherwise_is_reported(
    server: FakeKobo, study: Study, forms: KoboForms
) -> None:
    plan = only(study, forms)

    def spoil() -> None:
        rows = asset(server).newest.content["survey"]
        next(row for row in rows if row.get("name") == "sa_note")["label"] = ["Catatan", "Other words"]

    server.after("/deployment/", spoil)
    with pytest.raises(Changed, match=r"the published form differs \(2 texts changed\)"):
        apply(forms, plan)


def test_a_linked_project_stands_in_for_a_file(server: FakeKobo, study: Study, forms: KoboForms) -> None:
    publish(study, forms, FORM)
    other = server.publish(workbook(study, "youth_ideas"))
    sharing = {"data_sharing": {"enabled": True, "fields": []}}
    forms.session.send("PATCH", f"/api/v2/assets/{other}/", json=sharing)
    path, uid = workbook(study), asset(server).uid
    body = {"source": f"{server.url}/api/v2/assets/{other}/", "fields": [], "filename": "gagasan"}
    forms.session.send("POST", f"/api/v2/assets/{uid}/paired-data/", json=body)
    question = {"label::Bahasa Indonesia (id)": "Gagasan", "label::English (en)": "Idea"}
    add(path, "sa_note", type="xml-external", name="gagasan", **question)
    change(path, version=NEW)
    study = replace(study, forms=tuple(form for form in study.forms if form.form_id == FORM))
    (plan,) = publish(study, forms)
    assert plan.action == "new version"
    assert only(study, forms).action == "no change"
