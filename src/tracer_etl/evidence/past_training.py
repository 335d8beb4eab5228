"""The 24-month rule: who of the applicants is in the registry with a recent training paid by government.

Persons are linked by HMAC-SHA-256 of their NIK alone; the key comes from the environment (TRACER_HMAC_KEY) and is the
one the registry was made with. The NIK itself never leaves this module.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from tracer_etl.evidence.lottery import nik_hmac

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.evidence.marts import Connection

KEY = "TRACER_HMAC_KEY"

_TYPED = (
    "select _submission_id, ap_nik from pii.applicant_registration where ap_nik is not null and ap_nik <> ''"
)
_LISTED = """
select c.application_id, p.nik_hmac from clean.applicants c
join pii.applicants p on p.applicant_id = c.applicant_id where p.nik_hmac is not null and p.nik_hmac <> ''
"""
_TRAINED = """
select p.nik_hmac, e.training_end, e.funding from pii.registry_person p
join clean.registry_enrolment e on e.alumni_id = p.alumni_id where p.nik_hmac is not null and e.training_end <> ''
"""


@dataclass(frozen=True)
class Identities:
    """HMAC of each application's NIK by submission id, and what a person should know about them."""

    hashes: Mapping[str, str]
    remarks: tuple[str, ...]


def identities(connection: Connection, key: str) -> Identities:
    """Give the hash of each application: of the NIK typed, with the key; without a key, of the office's own list.

    With a key the two are compared, since a wrong key would find nobody in the registry and look like a clean round.
    """
    listed = dict(connection.execute(_LISTED).fetchall())
    if not key:
        return Identities(
            listed, (f"the 24 months were checked by the office's list, not the NIK typed: set {KEY}",)
        )
    typed = {one: nik_hmac(nik, key) for one, nik in connection.execute(_TYPED).fetchall()}
    both = [one for one in typed if one in listed]
    differing = sum(typed[one] != listed[one] for one in both)
    remarks = (
        [f"{differing} of {len(both)} NIKs typed are not those of the office's list"] if differing else []
    )
    if both and differing == len(both):
        remarks = [f"no NIK typed fits the office's list: {KEY} is not the key the registry was made with"]
    return Identities(typed, tuple(remarks))


def recently_trained(
    connection: Connection, hashes: Mapping[str, str], since: date, government: tuple[str, ...]
) -> frozenset[str]:
    """Give the submission ids of applicants whose last training paid by government ended after a day."""
    trained = {
        hashed
        for hashed, ended, funding in connection.execute(_TRAINED).fetchall()
        if funding in government and date.fromisoformat(str(ended)[:10]) > since
    }
    return frozenset(one for one, hashed in hashes.items() if hashed in trained)


def months_before(day: date, months: int) -> date:
    """Give the day so many months earlier; a day the month has not is its last one.

    >>> months_before(date(2026, 3, 16), 24), months_before(date(2026, 3, 31), 1)
    (datetime.date(2024, 3, 16), datetime.date(2026, 2, 28))
    """
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
