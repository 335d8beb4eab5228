"""Specification 2.2, row by row: what each number is of those who told it, as plain pandas.

`SURVEY` holds a statistic and one value per respondent (missing: not in the denominator); `REGISTRY` and `CLASSES` a
numerator and a denominator counted in the registry. Nothing here calls the evidence package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from specification_statistics import (
    effect_size,
    hodges_lehmann,
    incidence,
    mean,
    median_wait,
    quantile,
    restricted,
    still,
    total,
    winsorised,
)
from specification_world import SKILLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from specification_statistics import Statistic

    Values = Callable[[pd.DataFrame], pd.Series]


# Denominators


def works(t: pd.DataFrame) -> pd.Series:
    return t["emp_bps"] == "1"


def one_of(column: pd.Series, codes: str) -> pd.Series:
    return column.isin(codes.split())


def share(yes: pd.Series, among: pd.Series | None = None) -> pd.Series:
    found = yes.astype(float)
    return found if among is None else found.where(among)


def told(t: pd.DataFrame, column: str) -> pd.Series:
    return t[column].notna()


def of_workers(column: str, codes: str) -> Values:
    """Of the employed who were asked (proxies are asked less)."""
    return lambda t: share(one_of(t[column], codes), works(t) & told(t, column))


def of_employees(column: str, codes: str) -> Values:
    return lambda t: share(one_of(t[column], codes), works(t) & (t["status_emp"] == "4") & told(t, column))


def of_all(column: str, codes: str) -> Values:
    return lambda t: share(one_of(t[column], codes), told(t, column))


def plain(column: str) -> Values:
    return lambda t: t[column].astype(float)


# The longer rows


def owner_since(t: pd.DataFrame) -> pd.Series:
    """Status 1-3 and a business begun since the training ended, which is told by its month."""
    began, ended = pd.to_datetime(t["biz_start"]), t["origin"]
    return works(t) & one_of(t["status_emp"], "1 2 3") & (began >= ended.dt.to_period("M").dt.start_time)


def in_field(t: pd.DataFrame) -> pd.Series:
    yes = works(t) & one_of(t["match_field"], "1 2")
    return share(yes, ~works(t) | told(t, "match_field"))


def coded(t: pd.DataFrame) -> pd.Series:
    """The code of the job is on the list of the programme; known where the job has a code that counts."""
    has = works(t) & one_of(t["job_state"], "reviewed proposed")
    inside = [
        str(code) in str(fields).split() for code, fields in zip(t["programme"], t["job_fields"], strict=True)
    ]
    return share(has & pd.Series(inside, t.index), ~works(t) | has)


def either(t: pd.DataFrame) -> pd.Series:
    one, other = in_field(t), coded(t)
    return share((one == 1) | (other == 1), one.notna())


def quality(t: pd.DataFrame) -> pd.Series:
    """Of whom earnings or hours are not known the other may settle it."""
    pay, hours = t["paid"].fillna(t["earned"]) >= t["umk"], t["hours"] >= 35
    known = (told(t, "earned") & told(t, "hours")) | (t["earned"] < t["umk"]) | (t["hours"] < 35)
    return share(works(t) & pay & hours, ~works(t) | known)


def iku(t: pd.DataFrame) -> pd.Series:
    soon = (t["first_job"].astype(float) <= 6) | (t["at_end"] == "1")
    owner, well = one_of(t["status_emp"], "1 2 3"), t["earned"] > 1.2 * t["umk"]
    unknown = works(t) & ~owner & soon & t["earned"].isna()
    return share(works(t) & (owner | (soon & well)), told(t, "at_end") & ~unknown)


def protected(t: pd.DataFrame) -> pd.Series:
    return (t["bpjs_tk"] == "1") | (t["bpjs_kes"] == "1")


def licensed(t: pd.DataFrame) -> pd.Series:
    return t["biz_legal"].fillna("").str.split().map(lambda held: "1" in held)


def informal(t: pd.DataFrame) -> pd.Series:
    paid, owner = one_of(t["status_emp"], "4 5 6"), one_of(t["status_emp"], "1 2 3")
    loose = (paid & ~(protected(t) & (t["paid_leave"] == "1"))) | (
        owner & ~licensed(t) & (t["biz_books"] != "1")
    )
    asked = (paid & told(t, "contract")) | (owner & told(t, "biz_books")) | (t["status_emp"] == "7")
    return share(loose | (t["status_emp"] == "7"), works(t) & asked)


def points(t: pd.DataFrame) -> pd.DataFrame:
    """The points of decent work of the employed who told pay and hours; the last two are asked of paid workers only."""
    paid, others = told(t, "contract"), told(t, "biz_books") | (t["status_emp"] == "7")
    asked = works(t) & (paid | others) & told(t, "earned") & told(t, "hours")
    return pd.DataFrame(
        {
            "pay": share(t["earned"] >= t["umk"], asked),
            "hours": share((t["hours"] >= 35) & (t["hours"] <= 48), asked),
            "contract": share(one_of(t["contract"], "1 2") | licensed(t), asked),
            "cover": share(protected(t), asked & paid),
            "safe": share(t["accident"] == "0", asked & paid),
        }
    )


def point(name: str) -> Values:
    return lambda t: points(t)[name]


def score(t: pd.DataFrame, unasked: float = np.nan) -> pd.Series:
    """Of paid workers; with a value for what was not asked, of everybody employed."""
    found = points(t)
    return found.fillna(unasked).sum(axis=1, skipna=False).where(found["pay"].notna())


def decent(unasked: float = np.nan) -> Values:
    return lambda t: share(score(t, unasked) >= 4, score(t, unasked).notna())


def skills(t: pd.DataFrame, phase: str) -> pd.DataFrame:
    return pd.DataFrame({item: t[f"sk_{item}_{phase}"].astype(float) for item in SKILLS})


def gain(t: pd.DataFrame) -> pd.Series:
    return (skills(t, "after") - skills(t, "before")).mean(axis=1, skipna=False)


def skill_levels(t: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([skills(t, phase).add_suffix(phase) for phase in ("after", "before")], axis=1)


def difference(item: str, above: str, below: str) -> Values:
    return lambda t: skills(t, above)[item] - skills(t, below)[item]


def labour(column: str, yes: str, among: str) -> Values:
    return lambda t: share(one_of(t[column], yes), one_of(t[column], among))


def above(column: str) -> Values:
    return lambda t: share(t[column] > 0, told(t, column))


def to_umk(least: float) -> Values:
    return lambda t: share(t["paid"] / t["umk"] >= least, told(t, "paid"))


def at_least(column: str, least: int) -> Values:
    return lambda t: share(t[column].astype(float) >= least, told(t, column))


def promoters(t: pd.DataFrame) -> pd.Series:
    nps = t["nps"].astype(float)
    return (100.0 * (nps >= 9) - 100.0 * (nps <= 6)).where(nps.notna())


def neet(t: pd.DataFrame) -> pd.Series:
    learns = (t["main_act"] == "2") | (t["no_seek_reason"] == "3")
    return share(~works(t) & ~learns, (t["age_group"] == "15-24") & told(t, "main_act"))


SURVEY: dict[str, tuple[Statistic, Values]] = {
    "A1": (mean, of_all("emp_bps", "1")),
    "A2": (mean, of_all("emp_icls", "1")),
    "A3_bps": (mean, labour("lf_bps", "2", "1 2")),
    "A3_icls": (mean, labour("lf_icls", "2", "1 2")),
    "A4": (mean, labour("lf_icls", "2 3", "1 2 3")),
    "A5": (mean, lambda t: share(t["underemp"] == "1", works(t) & told(t, "hours_usual"))),
    "A6": (mean, neet),
    "A7_wage": (mean, of_workers("status_emp", "4 5 6")),
    "A7_self": (mean, of_workers("status_emp", "1 2 3")),
    "A8": (mean, lambda t: share(owner_since(t), told(t, "job_at_end"))),
    "A8_count": (total, lambda t: share(owner_since(t), told(t, "job_at_end"))),
    "A8_jobs": (
        total,
        lambda t: (
            t["biz_workers_paid"]
            .astype(float)
            .fillna(0)
            .where(owner_since(t), 0)
            .where(told(t, "job_at_end"))
        ),
    ),
    "A9_6": (still(6), plain("lasted")),
    "A9_12": (still(12), plain("lasted")),
    "S1": (mean, in_field),
    "S1_coded": (mean, coded),
    "S1_either": (mean, either),
    "S2": (mean, quality),
    "S3": (mean, iku),
    **{f"S4_{k}": (mean, plain(f"work_{k}")) for k in (3, 6, 12)},
    "S5": (mean, lambda t: share(works(t), t["pre_work"] == "0")),
    "S6": (mean, lambda t: share(one_of(t["first_found"], "1 2 3"), told(t, "first_found"))),
    "T1": (median_wait, plain("wait")),
    "T2": (restricted, plain("wait")),
    **{f"T3_wage_{k}": (incidence(1, k), plain("wait")) for k in (3, 6, 12)},
    **{f"T3_self_{k}": (incidence(2, k), plain("wait")) for k in (3, 6, 12)},
    "T4": (mean, plain("kept")),
    "E1_median": (quantile, plain("real")),
    "E1_mean": (winsorised, plain("real")),
    **{
        f"{code}_{name}": (statistic, plain(column))
        for code, column in (("E2a", "change_both"), ("E2b", "change_all"))
        for name, statistic in (("median", quantile), ("mean", mean), ("shift", hodges_lehmann))
    },
    "E2a_rise": (mean, above("change_both")),
    "E2b_rise": (mean, above("change_all")),
    "E3_median": (quantile, lambda t: t["paid"] / t["umk"]),
    "E3_umk": (mean, to_umk(1)),
    "E3_12umk": (mean, to_umk(1.2)),
    "E4": (quantile, lambda t: t["paid"] / (4.333 * t["hours_usual"].astype(float))),
    "E5": (mean, lambda t: t["change_all"] / 2_413_974),
    "D1": (mean, of_employees("contract", "1 2")),
    "D2": (mean, of_employees("bpjs_tk", "1")),
    "D3": (mean, of_workers("status_emp", "1 2 5 6 7")),
    "D4": (mean, informal),
    "D5_mean": (mean, score),
    "D5_mean_worst": (mean, lambda t: score(t, 0)),
    "D5_mean_best": (mean, lambda t: score(t, 1)),
    "D5": (mean, decent()),
    "D5_worst": (mean, decent(0)),
    "D5_best": (mean, decent(1)),
    **{f"D5_{name}": (mean, point(name)) for name in ("pay", "hours", "contract", "cover", "safe")},
    "M1": (mean, of_workers("match_field", "1 2")),
    "M2": (mean, of_workers("match_level", "2")),
    "M2_over": (mean, of_workers("match_level", "3 4")),
    "M2_under": (mean, of_workers("match_level", "1")),
    "M3": (
        mean,
        lambda t: share(
            one_of(t["match_field"], "1 2") & (t["match_level"] == "2"),
            works(t) & told(t, "match_field") & told(t, "match_level"),
        ),
    ),
    "M4": (mean, of_workers("use_skills", "4 5")),
    "K1": (mean, gain),
    "K1_d": (effect_size, gain),
    **{f"K1_{item}": (mean, difference(item, "after", "before")) for item in SKILLS},
    **{f"K2_{item}": (mean, difference(item, "need", "after")) for item in SKILLS},
    "C3": (mean, lambda t: share(t["received"] == True, t["able"] == True)),  # noqa: E712 - missing where nothing was told
    "C4": (mean, lambda t: share(t["used"] == True, t["received"] == True)),  # noqa: E712 - the same
    "Q1": (mean, at_least("sat_all", 4)),
    "Q1_mean": (mean, plain("sat_all")),
    "Q2": (mean, promoters),
    "Q3": (mean, of_all("choose_again", "1")),
    "Q4": (mean, of_all("select_fair", "1")),
    "N1": (mean, of_all("need_more", "1")),
}

EVENT = {"T1": "began", "T2": "began", "A9_6": "closed", "A9_12": "closed"}
EVENT |= {code: "cause" for code in SURVEY if code.startswith("T3")}


def values_of(code: str, table: pd.DataFrame) -> pd.Series:
    """One value per respondent of the denominator, by row of the table."""
    return SURVEY[code][1](table).astype(float).dropna()


def estimated(code: str, table: pd.DataFrame, y: pd.Series) -> float:
    more = []
    if code in EVENT:
        more = [table.loc[y.index, EVENT[code]].to_numpy(float)]
    elif code == "K1_d":
        more = [skill_levels(table).loc[y.index].to_numpy(float)]
    return SURVEY[code][0](y.to_numpy(), table.loc[y.index, "w"].to_numpy(float), *more)


# Counted in the registry


def count(category: pd.Series, names: str) -> float:
    return float(one_of(category, names).sum())


def eligible(t: pd.DataFrame) -> float:
    """I+P+R+NC+O and, of those unknown, the part that is eligible among the known (CASRO)."""
    known = count(t["category"], "I P R NC O")
    e = known / (known + count(t["category"], "NE"))
    return known + e * count(t["category"], "UH UO")


def cases(above: str, below: str) -> Callable[[pd.DataFrame], tuple[float, float]]:
    return lambda t: (count(t["category"], above), count(t["category"], below))


ALL = "I P R NC O UH UO"
REGISTRY: dict[str, Callable[[pd.DataFrame], tuple[float, float]]] = {
    "F1": lambda t: (float(t["usable"].sum()), len(t)),
    "F2": cases("I", ALL),
    "F3": cases("I P", ALL),
    "F4_rr3": lambda t: (count(t["category"], "I"), eligible(t)),
    "F4_rr4": lambda t: (count(t["category"], "I P"), eligible(t)),
    "F5": cases("I P R O", ALL),
    "F6": cases("I", "I P R O"),
    "F7": cases("R", ALL),
    "F8_gross": lambda t: (count(t["category"], "I P"), len(t)),
    "F8_net": lambda t: (
        count(t["category"], "I P"),
        float((t["code"].notna() & (t["code"] != "320")).sum()),
    ),
}
CLASSES: dict[str, Callable[[pd.DataFrame], tuple[float, float]]] = {
    "C1": lambda t: (float((t["completed"] == "1").sum()), len(t)),
    "C2": lambda t: (float((t["cert_result"] == "1").sum()), len(t)),
    "H1": lambda t: (float(one_of(t["target_group"], "t1 t2").sum()), len(t)),
}


def cost(t: pd.DataFrame) -> float:
    """Every class's package once."""
    return float(t.drop_duplicates("batch")["package_cost_idr"].sum())


ALL_ROWS = (
    "F1 F2 F3 F4 F5 F6 F7 F8 F9 A1 A2 A3 A4 A5 A6 A7 A8 A9 S1 S2 S3 S4 S5 S6 T1 T2 T3 T4 E1 E2 E3 E4 E5 D1 D2 D3 D4 D5 "
    "M1 M2 M3 M4 K1 K2 C1 C2 C3 C4 Q1 Q2 Q3 Q4 N1 N2 N3 N4 X1 X2 H1"
).split()
"""The first column of the table in specification 2.2."""

NOT_SHARES = ("E5", "K1", "K2", "Q1_mean", "Q2", "D5_mean", "E2a_mean", "E2b_mean")
WILSON = [code for code, (by, _) in SURVEY.items() if by is mean and not code.startswith(NOT_SHARES)]
"""Rows whose interval is Wilson's."""
