"""For every check of the distributions: a world where it fires, and one where it holds its peace.

The arithmetic stands beside the worlds. A key is (rule, scope, severity), and the stage or form where that is not enough.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oversight_case import World

Rows = list[Any]
ALUMNI = "judged_alumni_tracer"


def _rates(**programmes: float) -> World:
    rows: Rows = [{"dimension": "overall", "value": "", "frame": 100, "rr2": 0.7}]
    rows += [
        {"dimension": "programme", "value": name, "frame": 20, "rr2": rate}
        for name, rate in programmes.items()
    ]
    return {"marts.response_rate": rows}


def _paid(*told: tuple[int | None, str | None]) -> World:
    """Twenty people in paid work: those told, and the rest who named their pay."""
    given = [*told, *[(2_000_000, None)] * (20 - len(told))]
    rest = {"aapor_code": "110", "is_self": "1", "status_emp": "4", "pre_work": "0"}
    none = {"biz_profit": None, "biz_profit_band": None, "pre_income": None, "pre_income_band": None}
    numbers = {"biz_profit": 0, "pre_income": 0}  # so that the columns are numbers; nobody is asked for them
    first = {**rest, **none, **numbers, "aapor_code": "211", "pay_net": 0, "pay_band": ""}
    return {ALUMNI: [first, *({**rest, **none, "pay_net": pay, "pay_band": band} for pay, band in given)]}


def _answers(code: str, times: int, of: int = 40) -> World:
    """One question `why` of a form, answered with a code so many times, and with 1 otherwise."""
    columns = {"form_id": "visit", "table_name": "visit", "kind": "select_one", "list_name": "reason"}
    return {
        "meta.column": [
            {**columns, "position": 1, "column_name": "why"},
            {**columns, "position": 2, "column_name": "when", "list_name": "day"},
        ],
        "meta.code": [
            {"form_id": "visit", "list_name": "reason", "value": value} for value in ("1", "88", "98", "99")
        ],
        "judged_visit": [{"why": code if n < times else "1"} for n in range(of)],
    }


def _employed(rate: float) -> World:
    return {"marts.estimate": [{"indicator": "A1", "group_by": "all", "estimate": rate}]}


def _weeks(*employed: int) -> World:
    """Twenty interviews a week, so many of them with people in work."""
    monday = date(2026, 1, 5)
    return {
        "marts.interview": [
            {"date": monday + timedelta(weeks=week), "emp_bps": "1" if n < works else "0"}
            for week, works in enumerate(employed)
            for n in range(20)
        ]
    }


def _pay(amounts: list[int], enumerators: str = "A") -> World:
    return {
        ALUMNI: [
            {
                "_submission_id": f"s{n}",
                "status_emp": "4",
                "pay_net": amount,
                "biz_profit": None if n else 0,
                "enumerator_id": enumerators[n % len(enumerators)],
            }
            for n, amount in enumerate(amounts)
        ]
    }


def _rounding(rounded: int) -> World:
    """Two enumerators with 20 amounts each: A writes 6 round ones, B so many."""
    amounts = [1_500_000 if n < few else 1_510_000 for n in range(20) for few in (6, rounded)]
    return _pay(amounts, "AB")


def _months(ratio: float) -> World:
    rows = [
        {"name": "heaping_6_months", "value": ratio, "remark": "9 told"},
        {"name": "deff", "value": 9.0, "remark": ""},
    ]
    return {"marts.weight_diagnostic": rows}


def _weights(women: float = 1.5, reached: float = 30.0) -> World:
    """20 men and 30 women in the registry, 20 of each answered; the weights of all women are the same."""
    people = [("1", 1.0, n < 20) for n in range(20)] + [("2", women, n < 20) for n in range(30)]
    return {
        "marts.weight": [
            {"alumni_id": f"{sex}{n}", "weight": weight}
            for n, (sex, weight, told) in enumerate(people)
            if told
        ],
        "marts.case_disposition": [
            *(
                {"alumni_id": f"{sex}{n}", "sex": sex, "category": "I"}
                for n, (sex, _, _) in enumerate(people)
            ),
            {"alumni_id": "never", "sex": "1", "category": "NE"},
        ],
        "marts.weight_margin": [
            {"margin": "sex", "cell": "1", "target": 20.0, "reached": 20.0},
            {"margin": "sex", "cell": "2", "target": 30.0, "reached": reached},
        ],
    }


def _effects(overall: float = 1.0, cell: float = 1.0) -> World:
    estimate = {"indicator": "A1", "group_by": "zone", "level": "east", "n": 50}
    return {
        "marts.weight_diagnostic": [{"name": "deff", "value": overall, "remark": ""}],
        "marts.estimate": [
            {**estimate, "n_eff": 50 / cell, "suppressed": False},
            {**estimate, "level": "west", "n_eff": 5.0, "suppressed": True},  # 10, but not published
        ],
    }


def _published(**levels: int | None) -> World:
    """A table of 60 people by zone; None is a hidden cell."""
    rows = [{"indicator": "A1", "group_by": "zone", "level": name, "n": n} for name, n in levels.items()]
    enrolment = {"program_code": "mua", "budget_year": "2025", "batch": "mua-2025-1"}
    everybody = {"indicator": "A1", "group_by": "all", "level": "", "n": 60}
    return {"marts.estimate": [everybody, *rows], "clean.registry_enrolment": [enrolment]}


def _interviews(women_before: int, women_after: int) -> World:
    """A hundred interviews in December, a hundred in the last week; so many of each with women."""
    rest = {
        "aapor_code": "110",
        "reg_program": "mua",
        "reg_target_group": "t3",
        "reg_kec": "350501",
        "mode": "1",
    }
    sides = ((date(2025, 12, 10), women_before), (date(2026, 1, 10), women_after))
    return {
        ALUMNI: [
            {**rest, "today": day, "reg_sex": "2" if n < women else "1"}
            for day, women in sides
            for n in range(100)
        ]
    }


_SPREAD = [1_000_000 + 100_000 * n for n in range(11)]
# Eleven amounts from 1.0 to 2.0 million. The median is 1.5 million; |ln(amount / 1.5 m)| has the median
# ln(1.5 / 1.2) = 0.223 at 1.2 million (below it lie 1.3 to 1.8: 0.143, 0.069, 0, 0.065, 0.125, 0.182), so the
# limit is 3 * 1.4826 * 0.223 = 0.992 above or below: 0.556 and 4.05 million.

CASES: dict[tuple[str, ...], tuple[World, World]] = {
    ("D01", "cell", "info"): (_rates(mua=0.8, barista=0.49), _rates(mua=0.8, barista=0.5)),
    ("D02", "cell", "info", "alumni_tracer"): (
        _paid((None, "99"), (None, "98"), (None, None), (None, "99")),  # 4 of 20
        _paid((None, "99"), (None, "98"), (None, None), (None, "3")),  # 3 of 20 = 15 %: a band is an answer
    ),
    ("D02", "cell", "info", ""): (_answers("99", 3), _answers("99", 2)),  # 3 of 40 = 7.5 %, 2 of 40 = 5 %
    ("D03", "cell", "info"): (_answers("88", 5), _answers("88", 4)),  # 12.5 % and 10 %
    ("D04", "cell", "info"): (_answers("98", 5), _answers("98", 4)),
    ("D05", "batch", "info"): (_employed(0.39), _employed(0.40)),
    ("D05", "cell", "info"): (_weeks(14, 14, 17), _weeks(14, 14, 16)),  # 70 to 85 % and to 80 %
    ("D06", "submission", "info"): (_pay([*_SPREAD, 4_500_000]), _pay([*_SPREAD, 3_500_000])),
    ("D07", "batch", "info"): (
        _pay([*[2_000_000] * 10, *[2_500_000] * 7, *[2_100_000] * 3]),  # 17 of 20 = 85 %
        _pay([*[2_000_000] * 10, *[2_500_000] * 6, *[2_100_000] * 4]),  # 16 of 20 = 80 %
    ),
    ("D07", "enumerator", "info"): (
        _rounding(18),  # 6 and 18 of 20: expected 12; chi-square 2 * 36/12 + 2 * 36/8 = 15, p = 0.0001
        _rounding(12),  # expected 9; 2 * 9/9 + 2 * 9/11 = 3.6, p = 0.06
    ),
    ("D08", "cell", "info"): (_months(2.1), _months(2.0)),
    ("D09", "batch", "critical"): (_weights(reached=29.99), _weights()),
    ("D10", "batch", "info"): (_effects(overall=1.6), _effects(overall=1.5)),
    ("D10", "cell", "info"): (_effects(cell=2.6), _effects(cell=2.5)),
    ("D11", "batch", "critical"): (
        _published(east=26, west=None, north=30),  # 60 - 26 - 30 = 4
        _published(east=26, west=None, north=None),  # 34 in two cells
    ),
    ("D12", "cell", "info"): (
        _interviews(50, 80),  # 0.406, see stability_index
        _interviews(50, 65),  # (.649 - .5) ln(.649/.5) + (.351 - .5) ln(.351/.5) = 0.039 + 0.053
    ),
}  # fmt: skip
