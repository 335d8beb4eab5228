"""What the engine of ODK Collect says when it is walked through at random (`--walk`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.lint.registry import rule
from tracer_etl.lint.workbook import Cell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.lint.walk import Walked

_ENOUGH_TRIES, _ENOUGH_WALKS = 24, 20
_FORM = Cell("survey", 0)


@rule(
    "TL901", "refused-by-odk-validate", "error",
    why="Central and Collect refuse the form for the same reason.",
    remedy="Correct what ODK Validate names.",
)  # fmt: skip
def refused_by_odk_validate(survey: Survey) -> Iterator[Hit]:
    """Pass on what ODK Validate objects to."""
    for objection in survey.walked.objections if survey.walked else ():
        yield _FORM, objection


@rule(
    "TL902", "engine-stopped", "error",
    why="A phone would have stopped, or hung, at the same place.",
    remedy="Correct the logic the message names; limit repeat counts.",
)  # fmt: skip
def engine_stopped(survey: Survey) -> Iterator[Hit]:
    """Find forms the engine cannot walk through."""
    if survey.walked and survey.walked.crash:
        yield _FORM, survey.walked.crash


@rule(
    "TL903", "dead-end", "error",
    why="Every answer tried was refused: the interview ends here.",
    remedy="Look at the constraint, together with the questions it leans on.",
)  # fmt: skip
def dead_end(survey: Survey) -> Iterator[Hit]:
    """Find required questions that refused every answer."""
    for item, walked, path in _walked(survey):
        # Chance never finds a text that a pattern asks for.
        guessed = walked.kinds.get(path) == "text" or "regex" in item.text("constraint")
        refused = walked.tries[path] >= _ENOUGH_TRIES and not walked.accepted[path]
        if refused and path in walked.required and not guessed:
            yield item.cell("constraint"), f"{item.name} refused all of {walked.tries[path]} answers"


@rule(
    "TL904", "never-came-to", "note",
    why="No walk came to this question: its condition is rare, or cannot hold.",
    remedy="Check the condition; nothing to do if it is merely rare.",
)  # fmt: skip
def never_came_to(survey: Survey) -> Iterator[Hit]:
    """Find questions no walk came to."""
    for item, walked, path in _walked(survey):
        if walked.walks >= _ENOUGH_WALKS and path not in walked.kinds and item.answered:
            yield item.cell("relevant"), f"{item.name} did not come up in {walked.walks} walks"


@rule(
    "TL905", "asked-without-choices", "error",
    why="The question was shown with nothing to choose from, and it is required.",
    remedy="Add choices for that case, or hide the question for it.",
)  # fmt: skip
def asked_without_choices(survey: Survey) -> Iterator[Hit]:
    """Find required selects whose filter never left a choice."""
    for item, walked, path in _walked(survey):
        known = survey.values(item)
        if known and walked.empty[path] and not walked.offered.get(path) and path in walked.required:
            yield item.cell("choice_filter"), f"{item.name} never offered a choice"


def _walked(survey: Survey) -> Iterator[tuple[Item, Walked, str]]:
    if survey.walked:
        for item in survey.questions:
            yield item, survey.walked, "/".join(item.path)
