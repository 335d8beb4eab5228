"""What a page is, and how pages become a folder of files that opens from a USB stick."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from tracer_etl.report import DATA_DOCS, words
from tracer_etl.report.words import Both, both, say
from tracer_etl.shelf import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jinja2 import Environment
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts

Audience = Literal["public", "office"]
ASSETS = ("style.css", "site.js")


@dataclass(frozen=True)
class Page:
    """One page: `render` gives what stands between the navigation and the footer, with one h1.

    slug: name of its file without ending; needs: tables (`schema.name`) without which it is left out;
    audience "office": written into `office/`, which nobody publishes, and linked from no public page.
    """

    slug: str
    title: Both
    render: Callable[[Facts, Desk], Markup]
    needs: tuple[str, ...] = ()
    audience: Audience = "public"


@dataclass(frozen=True)
class Desk:
    """What a page is written with: the templates, and what lies beside it in the folder.

    title: of the study; root: the way from the page to the folder of the report, '' or '../'; there: files that exist
    in the report, relative to it (codebooks, annex).
    """

    environment: Environment
    title: Both
    stamp: str
    root: str = ""
    there: frozenset[str] = frozenset()

    @property
    def data_docs(self) -> str:
        """Give the path of the Data Docs, relative to the report; empty where there are none."""
        path = f"{DATA_DOCS}/index.html"
        return path if path in self.there else ""

    def lay(self, template: str, **content: object) -> Markup:
        """Fill a template of `templates/`; `t("key", ...)` in it says a text of its own file, else a common one."""
        from markupsafe import Markup

        own = partial(_text, template.removesuffix(".html.j2"))
        found = self.environment.get_template(template)
        return Markup(found.render(t=own, say=say, root=self.root, desk=self, **content))  # noqa: S704 - autoescaped


def _text(stem: str, key: str, **values: object) -> Both:
    own = f"{stem}.{key}"
    return say(own if own in words.catalogue() else key, **values)


def write_site(
    facts: Facts, pages: Sequence[Page], out: Path, title: Mapping[str, str], stamp: str
) -> list[Path]:
    """Write every page whose tables are there, the style and the script; give the pages' paths.

    HTML files of earlier reports that no page stands behind any more are removed.
    """
    written = []
    for audience in ("public", "office"):
        kept = [page for page in pages if page.audience == audience and facts.has(*page.needs)]
        folder = out if audience == "public" else out / "office"
        desk = _desk(out, title, stamp, "" if audience == "public" else "../")
        for page in kept:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{page.slug}.html"
            write_atomically(path, _whole(facts, desk, page, kept).encode())
            written.append(path)
    for stale in (set(out.glob("*.html")) | set((out / "office").glob("*.html"))) - set(written):
        stale.unlink()
    for name in ASSETS:
        asset = files("tracer_etl.report").joinpath("assets", name).read_bytes()
        (out / "assets").mkdir(exist_ok=True)
        write_atomically(out / "assets" / name, asset)
    return written


def _desk(out: Path, title: Mapping[str, str], stamp: str, root: str) -> Desk:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_template),
    )
    titles = both(lambda language: title.get(language) or next(iter(title.values())))
    return Desk(environment, titles, stamp, root, frozenset(_beside(out)))


def _template(name: str) -> str:
    return files("tracer_etl.report").joinpath("templates", name).read_text(encoding="utf-8")


def _beside(out: Path) -> Iterator[str]:
    for pattern in ("codebook/*.html", "*.xlsx", f"{DATA_DOCS}/index.html"):
        yield from (str(found.relative_to(out)) for found in sorted(out.glob(pattern)))


def _whole(facts: Facts, desk: Desk, page: Page, pages: Sequence[Page]) -> str:
    body = page.render(facts, desk)
    stamp = both(lambda language: words.moment(desk.stamp, language))
    return desk.lay("base.html.j2", page=page, pages=pages, body=body, stamp=stamp).strip() + "\n"
