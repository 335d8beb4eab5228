"""The commands of the documentation: found in fences and in running text, and read by the programs they name."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_etl.cli import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "forms").glob("*.md"))
    if page.name != "cli.md"  # the help itself
)
SHELLS = ("sh", "bash", "shell", "console")
OURS = ("tracer-etl", "make", "python", "pytest", "ruff", "mypy", "lint-imports")
ELLIPSIS = ("...", "…")
OPTIONS_OF_OTHERS = re.compile(r"-[-\w]+")


@dataclass(frozen=True)
class Command:
    """One command of a page: its words, and whether the page means it to be typed as it stands."""

    page: str
    words: tuple[str, ...]
    whole: bool

    @property
    def program(self) -> str:
        """Name the program without its folder."""
        return Path(self.words[0]).name

    def __str__(self) -> str:
        """Say where it stands and what it is."""
        return f"{self.page}: {' '.join(self.words)}"


def fences(page: Path, languages: tuple[str, ...]) -> list[str]:
    """Give the fenced blocks of these languages, without the indent of a list they stand in."""
    found = re.findall(
        r"^( *)```(\S*)\n(.*?)^\1```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    return [
        re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        for indent, name, body in found
        if name in languages
    ]


def commands() -> Iterator[Command]:
    """Give every command of ours of every page."""
    for page in PAGES:
        name = str(page.relative_to(ROOT))
        for block in fences(page, SHELLS):
            for words in _shell(block):
                yield from _ours(name, words, whole=True)
        for block in fences(page, ("text",)):
            for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
                for words in _shell(line):
                    yield from _ours(name, words, whole=True)
        text = re.sub(
            r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        for code in re.findall(r"`([^`\n]+)`", text):
            if Path(code.split()[0] if code.split() else "").name in OURS:
                for words in _shell(code):
                    yield from _ours(name, words, whole=False)


def _shell(block: str) -> Iterator[tuple[str, ...]]:
    """Split a script into simple commands; what stands in a here-document is no command."""
    block = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", block, flags=re.DOTALL | re.MULTILINE).replace("\\\n", " ")
    for line in block.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>()")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in lexer:
            if set(word) <= set(";&|<>()"):
                yield tuple(words)
                words = []
            else:
                words.append(word)
        yield tuple(words)


def _ours(page: str, words: tuple[str, ...], *, whole: bool) -> Iterator[Command]:
    kept = list(words)
    while kept and (
        re.fullmatch(r"[A-Z_]+=.*", kept[0]) or kept[0] in ("export", "do", "then", "if", "time")
    ):
        kept.pop(0)
    if kept and Path(kept[0]).name in OURS:
        yield Command(page, tuple(word for word in kept if word not in ELLIPSIS), whole)


def read_by_click(command: Command) -> str:
    """Have the command line read a command without running it; give what it objects to, or nothing."""
    words = list(command.words[1:])
    try:
        _read(cli, "tracer-etl", words, None, complete=command.whole)
    except click.exceptions.Exit:  # --help, --version
        return ""
    except click.UsageError as error:
        return error.format_message()
    return ""


def _read(
    command: click.Command, name: str, words: list[str], parent: click.Context | None, *, complete: bool
) -> None:
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    try:
        with context.scope(cleanup=False):
            command.parse_args(context, words)
    except (click.MissingParameter, click.exceptions.NoArgsIsHelpError):
        if complete:
            raise
        return
    except click.BadParameter as error:
        # A file of the reader's own, which is not here, is no mistake of the page.
        if isinstance(getattr(error.param, "type", None), click.Path):
            return
        raise
    if isinstance(command, click.Group):
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        child_name, child, words = command.resolve_command(context, rest)
        assert child is not None
        _read(child, str(child_name), list(words), context, complete=complete)


def read_by_script(command: Command) -> str:
    """Look up what a `python`, `pytest` or `make` line names; give what is not there, or nothing."""
    words = command.words[1:]
    if command.program == "make":
        targets = set(
            re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        )
        return ", ".join(
            word for word in words if "=" not in word and not word.startswith("-") and word not in targets
        )
    scripts = [word for word in words if word.endswith(".py")]
    missing = [word for word in scripts if not (ROOT / word).is_file()]
    if missing or command.program != "python" or not scripts:
        return ", ".join(missing)
    source = (ROOT / scripts[0]).read_text(encoding="utf-8")
    asked = [word.partition("=")[0] for word in words if OPTIONS_OF_OTHERS.match(word)]
    return ", ".join(option for option in asked if f'"{option}"' not in source)


def paths(command: Command) -> list[str]:
    """Give the words that name files of this repository."""
    folders = {folder.name for folder in ROOT.iterdir() if folder.is_dir()} - {"var", "dist"}
    return [
        word for word in command.words if "/" in word and word.split("/")[0] in folders and "*" not in word
    ]
