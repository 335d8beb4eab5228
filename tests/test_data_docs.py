"""Great Expectations' Data Docs: every rule and what came of it, nobody's answers, nothing from a network."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

import postgres
from makers import schema, study_folder, xml
from report_site import tree
from supervisor_world import fill
from tracer_etl import pipeline
from tracer_etl.checks.data_docs import write_data_docs
from tracer_etl.evidence.marts import make_marts
from tracer_etl.report import DATA_DOCS, report
from tracer_etl.study import read_study
from tracer_etl.warehouse.meta import META_TABLES
from tracer_etl.warehouse.session import connect

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.study import Study
    from tracer_etl.warehouse.contract import Connection

SECRET, PLACE, OLD = "Sulastri Rekaan", "-8.0954 112.1609 150 5", 97
VISITS = {
    f"v{n}": xml(
        n,
        f"<who>{SECRET}</who><age>{OLD if n == 1 else 30}</age><work>0</work><place>{PLACE}</place>",
    )
    for n in range(1, 5)
}
RULES = """
derived_columns:
  ok_born: born < DATE '2020-01-01'
expectations:
  - type: expect_column_values_to_be_between
    kwargs: {column: age, max_value: 60}
    severity: info
    meta: {id: R1, why: {id: Terlalu <b>tua</b>, en: Too <b>old</b> for $1}}
  - type: expect_column_values_to_be_in_set
    kwargs: {column: ok_born, value_set: [true]}
    severity: warning
    meta: {id: R2, column: born, why: {id: Lahir nanti, en: Born later}}
"""
LATER = """
  - type: expect_column_values_to_be_between
    kwargs: {column: age, min_value: 1}
    severity: critical
    meta: {id: R3, why: {id: Terlalu muda, en: Too young}}
"""


def run(study: Study) -> Path:
    pipeline.report(study, data_docs=True)
    return study.report / DATA_DOCS


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study that was run, after which its expectations got one rule more."""
    folder = tmp_path_factory.mktemp("docs")
    made = read_study(study_folder(folder, VISITS))
    rules = folder / "expectations" / "visit.yaml"
    rules.write_text(RULES, encoding="utf-8")
    pipeline.refresh(made)
    rules.write_text(RULES + LATER, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def docs(study: Study) -> Path:
    return run(study)


def lines(page: Path) -> dict[str, str]:
    """Give the text of each rule's line."""
    rows = tree(page).xpath("//div[@aria-label='Expectations']//tbody/tr")
    return {row.xpath("string(th/text())"): spoken(row) for row in rows}


def spoken(node: Any) -> str:
    return " ".join(" ".join(node.itertext()).split())


def test_each_rule_is_worded_by_great_expectations_with_its_reason_and_counts(docs: Path) -> None:
    said = lines(docs / "visit.html")
    assert set(said) >= {"R1", "R2", "R3", "form:choice", "form:required"}
    assert (
        "age values must be less than or equal to 60.0 . 1 unexpected values found. 25% of 4 total"
        in said["R1"]
    )
    assert said["R1"].endswith("Terlalu <b>tua</b> Too <b>old</b> for $1 4 1")
    assert "born < DATE '2020-01-01'" in said["R2"]
    assert "✓ dipenuhi kept" in said["form:required"]
    assert "Pertanyaan Questions : 2 age, work" in said["form:required"]


def test_what_nobody_judged_is_not_called_kept(docs: Path) -> None:
    said = lines(docs / "visit.html")
    assert "not evaluated tidak ada baris untuk dinilai no row to judge" in said["R2"]
    assert "not evaluated belum dijalankan: `tracer-etl run` not run yet: `tracer-etl run`" in said["R3"]


def test_the_index_counts_the_outcomes_of_every_table(docs: Path) -> None:
    counted = {
        row.xpath("string(th)"): [cell.text_content() for cell in row.xpath("td")[1:]]
        for row in tree(docs / "index.html").xpath("//tbody/tr[th/a]")
    }
    shown = lines(docs / "visit.html")
    kept = sum("✓" in line for line in shown.values())
    assert counted["visit"] == [str(len(shown)), "1", str(len(shown) - 1 - kept), str(kept)]
    assert {f"{name}.html" for name in counted} == {page.name for page in docs.iterdir()} - {"index.html"}


def test_nobodys_answers_and_no_network_are_on_the_pages(docs: Path) -> None:
    for page in docs.iterdir():
        content = page.read_text(encoding="utf-8")
        assert not any(value in content for value in (SECRET, "8.0954", "112.1609", f">{OLD}<", "uuid:")), (
            page
        )
        assert not re.search(r"https?://|<script|@import|url\(", content), page


def test_the_same_counts_give_the_same_bytes_and_a_report_without_them_has_none(study: Study) -> None:
    before = {page.name: page.read_bytes() for page in run(study).iterdir()}
    assert {page.name: page.read_bytes() for page in run(study).iterdir()} == before
    pipeline.report(study)
    assert not (study.report / DATA_DOCS).exists()
    run(study)


def test_the_supervisors_page_links_them_and_no_public_page_does(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "tracer.duckdb")) as opened:
        fill(opened)
        make_marts(opened)
    out = tmp_path / "out"
    for there in (False, True):
        if there:
            (out / DATA_DOCS).mkdir(parents=True)
            (out / DATA_DOCS / "index.html").write_text("x", encoding="utf-8")
        report(tmp_path / "tracer.duckdb", out, {"en": "Trial"})
        office = tree(out / "office" / "supervisor.html").xpath("//a[contains(@href, 'data-docs')]/@href")
        assert [(out / "office" / href).resolve() for href in office] == [
            out / DATA_DOCS / "index.html"
        ] * there
        assert all("data-docs" not in page.read_text(encoding="utf-8") for page in out.glob("*.html"))


STORED = [
    ("visit", "b1", "visit", "R1", "info", "age", 4, 1, "", "a", "b"),
    ("visit", "b2", "visit", "R1", "info", "age", 6, 2, "", "a", "b"),
    (
        "visit",
        "b1",
        "visit",
        "form:constraint",
        "warning",
        "data/x",
        None,
        0,
        "pulldata() is not compiled",
        "",
        "",
    ),
    ("visit", "b1", "visit", "form:unreadable", "critical", "", 5, 1, "", "Rusak", "Broken"),
]


RUNS = [
    (1, "2026-02-01T08:00:00+00:00", "visit", 4, 3, 1, 0),
    (2, "2026-02-02T08:00:00+00:00", "visit", 10, 8, 2, 1),
    (2, "2026-02-02T08:00:00+00:00", "other", 5, 5, 0, 0),
]


def counted(connection: Connection, folder: Path) -> dict[str, str]:
    (folder / "visit.yaml").write_text(RULES, encoding="utf-8")
    connection.execute("CREATE SCHEMA meta")
    for statement in META_TABLES:
        if re.search(r"meta\.(row_check|pull|run|run_check) ", statement):
            connection.execute(statement)
    for row in STORED:
        connection.execute(f"INSERT INTO meta.row_check VALUES ({', '.join('?' * len(row))})", list(row))
    for row in RUNS:
        connection.execute("INSERT INTO meta.run VALUES (?, ?, ?, ?, ?, ?, ?)", list(row))
    index = write_data_docs(folder / "out", [schema(folder / "form")], folder, connection)
    return {page.name: page.read_text(encoding="utf-8") for page in index.parent.iterdir()}


def test_both_databases_tell_the_same_of_all_batches(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with duckdb.connect() as opened:
        pages = counted(opened, tmp_path / "one")
    assert lines(tmp_path / "one" / "out" / "visit.html")["R1"].endswith("10 3")
    words = spoken(tree(tmp_path / "one" / "out" / "visit.html"))
    assert "form:constraint data/x pulldata() is not compiled" in words
    assert "form:unreadable ditolak rejected Rusak Broken 5 1" in words
    history = spoken(tree(tmp_path / "one" / "out" / "index.html"))
    assert "2 2026-02-02 08:00 UTC 15 13 2 1 0 1 2026-02-01 08:00 UTC 4 3 1 0 0" in history
    with postgres.running() as server:
        session = connect(server.fresh())
        try:
            assert counted(session, tmp_path / "two") == pages
        finally:
            session.raw.close()


@pytest.mark.browser
def test_in_a_browser(docs: Path) -> None:
    """Wide and narrow: no error, no request, no overflow, nothing axe calls serious."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Debian's chromium is not installed")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    noticed, asked, found = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_context(
            bypass_csp=True
        ).new_page()  # axe is a script, which the page itself refuses
        view.on("console", lambda message: noticed.append(message.text))
        view.on("pageerror", lambda error: noticed.append(str(error)))
        view.on("request", lambda request: asked.append(request.url))
        for name in ("index", "visit"):
            for width in (1280, 412):
                view.set_viewport_size({"width": width, "height": 900})
                view.goto((docs / f"{name}.html").as_uri())
                assert view.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, width)
            axe = Axe().run(view, options={"preload": False}).response["violations"]
            found += [
                (name, one["id"], one["nodes"][0]["html"])
                for one in axe
                if one["impact"] in ("serious", "critical")
            ]
        browser.close()
    assert (noticed, found) == ([], [])
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
