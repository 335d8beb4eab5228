"""What travels between the stages; every stage meets the others only in these types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Severity = Literal["critical", "warning", "info"]
"""Great Expectations' own words: critical = reject, warning = quarantine (both set aside), info = warn."""

SETS_ASIDE: tuple[Severity, ...] = ("critical", "warning")

T = TypeVar("T")


class Progress(Protocol):
    """Wraps long work so that whoever runs it can show how far it is."""

    def __call__(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Yield the items unchanged."""
        ...


def silent(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """Show nothing: the default progress.

    >>> list(silent([1, 2], "pull"))
    [1, 2]
    """
    del label, total
    return items


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with a submission, held as bytes until landing has stored it by content."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """One submission as the server gave it, with the projection that SQL reads.

    `key` is the root identity that survives edits; `revision` counts edits where the source knows them
    (0 = first). `data` mirrors the nodes: a leaf is a string under its name, the instances of a node with
    children are a list under its name plus "/". `extra` holds (path, value) pairs that have no place in
    `data`. `error` says why nothing could be read; then `data` is empty and only `raw` speaks.
    """

    key: str
    instance_id: str
    raw: bytes = field(repr=False)
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)
    revision: int = 0
    form_version: str = ""
    submitted_at: str = ""
    review_state: str = ""
    extra: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A submission the server no longer has; `deleted_at` is ISO 8601 or empty when unknown."""

    key: str
    deleted_at: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a pull is complete: what the server counted and how many distinct keys came."""

    server_count: int
    distinct_keys: int
    pages: int
    remarks: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether nothing is missing."""
        return self.server_count == self.distinct_keys


class Pull(Protocol):
    """One pull under way: iterate it to its end, then read `proof` and `cursor`."""

    proof: Proof
    cursor: Mapping[str, Any]

    def __iter__(self) -> Iterator[Received | Tombstone]:
        """Yield submissions and tombstones in the order they are to be landed."""
        ...


class Source(Protocol):
    """Where submissions come from: a folder, KoboToolbox or ODK Central."""

    def pull(self, form_id: str, cursor: Mapping[str, Any]) -> Pull:
        """Begin a pull of one form from where the cursor of the last one stands."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one batch of one form; counts are submissions, `by_rule` counts violations."""

    form_id: str
    landed: int
    good: int
    set_aside: int
    warned: int
    by_rule: Mapping[str, int]
    not_evaluated: tuple[str, ...] = ()
