"""The endpoints that change projects: imports, deployment, settings, permissions."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import FormError
from tracer_etl.testing.kobo import publish
from tracer_etl.testing.kobo.assets import detail, permission, permissions
from tracer_etl.testing.kobo.call import NOT_FOUND, Answer, listing
from tracer_etl.testing.kobo.content import summary
from tracer_etl.testing.kobo.history import note
from tracer_etl.testing.kobo.state import PERMISSIONS, Grant, stamp_time
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Json


def import_workbook(call: Call) -> Reply:
    """Take a workbook as a new project, or in place of the form of `destination`; answer at once."""
    if call.user is None:
        raise Answer(call.detail("Authentication credentials were not provided.", 401))
    fields, parts = call.form()
    uid = call.world.uid("i")
    path = f"/api/v2/imports/{uid}/"
    url = call.world.url + path
    call.world.imports[uid] = {"user": call.user.name, **_imported(call, fields, parts, uid)}
    return Reply.of_json({"uid": uid, "url": url, "status": "processing"}, 201)


def import_state(call: Call) -> Reply:
    """Tell how an import went."""
    found = call.world.imports.get(call.args["import"])
    if found is None or call.user is None or found["user"] != call.user.name:
        raise Answer(call.detail(NOT_FOUND, 404))
    return Reply.of_json({key: value for key, value in found.items() if key != "user"})


def deployment(call: Call) -> Reply:
    """Describe the deployment."""
    call.need("view_asset", status=404)
    if call.asset.current is None:
        raise Answer(call.detail(NOT_FOUND, 404))
    return _deployment(call)


def deploy(call: Call) -> Reply:
    """Deploy for the first time."""
    call.need("manage_asset")
    if call.asset.current is not None:
        return call.detail("Use PATCH to update an existing deployment", 405)
    publish.deploy(call.world, call.asset, _name(call))
    return _deployment(call)


def redeploy(call: Call) -> Reply:
    """Deploy another version, archive (`active: false`), or open again."""
    call.need("manage_asset")
    body, asset = call.json(), call.asset
    if asset.current is None:
        return call.detail("Use POST to create a new deployment", 405)
    wanted = next((v for v in asset.versions if v.uid == body.get("version_id")), None)
    if "version_id" in body and wanted is None:
        raise Answer(Reply.of_json({"version_id": ["Invalid version"]}, 400))
    if wanted is not None:
        publish.deploy(call.world, asset, _name(call), wanted)
    if "active" in body:
        publish.archive(call.world, asset, _name(call), active=bool(body["active"]))
    return _deployment(call)


def change_asset(call: Call) -> Reply:
    """Change a project's name or what it shares with others."""
    call.need("change_asset", status=404)
    body, asset = call.json(), call.asset
    asset.name = str(body.get("name", asset.name))
    asset.sharing = body.get("data_sharing", asset.sharing)
    asset.modified = call.world.tick()
    return Reply.of_json(detail(call, asset))


def assignments(call: Call) -> Reply:
    """List who may do what."""
    call.need("view_asset", status=404)
    return Reply.of_json(permissions(call, call.asset))


def assign(call: Call) -> Reply:
    """Grant one permission; `partial_submissions` on the rows its filters choose."""
    call.need("manage_asset")
    body, asset = call.json(), call.asset
    user, name = _last(body.get("user")), _last(body.get("permission"))
    if user not in call.world.users:
        raise Answer(Reply.of_json({"user": ["Invalid hyperlink - Object does not exist."]}, 400))
    if name not in PERMISSIONS:
        raise Answer(Reply.of_json({"permission": ["Invalid hyperlink - Object does not exist."]}, 400))
    held = asset.grants.get(user, call.world.users[user].grant)
    grant = Grant(held.permissions | {name}, held.rows, held.filters)
    if name == "partial_submissions":
        grant = _partial(grant, body.get("partial_permissions") or [])
    asset.grants[user] = grant
    call.world.tick()
    note(call.world, asset, _name(call), "modify-user-permissions")
    made = permission(call, asset, user, name, grant)
    return Reply.of_json(made, 201, Location=made["url"])


def unassign(call: Call) -> Reply:
    """Take a permission back, with all that implies it."""
    call.need("manage_asset")
    asset, uid = call.asset, call.args["assignment"]
    for user, uids in asset.permission_uids.items():
        for name, known in uids.items():
            if known == uid and user != asset.owner:
                _revoke(call, asset, user, name)
                return Reply(204)
    raise Answer(call.detail(NOT_FOUND, 404))


def hooks(call: Call) -> Reply:
    """List the REST services: this server has none."""
    call.need("view_asset", status=404)
    return listing(call, ())


def _imported(call: Call, fields: Json, parts: dict[str, tuple[str, str, bytes]], uid: str) -> Json:
    name, content = parts["file"][::2] if "file" in parts else ("import.xlsx", _decoded(fields))
    target = _last(fields.get("destination")) or str(fields.get("assetUid", ""))
    known = call.world.assets.get(target)
    created = stamp_time(call.world.tick())
    with TemporaryDirectory() as folder:
        path = Path(folder) / Path(name).name
        path.write_bytes(content)
        try:
            asset = publish.add_version(
                call.world, known, path, _name(call), name=str(fields.get("name", ""))
            )
        except (FormError, ValueError) as error:
            messages: Json = {"error": str(error), "error_type": type(error).__name__}
            return {"status": "error", "uid": uid, "messages": messages, "date_created": created}
    described = {
        "uid": asset.uid,
        "kind": "asset",
        "summary": summary(asset.newest.content),
        "owner__username": asset.owner,
    }
    messages = {"updated" if known else "created": [described]}
    if known:
        messages["audit_logs"] = [_audit(asset)]
    return {"status": "complete", "uid": uid, "messages": messages, "date_created": created}


def _audit(asset: Asset) -> Json:
    return {
        "source": "Python Requests (Other)",
        "asset_id": asset.number,
        "new_name": asset.name,
        "old_name": asset.name,
        "asset_uid": asset.uid,
        "ip_address": "127.0.0.1",
        "project_owner": asset.owner,
        "latest_version_uid": asset.newest.uid,
    }


def _decoded(fields: Json) -> bytes:
    try:
        return base64.b64decode(str(fields.get("base64Encoded", "")).rpartition(",")[2])
    except binascii.Error:
        return b""


def _deployment(call: Call) -> Reply:
    asset = call.asset
    uid = asset.current.uid if asset.current else None
    shown = {"backend": "openrosa", "active": asset.active, "version_id": uid, "asset": detail(call, asset)}
    return Reply.of_json(shown)


def _partial(grant: Grant, stated: list[Json]) -> Grant:
    named = {_last(item.get("url")) for item in stated}
    filters = [condition for item in stated for condition in item.get("filters", [])]
    return Grant(grant.permissions | named, None, filters)


def _revoke(call: Call, asset: Asset, user: str, name: str) -> None:
    held = asset.grants.get(user, call.world.users[user].grant)
    gone = {given for given in held.permissions if name in call.world.implied({given})} | {name}
    if name == "partial_submissions":
        gone |= {given for given in held.permissions if given.endswith("_submissions")}
    rows, filters = (None, None) if name == "partial_submissions" else (held.rows, held.filters)
    asset.grants[user] = Grant(held.permissions - gone, rows, filters)
    call.world.tick()
    note(call.world, asset, _name(call), "modify-user-permissions")


def _name(call: Call) -> str:
    return call.user.name if call.user else ""


def _last(url: Any) -> str:  # noqa: ANN401 - JSON
    """Give the last step of an address."""
    return str(url or "").partition("?")[0].rstrip("/").rpartition("/")[2]
