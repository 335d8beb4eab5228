"""Writes submissions as ODK Briefcase and Collect store them: `instances/<uuid>/submission.xml` and files."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tracer_etl.evidence.rehearsal.job import Submission

_MOMENT = (2026, 3, 1, 0, 0, 0)
_UNIX = 3
_MODE = 0o100644 << 16


def write_zip(path: Path, submissions: Iterable[Submission]) -> None:
    """Write one zip per form, the same bytes for the same submissions (members sorted, times fixed)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(_members(submissions)):
            member = zipfile.ZipInfo(name, _MOMENT)
            member.create_system, member.external_attr = _UNIX, _MODE
            archive.writestr(member, content, zipfile.ZIP_DEFLATED, 9)


def _members(submissions: Iterable[Submission]) -> Iterator[tuple[str, bytes]]:
    for submission in submissions:
        folder = f"instances/{submission.folder}"
        yield f"{folder}/submission.xml", submission.xml
        for name, content in submission.media.items():
            yield f"{folder}/{name}", content
