"""A new study: the first command of somebody who has none."""

from __future__ import annotations

from pathlib import Path

import click

from tracer_etl.cli.output import line, near


@click.command()
@click.argument("folder", metavar="NAME", type=click.Path(path_type=Path))
@click.option(
    "--server",
    type=click.Choice(["folder", "kobo", "central"]),
    default="folder",
    show_default=True,
    help="Where submissions will come from; its rehearsal runs from a folder in any case.",
)
@click.option("--timezone", default="Asia/Jakarta", show_default=True, help="Time zone of the interviews.")
def init(folder: Path, server: str, timezone: str) -> None:
    """Start a new study in the folder NAME, which runs at once.

    It gets a small form, expectations, invented submissions, a flow and a script for CI.
    """
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from tracer_etl.starting import start_study
    from tracer_etl.study import zone

    today = datetime.now(ZoneInfo(zone(timezone))).date()
    for path in start_study(folder.absolute(), today, server=server, timezone=timezone):  # type: ignore[arg-type]
        click.echo(near(path))
    place = near(folder.absolute())
    if server == "folder":
        line(f"tracer-etl: now `cd {place} && tracer-etl run`; README.md there says more")
    else:
        line(
            f"tracer-etl: now `cd {place}`; README.md there says how to try it without the server, and what it needs"
        )
