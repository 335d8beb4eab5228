"""The folder source and the landing: everything as received, once, whatever the encoding."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING

import pytest
import zstandard

from makers import Nothing, store, xml
from tracer_etl.errors import LandingError, Refused
from tracer_etl.landing import Landing
from tracer_etl.records import Received
from tracer_etl.servers import Options
from tracer_etl.servers.folder import FolderSource
from tracer_etl.testing.encryption import encrypt, key_pair

if TYPE_CHECKING:
    from pathlib import Path


def pulled(folder: Path) -> list:
    pull = FolderSource(folder).pull("visit", Nothing())
    return list(pull)


def raw_of(landing: Landing) -> list[dict]:
    lines = []
    for segment in landing.segments():
        path = segment.file.with_name(f"{segment.name}.raw.ndjson.zst")
        lines += zstandard.decompress(path.read_bytes(), max_output_size=10**8).decode().splitlines()
    return [json.loads(line) for line in lines]


BODY = "<who>Sri ñ — é</who><age>30</age>"


@pytest.mark.parametrize(
    "content",
    [
        xml(1, BODY),
        b"\xef\xbb\xbf" + xml(1, BODY),
        ("<?xml version='1.0' encoding='UTF-16'?>" + xml(1, BODY).decode()).encode("utf-16"),
        ("<?xml version='1.0' encoding='ISO-8859-1'?>" + xml(1, "<who>Sri ñ é</who>").decode()).encode(
            "latin-1"
        ),
        xml(1, BODY).replace(b"<age>", b"\n   <age>\n").replace(b"</age>", b"\n </age>\n"),
    ],
    ids=["utf-8", "bom", "utf-16", "latin-1", "pretty"],
)
def test_any_encoding_is_read_and_kept_byte_for_byte(tmp_path: Path, content: bytes) -> None:
    store(tmp_path / "in" / "visit.zip", {"a": content})
    [one] = pulled(tmp_path / "in")
    assert one.key == "uuid:00000001"
    assert one.data["who"].startswith("Sri ñ")
    assert one.raw == content
    assert not one.error


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (xml(1)[:40], "not well-formed"),
        (b"", "not well-formed"),
        (
            b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><data id="visit">&b;</data>',
            "document type",
        ),
        (b'<data id="visit"><age>1</age></data>', "no instanceID"),
    ],
    ids=["truncated", "empty", "bomb", "no-instance-id"],
)
def test_unreadable_is_landed_with_its_reason_and_nothing_else_stops(
    tmp_path: Path, content: bytes, why: str
) -> None:
    store(tmp_path / "in" / "visit.zip", {"bad": content, "good": xml(2)})
    landing = Landing(tmp_path / "landing", "visit")
    landed = landing.land(FolderSource(tmp_path / "in").pull("visit", Nothing()), "2026-01-05T00:00:00+00:00")
    assert landed.new == 2
    assert why in landed.remarks[0]
    assert content.decode() in [line["raw"] for line in raw_of(landing)]


@pytest.mark.parametrize("name", ["../evil/submission.xml", "/etc/evil.xml", "a/../../b.xml", "..\\evil.xml"])
def test_a_member_outside_the_archive_is_refused_before_anything_lands(tmp_path: Path, name: str) -> None:
    store(tmp_path / "in" / "visit.zip", {"a": xml(1), name if "/" in name else f"x/{name}": xml(2)})
    with pytest.raises(Refused, match="points outside the archive"):
        pulled(tmp_path / "in")


def test_a_member_that_unpacks_to_more_than_a_phone_sends_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path / "in" / "visit.zip", {"a": xml(1)})
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("instances/b/photo.jpg", "w") as member,
    ):
        for _ in range(201):
            member.write(bytes(1_000_000))
    with pytest.raises(Refused, match="unpacks to 201000000 bytes"):
        pulled(tmp_path / "in")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path / "in" / "visit.zip", {"a": xml(1)})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(Refused, match="damaged archive"):
        pulled(tmp_path / "in")


def test_landing_twice_adds_nothing_and_edits_follow_their_originals(tmp_path: Path) -> None:
    edit = xml(2, "<age>31</age>", meta="<deprecatedID>uuid:00000001</deprecatedID>")
    again = xml(3, "<age>32</age>", meta="<deprecatedID>uuid:00000002</deprecatedID>")
    store(tmp_path / "in" / "visit.zip", {"a": again, "b": edit, "c": xml(1), "d": xml(1), "e": xml(9)})
    source = FolderSource(tmp_path / "in")
    first = Landing(tmp_path / "l", "visit").land(source.pull("visit", Nothing()), "t")
    assert (first.new, first.total) == (4, 2)
    keys = [(one.key, one.revision) for one in pulled(tmp_path / "in")]
    assert keys == [("uuid:00000001", 0), ("uuid:00000001", 1), ("uuid:00000001", 2), ("uuid:00000009", 0)]
    manifest = (tmp_path / "l" / "visit" / "manifest.json").read_bytes()
    assert Landing(tmp_path / "l", "visit").land(source.pull("visit", Nothing()), "later").new == 0
    assert (tmp_path / "l" / "visit" / "manifest.json").read_bytes() == manifest


def test_a_killed_run_leaves_no_trace(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "l", "visit")
    (landing.folder / "00000001.ndjson.zst").write_bytes(b"half")
    store(tmp_path / "in" / "visit.zip", {"a": xml(1)})
    landing.land(FolderSource(tmp_path / "in").pull("visit", Nothing()), "t")
    [segment] = Landing(tmp_path / "l", "visit").segments()
    assert zstandard.decompress(segment.file.read_bytes(), max_output_size=10**6).count(b"\n") == 1


def test_a_damaged_manifest_says_so(tmp_path: Path) -> None:
    (tmp_path / "l" / "visit" / "media").mkdir(parents=True)
    (tmp_path / "l" / "visit" / "manifest.json").write_text("{")
    with pytest.raises(LandingError, match=r"manifest.json: damaged .*restore"):
        Landing(tmp_path / "l", "visit")


def test_attachments_are_kept_by_content(tmp_path: Path) -> None:
    body = "<photo>a.jpg</photo>"
    files = {
        "i/1/submission.xml": xml(1, body),
        "i/1/a.jpg": b"JPEG",
        "i/2/submission.xml": xml(2, body),
        "i/2/a.jpg": b"JPEG",
    }
    store(tmp_path / "in" / "visit.zip", files)
    landing = Landing(tmp_path / "l", "visit")
    landing.land(FolderSource(tmp_path / "in").pull("visit", Nothing()), "t")
    assert [path.read_bytes() for path in landing.folder.glob("media/*/*")] == [b"JPEG"]


def test_encrypted_submissions_are_opened_with_the_key_and_set_aside_without(tmp_path: Path) -> None:
    private, public = key_pair()
    (tmp_path / "private.pem").write_bytes(private)
    plain = xml(7, "<age>31</age><work>0</work>")
    manifest, files = encrypt(
        plain, {"a.jpg": b"jpg"}, public, form_id="visit", version="1", instance_id="uuid:00000007"
    )
    store(
        tmp_path / "in" / "visit.zip",
        {"i/7/submission.xml": manifest, **{f"i/7/{n}": b for n, b in files.items()}},
    )
    options = Options(private_key=tmp_path / "private.pem")
    (opened,) = FolderSource(tmp_path / "in", options).pull("visit", Nothing())
    assert isinstance(opened, Received)
    assert (opened.key, opened.data["age"], opened.error) == ("uuid:00000007", "31", "")
    assert {file.name: file.content for file in opened.attachments}["a.jpg"] == b"jpg"
    assert opened.raw == manifest
    (shut,) = FolderSource(tmp_path / "in").pull("visit", Nothing())
    assert isinstance(shut, Received)
    assert (shut.key, shut.data) == ("uuid:00000007", {})
    assert "give the private key" in shut.error
