"""What the fake KoboToolbox holds in memory: users, projects, form versions, submissions, a clock."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tracer_etl.form import Form

Json = dict[str, Any]

PERMISSIONS = {
    "view_asset": "View form",
    "change_asset": "Edit form",
    "manage_asset": "Manage project",
    "add_submissions": "Add submissions",
    "view_submissions": "View submissions",
    "partial_submissions": {
        "default": "Act on submissions only from specific users",
        "view_submissions": "View submissions only from specific users",
        "change_submissions": "Edit submissions only from specific users",
        "delete_submissions": "Delete submissions only from specific users",
        "validate_submissions": "Validate submissions only from specific users",
    },
    "change_submissions": "Edit submissions",
    "delete_submissions": "Delete submissions",
    "validate_submissions": "Validate submissions",
}
"""What can be granted, with the label the server gives it, in the server's order."""
OWNED = frozenset(PERMISSIONS) - {"partial_submissions"} | {"delete_asset"}
_IMPLIED = {
    "manage_asset": OWNED - {"delete_asset"},
    "change_asset": {"view_asset"},
    "add_submissions": {"view_asset"},
    "view_submissions": {"view_asset"},
    "partial_submissions": {"view_asset"},
    "change_submissions": {"view_submissions", "view_asset"},
    "delete_submissions": {"view_submissions", "view_asset"},
    "validate_submissions": {"view_submissions", "view_asset"},
}
STATUSES = {
    "validation_status_approved": "Approved",
    "validation_status_not_approved": "Not Approved",
    "validation_status_on_hold": "On Hold",
}
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Truth:
    """One live submission as the server holds it, for a test to compare with."""

    xml: bytes = field(repr=False)
    instance_id: str
    root_uuid: str
    version: str
    review_state: str
    files: dict[str, bytes] = field(repr=False)
    missing: tuple[str, ...]
    submitted_at: str


@dataclass(slots=True)
class Grant:
    """What one user may do; `rows` or `filters` confine it to some submissions."""

    permissions: frozenset[str]
    rows: frozenset[int] | None = None
    filters: list[Json] | None = None
    uids: dict[str, str] = field(default_factory=dict)

    @property
    def partial(self) -> bool:
        """Tell whether only some rows are meant."""
        return self.rows is not None or self.filters is not None


@dataclass(slots=True)
class User:
    """An account; `grant` holds for every project unless the project has one of its own."""

    name: str
    password: str
    token: str
    uid: str
    joined: datetime
    grant: Grant = field(default_factory=lambda: Grant(frozenset()))


@dataclass(slots=True)
class Version:
    """One version of a form's content; `deployed` is None while it is a draft."""

    uid: str
    number: int
    title: str
    content: Json = field(repr=False)
    form: Form = field(repr=False)
    created: datetime
    content_hash: str
    deployed: datetime | None = None


@dataclass(slots=True)
class MediaFile:
    """A file that travels with a form."""

    uid: str
    name: str
    mimetype: str
    content: bytes = field(repr=False)
    user: str
    created: datetime
    description: str = "default"


@dataclass(slots=True)
class Attached:
    """A file of a submission."""

    uid: str
    name: str
    mimetype: str
    content: bytes = field(repr=False)
    folder: str
    deleted: bool = False


@dataclass(slots=True)
class Submission:
    """One row: the XML is the truth; `row` caches its JSON, `uuid` and `root` are without "uuid:"."""

    id: int
    xml: bytes = field(repr=False)
    uuid: str
    root: str
    created: datetime
    time: str
    user: str
    attachments: list[Attached] = field(default_factory=list)
    status: Json = field(default_factory=dict)
    row: bytes = field(default=b"", repr=False)

    @property
    def files(self) -> list[Attached]:
        """List the attachments as the server does: the deleted ones last."""
        return sorted(self.attachments, key=lambda item: item.deleted)


@dataclass
class Asset:
    """One project; `live` lists the ids of its visible submissions, `known` finds them by uuid and root."""

    uid: str
    number: int
    name: str
    owner: str
    created: datetime
    formhub: str
    modified: datetime
    versions: list[Version] = field(default_factory=list)
    current: Version | None = None
    active: bool = False
    submissions: dict[int, Submission] = field(default_factory=dict)
    live: list[int] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    permission_uids: dict[str, dict[str, str]] = field(default_factory=dict)
    files: list[MediaFile] = field(default_factory=list)
    history: list[Json] = field(default_factory=list)
    daily: dict[str, int] = field(default_factory=dict)
    last_submission: datetime | None = None
    sharing: Json = field(default_factory=dict)
    exports: dict[str, Json] = field(default_factory=dict)
    export_settings: dict[str, Json] = field(default_factory=dict)
    paired: dict[str, Json] = field(default_factory=dict)
    shape: Any = None

    @property
    def newest(self) -> Version:
        """Give the newest version, deployed or not."""
        return self.versions[-1]

    def deployed(self) -> list[Version]:
        """List the deployed versions, newest first."""
        return [version for version in reversed(self.versions) if version.deployed]

    def find(self, key: str) -> Submission | None:
        """Find a visible submission by `_id`, uuid or root uuid."""
        if key.isdigit():
            return self.submissions.get(int(key)) if self.is_live(int(key)) else None
        number = self.known.get(key.removeprefix("uuid:"))
        return None if number is None else self.submissions[number]

    def is_live(self, number: int) -> bool:
        """Tell whether a submission is visible."""
        at = bisect_left(self.live, number)
        return at < len(self.live) and self.live[at] == number

    def visible(self) -> Iterator[Submission]:
        """Give the visible submissions, `_id` ascending."""
        return (self.submissions[number] for number in self.live)

    def show(self, submission: Submission) -> None:
        """Make a submission visible."""
        self.submissions[submission.id] = submission
        insort(self.live, submission.id)
        self.known |= {submission.root: submission.id, submission.uuid: submission.id}

    def rename(self, submission: Submission, uuid: str) -> None:
        """Give a submission a new uuid; its root stays."""
        if submission.uuid != submission.root:
            del self.known[submission.uuid]
        submission.uuid = uuid
        self.known[uuid] = submission.id

    def drop(self, submission: Submission) -> None:
        """Remove a submission for good."""
        del self.submissions[submission.id]
        del self.live[bisect_left(self.live, submission.id)]
        for key in {submission.root, submission.uuid}:
            del self.known[key]


class World:
    """Everything the server knows; ids, uids and times are the same in every run."""

    def __init__(self, url: str, max_page: int) -> None:
        self.url, self.max_page = url, max_page
        self.clock = datetime(2026, 1, 5, 1, tzinfo=UTC)
        self.random = random.Random(20260105)  # noqa: S311 - uids must repeat, not be secret
        self.users: dict[str, User] = {}
        self.assets: dict[str, Asset] = {}
        self.imports: dict[str, Json] = {}
        self.downloads: dict[str, tuple[str, bytes]] = {}
        self.last_id = 0

    def tick(self, seconds: float = 0.01) -> datetime:
        """Move the clock and give the new time."""
        self.clock += timedelta(seconds=seconds)
        return self.clock

    def uid(self, prefix: str) -> str:
        """Make a uid: a prefix of one to three letters and 21 letters or digits."""
        return prefix + "".join(self.random.choices(_LETTERS, k=21))

    def uuid(self) -> str:
        """Make a UUID of version 4."""
        digits = f"{self.random.getrandbits(128):032x}"
        parts = (digits[:8], digits[8:12], "4" + digits[13:16], "a" + digits[17:20], digits[20:])
        return "-".join(parts)

    def next_id(self) -> int:
        """Take the next `_id`; the counter is shared by all projects."""
        self.last_id += 1
        return self.last_id

    def add_user(self, name: str, password: str = "") -> User:
        """Register an account."""
        token = f"{self.random.getrandbits(160):040x}"
        user = User(name, password or f"password of {name}", token, self.uid("u"), self.clock)
        self.users[name] = user
        return user

    @staticmethod
    def implied(permissions: Iterable[str]) -> set[str]:
        """Give permissions with all that come with them."""
        given = set(permissions)
        return given.union(*(_IMPLIED.get(name, set()) for name in given))

    def grant(self, user: User | None, asset: Asset) -> Grant:
        """Give what a user may do with a project, implied permissions included."""
        if user is None:
            return Grant(frozenset())
        if user.name == asset.owner:
            return Grant(OWNED)
        given = asset.grants.get(user.name, user.grant)
        implied = self.implied(given.permissions)
        if given.partial:
            implied.add("partial_submissions")
        return Grant(frozenset(implied), given.rows, given.filters)


def stamp_time(moment: datetime, *, whole: bool = False) -> str:
    """Write a time as the API does: UTC with Z, with microseconds unless whole seconds are asked for."""
    text = moment.strftime("%Y-%m-%dT%H:%M:%S" if whole else "%Y-%m-%dT%H:%M:%S.%f")
    return f"{text}Z"
