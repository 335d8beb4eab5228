"""What of the landing the warehouse has not yet: the batches a run has to build, check and load."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from tracer_etl import __version__
from tracer_etl.corrections.log import digest as corrections_digest
from tracer_etl.errors import StudyError
from tracer_etl.landing import Landing
from tracer_etl.warehouse import open_warehouse
from tracer_etl.warehouse.contract import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracer_etl.landing import Segment
    from tracer_etl.logbook import Line
    from tracer_etl.privacy.withdrawal import Withdrawn
    from tracer_etl.schema import Schema
    from tracer_etl.study import Study, StudyForm

SEGMENTS_PER_BATCH = 5
"""At most about 100,000 submissions are typed, checked and loaded at a time."""


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
    recipe = _recipe(
        study, schema, f"{corrections_digest(corrected, schema.form_id)} {out.digest(schema.form_id)}"
    )
    segments = Landing(study.landing, form.form_id).segments()
    with open_warehouse(study) as warehouse:
        made = warehouse.recipe(form.form_id) == recipe
        known = warehouse.segments(form.form_id) if made else frozenset()
    new = [segment for segment in segments if identity(segment) not in known]
    return schema, recipe, list(_batches(new)) or ([] if made else [()])


def _recipe(study: Study, schema: Schema, more: str) -> str:
    """Digest what turns landed submissions into rows and verdicts."""
    files = [study.expectations / f"{table.name}.yaml" for table in schema.tables]
    xforms = hashlib.sha256("".join(form.xform for form in schema.forms).encode()).hexdigest()
    lists = [study.media / choices.file for choices in schema.newest.lists.values() if choices.file]
    return digest([*files, *lists], f"{__version__} {schema.fingerprint} {xforms} {study.timezone} {more}")


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


def _batches(segments: Sequence[Segment]) -> Iterator[Sequence[Segment]]:
    for start in range(0, len(segments), SEGMENTS_PER_BATCH):
        yield segments[start : start + SEGMENTS_PER_BATCH]


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
