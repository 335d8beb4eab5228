"""GeoJSON (RFC 7946) of tables that have positions, traces or shapes in the clean copy."""

from __future__ import annotations

import json
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from tracer_etl.names import quote
from tracer_etl.warehouse.labels import label_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from tracer_etl.exports.published import Published
    from tracer_etl.warehouse.dictionary import Dataset, Dictionary

PARTS = ("_lat", "_lon", "_alt", "_acc")
_TRIANGLE = 4
"""Positions of the smallest ring: three corners, and the first again."""
Geometry = dict[str, object] | None


def write_geojson(
    copy: Published, dictionary: Dictionary, language: str, dataset: Dataset, folder: Path
) -> list[Path]:
    """Write `<table>.<question>.geojson` for every question that is a place; give the files.

    One feature per row, the row without a position too (its geometry is null); all other columns are
    properties. Coordinates are degrees east and north (WGS 84), then metres of altitude.
    """
    written = []
    for name, kind in _places(dataset).items():
        file = folder / f"{dataset.name}.{name}.geojson"
        part = file.with_name(file.name + ".part")
        with part.open("w", encoding="utf-8") as stream:
            stream.write('{"type": "FeatureCollection", "features": [')
            for place, feature in enumerate(_features(copy, dictionary, language, dataset, name, kind)):
                stream.write(("\n" if place == 0 else ",\n") + json.dumps(feature, ensure_ascii=False))
            stream.write("\n]}\n")
        part.replace(file)
        written.append(file)
    return written


def _places(dataset: Dataset) -> dict[str, str]:
    """Map every question that is a place to its kind."""
    found = {}
    for variable in dataset.variables:
        if variable.kind == "geopoint" and variable.name.endswith(PARTS[0]):
            found[variable.name.removesuffix(PARTS[0])] = "geopoint"
        elif variable.kind in ("geotrace", "geoshape"):
            found[variable.name] = variable.kind
    return found


def _features(
    copy: Published, dictionary: Dictionary, language: str, dataset: Dataset, name: str, kind: str
) -> Iterator[dict[str, object]]:
    columns = [variable.name for variable in dataset.variables]
    own = {name + part for part in PARTS} if kind == "geopoint" else {name}
    selected = ", ".join(
        f"{label_sql(dictionary, v, language) if language else quote(v.name)} AS {quote(v.name)}"
        for v in dataset.variables
    )
    for values in copy.rows(dataset, selected):
        row = dict(zip(columns, values, strict=True))
        shape = _point(row, name) if kind == "geopoint" else _shape(row[name], kind)
        told = {key: _plain(value) for key, value in row.items() if key not in own}
        accuracy = {f"{name}_acc": row[f"{name}_acc"]} if kind == "geopoint" else {}
        yield {"type": "Feature", "geometry": shape, "properties": {**told, **accuracy}}


def _point(row: Mapping[str, object], name: str) -> Geometry:
    latitude, longitude, altitude = (row[name + part] for part in PARTS[:3])
    if latitude is None or longitude is None:
        return None
    height = [] if altitude is None else [altitude]
    return {"type": "Point", "coordinates": [longitude, latitude, *height]}


def _shape(text: object, kind: str) -> Geometry:
    """Read ODK's own "lat lon alt acc; lat lon alt acc".

    >>> _shape("-8.1 112.2 0 5; -8.2 112.3 0 5", "geotrace")
    {'type': 'LineString', 'coordinates': [[112.2, -8.1], [112.3, -8.2]]}
    >>> _shape("-8.1 112.2", "geotrace") is None
    True
    """
    line = [_position(part) for part in str(text or "").split(";") if part.strip()]
    points = [point for point in line if point]
    if len(points) != len(line):
        return None
    if kind == "geotrace":
        return {"type": "LineString", "coordinates": points} if len(points) > 1 else None
    ring = points if points[:1] == points[-1:] else [*points, points[0]]
    return {"type": "Polygon", "coordinates": [ring]} if len(ring) >= _TRIANGLE else None


def _position(text: str) -> Sequence[float]:
    try:
        latitude, longitude = (float(number) for number in text.split()[:2])
    except ValueError:
        return ()
    return [longitude, latitude]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime | time) else value
