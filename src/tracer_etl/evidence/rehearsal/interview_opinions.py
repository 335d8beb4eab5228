"""Sections J to O of the interview: relevance, skills, quality, needs, barriers, household."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.evidence.rehearsal.careers import IN_FIELD, Career

if TYPE_CHECKING:
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.registry import Alumnus

Answers = dict[str, Any]

SKILL_ITEMS = ("tech", "tool", "k3", "qual", "digi", "comm", "team", "prob", "biz", "disc")
QUALITY_ITEMS = ("instr", "mat", "equip", "prac", "dur", "venue", "magang", "assess", "after")
_WG_ITEMS = ("see", "hear", "walk", "rem", "care", "com")
_BEST = 5
_PROGRAMS = (
    "barista",
    "mua",
    "digimar",
    "barber",
    "masak",
    "listrik_rt",
    "dapur_mbg",
    "kopi_cokelat",
    "alsintan",
    "grafis",
)
_ROLES = {"t1": {"1": 5, "2": 4, "3": 1}, "t2": {"4": 7, "5": 3}}


def relevance(career: Career, chance: Chance) -> Answers:
    """Return section J; the field match is that of the current job."""
    match = career.current.match if career.current else "3"
    close = match in ("1", "2")
    return {
        "match_field": match,
        "match_level": chance.weighted({"2": 70, "1": 15, "3": 15} if close else {"4": 55, "3": 35, "2": 10}),
        "use_skills": chance.weighted(
            {"5": 35, "4": 40, "3": 20, "2": 5} if close else {"1": 35, "2": 40, "3": 25}
        ),
        "helped_job": chance.weighted(
            {"5": 30, "4": 45, "3": 15, "2": 10} if close else {"2": 35, "3": 40, "4": 25}
        ),
        "helped_income": chance.weighted(
            {"5": 15, "4": 40, "3": 30, "2": 15} if close else {"2": 40, "3": 40, "1": 20}
        ),
    }


def skills(chance: Chance) -> Answers:
    """Return section K: ten skills before, after and as work requires them, 1 to 5."""
    before = _varied(chance, [chance.weighted({1: 25, 2: 40, 3: 28, 4: 7}) for _ in SKILL_ITEMS])
    after = _varied(chance, [min(_BEST, level + chance.weighted({0: 15, 1: 50, 2: 35})) for level in before])
    need = _varied(chance, [chance.weighted({2: 10, 3: 35, 4: 38, 5: 17}) for _ in SKILL_ITEMS])
    phases = (("before", before), ("after", after), ("need", need))
    return {
        f"sk_{item}_{phase}": str(level)
        for phase, levels in phases
        for item, level in zip(SKILL_ITEMS, levels, strict=True)
    }


def _varied(chance: Chance, levels: list[int]) -> list[int]:
    # Nobody who listens gives ten times the same answer; only the invented interviews do.
    if len(set(levels)) == 1:
        levels[chance.whole(0, len(levels) - 1)] = levels[0] % _BEST + 1
    return levels


def quality(one: Alumnus, chance: Chance) -> Answers:
    """Return section L: nine marks of the training, overall satisfaction, NPS, fairness."""
    general = chance.weighted({3: 20, 4: 55, 5: 25})
    marks = [
        min(_BEST, max(1, general + chance.weighted({-2: 5, -1: 20, 0: 50, 1: 25}))) for _ in QUALITY_ITEMS
    ]
    answers: Answers = {
        f"q_{item}": str(mark) for item, mark in zip(QUALITY_ITEMS, _varied(chance, marks), strict=True)
    }
    if not one.latest.place.internship_days:
        answers["q_magang"] = "3"
    return answers | {
        "sat_all": str(general),
        "nps": min(10, max(0, general * 2 + chance.whole(-2, 1))),
        "select_fair": chance.weighted({"1": 55, "2": 35, "3": 10}),
    }


def needs_and_barriers(career: Career, one: Alumnus, chance: Chance) -> Answers:
    """Return sections M and N."""
    first, second = chance.rng.sample(_PROGRAMS, 2)
    free = career.state == IN_FIELD and chance.yes(0.45)
    codes = ("1", "2", "3", "4", "5", "6", "8", "9", "11", "12")
    barriers = ["0"] if free else chance.some(codes, 1, 4)
    if not free and one.latest.cert_result == "1" and chance.yes(0.1):
        barriers.append("7")
    return {
        "need_more": chance.flag(0.75),
        "need_1": one.latest.place.program if chance.yes(0.3) else first,
        "need_2": [second, first] if chance.yes(0.7) else None,
        "need_mode": chance.weighted({"1": 5, "2": 3, "4": 1, "5": 1}),
        "need_time": chance.pick(("1", "2", "3", "4")),
        "barriers": barriers,
        "barrier_main": chance.pick(barriers),
        "support": ["0"] if chance.yes(0.08) else chance.some(("1", "2", "3", "4", "5", "6", "7"), 1, 2),
    }


def household(one: Alumnus, chance: Chance) -> Answers:
    """Return section O; most people tell what the registry says about tobacco."""
    group = one.latest.target_group
    tobacco = chance.yes(0.92) if group in _ROLES else chance.yes(0.04)
    members = [_member(chance.of(number), group) for number in range(chance.weighted({1: 7, 2: 3}))]
    answers: Answers = {"hh_tob": "1" if tobacco else "0", "hh_tob_member": members if tobacco else []}
    if chance.yes(0.75):
        answers |= {f"wg_{item}": chance.weighted({"1": 93, "2": 6, "3": 1}) for item in _WG_ITEMS}
    return answers


def _member(chance: Chance, group: str) -> Answers:
    role = chance.weighted(_ROLES.get(group, {"2": 1, "4": 1}))
    return {
        "hht_relation": chance.weighted({"3": 6, "2": 2, "1": 1, "5": 1}),
        "hht_role": role,
        "hht_land": round(chance.real(0.1, 1.2), 2) if chance.yes(0.8) else None,
        "hht_proof": chance.weighted(
            {"1": 4, "3": 4, "0": 2} if role in ("1", "2", "3") else {"2": 5, "5": 3, "4": 2}
        ),
    }
