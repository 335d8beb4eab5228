"""What is to be filled (Job) and what came out of it (Submission)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tracer_etl.collect import Device

_UUID = 36


@dataclass(frozen=True)
class Job:
    """One form to fill: answers by question name, the moment it is opened, seconds per answer.

    `about` says whom it concerns (alumni_id, applicant number): it finds submissions again and is in no
    file. `detailed`: Collect's log has every answer; `hasty`: most of them entered in a second each.
    """

    form_id: str
    key: str
    answers: Mapping[str, Any]
    begins: datetime
    pace: float
    device: Device
    about: str = ""
    detailed: bool = False
    hasty: bool = False


@dataclass(frozen=True)
class Submission:
    """One finished submission: its folder under `instances/`, its XML and its files."""

    form_id: str
    folder: str
    xml: bytes
    media: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    about: str = ""
    ends: datetime | None = None

    @property
    def instance_id(self) -> str:
        """Return the instanceID the engine gave it; the folder of a second delivery has a suffix."""
        return f"uuid:{self.folder[:_UUID]}"
