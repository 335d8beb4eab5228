"""A rule: which column judges it, how severe it is, and why, in Indonesian and English."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.records import Severity

Why = tuple[str, str]
"""The reason in Indonesian and in English."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation of one table, in Great Expectations' own words (`type`, `kwargs`, `severity`).

    `column` is the question the reasons name. Where `questions` is set, the judged column instead lists the
    names of the questions that break the rule in this row, and each has its own reason.
    """

    rule_id: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    column: str
    why: Why
    questions: Mapping[str, Why] = field(default_factory=dict)

    def columns(self) -> tuple[str, ...]:
        """Name the columns the expectation reads."""
        named = [self.kwargs[key] for key in ("column", "column_A", "column_B") if key in self.kwargs]
        return tuple(str(name) for name in [*named, *self.kwargs.get("column_list", ())])


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of one table, the SQL of the columns they need, and what could not be compiled.

    `terms` are conditions and `marks` what tells whether one promise of the form is broken, each in quotes as its
    key: `marks` name `terms`, `derived` names both.
    """

    rules: tuple[Rule, ...]
    derived: Mapping[str, str] = field(default_factory=dict)
    not_evaluated: tuple[str, ...] = ()
    terms: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)
