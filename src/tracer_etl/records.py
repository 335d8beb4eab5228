"""What travels between the stages; every stage meets the others only in these types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

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
    """A file of a submission: held as bytes, already kept by content (`sha256`), or only announced.

    `present` is False where the server still waits for the file, or has deleted it. `tag` is the server's
    own mark of the content (an ETag), so that an unchanged file is not fetched twice.
    """

    name: str
    content: bytes | None = field(default=None, repr=False)
    sha256: str = ""
    size: int | None = None
    present: bool = True
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """One submission as the server gave it, with the projection that SQL reads.

    `key` is the root identity that survives edits; `revision` counts edits where the source hands out all of
    them (0 = first); a server that shows only the present state leaves it at 0, and landing order decides.
    `data` mirrors the nodes: a leaf is a string under its name, the instances of a node with children are a
    list under its name plus "/". `extra` holds (path, value) pairs that have no place in `data`. `stamp` is
    what a sweep of the server says about the submission: another stamp means fetch it again. `error` says
    why nothing could be read; then `data` is empty and only `raw` speaks.
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
    stamp: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A submission the server no longer has; `deleted_at` is ISO 8601 or empty when unknown."""

    key: str
    deleted_at: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """Why a pull is complete: what the server counted, how many distinct live keys are landed now.

    `missing` names keys the server listed and did not hand out. `swept` tells whether every submission the
    server has was compared, not only what it says has changed. `remarks` are for a person: drift that was
    seen and how it was resolved.
    """

    server_count: int
    distinct_keys: int
    pages: int
    remarks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    swept: bool = False

    @property
    def complete(self) -> bool:
        """Tell whether nothing is missing."""
        return self.server_count == self.distinct_keys and not self.missing


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version of a form as the server has it: `file_name` tells by its ending what `content` is."""

    label: str
    deployed_at: str
    file_name: str
    content: bytes = field(repr=False)


class Memory(Protocol):
    """What is already landed of a form; a pull asks it what is new, and puts files into it."""

    @property
    def cursor(self) -> Mapping[str, Any]:
        """Give where the last complete pull stood; empty before the first."""
        ...

    @property
    def stamps(self) -> Mapping[str, str]:
        """Map the key of every live submission to the stamp of its newest landed record."""
        ...

    @property
    def versions(self) -> tuple[str, ...]:
        """List the labels of the deployed form versions kept already."""
        ...

    def find(self, uid: str) -> Attachment | None:
        """Find a file by the server's identity of it."""
        ...

    def keep(self, uid: str, name: str, pieces: Iterable[bytes], tag: str = "") -> Attachment:
        """Store a file by content, durably, and remember it under the server's identity of it."""
        ...


class Pull(Protocol):
    """One pull under way: iterate it to its end, then read `proof`, `cursor` and `versions`.

    `origin` names the server and form: submissions of two origins never mix in one landing. `versions` are
    the deployed form versions the memory did not have.
    """

    origin: str
    proof: Proof
    cursor: Mapping[str, Any]
    versions: tuple[Deployed, ...]

    def __iter__(self) -> Iterator[Received | Tombstone]:
        """Yield submissions and tombstones in the order they are to be landed."""
        ...


class Source(Protocol):
    """Where submissions come from: a folder, KoboToolbox or ODK Central."""

    def pull(self, form_id: str, memory: Memory, *, sweep: bool = False) -> Pull:
        """Begin a pull of one form; `sweep` compares every submission even when nothing asks for it."""
        ...


class EntityList(Protocol):
    """An entity list as CSV, one row per living entity; `etag` marks its content."""

    @property
    def content(self) -> bytes:
        """Give the CSV."""
        ...

    @property
    def etag(self) -> str:
        """Give the server's mark of the content."""
        ...

    @property
    def count(self) -> int:
        """Count the entities."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """Tell what a person should know, such as conflicts."""
        ...


@runtime_checkable
class EntitySource(Protocol):
    """A source that keeps entity lists beside submissions: ODK Central."""

    def entity_list(self, name: str, known_etag: str = "") -> EntityList | None:
        """Fetch a list; None when it is still what `known_etag` marks."""
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
