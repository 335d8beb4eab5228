"""The landing area: everything ever received, append-only, from which all later stages can be rebuilt.

One folder per form. A segment is two files of equally many lines, zstd-compressed NDJSON:
`NNNNNNNN.ndjson.zst` (envelope and projection, what SQL reads) and `NNNNNNNN.raw.ndjson.zst` (the bytes
exactly as received). Attachments lie beside them by content. A segment exists once `manifest.json` names
it; the manifest is replaced atomically, so a run killed at any moment leaves the landing as it was.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import LandingError
from tracer_etl.records import Received, Tombstone, silent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tracer_etl.records import Progress, Pull

SEGMENT_RECORDS = 20_000
"""Records per segment: small enough to hold in memory, large enough that DuckDB reads in bulk."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One named segment; `paths` are the leaf paths that occur in it, `first` its first sequence number."""

    name: str
    file: Path
    records: int
    first: int
    sha256: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Landed:
    """What one pull added to the landing of one form."""

    form_id: str
    new: int
    total: int
    remarks: tuple[str, ...]


class Landing:
    """The landing of one form.

    Raises:
        LandingError: the folder cannot be written, or its manifest is damaged.
    """

    def __init__(self, root: Path, form_id: str) -> None:
        """Open, and make where there is none, the form's folder."""
        self.form_id, self.folder = form_id, root / form_id
        with _guarded(self.folder):
            (self.folder / "media").mkdir(parents=True, exist_ok=True)
            self.manifest = self._read()

    # -- reading

    @property
    def cursor(self) -> Mapping[str, Any]:
        """Give where the last complete pull stood."""
        cursor: Mapping[str, Any] = self.manifest["cursor"]
        return cursor

    @property
    def proofs(self) -> list[dict[str, Any]]:
        """List the completeness proofs of all pulls, oldest first."""
        proofs: list[dict[str, Any]] = self.manifest["proofs"]
        return proofs

    def segments(self) -> tuple[Segment, ...]:
        """List the segments in landing order."""
        return tuple(
            Segment(
                entry["name"],
                self.folder / f"{entry['name']}.ndjson.zst",
                entry["records"],
                entry["first"],
                entry["sha256"],
                tuple(entry["paths"]),
            )
            for entry in self.manifest["segments"]
        )

    def _read(self) -> dict[str, Any]:
        path = self.folder / "manifest.json"
        if not path.exists():
            return {"format": 1, "form_id": self.form_id, "segments": [], "cursor": {}, "proofs": []}
        try:
            manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            remedy = "restore it from the backup; segments beside it are whole"
            raise LandingError(f"damaged ({error})", where=str(path), remedy=remedy) from error
        return manifest

    def _seen(self) -> dict[str, str]:
        """Map each key and revision to the digest of what was landed of it last."""
        import zstandard

        seen: dict[str, str] = {}
        for segment in self.segments():
            path = self.folder / f"{segment.name}.keys.zst"
            with path.open("rb") as stream, zstandard.open(stream, "rt", encoding="utf-8") as lines:
                seen.update(json.loads(line) for line in lines)
        return seen

    # -- writing

    def land(self, pull: Pull, pulled_at: str, progress: Progress = silent) -> Landed:
        """Append what is new of a pull: one record per submission whose content or state changed.

        `pulled_at` (ISO 8601, UTC) is kept with the proof when something new came.
        """
        with _guarded(self.folder):
            seen = self._seen()
            self._sweep()
            entries = list(self._write(pull, seen, progress))
            total = len({identity.rpartition("#")[0] for identity in seen})
            return self._commit(pull, entries, pulled_at, total)

    def _commit(self, pull: Pull, entries: list[dict[str, Any]], pulled_at: str, total: int) -> Landed:
        new, proof = sum(entry["records"] for entry in entries), pull.proof
        proved = {
            "server_count": proof.server_count,
            "distinct_keys": proof.distinct_keys,
            "pages": proof.pages,
            "remarks": list(proof.remarks),
        }
        last = self.proofs[-1] if self.proofs else {}
        if new or {k: last.get(k) for k in proved} != proved or dict(pull.cursor) != self.cursor:
            self.manifest = {
                **self.manifest,
                "segments": [*self.manifest["segments"], *entries],
                "cursor": dict(pull.cursor),
                "proofs": [*self.proofs, {**proved, "pulled_at": pulled_at}],
            }
            text = json.dumps(self.manifest, ensure_ascii=False, indent=1)
            write_atomically(self.folder / "manifest.json", text.encode())
        if not proof.complete:
            what = f"the server counts {proof.server_count} submissions, {proof.distinct_keys} came"
            raise LandingError(what, where=self.form_id, remedy="pull again; what came is kept")
        return Landed(self.form_id, new, total, proof.remarks)

    def _sweep(self) -> None:
        """Remove what a killed run left behind: files no manifest names."""
        named = {f"{entry['name']}.{kind}" for entry in self.manifest["segments"] for kind in _KINDS}
        for path in self.folder.glob("*.zst*"):
            if path.name not in named:
                path.unlink()

    def _write(
        self, pull: Iterable[Any], seen: dict[str, str], progress: Progress
    ) -> Iterator[dict[str, Any]]:
        sequence = sum(entry["records"] for entry in self.manifest["segments"])
        batch: list[tuple[dict[str, Any], dict[str, str]]] = []
        for item in progress(pull, f"pull {self.form_id}"):
            digest = _digest(item)
            identity = _identity(item)
            if seen.get(identity) == digest:
                continue
            seen[identity] = digest
            sequence += 1
            batch.append((self._envelope(item, sequence, digest), _raw(item)))
            if len(batch) == SEGMENT_RECORDS:
                yield self._segment(batch)
                batch = []
        if batch:
            yield self._segment(batch)

    def _envelope(self, item: Received | Tombstone, sequence: int, digest: str) -> dict[str, Any]:
        if isinstance(item, Tombstone):
            return {
                "key": item.key,
                "landed": sequence,
                "digest": digest,
                "deleted": item.deleted_at or "unknown",
            }
        return {
            "key": item.key,
            "landed": sequence,
            "digest": digest,
            "instance": item.instance_id,
            "revision": item.revision,
            "version": item.form_version,
            "submitted": item.submitted_at,
            "review": item.review_state,
            "error": item.error,
            "extra": [{"path": path, "value": value} for path, value in item.extra],
            "attachments": [self._keep(a.name, a.content) for a in item.attachments],
            "data": item.data,
        }

    def _keep(self, name: str, content: bytes) -> dict[str, Any]:
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.folder / "media" / sha256[:2] / sha256
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, content)
        return {"name": name, "sha256": sha256, "bytes": len(content)}

    def _segment(self, batch: list[tuple[dict[str, Any], dict[str, str]]]) -> dict[str, Any]:
        envelopes = [envelope for envelope, _ in batch]
        name = f"{envelopes[0]['landed']:08d}"
        body = _pack(envelopes)
        write_atomically(self.folder / f"{name}.{_KINDS[0]}", body)
        write_atomically(self.folder / f"{name}.{_KINDS[1]}", _pack(raw for _, raw in batch))
        write_atomically(self.folder / f"{name}.{_KINDS[2]}", _pack(_key_line(e) for e in envelopes))
        return {
            "name": name,
            "records": len(batch),
            "first": envelopes[0]["landed"],
            "sha256": hashlib.sha256(body).hexdigest(),
            "paths": sorted({path for e in envelopes for path in leaf_paths(e.get("data", {}))}),
        }


_KINDS = ("ndjson.zst", "raw.ndjson.zst", "keys.zst")


def leaf_paths(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Give the path of every leaf that holds something.

    >>> sorted(
    ...     leaf_paths({"today": "2026-01-05", "blank": "", "job/": [{"title": "barista"}, {"hours": "40"}]})
    ... )
    ['job/hours', 'job/title', 'today']
    """
    for name, value in data.items():
        if isinstance(value, list):
            for member in value:
                yield from leaf_paths(member, prefix + name)
        elif value.strip():
            yield prefix + name


def _identity(item: Received | Tombstone) -> str:
    return f"{item.key}#{item.revision if isinstance(item, Received) else 0}"


def _digest(item: Received | Tombstone) -> str:
    if isinstance(item, Tombstone):
        return "deleted"
    names = "\0".join(f"{a.name}\0{hashlib.sha256(a.content).hexdigest()}" for a in item.attachments)
    state = "\0".join((item.instance_id, item.submitted_at, item.review_state, str(item.revision), names))
    return hashlib.blake2b(item.raw + b"\0" + state.encode(), digest_size=16).hexdigest()


def _key_line(envelope: Mapping[str, Any]) -> list[str]:
    return [f"{envelope['key']}#{envelope.get('revision', 0)}", envelope["digest"]]


def _raw(item: Received | Tombstone) -> dict[str, str]:
    if isinstance(item, Tombstone):
        return {"key": item.key}
    try:
        return {"key": item.key, "raw": item.raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {"key": item.key, "base64": base64.b64encode(item.raw).decode()}


def _pack(lines: Iterable[Any]) -> bytes:
    import zstandard

    text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)
    return zstandard.ZstdCompressor(level=3).compress(text.encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write so that after a crash the file is either the old one or the new one, whole."""
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"cannot be used ({error.strerror or error})"
        raise LandingError(what, where=str(folder), remedy="check rights and free disk space") from error
