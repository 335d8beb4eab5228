"""Is all there that a run needs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tracer_etl import errors
from tracer_etl.cli.output import print_json, the_study, with_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.doctor import Finding

AREAS = ("versions", "clock", "forms", "keys", "disk", "landing", "warehouse", "server")


@click.command()
@click.option("--only", multiple=True, type=click.Choice(AREAS), help="Look at this only; may be repeated.")
@with_json
def doctor(only: Sequence[str], as_json: bool) -> None:
    """Check server, versions, disk, clock, keys, landing and warehouse.

    One line per check: ok, warning or error, and what to do. Nothing is changed, and no secret is shown. Ends
    with exit code 8 when there is an error; warnings alone are no failure.
    """
    from tracer_etl.doctor import examine

    findings = []
    for found in examine(the_study(), only):
        findings.append(found)
        if not as_json:
            click.echo(_line(found))
    if as_json:
        print_json(findings)
    wrong = sum(found.state == "error" for found in findings)
    if wrong:
        what = f"{wrong} of {len(findings)} checks say that a run would fail"
        raise errors.NotReady(what, where="doctor", remedy="do what stands behind each")


def _line(found: Finding) -> str:
    text = f"{found.state:<8} {found.area:<10} {found.said}"
    return f"{text}; {found.remedy}" if found.remedy else text
