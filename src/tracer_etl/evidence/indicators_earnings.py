"""Indicators of earnings and of the quality of work: E and D of specification 2.2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tracer_etl.evidence.indicators import (
    Columns,
    Indicator,
    Kind,
    at_least,
    employed,
    employees,
    flag,
    number,
    only,
)
from tracer_etl.evidence.indicators_work import SELF, by_status

if TYPE_CHECKING:
    from collections.abc import Iterator

WEEKS_PER_MONTH = 4.333


def _informal_icls(table: pd.DataFrame) -> pd.DataFrame:
    status = table["status_emp"]
    secure = ((table["bpjs_tk"] == "1") | (table["bpjs_kes"] == "1")) & (table["paid_leave"] == "1")
    formal_owner = _licensed(table) | (table["biz_books"] == "1")
    worker, owner = status.isin(["4", "5", "6"]), status.isin(SELF)
    informal = (worker & ~secure) | (owner & ~formal_owner) | (status == "7")
    asked = (worker & table["contract"].notna()) | (owner & table["biz_books"].notna()) | (status == "7")
    return only(informal.astype(float).where(employed(table) & asked))


def _change(code: str, kind: Kind, column: str, who_id: str, who_en: str) -> Indicator:
    names = {
        "median": ("Median", "Median"),
        "mean": ("Rata-rata", "Mean"),
        "shift": ("Hodges-Lehmann", "Hodges-Lehmann"),
    }
    first_id, first_en = names[kind]
    return Indicator(
        f"{code}_{kind}",
        kind,
        "IDR/month of Dec 2025",
        f"{first_id} perubahan penghasilan riil ({who_id})",
        f"{first_en} change of real earnings ({who_en})",
        "earnings now - earnings before the training",
        who_en,
        number(column),
        signed=True,
    )


def _rise(code: str, column: str, who_id: str, who_en: str) -> Indicator:
    def values(table: pd.DataFrame) -> pd.DataFrame:
        return only((table[column] > 0).astype(float).where(table[column].notna()))

    return Indicator(
        f"{code}_rise",
        "share",
        "share",
        f"Penghasilan riil naik ({who_id})",
        f"Real earnings rose ({who_en})",
        "change above 0",
        who_en,
        values,
    )


def _to_umk(table: pd.DataFrame) -> pd.DataFrame:
    return only(table["earned"] / table["umk"])


def _umk_reached(times: float) -> Indicator:
    def values(table: pd.DataFrame) -> pd.DataFrame:
        ratio = _to_umk(table)["y"]
        return only((ratio >= times).astype(float).where(ratio.notna()))

    named = "UMK" if times == 1 else f"{times:g} UMK"
    return Indicator(
        f"E3_{'umk' if times == 1 else '12umk'}",
        "share",
        "share",
        f"Penghasilan paling sedikit {named}",
        f"Earnings of at least {named}",
        f"earnings >= {named} of the year",
        "employed with earnings",
        values,
    )


def _decent(name: str, column: str, yes: tuple[str, ...], name_id: str, name_en: str) -> Indicator:
    among = "employees"
    return Indicator(
        name,
        "share",
        "share",
        name_id,
        name_en,
        f"{column} in {', '.join(yes)}",
        among,
        flag(column, yes, employees),
    )


POINTS = ("pay", "hours", "contract", "cover", "safe")
"""What decent work gives a point for; the form asks the last two of paid workers only (status 4, 5, 6)."""


def _licensed(table: pd.DataFrame) -> pd.Series[bool]:
    """Say who has a business identity number (NIB)."""
    return table["biz_legal"].fillna("").str.split().map(lambda held: "1" in held)


def points(table: pd.DataFrame) -> pd.DataFrame:
    """Give a column of 0 and 1 per point of decent work; missing for who did not answer, and where it was not asked."""
    status, pay, hours = (
        table["status_emp"],
        table["earnings_idr"].astype(float),
        table["hours"].astype(float),
    )
    paid, asked = table["contract"].notna(), table["biz_books"].notna() | (status == "7")
    told = employed(table) & (paid | asked) & pay.notna() & hours.notna()
    met = {
        "pay": pay >= table["umk"],
        "hours": hours.between(35, 48),
        "contract": table["contract"].isin(["1", "2"]) | _licensed(table),
        "cover": (table["bpjs_tk"] == "1") | (table["bpjs_kes"] == "1"),
        "safe": table["accident"] == "0",
    }
    last = {"cover": told & paid, "safe": told & paid}
    return pd.DataFrame({name: yes.astype(float).where(last.get(name, told)) for name, yes in met.items()})


def _point(name: str, among: str, name_id: str, name_en: str) -> Indicator:
    return Indicator(
        f"D5_{name}",
        "share",
        "share",
        f"Kerja layak: {name_id}",
        f"Decent work: {name_en}",
        name_en,
        among,
        lambda t: only(points(t)[name]),
    )


def _score(unasked: float, least: float | None = None) -> Columns:
    """Give the points of all the employed, `unasked` for each that was not asked; with `least` whether they reach it."""

    def values(table: pd.DataFrame) -> pd.DataFrame:
        found = points(table)
        score = found.fillna(unasked).sum(axis=1)
        return only((score if least is None else (score >= least).astype(float)).where(found["pay"].notna()))

    return values


def _bounds_of_points() -> Iterator[Indicator]:
    """Give score and share of all the employed, with what owners are not asked taken for not met, and for met."""
    for case, unasked, case_id in (("worst", 0.0, "terburuk"), ("best", 1.0, "terbaik")):
        how = f"as D5; what is asked of paid workers only counts as {'met' if unasked else 'not met'}"
        named = f"semua yang bekerja, kasus {case_id}", f"all employed, {case} case"
        names = f"Skor kerja layak, {named[0]}", f"Decent-work score, {named[1]}"
        yield Indicator(f"D5_mean_{case}", "mean", "points 0-5", *names, how, "employed", _score(unasked))
        names = f"Kerja layak, {named[0]}", f"Decent work, {named[1]}"
        how = f"{how}; 4 points or more"
        yield Indicator(f"D5_{case}", "share", "share", *names, how, "employed", _score(unasked, 4))


BOTH, EVERYBODY = (
    ("bekerja kedua kali", "employed both times"),
    ("semua, 0 bila tidak bekerja", "all, 0 if none"),
)

EARNINGS = (
    Indicator(
        "E1_median",
        "median",
        "IDR/month of Dec 2025",
        "Median penghasilan",
        "Median earnings",
        "pay_net or biz_profit, band midpoint where only a band was told, imputed where neither",
        "employed for pay or profit, answered themselves",
        number("real_now"),
        imputed=True,
    ),
    Indicator(
        "E1_mean",
        "winsor",
        "IDR/month of Dec 2025",
        "Rata-rata penghasilan",
        "Mean earnings",
        "the same, winsorised at the 99th percentile",
        "employed for pay or profit, answered themselves",
        number("real_now"),
        imputed=True,
    ),
    *(_change("E2a", kind, "change_workers", *BOTH) for kind in ("median", "mean", "shift")),
    _rise("E2a", "change_workers", *BOTH),
    *(_change("E2b", kind, "change_all", *EVERYBODY) for kind in ("median", "mean", "shift")),
    _rise("E2b", "change_all", *EVERYBODY),
    Indicator(
        "E3_median",
        "median",
        "ratio",
        "Median penghasilan terhadap UMK",
        "Median earnings over UMK",
        "earnings / UMK of the year of the interview",
        "employed with earnings",
        _to_umk,
    ),
    _umk_reached(1.0),
    _umk_reached(1.2),
    Indicator(
        "E4",
        "median",
        "IDR/hour",
        "Median penghasilan per jam",
        "Median hourly earnings",
        "earnings / (4.333 hours_usual)",
        "employed with earnings and hours",
        lambda t: only(t["earned"] / (WEEKS_PER_MONTH * t["hours_usual"].astype(float))),
    ),
    Indicator(
        "E5",
        "mean",
        "UMK",
        "Perubahan penghasilan relatif",
        "Relative earnings change",
        "real change (0 if no work) / UMK of 2025, the year of these prices",
        "all who answered both",
        number("change_umk"),
        signed=True,
    ),
    _decent("D1", "contract", ("1", "2"), "Kontrak tertulis", "Written contract"),
    _decent("D2", "bpjs_tk", ("1",), "BPJS Ketenagakerjaan oleh pemberi kerja", "BPJS TK by the employer"),
    by_status("D3", "Informal (BPS)", "Informal (BPS)", "status not 3 or 4", ("1", "2", "5", "6", "7")),
    Indicator(
        "D4",
        "share",
        "share",
        "Informal (ICLS)",
        "Informal (ICLS)",
        "worker without employer BPJS or without paid leave; owner with neither NIB nor books; family",
        "employed",
        _informal_icls,
    ),
    Indicator(
        "D5_mean",
        "mean",
        "points 0-5",
        "Skor kerja layak",
        "Decent-work score",
        "a point each: earnings >= UMK, 35-48 h, written contract, social protection, no accident",
        "paid workers",
        number("decent_points"),
    ),
    Indicator(
        "D5",
        "share",
        "share",
        "Kerja layak (>= 4 dari 5)",
        "Decent work (>= 4 of 5)",
        "4 points or more",
        "paid workers",
        at_least("decent_points", 4),
    ),
    *_bounds_of_points(),
    _point("pay", "employed", "penghasilan >= UMK", "earnings >= UMK"),
    _point("hours", "employed", "35-48 jam", "35-48 hours in all jobs"),
    _point("contract", "employed", "kontrak tertulis atau NIB", "written contract or NIB"),
    _point("cover", "paid workers", "jaminan sosial", "BPJS TK or Kesehatan by the employer"),
    _point("safe", "paid workers", "tanpa kecelakaan", "no accident in 12 months"),
)
