"""The programme master: which KBJI and KBLI codes are work in the field of a programme (specification 1.7).

The office keeps it in the list of programmes (`clean.programme`: code, kbji, kbli, and certainty if it has that): blanks
between codes, ranges as 47911-47919, everything under a group as 01 or 01xxx.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.evidence.marts import column_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tracer_etl.evidence.marts import Connection

KBJI, KBLI = "KBJI 2014", "KBLI 2020"
DIGITS = {KBJI: 4, KBLI: 5}
"""Digits of a whole code: a unit group of occupations, a kind of business."""

_COLUMNS = {"code", "kbji", "kbli"}
_CODE = re.compile(r"(\d+)x*(?:-(\d+))?")


@dataclass(frozen=True, slots=True)
class Span:
    """Codes of one scheme that are in the field of a programme, `first` to `last`, as the office wrote them.

    `certainty` is the mark of the programme's line: confident, or to_confirm by a coder.
    """

    programme: str
    scheme: str
    written: str
    first: str
    last: str
    certainty: str

    def holds(self, code: str) -> bool:
        """Tell whether a whole code is one of them."""
        return len(code) == len(self.first) and self.first <= code <= self.last


def span_of(written: str, digits: int) -> tuple[str, str]:
    """Give the first and the last whole code of what the office wrote.

    >>> span_of("5132", 4), span_of("47911-47919", 5), span_of("01xxx", 5), span_of("01", 5)
    (('5132', '5132'), ('47911', '47919'), ('01000', '01999'), ('01000', '01999'))

    Raises:
        ValueError: it is neither a code, a range nor a group of this scheme.
    """
    found = _CODE.fullmatch(written)
    if not found or len(written.partition("-")[0]) > digits:
        raise ValueError(written)
    first, last = found[1].ljust(digits, "0"), (found[2] or found[1]).ljust(digits, "9")
    if len(last) != digits or first > last:
        raise ValueError(written)
    return first, last


def read_spans(connection: Connection) -> tuple[Span, ...]:
    """Read the master from the list of programmes; none where the study has no such list.

    Raises:
        StudyError: a code cannot be read; it and its programme are named.
    """
    there = column_names(connection, "programme", "clean")
    if _COLUMNS - there:
        return ()
    mark = "certainty" if "certainty" in there else "''"
    rows = connection.execute(
        f"select code, kbji, kbli, {mark} from clean.programme order by code"
    ).fetchall()
    return tuple(
        span
        for programme, kbji, kbli, certainty in rows
        for scheme, codes in ((KBJI, kbji), (KBLI, kbli))
        for span in _spans(programme, scheme, codes or "", certainty or "")
    )


def _spans(programme: str, scheme: str, codes: str, certainty: str) -> Iterable[Span]:
    for written in codes.split():
        try:
            first, last = span_of(written, DIGITS[scheme])
        except ValueError:
            what = f"{written!r} of {programme} is no {scheme} code of {DIGITS[scheme]} digits"
            remedy = "write codes with blanks between, ranges as 47911-47919, groups as 01xxx"
            raise StudyError(what, where="the list of programmes", remedy=remedy) from None
        yield Span(programme, scheme, written, first, last, certainty)


class Master:
    """The spans of all programmes, to be asked."""

    def __init__(self, spans: Iterable[Span]) -> None:
        """Sort them by programme."""
        self.spans = tuple(spans)
        self.programmes = sorted({span.programme for span in self.spans})
        self._of: Mapping[str, list[Span]] = {
            one: [span for span in self.spans if span.programme == one] for one in self.programmes
        }

    def holds(self, programme: str, scheme: str, code: str) -> bool | None:
        """Tell whether a code is in the field of a programme; None where there is no code or no such programme."""
        if not code or programme not in self._of:
            return None
        return any(span.holds(code) for span in self._of[programme] if span.scheme == scheme)

    def fields(self, kbji: str, kbli: str) -> tuple[str, ...]:
        """Name the programmes a job is in the field of: by its occupation, or by its industry where it has a code."""
        return tuple(
            one for one in self.programmes if self.holds(one, KBJI, kbji) or self.holds(one, KBLI, kbli)
        )


_SECTIONS = "A03 B09 C33 D35 E39 F43 G47 H53 I56 J63 K66 L68 M75 N82 O84 P85 Q88 R93 S96 T98 U99"
"""Last division of each section of KBLI 2020."""


def section_of(kbli: str) -> str:
    """Give the section of a KBLI 2020 code, as the form's list kbli has it.

    >>> section_of("56303"), section_of("01110"), section_of("96111")
    ('I', 'A', 'S')
    """
    division = kbli[:2]
    return next((one[0] for one in _SECTIONS.split() if division <= one[1:]), "")
