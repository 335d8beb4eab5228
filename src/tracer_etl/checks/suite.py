"""Rules + a batch -> violations, judged by Great Expectations (this is its only importer).

Traps of Great Expectations 1.24 that are guarded: an expectation type it does not know is dropped without a
word, so the count is compared; one that raises counts as failed without naming a row, so it is reported as
not evaluated; one about a whole column says nothing about a row, so it is refused. Each expectation cuts the
whole frame down several times to the rows it speaks of, so that its cost grows with every column beside its own:
it is given a few rules and their columns at a time (50 rules on 100,000 rows: 0.6 s instead of 2.4). Asked for
the keys of the rows that break a rule it fetches them cell by cell; asked for their places it does so at once.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from tracer_etl.checks.rules import Rule

_TOGETHER = 8
"""Rules that are judged in one frame; with one at a time what every frame costs outweighs what it saves."""
_RESULTS = {"result_format": "COMPLETE", "return_unexpected_index_query": False}
_WHOLE = ("_to_be_unique", "_to_be_increasing", "_to_be_decreasing")


@dataclass(frozen=True, slots=True)
class Judged:
    """One rule, how many rows of a batch it had something to say of, and the places of those that break it.

    An error when nobody judged it.
    """

    rule: Rule
    evaluated: int = 0
    rows: tuple[int, ...] = ()
    error: str = ""


def needs_whole_table(rules: Sequence[Rule]) -> bool:
    """Tell whether a rule compares rows with each other, so that a table must not be cut into batches."""
    return any(rule.type.endswith(_WHOLE) for rule in rules)


class Suite:
    """The rules of one table as a suite of Great Expectations, ready for its batches.

    Raises:
        StudyError: an expectation type is unknown, its arguments are wrong, or it does not judge rows.
    """

    def __init__(self, rules: Sequence[Rule], where: str) -> None:
        """Build the suite in a context that lives in memory only."""
        self.rules = rules
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with warnings.catch_warnings():
            # It imports modules Python 3.11 deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            import great_expectations as gx
            from great_expectations.data_context.types.base import ProgressBarsConfig

            context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
        self.suite = self._suite(where)
        self.parts = [self._part(start) for start in range(0, len(rules), _TOGETHER)]
        asset = context.data_sources.add_pandas("staging").add_dataframe_asset("batch")
        self.definition = asset.add_batch_definition_whole_dataframe("all")

    def _suite(self, where: str) -> Any:  # noqa: ANN401 - Great Expectations has no types
        import great_expectations as gx

        entries = [
            {"type": r.type, "kwargs": dict(r.kwargs), "severity": r.severity, "meta": {"rule": number}}
            for number, r in enumerate(self.rules)
        ]
        try:
            suite = gx.ExpectationSuite(name=where, expectations=entries)
        except (ValueError, TypeError) as error:
            what = f"an expectation is not valid ({error})"
            raise StudyError(what, where=where, remedy="give the arguments its type takes") from error
        kept = {(expectation.meta or {})["rule"]: expectation for expectation in suite.expectations}
        for number, rule in enumerate(self.rules):
            if number not in kept:
                what = f"{rule.rule_id} has the unknown expectation type {rule.type!r}"
                raise StudyError(
                    what, where=where, remedy="use a type of Great Expectations 1.x, spelt exactly"
                )
            if not _judges_rows(kept[number]):
                what = (
                    f"{rule.rule_id} ({rule.type}) judges a whole column, so it can set no submission aside"
                )
                raise StudyError(what, where=where, remedy="use an expectation about the values of rows")
        return suite

    def _part(self, start: int) -> tuple[Any, list[str]]:
        """Give some of the expectations as a suite, and the columns they read."""
        import great_expectations as gx

        rules = self.rules[start : start + _TOGETHER]
        expectations = self.suite.expectations[start : start + _TOGETHER]
        columns = [*dict.fromkeys(column for rule in rules for column in rule.columns())]
        return gx.ExpectationSuite(name=f"{self.suite.name} {start}", expectations=expectations), columns

    def judged(self, frame: pd.DataFrame) -> Iterator[Judged]:
        """Judge a batch, whose index counts its rows from 0, by every rule."""
        for part, columns in self.parts:
            batch = self.definition.get_batch({"dataframe": frame[columns]})
            results = batch.validate(part, result_format=_RESULTS).results
            for result in sorted(results, key=_number):
                yield _judged(self.rules[_number(result)], result)


def _judged(rule: Rule, outcome: Any) -> Judged:  # noqa: ANN401 - an ExpectationValidationResult
    if error := _raised(outcome.exception_info):
        return Judged(rule, error=error)
    result = outcome.result
    places = () if outcome.success else tuple(result.get("unexpected_index_list") or ())
    if not outcome.success and not places:
        return Judged(rule, error="Great Expectations failed it without naming a row")
    return Judged(rule, result["element_count"] - (result.get("missing_count") or 0), places)


def _number(result: Any) -> int:  # noqa: ANN401 - an ExpectationValidationResult
    number: int = result.expectation_config.meta["rule"]
    return number


def _judges_rows(expectation: Any) -> bool:  # noqa: ANN401 - an Expectation
    from great_expectations.expectations.expectation import (
        ColumnMapExpectation,
        ColumnPairMapExpectation,
        MulticolumnMapExpectation,
    )

    return isinstance(
        expectation, (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
    )


def _raised(info: dict[str, Any] | None) -> str:
    """Give the message of an exception; Great Expectations keeps one dict, or one per metric."""
    if not info:
        return ""
    entries = [info, *(entry for entry in info.values() if isinstance(entry, dict))]
    raised = [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]
    return " ".join(raised[0].split())[:200] if raised else ""
