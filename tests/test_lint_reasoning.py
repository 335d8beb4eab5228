"""A verdict of lint on a condition is never a guess: it is compared with trying every answer."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer_etl.lint.evaluation import evaluate, truth
from tracer_etl.lint.reasoning import always, never, outcomes, relevance
from tracer_etl.lint.survey import Survey
from tracer_etl.lint.wishes import wish
from tracer_etl.lint.workbook import read_workbook

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.lint.survey import Item

FORM = """
| survey |
| | type | name | label | relevant | calculation |
| | integer | n | N | | |
| | decimal | d | D | | |
| | select_one huruf | s | S | | |
| | select_multiple huruf | m | M | | |
| | calculate | c | | | if(${s}='a' and ${n} > 3, 'ya', 'tidak') |
| | text | t | T | CONDITION | |
| choices |
| | list_name | name | label |
| | huruf | a | A |
| | huruf | b | B |
| | huruf | c | C |
"""
WHOLE = ["", *map(float, range(-13, 14))]
REAL = ["", *(n / 2 for n in range(-26, 27))]
ONE = ["", "a", "b", "c"]
MANY = ["", "a", "b", "c", "a b", "a c", "b c", "a b c"]

numbers = st.integers(-12, 12)
operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
letters = st.sampled_from("abcx")
atoms = st.one_of(
    st.builds("${{n}} {} {}".format, operators, numbers),
    st.builds("${{d}} {} {}".format, operators, numbers),
    st.builds("${{s}} {} '{}'".format, st.sampled_from(["=", "!="]), letters),
    st.builds("selected(${{m}}, '{}')".format, letters),
    st.sampled_from(["${n} = ''", "${m} != ''", "${s} = ''"]),
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not({})".format, inner),
    ),
    max_leaves=4,
)


def form(folder: Path, condition: str) -> tuple[Survey, Item]:
    path = folder / "uji.md"
    path.write_text(FORM.replace("CONDITION", condition), encoding="utf-8")
    survey = Survey(read_workbook(path), folder)
    item = survey.find("t")
    assert item is not None
    return survey, item


def tried(condition_tree) -> set[bool | None]:
    """Evaluate under every answer within reach of the constants."""
    names = [name for name in "ndsm" if f"'{name}'" in repr(condition_tree)]
    domains = {"n": WHOLE, "d": REAL, "s": ONE, "m": MANY}
    return {
        truth(
            evaluate(condition_tree, {(name, ""): value for name, value in zip(names, values, strict=True)})
        )
        for values in product(*(domains[name] for name in names))
    }


@settings(max_examples=150, deadline=None)
@given(condition=conditions)
def test_verdicts_agree_with_trying_every_answer(tmp_path_factory, condition):
    survey, item = form(tmp_path_factory.mktemp("lint"), condition)
    [tree] = relevance(item)
    verdict, truths = outcomes(survey, [tree], item), tried(tree)
    if verdict != {None}:  # too many combinations: no verdict
        assert never(survey, [tree], item) == (truths == {False})
        assert always(survey, [tree], item) == (truths == {True})


@pytest.mark.parametrize(
    "condition",
    [
        "${n} + ${d} > 100",
        "${n} > ${d}",
        "regex(${c}, '^x$')",
        "count-selected(${m}) > 5",
        "${n} > 5 and pulldata('f', 'a', 'b', ${n}) = 1",
        "position(..) = 2",
    ],
)
def test_what_samples_cannot_decide_is_left_alone(tmp_path, condition):
    survey, item = form(tmp_path, condition)
    assert not never(survey, relevance(item), item)
    assert not always(survey, relevance(item), item)


def test_a_plan_leads_through_a_calculation(tmp_path):
    import random

    survey, item = form(tmp_path, "${c} = 'ya' and selected(${m}, 'b')")
    plan = wish(survey, item, random.Random(1))
    assert plan["s"] == "a"
    assert float(plan["n"]) > 3
    assert "b" in str(plan["m"]).split()
