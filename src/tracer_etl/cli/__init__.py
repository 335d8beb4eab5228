"""One command per stage, named as the stage; `run` does all of them.

Data goes to stdout; log, remarks and progress go to stderr. Whatever is heavy is imported inside the
command that needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import logging
import sys
import traceback
from pathlib import Path

import click

from tracer_etl import __version__, errors
from tracer_etl.cli import (
    corrections,
    doctor,
    evidence,
    exports,
    field,
    forms,
    lint,
    oversight,
    privacy,
    publishing,
    quarantine,
    registry,
    review,
    stages,
    starting,
)

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended: 128 + SIGINT."""

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "all went well"),
    (1, "a bug; it comes with a traceback"),
    (2, "the command line, study.toml, an expectation file or a form is wrong: mend it"),
    (3, "the server says no, or contradicts itself: ask for access, or pull again"),
    (4, "the server cannot answer now: try again later"),
    (5, "data no form explains: an unknown version or an unreadable submission"),
    (6, "the landing area or the warehouse is locked, full or not writable"),
    (7, "a check of the whole stopped the run: nothing is published, the last copy stays"),
    (8, "`doctor` found what would make a run fail"),
    (INTERRUPTED, "interrupted by Ctrl-C"),
)
_EPILOG = "\b\nExit codes:\n" + "\n".join(f"  {code:<4} {meaning}" for code, meaning in EXIT_CODES)


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


forms.forms.add_command(publishing.publish)
forms.forms.add_command(lint.forms_lint)
forms.forms.add_command(lint.forms_diff)
for _command in (
    starting.init,
    doctor.doctor,
    *stages.COMMANDS,
    exports.export,
    forms.forms,
    field.field,
    review.review,
    quarantine.quarantine,
    oversight.oversight,
    corrections.corrections,
    registry.registry,
    evidence.evidence,
    privacy.erase,
    privacy.privacy,
):
    cli.add_command(_command)
