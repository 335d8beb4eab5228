"""The landing area: everything ever received, append-only, from which all later stages can be rebuilt.

One folder per form. A segment is two files of equally many lines, zstd-compressed NDJSON:
`NNNNNNNN.ndjson.zst` (envelope and projection, what SQL reads) and `NNNNNNNN.raw.ndjson.zst` (the bytes
exactly as received). Attachments lie beside them by content. A segment exists once `manifest.json` names
it; the manifest is replaced atomically, so a run killed at any moment leaves the landing as it was.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from tracer_etl.envelope import Index, digest_of, identity_of, raw_line, stamp_of
from tracer_etl.erased import read_erased, scrubbed
from tracer_etl.errors import Changed, LandingError, ServerError
from tracer_etl.records import Tombstone, silent
from tracer_etl.segments import DIGESTS, KINDS, Segments, lines_of, rewritten, verify
from tracer_etl.shelf import Shelf, claimed, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tracer_etl.records import Attachment, Deployed, Progress, Pull, Received


@dataclass(frozen=True, slots=True)
class Segment:
    """One named segment; `paths` are the leaf paths that occur in it, `first` its first sequence number.

    `longest` is its longest line in bytes; segments of earlier releases noted neither it nor `keys_sha256`.
    """

    name: str
    file: Path
    records: int
    first: int
    sha256: str
    paths: tuple[str, ...]
    longest: int = 64 * 1024 * 1024
    keys_sha256: str = ""

    def keys(self) -> Path:
        """Give the file of identities, digests and stamps, held against its digest.

        Raises:
            LandingError: it is missing, or not what was landed.
        """
        return verify(self.file.with_name(f"{self.name}.{KINDS[2]}"), self.keys_sha256, self.file.parent.name)


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
        self._unwelcome = 0
        with _guarded(self.folder):
            if not self.folder.exists():
                self.folder.mkdir(parents=True)
                self.folder.chmod(0o700)  # it holds every name and phone
            (self.folder / "media").mkdir(exist_ok=True)
            self._known = self._written()
            self.manifest = self._read()

    # -- reading

    @property
    def cursor(self) -> Mapping[str, Any]:
        """Give where the last complete pull stood."""
        cursor: Mapping[str, Any] = self.manifest["cursor"]
        return cursor

    @property
    def origin(self) -> str:
        """Name the server and form all of this came from; empty before the first pull."""
        return str(self.manifest.get("origin", ""))

    @property
    def stamps(self) -> Mapping[str, str]:
        """Map the key of every live submission to the stamp of its newest record."""
        return self._index.stamps

    @property
    def versions(self) -> tuple[str, ...]:
        """List the labels of the deployed form versions kept here, oldest first."""
        return tuple(entry["label"] for entry in self.manifest.get("versions", ()))

    def deployed(self) -> tuple[tuple[str, Path], ...]:
        """List label and file of the deployed form versions, oldest first."""
        entries = self.manifest.get("versions", ())
        return tuple((entry["label"], self.folder / "versions" / entry["file"]) for entry in entries)

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
                **{name: entry[name] for name in ("longest", DIGESTS[2]) if name in entry},
            )
            for entry in self.manifest["segments"]
        )

    @property
    def _manifest_file(self) -> Path:
        return self.folder / "manifest.json"

    def _written(self) -> bytes | None:
        return self._manifest_file.read_bytes() if self._manifest_file.exists() else None

    def _read(self) -> dict[str, Any]:
        if self._known is None:
            return {"format": 1, "form_id": self.form_id, "segments": [], "cursor": {}, "proofs": []}
        try:
            manifest: dict[str, Any] = json.loads(self._known)
        except ValueError as error:
            remedy = "restore it from the backup; segments beside it are whole"
            raise LandingError(f"damaged ({error})", where=str(self._manifest_file), remedy=remedy) from error
        return manifest

    @cached_property
    def _index(self) -> Index:
        """Read what was landed of every submission last."""
        index = Index({}, {})
        for segment in self.segments():
            for line in lines_of(segment.keys()):
                index.note(*line)
        return index

    # -- files

    def find(self, uid: str) -> Attachment | None:
        """Find a file by the server's identity of it."""
        return self._shelf.find(uid)

    def keep(self, uid: str, name: str, pieces: Iterable[bytes], tag: str = "") -> Attachment:
        """Store a file by content and remember whose it is: a pull that broke off need not fetch it again."""
        with _guarded(self.folder):
            return self._shelf.keep(uid, name, pieces, tag)

    @cached_property
    def _shelf(self) -> Shelf:
        return Shelf(self.folder)

    # -- writing

    def land(self, pull: Pull, pulled_at: str, progress: Progress = silent) -> Landed:
        """Append what is new of a pull: one record per submission whose content or state changed.

        `pulled_at` (ISO 8601, UTC) is kept with the proof. What came before a server failed is kept too, but
        the cursor stays where it was.

        Raises:
            LandingError: the pull brings submissions of another origin, or another pull is at work here, or was
                since this landing was opened.
            Changed: the pull is incomplete.
            ServerError: the server failed before the end.
        """
        with _guarded(self.folder), self._alone():
            self._refuse_other(pull.origin)
            self._sweep()
            entries: list[dict[str, Any]] = []
            try:
                for entry in self._write(pull, progress):
                    entries.append(entry)  # noqa: PERF402 - what came before an error must be in the list
            except ServerError as error:
                self._commit(pull, entries, {"pulled_at": pulled_at, "failed": str(error)})
                raise
            return self._conclude(pull, entries, pulled_at)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other pulls out: they would sweep away our files, and write a manifest without our segments."""
        with claimed(self.folder / "pull.lock") as mine:
            if not mine or self._written() != self._known:
                what, remedy = "another pull of this form is at work", "let it end, then pull again"
                raise LandingError(what, where=str(self.folder), remedy=remedy)
            yield

    def _refuse_other(self, origin: str) -> None:
        if self.origin not in ("", origin):
            what = f"holds submissions of {self.origin}, not of {origin}"
            remedy = "name another [storage] landing and warehouse in study.toml, or set TRACER_STORAGE"
            raise LandingError(what, where=str(self.folder), remedy=remedy)

    def _conclude(self, pull: Pull, entries: list[dict[str, Any]], pulled_at: str) -> Landed:
        proof = pull.proof
        proved = {
            "server_count": proof.server_count,
            "distinct_keys": proof.distinct_keys,
            "pages": proof.pages,
            "remarks": list(proof.remarks),
            "missing": list(proof.missing),
            "swept": proof.swept,
        }
        if proof.complete:
            self._commit(pull, entries, {**proved, "pulled_at": pulled_at}, dict(pull.cursor))
        else:
            self._commit(pull, entries, {**proved, "pulled_at": pulled_at})
            listed = f" (missing: {', '.join(proof.missing[:5])})" if proof.missing else ""
            what = f"the server counts {proof.server_count} submissions, {proof.distinct_keys} came{listed}"
            raise Changed(what, where=self.form_id, remedy="pull again; what came is kept")
        new, remarks = sum(entry["records"] for entry in entries), proof.remarks
        if self._unwelcome:
            what = f"{self._unwelcome} record(s) of erased submissions came again and were not kept"
            remarks = (*remarks, f"{what}: delete them at the source")
            self._shelf.keep_only(self._attached())
        return Landed(self.form_id, new, len(self._index.stamps), remarks)

    def _commit(
        self,
        pull: Pull,
        entries: list[dict[str, Any]],
        proved: dict[str, Any],
        cursor: dict[str, Any] | None = None,
    ) -> None:
        """Name the new segments, versions and proof; a pull without news adds no proof and may leave all as it is."""
        self._note_time(str(proved["pulled_at"]))
        versions = [self._keep_version(one) for one in pull.versions]
        last = self.proofs[-1] if self.proofs else {}
        news = entries or versions or any(last.get(name) != proved.get(name) for name in _OUTCOME)
        if not news and (cursor is None or cursor == self.cursor):
            return
        self._replace(
            {
                **self.manifest,
                "origin": pull.origin,
                "segments": [*self.manifest["segments"], *entries],
                "versions": [*self.manifest.get("versions", ()), *versions],
                "cursor": dict(self.cursor) if cursor is None else cursor,
                "proofs": [*self.proofs, proved] if news else self.proofs,
            }
        )

    def _replace(self, manifest: dict[str, Any]) -> None:
        self.manifest = manifest
        self._known = json.dumps(self.manifest, ensure_ascii=False, indent=1).encode()
        write_atomically(self._manifest_file, self._known)

    @property
    def pulled_at(self) -> str:
        """Give when the last pull began, with news or without; empty before the first."""
        path = self.folder / "pulled_at"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def _note_time(self, pulled_at: str) -> None:
        write_atomically(self.folder / "pulled_at", pulled_at.encode())

    def _keep_version(self, version: Deployed) -> dict[str, str]:
        digest = hashlib.sha256(version.content).hexdigest()[:16]
        name = f"{digest}-{PurePosixPath(version.file_name).name}"
        (self.folder / "versions").mkdir(exist_ok=True)
        write_atomically(self.folder / "versions" / name, version.content)
        return {"label": version.label, "deployed_at": version.deployed_at, "file": name}

    def _sweep(self) -> None:
        """Remove what a killed run left behind: files no manifest names."""
        named = {f"{entry['name']}.{kind}" for entry in self.manifest["segments"] for kind in KINDS}
        for path in (*self.folder.glob("*.zst*"), *self.folder.glob("media/*.part")):
            if path.name not in named:
                path.unlink()

    def _write(self, pull: Iterable[Any], progress: Progress) -> Iterator[dict[str, Any]]:
        index, erased = self._index, read_erased(self.folder.parent)
        sequence = sum(entry["records"] for entry in self.manifest["segments"])
        with Segments(self.folder) as segments:
            try:
                for item in progress(pull, f"pull {self.form_id}"):
                    if erased.knows(self.form_id, item.key):
                        self._unwelcome += 1
                        continue
                    digest = digest_of(item)
                    if not index.note(identity_of(item), digest, stamp_of(item)):
                        continue
                    sequence += 1
                    segments.add(self._envelope(item, sequence, digest), raw_line(item))
                    if segments.full:
                        yield segments.close()
            except ServerError:
                if segments.open:
                    yield segments.close()
                raise
            if segments.open:
                yield segments.close()

    # -- erasing

    def erase(self, names: Mapping[str, str], texts: Mapping[str, str], when: str) -> dict[str, str]:
        """Put tombstones in the place of submissions, and remove files only they had; give new segments by old.

        `names` maps keys to names of tombstones, `texts` what proofs may say to what they say then; segments are
        named as `<name>:<sha256>`.
        """
        with _guarded(self.folder), self._alone():
            replaced, entries = {}, list(self.manifest["segments"])
            for place, entry in enumerate(entries):
                made = rewritten(self.folder, entry, names, when)
                if made:
                    replaced[f"{entry['name']}:{entry['sha256']}"] = f"{made['name']}:{made['sha256']}"
                    entries[place] = made
            self._replace({**scrubbed(self.manifest, texts), "segments": entries})
            self.__dict__.pop("_index", None)
            self._sweep()
            self._shelf.keep_only(self._attached(), tuple(texts))
        return replaced

    def envelopes(self) -> Iterator[dict[str, Any]]:
        """Read every record ever landed, in landing order."""
        for segment in self.segments():
            yield from lines_of(verify(segment.file, segment.sha256, self.form_id))

    def _attached(self) -> set[str]:
        return {f["sha256"] for one in self.envelopes() for f in one.get("attachments", ()) if f["sha256"]}

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
            "stamp": item.stamp,
            "attachments": [self._stored(a) for a in item.attachments],
            "data": item.data,
        }

    def _stored(self, file: Attachment) -> dict[str, Any]:
        kept = file if file.content is None else self._shelf.store(file.name, [file.content])
        return {
            "name": file.name,
            "sha256": kept.sha256 or None,
            "bytes": kept.size,
            "present": file.present,
        }


_OUTCOME = ("server_count", "distinct_keys", "missing", "remarks", "failed")
"""What a proof says; how many pages it took is no news."""


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"cannot be used ({error.strerror or error})"
        raise LandingError(what, where=str(folder), remedy="check rights and free disk space") from error
