"""A small survey on a fake KoboToolbox and the landing it is pulled into; all people are synthetic."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import zstandard

from tracer_etl.landing import Landing
from tracer_etl.servers import Options, kobo
from tracer_etl.servers.session import Patience, Session

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.landing import Landed
    from tracer_etl.testing import FakeKobo

FORM = """
| survey   |                         |         |             |          |          |                      |
|          | type                    | name    | label::English (en) | label::Indonesia (id) | required | bind::tracer:privacy |
|          | audit                   | audit   |             |          |          |                      |
|          | begin_group             | who     | Who         | Siapa    |          |                      |
|          | text                    | name    | Name        | Nama     | yes      | direct               |
|          | integer                 | age     | Age         | Umur     |          | quasi                |
|          | end_group               |         |             |          |          |                      |
|          | select_multiple tool or_other | tools | Tools   | Alat     |          |                      |
|          | geopoint                | place   | Place       | Tempat   |          |                      |
|          | image                   | photo   | Photo       | Foto     |          |                      |
|          | begin_repeat            | job     | Job         | Kerja    |          |                      |
|          | text                    | title   | Title       | Jabatan  |          |                      |
|          | begin_repeat            | skill   | Skill       | Terampil |          |                      |
|          | select_one level        | level   | Level       | Tingkat  |          |                      |
|          | end_repeat              |         |             |          |          |                      |
|          | end_repeat              |         |             |          |          |                      |
| choices  |                         |         |             |          |
|          | list_name               | name    | label::English (en) | label::Indonesia (id) |
|          | tool                    | saw     | Saw         | Gergaji  |
|          | tool                    | drill   | Drill       | Bor      |
|          | level                   | 1       | Low         | Rendah   |
|          | level                   | 2       | High        | Tinggi   |
| settings |                         |         |             |
|          | form_id                 | version | form_title  | namespaces |
|          | visit                   | 1       | Visit       | tracer="urn:tracer-etl:privacy" |
"""
SECOND = FORM.replace("| visit                   | 1 ", "| visit                   | 2 ")
QUICK = Patience(connect=1, stall=0.3, tries=4, pause=0.01)


@dataclass
class World:
    """One project on the server and its landing; `cost` is what the last pull asked of the server."""

    server: FakeKobo
    folder: Path
    text: str = FORM
    token: str = ""
    form: str = field(init=False)
    cost: int = 0

    def __post_init__(self) -> None:
        self.form = self.publish(self.text)
        self.sources: list[kobo.KoboSource] = []

    def publish(self, text: str) -> str:
        path = self.folder / "forms" / f"{abs(hash(text))}" / "visit.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return self.server.publish(path)

    def xml(self, number: int, body: str | None = None, meta: str = "", **attributes: str) -> bytes:
        answers = (
            f"<who><name>Sari {number}</name><age>{20 + number % 50}</age></who>" if body is None else body
        )
        named = "".join(f' {name}="{value}"' for name, value in attributes.items())
        raw = (
            f'<data id="visit"{named}>{answers}'
            f"<meta><instanceID>uuid:{number:08d}-0000-4000-8000-000000000000</instanceID>{meta}</meta></data>"
        )
        return self.server.stamp(self.form, raw.encode())

    def submit(self, number: int, body: str | None = None, files: dict[str, bytes] | None = None) -> str:
        return self.server.submit(self.form, self.xml(number, body), files)

    def edit(self, key: str, number: int, body: str | None = None) -> None:
        old = self.server.truth(self.form)[key]
        meta = f"<deprecatedID>{old.instance_id}</deprecatedID>"
        self.server.edit(self.form, key, self.xml(number, body, meta))

    @property
    def landing(self) -> Landing:
        return Landing(self.folder / "landing", "visit")

    def source(self, options: Options | None = None) -> kobo.KoboSource:
        """Give a source that was used before, as in a running process."""
        options = options or Options()
        for source in self.sources:
            if source.options == options:
                return source
        settings = {"url": self.server.url, "token": self.token or self.server.token}
        self.sources.append(kobo.connect(settings, options, QUICK))
        return self.sources[-1]

    def owner(self) -> kobo.KoboSource:
        settings = {"url": self.server.url, "user": self.server.owner, "password": self.server.password}
        return kobo.connect(settings, Options(), QUICK)

    def anonymous(self) -> Session:
        return Session(self.server.url, lambda _: {}, QUICK)

    def pull(self, *, sweep: bool = False, **options: Any) -> Landed:
        source, landing = self.source(Options(**options)), self.landing
        before = len(self.server.requests)
        landed = landing.land(source.pull("visit", landing, sweep=sweep), "2026-11-24T12:00:00+00:00")
        self.cost = len(self.server.requests) - before
        return landed

    # -- what is landed

    def lines(self, kind: str = "ndjson") -> list[dict[str, Any]]:
        found = []
        for segment in self.landing.segments():
            packed = segment.file.with_name(f"{segment.name}.{kind}.zst").read_bytes()
            text = zstandard.decompress(packed, max_output_size=10**9).decode()
            found += [json.loads(line) for line in text.split("\n") if line]
        return found

    def state(self) -> dict[str, dict[str, Any]]:
        """Give the newest landed record of every live submission."""
        newest: dict[str, dict[str, Any]] = {}
        for line in self.lines():
            newest[line["key"]] = line
        return {key: line for key, line in newest.items() if "deleted" not in line}

    def deleted(self) -> dict[str, str]:
        return {line["key"]: line["deleted"] for line in self.lines() if "deleted" in line}

    def matches(self) -> bool:
        """Tell whether landed and served agree: keys, contents, reviews and files."""
        truth, state = self.server.truth(self.form), self.state()
        assert set(truth) == set(state)
        for key, one in truth.items():
            assert state[key]["instance"] == one.instance_id
            assert state[key]["review"] == REVIEWS[one.review_state]
            present = {file["name"] for file in state[key]["attachments"] if file["present"]}
            missing = {file["name"] for file in state[key]["attachments"] if not file["present"]}
            assert present == set(one.files)
            assert missing >= set(one.missing)
        return True


def bare(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out what one way of sending may leave out: blanks, and the server's own meta and marks."""
    kept: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, list):
            members = [member for member in map(bare, value) if member]
            if members and name not in ("meta/", "formhub/"):
                kept[name] = members
        elif value.strip() and name != "__version__":
            kept[name] = value
    return kept


REVIEWS = {
    "": "",
    "validation_status_approved": "approved",
    "validation_status_not_approved": "rejected",
    "validation_status_on_hold": "hasIssues",
}
