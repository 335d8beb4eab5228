"""Who answered what in the rehearsal, and what each weighs: written from specification 2.1, 2.3 and 2.4 in plain pandas.

Nothing here calls the evidence package: it is the other half of a double-entry book (`test_specification.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import statsmodels.api as sm

from tracer_etl.evidence.constants import CPI, FAMILIES, UMK_IDR

if TYPE_CHECKING:
    import duckdb

MONTH = 365.25 / 12
OF_PERSONS = ("sex", "age_group", "education", "zone")
OF_CLASSES = (
    *("programme", "programme_year", "year", "batch", "funding"),
    *("target_group", "seat_source", "certified"),
)
# Section 0.3, point 3: the final disposition is the first of these that any attempt reached.
DISPOSITIONS = "110 120 212 211 231 232 233 410 220 320 900".split()
CATEGORY = {"110": "I", "120": "P", "212": "R", "211": "R", "231": "O", "232": "O", "233": "O", "410": "NE"}
CATEGORY |= {"220": "NC", "320": "UO", "900": "UH", None: "UH"}
EDUCATION = {**dict.fromkeys("123", "smp_or_less"), "4": "sma", "5": "smk"}
EDUCATION |= dict.fromkeys("6789", "diploma_or_more")
ZONES = {
    "north_west": "01 02 03 06 07",
    "centre": "09 10 11 14",
    "east": "15 17 18 19 21 22",
    "south": "04 05 08 12 13 16 20",
}
ZONE = {f"3505{code}": zone for zone, codes in ZONES.items() for code in codes.split()}
# Middle of each band of `income_band`; the open one by its lower bound.
BAND = dict(
    zip("1234567", (250_000, 750_000, 1_250_000, 1_956_986, 2_655_371, 3_948_384, 5_000_000), strict=True)
)
MOMENTS = "exclude (_submitted_at, start, end_, callback_at, consent_at)"
"""Nothing is made of them, and pandas warns of how DuckDB hands them over."""
SKILLS = "tech tool k3 qual digi comm team prob biz disc".split()


Level = tuple[str, str, pd.Index]
"""A grouping, a level of it, and the rows that are in it."""


@dataclass(frozen=True)
class Survey:
    """Persons of the registry, the frame, enrolments of the eligible; who told, as persons and by class, with weights."""

    registry: pd.DataFrame
    frame: pd.DataFrame
    enrolled: pd.DataFrame
    persons: pd.DataFrame
    classes: pd.DataFrame
    propensity: np.ndarray
    adjusted: np.ndarray

    @property
    def samples(self) -> list[tuple[pd.DataFrame, list[Level]]]:
        """Persons, and persons by class, each with all levels of its groupings."""
        everybody = ("all", "", self.persons.index)
        persons = [everybody, *levels(self.persons, OF_PERSONS)]
        return [(self.persons, persons), (self.classes, levels(self.classes, OF_CLASSES))]


def levels(table: pd.DataFrame, by: tuple[str, ...]) -> list[Level]:
    return [(group, str(level), part.index) for group in by for level, part in table.groupby(group)]


def survey(connection: duckdb.DuckDBPyConnection) -> Survey:
    def table(name: str, but: str = "") -> pd.DataFrame:
        found = connection.execute(f"select * {but} from {name}").df()
        return found.astype(object).where(found.notna(), None).copy()

    attempts, enrolment = (
        table("clean.alumni_tracer", MOMENTS),
        _enrolments(table("clean.registry_enrolment")),
    )
    registry = _registry(table("clean.registry_person"), table("pii.registry_person"), attempts, enrolment)
    frame = registry[registry["code"] != "410"].reset_index(drop=True)
    propensity, adjusted = _adjusted(frame)
    answers = _answers(attempts, frame)
    answers = _money(answers).merge(_spells(answers, table("clean.alumni_tracer__job")), on="alumni_id")
    answers = answers.merge(
        _certificates(table("clean.alumni_tracer__cert"), answers), on="alumni_id", how="left"
    )
    codes = table("marts.job_code").rename(columns={"state": "job_state", "fields": "job_fields"})
    answers = answers.merge(codes[["alumni_id", "job_state", "job_fields"]], on="alumni_id", how="left")
    answers = answers.assign(w=raked(adjusted, _person_margins(frame))).copy()
    own = ["enrolment_id", "start", "origin", "cert_result", "completed", "package_cost_idr", *OF_CLASSES]
    personal = ["alumni_id", "answered", "kecamatan", *OF_PERSONS]
    enrolled = enrolment[["alumni_id", "latest", *own]].merge(frame[personal], on="alumni_id")
    classes = enrolled[enrolled["answered"]].merge(
        answers.drop(columns=[*own, *personal[1:], "latest"]), on="alumni_id", how="left"
    )
    classes[OF_LATEST] = classes[OF_LATEST].where(classes["latest"])
    classes["w"] = raked(classes["w"].to_numpy(float), _class_margins(enrolled))
    return Survey(registry, frame, enrolled, answers, classes, propensity, adjusted)


def _enrolments(table: pd.DataFrame) -> pd.DataFrame:
    end = pd.to_datetime(table["training_end"])
    table = table.sort_values(["alumni_id", "training_end", "enrolment_id"]).assign(
        programme=lambda t: t["program_code"],
        year=lambda t: t["budget_year"].astype(int),
        programme_year=lambda t: t["program_code"] + " " + t["budget_year"].astype(str),
        start=lambda t: pd.to_datetime(t["training_start"]),
        origin=lambda t: pd.to_datetime(t["magang_end"].where(t["magang_end"].astype(bool))).fillna(end),
        certified=lambda t: np.where(t["cert_result"] == "1", "yes", "no"),
        package_cost_idr=lambda t: t["package_cost_idr"].astype(float),
    )
    return table.assign(latest=~table.duplicated("alumni_id", keep="last")).sort_values("enrolment_id")


def _registry(
    person: pd.DataFrame, contact: pd.DataFrame, attempts: pd.DataFrame, enrolment: pd.DataFrame
) -> pd.DataFrame:
    ranked = attempts.assign(rank=attempts["aapor_code"].map(DISPOSITIONS.index)).sort_values(
        ["alumni_id", "today", "attempt_no", "_submission_id"]
    )
    reached = ranked.groupby("alumni_id").agg(
        rank=("rank", "min"),
        first=("today", "min"),
        born=("reg_birth_year", "min"),
        attempts=("rank", "size"),
    )
    found = person.merge(reached, on="alumni_id", how="left").merge(contact, on="alumni_id", how="left")
    age = pd.to_datetime(found["first"]).dt.year - found["born"].astype(float)
    code = found["rank"].map(lambda rank: None if pd.isna(rank) else DISPOSITIONS[int(rank)])
    found = found.assign(
        code=code,
        category=code.map(CATEGORY).fillna("UH"),
        answered=code.isin(["110", "120"]),
        age_group=pd.cut(age, [0, 24, 29, 39, 120], labels=["15-24", "25-29", "30-39", "40+"]).astype(object),
        education=found["edu"].map(EDUCATION),
        zone=found["kec_code"].map(ZONE),
        kecamatan=found["kec_code"],
        phone=np.where(
            found["phone_e164"].notna(), "mobile", np.where(found["phone_alt"].notna(), "other", "none")
        ),
        usable=found[["phone_e164", "phone_alt", "address"]].notna().any(axis=1),
    )
    latest = enrolment[enrolment["latest"]].drop(columns=["drop_reason"])
    return found.sort_values("alumni_id").merge(latest, on="alumni_id").reset_index(drop=True)


# Weights (2.3, points 1 to 3)


def _adjusted(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Propensity of everybody, and what each respondent stands for in its class of propensity."""
    common = frame.groupby("sex")["age_group"].transform(lambda ages: ages.mode().iat[0])
    months = (frame["origin"].max() - frame["origin"]).dt.days.astype(float)
    names = ["programme", "year", "sex", "education", "target_group", "zone", "phone", "certified"]
    dummies = pd.get_dummies(
        frame[names].assign(age=frame["age_group"].fillna(common)).astype(str), drop_first=True, dtype=float
    )
    design = sm.add_constant(dummies.assign(months=(months - months.mean()) / months.std()))
    answered = frame["answered"].to_numpy()
    fit = sm.GLM(answered.astype(float), design, family=sm.families.Binomial()).fit(maxiter=100, tol=1e-13)
    propensity = np.asarray(fit.predict(design))
    classes = np.searchsorted(np.quantile(propensity, [0.2, 0.4, 0.6, 0.8]), propensity)
    sizes = pd.Series(answered).groupby(classes).agg(["size", "sum"])
    assert (sizes["sum"] >= 15).all()  # else classes would have to be merged
    return propensity, (sizes["size"] / sizes["sum"]).loc[classes].to_numpy()[answered]


def merged(labels: list[list[str]], answered: list[bool]) -> list[str]:
    """Cells with fewer than ten respondents join the next smaller one of their family and year, their family, anybody."""
    cells = {cell: {cell} for cell in labels[0]}
    now = dict.fromkeys(cells)
    for parent in [*labels[1:], ["all"] * len(answered)]:
        inside = dict(zip(labels[0], parent, strict=True))
        for family in sorted(set(parent)):
            while True:
                groups = {frozenset(cells[cell]) for cell in now if inside[cell] == family}
                size = {g: sum(a for c, a in zip(labels[0], answered, strict=True) if c in g) for g in groups}
                order = sorted(groups, key=lambda g: (size[g], " & ".join(sorted(g))))
                if len(order) < 2 or size[order[0]] >= 10:
                    break
                union = order[0] | order[1]
                cells |= {cell: set(union) for cell in union}
    return [" & ".join(sorted(cells[cell])) for cell in labels[0]]


Margin = tuple[np.ndarray, pd.Series]


def _margin(labels: list[pd.Series], answered: pd.Series, share: pd.Series | None = None) -> Margin:
    cells = pd.Series(merged([list(column) for column in labels], list(answered)))
    total = (pd.Series(1.0, cells.index) if share is None else share).groupby(cells).sum()
    return cells[answered.to_numpy()].to_numpy(), total


def _families(frame: pd.DataFrame) -> list[pd.Series]:
    family = frame["programme"].map(FAMILIES)
    return [frame["programme_year"], family + " " + frame["year"].astype(str), family]


def _tobacco(frame: pd.DataFrame) -> list[pd.Series]:
    return [frame["target_group"], frame["target_group"].isin(["t1", "t2"]).astype(str)]


def _person_margins(frame: pd.DataFrame) -> list[Margin]:
    known = frame["age_group"].notna()
    of_sex = frame.groupby("sex")["sex"].transform("size") / known.groupby(frame["sex"]).transform("sum")
    common = frame.groupby("sex")["age_group"].transform(lambda ages: ages.mode().iat[0])
    age = frame["age_group"].fillna(common)
    broad = age.isin(["15-24", "25-29"]).astype(str)
    sexes = [frame["sex"] + " " + age, frame["sex"] + " " + broad, frame["sex"]]
    answered = frame["answered"]
    return [
        _margin(_families(frame), answered),
        _margin(sexes, answered, of_sex.where(known, 0.0)),
        _margin(_tobacco(frame), answered),
        _margin([frame["zone"]], answered),
        _margin([frame["funding"]], answered),
    ]


def _class_margins(enrolled: pd.DataFrame) -> list[Margin]:
    found = ([*_families(enrolled)], _tobacco(enrolled), [enrolled["funding"]])
    return [_margin(labels, enrolled["answered"]) for labels in found]


def raked(start: np.ndarray, margins: list[Margin]) -> np.ndarray:
    """Iterative proportional fitting, trimmed to 0.33-3 times the mean, fitted once more."""
    once = _fitted(start, margins)
    cut = once.clip(0.33 * once.mean(), 3 * once.mean())
    return once if (cut == once).all() else _fitted(cut, margins)


def _fitted(start: np.ndarray, margins: list[Margin]) -> np.ndarray:
    weights = pd.Series(start)
    for _ in range(100):
        off = [(weights.groupby(cells).sum() / total - 1).abs().max() for cells, total in margins]
        if max(off) <= 1e-6:
            break
        for cells, total in margins:
            weights = weights * pd.Series(cells).map(total / weights.groupby(cells).sum())
    return weights.to_numpy()


# What people told, and when


def _answers(attempts: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    told = attempts.merge(frame.loc[frame["answered"], ["alumni_id", "code"]], on="alumni_id")
    told = told[told["aapor_code"] == told["code"]].sort_values(["today", "attempt_no", "_submission_id"])
    told = told.drop_duplicates("alumni_id").drop(columns=["code", "sex", "edu", "kec"])
    return frame[frame["answered"]].merge(told, on="alumni_id", suffixes=("", "_told")).copy()


def prices(days: pd.Series) -> pd.Series:
    """CPI of December 2025 over that of the day; the index grows evenly between its Decembers and then stands."""
    known = pd.to_datetime(pd.Series(list(CPI)))
    anchor = (known - pd.Timestamp("2020-01-01")).dt.days
    day = (pd.to_datetime(days) - pd.Timestamp("2020-01-01")).dt.days
    level = np.exp(np.interp(day, anchor, np.log(list(CPI.values()))))
    return pd.Series(CPI["2025-12-31"] / level, days.index)


def _money(t: pd.DataFrame) -> pd.DataFrame:
    now = t["pay_net"].fillna(t["biz_profit"])
    now = now.fillna(t["pay_band"].fillna(t["biz_profit_band"]).map(BAND)).astype(float)
    now = now.where(t["status_emp"] != "7", 0.0).where(t["emp_bps"] == "1")
    was = t["pre_income"].fillna(t["pre_income_band"].map(BAND)).astype(float).where(t["pre_work"] == "1")
    real, real_was = now * prices(t["today"]), was * prices(t["start"] - pd.Timedelta(days=30))
    return t.assign(
        earned=now,
        paid=now.where(t["status_emp"] != "7"),
        real=real.where(t["status_emp"] != "7"),
        change_both=real - real_was,
        change_all=real.where(t["emp_bps"] == "1", 0)
        - real_was.where(t["pre_work"] == "1", 0).where(t["pre_work"].notna()),
        umk=pd.to_datetime(t["today"]).dt.year.map(UMK_IDR).astype(float),
        hours=t["hours_all"].astype(float).where(t["emp_bps"] == "1"),
    )


def after(origin: pd.Timestamp, month: pd.Timestamp) -> float:
    """Months to the middle of a month; 0.5 within the month of the origin."""
    if (origin.year, origin.month) == (month.year, month.month):
        return 0.5
    return (month.replace(day=15) - origin).days / MONTH


OF_LATEST = "wait began cause at_end first_start first_found first_job kept work_3 work_6 work_12 lasted closed".split()


FIRST = {"first_found": "j_found", "first_job": "from", "first_start": "j_start"}


def _spells(told: pd.DataFrame, jobs: pd.DataFrame) -> pd.DataFrame:
    by_interview = dict(list(jobs.sort_values("_position").groupby("_submission_id")))
    rows = [
        {"alumni_id": person["alumni_id"], **_history(person, by_interview.get(person["_submission_id"]))}
        for _, person in told.iterrows()
    ]
    return pd.DataFrame(rows, columns=["alumni_id", *OF_LATEST])


def _history(person: pd.Series, jobs: pd.DataFrame | None) -> dict[str, object]:
    if person["job_at_end"] is None:
        return {}
    origin, asked = person["origin"], pd.Timestamp(person["today"])
    watched = (asked - origin).days / MONTH
    spells = [] if jobs is None else [job for _, job in jobs.iterrows()]
    for job in spells:
        job["from"] = after(origin, pd.Timestamp(job["j_start"]))
        job["to"] = np.inf if job["j_end_reason"] == "1" else after(origin, pd.Timestamp(job["j_end"]))
    since = sorted((job for job in spells if job["from"] > 0), key=lambda job: job["from"])
    found: dict[str, object] = {"at_end": person["job_at_end"]}
    if since:
        found |= {name: since[0][column] for name, column in FIRST.items()}
    for k in (3, 6, 12):
        if watched >= k:
            found[f"work_{k}"] = float(any(job["from"] <= k <= job["to"] for job in spells))
    if person["job_at_end"] == "1":
        found["kept"] = float(any(job["from"] < 0 and job["j_end_reason"] == "1" for job in spells))
    else:
        kinds = {**dict.fromkeys("456", 1), **dict.fromkeys("123", 2), "7": 3}
        found |= {"wait": min(since[0]["from"], watched) if since else watched, "began": float(bool(since))}
        found["cause"] = float(kinds[since[0]["j_status"]]) if since else 0.0
    own = [job for job in since if job["j_status"] in ("1", "2", "3")]
    return found | (_business(own[0], asked) if own else {})


def _business(job: pd.Series, asked: pd.Timestamp) -> dict[str, object]:
    began = pd.Timestamp(job["j_start"]).replace(day=15)
    closed = job["j_end_reason"] != "1"
    until = pd.Timestamp(job["j_end"]).replace(day=15) if closed else asked
    return {"lasted": max((until - began).days / MONTH, 0.5), "closed": float(closed)}


def _certificates(certificates: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    mine = certificates.merge(told[["alumni_id", "_submission_id"]], on="_submission_id")
    able = mine[mine["cert_result"] == "1"]
    marks = {
        "able": able,
        "received": able[able["cert_received"] == "1"],
        "used": mine[mine["cert_used"] == "1"],
    }
    keys = mine["alumni_id"].drop_duplicates()
    return pd.DataFrame(
        {"alumni_id": keys} | {name: keys.isin(part["alumni_id"]) for name, part in marks.items()}
    )
