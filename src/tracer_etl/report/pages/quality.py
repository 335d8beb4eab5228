"""What came in, what was set aside and why, which form versions, and the codebooks: for any study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.report.site import Page
from tracer_etl.report.words import DASH, Both, count, plain, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup

    from tracer_etl.report.facts import Facts, Row
    from tracer_etl.report.site import Desk

_FORM = (
    "select form_id, landed, good, set_aside, warned from marts.data_quality where rule = '' order by form_id"
)
_RULE = (
    "select rule, severity, min(why_id) as why_id, min(why_en) as why_en, "
    "cast(sum(submissions) as bigint) as submissions from marts.data_quality where rule <> '' group by rule, severity "
    "order by case severity when 'critical' then 1 when 'warning' then 2 else 3 end, submissions desc, rule"
)
_VERSION = "select form_id, version from meta.form_version order by form_id, position"
COUNTS = ("landed", "good", "set_aside", "warned")


def totals(facts: Facts) -> dict[str, int]:
    """Give the submissions of all forms: landed, good, set aside, with a remark."""
    rows = facts.rows(_FORM)
    return {name: sum(row[name] for row in rows) for name in COUNTS}


def _render(facts: Facts, desk: Desk) -> Markup:
    forms = facts.rows(_FORM)
    withdrawn = [_withdrawn(row, facts.pulls.get(row["form_id"])) for row in forms]
    return desk.lay(
        "quality.html.j2",
        totals=totals(facts),
        withdrawn=sum(withdrawn),
        counts=[say(f"quality.{name}") for name in COUNTS],
        forms=[_form(*one, facts.pulls, told=any(withdrawn)) for one in zip(forms, withdrawn, strict=True)],
        rules=[_rule(row) for row in facts.rows(_RULE)],
        versions=[(plain(row["form_id"]), plain(row["version"])) for row in facts.rows(_VERSION)],
        codebooks=_codebooks(desk),
    )


def _form(row: Row, withdrawn: int, pulls: Mapping[str, Row], *, told: bool) -> Sequence[Both]:
    proof = _proof(pulls.get(row["form_id"]))
    left_out = [count(withdrawn)] if told else []
    return [plain(row["form_id"]), *(count(row[name]) for name in COUNTS), *left_out, proof]


def _withdrawn(row: Row, pull: Row | None) -> int:
    """Count what is on the server and came, and is in no table: of people who withdrew or asked to be erased."""
    came = int((pull or {}).get("distinct_keys") or 0)  # unknown after a pull that broke off
    return max(0, came - int(row["landed"]))


def _proof(pull: Row | None) -> Both:
    """Say whether all that the server counted has come."""
    if pull is None:
        return plain(DASH)
    if pull["server_count"] is None:
        return say("quality.complete_broke_off")
    missing = pull["server_count"] - pull["distinct_keys"]
    if missing:
        return say("quality.complete_no", count=pull["server_count"], missing=missing)
    return say("quality.complete_yes", count=pull["server_count"])


def _rule(row: Row) -> dict[str, Any]:
    why = Both(id=row["why_id"] or row["rule"], en=row["why_en"] or row["rule"])
    consequence = say(f"quality.severity_{row['severity']}")
    return {"rule": row["rule"], "why": why, "consequence": consequence, "count": count(row["submissions"])}


def _codebooks(desk: Desk) -> list[tuple[str, str]]:
    """Give name and path of each codebook beside the page."""
    paths = sorted(path for path in desk.there if path.startswith("codebook/"))
    return [(path.removeprefix("codebook/").removesuffix(".html"), path) for path in paths]


PAGE = Page("quality", say("quality.nav"), _render)
