"""study.toml -> Study: which forms, from where, to where; secrets never stand in it."""

from __future__ import annotations

import logging
import os
import tomllib
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tracer_etl.errors import FormError, StudyError
from tracer_etl.form import read_form
from tracer_etl.names import allocate
from tracer_etl.schema import BESIDE, Schema, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.questions import Form

log = logging.getLogger(__name__)


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
    """A CSV table analysts join to the submissions; `direct` columns go to `pii` only.

    With `entity_list` the file is fetched from ODK Central at every pull.
    """

    name: str
    file: Path
    direct: tuple[str, ...] = ()
    entity_list: str = ""


@dataclass(frozen=True, slots=True)
class Assign:
    """How cases are shared out: `column` gets the `code` of one row of the CSV `among`, of those in `where`.

    Where `by` is given, a case goes only to somebody whose `areas` (codes with blanks between) hold the
    case's value of that column.
    """

    column: str
    among: Path
    code: str = "name"
    by: str = ""
    areas: str = ""
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseList:
    """The cases phones choose from: `name`.csv in `forms`, or the entity list of that name.

    Rows come from the CSV `file`, from the SQL `query` on the published warehouse, or with both from the
    file's rows whose `key` the query gives. Phones get `key`, `label` and `columns`, nothing else; `direct`
    names those of them that identify somebody and are meant to travel. `remove` deletes entities whose case
    is gone; `entities` asks for an entity list where no form uses the list yet.
    """

    name: str
    forms: tuple[str, ...]
    key: str
    label: str
    columns: tuple[str, ...] = ()
    file: Path | None = None
    query: Path | None = None
    direct: tuple[str, ...] = ()
    assign: Assign | None = None
    remove: bool = False
    entities: bool = False


@dataclass(frozen=True, slots=True)
class Crew:
    """People with phones: one row per person in the CSV `file`, of those in `where`; they fill in `forms`.

    `account` is the column with the person's KoboToolbox user; without it all share one.
    """

    file: Path
    forms: tuple[str, ...]
    code: str = "name"
    label: str = "label"
    account: str = ""
    where: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """Everything a run needs to know; paths are absolute, `shared` is a URL of fsspec or empty."""

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
    case_lists: tuple[CaseList, ...] = ()
    crews: tuple[Crew, ...] = ()
    cases: Path = Path("var/cases")
    decisions: Path = Path("decisions.csv")
    corrections: Path = Path("corrections.csv")
    erasures: Path = Path("erasures.csv")
    pdp_log: Path = Path("var/pdp_log.ndjson")
    privacy: Mapping[str, Any] = field(default_factory=dict)
    public: tuple[Mapping[str, Any], ...] = ()
    shared: str = ""

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

    def schema(self, form: StudyForm, deployed: Sequence[tuple[str, Path]] = ()) -> Schema:
        """Compile all versions of a form: its workbooks, and those only the server has.

        `deployed` lists label and file of the server's versions, oldest first. A version that asks the same
        as a workbook is that workbook under another label. One that does not compile is left out: its
        submissions are set aside as of an unknown version.

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
        return schema_of(_united(compiled, list(self._deployed(form.form_id, deployed))))

    def _deployed(self, form_id: str, deployed: Sequence[tuple[str, Path]]) -> Iterator[Form]:
        for label, file in deployed:
            try:
                yield replace(read_form(file, self.media), form_id=form_id, version=label)
            except FormError as error:
                log.warning("%s: version %s of the server does not compile: %s", form_id, label, error)


def _united(workbooks: Sequence[Form], deployed: Sequence[Form]) -> list[Form]:
    """Order all versions, oldest first: those of the server, then the workbooks no server has yet.

    The study's main workbook comes last, since its logic is what submissions are checked by.
    """
    *older, main = workbooks
    labels = {form.version for form in workbooks}
    asked = {_shape(form): form for form in workbooks}
    served = [
        replace(asked[_shape(form)], version=form.version) if _shape(form) in asked else form
        for form in deployed
        if form.version not in labels
    ]
    return [*(form for form in older), *served, main]


def _shape(form: Form) -> tuple[tuple[str, ...], ...]:
    """Give what decides how answers are read: every question's path, kind and choice list."""
    return tuple(sorted(("/".join(q.path), q.kind, q.list_name) for q in form.questions if q.kind != "note"))


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
    study, forms = document["study"], document["forms"]
    storage = _storage(document["storage"], root)
    if not forms:
        raise StudyError("no form is listed", where="study.toml", remedy="add a [[forms]] table")
    for tables, key in (("forms", "id"), ("reference", "name"), ("case_list", "name")):
        _once(tables, [table[key] for table in document.get(tables, ())])
    _tables_are_apart(document)
    _registry_is_closed(document)
    return Study(
        name=study["name"],
        title=dict(study["title"]),
        timezone=zone(study["timezone"]),
        root=root,
        server=_server(document["server"], root),
        media=root / study.get("media", "forms/media"),
        expectations=root / study.get("expectations", "expectations"),
        landing=storage["landing"],
        staging=storage["staging"],
        warehouse=storage["warehouse"],
        published=storage["published"],
        report=storage["report"],
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
            _reference(table, root, storage["landing"]) for table in document.get("reference", ())
        ),
        evidence=document.get("evidence", {}),
        case_lists=tuple(_case_list(table, root) for table in document.get("case_list", ())),
        crews=tuple(_crew(table, root) for table in document.get("phones", ())),
        cases=storage["cases"],
        decisions=root / study.get("decisions", "decisions.csv"),
        corrections=root / study.get("corrections", "corrections.csv"),
        erasures=root / study.get("erasures", "erasures.csv"),
        pdp_log=storage["pdp_log"],
        privacy=document.get("privacy", {}),
        public=tuple(document.get("public", ())),
        shared=str(document["storage"].get("shared", "")),
    )


def _once(tables: str, names: Sequence[str]) -> None:
    """Refuse a second table of one name: which of the two holds, `direct` above all, must not be a guess."""
    for number, name in enumerate(names):
        if name in names[:number]:
            remedy = "change the first one, or take one out"
            raise StudyError(f"[[{tables}]] {name} stands there twice", where="study.toml", remedy=remedy)


def _tables_are_apart(document: Mapping[str, Any]) -> None:
    """Refuse what would have its table among those of a form: the form's tables are dropped when it is made anew."""
    forms = [(table["id"], allocate([table["id"]], set(BESIDE))) for table in document["forms"]]
    tables = [*forms, *((table["name"], table["name"].lower()) for table in document.get("reference", ()))]
    for (place, (form, root)), (other, (name, own)) in product(enumerate(forms), enumerate(tables)):
        if place != other and f"{own}__".startswith(f"{root}__"):
            what = f"the table of {name} would be one of form {form}"
            raise StudyError(what, where="study.toml", remedy="give one of them another name")


def _registry_is_closed(document: Mapping[str, Any]) -> None:
    registry = document.get("privacy", {}).get("registry")
    for table in document.get("reference", ()):
        if table["name"] == registry and not table.get("direct"):
            what = f"[[reference]] {registry} is the registry of persons, and none of its columns is `direct`"
            remedy = "list there what identifies people, or analysts would get it"
            raise StudyError(what, where="study.toml", remedy=remedy)


def _reference(table: Mapping[str, Any], root: Path, landing: Path) -> Reference:
    direct, entity_list = tuple(table.get("direct", ())), str(table.get("entity_list", ""))
    file = landing / "_entity_lists" / f"{table['name']}.csv" if entity_list else root / table["file"]
    return Reference(table["name"], file, direct, entity_list)


def _case_list(table: Mapping[str, Any], root: Path) -> CaseList:
    forms, assign = table["form"], table.get("assign")
    if "file" not in table and "query" not in table:
        what, remedy = f"case list {table['name']!r} has no source", "give it a file, a query, or both"
        raise StudyError(what, where="study.toml", remedy=remedy)
    return CaseList(
        name=table["name"],
        forms=(forms,) if isinstance(forms, str) else tuple(forms),
        key=table.get("key", "name"),
        label=table.get("label", "label"),
        columns=tuple(table.get("columns", ())),
        file=root / table["file"] if "file" in table else None,
        query=root / table["query"] if "query" in table else None,
        direct=tuple(table.get("direct", ())),
        assign=Assign(**{**assign, "among": root / assign["among"]}) if assign else None,
        remove=bool(table.get("remove", False)),
        entities=bool(table.get("entities", False)),
    )


def _crew(table: Mapping[str, Any], root: Path) -> Crew:
    return Crew(**{**table, "file": root / table["file"], "forms": tuple(table["forms"])})


def _server(server: Mapping[str, Any], root: Path) -> Mapping[str, Any]:
    return {**server, "path": str(root / server["path"])} if server.get("path") else server


def _storage(storage: Mapping[str, str], root: Path) -> dict[str, Path]:
    """Place the study's files; TRACER_STORAGE keeps the names and puts them all into another folder."""
    elsewhere = os.environ.get("TRACER_STORAGE", "")
    names = ("landing", "staging", "warehouse", "published", "report")
    placed = {name: root / storage[name] for name in names}
    placed["cases"] = root / storage.get("cases", "var/cases")
    placed["pdp_log"] = root / storage.get("pdp_log", "var/pdp_log.ndjson")
    return {n: Path(elsewhere).absolute() / path.name for n, path in placed.items()} if elsewhere else placed


def zone(name: str) -> str:
    """Give back the name of a time zone.

    Raises:
        StudyError: there is no such zone.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        remedy = "use a name such as Asia/Jakarta"
        raise StudyError(f"time zone {name!r} is unknown", where="timezone", remedy=remedy) from error
    return name
