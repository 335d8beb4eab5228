"""KoboToolbox's own kinds of groups -> the groups and questions phones are given in their place.

    begin_score       one question per row, all with the same choices, under a header that shows them
    begin_rank        one select per place, none of which may repeat another
    begin_kobomatrix  one group per item of a list, with the same questions in each

What each becomes is how kpi's `xlsform_preprocessors` document it; data carry the names made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Row = dict[str, Any]

_ENDS = {"begin_score": "end_score", "begin_rank": "end_rank", "begin_kobomatrix": "end_kobomatrix"}
_EXPRESSIONS = ("relevant", "constraint", "required", "calculation")


def expanded(survey: Iterable[Row], choices: Sequence[Row]) -> Iterator[Row]:
    """Give the survey's lines with such groups replaced.

    Raises:
        KeyError: a group lacks its list, or a line its name.
        ValueError: a group does not end.
    """
    lines = iter(survey)
    for line in lines:
        kind = str(line.get("type"))
        if kind not in _ENDS:
            yield line
            continue
        inside = list(_until(lines, _ENDS[kind]))
        match kind:
            case "begin_score":
                yield from _score(line, inside)
            case "begin_rank":
                yield from _rank(line, inside)
            case _:
                yield from _matrix(line, inside, choices)


def _until(lines: Iterator[Row], end: str) -> Iterator[Row]:
    for line in lines:
        if line.get("type") == end:
            return
        yield line
    message = f"there is no {end}"
    raise ValueError(message)


def _score(begin: Row, inside: Iterable[Row]) -> Iterator[Row]:
    name = _name(begin)
    asked = {"type": "select_one", "select_from_list_name": begin["kobo--score-choices"]}
    needed = {"required": True} if begin.get("required") else {}
    yield _group(name, begin)
    yield {**asked, "name": f"{name}_header", "label": begin.get("label"), "appearance": "label"}
    for row in inside:
        yield {"appearance": "list-nolabel", **row, **asked, **needed, "name": _name(row)}
    yield {"type": "end_group"}


def _rank(begin: Row, inside: Iterable[Row]) -> Iterator[Row]:
    name = _name(begin)
    asked = {
        "type": "select_one",
        "select_from_list_name": begin["kobo--rank-items"],
        "required": True,
        "constraint_message": begin.get("kobo--rank-constraint-message"),
    }
    yield _group(name, begin)
    yield {"type": "note", "name": f"{name}_label", "label": begin.get("label")}
    before: list[str] = []
    for row in inside:
        own = _name(row)
        differs = " and ".join(f"${{{own}}} != ${{{other}}}" for other in before)
        yield {"appearance": "minimal", **row, **asked, "name": own, "constraint": differs}
        before.append(own)
    yield {"type": "end_group"}


def _matrix(begin: Row, inside: Sequence[Row], choices: Sequence[Row]) -> Iterator[Row]:
    name = _name(begin)
    items = [choice for choice in choices if choice.get("list_name") == begin["kobo--matrix_list"]]
    notes = [{"type": "note", "name": f"{name}_header_note", "label": begin.get("label")}]
    notes += [
        {"type": "note", "name": f"{name}_header_{_name(row)}", "label": row.get("label")} for row in inside
    ]
    yield {"type": "begin_group", "name": f"{name}_header"}
    yield from notes
    yield {"type": "end_group"}
    for item in items:
        base = f"{name}_{_name(item)}"
        renamed = {f"${{{_name(row)}}}": f"${{{base}_{_name(row)}}}" for row in inside}
        yield {"type": "begin_group", "name": base}
        yield {"type": "note", "name": f"{base}_note", "label": item.get("label")}
        for row in inside:
            label = _joined(item.get("label"), row.get("label"))
            expressions = {key: _replaced(row[key], renamed) for key in _EXPRESSIONS if key in row}
            yield {**row, **expressions, "name": f"{base}_{_name(row)}", "label": label}
        yield {"type": "end_group"}


def _group(name: str, begin: Row) -> Row:
    relevant = {"relevant": begin["relevant"]} if begin.get("relevant") else {}
    return {"type": "begin_group", "name": name, "appearance": "field-list", **relevant}


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("name") or row.get("$autoname") or row["$autovalue"])


def _joined(item: object, question: object) -> list[str | None] | None:
    """Put an item's label before a question's, language by language."""
    if not (isinstance(item, list) and isinstance(question, list)):
        return None
    pairs = zip(item, question, strict=False)
    return [": ".join(text for text in pair if text) or None for pair in pairs]


def _replaced(value: object, names: Mapping[str, str]) -> object:
    if isinstance(value, str):
        for old, new in names.items():
            value = value.replace(old, new)
    return value
