"""Phones: what fills the memory, the data plan and the screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.lint.registry import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Survey

_LONG, _VERY_LONG = 25, 1000
_COMPACT = {"minimal", "autocomplete", "search", "quick", "map", "image-map", "likert", "picker"}


@rule(
    "TL851", "image-of-any-size", "warning",
    why="A phone's camera makes 5 MB a picture; 500 interviews do not fit through a village's network.",
    remedy="Write max-pixels=1280 in parameters.",
)  # fmt: skip
def image_of_any_size(survey: Survey) -> Iterator[Hit]:
    """Find images without max-pixels."""
    for item in survey.questions:
        drawn = {"signature", "draw"} & set(item.appearances)
        if item.kind == "image" and not drawn and "max-pixels" not in item.parameters():
            yield item.cell("parameters"), f"{item.name} has no max-pixels"


@rule(
    "TL852", "audit-without-parameters", "warning",
    why="The audit then logs times only: neither where nor what was changed.",
    remedy="Write track-changes=true, and location-priority, -min-interval and -max-age if consent covers it.",
)  # fmt: skip
def audit_without_parameters(survey: Survey) -> Iterator[Hit]:
    """Find audits without parameters."""
    for item in survey.questions:
        if item.kind == "audit" and not item.parameters():
            yield item.cell("parameters"), "audit has no parameters"


@rule(
    "TL853", "long-list-on-screen", "warning",
    why="Nobody scrolls through fifty choices at the door: the first ones are chosen too often.",
    remedy="Use appearance minimal or autocomplete, or a choice_filter.",
)  # fmt: skip
def long_list_on_screen(survey: Survey) -> Iterator[Hit]:
    """Find long lists that are shown whole."""
    for item in survey.questions:
        if item.text("choice_filter") or {word.partition("(")[0] for word in item.appearances} & _COMPACT:
            continue
        values = survey.values(item) or ()
        if len(values) > _LONG:
            yield item.cell("appearance"), f"{item.name} shows {len(values)} choices at once"


@rule(
    "TL854", "list-that-belongs-in-a-file", "note",
    why="Every phone parses these rows at each opening of the form, and every change is a new version.",
    remedy="Use select_one_from_file with a CSV.",
)  # fmt: skip
def list_that_belongs_in_a_file(survey: Survey) -> Iterator[Hit]:
    """Find lists of more than a thousand rows."""
    for name, rows in survey.lists.items():
        if len(rows) > _VERY_LONG:
            yield rows[0].cell("list_name"), f"list {name} has {len(rows)} rows"
