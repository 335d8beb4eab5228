"""What ODK Central says and how: problems with their numbers, headers, entity tags."""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tracer_etl.testing.loopback import Reply, Request

if TYPE_CHECKING:
    from tracer_etl.testing.central.people import Actor

OPENROSA_HEADERS = {
    "Content-Language": "en",
    "X-OpenRosa-Version": "1.0",
    "X-OpenRosa-Accept-Content-Length": "100000000",
}


JSON_LIMIT = 250 * 1024


class Problem(Exception):
    """A refusal in Central's numbers; `code` 500 is the bare "Internal Server Error".

    `bare` problems are met before the handler of an OData or OpenRosa path adds its headers.
    """

    def __init__(self, code: float, message: str, details: Any = None, *, bare: bool = False) -> None:  # noqa: ANN401 - JSON
        """Keep number, words and details."""
        super().__init__(message)
        self.code, self.message, self.details, self.bare = code, message, details, bare
        self.headers: dict[str, str] = {}

    @property
    def status(self) -> int:
        """Give the HTTP status."""
        return int(self.code)

    def body(self) -> dict[str, Any]:
        """Give the JSON body."""
        if self.code == 500:  # noqa: PLR2004 - the only problem without a number of its own
            return {"message": self.message}
        return {
            "message": self.message,
            "code": self.code,
            **({"details": self.details} if self.details is not None else {}),
        }


def not_found() -> Problem:
    """No such thing, or it was deleted."""
    return Problem(404.1, "Could not find the resource you were looking for.")


def forbidden(*, bare: bool = False) -> Problem:
    """No rights."""
    message = "The authentication you provided does not have rights to perform that action."
    return Problem(403.1, message, bare=bare)


def unauthenticated() -> Problem:
    """No or bad credentials."""
    return Problem(401.2, "Could not authenticate with the provided credentials.", bare=True)


def internal() -> Problem:
    """Break on a client's mistake that Central does not foresee."""
    return Problem(500, "Internal Server Error")


def unexpected(name: str, value: str, reason: str) -> Problem:
    """A value that is none of those allowed."""
    details = {"field": name, "value": value, "reason": reason}
    return Problem(400.8, f"Unexpected {name} value {value}; {reason}", details)


def bad_type(value: str, expected: str) -> Problem:
    """A value of another type than the column."""
    message = f'Invalid input data type: expected "{value}" to be ({expected})'
    return Problem(400.11, message, {"value": value, "expected": expected})


def check_body(request: Request) -> None:
    """Let only JSON pass that is JSON, and not more of it than Express takes.

    Raises:
        Problem: 400.36 more than 250 kB, 400.1 no JSON.
    """
    if not request.headers.get("content-type", "").startswith("application/json") or not request.body:
        return
    if len(request.body) > JSON_LIMIT:
        raise Problem(400.36, "Request body too large.")
    try:
        request.json()
    except ValueError as error:
        details = {"format": "json", "rawLength": len(request.body)}
        message = f"Could not parse the given data ({len(request.body)} chars) as json."
        raise Problem(400.1, message, details) from error


@dataclass(slots=True)
class Call:
    """One request under way: who asks, and the parts of the path that the route named."""

    request: Request
    path: str
    actor: Actor | None
    parts: dict[str, str] = field(default_factory=dict)
    key: str = ""
    """The app-user token of a /key/ path; empty otherwise."""

    def flag(self, name: str) -> bool:
        """Read a boolean query parameter as Central does ("true" in any case)."""
        return self.request.param(name).lower() == "true"

    @property
    def extended(self) -> bool:
        """Tell whether X-Extended-Metadata asks for more."""
        return self.request.headers.get("x-extended-metadata", "").lower() == "true"

    @property
    def odata(self) -> bool:
        """Tell whether the path lies in an OData service."""
        return ".svc" in self.path

    @property
    def openrosa(self) -> bool:
        """Tell whether the path is one that Collect calls."""
        return self.path.endswith(("/submission", "/formList", "/manifest", "/integrity"))


def moment(value: datetime | None) -> str | None:
    """Write a time as JavaScript does: UTC with milliseconds."""
    if value is None:
        return None
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def weak_tag(body: bytes) -> str:
    """Make the entity tag Express gives a body."""
    digest = base64.b64encode(hashlib.sha1(body).digest()).decode()[:27]  # noqa: S324 - as Express does
    return f'W/"{len(body):x}-{digest}"'


def text_reply(body: str | bytes, kind: str, status: int = 200, **headers: str) -> Reply:
    """Answer a text of a media type."""
    raw = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, raw, {"Content-Type": f"{kind}; charset=utf-8", **named})


def openrosa_message(message: str, status: int, nature: str = "") -> Reply:
    """Answer a device in OpenRosa's XML."""
    escaped = html.escape(message, quote=True).replace("&#x27;", "&#39;")
    text = (
        '\n  <OpenRosaResponse xmlns="http://openrosa.org/http/response" items="0">'
        f'\n    <message nature="{nature}">{escaped}</message>\n  </OpenRosaResponse>'
    )
    return text_reply(text, "text/xml", status)


def refusal(problem: Problem, call: Call) -> Reply:
    """Answer a problem in the language of the path."""
    if call.openrosa:
        reply = openrosa_message(problem.message, problem.status, "error")
        reply.headers.update(problem.headers)
        return reply
    return Reply.of_json(problem.body(), problem.status, **problem.headers)


def finish(reply: Reply, call: Call, *, bare: bool = False) -> Reply:
    """Add the headers every answer carries, and turn a match of its entity tag into 304."""
    reading = call.request.method in ("GET", "HEAD")
    cache = ("private, no-cache", "Accept-Encoding, Origin") if reading else ("no-store", "*")
    headers = {"Cache-Control": cache[0], "Vary": cache[1]}
    if call.odata and not bare:
        headers["OData-Version"] = "4.0"
    if call.openrosa and not bare:
        headers.update(OPENROSA_HEADERS)
    reply.headers = {**headers, **reply.headers}
    moved = reply.status == 301  # noqa: PLR2004 - HTTP's number
    if isinstance(reply.body, bytes) and "ETag" not in reply.headers and not moved:
        reply.headers["ETag"] = weak_tag(reply.body)
    tag = reply.headers.get("ETag", "")
    ok = reading and reply.status == 200  # noqa: PLR2004 - HTTP's number
    if ok and tag and call.request.headers.get("if-none-match") == tag:
        kept = {name: value for name, value in reply.headers.items() if not name.startswith("Content-")}
        return Reply(304, b"", kept)
    return reply


def release_file(release: str) -> bytes:
    """Write version.txt: the commit and tag of the whole, then those of its parts."""
    none = "0" * 40
    return f"versions:\n{none} ({release})\n {none} client ({release})\n {none} server ({release})\n".encode()
