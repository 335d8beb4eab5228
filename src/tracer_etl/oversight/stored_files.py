"""Checks that open the files of submissions where they lie in the landing: photos and Collect's audit logs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.oversight.arguments import Arguments
from tracer_etl.oversight.audits import read_audit
from tracer_etl.oversight.photos import fingerprint, repeats
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from tracer_etl.oversight.registry import Check
    from tracer_etl.warehouse.contract import Connection


def checks_of_files(landing: Path) -> dict[str, Check]:
    """Give the checks that read files, bound to a landing area."""
    files = _Files(landing)
    return {"repeated_photos": files.repeated_photos, "audit_logs": files.audit_logs}


@dataclass(frozen=True, slots=True)
class _Files:
    landing: Path

    def repeated_photos(
        self, connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
    ) -> Iterator[Finding | Measured]:
        """Find photos that show the same as another person's, or are the same file.

        kwargs: form, sql (_submission_id, person, sha256), distance (bits of 64 that may differ).

        Raises:
            NotEvaluated: no photo can be compared: none came, or all are without contrast or a few points wide.
        """
        given = Arguments(connection, kwargs, thresholds)
        photos = [(str(key), str(person), str(sha256)) for key, person, sha256 in given.rows()]
        same = _same_file(photos)
        seen = self._fingerprints(str(given.given("form")), {sha256 for _, _, sha256 in photos})
        judged = [photo for photo in photos if seen.get(photo[2]) is not None]
        if not judged and not same:
            raise NotEvaluated(f"none of {len(photos)} photos shows enough to be compared")
        alike = repeats(
            [seen[p[2]] or 0 for p in judged], [p[1] for p in judged], int(given.number("distance"))
        )
        yield Measured(f"{len(judged)} / {len(photos)}")
        found = {judged[one][0]: judged[other][0] for one, other in alike.items()} | same
        yield from (Finding(key, "", f"= {other}") for key, other in sorted(found.items()))

    def audit_logs(
        self, connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
    ) -> Iterator[Finding | Measured]:
        """Find interviews mostly entered too fast, or changed after their end.

        kwargs: form, sql (_submission_id, sha256), seconds (an answer up to which is fast), share (0..1), answers
        (timed at least, for a log to be judged).

        Raises:
            NotEvaluated: no log times enough answers.
        """
        given = Arguments(connection, kwargs, thresholds)
        seconds, share, least = (given.number(name) for name in ("seconds", "share", "answers"))
        form, rows, judged = str(given.given("form")), given.rows(), 0
        for key, sha256 in rows:
            path = self._path(form, str(sha256))
            if not path.exists():
                continue
            audit = read_audit(path.read_text(encoding="utf-8", errors="replace"), seconds)
            enough = audit.answers >= least
            judged += enough
            if (enough and audit.fast_share > share) or audit.changed_after:
                changed = f", +{audit.changed_after} > end" if audit.changed_after else ""
                said = f"{audit.fast}/{audit.answers} <= {seconds:g} s{changed}"
                yield Finding(str(key), f"{audit.fast_share:.3f}", said)
        if not judged:
            raise NotEvaluated(f"none of {len(rows)} audit logs times {least:g} answers")
        yield Measured(f"{judged} / {len(rows)}")

    def _path(self, form: str, sha256: str) -> Path:
        return self.landing / form / "media" / sha256[:2] / sha256

    def _fingerprints(self, form: str, wanted: Iterable[str]) -> dict[str, int | None]:
        """Read photos once: what was seen is kept beside the landing, as long as the photo itself is there."""
        memory = self.landing / f"_fingerprints_{form}.json"
        kept = json.loads(memory.read_text(encoding="utf-8")) if memory.exists() else {}
        seen: dict[str, int | None] = {}
        for sha256 in sorted({*kept, *wanted}):
            path = self._path(form, sha256)
            if path.exists():
                seen[sha256] = kept[sha256] if sha256 in kept else fingerprint(path)
        if seen != kept:
            write_atomically(memory, json.dumps(seen, indent=0).encode())
        return seen


def _same_file(photos: Iterable[tuple[str, str, str]]) -> dict[str, str]:
    """Map submissions to another person's with the very same file."""
    owners: dict[str, list[tuple[str, str]]] = {}
    for key, person, sha256 in photos:
        owners.setdefault(sha256, []).append((key, person))
    return {
        key: next(other for other, someone in sharing if someone != person)
        for sharing in owners.values()
        for key, person in sharing
        if any(someone != person for _, someone in sharing)
    }
