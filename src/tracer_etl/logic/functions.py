"""The functions forms use on values: XPath 1.0's own and those of the ODK XForms specification.

Each takes the compiler and the argument nodes and gives a value. What is missing (random(), uuid(),
digest(), area() ...) makes an expression not evaluated, never passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracer_etl.logic.syntax import CannotCompile, Path, Step
from tracer_etl.logic.values import (
    Value,
    as_boolean,
    as_number,
    as_text,
    boolean_value,
    choose,
)

if TYPE_CHECKING:
    from tracer_etl.logic.sql import Compiler
    from tracer_etl.logic.syntax import Node

Arguments = tuple["Node", ...]
Function = Callable[["Compiler", Arguments], Value]

_BLANKS = r"'\s+'"
_SELF = Path(".", (Step("."),))


def _texts(template: Callable[..., str], make: Callable[[str], Value], arity: int) -> Function:
    """Make a function whose arguments are all texts."""

    def function(compiler: Compiler, arguments: Arguments) -> Value:
        return make(template(*(as_text(value) for value in compiler.values(arguments, arity))))

    return function


def _numbers(template: Callable[..., str], arity: int) -> Function:
    """Make a function whose arguments are all numbers."""

    def function(compiler: Compiler, arguments: Arguments) -> Value:
        parts = (as_number(value) for value in compiler.values(arguments, arity))
        return Value("number", f"({template(*parts)})")

    return function


def _text(sql: str) -> Value:
    return Value("text", f"({sql})")


def _number(sql: str) -> Value:
    return Value("number", f"CAST({sql} AS DOUBLE)")


# -- conditions


def _not(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments, 1)
    return boolean_value(f"NOT {as_boolean(value)}")


def _constant(sql: str) -> Function:
    def function(compiler: Compiler, arguments: Arguments) -> Value:
        compiler.values(arguments, 0)
        return boolean_value(sql)

    return function


def _if(compiler: Compiler, arguments: Arguments) -> Value:
    condition, then, otherwise = compiler.values(arguments, 3)
    return choose(as_boolean(condition), then, otherwise)


def _coalesce(compiler: Compiler, arguments: Arguments) -> Value:
    first, second = compiler.values(arguments, 2)
    return choose(f"{as_text(first)} <> ''", first, second)


def _once(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments, 1)
    held = compiler.value(_SELF)
    return choose(f"{as_text(held)} <> ''", held, value)


def _boolean(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments, 1)
    return boolean_value(as_boolean(value))


def _regex(compiler: Compiler, arguments: Arguments) -> Value:
    value, pattern = compiler.values(arguments, 2)
    if pattern.constant is None:
        raise CannotCompile("a pattern made of answers is not compiled")
    # DuckDB's engine has neither look-around nor back references.
    if re.search(r"\(\?[=!<]|\\[1-9]|[*+?}]\+", pattern.constant):
        raise CannotCompile("the pattern needs look-around or back references")
    return boolean_value(f"regexp_full_match({as_text(value)}, {pattern.sql})")


# -- choices


def _count_selected(text: str) -> str:
    return f"CASE WHEN trim({text}) = '' THEN 0 ELSE len(string_split_regex(trim({text}), {_BLANKS})) END"


def _selected_at(compiler: Compiler, arguments: Arguments) -> Value:
    value, index = compiler.values(arguments, 2)
    token = (
        f"string_split_regex(trim({as_text(value)}), {_BLANKS})[TRY_CAST({as_number(index)} AS BIGINT) + 1]"
    )
    return _text(f"CASE WHEN {as_number(index)} >= 0 THEN coalesce({token}, '') ELSE '' END")


# -- texts and numbers


def _concat(compiler: Compiler, arguments: Arguments) -> Value:
    values = compiler.values(arguments, 0, len(arguments))
    return _text(" || ".join(["''", *(as_text(value) for value in values)]))


def _string(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments or (_SELF,), 1)
    return _text(as_text(value))


def _string_length(compiler: Compiler, arguments: Arguments) -> Value:
    (value,) = compiler.values(arguments or (_SELF,), 1)
    return _number(f"length({as_text(value)})")


def _substr(compiler: Compiler, arguments: Arguments) -> Value:
    """Cut from a 0-based start to before an end; negative places count from the end."""
    value, *places = compiler.values(arguments, 2, 3)
    text = as_text(value)
    start, *stop = (f"coalesce(TRY_CAST({as_number(place)} AS BIGINT), 0)" for place in places)

    def place(sql: str) -> str:
        return f"least(greatest(CASE WHEN {sql} < 0 THEN length({text}) + {sql} ELSE {sql} END, 0), length({text}))"

    end = place(stop[0]) if stop else f"length({text})"
    return _text(f"substr({text}, {place(start)} + 1, greatest({end} - {place(start)}, 0))")


def _round(compiler: Compiler, arguments: Arguments) -> Value:
    number, *places = (as_number(value) for value in compiler.values(arguments, 1, 2))
    scale = f"pow(10, {places[0]})" if places else "1"
    return Value("number", f"(floor({number} * {scale} + 0.5) / {scale})")


def _checklist(compiler: Compiler, arguments: Arguments) -> Value:
    """Tell whether so many of the conditions hold; a bound below 0 is none."""
    least, most, *answers = compiler.values(arguments, 2, len(arguments))
    held = " + ".join(["0", *(f"CAST({as_boolean(answer)} AS INTEGER)" for answer in answers)])
    return _between(least, most, held)


def _weighted_checklist(compiler: Compiler, arguments: Arguments) -> Value:
    """Tell whether the weights of the conditions that hold add up to so much."""
    least, most, *rest = compiler.values(arguments, 2, len(arguments))
    pairs = zip(rest[::2], rest[1::2], strict=True)
    held = [f"CASE WHEN {as_boolean(answer)} THEN {as_number(weight)} ELSE 0 END" for answer, weight in pairs]
    return _between(least, most, " + ".join(["0", *held]))


def _between(least: Value, most: Value, held: str) -> Value:
    low, high = (as_number(bound) for bound in (least, most))
    return boolean_value(f"({low} < 0 OR {held} >= {low}) AND ({high} < 0 OR {held} <= {high})")


def _digest(compiler: Compiler, arguments: Arguments) -> Value:
    """Give a digest of a text in base64 or, if asked for, hexadecimal."""
    value, *rest = compiler.values(arguments, 2, 3)
    named, encoding = rest[0].constant, rest[1].constant if len(rest) > 1 else "base64"
    function = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256"}.get(named or "")
    if function is None or encoding not in ("hex", "base64"):
        raise CannotCompile("this digest or its encoding is not compiled")
    hexed = f"{function}({as_text(value)})"
    return _text(hexed if encoding == "hex" else f"to_base64(unhex({hexed}))")


def _inside(low: str, high: str, function: str) -> Callable[[str], str]:
    """Guard a function against arguments it has no value for, where DuckDB would stop."""
    return lambda x: f"CASE WHEN {x} >= {low} AND {x} <= {high} THEN {function}({x}) END"


FUNCTIONS: dict[str, Function] = {
    "checklist": _checklist,
    "weighted-checklist": _weighted_checklist,
    "digest": _digest,
    "sin": _numbers(_inside("-1e300", "1e300", "sin"), 1),
    "cos": _numbers(_inside("-1e300", "1e300", "cos"), 1),
    "tan": _numbers(_inside("-1e300", "1e300", "tan"), 1),
    "asin": _numbers(_inside("-1", "1", "asin"), 1),
    "acos": _numbers(_inside("-1", "1", "acos"), 1),
    "atan": _numbers(lambda x: f"atan({x})", 1),
    "exp": _numbers(_inside("-700", "700", "exp"), 1),
    "log": _numbers(
        lambda x: f"CASE WHEN {x} > 0 THEN ln({x}) WHEN {x} = 0 THEN CAST('-inf' AS DOUBLE) END", 1
    ),
    "pi": _numbers(lambda: "pi()", 0),
    "is-selected": _texts(
        lambda t, v: f"contains(' ' || trim({t}) || ' ', ' ' || trim({v}) || ' ')", boolean_value, 2
    ),
    "not": _not,
    "true": _constant("true"),
    "false": _constant("false"),
    "boolean": _boolean,
    "boolean-from-string": _texts(lambda t: f"lower({t}) IN ('1', 'true')", boolean_value, 1),
    "if": _if,
    "coalesce": _coalesce,
    "once": _once,
    "regex": _regex,
    "selected": _texts(
        lambda t, v: f"contains(' ' || trim({t}) || ' ', ' ' || trim({v}) || ' ')", boolean_value, 2
    ),
    "count-selected": _texts(_count_selected, _number, 1),
    "selected-at": _selected_at,
    "contains": _texts(lambda t, part: f"contains({t}, {part})", boolean_value, 2),
    "starts-with": _texts(lambda t, part: f"starts_with({t}, {part})", boolean_value, 2),
    "ends-with": _texts(lambda t, part: f"ends_with({t}, {part})", boolean_value, 2),
    "string": _string,
    "string-length": _string_length,
    "concat": _concat,
    "substr": _substr,
    "substring-before": _texts(
        lambda t, p: f"CASE WHEN contains({t}, {p}) THEN split_part({t}, {p}, 1) ELSE '' END", _text, 2
    ),
    "substring-after": _texts(
        lambda t, p: (
            f"CASE WHEN contains({t}, {p}) THEN substr({t}, instr({t}, {p}) + length({p})) ELSE '' END"
        ),
        _text,
        2,
    ),
    "normalize-space": _texts(lambda t: f"trim(regexp_replace({t}, {_BLANKS}, ' ', 'g'))", _text, 1),
    "translate": _texts(lambda t, old, new: f"translate({t}, {old}, {new})", _text, 3),
    "number": _numbers(lambda x: x, 1),
    "int": _numbers(lambda x: f"trunc({x})", 1),
    "round": _round,
    "abs": _numbers(lambda x: f"abs({x})", 1),
    "pow": _numbers(lambda x, y: f"pow({x}, {y})", 2),
    "sqrt": _numbers(lambda x: f"CASE WHEN {x} >= 0 THEN sqrt({x}) END", 1),
    "floor": _numbers(lambda x: f"floor({x})", 1),
    "ceiling": _numbers(lambda x: f"ceil({x})", 1),
}
