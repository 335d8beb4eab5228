"""The subset of MongoDB's query language that kpi lets through, with its type-wise comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracer_etl.testing.kobo.state import Json

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": lambda value, operand: value > operand,
    "$gte": lambda value, operand: value >= operand,
    "$lt": lambda value, operand: value < operand,
    "$lte": lambda value, operand: value <= operand,
}
_OPERATORS = {*_COMPARE, "$in", "$eq", "$ne", "$exists"}
_ABSENT = object()


def matches(row: Mapping[str, Any], query: Json) -> bool:
    """Tell whether a row answers a query; operators off the whitelist are names of fields nobody has."""
    return all(_clause(row, key, condition) for key, condition in query.items())


def fields_of(query: Json) -> set[str]:
    """Name the top-level fields a query looks at."""
    named: set[str] = set()
    for key, condition in query.items():
        if key in ("$or", "$and") and isinstance(condition, list):
            named.update(*(fields_of(part) for part in condition if isinstance(part, dict)))
        else:
            named.add(key.partition(".")[0] if key.startswith("_validation_status.") else key)
    return named


def conditions(query: Json, field: str) -> Iterator[Any]:
    """Give what must hold of a field whatever else a query says: at its top, or in an $and there."""
    for key, condition in query.items():
        if key == field:
            yield condition
        elif key == "$and" and isinstance(condition, list):
            for part in condition:
                yield from conditions(part, field)


def lower_bound(query: Json) -> int:
    """Give a number that `_id` must exceed."""
    least = -1
    for condition in conditions(query, "_id"):
        if isinstance(condition, dict) and _is_number(condition.get("$gt")):
            least = max(least, int(condition["$gt"]))
    return least


def only_bound(query: Json) -> bool:
    """Tell whether a query asks for nothing but a lower bound of `_id`, or for nothing at all."""
    condition = query.get("_id")
    bound = isinstance(condition, dict) and list(condition) == ["$gt"] and type(condition["$gt"]) is int
    return not query or (len(query) == 1 and bound)


def listed(query: Json, field: str) -> list[Any] | None:
    """Give the values a field is confined to by an $in; None when it is not."""
    for condition in conditions(query, field):
        if isinstance(condition, dict) and isinstance(condition.get("$in"), list):
            found: list[Any] = condition["$in"]
            return found
    return None


def sort_key(row: Mapping[str, Any], name: str) -> tuple[int, Any]:
    """Order values as MongoDB does: nothing, then numbers, then texts, then all else."""
    value = _value(row, name)
    if value is _ABSENT or value is None:
        return 0, 0
    if isinstance(value, int | float):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, str(value))


def _clause(row: Mapping[str, Any], key: str, condition: Any) -> bool:  # noqa: ANN401 - JSON
    if key == "$or":
        return any(matches(row, part) for part in condition)
    if key == "$and":
        return all(matches(row, part) for part in condition)
    value = _value(row, key)
    if isinstance(condition, dict) and condition and all(op in _OPERATORS for op in condition):
        return all(_operator(value, op, operand) for op, operand in condition.items())
    return _equal(value, _number(condition) if key == "_id" else condition)


def _value(row: Mapping[str, Any], key: str) -> Any:  # noqa: ANN401 - JSON
    if key.startswith("_validation_status."):
        return row.get("_validation_status", {}).get(key.partition(".")[2], _ABSENT)
    return row.get(key, _ABSENT)


def _operator(value: Any, operator: str, operand: Any) -> bool:  # noqa: ANN401 - JSON
    match operator:
        case "$in":
            return any(_equal(value, item) for item in operand)
        case "$eq":
            return _equal(value, operand)
        case "$ne":
            return not _equal(value, operand)
        case "$exists":
            return (value is not _ABSENT) == bool(operand)
        case _:
            return _same_type(value, operand) and _COMPARE[operator](value, operand)


def _equal(value: Any, operand: Any) -> bool:  # noqa: ANN401 - JSON
    if operand is None:
        return value is _ABSENT or value is None
    return value is not _ABSENT and bool(value == operand)


def _same_type(value: Any, operand: Any) -> bool:  # noqa: ANN401 - JSON
    both = (value, operand)
    return all(isinstance(item, str) for item in both) or all(_is_number(item) for item in both)


def _is_number(value: Any) -> bool:  # noqa: ANN401 - JSON
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(condition: Any) -> Any:  # noqa: ANN401 - JSON
    """Do as kpi does with `_id` alone: a text of digits becomes a number."""
    return int(condition) if isinstance(condition, str) and condition.isdigit() else condition
