"""What a Central server knows: projects, forms with their versions, submissions with theirs."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.central.answers import moment, not_found
from tracer_etl.testing.central.datasets import Dataset
from tracer_etl.testing.central.people import Actor, People

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracer_etl.testing.central.schema import Schema


@dataclass(frozen=True, slots=True)
class Truth:
    """What a client must end up with for one submission."""

    xml: bytes
    instance_id: str
    root_uuid: str
    version: str
    review_state: str
    files: dict[str, bytes]
    missing: tuple[str, ...]
    submitted_at: str


@dataclass(slots=True)
class Attachment:
    """A file that travels with a form; a dataset stands in when no content was uploaded."""

    name: str
    kind: str
    content: bytes | None = None
    dataset: str = ""
    updated_at: datetime | None = None


@dataclass(slots=True)
class Edition:
    """One version of a form."""

    xform: bytes
    schema: Schema
    created_at: datetime
    media: dict[str, Attachment]
    excel: bool = True
    version: str = ""
    published_at: datetime | None = None
    draft_token: str | None = None


@dataclass(slots=True)
class Version:
    """One version of a submission; a file that is expected but not here has the content None."""

    number: int
    xml: bytes
    instance_id: str
    name: str | None
    form_version: str
    submitter: Actor
    created_at: datetime
    device: str | None
    agent: str | None
    files: dict[str, bytes | None]
    encrypted: bool = False


@dataclass(slots=True, eq=False)
class Submission:
    """One submission, oldest version first; `event` numbers its last logged event."""

    key: str
    number: int
    versions: list[Version]
    event: int = 0
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    review_state: str | None = None
    comments: list[dict[str, Any]] = field(default_factory=list)
    cache: dict[Any, Any] = field(default_factory=dict)

    @property
    def first(self) -> Version:
        """Give the version that was sent first."""
        return self.versions[0]

    @property
    def current(self) -> Version:
        """Give the latest version."""
        return self.versions[-1]

    @property
    def rank(self) -> tuple[float, int]:
        """Sort newest first."""
        return (-self.first.created_at.timestamp(), -self.number)

    @property
    def status(self) -> str | None:
        """Tell what became of an encrypted submission."""
        if not self.current.encrypted:
            return None
        sealed = self.current.files.get("submission.xml.enc")
        return "missingEncryptedFormData" if sealed is None else "notDecrypted"


@dataclass(eq=False)
class Form:
    """A form with its published versions, oldest first, and its submissions, newest first."""

    project: int
    xml_id: str
    creator: Actor
    created_at: datetime
    actee_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "open"
    updated_at: datetime | None = None
    editions: list[Edition] = field(default_factory=list)
    draft: Edition | None = None
    rows: list[Submission] = field(default_factory=list)
    by_key: dict[str, Submission] = field(default_factory=dict)
    by_instance: dict[str, Submission] = field(default_factory=dict)
    number: int = 1
    assigned: set[int] = field(default_factory=set)
    """App users who may fill the form in."""
    serial: int = 0
    """Grows with every change, so that caches know their age."""
    selections: dict[Any, tuple[int, list[Submission]]] = field(default_factory=dict)

    @property
    def current(self) -> Edition:
        """Give the published version; a form that has none yet shows its draft."""
        if self.editions:
            return self.editions[-1]
        if self.draft is None:
            raise not_found()
        return self.draft

    def edition(self, version: str) -> Edition:
        """Find a published version; the latest of a name wins.

        Raises:
            Problem: 404.1.
        """
        for edition in reversed(self.editions):
            if edition.version == version:
                return edition
        raise not_found()

    def insert(self, submission: Submission) -> None:
        """Let a submission become visible at its place in time."""
        bisect.insort(self.rows, submission, key=lambda row: row.rank)
        self.by_key[submission.key] = submission
        for version in submission.versions:
            self.by_instance[version.instance_id] = submission
        self.serial += 1

    def live(self, key: str) -> Submission:
        """Find a submission that is not deleted.

        Raises:
            Problem: 404.1.
        """
        found = self.by_key.get(key)
        if found is None or found.deleted_at:
            raise not_found()
        return found

    def touch(self, submission: Submission) -> None:
        """Forget what was rendered of a submission."""
        submission.cache.clear()
        self.serial += 1


@dataclass(eq=False)
class Project:
    """A project."""

    number: int
    name: str
    created_at: datetime
    forms: dict[str, Form] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    actee_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def publish_datasets(self, schema: Schema, now: datetime) -> None:
        """Make the dataset and the properties that a published form saves to."""
        if schema.entity is None:
            return
        name = schema.entity.get("dataset", "")
        dataset = self.datasets.setdefault(name, Dataset(self.number, name, now))
        for node in schema.fields:
            if node.save_to:
                dataset.properties.setdefault(node.save_to, now)
        for edition in (edition for each in self.forms.values() for edition in each.editions):
            if (item := edition.media.get(f"{name}.csv")) and item.content is None:
                item.dataset = name

    def listed(self) -> dict[str, Any]:
        """Give the JSON of a project."""
        return {
            "id": self.number,
            "name": self.name,
            "acteeId": self.actee_id,
            "createdAt": moment(self.created_at),
            **dict.fromkeys(("updatedAt", "deletedAt", "archived", "keyId", "description")),
        }


@dataclass(slots=True)
class Pending:
    """A submission whose transaction has not ended: it has its date, and nobody sees it yet."""

    key: str
    action: Callable[[], None]

    def commit(self) -> None:
        """Let the row become visible."""
        self.action()


class State:
    """Everything a server holds; `clock` only moves with writes and `advance`."""

    def __init__(self, domain: str) -> None:
        """Begin with one project and no users."""
        self.domain = domain.rstrip("/")
        self.clock = datetime(2026, 1, 5, 1, tzinfo=UTC)
        self.people = People(lambda: self.clock)
        self.projects: dict[int, Project] = {}
        self.audits: list[dict[str, Any]] = []
        self.backlog: list[tuple[Form, Submission, Version]] = []
        self.numbers = itertools.count(1)
        self.version_numbers = itertools.count(1)
        self._blobs: dict[bytes, int] = {}
        self.events = itertools.count(1)
        self.entity_numbers = itertools.count(1)
        self.feed_entities: Callable[[Form, Submission, Version], None] = self._put_off
        self.add_project("Study")

    def _put_off(self, form: Form, submission: Submission, version: Version) -> None:
        self.backlog.append((form, submission, version))

    def tick(self) -> datetime:
        """Move the clock by 10 ms, for a write."""
        self.clock += timedelta(milliseconds=10)
        return self.clock

    def add_project(self, name: str) -> Project:
        """Add a project."""
        number = len(self.projects) + 1
        self.projects[number] = Project(number, name, self.clock)
        return self.projects[number]

    def project(self, number: str) -> Project:
        """Find a project.

        Raises:
            Problem: 404.1.
        """
        found = self.projects.get(int(number)) if number.isdigit() else None
        if found is None:
            raise not_found()
        return found

    def form(self, project: str, xml_id: str) -> Form:
        """Find a form.

        Raises:
            Problem: 404.1.
        """
        found = self.project(project).forms.get(xml_id)
        if found is None:
            raise not_found()
        return found

    def blob(self, content: bytes | None) -> int:
        """Give the number of some content; equal content has one number, none has 0."""
        if content is None:
            return 0
        return self._blobs.setdefault(hashlib.sha256(content).digest(), len(self._blobs) + 1)

    def log(
        self,
        actor: Actor | None,
        action: str,
        actee_id: str | None,
        details: Any,  # noqa: ANN401 - JSON
        notes: str | None = None,
    ) -> None:
        """Add a row to the audit log."""
        row = {
            "actorId": actor.number if actor else None,
            "action": action,
            "acteeId": actee_id,
            "details": details,
            "loggedAt": moment(self.clock),
            "notes": notes,
        }
        self.audits.append(row)


def event_tag(rows: list[Submission]) -> str:
    """Make the entity tag of a selection of submissions: a hash of their last events."""
    if not rows:
        return 'W/"eventhash:00000000000000000000000000000000"'
    digest = hashlib.md5(",".join([str(row.event) for row in rows]).encode())  # noqa: S324 - as Central does
    return f'W/"eventhash:{digest.hexdigest()}"'
