"""Which address and method is answered by what, and the headers every answer has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.testing.kobo import (
    account,
    assets,
    data,
    exports,
    files,
    history,
    manage,
    openrosa,
    paired,
    review,
)
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
    """Make a route of the API: with a slash or a format at its end."""
    suffix = r"(?:/|\.(?P<format>json|xml|geojson|csv|xls|xlsx))"
    pattern = re.sub(r"<(\w+)>", r"(?P<\1>[\\w:-]+)", path.rstrip("/")) + suffix
    other = "HEAD, OPTIONS" if "GET" in allow else "OPTIONS"
    methods = allow if allow == "DELETE" else f"{allow}, {other}"
    return Route(re.compile(pattern), handlers, methods, vary or f"Accept, {_NESTED}")


def _phone(
    path: str, allow: str = "GET", vary: str = openrosa.VARY, **handlers: Callable[[Call], Reply]
) -> Route:
    """Make a route that phones use: as it is, optionally below a user's name."""
    pattern = re.sub(r"<(\w+)>", r"(?P<\1>[\\w:-]+)", path)
    return Route(re.compile(r"(?:/[\w.-]+)?" + pattern), handlers, f"{allow}, HEAD, OPTIONS", vary)


_ASSET = "/api/v2/assets/<asset>/"
_DATA = f"{_ASSET}data/"
ROUTES = (
    _route("/me/", "GET, PATCH, DELETE", GET=account.me),
    _route("/token/", "GET, POST, DELETE", GET=account.token),
    _route("/api/v2/imports/", "GET, POST", POST=manage.import_workbook),
    _route("/api/v2/imports/<import>/", "GET", GET=manage.import_state),
    _route("/api/v2/assets/", "GET, POST", GET=assets.assets),
    _route(_ASSET, "GET, PUT, PATCH, DELETE", GET=assets.asset, PATCH=manage.change_asset),
    _route(f"{_ASSET}content/", "GET", GET=assets.content),
    _route(f"{_ASSET}versions/", "GET, POST", GET=assets.versions),
    _route(f"{_ASSET}versions/<version>/", "GET, PUT, PATCH, DELETE", GET=assets.version),
    _route(
        f"{_ASSET}deployment/", "GET, POST, PATCH",
        GET=manage.deployment, POST=manage.deploy, PATCH=manage.redeploy,
    ),
    _route(f"{_ASSET}permission-assignments/", "GET, POST", GET=manage.assignments, POST=manage.assign),
    _route(f"{_ASSET}permission-assignments/<assignment>/", "GET, PATCH, DELETE", DELETE=manage.unassign),
    _route(f"{_ASSET}hooks/", "GET, POST", GET=manage.hooks),
    _route(f"{_ASSET}files/", "GET, POST", GET=files.media, POST=files.upload),
    _route(f"{_ASSET}files/<file>/", "GET, DELETE", GET=files.one, DELETE=files.delete),
    _route(f"{_ASSET}files/<file>/content/", "GET", GET=files.content),
    _route(f"{_ASSET}history/actions/", "GET", GET=history.actions),
    _route(f"{_ASSET}history/", "GET", GET=history.history),
    _route(f"{_ASSET}counts/", "GET", GET=data.counts),
    _route(f"{_ASSET}attachments/<attachment>/", "DELETE", DELETE=review.delete_attachment),
    _route(f"{_ASSET}paired-data/", "GET, POST", GET=paired.paired, POST=paired.pair),
    _route(f"{_ASSET}paired-data/<pairing>/external/", "GET", vary=_NESTED, GET=paired.external),
    _route(f"{_ASSET}exports/", "GET, POST", GET=exports.exports, POST=exports.create),
    _route(f"{_ASSET}exports/<export>/", "GET, PUT, PATCH, DELETE", GET=exports.export),
    _route(f"{_ASSET}export-settings/", "GET, POST", GET=exports.settings, POST=exports.save),
    _route(f"{_ASSET}export-settings/<settings>/", "GET, PUT, PATCH, DELETE", GET=exports.setting),
    _route(f"{_ASSET}export-settings/<settings>/data/", "GET", GET=exports.synchronous),
    _route(_DATA, "GET", GET=data.rows),
    _route(f"{_DATA}bulk/", "PATCH, DELETE", vary=_NESTED, PATCH=review.bulk_edit, DELETE=review.bulk_delete),
    _route(
        f"{_DATA}validation_statuses/", "PATCH, DELETE", vary=_NESTED,
        PATCH=review.set_statuses, DELETE=review.clear_statuses,
    ),
    _route(f"{_DATA}<row>/", "GET, DELETE", GET=data.row, DELETE=review.delete),
    _route(
        f"{_DATA}<row>/validation_status/", "GET, PATCH, DELETE", vary=_NESTED,
        GET=data.validation_status, PATCH=review.set_status, DELETE=review.clear_status,
    ),
    _route(f"{_DATA}<row>/duplicate/", "POST", vary=_NESTED, POST=review.duplicate),
    _route(f"{_DATA}<row>/attachments/", "GET", vary=_NESTED, GET=data.attachment_by_xpath),
    _route(f"{_DATA}<row>/attachments/<attachment>/", "GET", vary=_NESTED, GET=data.attachment),
    _phone("/submission", "POST", f"Accept, {openrosa.VARY}", POST=openrosa.submission, GET=openrosa.submission),
    _phone("/formList", GET=openrosa.form_list),
    _phone("/forms/<number>/form.xml", GET=openrosa.form),
    _phone("/xformsManifest/<number>", GET=openrosa.manifest),
    _phone(r"/xformsMedia/<number>/<media>\.\w+", GET=openrosa.media),
    _phone("/view/submissionList", vary=f"Accept, {openrosa.VARY}", GET=openrosa.id_chunk),
)  # fmt: skip


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
    if route is not None:
        shown |= {"Allow": route.allow, "Vary": route.vary}
    shown["Set-Cookie"] = f"django_language={call.language}; Max-Age=604800; Path=/"
    if call.user is not None:
        shown["X-Kobonaut"] = call.user.name
    if reply.headers.get("Content-Type", "").startswith("application/json") and call.format != "geojson":
        reply.headers["Content-Type"] = "application/json"
    reply.headers = {name: value for name, value in {**shown, **reply.headers}.items() if value}
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
        return exports.download(call) if path.startswith("/private-media/") else _elsewhere(call)
    handler = route.handlers.get("GET" if method == "HEAD" else method)
    if handler is None:
        return call.detail(f'Method "{method}" not allowed.', 405)
    return handler(call)


def _elsewhere(call: Call) -> Reply:
    path, query = call.request.path, call.request.query
    if not path.endswith("/") and any(route.pattern.fullmatch(f"{path}/") for route in ROUTES):
        from urllib.parse import urlencode

        target = f"{path}/?{urlencode(query)}" if query else f"{path}/"
        html = {"Content-Type": "text/html; charset=utf-8", "X-Kobonaut": ""}
        return Reply(301, b"", {"Location": target, "Vary": "Accept-Language, Cookie, origin", **html})
    return page(404)


def _gone() -> Reply:
    text = "The V1 API has been removed. Please read the migration article."
    reply = browsable(Reply.of_json({"detail": text}, 410))
    reply.headers |= {"Allow": "OPTIONS", "Vary": "Accept, origin, Accept-Language", "X-Kobonaut": ""}
    return reply


def _wants_html(call: Call, reply: Reply) -> bool:
    wanted = call.request.headers.get("accept", "").partition(",")[0].strip()
    return (
        wanted == "text/html"
        and not call.format
        and reply.headers.get("Content-Type", "").startswith("application/json")
    )
