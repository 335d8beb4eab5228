"""Data protection: who could be recognized, and where it would show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.lint.expressions import REFERENCE, reference
from tracer_etl.lint.registry import rule
from tracer_etl.logic.syntax import Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.lint.registry import Hit
    from tracer_etl.lint.survey import Item, Survey
    from tracer_etl.logic.syntax import Node

_WORDS = frozenset(
    """
    nik ktp kk npwp bpjs paspor passport ssn phone telephone telp telepon hp handphone mobile wa whatsapp email
    surel alamat address fullname firstname lastname surname rekening gps latitude longitude coordinates
    """.split()
)
_PERSONS = frozenset(
    """
    respondent resp responden person head full first last family middle child mother father mom dad patient
    contact owner student alumni alumnus enumerator lengkap depan belakang ibu ayah anak kepala pemilik peserta
    client participant farmer member nick maiden spouse husband wife baby caregiver interviewer
    """.split()
)
_THINGS = frozenset(
    """
    settlement facility village desa kecamatan school sekolah camp district region town city country market
    product brand cartoon program programme site station hospital clinic plot species crop file form
    """.split()
)
"""What has a name and is no person."""
_LABEL = re.compile(
    r"\b(what is your (full |first |last )?name|your name|full name|first name|last name|name as on|name and (phone|n)"
    r"|name of (the )?(respondent|person|head|patient|child|mother|father)"
    r"|nama (lengkap|anda|sesuai|menurut|responden|ibu|ayah|anak|dan (nomor|jabatan))|siapa nama"
    r"|(phone|mobile|whatsapp|telephone) number|nomor (hp|wa|telepon)|nik|id number)\b",
    re.IGNORECASE,
)
_NAMED_LABEL = re.compile(r"\W*(name|nama)\b", re.IGNORECASE)
_TYPED = (
    "text",
    "integer",
    "decimal",
    "barcode",
    "geopoint",
    "geotrace",
    "geoshape",
    "phonenumber",
    "email",
    "calculate",
)
_HANDING_ON = frozenset(
    """
    concat coalesce once string normalize-space join substr substring-before substring-after translate number
    int format-date format-date-time
    """.split()
)
_CLASS = "bind::tracer:privacy"


@rule(
    "TL801", "identifier-without-class", "warning",
    why="Without a class the answer is open: analysts, exports and reports get it in the clear.",
    remedy="Give the question bind::tracer:privacy = direct (or quasi, or open, if it identifies nobody).",
)  # fmt: skip
def identifier_without_class(survey: Survey) -> Iterator[Hit]:
    """Find questions that look like a direct identifier and have no privacy class."""
    for item in survey.questions:
        if not item.text(_CLASS) and _identifies(item):
            yield item.cell("name"), f"{item.name} looks like a direct identifier and has no privacy class"


@rule(
    "TL802", "unknown-privacy-class", "error",
    why="The warehouse refuses the form rather than guess who may see the answer.",
    remedy="Use direct, quasi or open.",
)  # fmt: skip
def unknown_privacy_class(survey: Survey) -> Iterator[Hit]:
    """Find privacy classes there are none of."""
    for item in survey.items:
        if item.text(_CLASS).lower() not in ("", "direct", "quasi", "open"):
            yield item.cell(_CLASS), f"{item.text(_CLASS)!r} is no privacy class"


@rule(
    "TL803", "open-copy-of-an-identifier", "warning",
    why="The calculation carries a direct identifier into the tables analysts read.",
    remedy="Give the calculation the class direct.",
)  # fmt: skip
def open_copy_of_an_identifier(survey: Survey) -> Iterator[Hit]:
    """Find calculations that copy a direct identifier and are less protected."""
    for item in survey.questions:
        expression = item.expressions.get("calculation")
        if expression is None or item.text(_CLASS).lower() == "direct":
            continue
        for name in _copied(expression.tree):
            source = survey.find(name)
            if source and source.text(_CLASS).lower() == "direct":
                yield expression.cell, f"{item.name} copies {name}, which is direct"


@rule(
    "TL804", "identifier-in-instance-name", "warning",
    why="The instance name stands in lists on phones and servers, and in every export.",
    remedy="Name interviews by village, case number and date.",
)  # fmt: skip
def identifier_in_instance_name(survey: Survey) -> Iterator[Hit]:
    """Find direct identifiers in the instance name."""
    for name in REFERENCE.findall(survey.setting("instance_name")):
        item = survey.find(name)
        if item and survey.settings and (item.text(_CLASS).lower() == "direct" or _identifies(item)):
            yield survey.settings.cell("instance_name"), f"{name} identifies a person"


@rule(
    "TL805", "class-without-namespace", "error",
    why="pyxform writes an attribute of an unknown namespace, and clients refuse the XML.",
    remedy='Add to settings: namespaces = tracer="urn:tracer-etl:privacy".',
)  # fmt: skip
def class_without_namespace(survey: Survey) -> Iterator[Hit]:
    """Find a privacy column without its namespace."""
    header = survey.book.sheet("survey").headers.get(_CLASS)
    used = any(item.text(_CLASS) for item in survey.items)
    if header and used and "tracer=" not in survey.setting("namespaces").replace(" ", ""):
        yield header, "the namespace tracer is not declared"


def _identifies(item: Item) -> bool:
    if item.kind not in _TYPED:
        return False
    if item.kind in ("geopoint", "phonenumber", "email"):
        return True
    words = [word for word in re.split(r"[_\-.\d]+", item.name.lower()) if word]
    if item.kind == "calculate":
        return bool({"nik", "ktp", "phone", "email"} & set(words)) and len(words) == 1
    if set(words) & _WORDS and words[:1] not in (["has"], ["n"], ["consent"], ["is"], ["num"], ["cost"]):
        return True
    if item.kind != "text":
        return False
    labels = [cell.text for cell in item.row.translations("label").values()]
    said = {word for text in labels for word in re.findall(r"\w+", text.lower())}
    named = {"name", "nama", "names"} & set(words) and not _THINGS & {*words, *said}
    if named and (len(words) == 1 or set(words) & _PERSONS or any(map(_NAMED_LABEL.match, labels))):
        return True
    return any(map(_LABEL.search, labels))


def _copied(tree: Node | None) -> Iterator[str]:
    """List the questions whose answer a calculation hands on as it is."""
    if tree is None:
        return
    match tree:
        case Call("ref", _):
            yield reference(tree)
        case Call("if", (_, then, otherwise)):
            yield from _copied(then)
            yield from _copied(otherwise)
        case Call(name, arguments) if name in _HANDING_ON:
            for argument in arguments:
                yield from _copied(argument)
        case _:
            return
