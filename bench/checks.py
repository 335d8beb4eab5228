"""What `check` costs beside Great Expectations itself, on the same rules and rows.

    python bench/checks.py 100000

Multiplies the rehearsal's alumni_tracer to that many submissions and judges them, each time in a process of its own:

check      as `tracer-etl check` does: compiling, columns in DuckDB, Great Expectations, reasons
suite      Great Expectations alone on our suite, given finished frames: one column lists all questions that break a rule
each       Great Expectations alone on the same rules as one would write them: one expectation per question and rule,
           given a finished column of true and false for each
rehearsal  `tracer-etl check` of all six forms of the rehearsal as they are

Prints seconds (importing Great Expectations left out), peak memory, and `check` as a multiple of the other two.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tracer_etl import batches, pipeline
from tracer_etl.checks import check
from tracer_etl.checks.rules import Rule
from tracer_etl.checks.run import frames
from tracer_etl.checks.suite import Suite
from tracer_etl.names import literal
from tracer_etl.study import read_study

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from tracer_etl.schema import Schema
    from tracer_etl.study import Study

ROOT = Path(__file__).parents[1]
FORM = "alumni_tracer"
KEYS = ("_submission_id", "_row_id", "_parent_row_id")


def main() -> None:
    """Make the rows, run both, and print what they took."""
    submissions = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRACER_STORAGE"] = folder
        study = read_study(ROOT / "study.toml")
        pipeline.pull(study)
        pipeline.build(study)
        _, staged = _staged(study)
        _multiply(staged, Path(folder) / "many", submissions)
        print("| contender | submissions | seconds | peak MB |\n|---|---|---|---|")  # noqa: T201
        took = {name: _apart(name, folder) for name in CONTENDERS}
        for name, (seconds, megabytes) in took.items():
            rows = "the six forms" if name == "rehearsal" else f"{submissions:,}"
            print(f"| {name} | {rows} | {seconds:.1f} | {megabytes} |")  # noqa: T201
        whole = took["check"][0]
        print(f"\ncheck / suite {whole / took['suite'][0]:.2f}, check / each {whole / took['each'][0]:.2f}")  # noqa: T201


def _staged(study: Study) -> tuple[Schema, Path]:
    [form] = study.chosen([FORM])
    [(schema, staged)] = batches.staged(study, form)
    return schema, staged


def _multiply(source: Path, target: Path, submissions: int) -> None:
    """Write every staged table again and again under new keys, one submission in full after the other."""
    target.mkdir()
    with duckdb.connect() as connection:
        there = f"read_parquet({literal(str(source / f'{FORM}.parquet'))})"
        [known] = connection.execute(f"SELECT count(*) FROM {there}").fetchone()  # type: ignore[misc]
        for path in source.glob("*.parquet"):
            columns = connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()
            renamed = ", ".join(f"{key} || '#' || n AS {key}" for key, *_ in columns if key in KEYS)
            connection.execute(
                f"COPY (SELECT * REPLACE ({renamed}) FROM (SELECT t.*, n FROM '{path}' t, "
                f"range({-(-submissions // known)}) copies(n))) TO '{target / path.name}' (FORMAT parquet)"
            )


def _apart(name: str, folder: str) -> tuple[float, int]:
    """Run a contender in a process of its own; give its seconds and its peak memory in MB."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import checks; checks.run({name!r})"
    )
    environment = {**os.environ, "TRACER_STORAGE": folder}
    done = subprocess.run(  # noqa: S603 - itself
        [sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    seconds, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, megabytes


def run(name: str) -> None:
    """Run one contender in this process, and print what it took."""
    import great_expectations as _  # noqa: F401 - six seconds that say nothing of rules and rows

    study = read_study(ROOT / "study.toml")
    seconds = CONTENDERS[name](study, study.staging.parent / "many")
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM"))
    print(json.dumps([seconds, int(peak.split()[1]) // 1024]))  # noqa: T201


def _check(study: Study, folder: Path) -> float:
    schema, _ = _staged(study)
    begun = time.perf_counter()
    check(folder, schema, study.expectations, timezone=study.timezone)
    return time.perf_counter() - begun


def _rehearsal(study: Study, folder: Path) -> float:
    del folder
    begun = time.perf_counter()
    pipeline.check(study)
    return time.perf_counter() - begun


def _alone(study: Study, folder: Path, split: Callable[..., Any]) -> float:
    """Let Great Expectations alone judge the frames that `check` gives it, after `split` had its way with them."""
    schema, _ = _staged(study)
    spent = 0.0
    for table, rules, frame in frames(folder, schema, study.expectations, study.timezone):
        chosen, columns = split(rules, frame)
        suite = Suite(chosen, table.row_key, table.name)
        begun = time.perf_counter()
        for _ in suite.judged(columns):
            pass
        spent += time.perf_counter() - begun
    return spent


def _as_it_is(rules: Sequence[Rule], frame: pd.DataFrame) -> tuple[Sequence[Rule], pd.DataFrame]:
    return rules, frame


def _each(rules: Sequence[Rule], frame: pd.DataFrame) -> tuple[Sequence[Rule], pd.DataFrame]:
    """Write one expectation per question and rule instead of one per rule."""
    import pandas as pd

    columns, chosen = {}, []
    for rule in rules:
        if not rule.questions:
            chosen.append(rule)
        for question in rule.questions:
            name = f"{rule.rule_id} {question}"
            columns[name] = ~frame[rule.column].str.contains(rf"\\b{question}\\b", na=False)
            kwargs = {"column": name, "value_set": [True]}
            chosen.append(
                Rule(name, "expect_column_values_to_be_in_set", kwargs, rule.severity, name, rule.why)
            )
    return chosen, pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1)


CONTENDERS: dict[str, Callable[[Study, Path], float]] = {
    "check": _check,
    "suite": partial(_alone, split=_as_it_is),
    "each": partial(_alone, split=_each),
    "rehearsal": _rehearsal,
}

if __name__ == "__main__":
    main()
