"""Whose rows are whose: `[privacy]` of study.toml names the registry of persons and where else its key stands."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tracer_etl.study import Reference, Study


@dataclass(frozen=True, slots=True)
class Persons:
    """The registry (a reference table with one row per person), its key, and its column of opt-outs.

    `forms`, `references` and `case_lists` map the name of each to the column that holds a person's key.
    """

    registry: str
    key: str
    opt_out: str = ""
    forms: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    case_lists: Mapping[str, str] = field(default_factory=dict)

    @property
    def tables(self) -> Mapping[str, str]:
        """Map every reference table with a person's key to that column, the registry among them."""
        return {**self.references, self.registry: self.key}


def persons_of(study: Study) -> Persons | None:
    """Read `[privacy]`; None where the study knows no persons.

    Raises:
        StudyError: it names a form, a reference or a case list the study does not have, or no key.
    """
    told = study.privacy
    if not told:
        return None
    known = {
        "forms": {one.form_id for one in study.forms},
        "references": {one.name for one in study.references},
        "case_lists": {one.name for one in study.case_lists},
    }
    unknown = [
        f"{kind} {name}" for kind, names in known.items() for name in told.get(kind, {}) if name not in names
    ]
    if told.get("registry") not in known["references"]:
        unknown.insert(0, f"registry {told.get('registry')!r}")
    if unknown:
        remedy = "name what study.toml has"
        raise StudyError(f"there is no {', '.join(unknown)}", where="study.toml [privacy]", remedy=remedy)
    if not told.get("key"):
        raise StudyError(
            "no `key`", where="study.toml [privacy]", remedy="name the registry's column with it"
        )
    links = {kind: dict(told.get(kind, {})) for kind in known}
    return Persons(told["registry"], told["key"], told.get("opt_out", ""), **links)


def reference(study: Study, name: str) -> Reference:
    """Find a reference table by name."""
    return next(one for one in study.references if one.name == name)


def rows_of(file: Path, column: str) -> Iterator[dict[str, str]]:
    """Read the rows of a CSV file; there are none where there is no file.

    Raises:
        StudyError: it has no such column.
    """
    if not file.exists():
        return
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.DictReader(stream)
        if column not in (rows.fieldnames or ()):
            what, remedy = f"has no column {column}", "correct [privacy] in study.toml"
            raise StudyError(what, where=file.name, remedy=remedy)
        yield from rows
