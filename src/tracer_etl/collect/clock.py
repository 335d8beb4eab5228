"""The time, the identifiers and the device a form believes in.

A form asks for them in three ways: preloads (`start`, `end`, `today`, `deviceid`, `instanceID`), functions
(`now()`, `today()`, `uuid()`, `random()`) and constraints that use those functions. All of them are answered
from the objects of this module, so that a filled form is consistent in itself and the same in every run.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Clock:
    """A clock that moves only when told to.

    `now` must know its time zone. `pace` is how many seconds one answer takes.

    >>> clock = Clock(datetime.fromisoformat("2026-01-05T09:00:00+07:00"), pace=10)
    >>> clock.tick()
    >>> clock.now.isoformat()
    '2026-01-05T09:00:10+07:00'
    """

    now: datetime
    pace: float = 0.0

    def __post_init__(self) -> None:
        if self.now.tzinfo is None:
            message = "a clock needs a time with its time zone"
            raise ValueError(message)

    def tick(self) -> None:
        """Let the time of one answer pass."""
        self.now += timedelta(seconds=self.pace)

    @property
    def milliseconds(self) -> int:
        """Return the milliseconds since 1970-01-01 UTC, as Java counts time."""
        return round(self.now.timestamp() * 1000)


@dataclass
class Identifiers:
    """A reproducible source of version 4 UUIDs and of `random()`."""

    seed: int | str
    _rng: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)  # noqa: S311 (reproducible by intention, no secret)

    def uuid(self) -> str:
        """Return the next UUID, 36 characters in lower case."""
        return str(UUID(int=self._rng.getrandbits(128), version=4))

    def fraction(self) -> float:
        """Return the next number in [0, 1)."""
        return self._rng.random()


@dataclass(frozen=True)
class Device:
    """What the app tells a form about the phone and its user; the names are those of the preloads."""

    deviceid: str = "collect:rehearsal0000000"
    username: str = ""
    phonenumber: str = ""
    email: str = ""

    def properties(self) -> Mapping[str, str]:
        """Return the properties by the names JavaRosa asks for."""
        return {
            "deviceid": self.deviceid,
            "username": self.username,
            "phonenumber": self.phonenumber,
            "email": self.email,
        }
