"""What of the landing the warehouse has not yet: the batches a run has to build, check and load."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_etl import __version__
from tracer_etl.corrections.log import digest as corrections_digest
from tracer_etl.corrections.replay import replay
from tracer_etl.errors import StudyError
from tracer_etl.landing import Landing
from tracer_etl.privacy.withdrawal import leave_out
from tracer_etl.segments import SEGMENT_RECORDS
from tracer_etl.warehouse import open_warehouse
from tracer_etl.warehouse.contract import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracer_etl.corrections.log import Correction
    from tracer_etl.landing import Segment
    from tracer_etl.logbook import Line
    from tracer_etl.privacy.withdrawal import Withdrawn
    from tracer_etl.schema import Schema
    from tracer_etl.study import Study, StudyForm
    from tracer_etl.tables import Built

SEGMENTS_PER_BATCH = 5
RECORDS = SEGMENTS_PER_BATCH * SEGMENT_RECORDS
"""So many submissions are typed, checked and loaded at a time; every pull left a segment, however small."""
FILES = 100
"""Segments at most: those with fields no form has are read once more each."""


def compiled(study: Study, form: StudyForm) -> Schema:
    """Compile all versions of a form: the study's workbooks and what the server had deployed.

    Raises:
        FormError, StudyError, DriftError: as `Study.schema`.
    """
    return study.schema(form, Landing(study.landing, form.form_id).deployed())


def pending(
    study: Study, form: StudyForm, corrected: Sequence[Line], out: Withdrawn
) -> tuple[Schema, str, list[Sequence[Segment]]]:
    """List the batches to make; a form without any submission is one empty batch: it has its tables all the same.

    `corrected` is the log of corrections, and `out` who has withdrawn: either makes a form's rows others.
    """
    schema = compiled(study, form)
    recipe = recipe_of(study, schema, corrected, out)
    segments = Landing(study.landing, form.form_id).segments()
    with open_warehouse(study) as warehouse:
        made = warehouse.recipe(form.form_id) == recipe
        known = warehouse.segments(form.form_id) if made else frozenset()
    new = [segment for segment in segments if identity(segment) not in known]
    return schema, recipe, list(grouped(new)) or ([] if made else [()])


def recipe_of(study: Study, schema: Schema, corrected: Sequence[Line], out: Withdrawn) -> str:
    """Digest what turns landed submissions into rows and verdicts."""
    more = f"{corrections_digest(corrected, schema.form_id)} {out.digest(schema.form_id)}"
    files = [study.expectations / f"{table.name}.yaml" for table in schema.tables]
    xforms = hashlib.sha256("".join(form.xform for form in schema.forms).encode()).hexdigest()
    lists = [study.media / choices.file for choices in schema.newest.lists.values() if choices.file]
    return digest([*files, *lists], f"{__version__} {schema.fingerprint} {xforms} {study.timezone} {more}")


def make(
    study: Study,
    schema: Schema,
    segments: Sequence[Segment],
    folder: Path,
    changes: tuple[Sequence[Correction], Withdrawn],
    only: str = "true",
) -> Built:
    """Type segments into a folder, replay the corrections, and leave out who has withdrawn; `only` as in `tables.build`."""
    from tracer_etl import tables

    corrections, out = changes
    made = tables.build(segments, schema, folder, study.timezone, only)
    corrected = replay(folder, schema, corrections, study.timezone)
    leave_out(folder, schema, out)
    return replace(made, problems=corrected.problems) if corrected else made


def digest(files: Sequence[Path], more: str) -> str:
    """Digest the contents of those files that are there, with their names, and `more`."""
    digest = hashlib.sha256(more.encode())
    for file in files:
        if file.is_file():
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:32]


def identity(segment: Segment) -> str:
    """Name a segment by what it holds, as the ledger keeps it."""
    return f"{segment.name}:{segment.sha256}"


def grouped(segments: Sequence[Segment], records: int = RECORDS) -> Iterator[list[Segment]]:
    """Cut segments in landing order into groups of at most so many records, and of at least one segment."""
    group: list[Segment] = []
    for segment in segments:
        full = sum(one.records for one in group) + segment.records > records or len(group) == FILES
        if group and full:
            yield group
            group = []
        group.append(segment)
    if group:
        yield group


def staged(study: Study, form: StudyForm) -> list[tuple[Schema, Path]]:
    """List the built batches with the form's schema, which is compiled once, and not at all without news."""
    folders = sorted(mark.parent for mark in (study.staging / form.form_id).glob("*/batch.json"))
    schema = [compiled(study, form)] if folders else []
    return [(one, folder) for one in schema for folder in folders]


def batch(schema: Schema, folder: Path) -> Batch:
    """Give a built and checked folder as the batch to load.

    Raises:
        StudyError: it has not been checked.
    """
    if not (folder / "reasons.parquet").exists():
        raise StudyError(
            "the batch is not checked", where=schema.form_id, remedy="run `tracer-etl check` first"
        )
    mark = json.loads((folder / "batch.json").read_text())
    return Batch(schema, folder, tuple(mark["segments"]), mark["recipe"])
