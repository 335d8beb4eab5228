"""The published copy -> files for SPSS, Stata, R, Excel, maps and archives, with labels and a codebook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tracer_etl.exports.published import Published
    from tracer_etl.warehouse.dictionary import Dictionary

FORMATS = ("sav", "dta", "parquet", "csv", "xlsx", "geojson", "ddi", "codebook")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; `remarks` tell of whatever could not be written as it stands in the warehouse."""

    files: tuple[Path, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """How to write: the language of labels, labels in the place of codes (CSV, XLSX, GeoJSON), CSV for Excel."""

    language: str = ""
    labels: bool = False
    for_excel: bool = False


def export(
    published: Path,
    out: Path,
    *,
    formats: Sequence[str] = FORMATS,
    forms: Sequence[str] = (),
    wish: Wish | None = None,
) -> Exported:
    """Write every table of the forms in every format, each format into a folder of `out` of its name.

    Only the published copy is read, which has no direct identifiers. `<table>` is a table of `clean`.

    Raises:
        StudyError: an unknown format, form or language.
        WarehouseError: the copy cannot be read, or holds what identifies a person.
    """
    from tracer_etl.exports.published import Published

    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise StudyError(
            f"no format {unknown[0]!r}", where="--format", remedy=f"choose of {', '.join(FORMATS)}"
        )
    with Published(published) as copy:
        spoken = _spoken(copy.forms(forms), (wish or Wish()).language)
        told = list(_written(copy, spoken, out, formats, wish or Wish()))
    files = tuple(one for one in told if isinstance(one, Path))
    return Exported(files, tuple(dict.fromkeys(one for one in told if isinstance(one, str))))


def write_codebooks(published: Path, folder: Path) -> tuple[Path, ...]:
    """Write the codebook page of every loaded form into a folder, for the report; give the pages.

    Raises:
        WarehouseError: the copy cannot be read, or holds what identifies a person.
    """
    from tracer_etl.exports.codebook import html
    from tracer_etl.exports.published import Published
    from tracer_etl.exports.summary import summarise

    folder.mkdir(parents=True, exist_ok=True)
    pages = []
    with Published(published) as copy:
        for dictionary in copy.forms() if copy.known() else ():
            page = folder / f"{dictionary.datasets[0].name}.html"
            page.write_text(html(dictionary, summarise(copy, dictionary)), encoding="utf-8")
            pages.append(page)
    return tuple(pages)


def _written(
    copy: Published, spoken: Spoken, out: Path, formats: Sequence[str], wish: Wish
) -> Iterator[Path | str]:
    """Write all, and tell of each file, and in words of whatever is not plain."""
    for name in formats:
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        yield from _WRITERS[name](copy, spoken, folder, wish)


def _spoken(forms: Sequence[Dictionary], asked: str) -> list[tuple[Dictionary, str]]:
    """Find each form's language; a form that lacks it speaks its default, but one of them must speak it."""
    found, missing = [], []
    for dictionary in forms:
        try:
            found.append((dictionary, dictionary.language(asked)))
        except StudyError as error:
            missing.append(error)
            found.append((dictionary, dictionary.default_language))
    if missing and len(missing) == len(forms):
        raise missing[0]
    return found


Spoken = list[tuple["Dictionary", str]]


def _sav(copy: Published, spoken: Spoken, folder: Path, _: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.encoding import SAV
    from tracer_etl.exports.statistics import write_statistics

    return write_statistics(copy, spoken, folder, SAV)


def _dta(copy: Published, spoken: Spoken, folder: Path, _: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.encoding import DTA
    from tracer_etl.exports.statistics import write_statistics

    return write_statistics(copy, spoken, folder, DTA)


def _parquet(copy: Published, spoken: Spoken, folder: Path, _: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.flat import write_parquet

    for dictionary, _language in spoken:
        for dataset in dictionary.datasets:
            yield write_parquet(copy, dataset, folder)


def _csv(copy: Published, spoken: Spoken, folder: Path, wish: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.flat import write_csv

    for dictionary, language in spoken:
        shown = language if wish.labels else ""
        for dataset in dictionary.datasets:
            yield write_csv(copy, dictionary, shown, dataset, folder, for_excel=wish.for_excel)


def _xlsx(copy: Published, spoken: Spoken, folder: Path, wish: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.codebook import sheets
    from tracer_etl.exports.summary import summarise
    from tracer_etl.exports.workbook import write_workbook

    for dictionary, language in spoken:
        book = sheets(dictionary, summarise(copy, dictionary))
        file = folder / f"{dictionary.datasets[0].name}.xlsx"
        yield from write_workbook(copy, dictionary, language if wish.labels else "", file, book)
        yield file


def _geojson(copy: Published, spoken: Spoken, folder: Path, wish: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.geojson import write_geojson

    written: list[Path | str] = [
        file
        for dictionary, language in spoken
        for dataset in dictionary.datasets
        for file in write_geojson(copy, dictionary, language if wish.labels else "", dataset, folder)
    ]
    yield from written or ["geojson: no table has a position that is not a direct identifier"]


def _ddi(copy: Published, spoken: Spoken, folder: Path, _: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.ddi import ddi
    from tracer_etl.exports.summary import summarise

    for dictionary, _language in spoken:
        file = folder / f"{dictionary.datasets[0].name}.xml"
        file.write_bytes(ddi(dictionary, summarise(copy, dictionary)))
        yield file


def _codebook(copy: Published, spoken: Spoken, folder: Path, _: Wish) -> Iterator[Path | str]:
    from tracer_etl.exports.codebook import html, sheets
    from tracer_etl.exports.summary import summarise
    from tracer_etl.exports.workbook import write_sheets

    for dictionary, _language in spoken:
        chapters, name = summarise(copy, dictionary), dictionary.datasets[0].name
        page, book = folder / f"{name}.html", folder / f"{name}.xlsx"
        page.write_text(html(dictionary, chapters), encoding="utf-8")
        write_sheets(book, sheets(dictionary, chapters))
        yield from (page, book)


_WRITERS: dict[str, Callable[[Published, Spoken, Path, Wish], Iterator[Path | str]]] = {
    "sav": _sav, "dta": _dta, "parquet": _parquet, "csv": _csv, "xlsx": _xlsx, "geojson": _geojson, "ddi": _ddi,
    "codebook": _codebook,
}  # fmt: skip
