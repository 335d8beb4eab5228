"""Look at a workbook before anybody answers it: what pyxform and ODK Validate do not say.

workbook, survey       the workbook as written: cells, rows, questions in their groups
expressions, functions the logic of a cell as a tree; the functions clients know
reasoning              whether a condition can ever hold, by samples
registry               what a rule and a finding are
references, conditions, values, choices, identifiers, texts, clients, settings, privacy, phones
the rules, one small function each
appearances            the words of XLSForm
wishes, walk           dead ends and unreachable questions, by the engine of ODK Collect
reports                findings as text and as SARIF 2.1.0
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_etl.errors import FormError
from tracer_etl.form import read_form
from tracer_etl.lint import (  # noqa: F401 - each registers its rules
    choices,
    clients,
    conditions,
    engine,
    identifiers,
    phones,
    privacy,
    references,
    settings,
    texts,
    values,
)
from tracer_etl.lint.registry import RULES, SEVERITIES, Finding, Rule, Severity
from tracer_etl.lint.survey import Survey
from tracer_etl.lint.workbook import read_workbook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.lint.workbook import Cell

# A comparison with a choice that does not exist is why the condition never holds.
_CAUSES = {"TL203": ("TL201", "TL202"), "TL204": ("TL201", "TL202"), "TL205": ("TL201", "TL202")}

__all__ = ["RULES", "SEVERITIES", "Finding", "Rule", "Severity", "lint_form", "read_survey"]


def lint_form(source: Path, media: Path | None = None, *, walk: bool = False) -> tuple[Finding, ...]:
    """Look for everything the rules know in one XLSForm; worst first, then in the order of the workbook.

    `media` is the folder of the CSV files that travel beside the form (default: its own folder). `walk`
    fills the form at random with the engine of ODK Collect, for at most about half a minute.

    Raises:
        FormError: the file is no workbook at all. That it does not compile is a finding.
        StudyError: `walk` without Java or JPype.
    """
    survey = read_survey(source, media)
    if walk:
        from tracer_etl.lint.walk import walk_form

        survey = replace(survey, walked=walk_form(survey))
    found = {finding: None for rule in RULES.values() for finding in _findings(rule, survey)}
    explained = {(one.rule.id, one.sheet, one.row, one.column) for one in found}
    return tuple(sorted((one for one in found if not _explained(one, explained)), key=_order))


def _explained(one: Finding, found: set[tuple[str, str, int, int]]) -> bool:
    """Tell whether another finding in the same cell says already why."""
    return any((other, one.sheet, one.row, one.column) in found for other in _CAUSES.get(one.rule.id, ()))


def read_survey(source: Path, media: Path | None = None) -> Survey:
    """Read a workbook as the rules see it."""
    book, media = read_workbook(source), media or source.parent
    with warnings.catch_warnings():
        # pyxform reads with openpyxl too, which complains of workbooks that LibreOffice and Kobo wrote.
        warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")
        try:
            return Survey(book, media, form=read_form(source, media))
        except FormError as error:
            return Survey(book, media, error=error)


def _findings(rule: Rule, survey: Survey) -> Iterator[Finding]:
    for cell, message in rule.check(survey):
        yield finding(rule, survey, cell, message)


def finding(rule: Rule, survey: Survey, cell: Cell, message: str) -> Finding:
    """Say what a rule found where."""
    return Finding(rule, survey.book.name, cell.sheet, cell.row, cell.column, cell.header, message)


def _order(one: Finding) -> tuple[int, str, int, int, str]:
    return SEVERITIES.index(one.rule.severity), one.sheet, one.row, one.column, one.rule.id
