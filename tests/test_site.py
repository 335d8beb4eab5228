"""The documentation as a site: it builds without a warning, opens without a network, and every link leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html
from PIL import Image

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
READABLE = sorted([*ROOT.glob("*.md"), *PAGES, *(ROOT / "forms").glob("*.md")])
GUIDES = [DOCS / f"how-to/panduan-{who}.md" for who in ("enumerator", "supervisor")]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    options = ["-q", "-W", "--keep-going", "-n", "-d", str(folder / "doctrees"), "-b", "html"]
    made = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "site")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return folder / "site"


def links(tree: html.HtmlElement) -> set[str]:
    return {where for _, name, where, _ in tree.iterlinks() if name in ("href", "src", "data")}


def trees(site: Path) -> dict[Path, html.HtmlElement]:
    return {page: html.parse(str(page)).getroot() for page in site.rglob("*.html")}


def test_every_page_of_the_docs_is_in_the_site_and_in_its_menu(site: Path) -> None:
    made = {str(page.relative_to(site).with_suffix("")) for page in site.rglob("*.html")}
    wanted = {str(page.relative_to(DOCS).with_suffix("")) for page in PAGES}
    assert wanted <= made
    menu = html.parse(str(site / "index.html")).xpath("//*[contains(@class,'sidebar-tree')]//a/@href")
    assert {link.removesuffix(".html") for link in menu} == wanted - {"index"}


def test_the_site_needs_no_network(site: Path) -> None:
    for page, tree in trees(site).items():
        fetched = tree.xpath("//script/@src | //img/@src | //link[@rel='stylesheet']/@href | //iframe/@src")
        assert [one for one in fetched if urlsplit(one).scheme or one.startswith("//")] == [], page.name


def test_every_link_of_the_site_leads_to_a_page_and_a_heading(site: Path) -> None:
    known = trees(site)
    anchors = {page: set(tree.xpath("//@id")) for page, tree in known.items()}
    wrong = []
    for page, tree in known.items():
        for link in links(tree):
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto", "data"):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.exists() or (
                parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]
            ):
                wrong.append((page.name, link))
    assert wrong == []


@cache
def headings(page: Path) -> frozenset[str]:
    """Give the anchors a Git host makes of a page's headings."""
    lines = re.sub(r"^( *)```.*?^\1```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.+)$", lines, re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "").lower() for title in titles]
    return frozenset(re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in plain)


@pytest.mark.parametrize("page", READABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_hold_on_a_git_host_too(page: Path) -> None:
    """Files and headings of this repository; of other hosts only that the address is one."""
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)|<(https?:[^>\s]+)>", page.read_text(encoding="utf-8")):
        parts = urlsplit(link[0] or link[1])
        if parts.scheme:
            good = parts.scheme in ("http", "https", "mailto") and bool(parts.netloc or parts.path)
        else:
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            good = target.exists() and target.is_relative_to(ROOT)
            if good and parts.fragment and target.suffix == ".md":
                good = parts.fragment in headings(target)
        if not good:
            wrong.append(link)
    assert wrong == []


def test_pages_hold_no_directive_that_a_git_host_would_show_as_code() -> None:
    assert [page.name for page in PAGES if "```{" in page.read_text(encoding="utf-8")] == []


def test_pictures_are_small_described_and_all_used() -> None:
    described = re.compile(r"!\[([^]]+)\]\(([^)]+)\)")
    shown = {
        (page.parent / place).resolve(): text
        for page in READABLE
        for text, place in described.findall(page.read_text(encoding="utf-8"))
    }
    assert set((DOCS / "images").rglob("*.png")) == set(shown)
    for picture, text in shown.items():
        assert picture.stat().st_size <= 120_000, picture.name
        assert len(text) > 15, picture.name


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_the_guides_show_the_forms_on_a_phone_and_say_where_the_pictures_are_from(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    assert "ODK Web Forms" in text
    pictures = [(guide.parent / place).resolve() for place in re.findall(r"\]\(([^)]+\.png)\)", text)]
    widths = set()
    for picture in pictures:
        with Image.open(picture) as image:
            widths.add(image.width)
    assert 412 in widths
