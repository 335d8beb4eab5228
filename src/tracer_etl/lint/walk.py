"""Random walks through a form with the engine of ODK Collect: dead ends, crashes, what nobody comes to.

The engine runs in a process of its own, so that a form which never comes to an end is stopped too.
"""

from __future__ import annotations

import multiprocessing
import queue
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tracer_etl.collect import RandomAnswers
from tracer_etl.errors import FormError, StudyError
from tracer_etl.lint.reasoning import samples
from tracer_etl.lint.values import count_sources

if TYPE_CHECKING:
    from pathlib import Path

    from tracer_etl.collect import Filled, Question
    from tracer_etl.lint.survey import Survey

Numbers = dict[str, tuple[float, ...]]
"""By question: numbers and days (since 1970-01-01) at which its own conditions change their mind."""
SECONDS = 20.0
WALKS = 60
_GRACE = 15.0
_SMALL = (0.0, 1.0, 2.0, 3.0)


@dataclass
class Walked:
    """What the walks met; paths have their steps joined by slashes and no positions."""

    objections: list[str] = field(default_factory=list)
    crash: str = ""
    walks: int = 0
    finished: int = 0
    kinds: dict[str, str] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    required: set[str] = field(default_factory=set)
    empty: Counter[str] = field(default_factory=Counter)
    offered: dict[str, set[str]] = field(default_factory=dict)


def walk_form(survey: Survey, seconds: float = SECONDS, walks: int = WALKS) -> Walked:
    """Walk through a compiled form as often as the time allows.

    Raises:
        StudyError: there is no Java or no JPype.
    """
    if survey.form is None:
        return Walked()
    numbers = _numbers(survey)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = (survey.form.xform.encode(), survey.media, numbers, seconds, walks, results)
    process = context.Process(target=_run, args=arguments, daemon=True)
    process.start()
    try:
        result = results.get(timeout=seconds + _GRACE)
    except queue.Empty:
        return Walked(crash=f"a walk did not come to an end within {seconds + _GRACE:.0f} seconds")
    finally:
        process.kill()
        process.join()
    if isinstance(result, StudyError):
        raise result
    return result if isinstance(result, Walked) else Walked(crash=str(result))


def _numbers(survey: Survey) -> Numbers:
    """Choose what to answer where chance would rarely meet the bounds; counts of repeats stay small."""
    found = {"/".join(item.path): samples(survey, item) for item in survey.questions if item.answered}
    for item in count_sources(survey):
        found["/".join(item.path)] = _SMALL
    return {path: numbers for path, numbers in found.items() if numbers}


def _run(
    xform: bytes, media: Path, numbers: Numbers, seconds: float, walks: int, results: queue.Queue[object]
) -> None:
    walked = Walked()
    try:
        _walk(walked, xform, media, numbers, (time.monotonic() + seconds, walks))
    except FormError as error:
        walked.crash = error.what
    except StudyError as error:
        results.put(error)
        return
    results.put(walked)


def _walk(walked: Walked, xform: bytes, media: Path, numbers: Numbers, limits: tuple[float, int]) -> None:
    from datetime import datetime

    from tracer_etl.collect import Clock, Filler, validate_xform

    walked.objections = validate_xform(xform)
    if walked.objections:
        return
    filler = Filler(xform, media, name="the form")
    end, walks = limits
    for seed in range(walks):
        answers = _Recorder(random.Random(seed), numbers=numbers, walked=walked)  # noqa: S311 - no secret
        outcome = filler.fill(answers, clock=Clock(datetime.fromisoformat("2026-11-24T09:00:00+07:00")))
        answers.close(outcome)
        walked.walks += 1
        walked.finished += outcome.xml is not None
        if time.monotonic() > end:
            return


@dataclass
class _Recorder(RandomAnswers):
    """An enumerator who answers by chance, near the bounds where there are any, and keeps a record."""

    numbers: Numbers = field(default_factory=dict)
    walked: Walked = field(default_factory=Walked)
    given: Counter[str] = field(default_factory=Counter)

    def __call__(self, question: Question) -> object:
        """Answer a question and note that it was asked."""
        path = _plain(question.path)
        self.walked.kinds[path] = question.kind
        if question.required:
            self.walked.required.add(path)
        if question.kind in ("select_one", "select_multiple", "rank"):
            self.walked.offered.setdefault(path, set()).update(question.choices)
            self.walked.empty[path] += not question.choices
        value = self._near(question, path)
        if value is not None:
            self.given[question.path] += 1
        return value

    def _near(self, question: Question, path: str) -> object:
        numbers = self.numbers.get(path)
        skipped = not question.required and self.rng.random() < self.skip
        if numbers and not skipped:
            number = self.rng.choice(numbers)
            match question.kind:
                case "integer":
                    return int(number)
                case "decimal":
                    return number
                case "date":
                    return (date(1970, 1, 1) + timedelta(days=int(number))).isoformat()
                case _:
                    return number
        return super().__call__(question)

    def close(self, outcome: Filled) -> None:
        """Count which answers the form took."""
        refused = Counter(refusal.path for refusal in outcome.refusals)
        for path, given in self.given.items():
            self.walked.tries[_plain(path)] += given
            self.walked.accepted[_plain(path)] += given > refused[path]


def _plain(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path).strip("/").partition("/")[2]
