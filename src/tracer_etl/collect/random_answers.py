"""An enumerator who answers anything the widget allows: to find dead ends, crashes and refusals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from tracer_etl.collect.question import UPLOADS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tracer_etl.collect.question import Question

_EPOCH = date(1970, 1, 1)
_LAST_DAY = 22_000
_MORE = 0.5
_NUMBERS = (0, 1, 2, 3, 5, 17, 25, 40, 100, 1990, 1_500_000, -1)
_TEXTS = (
    "Siti Aminah",
    "081234567890",
    "1234",
    "3505014101900001",
    'kopi & teh < gula "aren"',
    "ñandú - é",
    "barista di kafe, melayani pembeli dan meracik kopi setiap hari kerja",
    "x" * 110,
)


@dataclass
class RandomAnswers:
    """Random answers; give it to `Filler.fill` as the answers of a form.

    Args:
        rng: the source of chance; the same source gives the same answers.
        skip: share of optional questions that are left blank.
        most: most instances of a repeat the form does not count itself.
    """

    rng: random.Random
    skip: float = 0.15
    most: int = 3

    def __call__(self, question: Question) -> object:
        """Return a value for the question, or None to leave it blank."""
        if self.rng.random() < self.skip and not question.required:
            return None
        if question.shape.is_range:
            return self._in_range(question)
        if question.kind in UPLOADS:
            return f"{self.rng.randrange(10**12)}.bin"
        return self._by_kind()[question.kind](question)

    def more(self, present: int) -> bool:
        """Tell whether to add another instance to the `present` ones of a repeat."""
        return present < self.most and self.rng.random() < _MORE

    def _by_kind(self) -> dict[str, Callable[[Question], object]]:
        return {
            "select_one": lambda question: self._sample(question, 1),
            "select_multiple": lambda question: self._sample(question, 3),
            "rank": lambda question: self.rng.sample(question.choices, len(question.choices)),
            "acknowledge": lambda _: True,
            "integer": lambda _: self.rng.choice(_NUMBERS),
            "long": lambda _: self.rng.choice(_NUMBERS),
            "decimal": lambda _: round(self.rng.uniform(0, 200), 2),
            "date": lambda _: self._day(),
            "time": lambda _: f"{self._clock()}.000+07:00",
            "dateTime": lambda _: f"{self._day()}T{self._clock()}.000+07:00",
            "geopoint": lambda _: self._point(),
            "geotrace": lambda _: ";".join(self._point() for _ in range(3)),
            "geoshape": lambda _: self._ring(),
            "text": lambda _: self.rng.choice(_TEXTS),
        }

    def _sample(self, question: Question, most: int) -> object:
        choices = question.choices
        if not choices:
            return None
        return " ".join(self.rng.sample(choices, self.rng.randint(1, min(most, len(choices)))))

    def _in_range(self, question: Question) -> float:
        low, high, step = question.steps
        return low + step * self.rng.randint(0, round((high - low) / step))

    def _day(self) -> str:
        return (_EPOCH + timedelta(days=self.rng.randrange(_LAST_DAY))).isoformat()

    def _clock(self) -> str:
        return f"{self.rng.randrange(24):02d}:{self.rng.randrange(60):02d}:00"

    def _point(self) -> str:
        latitude, longitude = self.rng.uniform(-8.3, -7.9), self.rng.uniform(112.0, 112.4)
        return f"{latitude:.6f} {longitude:.6f} {self.rng.randrange(60, 300)}.0 {self.rng.randrange(3, 20)}.0"

    def _ring(self) -> str:
        points = [self._point() for _ in range(3)]
        return ";".join([*points, points[0]])
