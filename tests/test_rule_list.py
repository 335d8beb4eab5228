"""All 107 rules of the specification are judged, as severely as it asks, and each fires and holds its peace in a test."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

import pytest

import rule_cases
from rule_list import listed, written

TESTS = Path(__file__).parent
RULES = listed()
WRITTEN = written()
CASES = {key[1] for key in rule_cases.CASES} | {
    key[0]
    for path in TESTS.glob("*_cases.py")
    if path.stem != "rule_cases"
    for key in importlib.import_module(path.stem).CASES
}
"""Ids of rules with a row, or a world, that breaks them and one that keeps them; both are judged in other tests."""
SEVERITIES = {"reject": "critical", "quarantine": "warning", "warn": "info"}


def test_the_list_is_whole() -> None:
    assert Counter(name[0] for name in RULES) == {"S": 8, "R": 20, "C": 24, "X": 21, "D": 12, "H": 22}


def test_nothing_is_judged_that_the_list_does_not_know() -> None:
    assert set(WRITTEN) - set(RULES) == set()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_judged_and_says_why_in_both_languages(rule: str) -> None:
    assert WRITTEN[rule]
    assert all(one.why[0] and one.why[1] and one.why[0] != one.why[1] for one in WRITTEN[rule])


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_case_where_it_fires_and_one_where_it_does_not(rule: str) -> None:
    for place in RULES[rule].get("tests", ()):
        file, _, name = place.partition("::")
        assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8")
    assert rule in CASES or RULES[rule].get("tests")


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_as_severe_as_the_list_asks(rule: str) -> None:
    asked = {SEVERITIES[word] for word in SEVERITIES if word in RULES[rule]["severity"]}
    as_asked = bool(asked & {one.severity for one in WRITTEN[rule]})
    assert as_asked != bool(RULES[rule].get("departs")), (
        "say why in `departs`, and take it away when it is mended"
    )
