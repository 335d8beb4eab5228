"""Reading a KoboToolbox project: keyset pages, single rows, counts, the project history."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import Changed
from tracer_etl.servers.kobo_rows import Row, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracer_etl.servers.session import Session

PAGE_ROWS = 1_000
SWEEP_ROWS = 10_000
"""What is asked for; a server hands out what its own maximum allows, and that is what counts."""
ROWS_PER_FETCH = 200
"""Numbers that fit into one address with room to spare (nginx takes 8 KiB by default)."""
ROOTS_PER_FETCH = 60
HISTORY_ENTRIES = 1_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the project history: when (ISO 8601, whole seconds), what, and of which root uuid."""

    date: str
    action: str
    root: str

    @property
    def deletion(self) -> bool:
        """Tell whether the submission was deleted."""
        return self.action == "delete-submission"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a project stands: its versions oldest first as (uid, deployed_at), what this account may do."""

    name: str
    deployed: str
    draft: str
    active: bool
    count: int
    permissions: frozenset[str]
    versions: tuple[tuple[str, str], ...]
    content: Row
    asked_at: str

    @property
    def sees_all(self) -> bool:
        """Tell whether every submission is visible."""
        return "view_submissions" in self.permissions

    @property
    def sees_some(self) -> bool:
        """Tell whether only some rows are visible."""
        return not self.sees_all and "partial_submissions" in self.permissions

    @property
    def sees_history(self) -> bool:
        """Tell whether the project history is open to this account."""
        return self.sees_all and "manage_asset" in self.permissions


class Listing:
    """What one pull reads of one project; `pages` counts pages of rows, `longest` is what a page may hold."""

    def __init__(self, session: Session, uid: str, page: int | None = None) -> None:
        """Remember where to read."""
        self.session, self.base, self.page = session, f"/api/v2/assets/{uid}", page
        self.pages, self.longest = 0, PAGE_ROWS

    def standing(self) -> Standing:
        """Ask how the project stands.

        Raises:
            Refused: it is not visible to this account. Changed: the answer lacks something.
        """
        body = self.session.json(f"{self.base}/", {"format": "json"})
        clock = self.session.clock
        try:
            if body["deployed_versions"]["count"] > len(body["deployed_versions"]["results"]):
                body["deployed_versions"]["results"] = self._all_versions()
            return _standing(body, clock.astimezone(UTC).isoformat() if clock else "")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise self._unexpected(f"the project's description lacks {error}") from error

    def _all_versions(self) -> list[Row]:
        found: list[Row] = []
        while True:
            params = {"format": "json", "limit": "100", **({"start": str(len(found))} if found else {})}
            count, more = self._page(f"{self.base}/versions/", params)
            found += more
            if not more or len(found) >= count:
                return found

    def version(self, uid: str) -> Row:
        """Give the content of a version."""
        body = self.session.json(f"{self.base}/versions/{uid}/", {"format": "json"})
        content = body.get("content") if isinstance(body, dict) else None
        if not isinstance(content, dict):
            raise self._unexpected(f"version {uid} has no content")
        return content

    def rows(self, after: int, fields: Sequence[str] = ()) -> Iterator[list[Row]]:
        """Give the rows with a greater number, in order, page by page, however long the server's pages are.

        Raises:
            Changed: the server counts more than it hands out, or not in order.
        """
        while True:
            count, rows = self._ask({"_id": {"$gt": after}}, SWEEP_ROWS if fields else PAGE_ROWS, fields)
            self.pages += 1
            if 0 < len(rows) < count:
                self.longest = min(self.longest, len(rows))
            numbers = [after, *map(number_of, rows)]
            if any(one >= other for one, other in pairwise(numbers)):
                raise self._unexpected("submissions are not in the order asked for")
            yield rows
            if len(rows) >= count:
                return
            if not rows:
                raise self._unexpected(f"{count} submissions after number {after} are counted, none given")
            after = numbers[-1]

    def fetch(self, numbers: Iterable[int]) -> Iterator[Row]:
        """Give the rows with these numbers, as far as they are there.

        Raises:
            Changed: the server counts more than it hands out: what is not given may be there.
        """
        yield from self._among("_id", list(numbers), ROWS_PER_FETCH)

    def fetch_roots(self, roots: Iterable[str]) -> Iterator[Row]:
        """Give the rows with these root uuids, as far as they are there."""
        yield from self._among("meta/rootUuid", [f"uuid:{root}" for root in roots], ROOTS_PER_FETCH)

    def count(self) -> int:
        """Count the rows this account sees."""
        return self._ask({}, 1, ("_id",))[0]

    def history(self, since: str) -> list[Entry]:
        """Give the changes and deletions since a moment, newest first; an empty moment gives all.

        Reading by offset is safe here: what is new comes first and pushes the rest to later pages.
        """
        asked = "(action:modify-submission OR action:delete-submission)"
        query = f'{asked} AND date_created__gte:"{since}"' if since else asked
        entries: list[Entry] = []
        while True:
            count, found = self._history(query, len(entries), HISTORY_ENTRIES)
            entries += map(_entry, found)
            if not found or len(entries) >= count:
                return entries

    def newest_entry(self) -> str:
        """Give the date of the newest entry of any kind; empty when there is none."""
        found = self._history("", 0, 1)[1]
        return str(found[0].get("date_created") or "") if found else ""

    def _history(self, query: str, start: int, limit: int) -> tuple[int, list[Row]]:
        params = {"format": "json", "limit": str(limit)}
        params |= {"start": str(start)} if start else {}
        params |= {"q": query} if query else {}
        return self._page(f"{self.base}/history/", params)

    def _among(self, field: str, values: Sequence[Any], chunk: int) -> Iterator[Row]:
        for begin in range(0, len(values), chunk):
            query: dict[str, Row] = {field: {"$in": list(values[begin : begin + chunk])}}
            while True:
                count, rows = self._ask(query, chunk + 1)
                yield from rows
                if len(rows) >= count:
                    break
                if not rows:
                    raise self._unexpected(f"{count} submissions are counted, none given")
                query.setdefault("_id", {})["$gt"] = number_of(rows[-1])  # the server's pages are shorter

    def _ask(self, query: Row, limit: int, fields: Sequence[str] = ()) -> tuple[int, list[Row]]:
        params = {"sort": '{"_id":1}', "limit": str(min(limit, self.page or limit))}
        params |= {"query": json.dumps(query, separators=(",", ":"))} if query else {}
        params |= {"fields": json.dumps(fields, separators=(",", ":"))} if fields else {}
        return self._page(f"{self.base}/data.json", params)

    def _page(self, path: str, params: dict[str, str]) -> tuple[int, list[Row]]:
        body = self.session.json(path, params)
        match body:
            case {"count": int(count), "results": list(results)} if all(isinstance(r, dict) for r in results):
                return count, results
        raise self._unexpected(f"{path.removeprefix(self.base)} is no list of results")

    def _unexpected(self, what: str) -> Changed:
        remedy = "pull again; if it stays so, report it with the server's version"
        return Changed(what, where=f"{self.session.host} {self.base}", remedy=remedy)


def digest_of(entries: Iterable[Entry]) -> str:
    """Give a short text that differs when the entries differ, whatever their order."""
    lines = sorted(f"{entry.date} {entry.action} {entry.root}" for entry in entries)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=8).hexdigest() if lines else ""


def _entry(found: Row) -> Entry:
    submission = (found.get("metadata") or {}).get("submission") or {}
    root = str(submission.get("root_uuid") or "").removeprefix("uuid:")
    return Entry(str(found.get("date_created") or ""), str(found.get("action") or ""), root)


def _standing(body: Row, asked_at: str) -> Standing:
    versions = body["deployed_versions"]["results"]
    return Standing(
        name=str(body.get("name") or ""),
        deployed=str(body.get("deployed_version_id") or ""),
        draft=str(body.get("version_id") or ""),
        active=bool(body.get("deployment__active")),
        count=int(body.get("deployment__submission_count") or 0),
        permissions=frozenset(entry["codename"] for entry in body["effective_permissions"]),
        versions=tuple((one["uid"], one.get("date_deployed") or "") for one in reversed(versions)),
        content=body.get("content") or {},
        asked_at=asked_at,
    )


def hours_between(earlier: str, later: str) -> float:
    """Give the hours between two ISO 8601 moments; without one of them, for ever.

    >>> hours_between("2026-01-05T01:00:00+00:00", "2026-01-05T13:00:00Z")
    12.0
    """
    if not earlier or not later:
        return float("inf")
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds() / 3600
