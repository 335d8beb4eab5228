"""Job titles as people write them, and the map of words that proposes codes for them."""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAP = "seeds/job_term.csv"


@dataclass(frozen=True, slots=True)
class Term:
    """Words of a title and what they propose: a KBJI unit group (4 digits) and, where they tell it, a KBLI code (5).

    Without a KBJI code the words say that a shorter term within them means something else.
    """

    words: str
    kbji: str
    kbli: str


def normalised(title: str) -> str:
    """Write a title so that spelling of the same words is the same: small letters, one blank between words.

    >>> normalised("  Barista, di-Kafé "), normalised("TUKANG  LAS"), normalised("--")
    ('barista di kafe', 'tukang las', '')
    """
    plain = unicodedata.normalize("NFKD", title).casefold()
    kept = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return re.sub(r"[\W_]+", " ", kept).strip()


@cache
def shipped_terms() -> tuple[Term, ...]:
    """Read the map that comes with the package, `seeds/job_term.csv`."""
    text = files("tracer_etl.evidence").joinpath(MAP).read_text(encoding="utf-8")
    return tuple(Term(row["term"], row["kbji"], row["kbli"]) for row in csv.DictReader(text.splitlines()))


def proposed(title: str, terms: Iterable[Term]) -> Term | None:
    """Find what a normalised title proposes: the longest term in it as whole words, then the first by alphabet.

    >>> two = (Term("las", "7212", ""), Term("es teh", "5212", ""))
    >>> proposed("penjual es teh", two), proposed("malas", two)
    (Term(words='es teh', kbji='5212', kbli=''), None)
    """
    padded = f" {title} "
    found = [term for term in terms if f" {term.words} " in padded]
    best = min(found, key=lambda term: (-len(term.words), term.words), default=None)
    return best if best and best.kbji else None
