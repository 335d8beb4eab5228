"""Table -> columns as SPSS and Stata know them: numbers or texts, each with its labels and its measure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from tracer_etl.exports.names import SPSS, STATA, Rules, file_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pandas import DataFrame, Series

    from tracer_etl.warehouse.dictionary import Code, Dataset, Dictionary, Variable

    Labels = Mapping[Any, str]

Measure = Literal["nominal", "scale"]
EXACT = 2**53
"""Up to here a double holds every whole number; SPSS and Stata know no other number that large."""
STATA_LONG = (-2_147_483_647, 2_147_483_620)
_MAX_DECIMALS = 9


@dataclass(frozen=True, slots=True)
class Target:
    """What a program can hold; lengths of labels are in bytes, as they are stored (UTF-8)."""

    ending: str
    names: Rules
    text_codes: bool
    label: int
    value_label: int


SAV = Target("sav", SPSS, text_codes=True, label=255, value_label=120)
DTA = Target("dta", STATA, text_codes=False, label=80, value_label=32_000)


@dataclass(slots=True)
class StatColumn:
    """One variable of a file; `choice` names the choice whose 0/1 column it is."""

    variable: Variable
    values: Series
    label: str
    measure: Measure
    value_labels: Labels = field(default_factory=dict)
    choice: str = ""
    layout: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)
    name: str = ""

    @property
    def wanted(self) -> str:
        """Give the name it would have, were all names allowed."""
        return f"{self.variable.name}__{self.choice}" if self.choice else self.variable.name


class Encoder:
    """Encodes the columns of one table in one language for one program; `remarks` tell what is not plain."""

    def __init__(self, dictionary: Dictionary, language: str, target: Target, timezone: str) -> None:
        self.dictionary, self.language, self.target, self.timezone = dictionary, language, target, timezone
        self.remarks: list[str] = []
        self.yes_no = ("Tidak", "Ya") if dictionary.languages[language] == "id" else ("No", "Yes")

    def columns(self, dataset: Dataset, frame: DataFrame) -> list[StatColumn]:
        """Encode every column, a select_multiple also as one 0/1 column per choice, and name them."""
        found: list[StatColumn] = []
        for variable in dataset.variables:
            found += self._encoded(dataset, variable, frame[variable.name])
        for column, name in zip(found, file_names([c.wanted for c in found], self.target.names), strict=True):
            column.name = name
        return found

    def _encoded(self, dataset: Dataset, variable: Variable, values: Series) -> Iterator[StatColumn]:
        label = cut(self.dictionary.label(variable.labels, self.language), self.target.label)
        if variable.codes and variable.kind == "select_one":
            yield self._select_one(variable, values, label)
        elif variable.sql_type == "BIGINT":
            yield self._integer(dataset, variable, values, label)
        else:
            yield self._plain(variable, values, label)
        if variable.codes and variable.kind == "select_multiple":
            yield from self._chosen(variable, values, label)

    # -- choices

    def _select_one(self, variable: Variable, values: Series, label: str) -> StatColumn:
        labels = {code.value: self._value_label(code) for code in variable.codes}
        present = [*labels, *sorted(set(values.dropna()) - set(labels))]
        if all(_whole(value) for value in present):
            numbers = {value: int(value) for value in present}
        elif self.target.text_codes:
            return StatColumn(variable, values, label, "nominal", dict(labels))
        else:
            numbers = _numbered(variable.codes, present)
        coded = self._int(values.map(numbers).astype("Int64"))
        said = {numbers[value]: text for value, text in labels.items()}
        unlisted = {numbers[value]: value for value in present if value not in labels and not _whole(value)}
        changed = {} if all(_whole(value) for value in present) else numbers
        named = {**said, **unlisted}
        return StatColumn(
            variable, coded, label, "nominal", named, layout=self._whole_layout(coded), numbers=changed
        )

    def _chosen(self, variable: Variable, values: Series, label: str) -> Iterator[StatColumn]:
        """Give 1 where a choice was chosen, 0 where it was not, nothing where nothing is answered."""
        padded = " " + values + " "
        for code in variable.codes:
            chosen = padded.str.contains(f" {code.value} ", regex=False).astype("boolean")
            text = cut(f"{self._value_label(code)} | {label}", self.target.label)
            column = self._int(chosen.mask(values.isna()).astype("Int64"))
            labels = dict(enumerate(self.yes_no))
            layout = self._whole_layout(column)
            yield StatColumn(variable, column, text, "nominal", labels, code.value, layout)

    def _value_label(self, code: Code) -> str:
        text = self.dictionary.label(code.labels, self.language) or code.value
        return cut(text, self.target.value_label)

    # -- all others

    def _integer(self, dataset: Dataset, variable: Variable, values: Series, label: str) -> StatColumn:
        if (values.abs() > EXACT).any():
            name = f"{dataset.name}.{variable.name}"
            self.remarks.append(
                f"{self.target.ending}: {name} has whole numbers beyond 2^53, which a double cannot hold: written as text"
            )
            return StatColumn(variable, _texts(values.astype("string")), label, "nominal")
        whole = self._int(values)
        return StatColumn(variable, whole, label, "scale", layout=self._whole_layout(whole))

    def _plain(self, variable: Variable, values: Series, label: str) -> StatColumn:
        match variable.sql_type:
            case "DOUBLE":
                return StatColumn(variable, values, label, "scale", layout=self._decimal_layout(values))
            case "BOOLEAN":
                column = self._int(values.astype("Int64"))
                labels = dict(enumerate(self.yes_no))
                return StatColumn(
                    variable, column, label, "nominal", labels, layout=self._whole_layout(column)
                )
            case "TIMESTAMPTZ":
                local = values.dt.tz_convert(self.timezone).dt.tz_localize(None)
                return StatColumn(variable, local, label, "scale")
            case "DATE" | "TIME":
                return StatColumn(variable, values.astype(object), label, "scale")
            case _:
                return StatColumn(variable, _texts(values), label, "nominal")

    def _int(self, values: Series) -> Series:
        """Take Stata's whole numbers where the values fit; all numbers of SPSS are doubles."""
        low, high = STATA_LONG
        fits = values.isna() | values.between(low, high)
        return values.astype("Int32") if self.target is DTA and fits.all() else values

    def _whole_layout(self, values: Series) -> str:
        """Show whole numbers without decimals, as wide as the longest."""
        longest = values.abs().max() if values.notna().any() else 0
        width = max(4, len(str(int(longest))) + 1)
        return f"F{width}.0" if self.target is SAV else f"%{width}.0f"

    def _decimal_layout(self, values: Series) -> str:
        present = values.dropna()
        places = next(
            (d for d in range(1, _MAX_DECIMALS) if (present.round(d) == present).all()), _MAX_DECIMALS
        )
        width = places + 2 + len(str(int(present.abs().max()))) if len(present) else 8
        return f"F{min(width, 40)}.{places}" if self.target is SAV else f"%{min(width, 40)}.{places}f"


def cut(text: str, limit: int) -> str:
    """Shorten a label to the bytes a file holds; the codebook has it in full.

    >>> cut("Umur", 4), cut("Pekerjaan", 8)
    ('Umur', 'Peker…')
    """
    raw = text.encode()
    if len(raw) <= limit:
        return text
    return raw[: limit - 3].decode(errors="ignore").rstrip() + "\u2026"


def _texts(values: Series) -> Series:
    """Write no answer as an empty text: neither program knows another, and ReadStat fails on long columns."""
    return values.astype(object).where(values.notna(), "")


def _whole(value: str) -> bool:
    """Tell whether a code is a whole number and nothing is lost when it becomes one."""
    return re.fullmatch(r"0|-?[1-9][0-9]{0,8}", value) is not None


def _numbered(codes: tuple[Code, ...], present: list[str]) -> dict[str, int]:
    """Number text codes by their lasting numbers; what no list offers comes after them."""
    numbers = {code.value: code.number for code in codes}
    for value in present:
        numbers.setdefault(value, max(numbers.values()) + 1)
    return numbers
