"""A segment of the landing while it is being written: line by line to disk, held nowhere in memory."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from tracer_etl.envelope import key_line, leaf_paths
from tracer_etl.shelf import sync_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KINDS = ("ndjson.zst", "raw.ndjson.zst", "keys.zst")
"""Envelope and projection; the bytes as received; what the index needs. Equally many lines each."""


class SegmentWriter:
    """Writes one segment under provisional names; `close` gives the files their own and describes the segment."""

    def __init__(self, folder: Path, first: int) -> None:
        """Open the three files; `first` is the sequence number of the first record."""
        self.folder, self.first, self.records = folder, first, 0
        self.name = f"{first:08d}"
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
            "sha256": digests[0],
            "paths": sorted(self._paths),
        }

    def abandon(self) -> None:
        """Close the files of a pull that failed for good; the next one sweeps them away."""
        for file in self._files:
            file.stream.close()


class _Packed:
    """One file of compressed lines that knows the digest of what it wrote."""

    def __init__(self, path: Path) -> None:
        import zstandard

        self.path, self.part = path, path.with_name(path.name + ".part")
        self.stream, self.digest = self.part.open("wb"), hashlib.sha256()
        self._compressor = zstandard.ZstdCompressor(level=3).compressobj()

    def write(self, line: Any) -> None:  # noqa: ANN401 - JSON is anything
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        self._put(self._compressor.compress(text.encode() + b"\n"))

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
