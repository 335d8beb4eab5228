"""A search through all that a study keeps, files and tables, for texts that must not be there."""

from __future__ import annotations

import html
import zipfile
from typing import TYPE_CHECKING, Any

from tracer_etl.names import literal, quote
from tracer_etl.segments import lines_of
from tracer_etl.warehouse import has_warehouse, reading

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Connection

_ZIPPED = (".xlsx", ".zip")
_MARKED = (".html", ".xml", ".svg")
AREAS = ("clean", "pii", "quarantine", "marts", "meta")


def search(study: Study, texts: Collection[str]) -> dict[str, set[str]]:
    """Say where which of the texts stand: by file relative to the study, or by `warehouse:schema.table`.

    Landing, staging, warehouse, published copy, report, case lists, reference tables, logs, the files that [evidence] names
    and the folder evidence; not the server, not what somebody exported, not backups.
    """
    found: dict[str, set[str]] = {}
    if not texts:
        return found
    for place, text in _texts(study):
        for one in texts:
            if one in text:
                found.setdefault(place, set()).add(one)
    for place, connection in _databases(study):
        for table, hits in _hits(connection, texts):
            found.setdefault(f"{place}:{table}", set()).update(hits)
    return found


def _texts(study: Study) -> Iterator[tuple[str, str]]:
    files = [one.file for one in study.references] + [one.file for one in study.case_lists if one.file]
    files += [study.corrections, study.decisions, study.erasures, study.pdp_log]
    files += [file for name in study.evidence.values() if (file := study.root / str(name)).is_file()]
    for folder in (study.landing, study.staging, study.report, study.cases, study.root / "evidence"):
        files += sorted(path for path in folder.rglob("*") if path.is_file())
    for path in dict.fromkeys(files):
        if path.exists():
            place = str(path.relative_to(study.root)) if path.is_relative_to(study.root) else str(path)
            yield from ((place, text) for text in _read(path))


def _read(path: Path) -> Iterator[str]:
    """Give the texts of a file as people read them, without what JSON, HTML and XML write for a sign of their own."""
    if path.name.endswith(".zst"):
        for line in lines_of(path):
            yield from _leaves(line)
    elif path.suffix in _ZIPPED:
        with zipfile.ZipFile(path) as archive:
            yield from (_unescaped(archive.read(member)) for member in archive.namelist())
    else:
        raw = path.read_bytes()
        yield _unescaped(raw) if path.suffix in _MARKED else raw.decode("utf-8", "replace")


def _unescaped(raw: bytes) -> str:
    return html.unescape(raw.decode("utf-8", "replace"))


def _leaves(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON is anything
    if isinstance(value, dict):
        for name, inner in value.items():
            yield str(name)
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    elif value is not None:
        yield str(value)


def _databases(study: Study) -> Iterator[tuple[str, Connection]]:
    import duckdb

    if has_warehouse(study):
        with reading(study) as warehouse:
            yield "warehouse", warehouse.connection
    if study.published.exists():
        with duckdb.connect(str(study.published), read_only=True) as copy:
            yield study.published.name, copy


def _hits(connection: Connection, texts: Collection[str]) -> Iterator[tuple[str, set[str]]]:
    listed = connection.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_catalog = "
        f"current_database() AND table_schema IN ({', '.join('?' * len(AREAS))}) ORDER BY 1, 2, 3",
        list(AREAS),
    ).fetchall()
    columns: dict[str, list[str]] = {}
    for area, table, column in listed:
        columns.setdefault(f"{quote(area)}.{quote(table)}", []).append(column)
    for table, names in columns.items():
        whole = " || ' ' || ".join(f"coalesce(CAST({quote(name)} AS VARCHAR), '')" for name in names)
        counts = ", ".join(f"count(CASE WHEN strpos(line, {literal(one)}) > 0 THEN 1 END)" for one in texts)
        row = connection.execute(
            f"SELECT {counts} FROM (SELECT {whole} AS line FROM {table}) AS lines"
        ).fetchone()
        hits = {one for one, count in zip(texts, row or (), strict=False) if count}
        if hits:
            yield table.replace('"', ""), hits
