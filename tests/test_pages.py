"""The commands of the pages, typed as they stand: on a new study, its own folder or a fake server behind it.

The tutorial, the README's first table and the backup drill are typed into a shell elsewhere (test_run.py, test_restore.py).
"""

from __future__ import annotations

import os
import re
import shutil
from collections import defaultdict
from datetime import date
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from doc_commands import commands
from tracer_etl.cli import cli
from tracer_etl.starting import start_study
from tracer_etl.testing import FakeCentral, FakeKobo

if TYPE_CHECKING:
    from pathlib import Path

    from doc_commands import Command

FOLDER = (
    "run-your-own-form",
    "check-the-setup",
    "lint-a-form",
    "open-in-spss-stata-excel",
    "handle-set-aside-submissions",
    "erase-a-person",
    "upgrade",
)
CENTRAL = (
    "README",
    "check-the-setup",
    "publish-forms",
    "pull-from-odk-central",
    "change-a-form-midway",
    "supervise-fieldwork",
    "send-verdicts-back",
    "set-up-phones",
)
KOBO = ("publish-forms", "pull-from-kobotoolbox", "send-verdicts-back", "set-up-phones")
TYPED_ELSEWHERE = {
    "first-evening": "test_run.py",
    "back-up-and-restore": "test_restore.py",
    "case-lists": "servers/test_cases.py",
    "code-job-titles": "test_evidence_cli.py",
    "import-the-registry": "test_registry_import.py",
    "rank-programmes-2026": "test_evidence_cli.py",
    "select-participants": "test_evidence_cli.py",
    "publish-open-data": "test_public_extract.py",
    "pass-on-to-siapkerja": "test_evidence_cli.py",
    "use-postgresql": "test_estimates_postgres.py",
    "encrypted-forms": "test_decryption.py",
}
# The pages speak of the tracer study; here it is the new study's one form.
MEANT = {
    "alumni_tracer": "household",
    "youth_ideas": "household",
    "forms/alumni_tracer.xlsx": "forms/household.xlsx",
}
# The engine of Collect (test_lint.py), and a person of the registry (test_erasing.py).
LEFT_OUT = ("--walk", "registry_person")
MORE = """
[[phones]]
file = "crew.csv"
forms = ["household"]
account = "account"
"""


def pages() -> dict[str, list[Command]]:
    found = defaultdict(list)
    for one in commands():
        if one.whole and one.program == "tracer-etl":
            found[one.page.rpartition("/")[2].removesuffix(".md")].append(one)
    return found


PAGES = pages()


def test_every_page_is_typed_somewhere() -> None:
    assert set(PAGES) == {*FOLDER, *CENTRAL, *KOBO, *TYPED_ELSEWHERE}
    typed = [one for page in (*FOLDER, *CENTRAL, *KOBO) for one in PAGES[page]]
    assert len(typed) >= 50


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a new study with a crew and what the pages' examples name."""
    for name in [name for name in os.environ if name.startswith("TRACER_")]:
        monkeypatch.delenv(name)
    root = tmp_path / "demo"
    start_study(root, date(2026, 11, 24))
    with (root / "study.toml").open("a", encoding="utf-8") as file:
        file.write(MORE)
    (root / "crew.csv").write_text("name,label,account\nP01,Ratna,ratna\n", encoding="utf-8")
    (root / "csv").mkdir()
    (root / "forms/old").mkdir()
    for copy in ("draft.xlsx", "old.xlsx", "new.xlsx", "forms/old/alumni_tracer-2026112401.xlsx"):
        shutil.copy(root / "forms/household.xlsx", root / copy)
    monkeypatch.chdir(root)
    return root


def type_pages(names: tuple[str, ...], keys: tuple[str, str] = ("", "")) -> dict[str, str]:
    """Type what the pages say; give what the last command of each printed."""
    printed = {}
    for name in names:
        for one in PAGES[name]:
            if not set(LEFT_OUT) & set(one.words):
                words = [_meant(word, keys) for word in one.words[1:]]
                done = CliRunner().invoke(cli, words, catch_exceptions=True)
                assert done.exit_code == 0, f"{one}\n{done.output}\n{done.exception}"
                printed[name] = done.output
    return printed


def _meant(word: str, keys: tuple[str, str]) -> str:
    if word.startswith("uuid:"):
        return keys[1] if word.startswith("uuid:91aa") else keys[0]
    return MEANT.get(word, word)


def sent(root: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(root.glob("rehearsal/*/*/submission.xml"))]


def key_of(root: Path, head: str) -> str:
    text = (root / f"rehearsal/household/{head}/submission.xml").read_text(encoding="utf-8")
    return re.findall(r"instanceID>([^<]+)<", text)[0]


def counts(printed: str) -> tuple[int, ...]:
    """Read landed, good and set aside of the new study's form from a table."""
    found = re.search(r"^household +(\d+) +(\d+) +(\d+)", printed, re.MULTILINE)
    assert found is not None, printed
    return tuple(map(int, found.groups()))


def test_pages_that_need_no_server(study: Path) -> None:
    keys = key_of(study, "widodo"), key_of(study, "suparmi")
    done = type_pages(FOLDER[:-2], keys)
    assert counts(done["run-your-own-form"]) == (6, 5, 1)
    assert (study / "var/export/sav/household.sav").exists()
    assert (study / "var/report/office/data-docs/index.html").exists()
    shutil.rmtree(study / "rehearsal/household/suparmi")  # on the server first, as the page says
    done = type_pages(FOLDER[-2:], (keys[1], ""))
    assert counts(done["upgrade"]) == (5, 5, 0)


def test_pages_of_central(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeCentral() as fake:
        fake.publish(study / "forms/household.xlsx")
        for xml in sent(study):
            fake.submit("household", xml)
        user, password = fake.admin
        told = {"SERVER": "central", "URL": fake.url, "USER": user, "PASSWORD": password, "PROJECT": "1"}
        for name, value in told.items():
            monkeypatch.setenv(f"TRACER_{name}", value)
        done = type_pages(CENTRAL)
        held = [key for key, one in fake.truth("household").items() if one.review_state == "hasIssues"]
    assert held == [key_of(study, "widodo")]
    assert "nothing to do" in done["publish-forms"]
    assert (study / "var/phones.html").exists()


def test_pages_of_kobo(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeKobo() as fake:
        asset = fake.publish(study / "forms/household.xlsx")
        fake.add_user("ratna")
        for xml in sent(study):
            fake.submit(asset, fake.stamp(asset, xml))
        for name, value in {"SERVER": "kobo", "URL": fake.url, "TOKEN": fake.token}.items():
            monkeypatch.setenv(f"TRACER_{name}", value)
        done = type_pages(KOBO)
    assert counts(done["pull-from-kobotoolbox"]) == (6, 5, 1)
    assert (study / "var/phones.html").exists()
