"""The supervisor's page: what to do today, then who works how, where the cases stand, and day by day.

Enumerators appear by code. The code is no direct identifier of anybody in the study, but who has the staff list knows
whose work it judges: so the page is the office's alone, and no public page names a code.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tracer_etl.report import charts, words
from tracer_etl.report.pages import supervisor_lists
from tracer_etl.report.site import Page
from tracer_etl.report.words import DASH, Both, count, joined, plain, say, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from markupsafe import Markup

    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.site import Desk

NEEDS = ("marts.enumerator_scorecard", "marts.enumerator_finding", "marts.case_progress", "marts.send_back")
CHECKED_SHARE, CHECKED_LEAST = 0.10, 3
"""Of an enumerator's complete interviews, to be checked again (specification, rule H16)."""
SERIOUS = 3
"""Rules on one enumerator from which on a supervisor talks to them, whatever each says."""
LAST_DAYS = 7
_GAP = 30
"""Days between two working days from which on the farther part is a wrong clock, not a season."""


def _render(facts: Facts, desk: Desk) -> Markup:
    cards = facts.rows("select * from marts.enumerator_scorecard order by enumerator")
    findings = facts.rows(
        "select * from marts.enumerator_finding order by enumerator, "
        "case severity when 'critical' then 1 when 'warning' then 2 else 3 end, rule, scope"
    )
    checks = _checks(facts)
    days = season(facts.rows("select * from marts.field_day order by date"))
    held = supervisor_lists.read(facts)
    progress = facts.rows("select * from marts.case_progress order by dimension, frame desc, value")
    return desk.lay(
        "supervisor.html.j2",
        todo=list(_todo(cards, findings, checks, held, progress)),
        cards=[_card(row, findings, checks) for row in cards],
        team=_team(cards),
        held=held,
        unjudged=_unjudged(facts),
        overall=next((_standing(row, plain("")) for row in progress if row["dimension"] == "overall"), None),
        areas=[
            _standing(row, _area(facts).get(row["value"], plain(row["value"] or DASH)))
            for row in _of(progress, "area")
        ],
        programmes=[_standing(row, facts.programme(row["value"])) for row in _of(progress, "programme")],
        standings=[(name, say(f"supervisor.{name}")) for name in supervisor_lists.STANDINGS],
        trend=_trend(days) if len(days) > 1 else None,
        days=[_day(row) for row in reversed(days[-LAST_DAYS:])],
    )


def _of(rows: Sequence[Row], dimension: str) -> list[Row]:
    return [row for row in rows if row["dimension"] == dimension]


# -- today


def _todo(
    cards: Sequence[Row],
    findings: Sequence[Row],
    checks: Mapping[str, Row],
    held: supervisor_lists.Held,
    progress: Sequence[Row],
) -> Iterator[dict[str, Any]]:
    """Give the tasks of the day, the gravest first; each is a line and what it rests on."""
    for row in cards:
        own = [one for one in findings if one["enumerator"] == row["enumerator"]]
        if is_serious(own):
            yield {
                "head": say("supervisor.todo_talk", who=row["enumerator"], held=int(row["held"])),
                "why": supervisor_lists.unique(_said(one) for one in own if one["severity"] != "info"),
            }
    if held.waiting:
        who = plain(", ".join(held.enumerators))
        yield {
            "head": say("supervisor.todo_send", n=held.waiting),
            "why": [say("supervisor.todo_send_who", who=who), say("supervisor.todo_send_how")],
        }
    short = {who: needed(row) for who, row in checks.items() if needed(row)}
    if short:
        each = [plain(f"{who} ({missing})") for who, missing in short.items()]
        yield {
            "head": say("supervisor.todo_check", n=sum(short.values())),
            "why": [joined(each, ", "), say("supervisor.todo_check_how")],
        }
    yield from _cases(progress)


def _cases(progress: Sequence[Row]) -> Iterator[dict[str, Any]]:
    for row in progress:
        if row["dimension"] == "overall" and row["open"] + row["untried"]:
            yield {
                "head": say("supervisor.todo_cases", n=row["open"] + row["untried"]),
                "why": [say("supervisor.todo_cases_how", open=row["open"], untried=row["untried"])],
            }


def is_serious(findings: Sequence[Row]) -> bool:
    """Tell whether one enumerator's findings call for a talk before more interviews are made.

    >>> grave = {"rule": "H17", "severity": "warning", "scope": "enumerator"}
    >>> light = {"rule": "H21", "severity": "info", "scope": "submission"}
    >>> is_serious([grave]), is_serious([light])
    (True, False)
    """
    grave = {one["rule"] for one in findings if one["severity"] != "info"}
    whole = any(one["scope"] == "enumerator" and one["severity"] != "info" for one in findings)
    return whole or len(grave) >= SERIOUS


def needed(check: Row) -> int:
    """Count the interviews of one enumerator still to be checked again: a tenth, at least three, of those there are.

    >>> (
    ...     needed({"completes": 47, "checked": 2}),
    ...     needed({"completes": 2, "checked": 0}),
    ...     needed({"completes": 9, "checked": 3}),
    ... )
    (3, 2, 0)
    """
    aim = min(check["completes"], max(CHECKED_LEAST, math.ceil(CHECKED_SHARE * check["completes"])))
    return max(0, int(aim - check["checked"]))


def _said(finding: Row) -> Both:
    """Word a finding: how many submissions, else what the check measured, and the rule's reason."""
    why = Both(id=finding["why_id"], en=finding["why_en"])
    code = plain(finding["rule"])
    if finding["submissions"] is not None:
        return say("supervisor.finding_some", why=why, rule=code, n=int(finding["submissions"]))
    return say(
        "supervisor.finding_whole", why=why, rule=code, said=each(finding["detail"] or finding["value"])
    )


def each(text: str) -> Both:
    """Part what a check said in both languages before a colon, `id / en: figures`.

    >>> each("penolakan / refusal: 40%")["id"], each("2 / 20")["en"]
    ('penolakan: 40%', '2 / 20')
    """
    name, colon, figures = text.partition(": ")
    sides = name.split(" / ")
    if not colon or len(sides) != len(words.LANGUAGES):
        return plain(text)
    return Both(
        {language: f"{side}: {figures}" for language, side in zip(words.LANGUAGES, sides, strict=True)}
    )


# -- the scorecard


def _checks(facts: Facts) -> dict[str, Row]:
    """Give the back-checks by enumerator; a study that checks nothing again has none."""
    if not facts.has("marts.enumerator_check"):
        return {}
    return {
        row["enumerator"]: row
        for row in facts.rows("select * from marts.enumerator_check order by enumerator")
    }


def _card(row: Row, findings: Sequence[Row], checks: Mapping[str, Row]) -> dict[str, Any]:
    own = [one for one in findings if one["enumerator"] == row["enumerator"]]
    check = checks.get(row["enumerator"])
    return {
        "code": row["enumerator"],
        "days": say("supervisor.in_days", attempts=int(row["attempts"]), days=int(row["days"])),
        "completes": count(row["completes"]),
        "held": say("supervisor.of_which_held", n=int(row["held_completes"]))
        if row["held_completes"]
        else None,
        "reached": _bar(row["reached_share"]),
        "refused": _bar(row["refused_share"]),
        "minutes": _minutes(row["median_minutes"]),
        "pace": min(100.0, 50 * (row["median_minutes"] or 0) / (row["team_minutes"] or 1)),
        "short": say("supervisor.short", share=share(row["short_share"])) if row["short_share"] else None,
        "checked": _checked(check),
        "never": say("supervisor.never", n=int(check["never"])) if check and check["never"] else None,
        "verdict": _verdict(own),
        "serious": is_serious(own),
        "findings": supervisor_lists.unique(_said(one) for one in own),
    }


def _bar(value: float | None) -> dict[str, Any]:
    return {"said": share(value), "width": round(100 * (value or 0), 1)}


def _minutes(value: float | None) -> Both:
    return plain(DASH) if value is None else say("supervisor.minutes", n=count(value))


def _checked(check: Row | None) -> Both:
    if check is None:
        return plain(DASH)
    return say("supervisor.checked_of", checked=int(check["checked"]), completes=int(check["completes"]))


def _verdict(findings: Sequence[Row]) -> Both:
    rules = len({one["rule"] for one in findings})
    if is_serious(findings):
        return say("supervisor.verdict_serious", n=rules)
    return say("supervisor.verdict_some", n=rules) if rules else say("supervisor.verdict_none")


def _team(cards: Sequence[Row]) -> dict[str, Both]:
    minutes = next((row["team_minutes"] for row in cards if row["team_minutes"] is not None), None)
    return {
        "minutes": _minutes(minutes),
        "completes": count(sum(row["completes"] for row in cards)),
        "attempts": count(sum(row["attempts"] for row in cards)),
    }


def _unjudged(facts: Facts) -> list[Both]:
    """Name the rules on interviews that could not be judged, since nothing is passed that nobody looked at."""
    if not facts.has("meta.check_result"):
        return []
    rows = facts.rows(
        "select distinct rule, why_id, why_en from meta.check_result "
        "where outcome = 'not_evaluated' and rule like 'H__' order by rule"
    )
    return [
        say("supervisor.unjudged_rule", rule=plain(row["rule"]), why=Both(id=row["why_id"], en=row["why_en"]))
        for row in rows
    ]


# -- progress and days


def _area(facts: Facts) -> Mapping[str, Both]:
    """Name the kecamatan, as the form does."""
    if not facts.has("meta.code"):
        return {}
    names: dict[str, dict[str, str]] = {}
    for row in facts.rows("select value, language, label from meta.code where list_name = 'kec'"):
        names.setdefault(row["value"], {})["id" if "(id)" in row["language"] else "en"] = row["label"]
    return {
        code: Both(id=said.get("id", code), en=said.get("en", said.get("id", code)))
        for code, said in names.items()
    }


def _standing(row: Row, name: Both) -> dict[str, Any]:
    parts = {key: row[key] for key in supervisor_lists.STANDINGS}
    return {
        "name": name,
        "frame": count(row["frame"]),
        "share": share(row["interviewed"] / row["frame"]),
        "parts": [(key, round(100 * value / row["frame"], 2)) for key, value in parts.items() if value],
        "counts": {key: count(value) for key, value in parts.items()},
    }


def season(days: Sequence[Row]) -> list[Row]:
    """Keep the longest run of working days; a device with a wrong clock works years away.

    >>> from datetime import date
    >>> [
    ...     row["date"].year
    ...     for row in season([{"date": date(y, 1, d)} for y, d in ((2019, 1), (2026, 5), (2026, 9))])
    ... ]
    [2026, 2026]
    """
    runs: list[list[Row]] = []
    for row in days:
        if runs and (row["date"] - runs[-1][-1]["date"]).days <= _GAP:
            runs[-1].append(row)
        else:
            runs.append([row])
    return max(runs, key=len, default=[])


def _day(row: Row) -> list[Both]:
    date = words.both(lambda language: words.day(row["date"], language))
    numbers = [count(row[key]) for key in ("submissions", "completes", "held", "refusals", "enumerators")]
    return [date, *numbers, _minutes(row["median_minutes"])]


def _trend(days: Sequence[Row]) -> charts.Drawing:
    """Draw complete interviews and held submissions of each day, one on the other."""

    def draw(language: str) -> dict[str, Any]:
        names = {
            "completes": say("supervisor.trend_good")[language],
            "held": say("supervisor.trend_held")[language],
        }
        rows = [
            {"day": row["date"].isoformat(), "kind": names[key], "n": row[key]}
            for row in days
            for key in names
        ]
        months = [name[:3] for name in words.MONTHS[language]]
        label = f"utcdate(datum.value) + ' ' + {months}[utcmonth(datum.value)]"
        colour = {"domain": list(names.values()), "range": [charts.BLUE, charts.ORANGE]}
        day = {"field": "day", "type": "temporal", "scale": {"type": "utc"}, "title": None}
        plain_axis = {"tickCount": 4, "domain": False, "ticks": False}
        legend = {"orient": "top", "title": None, "labelFontSize": 12}
        return {
            "data": {"values": rows},
            "mark": {"type": "bar", "width": 4},
            "encoding": {
                "x": day | {"axis": {"labelExpr": label, "tickCount": 5, "grid": False}},
                "y": {"field": "n", "type": "quantitative", "title": None, "axis": plain_axis},
                "color": {"field": "kind", "type": "nominal", "scale": colour, "legend": legend},
                "order": {
                    "field": "kind",
                    "sort": "ascending" if names["completes"] < names["held"] else "descending",
                },
            },
            "width": charts.WIDTH + 150,
            "height": 170,
        }

    return charts.drawing("trend", say("supervisor.trend"), draw)


PAGE = Page("supervisor", say("supervisor.nav"), _render, needs=NEEDS, audience="office")
