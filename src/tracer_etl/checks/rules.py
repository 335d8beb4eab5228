"""A rule: which column judges it, how severe it is, and why, in Indonesian and English."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.records import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One expectation of one table, in Great Expectations' own words (`type`, `kwargs`, `severity`)."""

    rule_id: str
    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    column: str
    why_id: str
    why_en: str


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of one table, the SQL of the columns they need, and what could not be compiled."""

    rules: tuple[Rule, ...]
    derived: Mapping[str, str] = field(default_factory=dict)
    not_evaluated: tuple[str, ...] = ()


def holds(name: str) -> tuple[str, dict[str, Any]]:
    """Give the expectation that a helper column is true; NULL means the rule does not apply."""
    return "expect_column_values_to_be_in_set", {"column": name, "value_set": [True]}
