"""The plan as tables: computed from the warehouse and the office's file, stored as marts, the same on every run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from tracer_etl.evidence import plan
from tracer_etl.evidence.outcome import store
from tracer_etl.evidence.plan_config import CRITERIA
from tracer_etl.evidence.plan_draws import draw, words
from tracer_etl.evidence.plan_evidence import read_evidence
from tracer_etl.evidence.portfolio import portfolios
from tracer_etl.evidence.storing import REAL, TEXT, WHOLE

if TYPE_CHECKING:
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.plan import Scored
    from tracer_etl.evidence.plan_config import PlanConfig
    from tracer_etl.evidence.plan_draws import Draws

PROGRAMME = {
    "programme": TEXT,
    "family": TEXT,
    "gates_failed": TEXT,
    "place": WHOLE,
    "score": REAL,
    "p_top": REAL,
    "words_en": TEXT,
    "words_id": TEXT,
    "p_best": REAL,
    "expected_rank": REAL,
    "rank_low": WHOLE,
    "rank_high": WHOLE,
    "evidence": TEXT,
    "in_field": REAL,
    "earnings_umk": REAL,
    "earnings_idr": REAL,
    "cost_per_worker_idr": REAL,
    "place_equal_weights": WHOLE,
}
VALUE = {"programme": TEXT, "criterion": TEXT, "weight": REAL, "value": REAL, "points": REAL}
ACCEPTABILITY = {"programme": TEXT, "rank": WHOLE, "share": REAL}
PORTFOLIO = {
    "place": WHOLE,
    "programmes": TEXT,
    "score": REAL,
    "lost": REAL,
    "cost_idr": WHOLE,
    "seats": WHOLE,
}
SENSITIVITY = {"criterion": TEXT, "weight": REAL, "chosen_without": TEXT, "break_even_weight": REAL}
SETTING = {"name": TEXT, "value": TEXT}

TABLES = {
    "marts.plan_programme": PROGRAMME,
    "marts.plan_value": VALUE,
    "marts.plan_acceptability": ACCEPTABILITY,
    "marts.plan_portfolio": PORTFOLIO,
    "marts.plan_sensitivity": SENSITIVITY,
    "marts.plan_setting": SETTING,
}
"""Each mart of the plan and its columns."""


@dataclass(frozen=True)
class Plan:
    """The tables of the plan by their mart's name, columns as in `TABLES`."""

    tables: dict[str, pd.DataFrame]


def make_plan(connection: Connection, config: PlanConfig) -> Plan:
    """Rank the candidates; reads marts, writes nothing.

    Raises:
        StudyError: a mart is missing, or too few candidates pass the gates.
    """
    scored = plan.score(config, read_evidence(connection, [one.code for one in config.candidates]))
    drawn = draw(scored)
    made = {
        "marts.plan_programme": _programmes(scored, drawn),
        "marts.plan_value": _values(scored),
        "marts.plan_acceptability": _acceptability(scored, drawn),
        "marts.plan_portfolio": [
            vars(one) | {"programmes": " ".join(one.programmes)} for one in portfolios(scored)
        ],
        "marts.plan_sensitivity": _sensitivity(scored),
        "marts.plan_setting": _settings(scored),
    }
    return Plan({name: pd.DataFrame(rows, columns=list(TABLES[name])) for name, rows in made.items()})


def store_plan(connection: Connection, made: Plan) -> None:
    """Write the marts of the plan: `plan_programme` (one row per candidate, those failing a gate too), `plan_value` (one
    per candidate and criterion), `plan_acceptability` (one per candidate and rank), `plan_portfolio` (one per set),
    `plan_sensitivity` (one per criterion), `plan_setting` (one per setting).
    """  # noqa: D205 - a list of tables
    store(connection, made.tables, TABLES)


def _programmes(scored: Scored, drawn: Draws) -> list[dict[str, Any]]:
    config, ranked = scored.config, plan.order(scored.scores, scored.codes)
    equal = plan.equal_weights(scored)
    rows = [_programme(scored, drawn, ranked, equal, place) for place in ranked]
    for one in config.candidates:
        failed = plan.gates(one, config.cost_ceiling_idr)
        if failed:
            rows.append({"programme": one.code, "family": one.family, "gates_failed": " ".join(failed)})
    return rows


def _programme(
    scored: Scored, drawn: Draws, ranked: list[int], equal: list[int], place: int
) -> dict[str, Any]:
    one, share = scored.candidates[place], float(scored.in_field.mean[place])
    earnings = float(scored.earnings.mean[place])
    english, indonesian = words(float(drawn.top[place]))
    return {
        "programme": one.code,
        "family": one.family,
        "gates_failed": "",
        "place": ranked.index(place) + 1,
        "score": float(scored.scores[place]),
        "p_top": float(drawn.top[place]),
        "words_en": english,
        "words_id": indonesian,
        "p_best": float(drawn.best[place]),
        "expected_rank": float(drawn.expected[place]),
        "rank_low": int(drawn.interval[0, place]),
        "rank_high": int(drawn.interval[1, place]),
        "evidence": scored.labels[place],
        "in_field": share,
        "earnings_umk": earnings,
        "earnings_idr": earnings * scored.config.umk_idr,
        "cost_per_worker_idr": one.seat_cost_idr / share,
        "place_equal_weights": equal.index(place) + 1,
    }


def _values(scored: Scored) -> list[dict[str, Any]]:
    return [
        {
            "programme": code,
            "criterion": criterion,
            "weight": scored.config.weights[criterion],
            "value": float(scored.values[row, column]),
            "points": float(scored.values[row, column] * scored.weights[column]),
        }
        for row, code in enumerate(scored.codes)
        for column, criterion in enumerate(CRITERIA)
    ]


def _acceptability(scored: Scored, drawn: Draws) -> list[dict[str, Any]]:
    shares = drawn.acceptability
    return [
        {"programme": code, "rank": rank + 1, "share": float(shares[row, rank])}
        for row, code in enumerate(scored.codes)
        for rank in range(len(scored.codes))
    ]


def _sensitivity(scored: Scored) -> list[dict[str, Any]]:
    rows = []
    for criterion in CRITERIA:
        chosen = [scored.codes[place] for place in plan.without(scored, criterion)[: scored.config.choose]]
        swap = plan.break_even(scored, criterion)
        rows.append(
            {
                "criterion": criterion,
                "weight": scored.config.weights[criterion],
                "chosen_without": " ".join(chosen),
                "break_even_weight": math.nan if swap is None else swap,
            }
        )
    return rows


def _settings(scored: Scored) -> list[dict[str, str]]:
    config = scored.config
    plain = {
        name: str(getattr(config, name))
        for name in "year choose budget_idr cost_ceiling_idr umk_idr draws seed concentration rubric_error".split()
    }
    plain["undecided"] = " ".join(config.undecided)
    for criterion in ("priority", "raw_material"):
        first, second = zip(*(getattr(one, criterion) for one in config.candidates), strict=True)
        agreement = plan.kappa(first, second)
        plain[f"kappa_{criterion}"] = "not defined" if agreement is None else f"{agreement:.3f}"
    return [{"name": name, "value": value} for name, value in plain.items()]
