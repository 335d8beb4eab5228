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
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from tracer_etl.collect import RandomAnswers
from tracer_etl.errors import FormError, StudyError
from tracer_etl.lint.reasoning import samples
from tracer_etl.lint.values import count_sources
from tracer_etl.lint.wishes import wish

if TYPE_CHECKING:
    from tracer_etl.collect import Filled, Question
    from tracer_etl.lint.survey import Survey

Numbers = dict[str, tuple[float, ...]]
"""By question: numbers and days (since 1970-01-01) at which its own conditions change their mind."""
Plan = dict[str, str | float]
"""By question: the answers that lead to another question."""
SECONDS = 20.0
WALKS = 120
_GRACE = 15.0
_FREE_WALKS = 20
_PLANS = 4
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


def walk_form(survey: Survey, seconds: float = SECONDS, walks: int = WALKS, grace: float = _GRACE) -> Walked:
    """Walk through a compiled form as often as `seconds` allow; a walk that hangs is ended `grace` later.

    Raises:
        StudyError: there is no Java or no JPype.
    """
    if survey.form is None:
        return Walked()
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_run, args=(survey, seconds, walks, results), daemon=True)
    process.start()
    try:
        result = results.get(timeout=seconds + grace)
    except queue.Empty:
        return Walked(crash=f"a walk did not come to an end within {seconds + grace:.0f} seconds")
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


def _run(survey: Survey, seconds: float, walks: int, results: queue.Queue[object]) -> None:
    walked = Walked()
    try:
        _walk(walked, survey, time.monotonic() + seconds, walks)
    except FormError as error:
        walked.crash = error.what
    except StudyError as error:
        results.put(error)
        return
    results.put(walked)


def _walk(walked: Walked, survey: Survey, end: float, walks: int) -> None:
    from tracer_etl.collect import Clock, Filler, validate_xform

    xform = survey.form.xform.encode() if survey.form else b""
    walked.objections = validate_xform(xform)
    if walked.objections:
        return
    filler = Filler(xform, survey.media, name="the form")
    numbers, plans = _numbers(survey), _Plans(survey)
    for seed in range(walks):
        plan = plans.to_the_unseen(walked) if seed >= _FREE_WALKS else {}
        rng = random.Random(seed)  # noqa: S311 - no secret
        answers = _Recorder(rng, numbers=numbers, walked=walked, plan=plan)
        outcome = filler.fill(answers, clock=Clock(datetime.fromisoformat("2026-11-24T09:00:00+07:00")))
        answers.close(outcome)
        walked.walks += 1
        walked.finished += outcome.xml is not None
        if time.monotonic() > end:
            return


class _Plans:
    """Plans to questions nobody came to yet, a few for each."""

    def __init__(self, survey: Survey) -> None:
        self.survey, self.rng = survey, random.Random(0)  # noqa: S311 - no secret
        self.left = {"/".join(item.path): (item, _PLANS) for item in survey.questions if item.answered}

    def to_the_unseen(self, walked: Walked) -> Plan:
        """Plan a walk to the first question nobody came to; none is left: walk as chance will have it."""
        for path, (item, left) in self.left.items():
            if path not in walked.kinds and left:
                self.left[path] = (item, left - 1)
                return wish(self.survey, item, self.rng)
        return {}


@dataclass
class _Recorder(RandomAnswers):
    """An enumerator who answers by chance, near the bounds where there are any, and keeps a record."""

    numbers: Numbers = field(default_factory=dict)
    walked: Walked = field(default_factory=Walked)
    plan: Plan = field(default_factory=dict)
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
        planned = path in self.plan and not self.given[question.path]
        value = self._planned(question, self.plan[path]) if planned else self._near(question, path)
        if value is not None:
            self.given[question.path] += 1
        return value

    def _near(self, question: Question, path: str) -> object:
        numbers = self.numbers.get(path)
        skipped = not question.required and self.rng.random() < self.skip
        if numbers and not skipped:
            return self._planned(question, self.rng.choice(numbers))
        return super().__call__(question)

    @staticmethod
    def _planned(question: Question, value: str | float) -> object:
        if isinstance(value, str):
            return value or None
        match question.kind:
            case "integer":
                return int(value)
            case "date":
                return (date(1970, 1, 1) + timedelta(days=int(value))).isoformat()
            case "dateTime":
                return (date(1970, 1, 1) + timedelta(days=int(value))).isoformat() + "T12:00:00.000+07:00"
            case "text":
                return f"{value:g}"
            case _:
                return value

    def close(self, outcome: Filled) -> None:
        """Count which answers the form took."""
        refused = Counter(refusal.path for refusal in outcome.refusals)
        for path, given in self.given.items():
            self.walked.tries[_plain(path)] += given
            self.walked.accepted[_plain(path)] += given > refused[path]


def _plain(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path).strip("/").partition("/")[2]
