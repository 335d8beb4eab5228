"""The recorded ODK Central rebuilt in the fake: the same rows, people and dates, from the recorded raw texts."""

from __future__ import annotations

import csv
import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

import requests

if TYPE_CHECKING:
    from tracer_etl.testing.central import FakeCentral

RECORDINGS = Path(__file__).parents[1] / "../shared/servers/recordings/central"
FORM = "alumni_demo"
BROKEN = b'<data id="alumni_demo" version="2"><nama>x</nama>'
NO_ID = b'<data id="alumni_demo" version="2"><nama>tanpa id</nama></data>'
_DELETED = "uuid:7d51cde9-89d0-4142-b42b-a0dd2f5df699"
_BEFORE_DELETED = "uuid:e7589390-55db-490f-bb1d-bd804270129d"
_CLEARED_LATER = "uuid:cfc3afae-f547-4fae-ab46-0d8b1eb5a241"
LATEST = "2027"
_GEO = ("Latitude", "Longitude", "Altitude", "Accuracy")


@dataclass(frozen=True)
class Recorded:
    """One recorded exchange."""

    name: str
    method: str
    target: str
    sent: dict[str, str]
    sent_body: bytes
    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, name: str) -> Recorded:
        meta = json.loads((RECORDINGS / f"{name}.meta.json").read_text())
        request, response = meta["request"], meta["response"]
        split = urlsplit(request["url"])
        target = split.path + (f"?{split.query}" if split.query else "")
        bodies = [
            (RECORDINGS / part["body_file"]).read_bytes() if part.get("body_file") else b""
            for part in (request, response)
        ]
        return cls(
            name,
            request["method"],
            target,
            request["headers"],
            bodies[0],
            response["status"],
            response["headers"],
            bodies[1],
        )

    def json(self) -> Any:
        return json.loads(self.body)


def rows_of(*names: str) -> list[dict[str, Any]]:
    """Give the OData rows of some recordings."""
    return [row for name in names for row in Recorded.read(name).json()["value"]]


def _table(name: str) -> list[dict[str, str]]:
    with (RECORDINGS / name).open(newline="") as file:
        return list(csv.DictReader(file))


def _node(values: dict[str, Any]) -> str:
    parts = []
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            inner = _node(each) if isinstance(each, dict) else escape(each)
            attributes = ""
            if name == "entity":
                key = uuid.uuid5(uuid.NAMESPACE_URL, values["instanceID"])
                attributes = f' dataset="peserta" create="1" id={quoteattr(str(key))}'
            parts.append(f"<{name}{attributes}>{inner}</{name}>")
    return "".join(parts)


def _nested(cells: dict[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for head, text in cells.items():
        steps = head.split("-")
        if steps[-1] in _GEO:
            tree[steps[0]] = f"{tree.get(steps[0], '')} {text}".strip()
            continue
        node = tree
        for step in steps[:-1]:
            node = node.setdefault(step, {})
        node[steps[-1]] = text
    return tree


class _Archive:
    """The recorded CSV export, by KEY."""

    def __init__(self) -> None:
        self.roots = {row["KEY"]: row for row in _table("232-csv-zip-noatt--alumni_demo.csv")}
        self.old = {row["KEY"]: row for row in _table("231-csv-zip-options--alumni_demo.csv")}
        self.jobs: dict[str, list[dict[str, str]]] = {}
        self.tasks: dict[str, list[dict[str, str]]] = {}
        for row in _table("232-csv-zip-noatt--alumni_demo-pekerjaan.csv"):
            self.jobs.setdefault(row["PARENT_KEY"], []).append(row)
        for row in _table("232-csv-zip-noatt--alumni_demo-tugas.csv"):
            self.tasks.setdefault(row["PARENT_KEY"], []).append(row)

    def tree(self, key: str) -> dict[str, Any]:
        root = self.roots[key]
        heads = list(root)
        cells = {head: root[head] for head in heads[1 : heads.index("KEY")]}
        tree = _nested({**cells, "jam_kerja": self.old[key]["jam_kerja"]})
        tree["pekerjaan"] = [self._job(job) for job in self.jobs.get(key, ())]
        if not tree["meta"]["entity"]["label"]:
            del tree["meta"]["entity"]
        return tree

    def _job(self, job: dict[str, str]) -> dict[str, Any]:
        values = _nested({head: job[head] for head in job if not head.endswith("KEY")})
        tasks = self.tasks.get(job["KEY"], ())
        values["tugas"] = [{"uraian": task["uraian"], "jam": task["jam"]} for task in tasks]
        return values


def instance(tree: dict[str, Any], version: str, form: str = FORM) -> bytes:
    """Write a submission."""
    return f'<?xml version="1.0" ?><data id="{form}" version="{version}">{_node(tree)}</data>'.encode()


def _at(server: FakeCentral, text: str) -> None:
    """Let the next write happen at a recorded time."""
    server.state.clock = datetime.fromisoformat(text) - timedelta(milliseconds=10)


def rebuild(server: FakeCentral, until: str = LATEST) -> None:
    """Fill a fake with what the recorded server held after its last submission, or at a time."""
    archive = _Archive()
    admin = server.state.people.named(server.admin[0])
    admin.created_at = datetime.fromisoformat("2026-11-24T05:31:33.912Z")
    _at(server, "2026-11-24T05:33:22.829Z")
    server.publish(RECORDINGS / "forms/alumni_v1.xlsx")
    server.add_user("viewer@example.org", "viewer-password", "viewer")
    server.add_user("nobody@example.org", "nobody-password", "none")
    for name, made in (("enum-01", ".847"), ("enum-02", ".921"), ("enum-03", ".977")):
        server.add_app_user(name)
        server.state.people.named(name).created_at = datetime.fromisoformat(f"2026-11-24T05:33:23{made}Z")
    rows = sorted(
        rows_of("105-odata-expand-page1", "105-odata-expand-page2", "061-odata-deleted"),
        key=lambda row: row["__system"]["submissionDate"],
    )
    changes = []
    published = False
    for row in rows:
        system = row["__system"]
        if system["submissionDate"] > until:
            continue
        if not published and system["submissionDate"] > "2026-11-24T05:34:55":
            _at(server, "2026-11-24T05:34:55.788Z")
            server.publish(RECORDINGS / "forms/alumni_v2.xlsx")
            published = True
        _at(server, system["submissionDate"])
        who = {"by": system["submitterName"], "device": system["deviceId"], "agent": "python-requests/2.34.2"}
        key = row["__id"]
        if key in archive.roots:
            if key == _CLEARED_LATER and until < LATEST:
                system["attachmentsPresent"] = 1
            _send(server, archive.tree(key), row, who)
            changes += [(system["deletedAt"] or system["updatedAt"] or "", key, archive.tree(key), row)]
            if key == _BEFORE_DELETED and until < LATEST:
                _deleted_since(server, archive.tree(key), who)
        else:
            _send_broken(server, row, who)
    for when, key, tree, row in sorted(changes, key=lambda change: change[0]):
        if when and when < until:
            _change(server, when, key, tree, row["__system"])


def _deleted_since(server: FakeCentral, tree: dict[str, Any], who: dict[str, Any]) -> None:
    """The deleted row whose skiptoken was recorded: nothing but its key and its place are known."""
    meta = {"instanceID": _DELETED}
    server.state.clock -= timedelta(milliseconds=9)
    server.submit(FORM, instance({**tree, "foto": "", "meta": meta}, "1"), **who)
    server.delete(FORM, _DELETED)
    server.form(FORM).by_key[_DELETED].deleted_at = datetime.fromisoformat("2026-11-24T05:35:17.152Z")


def _send(server: FakeCentral, tree: dict[str, Any], row: dict[str, Any], who: dict[str, Any]) -> None:
    version = row["__system"]["formVersion"]
    first = {**tree, "meta": {**tree["meta"], "instanceID": row["__id"]}}
    present = row["__system"]["attachmentsPresent"] and tree["foto"]
    files = {tree["foto"]: (RECORDINGS / "251-attachment-get.response.png").read_bytes()} if present else {}
    server.submit(FORM, instance(first, version), files, **who)


def _send_broken(server: FakeCentral, row: dict[str, Any], who: dict[str, Any]) -> None:
    """A row without an instanceID: the server makes the key, here the recorded one."""
    form = server.form(FORM)
    key = server.submit(FORM, BROKEN if row["nama"] == "x" else NO_ID, **who)
    submission = form.by_key.pop(key)
    submission.key = submission.current.instance_id = row["__id"]
    form.by_key[row["__id"]] = form.by_instance[row["__id"]] = submission


def _change(server: FakeCentral, when: str, key: str, tree: dict[str, Any], system: dict[str, Any]) -> None:
    last = tree["meta"]["instanceID"]
    edits = ["uuid:602b1f4e-26c2-43a8-8791-edc97ad4ca94", last] if system["edits"] == 2 else [last]
    before = key
    for identity in edits if system["edits"] else ():
        _at(server, when)
        meta = {**tree["meta"], "instanceID": identity, "deprecatedID": before}
        version = "2" if tree["no_hp"] else "1"
        server.edit(FORM, key, instance({**tree, "meta": meta}, version), agent="python-requests/2.34.2")
        before = identity
    if system["reviewState"] not in (None, "edited"):
        _at(server, when)
        server.review(FORM, key, system["reviewState"])
    if system["deletedAt"]:
        _at(server, when)
        server.delete(FORM, key)


# -- asking a fake

_UNCOMPARED = {"date", "server", "content-length", "etag", "set-cookie", "connection", "location"}


def log_in(server: FakeCentral, email: str = "", password: str = "") -> dict[str, str]:
    given = {"email": email or server.admin[0], "password": password or server.admin[1]}
    token = requests.post(f"{server.url}/v1/sessions", json=given, timeout=10).json()["token"]
    return {"Authorization": f"Bearer {token}"}


TOKEN = "<app-user-token>"  # noqa: S105 - what stands in the recordings
AGENT = "python-requests/2.34.2"


def replay(server: FakeCentral, recorded: Recorded, **headers: str) -> requests.Response:
    """Send the recorded call; credentials are those of the fake."""
    sent = {**recorded.sent, "Accept-Encoding": "identity", "User-Agent": AGENT}
    given = sent.get("Authorization", "")
    if "<session-token>" in given and "-401-" not in recorded.name:
        sent["Authorization"] = log_in(server)["Authorization"]
    elif "<base64" in given:
        good = (server.admin[0], "wrong" if "wrong" in recorded.name else server.admin[1])
        sent["Authorization"] = requests.auth._basic_auth_str(*good)
    sent = {name: value for name, value in sent.items() if name not in ("Content-Length", "If-None-Match")}
    target = recorded.target
    if TOKEN in target:
        name = "enum-01" if "285" not in recorded.name else "gone"
        target = target.replace(TOKEN, server.state.people.named(name).token or "revoked")
    return requests.request(
        recorded.method,
        server.url + target,
        data=recorded.sent_body.replace(b"<password>", server.admin[1].encode()) or None,
        headers={**sent, **headers},
        timeout=20,
        allow_redirects=False,
    )


def headers_of(given: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in given.items() if name.lower() not in _UNCOMPARED}


def shape(value: Any) -> Any:
    """Give the key sets of JSON: a list shows what any of its members shows."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        merged: dict[str, Any] = {}
        for inner in value:
            if isinstance(inner, dict):
                merged.update(shape(inner))
        return [merged] if merged else []
    return None


def keys_of(value: Any) -> set[str]:
    """Flatten a shape to the paths of its keys."""
    if isinstance(value, dict):
        return {
            path for key, inner in value.items() for path in ({key} | {f"{key}/{p}" for p in keys_of(inner)})
        }
    if isinstance(value, list):
        return {path for inner in value for path in keys_of(inner)}
    return set()


def same_frame(answer: requests.Response, recorded: Recorded) -> None:
    assert answer.status_code == recorded.status
    assert headers_of(answer.headers) == headers_of(recorded.headers)
    wanted = recorded.headers.get("ETag", "")
    assert re.sub(r"[0-9a-f]{32}|[0-9a-f]+-.{27}", "*", answer.headers.get("ETag", "")) == re.sub(
        r"[0-9a-f]{32}|[0-9a-f]+-.{27}", "*", wanted
    )


def calmed(text: str) -> str:
    """Take out what differs from run to run: times, tokens, made-up ids, digests of growing files."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>", text)
    text = re.sub(r'"(token|csrf)": ?"[^"]*"', r'"\1":"<token>"', text)
    text = re.sub(r'"acteeId": ?"[^"]*"', '"acteeId":"<id>"', text)
    text = re.sub(r'"instanceId":"[0-9a-f-]{36}"', '"instanceId":"<made>"', text)
    text = re.sub(r'"(submissionId|submissionDefId|entityId|entityDefId|id)": ?\d+', r'"\1":0', text)
    text = re.sub(r"/key/[^/]+/", "/key/<token>/", text)
    return re.sub(r"md5:[0-9a-f]{32}", "md5:<digest>", text)


def sent_xml(name: str) -> bytes:
    """Give the submission in a recorded multipart body or REST call."""
    body = Recorded.read(name).sent_body
    return re.search(rb"(?:<\?xml[^>]*\?>)?<data.*</data>", body, re.DOTALL)[0]


def first_version(key: str, foto: str = "") -> bytes:
    return (
        f'<data id="{FORM}" version="1"><foto>{foto}</foto><meta><instanceID>{key}</instanceID></meta></data>'
    ).encode()
