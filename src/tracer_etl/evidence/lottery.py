"""A draw anybody can repeat: SHA-256 of what was published, smallest first (specification 3.2).

With a shell: `printf '%s' '2026-1|barista-t1|K0253|2026 Blitar' | sha256sum`.
"""

from __future__ import annotations

import hashlib
import hmac


def ticket(round_name: str, stratum: str, applicant: str, public_seed: str) -> str:
    """Give the lot of an applicant, 64 hexadecimal digits: SHA-256 of `round|stratum|applicant|public seed` in UTF-8.

    >>> ticket("2026-1", "barista-t1", "K0253", "2026 Blitar")[:16]
    '50e9d5254a71b747'
    """
    said = "|".join((round_name, stratum, applicant, public_seed))
    return hashlib.sha256(said.encode("utf-8")).hexdigest()


def nik_hmac(nik: str, key: str) -> str:
    """Give HMAC-SHA-256 of a NIK, 64 hexadecimal digits, as the registry keeps it.

    >>> nik_hmac("Hi There", chr(0x0B) * 20)[:16]  # RFC 4231, test case 1
    'b0344c61d8db3853'
    """
    return hmac.new(key.encode("utf-8"), nik.strip().encode("utf-8"), hashlib.sha256).hexdigest()
