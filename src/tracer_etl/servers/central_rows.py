"""A row of ODK Central's OData -> the projection its XML would give, or the word that OData cannot give it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Row = dict[str, Any]

_SAFE = 2**53
"""Whole numbers from here on lose digits in JSON, since Central writes them from JavaScript's numbers."""
_LINES = ("geotrace", "geoshape")
_OWN = ("__id", "__system")


@dataclass(slots=True)
class Node:
    """A field of a form version; `children` by the name OData gives them, which may differ from their own."""

    name: str = ""
    kind: str = "structure"
    children: dict[str, Node] = field(default_factory=dict)
    always: set[str] = field(default_factory=set)
    """Names that every row has: only repeats may be absent."""
    ambiguous: bool = False
    """Two children have one OData name: one hides the other."""

    def add(self, name: str, child: Node) -> None:
        """Take a child in."""
        self.ambiguous = self.ambiguous or name in self.children
        self.children[name] = child
        if child.kind != "repeat":
            self.always.add(name)


def layout(fields: Sequence[Mapping[str, Any]]) -> Node:
    """Make a tree of the fields of one form version.

    >>> layout([{"path": "/visit.day", "name": "visit_day", "type": "date"}]).children["visit_day"].name
    'visit.day'
    """
    root = Node()
    nodes = {"": root}
    for one in fields:
        path = str(one["path"])
        above, _, name = path.rpartition("/")
        nodes[path] = Node(name, str(one["type"]))
        nodes[above].add(str(one["name"]), nodes[path])
    return root


def places(fields: Sequence[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """Give where a form version keeps values: path, and whether it is a leaf, a group or a repeat."""
    kinds = ("structure", "repeat")
    return frozenset((str(f["path"]), str(f["type"]) if f["type"] in kinds else "") for f in fields)


def stamp(system: Mapping[str, Any]) -> str:
    """Say in short all that a listing shows of a submission's state.

    >>> stamp(
    ...     {
    ...         "updatedAt": None,
    ...         "reviewState": "approved",
    ...         "attachmentsPresent": 1,
    ...         "attachmentsExpected": 2,
    ...         "edits": 0,
    ...     }
    ... )
    ' approved 1/2 0'
    """
    files = f"{system.get('attachmentsPresent') or 0}/{system.get('attachmentsExpected') or 0}"
    return f"{system.get('updatedAt') or ''} {system.get('reviewState') or ''} {files} {system.get('edits') or 0}"


def is_waiting(stamp: str) -> bool:
    """Tell from a stamp whether files are still to come.

    >>> is_waiting(" approved 1/2 0"), is_waiting("  2/2 0|m"), is_waiting("")
    (True, False, False)
    """
    present, _, expected = stamp.rpartition(" ")[0].rpartition(" ")[2].partition("/")
    return present != expected


def review_state(system: Mapping[str, Any]) -> str:
    """Give the review state; nothing for a submission nobody has looked at."""
    state = str(system.get("reviewState") or "")
    return "" if state == "received" else state


@dataclass(slots=True)
class Reading:
    """One row being read: its projection, the names of its files, and whether OData gave it whole."""

    data: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    whole: bool = True


def read_row(row: Row, root: Node) -> Reading:
    """Project a row; `whole` is False where only the XML says everything.

    That is: fields other than the form version's, whole numbers beyond 2^53, lines and areas (OData drops
    their accuracies), the entity of a submission (OData drops its id), and no instanceID.
    """
    reading = Reading()
    reading.data = _members({k: v for k, v in row.items() if k not in _OWN}, root, reading)
    meta = reading.data.get("meta/") or [{}]
    if not meta[0].get("instanceID") or "entity" in getattr(root.children.get("meta"), "children", {}):
        reading.whole = False
    return reading


def _members(values: Mapping[str, Any], node: Node, reading: Reading) -> dict[str, Any]:
    result: dict[str, Any] = {}
    known = node.children
    for name, value in values.items():
        if child := known.get(name):
            if value is not None:
                result.update(_member(value, child, reading))
        elif name != "__id" and "@odata." not in name:
            reading.whole = False
    if node.ambiguous or not values.keys() >= node.always:
        reading.whole = False
    return result


def _member(value: Any, node: Node, reading: Reading) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if node.kind == "repeat":
        yield f"{node.name}/", [_members(instance, node, reading) for instance in value]
    elif node.kind == "structure":
        inner = _members(value, node, reading)
        if inner:
            yield f"{node.name}/", [inner]
    else:
        text = _text(value, node.kind, reading)
        if node.kind == "binary":
            reading.files.append(text)
        yield node.name, text


def _text(value: Any, kind: str, reading: Reading) -> str:  # noqa: ANN401 - JSON
    """Write a JSON value as the client had written it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        reading.whole = reading.whole and abs(value) < _SAFE
        return _number(value)
    if kind in _LINES:
        reading.whole = False
        return ""
    return _point(value)


def _point(value: Mapping[str, Any]) -> str:
    """Write GeoJSON, which has the longitude first, as clients do: degrees north, east, metres, metres.

    >>> _point({"type": "Point", "coordinates": [112.2, -8.05, 265], "properties": {"accuracy": 10.5}})
    '-8.05 112.2 265 10.5'
    """
    east, north, *altitude = value["coordinates"]
    accuracy = (value.get("properties") or {}).get("accuracy")
    parts = [north, east, *altitude[:1]]
    if accuracy is not None:
        parts = [*parts, *([] if altitude else [0]), accuracy]
    return " ".join("0" if part is None else _number(part) for part in parts)


def _number(value: int | float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < _SAFE else str(value)
