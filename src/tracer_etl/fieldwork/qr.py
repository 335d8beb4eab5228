"""Settings of ODK Collect and KoboCollect as QR codes, and the sheet they are printed on."""

from __future__ import annotations

import base64
import io
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CORRECTION = "m"
"""A code in a plastic sleeve, in the sun: 15 % of it may be unreadable."""


@dataclass(frozen=True, slots=True)
class Badge:
    """One person's code on the sheet; `server` and the titles `forms` are printed beside it, `settings` are in it."""

    code: str
    name: str
    server: str
    project: str
    forms: tuple[str, ...]
    settings: Mapping[str, Any] = field(repr=False)
    account: str = ""
    asks_password: bool = False


def collect_settings(server: str, project: str, account: str = "", password: str = "") -> dict[str, Any]:
    """Give what Collect takes: it mirrors the server's forms and sends by itself.

    >>> collect_settings("https://odk.example.org/v1/key/x/projects/1", "Tracer")["admin"]
    {}
    """
    general: dict[str, Any] = {"server_url": server}
    if account:
        general["username"] = account
    if password:
        general["password"] = password
    general |= {"form_update_mode": "match_exactly", "autosend": "wifi_and_cellular"}
    return {"general": general, "admin": {}, "project": {"name": project}}


def encode(settings: Mapping[str, Any]) -> str:
    """Write settings as the text of the code: JSON, deflated by zlib, in base64 (as ODK Central does)."""
    text = json.dumps(settings, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def decode(text: str) -> dict[str, Any]:
    """Read the text of a code.

    >>> decode(encode({"project": {"name": "Kabupaten"}}))
    {'project': {'name': 'Kabupaten'}}
    """
    settings: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text)))
    return settings


def svg(text: str) -> str:
    """Draw a code as SVG that scales to the box it is put in."""
    import segno

    drawn = io.BytesIO()
    code = segno.make_qr(text, error=CORRECTION)
    code.save(drawn, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4, nl=False)
    return drawn.getvalue().decode()


def write_sheet(path: Path, badges: Sequence[Badge], title: Mapping[str, str]) -> Path:
    """Write the sheet: one HTML file without any other, A4, readable by its owner only.

    The codes hold what lets a phone in, so the file is a secret: it is never readable by others, not even
    while it is written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tracer_etl.fieldwork", "."), autoescape=True, undefined=StrictUndefined
    )
    template = environment.get_template("qr_sheet.html.j2")
    drawn = [(badge, svg(encode(badge.settings))) for badge in badges]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, template.render(badges=drawn, title=title).encode(), private=True)
    return path
