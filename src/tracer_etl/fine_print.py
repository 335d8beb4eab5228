"""What a form says beyond its questions: defaults, required messages, guidance, pictures, parameters, actions.

The compiled Form leaves these out, since no table depends on them; whoever publishes a form must not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tracer_etl.safe_xml import local_name, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_XF = "{http://www.w3.org/2002/xforms}"
_BODY = "{http://www.w3.org/1999/xhtml}body"
# Compared as parts of the Form, or made by the converter itself.
_KNOWN_OF_BIND = set(
    "nodeset type relevant required constraint calculate readonly preload preloadParams".split()
)
_KNOWN_OF_BIND |= {"constraintMsg", "privacy"}
_KNOWN_OF_CONTROL = {"ref", "nodeset", "query", "count"}
_CONTROLS = {"input", "select1", "select", "rank", "upload", "trigger", "range", "secret", "textarea"}
_ACTIONS = {"setvalue", "setgeopoint", "recordaudio"}
_OWN_OF_CONVERTER = {"meta/instanceID", "meta/deprecatedID", "meta/rootUuid"}

FinePrint = dict[tuple[str, str], str]


def plain_xpath(xpath: str, root: str) -> str:
    """Write an expression as any converter would: no spaces that say nothing, a root element named `data`.

    >>> plain_xpath(" /hh/age >= 15 and  . != 'a  b' ", "hh")
    "/data/age>=15 and .!='a  b'"
    """
    parts = re.split(r"""("[^"]*"|'[^']*')""", xpath.strip())
    plain = (_plain_text, _plain_part)
    return "".join(plain[place % 2 == 0](part, root) for place, part in enumerate(parts))


def _plain_text(text: str, root: str) -> str:
    """Leave a quoted text alone, unless it is the node of a jr:choice-name()."""
    match = re.fullmatch(rf"""['"]\s*/{re.escape(root)}(/[\w./-]+)\s*['"]""", text)
    return f"'/data{match[1]}'" if match else text


def _plain_part(text: str, root: str) -> str:
    named = re.sub(rf"(?<![\w.\]/])/{re.escape(root)}(?=/)", "/data", text)
    return re.sub(r"\s+", " ", re.sub(r"\s*([()=<>!+,*|\[\]/])\s*", r"\1", named))


def fine_print(xform: str) -> FinePrint:
    """Map (node, what) to its text; the node is a path below the root, or empty for the form itself."""
    found: FinePrint = {}
    for node, what, text in _Reader(parse(xform.encode())).everything():
        if text:
            found.setdefault((node, what), text)
    return found


class _Reader:
    """Walks one XForm."""

    def __init__(self, document: _Element) -> None:
        model, body = document.find(f".//{_XF}model"), document.find(_BODY)
        assert model is not None  # noqa: S101 - it compiled
        assert body is not None  # noqa: S101 - it compiled
        self.model, self.body = model, body
        instances = model.findall(f"{_XF}instance")
        self.top, self.secondary = instances[0][0], instances[1:]
        self.root = local_name(self.top)
        self.texts: dict[str, list[tuple[str, str, str]]] = {}
        for name, language, kind, content in self._texts():
            self.texts.setdefault(name, []).append((language, kind, content))

    def everything(self) -> Iterator[tuple[str, str, str]]:
        yield from self._form()
        yield from self._nodes(self.top, ())
        yield from self._binds()
        yield from self._controls()
        yield from self._choices()
        yield from self._actions()

    def _texts(self) -> Iterator[tuple[str, str, str, str]]:
        for translation in self.model.iterfind(f"{_XF}itext/{_XF}translation"):
            for text in translation:
                for value in text:
                    content = " ".join("".join(map(str, value.itertext())).split())
                    yield text.get("id", ""), translation.get("lang", ""), value.get("form", ""), content

    def _form(self) -> Iterator[tuple[str, str, str]]:
        yield "", "style", self.body.get("class", "")
        for submission in self.model.iterfind(f"{_XF}submission"):
            for name, value in submission.attrib.items():
                yield "", f"submission {_local(name)}", str(value)

    def _nodes(self, parent: _Element, path: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        for element in parent:
            here = (*path, local_name(element))
            node = "/".join(here)
            for name, value in element.attrib.items():
                if _local(name) != "template":
                    yield node, _local(name), plain_xpath(str(value), self.root)
            if not len(element) and node not in _OWN_OF_CONVERTER:
                yield node, "default", (element.text or "").strip()
            yield from self._nodes(element, here)

    def _binds(self) -> Iterator[tuple[str, str, str]]:
        for bind in self.model.iterfind(f"{_XF}bind"):
            node = self._node(bind.get("nodeset", ""))
            for name, value in bind.attrib.items():
                what = _local(name)
                if what not in _KNOWN_OF_BIND and node not in _OWN_OF_CONVERTER:
                    yield from self._said(node, _WORDS.get(what, what), str(value), "")

    def _controls(self) -> Iterator[tuple[str, str, str]]:
        for element in self.body.iter():
            kind = local_name(element) if isinstance(element.tag, str) else ""
            reference = element.get("ref") or element.get("nodeset") or ""
            if kind in _CONTROLS | {"group", "repeat"} and reference:
                yield from self._control(element, self._node(reference), asked=kind in _CONTROLS)

    def _control(self, element: _Element, node: str, *, asked: bool) -> Iterator[tuple[str, str, str]]:
        known = _KNOWN_OF_CONTROL | ({"appearance"} if asked else set())
        for name, value in element.attrib.items():
            if _local(name) not in known:
                yield node, _local(name), plain_xpath(str(value), self.root)
        for part in ("label", "hint"):
            child = element.find(f"{_XF}{part}")
            if child is not None:
                yield from self._said(node, part, child.get("ref", ""), "*")
        itemset = element.find(f"{_XF}itemset")
        if itemset is not None and "randomize(" in itemset.get("nodeset", ""):
            yield node, "randomized choices", "yes"

    def _said(self, node: str, what: str, reference: str, form: str) -> Iterator[tuple[str, str, str]]:
        """Give a text itself, or its translations; form "*" means its pictures, sounds and guidance only."""
        match = re.fullmatch(r"jr:itext\('(.*)'\)", reference.strip())
        if match is None:
            if not form:
                yield node, what, plain_xpath(reference, self.root)
            return
        for language, kind, content in self.texts.get(match[1], ()):
            if bool(kind) == bool(form):
                yield node, f"{kind or what} ({language})", content

    def _choices(self) -> Iterator[tuple[str, str, str]]:
        for instance in self.secondary:
            for item in instance.iterfind(f"{_XF}root/{_XF}item"):
                reference = f"jr:itext('{item.findtext(f'{_XF}itextId') or ''}')"
                choice = f"{instance.get('id')}: {item.findtext(f'{_XF}name') or ''}"
                yield from self._said(choice, "label", reference, "*")

    def _actions(self) -> Iterator[tuple[str, str, str]]:
        for holder in (self.model, self.body):
            for action in holder.iter():
                if isinstance(action.tag, str) and local_name(action) in _ACTIONS:
                    yield self._action(action)

    def _action(self, action: _Element) -> tuple[str, str, str]:
        parent = action.getparent()
        trigger = "" if parent is None else self._node(parent.get("ref", ""))
        what = f"{local_name(action)}{f' when {trigger} changes' if trigger else ''}"
        value = action.get("value") or action.text or "nothing"
        return self._node(action.get("ref", "")), what, plain_xpath(value, self.root)

    def _node(self, nodeset: str) -> str:
        steps = [step.rpartition(":")[2] for step in nodeset.strip().strip("/").split("/")]
        return "/".join(steps[1:])


_WORDS = {"requiredMsg": "required message", "saveto": "save_to", "max-pixels": "max-pixels"}


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]
