"""What looks odd and is right: edits, second deliveries, other encodings, other clients.

Nothing in here may be set aside by a check.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lxml import etree

from tracer_etl.evidence.rehearsal.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from tracer_etl.collect import Identifiers
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.job import Submission

_LATIN = "kaf\u00e9 kecil di teras"


@dataclass(frozen=True)
class Oddity:
    """One benign oddity; an edit has the new instanceID, and in `detail` the one it replaces."""

    form: str
    submission_id: str
    kind: str
    detail: str


def make_odd(
    chance: Chance, submissions: list[Submission], invented: set[str], identifiers: Identifiers
) -> tuple[list[Submission], list[Oddity]]:
    """Return the submissions with the odd ones in place, and the list of what was done."""
    result = {one.folder: one for one in submissions}
    free = [one for one in submissions if one.folder not in invented]
    found: list[Oddity] = []
    for kind, form_id, rewrite in _REWRITES:
        chosen = _take(chance.of(kind, form_id), free, form_id)
        result[chosen.folder] = replace(chosen, xml=rewrite(chosen.xml))
        found.append(Oddity(form_id, chosen.instance_id, kind, ""))
    for form_id, times, name in _EDITS:
        old = _take(chance.of("edit", form_id, times), free, form_id, answered=name)
        for number in range(times):
            new = _edited(old, identifiers.uuid(), name, number)
            result[new.folder] = new
            found.append(Oddity(form_id, new.instance_id, "edited", old.instance_id))
            old = new
    for form_id in _DELIVERED_TWICE:
        chosen = _take(chance.of("twice", form_id, len(found)), free, form_id)
        again = replace(chosen, folder=f"{chosen.folder}-2")
        result[again.folder] = again
        found.append(Oddity(form_id, chosen.instance_id, "delivered twice", again.folder))
    return list(result.values()), found


def _take(chance: Chance, free: list[Submission], form_id: str, answered: str = "start") -> Submission:
    candidates = [one for one in free if one.form_id == form_id and f"<{answered}>".encode() in one.xml]
    chosen = chance.pick(candidates)
    free.remove(chosen)
    return chosen


def _edited(old: Submission, uuid: str, name: str, number: int) -> Submission:
    sheet = Sheet(old.xml)
    sheet.put(name, f"{sheet.text(name)}{' (diperbaiki)' if number == 0 else '.'}")
    sheet.put("instanceID", f"uuid:{uuid}")
    if sheet.put("deprecatedID", old.instance_id) is None:
        sheet.insert_after("instanceID", "deprecatedID", old.instance_id)
    return replace(old, folder=uuid, xml=sheet.bytes())


def _utf16(xml: bytes) -> bytes:
    return etree.tostring(Sheet(xml).root, encoding="UTF-16", xml_declaration=True)


def _byte_order_mark(xml: bytes) -> bytes:
    return b"\xef\xbb\xbf" + xml


def _latin_1(xml: bytes) -> bytes:
    sheet = Sheet(xml)
    for name in ("int_note", "contact_note", "ap_prior", "idea_barrier", "em_trend"):
        sheet.put(name, _LATIN)
    return etree.tostring(sheet.root, encoding="ISO-8859-1", xml_declaration=True)


def _enketo(xml: bytes) -> bytes:
    root = Sheet(xml).root
    etree.indent(root, "    ")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=False)


def _web_forms(xml: bytes) -> bytes:
    return etree.tostring(Sheet(xml).root, encoding="UTF-8", xml_declaration=False)


def _without_empty(xml: bytes) -> bytes:
    sheet = Sheet(xml)
    for node in list(sheet.root.iter()):
        parent = node.getparent()
        if parent is not None and len(node) == 0 and not node.text:
            parent.remove(node)
    return sheet.bytes()


def _cdata(xml: bytes) -> bytes:
    sheet = Sheet(xml)
    for name in ("idea_text", "int_note", "contact_note"):
        node = sheet.node(name)
        if node is not None and node.text:
            node.text = etree.CDATA(node.text)
    return sheet.bytes()


_REWRITES: tuple[tuple[str, str, Callable[[bytes], bytes]], ...] = (
    ("UTF-16", "alumni_tracer", _utf16),
    ("UTF-16", "youth_ideas", _utf16),
    ("byte order mark", "alumni_tracer", _byte_order_mark),
    ("byte order mark", "applicant_registration", _byte_order_mark),
    ("Latin-1", "applicant_registration", _latin_1),
    ("Latin-1", "alumni_tracer", _latin_1),
    ("white space of Enketo", "youth_ideas", _enketo),
    ("white space of Enketo", "applicant_registration", _enketo),
    ("white space of Enketo", "alumni_tracer", _enketo),
    ("white space of Enketo", "employer_needs", _enketo),
    ("no declaration (Web Forms)", "youth_ideas", _web_forms),
    ("no declaration (Web Forms)", "applicant_registration", _web_forms),
    ("empty elements left out", "alumni_tracer", _without_empty),
    ("empty elements left out", "applicant_registration", _without_empty),
    ("empty elements left out", "employer_needs", _without_empty),
    ("CDATA", "youth_ideas", _cdata),
)
_EDITS = (
    ("alumni_tracer", 1, "int_note"),
    ("alumni_tracer", 2, "contact_note"),
    ("applicant_registration", 1, "ap_prior"),
    ("applicant_registration", 2, "ap_obst"),
    ("selection_assessment", 1, "sa_note"),
    ("employer_needs", 1, "em_trend"),
)
_DELIVERED_TWICE = (
    "alumni_tracer",
    "alumni_tracer",
    "applicant_registration",
    "youth_ideas",
    "employer_needs",
)
