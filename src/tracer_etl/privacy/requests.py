"""erasures.csv: who asked for which submission or person to be withdrawn or erased, when and why.

A line is written by hand or by `tracer-etl erase`, reviewed, and takes effect with the next run: what it names is in
no table any more. An erasure is completed by `tracer-etl erase --apply`, which then puts the name of a tombstone
in the place of the key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tracer_etl.erased import PREFIX
from tracer_etl.errors import StudyError
from tracer_etl.logbook import append_line, read_log
from tracer_etl.privacy.persons import persons_of
from tracer_etl.shelf import as_csv, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tracer_etl.logbook import Line
    from tracer_etl.study import Study

Verb = Literal["withdraw", "erase"]
COLUMNS = ("of", "key", "request", "who", "when", "why")


@dataclass(frozen=True, slots=True)
class Request:
    """One line: `of` is a form (and `key` a submission) or the registry (and `key` a person)."""

    line: int
    of: str
    key: str
    verb: Verb
    who: str
    when: str

    @property
    def done(self) -> bool:
        """Tell whether the erasure is completed."""
        return self.key.startswith(PREFIX)


def read_requests(study: Study) -> list[Request]:
    """Read the study's log, oldest first; no file is an empty log.

    Raises:
        StudyError: a line is malformed, or names neither a form nor the registry; the line is named.
    """
    known = _scopes(study)
    return [_request(line, known) for line in read_log(study.erasures, COLUMNS)]


def _scopes(study: Study) -> list[str]:
    people = persons_of(study)
    return [*(form.form_id for form in study.forms), *([people.registry] if people else [])]


def _request(line: Line, known: Sequence[str]) -> Request:
    line.require(*COLUMNS)
    line.require_moment("when")
    given = line.fields
    if given["of"] not in known:
        raise line.error(f"neither a form nor the registry: {given['of']!r}", f"choose of {', '.join(known)}")
    verb = next((one for one in get_args(Verb) if one == given["request"]), None)
    if verb is None:
        raise line.error(f"no request {given['request']!r}", f"write {' or '.join(get_args(Verb))}")
    return Request(line.number, given["of"], given["key"], verb, given["who"], given["when"])


def append_request(study: Study, fields: Mapping[str, str]) -> None:
    """Add a line at the end of the log.

    Raises:
        StudyError: `of` is neither a form nor the registry.
    """
    known = _scopes(study)
    if fields["of"] not in known:
        remedy = f"choose of {', '.join(known)}"
        raise StudyError(f"neither a form nor the registry: {fields['of']!r}", remedy=remedy)
    append_line(study.erasures, COLUMNS, fields)


def rename_keys(file: Path, names: Mapping[tuple[str, str], str]) -> None:
    """Put names of tombstones in the place of the keys, by `of` and `key`; all else stays."""
    lines = read_log(file, COLUMNS)
    if not any((line.fields["of"], line.fields["key"]) in names for line in lines):
        return
    given = [line.fields for line in lines]
    renamed = [{**one, "key": names.get((one["of"], one["key"]), one["key"])} for one in given]
    write_atomically(file, as_csv([COLUMNS, *([one[name] for name in COLUMNS] for one in renamed)]))
