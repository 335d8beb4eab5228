"""HTTP as both servers need it: retries, whole replies, one new login, and credentials for one host only."""

from __future__ import annotations

import json
import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urljoin, urlsplit

import requests

from tracer_etl.errors import Changed, Refused, StudyError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

log = logging.getLogger(__name__)

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

T = TypeVar("T")

_UNKNOWN = 401
_OVERLOADED = {429, 502, 503, 504}
_REDIRECTS = {301, 302, 303, 307, 308}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PIECE = 1 << 16
_LONGEST_WAIT = 300.0
"""Seconds; a server that asks for more is tried again anyway, and given up in the end."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear with a server: seconds to connect, seconds without a byte, tries, first pause.

    The pause doubles with each try up to `longest`, with jitter; a Retry-After of the server goes before it.
    """

    connect: float = 10.0
    stall: float = 120.0
    tries: int = 6
    pause: float = 1.0
    longest: float = 60.0


class Session:
    """Calls one server; `authorize` gives the headers that go to it, and to no other host.

    `authorize(renew=True)` is called once when the server says 401: a session that ended is begun anew.

    Raises:
        StudyError: the address is no URL, or would send credentials unencrypted over a network.
    """

    def __init__(
        self,
        base: str,
        authorize: Callable[[bool], Mapping[str, str]],
        patience: Patience | None = None,
    ) -> None:
        """Check the address; nothing is called yet."""
        split = urlsplit(base)
        if split.scheme not in ("http", "https") or not split.hostname:
            shown = base.rpartition("@")[2]  # a password may stand before it
            raise StudyError(f"{shown!r} is no address", where="server URL", remedy="write https://host")
        if split.scheme == "http" and split.hostname not in _LOOPBACK:
            what = "http would send the password unencrypted"
            raise StudyError(what, where=f"server URL {split.hostname}", remedy="write https://")
        if split.username or split.password:
            what = "the address holds a user name or password"
            remedy = "write them into the environment instead"
            raise StudyError(what, where=f"server URL {split.hostname}", remedy=remedy)
        self.base = base.rstrip("/")
        self.host = split.netloc
        self.patience = patience or Patience()
        self._authorize = authorize
        self.clock: datetime | None = None
        """What time the server had at its last answer; None where it does not say."""
        self._http = requests.Session()
        self._http.auth = _no_netrc

    # -- what callers use

    def json(self, path: str, params: Mapping[str, str] | None = None, **options: Any) -> Any:  # noqa: ANN401 - JSON
        """GET JSON, whole and well-formed; whatever is not is tried again.

        Raises:
            Refused: the server says no. Unavailable: it did not answer in all tries.
        """
        return self._tried("GET", path, lambda reply: _parsed(reply, path), params=params, **options)

    def read(self, path: str, params: Mapping[str, str] | None = None, **options: Any) -> requests.Response:  # noqa: ANN401
        """GET a whole body, checked against its Content-Length; a 304 comes back as it is."""

        def accept(reply: requests.Response) -> requests.Response:
            # A file may be a web page; data are not.
            return reply if options.get("stream") else _no_page(reply, path)

        return self._tried("GET", path, accept, params=params, **options)

    def send(
        self,
        method: Method,
        path: str,
        *,
        repeatable: bool = False,
        **options: Any,  # noqa: ANN401 - requests' own
    ) -> requests.Response:
        """Call with a body; only a call that may be repeated without harm is tried again."""
        return self._tried(method, path, lambda reply: reply, repeatable=repeatable, **options)

    def stream(self, path: str, params: Mapping[str, str] | None = None) -> Iterator[bytes]:
        """GET a body piece by piece; once pieces have come, a break is the caller's to repeat."""
        reply = self._tried("GET", path, lambda reply: reply, params=params, stream=True)
        try:
            yield from reply.iter_content(_PIECE)
        except requests.RequestException as error:
            raise self._unavailable(path, f"the answer broke off ({type(error).__name__})") from error
        finally:
            reply.close()

    def here(self, link: str) -> str:
        """Turn a link the server gave into a path on the configured address: its own host name may differ.

        >>> session = Session("https://odk.example.org/sub", lambda renew: {})
        >>> session.here("https://internal.name/sub/v1/projects?x=1")
        '/v1/projects?x=1'
        """
        split = urlsplit(link)
        prefix = urlsplit(self.base).path
        path = split.path.removeprefix(prefix) if prefix else split.path
        return f"{path}?{split.query}" if split.query else path

    # -- how a call is made

    def _tried(
        self,
        method: Method,
        path: str,
        read: Callable[[requests.Response], T],
        *,
        repeatable: bool = True,
        allow: tuple[int, ...] = (),
        **options: Any,  # noqa: ANN401 - requests' own
    ) -> T:
        """Call until `read` accepts the answer; statuses in `allow` count as answers."""
        renewed, fault, pause = False, "", self.patience.pause
        for attempt in range(self.patience.tries):
            if attempt:
                log.info("%s %s: %s; try %d", method, _shown(path), fault, attempt + 1)
                time.sleep(pause)
                pause = self._next_pause(attempt)
            try:
                reply = self._call(method, path, **options)
                if reply.status_code == _UNKNOWN and not renewed and _UNKNOWN not in allow:
                    renewed = True
                    self._authorize(True)
                    reply = self._call(method, path, **options)
                if reply.ok or reply.status_code in (304, *allow):
                    return read(reply)
                fault = self._fault(reply, path, attempt)
                pause = _retry_after(reply, pause)
            except (requests.RequestException, _NotWhole) as error:
                fault = str(error) if isinstance(error, _NotWhole) else type(error).__name__
                if isinstance(error, requests.exceptions.SSLError):
                    raise self._untrusted(error) from error
            if not repeatable:
                break
        raise self._unavailable(path, fault)

    def _call(self, method: Method, path: str, **options: Any) -> requests.Response:  # noqa: ANN401
        """Call once, following redirects inside the host with, and outside it without, credentials."""
        url = urljoin(self.base + "/", path.lstrip("/")) if not urlsplit(path).netloc else path
        headers = dict(options.pop("headers", None) or {})
        for _ in range(6):
            own = urlsplit(url)[:2] == urlsplit(self.base)[:2]
            allowed = {**(self._authorize(False) if own else {}), **headers}
            reply = self._http.request(
                method,
                url,
                headers=allowed,
                timeout=(self.patience.connect, self.patience.stall),
                allow_redirects=False,
                **options,
            )
            if own:
                self.clock = _date(reply) or self.clock
            if reply.status_code not in _REDIRECTS or "Location" not in reply.headers:
                return reply
            url, options["params"] = self._followed(method, url, reply), None
        raise Changed("redirects without end", where=_shown(path), remedy="check the server's address")

    def _followed(self, method: Method, url: str, reply: requests.Response) -> str:
        target = urljoin(url, reply.headers["Location"])
        split = urlsplit(target)
        same = split[:2] == urlsplit(self.base)[:2]
        if same and method in ("GET", "HEAD"):
            return target
        if not same and method == "GET" and split.scheme == "https":
            return target  # a file store elsewhere; it gets no credentials
        what = f"answers with a redirect to {split.scheme}://{split.netloc}"
        remedy = "write the address it redirects to, if that is your server"
        raise Refused(what, where=self.base, remedy=remedy)

    def _fault(self, reply: requests.Response, path: str, attempt: int) -> str:
        """Name what a failed answer says; raise where a repetition cannot help."""
        status, said = reply.status_code, _said(reply)
        broken = status >= requests.codes.server_error and status != requests.codes.not_implemented
        if status in _OVERLOADED or (broken and attempt == 0):
            return f"status {status}"
        where = f"{self.host} {_shown(path)}"
        if broken:
            remedy = "tell the server's administrator"
            raise Unavailable(f"status {status} twice{said}", where=where, remedy=remedy)
        what, remedy = _REFUSALS.get(status, (f"status {status}", "see the server's own words"))
        raise Refused(what + said, where=where, remedy=remedy)

    def _next_pause(self, attempt: int) -> float:
        pause = min(self.patience.pause * 2.0**attempt, self.patience.longest)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    def _unavailable(self, path: str, fault: str) -> Unavailable:
        remedy = "try again later; what is landed stays"
        return Unavailable(f"no usable answer ({fault})", where=f"{self.host} {_shown(path)}", remedy=remedy)

    def _untrusted(self, error: Exception) -> Refused:
        what = f"the certificate is not trusted ({type(error).__name__})"
        remedy = "check the address, this machine's clock, or set REQUESTS_CA_BUNDLE to your authority"
        return Refused(what, where=self.host, remedy=remedy)


_REFUSALS = {
    401: ("the credentials are not accepted", "check the account and its secret in the environment"),
    403: ("this account may not do that", "ask the project's owner for that right"),
    404: (
        "not found, or not visible to this account",
        "check the address, the project, whether the form is published there, and this account's rights",
    ),
}


class _NotWhole(Exception):
    """An answer of status 200 that is not what was asked for."""


def _parsed(reply: requests.Response, path: str) -> Any:  # noqa: ANN401 - JSON is anything
    if reply.status_code == requests.codes.not_modified:
        return None
    try:
        return json.loads(_no_page(reply, path).content)
    except ValueError as error:
        what = "broken JSON"
        raise _NotWhole(what) from error


def _no_page(reply: requests.Response, path: str) -> requests.Response:
    """Refuse what a captive portal or a proxy puts in the place of data."""
    if "html" in reply.headers.get("Content-Type", "") and reply.ok:
        what = f"a web page instead of data from {_shown(path)}"
        raise _NotWhole(what)
    return reply


def _said(reply: requests.Response) -> str:
    """Quote the server's own message, in one of the six shapes servers use for it."""
    try:
        body = json.loads(reply.content)
    except ValueError:
        return ""
    if isinstance(body, list):
        body = body[0] if body else ""
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or next(iter(body.values()), "")
    text = " ".join(str(body).split())
    return f": {text[:200]}" if text else ""


def _date(reply: requests.Response) -> datetime | None:
    """Read the Date header; None where there is none or it is none."""
    try:
        date = parsedate_to_datetime(reply.headers["Date"])
    except (KeyError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _retry_after(reply: requests.Response, pause: float) -> float:
    """Read Retry-After in seconds; a date or nonsense leaves the pause as it is."""
    value: str = reply.headers.get("Retry-After", "")
    return min(float(value), _LONGEST_WAIT) if value.isdigit() else pause


def _shown(path: str) -> str:
    """Write a path for people: without query, host, or the token an app user's path carries.

    >>> _shown("/v1/key/Secret/projects/1/formList?x=1"), _shown("/v1/sessions/Secret")
    ('/v1/key/.../projects/1/formList', '/v1/sessions/...')
    """
    parts = urlsplit(path).path.split("/")
    pairs = zip(["", *parts], parts, strict=False)
    hidden = ["..." if before in ("key", "sessions") else part for before, part in pairs]
    return "/".join(hidden)


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand where requests would otherwise put a password of ~/.netrc."""
    return request
