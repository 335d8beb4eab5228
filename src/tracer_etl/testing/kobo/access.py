"""Who may see which rows."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.kobo.call import NOT_FOUND, UNDEPLOYED, Answer
from tracer_etl.testing.kobo.query import fields_of, listed, lower_bound, matches, only_bound, sort_key
from tracer_etl.testing.kobo.rows import SYSTEM, row_bytes, system_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.testing.kobo.call import Call
    from tracer_etl.testing.kobo.state import Asset, Json, Submission


def need_rows(call: Call, permission: str = "view_submissions") -> Asset:
    """Give the project of the path to whoever may see at least some of its rows.

    Raises:
        Answer: 404 without that permission, 400 for a project that is not deployed.
    """
    asset = call.asset
    call.need(permission, status=404)
    if asset.current is None:
        raise Answer(call.detail(UNDEPLOYED, 400))
    return asset


def may_see(call: Call, submission: Submission, permission: str = "view_submissions") -> bool:
    """Tell whether the caller has a permission on one row."""
    grant = call.world.grant(call.user, call.asset)
    if permission not in grant.permissions:
        return False
    if grant.rows is not None:
        return submission.id in grant.rows
    if grant.filters is not None:
        row = _row(call, submission, needs_answers=True)
        return any(matches(row, condition) for condition in grant.filters)
    return True


def chosen(call: Call, query: Json, sort: Json) -> list[int]:
    """Give the `_id`s of the rows the caller may see that answer a query, sorted (default: ascending)."""
    asset = call.asset
    partial = call.world.grant(call.user, asset).partial
    numbers = _candidates(asset, query)
    if not only_bound(query):
        deep = not fields_of(query) <= set(SYSTEM)
        rows = (asset.submissions[number] for number in numbers)
        numbers = [row.id for row in rows if matches(_row(call, row, needs_answers=deep), query)]
    if partial:
        numbers = [number for number in numbers if may_see(call, asset.submissions[number])]
    return _sorted(call, numbers, sort)


def chosen_ids(call: Call, payload: Json) -> list[int]:
    """Give the rows a bulk payload names: `submission_ids`, a `query`, or all when `confirm` is set."""
    named = payload.get("submission_ids")
    if named is not None:
        return [int(number) for number in named]
    if "query" in payload or payload.get("confirm"):
        return chosen(call, payload.get("query") or {}, {})
    return []


def visible_row(call: Call) -> Submission:
    """Give the row of the path.

    Raises:
        Answer: 404.
    """
    need_rows(call)
    found = call.asset.find(call.args["row"])
    if found is None or not may_see(call, found):
        raise Answer(call.detail(NOT_FOUND, 404))
    return found


def _candidates(asset: Asset, query: Json) -> list[int]:
    """Give a few rows among which all answers to a query are, so that not every row is looked at."""
    ids = listed(query, "_id")
    if ids is not None:
        return sorted({number for number in ids if isinstance(number, int) and asset.is_live(number)})
    for field in ("meta/rootUuid", "_uuid"):
        uuids = listed(query, field)
        if uuids is not None:
            found = (asset.known.get(str(uuid).removeprefix("uuid:")) for uuid in uuids)
            return sorted({number for number in found if number is not None})
    return asset.live[bisect_right(asset.live, lower_bound(query)) :]


def _sorted(call: Call, numbers: list[int], sort: Json) -> list[int]:
    for name, direction in reversed(sort.items()):
        reverse = int(direction) < 0
        if name == "_id":
            numbers = sorted(numbers, reverse=reverse)
            continue
        held = {n: _row(call, call.asset.submissions[n], needs_answers=name not in SYSTEM) for n in numbers}
        numbers = sorted(numbers, key=_by(held, name), reverse=reverse)
    return numbers


def _by(held: dict[int, Mapping[str, Any]], name: str) -> Any:  # noqa: ANN401 - a key function
    return lambda number: sort_key(held[number], name)


def _row(call: Call, submission: Submission, *, needs_answers: bool) -> Mapping[str, Any]:
    if not needs_answers:
        return system_row(submission)
    row: Json = json.loads(row_bytes(call.world, call.asset, submission))
    return row
