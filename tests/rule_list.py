"""The study's rule list beside the files that hold its rules: what docs/reference/rules.md is written from."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

EXPECTATIONS = Path(__file__).parents[1] / "expectations"
FAMILIES = {
    "S": "Schema and delivery",
    "R": "One row",
    "C": "Across the questions of one submission",
    "X": "Across submissions, tables and the registry",
    "D": "Distributions",
    "H": "How the interview was made",
}


@dataclass(frozen=True)
class Written:
    """One entry of a file for one rule: where it stands, how it is judged, how severe it is, and why."""

    rule: str
    place: str
    how: str
    severity: str
    why: tuple[str, str]


def listed() -> dict[str, dict[str, Any]]:
    """Read the list: id -> scope, severity, rule, note."""
    return tomllib.loads((EXPECTATIONS / "rule_list.toml").read_text(encoding="utf-8"))


def written() -> dict[str, list[Written]]:
    """Read every file of the folder, and what the list says that forms bring themselves."""
    found: dict[str, list[Written]] = defaultdict(list)
    for one in [*_of_rows(), *_of_the_whole(), *_of_forms()]:
        found[one.rule].append(one)
    return found


def _of_rows() -> list[Written]:
    how = "each row, by Great Expectations"
    return [
        Written(e["meta"]["id"], f"`{path.name}`", how, e["severity"], _why(e["meta"]))
        for path in sorted(EXPECTATIONS.glob("*.yaml"))
        for e in YAML(typ="safe").load(path).get("expectations") or ()
    ]


def _of_the_whole() -> list[Written]:
    return [
        Written(e["id"], f"`study/{path.name}`", _judged(e), e["severity"], _why(e["meta"]))
        for path in sorted((EXPECTATIONS / "study").glob("*.yaml"))
        for e in YAML(typ="safe").load(path).get("checks") or ()
    ]


def _of_forms() -> list[Written]:
    return [
        Written(name, f"`{one['form']}`", "each row, by the form's own versions", one["own"], _why(one))
        for name, one in listed().items()
        if "form" in one
    ]


def _why(meta: dict[str, Any]) -> tuple[str, str]:
    return meta["why"]["id"], meta["why"]["en"]


def _judged(entry: dict[str, Any]) -> str:
    when = "before publishing" if entry.get("at") == "marts" else "after loading"
    means = "SQL" if entry["type"] == "sql" else f"`{entry['type']}`"
    return f"the whole, {when}, per {entry['scope']}, by {means}"


def page(generated: str) -> str:
    """Write the reference page."""
    rules, files = listed(), written()
    head = (
        f"# Rules of the study\n\n{generated}\n\n"
        f"The {len(rules)} rules of the specification (section 4), in its words, and where each of them lives in\n"
        "`expectations/`: [how files of rows are written](expectations.md). `form:` rules are what every form brings.\n"
        "Severity: **critical** rejects, **warning** sets aside until a person decides, **info** is loaded and listed; a\n"
        "critical rule about the whole stops the publication. What came of each in the last run: `meta.check_result`, or\n"
        "`tracer-etl oversight --all`.\n"
    )
    parts = [head]
    for letter, heading in FAMILIES.items():
        rows = "\n".join(_row(name, rules[name], files[name]) for name in rules if name[0] == letter)
        columns = "| rule | what it asks | asked | severity | lives in | evaluated on | alasan | reason |"
        parts.append(f"## {heading}\n\n{columns}\n|---|---|---|---|---|---|---|---|\n{rows}\n")
    return "\n".join(parts)


def _row(name: str, rule: dict[str, Any], entries: list[Written]) -> str:
    columns = [
        [*(one.severity for one in entries), *([rule["departs"]] if "departs" in rule else [])],
        [one.place for one in entries],
        [one.how for one in entries],
        [one.why[0] for one in entries],
        [one.why[1] for one in entries],
    ]
    told = " | ".join("<br>".join(_cell(text) for text in dict.fromkeys(texts)) for texts in columns)
    return f"| {name} | {_cell(rule['rule'])} | {_cell(rule['severity'])} | {told} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<br>", " ").replace("<", "&lt;").strip()
