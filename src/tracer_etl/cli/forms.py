"""Commands about the workbooks: the forms before any submission."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_etl import errors
from tracer_etl.cli.output import remark, the_study

if TYPE_CHECKING:
    from tracer_etl.study import StudyForm


@click.group()
def forms() -> None:
    """Look at the workbooks themselves."""


@forms.command("check")
def forms_check() -> None:
    """Convert every workbook and validate it by ODK Validate; one line per workbook."""
    study = the_study()
    failed = [path.name for form in study.forms for path in _workbooks(form) if not _holds(path, study.media)]
    if failed:
        what = f"{len(failed)} workbook(s) do not hold: {', '.join(failed)}"
        raise errors.FormError(what, remedy="see the lines above")


@forms.command("markdown")
@click.argument("file", type=click.Path(path_type=Path))
def forms_markdown(file: Path) -> None:
    """Print a workbook as Markdown, for `git diff`."""
    from tracer_etl.markdown import workbook_markdown

    click.echo(workbook_markdown(file).encode(), nl=False)


def _workbooks(form: StudyForm) -> tuple[Path, ...]:
    return (*form.versions, form.workbook)


def _holds(path: Path, media: Path) -> bool:
    from tracer_etl.form import read_form

    try:
        form = read_form(path, media)
    except errors.FormError as error:
        click.echo(f"{path.name}  wrong: {error}")
        return False
    objections = _objections(form.xform)
    verdict = "not validated" if objections is None else "; ".join(objections) or "valid"
    click.echo(f"{path.name}  version {form.version}, {len(form.questions)} questions, {verdict}")
    return not objections


def _objections(xform: str) -> list[str] | None:
    """Ask ODK Validate; without Java there is no answer, which is said and is no failure."""
    from tracer_etl.collect import validate_xform

    try:
        return validate_xform(xform)
    except errors.StudyError as error:
        remark([str(error)])
        return None
