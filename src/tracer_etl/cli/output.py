"""What the commands share: the study they work on, tables and JSON on stdout, remarks on stderr."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tracer_etl.records import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tracer_etl.study import Study

T = TypeVar("T")
Command = TypeVar("Command", bound="Callable[..., Any]")

SUMMARY = ("form_id", "landed", "good", "set_aside", "warned")
_HEADINGS = {"form_id": "form"}


def the_study() -> Study:
    """Read the study the command line names."""
    from tracer_etl.study import read_study

    return read_study(click.get_current_context().obj)


def with_forms(command: Command) -> Command:
    """Add --form."""
    help_text = "Only this form (its form_id); may be repeated. Default: all."
    return click.option("--form", "forms", multiple=True, metavar="ID", help=help_text)(command)


def with_json(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def progress() -> Progress:
    """Show bars to a person only: a log file needs none."""
    return _bar if sys.stderr.isatty() else silent


def _bar(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    with click.progressbar(items, label=label, length=total, file=sys.stderr) as bar:
        yield from bar


def line(text: str) -> None:
    """Say something on stderr."""
    click.echo(text, err=True)


def remark(remarks: Iterable[str]) -> None:
    """Say what a person should know, one line each."""
    for one in remarks:
        line(f"tracer-etl: {one}")


def near(path: Path) -> str:
    """Write a path as seen from here, when it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def give(rows: Sequence[Any], columns: Sequence[str], as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        print_json(rows)
    else:
        click.echo(table(rows, columns))


def print_json(value: Any) -> None:  # noqa: ANN401
    """Print dataclasses, mappings and lists as JSON."""
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:  # noqa: ANN401
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def table(rows: Sequence[Any], columns: Sequence[str]) -> str:
    """Align one row per item under its headings: text to the left, numbers to the right."""
    body = [[_cell(getattr(row, column)) for column in columns] for row in rows]
    numeric = [all(isinstance(getattr(row, column), int) for row in rows) for column in columns]
    heading = [_HEADINGS.get(column, column.replace("_", " ")) for column in columns]
    widths = [max(len(line[place]) for line in [heading, *body]) for place in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [heading, *body]
    )


def _cell(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None:
            return "-"
        case list() | tuple():
            return ", ".join(str(part) for part in value)
        case _:
            return str(value)
