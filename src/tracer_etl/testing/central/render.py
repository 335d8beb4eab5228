"""A submission's XML -> the JSON and CSV cells of ODK Central."""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

    from tracer_etl.testing.central.schema import Field

Row = dict[str, Any]
_INT = re.compile(r"\s*[+-]?\d+")
_DECIMAL = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_HOURS_ONLY = re.compile(r"([+-]\d\d)$")
_PARSER = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False)


def as_json(value: Any) -> bytes:  # noqa: ANN401 - JSON is anything
    """Write JSON as Node does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def read_instance(xml: bytes) -> _Element | None:
    """Read XML as a forgiving SAX parser would; None when there is no element at all."""
    try:
        return etree.fromstring(xml, _PARSER)
    except etree.XMLSyntaxError:
        return None


def children(element: _Element | None) -> dict[str, list[_Element]]:
    """Sort the child elements by local name."""
    found: dict[str, list[_Element]] = {}
    for child in element if element is not None else ():
        tag = child.tag
        if isinstance(tag, str):
            name = tag.rpartition("}")[2] if tag[0] == "{" else tag
            found.setdefault(name, []).append(child)
    return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a submission a row is: the text its id is the SHA-1 of, and its OData address."""

    stack: str
    link: str

    @classmethod
    def root(cls, key: str) -> Place:
        """Begin at the submission."""
        written = quote(key, safe="-_.!~*'()")
        return cls(f"Submissions#{key}", f"Submissions('{written}')")

    @property
    def id(self) -> str:
        """Give the id of a repeat's row."""
        return hashlib.sha1(self.stack.encode()).hexdigest()  # noqa: S324 - as Central does

    def group(self, node: Field) -> Place:
        """Step into a group."""
        return Place(f"{self.stack}%%{node.name}#", f"{self.link}/{node.odata}")

    def instance(self, node: Field, position: int) -> Place:
        """Step into an instance of a repeat; positions count from 0."""
        inner = Place(f"{self.stack}%%{node.name}#{position}", "")
        return Place(inner.stack, f"{self.link}/{node.odata}('{inner.id}')")


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders rows with or without $expand and $wkt, of the node paths in `only` (None = all)."""

    expand: bool = False
    wkt: bool = False
    only: frozenset[str] | None = None

    def content(self, node: Field, element: _Element | None, place: Place) -> tuple[Row, Row]:
        """Give the fields of a node, and the links and rows of its repeats."""
        found = children(element)
        fields: Row = {}
        tails: Row = {}
        for child in node.children.values():
            if self.only is not None and child.path not in self.only:
                continue
            inside = found.get(child.name)
            if child.kind == "repeat":
                if inside:
                    tails.update(self._repeat(child, inside, place))
            elif child.kind == "structure":
                inner, links = self.content(child, inside[0] if inside else None, place.group(child))
                fields[child.odata] = {**inner, **links}
            else:
                fields[child.odata] = json_value(
                    child.kind, inside[-1].text if inside else None, wkt=self.wkt
                )
        return fields, tails

    def _repeat(self, node: Field, elements: list[_Element], place: Place) -> Row:
        links: Row = {f"{node.odata}@odata.navigationLink": f"{place.link}/{node.odata}"}
        if self.expand:
            rows = (self._row(node, element, place.instance(node, n)) for n, element in enumerate(elements))
            links[node.odata] = list(rows)
        return links

    def _row(self, node: Field, element: _Element, place: Place, parent: Row | None = None) -> Row:
        fields, tails = self.content(node, element, place)
        return {**fields, "__id": place.id, **(parent or {}), **tails}

    def table(self, chain: tuple[Field, ...], element: _Element | None, key: str) -> Iterator[Row]:
        """Give the rows of a repeat of one submission, each with its parent's id."""
        yield from self._descend(chain, 1, element, Place.root(key), {"__Submissions-id": key})

    def _descend(
        self, chain: tuple[Field, ...], depth: int, element: _Element | None, place: Place, parent: Row
    ) -> Iterator[Row]:
        node = chain[depth]
        for position, child in enumerate(children(element).get(node.name, ())):
            if node.kind == "structure":
                yield from self._descend(chain, depth + 1, child, place.group(node), parent)
                continue
            here = place.instance(node, position)
            if depth == len(chain) - 1:
                yield self._row(node, child, here, parent)
            else:
                name = "-".join(step.odata for step in chain[: depth + 1])
                yield from self._descend(chain, depth + 1, child, here, {f"__{name}-id": here.id})


def json_value(kind: str, text: str | None, *, wkt: bool = False) -> Any:  # noqa: ANN401 - JSON
    """Give a value as Central's JavaScript types it."""
    if not text:
        return None
    if kind == "int":
        match = _INT.match(text)
        return _number(float(match[0])) if match else None
    if kind == "decimal":
        match = _DECIMAL.match(text)
        return _number(float(match[0])) if match else None
    if kind == "dateTime":
        return _HOURS_ONLY.sub(r"\1:00", text) if "T" in text else text
    if kind in ("geopoint", "geotrace", "geoshape"):
        return _shape(kind, text, wkt=wkt)
    return text


def _number(value: float) -> float | int | None:
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < 1e21 else value  # noqa: PLR2004 - JavaScript's limit


def _numbers(text: str) -> list[Any]:
    return [json_value("decimal", part) for part in text.split()]


def _shape(kind: str, text: str, *, wkt: bool) -> Any:  # noqa: ANN401 - GeoJSON or text
    points = [_numbers(part) for part in text.split(";") if part.strip()]
    if not points or any(len(point) < 2 or None in point[:2] for point in points):  # noqa: PLR2004 - lat, lon
        return None
    places = [[p[1], p[0], *([p[2]] if len(p) > 2 and p[2] is not None else [])] for p in points]  # noqa: PLR2004
    if kind == "geopoint":
        if wkt:
            return f"POINT ({_written(places[:1])})"
        point: Row = {"type": "Point", "coordinates": places[0]}
        if len(points[0]) > 3 and points[0][3] is not None:  # noqa: PLR2004 - lat, lon, alt, accuracy
            point["properties"] = {"accuracy": points[0][3]}
        return point
    if kind == "geotrace":
        return f"LINESTRING ({_written(places)})" if wkt else {"type": "LineString", "coordinates": places}
    return f"POLYGON (({_written(places)}))" if wkt else {"type": "Polygon", "coordinates": [places]}


def _written(places: list[list[Any]]) -> str:
    return ",".join(" ".join(str(number) for number in place) for place in places)
