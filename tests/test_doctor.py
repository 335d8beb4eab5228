"""`doctor` beside real folders, files, and the fakes: what is well, and each thing that may be wrong."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from postgres import running
from tls import wrap
from tracer_etl import cli, pipeline
from tracer_etl.cli.doctor import AREAS as NAMED
from tracer_etl.doctor import AREAS, examine
from tracer_etl.doctor.disk import disk
from tracer_etl.doctor.machine import versions
from tracer_etl.doctor.server import server
from tracer_etl.errors import NotReady
from tracer_etl.landing import Landing
from tracer_etl.shelf import claimed
from tracer_etl.starting import start_study
from tracer_etl.study import Study, read_study
from tracer_etl.testing import FakeCentral, FakeKobo
from tracer_etl.testing.encryption import key_pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.doctor import Finding

SECRETS = ("hush-token-123456", "hush-password-9", "k" * 40)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a new study that was pulled, built and loaded once, unchecked: the doctor does not look at answers."""
    folder = tmp_path_factory.mktemp("doctor") / "demo"
    start_study(folder, date(2026, 11, 24))
    study = read_study(folder / "study.toml")
    pipeline.pull(study)
    pipeline.open_warehouse(study).__exit__()
    return folder


@pytest.fixture
def study(ran: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Give a copy of it; no TRACER_ variable of this machine is seen."""
    for name in [name for name in os.environ if name.startswith("TRACER_")]:
        monkeypatch.delenv(name)
    shutil.copytree(ran, tmp_path / "demo")
    return read_study(tmp_path / "demo" / "study.toml")


def said(findings: Iterator[Finding], state: str = "error") -> str:
    return "\n".join(f"{one.said}; {one.remedy}" for one in findings if one.state == state)


def of_server(study: Study, **settings: str) -> Study:
    return replace(study, server=settings)


# -- all is well


def test_a_study_that_ran_is_well_and_nothing_is_changed(study: Study) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.root.rglob("*") if path.is_file()}
    areas = [name for name in AREAS if name != "versions"]
    found = list(examine(study, areas))
    assert {one.state for one in found if one.area != "disk"} == {"ok"}
    assert {one.area for one in found} == set(areas)
    assert {path: path.stat().st_mtime_ns for path in study.root.rglob("*") if path.is_file()} == before


def test_a_study_that_never_ran_is_well(tmp_path: Path) -> None:
    start_study(tmp_path / "demo", date(2026, 11, 24))
    found = list(examine(read_study(tmp_path / "demo" / "study.toml"), ["landing", "warehouse", "disk"]))
    assert "nothing is landed yet" in said(iter(found), "ok")
    assert "nothing is loaded yet" in said(iter(found), "ok")
    assert not (tmp_path / "demo" / "var").exists()


def test_the_command_names_every_area() -> None:
    assert tuple(AREAS) == NAMED


def test_the_libraries_are_held_against_what_this_release_asks_for(study: Study) -> None:
    assert "libraries in their range" in said(versions(study), "ok")


# -- servers


@pytest.fixture
def central(study: Study, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeCentral, dict[str, str]]]:
    """Give a Central that has the study's form and one account per role, and how the study names it."""
    with FakeCentral() as fake:
        fake.publish(study.forms[0].workbook)
        for role in ("manager", "viewer", "none"):
            fake.add_user(f"{role}@example.org", SECRETS[1], role)
        monkeypatch.setenv("TRACER_PASSWORD", SECRETS[1])
        who = {"user": "manager@example.org", "project": str(fake.project)}
        yield fake, {"kind": "central", "url": fake.url, **who}


def test_central_healthy_wrong_password_missing_right_and_no_such_form(
    study: Study, central: tuple[FakeCentral, dict[str, str]], monkeypatch: pytest.MonkeyPatch
):
    _, asked = central
    well = list(server(of_server(study, **asked)))
    assert {one.state for one in well} == {"ok"}, well
    assert "household: version 2026112401, 0 submissions visible" in said(iter(well), "ok")
    nobody = said(server(of_server(study, **asked | {"user": "none@example.org"})))
    assert "may not do that" in nobody
    other = replace(study, forms=(replace(study.forms[0], form_id="other"),))
    assert "not found, or not visible" in said(server(of_server(other, **asked)))
    monkeypatch.setenv("TRACER_PASSWORD", "wrong")
    assert "check TRACER_USER and TRACER_PASSWORD" in said(server(of_server(study, **asked)))


def test_central_tells_a_viewer_which_commands_are_not_for_it(
    study: Study, central: tuple[FakeCentral, dict[str, str]]
):
    fake, asked = central
    found = list(server(of_server(study, **asked | {"user": "viewer@example.org"})))
    assert said(iter(found)) == ""
    assert [one.said.split(", which ")[1] for one in found if one.state == "warning"] == [
        "`review --apply` needs",
        "`forms publish --apply` needs",
        "`field phones` needs",
    ]
    fake.close(study.forms[0].form_id)
    assert "the form is closed and takes no new answers" in said(server(of_server(study, **asked)), "warning")


@pytest.mark.parametrize(
    ("release", "state", "told"),
    [
        ("v2026.2.2", "ok", "ODK Central 2026.2"),
        ("v2025.3.0-4-gabcdef0", "ok", "ODK Central 2025.3"),
        ("v2024.3.2", "warning", "ODK Central 2024.3 is old; have it upgraded to 2025.3"),
        ("", "ok", "its release is not told"),
    ],
)
def test_central_tells_its_release(
    study: Study, central: tuple[FakeCentral, dict[str, str]], release: str, state: str, told: str
):
    fake, asked = central
    fake.release = release
    assert told in said(server(of_server(study, **asked)), state)


def test_kobo_healthy_wrong_token_partial_and_archived(study: Study, monkeypatch: pytest.MonkeyPatch):
    with FakeKobo() as fake:
        uid = fake.publish(study.forms[0].workbook)
        asked = {"kind": "kobo", "url": fake.url}
        monkeypatch.setenv("TRACER_TOKEN", fake.token)
        well = list(server(of_server(study, **asked)))
        assert {one.state for one in well} == {"ok"}, well
        assert f"project {uid}, 0 submissions visible, and the history" in said(iter(well), "ok")

        monkeypatch.setenv("TRACER_TOKEN", fake.add_user("reader", {"view_asset", "view_submissions"}))
        reader = list(server(of_server(study, **asked)))
        assert said(iter(reader)) == ""
        assert "no right validate_submissions, which `review --apply` needs" in said(iter(reader), "warning")
        fake.set_permissions("reader", {"view_asset", "view_submissions"}, rows=[1])
        assert "only some submissions are visible" in said(server(of_server(study, **asked)))
        fake.set_permissions("reader", {"view_asset"})
        assert "submissions are not visible" in said(server(of_server(study, **asked)))
        fake.set_permissions("reader", set())
        assert "no project of form household is visible" in said(server(of_server(study, **asked)))

        monkeypatch.setenv("TRACER_TOKEN", fake.token)
        fake.archive(uid)
        assert "archived and takes no answers" in said(server(of_server(study, **asked)), "warning")
        monkeypatch.setenv("TRACER_TOKEN", SECRETS[0])
        wrong = said(server(of_server(study, **asked)))
        assert "the credentials are not accepted" in wrong
        assert SECRETS[0] not in wrong


def test_a_server_that_is_down_is_said_after_two_tries(study: Study, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TRACER_TOKEN", SECRETS[0])
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{door.getsockname()[1]}"
        down = said(server(of_server(study, kind="kobo", url=url)))
    assert "no usable answer" in down
    assert "try again later" in down


@pytest.mark.parametrize(
    ("wrong", "state"), [(30, "ok"), (180, "warning"), (7 * 3600, "error"), (-3600, "error")]
)
def test_a_clock_that_differs_from_the_servers(
    study: Study, monkeypatch: pytest.MonkeyPatch, wrong: int, state: str
):
    with FakeKobo() as fake:
        fake.publish(study.forms[0].workbook)
        monkeypatch.setenv("TRACER_TOKEN", fake.token)
        found = server(
            of_server(study, kind="kobo", url=fake.url), lambda: datetime.now(UTC) + timedelta(seconds=wrong)
        )
        [clock] = [one for one in found if one.area == "clock"]
    assert clock.state == state
    assert ("behind" if wrong < 0 else "ahead of") in clock.said


def test_a_certificate_that_ends_soon_and_one_that_is_not_trusted(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with FakeKobo() as fake:
        fake.publish(study.forms[0].workbook)
        monkeypatch.setenv("TRACER_TOKEN", fake.token)
        wrap(fake, tmp_path)
        asked = of_server(study, kind="kobo", url=fake.url.replace("http:", "https:"))
        assert "the certificate is not trusted" in said(server(asked))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        assert "its certificate is trusted until" in said(server(asked), "warning")


def test_an_address_that_would_send_the_password_in_the_clear_and_a_folder_that_is_none(
    study: Study, monkeypatch
):
    monkeypatch.setenv("TRACER_TOKEN", SECRETS[0])
    assert "unencrypted" in said(server(of_server(study, kind="kobo", url="http://kobo.example.org")))
    assert "is no folder" in said(server(of_server(study, kind="folder", path=str(study.root / "none"))))
    written = said(server(of_server(study, kind="kobo", url="https://kobo.example.org", token=SECRETS[0])))
    assert "put it into TRACER_TOKEN instead" in written
    assert SECRETS[0] not in written


# -- disk


def test_a_disk_that_is_full_and_one_that_fills(study: Study) -> None:
    assert "GiB free" in said(disk(study, least=2**62))
    assert "are advised" in said(disk(study, least=0, enough=2**62), "warning")


def test_a_folder_that_takes_no_file(study: Study) -> None:
    """Root may write anywhere but into /proc, which takes no folder from anybody."""
    held = replace(study, landing=Path("/proc/tracer/landing"))
    assert "/proc cannot be written" in said(disk(held))


def test_a_landing_that_is_open_to_all(study: Study) -> None:
    (study.landing / "household").chmod(0o755)
    study.landing.chmod(0o755)
    assert "is open to other users" in said(disk(study), "warning")


# -- landing and warehouse


@pytest.mark.parametrize("kind", ["ndjson.zst", "raw.ndjson.zst", "keys.zst"])
def test_a_segment_that_is_gone(study: Study, kind: str) -> None:
    (study.landing / "household" / f"00000001.{kind}").unlink()
    assert "torn or missing segments 00000001" in said(examine(study, ["landing"]))


@pytest.mark.parametrize("kind", ["ndjson.zst", "raw.ndjson.zst", "keys.zst"])
def test_a_segment_that_is_torn_and_a_manifest_that_is_not_one(study: Study, kind: str) -> None:
    segment = study.landing / "household" / f"00000001.{kind}"
    segment.write_bytes(segment.read_bytes()[:-5])
    assert "torn or missing" in said(examine(study, ["landing"]))
    (study.landing / "household" / "manifest.json").write_text("{")
    assert "manifest.json is missing or damaged" in said(examine(study, ["landing"]))


def test_records_the_manifest_skips_strays_strangers_and_a_pull_at_work(study: Study) -> None:
    folder = study.landing / "household"
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["segments"][0]["first"] = 3
    manifest["proofs"][-1]["server_count"] = 7
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "00000099.ndjson.zst.part").write_bytes(b"")
    stranger = Landing(study.landing, "stranger")
    (stranger.folder / "manifest.json").write_text('{"segments": [], "proofs": []}')
    with claimed(folder / "pull.lock"):
        found = list(examine(study, ["landing"]))
    assert "skips records" in said(iter(found))
    told = said(iter(found), "warning")
    assert "1 file(s) the manifest does not name" in told
    assert "stranger: landed, and no form of this study" in told
    assert "counted 7, 6 came" in told
    assert "a pull is at work" in told


def test_a_warehouse_of_another_layout_one_that_is_open_to_all_and_one_that_is_none(study: Study) -> None:
    for number, state, words in ((2, "warning", "makes it anew"), (999, "error", "upgrade tracer_etl here")):
        with duckdb.connect(str(study.warehouse)) as connection:
            connection.execute("UPDATE meta.layout SET number = ?", [number])
        assert words in said(examine(study, ["warehouse"]), state)
    study.warehouse.chmod(0o644)
    assert "is open to other users" in said(examine(study, ["warehouse"]), "warning")
    study.warehouse.write_bytes(b"no database")
    assert "let the run that holds it end" in said(examine(study, ["warehouse"]))


def test_a_warehouse_another_process_holds(study: Study) -> None:
    code = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(study.warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        held = said(examine(study, ["warehouse"]))
        holder.stdin.close()
    assert "lock" in held
    assert "let the run that holds it end" in held


def test_the_roles_of_postgresql(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with running() as there:
        address = there.fresh()
        monkeypatch.setenv("TRACER_DATABASE", address)
        assert "the first run of postgres makes them" in said(examine(study, ["warehouse"]), "warning")
        there.execute("CREATE USER plain")
        plain = address.replace("postgres@", "plain@")
        monkeypatch.setenv("TRACER_DATABASE", plain)
        assert "have an administrator run" in said(examine(study, ["warehouse"]))
        there.execute("CREATE ROLE tracer_loader")
        there.execute("CREATE ROLE tracer_analyst")
        assert "GRANT tracer_loader TO plain" in said(examine(study, ["warehouse"]))
        there.execute("GRANT tracer_loader TO plain")
        assert "user plain is a member of tracer_loader" in said(examine(study, ["warehouse"]), "ok")
        assert there.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'meta'", address) == [(0,)]


# -- keys


def test_the_key_of_pseudonyms(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = replace(study, public=({"name": "x"},))
    assert "TRACER_PSEUDONYM_KEY: is not set" in said(examine(opened, ["keys"]))
    monkeypatch.setenv("TRACER_PSEUDONYM_KEY", "short")
    assert "is too short" in said(examine(opened, ["keys"]))
    monkeypatch.setenv("TRACER_PSEUDONYM_KEY", SECRETS[2])
    monkeypatch.setenv("TRACER_PSEUDONYM_KEY_OLD", SECRETS[2])
    found = list(examine(opened, ["keys"]))
    assert "fingerprint" in said(iter(found), "ok")
    assert "is still set" in said(iter(found), "warning")
    assert SECRETS[2] not in repr(found)


def test_the_private_key_of_an_encrypted_form(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    pem, public = key_pair()
    workbook = study.forms[0].workbook
    book = load_workbook(workbook)
    for column, (heading, value) in enumerate(
        (("public_key", public), ("submission_url", "https://x.org")), 8
    ):
        book["settings"].cell(1, column, heading)
        book["settings"].cell(2, column, value)
    book.save(workbook)
    assert "household is encrypted and no private key is named" in said(examine(study, ["keys"]))
    file = study.root / "key.pem"
    file.write_bytes(pem)
    monkeypatch.setenv("TRACER_PRIVATE_KEY", str(file))
    file.chmod(0o644)
    found = list(examine(study, ["keys"]))
    assert "its private key is there" in said(iter(found), "ok")
    assert "can be read by other users" in said(iter(found), "warning")
    file.write_bytes(key_pair()[0])
    assert "the private key is not that of household" in said(examine(study, ["keys"]))
    file.unlink()
    assert "cannot be read" in said(examine(study, ["keys"]))


# -- the command


def test_the_command_prints_lines_or_json_and_ends_with_8(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = str(study.root / "study.toml")
    well = CliRunner().invoke(cli.cli, ["--study", toml, "doctor", "--only", "landing"])
    assert (well.exit_code, well.output) == (
        0,
        "ok       landing    household: 6 records in 1 whole segments\n",
    )
    (study.landing / "household" / "manifest.json").unlink()
    ill = CliRunner().invoke(cli.cli, ["--study", toml, "doctor", "--only", "landing", "--json"])
    assert isinstance(ill.exception, NotReady)
    assert ill.exception.exit_code == 8
    [found] = json.loads(ill.stdout)
    assert (found["state"], found["area"]) == ("error", "landing")
    assert "restore the folder" in found["remedy"]
    monkeypatch.setenv("TRACER_TOKEN", SECRETS[0])
    monkeypatch.setenv("TRACER_SERVER", "kobo")
    monkeypatch.setenv("TRACER_URL", "http://127.0.0.1:9")
    shown = CliRunner().invoke(cli.cli, ["--study", toml, "doctor", "--only", "server", "--only", "keys"])
    assert SECRETS[0] not in shown.output
    assert isinstance(shown.exception, NotReady)
