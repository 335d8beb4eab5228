"""A fake ODK Central with one form, and a landing that follows it: what the tests of the client play with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zstandard

from tracer_etl.landing import Landing
from tracer_etl.records import Proof
from tracer_etl.safe_xml import parse
from tracer_etl.servers import Options, central
from tracer_etl.servers.openrosa import received
from tracer_etl.servers.session import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tracer_etl.landing import Landed
    from tracer_etl.testing.central import FakeCentral
    from tracer_etl.testing.loopback import Request

PATIENCE = Patience(connect=1, stall=0.3, tries=4, pause=0.01)
RECORDINGS = Path(__file__).parents[1] / "../shared/servers/recordings/central"
KEPT = Path(__file__).parent / "servers" / "recordings" / "central"

FORM = """
| survey   |                      |           |       |
|          | type                 | name      | label |
|          | text                 | who       | Name  |
|          | integer              | age       | Age   |
|          | decimal              | pay       | Pay   |
|          | note                 | hint      | Hint  |
|          | dateTime             | met       | Met   |
|          | time                 | shift     | Shift |
|          | select_multiple tool | tools     | Tools |
|          | geopoint             | place     | Place |
|          | geotrace             | path      | Path  |
|          | image                | photo     | Photo |
|          | begin_group          | home      | Home  |
|          | text                 | visit.day | Day   |
|          | end_group            |           |       |
|          | begin_repeat         | job       | Job   |
|          | text                 | title     | Title |
|          | begin_repeat         | task      | Task  |
|          | text                 | what      | What  |
|          | end_repeat           |           |       |
|          | end_repeat           |           |       |
| choices  |                      |           |       |
|          | list_name            | name      | label |
|          | tool                 | saw       | Saw   |
|          | tool                 | hoe       | Hoe   |
| settings |                      |           |       |
|          | form_id              | version   | form_title |
|          | visit                | 1         | Visit |
"""


def second_version(version: str = "2") -> str:
    """Drop a question, turn a whole number into a text, add a question."""
    text = FORM.replace("| 1         | Visit", f"| {version}         | Visit")
    text = text.replace("|          | time                 | shift     | Shift |\n", "")
    text = text.replace("integer              | age ", "text                 | age ")
    return text.replace(
        "|          | image  ",
        "|          | text                 | phone     | Phone |\n|          | image  ",
    )


def xml(number: int, body: str = "<who>Ani</who>", version: str = "1", before: int | None = None) -> bytes:
    """Write a submission; `before` makes it an edit of the instance with that number."""
    edits = "" if before is None else f"<deprecatedID>uuid:{before:08d}</deprecatedID>"
    return (
        f'<data id="visit" version="{version}">{body}'
        f"<meta><instanceID>uuid:{number:08d}</instanceID>{edits}</meta></data>"
    ).encode()


def key(number: int) -> str:
    """Give the key of a submission that was sent under this number."""
    return f"uuid:{number:08d}"


class Case:
    """A server, a form on it, an account, and what was landed."""

    def __init__(self, folder: Path, server: FakeCentral, form: str = FORM, **options: Any) -> None:
        self.folder, self.server = folder, server
        self.form_id = self.publish(form)
        self.options: dict[str, Any] = {"page": 5, **options}
        self.proof = Proof(0, 0, 0)
        self.user, self.password = server.admin
        self.log_in()

    def publish(self, text: str) -> str:
        workbook = self.folder / "visit.md"
        workbook.write_text(text, encoding="utf-8")
        return self.server.publish(workbook)

    def log_in(self, **options: Any) -> None:
        """Connect anew, perhaps with other options."""
        self.options.update(options)
        settings = {"url": self.server.url, "user": self.user, "password": self.password, "project": "1"}
        self.source = central.connect(settings, Options(**self.options), PATIENCE)

    def send(self, *numbers: int, body: str = "<who>Ani</who>") -> None:
        for number in numbers:
            self.server.submit(self.form_id, xml(number, body))

    @property
    def landing(self) -> Landing:
        return Landing(self.folder / "landing", self.form_id)

    def pull(self, *, sweep: bool = False) -> Landed:
        landing = self.landing
        pull = self.source.pull(self.form_id, landing, sweep=sweep)
        landed = landing.land(pull, "2026-01-05T00:00:00+00:00")
        self.proof = pull.proof
        return landed

    def rows(self) -> dict[str, dict[str, Any]]:
        """Give the newest landed record of every live submission."""
        newest: dict[str, dict[str, Any]] = {}
        for segment in self.landing.segments():
            for line in _lines(segment.file):
                newest[line["key"]] = line
        return {name: line for name, line in newest.items() if "deleted" not in line}

    def tombstones(self) -> dict[str, str]:
        """Give all tombstones ever landed."""
        lines = [line for segment in self.landing.segments() for line in _lines(segment.file)]
        return {line["key"]: line["deleted"] for line in lines if "deleted" in line}

    def raw(self, name: str) -> dict[str, Any]:
        """Give what was received last of a submission."""
        found: dict[str, Any] = {}
        for segment in self.landing.segments():
            path = segment.file.with_name(segment.file.name.replace(".ndjson", ".raw.ndjson"))
            found = next((json.loads(one["raw"]) for one in _lines(path) if one["key"] == name), found)
        return found

    def asked(self, text: str = "") -> list[Request]:
        """List the requests whose path and query hold a text."""
        return [request for request in self.server.requests if text in _line(request)]

    def same(self) -> None:
        """Check that what is landed is what the server has."""
        truth, rows = self.server.truth(self.form_id), self.rows()
        assert set(rows) == set(truth) == set(self.landing.stamps)
        for name, one in truth.items():
            assert rows[name]["review"] == one.review_state
            assert rows[name]["submitted"] == one.submitted_at
            if rows[name]["error"]:
                continue
            expected = received(one.xml, where=name, fallback_key=name)
            assert plain(rows[name]["data"]) == plain(expected.data)
            assert rows[name]["instance"] == one.instance_id
            assert rows[name]["version"] == parse(one.xml).get("version")
            files = {file["name"]: file["present"] for file in rows[name]["attachments"]}
            assert files == {**dict.fromkeys(one.files, True), **dict.fromkeys(one.missing, False)}


def plain(data: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out blank answers and empty groups, and write numbers one way."""
    kept: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, list):
            inner = [plain(one) for one in value]
            if any(inner):
                kept[name] = inner
        elif value.strip():
            kept[name] = " ".join(map(_number, value.split(" ")))
    return kept


def _number(text: str) -> str:
    try:
        value = float(text)
    except ValueError:
        return text
    return text if abs(value) > 2**53 else repr(value)


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as stream, zstandard.open(stream, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _line(request: Request) -> str:
    return f"{request.method} {request.path}?{'&'.join('='.join(pair) for pair in request.query)}"
