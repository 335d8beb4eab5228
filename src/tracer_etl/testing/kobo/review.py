"""The data endpoints that write: validation status, bulk edit and delete, duplicates, attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.testing.kobo import change
from tracer_etl.testing.kobo.access import chosen_ids, may_see, need_rows, visible_row
from tracer_etl.testing.kobo.call import FORBIDDEN, NOT_FOUND, Answer
from tracer_etl.testing.kobo.rows import row_bytes
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Json, Submission

_STATUS = "validation_status.uid"


def set_status(call: Call) -> Reply:
    """Set the status of one row."""
    found = _one(call, "validate_submissions")
    _review(call, [found], str(call.json().get(_STATUS, "")))
    return Reply.of_json(found.status)


def clear_status(call: Call) -> Reply:
    """Clear the status of one row."""
    _review(call, [_one(call, "validate_submissions")], "")
    return Reply(204)


def set_statuses(call: Call) -> Reply:
    """Set the status of many rows; ids nobody knows are passed over."""
    payload = _payload(call)
    return _updated(
        _review(call, _many(call, payload, "validate_submissions"), str(payload.get(_STATUS, "")))
    )


def clear_statuses(call: Call) -> Reply:
    """Clear the status of many rows."""
    return _updated(_review(call, _many(call, _payload(call), "validate_submissions"), ""))


def bulk_edit(call: Call) -> Reply:
    """Set values in many rows; known ids are edited, unknown ones passed over, unless all are."""
    payload = _payload(call)
    found = _many(call, payload, "change_submissions")
    if not found:
        return Reply.of_json(["No submissions match the given `submission_ids`"], 400)
    user = call.user.name if call.user else ""
    for row in found:
        change.bulk_edit(call.world, call.asset, row, payload.get("data", {}), user)
    results = [
        {"uuid": row.uuid, "root_uuid": row.root, "status_code": 201, "message": "Successful submission"}
        for row in found
    ]
    return Reply.of_json({"count": len(found), "successes": len(found), "failures": 0, "results": results})


def bulk_delete(call: Call) -> Reply:
    """Delete many rows, or none when one of them is unknown."""
    payload = _payload(call)
    found = _many(call, payload, "delete_submissions")
    if not found or len(found) < len(set(payload.get("submission_ids") or [])):
        raise Answer(call.detail("One or more submission ids are invalid", 400))
    for row in found:
        change.delete(call.world, call.asset, row, call.user.name if call.user else "")
    return call.detail(f"{len(found)} submissions have been deleted", 200)


def delete(call: Call) -> Reply:
    """Delete one row."""
    found = _one(call, "delete_submissions")
    change.delete(call.world, call.asset, found, call.user.name if call.user else "")
    return Reply(204)


def duplicate(call: Call) -> Reply:
    """Copy one row."""
    found = _one(call, "change_submissions")
    made = change.duplicate(call.world, call.asset, found, call.user.name if call.user else "")
    return Reply(201, row_bytes(call.world, call.asset, made), {"Content-Type": "application/json"})


def delete_attachment(call: Call) -> Reply:
    """Delete one attachment, addressed without its row."""
    asset, uid = need_rows(call), call.args["attachment"]
    call.need("delete_submissions")
    for row in asset.visible():
        if any(item.uid == uid and not item.deleted for item in row.attachments):
            change.clear(call.world, asset, row, uid)
            return Reply(204, b"", {"Content-Type": "application/json"})
    raise Answer(call.detail(NOT_FOUND, 404))


def _review(call: Call, found: list[Submission], status: str) -> int:
    try:
        for row in found:
            change.review(call.world, call.asset, row, status, call.user.name if call.user else "")
    except ValueError as error:
        raise Answer(call.detail(str(error), 400)) from error
    return len(found)


def _updated(count: int) -> Reply:
    return Reply.of_json({"detail": f"{count} submissions have been updated"})


def _one(call: Call, permission: str) -> Submission:
    found = visible_row(call)
    if not may_see(call, found, permission):
        raise Answer(call.detail(FORBIDDEN, 403))
    return found


def _many(call: Call, payload: Json, permission: str) -> list[Submission]:
    asset = need_rows(call)
    call.need(permission)
    numbers = [number for number in chosen_ids(call, payload) if asset.is_live(number)]
    rows = [asset.submissions[number] for number in dict.fromkeys(numbers)]
    if not all(may_see(call, row, permission) for row in rows):
        raise Answer(call.detail(FORBIDDEN, 403))
    return rows


def _payload(call: Call) -> Json:
    payload = call.json().get("payload")
    if not isinstance(payload, dict):
        raise Answer(Reply.of_json({"payload": ["This field is required."]}, 400))
    return payload
