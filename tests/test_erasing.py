"""Whoever withdraws is in no table; whoever is erased is nowhere, whenever the power fails."""

from __future__ import annotations

import html
import json
import shutil
from typing import TYPE_CHECKING

import duckdb
import openpyxl
import pytest
import zstandard
from click.testing import CliRunner

from privacy_world import GONE, PEOPLE, name, person, phone, visits, world, write_registry
from test_warehouse import content
from tracer_etl import pipeline
from tracer_etl.cli import cli
from tracer_etl.landing import Landing
from tracer_etl.privacy import erasing
from tracer_etl.privacy.pdp_log import note, read_log
from tracer_etl.privacy.requests import append_request
from tracer_etl.privacy.searching import search
from tracer_etl.study import read_study

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.study import Study

HERS = ("uuid:00000007", "uuid:00000107")
TEXTS = (GONE, *HERS, "uuid:00000207", name(7), phone(7))


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ran")
    pipeline.refresh(world(folder))
    return folder


@pytest.fixture
def study(ran: Path, tmp_path: Path) -> Study:
    return read_study(shutil.copytree(ran, tmp_path / "study") / "study.toml")


def ask(study: Study, of: str, key: str, request: str = "erase") -> None:
    fields = {
        "of": of,
        "key": key,
        "request": request,
        "who": "letter 12",
        "when": "2026-02-01",
        "why": "asked",
    }
    append_request(study, fields)


def rows(study: Study) -> dict[str, list[tuple]]:
    return content(study.warehouse)


def tables_with(study: Study, text: str) -> list[str]:
    return [table for table, found in rows(study).items() if any(text in str(row) for row in found)]


def test_before_anything_she_is_everywhere(study: Study) -> None:
    places = search(study, TEXTS)
    assert {text for hits in places.values() for text in hits} == set(TEXTS)
    assert {"warehouse:clean.visit", "warehouse:pii.visit", "warehouse:pii.registry"} <= places.keys()


def test_an_opt_out_takes_a_person_out_of_every_table_and_a_change_of_mind_brings_her_back(
    study: Study,
) -> None:
    before = rows(study)
    write_registry(study.root, {7: "2026-02-11T09:00:00+07:00"})
    run = pipeline.refresh(study)
    assert run.changed
    [form] = run.forms
    assert (form.landed, form.good) == (PEOPLE - 1, PEOPLE - 1)
    for text in (GONE, name(7), phone(7)):
        assert tables_with(study, text) == []
        assert not [place for place in search(study, [text]) if place.startswith(study.published.name)]
    assert {row[-1] for row in rows(study)["meta.submission"] if row[1] in HERS} == {"deleted"}
    assert [one for one in Landing(study.landing, "visit").envelopes() if one["key"] in HERS]
    assert not (study.staging / "_references").exists()
    again = pipeline.refresh(study)
    assert not again.changed
    write_registry(study.root)
    pipeline.refresh(study)
    assert {t: r for t, r in rows(study).items() if t != "meta.load"} == {
        t: r for t, r in before.items() if t != "meta.load"
    }


def test_one_submission_can_be_withdrawn_by_the_log(study: Study) -> None:
    ask(study, "visit", HERS[1], "withdraw")
    pipeline.refresh(study)
    assert HERS[1] not in {row[0] for row in rows(study)["clean.visit"]}
    assert HERS[0] in {row[0] for row in rows(study)["clean.visit"]}
    # Who is only withdrawn is no case for `erase`.
    assert not erasing.erasure(study).target.requests


def erased(study: Study) -> dict[str, object]:
    return dict(pipeline.erase(study, erasing.erasure(study)).said)


def test_a_text_is_found_however_a_file_writes_it(study: Study) -> None:
    name = 'Nur\'aini "Ani"\nRekaan & Co'
    study.report.mkdir(exist_ok=True, parents=True)
    (study.report / "page.html").write_text(f"<p>{html.escape(name)}</p>", encoding="utf-8")
    book = openpyxl.Workbook()
    book.active.append([name])
    book.save(study.report / "annex.xlsx")
    with zstandard.open(study.landing / "visit" / "extra.zst", "wt", encoding="utf-8") as stream:
        stream.write(json.dumps({"data": {"job/": [{"boss": name}]}}) + "\n")
    found = {place.rpartition("/")[2] for place in search(study, [name])}
    assert found == {"page.html", "annex.xlsx", "extra.zst"}


def test_an_erased_person_is_nowhere_and_the_proof_says_so(study: Study) -> None:
    other = rows(study)
    ask(study, "registry", GONE)
    found = erasing.erasure(study)
    assert {(p.where, p.what): p.count for p in found.places} == {
        ("landing visit", "records"): 3,
        ("landing visit", "files"): 2,
        ("registry.csv", "rows"): 1,
        ("courses.csv", "rows"): 1,
        ("cases.csv", "rows"): 1,
    }
    done = pipeline.erase(study, found)
    assert done.event == erasing.DONE
    assert (done.said["places_with_a_key"], done.said["identifiers_others_have_too"]) == ([], 0)
    assert search(study, TEXTS) == {}
    raw = [file for file in study.root.rglob("*") if file.is_file() and "inbox" not in file.parts]
    for text in TEXTS:
        assert [file for file in raw if text.encode() in file.read_bytes()] == []
    media = [file.read_bytes() for file in study.landing.rglob("media/??/*")]
    assert b"photo of her alone" not in media
    assert b"photo of somebody" in media  # another person's too
    assert (study.root / "erasures.csv").read_text().splitlines()[1].startswith("registry,erased:")
    after = rows(study)
    for table in ("clean.visit", "pii.visit", "clean.registry", "clean.courses"):
        kept = [row for row in other[table] if GONE not in str(row) and not set(HERS) & set(row)]
        assert after[table] == kept


def test_what_is_erased_does_not_come_back(study: Study) -> None:
    ask(study, "registry", GONE)
    erased(study)
    write_registry(study.root)  # the office exports its list again, with her in it
    again = pipeline.refresh(study, sweep=True)
    assert any("erased submissions came again" in remark for remark in again.remarks)
    for text in (*HERS, name(7), phone(7)):
        assert tables_with(study, text) == []
    assert not [place for place in search(study, HERS) if place.startswith("var/landing")]
    # A visit that lands only now, about her who was erased: it is in no table, and the next erasure takes it.
    late = study.root / "inbox" / "late" / "submission.xml"
    late.parent.mkdir()
    body = visits()["instances/v107/submission.xml"].decode().replace("00000107", "00000307")
    late.write_text(body.replace("7.jpg", "8.jpg"), encoding="utf-8")
    pipeline.refresh(study)
    assert tables_with(study, GONE) == []


def test_the_landing_alone_gives_the_same_tables_after_an_erasure(study: Study) -> None:
    ask(study, "visit", HERS[1])
    erased(study)
    before = rows(study)
    study.warehouse.unlink()
    pipeline.refresh(study)
    assert rows(study) == before


@pytest.mark.parametrize("stop", ["remembered", "files", "run"])
def test_a_crash_in_the_middle_is_made_good_by_running_again(study: Study, stop: str) -> None:
    ask(study, "registry", GONE)
    found = erasing.erasure(study)
    if stop == "remembered":
        from tracer_etl.erased import remember

        remember(study.landing, {"registry": [GONE], "visit": HERS})
    elif stop == "files":
        erasing.erase(study, found)
        write_registry(study.root)  # as if the files had not been reached
    else:
        erasing.erase(study, found)
        pipeline.refresh(study)
    pipeline.erase(study, erasing.erasure(study))
    assert search(study, TEXTS) == {}
    assert [one.event for one in read_log(study.pdp_log)][-1] == erasing.DONE


def test_erasing_needs_the_landing_to_itself(study: Study) -> None:
    from tracer_etl.errors import LandingError
    from tracer_etl.shelf import claimed

    ask(study, "registry", GONE)
    found = erasing.erasure(study)
    with claimed(study.landing / "visit" / "pull.lock"), pytest.raises(LandingError, match="another pull"):
        pipeline.erase(study, found)
    assert Landing(study.landing, "visit").segments()
    pipeline.erase(study, erasing.erasure(study))
    assert search(study, TEXTS) == {}


def command(study: Study, *arguments: str) -> tuple[int, str, str]:
    given = ["--study", str(study.root / "study.toml"), *arguments]
    done = CliRunner().invoke(cli, given)
    return done.exit_code, done.stdout, done.stderr


def test_the_commands_ask_show_do_and_prove(study: Study) -> None:
    code, shown, said = command(study, "erase", "visit", HERS[1], "--who", "letter 12")
    assert code == 0
    assert "landing visit" in shown
    assert "--apply does it" in said
    assert HERS[1] in (study.root / "erasures.csv").read_text()
    assert command(study, "erase", "visit", HERS[1], "--who", "letter 12")[0] == 0
    assert len((study.root / "erasures.csv").read_text().splitlines()) == 2
    code, _, said = command(study, "erase", "--apply")
    assert code == 0, said
    assert "erased: erased:" in said
    code, shown, said = command(study, "privacy", "proof", "visit", HERS[1], "--json")
    assert code == 0
    assert [one["event"] for one in json.loads(shown)] == [erasing.BEGUN, erasing.DONE]
    assert "nothing of it is left" in said
    assert command(study, "erase")[2].strip() == "tracer-etl: no open erasure in erasures.csv"
    assert HERS[1] not in (study.root / "erasures.csv").read_text()
    with duckdb.connect(str(study.warehouse), read_only=True) as connection:
        assert connection.execute("SELECT DISTINCT intact FROM meta.pdp_log").fetchall() == [(True,)]


def test_a_log_somebody_changed_is_seen(study: Study) -> None:
    ask(study, "visit", HERS[1])
    erased(study)
    assert all(one.intact for one in read_log(study.pdp_log))
    first, *rest = study.pdp_log.read_text().splitlines()
    study.pdp_log.write_text("\n".join([first.replace("records", "record"), *rest]) + "\n")
    assert not all(one.intact for one in read_log(study.pdp_log))
    assert "something was changed" in command(study, "privacy", "log")[2]


def test_a_line_the_power_cut_short_is_none(study: Study) -> None:
    ask(study, "visit", HERS[1])
    erased(study)
    whole = read_log(study.pdp_log)
    with study.pdp_log.open("ab") as stream:
        stream.write(b'{"at": "2026-02-0')
    assert read_log(study.pdp_log) == whole
    note(study.pdp_log, "export", {})
    assert [one.event for one in read_log(study.pdp_log)] == [*(one.event for one in whole), "export"]
    assert all(one.intact for one in read_log(study.pdp_log))


def test_a_key_too_short_to_be_looked_for_can_be_erased(study: Study) -> None:
    ask(study, "visit", "17")
    assert erased(study)["texts_searched"] == 0


def test_a_key_nobody_has_is_erased_without_a_trace_and_wrong_lines_are_named(study: Study) -> None:
    from tracer_etl.errors import StudyError

    with pytest.raises(StudyError, match="neither a form nor the registry"):
        ask(study, "visits", person(1))
    ask(study, "visit", "uuid:99999999")
    assert erased(study)["places_with_a_key"] == []
    (study.root / "erasures.csv").write_text("of,key,request,who,when,why\nvisit,x,forget,a,2026-01-01,b\n")
    with pytest.raises(StudyError, match=r"erasures.csv:2: no request 'forget'"):
        pipeline.build(study)
