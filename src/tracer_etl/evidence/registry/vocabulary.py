"""What the office's words mean: headers, codes and titles, from office.toml and the mapping file of a study."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import StudyError
from tracer_etl.sheets import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PERSON = (
    *("full_name", "phone_e164", "phone_alt", "address", "birth_date", "sex", "kec_code", "desa_code"),
    *("edu", "marital", "disability_flag"),
)
CLASS = (
    *("program_code", "batch", "provider_lpk", "training_start", "training_end", "magang_end"),
    *("planned_hours", "funding", "budget_year", "package_cost_idr"),
)
SEAT = (
    *(
        "lsp",
        "cert_scheme",
        "attended_pct",
        "completed",
        "drop_reason",
        "cert_result",
        "cert_no",
        "cert_date",
    ),
    *("target_group", "target_proof", "seat_source"),
)
DIRECT = frozenset(
    {"full_name", "nik", "phone", "phone_alt", "phone_e164", "address", "birth_date", "cert_no"}
)
"""Fields whose values the review list shows masked."""

_IDENTIFYING = frozenset({"full_name", "nik"})
_PLACES = frozenset({"kec", "desa"})


def plain(text: str) -> str:
    """Reduce a header or a value to small letters and digits, one blank between words.

    >>> plain("No. HP/WA (aktif)"), plain("Desa / Kel.")
    ('no hp wa aktif', 'desa kel')
    """
    return " ".join(re.findall(r"[a-z0-9]+", text.casefold()))


@dataclass(frozen=True, slots=True)
class Source:
    """What the mapping file says of a file, or of one sheet of it: its own headers, and values it does not state."""

    file: str
    sheet: str
    says: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Headers by their plain text, codes by field and plain text, patterns of titles, signs of rows.

    `frame`: first and last day, ISO 8601, between which the classes of the study end.
    """

    headers: Mapping[str, str]
    codes: Mapping[str, Mapping[str, str]]
    patterns: tuple[re.Pattern[str], ...]
    titles: frozenset[str]
    total: re.Pattern[str]
    footer: re.Pattern[str]
    frame: tuple[str, str]
    sources: tuple[Source, ...] = ()

    def field_of(self, header: str) -> str:
        """Name the field of a header; what stands in parentheses may be left out. Empty where nobody knows."""
        found = self.headers.get(plain(header))
        return found or self.headers.get(plain(re.sub(r"\([^)]*\)", " ", header)), "")

    def code(self, field: str, text: str) -> str:
        """Give the code of a value; a code itself is one, too. Empty where nobody knows."""
        known = self.codes.get(field, {})
        said = plain(text)
        return known.get(said) or (text if text in known.values() else "")

    def said_by(self, text: str) -> dict[str, str]:
        """Say what a title or a section row tells: by a pattern, or by being the name of a programme."""
        for pattern in self.patterns:
            if match := pattern.search(text.strip().upper()):
                said = {name: value for name, value in match.groupdict().items() if value}
                if "program" not in said or self.code("program", said["program"]):
                    return said
        bare = re.sub(r"(?i)^\W*([a-z]\.|\d+\.)?\s*(jenis |program |paket )?pelatihan\s+", "", text)
        if self.code("program", bare):
            return {"program": bare}
        district = re.sub(r"(?i)^\W*kec(\.|amatan)\s+", "", text)
        return {"kec": district} if district != text and self.code("kec", district) else {}

    def says(self, file: str, sheet: str) -> dict[str, str]:
        """Give what the mapping file says of a sheet."""
        found: dict[str, str] = {}
        for source in self.sources:
            if source.file == file and source.sheet in ("", sheet):
                found |= source.says
        return found

    @property
    def reader(self) -> Reader:
        """Give what the reading of sheets needs."""
        return Reader(self.field_of, self.said_by, group_of, _IDENTIFYING, self.total, self.footer)


def group_of(field: str) -> str:
    """Name the group a field belongs to in sections: places and classes end one another, not each other."""
    return "place" if field in _PLACES else "class"


def read_vocabulary(mapping: Path | None = None) -> Vocabulary:
    """Read office.toml, and a mapping file before it.

    Raises:
        StudyError: the mapping file is no TOML, or names a field that nobody reads.
    """
    own = tomllib.loads(files(__package__).joinpath("office.toml").read_text(encoding="utf-8"))
    more = _mapping(mapping) if mapping else {}
    unknown = [name for name in more.get("headers", {}) if name not in own["headers"]]
    unknown += [name for name in more.get("codes", {}) if name not in own["codes"]]
    if mapping and unknown:
        remedy = f"headers are of {', '.join(own['headers'])}; codes of {', '.join(own['codes'])}"
        raise StudyError(f"unknown field {unknown[0]!r}", where=mapping.name, remedy=remedy)
    return Vocabulary(
        headers=_turned(own["headers"]) | _turned(more.get("headers", {})),
        codes={
            name: _turned(listed) | _turned(more.get("codes", {}).get(name, {}))
            for name, listed in own["codes"].items()
        },
        patterns=tuple(
            re.compile(text)
            for text in [*more.get("titles", {}).get("patterns", ()), *own["titles"]["patterns"]]
        ),
        titles=frozenset(map(plain, [*own["names"]["titles"], *more.get("names", {}).get("titles", ())])),
        total=re.compile(own["rows"]["total"]),
        footer=re.compile(own["rows"]["footer"]),
        frame=_frame({**own["frame"], **more.get("frame", {})}),
        sources=tuple(_source(one) for one in more.get("source", ())),
    )


def _frame(table: Mapping[str, Any]) -> tuple[str, str]:
    days = table["training_end"]
    if not isinstance(days, list) or len(days) != 2 or not days[0] <= days[1]:  # noqa: PLR2004 - from, to
        remedy = "write two days, the first before the last: [2024-01-01, 2025-12-31]"
        raise StudyError("is no first and last day", where="[frame] training_end", remedy=remedy)
    return str(days[0]), str(days[1])


def _mapping(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(
            f"cannot be read ({error})", where=path.name, remedy="mend the mapping file"
        ) from error


def _source(table: Mapping[str, Any]) -> Source:
    says = {str(name): str(value) for name, value in table.items() if name not in ("file", "sheet")}
    return Source(str(table.get("file", "")), str(table.get("sheet", "")), says)


def _turned(listed: Mapping[str, list[str]]) -> dict[str, str]:
    return {plain(text): name for name, texts in listed.items() for text in texts}
