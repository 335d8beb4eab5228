"""Indicators of the training itself: match, skills, certificates, quality and need (M, K, C, Q, N, H)."""

from __future__ import annotations

import pandas as pd

from tracer_etl.evidence.indicators import Columns, Indicator, at_least, employed, flag, number, only

SKILLS = {
    "tech": ("keterampilan teknis inti", "core technical skill"),
    "tool": ("alat, mesin, bahan", "tools, machines, materials"),
    "k3": ("K3 dan higiene", "safety and hygiene"),
    "qual": ("mutu sesuai standar", "quality standards"),
    "digi": ("teknologi digital", "digital technology"),
    "comm": ("komunikasi, melayani pelanggan", "communication, customers"),
    "team": ("kerja tim", "teamwork"),
    "prob": ("memecahkan masalah", "problem solving"),
    "biz": ("usaha dan keuangan", "business and finances"),
    "disc": ("disiplin dan etos kerja", "discipline, work ethic"),
}
SELVES = "respondents who answered themselves"


def _items(table: pd.DataFrame, phase: str) -> pd.DataFrame:
    columns = {item: pd.to_numeric(table[f"sk_{item}_{phase}"]).astype(float) for item in SKILLS}
    return pd.DataFrame(columns, index=table.index)


def _gain(table: pd.DataFrame) -> pd.DataFrame:
    after, before = (_items(table, phase).mean(axis=1, skipna=False) for phase in ("after", "before"))
    return only(after - before)


def _levels(table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([_items(table, "after"), _items(table, "before")], axis=1)


def _difference(first: str, second: str) -> Columns:
    def values(table: pd.DataFrame) -> pd.DataFrame:
        return only(pd.to_numeric(table[first]).astype(float) - pd.to_numeric(table[second]).astype(float))

    return values


def _item_gain(item: str) -> Indicator:
    name_id, name_en = SKILLS[item]
    return Indicator(
        f"K1_{item}",
        "mean",
        "points 1-5",
        f"Peningkatan: {name_id}",
        f"Skill gain: {name_en}",
        "after - before (retrospective: biased upward)",
        SELVES,
        _difference(f"sk_{item}_after", f"sk_{item}_before"),
        signed=True,
    )


def _item_gap(item: str) -> Indicator:
    name_id, name_en = SKILLS[item]
    return Indicator(
        f"K2_{item}",
        "mean",
        "points",
        f"Kesenjangan: {name_id}",
        f"Skill gap: {name_en}",
        "needed - now; positive = shortage",
        "employed (ICLS-19)",
        _difference(f"sk_{item}_need", f"sk_{item}_after"),
        signed=True,
    )


def _double_match(table: pd.DataFrame) -> pd.DataFrame:
    both = table["match_field"].isin(["1", "2"]) & (table["match_level"] == "2")
    known = employed(table) & table["match_field"].notna() & table["match_level"].notna()
    return only(both.astype(float).where(known))


def _promoters(table: pd.DataFrame) -> pd.DataFrame:
    told = table["nps"].astype(float)
    promoters, detractors = told.isin([9, 10]), told.isin(range(7))
    return only(100.0 * (promoters.astype(float) - detractors.astype(float)).where(told.notna()))


def _level(code: str, answers: tuple[str, ...], name_id: str, name_en: str) -> Indicator:
    among = "employed, asked"
    told = f"match_level {' or '.join(answers)}"
    return Indicator(
        code, "share", "share", name_id, name_en, told, among, flag("match_level", answers, employed)
    )


TRAINING = (
    Indicator(
        "M1",
        "share",
        "share",
        "Kesesuaian bidang",
        "Horizontal match",
        "match_field 1 or 2",
        "employed, asked",
        flag("match_field", ["1", "2"], employed),
    ),
    _level("M2", ("2",), "Kesesuaian tingkat", "Vertical match"),
    _level("M2_over", ("3", "4"), "Tingkat terlalu tinggi", "Over-skilled"),
    _level("M2_under", ("1",), "Tingkat terlalu rendah", "Under-skilled"),
    Indicator(
        "M3",
        "share",
        "share",
        "Kesesuaian ganda",
        "Double match",
        "field and level both match",
        "employed, asked",
        _double_match,
    ),
    Indicator(
        "M4",
        "share",
        "share",
        "Keterampilan dipakai",
        "Skills used",
        "use_skills >= 4",
        "employed, asked",
        at_least("use_skills", 4, employed),
    ),
    Indicator(
        "K1",
        "mean",
        "points 1-5",
        "Peningkatan keterampilan",
        "Skill gain",
        "mean of ten items, after - before (retrospective: biased upward)",
        SELVES,
        _gain,
        signed=True,
    ),
    Indicator(
        "K1_d",
        "effect",
        "SD",
        "Besar efek keterampilan",
        "Skill gain, effect size d",
        "mean gain / sqrt(mean over the ten items of (var before + var after) / 2)",
        SELVES,
        _levels,
        signed=True,
    ),
    *(_item_gain(item) for item in SKILLS),
    *(_item_gap(item) for item in SKILLS),
    Indicator(
        "C3",
        "share",
        "share",
        "Sertifikat sudah di tangan",
        "Certificate in hand",
        "cert_received = 1",
        "found competent",
        number("received", lambda t: t["competent"] == 1),
    ),
    Indicator(
        "C4",
        "share",
        "share",
        "Sertifikat dipakai",
        "Certificate used",
        "cert_used = 1",
        "certificate in hand",
        number("used", lambda t: t["received"] == 1),
    ),
    Indicator(
        "Q1",
        "share",
        "share",
        "Puas",
        "Satisfied",
        "sat_all >= 4",
        SELVES,
        at_least("sat_all", 4),
    ),
    Indicator(
        "Q1_mean",
        "mean",
        "points 1-5",
        "Kepuasan rata-rata",
        "Mean satisfaction",
        "sat_all",
        SELVES,
        number("sat_all"),
    ),
    Indicator(
        "Q2",
        "score",
        "-100..100",
        "NPS",
        "Net promoter score",
        "% of 9-10 less % of 0-6",
        SELVES,
        _promoters,
        signed=True,
    ),
    Indicator(
        "Q3",
        "share",
        "share",
        "Akan memilih lagi",
        "Would choose again",
        "choose_again = 1",
        SELVES,
        flag("choose_again", ["1"]),
    ),
    Indicator(
        "Q4",
        "share",
        "share",
        "Seleksi jelas dan adil",
        "Selection clear and fair",
        "select_fair = 1",
        SELVES,
        flag("select_fair", ["1"]),
    ),
    Indicator(
        "N1",
        "share",
        "share",
        "Butuh pelatihan lagi",
        "Needs more training",
        "need_more = 1",
        SELVES,
        flag("need_more", ["1"]),
    ),
)
