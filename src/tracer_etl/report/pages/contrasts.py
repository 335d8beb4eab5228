"""What the alumni are set against, and what may be said of it: before, people in general, applicants not accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.report.figures import find, written
from tracer_etl.report.words import DASH, Both, catalogue, count, joined, plain, rupiah, say, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.site import Desk

TABLES = ("marts.contrast", "marts.contrast_balance", "marts.contrast_overlap")
_DESIGNS = (
    *("before_after", "benchmark", "benchmark_same_mix", "applicants"),
    *("lottery", "lottery_taken", "cutoff"),
)
_COVARIATES = ("work", "sex", "age", "education", "zone", "target_group", "welfare", "family")


def compared(facts: Facts) -> bool:
    """Tell whether the data allow the comparison with applicants not accepted."""
    return facts.has(*TABLES) and any(map(_tried, facts.rows("select * from marts.contrast")))


def _tried(row: Row) -> bool:
    return bool(row["design"] == "applicants" and row["verdict"] != "not_allowed")


def section(facts: Facts, desk: Desk) -> Markup | None:
    """Lay out the section of the page on outcomes; None in a copy made before there were contrasts."""
    if not facts.has(*TABLES):
        return None
    rows = sorted(facts.rows("select * from marts.contrast"), key=_place)
    tried = [row for row in rows if _tried(row)]
    return desk.lay(
        "contrasts.html.j2",
        rows=[_line(row) for row in rows],
        sensitivity=[_borne(row) for row in tried],
        additional=find(facts, "X2") if tried and ("X2", "all", "") in facts.estimates else None,
        balance=_balance(facts),
        overlap=_overlap(facts),
    )


def _place(row: Row) -> tuple[int, str]:
    return _DESIGNS.index(row["design"]), row["outcome"]


def _line(row: Row) -> list[Both]:
    """Say what is compared, both levels, the difference with its range, and what may be said."""
    heading = joined(
        [say(f"contrasts.design_{row['design']}"), say(f"contrasts.outcome_{row['outcome']}")], ": "
    )
    if row["verdict"] == "not_allowed":
        return [heading, plain(DASH), plain(DASH), plain(DASH), _word(row)]
    return [heading, _level(row, "level"), _level(row, "other_level"), _difference(row), _word(row)]


def _level(row: Row, column: str) -> Both:
    return plain(DASH) if row[column] is None else written(row[column], row["unit"])


def _difference(row: Row) -> Both:
    """Write the difference, its 95% range and how many stand behind it."""
    size = say("n_is", n=row["n"])
    if row["n_other"] is not None:
        size = say("contrasts.sizes", n=row["n"], other=row["n_other"])
    ends = say("contrasts.range", low=_amount(row["low"], row), high=_amount(row["high"], row))
    behind = joined([plain("("), ends, plain("); "), size], "")
    return joined([_amount(row["estimate"], row, unit=True), behind])


def _amount(value: float, row: Row, *, unit: bool = False) -> Both:
    """Write a difference: percentage points of shares, rupiah of amounts; more than nothing with a plus."""
    if row["unit"] != "share":
        bare = rupiah(value)
    elif unit:
        bare = say("contrasts.points", points=count(value * 100))
    else:
        bare = count(value * 100)
    return joined([plain("+"), bare], "") if value > 0 else bare


def _word(row: Row) -> Both:
    """Give the words that may be said: a change, a difference, an estimated effect, or why there is no number."""
    if row["verdict"] == "not_allowed":
        why = say(
            f"contrasts.reason_{row['reason']}",
            own=share(row["answered"]),
            other=share(row["answered_other"]),
        )
        return say("contrasts.not_allowed", why=why)
    if row["verdict"] == "null":
        least = _amount(row["detectable"], row, unit=True)
        word = say(f"contrasts.null_{_kind(row)}", least=least)
        return joined([word, say("contrasts.null_of_three")]) if row["low"] > 0 or row["high"] < 0 else word
    return say(f"contrasts.{row['verdict']}_{_kind(row)}")


def _kind(row: Row) -> str:
    return "benchmark" if row["design"].startswith("benchmark") else row["design"]


def _borne(row: Row) -> list[Both]:
    """Say what the estimated effect can bear: hidden differences, and the silent."""
    ends = say("contrasts.range", low=_amount(row["bound_low"], row), high=_amount(row["bound_high"], row))
    return [
        say(f"contrasts.outcome_{row['outcome']}"),
        say("contrasts.e_values", value=count(row["e_value"], 1), limit=count(row["e_value_limit"], 1)),
        count(row["hidden_odds"], 1),
        ends,
    ]


def _balance(facts: Facts) -> list[list[Both]]:
    rows = facts.rows("select * from marts.contrast_balance order by covariate")
    return [[_covariate(row["covariate"]), count(row["before"], 2), count(row["after"], 2)] for row in rows]


def _covariate(name: str) -> Both:
    """Name a covariate of the model, a category with the name of what it is a category of."""
    group = next((one for one in _COVARIATES if name.startswith(f"{one}_")), name)
    level = name.removeprefix(group).removeprefix("_")
    said = say(f"contrasts.covariate_{group}")
    if not level:
        return said
    keys = (f"contrasts.{group}_{level}", f"{group}_{level}")
    known = next((key for key in keys if key in catalogue()), None)
    return joined([said, say(known) if known else plain(level)], ": ")


def _overlap(facts: Facts) -> Sequence[list[Both]]:
    rows = facts.rows("select * from marts.contrast_overlap order by low")
    return [
        [
            say("summary.between", low=share(row["low"]), high=share(row["high"])),
            *(say("few") if row[name] is None else count(row[name]) for name in ("accepted", "others")),
        ]
        for row in rows
    ]
