"""Synthetic people of Kabupaten Blitar: names, numbers that fit every rule, villages from the media list.

No number here can belong to anyone: serials of NIKs start at 9001 (offices issue them from 0001 within a
birth date), and the phone prefix 0860 is assigned to no operator.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tracer_etl.evidence.registry.alumni_ids import alumni_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.evidence.rehearsal.chance import Chance

REHEARSAL_KEY = b"tracer-etl rehearsal key: protects nobody, since nobody here exists"
MALE, FEMALE = "1", "2"
_FIRST_SERIAL = 9001
_WOMAN = 40

_FIRST = {
    MALE: "Agus Bambang Bayu Budi Danang Dwi Eko Fajar Galih Hadi Imam Irfan Joko Krisna Mujib Nanang "
    "Panji Rizal Slamet Supri Teguh Wahyu Yanto Yoga Zainal Arif Bagas Dimas Edi Gunawan",
    FEMALE: "Ani Astuti Ayu Dewi Dian Endang Erna Fitri Indah Ika Lestari Lilis Mega Nanik Nur Puji Ratna "
    "Retno Rina Sari Siti Sri Sulastri Tika Tutik Umi Wati Wulan Yuli Yuni",
}
_SECOND = {
    MALE: "Prasetyo Santoso Wibowo Saputra Nugroho Susanto Hidayat Kurniawan Setiawan Purnomo Widodo Raharjo "
    "Mulyono Hartono Firmansyah Sugiarto Utomo Pamungkas Suryadi Maulana",
    FEMALE: "Rahayu Lestari Wulandari Handayani Anggraini Puspitasari Kusumawati Rahmawati Setyowati Utami "
    "Susanti Maharani Widyastuti Purwanti Fatimah Safitri Novitasari Oktaviani Agustina Khasanah",
}
_EDUCATION = {"2": 2, "3": 12, "4": 32, "5": 38, "6": 3, "7": 4, "8": 9}


@dataclass(frozen=True)
class Village:
    """One desa or kelurahan: Kemendagri codes of 10 and 6 digits."""

    code: str
    name: str
    kec: str


@dataclass(frozen=True)
class Person:
    """One synthetic person; `nik` never leaves this package except into an application form."""

    name: str
    sex: str
    birth: date
    nik: str
    phone: str
    village: Village
    edu: str
    marital: str
    disabled: bool

    @property
    def label(self) -> str:
        """Return what a device may show: first name and village."""
        return f"{self.name.split()[0]} ({self.village.name})"


def make_person(chance: Chance, number: int, sex: str, ages: tuple[int, int], village: Village) -> Person:
    """Return a person whose NIK and phone are fixed by `number`, unique within 9,000 people."""
    birth = _birth(chance, ages)
    return Person(
        name=f"{chance.pick(_FIRST[sex].split())} {chance.pick(_SECOND[sex].split())}",
        sex=sex,
        birth=birth,
        nik=make_nik(village.kec, birth, sex, number),
        phone=f"0860{number:04d}{chance.whole(0, 9999):04d}",
        village=village,
        edu=chance.weighted(_EDUCATION),
        marital=chance.weighted(_marital(date(2025, 12, 1).year - birth.year)),
        disabled=chance.yes(0.03),
    )


def _birth(chance: Chance, ages: tuple[int, int]) -> date:
    youngest, oldest = ages
    age = chance.rng.triangular(youngest, oldest, youngest + (oldest - youngest) * 0.25)
    return date(2025, 6, 30) - timedelta(days=round(age * 365.25))


def _marital(age: int) -> dict[str, float]:
    married = min(0.85, max(0.05, (age - 19) / 14))
    return {"1": 1 - married, "2": married * 0.92, "3": married * 0.06, "4": married * 0.02}


def make_nik(kec: str, birth: date, sex: str, number: int) -> str:
    """Return 16 digits: district, birth date (day + 40 for women), serial.

    >>> make_nik("350510", date(1999, 4, 7), FEMALE, 3)
    '3505104704999004'
    """
    day = birth.day + (_WOMAN if sex == FEMALE else 0)
    return f"{kec}{day:02d}{birth:%m%y}{_FIRST_SERIAL + number % (10_000 - _FIRST_SERIAL)}"


def is_synthetic(nik_last4: str) -> bool:
    """Tell whether the last four digits of a NIK are ones that only this package gives."""
    return nik_last4.isdigit() and int(nik_last4) >= _FIRST_SERIAL


def hashed(nik: str) -> str:
    """Return HMAC-SHA-256 of a NIK with the rehearsal key, 64 hexadecimal digits."""
    return hmac.new(REHEARSAL_KEY, nik.encode(), hashlib.sha256).hexdigest()


def make_alumni_ids(chance: Chance, count: int) -> list[str]:
    """Return that many different identifiers: `A`, six random digits, check digit."""
    numbers = chance.rng.sample(range(100_000, 1_000_000), count)
    return [alumni_id(str(number)) for number in numbers]


def e164(phone: str) -> str:
    """Return a national number as E.164.

    >>> e164("086000011234")
    '+6286000011234'
    """
    return f"+62{phone[1:]}"


def pick_village(chance: Chance, villages: Sequence[Village]) -> Village:
    """Return a village; the southern tobacco districts and the towns send more people than others."""
    weights = {village: 2.0 if village.kec in _BUSY else 1.0 for village in villages}
    return chance.weighted(weights)


_BUSY = frozenset({"350503", "350507", "350510", "350511", "350514", "350517", "350519", "350522"})
