"""Which address and method is answered by what, and the headers every answer has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.testing.kobo import account, assets, data, files, history
from tracer_etl.testing.kobo.call import Answer, browsable, page
from tracer_etl.testing.loopback import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tracer_etl.testing.kobo.call import Call

_NESTED = "origin, Accept-Language, Cookie"


@dataclass(frozen=True, slots=True)
class Route:
    """One address: its pattern, what answers each method, and the methods named in `Allow`."""

    pattern: re.Pattern[str]
    handlers: Mapping[str, Callable[[Call], Reply]]
    allow: str
    vary: str


def _route(path: str, allow: str, *, vary: str = "", **handlers: Callable[[Call], Reply]) -> Route:
    pattern = re.sub(r"<(\w+)>", r"(?P<\1>[\\w:-]+)", path.rstrip("/"))
    suffix = r"(?:/|\.(?P<format>json|xml|geojson|csv|xls|xlsx))"
    methods = f"{allow}, HEAD, OPTIONS" if "GET" in allow or "POST" in allow else f"{allow}, OPTIONS"
    return Route(re.compile(pattern + suffix), handlers, methods, vary or f"Accept, {_NESTED}")


_ASSET = "/api/v2/assets/<asset>/"
ROUTES = (
    _route("/me/", "GET, PATCH, DELETE", GET=account.me),
    _route("/token/", "GET, POST, DELETE", GET=account.token),
    _route("/api/v2/assets/", "GET, POST", GET=assets.assets),
    _route(_ASSET, "GET, PUT, PATCH, DELETE", GET=assets.asset),
    _route(f"{_ASSET}content/", "GET", GET=assets.content),
    _route(f"{_ASSET}versions/", "GET, POST", GET=assets.versions),
    _route(f"{_ASSET}versions/<version>/", "GET, PUT, PATCH, DELETE", GET=assets.version),
    _route(f"{_ASSET}files/", "GET, POST", GET=files.media, POST=files.upload),
    _route(f"{_ASSET}files/<file>/", "GET, DELETE", GET=files.one, DELETE=files.delete),
    _route(f"{_ASSET}files/<file>/content/", "GET", GET=files.content),
    _route(f"{_ASSET}history/actions/", "GET", GET=history.actions),
    _route(f"{_ASSET}history/", "GET", GET=history.history),
    _route(f"{_ASSET}counts/", "GET", GET=data.counts),
    _route(f"{_ASSET}data/", "GET", GET=data.rows),
    _route(f"{_ASSET}data/<row>/", "GET, DELETE", GET=data.row),
    _route(
        f"{_ASSET}data/<row>/validation_status/",
        "GET, PATCH, DELETE",
        vary=_NESTED,
        GET=data.validation_status,
    ),
    _route(f"{_ASSET}data/<row>/attachments/", "GET", vary=_NESTED, GET=data.attachment_by_xpath),
    _route(f"{_ASSET}data/<row>/attachments/<attachment>/", "GET", vary=_NESTED, GET=data.attachment),
)


def answer(call: Call, given: Reply | None = None) -> Reply:
    """Answer a call, or dress an answer already found."""
    route = next((route for route in ROUTES if _fits(call, route)), None)
    try:
        reply = given or _dispatch(call, route)
    except Answer as early:
        reply = early.reply
    if _wants_html(call, reply):
        reply = browsable(reply)
    shown = {"Content-Language": call.language}
    if route is not None and "html" not in reply.headers.get("Content-Type", ""):
        shown |= {"Allow": route.allow, "Vary": route.vary}
    shown["Set-Cookie"] = f"django_language={call.language}; Max-Age=604800; Path=/"
    if call.user is not None:
        shown["X-Kobonaut"] = call.user.name
    reply.headers = {**shown, **reply.headers}
    if reply.headers.get("Content-Type") == "application/json; charset=utf-8":
        reply.headers["Content-Type"] = "application/json"
    return reply


def _fits(call: Call, route: Route) -> bool:
    match = route.pattern.fullmatch(call.request.path)
    if match is None:
        return False
    named = match.groupdict()
    call.format = named.pop("format", None) or call.request.param("format")
    call.args = {name: value for name, value in named.items() if value}
    return True


def _dispatch(call: Call, route: Route | None) -> Reply:
    path, method = call.request.path, call.request.method
    if re.match(r"/api/v1(/|$)|/(assets|exports)/", path):
        return _gone()
    if route is None:
        return _elsewhere(call)
    handler = route.handlers.get("GET" if method == "HEAD" else method)
    if handler is None:
        return call.detail(f'Method "{method}" not allowed.', 405)
    return handler(call)


def _elsewhere(call: Call) -> Reply:
    path, query = call.request.path, call.request.query
    if not path.endswith("/") and any(route.pattern.fullmatch(f"{path}/") for route in ROUTES):
        from urllib.parse import urlencode

        target = f"{path}/?{urlencode(query)}" if query else f"{path}/"
        vary = "Accept-Language, Cookie, origin"
        return Reply(301, b"", {"Location": target, "Content-Type": "text/html; charset=utf-8", "Vary": vary})
    return page(404)


def _gone() -> Reply:
    text = "The V1 API has been removed. Please read the migration article."
    reply = browsable(Reply.of_json({"detail": text}, 410))
    reply.headers |= {"Allow": "OPTIONS", "Vary": "Accept, origin, Accept-Language"}
    return reply


def _wants_html(call: Call, reply: Reply) -> bool:
    wanted = call.request.headers.get("accept", "").partition(",")[0].strip()
    return (
        wanted == "text/html"
        and not call.format
        and reply.headers.get("Content-Type", "").startswith("application/json")
    )
