"""What is made beyond the marts' SQL in every run: the estimates, and the plan where the office has written one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError

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


def compute(connection: Connection, study: Study) -> tuple[str, ...]:
    """Estimate, and rank the programmes where there is a file of the plan; give the marts made.

    Before the first interview there is nothing to estimate, and without the forms of employers and ideas no plan: that
    is logged.

    Raises:
        StudyError: the office's file is malformed.
    """
    if not _estimated(connection):
        return ()
    wanted = plan_file(study)
    if not wanted.exists():
        _demanded(connection, ())
        return ("marts.estimate",)
    return ("marts.estimate", *_planned(connection, wanted))


def _estimated(connection: Connection) -> bool:
    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.estimates import estimate_all

    try:
        estimate_all(connection, Constants())
    except StudyError as error:
        log.info("no estimates: %s", error)
        return False
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
