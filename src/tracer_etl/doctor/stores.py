"""Landing and warehouse, looked at and not touched."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tracer_etl.doctor.finding import error, of_error, warning, well
from tracer_etl.errors import TracerError, WarehouseError
from tracer_etl.segments import KINDS, files_of, is_whole
from tracer_etl.shelf import claimed
from tracer_etl.warehouse import DATABASE, has_warehouse
from tracer_etl.warehouse.meta import LAYOUT, layout, zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tracer_etl.doctor.finding import Finding
    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Connection
    from tracer_etl.warehouse.session import Session

RESTORE = "restore the folder from its backup, or delete it and pull all of it again"


def forms(study: Study) -> Iterator[Finding]:
    """Compile every version of every form."""
    for form in study.forms:
        try:
            versions = study.schema(form).versions
            yield well("forms", f"{form.form_id}: version {versions[-1]}, {len(versions)} in all")
        except TracerError as raised:
            yield of_error("forms", raised)


def landing(study: Study) -> Iterator[Finding]:
    """Hold every segment against its manifest, by digest."""
    if not study.landing.exists():
        yield well("landing", "nothing is landed yet")
        return
    known = {form.form_id for form in study.forms}
    for folder in sorted(path for path in study.landing.iterdir() if path.is_dir()):
        if folder.name in known:
            yield from _landed(folder)
        elif (folder / "manifest.json").exists():
            remedy = "list the form in study.toml, or keep its landing elsewhere"
            yield warning("landing", f"{folder.name}: landed, and no form of this study", remedy)


def _landed(folder: Path) -> Iterator[Finding]:
    manifest = _manifest(folder)
    if manifest is None:
        yield error("landing", f"{folder.name}: manifest.json is missing or damaged", RESTORE)
        return
    entries, form = manifest["segments"], folder.name
    torn = [e["name"] for e in entries if not all(is_whole(*file) for file in files_of(folder, e))]
    if torn:
        yield error("landing", f"{form}: torn or missing segments {', '.join(torn)}", RESTORE)
    if any(entry["first"] != before + 1 for entry, before in zip(entries, _ends(entries), strict=True)):
        yield error("landing", f"{form}: the manifest skips records", RESTORE)
    named = {f"{entry['name']}.{kind}" for entry in entries for kind in KINDS}
    stray = [path.name for path in folder.glob("*.zst*") if path.name not in named]
    if stray:
        remedy = "nothing: the next pull removes what a killed one left"
        yield warning("landing", f"{form}: {len(stray)} file(s) the manifest does not name", remedy)
    yield from _last_pull(form, manifest)
    if not torn:
        records = sum(entry["records"] for entry in entries)
        yield well("landing", f"{form}: {records} records in {len(entries)} whole segments")
    with claimed(folder / "pull.lock") as free:
        if not free:
            yield warning("landing", f"{form}: a pull is at work", "let it end before you begin another")


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return None
    return manifest if {"segments", "proofs"} <= manifest.keys() else None


def _ends(entries: list[Mapping[str, Any]]) -> list[int]:
    """Give, for every segment, the sequence number of the last record before it."""
    return [0, *(entry["first"] + entry["records"] - 1 for entry in entries)][: len(entries)]


def _last_pull(form: str, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    last = manifest["proofs"][-1] if manifest["proofs"] else {}
    if last.get("failed"):
        yield warning("landing", f"{form}: the last pull failed ({last['failed']})", "pull again")
    elif last and last["server_count"] != last["distinct_keys"]:
        what = f"{form}: the server counted {last['server_count']}, {last['distinct_keys']} came"
        yield warning("landing", what, "pull again; `tracer-etl status` says what is missing")


def warehouse(study: Study) -> Iterator[Finding]:
    """Open the warehouse without changing it."""
    if not has_warehouse(study):
        yield well("warehouse", "nothing is loaded yet")
        return
    try:
        yield from _postgres(study) if os.environ.get(DATABASE) else _duckdb(study)
    except TracerError as raised:
        yield of_error("warehouse", raised)


def _duckdb(study: Study) -> Iterator[Finding]:
    import duckdb

    try:
        connection = duckdb.connect(str(study.warehouse), read_only=True)
    except duckdb.Error as raised:
        what, remedy = str(raised).splitlines()[0], "let the run that holds it end, or restore the file"
        raise WarehouseError(what, where=str(study.warehouse), remedy=remedy) from raised
    with connection:
        yield _laid_out(connection, study, study.warehouse.name)
    if os.name == "posix" and study.warehouse.stat().st_mode & 0o077:
        what = f"{study.warehouse} is open to other users, and holds what identifies people"
        yield warning("warehouse", what, f"chmod 600 {study.warehouse}")


def _laid_out(connection: Connection, study: Study, name: str) -> Finding:
    present = layout(connection)
    if present > LAYOUT:
        what = f"{name} was made by a newer tracer_etl (layout {present}, this one makes {LAYOUT})"
        return error("warehouse", what, "upgrade tracer_etl here")
    if present != LAYOUT:
        what = f"{name} has layout {present or 'none'}, this release makes {LAYOUT}"
        return warning("warehouse", what, "nothing: the next run makes it anew from the landing")
    if zone(connection) != study.timezone:
        what = f"{name} has days of {zone(connection)}, study.toml says {study.timezone}"
        return warning("warehouse", what, "nothing: the next run makes it anew from the landing")
    return well("warehouse", f"{name} opens, layout {present}")


def _postgres(study: Study) -> Iterator[Finding]:
    from tracer_etl.warehouse.session import connect

    session = connect(os.environ[DATABASE])
    try:
        yield from _roles(session)
        yield _laid_out(session, study, session.where)
    finally:
        session.raw.close()


def _roles(session: Session) -> Iterator[Finding]:
    from tracer_etl.warehouse.roles import ANALYST, LOADER

    user = session.value("SELECT current_user")
    if session.value("SELECT count(*) FROM pg_roles WHERE rolname IN (?, ?)", [LOADER, ANALYST]) != 2:  # noqa: PLR2004
        may = session.value("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
        what = f"{session.where} has no roles {LOADER} and {ANALYST}"
        if may:
            yield warning("warehouse", what, f"nothing: the first run of {user} makes them")
        else:
            yield error("warehouse", what, "have an administrator run docs/how-to/use-postgresql.md")
    elif not session.value("SELECT pg_has_role(?, 'MEMBER')", [LOADER]):
        yield error("warehouse", f"user {user} is no member of {LOADER}", f"GRANT {LOADER} TO {user}")
    else:
        yield well("warehouse", f"user {user} is a member of {LOADER}")
