"""What the office decides about the plan: evidence/plan_2026.toml, read and checked.

Weights, gates, costs, budget and judgements stand in that one file; nothing of it is repeated in code.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.evidence.office_file import read_office_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tracer_etl.evidence.office_file import Table

CRITERIA = (
    "in_field",
    "earnings",
    "skill",
    "employers",
    "people",
    "youth",
    "priority",
    "raw_material",
    "cost",
    "equity",
)
"""The ten criteria of specification 3.1, in its order."""

ANCHORS = (
    "in_field",
    "earnings",
    "skill_gain",
    "certified",
    "per_seat",
    "applicants",
    "unmet_need",
    "ideas",
    "cost",
    "target_group",
    "women",
    "spread",
)
"""The measures with a value function; a pair: worth 0 points, worth 100 points."""

TOP_RATING = 3
_WHOLE, _TOLERANCE = 100.0, 1e-9


UNDECIDED = (
    "budget_idr",
    "cost_ceiling_idr",
    "unmet_need",
    "seats",
    "package_cost_idr",
    "ratings",
    "gates",
    "reach",
)
"""What the office decides and may not have yet; the report names what stands in for it."""


@dataclass(frozen=True)
class Candidate:
    """One programme that could be chosen; money in IDR for the whole package, ratings 0..3 by two raters."""

    code: str
    family: str
    seats: int
    package_cost_idr: int
    priority: tuple[int, int]
    raw_material: tuple[int, int]
    dbhcht: bool
    licensed: bool
    legal: bool
    funding: str = ""
    south: bool = False
    open_for_application: bool = True
    women: float | None = None

    @property
    def seat_cost_idr(self) -> float:
        """Cost per participant."""
        return self.package_cost_idr / self.seats


@dataclass(frozen=True)
class Rules:
    """What a portfolio must fulfil."""

    from_south: int
    women_share: float
    mostly_women: int
    one_family: int
    show: int


@dataclass(frozen=True)
class PlanConfig:
    """The office's file; weights are points of 100, anchors pairs (worth 0, worth 100)."""

    year: int
    choose: int
    budget_idr: int
    cost_ceiling_idr: int
    umk_idr: int
    draws: int
    seed: int
    concentration: float
    rubric_error: float
    weights: Mapping[str, float]
    anchors: Mapping[str, tuple[float, float]]
    rules: Rules
    candidates: tuple[Candidate, ...]
    undecided: tuple[str, ...] = ()
    """Which of `UNDECIDED` are placeholders still, set for a rehearsal and decided by nobody."""


def read_plan(path: Path) -> PlanConfig:
    """Read the office's file.

    Raises:
        StudyError: the file is missing, not TOML, or says something that cannot be: named, with the remedy.
    """
    config = read_office_file(path, _config, "docs/how-to/rank-programmes-2026.md")
    _check(config, path)
    return config


def _config(document: Table) -> PlanConfig:
    plan, draws, anchors = document["plan"], document["draws"], document["anchors"]
    return PlanConfig(
        year=int(plan.number("year")),
        choose=int(plan.number("choose", 1)),
        budget_idr=int(plan.number("budget_idr", 1)),
        cost_ceiling_idr=int(plan.number("cost_ceiling_idr", 1)),
        umk_idr=int(plan.number("umk_idr", 1)),
        draws=int(draws.number("number", 1)),
        seed=int(draws.number("seed", 0)),
        concentration=draws.number("concentration", 1),
        rubric_error=draws.number("rubric_error", 0, 1),
        weights={name: document["weights"].number(name) for name in document["weights"]},
        anchors={name: _pair(anchors, name) for name in anchors},
        rules=_rules(document["portfolio"]),
        candidates=tuple(_candidate(table) for table in document["programme"]),
        undecided=tuple(str(name) for name in plan.get("undecided", ())),
    )


def _pair(table: Table, name: str) -> tuple[float, float]:
    match table[name]:
        case [int() | float() as first, int() | float() as second]:
            return float(first), float(second)
        case other:
            raise ValueError(f"{table.where} {name} is {other!r}, and must be two numbers")


def _ratings(table: Table, name: str) -> tuple[int, int]:
    first, second = _pair(table, name)
    if {first, second} - {*range(TOP_RATING + 1)}:
        raise ValueError(f"{table.where} {name} is {table[name]!r}; ratings are 0, 1, 2 or 3")
    return int(first), int(second)


def _rules(table: Table) -> Rules:
    _known(table, Rules)
    counts = {
        name: int(table.number(name, 0)) for name in ("from_south", "mostly_women", "one_family", "show")
    }
    return Rules(women_share=table.number("women_share", 0, 1), **counts)


def _known(table: Table, kind: type) -> None:
    names = [one.name for one in fields(kind)]
    for name in table:
        if name not in names:
            raise ValueError(f"{table.where} {name} is not known, it has: {', '.join(names)}")


def _candidate(table: Table) -> Candidate:
    _known(table, Candidate)
    for name in ("dbhcht", "licensed", "legal", "south", "open_for_application"):
        if not isinstance(table.get(name, True), bool):
            raise TypeError(f"{table.where} {name} is {table[name]!r}, and must be true or false")
    plain = {name: table[name] for name in ("code", "family", "dbhcht", "licensed", "legal")}
    more = {name: table[name] for name in ("funding", "south", "open_for_application") if name in table}
    return Candidate(
        **plain,
        **more,
        seats=int(table.number("seats", 1)),
        package_cost_idr=int(table.number("package_cost_idr", 1)),
        priority=_ratings(table, "priority"),
        raw_material=_ratings(table, "raw_material"),
        women=table.number("women", 0, 1) if "women" in table else None,
    )


def _check(config: PlanConfig, path: Path) -> None:
    _check_names(config.weights, CRITERIA, "[weights]", path)
    _check_names(config.anchors, ANCHORS, "[anchors]", path)
    for name in sorted(set(config.undecided) - set(UNDECIDED)):
        raise _wrong(path, f"[plan] undecided: {name!r} is not known", f"it may name: {', '.join(UNDECIDED)}")
    total = sum(config.weights.values())
    if abs(total - _WHOLE) > _TOLERANCE or min(config.weights.values()) < 0:
        raise _wrong(path, f"the weights add up to {total:g}", "make them 100 in all, none below 0")
    for name, (nothing, full) in config.anchors.items():
        if nothing == full:
            raise _wrong(path, f"[anchors] {name}: worth 0 and worth 100 are the same", "give two numbers")
    codes = [one.code for one in config.candidates]
    for code in codes:
        if codes.count(code) > 1:
            raise _wrong(path, f"programme {code!r} is listed twice", "keep one")
    if config.choose > len(codes):
        raise _wrong(path, f"{config.choose} of {len(codes)} programmes are to be chosen", "list more")


def _check_names(given: Mapping[str, object], wanted: tuple[str, ...], where: str, path: Path) -> None:
    for name in sorted({*given} ^ {*wanted}):
        what = "is missing" if name in wanted else "is not known"
        raise _wrong(path, f"{where} {name} {what}", f"it has exactly: {', '.join(wanted)}")


def _wrong(path: Path, what: str, remedy: str) -> StudyError:
    return StudyError(what, where=path.name, remedy=remedy)
