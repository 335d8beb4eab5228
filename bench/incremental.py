"""What a run costs that brings 100 changed submissions, against how many are stored.

    python bench/incremental.py 10000 100000 1000000

For each number it makes a study of the benchmark's form (80 questions and a repeat) whose landing and warehouse hold
that many submissions, lands 100 new versions of submissions spread over all of them, and runs the pipeline's stages.
That is done twice, and the second time is printed: CPU seconds per stage, so that what is imported once is not in it.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import zstandard
from build_load import TIMEZONE, form, make, no_reasons

from tracer_etl import batches, pipeline, tables
from tracer_etl.corrections.log import read_corrections
from tracer_etl.landing import Landing
from tracer_etl.names import literal
from tracer_etl.privacy.withdrawal import withdrawn
from tracer_etl.records import Proof, Received
from tracer_etl.segments import SEGMENT_RECORDS, lines_of
from tracer_etl.study import Study, read_study
from tracer_etl.warehouse import open_warehouse
from tracer_etl.warehouse.contract import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.records import Deployed

CHANGED = 100
"""Submissions that come in a new version."""
STAGES = ("land", "build", "check", "load", "publish")
STUDY = f"""
[study]
name = "bench"
timezone = "{TIMEZONE}"
media = "."

[study.title]
en = "Benchmark"

[server]
kind = "folder"
path = "inbox"

[storage]
landing = "landing"
staging = "staging"
warehouse = "warehouse.duckdb"
published = "published.duckdb"
report = "report"

[[forms]]
id = "bench"
workbook = "bench.md"
"""


class Changes:
    """A pull that brings new versions of submissions spread over all that are stored."""

    origin = "bench"
    versions: tuple[Deployed, ...] = ()

    def __init__(self, folder: Path, stored: int, revision: int) -> None:
        """Take the answers of the first submissions for any."""
        self.stored, self.revision = stored, revision
        self.cursor: Mapping[str, Any] = {}
        lines = lines_of(folder / "00000001.ndjson.zst")
        self.answers = [_answered(next(lines)["data"]) for _ in range(CHANGED)]
        self.proof = Proof(stored, stored, 1)

    def __iter__(self) -> Iterator[Received]:
        """Give the new versions."""
        for number, answers in enumerate(self.answers):
            key = f"uuid:{1 + number * self.stored // CHANGED:08d}"
            data = {**answers, "meta/": [{"instanceID": key}]}
            raw = json.dumps([data, self.revision]).encode()
            yield Received(key, key, raw, data, self.revision, "1", "2026-02-05T08:00:00Z")


def _answered(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not answered, as every client does."""
    text = json.dumps(data)
    kept: dict[str, Any] = json.loads(
        text, object_hook=lambda one: {k: v for k, v in one.items() if v is not None}
    )
    return kept


def landed(root: Path, stored: int) -> Study:
    """Make the study with its landing."""
    (root / "study.toml").write_text(STUDY, encoding="utf-8")
    (root / "inbox").mkdir()
    form(root)
    study = read_study(root / "study.toml")
    folder = study.landing / "bench"
    (folder / "media").mkdir(parents=True)
    make(folder, stored, plain=False)
    entries = [_entry(file, stored) for file in sorted(folder.glob("*.ndjson.zst"))]
    manifest = {
        "format": 1,
        "form_id": "bench",
        "origin": "bench",
        "segments": entries,
        "cursor": {},
        "proofs": [],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return study


def store(root: Path, stored: int) -> Study:
    """Make the study with its landing, and load all of it without checks."""
    study = landed(root, stored)
    schema, recipe, pending = batches.pending(
        study, study.forms[0], read_corrections(study), withdrawn(study)
    )
    for segments in pending:
        staged = root / "first" / segments[0].name
        tables.build(segments, schema, staged, TIMEZONE)
        no_reasons(staged)
        with open_warehouse(study) as warehouse:
            warehouse.load(Batch(schema, staged, tuple(map(batches.identity, segments)), recipe))
    return study


def _entry(file: Path, stored: int) -> dict[str, object]:
    """Write a segment's keys as the landing does, and describe it as the manifest does."""
    first = int(file.name[:8])
    numbers = range(first, min(first + SEGMENT_RECORDS, stored + 1))
    lines = "".join(json.dumps([f"uuid:{number:08d}#0", f"{number:032x}", ""]) + "\n" for number in numbers)
    (file.parent / f"{file.name[:8]}.keys.zst").write_bytes(zstandard.compress(lines.encode()))
    (file.parent / f"{file.name[:8]}.raw.ndjson.zst").touch()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"name": file.name[:8], "records": len(numbers), "first": first, "sha256": digest, "paths": []}


def measure(stored: int) -> None:
    """Store, change twice, and print what the second time took."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as made:
        study = store(Path(made), stored)
        for revision in (1, 2):
            spent: dict[str, float] = {}
            with _timed(spent, "land"):
                landing = Landing(study.landing, "bench")
                landing.land(Changes(landing.folder, stored, revision), "2026-02-05T08:00:00Z")
            for stage in STAGES[1:]:
                with _timed(spent, stage):
                    getattr(pipeline, stage)(study)
        with duckdb.connect(str(study.published), read_only=True) as copy:
            seen = copy.execute(
                f"SELECT count(*) FROM meta.submission WHERE _revision = {literal('2')}"
            ).fetchone()
    if seen != (CHANGED,):
        raise SystemExit(f"{seen} of {CHANGED} changes arrived")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    together = sum(spent[stage] for stage in STAGES if stage != "publish")
    numbers = " | ".join(f"{spent[stage]:.2f}" for stage in STAGES[:-1])
    print(f"| {stored:,} | {numbers} | {together:.2f} | {spent['publish']:.2f} | {peak} |", flush=True)  # noqa: T201


@contextmanager
def _timed(spent: dict[str, float], stage: str) -> Iterator[None]:
    begun = time.process_time()
    yield
    spent[stage] = time.process_time() - begun


def main(numbers: list[str]) -> None:
    """Measure every number of stored submissions in a process of its own."""
    print(f"| stored | {' | '.join(STAGES[:-1])} | together | publish | peak MB |")  # noqa: T201
    print("|---|---|---|---|---|---|---|---|", flush=True)  # noqa: T201
    for number in numbers:
        subprocess.run([sys.executable, __file__, "--measure", number], check=True)  # noqa: S603 - itself


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        measure(int(sys.argv[2]))
    else:
        main(sys.argv[1:])
