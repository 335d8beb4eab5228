"""The recorded KoboToolbox calls, made again to the fake: the same people, form and first rows."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tracer_etl.testing import FakeKobo
from tracer_etl.testing.kobo.state import Grant, World

RECORDINGS = Path(__file__).parents[1] / "../shared/servers/recordings/kobo"
ASSET, HUB = "aPMGQffXfxn24Yyp7c6xii", "e56b562e337d4b1fb142b19f40f1bbfa"
V1, V2 = "vFWmiVPWZxYDk36ZRn7Xnw", "vqipT6zPPyzzkA5X93PAtU"
DOTTED, ENCRYPTED = "ap2xwGS3nzLcMnibVqb4Yo", "asDL8hNjR2fMMxm7XC69ah"
ROWS = 215
ATTACHMENTS = {
    "attWoxHAdPk9GEN6n7UKuEaS": (1, "foto_1.jpg"),
    "attUzMz8GXMegP6v8Z8NpaKp": (1, "rek_1.m4a"),
    "attjcidajcPquCuYQas6U7NC": (1, "audit.csv"),
    "att6P5JxdMjzTBMDw5Q9bVq6": (4, "foto_3.jpg"),
}
ROOTS = {10: "7b89296c-6dcb-4c50-8857-7eb1924770d3", 40: "8623121d-e0bb-437a-9459-4d8b75673fca"}
DOTTED_FORM = """
| survey   |         |             |        |
|          | type    | name        | label  |
|          | text    | kode        | Kode   |
|          | integer | n           | N      |
|          | text    | nilai.titik | titik  |
| settings |         |             |        |
|          | form_id | form_title  |        |
|          | dotted  | Dotted      |        |
"""
ENCRYPTED_FORM = """
| survey   |           |            |            |
|          | type      | name       | label      |
|          | text      | rahasia    | Rahasia    |
| settings |           |            |            |
|          | form_id   | form_title | public_key |
|          | encrypted | Rahasia    | MIIB       |
"""


@dataclass
class Recorded:
    """One recorded exchange; parts of a multipart body are (field, file name, type, content)."""

    name: str
    method: str
    target: str
    headers: dict[str, str]
    body: str
    status: int
    answered: dict[str, str]
    answer: bytes
    fields: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[str, str, str, bytes]] = field(default_factory=list)

    @classmethod
    def read(cls, name: str) -> Recorded:
        head, _, body = (RECORDINGS / f"{name}.request.txt").read_text(encoding="utf-8").partition("\n\n")
        _, line, *headers = head.splitlines()
        method, _, target = line.partition(" ")
        first, *answered = (RECORDINGS / f"{name}.response.headers.txt").read_text().splitlines()
        files = [p for p in RECORDINGS.glob(f"{name}.response.*") if not p.name.endswith(".headers.txt")]
        made = cls(
            name, method, target, _pairs(headers), body, int(first.split()[1]), _pairs(answered),
            files[0].read_bytes() if files else b"",
        )  # fmt: skip
        if made.headers.get("Content-Type") == "multipart/form-data":
            made._take_apart()
        return made

    def _take_apart(self) -> None:
        fields, *parts = re.split(r"(?:^|\n)--part ", self.body)
        self.fields = dict(line.split("=", 1) for line in fields.splitlines() if "=" in line)
        for part in parts:
            line, _, content = part.partition("\n")
            named = dict(word.split("=", 1) for word in line.split())
            self.parts.append(
                (named["name"], named["filename"], named["type"], _content(named["filename"], content))
            )

    @property
    def xml(self) -> bytes:
        return next(content for name, _, _, content in self.parts if name == "xml_submission_file")

    @property
    def files(self) -> dict[str, bytes]:
        return {name: content for name, _, _, content in self.parts if name != "xml_submission_file"}

    @property
    def json(self) -> Any:
        return json.loads(self.answer)


def _pairs(lines: list[str]) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in lines if ": " in line)


def _content(file: str, text: str) -> bytes:
    size = re.fullmatch(r"<(\d+) bytes>\n?", text)
    if size and (RECORDINGS / file).is_file():
        return (RECORDINGS / file).read_bytes()
    return b"\x01" * int(size[1]) if size else text.removesuffix("\n").encode()


def names() -> list[str]:
    """Name every recorded exchange."""
    return sorted(path.name.removesuffix(".request.txt") for path in RECORDINGS.glob("*.request.txt"))


@dataclass
class Stage:
    """A fake with the recorded people on it, and what is called what on either side."""

    server: FakeKobo
    form: str = ""
    known: dict[str, str] = field(default_factory=dict)

    def ours(self, text: str) -> str:
        """Translate a recorded text into the fake's names."""
        asset = self.server.world.assets.get(self.form)
        known = {"https://kf.example.invalid": self.server.url, **self.known}
        if asset is not None:
            uids = [version.uid for version in asset.versions]
            known |= {ASSET: self.form, HUB: asset.formhub, **dict(zip((V1, V2), uids, strict=False))}
            for uid, (row, name) in ATTACHMENTS.items():
                found = asset.submissions.get(row)
                own = [item.uid for item in (found.attachments if found else ()) if item.name == name]
                known |= {uid: own[0]} if own else {}
        for theirs, own in known.items():
            text = text.replace(theirs, own)
        return text

    def bytes(self, raw: bytes) -> bytes:
        return self.ours(raw.decode()).encode()

    def play(self, recorded: Recorded, **headers: str) -> requests.Response:
        """Make a recorded call again."""
        sent = {"Accept": recorded.headers.get("Accept", "*/*"), **self._authorized(recorded), **headers}
        target = self.server.url + self.ours(recorded.target)
        if recorded.parts or recorded.fields:
            fields = {name: self.ours(value) for name, value in recorded.fields.items()}
            files = [
                (name, (file, self.bytes(c) if kind.startswith("text/") else c, kind))
                for name, file, kind, c in recorded.parts
            ]
            return requests.request(
                recorded.method,
                target,
                data=fields,
                files=files,
                headers=sent,
                timeout=10,
                allow_redirects=False,
            )
        if "Content-Type" in recorded.headers:
            sent["Content-Type"] = recorded.headers["Content-Type"]
        return requests.request(
            recorded.method, target, data=self.ours(recorded.body).encode(), headers=sent, timeout=10,
            allow_redirects=False,
        )  # fmt: skip

    def get(self, path: str, user: str = "disnaker", **params: str) -> requests.Response:
        """Read an address as a user; no user is nobody."""
        headers = {"Authorization": f"Token {self.server.world.users[user].token}"} if user else {}
        url = f"{self.server.url}{self.ours(path)}"
        return requests.get(url, params=params, headers=headers, timeout=10)

    def row(self, path: str) -> dict[str, Any]:
        answered = self.get(path)
        assert answered.status_code == 200, answered.text
        row: dict[str, Any] = answered.json()
        return row

    def _authorized(self, recorded: Recorded) -> dict[str, str]:
        given = recorded.headers.get("Authorization", "")
        token = re.fullmatch(r"Token <TOKEN:(\w+)>", given)
        if token:
            return {"Authorization": f"Token {self.server.world.users[token[1]].token}"}
        if given.startswith("Basic"):
            credentials = requests.auth._basic_auth_str("disnaker", self.server.password)
            return {"Authorization": credentials}
        return {"Authorization": given} if given else {}


def draft() -> World:
    """Build the recorded server before the first deployment."""
    with FakeKobo(owner="disnaker") as server:
        server.add_user("enum1")
        server.add_user("peer")
        server.publish(RECORDINGS / "tracer_v1.xlsx", deploy=False)
        return server.world


def collected(folder: Path) -> World:
    """Build the recorded server with version 2 deployed and rows 1 to 215 and 1410, ids as recorded."""
    with FakeKobo(owner="disnaker") as server:
        stage = Stage(server)
        server.add_user("enum1")
        server.add_user("peer")
        stage.form = server.publish(RECORDINGS / "tracer_v1.xlsx")
        server.publish(RECORDINGS / "tracer_v2.xlsx")
        server.world.assets[stage.form].grants["enum1"] = Grant(frozenset({"add_submissions"}))
        _fill(stage)
        folder.mkdir(exist_ok=True)
        for name, text in (("dotted", DOTTED_FORM), ("encrypted", ENCRYPTED_FORM)):
            (folder / f"{name}.md").write_text(text, encoding="utf-8")
            server.publish(folder / f"{name}.md")
        return server.world


def _fill(stage: Stage) -> None:
    server, form = stage.server, stage.form
    post, part = Recorded.read("submission_post"), Recorded.read("submission_second_part")
    server.submit(form, stage.bytes(post.xml), post.files, user="enum1")
    server.world.next_id()  # a refused submission had taken an id
    server.submit(form, stage.bytes(Recorded.read("submission_unknown_form").xml), user="enum1")
    server.submit(form, stage.bytes(part.xml), {"foto_3.jpg": b"\x01\x02"}, user="enum1")
    for number in range(5, ROWS + 1):
        server.submit(form, stage.bytes(_xml(number, post.xml)), user="enum1")
    server.world.last_id = 1409
    server.submit(form, stage.bytes(_xml(1410, post.xml)), user="enum1")


def _xml(number: int, template: bytes) -> bytes:
    if number == 6:
        return Recorded.read("submission_with_submissiondate").xml
    if number == 20:
        return (RECORDINGS / "data_row_xml.response.xml").read_bytes()
    uuid = ROOTS.get(number, f"{number:08x}-0000-4000-8000-000000000000")
    text = template.decode().replace("cd613e30-d8f1-4adf-91b7-584a2265b1f5", uuid)
    return text.replace("BLT-0001", f"BLT-{number - 1:04d}").replace("<audit>audit.csv</audit>", "").encode()


def staged(world: World) -> Stage:
    """Give a server of its own that begins with a copy of a world."""
    server = FakeKobo(owner="disnaker")
    server.world = copy.deepcopy(world)
    server.world.url = server.url
    server.token = server.world.users["disnaker"].token
    for asset in server.world.assets.values():
        for row in asset.submissions.values():
            row.row = b""
    forms = list(server.world.assets)
    known = dict(zip((DOTTED, ENCRYPTED), forms[1:], strict=False))
    return Stage(server, forms[0], known)
