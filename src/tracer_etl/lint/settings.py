"""Settings: who the form is, for servers, phones and the warehouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.lint.expressions import REFERENCE
from tracer_etl.lint.registry import rule
from tracer_etl.lint.workbook import Cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Survey

_SHEET = Cell("settings", 0)


@rule(
    "TL701", "no-version", "warning",
    why="Without a version no answer can be traced to the questions as they were asked.",
    remedy="Add version on the settings sheet, e.g. 2026112401, and raise it with every change.",
)  # fmt: skip
def no_version(survey: Survey) -> Iterator[Hit]:
    """Find forms without version."""
    if not survey.setting("version"):
        yield _place(survey), "the form has no version"


@rule(
    "TL702", "no-form-id", "warning",
    why="The form takes the name of its file: a renamed copy is another form for server and warehouse.",
    remedy="Add form_id on the settings sheet.",
)  # fmt: skip
def no_form_id(survey: Survey) -> Iterator[Hit]:
    """Find forms without form_id."""
    if not survey.setting("form_id"):
        yield _place(survey), "the form has no form_id"


@rule(
    "TL703", "form-id-with-signs", "warning",
    why="The form_id stands in addresses, file names and table names.",
    remedy="Use a-z, 0-9, _ and -.",
)  # fmt: skip
def form_id_with_signs(survey: Survey) -> Iterator[Hit]:
    """Find form_ids with spaces or signs."""
    form_id = survey.setting("form_id")
    if form_id and survey.settings and not re.fullmatch(r"[A-Za-z0-9_.-]+", form_id):
        yield survey.settings.cell("form_id"), f"form_id {form_id!r} holds spaces or signs"


@rule(
    "TL704", "no-instance-name", "note",
    why="Enumerators see twenty interviews of the same title and cannot find the one to correct.",
    remedy="Add instance_name, made of answers that name nobody.",
)  # fmt: skip
def no_instance_name(survey: Survey) -> Iterator[Hit]:
    """Find forms without instance_name."""
    if not survey.setting("instance_name"):
        yield _place(survey), "the form has no instance_name"


@rule(
    "TL705", "no-form-title", "note",
    why="Phones and servers list the form under its form_id.",
    remedy="Add form_title.",
)  # fmt: skip
def no_form_title(survey: Survey) -> Iterator[Hit]:
    """Find forms without a title."""
    if not survey.setting("form_title"):
        yield _place(survey), "the form has no form_title"


@rule(
    "TL706", "no-default-language", "warning",
    why="Which language opens is then the client's choice.",
    remedy="Add default_language, written as in the label columns.",
)  # fmt: skip
def no_default_language(survey: Survey) -> Iterator[Hit]:
    """Find forms of several languages without a default."""
    if len(survey.languages) > 1 and not survey.setting("default_language"):
        yield _place(survey), f"none of {', '.join(survey.languages)} is the default"


@rule(
    "TL707", "instance-name-without-answers", "note",
    why="All interviews have the same name.",
    remedy="Refer to answers: concat(${village}, ' ', ${case}).",
)  # fmt: skip
def instance_name_without_answers(survey: Survey) -> Iterator[Hit]:
    """Find instance names that refer to no answer."""
    name = survey.setting("instance_name")
    if name and survey.settings and not REFERENCE.search(name) and "uuid" not in name:
        yield survey.settings.cell("instance_name"), "instance_name refers to no answer"


@rule(
    "TL708", "version-that-does-not-sort", "note",
    why="Versions such as 1.10 and `final2` do not sort, and Enketo and Aggregate want numbers.",
    remedy="Use yyyymmddnn.",
)  # fmt: skip
def version_that_does_not_sort(survey: Survey) -> Iterator[Hit]:
    """Find versions that are words."""
    version = survey.setting("version")
    if version and survey.settings and not re.search(r"\d", version):
        yield survey.settings.cell("version"), f"version {version!r} holds no number"


def _place(survey: Survey) -> Cell:
    return survey.settings.place if survey.settings else _SHEET
