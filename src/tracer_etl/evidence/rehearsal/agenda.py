"""Who fills which attempt at what time: one enumerator never has two interviews at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING

from tracer_etl.collect import Device
from tracer_etl.evidence.rehearsal.careers import write_career
from tracer_etl.evidence.rehearsal.curbstone import Desk
from tracer_etl.evidence.rehearsal.fieldwork import COMPLETE
from tracer_etl.evidence.rehearsal.interview import WEB, Answers, Visit, answer_attempt
from tracer_etl.evidence.rehearsal.job import Job, Submission

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.fieldwork import Attempt, Case
    from tracer_etl.evidence.rehearsal.people import Village

JAKARTA = timezone(timedelta(hours=7), "Asia/Jakarta")
TRACER = "alumni_tracer"
_FIRST_VISIT = 8


@dataclass
class Done:
    """One attempt that was made: the case, the answers given, the submission."""

    case: Case
    attempt: Attempt
    visit: Visit
    answers: Answers
    submission: Submission


@dataclass
class Agenda:
    """The field season as a calendar; `run` yields the attempts in the order of enumerator, day and time."""

    chance: Chance
    cases: list[Case]
    villages: tuple[Village, ...]
    fill: Callable[[Job], Submission]
    desk: Desk = field(default_factory=Desk)

    def run(self) -> Iterator[Done]:
        """Fill all attempts."""
        days: dict[tuple[str, date], list[tuple[Case, Attempt]]] = defaultdict(list)
        for case in self.cases:
            for attempt in case.attempts:
                days[case.alumnus.enumerator, attempt.day].append((case, attempt))
        for (enumerator, day), visits in sorted(days.items(), key=lambda item: item[0]):
            yield from self._day(enumerator, day, visits)

    def _day(self, enumerator: str, day: date, visits: list[tuple[Case, Attempt]]) -> Iterator[Done]:
        chance = self.chance.of(enumerator, day)
        now = datetime.combine(day, time(_FIRST_VISIT, chance.whole(0, 59), chance.whole(0, 59)), JAKARTA)
        for case, attempt in visits:
            done = self._visit(case, attempt, now)
            yield done
            ends = done.submission.ends or now
            gap = chance.whole(2, 6) if case.invented else chance.whole(14, 45)
            now = ends + timedelta(minutes=gap, seconds=chance.whole(0, 59))

    def _visit(self, case: Case, attempt: Attempt, now: datetime) -> Done:
        one = case.alumnus
        chance = case.chance.of("attempt", attempt.number)
        place = one.latest.place
        career = write_career(case.chance.of("career"), case.state, place.program, place.last_day, now.date())
        visit = Visit(case, attempt, now, career, self.villages, chance)
        answers = self.desk.invent(visit) if case.invented else answer_attempt(visit)
        pace = chance.real(5.3, 5.7) if case.invented else chance.real(8.5, 13.5)
        key = f"{one.alumni_id}/{attempt.number}"
        whole, fake = attempt.outcome == COMPLETE, case.invented
        job = Job(TRACER, key, answers, now, round(pace, 3), _device(visit), one.alumni_id, whole, fake)
        return Done(case, attempt, visit, answers, self.fill(job))


def _device(visit: Visit) -> Device:
    if visit.attempt.mode == WEB:
        return Device(f"enketo.example:{visit.chance.of('browser').letters(16)}")
    return staff_device(visit.one.enumerator)


def staff_device(code: str) -> Device:
    """Return the phone of a member of staff, in the way Collect names its installations."""
    letters = "".join(chr(97 + (ord(letter) * 7 + place * 11) % 26) for place, letter in enumerate(code * 6))
    return Device(f"collect:{letters[:16]}", code.lower())
