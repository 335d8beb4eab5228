"""Can a condition ever hold? Can it ever fail?

A condition is evaluated on samples: every choice of a select, and for numbers, dates and texts the values
between which no comparison of the condition can tell a difference. What the samples cannot decide is
unknown, and unknown claims nothing: a verdict is never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING

from tracer_etl.lint.evaluation import UNKNOWN, Key, Sampled, Tokens, Value, as_number, asked, evaluate, truth
from tracer_etl.lint.expressions import everything, parts
from tracer_etl.lint.survey import MEDIA, NUMBERS
from tracer_etl.logic.syntax import Binary, Call, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.logic.syntax import Node

MOST = 3000
"""Combinations tried before a condition is left undecided."""
_FEW = 40
"""Choices tried one by one; of a longer list those the condition names, and one other."""
_LONGEST_INTEGER = 999_999_999
OTHER = "\0"
"""A text no form writes."""


Domain = Mapping[Key, Sequence[Value]]


def outcomes(
    survey: Survey, trees: Sequence[Node], item: Item, fixed: Domain | None = None
) -> set[bool | None]:
    """Tell what all conditions together can give: True, False or None (undecided)."""
    found: set[bool | None] = set()
    for result in _results(survey, trees, item, fixed):
        found.add(result)
        if True in found and False in found:
            break
    return found


def never(survey: Survey, trees: Sequence[Node], item: Item, fixed: Domain | None = None) -> bool:
    """Tell whether the conditions can never hold together."""
    return all(result is False for result in _results(survey, trees, item, fixed))


def always(survey: Survey, trees: Sequence[Node], item: Item) -> bool:
    """Tell whether the conditions cannot but hold."""
    return all(result is True for result in _results(survey, trees, item, None))


def _results(
    survey: Survey, trees: Sequence[Node], item: Item, fixed: Domain | None
) -> Iterator[bool | None]:
    """Evaluate the conditions on all samples; there is at least one."""
    constants = [value for tree in trees for value in _constants(tree)]
    keys = dict.fromkeys(key for tree in trees for key in keys_of(tree))
    domain = {key: _sampled(survey, constants, item, key) for key in keys}
    domain.update(fixed or {})
    looped = any("%(" in constant for constant in constants if isinstance(constant, str))
    if looped or math.prod(len(values) for values in domain.values()) > MOST:
        yield None  # %(name)s stands for a choice in the loops of old forms
        return
    for values in product(*domain.values()):
        yield _together(trees, dict(zip(domain, values, strict=True)))


def relevance(item: Item, *, own: bool = True) -> list[Node]:
    """List the conditions under which an item is shown: its groups' and its own."""
    around = (*item.parents, item) if own else item.parents
    found = (one.expressions.get("relevant") for one in around)
    return [one.tree for one in found if one is not None and one.tree is not None]


def implied(survey: Survey, trees: Iterable[Node]) -> list[Node]:
    """Say of every question the conditions lean on: it is blank, or shown under its own conditions."""
    names = {key[0]: None for tree in trees for key in keys_of(tree) if key[0] != "."}
    found: list[Node] = []
    for name in names:
        other = survey.find(name)
        conditions = relevance(other) if other else []
        if conditions:
            blank: Node = Binary("=", Call("ref", (Literal(name),)), Literal(""))
            shown = conditions[0]
            for condition in conditions[1:]:
                shown = Binary("and", shown, condition)
            found.append(Binary("or", blank, shown))
    return found


def _together(trees: Sequence[Node], values: Mapping[Key, Value]) -> bool | None:
    result: bool | None = True
    for tree in trees:
        one = truth(evaluate(tree, values))
        if one is False:
            return False
        result = None if one is None else result
    return result


def samples(survey: Survey, item: Item) -> tuple[float, ...]:
    """Give numbers, or days since 1970-01-01, around the bounds of a question's own constraint."""
    expression = item.expressions.get("constraint")
    if expression is None or expression.tree is None or item.kind not in (*NUMBERS, "date"):
        return ()
    domain = values_of(survey, expression.tree, item, (".", ""))
    return tuple(
        value.value for value in domain if isinstance(value, Sampled) and isinstance(value.value, float)
    )


# -- what is sampled


def keys_of(node: Node) -> Iterator[Key]:
    """List what a condition asks for."""
    for inner in everything(node):
        if isinstance(inner, Call) and inner.name == "string-length" and len(inner.arguments) == 1:
            name = asked(inner.arguments[0])
            if name:
                yield name, "string-length"
        name = asked(inner)
        if name:
            yield name, ""


def values_of(survey: Survey, tree: Node, item: Item, key: Key) -> Sequence[Value]:
    """Give the values of a question between which a condition can tell a difference."""
    return _sampled(survey, list(_constants(tree)), item, key)


def _sampled(survey: Survey, constants: Sequence[float | str], item: Item, key: Key) -> Sequence[Value]:
    name, measure = key
    other = item if name == "." else survey.find(name)
    if other is None or other.is_group or item.repeats[: len(other.repeats)] != other.repeats:
        return (UNKNOWN,)
    blank: tuple[Value, ...] = () if name == "." else ("",)
    if measure:
        return [Sampled(n) for n in _numbers(constants, whole=True) if n >= (1 if name == "." else 0)]
    return (*blank, *_values(survey, other, constants)) or (UNKNOWN,)


def _values(survey: Survey, item: Item, constants: Sequence[float | str]) -> Sequence[Value]:
    if item.kind == "select_one":
        return _choices(survey, item, constants)
    if item.kind == "select_multiple":
        return _subsets(survey.values(item), constants)
    if item.kind in NUMBERS:
        whole = item.kind == "integer"
        numbers = [n for n in _numbers(constants, whole=whole) if not whole or abs(n) <= _LONGEST_INTEGER]
        return [Sampled(number) for number in numbers]
    if item.kind in ("date", "datetime", "today", "start", "end"):
        return [Sampled(number) for number in _numbers(constants, whole=item.kind in ("date", "today"))]
    if item.kind in (*MEDIA, "geopoint", "geotrace", "geoshape"):
        return (Sampled(OTHER),)
    if item.kind in ("text", "calculate", "hidden", "barcode"):
        texts = [text for text in constants if isinstance(text, str) and text]
        return [Sampled(text) for text in (*texts, *map(_written, _numbers(constants)), OTHER)]
    return (UNKNOWN,)


def _choices(survey: Survey, item: Item, constants: Sequence[float | str]) -> Sequence[Value]:
    values = survey.values(item)
    if values is None or item.file:
        texts = [_written(c) if isinstance(c, float) else c for c in constants]
        return [*map(Sampled, filter(None, texts)), Sampled(OTHER)]
    if len(values) <= _FEW:
        return values
    named = {_written(c) if isinstance(c, float) else c for c in constants}
    others = [value for value in values if value not in named]
    return [Sampled(value) for value in values if value in named] + [Sampled(value) for value in others[:1]]


def _subsets(values: tuple[str, ...] | None, constants: Sequence[float | str]) -> Sequence[Value]:
    named = list(dict.fromkeys(_written(c) if isinstance(c, float) else c for c in constants if c != ""))
    known = [value for value in named if values is None or value in values]
    if len(known) > 6:  # noqa: PLR2004 - 64 subsets
        return (UNKNOWN,)
    more = values is None or len(known) < len(values)
    subsets = (frozenset(value for value, bit in zip(known, bits, strict=True) if bit)
               for bits in product((False, True), repeat=len(known)))  # fmt: skip
    return [
        Tokens(subset, frozenset(named) - subset, extra)
        for subset in subsets
        for extra in ((False, True) if more else (False,))
        if subset or extra
    ]


def _constants(tree: Node) -> Iterator[float | str]:
    """List the values of all parts that hold no question."""
    free: list[Node] = []
    _asks(tree, free)
    for node in free:
        value = evaluate(node, {})
        if isinstance(value, str) or (isinstance(value, float) and math.isfinite(value)):
            yield value


def _asks(node: Node, free: list[Node]) -> bool:
    """Tell whether a part holds a question, and collect those that hold none."""
    if asked(node):
        return True
    below = [_asks(part, free) for part in parts(node)]
    if not any(below):
        free.append(node)
    return any(below)


def _numbers(constants: Iterable[float | str], *, whole: bool = False) -> list[float]:
    """Give the numbers named, one between each two and one beyond each end."""
    named = sorted({number for c in constants for number in (as_number(c),) if math.isfinite(number)} | {0.0})
    between = [(low + high) / 2 for low, high in pairwise(named)]
    if not whole:
        return sorted({*named, *between, named[0] - 1, named[-1] + 1})
    near = {f(n) + d for n in (*named, *between) for f in (math.floor, math.ceil) for d in (-1, 0, 1)}
    return sorted(map(float, near))


def _written(number: float) -> str:
    return str(int(number)) if number.is_integer() else str(number)
