"""The codes of the jobs told, and the programme master they are held against, as marts; no title is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tracer_etl.evidence import storing
from tracer_etl.evidence.coding.programmes import KBJI, Master, read_spans
from tracer_etl.evidence.marts import column_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.evidence.coding.coder import Coder
    from tracer_etl.evidence.marts import Connection

JOB = {
    **dict.fromkeys(("submission_id", "alumni_id", "programme", "kbji", "kbli", "state"), storing.TEXT),
    "kbji_in_field": storing.TRUTH,
    "in_field": storing.TRUTH,
    "fields": storing.TEXT,
}
SPAN = dict.fromkeys(("programme", "scheme", "written", "first", "last", "certainty"), storing.TEXT)
TABLES = ("marts.job_code", "marts.programme_code")

_ASKED = {"job_title", "kbji_major", "kbli_section"}
_JOBS = """
select i.submission_id, i.alumni_id, i.programme, a.job_title, a.kbji_major, a.kbli_section
from marts.interview i join clean.alumni_tracer a on a._submission_id = i.submission_id
where i.emp_bps = '1' order by i.submission_id
"""


def store_codes(connection: Connection, coder: Coder) -> tuple[str, ...]:
    """Write `marts.job_code` (a row per respondent in work) and `marts.programme_code` (a row per span); name them.

    Where the form does not ask for the job, or no list of programmes has codes, there is nothing to code: both go.

    Raises:
        StudyError: a code of the list of programmes cannot be read.
    """
    asked = column_names(connection, "alumni_tracer", "clean")
    master = Master(read_spans(connection))
    if _ASKED - asked or not master.spans or not column_names(connection, "interview"):
        for table in TABLES:
            connection.execute(f"drop table if exists {table}")
        return ()
    jobs = pd.DataFrame(_rows(connection, coder, master), columns=list(JOB), dtype=object)
    spans = pd.DataFrame(
        [[getattr(span, name) for name in SPAN] for span in master.spans], columns=list(SPAN)
    )
    storing.write(connection, "marts.job_code", JOB, jobs)
    storing.write(connection, "marts.programme_code", SPAN, spans)
    return TABLES


def _rows(connection: Connection, coder: Coder, master: Master) -> Iterator[tuple[object, ...]]:
    for submission, person, programme, title, major, section in connection.execute(_JOBS).fetchall():
        coded = coder.code(title, major, section)
        codes = (coded.kbji or None, coded.kbli or None, coded.state)
        fields = master.fields(coded.kbji, coded.kbli)
        own = master.holds(programme, KBJI, coded.kbji)
        in_field = None if own is None else programme in fields
        yield (submission, person, programme, *codes, own, in_field, " ".join(fields) if coded.kbji else None)
