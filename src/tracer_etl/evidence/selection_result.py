"""A round of selection as tables: read from the marts, decided, stored as marts, and the sheet for appeals."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from tracer_etl.errors import StudyError
from tracer_etl.evidence.outcome import store
from tracer_etl.evidence.past_training import identities, months_before, recently_trained
from tracer_etl.evidence.selection import ACCEPT, GATES, PENDING, Applicant, appeal_deadline, select
from tracer_etl.evidence.selection_marks import Mark, combine
from tracer_etl.evidence.selection_validity import panels, severities
from tracer_etl.evidence.storing import REAL, TEXT, TRUTH, WHOLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.selection import Outcome, Selection
    from tracer_etl.evidence.selection_config import SelectionConfig

RESULT = {
    "number": TEXT,
    "programme": TEXT,
    "target_group": TEXT,
    "decision": TEXT,
    "reason": TEXT,
    "stratum": TEXT,
    "rank": WHOLE,
    "cutoff": REAL,
    "in_band": TRUTH,
    "chance": REAL,
    "lot": TEXT,
    "line": WHOLE,
    "need": REAL,
    "interview": REAL,
    "task": REAL,
    "punctual": REAL,
    "commitment": REAL,
    "aptitude": REAL,
    "plan": REAL,
    "total": REAL,
    "assessors": WHOLE,
    "difference": REAL,
    "third_used": TRUTH,
}
STRATUM = {
    "programme": TEXT,
    "target_group": TEXT,
    "seats": WHOLE,
    "carried": WHOLE,
    "passed": WHOLE,
    "cutoff": REAL,
    "band": WHOLE,
    "band_seats": WHOLE,
    "accepted": WHOLE,
    "reserve": WHOLE,
    "unfilled": WHOLE,
    "final": TRUTH,
}
PANEL = {"programme": TEXT, "applicants": WHOLE, "icc": REAL, "apart": WHOLE, "good": TRUTH}
ASSESSOR = {"assessor": TEXT, "applicants": WHOLE, "severity": REAL, "alarm": TRUTH}
AIM = {"name": TEXT, "wanted": REAL, "found": REAL, "met": TRUTH}
SETTING = {"name": TEXT, "value": TEXT}
TABLES = {
    "marts.selection_result": RESULT,
    "marts.selection_stratum": STRATUM,
    "marts.selection_panel": PANEL,
    "marts.selection_assessor": ASSESSOR,
    "marts.selection_aim": AIM,
    "marts.selection_setting": SETTING,
}
"""Each mart of the selection and its columns."""

ADULT = 18
"""Below it a guardian signs (UU PDP art. 25)."""

_APPLICANT = f"""
select submission_id, number, programme, target_group, sex, disability, age, desa_code,
  need_status + need_welfare + need_vulnerable as need, {", ".join(f"gate_{gate}" for gate in GATES)}
from marts.selection_applicant order by place
"""
_MARK = """
select number, assessor, interview, plan, test, task, punctual, documents, conflict from marts.selection_mark
order by number, date, assessor, submission_id
"""


@dataclass(frozen=True)
class Made:
    """The tables of a round by their mart's name, the decisions behind them, and what a person should know."""

    tables: dict[str, pd.DataFrame]
    selection: Selection
    remarks: tuple[str, ...]


def make_selection(connection: Connection, config: SelectionConfig, key: str) -> Made:
    """Decide the round; reads marts and pii, writes nothing.

    `key`: of the HMAC of the NIK, empty = the office's own hashes are used.

    Raises:
        StudyError: the forms of the round or the office's list of applicants are not loaded.
    """
    _require(connection)
    marks = read_marks(connection)
    applicants, remarks = read_applicants(connection, config, key, marks)
    chosen = select(applicants, config)
    programmes = {one.number: one.programme for one in applicants}
    made: dict[str, list[dict[str, Any]]] = {
        "marts.selection_result": [result_row(one) for one in chosen.outcomes],
        "marts.selection_stratum": [
            asdict(one) | {"target_group": one.group, "unfilled": one.unfilled} for one in chosen.strata
        ],
        "marts.selection_panel": [
            asdict(one) for one in panels(marks, programmes, config.third_assessor_above, config.least_icc)
        ],
        "marts.selection_assessor": [asdict(one) for one in severities(marks, config.severity)],
        "marts.selection_aim": _aims(chosen.outcomes, config),
        "marts.selection_setting": _settings(config),
    }
    tables = {name: pd.DataFrame(rows, columns=list(TABLES[name])) for name, rows in made.items()}
    return Made(tables, chosen, (*remarks, *_open_ends(chosen)))


def store_selection(connection: Connection, made: Made) -> None:
    """Write `marts.selection_*`: result (one row per application), stratum, panel (one per programme), assessor, aim,
    setting.
    """  # noqa: D205 - a list of tables
    store(connection, made.tables, TABLES)


def _require(connection: Connection) -> None:
    sql = "select table_name from information_schema.tables where table_schema = 'marts'"
    present = {name for [name] in connection.execute(sql).fetchall()}
    for name in ("selection_applicant", "selection_mark"):
        if name not in present:
            remedy = "load the forms and the reference applicants, then run `tracer-etl marts`"
            raise StudyError("the table is missing", where=f"marts.{name}", remedy=remedy)


def read_marks(connection: Connection) -> dict[str, list[Mark]]:
    """Read the marks of each applicant in the order they were given."""
    found: dict[str, list[Mark]] = defaultdict(list)
    for number, assessor, *points, documents, conflict in connection.execute(_MARK).fetchall():
        interview, plan, test, task, punctual = map(float, points)
        mark = Mark(number, assessor, interview, plan, test, task, punctual, documents, conflict)
        found[number].append(mark)
    return dict(found)


def read_applicants(
    connection: Connection, config: SelectionConfig, key: str, marks: Mapping[str, Sequence[Mark]]
) -> tuple[list[Applicant], tuple[str, ...]]:
    """Read the applications in the order of arrival, with the gates each fails, and remarks on how that was told.

    A person's second application of a round fails `one_application`; `training_registry` is the 24-month rule.
    """
    known = identities(connection, key)
    since = months_before(config.training_starts, config.months_since_training)
    trained = recently_trained(connection, known.hashes, since, config.government)
    seen: set[str] = set()
    found, unlisted = [], 0
    for submission_id, number, *rest in connection.execute(_APPLICANT).fetchall():
        programme, group, sex, disability, age, desa, need, *gates = rest
        failed = [gate for gate, passed in zip(GATES, gates, strict=True) if not passed]
        failed += ["training_registry"] if submission_id in trained else []
        hashed = known.hashes.get(submission_id, submission_id)
        failed += ["one_application"] if hashed in seen else []
        seen.add(hashed)
        unlisted += number is None
        given = marks.get(number)
        points = combine(given, config.third_assessor_above) if given else None
        own = number or submission_id
        one = Applicant(
            own, programme, group, float(need), sex == "2", bool(disability), failed=tuple(failed)
        )
        minor = age is not None and age < ADULT
        found.append(replace(one, minor=minor, desa=desa or "", points=points))
    listing = (f"{unlisted} applications are not on the office's list of applicants",) if unlisted else ()
    return found, (*known.remarks, *listing)


def result_row(one: Outcome) -> dict[str, Any]:
    """Write an outcome as a row of `marts.selection_result`."""
    applicant, points = one.applicant, one.applicant.points
    row: dict[str, Any] = {name: getattr(one, name) for name in RESULT if hasattr(one, name)}
    row |= {"number": applicant.number, "programme": applicant.programme, "need": applicant.need}
    row |= {"target_group": applicant.group}
    if points is not None:
        row |= {name: getattr(points, name) for name in RESULT if hasattr(points, name)}
        row |= {"number": applicant.number, "assessors": len(points.assessors), "total": applicant.total}
    return row


def _aims(outcomes: Sequence[Outcome], config: SelectionConfig) -> list[dict[str, Any]]:
    seated = [one.applicant for one in outcomes if one.decision == ACCEPT]
    women = sum(one.women for one in seated) / len(seated) if seated else 0.0
    disability = sum(one.disability for one in seated)
    return [
        {"name": "women", "wanted": config.women, "found": women, "met": women >= config.women},
        {
            "name": "disability",
            "wanted": float(config.disability),
            "found": float(disability),
            "met": disability >= config.disability,
        },
    ]


def _settings(config: SelectionConfig) -> list[dict[str, str]]:
    until = appeal_deadline(config.announced, config.appeal_days, config.holidays)
    names = "name training_starts announced public_seed months_since_training band per_desa reserve".split()
    plain = [{"name": name, "value": str(getattr(config, name))} for name in names]
    return [*plain, {"name": "appeal_until", "value": until.isoformat()}]


def _open_ends(chosen: Selection) -> list[str]:
    waiting: dict[str, int] = defaultdict(int)
    for one in chosen.outcomes:
        if one.decision == PENDING and one.stratum:
            waiting[one.reason] += 1
    remarks = [f"{count} applicants: {reason}" for reason, count in sorted(waiting.items())]
    minors = sum(one.decision == ACCEPT and one.applicant.minor for one in chosen.outcomes)
    if minors:
        remarks.append(f"{minors} with a seat are under {ADULT}: a guardian must sign")
    unsettled = [f"{one.programme}-{one.group}" for one in chosen.strata if not one.final]
    if unsettled:
        remarks.append(f"not final, someone is still to be assessed: {', '.join(unsettled)}")
    return remarks


APPEAL = {
    "number": "Nomor peserta / Applicant number",
    "programme": "Pelatihan / Training",
    "target_group": "Kelompok sasaran / Target group",
    "decision": "Keputusan / Decision",
    "reason": "Alasan / Reason",
    "need": "Kebutuhan / Need (0-30)",
    "interview": "Wawancara / Interview (0-20)",
    "task": "Tugas / Task (0-6)",
    "punctual": "Tepat waktu / Punctual (0-4)",
    "aptitude": "Tes / Test (0-25)",
    "plan": "Rencana / Plan (0-15)",
    "total": "Jumlah / Total (0-100)",
    "rank": "Peringkat dalam kelompok / Rank in group",
    "cutoff": "Nilai batas / Cutoff",
    "in_band": "Dalam pita undian / In the lottery band",
    "lot": "Undian (SHA-256) / Lot",
    "line": "Urutan / Place in line",
}
"""Columns of the appeal sheet: everything that decided, and no name."""


def appeal_sheet(made: Made, config: SelectionConfig) -> pd.DataFrame:
    """Give the sheet shown to applicants: one row per application, all scores, and the last day for an appeal."""
    until = appeal_deadline(config.announced, config.appeal_days, config.holidays)
    table = made.tables["marts.selection_result"][list(APPEAL)].rename(columns=APPEAL)
    table["Banding sampai / Appeal until"] = until.isoformat()
    return table
