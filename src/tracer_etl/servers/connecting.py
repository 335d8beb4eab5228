"""study.toml and the environment -> the server; secrets come from the environment only."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.servers import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.records import Source
    from tracer_etl.schema import Schema
    from tracer_etl.study import Study

SECRETS = ("password", "token", "passphrase")
VARIABLES = {
    "kind": "TRACER_SERVER",
    "path": "TRACER_PATH",
    "url": "TRACER_URL",
    "user": "TRACER_USER",
    "password": "TRACER_PASSWORD",
    "token": "TRACER_TOKEN",
    "project": "TRACER_PROJECT",
    "private_key": "TRACER_PRIVATE_KEY",
    "passphrase": "TRACER_PASSPHRASE",
}
"""Which environment variable goes before which key of [server]."""
NEEDED = {"folder": ("path",), "kobo": ("url",), "central": ("url", "user", "password", "project")}


def settings(study: Study, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give the [server] settings with the environment's over them; those not given are absent.

    Raises:
        StudyError: unknown kind, something is missing, or a secret stands in study.toml.
    """
    written = {key: str(value) for key, value in study.server.items() if not isinstance(value, dict)}
    for secret in SECRETS:
        if secret in written:
            what = f"[server] {secret} is written down"
            raise StudyError(what, where="study.toml", remedy=f"put it into {VARIABLES[secret]} instead")
    given = {key: environment[name] for key, name in VARIABLES.items() if environment.get(name)}
    found = {key: value for key, value in {**written, **given}.items() if value}
    _complete(found)
    return found


def _complete(found: Mapping[str, str]) -> None:
    kind = found.get("kind", "")
    if kind not in NEEDED:
        remedy = f'use kind = "{", ".join(NEEDED)}"'
        raise StudyError(f"server kind {kind!r} is unknown", where="[server]", remedy=remedy)
    missing = [key for key in NEEDED[kind] if key not in found]
    if kind == "kobo" and "token" not in found and not {"user", "password"} <= set(found):
        missing.append("token")
    if missing:
        names = ", ".join(VARIABLES[key] for key in missing)
        raise StudyError(
            f"{', '.join(missing)} of the {kind} server missing", where="[server]", remedy=f"set {names}"
        )


def options(study: Study, *, media: bool = False, accept_deletions: bool = False) -> Options:
    """Read how to pull; the flags are those of the command line.

    Raises:
        StudyError: a value of [server] is no number.
    """
    server, found = study.server, settings(study)
    try:
        return Options(
            media=media or bool(server.get("media", False)),
            sweep_hours=float(server.get("sweep_hours", 24)),
            overlap_minutes=float(server.get("overlap_minutes", 10)),
            accept_deletions=accept_deletions,
            page=int(server["page"]) if "page" in server else None,
            private_key=study.root / found["private_key"] if "private_key" in found else None,
            passphrase=found.get("passphrase", ""),
            assets={form.form_id: form.asset for form in study.forms if form.asset},
        )
    except (TypeError, ValueError) as error:
        raise StudyError(f"wrong value ({error})", where="[server]", remedy="write a number") from error


def source(study: Study, chosen: Options | None = None) -> Source:
    """Open the study's server.

    Raises:
        StudyError: the settings are incomplete.
        ServerError: the server does not let this account in.
    """
    found = settings(study)
    match found["kind"]:
        case "kobo":
            from tracer_etl.servers import kobo

            return kobo.connect(found, chosen or options(study))
        case "central":
            from tracer_etl.servers import central

            return central.connect(found, chosen or options(study))
        case _:
            from tracer_etl.servers.folder import FolderSource

            def compiled(form_id: str) -> Schema:
                (form,) = study.chosen([form_id])
                return study.schema(form)

            return FolderSource(Path(found["path"]), chosen or options(study), compiled)
