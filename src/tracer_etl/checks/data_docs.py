"""Rules and what came of them -> Great Expectations' Data Docs: one page per table, which opens without a network.

Great Expectations words each expectation and its result. The page around them is ours, since its own fetches styles,
scripts and pictures from ten places of the internet. The results are the counts of `meta.row_check`, which the checks
left in the warehouse: what writes the pages sees no submission, so no page can show an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any, get_args

from tracer_etl.checks.compiled import compiled_rules
from tracer_etl.checks.expectations import written_rules
from tracer_etl.records import Severity
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from jinja2 import Environment, Template

    from tracer_etl.checks.rules import Rule, Rules, Why
    from tracer_etl.schema import Schema, Table
    from tracer_etl.warehouse.contract import Connection

_STORED = (
    "SELECT table_name, rule, severity, column_name, CAST(sum(evaluated) AS BIGINT), "
    "CAST(sum(violations) AS BIGINT), note, min(why_id), min(why_en) FROM meta.row_check "
    "GROUP BY table_name, rule, severity, column_name, note, evaluated IS NOT NULL "
    "ORDER BY table_name, rule, severity, column_name, note"
)
_RUNS = (
    "SELECT r.run, r.ended_at, CAST(sum(r.landed) AS BIGINT), CAST(sum(r.good) AS BIGINT), CAST(sum(r.set_aside) AS BIGINT), "
    "CAST(sum(r.warned) AS BIGINT), (SELECT count(*) FROM meta.run_check c WHERE c.run = r.run AND c.outcome = 'found') "
    "FROM meta.run r GROUP BY r.run, r.ended_at ORDER BY r.run DESC LIMIT 60"
)
NOT_RUN: Why = ("belum dijalankan: `tracer-etl run`", "not run yet: `tracer-etl run`")
NO_ROW: Why = ("tidak ada baris untuk dinilai", "no row to judge")
OUTCOMES = ("found", "unjudged", "passed")
"""The order of a page: what is broken, what nobody could judge, what holds."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of one rule in all batches: rows judged and rows that break it.

    `evaluated` is None for what could not be evaluated, which `note` tells.
    """

    table: str
    rule: str
    severity: str
    column: str
    evaluated: int | None
    violations: int
    note: str
    why_id: str
    why_en: str

    def is_about(self, rule: Rule) -> bool:
        """Tell whether this came of the rule as it is written now."""
        return (self.rule, self.severity, self.column) == (rule.rule_id, rule.severity, rule.column)


@dataclass(frozen=True, slots=True)
class Line:
    """One expectation on a page; `expectation` and `observed` are HTML of Great Expectations.

    `sql` defines the derived columns it reads: name -> DuckDB SQL; `unjudged` says why nobody judged it.
    """

    rule: Rule
    outcome: str
    expectation: str
    observed: str
    evaluated: int
    violations: int
    sql: Mapping[str, str]
    unjudged: Why | None


@dataclass(frozen=True, slots=True)
class Sheet:
    """All of one table: its expectations, what of them could not be evaluated, and what building it found."""

    form_id: str
    table: str
    lines: tuple[Line, ...]
    missed: tuple[Stored, ...]
    built: tuple[Stored, ...]

    def count(self, outcome: str) -> int:
        """Count the expectations with an outcome."""
        return sum(line.outcome == outcome for line in self.lines)


def write_data_docs(out: Path, schemas: Sequence[Schema], expectations: Path, connection: Connection) -> Path:
    """Write `index.html` and one page per table that has rules into `out`; give the index.

    The counts are those in the warehouse, of all batches together. The same rules and counts give the same bytes.

    Raises:
        StudyError: an expectation file is wrong.
    """
    stored = [Stored(*row) for row in connection.execute(_STORED).fetchall()]
    [[until]] = connection.execute("SELECT coalesce(max(pulled_at), '') FROM meta.pull").fetchall()
    sheets = list(_sheets(schemas, expectations, stored))
    runs = [(number, _moment(at), *counts) for number, at, *counts in connection.execute(_RUNS).fetchall()]
    frame, said = _frame(), {"until": _moment(until), "sheets": sheets, "runs": runs}
    out.mkdir(parents=True, exist_ok=True)
    wanted = {f"{sheet.table}.html": frame.render(**said, sheet=sheet) for sheet in sheets}
    wanted["index.html"] = frame.render(**said, sheet=None)
    for stale in {path.name for path in out.glob("*.html")} - set(wanted):
        (out / stale).unlink()
    for name, page in wanted.items():
        write_atomically(out / name, page.encode())
    return out / "index.html"


def _moment(iso: str) -> str:
    return f"{iso[:16].replace('T', ' ')} UTC" if iso else "?"


def _frame() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("tracer_etl.checks").joinpath("data_docs.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source)


def _sheets(schemas: Sequence[Schema], expectations: Path, stored: Sequence[Stored]) -> Iterator[Sheet]:
    words = _Words()
    for schema in schemas:
        for table in schema.tables:
            sheet = _sheet(schema, table, expectations, [s for s in stored if s.table == table.name], words)
            if sheet.lines or sheet.built:
                yield sheet


def _sheet(
    schema: Schema, table: Table, expectations: Path, stored: Sequence[Stored], words: _Words
) -> Sheet:
    file = expectations / f"{table.name}.yaml"
    # What DuckDB refuses of the form's logic was noted when it was judged.
    compiled, written = compiled_rules(schema, table, lambda _: set()), written_rules(file, table)
    rules = (*compiled.rules, *written.rules)
    lines = sorted(words.lines(rules, written, stored, table.row_key), key=_order)
    missed = [one for one in stored if one.evaluated is None]
    built = [s for s in stored if s.evaluated is not None and not any(map(s.is_about, rules))]
    return Sheet(schema.form_id, table.name, tuple(lines), tuple(missed), tuple(built))


def _order(line: Line) -> tuple[int, int, str]:
    return OUTCOMES.index(line.outcome), get_args(Severity).index(line.rule.severity), line.rule.rule_id


class _Words:
    """Great Expectations' own words for an expectation and its result."""

    def lines(
        self, rules: Sequence[Rule], written: Rules, stored: Sequence[Stored], row_key: str
    ) -> Iterator[Line]:
        from tracer_etl.checks.suite import Suite

        suite = Suite(rules, row_key).suite if rules else None
        for expectation in suite.expectations if suite else ():
            rule = rules[expectation.meta["rule"]]
            sql = {name: written.derived[name] for name in rule.columns() if name in written.derived}
            found = [one for one in stored if one.is_about(rule) and one.evaluated is not None]
            yield self._line(rule, expectation.configuration, found, sql)

    def _line(
        self,
        rule: Rule,
        configuration: Any,  # noqa: ANN401 - Great Expectations has no types
        found: Sequence[Stored],
        sql: Mapping[str, str],
    ) -> Line:
        judged, broken = sum(s.evaluated or 0 for s in found), sum(s.violations for s in found)
        expectation, observed = self._said(configuration, judged, broken)
        unjudged = None if judged else NO_ROW if found else NOT_RUN
        outcome = "unjudged" if unjudged else "found" if broken else "passed"
        return Line(rule, outcome, expectation, observed, judged, broken, sql, unjudged)

    def _said(self, configuration: Any, judged: int, broken: int) -> tuple[str, str]:  # noqa: ANN401
        """Word one result: the expectation, and what was observed."""
        from great_expectations.core import ExpectationValidationResult
        from great_expectations.render.renderer import content_block

        counts = {"element_count": judged, "unexpected_count": broken}
        raised = {"raised_exception": False, "exception_message": None, "exception_traceback": None}
        result = ExpectationValidationResult(
            success=not broken,
            expectation_config=configuration,
            result=counts | {"unexpected_percent": 100 * broken / judged} if judged else {},
            exception_info=raised,
        )
        renderer: Any = content_block.ValidationResultsTableContentBlockRenderer  # type: ignore[attr-defined]
        table = renderer.render([result], include_column_name=True).to_json_dict()["table"]
        [[_, expectation, observed]] = table
        return self._html(expectation), self._html(observed) if judged else ""

    def _html(self, cell: object) -> str:
        return " ".join(self._cell.render(cell=cell).split())

    @cached_property
    def _cell(self) -> Template:
        from great_expectations.render import view

        environment: Environment = view.DefaultJinjaPageView().env  # type: ignore[attr-defined]
        # Its own filter escapes what a rule says; observed are numbers alone.
        return environment.from_string("{{ cell | render_content_block | safe }}")
