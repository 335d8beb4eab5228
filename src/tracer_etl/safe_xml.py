"""XML from strangers: parsed without entities, document types, network or unbounded depth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.errors import SubmissionError

if TYPE_CHECKING:
    from lxml.etree import _Element


def parse(raw: bytes, where: str = "") -> _Element:
    """Parse bytes in whatever encoding their BOM or declaration names.

    Raises:
        SubmissionError: not well-formed, cut off, or with a document type (the door of XML bombs).

    >>> parse("<?xml version='1.0' encoding='UTF-16'?><data>é</data>".encode("utf-16")).text
    'é'
    >>> parse(b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "a.xml")
    Traceback (most recent call last):
    tracer_etl.errors.SubmissionError: a.xml: XML with a document type is refused; no ODK client ...
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    if b"<!DOCTYPE" in raw[:65536].replace(b"\0", b""):
        remedy = "no ODK client writes one: find out who made this file"
        raise SubmissionError("XML with a document type is refused", where=where, remedy=remedy)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        what = f"not well-formed XML ({error.msg})"
        raise SubmissionError(what, where=where, remedy="send the file again from the device") from error
    if root.getroottree().docinfo.doctype:
        raise SubmissionError("XML with a document type is refused", where=where, remedy="remove it")
    return root


def local_name(element: _Element) -> str:
    """Give the name without its namespace.

    >>> local_name(parse(b"<orx:meta xmlns:orx='http://openrosa.org/xforms'/>"))
    'meta'
    """
    return str(element.tag).rpartition("}")[2]


def attribute_step(key: object) -> str:
    """Give the step of a path that an attribute is, without its namespace.

    >>> attribute_step("{http://example.org}id")
    '@id'
    """
    return "@" + str(key).rpartition("}")[2]
