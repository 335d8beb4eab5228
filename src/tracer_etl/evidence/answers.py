"""The frame, the respondents' answers and their spells of work, as the estimates need them.

Read from the marts and the clean tables; the columns added here are the ones the definitions of
`indicators.py` use. Months since training run from its end or, if there was one, the end of the internship.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tracer_etl.errors import StudyError
from tracer_etl.evidence.indicators_training import SKILLS
from tracer_etl.evidence.marts import column_names, require
from tracer_etl.evidence.survival import DAYS_PER_MONTH, middle, months_to_day, months_to_month

if TYPE_CHECKING:
    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.marts import Connection

ENROLMENT = """
select e.enrolment_id, e.alumni_id, e.program_code as programme, cast(e.budget_year as bigint) as year, e.batch,
  e.funding, e.target_group, e.seat_source, e.completed, e.cert_result,
  cast(e.package_cost_idr as double precision) as package_cost_idr,
  cast(nullif(cast(e.training_start as varchar), '') as date) as training_start,
  cast(coalesce(nullif(cast(e.magang_end as varchar), ''), nullif(cast(e.training_end as varchar), '')) as date)
    as origin,
  row_number() over (partition by e.alumni_id order by e.training_end desc, e.enrolment_id desc) as latest
from clean.registry_enrolment e order by e.enrolment_id
"""

PERSON = """
select c.alumni_id, c.aapor_code, c.category, c.attempts, c.sex, c.age_group, c.zone, p.edu, p.kecamatan,
  case when coalesce(cast(p.opt_out_at as varchar), '') = '' then 0 else 1 end as withdrawn
from marts.case_disposition c
join (
  select alumni_id, min(edu) as edu, min(kec_code) as kecamatan, max(opt_out_at) as opt_out_at
  from clean.registry_person group by alumni_id
) p on p.alumni_id = c.alumni_id
order by c.alumni_id
"""

CONTACT = "select alumni_id, kind as phone, reachable from marts.person_contact"

ASKED = (
    *(
        "mode",
        "emp_bps",
        "emp_icls",
        "lf_bps",
        "lf_icls",
        "underemp",
        "main_act",
        "no_seek_reason",
        "status_emp",
        "hours_usual",
    ),
    *(
        "pre_work",
        "pre_income",
        "pre_income_band",
        "match_field",
        "match_level",
        "use_skills",
        "contract",
        "bpjs_tk",
    ),
    *(
        "bpjs_kes",
        "paid_leave",
        "accident",
        "biz_start",
        "biz_workers_paid",
        "biz_legal",
        "biz_books",
        "job_at_end",
    ),
    *("choose_again", "sat_all", "nps", "select_fair", "need_more", "need_1", "need_2"),
    *(f"sk_{item}_{phase}" for item in SKILLS for phase in ("before", "after", "need")),
)
"""Questions of alumni_tracer that an indicator needs."""

ANSWER = f"""
select i.alumni_id, {", ".join(f"a.{name}" for name in ASKED)},
  i.date, i.hours, i.earnings_idr, i.earnings_source, i.umk_idr, i.decent_points, pre.midpoint_idr as pre_midpoint_idr
from marts.interview i
join clean.alumni_tracer a on a._submission_id = i.submission_id
left join marts.seed_income_band pre on pre.band = a.pre_income_band
order by i.alumni_id
"""

SPELL = """
select i.alumni_id, j._position as position, j.j_start, j.j_end, j.j_status, j.j_end_reason, j.j_found
from clean.alumni_tracer__job j join marts.interview i on i.submission_id = j._submission_id
order by i.alumni_id, j._position
"""

CERTIFICATE = """
select i.alumni_id, max(case when c.cert_result = '1' then 1 else 0 end) as competent,
  max(case when c.cert_result = '1' and c.cert_received = '1' then 1 else 0 end) as received,
  max(case when c.cert_received = '1' and c.cert_used = '1' then 1 else 0 end) as used
from clean.alumni_tracer__cert c join marts.interview i on i.submission_id = c._submission_id
group by i.alumni_id
"""

JOB_CODE = "select alumni_id, state as job_state, fields as job_fields from marts.job_code"

NEEDED = {
    "marts.case_disposition": ("alumni_id", "aapor_code"),
    "marts.interview": ("alumni_id", "submission_id"),
    "clean.registry_person": ("alumni_id", "edu", "kec_code", "opt_out_at"),
    "clean.registry_enrolment": (
        *("enrolment_id", "alumni_id", "program_code", "budget_year", "batch", "funding", "target_group"),
        *(
            "seat_source",
            "completed",
            "cert_result",
            "package_cost_idr",
            "training_start",
            "training_end",
            "magang_end",
        ),
    ),
    "clean.alumni_tracer": ASKED,
    "clean.alumni_tracer__job": ("j_start", "j_end", "j_status", "j_end_reason", "j_found"),
    "clean.alumni_tracer__cert": ("cert_result", "cert_received", "cert_used"),
}
"""Tables and columns without which there are no estimates."""

EDUCATION = {
    "1": "smp_or_less",
    "2": "smp_or_less",
    "3": "smp_or_less",
    "4": "sma",
    "5": "smk",
    "6": "diploma_or_more",
    "7": "diploma_or_more",
    "8": "diploma_or_more",
    "9": "diploma_or_more",
}

A_DAY = 1 / DAYS_PER_MONTH

WAGE, SELF, FAMILY = ("4", "5", "6"), ("1", "2", "3"), ("7",)
"""Status in employment (Sakernas, seven codes)."""


def read(connection: Connection, sql: str) -> pd.DataFrame:
    """Run a query of DuckDB or PostgreSQL: one row per row of the answer, NULL as missing."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return pd.DataFrame(cursor.fetchall(), columns=names)


def numbers(told: pd.Series[Any], table: str) -> pd.Series[float]:
    """Read a column of one of the office's lists as numbers; a blank one is missing.

    Raises:
        StudyError: some are none; names the column.
    """
    found = pd.to_numeric(told, errors="coerce").astype(float)
    wrong = int((found.isna() & (told.fillna("").astype(str).str.strip() != "")).sum())
    if wrong:
        remedy = "write them as 1234.5: a point, and nothing between thousands"
        raise StudyError(f"{wrong} values are no numbers", where=f"{table}.{told.name}", remedy=remedy)
    return found


def require_inputs(connection: Connection) -> None:
    """Look whether everything the estimates read is there.

    Raises:
        StudyError: a table or a question is not; names it.
    """
    require(connection, NEEDED)


def read_persons(connection: Connection) -> pd.DataFrame:
    """Give one row per person of the registry, with its outcome in the field and the kind of phone.

    Where the registry holds no phones, `phone` is `unknown` and `reachable` missing.
    """
    person = read(connection, PERSON)
    if not column_names(connection, "person_contact"):
        return person.assign(phone="unknown", reachable=np.nan)
    return person.merge(read(connection, CONTACT), on="alumni_id", how="left").fillna({"phone": "none"})


def read_frame(enrolment: pd.DataFrame, person: pd.DataFrame) -> pd.DataFrame:
    """Give the eligible persons, one row each with their latest enrolment; persons found not eligible (410) are out.

    Who withdrew counts as a person that did not answer.
    """
    index = enrolment[enrolment["latest"] == 1].drop(columns="latest")
    frame = person[person["aapor_code"] != "410"].merge(index, on="alumni_id", how="left")
    started = pd.to_datetime(frame["origin"])
    return frame.assign(
        responded=frame["aapor_code"].isin(["110", "120"]) & (frame["withdrawn"] == 0),
        education=frame["edu"].map(EDUCATION),
        certified=np.where(frame["cert_result"] == "1", "yes", "no"),
        months=(started.max() - started).dt.days / 30.4375,
        early=np.where(frame["attempts"] <= 1, "first_attempt", "later_attempts"),
    ).reset_index(drop=True)


def read_answers(connection: Connection) -> pd.DataFrame:
    """Give one row per respondent with all answers and the marts' earnings, hours and points.

    `job_state` and `job_fields` (the programmes the job's code is of) are missing where nobody works or nothing is coded.
    """
    told = read(connection, ANSWER).merge(read(connection, CERTIFICATE), on="alumni_id", how="left")
    if not column_names(connection, "job_code"):
        return told.assign(job_state=None, job_fields=None)
    return told.merge(read(connection, JOB_CODE), on="alumni_id", how="left")


def price_factor(days: pd.Series[Any], constants: Constants) -> pd.Series[float]:
    """Give what an amount of each day is multiplied with to be in prices of `constants.price_day`.

    The index grows evenly between its anchors; beyond the last one it is held.
    """
    anchors = [pd.Timestamp(day).toordinal() for day in constants.cpi]
    levels = np.log(list(constants.cpi.values()))
    ordinals = (pd.to_datetime(days) - pd.Timestamp(1, 1, 1)).dt.days.astype(float) + 1
    target = np.interp(pd.Timestamp(constants.price_day).toordinal(), anchors, levels)
    factors = np.exp(target - np.interp(ordinals, anchors, levels))
    return pd.Series(factors, index=days.index).where(ordinals.notna())


def add_money(table: pd.DataFrame, constants: Constants) -> pd.DataFrame:
    """Add earnings now and before the training in IDR/month of `constants.price_day`, and 0 for who had no work.

    `change_umk` is the change in UMK of the year of these prices: one yardstick, whenever the person was asked.
    `earnings_untold`: works for pay or profit, was asked (so answered themselves), and told neither number nor band.
    """
    employed, before = table["emp_bps"] == "1", table["pre_work"] == "1"
    earned = table["earnings_idr"].astype(float)
    was = table["pre_income"].astype(float).fillna(table["pre_midpoint_idr"].astype(float)).where(before)
    month_before = pd.to_datetime(table["training_start"]) - pd.Timedelta(days=30)
    now = earned.where(employed) * price_factor(table["date"], constants)
    then = was * price_factor(month_before, constants)
    change = now.where(employed, 0.0) - then.where(before, 0.0).where(table["pre_work"].notna())
    return table.assign(
        earned=earned.where(employed & (table["status_emp"] != "7")),
        real_now=now.where(table["status_emp"] != "7"),
        change_workers=(now - then).where(employed & before),
        change_all=change,
        change_umk=change / constants.umk_idr[int(constants.price_day[:4])],
        umk=table["umk_idr"].astype(float),
        earnings_untold=employed
        & table["status_emp"].isin([*WAGE, *SELF])
        & table["job_at_end"].notna()
        & earned.isna(),
    )


def add_times(table: pd.DataFrame, spells: pd.DataFrame) -> pd.DataFrame:
    """Add the time to the first job, what it was, work at 3, 6, 12 months, and how long businesses last.

    `wait` months until the first spell that began after the origin (`wait_event` 1) or until the interview (0), for
    who had no work when the training ended; in others all are missing. `wait_from`..`wait_to` is all that is known of
    it when only the month was told. `cause` 1 wage, 2 own business, 3 family.
    """
    runs = spells.merge(table[["alumni_id", "origin", "date"]], on="alumni_id")
    day = {
        name: pd.to_datetime(runs[name]).to_numpy("datetime64[D]")
        for name in ("origin", "date", "j_start", "j_end")
    }
    runs = runs.assign(
        start=months_to_month(day["origin"], day["j_start"]),
        whole=(day["j_start"].astype("M8[M]") - day["origin"].astype("M8[M]")).astype(float),
        month_begins=months_to_day(day["origin"], day["j_start"]),
        stop=np.where(np.isnat(day["j_end"]), np.inf, months_to_month(day["origin"], day["j_end"])),
        lasted=np.maximum(months_to_month(middle(day["j_start"]), day["j_end"]), 0.5),
        seen=np.maximum(months_to_day(middle(day["j_start"]), day["date"]), 0.5),
    )
    own = table.set_index("alumni_id")
    watched = pd.Series(months_to_day(_days(own["origin"]), _days(own["date"])), index=own.index)
    added = pd.concat(
        [_first_job(runs, own, watched), _at_months(runs, own, watched), _business(runs, own)], axis=1
    )
    return table.merge(added, left_on="alumni_id", right_index=True, how="left")


def _days(column: pd.Series[Any]) -> Any:  # noqa: ANN401 - numpy's own name for an array of days
    return pd.to_datetime(column).to_numpy("datetime64[D]")


def _first_job(runs: pd.DataFrame, own: pd.DataFrame, watched: pd.Series[float]) -> pd.DataFrame:
    later = runs[runs["start"] > 0].sort_values(["alumni_id", "start", "position"], kind="stable")
    first = later.groupby("alumni_id").first().reindex(own.index)
    began = first["start"].notna()
    asked, waiting = own["job_at_end"].notna(), own["job_at_end"] == "0"
    kinds = {**dict.fromkeys(WAGE, 1), **dict.fromkeys(SELF, 2), **dict.fromkeys(FAMILY, 3)}
    kept = runs[(runs["start"] < 0) & (runs["j_end_reason"] == "1")]["alumni_id"].unique()
    wait = first["start"].where(began, watched).clip(upper=watched).clip(lower=0.01)
    begins = first["month_begins"].where(began, watched).clip(lower=0.0).clip(upper=watched - A_DAY)
    ends = (first["month_begins"] + 1).clip(upper=watched).where(began, np.inf)
    return pd.DataFrame(
        {
            "wait": wait.where(waiting),
            "wait_event": began.astype(float).where(waiting),
            "cause": first["j_status"].map(kinds).where(began, 0.0).where(waiting),
            "told_months": first["whole"].where(waiting),
            "wait_from": begins.where(began, watched).where(waiting),
            "wait_to": ends.where(waiting),
            "at_end": own["job_at_end"],
            "first_job": first["start"].where(asked),
            "first_found": first["j_found"].where(asked),
            "kept_job": pd.Series(own.index.isin(kept), own.index)
            .astype(float)
            .where(own["job_at_end"] == "1"),
        },
        index=own.index,
    )


def _at_months(runs: pd.DataFrame, own: pd.DataFrame, watched: pd.Series[float]) -> pd.DataFrame:
    columns = {}
    for months in (3, 6, 12):
        working = runs[(runs["start"] <= months) & (runs["stop"] >= months)]["alumni_id"].unique()
        exposed = own["job_at_end"].notna() & (watched >= months)
        columns[f"work_{months}"] = pd.Series(own.index.isin(working), own.index).astype(float).where(exposed)
    return pd.DataFrame(columns, index=own.index)


def _business(runs: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    started = runs[(runs["start"] > 0) & runs["j_status"].isin(SELF)]
    first = (
        started.sort_values(["alumni_id", "start", "position"], kind="stable").groupby("alumni_id").first()
    )
    first = first.reindex(own.index)
    ended = (first["j_end_reason"] != "1").where(first["start"].notna())
    lasted = first["lasted"].where(ended == 1, first["seen"])
    return pd.DataFrame({"business_months": lasted, "business_ended": ended.astype(float)}, index=own.index)


def enrolment_rows(frame: pd.DataFrame, enrolment: pd.DataFrame) -> pd.DataFrame:
    """Give one row per enrolment of an eligible person, the class's own programme, year, funding, group and seat.

    `responded` as in the frame. Answers that count from the end of the latest training, or are about it, stay missing
    in the rows of earlier ones (`index_row` false).
    """
    own = [
        "programme",
        "year",
        "batch",
        "funding",
        "target_group",
        "seat_source",
        "enrolment_id",
        "cert_result",
    ]
    persons = frame.drop(columns=[*own, "completed", "package_cost_idr", "training_start", "origin"])
    keep = [*own, "alumni_id", "latest", "completed", "package_cost_idr", "training_start", "origin"]
    rows = enrolment[keep].merge(persons, on="alumni_id")
    return rows.assign(
        index_row=rows["latest"] == 1, certified=np.where(rows["cert_result"] == "1", "yes", "no")
    ).reset_index(drop=True)


def respondents(rows: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Join answers to the rows of the frame that responded, in the frame's order."""
    fresh = [name for name in answers.columns if name not in rows.columns or name == "alumni_id"]
    return rows[rows["responded"]].merge(answers[fresh], on="alumni_id", how="left").reset_index(drop=True)


OF_LATEST = (
    "wait",
    "wait_event",
    "cause",
    "told_months",
    "wait_from",
    "wait_to",
    "at_end",
    "first_job",
    "first_found",
    "kept_job",
    "work_3",
    "work_6",
    "work_12",
    "business_months",
    "business_ended",
)
"""Columns that count from the end of the latest training."""


def only_latest(table: pd.DataFrame) -> pd.DataFrame:
    """Leave the columns of `OF_LATEST` missing in rows of earlier enrolments."""
    return table.assign(**{name: table[name].where(table["index_row"]) for name in OF_LATEST})
