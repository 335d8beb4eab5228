"""The landing where other machines can read it: segments first, the manifest that names them last.

A URL of fsspec (`s3://bucket/blitar`, `gs://`, `abfs://`, `file:///mnt/tracer`, `memory://`) holds per form the segments
that SQL reads, the form versions and the manifest, and beside them what tells who is out. Photos and the bytes as
received stay where they were pulled: it is no backup. Whoever fetches compares every file with its digest.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import LandingError, StudyError, Unavailable
from tracer_etl.landing import Landing
from tracer_etl.segments import KINDS
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tracer_etl.study import Study

MANIFEST = "manifest.json"
BESIDE = ("_erased.json", "_entity_lists/*.csv")
"""Files of the landing that belong to no form."""
STRAYS = "strays"
"""A form's folder with lists of keys, which live as long as the partitions they belong to."""


def mirror(study: Study, form_id: str) -> None:
    """Bring a form's shared landing up to date, where the study names one."""
    if study.shared:
        SharedLanding(study.shared).publish(study.landing, form_id)


class SharedLanding:
    """The landing of a study under a URL.

    Raises:
        StudyError: fsspec, or what it needs for this kind of URL, is not installed.
    """

    def __init__(self, url: str) -> None:
        """Choose the file system the URL names."""
        self.url = url
        try:
            from fsspec.core import url_to_fs

            self.files, self.root = url_to_fs(url)
        except ImportError as error:
            what = f"a landing at {url.partition('://')[0]}:// needs more packages ({error})"
            remedy = "pip install 'tracer-etl[dask]' and what fsspec asks for, e.g. s3fs"
            raise StudyError(what, where="study.toml [storage] shared", remedy=remedy) from error
        except ValueError as error:
            remedy = "write a URL such as s3://bucket/study or file:///mnt/study"
            raise StudyError(str(error), where="study.toml [storage] shared", remedy=remedy) from error

    # -- publishing

    def publish(self, root: Path, form_id: str) -> int:
        """Bring a form up to date and give how many segments were new; afterwards nothing is there that it does not name.

        Raises:
            Unavailable: the storage did not answer.
            LandingError: it says no.
        """
        landing = Landing(root, form_id)
        with self._telling():
            there, known = self._manifest(form_id), self._known(form_id)
            new = [
                one
                for one in landing.segments()
                if known.get(one.file.name) != (one.sha256, one.file.stat().st_size)
            ]
            for path in (path for pattern in BESIDE for path in root.glob(pattern)):
                self._put(path, path.relative_to(root).as_posix())
            for segment in new:
                self._put(segment.file, f"{form_id}/{segment.file.name}")
            kept = {entry["file"] for entry in there.get("versions", ())}
            for _, path in landing.deployed():
                if path.name not in kept:
                    self._put(path, f"{form_id}/versions/{path.name}")
            content = json.dumps(landing.manifest, ensure_ascii=False).encode()
            self._write(f"{form_id}/{MANIFEST}", content)
            self._sweep(form_id, {segment.file.name for segment in landing.segments()})
        return len(new)

    def _known(self, form_id: str) -> dict[str, tuple[str, int]]:
        """Give digest and size of the segments that are there and are named."""
        self.files.invalidate_cache()
        found = self.files.glob(f"{self.root}/{form_id}/*.{KINDS[0]}", detail=True).values()
        sizes = {one["name"].rpartition("/")[2]: one["size"] for one in found}
        named = {f"{e['name']}.{KINDS[0]}": e["sha256"] for e in self._manifest(form_id).get("segments", ())}
        return {file: (sha256, sizes[file]) for file, sha256 in named.items() if file in sizes}

    def _put(self, path: Path, name: str) -> None:
        self._write(name, path.read_bytes())

    def _write(self, name: str, content: bytes) -> None:
        """Write a file; an object store shows it whole or not at all."""
        path = f"{self.root}/{name}"
        self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.files.pipe_file(path, content)

    def _sweep(self, form_id: str, named: set[str]) -> None:
        """Remove segments that were erased, or that no manifest ever named."""
        for path in self.files.glob(f"{self.root}/{form_id}/*.{KINDS[0]}"):
            if path.rpartition("/")[2] not in named:
                self.files.rm_file(path)

    def keep(self, form_id: str, path: Path) -> None:
        """Keep a list of keys for those who work on the form."""
        with self._telling():
            self._put(path, f"{form_id}/{STRAYS}/{path.name}")

    def forget(self, form_id: str) -> None:
        """Remove the form's lists of keys."""
        with self._telling():
            for path in self.files.glob(f"{self.root}/{form_id}/{STRAYS}/*"):
                self.files.rm_file(path)

    # -- fetching

    def fetch(self, form_id: str, segments: Sequence[str], keys: str, into: Path) -> None:
        """Make a landing in `into` with those segments (as `<name>:<sha256>`) of a form, whole and as they were landed.

        `keys` names a list of keys to fetch with them, or is empty.

        Raises:
            LandingError: a segment is not there, or is not what was landed.
            Unavailable: the storage did not answer.
        """
        folder = into / form_id
        for name in ("versions", STRAYS):
            (folder / name).mkdir(parents=True)
        (into / "_entity_lists").mkdir()
        with self._telling():
            manifest = self._manifest(form_id)
            write_atomically(folder / MANIFEST, json.dumps(manifest).encode())
            for pattern in BESIDE:
                for path in self.files.glob(f"{self.root}/{pattern}"):
                    self._get(path, into / path.removeprefix(f"{self.root}/"))
            for entry in manifest.get("versions", ()):
                self._get(
                    f"{self.root}/{form_id}/versions/{entry['file']}", folder / "versions" / entry["file"]
                )
            for name, _, sha256 in (segment.partition(":") for segment in segments):
                file = f"{name}.{KINDS[0]}"
                self._get(f"{self.root}/{form_id}/{file}", folder / file, sha256)
            if keys:
                self._get(
                    f"{self.root}/{form_id}/{STRAYS}/{keys}", folder / STRAYS / keys, keys.partition(".")[0]
                )

    def _get(self, path: str, target: Path, sha256: str = "") -> None:
        content = self.files.cat_file(path)
        if sha256 and hashlib.sha256(content).hexdigest() != sha256:
            what = f"{target.name} is not what was landed"
            raise LandingError(what, where=self.url, remedy="remove it there, and run again: it is put anew")
        target.write_bytes(content)

    def _manifest(self, form_id: str) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(self.files.cat_file(f"{self.root}/{form_id}/{MANIFEST}"))
        except (FileNotFoundError, ValueError):  # never published, or torn: all is put anew
            return {}
        return manifest

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, PermissionError) as error:
            what = f"cannot be used ({error.strerror or error})"
            remedy = "check the address and the rights of this machine"
            raise LandingError(what, where=self.url, remedy=remedy) from error
        except OSError as error:
            what, remedy = f"does not answer ({error.strerror or error})", "run again when it does"
            raise Unavailable(what, where=self.url, remedy=remedy) from error
