"""Phones: who gets in where, and codes that a camera reads back."""

from __future__ import annotations

import io
import json
import re
import shutil
import stat
from pathlib import Path

import pytest
import zxingcpp
from click.testing import CliRunner
from lxml import html
from PIL import Image

from tiny import FORM, STUDY
from tracer_etl.cli import cli, field
from tracer_etl.errors import StudyError
from tracer_etl.fieldwork import qr
from tracer_etl.fieldwork.phones import AppUsers, Holder, KoboAccounts, Phone, holders
from tracer_etl.servers import Options, central, kobo
from tracer_etl.servers.session import Patience, Session
from tracer_etl.study import read_study
from tracer_etl.testing import FakeCentral, FakeKobo

QUICK = Patience(connect=1, stall=0.5, tries=3, pause=0.01)
RECORDED = Path(__file__).parents[2] / "../shared/servers/recordings/central/012-collect-qr-settings.json"
CHROMIUM = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --no-first-run"
)
CREWS = """
[[phones]]
file = "crew.csv"
where = { role = "enumerator" }
forms = ["tiny"]
"""
CREW = "name,label,role,user\nP01,P01 - Ratna,enumerator,ratna\nP02,Bagus,enumerator,\nS01,S01 - Sri,supervisor,sri\n"
TOKEN = "x" * 64
TITLES = (
    "Penelusuran Alumni Pelatihan Kerja Kabupaten Blitar 2024-2025",
    "Kebutuhan Tenaga Kerja dan Pelatihan Dunia Usaha",
    "Pendaftaran Peserta Pelatihan 2026",
)
SETTINGS = qr.collect_settings(f"https://odk.example.org/v1/key/{TOKEN}/projects/3", "Penelusuran Alumni")


@pytest.fixture
def study_file(tmp_path) -> Path:
    (tmp_path / "tiny.md").write_text(FORM, encoding="utf-8")
    (tmp_path / "crew.csv").write_text(CREW, encoding="utf-8")
    (tmp_path / "study.toml").write_text(STUDY + CREWS, encoding="utf-8")
    return tmp_path / "study.toml"


@pytest.fixture
def odk(study_file):
    with FakeCentral() as server:
        server.publish(study_file.parent / "tiny.md")
        yield server


def app_users(server: FakeCentral) -> AppUsers:
    user, password = server.admin
    settings = {"url": server.url, "user": user, "password": password, "project": str(server.project)}
    source = central.connect(settings, Options(), QUICK)
    return AppUsers(source.session, source.project)


def users(server: FakeCentral) -> list[tuple[str, bool, set[str]]]:
    """Name, access and forms of every app user, as the server has them."""
    form = server.form("tiny")
    devices = [actor for actor in server.state.people.actors if actor.device]
    return [
        (one.name, bool(one.token), {"tiny"} if one.number in form.assigned else set()) for one in devices
    ]


# -- who


def test_holders_are_those_of_the_crews_with_the_forms_of_all_their_crews(study_file):
    more = '[[phones]]\nfile = "crew.csv"\nforms = ["tiny"]\naccount = "user"\n'
    study_file.write_text(STUDY + CREWS + more, encoding="utf-8")
    assert holders(read_study(study_file)) == [
        Holder("P01", "P01 - Ratna", ("tiny",), "ratna"),
        Holder("P02", "P02 - Bagus", ("tiny",), ""),
        Holder("S01", "S01 - Sri", ("tiny",), "sri"),
    ]


@pytest.mark.parametrize(
    ("crews", "crew", "says"),
    [
        ("", CREW, "nobody has a phone"),
        (CREWS.replace('"tiny"', '"other"'), CREW, "no form 'other'"),
        (CREWS, CREW.replace("role", "task"), "no column 'role'"),
        (CREWS, CREW.replace("P01,", ","), "has the code ''"),
        (CREWS.replace("crew.csv", "none.csv"), CREW, "none.csv cannot be read"),
    ],
)
def test_a_crew_that_cannot_be_read_is_refused(study_file, crews, crew, says):
    study_file.write_text(STUDY + crews, encoding="utf-8")
    (study_file.parent / "crew.csv").write_text(crew, encoding="utf-8")
    with pytest.raises(StudyError, match=says):
        holders(read_study(study_file))


# -- ODK Central


def test_everyone_gets_an_app_user_that_may_send_the_forms_of_the_crew_once(odk, study_file):
    people, desk = holders(read_study(study_file)), app_users(odk)
    planned = desk.plan(people)
    assert [phone.todo for phone in planned] == ["create, + tiny", "create, + tiny"]
    assert users(odk) == []
    desk.apply(planned, revoke=False)
    assert users(odk) == [("P01 - Ratna", True, {"tiny"}), ("P02 - Bagus", True, {"tiny"})]
    again = app_users(odk)
    assert {phone.todo for phone in again.plan(people)} == {"nothing"}
    assert again.tokens == desk.tokens
    assert len(set(desk.tokens.values())) == 2


def test_an_app_user_made_by_hand_is_found_by_its_code(odk, study_file):
    token = odk.add_app_user("P02 (HP merah)")
    desk = app_users(odk)
    [_, phone] = desk.plan(holders(read_study(study_file)))
    assert (phone.account, phone.todo) == ("there", "nothing")
    assert desk.tokens == {"P02": token}


def test_access_nobody_is_listed_for_is_taken_away_only_when_asked(odk, study_file):
    people, desk = holders(read_study(study_file)), app_users(odk)
    odk.add_app_user("P09 - Lama", "tiny")
    planned = desk.plan(people)
    assert planned[-1] == Phone("", "P09 - Lama", "not listed", actor=planned[-1].actor, revoke=True)
    desk.apply(planned, revoke=False)
    assert ("P09 - Lama", True, {"tiny"}) in users(odk)
    desk.apply(desk.plan(people), revoke=True)
    assert ("P09 - Lama", False, {"tiny"}) in users(odk)
    assert [phone.name for phone in desk.plan(people)] == ["P01 - Ratna", "P02 - Bagus"]


def test_a_form_that_is_no_longer_theirs_is_taken_away_only_when_asked(odk, study_file):
    odk.add_app_user("P01 - Ratna", "tiny")
    (study_file.parent / "other.md").write_text(FORM.replace("| tiny ", "| other "), encoding="utf-8")
    odk.publish(study_file.parent / "other.md")
    desk, person = app_users(odk), Holder("P01", "P01 - Ratna", ("other",))
    both = [person, Holder("P02", "P02", ("tiny",))]
    [phone, _] = desk.plan(both)
    assert (phone.grants, phone.withdrawals) == (("other",), ("tiny",))
    desk.apply([phone], revoke=False)
    assert users(odk) == [("P01 - Ratna", True, {"tiny"})]
    desk.apply(desk.plan(both), revoke=True)
    assert users(odk)[0] == ("P01 - Ratna", True, set())


def test_a_lost_phone_gets_a_new_key_after_its_old_one_is_revoked(odk, study_file):
    people, desk = holders(read_study(study_file)), app_users(odk)
    desk.apply(desk.plan(people), revoke=False)
    lost = desk.tokens["P01"]
    next(actor for actor in odk.state.people.actors if actor.token == lost).token = ""
    again = app_users(odk)
    assert [phone.todo for phone in again.plan(people)] == ["create, + tiny", "nothing"]
    again.apply(again.plan(people), revoke=False)
    assert again.tokens["P01"] not in ("", lost)


def test_central_badges_hold_the_key_and_show_only_the_host(odk, study_file):
    people, desk = holders(read_study(study_file)), app_users(odk)
    assert desk.badges(people, {}) == []
    desk.apply(desk.plan(people), revoke=False)
    badge = desk.badges(people, {})[0]
    key = f"{odk.url}/v1/key/{desk.tokens['P01']}/projects/1"
    assert badge.settings["general"]["server_url"] == key
    assert (badge.server, badge.project, badge.forms) == (odk.url.removeprefix("http://"), "Study", ("tiny",))
    assert desk.tokens["P01"] not in repr(desk) + repr(badge)


# -- KoboToolbox


def accounts(server: FakeKobo, form: str, shared: str = "") -> KoboAccounts:
    source = kobo.connect({"url": server.url, "token": server.token}, Options(), QUICK)
    return KoboAccounts(source.session, {"tiny": form}, shared)


def test_kobo_accounts_get_the_right_to_send_once(study_file):
    people = [Holder("P01", "P01 - Ratna", ("tiny",), "ratna"), Holder("P02", "P02 - Bagus", ("tiny",))]
    with FakeKobo() as server:
        form = server.publish(study_file.parent / "tiny.md")
        server.add_user("ratna")
        server.add_user("team")
        desk = accounts(server, form, "team")
        planned = desk.plan(people)
        assert [(phone.account, phone.todo) for phone in planned] == [("ratna", "+ tiny"), ("team", "+ tiny")]
        desk.apply(planned, revoke=False)
        assert {phone.todo for phone in desk.plan(people)} == {"nothing"}


def test_kobo_needs_an_account_for_everyone(study_file):
    with FakeKobo() as server:
        desk = accounts(server, server.publish(study_file.parent / "tiny.md"))
        with pytest.raises(StudyError, match=r"P02 - Bagus has no KoboToolbox account; .*TRACER_PHONES_USER"):
            desk.plan([Holder("P02", "P02 - Bagus", ("tiny",))])


def test_an_account_kobo_does_not_know_is_named(study_file):
    with FakeKobo() as server:
        desk = accounts(server, server.publish(study_file.parent / "tiny.md"), "nobody")
        planned = desk.plan([Holder("P01", "P01 - Ratna", ("tiny",))])
        with pytest.raises(StudyError, match="knows no account nobody; make that account there"):
            desk.apply(planned, revoke=False)


def test_kobo_codes_hold_no_password_unless_told(study_file):
    with FakeKobo() as server:
        desk = accounts(server, server.publish(study_file.parent / "tiny.md"), "team")
        person = Holder("P01", "P01 - Ratna", ("tiny",))
        [badge] = desk.badges([person], {"tiny": "Kecil"}, "Uji", "https://kc.example.org/")
        general = badge.settings["general"]
        assert (general["server_url"], general["username"]) == ("https://kc.example.org", "team")
        assert "password" not in general
        assert badge.asks_password
        assert badge.forms == ("Kecil",)
        [badge] = desk.badges([person], {"tiny": "Kecil"}, "Uji", "", "rahasia")
        assert badge.settings["general"] | {"password": "rahasia"} == badge.settings["general"]


def test_the_phones_address_of_kobo_comes_from_the_study_and_its_password_from_the_environment(
    study_file, capsys, monkeypatch
):
    people = [Holder("P01", "P01 - Ratna", ("tiny",), "ratna")]
    desk = KoboAccounts(Session("https://kf.example.org", lambda _renew: {}), {"tiny": "a1"})
    [badge] = field._badges(read_study(study_file), desk, people, with_password=False)
    assert badge.settings["general"]["server_url"] == "https://kf.example.org"
    assert "write phones_url under [server]" in capsys.readouterr().err
    text = study_file.read_text(encoding="utf-8")
    study_file.write_text(
        text.replace("[server]", '[server]\nphones_url = "https://kc.example.org"'), encoding="utf-8"
    )
    study = read_study(study_file)
    monkeypatch.delenv(field.SHARED_PASSWORD, raising=False)
    with pytest.raises(StudyError, match="TRACER_PHONES_PASSWORD: there is no password"):
        field._badges(study, desk, people, with_password=True)
    monkeypatch.setenv(field.SHARED_PASSWORD, "rahasia")
    [badge] = field._badges(study, desk, people, with_password=True)
    general = badge.settings["general"]
    assert (general["server_url"], general["password"]) == ("https://kc.example.org", "rahasia")
    assert capsys.readouterr().err == ""


# -- codes


@pytest.mark.skipif(not RECORDED.is_file(), reason="needs the shared recordings")
def test_settings_and_code_are_those_recorded_of_central():
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    address = recorded["settings"]["general"]["server_url"]
    ours = qr.collect_settings(address, recorded["settings"]["project"]["name"])
    assert ours == recorded["settings"]
    assert qr.decode(recorded["qr_text"]) == qr.decode(qr.encode(ours)) == recorded["settings"]


def test_a_camera_reads_the_code_back():
    import segno

    drawn = io.BytesIO()
    segno.make_qr(qr.encode(SETTINGS), error=qr.CORRECTION).save(drawn, kind="png", scale=4, border=4)
    [found] = zxingcpp.read_barcodes(Image.open(drawn))
    assert qr.decode(found.text) == SETTINGS


def badges(number: int = 3, account: str = "") -> list[qr.Badge]:
    names = ["P01 - Ratna", "P02 - Bagus <b>", "P03 - Wulan"]
    shown = ("odk.example.org", "Penelusuran Alumni", TITLES, SETTINGS, account, bool(account))
    return [qr.Badge(f"P0{n}", names[n % 3], *shown) for n in range(number)]


def test_the_sheet_is_one_offline_file_for_its_owner_only(tmp_path):
    path = qr.write_sheet(tmp_path / "deep" / "sheet.html", badges(), {"id": "Uji & coba", "en": "Trial"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    page = path.read_text(encoding="utf-8")
    assert TOKEN not in page
    tree = html.fromstring(page)
    assert not tree.xpath("//script | //link | //img | //iframe | //*[@src or @href]")
    assert "url(" not in page
    assert "@import" not in page
    assert len(tree.xpath("//article//*[local-name()='svg']")) == 3
    assert [name.text for name in tree.xpath("//article/h2")] == [
        "P01 - Ratna",
        "P02 - Bagus <b>",
        "P03 - Wulan",
    ]
    assert [len(card.xpath(".//li")) for card in tree.xpath("//article")] == [3, 3, 3]
    assert len(tree.xpath("//li/span[@lang='en']")) == 9
    assert list(path.parent.iterdir()) == [path]


def test_a_sheet_that_others_could_read_becomes_private_again(tmp_path):
    path = tmp_path / "sheet.html"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o644)
    assert stat.S_IMODE(qr.write_sheet(path, badges(), {"id": "Uji"}).stat().st_mode) == 0o600


@pytest.mark.browser
def test_a_camera_reads_every_code_from_the_printed_sheet(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    from playwright.sync_api import sync_playwright

    path = qr.write_sheet(tmp_path / "sheet.html", badges(8, account="tim"), {"id": "Uji", "en": "Trial"})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM.split())
        page = browser.new_page(viewport={"width": 794, "height": 1123}, device_scale_factor=2)
        page.goto(path.as_uri())
        page.emulate_media(media="print")
        shot = page.screenshot(full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth")
        printed = page.pdf(prefer_css_page_size=True)
        browser.close()
    assert wide <= 794
    assert len(re.findall(rb"/Type /Page\b", printed)) == 2
    found = zxingcpp.read_barcodes(Image.open(io.BytesIO(shot)))
    assert [qr.decode(one.text) for one in found] == [SETTINGS] * 8


# -- the command


def field_phones(study_file: Path, server: FakeCentral, *options: str):
    user, password = server.admin
    environment = {
        "TRACER_SERVER": "central",
        "TRACER_URL": server.url,
        "TRACER_USER": user,
        "TRACER_PASSWORD": password,
        "TRACER_PROJECT": str(server.project),
    }
    command = ["--study", str(study_file), "field", "phones", *options]
    return CliRunner().invoke(cli, command, env=environment)


def test_the_command_changes_nothing_until_told_and_never_prints_a_token(odk, study_file):
    dry = field_phones(study_file, odk)
    assert dry.exit_code == 0
    assert "create, + tiny" in dry.stdout
    assert "nothing was changed" in dry.stderr
    assert users(odk) == []
    done = field_phones(study_file, odk, "--apply")
    assert done.exit_code == 0
    sheet = study_file.parent / "var/phones.html"
    assert sheet.is_file()
    assert "2 codes" in done.stdout
    again = field_phones(study_file, odk, "--apply", "--json")
    assert [row["todo"] for row in json.loads(again.stdout)] == [
        "nothing",
        "nothing",
    ]
    tokens = [actor.token for actor in odk.state.people.actors if actor.device]
    assert len(tokens) == 2
    said = dry.output + done.output + again.output
    assert not any(token in said for token in tokens)


def test_the_command_says_what_to_do_without_a_server(study_file):
    failed = CliRunner().invoke(
        cli, ["--study", str(study_file), "field", "phones"], env={"TRACER_SERVER": ""}
    )
    assert isinstance(failed.exception, StudyError)
    assert "a folder has no phones" in str(failed.exception)
