"""Dynamic data attachments: some answers of one project as an XML file of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from tracer_etl.safe_xml import local_name, parse
from tracer_etl.testing.kobo.call import NOT_FOUND, Answer, listing
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Json, World


def paired(call: Call) -> Reply:
    """List the pairings of a project."""
    call.need("view_asset", status=404)
    return listing(call, call.asset.paired.values(), lambda pairing: _described(call, pairing))


def pair(call: Call) -> Reply:
    """Pair a project with another one that shares its data."""
    call.need("change_asset")
    body = call.json()
    source = call.world.assets.get(str(body.get("source", "")).rstrip("/").rpartition("/")[2])
    if source is None or not source.sharing.get("enabled"):
        raise Answer(Reply.of_json({"source": ["Data sharing for this project is not enabled"]}, 400))
    uid = call.world.uid("pd")
    name = str(body.get("filename", "")).removesuffix(".xml")
    call.asset.paired[uid] = {
        "uid": uid,
        "source": source.uid,
        "fields": body.get("fields", []),
        "name": name,
    }
    made = _described(call, call.asset.paired[uid])
    return Reply.of_json(made, 201, Location=made["url"])


def external(call: Call) -> Reply:
    """Give the shared answers of the source: one element per row, chosen top-level fields only."""
    pairing = call.asset.paired.get(call.args["pairing"])
    if pairing is None:
        raise Answer(call.detail(NOT_FOUND, 404))
    headers = {"Content-Type": "text/xml; charset=utf-8", "Cache-Control": "private, max-age=300"}
    return Reply(200, shared(call.world, pairing), headers)


def shared(world: World, pairing: Json) -> bytes:
    """Write the shared answers as XML."""
    out = etree.Element("root")
    for row in world.assets[pairing["source"]].visible():
        root = parse(row.xml)
        data = etree.Element("data", dict(root.attrib), nsmap=dict(root.nsmap))
        data.extend([child for child in root if local_name(child) in pairing["fields"]])
        out.append(data)
    return b'<?xml version="1.0" encoding="utf-8"?>' + etree.tostring(out, encoding="utf-8")


def _described(call: Call, pairing: Json) -> Json:
    path = f"/api/v2/assets/{call.asset.uid}/paired-data/{pairing['uid']}/"
    return {
        "source": None,
        "source__name": None,
        "fields": pairing["fields"],
        "filename": f"{pairing['name']}.xml",
        "url": call.link(path),
    }
