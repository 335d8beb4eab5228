"""What is known of each candidate, from the estimates and the marts; nothing is shrunk or scored here.

This is the only module that knows where the figures come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracer_etl.evidence.marts import Connection

NAN = math.nan
LEAST_APPLICANTS = 10
"""Applications from which the reach of a programme without alumni is told."""

_NEEDS = ("estimate", "weight_diagnostic", "plan_reach", "idea_demand", "employer_demand")
_MEASURES = {"S1": "in_field", "E5": "earnings", "K1_d": "skill_gain", "C2": "certified"}
_ESTIMATE = """
select indicator, level, estimate, se, n_eff from marts.estimate
where indicator in ('S1', 'E5', 'K1_d', 'C2') and group_by = 'programme' and estimate is not null and not suppressed
"""
_WIDENING = "select value from marts.weight_diagnostic where name = 'widening_enrolments'"
_NEED = "select level, estimate, se from marts.estimate where indicator = 'N1_demand' and group_by = 'wanted_programme'"
_REACH = "select source, programme, people, women, target, spread from marts.plan_reach"
_EMPLOYER = "select programme, vacancies, committed from marts.employer_demand"


@dataclass(frozen=True)
class Evidence:
    """One programme; NaN = not known. Shares are 0..1.

    in_field S1 of in_field_n effective respondents; earnings E5 in UMK with its standard error, widened
    as its interval is; skill_gain K1 d with its own, widened alike; certified C2 of certified_n enrolled; applications N2;
    unmet_need N1, the share of demand, with its standard error (0 = not known); vacancies and committed placements N3;
    ideas N4 of ideas_n in all; women, target_group (t1 + t2) and spread (1 - HHI over kecamatan) of the people in `reach`.
    """

    in_field: float = NAN
    in_field_n: float = 0.0
    earnings: float = NAN
    earnings_se: float = NAN
    skill_gain: float = NAN
    skill_gain_se: float = NAN
    certified: float = NAN
    certified_n: float = 0.0
    applications: float = NAN
    unmet_need: float = 0.0
    unmet_need_se: float = 0.0
    vacancies: float = 0.0
    committed: float = 0.0
    ideas: float = 0.0
    ideas_n: float = 0.0
    women: float = NAN
    target_group: float = NAN
    spread: float = NAN
    reach: str = "family"


def read_evidence(connection: Connection, codes: Sequence[str]) -> dict[str, Evidence]:
    """Read what is known of these programmes.

    A figure that may not be published (too few people) is not used either: the programme then counts as one without
    alumni in that measure, so that no score gives a withheld figure away.

    Raises:
        StudyError: a table is missing; the message says which command makes it.
    """
    _require(connection)
    found: dict[str, dict[str, Any]] = {code: {} for code in codes}
    widening = max((float(value) for [value] in connection.execute(_WIDENING).fetchall()), default=1.0)
    for indicator, code, estimate, se, n_eff in connection.execute(_ESTIMATE).fetchall():
        row = found.get(code, {})
        row[_MEASURES[indicator]] = estimate
        if indicator in ("S1", "C2"):
            row[f"{_MEASURES[indicator]}_n"] = n_eff
        else:
            # Widened as its interval is, or the plan would be surer than the table.
            row[f"{_MEASURES[indicator]}_se"] = NAN if se is None else se * widening
    needs = connection.execute(_NEED).fetchall()
    for code, share in _unmet_needs([row[:2] for row in needs]).items():
        found.get(code, {})["unmet_need"] = share
    for code, _, se in needs:
        found.get(code, {})["unmet_need_se"] = se or 0.0
    for code, vacancies, committed in connection.execute(_EMPLOYER).fetchall():
        found.get(code, {}).update(vacancies=float(vacancies), committed=float(committed))
    ideas = connection.execute("select programme, share, ideas from marts.idea_demand").fetchall()
    for code, share, _ in ideas:
        found.get(code, {}).update(ideas=float(share))
    for row in found.values():
        row["ideas_n"] = float(sum(count for _, _, count in ideas))
    _add_reach(found, connection.execute(_REACH).fetchall())
    return {code: Evidence(**row) for code, row in found.items()}


def _require(connection: Connection) -> None:
    sql = "select table_name from information_schema.tables where table_schema = 'marts'"
    present = {name for [name] in connection.execute(sql).fetchall()}
    for name in _NEEDS:
        if name not in present:
            remedy = "load the forms, then run `tracer-etl marts` and the estimates"
            raise StudyError("the table is missing", where=f"marts.{name}", remedy=remedy)


def _unmet_needs(rows: Sequence[tuple[str, float | None]]) -> Mapping[str, float]:
    """Give each programme's share of demand; what the withheld ones have together is split evenly among them."""
    shown = {code: float(share) for code, share in rows if share is not None}
    withheld = [code for code, share in rows if share is None]
    left = max(0.0, 1 - sum(shown.values())) / max(1, len(withheld))
    return shown | dict.fromkeys(withheld, left)


def _add_reach(found: Mapping[str, dict[str, Any]], rows: Sequence[tuple[Any, ...]]) -> None:
    """Add who is reached: from alumni, else from at least ten applications; and the number of applications."""
    for source, code, people, women, target, spread in sorted(rows, key=lambda row: row[0], reverse=True):
        row = found.get(code, {})
        if source == "applicants":
            row["applications"] = float(people)
        if source == "alumni" or people >= LEAST_APPLICANTS:
            shares = {"women": women, "target_group": target, "spread": spread}
            row.update({name: NAN if share is None else float(share) for name, share in shares.items()})
            row["reach"] = source
