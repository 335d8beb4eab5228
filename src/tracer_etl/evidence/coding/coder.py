"""A job and its codes: what a coder decided for its title, else what the map proposes and the answers do not contradict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from tracer_etl.evidence.coding.programmes import DIGITS, KBJI, KBLI, section_of
from tracer_etl.evidence.coding.titles import normalised, proposed, shipped_terms
from tracer_etl.logbook import read_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tracer_etl.evidence.coding.titles import Term
    from tracer_etl.logbook import Line
    from tracer_etl.study import Study

FILE = "evidence/job_codes.csv"
COLUMNS = ("title", "kbji", "kbli", "reviewed", "by", "on", "note")

State = Literal["reviewed", "proposed", "contradicts", "uncodable", "no_term", "no_title"]
"""How a job came to its code, or why it has none.

reviewed: a coder decided. proposed: the map did, and the answers do not contradict it. contradicts: they do, so a coder
must look. uncodable: a coder looked and could not tell. no_term: no word of the map is in the title.
"""

_YES, _NO = ("yes", "ya"), ("no", "tidak", "")


@dataclass(frozen=True, slots=True)
class Coded:
    """A job's KBJI unit group and KBLI code; both empty where it has none that counts."""

    kbji: str
    kbli: str
    state: State


@dataclass(frozen=True)
class Coder:
    """What codes jobs: the office's lines by normalised title, and the map of words."""

    lines: Mapping[str, Line]
    terms: tuple[Term, ...]

    @cached_property
    def _found(self) -> dict[str, Term | None]:
        return {}

    def proposal(self, title: str) -> Term | None:
        """Give what the map proposes for a normalised title."""
        if title not in self._found:
            self._found[title] = proposed(title, self.terms)
        return self._found[title]

    def code(self, title: str | None, major: str | None, section: str | None) -> Coded:
        """Code a job by its title; `major` and `section` are the KBJI major group and the KBLI section told."""
        key = normalised(title or "")
        if not key:
            return Coded("", "", "no_title")
        line = self.lines.get(key)
        if line is not None and is_reviewed(line):
            return Coded(
                line.fields["kbji"], line.fields["kbli"], "reviewed" if line.fields["kbji"] else "uncodable"
            )
        term = self.proposal(key)
        if term is None:
            return Coded("", "", "no_term")
        if contradicts(term, major, section):
            return Coded("", "", "contradicts")
        return Coded(term.kbji, term.kbli, "proposed")


def contradicts(term: Term, major: str | None, section: str | None) -> bool:
    """Tell whether a proposal is of another major group, or its industry of another section, than the answers say."""
    other = bool(major) and term.kbji[0] != major
    return other or (bool(term.kbli) and bool(section) and section_of(term.kbli) != section)


def codes_file(study: Study) -> Path:
    """Give the office's file: `[evidence] job_codes`, or `evidence/job_codes.csv`; it need not be there."""
    return study.root / str(study.evidence.get("job_codes", FILE))


def read_coder(file: Path) -> Coder:
    """Read what the office decided; no file is no decision.

    Raises:
        StudyError: a line is malformed, or two lines are of one title; the line is named.
    """
    lines: dict[str, Line] = {}
    for line in read_log(file, COLUMNS):
        _refuse(line)
        key = normalised(line.fields["title"])
        if key in lines:
            raise line.error(f"the same title as line {lines[key].number}", "delete one of them")
        lines[key] = line
    return Coder(lines, shipped_terms())


def is_reviewed(line: Line) -> bool:
    """Tell whether a coder has decided on this line."""
    return line.fields["reviewed"].lower() in _YES


def _refuse(line: Line) -> None:
    line.require("title")
    for scheme, column in ((KBJI, "kbji"), (KBLI, "kbli")):
        code = line.fields[column]
        if code and not (code.isdecimal() and len(code) == DIGITS[scheme]):
            what = f"`{column}` is no {scheme} code of {DIGITS[scheme]} digits: {code!r}"
            raise line.error(what, "write all digits, zeros in front too, which a spreadsheet may drop")
    if line.fields["kbli"] and not line.fields["kbji"]:
        raise line.error("a KBLI code without a KBJI code", "give the occupation as well")
    if line.fields["reviewed"].lower() not in (*_YES, *_NO):
        raise line.error(f"`reviewed` is {line.fields['reviewed']!r}", "write yes or no")
    if is_reviewed(line):
        line.require("by", "on")
        line.require_moment("on")
