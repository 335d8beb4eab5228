"""Where a next pull of a KoboToolbox project goes on: the last minutes of rows and of the history."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracer_etl.servers.kobo_listing import digest_of
from tracer_etl.servers.kobo_rows import number_of, submitted_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.servers.kobo_listing import Entry
    from tracer_etl.servers.kobo_rows import Row

LARGE_WINDOW = 500
"""Rows or entries read again each time: after a mass of them no later pull shall be dear."""


class Tail:
    """The last minutes of a listing: `after` is the number behind which a next pull reads again."""

    def __init__(self, minutes: float) -> None:
        """Remember how many minutes are read again."""
        self.minutes, self.after, self._newest = minutes, 0, ""
        self._rows: deque[tuple[int, str]] = deque()

    def begin(self, after: int) -> None:
        """Start behind a number."""
        self.after = after

    def note(self, row: Row, page: int) -> None:
        """See the next row, from pages of so many rows; numbers ascend, times need not."""
        time = submitted_at(row)
        self._newest = max(self._newest, time)
        self._rows.append((number_of(row), time))
        oldest = earlier(self._newest, self.minutes)
        most = min(page, LARGE_WINDOW)
        while self._rows and (self._rows[0][1] < oldest or len(self._rows) > most):
            self.after = self._rows.popleft()[0]


def history_mark(entries: Sequence[Entry], since: str, minutes: float) -> dict[str, str]:
    """Say from when on the history is read again, and what is known of it there.

    `entries` are all since `since`; without any it stays where it is.
    """
    if not entries:
        return {"since": since, "seen": ""}
    newest = max(entry.date for entry in entries)
    start = max(since, earlier(newest, minutes))
    inside = [entry for entry in entries if entry.date >= start]
    if len(inside) > LARGE_WINDOW:
        start, inside = newest, [entry for entry in entries if entry.date >= newest]
    return {"since": start, "seen": digest_of(inside)}


def earlier(moment: str, minutes: float) -> str:
    """Go back some minutes in the server's own way of writing; what is no moment stays.

    >>> earlier("2026-11-24T05:53:05Z", 10)
    '2026-11-24T05:43:05Z'
    """
    try:
        before = datetime.fromisoformat(moment) - timedelta(minutes=minutes)
    except ValueError:
        return moment
    written = before.isoformat(timespec="seconds")
    return written.replace("+00:00", "Z") if moment.endswith("Z") else written
