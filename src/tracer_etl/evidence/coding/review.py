"""The titles a coder has still to decide on, and the file in which the office does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError
from tracer_etl.evidence.coding.coder import COLUMNS, is_reviewed, read_coder
from tracer_etl.evidence.coding.programmes import Master, read_spans
from tracer_etl.evidence.coding.titles import normalised
from tracer_etl.evidence.marts import column_names
from tracer_etl.logbook import append_line
from tracer_etl.privacy.texts import found_in
from tracer_etl.shelf import as_csv, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tracer_etl.evidence.coding.coder import Coder
    from tracer_etl.evidence.marts import Connection

_JOBS = """
select a.job_title, a.kbji_major, a.kbli_section from marts.interview i
join clean.alumni_tracer a on a._submission_id = i.submission_id where i.emp_bps = '1'
"""
_NAMES = "select distinct full_name from pii.registry_person where full_name <> ''"
_ALIKE, _LEAST_NAME = 0.85, 2


@dataclass
class Title:
    """A normalised title: people who told it, by how it is coded, by the major group and by the section they chose.

    `identifies`: somebody wrote it with a telephone number, an e-mail address or a NIK.
    """

    title: str
    identifies: bool = False
    states: Counter[str] = field(default_factory=Counter)
    majors: Counter[str] = field(default_factory=Counter)
    sections: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class ToCode:
    """One title to decide on: the proposal, and why a coder must look (`state` as in `marts.job_code`).

    `told`: the KBJI major groups and KBLI sections people chose. `alike`: a reviewed title spelt nearly so.
    """

    title: str
    people: int
    told: str
    kbji: str
    kbli: str
    state: str
    alike: str


@dataclass(frozen=True)
class Review:
    """What is to be coded, most needed first; `reviewed` are people whose title is decided, `people` all who work.

    `withheld`: titles that are not listed since they hold what identifies somebody. `unused`: lines of the file whose
    title nobody has any more. `strange`: reviewed KBJI codes that neither the map nor a programme's list has: typed wrongly?
    """

    titles: tuple[ToCode, ...]
    people: int
    reviewed: int
    counted: int
    withheld: int
    unused: tuple[str, ...]
    strange: tuple[str, ...]


def review(connection: Connection, coder: Coder) -> Review:
    """Look which titles of people in work nobody has decided on.

    Raises:
        StudyError: there are no marts yet, or the form does not ask for the job.
    """
    found, names = _titles(connection, coder), _names(connection)
    states = sum((one.states for one in found.values()), Counter[str]())
    open_titles = [one for one in found.values() if one.title and not _decided(coder, one.title)]
    safe = [one for one in open_titles if not (one.identifies or _names_somebody(one.title, names))]
    return Review(
        titles=tuple(sorted((_to_code(one, coder) for one in safe), key=_order)),
        people=states.total(),
        reviewed=states["reviewed"] + states["uncodable"],
        counted=states["reviewed"] + states["proposed"],
        withheld=len(open_titles) - len(safe),
        unused=tuple(key for key in coder.lines if key not in found),
        strange=_strange(coder, Master(read_spans(connection))),
    )


def _strange(coder: Coder, master: Master) -> tuple[str, ...]:
    known = {term.kbji for term in coder.terms}
    used = {line.fields["kbji"] for line in coder.lines.values() if is_reviewed(line)} - {""}
    return tuple(sorted(code for code in used - known if not master.fields(code, "")))


def write_titles(file: Path, found: Review) -> int:
    """Add a line for each title the file has not, with its proposal; no line that is there is touched. Give the number."""
    known = read_coder(file).lines
    fresh = [one for one in found.titles if one.title not in known]
    for one in fresh:
        append_line(file, COLUMNS, _line(one))
    return len(fresh)


def forget_titles(file: Path, unused: Sequence[str]) -> int:
    """Take out the lines of titles nobody has any more, such as of who was erased; give the number."""
    lines = read_coder(file).lines
    kept = [line for key, line in lines.items() if key not in unused]
    if len(kept) < len(lines):
        write_atomically(file, as_csv([COLUMNS, *([line.fields[name] for name in COLUMNS] for line in kept)]))
    return len(lines) - len(kept)


def _titles(connection: Connection, coder: Coder) -> dict[str, Title]:
    """Give the titles of people in work by title; the empty one for those who told none."""
    if not column_names(connection, "job_code"):
        remedy = "run `tracer-etl run`; the form must ask job_title, kbji_major and kbli_section"
        raise StudyError("no jobs are coded yet", where="marts.job_code", remedy=remedy)
    found: dict[str, Title] = {}
    for title, major, section in connection.execute(_JOBS).fetchall():
        key = normalised(title or "")
        one = found.setdefault(key, Title(key))
        one.states[coder.code(title, major, section).state] += 1
        # What parts an e-mail address is gone from the normalised title.
        one.identifies |= bool(found_in(title or "") or found_in(key))
        one.majors[major or "?"] += 1
        one.sections[section or "?"] += 1
    return found


def _decided(coder: Coder, title: str) -> bool:
    return title in coder.lines and is_reviewed(coder.lines[title])


def _names(connection: Connection) -> list[str]:
    """Give the names of the registry, normalised; one word alone is no name, it may be a trade."""
    if "full_name" not in column_names(connection, "registry_person", "pii"):
        return []
    written = [normalised(name) for [name] in connection.execute(_NAMES).fetchall()]
    return [f" {name} " for name in written if len(name.split()) >= _LEAST_NAME]


def _names_somebody(title: str, names: Iterable[str]) -> bool:
    return any(name in f" {title} " for name in names)


def _to_code(one: Title, coder: Coder) -> ToCode:
    term = coder.proposal(one.title)
    decided = [key for key in coder.lines if _decided(coder, key)]
    alike = next(iter(get_close_matches(one.title, decided, 1, _ALIKE)), "")
    told = f"KBJI {_counted(one.majors)}; KBLI {_counted(one.sections)}"
    state = next(state for state in ("no_term", "contradicts", "proposed") if one.states[state])
    codes = (term.kbji, term.kbli) if term else ("", "")
    return ToCode(one.title, one.states.total(), told, *codes, state, alike)


def _counted(codes: Counter[str]) -> str:
    return ", ".join(f"{code} ({count})" for code, count in sorted(codes.items()))


def _order(one: ToCode) -> tuple[bool, int, str]:
    """Put what does not count yet before what counts as proposed, and within both the most frequent first."""
    return one.state == "proposed", -one.people, one.title


def _line(one: ToCode) -> dict[str, str]:
    alike = f"; nearly {one.alike}" if one.alike else ""
    note = f"{one.state}; {one.people} told {one.told}{alike}"
    codes = {"title": one.title, "kbji": one.kbji, "kbli": one.kbli}
    return {**codes, "reviewed": "no", "by": "", "on": "", "note": note}
