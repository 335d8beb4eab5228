"""Every command of ours in README and docs is one: it exists, takes these options and names files that are there."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tomllib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from doc_commands import PAGES, ROOT, SHELLS, Command, commands, fences, paths, read_by_click, read_by_script

if TYPE_CHECKING:
    from pathlib import Path

ALL = list(commands())


def test_there_are_commands_to_look_at() -> None:
    count = Counter(command.program for command in ALL)
    assert count["tracer-etl"] > 100
    assert count["make"] > 5
    assert count["python"] > 5


def test_tracer_etl_takes_every_command_of_the_pages() -> None:
    wrong = {str(one): said for one in ALL if one.program == "tracer-etl" and (said := read_by_click(one))}
    assert wrong == {}


def test_make_python_and_pytest_find_what_the_pages_name() -> None:
    wrong = {str(one): said for one in ALL if one.program != "tracer-etl" and (said := read_by_script(one))}
    assert wrong == {}


def test_files_of_the_repository_that_commands_name_are_there() -> None:
    made = set()  # by the reader: a copy, or a file of their own that a key of study.toml names
    for page in {one.page for one in ALL}:
        made |= set(re.findall(r'\w = "([^"]+)"', (ROOT / page).read_text(encoding="utf-8")))
        for block in fences(ROOT / page, SHELLS):
            made |= set(re.findall(r"^(?:cp|mv) .*?(\S+)$", block, re.MULTILINE))
    missing = [
        f"{one}: {path}"
        for one in ALL
        for path in paths(one)
        if path not in made and not (ROOT / path).exists() and not path.startswith(".venv/bin/")
    ]
    assert missing == []


def test_python_toml_and_json_of_the_pages_can_be_read() -> None:
    read = {"python": ast.parse, "toml": tomllib.loads, "json": json.loads}
    seen = Counter[str]()
    for page in PAGES:
        for language, reader in read.items():
            for block in fences(page, (language,)):
                reader(block)
                seen[language] += 1
    assert seen["python"] > 1
    assert seen["toml"] > 5


def test_git_ignores_what_the_pages_have_a_reader_make_of_people(tmp_path: Path) -> None:
    made = [
        "bridge.csv",
        "appeal.csv",
        "private.pem",
        "drill/landing",
        "lists/peserta.xlsx",
        "var/phones.html",
    ]
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in made if name.partition("/")[0] not in text] == []
    made += [f"{name}/landing" for name in set(re.findall(r"TRACER_STORAGE=(\S+)", text))]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    asked = subprocess.run(
        ["git", "check-ignore", *made], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert set(asked.stdout.split()) == set(made)


@pytest.mark.parametrize(
    ("words", "objection"),
    [
        ("tracer-etl sing", "No such command"),
        ("tracer-etl run --louder", "No such option"),
        ("tracer-etl evidence plan --form", "requires an argument|No such option"),
        ("tracer-etl quarantine release alumni_tracer", "Missing argument"),
    ],
)
def test_a_wrong_command_would_be_seen(words: str, objection: str) -> None:
    assert re.search(objection, read_by_click(Command("here", tuple(words.split()), whole=True)))


@pytest.mark.parametrize(
    "words",
    ["make coffee", "python bench/tea.py", "python bench/crash.py 5 --soft", "pytest tests/test_tea.py"],
)
def test_a_wrong_target_or_script_would_be_seen(words: str) -> None:
    assert read_by_script(Command("here", tuple(words.split()), whole=True))
