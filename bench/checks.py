"""What `check` costs beside Great Expectations itself, on the same rules and rows.

    python bench/checks.py 100000 3

Multiplies the rehearsal's alumni_tracer to that many submissions and judges them in so many rounds (one if not said),
each time in a process of its own:

check      as `tracer-etl check` does: compiling, columns in DuckDB, Great Expectations, reasons
inside     what Great Expectations has of it: our suite, a few rules and columns at a time, asked for places
suite      Great Expectations alone on our suite, given finished frames, as its documentation has it: one suite, the
           whole table, pandas' own types, asked for the keys of the rows that break a rule. In this suite one column
           lists all questions that break one of the form's rules
each       the same on the same rules as one would write them: one expectation per question and rule, given a finished
           column of true and false for each
rehearsal  `tracer-etl check` of all six forms of the rehearsal as they are

Prints the median seconds on the clock and of the processor (importing Great Expectations left out) with the least and
the most, peak memory, and `check` as a multiple of `suite` and `each` of the same round.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
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
    _, said, times, *_ = [*sys.argv, *("100000", "1")[len(sys.argv) - 1 :]]
    submissions, rounds = int(said), int(times)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRACER_STORAGE"] = folder
        study = read_study(ROOT / "study.toml")
        pipeline.pull(study)
        pipeline.build(study)
        _, staged = _staged(study)
        _multiply(staged, Path(folder) / "many", submissions)
        took = [{name: _apart(name, folder) for name in CONTENDERS} for _ in range(rounds)]
    print("| contender | submissions | seconds | CPU seconds | peak MB |\n|---|---|---|---|---|")  # noqa: T201
    for name in CONTENDERS:
        clock, cpu, memory = zip(*(one[name] for one in took), strict=True)
        rows = "the six forms" if name == "rehearsal" else f"{submissions:,}"
        print(f"| {name} | {rows} | {_spread(clock)} | {_spread(cpu)} | {max(memory)} |")  # noqa: T201
    for other in ("suite", "each"):
        clock, cpu = ([one["check"][n] / one[other][n] for one in took] for n in range(2))
        print(f"check / {other}: {_spread(clock)} on the clock, {_spread(cpu)} of the processor")  # noqa: T201


def _spread(values: Sequence[float]) -> str:
    least, most = min(values), max(values)
    return f"{median(values):.2f}" + (f" ({least:.2f} to {most:.2f})" if len(values) > 1 else "")


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


def _apart(name: str, folder: str) -> tuple[float, float, int]:
    """Run a contender in a process of its own; give its seconds, its CPU seconds and its peak memory in MB."""
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import checks; checks.run({name!r})"
    )
    environment = {**os.environ, "TRACER_STORAGE": folder}
    done = subprocess.run(  # noqa: S603 - itself
        [sys.executable, "-c", script], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    seconds, cpu, megabytes = json.loads(done.stdout.splitlines()[-1])
    return seconds, cpu, megabytes


def run(name: str) -> None:
    """Run one contender in this process, and print what it took."""
    import great_expectations as _  # noqa: F401 - six seconds that say nothing of rules and rows

    study = read_study(ROOT / "study.toml")
    clock = Clock()
    CONTENDERS[name](study, study.staging.parent / "many", clock)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in status if line.startswith("VmHWM"))
    print(json.dumps([clock.seconds, clock.cpu, int(peak.split()[1]) // 1024]))  # noqa: T201


@dataclass
class Clock:
    """Seconds and CPU seconds spent inside `with clock:`."""

    seconds: float = 0.0
    cpu: float = 0.0

    def __enter__(self) -> None:
        """Begin."""
        self.seconds -= time.perf_counter()
        self.cpu -= time.process_time()

    def __exit__(self, *_: object) -> None:
        """End."""
        self.seconds += time.perf_counter()
        self.cpu += time.process_time()


def _check(study: Study, folder: Path, clock: Clock) -> None:
    schema, _ = _staged(study)
    with clock:
        check(folder, schema, study.expectations, timezone=study.timezone)


def _rehearsal(study: Study, folder: Path, clock: Clock) -> None:
    del folder
    with clock:
        pipeline.check(study)


def _inside(study: Study, folder: Path, clock: Clock) -> None:
    """Let Great Expectations alone judge the frames that `check` gives it, as `check` does."""
    schema, _ = _staged(study)
    for table, rules, frame in frames(folder, schema, study.expectations, study.timezone):
        with clock:
            suite = Suite(rules, table.name)
            for _ in suite.judged(frame):
                pass


def _alone(study: Study, folder: Path, clock: Clock, split: Callable[..., Any]) -> None:
    """Let Great Expectations alone judge whole frames, after `split` had its way with them."""
    schema, _ = _staged(study)
    for table, rules, frame in frames(folder, schema, study.expectations, study.timezone):
        chosen, columns = split(rules, _as_pandas_has_it(frame))
        result_format = {
            "result_format": "COMPLETE",
            "unexpected_index_column_names": [table.row_key],
            "return_unexpected_index_query": False,
        }
        with clock:
            suite = Suite(chosen, table.name)
            batch = suite.definition.get_batch({"dataframe": columns})
            results = batch.validate(suite.suite, result_format=result_format).results
        if len(results) != len(chosen):
            raise SystemExit("Great Expectations dropped a rule")


def _as_pandas_has_it(frame: pd.DataFrame) -> pd.DataFrame:
    """Give booleans as pandas makes them of Arrow by itself: objects where one is blank."""
    blank = {name: frame[name].isna() for name in frame.select_dtypes("boolean")}
    return frame.assign(
        **{
            name: frame[name].astype(object).mask(empty, None) if empty.any() else frame[name].astype(bool)
            for name, empty in blank.items()
        }
    )


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
            columns[name] = ~frame[rule.column].str.contains(rf"\b{question}\b", na=False)
            kwargs = {"column": name, "value_set": [True]}
            chosen.append(
                Rule(name, "expect_column_values_to_be_in_set", kwargs, rule.severity, name, rule.why)
            )
    return chosen, pd.concat([frame, pd.DataFrame(columns, index=frame.index)], axis=1)


CONTENDERS: dict[str, Callable[[Study, Path, Clock], None]] = {
    "check": _check,
    "inside": _inside,
    "suite": partial(_alone, split=_as_it_is),
    "each": partial(_alone, split=_each),
    "rehearsal": _rehearsal,
}

if __name__ == "__main__":
    main()
