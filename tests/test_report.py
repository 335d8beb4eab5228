"""The site: both languages complete, nothing of one person, nothing from a network, the same bytes again."""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING

import pytest

from frame import SECRET, frame
from report_site import TITLE, public_pages, said, tracer_copy, tree
from tracer_etl.errors import StudyError, WarehouseError
from tracer_etl.evidence.marts import make_marts
from tracer_etl.report import report
from tracer_etl.report.words import LANGUAGES, catalogue

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    """The site of a tracer study with estimates."""
    folder = tmp_path_factory.mktemp("report")
    return report(tracer_copy(folder / "tracer.duckdb"), folder / "out", TITLE)


def generic(path: Path, *, tracer: bool = False) -> Path:
    made = frame(str(path), tracer=tracer)
    make_marts(made.connection)
    made.connection.close()
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Path:
    """The site of a study without estimates."""
    folder = tmp_path_factory.mktemp("plain")
    return report(generic(folder / "cows.duckdb"), folder / "out", {"en": "Cows"})


def test_every_text_is_in_both_languages_with_the_same_values():
    assert len(catalogue()) > 50
    for key, sides in catalogue().items():
        assert set(sides) == set(LANGUAGES), key
        assert all(side.strip() for side in sides.values()), key
        fields = [{name for _, name, _, _ in Formatter().parse(side) if name} for side in sides.values()]
        assert fields[0] == fields[1], key


def test_every_page_says_as_much_in_one_language_as_in_the_other(index):
    for page in public_pages(index):
        pairs = {lang: tree(page).xpath(f"//span[@lang='{lang}']") for lang in LANGUAGES}
        assert len(pairs["id"]) == len(pairs["en"]) > 10, page.name
        assert all(node.text_content().strip() for found in pairs.values() for node in found), page.name


def test_the_headline_is_weighted_uncertain_and_not_an_effect(index):
    english = said(index, "en")
    assert re.search(r"About \d\d of 100 alumni are working", english)
    assert re.search(r"very probably lies between \d\d% and \d\d%", english)
    assert re.search(r"From \d+ alumni who answered, weighted", english)
    assert "68.9%" in english
    assert "68,9%" in said(index, "id")
    assert "80% to 90% in work" in english
    assert "You may" in english


def test_rules_count_submissions_not_answers(plain):
    [row] = tree(plain.parent / "quality.html").xpath("//tr[th/small='form:constraint']")
    assert row.xpath("string(td[last()])") == "3"
    assert row.xpath("string(th/span[@lang='en'])") == "Breaks a constraint."


def test_an_incomplete_pull_is_shown_as_such(plain):
    assert "1,240 ✗ 6 missing" in said(plain.parent / "quality.html", "en")
    assert "1.240 ✗ kurang 6" in said(plain.parent / "quality.html", "id")


def test_numbers_and_times_are_written_as_each_language_does(plain):
    assert "1.234 kiriman diterima" in said(plain, "id")
    assert "1,234 submissions received" in said(plain, "en")
    foot = tree(plain).xpath("string(//footer)")
    assert "3 Februari 2026, 10.00 WIB" in foot
    assert "3 February 2026, 10:00 WIB" in foot


def test_nothing_of_one_person_is_on_a_public_page(index, plain):
    for page in [*public_pages(index), *public_pages(plain)]:
        content = page.read_text(encoding="utf-8")
        assert SECRET not in content
        assert not re.search(r"\bA\d{4,7}\b|\bK\d{4}\b|uuid:", content), page.name


def test_what_comes_from_outside_is_escaped(plain, index):
    content = (plain.parent / "quality.html").read_text(encoding="utf-8")
    assert "Upah &lt;mustahil&gt;" in content
    assert "<mustahil>" not in content
    assert "Penelusuran &lt;Uji&gt;</title>" in index.read_text(encoding="utf-8")


def test_no_page_needs_a_network(index):
    for file in [*public_pages(index), *(index.parent / "assets").iterdir()]:
        assert not re.search(r"https?://|@import|url\((?!#)", file.read_text(encoding="utf-8")), file.name


def test_every_page_is_well_formed_and_structured(index):
    for page in public_pages(index):
        found = tree(page)
        assert len(found.xpath("//h1")) == 1, page.name
        assert all(table.xpath("./caption") for table in found.xpath("//table"))
        assert all(svg.xpath("./*[name()='title'] and ./*[name()='desc']") for svg in found.xpath("//svg"))
        assert all(figure.xpath("./figcaption") for figure in found.xpath("//figure"))
        ids = found.xpath("//@id")
        assert len(ids) == len(set(ids)), page.name


def test_the_same_data_give_the_same_bytes(index, tmp_path):
    again = report(index.parents[1] / "tracer.duckdb", tmp_path, TITLE)
    for page in public_pages(index):
        assert (again.parent / page.name).read_bytes() == page.read_bytes(), page.name


def test_another_study_gets_its_generic_pages(plain):
    assert {page.name for page in public_pages(plain)} == {"index.html", "quality.html"}
    assert "alumni" not in said(plain, "en")


def test_before_the_first_interview_there_is_no_number(tmp_path):
    page = report(generic(tmp_path / "t.duckdb", tracer=True), tmp_path / "out", TITLE)
    assert "Not enough interviews yet" in said(page, "en")


def test_a_page_without_tables_any_more_is_removed(tmp_path):
    stale = tmp_path / "out" / "outcomes.html"
    stale.parent.mkdir()
    stale.write_text("old")
    report(generic(tmp_path / "t.duckdb"), tmp_path / "out", TITLE)
    assert not stale.exists()


def test_without_marts_it_says_what_to_run(tmp_path):
    frame(str(tmp_path / "t.duckdb")).connection.close()
    with pytest.raises(StudyError, match="tracer-etl run"):
        report(tmp_path / "t.duckdb", tmp_path / "out", TITLE)


def test_a_damaged_copy_is_one_clear_error(tmp_path):
    (tmp_path / "t.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError, match=r"t\.duckdb"):
        report(tmp_path / "t.duckdb", tmp_path / "out", TITLE)
