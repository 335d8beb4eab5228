"""`registry`: the office's own lists of participants made into the frame of the study."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tracer_etl.cli.output import line, near, print_json, remark, table, the_study, with_json


@click.group()
def registry() -> None:
    """Make the registry of alumni out of the lists the office keeps.

    The registry is the frame, the case list and the table of margins. NIKs are kept as HMAC only; their key comes from
    TRACER_HMAC_KEY in the environment.
    """


@registry.command("import")
@click.argument("lists", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the registry. Default: [evidence] registry, or var/registry.",
)
@click.option(
    "--mapping",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="TOML file with the office's own headers and codes. Default: [evidence] registry_mapping, if any.",
)
@with_json
def import_command(lists: tuple[Path, ...], out: Path | None, mapping: Path | None, as_json: bool) -> None:
    """Read LISTS (XLSX or CSV files, or folders of them) into the registry.

    Writes person.csv, enrolment.csv and alumni.csv (the case list), and review.xlsx with possible duplicates and values
    that could not be read. Decide in the review list and import again: what is known keeps its id, and is not asked twice.
    """
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from tracer_etl.evidence.past_training import KEY
    from tracer_etl.evidence.registry.importing import Office, import_registry
    from tracer_etl.evidence.registry.vocabulary import read_vocabulary
    from tracer_etl.privacy.withdrawal import erased_persons

    study = the_study()
    named = study.evidence.get("registry_mapping")
    words = read_vocabulary(mapping or (study.root / named if named else None))
    folder = out or study.root / study.evidence.get("registry", "var/registry")
    today = datetime.now(ZoneInfo(study.timezone)).date()
    office = Office(
        words, study.media / "desa.csv", os.environ.get(KEY, ""), today, study.timezone, erased_persons(study)
    )
    made = import_registry(lists, folder, office)
    if as_json:
        print_json(made)
        return
    click.echo(table(made.sheets, "file sheet rows other data enrolment merged review rest".split()))
    click.echo("\n" + table(made.classes, "year programme classes enrolments certified".split()))
    line(
        f"{made.persons} persons ({made.new_persons} new), {made.enrolments} enrolments, "
        f"{made.opted_out} opted out, in {near(folder.resolve())}"
    )
    if made.to_review:
        line(
            f"{made.to_review} things to look at, {made.open_cases} of them possible duplicates, in review.xlsx"
        )
    remark(made.remarks)
