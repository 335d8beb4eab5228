"""The append-only log of what was done with personal data: erasures, exports, extracts, keys. No value, no key.

One JSON object a line. Each line carries the digest of the line before it, so that a line that was taken out or
changed shows. The loader copies the log into `meta.pdp_log`.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import LandingError
from tracer_etl.shelf import claimed
from tracer_etl.warehouse.contract import one_transaction
from tracer_etl.warehouse.meta import insert_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tracer_etl.warehouse.contract import Warehouse

_FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `at` is ISO 8601, UTC; `who` the user of the computer; `said` what the event is about."""

    at: str
    who: str
    event: str
    said: Mapping[str, Any]
    intact: bool = True


def note(log: Path, event: str, said: Mapping[str, Any], who: str = "") -> Entry:
    """Append an event, durably.

    Raises:
        LandingError: it cannot be written; then what it is about must not be done.
    """
    entry = Entry(datetime.now(UTC).isoformat(timespec="seconds"), who or user(), event, said)
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with claimed(log.with_name(log.name + ".lock")) as mine:
            if not mine:
                raise LandingError("another one writes into it", where=str(log), remedy="try again")
            _append(log, entry)
    except OSError as error:
        what = f"cannot be written ({error.strerror or error})"
        raise LandingError(what, where=str(log), remedy="check rights and free disk space") from error
    return entry


def _append(log: Path, entry: Entry) -> None:
    lines = _lines(log)
    before = hashlib.sha256(lines[-1]).hexdigest() if lines else _FIRST
    line = {"at": entry.at, "who": entry.who, "event": entry.event, **entry.said, "before": before}
    if not log.exists():
        log.touch(mode=0o600)
    with log.open("r+b") as stream:
        stream.truncate(sum(len(line) + 1 for line in lines))
        stream.seek(0, os.SEEK_END)
        stream.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())


def _lines(log: Path) -> list[bytes]:
    """Give the whole lines; one that the power cut short was never told to anybody as written."""
    return log.read_bytes().split(b"\n")[:-1] if log.exists() else []


def read_log(log: Path) -> list[Entry]:
    """Read the log, oldest first; a line is not `intact` where the one before it was changed or taken out.

    Raises:
        LandingError: a line is no JSON.
    """
    found, before = [], _FIRST
    for number, line in enumerate(_lines(log), 1):
        try:
            said = json.loads(line)
            at, who, event = (str(said.pop(name)) for name in ("at", "who", "event"))
        except (ValueError, KeyError) as error:
            what, remedy = f"line {number} is damaged", "restore the log from the backup"
            raise LandingError(what, where=str(log), remedy=remedy) from error
        found.append(Entry(at, who, event, said, intact=said.pop("before", "") == before))
        before = hashlib.sha256(line).hexdigest()
    return found


def keep(warehouse: Warehouse, log: Path) -> None:
    """Bring `meta.pdp_log` up to the log: one row per line.

    Raises:
        WarehouseError: nothing has changed.
    """
    entries = read_log(log)
    with warehouse.alone("pdp_log") as connection:
        row = connection.execute("SELECT count(*) FROM meta.pdp_log").fetchone()
        if row == (len(entries),):
            return
        rows = [
            [number, one.at, one.who, one.event, json.dumps(one.said, ensure_ascii=False), one.intact]
            for number, one in enumerate(entries, 1)
        ]
        with one_transaction(connection):
            connection.execute("DELETE FROM meta.pdp_log")
            insert_rows(connection, "meta.pdp_log", rows)


def user() -> str:
    """Name the user of this computer; empty where it does not say."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return ""
