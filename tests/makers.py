"""Small forms and submissions for tests; all people are synthetic."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any, ClassVar

from tracer_etl.form import read_form
from tracer_etl.records import Attachment
from tracer_etl.schema import Schema, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tracer_etl.questions import Form

FORM = """
| survey   |                      |          |        |          |              |
|          | type                 | name     | label  | required | relevant     | bind::tracer:privacy |
|          | text                 | who      | Name   |          |              | direct               |
|          | integer              | age      | Age    | yes      |              | quasi                |
|          | date                 | born     | Born   |          |              |                      |
|          | select_one yn        | work     | Work?  | yes      |              |                      |
|          | select_multiple tool | tools    | Tools  |          |              |                      |
|          | geopoint             | place    | Place  |          |              |                      |
|          | begin_repeat         | job      | Job    |          | ${work}='1'  |                      |
|          | text                 | title    | Title  | yes      |              |                      |
|          | integer              | hours    | Hours  |          |              |                      |
|          | begin_repeat         | task     | Task   |          |              |                      |
|          | text                 | what     | What   |          |              |                      |
|          | end_repeat           |          |        |          |              |                      |
|          | end_repeat           |          |        |          |              |                      |
| choices  |                      |          |        |
|          | list_name            | name     | label  |
|          | yn                   | 1        | Yes    |
|          | yn                   | 0        | No     |
|          | tool                 | saw      | Saw    |
|          | tool                 | sawdust  | Dust   |
| settings |                      |          |        |          |
|          | form_id              | version  | form_title | namespaces |
|          | visit                | 1        | Visit  | tracer="urn:tracer-etl:privacy" |
"""


def form(folder: Path, text: str = FORM) -> Form:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "visit.md"
    path.write_text(text, encoding="utf-8")
    return read_form(path)


def schema(folder: Path, *texts: str) -> Schema:
    return schema_of([form(folder / str(i), text) for i, text in enumerate(texts or (FORM,))])


def xml(number: int, body: str = "<age>30</age><work>0</work>", version: str = "1", meta: str = "") -> bytes:
    return (
        f'<data id="visit" version="{version}">{body}<meta><instanceID>uuid:{number:08d}</instanceID>{meta}</meta></data>'
    ).encode()


def store(path: Path, submissions: dict[str, bytes]) -> Path:
    """Write a zip of instances; names without a slash become folders of their own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in submissions.items():
            archive.writestr(name if "/" in name else f"instances/{name}/submission.xml", content)
    return path


class Nothing:
    """The memory of a landing that holds nothing."""

    cursor: ClassVar[dict[str, Any]] = {}
    stamps: ClassVar[dict[str, str]] = {}
    versions = ()

    def find(self, uid: str) -> None:
        del uid

    def keep(self, uid: str, name: str, pieces: Iterable[bytes], tag: str = "") -> Attachment:
        del uid
        return Attachment(name, b"".join(pieces), tag=tag)


STUDY = """
[study]
name = "visits"
timezone = "Asia/Jakarta"
media = "forms"
[study.title]
id = "Kunjungan"
en = "Visits"
[server]
kind = "folder"
path = "inbox"
[storage]
landing = "var/landing"
staging = "var/staging"
warehouse = "var/warehouse.duckdb"
published = "var/published.duckdb"
report = "var/report"
[[forms]]
id = "visit"
workbook = "forms/visit.md"
"""


def study_folder(folder: Path, submissions: dict[str, bytes] | None = None) -> Path:
    """Lay out a whole small study; give the path of its study.toml."""
    form(folder / "forms")
    (folder / "expectations").mkdir(exist_ok=True)
    store(folder / "inbox" / "visit.zip", submissions or {})
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    return folder / "study.toml"
