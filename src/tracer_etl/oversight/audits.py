"""Collect's audit.csv: how long each answer took, and what was changed after the interview had ended."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = dict[str, str]

_ENDED = ("end screen", "form finalize")


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts of one interview: answers timed, those entered fast, and those changed after the end."""

    answers: int
    fast: int
    changed_after: int

    @property
    def fast_share(self) -> float:
        """Give the share of fast answers, 0..1."""
        return self.fast / self.answers if self.answers else 0.0


def read_audit(text: str, seconds: float) -> Audit:
    r"""Read one audit.csv; an answer is fast where its screen took at most `seconds` per answer on it.

    Questions of one screen (a field-list) stand in the log with the same start and end. With tracked changes only
    questions that got a new value are answers. Times are ms since 1970. A row Collect could not end is left out.

    >>> audit = read_audit("event,node,start,end\nquestion,/a,0,1000\nquestion,/b,1000,9000\n", 2)
    >>> audit.answers, audit.fast
    (2, 1)
    """
    rows = list(csv.DictReader(io.StringIO(text)))
    tracked = bool(rows) and "new-value" in rows[0]
    screens: dict[tuple[int, int], int] = defaultdict(int)
    for row in _answers(rows, tracked=tracked):
        screens[int(row["start"]), int(row["end"])] += 1
    fast = sum(count for (start, end), count in screens.items() if end - start <= seconds * 1000 * count)
    return Audit(sum(screens.values()), fast, _changed_after(rows))


def _answers(rows: list[Row], *, tracked: bool) -> Iterator[Row]:
    for row in rows:
        timed = (row.get("start") or "").isdigit() and (row.get("end") or "").isdigit()
        if row.get("event") == "question" and timed and (row.get("new-value") or not tracked):
            yield row


def _changed_after(rows: list[Row]) -> int:
    """Count the answers that were other ones before the interview's end, and were changed after it."""
    ends = [row["start"] for row in rows if row.get("event") in _ENDED and (row.get("start") or "").isdigit()]
    if not ends:
        return 0
    end = min(map(int, ends))
    return sum(
        bool(row.get("old-value"))
        and int(row["start"]) > end
        and row.get("old-value") != row.get("new-value")
        for row in rows
        if row.get("event") == "question" and (row.get("start") or "").isdigit()
    )
