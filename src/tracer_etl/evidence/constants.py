"""What the estimates take as given: thresholds of specification 2.3 and official figures, all in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DISTRICTS = {
    "350501": "Wonodadi",
    "350502": "Udanawu",
    "350503": "Srengat",
    "350504": "Kademangan",
    "350505": "Bakung",
    "350506": "Ponggok",
    "350507": "Sanankulon",
    "350508": "Wonotirto",
    "350509": "Nglegok",
    "350510": "Kanigoro",
    "350511": "Garum",
    "350512": "Sutojayan",
    "350513": "Panggungrejo",
    "350514": "Talun",
    "350515": "Gandusari",
    "350516": "Binangun",
    "350517": "Wlingi",
    "350518": "Doko",
    "350519": "Kesamben",
    "350520": "Wates",
    "350521": "Selorejo",
    "350522": "Selopuro",
}
"""Kecamatan of Kabupaten Blitar by Kemendagri code."""

FAMILIES = {
    "barista": "beverage",
    "minuman": "beverage",
    "kopi_cokelat": "beverage",
    "masak": "cooking",
    "patiseri": "cooking",
    "unggas": "cooking",
    "dapur_mbg": "cooking",
    "mua": "beauty",
    "barber": "beauty",
    "digimar": "digital",
    "konten": "digital",
    "grafis": "digital",
    "listrik_rt": "technical",
    "ac": "technical",
    "audio": "technical",
    "las": "technical",
    "motor": "technical",
    "tani": "farming",
    "alsintan": "farming",
    "jahit": "sewing",
}
"""Family of each programme: which classes may stand in for one another where respondents are few."""

UMK_IDR = {2023: 2_215_072, 2024: 2_256_050, 2025: 2_413_974, 2026: 2_567_744}
"""Minimum wage of Kabupaten Blitar, IDR per month (specification 0.2; equal to seeds/umk.csv, which a test sees to)."""

CPI = {"2023-12-31": 105.517, "2024-12-31": 107.11, "2025-12-31": 110.25}
"""Consumer prices of East Java, 2022 = 100, at anchor days; between them the growth is even.

Specification 0.2: December 2024 as published (1.51 % over the year, hence December 2023), December 2025 derived.
"""


@dataclass(frozen=True)
class Constants:
    """Thresholds of specification 2.3; the office may set others.

    Shares are 0..1, weights relative to their mean, counts are respondents. A bootstrap replicate is noise of some
    per cent, so it need not be raked as exactly as the weights themselves.
    """

    seed: int = 2026
    replicates: int = 500
    confidence: float = 0.95
    propensity_classes: int = 5
    class_minimum: int = 15
    margin_minimum: int = 10
    rake_iterations: int = 100
    rake_tolerance: float = 1e-6
    replicate_tolerance: float = 1e-4
    trim: tuple[float, float] = (0.33, 3.0)
    deff_alarm: float = 1.5
    suppress_any: int = 5
    suppress_rate: int = 10
    indicative: int = 30
    rse_caution: float = 0.25
    rse_withheld: float = 0.50
    coded_share: float = 0.80
    exposed_minimum: int = 30
    round_to: int = 5
    k_anonymity: int = 5
    winsor: float = 0.99
    imputations: int = 20
    imputations_each: int = 5
    donor_minimum: int = 5
    imputed_caution: float = 0.20
    weeks_per_month: float = 4.333
    price_day: str = "2025-12-31"
    effect_folds: int = 5
    effect_partings: int = 11
    effect_ridge: float = 1.0
    overlap: tuple[float, float] = (0.05, 0.95)
    overlap_kept: float = 0.80
    balance: float = 0.1
    group_minimum: int = 30
    group_answered: float = 0.60
    cutoff_window: float = 5.0
    families: Mapping[str, str] = field(default_factory=lambda: FAMILIES)
    umk_idr: Mapping[int, int] = field(default_factory=lambda: UMK_IDR)
    cpi: Mapping[str, float] = field(default_factory=lambda: CPI)
