"""Erasing submissions and persons: from the landing, and from the files people keep beside it.

The order makes it safe to be killed at any moment and run again: what is to be forgotten is remembered first (as
hashes), so that it cannot land again; the line in erasures.csv loses its key last. Tables need no statement of their
own: another landing is another recipe, so the next run makes the form's tables anew, and all that is made of them.
"""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tracer_etl.erased import PREFIX, read_erased, remember
from tracer_etl.landing import Landing
from tracer_etl.privacy.footprint import (
    LONG,
    Target,
    Traces,
    files_with_rows,
    registry_values,
    target_of,
    traces,
)
from tracer_etl.privacy.pdp_log import keep, note, read_log
from tracer_etl.privacy.requests import rename_keys
from tracer_etl.privacy.searching import search
from tracer_etl.shelf import as_csv, write_atomically
from tracer_etl.warehouse import open_warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.erased import Erased
    from tracer_etl.privacy.footprint import Kept
    from tracer_etl.privacy.pdp_log import Entry
    from tracer_etl.study import Study

BEGUN, DONE = "erasure begun", "erasure done"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something of the targets is, and how much: records, files or rows."""

    where: str
    what: str
    count: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure that is asked for: whom it is about, where that is, and texts that must be gone afterwards.

    `values` are the direct identifiers among these texts: other people may have the same ones.
    """

    target: Target
    places: tuple[Place, ...]
    traces: tuple[Traces, ...]
    texts: frozenset[str]
    values: frozenset[str]


def erasure(study: Study) -> Erasure:
    """Find what the open requests of erasures.csv come to; nothing is changed."""
    target = target_of(study)
    found = tuple(traces(study, form, target) for form in study.forms) if target.requests else ()
    kept = list(files_with_rows(study, target, _submissions(target, found))) if target.requests else []
    places = [
        Place(f"landing {one.form_id}", what, count)
        for one in found
        for what, count in (("records", sum(one.records.values())), ("files", len(one.files)))
        if count
    ]
    rows: dict[Path, int] = {}
    for one in kept:
        rows[one.file] = max(rows.get(one.file, 0), len(_own_rows(one)))
    places += [Place(file.name, "rows", count) for file, count in rows.items() if count]
    keys = {one.key for one in target.requests} | {key for one in found for key in one.records}
    instances = {instance for one in found for instance in one.instances}
    texts = frozenset(text for text in keys | instances if len(text) >= LONG or text in _people(target))
    values = {value for one in found for value in one.values} | registry_values(study, target)
    return Erasure(target, tuple(places), found, texts, frozenset(values) - texts)


def _people(target: Target) -> frozenset[str]:
    return target.keys(target.persons.registry) if target.persons else frozenset()


def _submissions(target: Target, found: tuple[Traces, ...]) -> dict[str, list[str]]:
    return {one.form_id: sorted({*one.records, *target.keys(one.form_id)}) for one in found}


def _own_rows(kept: Kept) -> list[int]:
    """Number the rows of a file that are of the targets, the header being row 0."""
    if not kept.file.exists() or not kept.keys:
        return []
    with kept.file.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    if kept.column and kept.column not in (rows[0] if rows else ()):
        return []
    place = slice(rows[0].index(kept.column), rows[0].index(kept.column) + 1) if kept.column else slice(None)
    return [
        number for number, row in enumerate(rows) if number and kept.keys & {c.strip() for c in row[place]}
    ]


def erase(study: Study, found: Erasure) -> None:
    """Take the targets out of landing, staging, reference tables, case lists and logs."""
    submissions = _submissions(found.target, found.traces)
    scopes: dict[str, set[str]] = {form: set(keys) for form, keys in submissions.items()}
    if found.target.persons:
        scopes[found.target.persons.registry] = set(_people(found.target))
    erased = remember(study.landing, {scope: keys for scope, keys in scopes.items() if keys})
    note(study.pdp_log, BEGUN, _told(found, erased))
    when = datetime.now(UTC).isoformat(timespec="seconds")
    for one in found.traces:
        names = {key: erased.name(one.form_id, key) for key in submissions[one.form_id]}
        texts = {key: name for key, name in names.items() if len(key) >= LONG}
        texts |= {_bare(instance): names[key] for instance, key in one.instances.items()}
        texts |= {_bare(key): name for key, name in texts.items()}
        Landing(study.landing, one.form_id).erase(
            names, {t: n for t, n in texts.items() if len(t) >= LONG}, when
        )
        shutil.rmtree(study.staging / one.form_id, ignore_errors=True)
    for kept in files_with_rows(study, found.target, submissions):
        _drop(kept)


def _bare(key: str) -> str:
    return key.removeprefix("uuid:")


def _drop(kept: Kept) -> None:
    own = set(_own_rows(kept))
    if not own:
        return
    raw = kept.file.read_bytes()
    rows = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    left = (row for number, row in enumerate(rows) if number not in own)
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    write_atomically(kept.file, mark + as_csv(left, end="\r\n" if b"\r\n" in raw else "\n"))


def _told(found: Erasure, erased: Erased) -> dict[str, object]:
    return {
        "subjects": [erased.name(one.of, one.key) for one in found.target.requests],
        "asked": [{"by": one.who, "when": one.when, "of": one.of} for one in found.target.requests],
        "found": [{"where": place.where, "what": place.what, "count": place.count} for place in found.places],
    }


def conclude(study: Study, found: Erasure) -> Entry:
    """Search for what must be gone, note the proof, and take the keys out of erasures.csv.

    The proof says in how many places a key still stands (0, or the erasure is not complete and stays open), and how
    many direct identifiers stand in rows that are not of the targets: other people may have the same name.
    """
    erased = read_erased(study.landing)
    names = {(one.of, one.key): erased.name(one.of, one.key) for one in found.target.requests}
    left = search(study, sorted(found.texts | found.values))
    own = {study.erasures.name, str(study.erasures)}
    places = {place: hits & found.texts for place, hits in left.items() if place not in own}
    standing = sorted(place for place, hits in places.items() if hits)
    shared = {value for hits in left.values() for value in hits & found.values}
    said = {
        "subjects": sorted(names.values()),
        "texts_searched": len(found.texts | found.values),
        "places_with_a_key": standing,
        "identifiers_others_have_too": len(shared),
    }
    done = note(study.pdp_log, DONE if not standing else "erasure incomplete", said)
    if not standing:
        rename_keys(study.erasures, names)
    with open_warehouse(study) as warehouse:
        keep(warehouse, study.pdp_log)
    return done


def proof(study: Study, of: str, key: str) -> list[Entry]:
    """Give the entries of the log on one submission or person, by its key or by the name of its tombstone."""
    name = key if key.startswith(PREFIX) else read_erased(study.landing).name(of, key)
    return [one for one in read_log(study.pdp_log) if name in one.said.get("subjects", ())]
