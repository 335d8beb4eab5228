"""study.toml -> Study: which forms, from where, to where; secrets never stand in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tracer_etl.errors import StudyError
from tracer_etl.form import read_form
from tracer_etl.schema import Schema, schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class StudyForm:
    """One form of the study; `versions` are older workbooks still answered in the field, oldest first.

    `asset` is KoboToolbox's uid of the form, where it cannot be found by its form_id.
    """

    form_id: str
    workbook: Path
    versions: tuple[Path, ...] = ()
    asset: str = ""


@dataclass(frozen=True, slots=True)
class Reference:
    """A CSV table analysts join to the submissions; `direct` columns go to `pii` only."""

    name: str
    file: Path
    direct: tuple[str, ...] = ()


@dataclass(frozen=True)
class Study:
    """Everything a run needs to know; paths are absolute."""

    name: str
    title: Mapping[str, str]
    timezone: str
    root: Path
    server: Mapping[str, Any]
    media: Path
    expectations: Path
    landing: Path
    staging: Path
    warehouse: Path
    published: Path
    report: Path
    forms: tuple[StudyForm, ...]
    references: tuple[Reference, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def chosen(self, forms: Sequence[str] = ()) -> tuple[StudyForm, ...]:
        """Pick forms by id; none named means all.

        Raises:
            StudyError: a form is named that the study does not have.
        """
        known = {form.form_id for form in self.forms}
        for form_id in forms:
            if form_id not in known:
                raise StudyError(
                    f"no form {form_id!r}", where="--form", remedy=f"choose of {', '.join(sorted(known))}"
                )
        return tuple(form for form in self.forms if not forms or form.form_id in forms)

    def schema(self, form: StudyForm) -> Schema:
        """Compile all versions of a form.

        Raises:
            FormError: a workbook is missing or does not compile.
            StudyError: the workbook's form_id is another one than study.toml names.
            DriftError: a version changes the schema in an unsafe way.
        """
        compiled = [read_form(path, self.media) for path in (*form.versions, form.workbook)]
        for one in compiled:
            if one.form_id != form.form_id:
                what = f"the workbook says form_id {one.form_id!r}, study.toml says {form.form_id!r}"
                raise StudyError(what, where=form.workbook.name, remedy="make the two equal")
        return schema_of(compiled)


def read_study(path: Path) -> Study:
    """Read study.toml; relative paths are relative to its folder.

    Raises:
        StudyError: missing file, not TOML, or a key is missing or wrong.
    """
    if not path.is_file():
        raise StudyError("there is no such study", where=str(path), remedy="name it with --study FILE")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"not TOML ({error})", where=path.name, remedy="correct that line") from error
    try:
        return _study(document, path.resolve().parent)
    except KeyError as error:
        raise StudyError(
            f"key {error} is missing", where=path.name, remedy="see docs/reference/study-toml.md"
        ) from error
    except (TypeError, AttributeError) as error:
        raise StudyError(
            f"wrong kind of value ({error})", where=path.name, remedy="see docs/reference/study-toml.md"
        ) from error


def _study(document: Mapping[str, Any], root: Path) -> Study:
    study, storage, forms = document["study"], document["storage"], document["forms"]
    if not forms:
        raise StudyError("no form is listed", where="study.toml", remedy="add a [[forms]] table")
    return Study(
        name=study["name"],
        title=dict(study["title"]),
        timezone=_zone(study["timezone"]),
        root=root,
        server={**document["server"], "path": str(root / document["server"].get("path", ""))},
        media=root / study.get("media", "forms/media"),
        expectations=root / study.get("expectations", "expectations"),
        landing=root / storage["landing"],
        staging=root / storage["staging"],
        warehouse=root / storage["warehouse"],
        published=root / storage["published"],
        report=root / storage["report"],
        forms=tuple(
            StudyForm(
                form["id"],
                root / form["workbook"],
                tuple(root / old for old in form.get("versions", ())),
                form.get("asset", ""),
            )
            for form in forms
        ),
        references=tuple(
            Reference(table["name"], root / table["file"], tuple(table.get("direct", ())))
            for table in document.get("reference", ())
        ),
        evidence=document.get("evidence", {}),
    )


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        remedy = "use a name such as Asia/Jakarta"
        raise StudyError(f"time zone {name!r} is unknown", where="study.toml", remedy=remedy) from error
    return name
