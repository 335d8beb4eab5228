"""The command that writes files for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_etl import exports
from tracer_etl.cli.output import near, print_json, remark, the_study, with_forms, with_json

if TYPE_CHECKING:
    from collections.abc import Sequence


@click.command("export")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(exports.FORMATS),
    help="Only this; may be repeated. Default: all.",
)
@with_forms
@click.option(
    "--language", default="", metavar="CODE", help="Language of the labels. Default: each form's own."
)
@click.option("--labels", is_flag=True, help="Labels in the place of codes in CSV, XLSX and GeoJSON.")
@click.option("--for-excel", is_flag=True, help="CSV with a byte order mark, and formulas made harmless.")
@with_json
def export(
    folder: Path,
    formats: Sequence[str],
    forms: Sequence[str],
    language: str,
    labels: bool,
    for_excel: bool,
    as_json: bool,
) -> None:
    """Write the clean tables into FOLDER for SPSS, Stata, R, Excel, maps and archives.

    Only the published copy is read: nothing in the files identifies a person directly. Who exports what is
    noted in the study's log (`tracer-etl privacy log`). For everybody to have: `tracer-etl privacy extract`.
    """
    from tracer_etl.privacy.pdp_log import note

    study, wish = the_study(), exports.Wish(language, labels, for_excel)
    wanted = formats or exports.FORMATS
    note(study.pdp_log, "export", {"forms": list(forms), "formats": list(wanted), "folder": folder.name})
    done = exports.export(study.published, folder, formats=wanted, forms=forms, wish=wish)
    remark(done.remarks)
    if as_json:
        print_json(done)
    else:
        click.echo(f"{len(done.files)} files in {near(folder)}")
