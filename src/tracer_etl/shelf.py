"""Files on disk, whole or not at all; a submission's attachments lie by content, once each."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from tracer_etl.records import Attachment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path


class Shelf:
    """The attachments of one form: `media/<two digits>/<sha256>`, and `media.ndjson` that says whose they are."""

    def __init__(self, folder: Path) -> None:
        """Remember the form's landing folder."""
        self.folder = folder
        self._torn = False  # the last line is one of a run that was killed

    def find(self, uid: str) -> Attachment | None:
        """Find a file by the server's identity of it."""
        return self._known.get(uid)

    def keep(self, uid: str, name: str, pieces: Iterable[bytes], tag: str = "") -> Attachment:
        """Store a file and remember it under the server's identity of it."""
        kept = replace(self.store(name, pieces), tag=tag)
        line = {"uid": uid, "name": name, "sha256": kept.sha256, "bytes": kept.size, "tag": tag}
        known, before = self._known, "\n" if self._torn else ""
        with (self.folder / "media.ndjson").open("a", encoding="utf-8") as lines:
            lines.write(before + json.dumps(line, ensure_ascii=False) + "\n")
        known[uid], self._torn = kept, False
        return kept

    def store(self, name: str, pieces: Iterable[bytes]) -> Attachment:
        """Write pieces to a file named by their hash."""
        digest, size, part = hashlib.sha256(), 0, self.folder / "media" / f"{os.getpid()}.part"
        with part.open("wb") as stream:
            for piece in pieces:
                digest.update(piece)
                size += stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())
        sha256 = digest.hexdigest()
        path = self.folder / "media" / sha256[:2] / sha256
        path.parent.mkdir(exist_ok=True)
        part.replace(path)
        sync_folder(path.parent)
        return Attachment(name, None, sha256, size)

    def keep_only(self, wanted: Collection[str], gone: Collection[str] = ()) -> int:
        """Remove every file whose hash is not wanted, and what is noted of it; give how many there were.

        Notes of a wanted file go, too, where the server's identity of it holds one of the texts `gone`.
        """
        surplus = [path for path in self.folder.glob("media/??/*") if path.name not in wanted]
        for path in surplus:
            path.unlink()
        index = self.folder / "media.ndjson"
        if index.exists():
            kept = [
                json.dumps(
                    {"uid": uid, "name": f.name, "sha256": f.sha256, "bytes": f.size, "tag": f.tag},
                    ensure_ascii=False,
                )
                for uid, f in self._known.items()
                if f.sha256 in wanted and not any(text in uid for text in gone)
            ]
            write_atomically(index, "".join(f"{line}\n" for line in kept).encode())
        self.__dict__.pop("_known", None)
        return len(surplus)

    @cached_property
    def _known(self) -> dict[str, Attachment]:
        path = self.folder / "media.ndjson"
        text, known = path.read_text(encoding="utf-8") if path.exists() else "", {}
        self._torn = bool(text) and not text.endswith("\n")
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # torn: that file is fetched again
            file = Attachment(entry["name"], None, entry["sha256"], entry["bytes"], tag=entry["tag"])
            known[entry["uid"]] = file
        return known


def as_csv(rows: Iterable[Iterable[object]], *, end: str = "\n", quote_all: bool = False) -> bytes:
    r"""Write rows as CSV in UTF-8, quoted where needed.

    >>> as_csv([["name", "label"], ["A1", 'Siti "Ti", Blitar']]).decode()
    'name,label\nA1,"Siti ""Ti"", Blitar"\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL).writerows(
        rows
    )
    return text.getvalue().encode()


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write so that after a crash the file is either the old one or the new one, whole.

    A `private` file is readable by its owner only, also while it is written.
    """
    temporary = path.with_name(path.name + ".part")
    if private:
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600, exist_ok=False)
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; Windows opens no folder, and needs no such thing."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold a lock file while the block runs; gives False where somebody else holds it.

    The system lets go of it when its holder ends, however that ends.
    """
    with path.open("ab") as file:
        yield _claim(file.fileno())


def _claim(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
