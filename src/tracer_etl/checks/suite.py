"""Rules + a batch -> violations, judged by Great Expectations (this is its only importer).

Two traps are guarded: an expectation type Great Expectations does not know is dropped without a word, so
the count is compared; an expectation that raises is reported as not evaluated, never as passed.
"""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import ChecksFailed, StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from tracer_etl.checks.rules import Rule


def violations(
    frame: pd.DataFrame, rules: Sequence[Rule], row_key: str, where: str
) -> Iterator[tuple[Rule, list[str] | None]]:
    """Give for each violated rule the keys of its rows; None where it could not be evaluated.

    Raises:
        StudyError: an expectation type or argument is unknown.
        ChecksFailed: a critical expectation about the batch as a whole failed.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        # Great Expectations and pandas 3 disagree about chained assignment inside its own metrics.
        warnings.simplefilter("ignore")
        results = _validate(frame, rules, row_key, where)
    for rule, result in zip(rules, results, strict=True):
        if result.exception_info and _raised(result.exception_info):
            yield rule, None
        elif not result.success:
            yield rule, _keys(rule, result.result, row_key, where)


def _validate(frame: pd.DataFrame, rules: Sequence[Rule], row_key: str, where: str) -> list[Any]:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("staging").add_dataframe_asset("batch")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    result_format = {
        "result_format": "COMPLETE",
        "unexpected_index_column_names": [row_key],
        "return_unexpected_index_query": False,
    }
    entries = [{"type": rule.type, "kwargs": dict(rule.kwargs), "severity": rule.severity} for rule in rules]
    try:
        suite = gx.ExpectationSuite(name=where, expectations=entries)
    except (ValueError, TypeError) as error:
        raise StudyError(
            f"an expectation is not valid ({error})", where=where, remedy="see its arguments"
        ) from error
    if len(suite.expectations) != len(rules):
        kept = {expectation.expectation_type for expectation in suite.expectations}
        unknown = sorted({rule.type for rule in rules} - kept)
        what = f"unknown expectation type {', '.join(unknown)}"
        raise StudyError(what, where=where, remedy="use a type of Great Expectations 1.x, spelt exactly")
    return list(batch.validate(suite, result_format=result_format).results)


def _raised(info: Any) -> bool:  # noqa: ANN401 - Great Expectations gives one dict, or one per metric
    return bool(info.get("raised_exception")) or any(
        isinstance(one, dict) and one.get("raised_exception") for one in info.values()
    )


def _keys(rule: Rule, result: dict[str, Any], row_key: str, where: str) -> list[str]:
    indices = result.get("unexpected_index_list")
    if indices:
        return [str(index[row_key]) for index in indices]
    if rule.severity == "critical":
        raise ChecksFailed(
            f"{rule.rule_id} failed for the whole batch: {rule.why_en}", where=where, remedy=rule.why_id
        )
    return []
