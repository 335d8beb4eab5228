"""Indicators of work and of the way to it: A, S and T of specification 2.2."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tracer_etl.evidence.indicators import Indicator, employed, flag, number, only
from tracer_etl.evidence.indicators_field import IN_FIELD

SELF = ("1", "2", "3")
FULL_TIME, SOON = 35, 6
"""Hours a week of full-time work; months within which IKU-1 wants the first job."""
RESPONDENTS = "respondents (110, 120)"
SELVES = "respondents who answered themselves"


def _quality(table: pd.DataFrame) -> pd.DataFrame:
    pay = table["earnings_idr"].astype(float) - table["umk"]
    hours = table["hours"].astype(float)
    low, met = (pay < 0) | (hours < FULL_TIME), (pay >= 0) & (hours >= FULL_TIME)
    known = pd.Series(np.where(met, 1.0, np.where(low, 0.0, np.nan)), index=table.index)
    return only(known.where(employed(table)).where(table["emp_bps"] != "0", 0.0))


def _iku(table: pd.DataFrame) -> pd.DataFrame:
    soon = (table["first_job"] <= SOON) | (table["at_end"] == "1")
    paid = table["earnings_idr"].astype(float) > 1.2 * table["umk"]
    owner = employed(table) & table["status_emp"].isin(SELF)
    unknown = employed(table) & ~owner & soon & table["earnings_idr"].isna()
    met = owner | (employed(table) & soon & paid)
    return only(met.astype(float).where(table["at_end"].notna() & ~unknown))


def _neet(table: pd.DataFrame) -> pd.DataFrame:
    young = (table["age_group"] == "15-24") & table["main_act"].notna()
    # Training is no main activity of its own in the form: those who do not look for work because of it say so.
    learns = (table["main_act"] == "2") | (table["no_seek_reason"] == "3")
    return only(((table["emp_bps"] == "0") & ~learns).astype(float).where(young))


def _new_owner(table: pd.DataFrame) -> pd.Series[bool]:
    ended = pd.to_datetime(table["origin"])
    # A business is told by its month, so one of the month in which the training ended counts.
    since = (pd.to_datetime(table["biz_start"]) - ended).dt.days + ended.dt.day > 0
    return employed(table) & table["status_emp"].isin(SELF) & since


def _new_business(table: pd.DataFrame) -> pd.DataFrame:
    return only(_new_owner(table).astype(float).where(table["job_at_end"].notna()))


def _jobs_created(table: pd.DataFrame) -> pd.DataFrame:
    hired = table["biz_workers_paid"].astype(float).fillna(0.0).where(_new_owner(table), 0.0)
    return only(hired.where(table["job_at_end"].notna()))


def _waiting(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"y": table["wait"], "event": table["wait_event"]})


def _causes(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"y": table["wait"], "event": table["cause"]})


def _businesses(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"y": table["business_months"], "event": table["business_ended"]})


def _unemployed(column: str) -> Indicator:
    system, form = ("BPS", "bps") if column == "lf_bps" else ("ICLS-19", "icls")
    return Indicator(
        f"A3_{form}",
        "share",
        "share",
        f"Tingkat pengangguran ({system})",
        f"Unemployment rate ({system})",
        f"{column} = 2",
        f"{column} 1 or 2",
        flag(column, ["2"], lambda t: t[column].isin(["1", "2"])),
    )


def _work_at(months: int) -> Indicator:
    return Indicator(
        f"S4_{months}",
        "share",
        "share",
        f"Bekerja {months} bulan setelah pelatihan",
        f"Employed {months} months after the training",
        "a spell of work covers the day",
        f"respondents watched for {months} months or more; not shown below 30",
        number(f"work_{months}"),
        minimum=30,
    )


def _incidence(cause: int, months: int) -> Indicator:
    kind = {1: ("wage", "upah", "Wage work"), 2: ("self", "usaha", "Own business")}[cause]
    return Indicator(
        f"T3_{kind[0]}_{months}",
        "curve",
        "share",
        f"Mulai kerja ({kind[1]}) dalam {months} bulan",
        f"{kind[2]} begun within {months} months",
        "Aalen-Johansen cumulative incidence, competing kinds of work",
        "no work when the training ended",
        _causes,
        horizon=months,
        cause=cause,
    )


def _business_at(months: int) -> Indicator:
    return Indicator(
        f"A9_{months}",
        "curve",
        "share",
        f"Usaha bertahan {months} bulan",
        f"Business survival at {months} months",
        "Kaplan-Meier: still running",
        "first business begun after the training",
        _businesses,
        horizon=months,
    )


def by_status(code: str, name_id: str, name_en: str, numerator: str, statuses: tuple[str, ...]) -> Indicator:
    """Make the share of the employed with one of these statuses."""
    among = "employed"
    return Indicator(
        code, "share", "share", name_id, name_en, numerator, among, flag("status_emp", statuses, employed)
    )


WORK = (
    Indicator(
        "A1",
        "share",
        "share",
        "Serapan-1: bekerja (BPS)",
        "Employed (BPS)",
        "emp_bps = 1",
        RESPONDENTS,
        flag("emp_bps", ["1"]),
    ),
    Indicator(
        "A2",
        "share",
        "share",
        "Bekerja (ICLS-19)",
        "Employed (ICLS-19)",
        "emp_icls = 1",
        RESPONDENTS,
        flag("emp_icls", ["1"]),
    ),
    _unemployed("lf_bps"),
    _unemployed("lf_icls"),
    Indicator(
        "A4",
        "share",
        "share",
        "LU3: penganggur dan angkatan kerja potensial",
        "LU3: unemployed and potential labour force",
        "lf_icls 2 or 3",
        "lf_icls 1, 2 or 3",
        flag("lf_icls", ["2", "3"], lambda t: t["lf_icls"].isin(["1", "2", "3"])),
    ),
    Indicator(
        "A5",
        "share",
        "share",
        "Setengah penganggur",
        "Underemployed",
        "underemp = 1",
        "employed, answered themselves",
        flag("underemp", ["1"], lambda t: employed(t) & t["hours_usual"].notna()),
    ),
    Indicator(
        "A6",
        "share",
        "share",
        "NEET usia 15-24",
        "NEET aged 15-24",
        "not employed and not in education or training",
        "aged 15-24",
        _neet,
    ),
    by_status("A7_wage", "Bekerja dengan upah", "Wage work", "status 4, 5, 6", ("4", "5", "6")),
    by_status("A7_self", "Berusaha sendiri", "Self-employment", "status 1, 2, 3", SELF),
    Indicator(
        "A8",
        "share",
        "share",
        "Wirausaha baru",
        "New entrepreneurs",
        "status 1-3 and business begun since the end of the training",
        SELVES,
        _new_business,
    ),
    Indicator(
        "A8_count",
        "total",
        "persons",
        "Jumlah wirausaha baru",
        "Number of new entrepreneurs",
        "status 1-3 and business begun since the end of the training",
        SELVES,
        _new_business,
    ),
    Indicator(
        "A8_jobs",
        "total",
        "persons",
        "Pekerja dibayar di usaha baru",
        "Paid workers in new businesses",
        "sum of biz_workers_paid of new entrepreneurs",
        SELVES,
        _jobs_created,
    ),
    _business_at(6),
    _business_at(12),
    *IN_FIELD,
    Indicator(
        "S2",
        "share",
        "share",
        "Serapan-3: kerja bermutu",
        "Quality work",
        "employed, earnings >= UMK of the year, >= 35 hours in all jobs",
        "respondents of whom it can be told",
        _quality,
    ),
    Indicator(
        "S3",
        "share",
        "share",
        "Analog IKU-1 Kemendikbud",
        "IKU-1 analogue",
        "first job within 6 months and earnings > 1.2 UMK, or own business",
        SELVES,
        _iku,
    ),
    _work_at(3),
    _work_at(6),
    _work_at(12),
    Indicator(
        "S5",
        "share",
        "share",
        "Baru terserap",
        "Newly absorbed",
        "employed now",
        "no work in the month before the training",
        flag("emp_bps", ["1"], lambda t: t["pre_work"] == "0"),
    ),
    Indicator(
        "S6",
        "share",
        "share",
        "Penempatan lewat program",
        "Placed via the programme",
        "first job found by internship host, employment service or instructor",
        "began work since the training",
        flag("first_found", ["1", "2", "3"]),
    ),
    Indicator(
        "T1",
        "wait",
        "months",
        "Median bulan sampai kerja pertama",
        "Median months to the first job",
        "Kaplan-Meier, log-log interval; censored at the interview",
        "no work when the training ended",
        _waiting,
    ),
    Indicator(
        "T2",
        "curve",
        "months",
        "Rata-rata bulan tanpa kerja dalam 12 bulan",
        "Mean months without work within 12",
        "area under Kaplan-Meier to 12 months (RMST)",
        "no work when the training ended",
        _waiting,
        horizon=12,
        cause=-1,
    ),
    *(_incidence(cause, months) for cause in (1, 2) for months in (3, 6, 12)),
    Indicator(
        "T4",
        "share",
        "share",
        "Bertahan di pekerjaan lama",
        "Kept the job",
        "a spell from before the end of training still runs",
        "had work when the training ended",
        number("kept_job"),
    ),
)
