"""The data endpoints that read: lists, single rows, attachments, counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from tracer_etl.testing.kobo.access import chosen, need_rows, visible_row
from tracer_etl.testing.kobo.call import NOT_FOUND, Answer, neighbours, page, window
from tracer_etl.testing.kobo.history import note
from tracer_etl.testing.kobo.rows import compact, row_bytes, selected
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Attached, Json, Submission

JSON = {"Content-Type": "application/json"}
XML = {"Content-Type": "application/xml; charset=utf-8"}


def rows(call: Call) -> Reply:
    """List rows as JSON, XML or GeoJSON; `offset` and `page` only spoil the address of the next page."""
    asset = need_rows(call)
    if call.request.param("count"):
        refusal = "This param is not implemented. Use `count` property of the response instead."
        raise Answer(Reply.of_json({"count": refusal}, 400))
    query, sort, fields = (_parameter(call, name) for name in ("query", "sort", "fields"))
    if isinstance(query, list):
        return page(500)
    start, limit = window(call)
    numbers = chosen(call, query or {}, sort or {})
    rows_of_page = [asset.submissions[number] for number in numbers[start : start + limit]]
    note(call.world, asset, call.user.name if call.user else "", "view-data")
    if call.format == "geojson":
        return _geojson(call, asset, rows_of_page)
    following, previous = neighbours(call, _believed_start(call, start, limit), limit, len(numbers))
    if call.format == "xml":
        return _xml(rows_of_page, len(numbers), following, previous)
    if fields:
        parts: Iterable[bytes] = (compact(selected(call.world, asset, row, fields)) for row in rows_of_page)
    else:
        parts = (row_bytes(call.world, asset, row) for row in rows_of_page)
    head = compact({"count": len(numbers), "next": following, "previous": previous})[:-1]
    return Reply(200, head + b',"results":[' + b",".join(parts) + b"]}", dict(JSON))


def row(call: Call) -> Reply:
    """Give one row, addressed by `_id` or uuid."""
    found = visible_row(call)
    if call.format == "xml":
        return Reply(200, found.xml, dict(XML))
    return Reply(200, row_bytes(call.world, call.asset, found), dict(JSON))


def attachment(call: Call) -> Reply:
    """Give the bytes of an attachment."""
    found = visible_row(call)
    item = next((item for item in found.attachments if item.uid == call.args["attachment"]), None)
    return _file(call, item)


def attachment_by_xpath(call: Call) -> Reply:
    """Give the bytes of the attachment of a question; without `xpath` this is no list."""
    found = visible_row(call)
    xpath = call.request.param("xpath")
    if not xpath:
        return Reply(404, b"detail", {"Content-Type": "*/*", "X-Kobonaut": ""})
    described = json.loads(row_bytes(call.world, call.asset, found))["_attachments"]
    uids = {item["uid"] for item in described if item["question_xpath"] == xpath}
    return _file(call, next((item for item in found.files if item.uid in uids), None))


def counts(call: Call) -> Reply:
    """Give counts by day, which keep deleted rows, and the total, which does not."""
    asset = need_rows(call)
    return Reply.of_json(
        {"daily_submission_counts": dict(asset.daily), "total_submission_count": len(asset.live)}
    )


def validation_status(call: Call) -> Reply:
    """Give the validation status of one row."""
    return Reply.of_json(visible_row(call).status)


def _parameter(call: Call, name: str) -> Any:  # noqa: ANN401 - JSON
    text = call.request.param(name)
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Answer(Reply.of_json({name: "Value must be valid JSON."}, 400)) from error


def _believed_start(call: Call, start: int, limit: int) -> int:
    """Give the start the addresses of other pages assume, from parameters the rows ignore."""
    offset, number = call.request.param("offset"), call.request.param("page")
    if start == 0 and offset.isdigit():
        return int(offset)
    return (int(number) - 1) * limit if start == 0 and number.isdigit() else start


def _file(call: Call, item: Attached | None) -> Reply:
    vary = {"Vary": "origin, Accept-Language, Cookie"}
    if item is None or item.deleted:
        reply = call.detail(NOT_FOUND, 404)
        reply.headers.update(vary)
        return reply
    shown = "inline" if item.mimetype.partition("/")[0] in ("image", "audio", "video") else "attachment"
    headers = {"Content-Type": item.mimetype, "Content-Disposition": f"{shown}; filename={item.name}", **vary}
    return Reply(200, item.content, headers)


def _xml(rows_of_page: list[Submission], count: int, following: str | None, previous: str | None) -> Reply:
    def bare(xml: bytes) -> bytes:
        return xml.partition(b"?>")[2].lstrip() if xml.lstrip().startswith(b"<?xml") else xml

    head = (
        f'<?xml version="1.0" encoding="utf-8"?><root><count>{count}</count>'
        f"<next>{escape(str(following))}</next><previous>{escape(str(previous))}</previous><results>"
    )
    body = b"".join(bare(item.xml) for item in rows_of_page)
    return Reply(200, head.encode() + body + b"</results></root>", dict(XML))


def _geojson(call: Call, asset: Asset, rows_of_page: list[Submission]) -> Reply:
    """Give a position per row; no repeats, no system fields, no count and no next page."""
    features = [_feature(call, asset, number, item) for number, item in enumerate(rows_of_page, 1)]
    return Reply.of_json(
        {
            "type": "FeatureCollection",
            "name": asset.name,
            "features": [feature for feature in features if feature["geometry"]],
        }
    )


def _feature(call: Call, asset: Asset, number: int, item: Submission) -> Json:
    held = json.loads(row_bytes(call.world, asset, item))
    latitude, longitude = held["_geolocation"]
    lead = f"{latitude} {longitude} "
    place = next((v for v in held.values() if isinstance(v, str) and v.startswith(lead)), "0 0 0")
    answers = {
        "audit" if key == "meta/audit" else key: value
        for key, value in held.items()
        if isinstance(value, str)
        and value != place
        and not key.startswith(("_", "meta/instance", "meta/root", "meta/dep", "formhub/"))
    }
    geometry = None
    if latitude is not None:
        altitude = float([*place.split(), "0", "0"][2])
        geometry = {"type": "Point", "coordinates": [longitude, latitude, altitude]}
    return {"type": "Feature", "geometry": geometry, "properties": {**answers, "_index": number}}
