"""Findings as text for people and as SARIF 2.1.0 for editors and code hosts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tracer_etl.lint.registry import RULES, SEVERITIES, Finding, letters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def text(found: Mapping[str, Sequence[Finding]]) -> str:
    """Write findings by workbook: two lines each, and a count at the end."""
    lines: list[str] = []
    for workbook, findings in found.items():
        lines += [f"{workbook}: {counted(findings)}", *(line for one in findings for line in _lines(one))]
    return "\n".join(lines)


def counted(findings: Sequence[Finding]) -> str:
    """Count findings by severity.

    >>> counted([])
    'nothing found'
    """
    counts = Counter(one.rule.severity for one in findings)
    parts = [f"{counts[s]} {s}{'s' * (counts[s] > 1)}" for s in SEVERITIES if counts[s]]
    return ", ".join(parts) or "nothing found"


def _lines(one: Finding) -> Iterator[str]:
    place = one.place.removeprefix(one.workbook).strip() or "whole form"
    yield f"  {one.rule.severity:<7} {one.rule.id}  {place}: {one.message}"
    yield f"                 {one.rule.remedy}"


def sarif(found: Mapping[str, Sequence[Finding]], version: str) -> dict[str, Any]:
    """Write findings as one SARIF run; `found` maps the address of a workbook to its findings.

    A row is a line and a column of the sheet a column; the sheet is a logical location.
    """
    order = {number: place for place, number in enumerate(sorted(RULES))}
    driver = {
        "name": "tracer-etl forms lint",
        "semanticVersion": version,
        "rules": [_rule(number) for number in sorted(RULES)],
    }
    results = [_result(path, one, order) for path, findings in found.items() for one in findings]
    artifacts = [{"location": {"uri": _uri(path)}} for path in found]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "artifacts": artifacts,
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _uri(path: str) -> str:
    """Write a path as the standard wants it: relative, or with its scheme.

    >>> _uri("forms/dua form.xlsx"), _uri("/tmp/a.xlsx")
    ('forms/dua%20form.xlsx', 'file:///tmp/a.xlsx')
    """
    return f"file://{quote(path)}" if path.startswith("/") else quote(path)


def _rule(number: str) -> dict[str, Any]:
    rule = RULES[number]
    name = "".join(word.capitalize() for word in rule.name.split("-"))
    return {
        "id": number,
        "name": name,
        "shortDescription": {"text": rule.name.replace("-", " ")},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.remedy},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": [rule.family]},
    }


def _result(path: str, one: Finding, order: Mapping[str, int]) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(path)}}
    if one.row:
        physical["region"] = {"startLine": one.row, "startColumn": one.column or 1}
    location: dict[str, Any] = {"physicalLocation": physical}
    if one.sheet:
        cell = f"{one.sheet}!{letters(one.column)}{one.row or ''}".rstrip("!")
        location["logicalLocations"] = [{"name": one.sheet, "fullyQualifiedName": cell, "kind": "namespace"}]
    return {
        "ruleId": one.rule.id,
        "ruleIndex": order[one.rule.id],
        "level": one.rule.severity,
        "message": {"text": f"{one.message}. {one.rule.remedy}"},
        "locations": [location],
    }
