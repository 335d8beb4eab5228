"""Where the study keeps things: room, rights, and whether the file system keeps its promises."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_etl.doctor.finding import error, warning, well
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.doctor.finding import Finding
    from tracer_etl.study import Study

AREA = "disk"
LEAST = 500 * 2**20
"""Bytes free: below it a build of a large form fails half way."""
ENOUGH = 2**31
"""Bytes free: below it, or below twice what is stored, it is time to make room."""


def disk(study: Study, least: int = LEAST, enough: int = ENOUGH) -> Iterator[Finding]:
    """Look at every folder a run writes to, once each."""
    stored = sum(_size(path) for path in (study.landing, study.warehouse, study.published))
    places = _places(study)
    devices = {place.stat().st_dev: place for place in reversed(places)}
    for place in devices.values():
        yield _room(place, least, max(enough, 2 * stored))
    for place, names in places.items():
        yield from _rights(place, names)
    if study.landing.exists() and study.landing.stat().st_mode & 0o007 and os.name == "posix":
        yield from _opened(study.landing)


def _places(study: Study) -> dict[Path, str]:
    """Map the folders that exist to what will be kept in or below them."""
    kept = {
        "landing": study.landing,
        "staging": study.staging,
        "warehouse": study.warehouse.parent,
        "published": study.published.parent,
        "report": study.report,
    }
    places: dict[Path, list[str]] = {}
    for name, path in kept.items():
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        places.setdefault(there, []).append(name)
    return {place: ", ".join(names) for place, names in places.items()}


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _room(place: Path, least: int, enough: int) -> Finding:
    free = shutil.disk_usage(place).free
    said = f"{free / 2**30:.1f} GiB free where {place} lies"
    remedy = "make room, or name another place by TRACER_STORAGE"
    if free < least:
        return error(AREA, said, remedy)
    if free < enough:
        return warning(AREA, f"{said}, {enough / 2**30:.1f} are advised", remedy)
    return well(AREA, said)


def _rights(place: Path, names: str) -> Iterator[Finding]:
    """Write as a run does - a file, synced, in the place of another - and leave nothing behind."""
    try:
        with tempfile.TemporaryDirectory(prefix=".doctor-", dir=place) as folder:
            probe = Path(folder) / "probe"
            for content in (b"old", b"new"):
                write_atomically(probe, content)
            whole, folded = probe.read_bytes() == b"new", probe.with_name("PROBE").exists()
    except OSError as raised:
        what = f"{place} cannot be written ({raised.strerror or raised}; {names})"
        yield error(AREA, what, "give this user the right to write there, or set TRACER_STORAGE")
        return
    if not whole:
        remedy = "keep the study on a local file system"
        yield error(AREA, f"{place}: a file put in the place of another is not the new one", remedy)
    elif folded:
        remedy = "keep the names of forms apart by more than capital letters"
        yield warning(AREA, f"{place} takes capital and small letters for the same", remedy)
    else:
        yield well(AREA, f"{place}: writes, syncs and renames ({names})")


def _opened(landing: Path) -> Iterator[Finding]:
    """Name the forms whose answers everybody on this machine may read."""
    for folder in sorted(landing.iterdir()):
        if folder.is_dir() and folder.stat().st_mode & 0o077:
            what = f"{folder} is open to other users, and holds every name and phone"
            yield warning(AREA, what, f"chmod 700 {folder}")
