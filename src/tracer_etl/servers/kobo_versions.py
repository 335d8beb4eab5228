"""The deployed versions of a KoboToolbox project: fetched once, as workbooks that compile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.errors import Changed, FormError, Refused
from tracer_etl.records import Deployed
from tracer_etl.servers.kobo_content import refusal, workbook
from tracer_etl.servers.kobo_files import media_paths

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tracer_etl.servers.kobo_listing import Listing, Standing
    from tracer_etl.servers.kobo_rows import Row


@dataclass(frozen=True, slots=True)
class Versions:
    """What was learned: new versions oldest first, why others do not compile, paths of all media questions."""

    new: tuple[Deployed, ...]
    refused: Mapping[str, str]
    paths: frozenset[str]

    def remarks(self) -> tuple[str, ...]:
        """Say for a person which versions have no form."""
        return tuple(
            f"form version {label} has no form ({reason}): its submissions are landed, but cannot be typed"
            for label, reason in sorted(self.refused.items())
        )


def learn(
    listing: Listing, standing: Standing, form_id: str, kept: Collection[str], before: Mapping[str, object]
) -> Versions:
    """Fetch the versions that are not kept; `before` is the cursor of the last pull."""
    told = before.get("refused")
    refused = {str(label): str(why) for label, why in told.items()} if isinstance(told, dict) else {}
    listed = before.get("media_paths")
    paths = set(map(str, listed)) if isinstance(listed, list) else set()
    new = []
    for label, deployed_at in standing.versions:
        known = label in kept or label in refused
        if known and isinstance(listed, list):
            continue
        content, reason = _content(listing, label)
        paths.update(media_paths(content))
        if known:
            continue
        written = b""
        if not reason:
            written, reason = _written(content, standing.name, form_id)
        if reason:
            refused[label] = reason
        else:
            new.append(Deployed(label, deployed_at, f"{label}.xlsx", written))
    return Versions(tuple(new), refused, frozenset(paths))


def _content(listing: Listing, label: str) -> tuple[Row, str]:
    """Give a version's content, or why the server does not."""
    try:
        return listing.version(label), ""
    except (Refused, Changed) as error:
        return {}, str(error)


def _written(content: Row, title: str, form_id: str) -> tuple[bytes, str]:
    """Give the workbook, or why there is none."""
    try:
        written = workbook(content, title=title, form_id=form_id)
    except FormError as error:
        return b"", str(error)
    return written, refusal(written)
