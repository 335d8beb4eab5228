"""Central's CSV exports give the tables that the XML of the same submissions gives, however they were asked for."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import duckdb
import pytest

from makers import Nothing
from tiny import tiny_study
from tracer_etl import tables
from tracer_etl.errors import Refused
from tracer_etl.form import read_form
from tracer_etl.landing import Landing
from tracer_etl.schema import Schema, schema_of
from tracer_etl.servers import Options, central, central_csv, connecting
from tracer_etl.servers.folder import FolderSource
from tracer_etl.study import read_study
from tracer_etl.testing import FakeCentral

if TYPE_CHECKING:
    from pathlib import Path

FORM = """
| survey   |                      |           |       |
|          | type                 | name      | label |
|          | begin_group          | home      | Home  |
|          | text                 | visit-day | Day   |
|          | begin_group          | head      | Head  |
|          | text                 | name      | Name  |
|          | end_group            |           |       |
|          | begin_repeat         | job       | Job   |
|          | text                 | name      | Name  |
|          | geopoint             | where     | Where |
|          | begin_repeat         | task      | Task  |
|          | select_multiple tool | tools     | Tools |
|          | end_repeat           |           |       |
|          | end_repeat           |           |       |
|          | end_group            |           |       |
|          | geopoint             | place     | Place |
|          | geotrace             | way       | Way   |
|          | image                | photo     | Photo |
|          | integer              | count     | Count |
| choices  |                      |           |       |
|          | list_name            | name      | label |
|          | tool                 | saw       | Saw   |
|          | tool                 | saw_chain | Chain |
| settings |                      |           |       |
|          | form_id              | version   | form_title |
|          | visit                | 1         | Visit |
"""
SECOND = FORM.replace("|          | integer              | count     | Count |\n", "").replace(
    "| visit                | 1 ", "| visit                | 2 "
)
LONG = ";".join(f"-8.{n:06} 112.1 0 0" for n in range(12000))
"""Longer than the field that Python's csv module reads by default."""
SENT = {
    "a": "<home><visit-day>Mon, 5 &quot;Jan&quot;\nat noon</visit-day><head><name>Siti</name></head>"
    "<job><name>las</name><where>-8.1 112.2 0 4.5</where><task><tools>saw_chain saw</tools></task><task><tools/></task></job>"
    "<job><name>0812</name><where>-8.1 112.2</where></job></home><place>-8.098 112.168 0.0 8.0</place>"
    "<photo>a.jpg</photo><count>9007199254740993</count>",
    "b": f"<home><head><name>Budi</name></head></home><way>{LONG}</way><photo>same.jpg</photo><count>x1</count>",
    "c": "<home/><place>-8.0</place><photo>same.jpg</photo>",
}
FILES = {"a": {"a.jpg": b"a photo"}, "b": {"same.jpg": b"one"}, "c": {"same.jpg": b"another"}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Schema, dict[str, bytes], dict[str, bytes]]:
    """Compile both versions; give the present XML of each submission, and exports by what was asked."""
    folder = tmp_path_factory.mktemp("forms")
    for name, text in (("1.md", FORM), ("2.md", SECOND)):
        (folder / name).write_text(text, encoding="utf-8")
    with FakeCentral() as server:
        server.publish(folder / "1.md")
        for name, body in SENT.items():
            server.submit("visit", _xml(name, body), FILES[name])
        server.edit("visit", "uuid:c", _xml("c2", SENT["c"].replace("-8.0", "-8.5 112"), before="c"))
        server.review("visit", "uuid:b", "approved")
        server.publish(folder / "2.md")
        user, password = server.admin
        told = {"url": server.url, "user": user, "password": password, "project": "1"}
        session = central.connect(told, Options()).session
        exports = {
            name: session.read("/v1/projects/1/forms/visit/submissions.csv.zip?" + urlencode(asked)).content
            for name, asked in ASKED.items()
        }
        present = {key: found.xml for key, found in server.truth("visit").items()}
    return schema_of([read_form(folder / "1.md"), read_form(folder / "2.md")]), exports, present


ASKED = {
    "plain": {"deletedFields": "true"},
    "split": {"deletedFields": "true", "splitSelectMultiples": "true"},
    "short": {"deletedFields": "true", "groupPaths": "false"},
    "narrow": {},
}


def _xml(name: str, body: str, before: str = "") -> bytes:
    old = f"<deprecatedID>uuid:{before}</deprecatedID>" if before else ""
    meta = f"<meta><instanceID>uuid:{name}</instanceID>{old}</meta>"
    return f'<data id="visit" version="1">{body}{meta}</data>'.encode()


def built(folder: Path, schema: Schema) -> dict[str, list[tuple]]:
    landing = Landing(folder / "landing", "visit")
    landing.land(FolderSource(folder / "in", forms=lambda _: schema).pull("visit", Nothing()), "t")
    tables.build(landing.segments(), schema, folder / "out", "Asia/Jakarta")
    left_out = {"_landed", "_revision", "_submitted_at", "_review_state"}
    found = {}
    with duckdb.connect() as connection:
        for file in sorted((folder / "out").glob("*.parquet")):
            if file.stem != "attachments":
                names = connection.execute(f"SELECT * FROM '{file}' LIMIT 0").description
                # A name with a space is no column's of the table; among them is what only the XML says.
                kept = [n for n, *_ in names if n not in left_out and " " not in n]
                listed = ", ".join(f'"{name}"::VARCHAR' for name in kept)
                found[file.stem] = connection.execute(
                    f"SELECT {listed} FROM '{file}' ORDER BY ALL"
                ).fetchall()
    return found


def as_xml(folder: Path, present: dict[str, bytes]) -> Path:
    """Store the newest version of each submission under its first identity."""
    (folder / "in").mkdir(parents=True)
    with zipfile.ZipFile(folder / "in" / "visit.zip", "w") as archive:
        for key, xml in present.items():
            archive.writestr(f"{key[5:]}/submission.xml", xml)
    return folder


def as_export(folder: Path, content: bytes) -> Path:
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "visit.csv.zip").write_bytes(content)
    return folder


@pytest.mark.parametrize("asked", ["plain", "split"])
def test_an_export_gives_the_tables_the_xml_gives(asked: str, world, tmp_path: Path) -> None:
    schema, exports, present = world
    by_xml = built(as_xml(tmp_path / "xml", present), schema)
    by_csv = built(as_export(tmp_path / "csv", exports[asked]), schema)
    assert by_csv == by_xml
    assert len(by_csv["visit__task"]) == 2
    assert [row[3:5] for row in by_csv["problems"]] == [("count", "x1")]


def test_names_without_their_groups_are_taken_where_they_are_unique(world, tmp_path: Path) -> None:
    schema, exports, present = world
    by_xml = built(as_xml(tmp_path / "xml", present), schema)
    assert built(as_export(tmp_path / "csv", exports["short"]), schema) == by_xml


def test_what_the_export_was_not_asked_for_is_missing_and_nothing_else(world, tmp_path: Path) -> None:
    schema, exports, present = world
    narrow = built(as_export(tmp_path / "csv", exports["narrow"]), schema)
    by_xml = built(as_xml(tmp_path / "xml", present), schema)
    assert not narrow["problems"]
    assert {name: rows for name, rows in narrow.items() if name not in ("visit", "problems")} == {
        name: rows for name, rows in by_xml.items() if name not in ("visit", "problems")
    }


def test_the_envelope_and_the_files_come_along(world, tmp_path: Path) -> None:
    schema, exports, _ = world
    source = FolderSource(as_export(tmp_path, exports["plain"]) / "in", forms=lambda _: schema)
    found = {one.key: one for one in source.pull("visit", Nothing())}
    assert {key: (one.instance_id, one.review_state) for key, one in found.items()} == {
        "uuid:a": ("uuid:a", ""),
        "uuid:b": ("uuid:b", "approved"),
        "uuid:c": ("uuid:c2", "edited"),
    }
    assert {one.form_version for one in found.values()} == {"1"}
    assert all(one.submitted_at.endswith("Z") for one in found.values())
    assert [(file.name, file.content) for file in found["uuid:a"].attachments] == [("a.jpg", b"a photo")]
    assert not found["uuid:b"].attachments, "two submissions call a file so: whose is it?"


def rows(schema: Schema, **files: str) -> list:
    named = {f"{name.replace('_', '-')}.csv": text.encode() for name, text in files.items()}
    return list(central_csv.rows(named, {}, schema, "export"))


def test_a_column_of_no_version_is_told(world) -> None:
    (one,) = rows(world[0], visit="count,colour,KEY,FormVersion\n3,red,uuid:a,1\n")
    assert one.data == {"count": "3"}
    assert one.extra == (("colour", "red"),)


def test_a_submission_that_central_could_not_decrypt_says_so(world) -> None:
    (one,) = rows(world[0], visit="count,KEY,Status,FormVersion\n,uuid:a,not decrypted,1\n")
    assert "encrypted" in one.error
    assert not one.data


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"visit": "count,FormVersion\n3,1\n"}, "no table of an export"),
        ({"visit": ""}, "no table of an export"),
        ({"visit": "count,KEY\n3\n"}, "rows of different lengths"),
        ({"visit": "name,name,KEY\nA,B,uuid:a\n"}, "two columns are called name"),
        (
            {
                "visit": "count,KEY\n3,uuid:a\n",
                "visit_job": "name,PARENT_KEY,KEY\nlas,uuid:b,uuid:b/home/job[1]\n",
            },
            "uuid:b/home/job[1] belongs to no submission",
        ),
    ],
)
def test_what_is_no_whole_export_is_refused(files: dict[str, str], said: str, world) -> None:
    with pytest.raises(Refused) as refused:
        rows(world[0], **files)
    assert said in str(refused.value)


def test_a_damaged_letter_is_refused(world) -> None:
    with pytest.raises(Refused, match="no table of an export"):
        list(central_csv.rows({"visit.csv": b"count,KEY\n3,\xff\n"}, {}, world[0], "export"))


def test_an_export_of_another_form_is_left_alone(world, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("other.csv", "count,KEY\n3,uuid:a\n")
    source = FolderSource(as_export(tmp_path, packed.getvalue()) / "in", forms=lambda _: world[0])
    assert not list(source.pull("visit", Nothing()))


def test_a_study_reads_an_export_from_its_inbox(tmp_path: Path) -> None:
    study = read_study(tiny_study(tmp_path))
    head = "farmer,cows,fodder,meta-instanceID,KEY,FormVersion"
    with zipfile.ZipFile(tmp_path / "inbox" / "tiny.csv.zip", "w") as archive:
        archive.writestr("tiny.csv", f"{head}\nAni,3,grass,uuid:x,uuid:x,1\n")
        archive.writestr("tiny-plot.csv", "hectares,PARENT_KEY,KEY\n0.25,uuid:x,uuid:x/plot[1]\n")
    found = {one.key: one.data for one in connecting.source(study).pull("tiny", Nothing())}
    assert len(found) == 3
    assert found["uuid:x"]["plot/"] == [{"hectares": "0.25"}]
