"""Reading a written site as its readers do: what it says in a language, and where its links lead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
from lxml import html

from applicants import pool_of
from demand import add_tables, applicant, employer, idea
from estimate_world import world
from tracer_etl.evidence.constants import Constants
from tracer_etl.evidence.estimates import estimate_all
from tracer_etl.evidence.marts import make_marts
from tracer_etl.evidence.plan_config import read_plan
from tracer_etl.evidence.plan_result import make_plan, store_plan
from tracer_etl.evidence.selection_config import read_selection
from tracer_etl.evidence.selection_result import make_selection, store_selection

if TYPE_CHECKING:
    from lxml.html import HtmlElement

TITLE = {"id": "Penelusuran <Uji>", "en": "Trial & Tracer"}
ROOT = Path(__file__).parents[1]
OTHER = {"id": "en", "en": "id"}


def tracer_copy(file: Path) -> Path:
    """Write a published copy in which all that the tracer study's pages show is there."""
    made = world()
    for column in ("label_id", "label_en"):
        made.execute(f"alter table clean.programme add column {column} varchar")
    made.execute("delete from clean.programme where code = 'ac'")
    made.execute(
        "update clean.programme set label_id = 'Barista', label_en = 'Barista' where code = 'barista'"
    )
    made.execute("update clean.programme set label_id = 'Tata rias', label_en = 'Make-up' where code = 'mua'")
    add_tables(made)
    for number in range(12):
        idea(made, f"i{number}", "Kelas barista" if number % 2 else "Kursus bahasa")
        applicant(made, f"K{number:04}", ap_full=str(int(number > 2)))
    employer(made, "e1", ("barista",), (("Barista senior", 4, "1"),), committed=2)
    made.register("fresh", pool_of(400, 0.45))
    made.execute("create table clean.applicant_pool as from fresh")
    made.unregister("fresh")
    make_marts(made)
    estimate_all(made, Constants(replicates=50))
    store_plan(made, make_plan(made, replace(read_plan(ROOT / "evidence/plan_2026.toml"), draws=200)))
    store_selection(made, make_selection(made, read_selection(ROOT / "evidence/selection_2026.toml"), ""))
    made.execute(f"attach '{file}' as copy")
    for schema in ("clean", "marts", "meta"):
        made.execute(f"create schema copy.{schema}")
    tables = "select schema_name, table_name from duckdb_tables() where database_name = 'memory'"
    for schema, name in made.execute(tables).fetchall():
        if schema in ("clean", "marts", "meta"):
            made.execute(f"create table copy.{schema}.{name} as from memory.{schema}.{name}")
    made.execute("detach copy")
    made.close()
    return file


def tree(page: Path) -> HtmlElement:
    """Parse a page."""
    return html.fromstring(page.read_bytes())


def said(page: Path, language: str) -> str:
    """Give the text of the page's main part as a reader of the language sees it, blanks made single."""
    [main] = tree(page).xpath("//main")
    for hidden in main.xpath(f".//*[@lang='{OTHER[language]}']"):
        hidden.drop_tree()
    return " ".join(" ".join(main.itertext()).split())


def public_pages(index: Path) -> list[Path]:
    """Give the pages that may be published."""
    return sorted(index.parent.glob("*.html"))


def execute(file: Path, *statements: str) -> None:
    """Change a published copy."""
    with duckdb.connect(str(file)) as connection:
        for statement in statements:
            connection.execute(statement)
