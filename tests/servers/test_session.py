"""HTTP as it is: overload, captive portals, cut and silent answers, ended sessions, redirects, secrets."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tls import wrap
from tracer_etl.errors import Changed, Refused, StudyError, Unavailable
from tracer_etl.servers.session import Patience, Session, _date
from tracer_etl.testing import Fault
from tracer_etl.testing.loopback import Loopback, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SECRET = "s3cret-token-of-nobody"  # noqa: S105 - opens nothing
PATIENCE = Patience(connect=1, stall=0.3, tries=4, pause=0.01)


class Server(Loopback):
    """Answers every path with what `answers` says, or with its own path."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Reply] = {}
        self.valid = "Bearer 1"

    def handle(self, request: Request) -> Reply:
        if request.path.startswith("/private") and request.headers.get("authorization") != self.valid:
            return Reply.of_json({"message": "who are you?", "code": 401.2}, 401)
        return self.answers.get(request.path, Reply.of_json({"path": request.path}))


class Keys:
    """Gives a token, and another when that one is not taken any more."""

    def __init__(self) -> None:
        self.given = 1

    def __call__(self, renew: bool) -> Mapping[str, str]:
        self.given += renew
        return {"Authorization": f"Bearer {self.given}"}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


def open_session(server: Loopback, authorize: Callable[[bool], Mapping[str, str]] | None = None) -> Session:
    return Session(server.url, authorize or (lambda _renew: {"Authorization": f"Bearer {SECRET}"}), PATIENCE)


# -- what is tried again


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_overloaded_server_is_tried_again(server: Server, status: int) -> None:
    server.faults.append(Fault("status", status=status, times=3))
    assert open_session(server).json("/x") == {"path": "/x"}
    assert len(server.requests) == 4


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_overload_without_end_is_unavailable_after_all_tries(server: Server, status: int) -> None:
    server.faults.append(Fault("status", status=status, times=99))
    with pytest.raises(Unavailable, match=f"status {status}"):
        open_session(server).json("/x")
    assert len(server.requests) == 4


def test_pauses_grow_and_stay_below_the_longest(server: Server) -> None:
    server.faults.append(Fault("status", status=503, times=99))
    patience = Patience(connect=1, stall=0.3, tries=6, pause=0.02, longest=0.04)
    begin = time.monotonic()
    with pytest.raises(Unavailable):
        Session(server.url, lambda _renew: {}, patience).json("/x")
    assert 0.02 + 4 * 0.02 <= time.monotonic() - begin < 1


def test_retry_after_goes_before_the_own_pause(server: Server) -> None:
    server.faults.append(Fault("status", status=503, retry_after="1"))
    begin = time.monotonic()
    assert open_session(server).json("/x") == {"path": "/x"}
    assert time.monotonic() - begin >= 1


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_retry_after_that_is_no_number_of_seconds_is_passed_over(server: Server, value: str) -> None:
    server.faults.append(Fault("status", status=503, retry_after=value))
    begin = time.monotonic()
    assert open_session(server).json("/x") == {"path": "/x"}
    assert time.monotonic() - begin < 0.5


def test_a_web_page_with_status_200_is_not_data(server: Server) -> None:
    server.faults.append(Fault("html", times=2))
    assert open_session(server).json("/x") == {"path": "/x"}
    server.faults.append(Fault("html", times=1))
    assert b"/x" in open_session(server).read("/x").content
    server.faults.append(Fault("html", times=99))
    with pytest.raises(Unavailable, match="a web page instead of data from /x"):
        open_session(server).json("/x")


def test_a_streamed_file_may_be_a_web_page(server: Server) -> None:
    server.answers["/file"] = Reply(200, b"<html>", {"Content-Type": "text/html"})
    assert open_session(server).read("/file", stream=True).content == b"<html>"


def test_broken_json_with_status_200_is_tried_again(server: Server) -> None:
    server.answers["/x"] = Reply(200, b'{"value": [', {"Content-Type": "application/json"})
    with pytest.raises(Unavailable, match="broken JSON"):
        open_session(server).json("/x")
    assert len(server.requests) == 4


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_is_cut_is_read_again(server: Server, chunked: bool) -> None:
    body = b'{"value": 1}'
    parts: Any = [body[:5], body[5:]] if chunked else body
    server.answers["/x"] = Reply(200, parts, {"Content-Type": "application/json"})
    server.faults.append(Fault("cut", times=2))
    assert open_session(server).json("/x") == {"value": 1}
    assert len(server.requests) == 3


def test_a_connection_that_is_reset_is_tried_again(server: Server) -> None:
    server.faults.append(Fault("reset", times=3))
    assert open_session(server).json("/x") == {"path": "/x"}


def test_a_reset_after_a_refusal_on_a_kept_connection_is_tried_again(server: Server) -> None:
    server.answers["/bad"] = Reply.of_json({"message": "no", "code": 400.18}, 400)
    session = open_session(server)
    with pytest.raises(Refused):
        session.json("/bad")
    server.faults.append(Fault("reset"))
    assert session.json("/x") == {"path": "/x"}


def test_a_server_that_says_nothing_is_left_and_tried_again(server: Server) -> None:
    server.faults.append(Fault("stall", seconds=0.6))
    assert open_session(server).json("/x") == {"path": "/x"}
    assert len(server.requests) == 2


def test_nobody_there_is_unavailable() -> None:
    with Server() as gone:
        url = gone.url
    with pytest.raises(Unavailable, match="no usable answer") as error:
        Session(url, lambda _renew: {}, PATIENCE).json("/x")
    assert error.value.retry


# -- what is not


def test_a_500_is_tried_once_more_and_not_for_ever(server: Server) -> None:
    server.answers["/x"] = Reply.of_json({"message": "Internal Server Error"}, 500)
    with pytest.raises(Unavailable, match="status 500 twice: Internal Server Error"):
        open_session(server).json("/x")
    assert len(server.requests) == 2


def test_a_500_that_passes_is_forgotten(server: Server) -> None:
    server.faults.append(Fault("status", status=500))
    assert open_session(server).json("/x") == {"path": "/x"}


@pytest.mark.parametrize("status", [400, 403, 404, 406, 409, 501])
def test_a_refusal_is_final_and_quotes_the_server(server: Server, status: int) -> None:
    server.answers["/x"] = Reply.of_json({"message": "because of  this", "code": status + 0.1}, status)
    with pytest.raises(Refused, match="because of this"):
        open_session(server).json("/x")
    assert len(server.requests) == 1


def test_statuses_that_are_allowed_are_answers(server: Server) -> None:
    server.answers["/x"] = Reply.of_json({"message": "gone"}, 404)
    assert open_session(server).read("/x", allow=(404,)).status_code == 404


def test_a_call_that_changes_something_is_made_once(server: Server) -> None:
    server.faults.append(Fault("reset"))
    with pytest.raises(Unavailable):
        open_session(server).send("POST", "/x", json={})
    assert [request.method for request in server.requests] == ["POST"]
    server.requests.clear()
    server.faults.append(Fault("status", status=503))
    with pytest.raises(Unavailable):
        open_session(server).send("POST", "/x", json={})
    assert len(server.requests) == 1


def test_an_unchanged_answer_comes_back_as_it_is(server: Server) -> None:
    server.answers["/x"] = Reply(304)
    assert open_session(server).read("/x").status_code == 304
    assert open_session(server).json("/x") is None


# -- sessions that end


def test_a_session_that_ended_is_begun_anew_once(server: Server) -> None:
    keys = Keys()
    session = open_session(server, keys)
    assert session.json("/private") == {"path": "/private"}
    server.valid = "Bearer 2"
    assert session.json("/private") == {"path": "/private"}
    assert keys.given == 2


def test_a_second_401_is_a_refusal(server: Server) -> None:
    server.valid = "nobody"
    keys = Keys()
    with pytest.raises(Refused, match="credentials are not accepted: who are you"):
        open_session(server, keys).json("/private")
    assert keys.given == 2
    assert len(server.requests) == 2


def test_a_401_that_is_allowed_begins_nothing_anew(server: Server) -> None:
    server.valid = "nobody"
    keys = Keys()
    assert open_session(server, keys).read("/private", allow=(401,)).status_code == 401
    assert keys.given == 1


# -- where credentials go


def test_a_redirect_on_the_same_host_is_followed_with_credentials(server: Server) -> None:
    server.answers["/old"] = Reply(301, b"", {"Location": "/private/new"})
    assert open_session(server, Keys()).json("/old", {"a": "1"}) == {"path": "/private/new"}


def test_a_redirect_to_another_host_gets_nothing(server: Server) -> None:
    with Server() as other:
        server.answers["/x"] = Reply(302, b"", {"Location": f"{other.url}/x"})
        with pytest.raises(Refused, match="answers with a redirect to http://127") as error:
            open_session(server).json("/x")
        assert other.requests == []
    assert SECRET not in str(error.value)


def test_a_redirect_to_a_file_store_is_followed_without_credentials(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server() as store:
        wrap(store, tmp_path)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
        place = store.url.replace("http://", "https://")
        server.answers["/file"] = Reply(307, b"", {"Location": f"{place}/bucket/file?signature=1"})
        reply = open_session(server).read("/file", {"a": "1"}, stream=True)
        assert reply.json() == {"path": "/bucket/file"}
        (seen,) = store.requests
    assert "authorization" not in seen.headers
    assert seen.query == (("signature", "1"),)


def test_a_redirected_post_is_not_sent_on(server: Server) -> None:
    server.answers["/x"] = Reply(307, b"", {"Location": "/y"})
    with pytest.raises(Refused, match="redirect"):
        open_session(server).send("POST", "/x", json={"password": SECRET})
    assert [request.path for request in server.requests] == ["/x"]


def test_redirects_without_end_are_noticed(server: Server) -> None:
    server.answers["/x"] = Reply(302, b"", {"Location": "/x"})
    with pytest.raises(Changed, match="redirects without end"):
        open_session(server).json("/x")


def test_a_password_of_netrc_is_not_sent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    Session(server.url, lambda _renew: {}, PATIENCE).json("/x")
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("http://odk.example.org", "would send the password unencrypted"),
        ("odk.example.org", "is no address"),
        ("ftp://odk.example.org", "is no address"),
        ("https://", "is no address"),
    ],
)
def test_an_address_that_gives_secrets_away_is_refused(url: str, what: str) -> None:
    with pytest.raises(StudyError, match=what):
        Session(url, lambda _renew: {})


@pytest.mark.parametrize("before", ["https://", "http://", "ftp://", "", "//"])
def test_an_address_with_a_password_in_it_is_refused_without_repeating_it(before: str) -> None:
    with pytest.raises(StudyError, match=r"odk\.example\.org") as error:
        Session(f"{before}me:{SECRET}@odk.example.org", lambda _renew: {})
    assert SECRET not in str(error.value)


def test_a_certificate_that_is_none_is_final(server: Server) -> None:
    url = server.url.replace("http://", "https://")
    with pytest.raises(Refused, match="certificate is not trusted"):
        Session(url, lambda _renew: {}, PATIENCE).json("/x")


def test_the_server_may_live_below_a_path(server: Server) -> None:
    session = Session(f"{server.url}/central/", lambda _renew: {}, PATIENCE)
    assert session.json("/v1/x") == {"path": "/central/v1/x"}
    assert session.here("https://other.example.org/central/v1/x?a=%24b") == "/v1/x?a=%24b"


# -- secrets and clocks


def test_no_secret_in_any_log_error_or_repr(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="tracer_etl")  # another test may have run the command line
    session = open_session(server)
    said = [repr(session), repr(session.__dict__.get("patience"))]
    server.answers["/bad"] = Reply.of_json({"message": "no"}, 403)
    server.faults += [Fault("reset"), Fault("html", skip=1), Fault("status", skip=2), Fault("cut", skip=3)]
    session.json("/x")
    for path in ("/bad", f"/v1/key/{SECRET}/projects/1/formList"):
        server.faults.append(Fault("status", match=path, status=404))
        with pytest.raises(Refused) as error:
            session.json(path)
        said += [str(error.value), repr(error.value)]
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("tracer_etl")]
    assert any("try 2" in line for line in logged)
    assert [line for line in [*logged, *said] if SECRET in line] == []
    others = [record.getMessage() for record in caplog.records if "/v1/key/" not in record.getMessage()]
    assert [line for line in others if SECRET in line] == []


def test_a_stream_gives_the_pieces_and_says_when_it_broke(server: Server) -> None:
    body = b"x" * 200_000
    server.answers["/file"] = Reply(200, body)
    session = open_session(server)
    assert b"".join(session.stream("/file")) == body
    server.faults.append(Fault("cut"))
    with pytest.raises(Unavailable, match="the answer broke off"):
        b"".join(session.stream("/file"))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Tue, 24 Nov 2026 11:00:00 GMT", "2026-11-24T11:00:00+00:00"),
        ("Tue, 24 Nov 2026 11:00:00 -0000", "2026-11-24T11:00:00+00:00"),
        ("Tue, 24 Nov 2026 18:00:00 +0700", "2026-11-24T18:00:00+07:00"),
        ("Tue, 24 Nov 2026 11:00:00 GMT, Tue, 24 Nov 2026 11:00:05 GMT", "2026-11-24T11:00:00+00:00"),
        ("Tue, 99 Nov 2026 11:00:00 GMT", ""),
        ("soon", ""),
    ],
)
def test_a_date_is_read_with_its_zone_or_not_at_all(written: str, read: str) -> None:
    reply = requests.Response()
    reply.headers["Date"] = written
    date = _date(reply)
    assert (date.isoformat() if date else "") == read


def test_the_servers_clock_is_known_after_an_answer(server: Server) -> None:
    session = open_session(server)
    assert session.clock is None
    session.json("/x")
    assert session.clock is not None
    assert abs(session.clock.timestamp() - time.time()) < 5
