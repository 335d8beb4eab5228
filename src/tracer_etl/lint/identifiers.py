"""Names of questions, groups and repeats, as databases and statistics programs will meet them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.lint.registry import rule
from tracer_etl.lint.survey import METADATA
from tracer_etl.names import LIMIT, RESERVED, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey

_STATA = 32
_SERVER_NAMES = frozenset(
    """
    key parent_key submissiondate submitterid submittername attachmentspresent attachmentsexpected status
    reviewstate deviceid_ edits formversion instanceid instancename
    """.split()
)
_SERVER_PREFIXES = ("_id", "_uuid", "_submission", "_index", "_parent", "_tags", "_notes", "_status", "_version",
                    "_validation", "_attachments", "_geolocation", "_xform", "_bamboo", "_row", "_position",
                    "_instance", "_form", "_review", "_revision", "_landed", "__")  # fmt: skip


@rule(
    "TL401", "sql-word", "warning",
    why="As a column name it is a syntax error in PostgreSQL or DuckDB; the warehouse appends an underscore.",
    remedy="Choose another name, e.g. order_no for order.",
)  # fmt: skip
def sql_word(survey: Survey) -> Iterator[Hit]:
    """Find names that are reserved words of SQL."""
    for item in _stored(survey):
        if item.name.lower() in RESERVED and item.kind not in METADATA:
            yield item.cell("name"), f"{item.name} is a word of SQL"


@rule(
    "TL402", "name-too-long", "warning",
    why="PostgreSQL cuts identifiers at 63 bytes; the warehouse ends them with a digest nobody can read.",
    remedy="Keep names below 32 letters; the label says the rest.",
)  # fmt: skip
def name_too_long(survey: Survey) -> Iterator[Hit]:
    """Find names beyond 63 bytes; of a repeat, together with the form's id, which names its table."""
    form_id = survey.form.form_id if survey.form else survey.setting("form_id")
    for item in survey.items:
        full = f"{form_id}__{item.name}" if item.kind == "repeat" else item.name
        if len(full.encode()) > LIMIT:
            yield item.cell("name"), f"{full} has {len(full.encode())} bytes"


@rule(
    "TL403", "case-twins", "warning",
    why="For SQL, Power BI and Windows the two are one column; the warehouse has to rename one.",
    remedy="Use lower case throughout, and another name for one of them.",
)  # fmt: skip
def case_twins(survey: Survey) -> Iterator[Hit]:
    """Find names that differ only in case."""
    seen: dict[str, Item] = {}
    for item in _stored(survey):
        first = seen.setdefault(item.name.lower(), item)
        if first.name != item.name:
            yield (
                item.cell("name"),
                f"{item.name} and {first.name} (row {first.row.number}) differ only in case",
            )


@rule(
    "TL404", "twin-names", "warning",
    why="Most exports keep one of the two answers; here the second column carries its group's name.",
    remedy="Give every question a name of its own.",
)  # fmt: skip
def twin_names(survey: Survey) -> Iterator[Hit]:
    """Find names used in two groups of the same table."""
    seen: dict[tuple[str, object], Item] = {}
    for item in _stored(survey):
        table = item.repeats[:-1] if item.kind == "repeat" else item.repeats
        first = seen.setdefault((item.name, table), item)
        if first is not item:
            yield item.cell("name"), f"{item.name} is also the name of row {first.row.number}"


@rule(
    "TL405", "names-collide-when-cleaned", "warning",
    why="After hyphens, dots and accents are replaced, both have the same column name.",
    remedy="Use letters, digits and underscores only.",
)  # fmt: skip
def names_collide_when_cleaned(survey: Survey) -> Iterator[Hit]:
    """Find names that become equal when they are reduced to what SQL takes."""
    seen: dict[str, Item] = {}
    for item in _stored(survey):
        first = seen.setdefault(plain(item.name), item)
        if first.name.lower() != item.name.lower():
            yield item.cell("name"), f"{item.name} and {first.name} both become {plain(item.name)}"


@rule(
    "TL406", "name-not-ascii", "warning",
    why="Statistics programs and many exports cannot hold it; the warehouse drops the accents.",
    remedy="Use a-z, 0-9 and _.",
)  # fmt: skip
def name_not_ascii(survey: Survey) -> Iterator[Hit]:
    """Find names with letters beyond ASCII."""
    for item in survey.items:
        if not item.name.isascii():
            yield item.cell("name"), f"{item.name} holds letters beyond a-z"


@rule(
    "TL407", "name-of-the-server", "warning",
    why="Servers and the warehouse keep columns of that name of their own.",
    remedy="Choose another name.",
)  # fmt: skip
def name_of_the_server(survey: Survey) -> Iterator[Hit]:
    """Find names that KoboToolbox, Central or the warehouse use themselves."""
    for item in _stored(survey):
        name = item.name.lower()
        if name != "__version__" and (name in _SERVER_NAMES or name.startswith(_SERVER_PREFIXES)):
            yield item.cell("name"), f"{item.name} is, or looks like, a system column"


@rule(
    "TL408", "sign-in-name", "note",
    why="Hyphens and dots break Central's OData in Power BI, and names in SPSS, Stata and R.",
    remedy="Use underscores.",
)  # fmt: skip
def sign_in_name(survey: Survey) -> Iterator[Hit]:
    """Find hyphens, dots and colons in names."""
    for item in survey.items:
        if re.search(r"[-.:]", item.name):
            yield item.cell("name"), f"{item.name} holds a sign other than _"


@rule(
    "TL409", "name-beyond-stata", "note",
    why="Stata cuts names at 32 letters.",
    remedy="Shorten it.",
)  # fmt: skip
def name_beyond_stata(survey: Survey) -> Iterator[Hit]:
    """Find names of more than 32 letters that databases still take."""
    for item in _stored(survey):
        if len(item.name) > _STATA and len(item.name.encode()) <= LIMIT and not item.is_group:
            yield item.cell("name"), f"{item.name} has {len(item.name)} letters"


@rule(
    "TL410", "invalid-name", "error",
    why="A name that is no XML name stops pyxform.",
    remedy="Begin with a letter; use letters, digits and underscores only.",
)  # fmt: skip
def invalid_name(survey: Survey) -> Iterator[Hit]:
    """Find names that begin with a digit or hold what XML does not allow."""
    for item in survey.items:
        if item.name and not re.fullmatch(r"[^\W\d][\w.\-]*(:[^\W\d][\w.\-]*)?", item.name):
            yield item.cell("name"), f"{item.name!r} is no name a form may use"


def _stored(survey: Survey) -> Iterator[Item]:
    """List what becomes a column or a table."""
    for item in survey.items:
        if item.name and item.kind not in ("group", "note", "audit", "xml-external", "csv-external"):
            yield item
