"""How fast landed submissions become loaded tables, against DuckDB reading the same lines and json_normalize.

    python bench/build_load.py 100000

Makes that many synthetic submissions of a form with 80 questions and a repeat, lets every contender read
them in a process of its own, one after the other, and prints a table: CPU and wall seconds, each as times of
what DuckDB's read_json took, and the peak memory of the process. A busy machine changes CPU seconds least.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import zstandard

from tracer_etl import tables
from tracer_etl.batches import SEGMENTS_PER_BATCH
from tracer_etl.form import read_form
from tracer_etl.landing import Segment
from tracer_etl.names import literal, quote
from tracer_etl.projection import Projection
from tracer_etl.schema import Schema, schema_of
from tracer_etl.segments import SEGMENT_RECORDS
from tracer_etl.warehouse.contract import Batch
from tracer_etl.warehouse.duckdb import Warehouse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TIMEZONE = "Asia/Jakarta"
NORMALIZED = 100_000
"""Submissions that json_normalize is given at most: it holds all of them in memory."""
ANSWERS: dict[str, tuple[int, str]] = {
    "text": (18, "'jawaban nomor ' || (n * 7919 % 100003)"),
    "integer": (16, "(n * 31 % 900)::VARCHAR"),
    "decimal": (8, "(n * 1.25)::VARCHAR"),
    "date": (6, "(DATE '1990-01-01' + (n % 12000)::INTEGER)::VARCHAR"),
    "dateTime": (2, "strftime(TIMESTAMP '2026-01-05' + to_seconds(n), '%Y-%m-%dT%H:%M:%S.000+07:00')"),
    "select_one c": (22, "(n % 4 + 1)::VARCHAR"),
    "select_multiple c": (6, "CASE n % 3 WHEN 0 THEN '1 3' WHEN 1 THEN '2' ELSE '1 2 4' END"),
    "geopoint": (1, "'-8.0' || (n % 1000) || ' 112.1' || (n % 1000) || ' 160.0 4.5'"),
    "calculate": (1, "(n * 1.5e6)::VARCHAR"),
}
"""Type, number of questions, and how DuckDB writes the answer of submission n."""
INSIDE = {
    "text": "'pekerjaan ' || n % 17",
    "integer": "(n % 60)::VARCHAR",
    "select_one c": "(n % 4 + 1)::VARCHAR",
}
EMPTY = 0.2
"""Share of the questions that are not answered."""


def form(folder: Path) -> Schema:
    """Write and compile the form: 80 questions in four groups, and a repeat of three."""
    lines = ["| survey | | | | |", "| | type | name | label | calculation |"]
    for position, (kind, name) in enumerate(questions()):
        if position % 20 == 0:
            lines += ["| | end_group | | | |"] * (position > 0)
            lines.append(f"| | begin_group | part_{position // 20 + 1} | Part | |")
        lines.append(f"| | {kind} | {name} | {name} | {'1' if kind == 'calculate' else ''} |")
    lines += ["| | end_group | | | |", "| | begin_repeat | job | Job | |"]
    lines += [f"| | {kind} | job_{position} | Job | |" for position, kind in enumerate(INSIDE)]
    lines += ["| | end_repeat | | | |", "| choices | | | |", "| | list_name | name | label |"]
    lines += [f"| | c | {value} | {value} |" for value in range(1, 5)]
    lines += ["| settings | | |", "| | form_id | version |", "| | bench | 1 |"]
    path = folder / "bench.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return schema_of([read_form(path)])


def questions() -> list[tuple[str, str]]:
    """List type and name of the 80 questions."""
    return [
        (kind, f"{kind.split(maxsplit=1)[0].lower()}_{number:02d}")
        for kind, (count, _) in ANSWERS.items()
        for number in range(count)
    ]


def make(folder: Path, submissions: int, *, plain: bool = True) -> None:
    """Write the landing's segments (zstd) and the same lines in plain files."""
    parts: dict[int, list[str]] = {}
    for position, (kind, name) in enumerate(questions()):
        answer = f"CASE WHEN hash(n, {position}) % 100 >= {int(EMPTY * 100)} THEN {ANSWERS[kind][1]} END"
        parts.setdefault(position // 20 + 1, []).append(f"{quote(name)}: {answer}")
    groups = ", ".join(f"'part_{number}/': [{{{', '.join(inner)}}}]" for number, inner in parts.items())
    inside = ", ".join(f"job_{position}: {answer}" for position, answer in enumerate(INSIDE.values()))
    data = (
        f"{{{groups}, 'job/': list_transform(range((n % 4)::BIGINT), lambda i: {{{inside}}}), "
        "'meta/': [{instanceID: key}]}"
    )
    query = (
        f"SELECT key, n AS landed, key AS instance, 0 AS revision, '1' AS version, '2026-01-05T08:00:00Z' AS submitted, "
        f"'' AS review, '' AS error, []::VARCHAR[] AS extra, []::VARCHAR[] AS attachments, {data} AS data FROM "
        "(SELECT n, 'uuid:' || printf('%08d', n) AS key FROM range({}, {}) t(n))"
    )
    with duckdb.connect(
        config={"memory_limit": "2GB", "temp_directory": str(folder / "spill")}
    ) as connection:
        for first in range(1, submissions + 1, SEGMENT_RECORDS):
            rows = query.replace(
                "range({}, {})", f"range({first}, {min(first + SEGMENT_RECORDS, submissions + 1)})"
            )
            for path, packing in (
                (folder / f"{first:08d}.ndjson.zst", "zstd"),
                *([(folder / f"{first:08d}.ndjson", "none")] if plain else []),
            ):
                connection.execute(
                    f"COPY ({rows}) TO {literal(str(path))} (FORMAT json, COMPRESSION {packing})"
                )


def segments(folder: Path) -> list[Segment]:
    """List what `make` wrote, as the landing would."""
    found = []
    for file in sorted(folder.glob("*.ndjson.zst")):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        with file.open("rb") as stream, zstandard.open(stream, "rb") as plain:
            longest = max(map(len, io.BufferedReader(plain)))
        first = int(file.name[:8])
        found.append(Segment(file.name[:8], file, SEGMENT_RECORDS, first, digest, (), longest))
    return found


# -- the contenders


def ours(folder: Path, schema: Schema, landed: Sequence[Segment]) -> int:
    """Build and load all segments in the pipeline's batches, without checks."""
    count = 0
    with Warehouse(folder / "ours.duckdb", TIMEZONE) as warehouse:
        for start in range(0, len(landed), SEGMENTS_PER_BATCH):
            batch = landed[start : start + SEGMENTS_PER_BATCH]
            staged = folder / f"staged_{start}"
            count += tables.build(batch, schema, staged, TIMEZONE).submissions
            no_reasons(staged)
            warehouse.load(Batch(schema, staged, tuple(one.name for one in batch), schema.fingerprint))
    return count


def no_reasons(folder: Path) -> None:
    """Write what checks would: that nothing is wrong."""
    names = ("_submission_id", "table_name", "_row_id", "rule", "severity", "column_name", "why_id", "why_en")
    listed = ", ".join(f"NULL::VARCHAR AS {name}" for name in names)
    duckdb.execute(f"COPY (SELECT {listed} LIMIT 0) TO '{folder}/reasons.parquet' (FORMAT parquet)")


def _read_json(folder: Path, schema: Schema, pattern: str, packing: str) -> int:
    data = Projection(schema.paths).declared
    columns = {
        "key": "VARCHAR", "landed": "BIGINT", "instance": "VARCHAR", "revision": "BIGINT", "version": "VARCHAR",
        "submitted": "VARCHAR", "review": "VARCHAR", "error": "VARCHAR", "data": data,
    }  # fmt: skip
    declared = ", ".join(f"{name}: {literal(kind)}" for name, kind in columns.items())
    source = (
        f"read_json({literal(str(folder / pattern))}, format='newline_delimited', compression='{packing}', "
        f"columns={{{declared}}}, maximum_object_size=67108864)"
    )
    with duckdb.connect(str(folder / f"{packing}.duckdb"), config={"memory_limit": "8GB"}) as connection:
        connection.execute(f"CREATE TABLE read AS SELECT * FROM {source}")
        row = connection.execute("SELECT count(*) FROM read").fetchone()
    return int(row[0]) if row else 0


def read_json(folder: Path, schema: Schema, landed: Sequence[Segment]) -> int:
    """Let DuckDB read the plain lines with the same declared columns into a file."""
    del landed
    return _read_json(folder, schema, "*.ndjson", "uncompressed")


def read_json_zstd(folder: Path, schema: Schema, landed: Sequence[Segment]) -> int:
    """Let DuckDB read the very segments with the same declared columns into a file."""
    del landed
    return _read_json(folder, schema, "*.ndjson.zst", "zstd")


def read_json_alone(folder: Path, schema: Schema, landed: Sequence[Segment]) -> int:
    """Let DuckDB read the plain lines into a file as anybody would ask it to: it finds columns and types by itself."""
    del schema, landed
    with duckdb.connect(str(folder / "alone.duckdb"), config={"memory_limit": "8GB"}) as connection:
        connection.execute(f"CREATE TABLE read AS FROM read_json({literal(str(folder / '*.ndjson'))})")
        row = connection.execute("SELECT count(*) FROM read").fetchone()
    return int(row[0]) if row else 0


def json_normalize(folder: Path, schema: Schema, landed: Sequence[Segment]) -> int:
    """Flatten the lines with pandas and store them: every value a text, repeats left as lists."""
    import pandas as pd

    del schema, landed
    rows: list[dict[str, object]] = []
    for file in sorted(folder.glob("*.ndjson")):
        if len(rows) < NORMALIZED:
            rows += [
                _flat(json.loads(line)["data"]) for line in file.read_text(encoding="utf-8").splitlines()
            ]
    frame = pd.json_normalize(rows, sep="/")
    frame.to_parquet(folder / "normalized.parquet")
    return len(frame)


def _flat(data: dict[str, list[dict[str, object]]]) -> dict[str, object]:
    """Give a submission as the servers' JSON has it: groups are objects, repeats lists."""
    return {name: value if name == "job/" else value[0] for name, value in data.items()}


CONTENDERS: tuple[Callable[[Path, Schema, Sequence[Segment]], int], ...] = (
    read_json,
    read_json_zstd,
    read_json_alone,
    ours,
    json_normalize,
)


def measure(name: str, folder: Path) -> None:
    """Run one contender in this process and print what it took."""
    import resource

    contender = next(one for one in CONTENDERS if one.__name__ == name)
    schema, landed = form(folder), segments(folder)
    begun, busy = time.perf_counter(), time.process_time()
    rows = contender(folder, schema, landed)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu": cpu, "peak": peak}))  # noqa: T201 - a script


def main(submissions: int) -> None:
    """Measure all contenders one after the other and print the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as made:
        folder = Path(made)
        make(folder, submissions)
        print("| contender | submissions | CPU s | of read_json | wall s | of read_json | peak MB |")  # noqa: T201
        print("|---|---|---|---|---|---|---|")  # noqa: T201
        base: list[float] = []
        for contender in CONTENDERS:
            name = contender.__name__
            command = [sys.executable, __file__, "--measure", name, made]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - itself
            one = json.loads(done.stdout)
            each = [one[measured] / one["rows"] for measured in ("cpu", "seconds")]
            base = base or each
            times = (
                f"{one['cpu']:.1f} | {each[0] / base[0]:.2f} | {one['seconds']:.1f} | {each[1] / base[1]:.2f}"
            )
            print(f"| {name} | {one['rows']:,} | {times} | {one['peak']} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        measure(sys.argv[2], Path(sys.argv[3]))
    else:
        main(int(sys.argv[1]))
