"""Commands that judge a workbook before it goes out: lint and diff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_etl import __version__, errors
from tracer_etl.cli.output import near, print_json, the_study

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tracer_etl.questions import Form

_LEVELS = ("error", "warning", "note")


@click.command("lint")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--media", type=click.Path(path_type=Path, file_okay=False), help="Folder of the forms' CSV files."
)
@click.option("--format", "style", type=click.Choice(["text", "sarif"]), default="text", show_default=True,
              help="How to print the findings.")  # fmt: skip
@click.option("--level", type=click.Choice(_LEVELS), default="note", show_default=True,
              help="Leave out what weighs less.")  # fmt: skip
@click.option(
    "--walk", is_flag=True, help="Also fill the forms at random by the engine of ODK Collect (needs Java)."
)
def forms_lint(files: tuple[Path, ...], media: Path | None, style: str, level: str, walk: bool) -> None:
    """Find mistakes that pyxform and ODK Validate do not see.

    FILES are XLSForms; default: the forms of the study. Ends with exit code 2 when an error is found. Every
    rule is explained in docs/reference/lint.md.
    """
    from tracer_etl.lint import lint_form, reports

    kept = _LEVELS[: _LEVELS.index(level) + 1]
    found = {
        near(path.resolve()): [one for one in lint_form(path, folder, walk=walk) if one.rule.severity in kept]
        for path, folder in _workbooks(files, media)
    }
    if style == "sarif":
        print_json(reports.sarif(found, __version__))
    else:
        click.echo(reports.text(found))
    wrong = sum(one.rule.severity == "error" for findings in found.values() for one in findings)
    if wrong:
        raise errors.FormError(
            f"{wrong} error(s) in {len(found)} workbook(s)", remedy="mend the rows named above"
        )


@click.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--media", type=click.Path(path_type=Path, file_okay=False), help="Folder of the forms' CSV files."
)
def forms_diff(old: Path, new: Path, media: Path | None) -> None:
    """Say what a new version changes, also in the warehouse.

    Ends with exit code 5 when the old answers would not fit any more.
    """
    from tracer_etl.form import read_form

    before, after = (read_form(path, media or _beside(path)) for path in (old, new))
    for line in _changes(before, after):
        click.echo(line)


def _changes(before: Form, after: Form) -> Iterator[str]:
    from tracer_etl.differences import consequences, differences, summary

    changes = differences(before, after)
    yield f"{before.form_id}: version {before.version or '-'} -> {after.version or '-'}"
    yield from _section("For whoever answers", [summary(changes), *map(str, changes)] if changes else ())
    if before.form_id != after.form_id:
        what = f"form_id {before.form_id} becomes {after.form_id}"
        raise errors.DriftError(
            what, where=after.form_id, remedy="keep the form_id, or treat it as another form"
        )
    yield from _section("For the warehouse", consequences([before], after))
    if changes and before.version == after.version:
        yield "The version is the same: servers refuse it, and nobody can tell the answers apart."


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    yield f"{title}:" if lines else f"{title}: no change"
    yield from (f"  {line}" for line in lines)


def _workbooks(files: tuple[Path, ...], media: Path | None) -> list[tuple[Path, Path]]:
    if files:
        return [(path, media or _beside(path)) for path in files]
    study = the_study()
    return [(form.workbook, media or study.media) for form in study.forms]


def _beside(path: Path) -> Path:
    """Find the folder of the CSV files: `media` beside the workbook, or the workbook's own."""
    folder = path.parent / "media"
    return folder if folder.is_dir() else path.parent


COMMANDS = (forms_lint, forms_diff)
