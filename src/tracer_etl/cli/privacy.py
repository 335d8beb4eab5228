"""`erase` and `privacy`: the rights of people, and the log of what was done with their data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer_etl.cli.output import give, line, near, print_json, progress, remark, the_study, with_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.privacy.pdp_log import Entry


@click.command()
@click.argument("of", required=False, metavar="[OF]")
@click.argument("key", required=False, metavar="[KEY]")
@click.option("--who", help="Who asked, for the log: an office or a letter's number, no name. With KEY.")
@click.option("--why", default="asked for", show_default=True, help="Why, for the log. No personal data.")
@click.option("--apply", "wanted", is_flag=True, help="Do it; without it only what would be done is shown.")
@with_json
def erase(of: str | None, key: str | None, who: str | None, why: str, wanted: bool, as_json: bool) -> None:
    """Erase submissions and persons, and prove it.

    OF is a form and KEY a `_submission_id`, or OF is the registry of `[privacy]` and KEY a person's; that becomes a line of
    erasures.csv. Without a KEY the open lines of that file are worked off. Take copies of the person's data off
    the server first: tracer-etl never deletes there.
    """
    from tracer_etl import pipeline
    from tracer_etl.errors import StudyError
    from tracer_etl.privacy import erasing

    study = the_study()
    if of:
        _ask(of, key or "", who or "", why)
    found = erasing.erasure(study)
    if not found.target.requests:
        remark([f"no open erasure in {study.erasures.name}"])
        return
    give(found.places, ("where", "what", "count"), as_json)
    if not wanted:
        remark([f"{len(found.target.requests)} erasure(s) open; --apply does it, and makes all results anew"])
        return
    done = pipeline.erase(study, found, progress())
    left = done.said["places_with_a_key"]
    if left:
        remedy = "take it out there, then run `tracer-etl erase --apply` again"
        raise StudyError("not complete: a key still stands here", where=", ".join(left), remedy=remedy)
    shared = done.said["identifiers_others_have_too"]
    remark(
        [
            f"erased: {', '.join(done.said['subjects'])}; nothing of {done.said['texts_searched']} texts is left"
        ]
        if not shared
        else [
            f"erased: {', '.join(done.said['subjects'])}; {shared} identifier(s) stand in rows of other people"
        ]
    )


def _ask(of: str, key: str, who: str, why: str) -> None:
    from tracer_etl.privacy.requests import append_request, read_requests
    from tracer_etl.quarantine.decisions import now

    if not key or not who:
        raise click.UsageError("say of what form or registry, which KEY, and --who asked for it")
    study = the_study()
    if any((one.of, one.key, one.verb) == (of, key, "erase") for one in read_requests(study)):
        return
    fields = {"of": of, "key": key, "request": "erase", "who": who, "when": now(), "why": why}
    append_request(study, fields)
    remark([f"{near(study.erasures)}: one line added"])


@click.group()
def privacy() -> None:
    """Prove erasures, read the log of exports, change the key of pseudonyms."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the log as it is shown."""

    at: str
    who: str
    event: str
    said: str
    intact: bool


def _shown(entries: Sequence[Entry], as_json: bool) -> None:
    if as_json:
        print_json(
            [{"at": e.at, "who": e.who, "event": e.event, **e.said, "intact": e.intact} for e in entries]
        )
        return
    rows = [Line(e.at, e.who, e.event, _words(e), e.intact) for e in entries]
    give(rows, ("at", "who", "event", "said", "intact"), False)


def _words(entry: Entry) -> str:
    return "; ".join(f"{name}: {_plain(value)}" for name, value in entry.said.items())


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(str(inner) for inner in value.values())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


@privacy.command("log")
@with_json
def show_log(as_json: bool) -> None:
    """Show who erased, exported and published what, oldest first."""
    from tracer_etl.privacy.pdp_log import read_log

    entries = read_log(the_study().pdp_log)
    _shown(entries, as_json)
    broken = [number for number, one in enumerate(entries, 1) if not one.intact]
    remark([f"before line {broken[0]} something was changed or taken out"] if broken else [])


@privacy.command("proof")
@click.argument("of")
@click.argument("key")
@with_json
def show_proof(of: str, key: str, as_json: bool) -> None:
    """Show what the log says of an erasure, and search all that the study keeps for KEY.

    OF is the form or the registry. KEY may be the name of a tombstone (erased:...): then only the log is read.
    """
    from tracer_etl.erased import PREFIX
    from tracer_etl.errors import StudyError
    from tracer_etl.privacy.erasing import proof
    from tracer_etl.privacy.searching import search

    study = the_study()
    _shown(proof(study, of, key), as_json)
    left = {} if key.startswith(PREFIX) else search(study, [key])
    if left:
        raise StudyError(
            "it still stands here", where=", ".join(sorted(left)), remedy="run `tracer-etl erase`"
        )
    remark(
        ["nothing of it is left in landing, tables, files and report"] if not key.startswith(PREFIX) else []
    )


@privacy.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@with_json
def extract(folder: Path, as_json: bool) -> None:
    """Write the open data of `[[public]]` into FOLDER: k-anonymous, with pseudonyms.

    The key of the pseudonyms is in TRACER_PSEUDONYM_KEY; without it nothing is written.
    """
    from tracer_etl.exports.public import publish

    made = publish(the_study(), folder)
    give(made, ("name", "rows", "suppressed", "smallest_class", "generalised"), as_json)


@privacy.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--to", "recipient", required=True, help="Who gets the file; the log of personal data keeps it."
)
def placement(file: Path, recipient: str) -> None:
    """Write FILE for a placement service (SIAPkerja): contact and certificates of alumni who agreed to just that.

    FILE holds names and numbers: readable by you only. Its contract goes beside it, as FILE with .schema.json.
    """
    from tracer_etl.evidence.placement import pass_on
    from tracer_etl.warehouse import reading

    study = the_study()
    with reading(study) as warehouse:
        passed = pass_on(warehouse.connection, study, file, recipient)
    line(f"{passed.certificates} certificates of {passed.persons} persons in {near(file)}, for {recipient}")


@privacy.command()
@click.argument("bridge", type=click.Path(path_type=Path, dir_okay=False))
def rotate(bridge: Path) -> None:
    """Change the key of pseudonyms: write old and new name of everybody published into BRIDGE.

    The new key is in TRACER_PSEUDONYM_KEY, the old one in TRACER_PSEUDONYM_KEY_OLD. BRIDGE links old extracts to new
    ones: keep it as restricted as the keys, or throw it away.
    """
    from tracer_etl.exports.public import rotate as change

    count = change(the_study(), bridge)
    remark([f"{near(bridge)}: {count} pseudonyms; later extracts take the new key"])
