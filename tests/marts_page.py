"""The reference page of the marts, out of the comments at the head of their SQL."""

from __future__ import annotations

import re
from importlib.resources import files

INTRODUCTION = """Made anew by every `run`, from the good submissions and the registry, in the order of this page. Who
withdrew or was erased is in none of them. The estimates (`marts.estimate` and others) are made of them in Python; see
[Indicators](indicators.md) and [how they are estimated](../explanation/estimates.md). A study gets a mart when it has the
form, the list and the columns that the mart reads."""


def page(generated: str) -> str:
    """Write one section per SQL file: what one row is, then the columns where the file lists them."""
    folder = files("tracer_etl.evidence").joinpath("marts")
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    parts = [_section(file.name[4:-4], file.read_text(encoding="utf-8")) for file in found]
    return f"# Marts\n\n{generated}\n\n{INTRODUCTION}\n\n" + "\n".join(parts)


def _section(name: str, sql: str) -> str:
    head = [
        line[2:] for line in sql.splitlines()[: sql.splitlines().index(f"drop table if exists marts.{name};")]
    ]
    columns = [re.fullmatch(r"   (\w+): (.+)", line) for line in head]
    plain = [line.strip() for line, column in zip(head, columns, strict=True) if not column]
    said = " ".join(line for line in plain if line != "columns:" and not line.startswith("reads "))
    rows = "".join(f"| `{column[1]}` | {_escaped(column[2])} |\n" for column in columns if column)
    table = f"\n| column | meaning |\n|---|---|\n{rows}" if rows else ""
    return f"## marts.{name}\n\n{_escaped(said)}\n{table}"


def _escaped(text: str) -> str:
    return re.sub(r"([|*_<>\[\]$])", r"\\\1", text)
