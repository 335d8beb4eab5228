"""decisions.csv: who released or rejected which submission, for which rules, when and why.

The file is only added to. A release holds for its rules and for the content it was taken on (`instance_id`);
releases of the same content add up. A reject holds whatever the content, until a later line releases.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, get_args

from tracer_etl.logbook import append_line, read_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tracer_etl.logbook import Line
    from tracer_etl.study import Study

Verb = Literal["release", "reject"]
COLUMNS = ("form", "submission", "decision", "rules", "who", "when", "why", "instance_id")
EVERY_RULE = "*"


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the log; `instance` is the content version it was taken on, `when` ISO 8601."""

    line: int
    form_id: str
    submission: str
    decision: Verb
    rules: tuple[str, ...]
    who: str
    when: str
    why: str
    instance: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of all decisions on one submission: the verb, and for a release rules and content."""

    submission: str
    decision: Verb
    rules: frozenset[str]
    instance: str
    lines: tuple[int, ...]


def read_decisions(study: Study) -> list[Decision]:
    """Read the study's log, oldest first; no file is an empty log.

    Raises:
        StudyError: a line is malformed or names a form the study does not have; the line is named.
    """
    forms = {form.form_id for form in study.forms}
    return [_decision(line, forms) for line in read_log(study.decisions, COLUMNS)]


def _decision(line: Line, forms: set[str]) -> Decision:
    line.require("form", "submission", "decision", "rules", "who", "when", "why")
    line.require_moment("when")
    given = line.fields
    if given["form"] not in forms:
        raise line.error(f"no form {given['form']!r}", f"choose of {', '.join(sorted(forms))}")
    verb = next((one for one in get_args(Verb) if one == given["decision"]), None)
    if verb is None:
        raise line.error(f"no decision {given['decision']!r}", "write release or reject")
    rules = tuple(dict.fromkeys(given["rules"].split()))
    said = (given["who"], given["when"], given["why"], given["instance_id"])
    return Decision(line.number, given["form"], given["submission"], verb, rules, *said)


def append_decision(study: Study, decision: Decision) -> None:
    """Add a decision at the end of the log."""
    fields = {
        "form": decision.form_id,
        "submission": decision.submission,
        "decision": decision.decision,
        "rules": " ".join(decision.rules),
        "who": decision.who,
        "when": decision.when,
        "why": decision.why,
        "instance_id": decision.instance,
    }
    append_line(study.decisions, COLUMNS, fields)


def now() -> str:
    """Tell the time as decisions note it: ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def standings(decisions: Iterable[Decision]) -> dict[str, Standing]:
    """Work out what stands of one form's decisions, in the order of the log: the last word wins.

    `lines` are those still in force; all others were repeated or overruled by a later line.
    """
    found: dict[str, Standing] = {}
    held: dict[str, list[Decision]] = {}
    for one in decisions:
        kept = [old for old in held.get(one.submission, ()) if _stands_beside(old, one)]
        held[one.submission] = [*kept, one]
    for submission, lines in held.items():
        rules = frozenset(rule for one in lines for rule in one.rules)
        last = lines[-1]
        numbers = tuple(one.line for one in lines)
        found[submission] = Standing(submission, last.decision, rules, last.instance, numbers)
    return found


def _stands_beside(old: Decision, new: Decision) -> bool:
    """Tell whether an older line still counts once the new one is written."""
    if old.decision != "release" or new.decision != "release" or old.instance != new.instance:
        return False
    return EVERY_RULE not in new.rules and not set(old.rules) <= set(new.rules)


def overruled(decisions: Sequence[Decision]) -> set[int]:
    """Give the numbers of the lines that no longer count."""
    standing = {number for one in standings(decisions).values() for number in one.lines}
    return {one.line for one in decisions} - standing
