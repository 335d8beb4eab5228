"""Exports: saved settings with a synchronous file that is cached, and asynchronous ones.

Columns have XML names whatever `lang` and `multiple_select` say: an ETL should not read exports at all.
"""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.kobo.access import need_rows
from tracer_etl.testing.kobo.call import NOT_FOUND, Answer, listing, page
from tracer_etl.testing.kobo.rows import row_bytes
from tracer_etl.testing.kobo.state import stamp_time
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Json

REQUIRED = ("fields_from_all_versions", "group_sep", "hierarchy_in_labels", "lang", "multiple_select", "type")
CACHED = 300
"""Seconds a synchronous export is kept, whatever changes meanwhile."""
_SYSTEM = (
    "_id", "_uuid", "_submission_time", "_validation_status", "_notes", "_status", "_submitted_by",
    "__version__", "_tags", "meta/rootUuid",
)  # fmt: skip
_KINDS = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


def settings(call: Call) -> Reply:
    """List the saved settings."""
    asset = need_rows(call)
    return listing(call, asset.export_settings.values(), lambda saved: _setting(call, asset, saved))


def save(call: Call) -> Reply:
    """Save settings."""
    asset, body = need_rows(call), call.json()
    call.need("manage_asset")
    stated = _checked(asset, body.get("export_settings") or {})
    uid = call.world.uid("es")
    moment = stamp_time(call.world.tick())
    saved = {"uid": uid, "name": body.get("name", ""), "date_modified": moment, "export_settings": stated}
    asset.export_settings[uid] = saved
    made = _setting(call, asset, saved)
    return Reply.of_json(made, 201, Location=made["url"])


def setting(call: Call) -> Reply:
    """Give one of the saved settings."""
    asset = need_rows(call)
    return Reply.of_json(_setting(call, asset, _saved(call, asset)))


def synchronous(call: Call) -> Reply:
    """Redirect to a file, which is made again only once it is five minutes old."""
    asset = need_rows(call)
    saved = _saved(call, asset)
    kind, now = call.format, call.world.clock.timestamp()
    made = saved.get(f"made_{kind}")
    if made is None or now - made[0] >= CACHED:
        made = (now, _write(call, asset, kind, saved["export_settings"]["lang"]))
        saved[f"made_{kind}"] = made
    return Reply(302, b"", {"Location": made[1], "Content-Type": "text/html; charset=utf-8"})


def download(call: Call) -> Reply:
    """Give the file of an export."""
    kind, body = call.world.downloads.get(call.request.path, ("", b""))
    if not kind:
        raise Answer(page(404))
    name = call.request.path.rpartition("/")[2]
    vary = {"Vary": "origin, Accept-Language, Cookie"}
    named = {"Content-Disposition": f'inline; filename="{name}"'}
    return Reply(200, body, {"Content-Type": kind, **named, **vary})


def exports(call: Call) -> Reply:
    """List the asynchronous exports, newest first."""
    asset = need_rows(call)
    return listing(call, reversed(asset.exports.values()), lambda item: _export(call, asset, item))


def create(call: Call) -> Reply:
    """Begin an asynchronous export; it is complete at the first look."""
    asset, stated = need_rows(call), call.json()
    missing = [name for name in REQUIRED if name not in stated]
    if missing:
        *most, last = (f"'{name}'" for name in REQUIRED)
        text = f"Must contain all the following required keys: {', '.join(most)} and {last}"
        raise Answer(Reply.of_json({"data": [text]}, 400))
    _checked(asset, stated)
    item: Json = {"uid": call.world.uid("e"), "date_created": stamp_time(call.world.tick()), "stated": stated}
    shown = _export(call, asset, item)
    kind = "xlsx" if stated["type"] in ("xls", "xlsx") else "csv"
    item["result"] = call.world.url + _write(call, asset, kind, stated["lang"])
    asset.exports[item["uid"]] = item
    return Reply.of_json(shown, 201, Location=shown["url"])


def export(call: Call) -> Reply:
    """Give the state of an asynchronous export."""
    asset = need_rows(call)
    item = asset.exports.get(call.args["export"])
    if item is None:
        raise Answer(call.detail(NOT_FOUND, 404))
    return Reply.of_json(_export(call, asset, item))


def _checked(asset: Asset, stated: Json) -> Json:
    languages = [language for language in asset.newest.content["translations"] if language]
    allowed = [*languages, "_default", "_xml"]
    if stated.get("lang") not in allowed:
        *most, last = (f"'{name}'" for name in allowed)
        text = f"For this asset must be either {', '.join(most)} or {last}"
        raise Answer(Reply.of_json({"lang": [text]}, 400))
    return stated


def _saved(call: Call, asset: Asset) -> Json:
    saved = asset.export_settings.get(call.args["settings"])
    if saved is None:
        raise Answer(call.detail(NOT_FOUND, 404))
    return saved


def _setting(call: Call, asset: Asset, saved: Json) -> Json:
    path = f"/api/v2/assets/{asset.uid}/export-settings/{saved['uid']}/"
    links = {
        "url": call.link(path),
        "data_url_csv": call.link(f"{path}data.csv"),
        "data_url_xlsx": call.link(f"{path}data.xlsx"),
    }
    shown = {name: saved[name] for name in ("name", "date_modified", "export_settings")}
    return {"uid": saved["uid"], **links, **shown}


def _export(call: Call, asset: Asset, item: Json) -> Json:
    done = "result" in item
    last = stamp_time(asset.last_submission, whole=True) if asset.last_submission and done else None
    data = {**item["stated"], "source": f"{call.world.url}/api/v2/assets/{asset.uid}/", "name": None}
    return {
        "url": call.link(f"/api/v2/assets/{asset.uid}/exports/{item['uid']}/"),
        "status": "complete" if done else "created",
        "messages": {},
        "uid": item["uid"],
        "date_created": item["date_created"],
        "last_submission_time": last,
        "result": item.get("result"),
        "data": {**data, "processing_time_seconds": 0.1} if done else data,
    }


def _write(call: Call, asset: Asset, kind: str, language: str) -> str:
    moment = call.world.tick().strftime("%Y-%m-%d-%H-%M-%S-%f")
    shown = "False" if language == "_xml" else language.replace(" ", "_").replace("(", "").replace(")", "")
    name = f"{asset.name.replace(' ', '_')}_-_all_versions_-_{shown}_-_{moment}.{kind}"
    path = f"/private-media/{asset.owner}/exports/{asset.uid}/{name}".replace("(", "").replace(")", "")
    rows = [json.loads(row_bytes(call.world, asset, row)) for row in asset.visible()]
    call.world.downloads[path] = (_KINDS[kind], _csv(rows) if kind == "csv" else _xlsx(asset.name, rows))
    return path


def _flat(rows: list[Json]) -> list[Json]:
    kept = [
        {key: value for key, value in row.items() if not isinstance(value, list) and key not in _SYSTEM}
        for row in rows
    ]
    for number, (flat, row) in enumerate(zip(kept, rows, strict=True), 1):
        status = row["_validation_status"].get("uid", "")
        flat.update({name: row.get(name, "") for name in _SYSTEM} | {"_validation_status": status})
        flat.pop("_xform_id_string")
        flat["_index"] = number
    return kept


def _csv(rows: list[Json]) -> bytes:
    flat = _flat(rows)
    stream = io.StringIO()
    names = list(dict.fromkeys(key for row in flat for key in row))
    writer = csv.DictWriter(stream, names, restval="", delimiter=";", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(flat)
    return stream.getvalue().encode()


def _xlsx(name: str, rows: list[Json]) -> bytes:
    from openpyxl import Workbook

    sheets: dict[str, list[Json]] = {name: _flat(rows)}
    for number, row in enumerate(rows, 1):
        _repeats(sheets, row, name, number, row)
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, table in sheets.items():
        sheet = book.create_sheet(title if len(title) <= 31 else f"{title[:28]}...")  # noqa: PLR2004
        names = list(dict.fromkeys(key for row in table for key in row))
        sheet.append(names)
        for row in table:
            sheet.append([row.get(key) for key in names])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _repeats(sheets: dict[str, list[Json]], node: Json, parent: str, index: int, row: Json) -> None:
    for key, value in node.items():
        if isinstance(value, list) and key not in ("_attachments", "_geolocation"):
            table = sheets.setdefault(key.rpartition("/")[2], [])
            for instance in value:
                table.append(_instance(instance, len(table) + 1, parent, index, row))
                _repeats(sheets, instance, key.rpartition("/")[2], len(table), row)


def _instance(instance: Json, number: int, parent: str, index: int, row: Json) -> Json:
    cells: dict[str, Any] = {key: value for key, value in instance.items() if not isinstance(value, list)}
    cells |= {"_index": number, "_parent_table_name": parent, "_parent_index": index}
    system = {name: row.get(name) for name in _SYSTEM} | {"_validation_status": None}
    return {**cells, **{f"_submission_{name}": value for name, value in system.items()}}
