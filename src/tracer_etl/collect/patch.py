"""Let a form ask us, and not the machine, for the time and for chance.

JavaRosa looks for its own `now()`, `today()`, `uuid()` and `random()` before it looks for ours, and they read
the machine. So in the copy of the XForm that the engine reads, those four calls get names of our own. The
submission does not show it: no XPath is ever part of a submission.
"""

from __future__ import annotations

import re

from lxml import etree

from tracer_etl.errors import FormError

PREFIX = "tracer-"
REPLACED = ("now", "today", "uuid", "random")
_CALL = re.compile(r"""('[^']*'|"[^"]*")|(?<![\w.:/-])(%s)(?=\s*\()""".replace("%s", "|".join(REPLACED)))


def rename_calls(xpath: str) -> str:
    """Give the four calls their new names, outside quoted texts.

    >>> rename_calls("if(. > today(), 'not today()', now())")
    "if(. > tracer-today(), 'not today()', tracer-now())"
    """
    return _CALL.sub(lambda match: match[1] or PREFIX + match[2], xpath)


def rename_in_form(xform: bytes, where: str) -> bytes:
    """Return the XForm with the four calls renamed in every attribute outside the instances.

    Raises:
        FormError: the XForm is not well-formed XML.
    """
    try:
        root = etree.fromstring(xform, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError as error:
        raise FormError(
            f"not well-formed XML: {error}", where=where, remedy="convert the form again"
        ) from error
    for element in _controls(root):
        for name, value in element.attrib.items():
            if "(" in value:
                element.set(name, rename_calls(str(value)))
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _controls(root: etree._Element) -> list[etree._Element]:
    found, waiting = [], [root]
    while waiting:
        element = waiting.pop()
        if etree.QName(element).localname == "instance":
            continue
        found.append(element)
        waiting.extend(child for child in element if isinstance(child.tag, str))
    return found
