"""What graduates of each programme work as: titles, KBJI major group, KBLI section, usual pay."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trade:
    """One kind of work; `pay` is the median of net IDR/month, `own` the share of self-employed."""

    titles: tuple[str, ...]
    tasks: str
    kbji: str
    kbli: str
    pay: int
    own: float


TRADES: dict[str, Trade] = {
    "barista": Trade(
        ("barista di kafe", "peracik kopi di kedai", "pemilik kedai kopi"),
        "meracik kopi dan melayani pembeli",
        "5",
        "I",
        2_300_000,
        0.35,
    ),
    "mua": Trade(
        ("penata rias pengantin", "MUA panggilan", "asisten penata rias"),
        "merias pengantin dan wisuda",
        "5",
        "S",
        2_200_000,
        0.7,
    ),
    "digimar": Trade(
        ("admin toko daring", "staf pemasaran digital", "penjual di marketplace"),
        "mengunggah produk dan mengelola iklan",
        "3",
        "G",
        2_500_000,
        0.45,
    ),
    "konten": Trade(
        ("pembuat konten media sosial", "videografer lepas", "editor video"),
        "merekam dan menyunting video pendek",
        "2",
        "J",
        2_400_000,
        0.55,
    ),
    "barber": Trade(
        ("tukang cukur di barbershop", "pemilik barbershop", "barber panggilan"),
        "memotong dan menata rambut",
        "5",
        "S",
        2_450_000,
        0.5,
    ),
    "masak": Trade(
        ("juru masak rumah makan", "koki dapur SPPG", "pemilik katering rumahan"),
        "memasak olahan ayam dan bebek",
        "5",
        "I",
        2_300_000,
        0.4,
    ),
    "patiseri": Trade(
        ("pembuat roti dan kue", "pemilik usaha kue kering", "karyawan toko roti"),
        "membuat adonan dan menghias kue",
        "7",
        "C",
        2_000_000,
        0.6,
    ),
    "unggas": Trade(
        ("pengolah abon ayam", "pembuat naget rumahan", "karyawan rumah potong unggas"),
        "mengolah dan mengemas daging unggas",
        "7",
        "C",
        2_100_000,
        0.5,
    ),
    "minuman": Trade(
        ("pembuat minuman herbal", "penjual es teh jumbo", "karyawan pabrik minuman"),
        "meracik dan mengemas minuman",
        "7",
        "C",
        1_950_000,
        0.6,
    ),
    "listrik_rt": Trade(
        ("teknisi kulkas dan mesin cuci", "tukang servis elektronik", "instalatir listrik rumah"),
        "memperbaiki peralatan listrik rumah",
        "7",
        "S",
        2_400_000,
        0.5,
    ),
    "ac": Trade(
        ("teknisi AC", "pembantu teknisi pendingin", "pemilik jasa servis AC"),
        "mencuci dan memasang AC",
        "7",
        "S",
        2_600_000,
        0.45,
    ),
}

OTHER_TRADES: tuple[Trade, ...] = (
    Trade(
        ("karyawan toko kelontong", "pramuniaga minimarket"),
        "melayani pembeli dan menata barang",
        "5",
        "G",
        1_900_000,
        0.1,
    ),
    Trade(
        ("buruh pabrik rokok", "buruh linting rokok"),
        "melinting dan mengepak rokok",
        "8",
        "C",
        2_200_000,
        0.0,
    ),
    Trade(
        ("pengemudi ojek daring", "kurir paket"), "mengantar paket dan penumpang", "8", "H", 2_000_000, 0.3
    ),
    Trade(
        ("petani jagung", "peternak ayam petelur"),
        "menanam dan memberi makan ternak",
        "6",
        "A",
        1_500_000,
        0.8,
    ),
    Trade(
        ("kuli bangunan", "tukang batu harian"), "mengaduk semen dan memasang bata", "9", "F", 1_900_000, 0.0
    ),
    Trade(
        ("penjual sayur keliling", "penjual gorengan"),
        "berbelanja dan berjualan keliling",
        "5",
        "G",
        1_600_000,
        1.0,
    ),
)

OWN_USE_FARM = Trade(
    ("petani padi untuk makan sendiri",), "menanam padi di lahan keluarga", "6", "A", 300_000, 1.0
)

VAGUE_TITLES = ("ikut orang", "serabutan", "karyawan swasta", "wiraswasta", "kerja di tempat saudara")
"""What some people call their work, whatever it is."""
