"""102 real XLSForms: each compiles, and every answer of random instances arrives."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from random_forms import TIMEZONE, Instances, land, leaves, load, unproven
from tracer_etl.form import read_form
from tracer_etl.names import LIMIT
from tracer_etl.schema import schema_of
from tracer_etl.warehouse.duckdb import Warehouse

CORPUS = Path(__file__).parents[1] / ".." / "shared" / "corpus"
INSTANCES = 4


def _forms() -> list[str]:
    manifest = CORPUS / "manifest.json"
    if not manifest.is_file():
        return []
    return [entry["file"] for entry in json.loads(manifest.read_text(encoding="utf-8")) if entry["valid"]]


if not _forms():
    pytest.skip("the corpus of real forms is not beside the repository", allow_module_level=True)


def test_the_corpus_is_whole() -> None:
    assert len(_forms()) == 102


@pytest.mark.slow
@pytest.mark.parametrize("file", _forms())
def test_every_answer_of_a_real_form_is_in_the_warehouse_or_in_problems(file: str, tmp_path: Path) -> None:
    times = [time.perf_counter()]
    form = read_form(CORPUS / file)
    schema = schema_of([form])
    times.append(time.perf_counter())
    instances, rng = Instances(form.xform), random.Random(file)
    made = [instances.make(number, rng) for number in range(INSTANCES)]
    expected = [leaf for raw in made for leaf in leaves(raw, instances.repeats)]
    landing = land(tmp_path / "landing", form.form_id, [made[:1], made[1:]])
    times.append(time.perf_counter())
    with Warehouse(tmp_path / "warehouse.duckdb", TIMEZONE) as warehouse:
        loaded = load(landing, schema, tmp_path / "built", warehouse)
        times.append(time.perf_counter())
        wrong = unproven(warehouse, schema, expected)
    spent = " ".join(f"{what} {b - a:.2f} s" for what, a, b in zip(STAGES, times, times[1:], strict=False))
    print(f"{file}: {len(schema.paths)} nodes, {len(schema.tables)} tables, {len(expected)} leaves; {spent}")
    assert loaded.good == INSTANCES
    assert not wrong
    assert set(form.repeats) == {path[1:] for path in instances.repeats}
    names = [name for table in schema.tables for name in (table.name, *table.types())]
    assert all(len(name.encode()) <= LIMIT for name in names)


STAGES = ("compile", "make and land", "build and load")
