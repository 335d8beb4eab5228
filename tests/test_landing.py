"""The landing itself: what a pull that breaks off, lacks something or comes from elsewhere leaves behind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from makers import schema, xml
from tracer_etl.errors import Changed, LandingError, Unavailable
from tracer_etl.landing import Landing
from tracer_etl.records import Attachment, Deployed, Proof, Received, Tombstone
from tracer_etl.servers.openrosa import received
from tracer_etl.tables import build

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Scripted:
    """A pull that yields what it is given, and raises where an error stands among it."""

    items: list[Received | Tombstone | Exception]
    proof: Proof
    cursor: dict[str, Any] = field(default_factory=lambda: {"at": 1})
    versions: tuple[Deployed, ...] = ()
    origin: str = "a test"

    def __iter__(self) -> Iterator[Received | Tombstone]:
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item


def one(number: int, **state: Any) -> Received:
    raw = xml(number)
    read = received(raw, where="x", fallback_key="", attachments=state.pop("attachments", ()))
    return Received(read.key, read.instance_id, raw, read.data, attachments=read.attachments, **state)


def test_what_came_before_a_server_failed_is_kept_and_the_cursor_stays(tmp_path: Path) -> None:
    failing = Scripted([one(1), one(2), Unavailable("gone")], Proof(0, 0, 0))
    with pytest.raises(Unavailable):
        Landing(tmp_path, "visit").land(failing, "t1")
    landing = Landing(tmp_path, "visit")
    assert sorted(landing.stamps) == ["uuid:00000001", "uuid:00000002"]
    assert landing.cursor == {}
    assert landing.proofs[-1]["failed"] == "gone"
    landed = landing.land(Scripted([one(1), one(2), one(3)], Proof(3, 3, 1)), "t2")
    assert (landed.new, landed.total) == (1, 3)
    assert Landing(tmp_path, "visit").cursor == {"at": 1}


def test_an_incomplete_pull_fails_with_what_is_missing_and_keeps_what_came(tmp_path: Path) -> None:
    short = Scripted([one(1)], Proof(2, 1, 1, missing=("uuid:00000002",)))
    with pytest.raises(Changed, match=r"counts 2 .* 1 came .*uuid:00000002"):
        Landing(tmp_path, "visit").land(short, "t1")
    landing = Landing(tmp_path, "visit")
    assert list(landing.stamps) == ["uuid:00000001"]
    assert landing.cursor == {}


def test_submissions_of_two_servers_do_not_mix(tmp_path: Path) -> None:
    Landing(tmp_path, "visit").land(Scripted([one(1)], Proof(1, 1, 1)), "t1")
    other = Scripted([one(2)], Proof(1, 1, 1), origin="another server")
    with pytest.raises(LandingError, match="holds submissions of a test, not of another server"):
        Landing(tmp_path, "visit").land(other, "t2")
    assert list(Landing(tmp_path, "visit").stamps) == ["uuid:00000001"]


def test_a_second_pull_of_a_form_at_a_time_is_refused(tmp_path: Path) -> None:
    class Overtaken(Scripted):
        def __iter__(self) -> Iterator[Received | Tombstone]:
            yield one(1)
            with pytest.raises(LandingError, match="another pull of this form is at work; let it end"):
                Landing(tmp_path, "visit").land(Scripted([one(2)], Proof(1, 1, 1)), "t2")
            yield one(3)

    Landing(tmp_path, "visit").land(Overtaken([], Proof(2, 2, 1)), "t1")
    landing = Landing(tmp_path, "visit")
    assert sorted(landing.stamps) == ["uuid:00000001", "uuid:00000003"]
    assert landing.land(Scripted([one(2)], Proof(3, 3, 1)), "t3").new == 1


def test_what_another_pull_landed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    early = Landing(tmp_path, "visit")
    Landing(tmp_path, "visit").land(Scripted([one(1)], Proof(1, 1, 1)), "t1")
    with pytest.raises(LandingError, match="another pull"):
        early.land(Scripted([one(2)], Proof(1, 1, 1)), "t2")
    assert list(Landing(tmp_path, "visit").stamps) == ["uuid:00000001"]


def test_a_deleted_submission_may_come_back(tmp_path: Path) -> None:
    landing = Landing(tmp_path, "visit")
    landing.land(Scripted([one(1, stamp="a")], Proof(1, 1, 1)), "t1")
    landing.land(Scripted([Tombstone("uuid:00000001")], Proof(0, 0, 1)), "t2")
    assert dict(landing.stamps) == {}
    assert landing.land(Scripted([Tombstone("uuid:00000001")], Proof(0, 0, 1)), "t3").new == 0
    assert landing.land(Scripted([one(1, stamp="a")], Proof(1, 1, 1)), "t4").new == 1
    assert dict(Landing(tmp_path, "visit").stamps) == {"uuid:00000001": "a"}


def test_a_pull_without_news_adds_no_proof_but_moves_the_time(tmp_path: Path) -> None:
    Landing(tmp_path, "visit").land(Scripted([one(1)], Proof(1, 1, 9, swept=True)), "t1")
    manifest = (tmp_path / "visit" / "manifest.json").read_bytes()
    Landing(tmp_path, "visit").land(Scripted([one(1)], Proof(1, 1, 1)), "t2")
    assert (tmp_path / "visit" / "manifest.json").read_bytes() == manifest
    assert Landing(tmp_path, "visit").pulled_at == "t2"


def test_files_are_kept_once_by_content_and_found_again(tmp_path: Path) -> None:
    landing = Landing(tmp_path, "visit")
    first = landing.keep("a/1", "a.jpg", [b"ab", b"c"], tag="e1")
    second = landing.keep("b/1", "b.jpg", [b"abc"])
    assert first.sha256 == second.sha256
    stored = [file for file in (tmp_path / "visit" / "media").rglob("*") if file.is_file()]
    assert [file.read_bytes() for file in stored] == [b"abc"]
    with (tmp_path / "visit" / "media.ndjson").open("a") as shelf:
        shelf.write('{"uid": "c/1", "na')  # what a killed run leaves
    again = Landing(tmp_path, "visit")
    assert again.find("a/1") == Attachment("a.jpg", None, first.sha256, 3, tag="e1")
    assert again.find("c/1") is None
    again.keep("c/1", "c.jpg", [b"c"])
    kept = Landing(tmp_path, "visit").find("c/1")
    assert kept is not None
    assert kept.size == 1


def test_a_file_that_arrives_late_is_news(tmp_path: Path) -> None:
    awaited = one(1, attachments=[Attachment("a.jpg", present=False)])
    landing = Landing(tmp_path, "visit")
    landing.land(Scripted([awaited], Proof(1, 1, 1)), "t1")
    assert landing.land(Scripted([awaited], Proof(1, 1, 1)), "t2").new == 0
    came = one(1, attachments=[landing.keep("1/a", "a.jpg", [b"jpg"])])
    assert landing.land(Scripted([came], Proof(1, 1, 1)), "t3").new == 1


def test_deployed_versions_are_kept_under_safe_names(tmp_path: Path) -> None:
    version = Deployed("1", "2026-01-05T00:00:00Z", "../../etc/evil.xml", b"<h:html/>")
    Landing(tmp_path, "visit").land(Scripted([], Proof(0, 0, 1), versions=(version,)), "t1")
    ((label, file),) = Landing(tmp_path, "visit").deployed()
    assert label == "1"
    assert file.parent == tmp_path / "visit" / "versions"
    assert file.read_bytes() == b"<h:html/>"


def landed_twice(root: Path) -> tuple[Landing, dict[str, Any]]:
    """Land two submissions, one each; give the landing, and what its manifest says of the first segment."""
    for number in (1, 2):
        pull = Scripted([one(n) for n in range(1, number + 1)], Proof(number, number, 1))
        Landing(root, "visit").land(pull, f"t{number}")
    landing = Landing(root, "visit")
    return landing, landing.manifest["segments"][0]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4])


def altered(path: Path) -> None:
    """Say the same lines in another order of bytes: a reader finds nothing wrong."""
    path.write_bytes(zstandard.compress(zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()))


@pytest.mark.parametrize("harm", [cut, altered, Path.unlink])
def test_a_list_of_keys_that_is_not_what_was_landed_stops_the_pull(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    landing, _ = landed_twice(tmp_path)
    before = landing.manifest
    harm(landing.folder / "00000001.keys.zst")
    with pytest.raises(LandingError) as told:
        Landing(tmp_path, "visit").land(Scripted([one(3)], Proof(3, 3, 1)), "t3")
    said = "visit: keys file of segment 00000001 is not what was landed; restore the landing from its backup"
    assert str(told.value) == said
    assert Landing(tmp_path, "visit").manifest == before


@pytest.mark.parametrize("harm", [cut, altered, Path.unlink])
def test_raw_bytes_that_are_not_what_was_received_are_not_written_anew(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    landing, _ = landed_twice(tmp_path)
    harm(landing.folder / "00000001.raw.ndjson.zst")
    with pytest.raises(LandingError, match="raw file of segment 00000001 is not what was landed"):
        landing.erase({"uuid:00000001": "erased-1"}, {}, "t3")
    assert landing.manifest == Landing(tmp_path, "visit").manifest


def test_a_segment_the_disk_does_not_give_back_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing, _ = landed_twice(tmp_path)

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("hashlib.file_digest", broken)
    with pytest.raises(LandingError, match="segment 00000001 is not what was landed; restore the landing"):
        build(landing.segments(), schema(tmp_path / "forms"), tmp_path / "out", "UTC")


def test_segments_of_releases_that_knew_one_digest_are_read(tmp_path: Path) -> None:
    landing, first = landed_twice(tmp_path)
    for name in ("raw_sha256", "keys_sha256", "longest"):
        del first[name]
    (landing.folder / "manifest.json").write_text(json.dumps(landing.manifest))
    for kind in ("keys.zst", "raw.ndjson.zst"):
        altered(landing.folder / f"00000001.{kind}")
    again = Landing(tmp_path, "visit")
    assert again.land(Scripted([one(1), one(2), one(3)], Proof(3, 3, 1)), "t3").new == 1
    again.erase({"uuid:00000001": "erased-1"}, {}, "t4")
    [rewritten, *_] = again.manifest["segments"]
    assert rewritten["name"] == "00000001-1"
    assert len({rewritten[name] for name in ("sha256", "raw_sha256", "keys_sha256")}) == 3
