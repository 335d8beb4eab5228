"""A segment of the landing while it is being written: line by line to disk, held nowhere in memory."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from tracer_etl.envelope import key_line, leaf_paths
from tracer_etl.errors import LandingError
from tracer_etl.shelf import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KINDS = ("ndjson.zst", "raw.ndjson.zst", "keys.zst")
"""Envelope and projection; the bytes as received; what the index needs. Equally many lines each."""

DIGESTS = ("sha256", "raw_sha256", "keys_sha256")
"""What the manifest calls their digests; segments of earlier releases have the first only."""

SEGMENT_RECORDS = 20_000
"""Records; large enough that DuckDB reads in bulk."""


class SegmentWriter:
    """Writes one segment under provisional names; `close` gives the files their own and describes the segment."""

    def __init__(self, folder: Path, first: int, name: str = "") -> None:
        """Open the three files; `first` is the sequence number of the first record, and names it by default."""
        self.folder, self.first, self.records = folder, first, 0
        self.name = name or f"{first:08d}"
        self._paths: set[str] = set()
        self._files = [_Packed(folder / f"{self.name}.{kind}") for kind in KINDS]

    def add(self, envelope: Mapping[str, Any], raw: Mapping[str, str]) -> None:
        """Write one record."""
        self.records += 1
        self._paths.update(leaf_paths(envelope.get("data", {})))
        for file, line in zip(self._files, (envelope, raw, key_line(envelope)), strict=True):
            file.write(line)

    def close(self) -> dict[str, Any]:
        """Make the files whole and durable; give the manifest's entry."""
        digests = [file.close() for file in self._files]
        sync_folder(self.folder)
        return {
            "name": self.name,
            "records": self.records,
            "first": self.first,
            **dict(zip(DIGESTS, digests, strict=True)),
            "paths": sorted(self._paths),
            "longest": self._files[0].longest,
        }

    def abandon(self) -> None:
        """Close the files of a pull that failed for good; the next one sweeps them away."""
        for file in self._files:
            file.stream.close()


class Segments:
    """Opens a segment when a record comes, and closes it when it is full."""

    def __init__(self, folder: Path) -> None:
        """Remember the form's landing folder."""
        self.folder = folder
        self.open: SegmentWriter | None = None

    def __enter__(self) -> Segments:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was not closed to be swept away."""
        if self.open:
            self.open.abandon()

    @property
    def full(self) -> bool:
        """Tell whether the next record belongs into another segment."""
        return self.open is not None and self.open.records >= SEGMENT_RECORDS

    def add(self, envelope: dict[str, Any], raw: dict[str, str]) -> None:
        """Write one record."""
        self.open = self.open or SegmentWriter(self.folder, envelope["landed"])
        self.open.add(envelope, raw)

    def close(self) -> dict[str, Any]:
        """Make the open segment whole; give the manifest's entry."""
        writer, self.open = self.open, None
        return writer.close() if writer else {}


class _Packed:
    """One file of compressed lines that knows the digest of what it wrote."""

    def __init__(self, path: Path) -> None:
        import zstandard

        self.path, self.part = path, path.with_name(path.name + ".part")
        self.stream, self.digest, self.longest = self.part.open("wb"), hashlib.sha256(), 0
        self._compressor = zstandard.ZstdCompressor(level=3).compressobj()

    def write(self, line: Any) -> None:  # noqa: ANN401 - JSON is anything
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self.longest = max(self.longest, len(text))
        self._put(self._compressor.compress(text))

    def _put(self, packed: bytes) -> None:
        if packed:
            self.digest.update(packed)
            self.stream.write(packed)

    def close(self) -> str:
        self._put(self._compressor.flush())
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()
        self.part.replace(self.path)
        return self.digest.hexdigest()


def lines_of(path: Path) -> Iterator[Any]:
    """Read the lines of one of a segment's files."""
    import zstandard

    with path.open("rb") as stream, zstandard.open(stream, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def is_whole(path: Path, sha256: str) -> bool:
    """Tell whether a file can be read and has that digest; without a digest to hold it against, whether it is there."""
    if not sha256 or not path.is_file():
        return path.is_file()
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
    except OSError:
        return False


def verify(path: Path, sha256: str, form_id: str) -> Path:
    """Give a file of a segment, once it is held against its digest: readers take a torn one for a whole one.

    Raises:
        LandingError: it is missing, or not what was landed.
    """
    if not is_whole(path, sha256):
        name, _, kind = path.name.partition(".")
        part = "" if kind == KINDS[0] else f"{kind.partition('.')[0]} file of "
        what = f"{part}segment {name} is not what was landed"
        raise LandingError(what, where=form_id, remedy="restore the landing from its backup")
    return path


def files_of(folder: Path, entry: Mapping[str, Any]) -> list[tuple[Path, str]]:
    """List the files of a segment of the manifest with their digests, in the order of `KINDS`."""
    return [
        (folder / f"{entry['name']}.{kind}", str(entry.get(digest, "")))
        for kind, digest in zip(KINDS, DIGESTS, strict=True)
    ]


def rewritten(
    folder: Path, entry: Mapping[str, Any], names: Mapping[str, str], when: str
) -> dict[str, Any] | None:
    """Write a segment anew with a tombstone in the place of every record of some submissions.

    `names` maps their keys to the names of the tombstones. Sequence numbers stay, so nothing else changes. Gives
    the manifest's entry, or None where the segment has no such record and was left alone.

    Raises:
        LandingError: the segment is not what was landed.
    """
    files = [verify(path, sha256, folder.name) for path, sha256 in files_of(folder, entry)[:2]]
    if not any(envelope["key"] in names for envelope in lines_of(files[0])):
        return None
    base, _, times = str(entry["name"]).partition("-")
    writer = SegmentWriter(folder, entry["first"], f"{base}-{int(times or 0) + 1}")
    for envelope, raw in zip(*map(lines_of, files), strict=True):
        name = names.get(envelope["key"])
        if name is None:
            writer.add(envelope, raw)
        else:
            gone = {"key": name, "landed": envelope["landed"], "digest": "deleted", "deleted": when}
            writer.add(gone, {"key": name})
    return writer.close()
