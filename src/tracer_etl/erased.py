"""What was erased, remembered so that it never comes back: salted hashes of keys, and no key and no value.

`<landing>/_erased.json` is written before anything is removed, so that no crash leaves a gap in which an erased
submission could land again. Who holds that file can try keys one by one; all they learn is that one is gone.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import LandingError
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PREFIX = "erased:"
"""Begins the name that stands in the place of an erased key."""
_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Erased:
    """The hashes by scope: a form's submissions, or the persons of a reference table."""

    salt: str
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def digest(self, scope: str, key: str) -> str:
        """Hash a key, 64 hexadecimal digits; SQL gets the same by `sha256` of `prefix(scope)` and the key.

        >>> Erased("s").digest("visit", "uuid:1") == hashlib.sha256(b"s visit uuid:1").hexdigest()
        True
        """
        return hashlib.sha256((self.prefix(scope) + key).encode()).hexdigest()

    def prefix(self, scope: str) -> str:
        """Give what is hashed before a key of a scope."""
        return f"{self.salt} {scope} "

    def knows(self, scope: str, key: str) -> bool:
        """Tell whether a key was erased."""
        known = self.hashes.get(scope)
        return bool(known) and self.digest(scope, key) in (known or ())

    def name(self, scope: str, key: str) -> str:
        """Give the name that stands in the place of a key."""
        return PREFIX + self.digest(scope, key)[:_DIGITS]


def read_erased(landing: Path) -> Erased:
    """Read what was erased from a landing area; nothing yet gives no hashes and a new salt.

    Raises:
        LandingError: the file is damaged; without it erased submissions could come back.
    """
    file = landing / "_erased.json"
    if not file.exists():
        return Erased(secrets.token_hex(16))
    try:
        found = json.loads(file.read_bytes())
        hashes = {scope: frozenset(listed) for scope, listed in found["hashes"].items()}
        return Erased(found["salt"], hashes)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        remedy = "restore it from the backup: without it what was erased could come back"
        raise LandingError(f"damaged ({error})", where=str(file), remedy=remedy) from error


def remember(landing: Path, keys: Mapping[str, Iterable[str]]) -> Erased:
    """Add keys by scope to what is remembered, durably; give all of it."""
    known = read_erased(landing)
    hashes = dict(known.hashes)
    for scope, listed in keys.items():
        hashes[scope] = hashes.get(scope, frozenset()) | {known.digest(scope, key) for key in listed}
    content = {"salt": known.salt, "hashes": {scope: sorted(found) for scope, found in hashes.items()}}
    landing.mkdir(parents=True, exist_ok=True)
    write_atomically(landing / "_erased.json", json.dumps(content, indent=1).encode(), private=True)
    return Erased(known.salt, hashes)


def scrubbed(value: Any, texts: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON is anything
    """Replace texts wherever they stand in a JSON value."""
    if isinstance(value, dict):
        return {scrubbed(key, texts): scrubbed(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrubbed(inner, texts) for inner in value]
    if isinstance(value, str):
        for old, new in texts.items():
            value = value.replace(old, new)
    return value
