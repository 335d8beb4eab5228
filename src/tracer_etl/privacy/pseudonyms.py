"""Names for people and submissions that only the holder of a key can trace back: HMAC-SHA-256 (RFC 2104).

The key comes from the environment and is neither stored nor printed. Without it nobody can compute a name from a
registry number or an instance id, however short the list of numbers is; with another key all names are others.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field

from tracer_etl.errors import StudyError

KEY, OLD = "TRACER_PSEUDONYM_KEY", "TRACER_PSEUDONYM_KEY_OLD"
LEAST = 32
"""Characters a key must have: `openssl rand -hex 32` gives 64."""
_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """The names that one key gives."""

    secret: bytes = field(repr=False)

    def of(self, scope: str, value: str) -> str:
        """Give the name of a value, 32 hexadecimal digits; the same value of another scope has another name.

        >>> names = Pseudonyms(b"k" * 32)
        >>> names.of("person", "A1"), names.of("person", "A1") == names.of("submission", "A1")
        ('400f3e8372db754a8775cfe4c43a83a3', False)
        """
        said = f"{scope}\0{value}".encode()
        return hmac.new(self.secret, said, hashlib.sha256).hexdigest()[:_DIGITS]

    @property
    def fingerprint(self) -> str:
        """Tell this key from another one, without telling anything of it: 16 hexadecimal digits."""
        return self.of("fingerprint of the key", "")[:16]


def from_environment(name: str = KEY) -> Pseudonyms:
    """Take the key from the environment.

    Raises:
        StudyError: there is none, or it is too short to be safe.
    """
    secret = os.environ.get(name, "")
    if len(secret) < LEAST:
        what = "is too short" if secret else "is not set"
        remedy = f"make a key once with `openssl rand -hex {LEAST}`, keep it where no data are, and export it"
        raise StudyError(what, where=name, remedy=remedy)
    return Pseudonyms(secret.encode())
