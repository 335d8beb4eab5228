"""Where submissions come from; a server yields them as received, never typed, never trimmed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """How to pull from a server.

    `media` downloads attachments; every `sweep_hours` all submissions are compared, whatever the server says
    changed; `overlap_minutes` are read again each time, for rows that became visible late;
    `accept_deletions` believes the server when many submissions vanish at once; `page` is the number of
    submissions per page (the server's most by default); `private_key`, opened by `passphrase` if it is
    locked, decrypts encrypted submissions;
    `assets` names KoboToolbox's asset uid per form_id where it cannot be found by itself.
    """

    media: bool = False
    sweep_hours: float = 24.0
    overlap_minutes: float = 10.0
    accept_deletions: bool = False
    page: int | None = None
    private_key: Path | None = None
    passphrase: str = field(default="", repr=False)
    assets: Mapping[str, str] = field(default_factory=dict)
