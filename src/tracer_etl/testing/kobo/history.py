"""The project history: one entry per change, and per reading of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.testing.kobo.call import listing, page
from tracer_etl.testing.kobo.search import finder
from tracer_etl.testing.kobo.state import stamp_time
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Json, Submission, World


def note(world: World, asset: Asset, user: str, action: str, submission: Json | None = None) -> None:
    """Write down who did what, to which submission."""
    entry: Json = {"username": user, "action": action, "date_created": stamp_time(world.clock, whole=True)}
    if submission is not None:
        entry["metadata"] = {"submission": submission}
    asset.history.append(entry)


def note_row(
    world: World, asset: Asset, user: str, action: str, row: Submission, status: str | None = None
) -> None:
    """Write down a change of one submission; a change of status says which."""
    about: Json = {} if status is None else {"status": status}
    about.update(root_uuid=row.root, submitted_by=row.user or "AnonymousUser")
    note(world, asset, user, action, about)


def history(call: Call) -> Reply:
    """List the entries, newest first; malformed dates in `q` are an HTML page with status 500."""
    call.need("manage_asset")
    entries = reversed(call.asset.history)
    query = call.request.param("q")
    if not query:
        return listing(call, entries, lambda entry: _entry(call, entry))
    try:
        test = finder(query)
    except ValueError:
        return page(500)
    return listing(call, filter(test, entries), lambda entry: _entry(call, entry))


def actions(call: Call) -> Reply:
    """List the kinds of entry that occur."""
    call.need("manage_asset")
    return Reply.of_json({"actions": list(dict.fromkeys(entry["action"] for entry in call.asset.history))})


def _entry(call: Call, entry: Json) -> Json:
    name = entry["username"]
    user = call.world.users.get(name)
    return {
        "user": call.link(f"/api/v2/users/{name}/"),
        "user_uid": user.uid if user else None,
        "username": name,
        "action": entry["action"],
        "metadata": {
            "source": "Python Requests (Other)",
            "asset_uid": call.asset.uid,
            "ip_address": "127.0.0.1",
            **entry.get("metadata", {}),
            "log_subtype": "project",
            "project_owner": call.asset.owner,
        },
        "date_created": entry["date_created"],
    }
