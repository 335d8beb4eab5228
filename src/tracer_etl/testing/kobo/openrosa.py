"""What phones speak: submission, formList, manifest, forms and their media."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tracer_etl.testing.kobo import change
from tracer_etl.testing.kobo.access import may_see
from tracer_etl.testing.kobo.call import Answer, page
from tracer_etl.testing.kobo.content import deployed_xform, version_label
from tracer_etl.testing.kobo.files import md5
from tracer_etl.testing.kobo.paired import shared
from tracer_etl.testing.kobo.rows import head
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from datetime import datetime

    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Submission

VARY = "origin, Accept-Language"
_DECLARED = '<?xml version="1.0" encoding="utf-8"?>\n'
_LONG = 'xmlns="http://openrosa.org/xforms/'
_UNKNOWN = "Authentication credentials were not provided."


def submission(call: Call) -> Reply:
    """Take a submission; HEAD says where to send it and how much is allowed."""
    if call.request.method == "HEAD":
        return _xml("", 204, Location=f"{call.world.url}/submission")
    if call.request.method == "GET":
        return call.detail('Method "GET" not allowed.', 405)
    if call.user is None:
        return _challenge(call, "<root>", "</root>")
    _, parts = call.form()
    if "xml_submission_file" not in parts:
        return _refused(call, 400, "No XML submission file provided")
    xml = parts.pop("xml_submission_file")[2]
    files = {name: content for name, _, content in parts.values()}
    try:
        asset = _target(call, xml)
        _may_submit(call, asset, xml)
        _, row, status = change.receive(call.world, asset, xml, files, call.user.name)
    except change.Refusal as refusal:
        return page(500) if refusal.status == 500 else _refused(call, refusal.status, str(refusal))  # noqa: PLR2004
    if status == 202:  # noqa: PLR2004
        return _refused(call, 202, "Duplicate Instance")
    return _accepted(call, asset, row)


def form_list(call: Call) -> Reply:
    """List the forms the caller may answer."""
    if call.user is None:
        reply = _challenge(call, f'<xforms {_LONG}xformsList">', "</xforms>")
        reply.headers["Vary"] = "origin, Accept-Language, Cookie"
        return reply
    wanted = call.request.param("formID")
    listed = [asset for asset in call.world.assets.values() if asset.active and wanted in ("", asset.uid)]
    forms = "".join(_listed(call, asset) for asset in listed if _may(call, asset, "add_submissions"))
    return _xml(f'{_DECLARED}<xforms {_LONG}xformsList">{forms}</xforms>')


def form(call: Call) -> Reply:
    """Give the deployed XForm."""
    asset = _numbered(call)
    version = asset.current or asset.newest
    return _xml(deployed_xform(asset, version))


def manifest(call: Call) -> Reply:
    """List the files a form needs."""
    asset = _numbered(call)
    files = "".join(
        f"<mediaFile><filename>{escape(name)}</filename><hash>{md5(content)}</hash>"
        f"<downloadUrl>{call.world.url}/xformsMedia/{asset.number}/{number}.{name.rpartition('.')[2]}"
        "</downloadUrl></mediaFile>"
        for number, (name, _, content) in enumerate(_files(call, asset), 1)
    )
    return _xml(f'{_DECLARED}<manifest {_LONG}xformsManifest">{files}</manifest>')


def media(call: Call) -> Reply:
    """Give one of those files."""
    files, number = _files(call, _numbered(call)), int(call.args["media"])
    if not 1 <= number <= len(files):
        raise Answer(page(404))
    name, kind, content = files[number - 1]
    return Reply(200, content, {"Content-Type": kind, "Content-Disposition": f"attachment; filename={name}"})


def id_chunk(call: Call) -> Reply:
    """List instanceIDs as ODK Briefcase asks for them."""
    asset = call.world.assets.get(call.request.param("formId"))
    if asset is None or not _may(call, asset, "view_submissions"):
        raise Answer(page(404))
    size, after = call.request.param("numEntries", "100"), call.request.param("cursor", "0")
    if not (size.isdigit() and after.isdigit()):
        raise Answer(page(500))
    rows = [row for row in asset.visible() if row.id > int(after)][: int(size)]
    ids = "".join(f"<id>uuid:{row.uuid}</id>" for row in rows)
    cursor = rows[-1].id if rows else after
    space = 'xmlns="http://opendatakit.org/submissions"'
    return _xml(
        f"<idChunk {space}><idList>{ids}</idList><resumptionCursor>{cursor}</resumptionCursor></idChunk>"
    )


def _target(call: Call, xml: bytes) -> Asset:
    """Find the form by formhub/uuid, then by id: the name of the root does not count."""
    found = change.read_head(xml)
    by_hub = (asset for asset in call.world.assets.values() if asset.formhub == found.formhub)
    asset = next(by_hub, None) or call.world.assets.get(found.form)
    if asset is None:
        raise change.Refusal(404, "Form does not exist on this account")
    return asset


def _may_submit(call: Call, asset: Asset, xml: bytes) -> None:
    deprecated = head(xml).deprecated
    old = asset.find(f"uuid:{deprecated}") if deprecated else None
    call.args["asset"] = asset.uid
    edits = old is None or old.uuid != deprecated or may_see(call, old, "change_submissions")
    if not (edits if deprecated else _may(call, asset, "add_submissions")):
        raise change.Refusal(403, "Access denied")


def _may(call: Call, asset: Asset, permission: str) -> bool:
    return permission in call.world.grant(call.user, asset).permissions


def _numbered(call: Call) -> Asset:
    number = int(call.args["number"])
    asset = next((asset for asset in call.world.assets.values() if asset.number == number), None)
    if asset is None:
        raise Answer(page(404))
    if call.user is None:
        raise Answer(_challenge(call, "<root>", "</root>"))
    if not _may(call, asset, "add_submissions"):
        raise Answer(page(404))
    return asset


def _files(call: Call, asset: Asset) -> list[tuple[str, str, bytes]]:
    """Give name, type and content of what a form needs: its media, then its paired data."""
    own = [(item.name, item.mimetype, item.content) for item in asset.files]
    pairings = asset.paired.values()
    return own + [(f"{item['name']}.xml", "text/xml", shared(call.world, item)) for item in pairings]


def _listed(call: Call, asset: Asset) -> str:
    version = asset.current or asset.newest
    label, name = version_label(version), escape(asset.name)
    url = call.world.url
    manifest_url = (
        f"<manifestUrl>{url}/xformsManifest/{asset.number}</manifestUrl>" if _files(call, asset) else ""
    )
    return (
        f"<xform><formID>{asset.uid}</formID><name>{name}</name>"
        f"<majorMinorVersion>{label}</majorMinorVersion><version>{label}</version>"
        f"<hash>{md5(deployed_xform(asset, version).encode())}</hash><descriptionText>{name}</descriptionText>"
        f"<downloadUrl>{url}/forms/{asset.number}/form.xml</downloadUrl>{manifest_url}</xform>"
    )


def _accepted(call: Call, asset: Asset, row: Submission) -> Reply:
    stated = head(row.xml).submission_date
    sent = re.sub(r"\.0+(?=[+-])", "", stated) if stated else _iso(row.created)
    text = (
        '<OpenRosaResponse xmlns="http://openrosa.org/http/response">\n'
        "    <message>Successful submission.</message>\n"
        f'    <submissionMetadata xmlns="http://www.opendatakit.org/xforms" id="{asset.uid}"  '
        f'instanceID="uuid:{row.uuid}" submissionDate="{sent}" isComplete="true" '
        f'markedAsCompleteDate="{_iso(call.world.clock)}"/>\n</OpenRosaResponse>\n'
    )
    return _xml(text, 201, Location=f"{call.world.url}/submission")


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


def _refused(call: Call, status: int, text: str) -> Reply:
    known = {"Location": f"{call.world.url}/submission"} if status in (202, 409) else {}
    return _xml(
        "<?xml version='1.0' encoding='UTF-8' ?>\n"
        '<OpenRosaResponse xmlns="http://openrosa.org/http/response">\n'
        f'        <message nature="">{escape(text)}</message>\n</OpenRosaResponse>',
        status,
        **known,
    )


def _challenge(call: Call, opening: str, closing: str) -> Reply:
    nonce = call.world.uuid().replace("-", "")
    body = f"{_DECLARED}{opening}<detail>{_UNKNOWN}</detail>{closing}".encode()
    asked = f'Digest realm="DJANGO", qop="auth", nonce="{nonce}", opaque="{nonce[::-1]}", algorithm="MD5", stale="false"'
    return Reply(401, body, {"Content-Type": "text/xml; charset=utf-8", "WWW-Authenticate": asked})


def _xml(text: str, status: int = 200, **headers: str) -> Reply:
    limits = {"X-OpenRosa-Accept-Content-Length": "10000000", "X-OpenRosa-Version": "1.0"}
    return Reply(status, text.encode(), {"Content-Type": "text/xml; charset=utf-8", **limits, **headers})
