"""Projects as the API shows them: list, detail, versions, content, XForm, permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.testing.kobo import files
from tracer_etl.testing.kobo.call import NOT_FOUND, Answer, listing
from tracer_etl.testing.kobo.content import asset_xform, summary
from tracer_etl.testing.kobo.search import finder
from tracer_etl.testing.kobo.state import PERMISSIONS, Grant, stamp_time
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Json, Version

_SHORTEST_QUERY = 3
_SETTINGS = {"sector": {}, "country": [], "description": "", "organization": "", "country_codes": []}
_LISTED = """
url date_created date_modified date_deployed owner summary owner__username parent uid tag_string settings kind
name asset_type version_id has_deployment deployed_version_id deployment__active deployment__submission_count
deployment__last_submission_time deployment__encrypted deployment__uuid deployment_status permissions
export_settings downloads data subscribers_count status access_types children data_sharing owner_label
last_modified_by created_by
""".split()
_SEARCHED = {"_deployment_status": "deployment_status", "owner__username__exact": "owner__username"}


def assets(call: Call) -> Reply:
    """List the projects the caller may see; nobody sees an empty list, not a refusal."""
    query = call.request.param("q")
    if query and len(query) < _SHORTEST_QUERY:
        return call.detail("Your query is too short", 400)
    for name, field in _SEARCHED.items():
        query = query.replace(f"{name}:", f"{field}:")
    test = finder(query) if query else None
    seen = [_listed(call, asset) for asset in call.world.assets.values() if _visible(call, asset)]
    found = [item for item in seen if test is None or test(item)]
    order = call.request.param("ordering", "-date_modified")
    key = order.removeprefix("-") if order.removeprefix("-") in _LISTED else "date_modified"
    return listing(call, sorted(found, key=lambda item: str(item[key]), reverse=order.startswith("-")))


def asset(call: Call) -> Reply:
    """Give everything about one project, or its XForm or workbook."""
    wanted = call.world.assets.get(call.args["asset"])
    if wanted is None or not _visible(call, wanted):
        raise Answer(call.detail(NOT_FOUND, 404))
    if call.format == "xml":
        text = asset_xform(wanted, wanted.newest)
        headers = {
            "Content-Type": "application/xml; charset=utf-8",
            "Content-Disposition": f"attachment; filename={wanted.uid}.xml",
        }
        return Reply(200, text.encode(), headers)
    return Reply.of_json(detail(call, wanted))


def content(call: Call) -> Reply:
    """Give the content of the newest version."""
    call.need("view_asset", status=404)
    data = call.asset.newest.content
    return Reply.of_json({"kind": "asset.content", "uid_asset": call.asset.uid, "data": data})


def versions(call: Call) -> Reply:
    """List the deployed versions, newest first."""
    call.need("view_asset", status=404)
    return listing(call, call.asset.deployed(), lambda version: _version(call, call.asset, version))


def version(call: Call) -> Reply:
    """Give one version with its content."""
    call.need("view_asset", status=404)
    found = next((v for v in call.asset.versions if v.uid == call.args["version"]), None)
    if found is None:
        raise Answer(call.detail(NOT_FOUND, 404))
    return Reply.of_json({**_version(call, call.asset, found), "content": found.content})


def detail(call: Call, wanted: Asset) -> Json:
    """Describe a project in full."""
    path, newest = f"/api/v2/assets/{wanted.uid}/", wanted.newest
    deployed = [_version(call, wanted, version) for version in wanted.deployed()]
    named = [row["name"] for row in newest.content["survey"] if "name" in row]
    kuids = {row["name"]: row["$kuid"] for row in newest.content["survey"] if "name" in row}
    described = {
        **_common(call, wanted),
        "files": [files.described(call, wanted, item) for item in wanted.files],
        "version__content_hash": newest.content_hash,
        "version_count": len(wanted.versions),
        "deployed_versions": {"count": len(deployed), "next": None, "previous": None, "results": deployed},
        "deployment__links": {},
        "deployment__data_download_links": _legacy_links(call, wanted) if wanted.current else {},
        "report_styles": {"default": {}, "specified": {name: {} for name in named}, "kuid_names": kuids},
        "report_custom": {},
        "advanced_features": {"_version": "20250820"},
        "map_styles": {},
        "map_custom": {},
        "content": newest.content,
        "embeds": [{"format": f, "url": call.link(f"{path}{f}/")} for f in ("xls", "xform")],
        "analysis_form_json": {"additional_fields": []},
        "assignable_permissions": [
            {"url": call.link(f"/api/v2/permissions/{name}/"), "label": label}
            for name, label in PERMISSIONS.items()
        ],
        "effective_permissions": [
            {"codename": name} for name in sorted(_effective(call.world.grant(call.user, wanted)))
        ],
        "project_ownership": None,
    }
    links = {"xform_link": "xform", "hooks_link": "hooks", "xls_link": "xls"}
    same = {name: name.replace("_", "-") for name in ("exports", "paired_data")}
    for name, last in {**links, **same}.items():
        described[name] = call.link(f"{path}{last}/")
    return described


def permissions(call: Call, wanted: Asset) -> list[Json]:
    """List who may do what: one entry per user and permission."""
    return [
        permission(call, wanted, user, name, grant)
        for user, grant in _grants(call, wanted)
        for name in sorted(grant.permissions - {"delete_asset"})
    ]


def permission(call: Call, wanted: Asset, user: str, name: str, grant: Grant) -> Json:
    """Describe one permission of one user."""
    uids = wanted.permission_uids.setdefault(user, {})
    uid = uids.setdefault(name, call.world.uid("p"))
    described: Json = {
        "url": call.link(f"/api/v2/assets/{wanted.uid}/permission-assignments/{uid}/"),
        "user": call.link(f"/api/v2/users/{user}/"),
        "permission": call.link(f"/api/v2/permissions/{name}/"),
    }
    if name == "partial_submissions":
        filters = grant.filters if grant.filters is not None else [{"_id": {"$in": sorted(grant.rows or ())}}]
        url = call.link("/api/v2/permissions/view_submissions/")
        described["partial_permissions"] = [{"url": url, "filters": filters}]
    return {**described, "label": PERMISSIONS[name]}


def _grants(call: Call, wanted: Asset) -> Iterator[tuple[str, Grant]]:
    for name, user in call.world.users.items():
        grant = call.world.grant(user, wanted)
        if grant.permissions:
            yield name, Grant(_effective(grant), grant.rows, grant.filters)


def _effective(grant: Grant) -> frozenset[str]:
    """Name what the API shows of a grant: rights on some rows show as partial_submissions only."""
    rows = {name for name in PERMISSIONS if name.endswith("_submissions")} - {"add_submissions"}
    return (grant.permissions - rows) | {"partial_submissions"} if grant.partial else grant.permissions


def _visible(call: Call, wanted: Asset) -> bool:
    return "view_asset" in call.world.grant(call.user, wanted).permissions


def _listed(call: Call, wanted: Asset) -> Json:
    described = _common(call, wanted)
    return {name: described[name] for name in _LISTED}


def _common(call: Call, wanted: Asset) -> Json:
    path, current = f"/api/v2/assets/{wanted.uid}/", wanted.current
    owner = call.link(f"/api/v2/users/{wanted.owner}/")
    last = wanted.last_submission
    return {
        "url": call.link(path),
        "owner": owner,
        "owner__username": wanted.owner,
        "parent": None,
        "settings": _SETTINGS,
        "asset_type": "survey",
        "summary": summary(wanted.newest.content),
        "date_created": stamp_time(wanted.created),
        "date_modified": stamp_time(wanted.modified),
        "date_deployed": stamp_time(current.deployed) if current and current.deployed else None,
        "version_id": wanted.newest.uid,
        "has_deployment": current is not None,
        "deployed_version_id": current.uid if current else None,
        "deployment__active": wanted.active,
        "deployment__submission_count": len(wanted.live),
        "deployment__last_submission_time": stamp_time(last) if last else None,
        "deployment__encrypted": False,
        "deployment__uuid": wanted.formhub if current else None,
        "deployment_status": "draft" if current is None else "deployed" if wanted.active else "archived",
        "downloads": [
            {"format": suffix, "url": f"{call.link(path)}.{suffix}".replace("/.", ".")}
            for suffix in ("xls", "xml")
        ],
        "tag_string": "",
        "uid": wanted.uid,
        "kind": "asset",
        "name": wanted.name,
        "permissions": permissions(call, wanted),
        "export_settings": [],
        "data": call.link(f"{path}data/"),
        "children": {"count": 0},
        "subscribers_count": 0,
        "status": "shared" if len(list(_grants(call, wanted))) > 1 else "private",
        "access_types": None,
        "data_sharing": wanted.sharing,
        "owner_label": wanted.owner,
        "last_modified_by": None,
        "created_by": None,
    }


def _version(call: Call, wanted: Asset, version: Version) -> Json:
    deployed = stamp_time(version.deployed) if version.deployed else None
    return {
        "uid": version.uid,
        "url": call.link(f"/api/v2/assets/{wanted.uid}/versions/{version.uid}/"),
        "content_hash": version.content_hash,
        "date_deployed": deployed,
        "date_modified": deployed or stamp_time(version.created),
        "version_number": str(version.number),
    }


def _legacy_links(call: Call, wanted: Asset) -> Json:
    own = f"{call.world.url}/{wanted.owner}"
    legacy = {f"{kind}_legacy": f"{own}/exports/{wanted.uid}/{kind}/" for kind in ("xls", "csv", "zip")}
    reports = f"{own}/reports/{wanted.uid}/export"
    return {**legacy, "xls": f"{reports}.xlsx", "csv": f"{reports}.csv"}
