"""One pull of a KoboToolbox project: new rows, what the history names, a sweep where it is due, and the proof.

Numbers (`_id`) are given out when a submission begins to come in and become visible when it is complete, so
rows may appear behind the highest number seen: the last minutes are read again each time. No time of the
server tells of edits; the project history does where this account may read it, and a sweep of all numbers,
uuids, reviews and files does where it may not. Nothing is called deleted unless it is gone from a listing
that agrees with the server's own count, and from a direct question, for an account whose rights did not change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.errors import Changed, Refused
from tracer_etl.records import Proof, Tombstone
from tracer_etl.servers import kobo_rows
from tracer_etl.servers.kobo_files import Files
from tracer_etl.servers.kobo_listing import Listing, Standing, digest_of, hours_between
from tracer_etl.servers.kobo_marks import Tail, earlier, history_mark
from tracer_etl.servers.kobo_rows import SWEPT_FIELDS, Row, covers, number_of, stamp_of
from tracer_etl.servers.kobo_versions import Versions, learn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.records import Deployed, Memory, Received
    from tracer_etl.servers import Options
    from tracer_etl.servers.kobo_listing import Entry
    from tracer_etl.servers.session import Session

ROUNDS = 3
FEW, SHARE = 20, 0.2
"""Deletions believed without being asked: at most 20 submissions, or one fifth of the landed ones."""


class KoboPull:
    """One pull; iterate it to its end, then read `proof`, `cursor` and `versions`."""

    def __init__(
        self,
        session: Session,
        uid: str,
        form_id: str,
        memory: Memory,
        options: Options,
        *,
        sweep: bool = False,
    ) -> None:
        """Prepare the pull; nothing is asked yet."""
        self.uid, self.form_id, self.memory, self.options, self.sweep = uid, form_id, memory, options, sweep
        self.listing = Listing(session, uid, options.page)
        self.files = Files(session, memory, self.listing.base, options)
        self.origin = f"KoboToolbox {session.host} project {uid}"
        self.proof = Proof(0, 0, 0)
        self.cursor: Mapping[str, Any] = {}
        self.versions: tuple[Deployed, ...] = ()
        self._before = dict(memory.cursor)
        self._known = dict(memory.stamps)
        self._fresh = not self._known
        self._rights: frozenset[str] | None = None
        self._tail = Tail(options.overlap_minutes)
        self._unlisted = int(self._before.get("unlisted", 0))
        self._visible: int | None = None
        self._unseen: set[str] = set()
        self._missing: set[str] = set()
        self._swept_at = str(self._before.get("swept_at", ""))
        self._swept = False
        self._entries: list[Entry] = []
        self._remarks: list[str] = []

    def __iter__(self) -> Iterator[Received | Tombstone]:
        """Yield what changed.

        Raises:
            Refused: this account may not, or may no longer, see all submissions. Unavailable: no answer.
            Changed: the answers contradict each other, or too much vanished at once.
        """
        self._standing = self._ask()
        self._learn_restriction()
        learned = learn(self.listing, self._standing, self.form_id, self.memory.versions, self._before)
        self.versions = learned.new
        self.files.paths.update(learned.paths)
        window = self._window()
        yield from self._new_rows()
        yield from self._named_by_history()
        yield from self._reconcile()
        self._conclude(window, learned)

    # -- who asks, and for what

    def _ask(self) -> Standing:
        """Ask how the project stands.

        Raises:
            Refused: not visible, not deployed, or without the right to see submissions.
        """
        try:
            standing = self.listing.standing()
        except Refused as error:
            if not self._known:
                raise
            raise self._refusal(error.what, "ask the project's owner to give the right back") from error
        if not standing.deployed:
            raise self._refusal("the project is not deployed", "deploy it")
        if not (standing.sees_all or standing.sees_some):
            raise self._refusal("this account may not see submissions", "ask for the right view_submissions")
        if self._rights not in (None, standing.permissions):
            raise self._refusal("this account's rights changed during the pull", "pull again")
        self._rights = standing.permissions
        return standing

    def _learn_restriction(self) -> None:
        """Take notice of an account that sees some rows only.

        Raises:
            Refused: it saw all of them before, or the project counts more than it sees.
        """
        if not self._standing.sees_some:
            return
        self._visible = self.listing.count()
        landed = len(self._known)
        if self._standing.count > self._visible or (landed and self._before.get("partial") is False):
            what = (
                f"row-level permission: {self._visible} submissions are visible, the project counts "
                f"{self._standing.count}, landed are {landed}"
            )
            raise self._refusal(what, "ask for view_submissions on all rows")
        self._remarks.append(
            "this account has a row-level permission: deletions cannot be told from rows it may not see"
        )

    def _refusal(self, what: str, remedy: str) -> Refused:
        landed = len(self._known)
        kept = f"; the {landed} landed submissions stay as they are" if landed else ""
        return Refused(what, where=self.origin, remedy=remedy + kept)

    # -- candidates of change

    def _new_rows(self) -> Iterator[Received]:
        """Yield what lies behind the overlap, as far as it is not landed."""
        highest = max(map(int, self._known), default=0)
        after = int(self._before.get("after", highest))
        self._tail.begin(after)
        for page in self.listing.rows(after):
            for row in page:
                self._tail.note(row, self.listing.longest)
                if not covers(self._held(row), stamp_of(row), self.files.marks(row)):
                    yield self._take(row)

    def _named_by_history(self) -> Iterator[Received | Tombstone]:
        """Yield what the project history says was changed or deleted."""
        before = self._before.get("history")
        if not self._standing.sees_history or not before:
            return
        self._entries = self.listing.history(before["since"])
        if digest_of(self._entries) == before["seen"]:
            return
        by_root: dict[str, list[str]] = {}
        for key, stamp in self._known.items():
            by_root.setdefault(kobo_rows.root_of(stamp), []).append(key)
        named = {entry.root: entry for entry in self._entries}
        unknown = [root for root in named if root not in by_root]
        for row in self.listing.fetch_roots(r for r in unknown if not named[r].deletion):
            yield self._take(row)
        keys = {key: root for root in named for key in by_root.get(root, ())}
        got = set()
        for row in self.listing.fetch(int(key) for key in keys):
            got.add(str(number_of(row)))
            yield self._take(row)
        deleted = {entry.root: entry.date for entry in self._entries if entry.deletion}
        gone = {key: deleted[root] for key, root in keys.items() if key not in got and root in deleted}
        yield from self._bury(gone)

    def _held(self, row: Row) -> str | None:
        return self._known.get(str(number_of(row)))

    def _take(self, row: Row) -> Received:
        taken = self.files.received(row)
        self._known[taken.key] = taken.stamp
        return taken

    # -- the listing of everything

    def _reconcile(self) -> Iterator[Received | Tombstone]:
        """Compare counts, and sweep until they agree, at most three times."""
        due = self._sweep_is_due()
        if self.listing.pages > 1:
            self._standing = self._ask()  # a long listing: much may have happened since the count
        for _ in range(ROUNDS):
            if not due and self._agrees():
                break
            due = False
            yield from self._sweep_once()
        if self._fresh and self._agrees():
            self._settle()

    def _sweep_is_due(self) -> bool:
        if self._fresh:
            return False
        before, now = self._before, self._standing.asked_at
        return (
            self.sweep
            or not self._standing.sees_history
            or "history" not in before
            or not 0 <= hours_between(self._swept_at, now) < self.options.sweep_hours
            or (self.options.media and not before.get("media"))
            or (self.files.key is not None and not before.get("key"))
        )

    def _expected(self) -> int:
        """Give how many submissions must be landed."""
        return self._standing.count - self._unlisted if self._visible is None else self._visible

    def _landed(self) -> int:
        return len(self._known) - len(self._unseen)

    def _agrees(self) -> bool:
        """Tell whether as many are landed as the server counts; what came meanwhile is asked once more."""
        if self._landed() == self._expected() and not self._missing:
            return True
        self._standing = self._ask()
        if self._visible is not None:
            self._visible = self.listing.count()
        return self._landed() == self._expected() and not self._missing

    def _sweep_once(self) -> Iterator[Received | Tombstone]:
        """List number, uuid, review and files of everything; yield what differs, bury what is gone."""
        listed: set[str] = set()
        self._missing.clear()
        for page in self.listing.rows(0, SWEPT_FIELDS):
            listed |= {str(number_of(row)) for row in page}
            wanted = {
                number_of(row)
                for row in page
                if not covers(self._held(row), stamp_of(row), self.files.marks(row))
            }
            for row in self.listing.fetch(sorted(wanted)):
                wanted.discard(number_of(row))
                yield self._take(row)
            self._missing |= {str(number) for number in wanted}
        vanished = [key for key in self._known if key not in listed]
        if not self._is_whole(len(listed), vanished):
            return
        yield from self._bury(dict.fromkeys(vanished, ""))
        if len(listed) == self._landed() and not self._missing:
            self._settle()

    def _settle(self) -> None:
        self._swept, self._swept_at = True, self._standing.asked_at

    def _is_whole(self, listed: int, vanished: list[str]) -> bool:
        """Tell whether a listing holds all that this account may see.

        Raises:
            Refused: the project counts more than it lists, and submissions are gone.
        """
        if listed == self._expected() and not vanished:
            return True
        self._standing = self._ask()
        if self._visible is None and listed == self._standing.count - self._unlisted:
            return True
        shown = self.listing.count()
        if self._visible is not None:
            self._visible = shown
        if shown != listed:
            self._remarks.append(f"{listed} submissions were listed, then {shown} counted: listed again")
            return False
        if self._visible is None:
            self._accept(self._standing.count, shown, vanished)
        return True

    def _accept(self, counted: int, shown: int, vanished: list[str]) -> None:
        """Live with a project count that differs from what is shown, when it is small and nothing vanished."""
        off = counted - shown
        if off > 0 and (vanished or off > max(FEW, SHARE * counted)):
            what = f"the project counts {counted} submissions, this account is shown {shown}"
            raise self._refusal(what, "ask for view_submissions on all rows, or pull again")
        self._unlisted = off
        if off:
            why = "large ones may be on their way" if off > 0 else "its count lags behind"
            self._remarks.append(f"the project counts {counted} submissions, {shown} are shown: {why}")

    # -- deletions

    def _bury(self, gone: Mapping[str, str]) -> Iterator[Received | Tombstone]:
        """Yield tombstones for what is gone, if it can be believed; gone as key -> when, or empty."""
        if not gone:
            return
        left = dict(gone)
        for row in self.listing.fetch(int(key) for key in gone):
            left.pop(str(number_of(row)), None)
            yield self._take(row)
        self._standing = self._ask()
        if self._standing.sees_some:
            self._unseen.update(left)
            self._remarks.append(f"{len(left)} landed submissions are not shown to this account now; kept")
            return
        self._believe(len(left))
        for key, deleted_at in left.items():
            del self._known[key]
            yield Tombstone(key, deleted_at)

    def _believe(self, gone: int) -> None:
        landed = len(self._known)
        if gone > max(FEW, SHARE * landed) and not self.options.accept_deletions:
            what = f"{gone} of {landed} landed submissions vanished at once"
            remedy = "if they were deleted, pull with --accept-deletions"
            raise Changed(what, where=self.origin, remedy=remedy)

    # -- the end

    def _window(self) -> dict[str, str]:
        """Note where the history stands before anything is listed, for a next pull to go on from."""
        if not self._standing.sees_history:
            return {}
        if self._before.get("history"):
            return dict(self._before["history"])
        since = earlier(self.listing.newest_entry(), self.options.overlap_minutes)
        return history_mark(self.listing.history(since), since, self.options.overlap_minutes)

    def _conclude(self, window: dict[str, str], learned: Versions) -> None:
        if not self._standing.active:
            self._remarks.append("the project is archived: it takes no new submissions")
        if self._standing.draft != self._standing.deployed:
            self._remarks.append("the project has changes that are not deployed")
        remarks = (*self._remarks, *self.files.remarks, *learned.remarks())
        self.proof = Proof(
            self._expected(),
            self._landed(),
            self.listing.pages,
            remarks,
            tuple(sorted(self._missing)),
            swept=self._swept,
        )
        if self._entries:
            window = history_mark(self._entries, window["since"], self.options.overlap_minutes)
        self.cursor = {
            "asset": self.uid,
            "after": self._tail.after,
            "swept_at": self._swept_at,
            "partial": self._standing.sees_some,
            "media": self.options.media,
            "key": self.files.key is not None,
            "media_paths": sorted(self.files.paths),
            "refused": dict(learned.refused),
            "unlisted": self._unlisted,
            **({"history": window} if window else {}),
        }
