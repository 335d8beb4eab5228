"""What is set aside, released or rejected, as a person reads it before deciding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.names import quote
from tracer_etl.quarantine.decisions import EVERY_RULE, Decision, append_decision, now
from tracer_etl.quarantine.settling import REJECTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tracer_etl.quarantine.decisions import Verb
    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Connection

SET_ASIDE, RELEASED, REJECT = "set aside", "released", "rejected"
NEXT_RUN = "next run"
"""Stands for the fate of a line that the warehouse has not seen yet."""


@dataclass(frozen=True, slots=True)
class Held:
    """A submission with reasons that hold, or held, it back; `since` is when it arrived at the server.

    `rules` are the open ones, of a released submission the released ones.
    """

    form_id: str
    submission: str
    state: str
    rules: tuple[str, ...]
    since: str
    decision: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason with the answer it is about; `value` is as typed, or as received where it did not fit."""

    rule: str
    severity: str
    state: str
    row: str
    question: str
    column: str
    value: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Case:
    """One submission as it lies in the warehouse, its open rules and all its reasons."""

    form_id: str
    submission: str
    instance: str
    state: str
    reasons: tuple[Reason, ...]

    @property
    def open_rules(self) -> tuple[str, ...]:
        """Name the rules that hold it back now."""
        return tuple(dict.fromkeys(one.rule for one in self.reasons if one.state == "open"))


def held(connection: Connection, form_id: str, decisions: Sequence[Decision] = ()) -> list[Held]:
    """List what is set aside of a form, and what was released; oldest first."""
    root = _root(connection, form_id)
    if not root:
        return []
    rows = connection.execute(
        "SELECT s._submission_id, s.state, r.rule, r.state, cast(p._submitted_at AS VARCHAR) FROM quarantine.reason r "
        "JOIN meta.submission s ON s.form_id = r.form_id AND s._submission_id = r._submission_id "
        f"LEFT JOIN ({_both(root, '_submission_id, _submitted_at')}) AS p ON p._submission_id = s._submission_id "
        "WHERE r.form_id = ? AND r.state IN ('open', 'released') ORDER BY s._landed, r.rule",
        [form_id],
    ).fetchall()
    found: dict[str, tuple[str, str, dict[str, list[str]]]] = {}
    for submission, state, rule, reason_state, since in rows:
        _, _, rules = found.setdefault(submission, (state, since or "", {}))
        rules.setdefault(reason_state, []).append(rule)
    said = _said(connection, form_id, decisions)
    return [
        Held(form_id, key, _state(state, rules), _names(state, rules), since, said.get(key, ""))
        for key, (state, since, rules) in found.items()
    ]


def _state(state: str, rules: dict[str, list[str]]) -> str:
    if state == "good":
        return RELEASED
    return REJECT if REJECTED in rules.get("open", ()) else SET_ASIDE


def _names(state: str, rules: dict[str, list[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rules.get("released" if state == "good" else "open", ())))


def _said(connection: Connection, form_id: str, decisions: Sequence[Decision]) -> dict[str, str]:
    """Word the last decision on each submission, with what has become of it."""
    fates = dict(
        connection.execute(
            "SELECT line, state FROM quarantine.decision WHERE form_id = ?", [form_id]
        ).fetchall()
    )
    own = [one for one in decisions if one.form_id == form_id]
    return {one.submission: f"{one.decision} ({fates.get(one.line, NEXT_RUN)})" for one in own}


def case(connection: Connection, form_id: str, submission: str, language: str) -> Case:
    """Look a submission up with all its reasons, worded in a language; its values are personal data.

    Raises:
        StudyError: nothing of that form, or no such submission, is loaded.
    """
    root = _root(connection, form_id)
    both = _both(root, "_submission_id, _instance_id")
    found = (
        f"SELECT s.state, coalesce(p._instance_id, '') FROM meta.submission s JOIN ({both}) AS p "
        "ON p._submission_id = s._submission_id WHERE s.form_id = ? AND s._submission_id = ?"
    )
    row = connection.execute(found, [form_id, submission]).fetchone() if root else None
    if not row:
        what, remedy = f"no submission {submission!r}", "see `tracer-etl quarantine list`"
        raise StudyError(what, where=form_id, remedy=remedy)
    return Case(
        form_id, submission, row[1], row[0], _Reader(connection, form_id, language).reasons(submission)
    )


def decide(study: Study, one: Case, verb: Verb, *, who: str, why: str, rules: Sequence[str] = ()) -> Decision:
    """Write a decision into the log; a release names the rules it is for, without any all that are open.

    Raises:
        StudyError: there is nothing to release, or a rule is not among the open ones.
    """
    missing = [rule for rule in rules if rule not in one.open_rules]
    if verb == "release" and (missing or not one.open_rules):
        known = ", ".join(one.open_rules)
        what = f"{', '.join(missing)} does not hold it back" if known else "nothing holds it back"
        remedy = f"choose of {known}" if known else "there is nothing to release"
        raise StudyError(what, where=one.submission, remedy=remedy)
    covered = tuple(rules) or one.open_rules if verb == "release" else (EVERY_RULE,)
    decision = Decision(0, one.form_id, one.submission, verb, covered, who, now(), why, one.instance)
    append_decision(study, decision)
    return decision


class _Reader:
    """Reads the reasons of one form's submissions with labels and values."""

    def __init__(self, connection: Connection, form_id: str, language: str) -> None:
        self.connection, self.form_id, self.language = connection, form_id, language
        self.why = "why_id" if language == "id" else "why_en"

    def reasons(self, submission: str) -> tuple[Reason, ...]:
        rows = self.connection.execute(
            f"SELECT rule, severity, state, table_name, _row_id, column_name, {self.why} FROM quarantine.reason "
            "WHERE form_id = ? AND _submission_id = ? ORDER BY 4, 5, 6, 1",
            [self.form_id, submission],
        ).fetchall()
        return tuple(
            Reason(
                rule,
                severity,
                state,
                row.removeprefix(submission).removeprefix("/"),
                self._label(table, column),
                column,
                self._value(table, row, column),
                why,
            )
            for rule, severity, state, table, row, column, why in rows
        )

    def _label(self, table: str, column: str) -> str:
        rows = self.connection.execute(
            "SELECT q.label, q.language FROM meta.question q JOIN meta.form_version v ON v.form_id = q.form_id "
            "AND v.version = q.version WHERE q.form_id = ? AND q.table_name = ? AND q.column_name = ? "
            "AND trim(q.label) <> '' ORDER BY v.position DESC",
            [self.form_id, table, column],
        ).fetchall()
        spoken = [row for row in rows if row[1] == self.language or row[1].endswith(f"({self.language})")]
        return " ".join(next(iter([*spoken, *rows]), ("",))[0].split())

    def _value(self, table: str, row: str, column: str) -> str | None:
        """Give the answer as text: from wherever the column is, else what could not be typed."""
        raw = self.connection.execute(
            "SELECT p.value FROM quarantine.problem p LEFT JOIN meta.question q ON q.form_id = p.form_id "
            "AND q.table_name = p.table_name AND q.path = p.path WHERE p.form_id = ? AND p.table_name = ? "
            "AND p._row_id = ? AND coalesce(q.column_name, p.path) = ? LIMIT 1",
            [self.form_id, table, row, column],
        ).fetchone()
        if raw:
            return str(raw[0])
        for area, key in self._places(table, column):
            found: Any = self.connection.execute(
                f"SELECT cast({quote(column)} AS VARCHAR) FROM {area}.{quote(table)} WHERE {key} = ?", [row]
            ).fetchone()
            if found:
                return None if found[0] is None else str(found[0])
        return None

    def _places(self, table: str, column: str) -> list[tuple[str, str]]:
        rows = self.connection.execute(
            "SELECT c.table_schema, (SELECT count(*) FROM information_schema.columns k WHERE k.table_catalog = "
            "c.table_catalog AND k.table_schema = c.table_schema AND k.table_name = c.table_name AND "
            "k.column_name = '_row_id') FROM information_schema.columns c WHERE c.table_catalog = current_database() "
            "AND c.table_schema IN ('quarantine', 'clean', 'pii') AND c.table_name = ? AND c.column_name = ?",
            [table, column],
        ).fetchall()
        return [(area, "_row_id" if child else "_submission_id") for area, child in rows]


def _root(connection: Connection, form_id: str) -> str:
    row = connection.execute(
        "SELECT table_name FROM meta.form_table WHERE form_id = ? AND kind = 'root' LIMIT 1", [form_id]
    ).fetchone()
    return str(row[0]) if row else ""


def _both(root: str, columns: str) -> str:
    """Select system columns of the root table in both places."""
    return " UNION ALL ".join(
        f"SELECT {columns} FROM {area}.{quote(root)}" for area in ("clean", "quarantine")
    )
