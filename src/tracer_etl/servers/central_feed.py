"""One pull from ODK Central: what changed, what vanished, and the proof that nothing is missing.

A filter over three dates finds what changed, and names the submissions that wait for files. A listing of all
submissions finds what no date tells: a restored submission, a cleared file, a purge. The filter reads some
minutes again each time, because a submission becomes visible when its upload ends, with the date of its
beginning.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tracer_etl.errors import Changed
from tracer_etl.records import Deployed, Proof, Received, Tombstone
from tracer_etl.servers.central_listing import Dates, Listing, listing
from tracer_etl.servers.central_rows import is_waiting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tracer_etl.records import Memory
    from tracer_etl.servers import Options
    from tracer_etl.servers.central_detail import Reader
    from tracer_etl.servers.central_form import CentralForm, Standing
    from tracer_etl.servers.central_rows import Row

PAGE = 2000
"""Submissions per page: each page costs the server about 0.2 s whatever its size."""
_ROUNDS = 3
_BY_ID = 200
"""More submissions than this are fetched by walking the whole table, fewer by their ids."""
_IDS = 40
"""Ids in one filter: the address stays below 4 kB."""
_FEW = 20
_SHARE = 0.2
"""More than both of these vanish at once only by mistake."""
_DATES = ("submissionDate", "updatedAt", "deletedAt")


class CentralPull:
    """One pull of one form; see `tracer_etl.records.Pull`."""

    def __init__(
        self, form: CentralForm, reader: Reader, memory: Memory, options: Options, *, sweep: bool
    ) -> None:
        """Prepare the pull; nothing is asked yet."""
        self.form, self.reader, self.memory, self.options = form, reader, memory, options
        self.origin = f"ODK Central {form.session.host} project {form.project}, form {form.form_id}"
        self.proof = Proof(0, 0, 0)
        self.cursor: Mapping[str, Any] = dict(memory.cursor)
        self.versions: tuple[Deployed, ...] = ()
        self._live = dict(memory.stamps)
        self._landed = len(self._live)
        self._buried: dict[str, str] = {}
        self._came: set[str] = set()
        self._unheard: set[str] = set()
        self._removed = 0
        self._watermark = str(memory.cursor.get("watermark", ""))
        self._begin_next = str(memory.cursor.get("since", ""))
        self._sweeping, self._swept = sweep, False
        self._count, self._pages = 0, 0
        self._missing: tuple[str, ...] = ()
        self._remarks: list[str] = []

    def __iter__(self) -> Iterator[Received | Tombstone]:
        """Yield what is new, then what is gone.

        Raises:
            Refused: this account does not see the form. Changed: the server contradicts itself, or more
            submissions vanished than vanish by intention. Unavailable: no answer after all tries.
        """
        standing = self._begin()
        yield from self._changes()
        yield from self._bury(self._buried)
        for _ in range(_ROUNDS):
            if self._sweeping:
                yield from self._sweep()
            else:
                self._count = self._counted()
            if self._settled():
                break
            self._doubt()
        self._conclude(standing)

    # -- beginning and end

    def _begin(self) -> Standing:
        standing, cursor = self.form.standing(), self.memory.cursor
        born = str(cursor.get("created_at") or standing.created_at)
        if born != standing.created_at:
            what = (
                f"the form was made on {born}, and again on {standing.created_at}: it was deleted in between"
            )
            remedy = "name a new [storage] landing, or restore the old form on the server"
            raise Changed(what, where=self.origin, remedy=remedy)
        if standing.hash != cursor.get("hash") or standing.version not in self.memory.versions:
            self.versions = self.form.deployed(self.memory.versions)
        self.reader.current = standing.version
        self._sweeping = self._sweeping or self._is_due()
        return standing

    def _is_due(self) -> bool:
        """Tell whether the last sweep is too long ago, or fetched less than is asked for now."""
        cursor, now = self.memory.cursor, self.form.session.clock
        if cursor.get("wants") != self.reader.wants() or not cursor.get("swept_at") or now is None:
            return True
        age = now - datetime.fromisoformat(cursor["swept_at"])
        return not timedelta(0) <= age < timedelta(hours=self.options.sweep_hours)

    def _settled(self) -> bool:
        return self._count == len(self._live) and not self._missing

    def _doubt(self) -> None:
        here = len(self._live)
        self._remarks.append(
            f"the server counted {self._count} submissions, {here} were landed: compared all"
        )
        self._sweeping = True

    def _conclude(self, standing: Standing) -> None:
        remarks = tuple(dict.fromkeys(self._remarks))
        self.proof = Proof(
            self._count, len(self._live), self._pages, remarks, self._missing, swept=self._swept
        )
        clock = self.form.session.clock
        swept = clock.isoformat() if clock and self._swept else self.memory.cursor.get("swept_at", "")
        self.cursor = {
            "watermark": self._watermark,
            "since": self._begin_next,
            "swept_at": swept,
            "hash": standing.hash,
            "created_at": standing.created_at,
            "wants": self.reader.wants() if self._swept else self.memory.cursor.get("wants", ""),
        }

    # -- what changed

    def _changes(self) -> Iterator[Received]:
        """Walk the changes since the watermark; everything when there is none."""
        first = True
        for page in self._walk(self._since()):
            if first:
                # What changes during the walk lies after the newest date of its first page.
                self._move(Dates.of(page["value"], _DATES))
                first = False
            for row in page["value"]:
                yield from self._take(row)

    def _since(self) -> dict[str, str]:
        begin = str(self.memory.cursor.get("since", ""))
        if not begin:
            return {}
        conditions = [f"__system/{date} ge {begin}" for date in _DATES]
        # A file that arrives late changes no date, so submissions that wait for one are asked for by name.
        conditions += _ids([key for key, stamp in self._live.items() if is_waiting(stamp)][-_IDS:])
        return {"$filter": " or ".join(conditions)}

    def _move(self, dates: Dates) -> None:
        """Move the watermark, and with it where the next pull begins: minutes before, but after a rush less."""
        self._watermark = max(self._watermark, dates.newest)
        if self._watermark:
            begin = datetime.fromisoformat(self._watermark) - timedelta(minutes=self.options.overlap_minutes)
            text = begin.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{begin.microsecond // 1000:03d}Z"
            self._begin_next = max(text, dates.floor)

    def _take(self, row: Row) -> Iterator[Received]:
        """Yield a submission if it is news; a deleted one is remembered."""
        key, system = row["__id"], row["__system"]
        if system.get("deletedAt"):
            self._buried[key] = system["deletedAt"]
            return
        if not self.reader.is_news(self._live.get(key), system):
            return
        found = self.reader.read(row)
        if found is not None:
            self._learn(found)
            self._live[key] = found.stamp
            self._came.add(key)
            yield found

    def _learn(self, found: Received) -> None:
        """Fetch the form version of a submission that came in while it was being published."""
        known = {*self.memory.versions, *(one.label for one in self.versions), *self._unheard}
        if not found.error and found.form_version not in known:
            self._unheard.add(found.form_version)
            self.versions = (*self.versions, *self.form.deployed(known))

    # -- what vanished

    def _bury(self, dates: Mapping[str, str]) -> Iterator[Tombstone]:
        """Yield tombstones for landed submissions.

        Raises:
            Changed: too many vanish at once.
        """
        gone = [key for key in dates if key in self._live]
        self._removed += len(gone)
        limit = max(_FEW, _SHARE * self._landed)
        if self._removed > limit and not self.options.accept_deletions:
            what = f"{self._removed} of {self._landed} landed submissions are gone from the server"
            remedy = "ask who deleted them; if it is right, pull once with --accept-deletions"
            raise Changed(what, where=self.origin, remedy=remedy)
        for key in gone:
            del self._live[key]
            yield Tombstone(key, dates[key])

    # -- the sweep

    def _sweep(self) -> Iterator[Received | Tombstone]:
        """Compare every submission; the listing is one answer, so one moment of the server."""
        listed = self._listed()
        gone = [key for key in self._live if key not in listed.keys]
        if gone:
            dates = self._deletions()
            yield from self._bury({key: dates.get(key, "") for key in gone})
        self._came.clear()
        if listed.news:
            yield from self._fetch(listed.news)
        self._missing = tuple(sorted((listed.keys - self._live.keys()) | (listed.news - self._came)))
        self._count, self._swept = len(listed.keys), True
        self._move(listed.dates)

    def _is_news(self, row: Row) -> bool:
        return self.reader.is_news(self._live.get(row["__id"]), row["__system"])

    def _listed(self) -> Listing:
        self._pages += 1
        listed = listing(self.form.session, self.form.table, self._is_news)
        if len(listed.keys) != listed.count:
            what = f"a listing of {len(listed.keys)} submissions, counted as {listed.count}"
            raise Changed(what, where=self.origin, remedy="pull again; nothing was taken for deleted")
        return listed

    def _deletions(self) -> dict[str, str]:
        """Ask when submissions were deleted; a purged one is not in the answer."""
        params = {"$filter": "__system/deletedAt ne null", "$select": "__id,__system"}
        rows = self._page(self.form.table, params)["value"]
        return {row["__id"]: row["__system"]["deletedAt"] for row in rows}

    def _fetch(self, keys: set[str]) -> Iterator[Received]:
        """Fetch chosen submissions: a few by id, many by walking the table."""
        queries: list[dict[str, str]] = [{}]
        if len(keys) <= _BY_ID:
            ordered = sorted(keys)
            parts = [_ids(ordered[start : start + _IDS]) for start in range(0, len(ordered), _IDS)]
            queries = [{"$filter": " or ".join(part)} for part in parts]
        for query in queries:
            for page in self._walk(query):
                for row in page["value"]:
                    if row["__id"] in keys:
                        yield from self._take(row)

    # -- pages

    def _counted(self) -> int:
        count = self._page(self.form.table, {"$top": "0", "$count": "true"}).get("@odata.count")
        if not isinstance(count, int):
            raise self._strange("no count")
        return count

    def _walk(self, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Give the pages of a table; fewer rows than the server counted leave a doubt.

        A page after one whose last row was purged is empty and looks like the end: only the count tells.
        """
        size = str(self.options.page or PAGE)
        page = self._page(self.form.table, {**query, "$expand": "*", "$top": size, "$count": "true"})
        count, seen = page.get("@odata.count"), {row["__id"] for row in page["value"]}
        yield page
        followed: set[str] = set()
        while link := page.get("@odata.nextLink"):
            if link in followed:
                raise self._strange("pages that go in a circle")
            followed.add(link)
            page = self._page(self._own(link))
            seen.update(row["__id"] for row in page["value"])
            yield page
        if len(seen) < (count or 0):
            self._remarks.append(f"pages ended after {len(seen)} of {count} submissions: compared all")
            self._sweeping = True

    def _own(self, link: str) -> str:
        """Put a link on the configured address: its host is the one the server believes to have.

        Raises:
            Changed: it leads elsewhere than to the next page.
        """
        path = self.form.session.here(link)
        if urlsplit(path).path != self.form.table:
            raise self._strange(f"a next page at {urlsplit(path).path}")
        return path

    def _page(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        self._pages += 1
        page = self.form.session.json(path, params)
        if not isinstance(page, dict) or not isinstance(page.get("value"), list):
            raise self._strange("no list of submissions")
        return page

    def _strange(self, what: str) -> Changed:
        return Changed(
            f"the server answers with {what}", where=self.origin, remedy="pull again, or report it"
        )


def _ids(keys: Collection[str]) -> list[str]:
    quoted = [key.replace("'", "''") for key in keys]
    return [f"__id eq '{key}'" for key in quoted]
