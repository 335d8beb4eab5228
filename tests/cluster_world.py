"""A study whose landing came in many pulls, with edits, deletions and what was sent again across all of them."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from crash_world import PRIVATE, dumped
from tiny import tiny_study
from tracer_etl.landing import Landing
from tracer_etl.records import Proof, Received, Tombstone
from tracer_etl.study import read_study
from tracer_etl.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tracer_etl.records import Deployed
    from tracer_etl.study import Study

EXPECTATIONS = """
derived_columns:
  herd: cows < 900
expectations:
  - type: expect_column_values_to_be_in_set
    kwargs: {column: herd, value_set: [true]}
    severity: warning
    meta: {id: T01, column: cows, why: {id: Terlalu banyak sapi., en: Too many cows.}}
"""


class Day:
    """What one pull brings."""

    origin = "folder tiny"
    versions: tuple[Deployed, ...] = ()

    def __init__(self, items: list[Received | Tombstone], known: int) -> None:
        self.items, self.cursor = items, {}
        self.proof = Proof(known, known, 1)

    def __iter__(self) -> Iterator[Received | Tombstone]:
        yield from self.items


def received(number: int, revision: int, chance: random.Random) -> Received:
    key = f"uuid:00000000-0000-4000-8000-{number:012d}"
    plots = [{"hectares": f"{chance.randrange(1, 90) / 10}"} for _ in range(chance.randrange(4))]
    data: dict[str, Any] = {
        "farmer": f"Ani {number}" if chance.random() > 0.01 else "",
        "cows": str(chance.randrange(1000)) if chance.random() > 0.02 else "many",
        "fodder": chance.choice(["grass", "maize", "grass maize"]),
        "plot/": plots,
        "meta/": [{"instanceID": key}],
    }
    raw = json.dumps([data, revision]).encode()
    return Received(key, key, raw, data, revision, "1", f"2026-02-05T08:00:{number % 60:02d}Z")


def days(count: int, each: int) -> list[Day]:
    """Make pulls of so many new submissions; a fifth as many older ones are edited, deleted, or sent again."""
    chance, made, newest, live = random.Random(6), [], {}, set()
    for day in range(count):
        items: list[Received | Tombstone] = []
        older = chance.sample(sorted(newest), min(len(newest), each // 5))
        for number in older:
            if chance.random() < 0.1 and number in live:
                items.append(Tombstone(received(number, 0, chance).key, "2026-02-06T08:00:00Z"))
                live.discard(number)
            else:
                newest[number] += 1
                items.append(received(number, newest[number], chance))
                live.add(number)
        for number in range(day * each, (day + 1) * each):
            newest[number] = 0
            live.add(number)
            items.append(received(number, 0, chance))
        made.append(Day(items, len(live)))
    return made


def many_days(root: Path, count: int, each: int, shared: str = "") -> Study:
    """Write the study and land the pulls."""
    root.mkdir(parents=True, exist_ok=True)
    path = tiny_study(root)
    (root / "tiny.md").write_text(PRIVATE, encoding="utf-8")
    (root / "expectations" / "tiny.yaml").write_text(EXPECTATIONS, encoding="utf-8")
    if shared:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("[storage]", f'[storage]\nshared = "{shared}"'), encoding="utf-8")
    study = read_study(path)
    for number, day in enumerate(days(count, each)):
        Landing(study.landing, "tiny").land(day, f"2026-02-{number + 1:02d}T08:00:00+00:00")
    return study


def tables(study: Study) -> Mapping[str, Any]:
    """Give every table; what was judged in how many batches is summed up, as whoever reads it does."""
    with open_warehouse(study) as warehouse:
        found: dict[str, Any] = dumped(warehouse.connection)
        judged = (
            "SELECT rule, column_name, CAST(sum(evaluated) AS BIGINT), CAST(sum(violations) AS BIGINT) "
            "FROM meta.row_check GROUP BY rule, column_name ORDER BY 1, 2"
        )
        found["meta.row_check"] = warehouse.connection.execute(judged).fetchall()
    return found
