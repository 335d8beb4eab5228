"""One command per stage, named as the stage; `run` does all of them.

Data goes to stdout; log, remarks and progress go to stderr. Whatever is heavy is imported inside the
command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tracer_etl import __version__, errors
from tracer_etl.records import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tracer_etl.study import Study, StudyForm

T = TypeVar("T")
Command = TypeVar("Command", bound="Callable[..., Any]")

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended: 128 + SIGINT."""

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "all went well"),
    (1, "an expectation about a whole batch failed; with a traceback: a bug"),
    (2, "the command line, study.toml, an expectation file or a form is wrong: mend it"),
    (3, "the server says no, or contradicts itself: ask for access, or pull again"),
    (4, "the server cannot answer now: try again later"),
    (5, "data no form explains: an unknown version or an unreadable submission"),
    (6, "the landing area or the warehouse is locked, full or not writable"),
    (INTERRUPTED, "interrupted by Ctrl-C"),
)
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES)

SUMMARY = ("form_id", "landed", "good", "set_aside", "warned")
_HEADINGS = {"form_id": "form"}


def main() -> int:
    """Run the command line and return its exit code; a TracerError becomes one line on stderr."""
    try:
        return cli.main(standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "tracer-etl"
        click.echo(f"tracer-etl: {error.format_message()} (see `{command} --help`)", err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(f"tracer-etl: {error.format_message()}", err=True)
        return error.exit_code
    except click.Abort:
        click.echo("tracer-etl: interrupted", err=True)
        return INTERRUPTED
    except errors.TracerError as error:
        if logging.getLogger("tracer_etl").isEnabledFor(logging.DEBUG):
            traceback.print_exc()
        click.echo(f"tracer-etl: {error}", err=True)
        return error.exit_code


@click.group(
    epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option(
    "--study",
    "study_file",
    type=click.Path(path_type=Path),
    default=Path("study.toml"),
    show_default=True,
    help="The study: its forms, its server, where things are kept.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every step, and show the traceback of an error.")
@click.version_option(__version__, prog_name="tracer-etl")
@click.pass_context
def cli(context: click.Context, study_file: Path, verbose: bool) -> None:
    """From an XLSForm to checked tables, a warehouse and a report.

    `tracer-etl run` does every stage in order: pull, build, check, load, marts, report. Each stage can
    also be run by itself; all of them can be run again at any time, and change nothing the second time.
    """
    level = logging.DEBUG if verbose else logging.WARNING
    # The level of the handler, since Great Expectations raises that of its own logger again.
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(level)
    logging.basicConfig(handlers=[handler], format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("tracer_etl").setLevel(level)
    context.obj = study_file


def _study() -> Study:
    from tracer_etl.study import read_study

    return read_study(click.get_current_context().obj)


def _with_forms(command: Command) -> Command:
    help_text = "Only this form (its form_id); may be repeated. Default: all."
    return click.option("--form", "forms", multiple=True, metavar="ID", help=help_text)(command)


def _with_json(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


@cli.command()
@_with_forms
@_with_json
@click.option("--strict", is_flag=True, help="Exit 5 if a submission is unreadable or of an unknown version.")
def run(forms: Sequence[str], as_json: bool, strict: bool) -> None:
    """Do every stage: from the server to the report."""
    from tracer_etl import pipeline

    study = _study()
    done = pipeline.refresh(study, forms, _progress())
    _remark(done.remarks)
    if as_json:
        _print_json(done)
    else:
        click.echo(_table(done.forms, SUMMARY))
        click.echo(f"\nwarehouse  {_near(done.published)}\nreport     {_near(done.report)}")
    if strict:
        _refuse_unexplained(done.published)


@cli.command()
@_with_forms
@_with_json
def pull(forms: Sequence[str], as_json: bool) -> None:
    """Fetch what is new on the server into the landing area."""
    from tracer_etl import pipeline

    pulled = pipeline.pull(_study(), forms, _progress())
    for one in pulled:
        _remark(f"{one.form_id}: {remark}" for remark in one.remarks)
    _give(pulled, ("form_id", "new", "total"), as_json)


@cli.command()
@_with_forms
@_with_json
def build(forms: Sequence[str], as_json: bool) -> None:
    """Make typed tables of what has landed."""
    from tracer_etl import pipeline

    _give(pipeline.build(_study(), forms, _progress()), ("form_id", "submissions", "problems"), as_json)


@cli.command()
@_with_forms
@_with_json
def check(forms: Sequence[str], as_json: bool) -> None:
    """Check every answer by form and expectations."""
    from tracer_etl import pipeline

    verdicts = pipeline.check(_study(), forms, _progress())
    for verdict in verdicts:
        _remark(f"{verdict.form_id}: not evaluated: {what}" for what in verdict.not_evaluated)
    _give(verdicts, SUMMARY, as_json)


@cli.command()
@_with_forms
@_with_json
def load(forms: Sequence[str], as_json: bool) -> None:
    """Load the checked tables into the warehouse."""
    from tracer_etl import pipeline

    _give(pipeline.load(_study(), forms, _progress()), (*SUMMARY, "changed"), as_json)


@cli.command()
def marts() -> None:
    """Compute the tables for analysts and report."""
    from tracer_etl import pipeline

    for name in pipeline.marts(_study()):
        click.echo(name)


@cli.command()
def report() -> None:
    """Publish the analysts' copy and write the report."""
    from tracer_etl import pipeline

    study = _study()
    click.echo(_near(pipeline.publish(study)))
    click.echo(_near(pipeline.report(study)))


@cli.command()
@_with_json
def status(as_json: bool) -> None:
    """Show what is loaded and whether all of it came."""
    from tracer_etl import pipeline

    _give(pipeline.status(_study()), (*SUMMARY, "last_pull", "complete", "versions"), as_json)


@cli.command()
@click.option("--seed", type=int, default=2026, show_default=True, help="The same seed gives the same files.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("forms/rehearsal"),
    show_default=True,
    help="Where to write the zips, the registry and what was planted.",
)
@click.option(
    "--forms-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("forms"),
    show_default=True,
    help="The folder of the workbooks.",
)
def rehearse(seed: int, out: Path, forms_dir: Path) -> None:
    """Fill the forms with synthetic people (needs Java)."""
    from tracer_etl.evidence.rehearsal import rehearse as play

    summary = play(forms_dir, out, seed, _line if sys.stderr.isatty() else None)
    for form_id, count in summary.submissions.items():
        click.echo(f"{form_id}  {count}")


@cli.group()
def forms() -> None:
    """Look at the workbooks themselves."""


@forms.command("check")
def forms_check() -> None:
    """Convert every workbook and validate it by ODK Validate; one line per workbook."""
    study = _study()
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
        _remark([str(error)])
        return None


def _refuse_unexplained(published: Path) -> None:
    import duckdb

    with duckdb.connect(str(published), read_only=True) as connection:
        found = connection.execute(
            "SELECT coalesce(sum(submissions), 0) FROM meta.set_aside"
            " WHERE rule IN ('form:unreadable', 'form:unknown_version')"
        ).fetchone()
    if found and found[0]:
        what = f"{found[0]} submission(s) are unreadable or of an unknown form version"
        remedy = "list the missing version in study.toml, or look at the submission on the server"
        raise errors.DriftError(what, where=_near(published), remedy=remedy)


def _progress() -> Progress:
    """Show bars to a person only: a log file needs none."""
    return _bar if sys.stderr.isatty() else silent


def _bar(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    with click.progressbar(items, label=label, length=total, file=sys.stderr) as bar:
        yield from bar


def _line(text: str) -> None:
    click.echo(text, err=True)


def _remark(remarks: Iterable[str]) -> None:
    for remark in remarks:
        _line(f"tracer-etl: {remark}")


def _near(path: Path) -> str:
    """Write a path as seen from here, when it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _give(rows: Sequence[Any], columns: Sequence[str], as_json: bool) -> None:
    if as_json:
        _print_json(rows)
    else:
        click.echo(_table(rows, columns))


def _print_json(value: Any) -> None:  # noqa: ANN401
    click.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2))


def _plain(value: Any) -> Any:  # noqa: ANN401
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _table(rows: Sequence[Any], columns: Sequence[str]) -> str:
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
        case list() | tuple():
            return ", ".join(str(part) for part in value)
        case _:
            return str(value)
