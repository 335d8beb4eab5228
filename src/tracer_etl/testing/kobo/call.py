"""One HTTP call to the fake KoboToolbox: who asks, for what, in which format; and the ways to answer."""

from __future__ import annotations

import base64
import binascii
import hashlib
import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tracer_etl.testing.kobo.state import Asset, Json, User, World
    from tracer_etl.testing.loopback import Request

API = "/api/v2"
NOT_FOUND = "Not found."
FORBIDDEN = "You do not have permission to perform this action."
UNDEPLOYED = "The specified asset has not been deployed"
_FRENCH = {NOT_FOUND: "Non trouvé."}
_HTML_PAGE = """<!doctype html>
<html>
  <head><meta charset="utf-8"><title>KoboToolbox </title></head>
  <body><form class='registration registration--login'>
    <h1>
        {title}
    </h1>
    {text}
  </form></body>
</html>
"""


class Answer(Exception):
    """Ends a call early with a reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass
class Call:
    """A request under way; `args` are the named parts of its path, `format` its suffix or parameter."""

    world: World
    request: Request
    user: User | None
    args: dict[str, str] = field(default_factory=dict)
    format: str = ""

    @property
    def asset(self) -> Asset:
        """Give the project of the path.

        Raises:
            Answer: unknown, as an HTML page with status 404.
        """
        found = self.world.assets.get(self.args["asset"])
        if found is None:
            raise Answer(page(404))
        return found

    def can(self, permission: str) -> bool:
        """Tell whether the caller has a permission on the project, be it on some rows only."""
        grant = self.world.grant(self.user, self.asset)
        return permission in grant.permissions

    def need(self, permission: str, *, status: int = 403) -> None:
        """Refuse a caller without a permission: 404 hides that the thing exists.

        Raises:
            Answer: refused.
        """
        if not self.can(permission):
            raise Answer(self.detail(NOT_FOUND if status == 404 else FORBIDDEN, status))  # noqa: PLR2004

    def detail(self, text: str, status: int) -> Reply:
        """Answer with a sentence, in the language asked for."""
        if self.language == "fr":
            text = _FRENCH.get(text, text)
        return Reply.of_json({"detail": text}, status)

    @property
    def language(self) -> str:
        """Give the language of texts: English, or French for whoever asks."""
        return "fr" if self.request.headers.get("accept-language", "").lower().startswith("fr") else "en"

    def link(self, path: str) -> str:
        """Give an absolute address; it carries on the format parameter of this call."""
        asked = self.request.param("format")
        return f"{self.world.url}{path}" + (f"?format={asked}" if asked else "")

    def json(self) -> Json:
        """Read the body as a JSON object.

        Raises:
            Answer: 400 for anything else.
        """
        try:
            body = self.request.json() if self.request.body else {}
        except ValueError as error:
            raise Answer(Reply.of_json({"detail": f"JSON parse error - {error}"}, 400)) from error
        if not isinstance(body, dict):
            raise Answer(Reply.of_json({"non_field_errors": ["Invalid data. Expected a dictionary."]}, 400))
        return body

    def form(self) -> tuple[Json, dict[str, tuple[str, str, bytes]]]:
        """Read the body, however encoded: fields, and files by field as (name, type, content)."""
        kind = self.request.headers.get("content-type", "")
        if kind.startswith("multipart/form-data"):
            return multipart(kind, self.request.body)
        if kind.startswith("application/x-www-form-urlencoded"):
            from urllib.parse import parse_qsl

            return dict(parse_qsl(self.request.body.decode(), keep_blank_values=True)), {}
        return self.json(), {}


def multipart(kind: str, body: bytes) -> tuple[Json, dict[str, tuple[str, str, bytes]]]:
    """Take a multipart body apart."""
    match = re.search(r'boundary="?([^";]+)', kind)
    fields: Json = {}
    files: dict[str, tuple[str, str, bytes]] = {}
    for part in body.split(b"--" + match[1].encode() if match else b"\0")[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        text = head.decode("utf-8", "replace")
        name = re.search(r'[; ]name="([^"]*)"', text)
        file = re.search(r'filename="([^"]*)"', text)
        given = re.search(r"(?i)content-type:\s*([^\s;]+)", text)
        if name and file:
            files[name[1]] = (file[1], given[1] if given else "application/octet-stream", content)
        elif name:
            fields[name[1]] = content.decode()
    return fields, files


def authenticate(world: World, request: Request) -> User | None:
    """Find out who asks: Token and Basic count, anything else (Bearer) is nobody.

    Raises:
        Answer: 401 for a token or password that is wrong.
    """
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "token":
        found = next((user for user in world.users.values() if user.token == value.strip()), None)
        if found is None:
            raise Answer(Reply.of_json({"detail": "Invalid token."}, 401, WWW_Authenticate="Session"))
        return found
    if scheme.lower() == "basic":
        found = world.users.get(_credentials(value)[0])
        if found is None or found.password != _credentials(value)[1]:
            refusal = {"detail": "Invalid username/password."}
            raise Answer(Reply.of_json(refusal, 401, WWW_Authenticate="Session"))
        return found
    return _digest(world, request, value) if scheme.lower() == "digest" else None


def _digest(world: World, request: Request, value: str) -> User | None:
    """Check the answer to the challenge phones get (RFC 2617, qop auth); a wrong one is nobody."""
    given = dict(re.findall(r'(\w+)="?([^",]+)', value))
    user = world.users.get(given.get("username", ""))
    if user is None:
        return None

    def md5(*parts: str) -> str:
        return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()

    middle = [given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")]
    secret = md5(user.name, given.get("realm", ""), user.password)
    due = md5(secret, *middle, md5(request.method, given.get("uri", "")))
    return user if due == given.get("response") else None


def _credentials(value: str) -> tuple[str, str]:
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


def page(status: int) -> Reply:
    """Answer with the HTML page of a status; an empty header is one that other answers have."""
    title, text = {
        404: ("Page not found (404)", "This page does not exist on the server."),
        500: ("Server error (500)", "Something went wrong when trying to process your request."),
    }[status]
    body = _HTML_PAGE.format(title=title, text=text).encode()
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Vary": "origin, Accept-Language, Cookie",
        "Allow": "",
    }
    return Reply(status, body, headers if status == 500 else {**headers, "X-Kobonaut": ""})  # noqa: PLR2004


def browsable(reply: Reply) -> Reply:
    """Wrap a JSON answer in a page, for whoever accepts HTML first."""
    body = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
    text = html.escape(json.dumps(json.loads(body), indent=2, ensure_ascii=False)) if body else ""
    document = f"<!DOCTYPE html>\n<html><body><h1>KoboToolbox API</h1><pre>{text}</pre></body></html>"
    return Reply(
        reply.status, document.encode(), {**reply.headers, "Content-Type": "text/html; charset=utf-8"}
    )


def window(call: Call) -> tuple[int, int]:
    """Read `start` and `limit` (default 100, capped silently).

    Raises:
        Answer: 400 for what is no positive integer.
    """
    limit, start = call.request.param("limit", "100"), call.request.param("start", "0")
    if not limit.isdigit() or int(limit) == 0:
        raise Answer(Reply.of_json({"limit": "A positive integer is required"}, 400))
    if not start.isdigit():
        raise Answer(Reply.of_json({"start": "A positive integer is required."}, 400))
    return int(start), min(int(limit), call.world.max_page)


def neighbours(call: Call, start: int, limit: int, count: int) -> tuple[str | None, str | None]:
    """Give the addresses of the next and the previous page."""
    following = _turn(call, start + limit, limit) if start + limit < count else None
    return following, _turn(call, start - limit, limit) if start > 0 else None


def _turn(call: Call, start: int, limit: int) -> str:
    given = {**dict(call.request.query), "limit": str(limit)}
    given.pop("start", None)
    if start > 0:
        given["start"] = str(start)
    return f"{call.world.url}{call.request.path}?{urlencode(sorted(given.items()))}"


def listing(call: Call, items: Iterable[Any], render: Callable[[Any], Any] = lambda item: item) -> Reply:
    """Answer with one page of a list."""
    every = list(items)
    start, limit = window(call)
    following, previous = neighbours(call, start, limit, len(every))
    results = [render(item) for item in every[start : start + limit]]
    return Reply.of_json({"count": len(every), "next": following, "previous": previous, "results": results})
