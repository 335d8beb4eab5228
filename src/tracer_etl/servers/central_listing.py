"""ODK Central's table of all submissions, read as it comes: memory for one row, not for all."""

from __future__ import annotations

import codecs
import heapq
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracer_etl.servers.central_rows import Row
    from tracer_etl.servers.session import Session

RUSH = 1000
"""Rows that are read again at most each time, however many came in the minutes of the overlap."""
_TRIES = 3
_HEAD = re.compile(r'"value"\s*:\s*\[')
_HEAD_LENGTH = 1000
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(slots=True)
class Dates:
    """The newest dates of some rows: `newest`, and `floor`, the oldest of the last 1000."""

    newest: str = ""
    floor: str = ""

    @classmethod
    def of(cls, rows: Iterable[Row], names: tuple[str, ...]) -> Dates:
        """Take of each row the newest of some dates of its `__system`."""
        dates = (max(row["__system"].get(name) or "" for name in names) for row in rows)
        found = heapq.nlargest(RUSH, dates)
        return cls(found[0] if found else "", found[-1] if len(found) == RUSH else "")


@dataclass(slots=True)
class Listing:
    """What a listing told: all keys, those that are news, how many the server counted."""

    keys: set[str] = field(default_factory=set)
    news: set[str] = field(default_factory=set)
    dates: Dates = field(default_factory=Dates)
    count: int | None = None


def listing(session: Session, path: str, is_news: Callable[[Row], bool]) -> Listing:
    """List every submission in one answer, which is one moment of the server.

    Raises:
        Unavailable: the answer never came whole.
    """
    for _ in range(_TRIES - 1):
        try:
            return _listing(session, path, is_news)
        except Unavailable:
            continue  # broken off in the midst: nothing of it is used
    return _listing(session, path, is_news)


def _listing(session: Session, path: str, is_news: Callable[[Row], bool]) -> Listing:
    found = Listing()
    reader = _Reader(session.stream(path, {"$select": "__id,__system", "$count": "true"}))
    found.dates = Dates.of(_noted(reader, found, is_news), ("submissionDate", "updatedAt"))
    found.count = reader.footer.get("@odata.count")
    return found


def _noted(rows: Iterable[Row], found: Listing, is_news: Callable[[Row], bool]) -> Iterator[Row]:
    for row in rows:
        found.keys.add(row["__id"])
        if is_news(row):
            found.news.add(row["__id"])
        yield row


class _Reader:
    """Reads the rows of an OData answer out of its pieces; `footer` is what stands behind them."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = pieces
        self.footer: dict[str, Any] = {}

    def __iter__(self) -> Iterator[Row]:
        scan, text, began = json.JSONDecoder().raw_decode, "", False
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        for piece in self.pieces:
            text += decode(piece)
            if not began:
                began, text = _begun(text)
            position = 0
            while began and text.startswith("{", begin := _skip(text, position)):
                try:
                    row, position = scan(text, begin)
                except ValueError:
                    break  # the rest of the row is in the next piece
                yield row
            text = text[position:]
        self.footer = _footer(text)


def _begun(text: str) -> tuple[bool, str]:
    found = _HEAD.search(text)
    if not found and len(text) > _HEAD_LENGTH:
        raise _broken("a list of submissions that is none")
    return bool(found), text[found.end() :] if found else text


def _skip(text: str, position: int) -> int:
    between = _BETWEEN.match(text, position)
    return between.end() if between else position


def _footer(text: str) -> dict[str, Any]:
    rest = text.strip()
    try:
        found = json.loads("{" + rest[1:].lstrip(", ")) if rest.startswith("]") else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _broken("a list of submissions that ends in the midst")
    return found


def _broken(what: str) -> Unavailable:
    return Unavailable(what, where="ODK Central", remedy="try again later; what is landed stays")
