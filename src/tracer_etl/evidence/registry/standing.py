"""The registry as it stands: its files read, kept ids, and written again; identifiers are readable by the owner only."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tracer_etl.evidence.registry.alumni_ids import alumni_id
from tracer_etl.evidence.registry.entries import Entry
from tracer_etl.evidence.registry.vocabulary import PERSON
from tracer_etl.shelf import as_csv, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

PERSON_COLUMNS = (
    *("alumni_id", "nik_hmac", "nik_last4", "full_name", "phone_e164", "phone_alt", "address", "birth_date"),
    *("sex", "kec_code", "desa_code", "edu", "marital", "disability_flag", "opt_out_at"),
)
ENROLMENT_COLUMNS = (
    *("enrolment_id", "alumni_id", "program_code", "batch", "provider_lpk", "lsp", "training_start"),
    *(
        "training_end",
        "magang_end",
        "planned_hours",
        "attended_pct",
        "completed",
        "drop_reason",
        "cert_scheme",
    ),
    *("cert_result", "cert_no", "cert_date", "funding", "budget_year", "package_cost_idr", "target_group"),
    *("target_proof", "seat_source", "n_enrolments"),
)
CASE_COLUMNS = (
    *("name", "label", "program", "batch", "training_start", "training_end", "sex", "birth_year", "kec_code"),
    *("desa_code", "funding", "target_group", "nik_last4", "certified", "n_enrolments"),
)
ERASED = "erased"
"""Stands for the id of a person who was erased: rows recognised as such are left out for good."""

Row = dict[str, str]


@dataclass(slots=True)
class Standing:
    """Persons by id, enrolments by id of person and class, who is known under which id, which id replaced which."""

    persons: dict[str, Row] = field(default_factory=dict)
    enrolments: dict[str, dict[str, Row]] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)

    def entries(self, sign: Callable[[str], str]) -> list[Entry]:
        """Give the persons as entries, so that new rows are matched with them, too."""
        return [_as_entry(row, sign) for row in self.persons.values()]

    def new_id(self, who: str, taken: set[str], sign: Callable[[str], str]) -> str:
        """Give a person an id: `A`, six digits that follow from `who` and the key, and Luhn's digit.

        An id that is taken already is passed over; the one given is `taken`, too.
        """
        number = 0
        while True:
            digits = str(100_000 + int(sign(f"alumni_id {who} {number}"), 16) % 900_000)
            found = alumni_id(digits)
            if found not in taken:
                taken.add(found)
                return found
            number += 1


def read_standing(folder: Path) -> Standing:
    """Read the registry of a folder; where there is none yet, it is empty."""
    standing = Standing()
    persons = [_whole(row, PERSON_COLUMNS) for row in rows_of(folder / "person.csv")]
    standing.persons = {row["alumni_id"]: row for row in persons}
    for row in rows_of(folder / "enrolment.csv"):
        listed = standing.enrolments.setdefault(row["alumni_id"], {})
        listed[row["batch"]] = _whole(row, ENROLMENT_COLUMNS)
    standing.identities = {row["who"]: row["alumni_id"] for row in rows_of(folder / "identities.csv")}
    standing.replaced = {row["alumni_id"]: row["now"] for row in rows_of(folder / "replaced_ids.csv")}
    return standing


def _whole(row: Row, columns: Sequence[str]) -> Row:
    return {name: row.get(name, "") for name in columns}


def rows_of(path: Path) -> list[Row]:
    """Read a CSV file with a header; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [
            {name: value or "" for name, value in row.items()} for row in csv.DictReader(file, restval="")
        ]


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write rows with these columns, for the owner only."""
    table = [columns, *([row.get(name, "") for name in columns] for row in rows)]
    write_atomically(path, as_csv(table), private=True)


def write_standing(folder: Path, standing: Standing, village: Callable[[str], str]) -> None:
    """Write person.csv, enrolment.csv, alumni.csv (the case list), identities.csv and replaced_ids.csv."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    persons = [standing.persons[key] for key in sorted(standing.persons)]
    enrolments = [row for listed in standing.enrolments.values() for row in listed.values()]
    # identities.csv first: after a crash in between the same rows get the same ids again.
    identities = [{"who": who, "alumni_id": key} for who, key in sorted(standing.identities.items())]
    write_rows(folder / "identities.csv", ("who", "alumni_id"), identities)
    replaced = [{"alumni_id": old, "now": now} for old, now in sorted(standing.replaced.items())]
    write_rows(folder / "replaced_ids.csv", ("alumni_id", "now"), replaced)
    write_rows(folder / "person.csv", PERSON_COLUMNS, persons)
    by_id = sorted(enrolments, key=lambda row: row["enrolment_id"])
    write_rows(folder / "enrolment.csv", ENROLMENT_COLUMNS, by_id)
    cases = [case for row in persons if (case := _case(row, standing, village))]
    write_rows(folder / "alumni.csv", CASE_COLUMNS, cases)


def _case(person: Row, standing: Standing, village: Callable[[str], str]) -> Row | None:
    """Give what the phones may know of a person: first name and village, the latest class, no phone, no NIK."""
    listed = standing.enrolments.get(person["alumni_id"], {})
    if not listed:
        return None
    latest = max(listed.values(), key=lambda row: (row["training_end"], row["enrolment_id"]))
    first, where = person["full_name"].split()[0], village(person["desa_code"])
    return {
        **{name: person[name] for name in ("sex", "kec_code", "desa_code", "nik_last4")},
        **{
            name: latest[name]
            for name in ("batch", "training_start", "training_end", "funding", "target_group")
        },
        "name": person["alumni_id"],
        "label": f"{first} ({where})" if where else first,
        "program": latest["program_code"],
        "birth_year": person["birth_date"][:4],
        "certified": str(int(latest["cert_result"] == "1")),
        "n_enrolments": str(len(listed)),
    }


def _as_entry(row: Row, sign: Callable[[str], str]) -> Entry:
    return Entry(
        file="",
        sheet="",
        row=0,
        person={name: row[name] for name in PERSON if row.get(name)},
        hashed=row.get("nik_hmac", ""),
        last4=row.get("nik_last4", ""),
        opt_out=row.get("opt_out_at", ""),
        who=sign(f"standing {row['alumni_id']}"),
        alumni_id=row["alumni_id"],
    )
