"""What ODK Central refuses, who may read what, and what must stay secret (servers/central.md)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from central_case import FORM, PATIENCE, Case, key, xml
from tracer_etl.errors import Changed, Refused, ServerError, StudyError, TracerError, Unavailable
from tracer_etl.servers import Options, central
from tracer_etl.testing import FakeCentral, Fault
from tracer_etl.testing.loopback import Loopback, Reply, Request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "/v1/projects/1/forms/visit.svc/Submissions"
MAIL, PASSWORD = "viewer@example.org", "viewer-password-1"


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with FakeCentral() as server:
        yield Case(tmp_path, server)


def as_user(case: Case, role: Any) -> None:
    case.server.add_user(MAIL, PASSWORD, role)
    case.user, case.password = MAIL, PASSWORD
    case.log_in()


# -- each code


@pytest.mark.parametrize(
    ("code", "params", "words"),
    [
        ("400.18", {"$filter": "__system/submissionDate >> 5"}, "could not be parsed"),
        ("400.11", {"$top": "abc"}, "Invalid input data type"),
        ("400.23", {"$select": "nobody"}, "Could not find a property named 'nobody'"),
        ("400.35", {"$skiptoken": "abc"}, "Invalid $skiptoken"),
        ("501.1", {"$orderby": "__system/updatedAt asc", "$skiptoken": "01e30="}, "not supported"),
        ("501.4", {"$filter": "contains(__id,'a')"}, "features not supported"),
        ("501.5", {"$filter": "age gt 20"}, "fields not supported"),
        ("501.6", {"$expand": "job"}, "only \"$expand=*\" is supported"),
        ("501.11", {"$expand": "*", "$select": "__id"}, "doesn't support $select"),
    ],
)  # fmt: skip
def test_central_error_a_refused_question_is_asked_once(
    case: Case, code: str, params: dict[str, str], words: str
) -> None:
    case.source.session.json("/v1/projects")
    before = len(case.server.requests)
    with pytest.raises(Refused) as error:
        case.source.session.json(TABLE, params)
    assert words in str(error.value), code
    assert len(case.server.requests) == before + 1


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (TABLE, {"$top": "-1"}),
        (TABLE, {"$skip": "-1"}),
        (TABLE, {"$filter": "__system/submissionDate gt 'kemarin'"}),
        (TABLE, {"$filter": "__system/submissionDate lt now()", "$top": "1"}),
        ("/v1/audits", {"start": "kemarin"}),
    ],
)
def test_central_error_500_for_a_clients_mistake_is_not_repeated_for_ever(
    case: Case, path: str, params: dict[str, str]
) -> None:
    case.source.session.json("/v1/projects")
    before = len(case.server.requests)
    with pytest.raises(Unavailable, match="status 500 twice: Internal Server Error"):
        case.source.session.json(path, params)
    assert len(case.server.requests) == before + 2


class Recorded(Loopback):
    """Answers with one recorded error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply

    def handle(self, request: Request) -> Reply:
        if request.path == "/v1/sessions":
            return Reply.of_json({"token": "t"})
        return self.reply


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (400, 400.36, "Request body too large. Please limit your request body to 250kb."),
        (401, 401.2, "Could not authenticate with the provided credentials."),
        (401, 401.3, "This authentication method is only available over HTTPS"),
        (403, 403.1, "The authentication you provided does not have rights to perform that action."),
        (404, 404.1, "Could not find the resource you were looking for."),
        (406, 406.1, "Cannot send a response in a form you accept."),
        (409, 409.3, "A resource already exists with formId,instanceId,draft value(s) of 1,uuid:1,f."),
        (409, 409.9, "You tried to update a submission, but the copy is now out of date."),
        (409, 409.15, "Current version of the Entity is '2' and you provided '1'."),
    ],
)
def test_central_error_every_code_is_a_refusal_in_the_servers_words(
    tmp_path: Path, status: int, code: float, message: str
) -> None:
    with Recorded(Reply.of_json({"message": message, "code": code}, status)) as server:
        settings = {"url": server.url, "user": "u", "password": "p", "project": "1"}
        source = central.connect(settings, Options(), PATIENCE)
        with pytest.raises(Refused) as error:
            source.session.json("/v1/projects/1/forms/visit")
        assert message in str(error.value)
        assert error.value.exit_code == 3


def test_central_error_in_openrosas_xml_is_a_refusal_too() -> None:
    body = b'<OpenRosaResponse><message nature="error">This form is closed.</message></OpenRosaResponse>'
    with Recorded(Reply(409, body, {"Content-Type": "text/xml; charset=utf-8"})) as server:
        settings = {"url": server.url, "user": "u", "password": "p", "project": "1"}
        source = central.connect(settings, Options(), PATIENCE)
        with pytest.raises(Refused, match="status 409"):
            source.session.send("POST", "/v1/projects/1/submission")


def test_central_error_an_answer_cut_in_its_midst_is_read_again(case: Case) -> None:
    case.send(*range(8))
    case.server.faults += [Fault("cut", match="expand"), Fault("cut", match="skiptoken")]
    case.server.faults.append(Fault("reset", match="select"))
    case.pull()
    case.same()


def test_central_error_what_came_before_a_failure_is_whole_and_the_rest_comes_later(case: Case) -> None:
    case.send(*range(8))
    case.server.faults.append(Fault("status", match="skiptoken", times=99))
    with pytest.raises(Unavailable):
        case.pull()
    assert case.landing.cursor == {}
    case.server.faults.clear()
    case.pull()
    case.same()


def test_central_error_the_filters_times_are_encoded(case: Case) -> None:
    case.send(1)
    case.pull()
    case.pull()
    (text,) = {request.param("$filter") for request in case.asked("updatedAt ge")}
    assert text.count("Z") == 3
    assert "+" not in text


# -- who may read


def test_central_auth_one_login_serves_many_pulls(case: Case) -> None:
    case.send(1)
    for _ in range(3):
        case.pull()
    assert len(case.asked("/v1/sessions")) == 1
    sent = {request.headers.get("authorization", "")[:7] for request in case.server.requests}
    assert sent == {"", "Bearer "}


def test_central_auth_a_session_that_ends_in_the_midst_is_begun_anew(case: Case) -> None:
    case.send(*range(12))
    case.server.after("skiptoken", case.server.expire_sessions)
    case.pull()
    assert len(case.asked("/v1/sessions")) == 2
    case.same()


def test_central_auth_a_session_of_24_hours_ends(case: Case) -> None:
    case.send(1)
    case.pull()
    case.server.advance(25 * 3600)
    case.send(2)
    case.pull()
    assert len(case.asked("/v1/sessions")) == 2
    case.same()


def test_central_auth_a_wrong_password_is_refused_at_once(case: Case) -> None:
    case.password = "wrong-password-7"  # noqa: S105 - of nobody
    case.log_in()
    with pytest.raises(Refused, match="TRACER_PASSWORD"):
        case.pull()
    assert len(case.server.requests) == 1


def test_central_auth_a_refusal_that_quotes_the_password_is_not_quoted() -> None:
    said = {
        "message": "Expected (email, password), got (email: undefined, password: 'geheim-7').",
        "code": 400.3,
    }

    class Telltale(Loopback):
        def handle(self, request: Request) -> Reply:
            return Reply.of_json(said, 400)

    with Telltale() as server:
        settings = {"url": server.url, "user": "u", "password": "geheim-7", "project": "1"}
        source = central.connect(settings, Options(), PATIENCE)
        with pytest.raises(Refused) as error:
            source.session.json("/v1/projects")
        assert "geheim-7" not in str(error.value)


def test_central_auth_a_login_that_gives_no_token_is_unavailable() -> None:
    class Wall(Loopback):
        def handle(self, request: Request) -> Reply:
            return Reply(200, b"<html>Welcome to the airport</html>", {"Content-Type": "text/html"})

    with Wall() as server:
        settings = {"url": server.url, "user": "u", "password": "p", "project": "1"}
        with pytest.raises(Unavailable, match="the login gave no token"):
            central.connect(settings, Options(), PATIENCE).session.json("/v1/projects")


def test_central_auth_a_viewer_is_enough(case: Case) -> None:
    as_user(case, "viewer")
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"jpg"})
    case.log_in(media=True)
    case.pull()
    case.server.delete("visit", key(1))
    case.pull()
    assert case.rows() == {}
    assert not case.asked("/audits")


def test_central_auth_without_a_role_it_is_a_refusal_and_nothing_is_landed(case: Case) -> None:
    as_user(case, "none")
    with pytest.raises(Refused, match="ask the project's owner"):
        case.pull()
    assert case.landing.stamps == {}


@pytest.mark.parametrize("match", ["forms/visit", "expand"])
def test_central_auth_a_role_that_is_taken_never_deletes(case: Case, match: str) -> None:
    as_user(case, "viewer")
    case.send(*range(8))
    case.pull()
    cursor = case.landing.cursor
    case.server.after(match, lambda: case.server.set_role(MAIL, "none"))
    with pytest.raises(Refused):
        case.pull(sweep=True)
    assert case.tombstones() == {}
    assert case.landing.cursor == cursor
    case.server.set_role(MAIL, "viewer")
    case.pull()
    case.same()


def test_central_auth_a_form_that_is_gone_is_a_refusal_not_a_deletion(case: Case) -> None:
    case.send(1)
    case.pull()
    assert case.source.session.send("DELETE", "/v1/projects/1/forms/visit").ok
    with pytest.raises(Refused, match="not found, or not visible"):
        case.pull(sweep=True)
    assert case.tombstones() == {}


def test_central_auth_a_form_made_anew_under_its_name_is_not_the_one_that_was_landed(case: Case) -> None:
    case.send(1)
    case.pull()
    assert case.source.session.send("DELETE", "/v1/projects/1/forms/visit").ok
    case.publish(FORM)
    with pytest.raises(Changed, match="it was deleted in between"):
        case.pull()
    assert case.tombstones() == {}


def test_central_auth_an_app_user_cannot_read(case: Case) -> None:
    token = case.server.add_app_user("enum-01")
    path = f"/v1/key/{token}/projects/1/forms/visit.svc/Submissions"
    with pytest.raises(Refused, match="rights to perform") as error:
        case.source.session.json(path)
    assert token not in str(error.value)


def test_central_auth_http_over_a_network_is_refused_before_anything_is_sent() -> None:
    settings = {"url": "http://central.example.org", "user": "u", "password": "p", "project": "1"}
    with pytest.raises(StudyError, match="unencrypted"):
        central.connect(settings, Options())


def test_central_limits_compression_is_asked_for(case: Case) -> None:
    case.pull()
    assert all("gzip" in request.headers["accept-encoding"] for request in case.server.requests)


def test_central_no_secret_in_logs_errors_landing(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    as_user(case, "viewer")
    case.server.submit("visit", xml(1, "<photo>a.jpg</photo>"), {"a.jpg": b"jpg"})
    case.log_in(media=True)
    case.server.faults += [Fault("reset", skip=1), Fault("html", skip=2), Fault("status", skip=3)]
    case.pull()
    said = [repr(case.source), str(vars(case.source.pull("visit", case.landing)))]
    for kind in ("status", "html", "reset"):
        case.server.faults.append(Fault(kind, times=99))  # type: ignore[arg-type]
        with pytest.raises(ServerError) as error:
            case.pull()
        said += [str(error.value), repr(error.value.__cause__)]
        case.server.faults.clear()
    tokens = [request.headers["authorization"][7:] for request in case.asked("Submissions")]
    said += [record.getMessage() for record in caplog.records]
    said += [p.read_text("utf-8", "replace") for p in (case.folder / "landing").rglob("*") if p.is_file()]
    assert len(said) > 10
    assert [text for text in said for secret in {PASSWORD, *tokens} if secret in text] == []


def test_central_errors_say_what_where_and_what_to_do(case: Case) -> None:
    as_user(case, "none")
    with pytest.raises(TracerError) as error:
        case.pull()
    assert error.value.what
    assert error.value.where.endswith("/v1/projects/1/forms/visit")
    assert error.value.remedy
