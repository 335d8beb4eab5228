"""The classes of 2024 and 2025 as the press and the office name them; dates are plausible, not official.

2025: seven packages for 143 people, all paid from DBHCHT (Rp 1.5 bn), all declared competent by BNSP.
2024: seven trainings of Rp 225 m and four of the revised regency budget (Rp 600 m together), 20 people each.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

_SHARE_2025 = 1_500_000_000 / 143
_COST_2024, _COST_REVISED = 225_000_000, 150_000_000


@dataclass(frozen=True)
class TrainingClass:
    """One class: who taught it, when, for how many, and from which budget.

    `end` is the last day of training and assessment, `internship_end` that of the internship (2025 only).
    """

    batch: str
    program: str
    start: date
    end: date
    internship_days: int
    seats: int
    women: float
    funding: str
    cost: int
    provider: str
    scheme: str

    @property
    def year(self) -> int:
        """Return the budget year."""
        return self.start.year

    @property
    def internship_end(self) -> date | None:
        """Return the last day of the internship, if there was one."""
        return self.end + timedelta(days=self.internship_days) if self.internship_days else None

    @property
    def last_day(self) -> date:
        """Return the day from which a graduate could look for work: the origin of time to first job."""
        return self.internship_end or self.end


def _class(
    batch: str, start: str, seats: int, women: float, provider: str, *, revised: bool = False
) -> TrainingClass:
    program, year, _ = batch.split("-")
    first = date.fromisoformat(start)
    in_2025 = year == "2025"
    return TrainingClass(
        batch=batch,
        program=program,
        start=first,
        end=first + timedelta(days=16 if in_2025 else 18),
        internship_days=5 if in_2025 else 0,
        seats=seats,
        women=women,
        funding="apbd" if revised or (program in _REGENCY_2024 and not in_2025) else "dbhcht",
        cost=round(_SHARE_2025 * seats) if in_2025 else _COST_REVISED if revised else _COST_2024,
        provider=provider,
        scheme=_SCHEMES[program],
    )


_REGENCY_2024 = frozenset({"konten", "mua", "ac"})
_SCHEMES = {
    "barista": "Barista",
    "mua": "Penata Rias Muda",
    "digimar": "Digital Marketing Junior",
    "konten": "Kreator Konten Digital",
    "barber": "Pangkas Rambut Pria",
    "masak": "Commis Masak Unggas",
    "patiseri": "Commis Pastry",
    "unggas": "Pengolah Hasil Unggas",
    "minuman": "Pengolah Minuman",
    "listrik_rt": "Teknisi Peralatan Listrik Rumah Tangga",
    "ac": "Teknisi AC Residensial",
}

CLASSES: tuple[TrainingClass, ...] = (
    _class("barista-2024-1", "2024-04-15", 20, 0.4, "LPK Kopi Penataran"),
    _class("digimar-2024-1", "2024-05-06", 20, 0.5, "LPK Digital Patria"),
    _class("konten-2024-1", "2024-06-03", 20, 0.45, "LPK Digital Patria"),
    _class("mua-2024-1", "2024-07-01", 20, 1.0, "LPK Ayu Kanigoro"),
    _class("ac-2024-1", "2024-08-05", 20, 0.0, "LPK Teknik Srengat"),
    _class("barber-2024-1", "2024-09-02", 20, 0.0, "LPK Pangkas Wlingi"),
    _class("barber-2024-2", "2024-10-01", 20, 0.05, "LPK Pangkas Sanankulon"),
    _class("patiseri-2024-1", "2024-11-04", 20, 0.85, "LPK Boga Garum", revised=True),
    _class("mua-2024-2", "2024-11-05", 20, 1.0, "LPK Ayu Kanigoro", revised=True),
    _class("unggas-2024-1", "2024-12-02", 20, 0.7, "LPK Boga Garum", revised=True),
    _class("minuman-2024-1", "2024-12-03", 20, 0.7, "LPK Kopi Penataran", revised=True),
    _class("barista-2025-1", "2025-05-05", 20, 0.4, "LPK Kopi Penataran"),
    _class("mua-2025-1", "2025-06-02", 20, 0.95, "LPK Ayu Kanigoro"),
    _class("digimar-2025-1", "2025-07-01", 25, 0.5, "LPK Digital Patria"),
    _class("listrik_rt-2025-1", "2025-08-04", 18, 0.0, "LPK Teknik Srengat"),
    _class("barber-2025-1", "2025-09-01", 20, 0.0, "LPK Pangkas Wlingi"),
    _class("barber-2025-2", "2025-09-02", 20, 1.0, "LPK Pangkas Sanankulon"),
    _class("masak-2025-1", "2025-10-06", 20, 0.7, "LPK Boga Garum"),
)
