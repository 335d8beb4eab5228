"""`forms publish` against ODK Central: the six study forms, and everything that may be half done or wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from workbooks import add, by_another_converter, change, copied_study, write

from tiny import STUDY
from tracer_etl.errors import Changed, DriftError, Refused, StudyError, TracerError
from tracer_etl.fieldwork.publishing import Plan, apply, in_order, plans
from tracer_etl.fieldwork.publishing_central import CentralForms
from tracer_etl.form import read_form
from tracer_etl.servers import Options, central
from tracer_etl.servers.session import Patience
from tracer_etl.study import StudyForm
from tracer_etl.testing import FakeCentral, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracer_etl.study import Study
    from tracer_etl.testing.loopback import Reply, Request

    Command = Callable[..., subprocess.CompletedProcess[str]]

RECORDED = Path(__file__).parents[2] / "../shared/servers/recordings"
FORM = "selection_assessment"
GPS = "employer_needs"
OLD, NEW = "2026112401", "2026112501"
PICTURED: dict[str, tuple[tuple[str, ...], ...]] = {
    "survey": (
        ("type", "name", "label", "media::image", "appearance"),
        ("note", "peta", "Peta", "peta.png", ""),
        ("select_one desa", "desa", "Desa", "", "search('desa')"),
    ),
    "choices": (("list_name", "name", "label"), ("desa", "name", "label")),
    "settings": (("form_id", "version"), ("bergambar", "1")),
}
HASTY = Patience(connect=10, stall=60, tries=2, pause=0.01, longest=0.01)


@pytest.fixture
def server() -> Iterator[FakeCentral]:
    with FakeCentral() as fake:
        yield fake


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return copied_study(tmp_path)


@pytest.fixture
def forms(server: FakeCentral, study: Study) -> CentralForms:
    return opened(server, study, *server.admin)


def opened(server: FakeCentral, study: Study, user: str, password: str) -> CentralForms:
    settings = {"url": server.url, "user": user, "password": password, "project": str(server.project)}
    source = central.connect(settings, Options(), HASTY)
    return CentralForms(source.session, source.project, study.media)


def publish(study: Study, forms: CentralForms, *names: str, unsafe: bool = False) -> list[Plan]:
    found = plans(study, forms, names, accept_unsafe=unsafe)
    for one in in_order(found):
        apply(forms, one)
    return found


def only(study: Study, forms: CentralForms, *, unsafe: bool = False) -> Plan:
    return plans(study, forms, [FORM], accept_unsafe=unsafe)[0]


def refused(study: Study, forms: CentralForms) -> TracerError:
    plan = only(study, forms)
    assert plan.action == "refused"
    assert plan.refusal is not None
    return plan.refusal


def writes(server: FakeCentral) -> list[str]:
    """List what was written since the last look, logins aside."""
    asked = [
        f"{r.method} {r.path.removeprefix('/v1/projects/1')}" for r in server.requests if r.method != "GET"
    ]
    server.requests.clear()
    return [line for line in asked if line != "POST /v1/sessions"]


def workbook(study: Study, name: str = FORM) -> Path:
    return next(form.workbook for form in study.forms if form.form_id == name)


# -- the way of a form


def test_the_six_forms_of_the_study_are_published_and_then_there_is_nothing_to_do(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    first = plans(study, forms)
    assert {plan.action for plan in first} == {"new"}
    assert not writes(server)
    for plan in first:
        assert apply(forms, plan) == ()
    for form in study.forms:
        edition = server.form(form.form_id).current
        assert edition.version == OLD
        for name, item in edition.media.items():
            assert item.content == (study.media / name).read_bytes()
    writes(server)
    again = publish(study, forms)
    assert [(plan.action, plan.details) for plan in again] == [("no change", "")] * 6
    assert not writes(server)


def test_phones_never_see_a_form_without_its_files(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    assert writes(server) == [
        "POST /forms",
        f"POST /forms/{FORM}/draft/attachments/assessors.csv",
        f"POST /forms/{FORM}/draft/attachments/applicants.csv",
        f"POST /forms/{FORM}/draft/publish",
    ]


def test_other_files_alone_get_a_version_of_their_own(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    for number in (1, 2):
        with (study.media / "applicants.csv").open("a", encoding="utf-8") as file:
            file.write(f"AP{number},Pelamar rekaan {number}\n")
        plan = only(study, forms)
        assert (plan.action, plan.details) == ("media", "sends applicants.csv")
        assert plan.files == ("applicants.csv",)
        apply(forms, plan)
        assert server.form(FORM).current.version == f"{OLD}+{number}"
        assert only(study, forms).action == "no change"
    held = server.form(FORM).current.media["applicants.csv"].content
    assert held == (study.media / "applicants.csv").read_bytes()


def test_a_new_version_says_what_changes_and_what_becomes_of_the_tables(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    path = workbook(study)
    question = {"label::Bahasa Indonesia (id)": "Nomor kursi", "label::English (en)": "Seat number"}
    add(path, "sa_note", type="integer", name="seat_no", **question)
    change(path, ("survey", "sa_note", "label::English (en)", "Remark"), version=NEW)
    writes(server)
    plan = only(study, forms)
    assert (plan.action, plan.version) == ("new version", NEW)
    assert plan.details == f"1 node added, 1 text changed since {OLD}"
    assert 'sa3/seat_no: new, integer "Nomor kursi"' in map(str, plan.changes)
    assert plan.tables == (f"new column {FORM}.seat_no (BIGINT)",)
    assert not writes(server)
    apply(forms, plan)
    assert server.form(FORM).current.version == NEW
    assert f"POST /forms/{FORM}/draft" in writes(server)
    assert only(study, forms).action == "no change"


def test_a_label_raised_for_its_own_sake_is_published(study: Study, forms: CentralForms) -> None:
    publish(study, forms, FORM)
    change(workbook(study), version=NEW)
    (plan,) = publish(study, forms, FORM)
    assert (plan.action, plan.details) == ("new version", f"only its label since {OLD}")


def test_it_does_not_matter_which_program_made_the_xml_on_the_server(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    edition = server.form(FORM).current
    edition.xform = by_another_converter(read_form(workbook(study), study.media)).encode()
    assert only(study, forms).action == "no change"


def test_pictures_travel_with_the_form_and_what_central_has_no_place_for_stays(
    server: FakeCentral, study: Study, forms: CentralForms, tmp_path: Path
) -> None:
    pictured = replace(study, forms=(StudyForm("bergambar", write(tmp_path / "bergambar.xlsx", PICTURED)),))
    (study.media / "peta.png").write_bytes(b"picture")
    (plan,) = publish(pictured, forms)
    assert plan.files == ("desa.csv", "peta.png")
    media = server.form("bergambar").current.media
    assert {name: item.content for name, item in media.items()} == {"peta.png": b"picture"}
    (study.media / "desa.csv").write_text("name,label\n", encoding="utf-8")
    assert plans(pictured, forms)[0].action == "no change"
    (study.media / "peta.png").write_bytes(b"another picture")
    assert publish(pictured, forms)[0].files == ("peta.png",)
    assert plans(pictured, forms)[0].action == "no change"


def test_the_case_list_made_for_the_phones_is_sent(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    study.cases.mkdir()
    (study.cases / "applicants.csv").write_text("name,label\nAP9,Giliran hari ini\n", encoding="utf-8")
    publish(study, forms, FORM)
    held = server.form(FORM).current.media["applicants.csv"].content
    assert held == (study.cases / "applicants.csv").read_bytes()
    assert only(study, forms).action == "no change"


def test_answers_to_a_version_that_changed_files_only_are_loaded_like_any_other(
    server: FakeCentral, study: Study, forms: CentralForms, tracer: Command
) -> None:
    publish(study, forms, FORM)
    (study.media / "applicants.csv").write_text("name,label\nAP1,Pelamar rekaan\n", encoding="utf-8")
    publish(study, forms, FORM)
    for number, version in enumerate((OLD, f"{OLD}+1")):
        body = f"<sa3><sa_test>80</sa_test></sa3><meta><instanceID>uuid:{number}</instanceID></meta>"
        server.submit(FORM, f'<data id="{FORM}" version="{version}">{body}</data>'.encode())
    assert tracer("pull").returncode == 0
    built = tracer("build", "--json")
    assert built.returncode == 0, built.stderr
    (one,) = json.loads(built.stdout)
    assert (one["form_id"], one["submissions"], one["problems"]) == (FORM, 2, 0)


# -- what is refused


def test_changed_content_under_the_old_label_is_refused(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Remark"))
    writes(server)
    error = refused(study, forms)
    assert isinstance(error, StudyError)
    assert "other content (1 text changed)" in error.what
    assert error.remedy == "raise version on the settings sheet"
    publish(study, forms, FORM)
    assert not writes(server)


def test_an_unsafe_change_is_refused_unless_accepted(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, GPS)
    # Text to Central, which takes it; to the warehouse four columns of numbers that would become one.
    change(workbook(study, GPS), ("survey", "em_gps", "type", "text"), version=NEW)
    writes(server)
    (plan,) = plans(study, forms, [GPS])
    assert plan.action == "refused"
    assert isinstance(plan.refusal, DriftError)
    assert plan.refusal.exit_code == 5
    assert "em_gps was geopoint and is now text" in str(plan.refusal)
    assert "--accept-unsafe" in plan.refusal.remedy
    assert any(change.what == "retyped" for change in plan.changes)
    assert apply(forms, plan) == ()
    assert not writes(server)
    (plan,) = publish(study, forms, GPS, unsafe=True)
    assert plan.details.endswith("UNSAFE")
    assert server.form(GPS).current.version == NEW
    (plan,) = plans(study, forms, [GPS])
    assert plan.action == "no change"


def test_after_an_accepted_unsafe_change_only_what_is_new_is_judged(
    study: Study, forms: CentralForms
) -> None:
    publish(study, forms, GPS)
    change(workbook(study, GPS), ("survey", "em_gps", "type", "text"), version=NEW)
    publish(study, forms, GPS, unsafe=True)
    change(workbook(study, GPS), ("survey", "em_gps", "label::English (en)", "Where"), version="2026112601")
    (plan,) = plans(study, forms, [GPS])
    assert (plan.action, plan.unsafe) == ("new version", "")


def test_an_older_workbook_is_refused(study: Study, forms: CentralForms) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Remark"), version=NEW)
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Note"), version=OLD)
    assert refused(study, forms).what == f"the server has version {NEW}, newer than the workbook's {OLD}"
    change(workbook(study), version="2026112400")
    assert "newer than the workbook's 2026112400" in refused(study, forms).what


def test_somebody_elses_draft_is_not_overwritten(
    server: FakeCentral, study: Study, forms: CentralForms, tmp_path: Path
) -> None:
    publish(study, forms, FORM)
    theirs = tmp_path / "theirs.xlsx"
    theirs.write_bytes(workbook(study).read_bytes())
    change(theirs, ("survey", "sa_note", "label::English (en)", "Their words"), version="theirs")
    draft = {"data": theirs.read_bytes(), "params": {"ignoreWarnings": "true"}}
    forms.session.send("POST", f"/v1/projects/1/forms/{FORM}/draft", **draft)
    assert "changes nobody published (1 text changed)" in refused(study, forms).what
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "My words"), version=NEW)
    writes(server)
    publish(study, forms, FORM)
    assert not writes(server)
    assert server.form(FORM).draft is not None


def test_somebody_elses_files_in_a_draft_are_not_overwritten(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    forms.session.send("POST", f"/v1/projects/1/forms/{FORM}/draft")
    forms.session.send(
        "POST", f"/v1/projects/1/forms/{FORM}/draft/attachments/applicants.csv", data=b"name\n"
    )
    assert "other files: applicants.csv" in refused(study, forms).what


def test_a_file_that_is_nowhere_is_asked_for(study: Study, forms: CentralForms) -> None:
    (study.media / "applicants.csv").unlink()
    error = refused(study, forms)
    assert "applicants.csv of the form is neither in the media folder nor on the server" in error.what


def test_a_file_that_only_the_server_has_stays(study: Study, forms: CentralForms) -> None:
    publish(study, forms, FORM)
    (study.media / "applicants.csv").unlink()
    assert only(study, forms).action == "no change"


def test_central_would_refuse_a_number_that_becomes_a_date_and_is_not_asked(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    number = next(q.name for q in forms.published(FORM)[0].questions if q.kind == "integer" and q.labels)
    change(workbook(study), ("survey", number, "type", "date"), version=NEW)
    writes(server)
    assert "Central takes no change" in refused(study, forms).what
    assert only(study, forms, unsafe=True).action == "refused"
    assert not writes(server)


def test_whoever_may_not_manage_forms_is_told_so(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    server.add_user("lihat@example.org", "viewer-password-1")
    viewer = opened(server, study, "lihat@example.org", "viewer-password-1")
    (plan,) = plans(study, viewer, [FORM])
    with pytest.raises(Refused, match="may not do that"):
        apply(viewer, plan)
    assert FORM not in server.state.projects[1].forms
    publish(study, forms, FORM)
    with pytest.raises(Refused, match="may not do that"):
        plans(study, viewer, [FORM])


def test_forms_that_central_encrypts_itself_are_left_to_its_own_pages(study: Study) -> None:
    class Managed(FakeCentral):
        """Central with managed encryption, as far as its answers tell."""

        def handle(self, request: Request) -> Reply:
            reply = super().handle(request)
            if isinstance(reply.body, bytes):
                reply.body = reply.body.replace(b'"keyId":null', b'"keyId":7')
            return reply

    with Managed() as server:
        server.publish(workbook(study), study.media)
        assert "managed encryption" in refused(study, opened(server, study, *server.admin)).what


# -- what was left half done


@pytest.mark.parametrize("broken", ["attachments/applicants.csv", "draft/publish"])
def test_a_first_publication_that_broke_off_is_taken_up(
    broken: str, server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    server.faults.append(
        Fault("status", match=f"POST /v1/projects/1/forms/{FORM}/draft", status=401, times=0)
    )
    server.faults.clear()
    server.faults.append(Fault("status", match=broken, status=500, times=3))
    with pytest.raises(TracerError):
        publish(study, forms, FORM)
    assert not server.form(FORM).editions
    server.faults.clear()
    plan = only(study, forms)
    assert (plan.action, plan.details.endswith("takes up a draft")) == ("new", True)
    apply(forms, plan)
    assert server.form(FORM).current.version == OLD
    assert only(study, forms).action == "no change"


def test_a_next_version_that_broke_off_is_taken_up(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Remark"), version=NEW)
    server.faults.append(Fault("status", match="draft/publish", status=500, times=3))
    with pytest.raises(TracerError):
        publish(study, forms, FORM)
    server.faults.clear()
    assert server.form(FORM).draft is not None
    (plan,) = publish(study, forms, FORM)
    assert plan.action == "new version"
    assert server.form(FORM).current.version == NEW
    assert server.form(FORM).draft is None


def test_a_change_of_files_that_broke_off_is_taken_up(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    (study.media / "applicants.csv").write_text("name,label\nAP1,Pelamar rekaan\n", encoding="utf-8")
    server.faults.append(Fault("status", match="draft/publish", status=504))
    with pytest.raises(TracerError):
        publish(study, forms, FORM)
    assert server.form(FORM).draft is not None
    (plan,) = publish(study, forms, FORM)
    assert plan.action == "media"
    assert server.form(FORM).current.version == f"{OLD}+1"
    assert only(study, forms).action == "no change"


def test_a_draft_that_changes_nothing_is_dropped(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    publish(study, forms, FORM)
    forms.session.send("POST", f"/v1/projects/1/forms/{FORM}/draft")
    (plan,) = publish(study, forms, FORM)
    assert plan.action == "clean up"
    assert server.form(FORM).draft is None
    assert only(study, forms).action == "no change"


def test_an_answer_that_breaks_off_after_publishing_is_found_done(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    server.faults.append(Fault("cut", match="draft/publish"))
    with pytest.raises(TracerError):
        publish(study, forms, FORM)
    assert only(study, forms).action == "no change"


# -- warnings, entity lists, proof


def test_warnings_are_shown_and_do_not_stop_what_compiled(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    label = {"label::Bahasa Indonesia (id)": "Foto", "label::English (en)": "Photo"}
    add(workbook(study), "sa_note", type="image", name="photo", **label)
    (plan,) = plans(study, forms, [FORM])
    warnings = apply(forms, plan)
    assert warnings == plan.local.form.warnings
    assert "max-pixels" in warnings[0]
    assert writes(server)[:2] == ["POST /forms", "POST /forms"]
    assert only(study, forms).action == "no change"


def test_a_file_that_an_entity_list_stands_in_for_is_left_to_it(
    server: FakeCentral, study: Study, forms: CentralForms, tmp_path: Path
) -> None:
    central_forms = RECORDED / "central/forms"
    if not central_forms.is_dir():
        pytest.skip("the recordings are not here")
    registers, updates = central_forms / "alumni_v1.xlsx", central_forms / "alumni_update.xlsx"
    entities = replace(
        study, forms=(StudyForm("alumni_update", updates), StudyForm("alumni_demo", registers))
    )
    publish(entities, forms)
    listed = server.form("alumni_update").current.media["peserta.csv"]
    assert (listed.dataset, listed.content) == ("peserta", None)
    (study.media / "peserta.csv").write_text("name,label\nx,mine\n", encoding="utf-8")
    writes(server)
    assert [plan.action for plan in publish(entities, forms)] == ["no change", "no change"]
    assert not writes(server)


def test_what_does_not_arrive_as_sent_is_reported(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    plan = only(study, forms)
    wrong = b"name,label\n"

    def spoil() -> None:
        server.form(FORM).current.media["applicants.csv"].content = wrong

    server.after(f"{FORM}/draft/publish", spoil)
    with pytest.raises(Changed, match=r"applicants\.csv did not arrive as sent"):
        apply(forms, plan)


def test_another_version_than_sent_is_reported(
    server: FakeCentral, study: Study, forms: CentralForms
) -> None:
    plan = only(study, forms)

    def spoil() -> None:
        edition = server.form(FORM).current
        edition.xform = edition.xform.replace(OLD.encode(), b"other")

    server.after(f"{FORM}/draft/publish", spoil)
    with pytest.raises(Changed, match="the published version is 'other'"):
        apply(forms, plan)


# -- the command line


@pytest.fixture
def tracer(server: FakeCentral, tmp_path: Path) -> Command:
    """Give the command line on a study of one form."""
    user, password = server.admin
    settings = {"URL": server.url, "USER": user, "PASSWORD": password, "PROJECT": "1", "SERVER": "central"}
    environment = {**os.environ, **{f"TRACER_{name}": value for name, value in settings.items()}}
    file = tmp_path / "study.toml"
    text = STUDY.replace('media = "."', 'media = "media"').replace('"tiny"', f'"{FORM}"')
    file.write_text(text.replace("tiny.md", f"{FORM}.xlsx"), encoding="utf-8")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        given = [sys.executable, "-m", "tracer_etl", "--study", str(file), *arguments]
        return subprocess.run(
            given, capture_output=True, text=True, check=False, timeout=300, env=environment
        )

    return run


@pytest.fixture
def command(tracer: Command) -> Command:
    return partial(tracer, "forms", "publish")


def test_the_command_shows_then_does_then_has_nothing_to_do(
    server: FakeCentral, study: Study, command: Command
) -> None:
    shown = command()
    assert shown.returncode == 0
    heading, line = shown.stdout.splitlines()
    assert heading.split() == ["form", "action", "version", "details"]
    assert line.split()[:3] == [FORM, "new", OLD]
    assert "1 to do; --apply does it" in shown.stderr
    assert not writes(server)
    done = command("--apply")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].endswith("done")
    assert "1 of 1 done" in done.stderr
    writes(server)
    again = command("--apply")
    assert again.returncode == 0
    assert "nothing to do" in again.stderr
    assert not writes(server)


def test_the_command_prints_the_differences_and_refuses_with_its_exit_code(
    server: FakeCentral, study: Study, forms: CentralForms, command: Command
) -> None:
    publish(study, forms, FORM)
    change(workbook(study), ("survey", "sa_note", "label::English (en)", "Remark"))
    shown = command("--apply")
    assert shown.returncode == 2
    assert '  sa3/sa_note: label in English (en) "Reasons for the marks" -> "Remark"' in shown.stdout
    assert f"version {OLD} on the server has other content" in shown.stderr
    change(workbook(study), version=NEW)
    shown = command("--json")
    assert shown.returncode == 0
    (plan,) = json.loads(shown.stdout)
    assert (plan["action"], plan["changes"][0]["what"]) == ("new version", "label")
    change(workbook(study), ("survey", "sa_test", "type", "date"))
    assert command("--apply", "--accept-unsafe").returncode == 2
    assert server.form(FORM).current.version == OLD


def test_the_command_says_what_failed(server: FakeCentral, study: Study, command: Command) -> None:
    server.faults.append(Fault("status", match="draft/publish", status=504))
    shown = command("--apply")
    assert shown.returncode == 4
    assert shown.stdout.splitlines()[1].endswith("failed")
    assert "0 of 1 done" in shown.stderr
