"""Files that travel with a form."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING

from tracer_etl.testing.kobo.call import NOT_FOUND, Answer, listing
from tracer_etl.testing.kobo.history import note
from tracer_etl.testing.kobo.state import MediaFile, stamp_time
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Json, World


def add(world: World, asset: Asset, name: str, mimetype: str, content: bytes) -> MediaFile:
    """Put a file beside a form, in place of one of the same name."""
    asset.files = [item for item in asset.files if item.name != name]
    item = MediaFile(world.uid("af"), name, mimetype, content, asset.owner, world.tick())
    asset.files.append(item)
    note(world, asset, asset.owner, "add-media")
    return item


def described(call: Call, asset: Asset, item: MediaFile) -> Json:
    """Describe one file."""
    path = f"/api/v2/assets/{asset.uid}/"
    return {
        "uid": item.uid,
        "url": call.link(f"{path}files/{item.uid}/"),
        "asset": call.link(path),
        "user": call.link(f"/api/v2/users/{item.user}/"),
        "user__username": item.user,
        "file_type": "form_media",
        "description": item.description,
        "date_created": stamp_time(item.created),
        "content": call.link(f"{path}files/{item.uid}/content/"),
        "metadata": {"hash": md5(item.content), "filename": item.name, "mimetype": item.mimetype},
    }


def md5(content: bytes) -> str:
    """Give the digest OpenRosa lists with a file."""
    return f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"


def media(call: Call) -> Reply:
    """List the files of a form."""
    call.need("view_asset", status=404)
    return listing(call, call.asset.files, lambda item: described(call, call.asset, item))


def one(call: Call) -> Reply:
    """Describe one file."""
    call.need("view_asset", status=404)
    return Reply.of_json(described(call, call.asset, _found(call)))


def content(call: Call) -> Reply:
    """Give the bytes of a file."""
    call.need("view_asset", status=404)
    item = _found(call)
    headers = {"Content-Type": item.mimetype, "Content-Disposition": f"attachment; filename={item.name}"}
    return Reply(200, item.content, headers)


def upload(call: Call) -> Reply:
    """Take a file, as a multipart part `content` or as `base64Encoded`; a name can be taken once."""
    call.need("change_asset")
    fields, parts = call.form()
    given = "content" if "content" in parts else "base64Encoded"
    metadata = fields.get("metadata") or {}
    stated = json.loads(metadata) if isinstance(metadata, str) else metadata
    name = stated.get("filename") or (parts["content"][0] if given == "content" else "")
    if any(item.name == name for item in call.asset.files):
        raise Answer(Reply.of_json({given: ["File already exists"]}, 400))
    mimetype, body = parts["content"][1:] if given == "content" else _encoded(fields)
    item = add(call.world, call.asset, name, mimetype, body)
    item.description = fields.get("description", "default")
    made = described(call, call.asset, item)
    return Reply.of_json(made, 201, Location=made["url"])


def delete(call: Call) -> Reply:
    """Remove a file."""
    call.need("change_asset")
    call.asset.files.remove(_found(call))
    return Reply(204)


def _found(call: Call) -> MediaFile:
    found = next((item for item in call.asset.files if item.uid == call.args["file"]), None)
    if found is None:
        raise Answer(call.detail(NOT_FOUND, 404))
    return found


def _encoded(fields: Json) -> tuple[str, bytes]:
    head, comma, data = str(fields.get("base64Encoded", "")).partition(",")
    try:
        body = base64.b64decode(data, validate=True)
    except binascii.Error:
        comma = ""
        body = b""
    if not comma:
        raise Answer(Reply.of_json({"base64Encoded": ["Invalid base64 string"]}, 400))
    return head.removeprefix("data:").partition(";")[0], body
