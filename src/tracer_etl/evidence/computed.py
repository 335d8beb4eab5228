"""What is made beyond the marts' SQL in every run: codes of jobs, estimates, and the plan where the office has written one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.evidence.coding.coder import codes_file, read_coder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.plan_config import Candidate
    from tracer_etl.study import Study

log = logging.getLogger(__name__)

PLAN = "evidence/plan_2026.toml"


def plan_file(study: Study) -> Path:
    """Give the office's file of the plan: `[evidence] plan`, or `evidence/plan_2026.toml`; it need not be there."""
    return study.root / str(study.evidence.get("plan", PLAN))


def office_files(study: Study) -> list[Path]:
    """List the files the office edits that the results are made of, of those that are there."""
    return [file for file in (plan_file(study), codes_file(study)) if study.evidence and file.exists()]


def compute(connection: Connection, study: Study) -> tuple[str, ...]:
    """Code the jobs, estimate, and rank the programmes where there is a file of the plan; give the marts made.

    Before the first interview there is nothing to estimate, and without the forms of employers and ideas no plan: that
    is logged.

    Raises:
        StudyError: one of the office's files is malformed.
    """
    coded = _coded(connection, study)
    if not _estimated(connection):
        return coded
    wanted = plan_file(study)
    if not wanted.exists():
        _demanded(connection, ())
        return (*coded, "marts.estimate")
    return (*coded, "marts.estimate", *_planned(connection, wanted))


def _coded(connection: Connection, study: Study) -> tuple[str, ...]:
    from tracer_etl.evidence.coding.storing import store_codes

    made = store_codes(connection, read_coder(codes_file(study)))
    if not made:
        log.info("no codes of jobs: the form does not ask for them, or the list of programmes has no codes")
    return made


def _estimated(connection: Connection) -> bool:
    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.estimates import read_study, store_all
    from tracer_etl.evidence.reach import read_area

    constants = Constants()
    area = read_area(connection)  # not below: what is wrong with a list must be told
    try:
        study = read_study(connection, constants)
    except StudyError as error:
        log.info("no estimates: %s", error)
        return False
    store_all(connection, study, area, constants)
    return True


def _demanded(connection: Connection, candidates: Sequence[Candidate]) -> None:
    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.demand_rates import store_demand

    store_demand(connection, candidates, Constants())


def _planned(connection: Connection, file: Path) -> tuple[str, ...]:
    from tracer_etl.evidence.plan_config import read_plan
    from tracer_etl.evidence.plan_result import TABLES, make_plan, store_plan

    config = read_plan(file)
    _demanded(connection, config.candidates)
    try:
        made = make_plan(connection, config)
    except StudyError as error:
        log.info("no plan: %s", error)
        return ()
    store_plan(connection, made)
    return tuple(TABLES)
