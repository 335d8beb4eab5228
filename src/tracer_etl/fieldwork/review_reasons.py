"""Why a submission is set aside, in the words a supervisor reads: questions by label, never by answer.

A comment ends in a mark of its reasons, so that whoever reads it back knows whether they have changed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.names import allocate, literal, quote
from tracer_etl.records import SETS_ASIDE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tracer_etl.warehouse.contract import Connection

LONGEST_COMMENT = 500
"""Characters, the mark included: more is not read on a phone."""
CLEARED = "cleared"
"""Stands in the mark where nothing is left to check."""

_LONGEST_LABEL = 80
_LONGEST_WHY = 160
_TEXTS = {
    "id": {
        "head": "Mohon diperiksa sebelum kiriman ini dapat dipakai ({count}):",
        "more": "- dan {count} lagi",
        "cleared": "Sudah baik: tidak ada lagi yang perlu diperiksa.",
    },
    "en": {
        "head": "Please check before this submission can be used ({count}):",
        "more": "- and {count} more",
        "cleared": "Good now: nothing is left to check.",
    },
}
_MARK = re.compile(r"\[tracer_etl ([0-9a-z]+)\]\s*$")


@dataclass(frozen=True, slots=True)
class Reason:
    """One broken rule of one row: the question's label, where in which repeat, and the rule's own words."""

    rule: str
    severity: str
    table: str
    column: str
    row: str
    question: str
    place: str
    why: str

    @property
    def text(self) -> str:
        """Say it in one line.

        >>> Reason("form:required", "warning", "visit", "age", "1", "Age", "job 2", "Not answered.").text
        'job 2, Age: Not answered.'
        """
        where = ", ".join(part for part in (self.place, self.question) if part)
        return f"{where}: {self.why}" if where else self.why


@dataclass(frozen=True, slots=True)
class Finding:
    """A submission that is set aside, as it was landed (`instance`), and why."""

    key: str
    instance: str
    reasons: tuple[Reason, ...]

    @property
    def digest(self) -> str:
        """Digest content and reasons; other wording of the same rules does not count."""
        broken = sorted({(one.table, one.row, one.column, one.rule) for one in self.reasons})
        return hashlib.sha256(repr((self.instance, broken)).encode()).hexdigest()[:12]

    @property
    def lines(self) -> tuple[str, ...]:
        """List what is to be checked, each once."""
        return tuple(dict.fromkeys(one.text for one in self.reasons))


def mark(digest: str) -> str:
    r"""Write the mark that makes a comment ours.

    >>> mark("1a2b"), marked("Please check.\n[tracer_etl 1a2b]"), marked("Please check.")
    ('[tracer_etl 1a2b]', '1a2b', '')
    """
    return f"[tracer_etl {digest}]"


def marked(comment: str) -> str:
    """Read the mark of a comment; empty where it has none."""
    found = _MARK.search(comment)
    return found[1] if found else ""


def comment(finding: Finding | None, language: str) -> str:
    """Write the comment for a finding, or for a submission with which nothing is wrong any more."""
    texts = _TEXTS[_spoken(language)]
    if finding is None:
        return f"{texts['cleared']}\n{mark(CLEARED)}"
    lines = [f"- {line}" for line in finding.lines]
    head, end = texts["head"].format(count=len(lines)), mark(finding.digest)
    for kept in range(len(lines), -1, -1):
        more = [texts["more"].format(count=len(lines) - kept)] if kept < len(lines) else []
        whole = "\n".join([head, *lines[:kept], *more, end])
        if len(whole) <= LONGEST_COMMENT:
            break
    return whole


def findings(connection: Connection, form_id: str, language: str) -> dict[str, Finding]:
    """Read which submissions of a form are set aside and why; one finding per submission."""
    if not _loaded(connection, form_id):
        return {}
    labels = _labels(connection, form_id, language)
    why = "why_id" if _spoken(language) == "id" else "why_en"
    severe = ", ".join(literal(severity) for severity in SETS_ASIDE)
    rows = connection.execute(
        f"SELECT r._submission_id, coalesce(q._instance_id, ''), r.rule, r.severity, r.table_name, r.column_name, "
        f"r._row_id, r.{why} FROM quarantine.reason r JOIN quarantine.{_root(form_id)} q USING (_submission_id) "
        f"WHERE r.form_id = ? AND r.severity IN ({severe}) AND r.state = 'open'",
        [form_id],
    ).fetchall()
    gathered: dict[str, tuple[str, list[Reason]]] = {}
    for key, instance, rule, severity, table, column, row, words in sorted(rows, key=_in_order):
        question = labels.get((table, column), column or "")
        place = _place(str(row or "").removeprefix(key))
        reason = Reason(
            rule, severity, table, column or "", row or "", question, place, _short(words, _LONGEST_WHY)
        )
        gathered.setdefault(key, (instance, []))[1].append(reason)
    return {key: Finding(key, instance, tuple(reasons)) for key, (instance, reasons) in gathered.items()}


def _in_order(row: Sequence[str | None]) -> list[tuple[bool, str]]:
    """Order by every column, NULL last; databases order texts each in its own way, and digests follow the order."""
    return [(value is None, value or "") for value in row]


def good(connection: Connection, form_id: str, keys: Collection[str]) -> dict[str, str]:
    """Give the landed instance of those of some submissions that are good."""
    if not keys or not _loaded(connection, form_id):
        return {}
    rows = connection.execute(
        f"SELECT _submission_id, coalesce(_instance_id, '') FROM clean.{_root(form_id)} "
        "WHERE _submission_id IN (SELECT unnest(?::VARCHAR[]))",
        [list(keys)],
    ).fetchall()
    return {str(key): str(instance) for key, instance in rows}


def _loaded(connection: Connection, form_id: str) -> bool:
    found = connection.execute("SELECT count(*) FROM meta.load WHERE form_id = ?", [form_id]).fetchone()
    return bool(found and found[0])


def _root(form_id: str) -> str:
    return quote(allocate([form_id], set()))


def _labels(connection: Connection, form_id: str, language: str) -> Mapping[tuple[str, str], str]:
    """Map table and column to the question's label in the newest version that has one."""
    rows = connection.execute(
        "SELECT q.table_name, q.column_name, q.language, q.label FROM meta.question q "
        "JOIN meta.form_version v USING (form_id, version) WHERE q.form_id = ? AND trim(q.label) <> '' "
        "ORDER BY v.position DESC",
        [form_id],
    ).fetchall()
    spoken = [row for row in rows if row[2] == language or str(row[2]).endswith(f"({language})")]
    labels: dict[tuple[str, str], str] = {}
    for table, column, _, label in [*spoken, *rows]:
        labels.setdefault((table, column), _short(label, _LONGEST_LABEL))
    return labels


def _short(text: str, longest: int) -> str:
    r"""Write on one line, without markup and without what the phone would fill in.

    >>> _short("How old is **${name}**?\n<small>In years</small>", 80)
    'How old is …? In years'
    """
    bare = re.sub(r"\$\{[^}]*\}", "…", re.sub(r"<[^>]*>|\*\*", "", text))
    line = " ".join(bare.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def _place(row: str) -> str:
    """Name a repeat's instance as a person counts.

    >>> _place("/job[2]/task[1]"), _place("")
    ('job 2, task 1', '')
    """
    steps: Sequence[tuple[str, str]] = re.findall(r"([^/\[\]]+)\[(\d+)\]", row)
    return ", ".join(f"{name} {number}" for name, number in steps)


def _spoken(language: str) -> str:
    return language if language in _TEXTS else "en"
