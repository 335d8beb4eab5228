"""A record -> its lines on disk, and what of it decides whether it is news."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.records import Received, Tombstone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tracer_etl.records import Attachment

_DELETED = "deleted"


@dataclass(slots=True)
class Index:
    """What was landed last of every submission: content by key and revision, stamp by live key."""

    digests: dict[str, str]
    stamps: dict[str, str]

    def note(self, identity: str, digest: str, stamp: str = "") -> bool:
        """Take a record in; tell whether it is news."""
        key = identity.rpartition("#")[0]
        news = self.digests.get(identity) != digest
        self.digests[identity] = digest
        if digest == _DELETED:
            return self.stamps.pop(key, None) is not None
        news = news or self.stamps.get(key) != stamp
        self.stamps[key] = stamp
        return news


def leaf_paths(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Give the path of every leaf that holds something.

    >>> sorted(
    ...     leaf_paths({"today": "2026-01-05", "blank": "", "job/": [{"title": "barista"}, {"hours": "40"}]})
    ... )
    ['job/hours', 'job/title', 'today']
    """
    for name, value in data.items():
        if isinstance(value, list):
            for member in value:
                yield from leaf_paths(member, prefix + name)
        elif value.strip():
            yield prefix + name


def identity_of(item: Received | Tombstone) -> str:
    """Name what a later record of the same identity replaces."""
    return f"{item.key}#{item.revision if isinstance(item, Received) else 0}"


def digest_of(item: Received | Tombstone) -> str:
    """Digest content and state: an equal digest is no news."""
    if isinstance(item, Tombstone):
        return _DELETED
    names = "\0".join(f"{a.name}\0{_content(a)}\0{a.present}" for a in item.attachments)
    state = "\0".join((item.instance_id, item.submitted_at, item.review_state, str(item.revision), names))
    return hashlib.blake2b(item.raw + b"\0" + state.encode(), digest_size=16).hexdigest()


def _content(file: Attachment) -> str:
    return file.sha256 if file.content is None else hashlib.sha256(file.content).hexdigest()


def stamp_of(item: Received | Tombstone) -> str:
    """Give what a sweep of the server says of a submission."""
    return item.stamp if isinstance(item, Received) else ""


def key_line(envelope: Mapping[str, Any]) -> list[str]:
    """Give what the index needs of a record."""
    identity = f"{envelope['key']}#{envelope.get('revision', 0)}"
    return [identity, envelope["digest"], envelope.get("stamp", "")]


def raw_line(item: Received | Tombstone) -> dict[str, str]:
    """Keep the bytes as received, as text where they are UTF-8."""
    if isinstance(item, Tombstone):
        return {"key": item.key}
    try:
        return {"key": item.key, "raw": item.raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"key": item.key, "base64": base64.b64encode(item.raw).decode()}
