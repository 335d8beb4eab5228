"""Rule C19: the job is said to be in the field of the training, and its KBJI code is outside the programme's list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.evidence.coding.coder import read_coder
from tracer_etl.evidence.coding.programmes import KBJI, Master, read_spans
from tracer_etl.oversight.registry import Finding, Measured, NotEvaluated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tracer_etl.oversight.registry import Check
    from tracer_etl.warehouse.contract import Connection

_JOBS = (
    "SELECT _submission_id, reg_program, job_title, kbji_major, kbli_section FROM judged_alumni_tracer "
    "WHERE match_field = '1' ORDER BY _submission_id"
)


def checks_of_job_codes(file: Path) -> dict[str, Check]:
    """Give the check of coded jobs; `file` is the office's, which need not be there."""

    def job_outside_field(
        connection: Connection, kwargs: Mapping[str, Any], thresholds: Mapping[str, Any]
    ) -> Iterator[Finding | Measured]:
        """Find jobs of the training's own field whose coded occupation is not on the programme's list.

        The codes are those that count in S1_coded: a coder's, else proposals that the answers do not contradict.

        Raises:
            NotEvaluated: the list of programmes has no codes, or no job that is said to match has one.
            StudyError: the office's file or the list of programmes cannot be read.
        """
        del kwargs, thresholds
        master, coder = Master(read_spans(connection)), read_coder(file)
        if not master.spans:
            raise NotEvaluated("no list of programmes has KBJI codes")
        coded = 0
        for submission, programme, *told in connection.execute(_JOBS).fetchall():
            code = coder.code(*told)
            inside = master.holds(programme, KBJI, code.kbji)
            coded += inside is not None
            if inside is False:
                yield Finding(submission, code.kbji, f"{programme}, {code.state}")
        if not coded:
            raise NotEvaluated("no job that is said to match has a code")
        yield Measured(f"{coded} coded")

    return {"job_outside_field": job_outside_field}
