"""Seeded chance, one independent stream per key, so that adding a person does not change all others."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")


class Chance:
    """A stream of chance that is fixed by its key.

    >>> Chance(7, "A1", "income").whole(1, 6) == Chance(7, "A1", "income").whole(1, 6)
    True
    """

    def __init__(self, *key: object) -> None:
        self.key = "|".join(map(str, key))
        self.rng = random.Random(self.key)  # noqa: S311 (reproducible by intention, no secret)

    def of(self, *key: object) -> Chance:
        """Return the stream of a longer key; it does not depend on what was drawn here."""
        return Chance(self.key, *key)

    def yes(self, share: float) -> bool:
        """Return True in that share of cases."""
        return self.rng.random() < share

    def flag(self, share: float) -> str:
        """Return the choice `1` in that share of cases, else `0`."""
        return "1" if self.yes(share) else "0"

    def pick(self, values: Sequence[T]) -> T:
        """Return one of the values, all alike."""
        return self.rng.choice(values)

    def weighted(self, weights: Mapping[T, float]) -> T:
        """Return one of the keys, in proportion to its weight."""
        return self.rng.choices(list(weights), list(weights.values()))[0]

    def some(self, values: Sequence[T], least: int, most: int) -> list[T]:
        """Return between `least` and `most` different values, in their own order."""
        chosen = self.rng.sample(range(len(values)), self.whole(least, min(most, len(values))))
        return [values[index] for index in sorted(chosen)]

    def whole(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return self.rng.randint(low, high)

    def real(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        return self.rng.uniform(low, high)

    def letters(self, count: int) -> str:
        """Return that many small letters; never a number that a search for NIKs would find."""
        return "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyz", k=count))

    def money(self, median: float, spread: float = 0.4, step: int = 50_000) -> int:
        """Return IDR from a log-normal distribution, rounded to `step` as people round."""
        return max(step, round(self.rng.lognormvariate(0, spread) * median / step) * step)
