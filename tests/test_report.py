"""The site: both languages complete, nothing of one person, nothing from a network, the same bytes again."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from string import Formatter
from typing import TYPE_CHECKING

import openpyxl
import pytest

from frame import SECRET, frame
from report_site import TITLE, execute, public_pages, said, tracer_copy, tree
from tracer_etl.errors import StudyError, WarehouseError
from tracer_etl.evidence.constants import FAMILIES
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.storing import definitions
from tracer_etl.exports.annex import write_annex
from tracer_etl.report import report
from tracer_etl.report.pages.contrasts import _word
from tracer_etl.report.words import LANGUAGES, catalogue

if TYPE_CHECKING:
    from pathlib import Path


PAGES = {
    "index",
    "outcomes",
    "skills",
    "places",
    "plan",
    "demand",
    "selection",
    "response",
    "quality",
    "definitions",
}
PAPER = 688
"""A4 less the margins, in CSS pixels."""
CHROMIUM = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run"


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    """The site of a tracer study with estimates, plan and selection."""
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


def test_who_withdrew_is_counted_so_that_received_and_server_add_up(plain, tmp_path):
    assert "Withdrawn" not in said(plain.parent / "quality.html", "en")
    copy = generic(tmp_path / "cows.duckdb")
    execute(copy, "update marts.data_quality set landed = landed - 5, good = good - 5")
    page = report(copy, tmp_path / "out", {"en": "Cows"}).parent / "quality.html"
    assert "withdrew or asked to be erased: 5. On the server = received + withdrawn." in said(page, "en")
    heads = tree(page).xpath("//table[1]/thead//th/span[@lang='en']/text()")
    cells = tree(page).xpath("//table[1]/tbody/tr[1]/td")
    assert cells[heads.index("Withdrawn") - 1].text_content() == "5"


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


def test_axes_are_written_as_each_language_does(index):
    marks = {
        language: set(tree(index.parent / "outcomes.html").xpath(f"//div[@lang='{language}']//text()"))
        for language in LANGUAGES
    }
    assert "0,5 UMK" in marks["id"] - marks["en"]
    assert "0.5 UMK" in marks["en"] - marks["id"]


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


# -- links, numbers and their definitions


def test_every_page_of_the_tracer_study_is_there(index):
    assert {page.stem for page in public_pages(index)} == PAGES


def test_every_link_and_anchor_leads_somewhere(index):
    ids = {page.name: set(tree(page).xpath("//@id")) for page in public_pages(index)}
    for page in public_pages(index):
        for link in tree(page).xpath("//a/@href"):
            name, _, anchor = link.partition("#")
            assert (page.parent / (name or page.name)).exists(), (page.name, link)
            assert not anchor or anchor in ids[name or page.name], (page.name, link)


def test_every_number_shows_how_many_people_stand_behind_it(index):
    figures = [
        figure for page in public_pages(index) for figure in tree(page).xpath("//span[@class='figure']")
    ]
    assert len(figures) > 100
    assert all(figure.xpath("./a[contains(@href, 'definitions.html#')]") for figure in figures)
    assert all("n = " in " ".join(figure.text_content().split()) for figure in figures)


def test_a_hidden_number_says_why(index):
    reasons = Counter(
        " ".join(node.xpath("string(.//small/span[@lang='en'])").split())
        for node in tree(index.parent / "outcomes.html").xpath("//span[@class='figure none']")
    )
    assert "fewer than 10" in reasons
    assert "" not in reasons


def test_definitions_are_words_in_both_languages():
    formulas = {
        text for row in definitions().itertuples() for text in (row.numerator, row.denominator, row.unit)
    }
    words = {"of", "or", "not", "the", "employed", "respondents", "work", "earnings", "all"}
    wordy = {text for text in formulas if words & set(re.findall(r"[a-z_]+", text))}
    assert len(wordy) > 50
    assert {text for text in wordy if f"formulas.{text}" not in catalogue()} == set()


def test_an_effect_is_said_only_against_applicants_and_with_its_assumption(index):
    rows = {
        " ".join(row.xpath("string(th/span[@lang='en'])").split()): " ".join(
            row.xpath("string(td[last()]/span[@lang='en'])").split()
        )
        for row in tree(index.parent / "outcomes.html").xpath("//section[@id='compared']//tr[td]")
    }
    assert rows["Applicants not accepted: any work"].startswith("Estimated effect: a rise, assuming that")
    assert "Do not say" in rows["Before the training: any work"]
    assert "difference" in rows["People in general: any work"]
    assert rows["People of the same sex, age and education: any work"].startswith(
        "The data do not allow it: "
    )
    english = said(index.parent / "outcomes.html", "en")
    assert re.search(r"\+\d\d points \(\+\d\d to \+\d\d\); n = 1\d\d and \d\d\d", english)
    assert "Education: Vocational upper secondary" in english
    assert "Rumpun pelatihan: minuman" in said(index.parent / "outcomes.html", "id")
    assert re.search(
        r"over the effect\): Rp\d\d\.\d million Rp\d\d\.\d million . Rp\d\d",
        said(index.parent / "outcomes.html", "en"),
    )
    assert "the lottery band of the 2026 selection will not need to" in said(index, "en")
    assert {f"contrasts.family_{family}" for family in FAMILIES.values()} <= set(catalogue())


@pytest.mark.parametrize(("low", "added"), [(-5.0, False), (5.0, True)])
def test_an_effect_that_only_its_own_range_shows_is_none_of_three(low, added):
    row = {
        "verdict": "null",
        "design": "applicants",
        "unit": "share",
        "detectable": 0.1,
        "low": low,
        "high": 9.0,
    }
    said_of_it = _word(row)["en"]
    assert said_of_it.startswith("No effect is shown")
    assert ("of three looks one may do so by chance" in said_of_it) is added


def test_the_plan_says_its_doubt_and_what_is_a_pilot(index):
    english = said(index.parent / "plan.html", "en")
    assert re.search(r"\d+% among the first 4: (clear|likely|open|unlikely)", english)
    assert "no evidence yet: pilot" in english
    assert "no licensed LPK, TUK and LSP within reach" in english  # grafis
    assert "200 draws, seed 2026" in english
    assert re.search(r"placeholders of the rehearsal: the budget, .*ratings of priority", english)


def test_counts_of_few_people_are_not_said(index):
    english = said(index.parent / "demand.html", "en")
    assert "12 ideas" in english
    assert "fewer than 5" in english  # one employer


def test_the_annex_holds_every_number_and_what_bps_asks_for(index, tmp_path):
    copy = tmp_path / "tracer.duckdb"
    shutil.copy(index.parents[1] / "tracer.duckdb", copy)
    execute(
        copy,
        "create table meta.setting (name varchar, value varchar)",
        "create table meta.column (form_id varchar, privacy varchar, table_name varchar, column_name varchar)",
    )
    assert write_annex(copy, tmp_path / "annex.xlsx", TITLE)
    book = openpyxl.load_workbook(tmp_path / "annex.xlsx", read_only=True)
    assert {
        "angka_numbers",
        "definisi_definitions",
        "kerangka_margins",
        "pembanding_contrasts",
        "rencana_plan",
        "MS-Keg",
        "MS-Var",
        "MS-Ind",
    } <= set(book.sheetnames)
    margins = list(book["kerangka_margins"].iter_rows(min_row=2, values_only=True))
    assert sum(target for margin, _, target, _ in margins if margin == "zone") == 240
    numbers = list(book["angka_numbers"].iter_rows(values_only=True))
    place = {name: at for at, name in enumerate(numbers[0])}
    hidden = [row for row in numbers[1:] if row[place["suppressed"]]]
    assert hidden
    assert all(row[place["estimate"]] is None and row[place["imputed"]] is None for row in hidden)
    indicators = [row[0] for row in book["MS-Ind"].iter_rows(values_only=True)]
    assert {"A1", "T1", "F3"} <= set(indicators)
    assert report(copy, tmp_path / "out", TITLE)
    execute(copy, "drop table marts.contrast", "alter table marts.estimate drop column deff")
    assert write_annex(copy, tmp_path / "annex.xlsx", TITLE)
    assert not write_annex(_without_estimates(copy), tmp_path / "annex.xlsx", TITLE)
    assert not (tmp_path / "annex.xlsx").exists()


def _without_estimates(copy: Path) -> Path:
    execute(copy, "drop table marts.estimate")
    return copy


# -- in a browser


@pytest.mark.browser
@pytest.mark.slow
def test_in_a_browser(index):
    """Every page: wide and narrow, both languages, print; no error, no overflow, nothing axe calls serious."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    noticed, asked, found = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM.split())
        view = browser.new_page(viewport={"width": 1280, "height": 900})
        view.on("console", lambda message: noticed.append(message.text))
        view.on("pageerror", lambda error: noticed.append(str(error)))
        view.on("request", lambda request: asked.append(request.url))
        for page in public_pages(index):
            for width, language in ((1280, "id"), (412, "en")):
                view.set_viewport_size({"width": width, "height": 900})
                view.goto(f"{page.as_uri()}?lang={language}")
                assert view.evaluate("document.documentElement.lang") == language
                assert view.evaluate("document.documentElement.scrollWidth <= innerWidth"), (page.name, width)
                if width > 1000:  # axe takes a second a page: once is enough
                    continue
                axe = Axe().run(view, options={"preload": False}).response["violations"]
                found += [
                    (page.name, width, one["id"], [node["html"][:200] for node in one["nodes"]][:3])
                    for one in axe
                    if one["impact"] in ("serious", "critical")
                ]
            assert view.pdf(prefer_css_page_size=True).startswith(b"%PDF")
            # What is wider than the paper makes Chromium print the whole page smaller.
            view.emulate_media(media="print")
            view.set_viewport_size({"width": PAPER, "height": 900})
            assert view.evaluate("document.documentElement.scrollWidth") <= PAPER, page.name
            view.emulate_media(media="screen")
        view.set_viewport_size({"width": 1280, "height": 900})
        view.goto(index.as_uri() + "?lang=id")
        view.click("label[for=lang-en]")
        assert "working" in view.inner_text("h1")
        view.click("nav li:nth-child(2) a")
        view.wait_for_url("**/outcomes.html?lang=en")
        assert view.inner_text("h1") == "What happened after the training"
        browser.close()
    assert noticed == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert found == []
