"""A verdict of lint on a condition is never a guess: it is compared with trying every answer."""

from __future__ import annotations

import random
from datetime import date, datetime
from itertools import product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tracer_etl.lint.evaluation import Sampled, evaluate, truth
from tracer_etl.lint.reasoning import always, never, outcomes, relevance
from tracer_etl.lint.survey import Survey
from tracer_etl.lint.wishes import wish
from tracer_etl.lint.workbook import read_workbook
from tracer_etl.logic.syntax import Call

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
    survey, item = form(tmp_path, "${c} = 'ya' and selected(${m}, 'b')")
    plan = wish(survey, item, random.Random(1))
    assert plan["s"] == "a"
    assert float(plan["n"]) > 3
    assert "b" in str(plan["m"]).split()


# -- against the engine of ODK Collect


ENGINE = """
| survey |
| | type | name | label | relevant | calculation |
| | integer | n | N | | |
| | decimal | d | D | | |
| | select_one huruf | s | S | | |
| | select_multiple huruf | m | M | | |
| | date | w | W | | |
| | text | t | T | | |
"""
ENGINE_CHOICES = """| choices |
| | list_name | name | label |
| | huruf | a | A |
| | huruf | b | B |
| | huruf | 01 | Satu |
"""
PLAIN = (
    "${n} > 5", "${n} = ''", "${n} != 3", "${n} = '3'", "${n} > 'x'", "${d} <= 2.5", "${n} + 1 > 4", "${n} div 2 = 1",
    "${s} = 'a'", "${s} != 'a'", "${s} = '1'", "${s} = 1", "${s} = '01'", "selected(${s}, 'b')", "selected(${m}, 'a')",
    "selected(${m}, 'x')", "${m} = ''", "${w} > date('2000-01-01')", "${w} > '2000-01-01'", "${w} < today()",
    "${w} = ''", "${t} = ''", "${t} != 'x'", "string-length(${t}) > 4", "not(${s} = 'a')", "boolean(${t})",
    "${n} mod 2 = 1", "-${n} < 0", "if(${n} > 3, ${s} = 'a', ${s} = 'b')", "true()", "number(${t}) > 5",
)  # fmt: skip


def engine_conditions() -> list[str]:
    rng = random.Random(5)
    joined = [f"({rng.choice(PLAIN)}) {rng.choice(('and', 'or'))} ({rng.choice(PLAIN)})" for _ in range(90)]
    return [*PLAIN, *joined]


@pytest.mark.java
def test_conditions_are_evaluated_as_by_the_engine(tmp_path):
    from tracer_etl.collect import Clock, Filler, RandomAnswers
    from tracer_etl.form import read_form

    conditions_ = engine_conditions()
    rows = "".join(f"| | calculate | c{i} | | | if({c}, 'yes', 'no') |\n" for i, c in enumerate(conditions_))
    path = tmp_path / "uji.md"
    path.write_text(ENGINE + rows + ENGINE_CHOICES, encoding="utf-8")
    survey, compiled = Survey(read_workbook(path), tmp_path), read_form(path)
    filler = Filler(compiled.xform.encode(), tmp_path, name="uji")
    compared = 0
    for seed in range(25):
        clock = Clock(datetime.fromisoformat("2026-11-24T09:00:00+07:00"))
        filled = filler.fill(RandomAnswers(random.Random(seed), skip=0.3), clock=clock)
        answers = {
            node.tag.rpartition("}")[2]: node.text or "" for node in etree.fromstring(filled.submission())
        }
        values = engine_values(answers)
        for place in range(len(conditions_)):
            item = survey.find(f"c{place}")
            assert item is not None
            tree = item.expressions["calculation"].tree
            assert isinstance(tree, Call)
            held = truth(evaluate(tree.arguments[0], values))
            if held is not None:
                compared += 1
                assert answers[f"c{place}"] == ("yes" if held else "no"), (conditions_[place], answers)
    assert compared > 0.8 * 25 * len(conditions_)


def engine_values(answers: dict[str, str]) -> dict[tuple[str, str], object]:
    day = answers["w"] and float((date.fromisoformat(answers["w"]) - date(1970, 1, 1)).days)
    values: dict[tuple[str, str], object] = {(name, ""): answers[name] for name in "smt"}
    values |= {(name, ""): answers[name] and float(answers[name]) for name in "nd"}
    return values | {("w", ""): day and Sampled(day), ("t", "string-length"): float(len(answers["t"]))}
