"""Sections 3.1 and 3.2 of the specification worked out anew, in plain Python, from the tables of the answers.

No line here calls or copies what ranks and selects; `test_specification_plan.py` and `test_evidence_cli.py` hold the one
against the other. What the specification leaves open is taken as docs/explanation/plan-and-selection.md has decided it.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import math
from collections import Counter, defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WEIGHTS = {
    "in_field": 20, "earnings": 10, "skill": 5, "employers": 12, "people": 8, "youth": 5, "priority": 12,
    "raw_material": 8, "cost": 10, "equity": 10,
}  # fmt: skip
RUBRIC = {0: 0, 1: 33, 2: 67, 3: 100}
ALUMNI_REACH = """
select e.program_code, p.sex, e.target_group, p.kec_code from clean.registry_enrolment e
join clean.registry_person p on p.alumni_id = e.alumni_id
"""
APPLICANT_REACH = "select ap_program, ap_sex, ap_tg, ap_kec from clean.applicant_registration"


def between(value: float, nothing: float, full: float) -> float:
    """Give points 0..100, 0 at `nothing`, 100 at `full`, straight between."""
    return min(100.0, max(0.0, 100 * (value - nothing) / (full - nothing)))


def passes_gates(table: Mapping[str, Any], ceiling: float) -> bool:
    """Tell whether G1-G4 hold for a programme of the office's file."""
    payable = table["dbhcht"] or bool(table.get("funding"))
    cheap = table["package_cost_idr"] / table["seats"] <= ceiling
    return bool(payable and table["licensed"] and cheap and table["legal"])


def filled(known: Mapping[str, float], tables: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Give each programme its own value, else the mean of its family, else of all."""
    found = {}
    for table in tables:
        near = [known[t["code"]] for t in tables if t["family"] == table["family"] and t["code"] in known]
        own = known.get(table["code"])
        found[table["code"]] = own if own is not None else fmean(near or known.values())
    return found


def reached(connection: Any, codes: Iterable[str]) -> dict[str, tuple[float, float, float]]:
    """Give shares of t1 + t2 and of women, and 1 - HHI of kecamatan: of alumni, else of ten applicants or more."""
    found = {}
    for code in codes:
        people = [row[1:] for row in connection.execute(ALUMNI_REACH).fetchall() if row[0] == code]
        if not people:
            people = [row[1:] for row in connection.execute(APPLICANT_REACH).fetchall() if row[0] == code]
            people = people if len(people) >= 10 else []
        if people:
            target = fmean(group in ("t1", "t2") for _, group, _ in people)
            homes = Counter(district for _, _, district in people if district)
            spread = 1 - sum((count / homes.total()) ** 2 for count in homes.values())
            found[code] = (target, fmean(sex == "2" for sex, _, _ in people), spread)
    return found


def employer_points(connection: Any, table: Mapping[str, Any]) -> float:
    """Give N3: placements signed for whole, what is needed beyond them half, per seat; 2 per seat are 100 points."""
    code = table["code"]
    firms = connection.execute(
        "select em_prog, em_commit_n from clean.employer_needs where em_commit = '1'"
    ).fetchall()
    asked = [((programmes or "").split(), number) for programmes, number in firms]
    committed = sum(number / len(listed) for listed, number in asked if code in listed)
    sql = f"select coalesce(sum(needed), 0) from marts.employer_vacancy where programme = '{code}'"
    [vacancies] = connection.execute(sql).fetchone()
    return between((committed + max(0, vacancies - committed) / 2) / table["seats"], 0, 2)


def unmet(connection: Any) -> dict[str, float]:
    """Give N1 of each programme; what the withheld leave over is shared evenly among them."""
    sql = "select level, estimate from marts.estimate where indicator = 'N1_demand' and group_by = 'wanted_programme'"
    rows = connection.execute(sql).fetchall()
    hidden = [code for code, share in rows if share is None]
    left = 1 - sum(share for _, share in rows if share is not None)
    return {code: left / len(hidden) if share is None else share for code, share in rows}


def shown(connection: Any, indicator: str) -> dict[str, float]:
    """Give an estimate by programme, of those that may be published."""
    sql = f"select level, estimate from marts.estimate where indicator = '{indicator}' and group_by = 'programme'"
    return {code: value for code, value in connection.execute(sql).fetchall() if value is not None}


def plan_values(
    connection: Any, plan: Mapping[str, Any], effects: Mapping[str, tuple[float, float]]
) -> dict[str, dict[str, float]]:
    """Give the ten values of each programme; `effects`: posterior means of S1 and E5 (shrunk), by programme."""
    tables = [one for one in plan["programme"] if passes_gates(one, plan["plan"]["cost_ceiling_idr"])]
    gain, certified = filled(shown(connection, "K1_d"), tables), filled(shown(connection, "C2"), tables)
    reach, need = reached(connection, [one["code"] for one in tables]), unmet(connection)
    target, women, spread = (
        filled({code: one[place] for code, one in reach.items()}, tables) for place in range(3)
    )
    applied = Counter(row[0] for row in connection.execute(APPLICANT_REACH).fetchall())
    topics = connection.execute(
        "select programme, interest from marts.idea_topic where first_of_day"
    ).fetchall()
    found = {}
    for one in tables:
        code, (share, earned) = one["code"], effects[one["code"]]
        wanted = between(need.get(code, 0.0), 0, 0.25)
        doublings = math.log2(max(1.0, applied[code] / one["seats"]))
        people = fmean([between(doublings, 0, 4), wanted]) if one["open_for_application"] else wanted
        ideas = sum(programme == code and interest >= 4 for programme, interest in topics) / len(topics)
        found[code] = {
            "in_field": between(share, 0.30, 0.85),
            "earnings": between(earned, 0, 0.5),
            "skill": fmean([between(gain[code], 0, 1.5), between(certified[code], 0.70, 1)]),
            "employers": employer_points(connection, one),
            "people": people,
            "youth": between(ideas, 0, 0.25),
            "priority": fmean(RUBRIC[rating] for rating in one["priority"]),
            "raw_material": fmean(RUBRIC[rating] for rating in one["raw_material"]),
            "cost": between(one["package_cost_idr"] / one["seats"] / share, 30e6, 10e6),
            "equity": fmean(
                [between(target[code], 0, 0.6), between(women[code], 0, 0.5), between(spread[code], 0, 0.9)]
            ),
        }
    return found


def total(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Give sum(weight x value) / sum(weight), 0..100."""
    return sum(weights[name] * value for name, value in values.items()) / sum(weights.values())


def order(values: Mapping[str, Mapping[str, float]], weights: Mapping[str, float]) -> list[str]:
    """Give programmes, best first; equal ones by code."""
    return sorted(values, key=lambda code: (-total(values[code], weights), code))


def best_sets(
    plan: Mapping[str, Any], scores: Mapping[str, float], women: Mapping[str, float]
) -> list[tuple[float, set[str]]]:
    """Give the three best sets of four under the budget: one for the south, one for women, two of a family at most."""
    tables = {one["code"]: one for one in plan["programme"]}
    found = []
    for four in itertools.combinations(scores, 4):
        chosen = [tables[code] for code in four]
        keeps = sum(one["package_cost_idr"] for one in chosen) <= plan["plan"]["budget_idr"]
        keeps = keeps and any(one["south"] for one in chosen) and any(women[code] >= 0.5 for code in four)
        if keeps and max(Counter(one["family"] for one in chosen).values()) <= 2:
            found.append((sum(scores[code] for code in four), set(four)))
    return sorted(found, key=lambda one: -one[0])[:3]


# 3.2


def need_points(application: Mapping[str, Any]) -> int:
    """Give status 12 + welfare 10 + vulnerability 8."""
    status = {"2": 12, "1": 9, "3": 7, "5": 7}.get(application["ap_lab"], 0)
    welfare = {"1": 10, "2": 7, "3": 4}.get(application["ap_welfare"], 0)
    special = [one for one in (application["ap_vuln"] or "").split() if one != "0"]
    return status + welfare + (0, 4, 8)[min(2, len(special))]


def admissible(application: Mapping[str, Any]) -> bool:
    """Tell whether what an applicant declares passes the gates."""
    free = application["ap_lab"] not in ("6", "7")
    free = free and (application["ap_lab"] != "4" or application["ap_tg"] == "t2")
    signed = application["ap_full"] == application["ap_statement"] == application["ap_ktp_blitar"] == "1"
    return free and signed and application["ap_past"] == "0" and 17 <= (application["ap_age"] or 0) <= 45


def marked(sheets: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """Give commitment, aptitude and plan of two blind assessors (or the closest two of three); None = not yet known."""
    judges = [one for one in sheets if one["sa_conflict"] == "0"]
    interview = [
        sum(int(one[f"sa_c_{item}"]) for item in ("goal", "know", "effort", "obst", "persist"))
        for one in judges
    ]
    plan = [1.25 * sum(int(one[f"sa_p_{item}"]) for item in ("real", "market", "asset")) for one in judges]
    used = [0, 1]
    if len(judges) < 2:
        return None
    if abs(interview[0] + plan[0] - interview[1] - plan[1]) > 7:
        if len(judges) == 2:
            return None
        gaps = {
            pair: abs(interview[pair[0]] + plan[pair[0]] - interview[pair[1]] - plan[pair[1]])
            for pair in itertools.combinations(range(len(judges)), 2)
        }
        nearest = [pair for pair, gap in gaps.items() if gap == min(gaps.values())]
        used = [*nearest[0]] if len(nearest) == 1 else [*range(len(judges))]
    facts = fmean(6 * (one["sa_task"] == "1") + 4 * (one["sa_ontime"] == "1") for one in judges)
    return {
        "commitment": fmean(interview[place] for place in used) + facts,
        "aptitude": fmean(float(one["sa_test"]) for one in judges),
        "plan": fmean(plan[place] for place in used),
        "documents": float(all(one["sa_docs"] == "1" for one in judges)),
    }


def seated(
    classes: Mapping[str, Mapping[str, int]], passing: Sequence[Mapping[str, Any]], round_name: str, seed: str
) -> tuple[set[str], set[str]]:
    """Give who gets a seat and who is on the reserve, of applicants who pass: number, programme, group, desa, total."""
    accepted: set[str] = set()
    reserve: set[str] = set()
    for programme, seats in classes.items():
        left, villages = 0, Counter[str]()
        for group in ("t1", "t2", "t3"):
            here = [one for one in passing if (one["programme"], one["group"]) == (programme, group)]
            stratum, left = f"{programme}-{group}", left + seats[group]
            lot = {
                one["number"]: hashlib.sha256(
                    f"{round_name}|{stratum}|{one['number']}|{seed}".encode()
                ).hexdigest()
                for one in here
            }
            line = sorted(here, key=lambda one: (-one["total"], lot[one["number"]]))
            if 0 < left < len(line):
                cutoff = line[left - 1]["total"]
                line.sort(
                    key=lambda one: (
                        (0, -one["total"])
                        if one["total"] > cutoff + 5 + 1e-9
                        else (2, -one["total"])
                        if one["total"] < cutoff - 5 - 1e-9
                        else (1, 0.0),
                        lot[one["number"]],
                    )
                )
            waiting, places = [], math.ceil(0.2 * left - 1e-9)
            for one in line:
                if left and villages[one["desa"]] < 3:
                    villages[one["desa"]] += 1
                    accepted.add(one["number"])
                    left -= 1
                else:
                    waiting.append(one["number"])
            reserve |= {*waiting[:places]}
    return accepted, reserve


def records(connection: Any, sql: str) -> list[dict[str, Any]]:
    """Give the rows of a query by name."""
    found = connection.execute(sql)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def selection(connection: Any, office: Mapping[str, Any], key: str) -> tuple[set[str], set[str]]:
    """Give who gets a seat and who is on the reserve, from the forms and the registry."""
    forms, sheets = defaultdict(list), defaultdict(list)
    order_of_marks = "order by today, sa_assessor, _submission_id"
    for sheet in records(connection, f"select * from clean.selection_assessment {order_of_marks}"):
        sheets[sheet["sa_applicant"]].append(sheet)
    numbers = dict(connection.execute("select application_id, applicant_id from clean.applicants").fetchall())
    niks = connection.execute("select _submission_id, ap_nik from pii.applicant_registration").fetchall()
    hashed = {one: hmac.new(key.encode(), nik.encode(), "sha256").hexdigest() for one, nik in niks if nik}
    trained = {
        person
        for person, ended, funding in connection.execute(
            "select p.nik_hmac, e.training_end, e.funding from pii.registry_person p "
            "join clean.registry_enrolment e using (alumni_id)"
        ).fetchall()
        if ended > "2024-03-16" and funding in ("dbhcht", "apbd", "apbdp", "apbn")
    }
    order_of_arrival = "order by _submitted_at, _submission_id"
    for one in records(connection, f"select * from clean.applicant_registration {order_of_arrival}"):
        forms[hashed.get(one["_submission_id"], one["_submission_id"])].append(one)
    passing = []
    for person, (one, *_later) in forms.items():
        points = marked(sheets[numbers.get(one["_submission_id"], "")])
        if points is None or not points["documents"] or person in trained or not admissible(one):
            continue
        score = need_points(one) + points["commitment"] + points["aptitude"] + points["plan"]
        if score >= 55 and points["commitment"] >= 15 and points["aptitude"] >= 10:
            passing.append(
                {"number": numbers[one["_submission_id"]], "programme": one["ap_program"], "group": one["ap_tg"],
                 "desa": one["ap_desa"], "total": score}
            )  # fmt: skip
    classes = {one["programme"]: one["seats"] for one in office["class"]}
    return seated(classes, passing, office["round"]["name"], office["round"]["public_seed"])
