"""An HTTP server on the loopback interface whose network misbehaves on demand."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

FaultKind = Literal["status", "html", "cut", "stall", "reset"]


@dataclass(frozen=True, slots=True)
class Request:
    """What came in: `path` without the query, `query` decoded in the order sent, header names lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = field(repr=False, default=b"")

    def param(self, name: str, default: str = "") -> str:
        """Give the last value of a query parameter."""
        return next((value for key, value in reversed(self.query) if key == name), default)

    def json(self) -> Any:  # noqa: ANN401 - JSON is anything
        """Read the body as JSON."""
        return json.loads(self.body)


@dataclass(slots=True)
class Reply:
    """What goes out; an iterable body is sent chunked, piece by piece."""

    status: int
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, value: Any, status: int = 200, **headers: str) -> Reply:  # noqa: ANN401 - JSON is anything
        """Write a value as JSON; underscores in header names stand for hyphens."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        named = {name.replace("_", "-"): given for name, given in headers.items()}
        return cls(status, text, {"Content-Type": "application/json; charset=utf-8", **named})


@dataclass(slots=True)
class Fault:
    """One misbehaviour of the network, for the next `times` requests whose "METHOD path?query" holds `match`.

    `status` and `html` answer instead of the server; `cut` sends the head and half the body, then closes;
    `stall` waits `seconds` before answering; `reset` closes without a word.
    """

    kind: FaultKind
    match: str = ""
    status: int = 503
    retry_after: str = ""
    seconds: float = 5.0
    times: int = 1
    skip: int = 0
    """Matching requests to let pass first."""


class Loopback:
    """Serves `handle` from threads of this process; `requests` lists what came in, in order.

    Faults are added to `faults`; `after(match, action)` runs an action once, right after the answer to the
    first request that holds `match` was made: a deletion between two pages, a permission that goes.
    """

    def __init__(self) -> None:
        """Bind a free port; serving begins with the `with` block."""
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.lock = threading.RLock()
        self._actions: list[tuple[str, Callable[[], object]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to serve."""
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: Request) -> Reply:
        """Answer one request; called with `lock` held.

        Raises:
            NotImplementedError: a server must say what it answers.
        """
        raise NotImplementedError

    def after(self, match: str, action: Callable[[], object]) -> None:
        """Run an action once, after the next request whose "METHOD path?query" holds `match`."""
        with self.lock:
            self._actions.append((match, action))

    def forget_actions(self) -> None:
        """Drop the actions that have not run yet."""
        with self.lock:
            self._actions.clear()

    def answer(self, request: Request, line: str) -> tuple[Reply, Fault | None]:
        """Answer a request, or misbehave as told."""
        with self.lock:
            self.requests.append(request)
            fault = self._due(line)
            if fault and fault.kind in ("status", "html"):
                return _false_reply(fault), None
            reply = self.handle(request) if not (fault and fault.kind == "reset") else Reply(0)
            for position, (match, action) in enumerate(self._actions):
                if match in line:
                    del self._actions[position]
                    action()
                    break
            return reply, fault

    def _due(self, line: str) -> Fault | None:
        for fault in self.faults:
            if fault.match in line:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                return fault
        return None


def _false_reply(fault: Fault) -> Reply:
    headers = {"Content-Type": "text/html; charset=utf-8"}
    if fault.retry_after:
        headers["Retry-After"] = fault.retry_after
    status = fault.status if fault.kind == "status" else 200
    return Reply(status, b"<!doctype html><html><body><h1>Service</h1></body></html>", headers)


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            split = urlsplit(self.path)
            request = Request(
                self.command,
                split.path,
                tuple(parse_qsl(split.query, keep_blank_values=True)),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            )
            reply, fault = server.answer(request, f"{self.command} {self.path}")
            if fault and fault.kind == "stall":
                time.sleep(fault.seconds)
            if fault and fault.kind == "reset":
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            _send(self, reply, cut=bool(fault and fault.kind == "cut"))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815 - http.server's names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Say nothing: `requests` is the log."""

    return Handler


def _send(handler: BaseHTTPRequestHandler, reply: Reply, *, cut: bool) -> None:
    chunked = not isinstance(reply.body, bytes)
    try:
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if chunked:
            handler.send_header("Transfer-Encoding", "chunked")
        elif reply.status not in (204, 304):
            handler.send_header("Content-Length", str(len(reply.body)))  # type: ignore[arg-type]
        handler.end_headers()
        if handler.command == "HEAD" or reply.status in (204, 304):
            return
        _send_body(handler, reply.body, cut=cut)
    except (BrokenPipeError, ConnectionResetError):
        handler.close_connection = True  # the client has gone: nobody is left to tell


def _send_body(handler: BaseHTTPRequestHandler, body: bytes | Iterable[bytes], *, cut: bool) -> None:
    if isinstance(body, bytes):
        handler.wfile.write(body[: len(body) // 2] if cut else body)
    else:
        for piece in body:
            if piece:
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            if cut:
                break
        if not cut:
            handler.wfile.write(b"0\r\n\r\n")
    if cut:
        handler.close_connection = True
