"""Which answers lead to a question: a plan for an enumerator who wants to come there."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING

from tracer_etl.lint.evaluation import Key, Sampled, Tokens, Value, evaluate, truth
from tracer_etl.lint.reasoning import OTHER, keys_of, relevance, values_of
from tracer_etl.logic.syntax import Binary, Literal

if TYPE_CHECKING:
    import random

    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.logic.syntax import Node

_DEEPEST = 8
_MOST = 20_000


def wish(survey: Survey, item: Item, rng: random.Random) -> dict[str, str | float]:
    """Choose answers, by path, under which the item is shown; an empty text is a blank.

    Greedy: what one condition chose stays chosen for the next, so a plan may fail where another exists.
    """
    chosen: dict[Key, Value] = {}
    _lead_to(survey, item, rng, chosen, 0)
    found: dict[str, str | float] = {}
    for (name, measure), value in chosen.items():
        other, answer = survey.find(name), _answer(value)
        if other and not measure and answer is not None:
            found["/".join(other.path)] = answer
    return found


def _lead_to(survey: Survey, item: Item, rng: random.Random, chosen: dict[Key, Value], depth: int) -> None:
    for tree in relevance(item):
        _make_true(survey, item, tree, rng, chosen, depth)


def _make_true(
    survey: Survey, item: Item, tree: Node, rng: random.Random, chosen: dict[Key, Value], depth: int
) -> None:
    fresh = _choose(survey, item, tree, rng, chosen)
    chosen.update(fresh)
    for (name, measure), value in fresh.items():
        other = survey.find(name)
        if other is None or depth > _DEEPEST:
            continue
        calculation = other.expressions.get("calculation")
        result = value.value if isinstance(value, Sampled) else value
        if calculation and calculation.tree and not measure and isinstance(result, str | float):
            wanted = Binary("=", calculation.tree, Literal(result))
            _make_true(survey, other, wanted, rng, chosen, depth + 1)
        if value != "":
            _lead_to(survey, other, rng, chosen, depth + 1)


def _choose(
    survey: Survey, item: Item, tree: Node, rng: random.Random, chosen: dict[Key, Value]
) -> dict[Key, Value]:
    """Find values for the questions of a condition that are still open."""
    domain: dict[Key, list[Value]] = {}
    for key in keys_of(tree):
        values = [chosen[key]] if key in chosen else list(values_of(survey, tree, item, key))
        rng.shuffle(values)
        domain[key] = values
    if math.prod(map(len, domain.values())) > _MOST:
        return {}
    undecided: dict[Key, Value] = {}
    for combination in product(*domain.values()):
        values_now = dict(zip(domain, combination, strict=True))
        held = truth(evaluate(tree, values_now))
        if held:
            return {key: value for key, value in values_now.items() if key not in chosen}
        if held is None and not undecided:
            undecided = {key: value for key, value in values_now.items() if key not in chosen}
    return undecided


def _answer(value: Value) -> str | float | None:
    match value:
        case Sampled(inner):
            return None if inner == OTHER else inner
        case Tokens(chosen, _, more):
            return " ".join(sorted(chosen)) if chosen or not more else None
        case str() | float():
            return value
        case _:
            return None
