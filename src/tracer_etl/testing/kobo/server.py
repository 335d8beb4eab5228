"""A KoboToolbox server that behaves as kpi 2.026.30 was recorded to behave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from tracer_etl.safe_xml import local_name, parse
from tracer_etl.testing.kobo import change, publish
from tracer_etl.testing.kobo.call import Answer, Call, authenticate
from tracer_etl.testing.kobo.content import version_label
from tracer_etl.testing.kobo.routes import answer
from tracer_etl.testing.kobo.rows import head, media_names
from tracer_etl.testing.kobo.state import Grant, Truth, World
from tracer_etl.testing.loopback import Loopback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from tracer_etl.testing.kobo.change import Pending
    from tracer_etl.testing.kobo.state import Asset, Submission, Version
    from tracer_etl.testing.loopback import Reply, Request


class FakeKobo(Loopback):
    """One account `owner` whose token is `token`; forms are asset uids, keys are `_id`s as text.

    `max_page` is the most rows one page holds, whatever `limit` asks for.
    """

    def __init__(self, *, owner: str = "owner", max_page: int = 1000) -> None:
        """Bind a free port; serving begins with the `with` block."""
        super().__init__()
        self.world = World(self.url, max_page)
        self.owner = owner
        self.password = f"password of {owner}"
        self.token = self.world.add_user(owner, self.password).token

    def handle(self, request: Request) -> Reply:
        """Answer one request."""
        call = Call(self.world, request, None)
        try:
            call.user = authenticate(self.world, request)
        except Answer as refused:
            return answer(call, refused.reply)
        return answer(call)

    # -- time and people

    @property
    def clock(self) -> datetime:
        """Give the server's time (UTC); every write moves it by 10 ms."""
        return self.world.clock

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self.lock:
            self.world.tick(seconds)

    def add_user(self, name: str, permissions: Iterable[str] = (), *, password: str = "") -> str:
        """Add an account with permissions on every project; give its token."""
        with self.lock:
            user = self.world.add_user(name, password)
            user.grant = Grant(frozenset(permissions))
            return user.token

    def set_permissions(
        self,
        name: str,
        permissions: Iterable[str],
        rows: Iterable[int | str] | None = None,
        *,
        form: str = "",
    ) -> None:
        """Change what an account may do, on every project or on one, on all rows or on those of some `_id`s."""
        ids = None if rows is None else frozenset(int(row) for row in rows)
        with self.lock:
            grant = Grant(frozenset(permissions), ids)
            if form:
                self.world.assets[form].grants[name] = grant
                return
            self.world.users[name].grant = grant
            for asset in self.world.assets.values():
                asset.grants.pop(name, None)

    # -- forms

    def publish(
        self, workbook: Path, media: Path | None = None, *, form: str = "", deploy: bool = True
    ) -> str:
        """Make the next version of the project with this XLSForm id (or of `form`), or a new project.

        Files that the form's lists name are taken from `media` (default: the workbook's folder).

        Raises:
            FormError: the workbook does not compile.
        """
        with self.lock:
            known = self.world.assets[form] if form else None
            asset = publish.add_version(self.world, known, workbook, self.owner, same_form=True)
            publish.add_media(self.world, asset, media or workbook.parent)
            if deploy:
                publish.deploy(self.world, asset, self.owner)
            return asset.uid

    def archive(self, form: str, *, active: bool = False) -> None:
        """Close a project for submissions, or open it again."""
        with self.lock:
            publish.archive(self.world, self.world.assets[form], self.owner, active=active)

    def stamp(self, form: str, xml: bytes, *, version: str | None = None) -> bytes:
        """Make an XML what Collect would send of the deployed form, or of the version with that uid.

        The root element and its id become the asset uid; formhub/uuid and __version__ are put in.
        """
        asset = self.world.assets[form]
        chosen = _version(asset, version)
        root = parse(xml)
        prefix = str(root.tag)[: -len(local_name(root))]
        root.tag = prefix + form
        root.set("id", form)
        root.set("version", version_label(chosen) if chosen else str(version))
        for child in [c for c in root if local_name(c) in ("formhub", "__version__")]:
            root.remove(child)
        hub = etree.Element(f"{prefix}formhub")
        hub.append(etree.Element(f"{prefix}uuid"))
        hub[0].text = asset.formhub
        root.insert(0, hub)
        mark = etree.Element(f"{prefix}__version__")
        mark.text = chosen.uid if chosen else version
        at = next((i for i, child in enumerate(root) if local_name(child) == "meta"), len(root))
        root.insert(at, mark)
        return etree.tostring(root, xml_declaration=True, encoding="utf-8")

    # -- submissions

    def submit(
        self, form: str, xml: bytes, files: Mapping[str, bytes] | None = None, *, user: str | None = None
    ) -> str:
        """Take a submission in, stored as sent; give its `_id` (of the known one for a repetition).

        Raises:
            ValueError: the server would refuse it (`status` says how).
        """
        with self.lock:
            return self._receive(form, xml, files or {}, user, late=False).key

    def begin(
        self, form: str, xml: bytes, files: Mapping[str, bytes] | None = None, *, user: str | None = None
    ) -> Pending:
        """Take a submission in whose row becomes visible at `commit()` only."""
        with self.lock:
            pending = self._receive(form, xml, files or {}, user, late=True)
            show = pending.commit

            def locked() -> None:
                with self.lock:
                    show()

            return change.Pending(pending.key, locked)

    def bulk(self, form: str, xmls: Iterable[bytes]) -> list[str]:
        """Take many submissions in; give their `_id`s."""
        return [self.submit(form, xml) for xml in xmls]

    def edit(self, form: str, key: str, xml: bytes) -> None:
        """Edit a submission; the XML's deprecatedID is the current instanceID.

        Raises:
            ValueError: it is not, or it is that of another row.
        """
        with self.lock:
            row = self._row(form, key)
            if head(xml).deprecated != row.uuid:
                message = f"deprecatedID is not uuid:{row.uuid}"
                raise ValueError(message)
            change.edit(self.world, self.world.assets[form], xml, self.owner)

    def attach(self, form: str, key: str, name: str, content: bytes) -> None:
        """Let a file of a submission arrive late."""
        with self.lock:
            change.attach(self.world, self.world.assets[form], self._row(form, key), name, content)

    def clear(self, form: str, key: str, name: str) -> None:
        """Delete one attachment.

        Raises:
            KeyError: there is none of that name.
        """
        with self.lock:
            row = self._row(form, key)
            uids = [item.uid for item in row.attachments if item.name == name and not item.deleted]
            if not uids:
                raise KeyError(name)
            change.clear(self.world, self.world.assets[form], row, uids[0])

    def review(self, form: str, key: str, state: str) -> None:
        """Set the validation status to a uid, or clear it with "".

        Raises:
            ValueError: an unknown uid.
        """
        with self.lock:
            change.review(self.world, self.world.assets[form], self._row(form, key), state, self.owner)

    def delete(self, form: str, key: str) -> None:
        """Delete a submission."""
        with self.lock:
            change.delete(self.world, self.world.assets[form], self._row(form, key), self.owner)

    def duplicate(self, form: str, key: str) -> str:
        """Copy a submission; give the `_id` of the copy."""
        with self.lock:
            row = self._row(form, key)
            return str(change.duplicate(self.world, self.world.assets[form], row, self.owner).id)

    def resync(self, form: str) -> None:
        """Render all rows again from the database, as an administrator's re-sync does."""
        with self.lock:
            change.resync(self.world, self.world.assets[form])

    def truth(self, form: str) -> dict[str, Truth]:
        """Give the live submissions by `_id`."""
        with self.lock:
            asset = self.world.assets[form]
            return {str(row.id): _truth(asset, row) for row in asset.visible()}

    def _receive(
        self, form: str, xml: bytes, files: Mapping[str, bytes], user: str | None, *, late: bool
    ) -> Pending:
        asset, who = self.world.assets[form], self.owner if user is None else user
        return change.receive(self.world, asset, xml, files, who, late=late)[0]

    def _row(self, form: str, key: str) -> Submission:
        asset = self.world.assets[form]
        if not asset.is_live(int(key)):
            raise KeyError(key)
        return asset.submissions[int(key)]


def _version(asset: Asset, uid: str | None) -> Version | None:
    if uid is None:
        return asset.current
    return next((version for version in asset.versions if version.uid == uid), None)


def _truth(asset: Asset, row: Submission) -> Truth:
    held = {item.name: item.content for item in row.attachments if not item.deleted}
    wanted = media_names(asset, row.xml)
    return Truth(
        xml=row.xml,
        instance_id=f"uuid:{row.uuid}",
        root_uuid=f"uuid:{row.root}",
        version=head(row.xml).version,
        review_state=row.status.get("uid", ""),
        files=held,
        missing=tuple(name for name in wanted if name not in held),
        submitted_at=row.time,
    )
