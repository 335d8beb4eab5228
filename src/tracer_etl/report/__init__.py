"""The published warehouse -> one page in two languages that opens from a USB stick."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def report(published: Path, out: Path, title: Mapping[str, str], generated_at: str = "") -> Path:
    """Write `index.html` into `out` and give its path; the same data give the same bytes.

    Only counts and rates of `marts` and `meta` are read: no row about one person. `generated_at` (ISO 8601) is the
    stamp on the page; without it the latest pull's. Pages in `out`/codebook are linked.

    Raises:
        StudyError: the published copy is missing or has no marts.
    """
    from tracer_etl.report.facts import read_facts
    from tracer_etl.report.page import render

    facts = read_facts(published)
    out.mkdir(parents=True, exist_ok=True)
    page = out / "index.html"
    part = out / "index.html.part"
    codebooks = sorted(page.stem for page in (out / "codebook").glob("*.html"))
    part.write_text(render(facts, title, generated_at or facts.pulled_at, codebooks), encoding="utf-8")
    part.replace(page)
    return page
