"""The files of a KoboToolbox submission: listed, awaited, kept, and opened where they are encrypted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tracer_etl.errors import Refused, SubmissionError, Unavailable
from tracer_etl.records import Attachment, Received
from tracer_etl.servers import decryption, kobo_rows
from tracer_etl.servers.kobo_rows import DECRYPTED, FILES, Row, attached, basename
from tracer_etl.servers.openrosa import received as received_xml

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from tracer_etl.records import Memory
    from tracer_etl.servers import Options
    from tracer_etl.servers.session import Session

TRIES = 3
_MEDIA_TYPES = {"image", "audio", "video", "file", "background-audio", "audit"}
_PAGE_STARTS = (b"<!doctype html", b"<html")


def media_paths(content: Row) -> list[str]:
    """List the full paths of the questions whose answers are names of files, from a version's content."""
    asked = [row for row in content.get("survey") or () if row.get("type") in _MEDIA_TYPES]
    paths = (
        "meta/audit" if row["type"] == "audit" else row.get("$xpath") or row.get("name") or ""
        for row in asked
    )
    return sorted({str(path) for path in paths if path})


class Files:
    """Turns rows into submissions with their files; `paths` are those of all media questions."""

    def __init__(self, session: Session, memory: Memory, base: str, options: Options) -> None:
        """Read the private key, where one is given.

        Raises:
            StudyError: it is none.
        """
        self.session, self.memory, self.base, self.media = session, memory, base, options.media
        key = options.private_key
        self.key = decryption.read_private_key(key, options.passphrase) if key else None
        self.paths: set[str] = set()
        self.remarks: list[str] = []

    def marks(self, row: Row) -> set[str]:
        """Name what must have been done with a row before it counts as landed."""
        live = [basename(item) for item in attached(row) if not item.get("is_deleted")]
        sealed = any(name.endswith(".enc") for name in live)
        wanted = {FILES} if self.media and live else set()
        return wanted | ({DECRYPTED} if self.key and sealed else set())

    def received(self, row: Row) -> Received:
        """Give a row as a submission, with its files as far as they are wanted."""
        if kobo_rows.is_encrypted(row):
            return self._sealed(row)
        files = [self._file(row, item) for item in _told(row)]
        files += [Attachment(name, present=False) for name in self._awaited(row, files)]
        return kobo_rows.received(row, stamp=self._stamp(row, files), attachments=files)

    def _stamp(self, row: Row, files: Collection[Attachment], *more: str) -> str:
        """Stamp a row; files that are announced but not kept leave the mark off."""
        kept = [file for file in files if file.present]
        whole = kept and all(file.sha256 for file in kept) and len(kept) >= len(_live(row))
        return "|".join([kobo_rows.stamp_of(row), *([FILES] if whole else []), *more])

    def _awaited(self, row: Row, files: Iterable[Attachment]) -> list[str]:
        """Name the files the answers speak of and the server does not have."""
        told = {file.name for file in files}
        arrived = {str(item.get("question_xpath") or "").partition("[")[0] for item in _live(row)}
        return [
            name
            for path in sorted(self.paths)
            for name in dict.fromkeys(kobo_rows.values_at(row, path))
            if name and name not in told and path not in arrived
        ]

    # -- one file

    def _file(self, row: Row, item: Row) -> Attachment:
        name, uid = basename(item), str(item.get("uid") or item.get("download_url") or "")
        if item.get("is_deleted"):
            return Attachment(name, present=False)
        known = self.memory.find(uid)
        if known is not None:
            return replace(known, name=name)
        if not self.media:
            return Attachment(name)
        try:
            return self._kept(row, item, uid, name)
        except Refused as error:
            number = kobo_rows.number_of(row)
            self.remarks.append(
                f"submission {number}: the server lists {name}, but does not give it ({error.what})"
            )
            return Attachment(name, present=False)

    def _kept(self, row: Row, item: Row, uid: str, name: str) -> Attachment:
        fault = Unavailable("not tried", where=name)
        for _ in range(TRIES):
            try:
                pieces = self.session.stream(self._address(row, item))
                return self.memory.keep(uid, name, _genuine(pieces, item, name))
            except Unavailable as error:
                fault = error
        raise fault

    def _address(self, row: Row, item: Row) -> str:
        if item.get("uid"):
            return f"{self.base}/data/{kobo_rows.number_of(row)}/attachments/{item['uid']}/"
        return self.session.here(str(item.get("download_url") or ""))

    # -- encrypted

    def _sealed(self, row: Row) -> Received:
        """Decrypt a submission; without the key it is kept as it is and says which key it needs."""
        number = kobo_rows.number_of(row)
        if self.key is None:
            files = [self._file(row, item) for item in _told(row)]
            error = (
                f"submission {number}: encrypted; name the private key that belongs to the form's public_key "
                "in [server] private_key"
            )
            return kobo_rows.received(row, stamp=self._stamp(row, files), attachments=files, error=error)
        manifest = self.session.read(f"{self.base}/data/{number}.xml").content
        try:
            opened = decryption.decrypt(manifest, self._enclosed(row, manifest), self.key)
        except SubmissionError as error:
            return kobo_rows.received(
                row, stamp=kobo_rows.stamp_of(row), error=f"submission {number}: {error}"
            )
        return self._opened(row, opened)

    def _enclosed(self, row: Row, manifest: bytes) -> dict[str, bytes]:
        items = {basename(item): item for item in _live(row)}
        needed = [name for name in decryption.files_needed(manifest) if name in items]
        return {name: self.session.read(self._address(row, items[name])).content for name in needed}

    def _opened(self, row: Row, opened: decryption.Decrypted) -> Received:
        uids = {basename(item).removesuffix(".enc"): str(item.get("uid")) for item in _live(row)}
        files = [
            self.memory.keep(uids.get(name, name), name, [content]) if self.media else Attachment(name)
            for name, content in opened.files.items()
        ]
        number = kobo_rows.number_of(row)
        read = received_xml(opened.xml, where=f"submission {number}", fallback_key=str(number))
        answers = {name: value for name, value in read.data.items() if name != "__version__"}
        stamp = "|".join([kobo_rows.stamp_of(row), *([FILES] if self.media else []), DECRYPTED])
        raw = {"row": row, "xml": opened.xml.decode("utf-8", "replace")}
        envelope = kobo_rows.received(row, stamp=stamp, attachments=files, error="encrypted")
        return replace(
            envelope,
            raw=json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode(),
            data=answers,
            extra=read.extra,
            form_version=str(read.data.get("__version__") or read.form_version),
            error=read.error,
        )


def _live(row: Row) -> list[Row]:
    return [item for item in attached(row) if not item.get("is_deleted")]


def _told(row: Row) -> list[Row]:
    """List the server's files, a deleted one only where no other has its name."""
    names = {basename(item) for item in _live(row)}
    deleted = {basename(item): item for item in attached(row) if basename(item) not in names}
    return [*_live(row), *deleted.values()]


def _genuine(pieces: Iterable[bytes], item: Row, name: str) -> Iterator[bytes]:
    """Pass a file's pieces on, unless they are a web page that some proxy gave in its place.

    Raises:
        Unavailable: they are.
    """
    first = True
    for piece in pieces:
        page = first and piece.lstrip()[:32].lower().startswith(_PAGE_STARTS)
        if page and "html" not in str(item.get("mimetype")):
            raise Unavailable("a web page came instead of the file", where=name, remedy="try again later")
        first = False
        yield piece
