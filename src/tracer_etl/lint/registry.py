"""What a rule is, what it finds, and the list of all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tracer_etl.lint.survey import Survey
    from tracer_etl.lint.workbook import Cell

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
FAMILIES = {
    1: "References and syntax",
    2: "Conditions and values",
    3: "Choices",
    4: "Names",
    5: "Texts and translations",
    6: "Portability between clients",
    7: "Settings",
    8: "Data protection and phones",
    9: "The engine of ODK Collect (`--walk`)",
}
"""The families by the first digit of a rule's number."""
Hit = tuple["Cell", str]
"""Where, and what is wrong there."""
Check = Callable[["Survey"], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it looks for, why that hurts, and what to do about it."""

    id: str
    name: str
    severity: Severity
    why: str
    remedy: str
    check: Check

    @property
    def family(self) -> str:
        """Name the family."""
        return FAMILIES[int(self.id[2])]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `row` counts from 1 as a spreadsheet shows it and is 0 for the whole workbook."""

    rule: Rule
    workbook: str
    sheet: str
    row: int
    column: int
    header: str
    message: str

    @property
    def place(self) -> str:
        """Write workbook, sheet, row and column.

        >>> Finding(None, "a.xlsx", "survey", 12, 3, "relevant", "").place  # type: ignore[arg-type]
        'a.xlsx survey C12 (relevant)'
        """
        column = letters(self.column)
        where = f"{column}{self.row}" if column and self.row else f"row {self.row}" if self.row else ""
        header = f"({self.header})" if self.header else ""
        return " ".join(part for part in (self.workbook, self.sheet, where, header) if part)


RULES: dict[str, Rule] = {}
"""All rules by their number; the modules of this package fill it as they are imported."""


def rule(number: str, name: str, severity: Severity, *, why: str, remedy: str) -> Callable[[Check], Check]:
    """Register a check as a rule."""

    def register(check: Check) -> Check:
        RULES[number] = Rule(number, name, severity, why, remedy, check)
        return check

    return register


def letters(column: int) -> str:
    """Write the number of a column as a spreadsheet does.

    >>> letters(1), letters(26), letters(28), letters(0)
    ('A', 'Z', 'AB', '')
    """
    text = ""
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text
