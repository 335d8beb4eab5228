"""The conformance suite, which other libraries can be scored on too: ours passes every case."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

RUNNER = Path(__file__).parent / "conformance" / "run.py"
spec = importlib.util.spec_from_file_location("conformance_run", RUNNER)
assert spec is not None
assert spec.loader is not None
run = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = run  # dataclasses look their module up
spec.loader.exec_module(run)


@pytest.mark.parametrize("case", run.cases(), ids=lambda case: case.folder.name)
def test_a_case_gives_the_expected_tables(case, tmp_path: Path) -> None:
    assert case.expected
    assert not run.judge(case, run.tracer_etl, tmp_path)


def test_a_library_that_loses_rows_is_judged_wrong() -> None:
    def forgetful(case, folder):
        table_of = run.tracer_etl(case, folder)
        return lambda name, columns: table_of(name, columns)[:1]

    found = run.score(forgetful)
    assert len(found) == 10
    assert {name for name, wrong in found.items() if wrong} >= {"drift", "nested_repeats", "leading_zeros"}
