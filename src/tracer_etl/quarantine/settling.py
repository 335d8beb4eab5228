"""Decisions -> states in the warehouse: a submission moves whole between `clean` and `quarantine`.

Nothing is judged again: all values are in one of the two places, and the reasons stay in `quarantine.reason`
with their state (`open` holds the submission back, `released` no longer does, `listed` never did).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracer_etl.bridge import token_rows
from tracer_etl.names import literal, quote
from tracer_etl.quarantine.decisions import EVERY_RULE, overruled, standings
from tracer_etl.records import SETS_ASIDE
from tracer_etl.schema import TOKENS
from tracer_etl.warehouse.contract import one_transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tracer_etl.quarantine.decisions import Decision
    from tracer_etl.warehouse.contract import Connection, Warehouse

REJECTED = "decision:reject"
"""The rule a rejected submission breaks: somebody said so."""
IN_FORCE, OVERRULED, OTHER_CONTENT, UNKNOWN = "in force", "overruled", "other content", "not landed"
"""What has become of a line: later lines overruled it, the submission was edited since, or it is not there."""

_WHY = ("Ditolak oleh petugas; lihat berkas keputusan.", "Rejected by a person; see the log of decisions.")
_SEVERE = ", ".join(literal(severity) for severity in SETS_ASIDE)


def settle(warehouse: Warehouse, form_id: str, decisions: Sequence[Decision]) -> int:
    """Bring one form's states up to its own decisions, in one transaction; give how many submissions moved.

    Raises:
        WarehouseError: nothing has changed.
    """
    with warehouse.alone(form_id) as connection:
        own = [one for one in decisions if one.form_id == form_id]
        settling = _Settling(connection, form_id, own)
        return settling.run() if settling.due else 0


def settle_within(connection: Connection, form_id: str, decisions: Sequence[Decision]) -> int:
    """Do as `settle`, in the caller's transaction, for reasons that have changed: with or without decisions."""
    return _Settling(connection, form_id, [one for one in decisions if one.form_id == form_id]).settle()


def remarks(connection: Connection, file: str) -> list[str]:
    """Say how many lines hold for nothing any more, since the submission was edited or is not there."""
    rows = connection.execute(
        f"SELECT state, count(*) FROM quarantine.decision WHERE state IN ('{OTHER_CONTENT}', '{UNKNOWN}') "
        "GROUP BY state ORDER BY state"
    ).fetchall()
    see = "see `tracer-etl quarantine list`"
    return [f"{file}: {count} line(s) {state}; {see}" for state, count in rows]


def columns_by_area(connection: Connection, table: str) -> dict[str, list[str]]:
    """Give the columns of a form's table in each of `clean`, `pii` and `quarantine`, which has all; in order."""
    rows = connection.execute(
        "SELECT table_schema, column_name FROM information_schema.columns WHERE table_name = ? AND "
        "table_catalog = current_database() AND table_schema IN ('clean', 'pii', 'quarantine') ORDER BY ordinal_position",
        [table],
    ).fetchall()
    found: dict[str, list[str]] = {}
    for area, column in rows:
        found.setdefault(area, []).append(column)
    return found


class _Settling:
    """Holds the connection and the standing decisions while the statements run in order."""

    def __init__(self, connection: Connection, form_id: str, decisions: Sequence[Decision]) -> None:
        self.connection, self.form_id, self.decisions = connection, form_id, decisions
        self.standings = standings(decisions)
        tables = self._column(
            "SELECT table_name FROM meta.form_table WHERE form_id = ? AND kind <> 'selected'"
        )
        self.tables = list(dict.fromkeys(tables))
        roots = self._column("SELECT table_name FROM meta.form_table WHERE form_id = ? AND kind = 'root'")
        self.root = next(iter(roots), "")

    @property
    def due(self) -> bool:
        """Tell whether there is, or was, any decision on a form that is loaded."""
        noted = self._column("SELECT count(*) FROM quarantine.decision WHERE form_id = ?")
        return bool(self.root) and (bool(self.decisions) or noted != [0])

    def run(self) -> int:
        with one_transaction(self.connection):
            return self.settle()

    def settle(self) -> int:
        self._stand()
        self._reject()
        self._release()
        moved = self._move()
        self._note()
        return moved

    def _column(self, sql: str) -> list[Any]:
        return [row[0] for row in self.connection.execute(sql, [self.form_id]).fetchall()]

    def _stand(self) -> None:
        """Lay the standing decisions and the present contents beside each other; one row per rule decided on."""
        self._create("standing", "_submission_id VARCHAR, decision VARCHAR, rule VARCHAR, instance VARCHAR")
        for one in self.standings.values():
            for rule in sorted(one.rules):
                self._insert("standing", [one.submission, one.decision, rule, one.instance])
        present = " UNION ALL ".join(
            f"SELECT _submission_id, coalesce(_instance_id, '') AS instance FROM {area}.{quote(self.root)}"
            for area in ("clean", "quarantine")
        )
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW present AS {present}")

    def _create(self, table: str, columns: str) -> None:
        self.connection.execute(f"DROP TABLE IF EXISTS {table}")
        self.connection.execute(f"CREATE TEMP TABLE {table} ({columns})")

    def _insert(self, table: str, row: list[Any]) -> None:
        self.connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)

    def _reject(self) -> None:
        """Give every rejected submission a reason of its own, whatever its content, and take back the others."""
        rejected = "SELECT _submission_id FROM standing WHERE decision = 'reject'"
        self.connection.execute(
            f"DELETE FROM quarantine.reason WHERE form_id = ? AND rule = '{REJECTED}' "
            f"AND _submission_id NOT IN ({rejected})",
            [self.form_id],
        )
        reason = [literal(text) for text in (self.root, REJECTED, "critical", *_WHY)]
        root, rule, severity, why_id, why_en = reason
        self.connection.execute(
            f"INSERT INTO quarantine.reason SELECT ?, _submission_id, {root}, _submission_id, {rule}, {severity}, '', "
            f"{why_id}, {why_en}, 'decision', '', 'open' FROM present WHERE _submission_id IN ({rejected}) "
            f"AND _submission_id NOT IN (SELECT _submission_id FROM quarantine.reason WHERE form_id = ? AND rule = '{REJECTED}')",
            [self.form_id, self.form_id],
        )

    def _release(self) -> None:
        """Open and release reasons as the decisions have it: by rule, on the content they were taken on."""
        covered = (
            "EXISTS (SELECT 1 FROM standing s JOIN present p ON p._submission_id = s._submission_id "
            "AND p.instance = s.instance WHERE s.decision = 'release' AND s._submission_id = r._submission_id "
            f"AND s.rule IN (r.rule, '{EVERY_RULE}'))"
        )
        for before, after, test in (("open", "released", covered), ("released", "open", f"NOT {covered}")):
            self.connection.execute(
                f"UPDATE quarantine.reason AS r SET state = '{after}' WHERE r.form_id = ? AND r.state = '{before}' "
                f"AND r.severity IN ({_SEVERE}) AND {test}",
                [self.form_id],
            )

    # -- moving

    def _move(self) -> int:
        """Move what is in the wrong place, with all its repeat rows and chosen tokens."""
        self._create("moved", "_submission_id VARCHAR, wanted VARCHAR")
        self.connection.execute(
            "INSERT INTO moved SELECT _submission_id, wanted FROM (SELECT s._submission_id, s.state, CASE WHEN EXISTS "
            "(SELECT 1 FROM quarantine.reason r WHERE r.form_id = s.form_id AND r._submission_id = s._submission_id "
            "AND r.state = 'open') THEN 'set_aside' ELSE 'good' END AS wanted FROM meta.submission s "
            "WHERE s.form_id = ? AND s.state <> 'deleted') AS judged WHERE state <> wanted",
            [self.form_id],
        )
        moved = self.connection.execute("SELECT count(*) FROM moved").fetchone()
        if not moved or not moved[0]:
            return 0
        for table in self.tables:
            self._move_rows(table)
        self._move_tokens()
        self.connection.execute(
            "UPDATE meta.submission AS s SET state = m.wanted FROM moved m "
            "WHERE s.form_id = ? AND s._submission_id = m._submission_id",
            [self.form_id],
        )
        return int(moved[0])

    def _move_rows(self, table: str) -> None:
        columns, name = columns_by_area(self.connection, table), quote(table)
        for area in columns.keys() - {"quarantine"}:
            listed = ", ".join(map(quote, columns[area]))
            self.connection.execute(
                f"INSERT INTO {area}.{name} ({listed}) SELECT {listed} FROM quarantine.{name} WHERE {_bound('good')}"
            )
        keys = [key for key in ("_submission_id", "_row_id") if key in columns["quarantine"]]
        listed = ", ".join(map(quote, columns["quarantine"]))
        source = f"clean.{name}"
        if "pii" in columns:
            source += f" LEFT JOIN pii.{name} USING ({', '.join(keys)})"
        self.connection.execute(
            f"INSERT INTO quarantine.{name} ({listed}) SELECT {listed} FROM {source} WHERE {_bound('set_aside')}"
        )
        for area in columns:
            gone = "good" if area == "quarantine" else "set_aside"
            self.connection.execute(f"DELETE FROM {area}.{name} WHERE {_bound(gone)}")

    def _move_tokens(self) -> None:
        """Move the bridge; tokens of direct questions are not in `clean` and are read from their column."""
        names = self._column("SELECT table_name FROM meta.form_table WHERE form_id = ? AND kind = 'selected'")
        bridge = quote(names[0])
        hidden = "SELECT column_name FROM meta.column WHERE form_id = ? AND privacy = 'direct'"
        self.connection.execute(
            f"INSERT INTO clean.{bridge} SELECT * FROM quarantine.{bridge} WHERE {_bound('good')} "
            f"AND question NOT IN ({hidden})",
            [self.form_id],
        )
        self.connection.execute(
            f"INSERT INTO quarantine.{bridge} SELECT * FROM clean.{bridge} WHERE {_bound('set_aside')}"
        )
        for table, column in self._hidden_tokens(hidden):
            key = "_submission_id" if table == self.root else "_row_id"
            source = f"(SELECT * FROM quarantine.{quote(table)} WHERE {_bound('set_aside')})"
            self.connection.execute(f"INSERT INTO quarantine.{bridge} {token_rows(source, key, column)}")
        for area, gone in (("quarantine", "good"), ("clean", "set_aside")):
            self.connection.execute(f"DELETE FROM {area}.{bridge} WHERE {_bound(gone)}")

    def _hidden_tokens(self, hidden: str) -> list[tuple[str, str]]:
        kinds = ", ".join(map(literal, TOKENS))
        rows: list[tuple[str, str]] = self.connection.execute(
            f"SELECT table_name, column_name FROM meta.column WHERE form_id = ? AND kind IN ({kinds}) "
            f"AND column_name IN ({hidden})",
            [self.form_id, self.form_id],
        ).fetchall()
        return rows

    # -- what became of the lines

    def _note(self) -> None:
        """Keep every line with what has become of it."""
        present = dict(self._present())
        gone = overruled(self.decisions)
        self.connection.execute("DELETE FROM quarantine.decision WHERE form_id = ?", [self.form_id])
        for one in self.decisions:
            self._insert("quarantine.decision", _noted(one, _fate(one, gone, present)))

    def _present(self) -> list[tuple[str, str]]:
        rows: list[tuple[str, str]] = self.connection.execute(
            "SELECT _submission_id, instance FROM present "
            "WHERE _submission_id IN (SELECT _submission_id FROM standing)"
        ).fetchall()
        return rows


def _bound(state: str) -> str:
    return f"_submission_id IN (SELECT _submission_id FROM moved WHERE wanted = '{state}')"


def _fate(one: Decision, gone: set[int], present: Mapping[str, str]) -> str:
    if one.line in gone:
        return OVERRULED
    if one.submission not in present:
        return UNKNOWN
    return IN_FORCE if one.decision == "reject" or one.instance == present[one.submission] else OTHER_CONTENT


def _noted(one: Decision, state: str) -> list[object]:
    said = [one.decision, " ".join(one.rules), one.who, one.when, one.why, one.instance]
    return [one.form_id, one.line, one.submission, *said, state]
