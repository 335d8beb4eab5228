"""What every OData table of ODK Central has in common: $top, $skip, $skiptoken, next links, bodies."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from tracer_etl.testing.central.answers import Problem, bad_type, internal
from tracer_etl.testing.central.render import as_json
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.testing.central.answers import Call
    from tracer_etl.testing.central.state import State

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Paging:
    """$top, $skip, $count and $skiptoken of any table."""

    top: int | None
    skip: int
    count: bool
    token: dict[str, Any] | None

    @classmethod
    def of(cls, call: Call) -> Paging:
        """Read them.

        Raises:
            Problem: 400.11, 400.35, or 500 for a negative number.
        """
        token = call.request.param("$skiptoken")
        return cls(
            _whole(call.request.param("$top")),
            _whole(call.request.param("$skip")) or 0,
            call.flag("$count"),
            read_token(token) if token else None,
        )


def _whole(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"-?\d+", text):
        raise bad_type("NaN", "type bigint")
    if int(text) < 0:
        raise internal()
    return int(text)


def read_token(text: str) -> dict[str, Any]:
    """Read a $skiptoken: "01" and base64 of JSON.

    Raises:
        Problem: 400.35.
    """
    try:
        found = json.loads(base64.b64decode(text.removeprefix("01"), validate=True))
    except (ValueError, binascii.Error) as error:
        raise Problem(400.35, "Invalid $skiptoken") from error
    if not isinstance(found, dict) or not text.startswith("01"):
        raise Problem(400.35, "Invalid $skiptoken")
    return found


def next_link(state: State, call: Call, token: dict[str, Any]) -> str:
    """Write the address of the next page, on the configured domain and without $skip."""
    text = "01" + base64.b64encode(as_json(token)).decode()
    pairs = [(name, text if name == "$skiptoken" else value) for name, value in call.request.query]
    if not call.request.param("$skiptoken"):
        pairs.append(("$skiptoken", text))
    written = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in pairs if name != "$skip")
    return f"{state.domain}{call.request.path}?{written}"


def _encoded(text: str) -> str:
    return quote_plus(text, safe="*-._").replace("~", "%7E")


def context(state: State, call: Call, table: str) -> str:
    """Write the @odata.context of a table."""
    service = call.request.path.split(".svc")[0]
    return f"{state.domain}{service}.svc/$metadata#{table}"


def page(
    pieces: list[bytes], footer: dict[str, Any], tag: str | None, *, plain: bool = False
) -> Reply:  # fmt: skip
    """Send rows as one body, or as the stream Central makes of them."""
    tail = b"]," + as_json(footer)[1:]
    kind = {"Content-Type": "application/json; charset=utf-8"}
    if plain:
        return Reply(200, b'{"value":[' + b",".join(pieces) + tail, kind)
    headers = {**kind, "ETag": tag} if tag else kind
    return Reply(200, list(_stream(pieces, tail)), headers)


def _stream(pieces: list[bytes], tail: bytes) -> Iterator[bytes]:
    yield b'{"value":['
    for start in range(0, len(pieces), _BATCH):
        yield (b"," if start else b"") + b",".join(pieces[start : start + _BATCH])
    yield tail
