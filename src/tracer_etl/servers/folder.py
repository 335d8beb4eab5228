"""A folder, or zips in it, laid out as ODK Collect, Briefcase and Central's backups lay them out.

Every `*.xml` beside which nothing else is claimed is one submission; the files in its own folder that its
XML names are its attachments. A folder with `<form_id>.csv` is an export of Central. Nothing is ever unpacked
to disk, so no member can escape.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import Refused, SubmissionError, Unavailable
from tracer_etl.records import Attachment, Proof, Received
from tracer_etl.servers import Options, central_csv, decryption
from tracer_etl.servers.openrosa import content_key, deprecated_id, form_of, received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tracer_etl.records import Deployed, Memory
    from tracer_etl.schema import Schema

_MEMBER_LIMIT = 200_000_000
"""A member that unpacks to more bytes is refused: no phone sends one, a zip bomb does."""


class FolderSource:
    """Submissions of many forms under one folder."""

    def __init__(
        self, path: Path, options: Options | None = None, forms: Callable[[str], Schema] | None = None
    ) -> None:
        """Remember the folder, the key that opens encrypted submissions, and what compiles a form.

        Only Central's CSV exports need the form.

        Raises:
            Refused: there is no such folder.
        """
        if not path.is_dir():
            raise Refused(
                "there is no such folder", where=str(path), remedy="check [server] path in study.toml"
            )
        self.path, self.options, self.forms = path, options or Options(), forms

    def pull(self, form_id: str, memory: Memory, *, sweep: bool = False) -> FolderPull:
        """Read everything again; landing keeps only what is new."""
        del memory, sweep  # a folder is always read whole
        return FolderPull(self.path, form_id, self.options, self.forms)


class FolderPull:
    """One pass over the folder: originals before their edits, so the newest comes last."""

    def __init__(
        self, path: Path, form_id: str, options: Options, forms: Callable[[str], Schema] | None = None
    ) -> None:
        """Prepare the pass; nothing is read yet."""
        self.path, self.form_id, self.options, self.forms = path, form_id, options, forms
        self.proof = Proof(0, 0, 0)
        self.cursor: Mapping[str, Any] = {}
        self.origin = "a folder"
        self.versions: tuple[Deployed, ...] = ()

    def __iter__(self) -> Iterator[Received]:
        """Yield the form's submissions and whatever under its name cannot be read.

        Raises:
            Refused: an archive is damaged, or names a member outside itself; a CSV export cannot be read.
        """
        places = dict(self._places())
        found = [one for place, files in places.items() for one in self._submissions(place, files)]
        found += [one for place, files in places.items() for one in self._exported(place, files, places)]
        ordered = _resolve(found)
        keys = {one.key for one in ordered}
        unreadable = tuple(one.error for one in ordered if one.error)
        self.proof = Proof(len(keys), len(keys), 1, unreadable, swept=True)
        yield from ordered

    def _places(self) -> Iterator[tuple[str, dict[str, bytes]]]:
        """Give each folder of files, in name order, with its files' bytes."""
        for archive in sorted(self.path.glob("*.zip")):
            yield from _grouped(_zip_members(archive), archive.name)
        loose = {
            str(file.relative_to(self.path).as_posix()): file.read_bytes()
            for file in sorted(self.path.rglob("*"))
            if file.is_file() and file.suffix != ".zip"
        }
        yield from _grouped(loose, self.path.name)

    def _submissions(self, place: str, files: dict[str, bytes]) -> Iterator[Received]:
        names = sorted(name for name in files if name.lower().endswith(".xml"))
        for name in names:
            raw = files[name]
            form = form_of(raw)
            if form != self.form_id and (form or not self._is_ours(place)):
                continue
            others = {other: body for other, body in files.items() if other not in names}
            sent = [Attachment(n, b) for n, b in others.items() if n.encode() in raw or len(names) == 1]
            where = f"{place}/{name}"
            found = received(raw, where=where, fallback_key=content_key(raw), attachments=sent)
            yield self._opened(found, where) if decryption.is_encrypted(raw) else found

    def _exported(
        self, place: str, files: dict[str, bytes], places: Mapping[str, dict[str, bytes]]
    ) -> Iterator[Received]:
        tables = central_csv.tables_of(files, self.form_id)
        if tables and self.forms:
            media = places.get(f"{place}/media", {})
            yield from central_csv.rows(tables, media, self.forms(self.form_id), place)

    def _opened(self, sealed: Received, where: str) -> Received:
        """Open an encrypted submission; one that stays shut says why."""
        files = {file.name: file.content or b"" for file in sealed.attachments}
        try:
            plain = decryption.decrypt(sealed.raw, files, self._opener(where))
        except SubmissionError as error:
            return replace(sealed, data={}, extra=(), error=str(error))
        kept = [Attachment(name, content) for name, content in plain.files.items()]
        opened = received(
            plain.xml, where=where, fallback_key=sealed.key, attachments=[*sealed.attachments, *kept]
        )
        return replace(opened, raw=sealed.raw)

    def _opener(self, where: str) -> decryption.PrivateKey:
        if self._key is None:
            remedy = "give the private key of the form's public_key ([server] private_key)"
            raise SubmissionError("encrypted", where=where, remedy=remedy)
        return self._key

    @cached_property
    def _key(self) -> decryption.PrivateKey | None:
        key = self.options.private_key
        return decryption.read_private_key(key, self.options.passphrase) if key else None

    def _is_ours(self, place: str) -> bool:
        """Tell whether an unreadable file lies under this form's name: someone must hear of it."""
        return self.form_id in PurePosixPath(place).parts or place.split("/", 1)[0] == f"{self.form_id}.zip"


def _zip_members(archive: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(archive) as content:
            infos = [info for info in content.infolist() if not info.is_dir()]
            for info in infos:
                _check(archive, info)
            return {info.filename: content.read(info) for info in infos}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        remedy = "copy it again; nothing of it was landed"
        raise Refused(f"damaged archive ({error})", where=archive.name, remedy=remedy) from error
    except OSError as error:
        raise Unavailable(
            f"cannot be read ({error.strerror})", where=archive.name, remedy="try again"
        ) from error


def _check(archive: Path, info: zipfile.ZipInfo) -> None:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        what = f"member {info.filename!r} points outside the archive"
        raise Refused(what, where=archive.name, remedy="ask who made it; nothing of it was landed")
    if info.file_size > _MEMBER_LIMIT:
        what = f"member {info.filename!r} unpacks to {info.file_size} bytes"
        raise Refused(what, where=archive.name, remedy="ask who made it; nothing of it was landed")


def _grouped(files: dict[str, bytes], place: str) -> Iterator[tuple[str, dict[str, bytes]]]:
    folders: dict[str, dict[str, bytes]] = {}
    for name, body in files.items():
        folder, _, base = name.rpartition("/")
        folders.setdefault(folder, {})[base] = body
    for folder in sorted(folders):
        yield f"{place}/{folder}".rstrip("/"), folders[folder]


def _resolve(found: list[Received]) -> list[Received]:
    """Give every edit the key of its first version and its place in the chain, originals first."""
    by_instance = {one.instance_id: one for one in found if one.instance_id}
    resolved = []
    for one in found:
        root, depth, seen = one, 0, {one.instance_id}
        while (before := deprecated_id(root)) and before not in seen:
            depth += 1
            seen.add(before)
            if before not in by_instance:
                root = replace(root, key=before)
                break
            root = by_instance[before]
        resolved.append(replace(one, key=root.key, revision=max(depth, one.revision)))
    return _numbered(resolved)


def _numbered(resolved: list[Received]) -> list[Received]:
    """Number the different contents of one key, edits after what they edit; equal deliveries count once."""
    by_key: dict[str, dict[bytes, Received]] = {}
    for one in sorted(resolved, key=lambda one: (one.revision, one.key, one.raw)):
        by_key.setdefault(one.key, {}).setdefault(one.raw, one)
    return [
        replace(one, revision=revision)
        for key in sorted(by_key)
        for revision, one in enumerate(by_key[key].values())
    ]
