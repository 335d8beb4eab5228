"""How Sphinx makes the site of these pages: `make site`, opened without network from var/site/index.html.

The pages are plain Markdown that a Git host shows as it is. So no page holds a directive: the menu at the left is made
here, from the links of index.md under each of its headings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

from tracer_etl import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "tracer_etl"
version = release = __version__
html_title = f"tracer_etl {__version__}"
extensions = ["myst_parser"]
myst_heading_anchors = 4
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False


def _menu(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add to the front page one hidden table of contents for each of its headings."""
    if page != "index":
        return
    for heading, section in re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", source[0], re.MULTILINE | re.DOTALL):
        pages = re.findall(r"\]\(([\w/.-]+)\.md\)", section)
        source[0] += "\n```{toctree}\n:hidden:\n:caption: " + heading + "\n\n" + "\n".join(pages) + "\n```\n"


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the menu, and show the two kinds of fence that Pygments has no lexer for as plain text."""
    app.connect("source-read", _menu)
    for fence in ("layers", "csv"):
        app.add_lexer(fence, TextLexer)
    return {"parallel_read_safe": True}
