"""What a supervisor sees: marts of the team's work on both databases, and the page made of them."""

from __future__ import annotations

import shutil
from datetime import date
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from playwright.sync_api import sync_playwright

import postgres
from makers import study_folder, xml
from report_site import said, tree
from supervisor_world import fill
from tracer_etl import pipeline
from tracer_etl.evidence.marts import make_marts
from tracer_etl.fieldwork.review_reasons import comment, findings
from tracer_etl.report import report
from tracer_etl.study import read_study
from tracer_etl.warehouse import open_warehouse
from tracer_etl.warehouse.session import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracer_etl.warehouse.contract import Connection

ANSWERS = "<who>Sri</who><age>{}</age><work>0</work>"
OLD = """
thresholds: {oldest: 60}
checks:
  - id: H01
    scope: submission
    form: visit
    type: sql
    severity: warning
    kwargs: {sql: "SELECT _submission_id, age FROM judged_visit WHERE age > {oldest}"}
    meta: {column: age, why: {id: Lebih tua dari yang tertua., en: Older than the oldest.}}
"""


@pytest.fixture(scope="module", params=["duckdb", "postgres"])
def made(request: pytest.FixtureRequest) -> Iterator[Connection]:
    if request.param == "duckdb":
        with duckdb.connect() as opened:
            fill(opened)
            make_marts(opened)
            yield opened
        return
    with postgres.running() as server:
        session = connect(server.fresh())
        try:
            fill(session)
            make_marts(session)
            yield session
        finally:
            session.raw.close()


def rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    found = connection.execute(sql).fetchall()
    return [tuple(round(v, 3) if isinstance(v, float) else v for v in row) for row in found]


def test_a_scorecard_counts_good_and_held_work_alike_and_no_web_form(made: Connection) -> None:
    found = rows(
        made,
        "select enumerator, attempts, persons, completes, held, reached_share, refused_share, median_minutes, team_minutes, "
        "short_share, rules from marts.enumerator_scorecard order by enumerator",
    )
    # completes take 25, 31 and three times 12 minutes: the team's median is 12, and nothing is under 0.6 of it
    assert found == [
        ("P01", 3, 3, 1, 0, 0.333, 0.333, 25.0, 12.0, 0.0, 1),
        ("P02", 3, 3, 3, 3, 1.0, 0.0, 12.0, 12.0, 0.0, 3),
        ("P03", 1, 1, 1, 0, 1.0, 0.0, 31.0, 12.0, 0.0, 1),
    ]


def test_findings_are_counted_per_enumerator_and_rule_and_released_ones_are_gone(made: Connection) -> None:
    found = rows(
        made,
        "select enumerator, rule, severity, scope, submissions, value from marts.enumerator_finding order by 1, 2",
    )
    assert found == [
        ("P01", "H21", "info", "submission", 1, ""),
        ("P02", "H10", "warning", "submission", 3, ""),
        ("P02", "H12", "warning", "submission", 3, ""),
        ("P02", "H17", "warning", "enumerator", None, "tidak pernah diwawancarai / never interviewed: 1"),
        ("P03", "H16", "info", "enumerator", None, "0 / 1"),
    ]


def test_back_checks_are_counted_by_type_of_error(made: Connection) -> None:
    found = rows(made, "select * from marts.enumerator_check order by enumerator")
    assert found == [
        ("P01", 1, 1, 0, 1, 2, 1, 3),
        ("P02", 3, 1, 1, 0, 0, 0, 0),
        ("P03", 1, 0, 0, 0, 0, 0, 0),
    ]


def test_the_field_work_is_held_to_its_own_bar(made: Connection) -> None:
    found = {row[0]: row[1:] for row in rows(made, "select * from marts.quality_bar order by measure")}
    # Three of nine answered, a fourth refused, five reached or not; of five complete two were checked, one of two answers wrong.
    assert found["response"] == (0.8, "least", 0.333, 9, False)
    assert found["contact"] == (0.92, "least", 0.444, 9, False)
    assert found["refusal"] == (0.04, "most", 0.111, 9, False)
    assert found["checked_again"] == (0.1, "least", 0.4, 5, True)
    assert found["type_1_error"] == (0.02, "most", 0.5, 2, False)
    assert found["representativity"] == (0.8, "least", None, 0, None)  # before anything is estimated
    assert found["income_untold"] == (0.15, "most", 0.0, 3, True)


def test_everybody_in_the_frame_stands_somewhere(made: Connection) -> None:
    found = rows(made, "select * from marts.case_progress order by dimension, value")
    # A1 A7 A8 interviewed, A4-A6 held, A3 open, A9 untried, A2 refused
    assert ("overall", "", 9, 3, 3, 1, 1, 1) in found
    assert ("area", "350501", 4, 1, 1, 1, 0, 1) in found
    assert ("area", "350502", 5, 2, 2, 0, 1, 0) in found
    assert ("programme", "barista", 9, 3, 3, 1, 1, 1) in found
    assert all(frame == sum(parts) for _, _, frame, *parts in found)


def test_days_show_what_was_done_and_what_of_it_is_held(made: Connection) -> None:
    found = rows(
        made,
        "select date, submissions, attempts, completes, refusals, held, enumerators from marts.field_day",
    )
    assert found == [(date(2026, 1, 10), 7, 4, 2, 1, 3, 2), (date(2026, 1, 11), 1, 1, 1, 0, 0, 1)]


def test_what_to_send_back_names_rule_and_reason_and_no_answer(made: Connection) -> None:
    found = rows(
        made,
        "select submission_id, enumerator, review_state, rule, why_en from marts.send_back order by 1, 4",
    )
    why = "Almost the same answers."
    assert found == [
        (key, "P02", "hasIssues" if key == "b4" else "", rule, why)
        for key in ("b4", "b5", "b6")
        for rule in ("H10", "H12")
    ]


# -- the page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The supervisor's page of the small team."""
    folder = tmp_path_factory.mktemp("supervisor")
    with duckdb.connect(str(folder / "tracer.duckdb")) as opened:
        fill(opened)
        make_marts(opened)
        for area in ("quarantine", "pii"):
            opened.execute(f"DROP SCHEMA {area} CASCADE")
    report(folder / "tracer.duckdb", folder / "out", {"id": "Uji", "en": "Trial"})
    return folder / "out" / "office" / "supervisor.html"


def tasks(page: Path, language: str) -> list[str]:
    hidden = {"id": "en", "en": "id"}[language]
    found = tree(page)
    for node in found.xpath(f"//*[@lang='{hidden}' and not(self::html)]"):
        node.drop_tree()
    return [" ".join(node.text_content().split()) for node in found.xpath("//ol[@class='todo']/li/h2")]


def test_the_page_begins_with_what_to_do_in_both_languages(page: Path) -> None:
    assert tasks(page, "en") == [
        "Meet P02 before the next interview; 3 held",
        "Submissions to look at and send back: 2",
        "Interviews to check again: 3",
        "Alumni still to be scheduled: 2",
    ]
    assert tasks(page, "id") == [
        "Temui P02 sebelum wawancara berikutnya; 3 kirimannya ditahan",
        "Periksa dan kembalikan 2 kiriman yang ditahan",
        "Cek ulang 3 wawancara lagi",
        "Jadwalkan 2 alumni yang belum selesai",
    ]


def test_the_scorecard_says_in_words_what_it_marks_in_colour(page: Path) -> None:
    [serious] = tree(page).xpath("//tr[@class='serious']")
    words = " ".join(serious.text_content().split())
    assert words.startswith("P02")
    assert "Temui · aturan: 3" in words
    assert "Meet · rules: 3" in words
    assert "1 \u00d7 never interviewed" in words


def test_what_is_held_is_listed_by_key_with_reasons_and_flagged_ones_are_marked(page: Path) -> None:
    english = said(page, "en")
    assert "P02 3 held" in english
    assert "All of them: Almost the same answers. (H10) Almost the same answers. (H12)" in english
    assert "b4 already flagged on the server 10 January 2026" in english
    assert "b5 already flagged" not in english


def test_a_rule_nobody_could_judge_is_not_taken_for_passed(page: Path) -> None:
    assert "Not judged yet, so not passed either: H13: Almost the same answers." in said(page, "en")


def test_progress_names_the_districts_and_adds_up(page: Path) -> None:
    english = said(page, "en")
    assert (
        "3 of 9 alumni on the list are interviewed (33%); 3 more have an interview that is held." in english
    )
    assert "Wonodadi" in english
    assert "Udanawu" in english


def test_the_page_is_for_the_office_and_no_public_page_names_an_enumerator(page: Path) -> None:
    public = sorted(page.parents[1].glob("*.html"))
    assert public
    for one in public:
        text = one.read_text(encoding="utf-8")
        assert "supervisor.html" not in text
        assert not {"P01", "P02", "P03"} & set(tree(one).text_content().split())
    assert "Hanya untuk kantor" in page.read_text(encoding="utf-8")


def test_a_quiet_day_is_said(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "tracer.duckdb")) as opened:
        fill(opened)
        for table in ("quarantine.alumni_tracer", "quarantine.reason", "meta.finding", "clean.backcheck"):
            opened.execute(f"DELETE FROM {table}")
        opened.execute("DELETE FROM clean.registry_person WHERE alumni_id NOT IN ('A1', 'A2', 'A7', 'A8')")
        make_marts(opened)
        opened.execute("UPDATE marts.enumerator_check SET checked = completes")
    report(tmp_path / "tracer.duckdb", tmp_path / "out", {"en": "Trial"})
    text = said(tmp_path / "out" / "office" / "supervisor.html", "en")
    assert "Nothing is urgent" in text
    assert "No submission is held." in text


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 412])
def test_the_page_fits_the_screen_in_both_languages(page: Path, width: int) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        screen = browser.new_page(viewport={"width": width, "height": 900})
        said_wrong: list[str] = []
        screen.on("console", lambda message: said_wrong.append(message.text))
        screen.goto(page.as_uri())
        heads = {}
        for language in ("id", "en"):
            screen.click(f"label[for=lang-{language}]")
            heads[language] = screen.inner_text("h1")
            screen.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            assert screen.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()
    assert heads == {"id": "Yang perlu dikerjakan hari ini", "en": "What to do today"}
    assert said_wrong == []


# -- and it reaches the server


def test_what_oversight_holds_reaches_the_review_desk_with_its_reason(tmp_path: Path) -> None:
    submissions = {"a": xml(1, ANSWERS.format(30)), "b": xml(2, ANSWERS.format(64))}
    study = read_study(study_folder(tmp_path, submissions))
    (study.expectations / "study").mkdir()
    (study.expectations / "study" / "enumerator.yaml").write_text(OLD, encoding="utf-8")
    pipeline.refresh(study)
    with open_warehouse(study) as warehouse:
        found = findings(warehouse.connection, "visit", "en")
    [one] = found.values()
    assert [(reason.rule, reason.severity, reason.why) for reason in one.reasons] == [
        ("H01", "warning", "Older than the oldest.")
    ]
    assert "Older than the oldest." in comment(one, "en")
