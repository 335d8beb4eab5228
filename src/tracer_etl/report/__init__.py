"""The published warehouse -> a site in two languages that opens from a USB stick."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DATA_DOCS = "office/data-docs"
"""Where Great Expectations' Data Docs lie in the report's folder, if somebody asked for them."""


def report(published: Path, out: Path, title: Mapping[str, str], generated_at: str = "") -> Path:
    """Write the site into `out` and give the path of its `index.html`; the same data give the same bytes.

    Only aggregates are shown. `generated_at` (ISO 8601) is the stamp on the pages; without it the latest pull's.
    Pages in `out`/codebook and workbooks in `out` are linked.

    Raises:
        StudyError: the published copy is missing or has no marts.
    """
    from tracer_etl.report.facts import read_facts
    from tracer_etl.report.pages import all_pages
    from tracer_etl.report.site import write_site

    with read_facts(published) as facts:
        out.mkdir(parents=True, exist_ok=True)
        write_site(facts, all_pages(facts), out, title, generated_at or facts.pulled_at)
    return out / "index.html"
