"""DDI-Codebook 2.5 XML of one form, for archives and data catalogues (ddialliance.org)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lxml.etree import _Element

    from tracer_etl.exports.summary import Chapter, Entry
    from tracer_etl.warehouse.dictionary import Dictionary, Variable

NAMESPACE = "ddi:codebook:2_5"
SCHEMA = "http://www.ddialliance.org/Specification/DDI-Codebook/2.5/XMLSchema/codebook.xsd"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_NUMERIC = ("BIGINT", "DOUBLE", "BOOLEAN")
_CATEGORY = {"DATE": "date", "TIME": "time", "TIMESTAMPTZ": "date"}


def ddi(dictionary: Dictionary, chapters: Sequence[Chapter]) -> bytes:
    """Write the document: one file per table, one variable per column, texts in every language."""
    from lxml import etree

    root = etree.Element(f"{{{NAMESPACE}}}codeBook", {"version": "2.5"}, nsmap={None: NAMESPACE, "xsi": _XSI})
    root.set(f"{{{_XSI}}}schemaLocation", f"{NAMESPACE} {SCHEMA}")
    writer = _Writer(dictionary)
    writer.language(root, dictionary.default_language)
    writer.document(root)
    writer.study(root)
    for place, chapter in enumerate(chapters, 1):
        writer.file(root, f"F{place}", chapter)
    data = writer.add(root, "dataDscr")
    for place, chapter in enumerate(chapters, 1):
        for position, entry in enumerate(chapter.entries, 1):
            writer.variable(data, f"V{place}_{position}", f"F{place}", chapter, entry)
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))


class _Writer:
    """Writes the elements in the order the schema asks for."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary

    def add(self, parent: _Element, tag: str, text: str = "", /, **attributes: str) -> _Element:
        from lxml import etree

        element: _Element = etree.SubElement(parent, f"{{{NAMESPACE}}}{tag}", attributes)
        if text:
            element.text = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
        return element

    def language(self, element: _Element, language: str) -> None:
        code = self.dictionary.languages[language].replace("_", "-")
        if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]{1,8})*", code):
            element.set(_LANG, code)

    def texts(self, parent: _Element, name: str, labels: Mapping[str, str]) -> None:
        """Write a text in every language that has it."""
        for language in self.dictionary.languages:
            if labels.get(language, "").strip():
                self.language(self.add(parent, name, labels[language]), language)

    def document(self, root: _Element) -> None:
        citation = self.add(self.add(root, "docDscr"), "citation")
        titles = self.add(citation, "titlStmt")
        self.add(titles, "titl", f"Codebook of {self.dictionary.form_id}")
        production = self.add(citation, "prodStmt")
        self.add(production, "software", "tracer-etl", version=__version__)

    def study(self, root: _Element) -> None:
        citation = self.add(self.add(root, "stdyDscr"), "citation")
        titles = self.add(citation, "titlStmt")
        title = self.dictionary.label(self.dictionary.titles, self.dictionary.default_language)
        self.add(titles, "titl", title or self.dictionary.form_id)
        self.add(titles, "IDNo", self.dictionary.form_id)
        versions = self.add(citation, "verStmt")
        self.add(versions, "version", self.dictionary.versions[-1])

    def file(self, root: _Element, key: str, chapter: Chapter) -> None:
        text = self.add(self.add(root, "fileDscr", ID=key), "fileTxt")
        self.add(text, "fileName", chapter.dataset.name)
        title = self.dictionary.label(chapter.dataset.labels, self.dictionary.default_language)
        if title:
            self.add(text, "fileCont", title)
        size = self.add(text, "dimensns")
        self.add(size, "caseQnty", str(chapter.rows))
        self.add(size, "varQnty", str(len(chapter.entries)))

    def variable(self, data: _Element, key: str, file: str, chapter: Chapter, entry: Entry) -> None:
        variable = entry.variable
        element = self.add(data, "var", ID=key, name=variable.name, files=file, intrvl=_interval(variable))
        self.texts(element, "labl", variable.labels)
        if variable.labels and not variable.system:
            self.texts(self.add(element, "qstn"), "qstnLit", variable.labels)
        if entry.low is not None:
            self.add(self.add(element, "valrng"), "range", min=str(entry.low), max=str(entry.high))
        if variable.asked_when:
            self.add(element, "universe", variable.asked_when)
        self.add(element, "sumStat", str(entry.answered), type="vald")
        self.add(element, "sumStat", str(chapter.rows - entry.answered), type="invd")
        for code in variable.codes:
            category = self.add(element, "catgry")
            self.add(category, "catValu", code.value)
            self.texts(category, "labl", code.labels)
            self.add(category, "catStat", str(entry.counts.get(code.value, 0)), type="freq")
        self._format(element, variable)
        for path in variable.paths:
            self.add(element, "notes", path, subject="path in the form")

    def _format(self, element: _Element, variable: Variable) -> None:
        kind = "numeric" if variable.sql_type in _NUMERIC else "character"
        category = {"category": _CATEGORY[variable.sql_type]} if variable.sql_type in _CATEGORY else {}
        name = {"schema": "other", "otherSchema": "SQL", "formatname": variable.sql_type}
        self.add(element, "varFormat", type=kind, **name, **category)


def _interval(variable: Variable) -> str:
    return "contin" if variable.sql_type in ("BIGINT", "DOUBLE") and not variable.codes else "discrete"
