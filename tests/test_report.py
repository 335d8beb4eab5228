"""The page: both languages complete, nothing of one person, nothing from a network, the same bytes again."""

from __future__ import annotations

import re
import shutil
from string import Formatter
from typing import TYPE_CHECKING

import pytest
from lxml import html

from frame import SECRET, frame
from tracer_etl.errors import StudyError, WarehouseError
from tracer_etl.evidence.marts import make_marts
from tracer_etl.report import report
from tracer_etl.report.words import LANGUAGES, catalogue

if TYPE_CHECKING:
    from pathlib import Path

TITLE = {"id": "Penelusuran <Uji>", "en": "Trial & Tracer"}
CHROMIUM = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run"


def published(path: Path, *, tracer: bool = True, people: int = 40) -> Path:
    made = frame(str(path), tracer=tracer)
    for number in range(people if tracer else 0):
        programme = "barista" if number % 4 else "konten"
        work = {"emp_bps": "1", "status_emp": "4", "match_field": "1", "hours_all": 40, "pay_band": "4"}
        made.person("900", "110", programme=programme, **(work if number % 5 else {"emp_bps": "0"}))
    if tracer:
        made.person("211")
        made.person("410")
    make_marts(made.connection)
    made.connection.close()
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    return report(published(folder / "tracer.duckdb"), folder / "out", TITLE)


def texts(page: Path, language: str) -> str:
    tree = html.fromstring(page.read_bytes())
    found = tree.xpath(f"//*[@lang='{language}' and (self::span or self::div)]")
    return " ".join("".join(node.itertext()) for node in found)


def test_every_text_is_in_both_languages_with_the_same_values():
    assert len(catalogue()) > 50
    for key, sides in catalogue().items():
        assert set(sides) == set(LANGUAGES), key
        assert all(side.strip() for side in sides.values()), key
        fields = [{name for _, name, _, _ in Formatter().parse(side) if name} for side in sides.values()]
        assert fields[0] == fields[1], key


def test_both_languages_say_the_same_numbers_their_own_way(page):
    indonesian, english = texts(page, "id"), texts(page, "en")
    assert "kira-kira 80 bekerja" in indonesian  # 32 of 40
    assert "about 80 are working" in english
    assert "97,6%" in indonesian  # RR2 = 40 of 41, one of 42 not eligible
    assert "97.6%" in english
    assert "1.234" in indonesian
    assert "1,234" in english
    assert "3 Februari 2026, 10.00 WIB" in indonesian


def test_the_headline_says_unweighted_uncertain_and_not_an_effect(page):
    english = texts(page, "en")
    assert "Provisional: unweighted" in english
    assert "65% to 90%. Base: 40 alumni" in english  # Wilson, 32 of 40
    assert "68.9%" in english
    assert "no clear difference" in english  # 65-90% contains 68.9%
    assert "80-90% absorbed" in english


def test_rules_count_submissions_not_answers(page):
    [row] = html.fromstring(page.read_bytes()).xpath("//tr[th/small='form:constraint']")
    assert row.xpath("string(td[last()]/span[@lang='en'])") == "3"
    assert row.xpath("string(th/span[@lang='en'])") == "Breaks a constraint."


def test_the_figures_behind_the_disposition_chart_are_a_table(page):
    rows = html.fromstring(page.read_bytes()).xpath("//details//tbody/tr")
    persons = {row.xpath("string(td[1])"): row.xpath("string(td[2]/span[@lang='en'])") for row in rows}
    assert (persons["110"], persons["211"], persons["410"]) == ("40", "1", "1")
    assert "4 submissions of this form are set aside" in texts(page, "en")


def test_an_incomplete_pull_is_shown_as_such(page):
    assert "6 missing" in texts(page, "en")


def test_small_groups_have_no_rate(tmp_path):
    page = report(published(tmp_path / "t.duckdb", people=9), tmp_path / "out", TITLE)
    assert "Not enough interviews yet" in texts(page, "en")
    assert "not shown" in texts(page, "en")


def test_nothing_of_one_person_is_on_the_page(page):
    content = page.read_text(encoding="utf-8")
    assert SECRET not in content
    assert not re.search(r"A\d{7}\b|uuid:", content)


def test_what_comes_from_outside_is_escaped(page):
    content = page.read_text(encoding="utf-8")
    assert "Upah &lt;mustahil&gt;" in content
    assert "<mustahil>" not in content
    assert "<title>Penelusuran &lt;Uji&gt;</title>" in content


def test_the_page_needs_no_network(page):
    content = page.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|\bsrc=|url\((?!#)", content)


def test_the_page_is_well_formed_and_structured(page):
    tree = html.fromstring(page.read_bytes())
    assert len(tree.xpath("//h1")) == 1
    assert len(tree.xpath("//section/h2")) >= 6
    assert all(table.xpath("./caption") for table in tree.xpath("//table"))
    assert all(svg.get("aria-hidden") == "true" for svg in tree.xpath("//svg"))
    assert all(figure.xpath("./figcaption") for figure in tree.xpath("//figure"))
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))


def test_the_same_data_give_the_same_bytes(page, tmp_path):
    again = report(page.parents[1] / "tracer.duckdb", tmp_path, TITLE)
    assert again.read_bytes() == page.read_bytes()


def test_another_study_gets_its_data_quality(tmp_path):
    page = report(published(tmp_path / "t.duckdb", tracer=False), tmp_path / "out", {"en": "Cows"})
    assert "Received" in texts(page, "en")
    assert "alumni" not in texts(page, "en").replace("alumni_tracer", "")


def test_without_marts_it_says_what_to_run(tmp_path):
    frame(str(tmp_path / "t.duckdb")).connection.close()
    with pytest.raises(StudyError, match="tracer-etl run"):
        report(tmp_path / "t.duckdb", tmp_path / "out", TITLE)


def test_a_damaged_copy_is_one_clear_error(tmp_path):
    (tmp_path / "t.duckdb").write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseError, match=r"t\.duckdb"):
        report(tmp_path / "t.duckdb", tmp_path / "out", TITLE)


def test_a_phone_with_a_wrong_clock_does_not_stretch_the_field_period(tmp_path):
    made = frame(str(tmp_path / "t.duckdb"))
    key = made.person("900", "110", emp_bps="1")
    made.attempt(key, 3, "900")
    made.connection.execute("update clean.alumni_tracer set today = '2019-01-02' where attempt_no = 3")
    make_marts(made.connection)
    made.connection.close()
    english = texts(report(tmp_path / "t.duckdb", tmp_path / "out", TITLE), "en")
    assert "1 interviews in 2 contact attempts, 1 January 2026 to 2 January 2026." in english
    assert "are not drawn: 1 attempts" in english


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 412])
def test_in_a_browser(page, width):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    from playwright.sync_api import sync_playwright

    said, asked = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM.split())
        view = browser.new_page(viewport={"width": width, "height": 900})
        view.on("console", lambda message: said.append(message.text))
        view.on("pageerror", lambda error: said.append(str(error)))
        view.on("request", lambda request: asked.append(request.url))
        view.goto(page.as_uri())
        assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert "bekerja" in view.inner_text("h1")
        view.click("label[for=lang-en]")
        assert "working" in view.inner_text("h1")
        assert "bekerja" not in view.inner_text("h1")
        assert view.evaluate("document.documentElement.lang") == "en"
        assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
