"""What is set aside, as the supervisor goes through it: by enumerator, one line per submission, reasons in words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tracer_etl.report import words
from tracer_etl.report.words import DASH, Both, plain, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracer_etl.report.facts import Facts, Row

STANDINGS = ("interviewed", "held", "open", "untried", "closed")
SENT_BACK = ("hasIssues", "rejected")
"""States on the server that say an enumerator was already told."""
REASONS = 4
"""Reasons shown per submission; a form that went wrong altogether has dozens."""


@dataclass(frozen=True)
class Held:
    """Groups of submissions set aside; `waiting` counts those the server does not flag yet, of which enumerators."""

    groups: Sequence[dict[str, Any]]
    waiting: int
    enumerators: Sequence[str]


def read(facts: Facts) -> Held:
    """Read what is set aside; the largest group first."""
    rows = facts.rows(
        "select * from marts.send_back order by form_id, enumerator, submission_id, severity, rule, why_id"
    )
    groups = [
        _group(form, who, list(some))
        for (form, who), some in groupby(rows, key=lambda row: (row["form_id"], row["enumerator"]))
    ]
    waiting = {
        (row["form_id"], row["submission_id"]): row for row in rows if row["review_state"] not in SENT_BACK
    }
    codes = sorted({row["enumerator"] for row in waiting.values() if row["enumerator"]})
    return Held(sorted(groups, key=lambda one: -one["size"]), len(waiting), codes)


def _group(form_id: str, who: str | None, rows: Sequence[Row]) -> dict[str, Any]:
    common = _common(rows)
    own = groupby(rows, key=lambda row: str(row["submission_id"]))
    submissions = [_submission(key, list(some), common) for key, some in own]
    name = plain(who) if who else say("supervisor.nobodys", form=plain(form_id))
    return {
        "name": name,
        "size": len(submissions),
        "said": say("supervisor.group", n=len(submissions)),
        "common": common,
        "submissions": submissions,
    }


def _common(rows: Sequence[Row]) -> list[Both]:
    """Word the reasons all submissions of a group have in common, where there are several."""
    keys = {row["submission_id"] for row in rows}
    sharing: dict[tuple[str, ...], set[str]] = {}
    for row in rows:
        sharing.setdefault(tuple(_reason(row).values()), set()).add(row["submission_id"])
    return unique(
        reason for reason in map(_reason, rows) if len(sharing[tuple(reason.values())]) == len(keys) > 1
    )


def _submission(key: str, rows: Sequence[Row], common: Sequence[Both]) -> dict[str, Any]:
    """Word one submission: `reasons` are those the group does not share."""
    reasons = [reason for reason in unique(_reason(row) for row in rows) if reason not in common]
    day = rows[0]["date"]
    return {
        "key": key.removeprefix("uuid:"),
        "date": plain(DASH) if day is None else words.both(lambda language: words.day(day, language)),
        "told": say("supervisor.told") if rows[0]["review_state"] in SENT_BACK else None,
        "reasons": reasons[:REASONS] or [say("supervisor.as_all")],
        "more": say("supervisor.more", n=len(reasons) - REASONS) if len(reasons) > REASONS else None,
    }


def _reason(row: Row) -> Both:
    why = Both(id=row["why_id"] or row["rule"], en=row["why_en"] or row["rule"])
    return say("supervisor.reason", why=why, rule=plain(row["rule"]))


def unique(texts: Iterable[Both]) -> list[Both]:
    """Keep each text once, in order."""
    return list({tuple(text.values()): text for text in texts}.values())
