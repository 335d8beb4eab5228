"""XForm XML -> Form: what every server and every client agrees on, whoever wrote the form."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from tracer_etl.errors import FormError, SubmissionError
from tracer_etl.questions import (
    Bind,
    Choice,
    ChoiceList,
    Form,
    Group,
    Kind,
    Labels,
    NodePath,
    Privacy,
    Question,
)
from tracer_etl.safe_xml import attribute_step, local_name, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lxml.etree import _Element

XFORMS = "{http://www.w3.org/2002/xforms}"
JAVAROSA = "{http://openrosa.org/javarosa}"

_BIND_KINDS: dict[str, Kind] = {
    "int": "integer", "integer": "integer", "long": "integer",
    "decimal": "decimal", "double": "decimal", "float": "decimal",
    "boolean": "boolean", "date": "date", "time": "time", "dateTime": "datetime",
    "geopoint": "geopoint", "geotrace": "geotrace", "geoshape": "geoshape",
    "binary": "media", "select1": "select_one", "select": "select_multiple", "rank": "rank",
}  # fmt: skip
_CONTROL_KINDS: dict[str, Kind] = {
    "select1": "select_one", "select": "select_multiple", "rank": "rank",
    "upload": "media", "trigger": "acknowledge",
}  # fmt: skip
_CONTROLS = {"input", "select1", "select", "rank", "upload", "trigger", "range", "secret", "textarea"}
# Where a form names no class, what can point at a person or a place is held to be direct.
_DIRECT_KINDS = {"geopoint", "geotrace", "geoshape", "media"}
# Made of answers, most often of names: what a phone or a list of entities calls a submission.
_NAMES = {("meta", "instanceName"), ("entity", "label")}
_DIRECT_PROPERTIES = {
    "deviceid",
    "phonenumber",
    "phone number",
    "simserial",
    "subscriberid",
    "username",
    "email",
}


def compile_xform(raw: bytes, media: Path, *, where: str = "", warnings: tuple[str, ...] = ()) -> Form:
    """Compile the XML of an XForm.

    Raises:
        FormError: not XML, or no model, instance or body in it.
    """
    try:
        document = parse(raw, where)
    except SubmissionError as error:
        raise FormError(error.what, where=where, remedy="this is not an XForm") from error
    return _Compiler(document, media, where).form(raw.decode("utf-8", "replace"), warnings)


class _Compiler:
    """Reads one XForm document; holds what all its parts look up."""

    def __init__(self, document: _Element, media: Path, where: str) -> None:
        self.where, self.media, self.document = where, media, document
        self.model = self._one(document, f".//{XFORMS}model")
        instances = self.model.findall(f"{XFORMS}instance")
        if not instances or not len(instances[0]):
            raise self._broken("a primary instance")
        self.root = instances[0][0]
        self.secondary = {element.get("id", ""): element for element in instances[1:]}
        self.texts, self.languages, self.default = self._translations()
        self.binds = {self._steps(bind.get("nodeset")): bind for bind in self.model.findall(f"{XFORMS}bind")}
        self.controls: dict[NodePath, _Element] = {}
        self.group_elements: dict[NodePath, _Element] = {}
        self.repeat_elements: dict[NodePath, _Element] = {}
        self._walk_body(self._one(document, "{http://www.w3.org/1999/xhtml}body"), ())
        self.lists: dict[str, ChoiceList] = {}
        # A read-only node that the form itself fills is no note: its value comes with every submission.
        self.filled = {path for path, element in self._nodes(self.root, ()) if (element.text or "").strip()}
        self.filled |= {self._steps(action.get("ref")) for action in document.iter(f"{XFORMS}setvalue")}

    def form(self, xform: str, warnings: tuple[str, ...]) -> Form:
        questions: dict[NodePath, Question] = {}
        groups: dict[NodePath, Group] = {}
        for path, element in self._nodes(self.root, ()):
            # An entity without a label has no children, and is no question all the same.
            is_group = len(element) or path[-2:] == ("meta", "entity")
            if is_group or path in self.group_elements or path in self.repeat_elements:
                groups.setdefault(path, self._group(path))
                if path[-2:] == ("meta", "entity"):
                    named = [(*path, attribute_step(name)) for name in element.attrib]
                    questions.update((one, self._question(one)) for one in named)
            else:
                questions.setdefault(path, self._question(path))
        title = self.document.findtext(".//{http://www.w3.org/1999/xhtml}title") or ""
        return Form(
            form_id=self.root.get("id") or local_name(self.root),
            version=self.root.get("version") or "",
            title=title,
            root=local_name(self.root),
            languages=self.languages,
            default_language=self.default,
            questions=tuple(questions.values()),
            groups=tuple(groups.values()),
            lists=self.lists,
            xform=xform,
            warnings=warnings,
            constants=frozenset(
                (f"{'/'.join(path)}/@{str(name).rpartition('}')[2]}", str(value))
                for path, element in self._nodes(self.root, ())
                for name, value in element.attrib.items()
            ),
        )

    # -- the document

    def _one(self, element: _Element, path: str) -> _Element:
        found = element.find(path)
        if found is None:
            raise self._broken(path.rpartition("}")[2])
        return found

    def _broken(self, part: str) -> FormError:
        return FormError(f"the XForm has no {part}", where=self.where, remedy="give a complete XForm")

    def _translations(self) -> tuple[dict[str, dict[str, str]], tuple[str, ...], str]:
        texts: dict[str, dict[str, str]] = {}
        languages: list[str] = []
        default = ""
        for translation in self.model.iterfind(f"{XFORMS}itext/{XFORMS}translation"):
            language = translation.get("lang", "default")
            languages.append(language)
            if translation.get("default") is not None:
                default = language
            for text in translation:
                value = next((v for v in text if v.get("form") is None), None)
                if value is not None:
                    texts.setdefault(text.get("id", ""), {})[language] = _flat(value)
        return texts, tuple(languages), default or (languages[0] if languages else "default")

    def _steps(self, nodeset: str | None, context: NodePath = ()) -> NodePath:
        """Resolve a nodeset to the steps below the root element."""
        text = re.sub(r"\[[^\]]*\]", "", nodeset or "").strip()
        steps = [] if text.startswith("/") else [local_name(self.root), *context]
        for step in text.strip("/").split("/"):
            if step == "..":
                steps = steps[:-1]
            elif step not in ("", ".", "current()"):
                steps.append(step.rpartition(":")[2])
        return tuple(steps[1:])

    def _walk_body(self, parent: _Element, context: NodePath) -> None:
        for element in parent:
            name = local_name(element)
            reference = element.get("ref") or element.get("nodeset")
            path = self._steps(reference, context) if reference else context
            if name in _CONTROLS:
                self.controls.setdefault(path, element)
            elif name in ("group", "repeat"):
                if reference:
                    (self.repeat_elements if name == "repeat" else self.group_elements).setdefault(
                        path, element
                    )
                self._walk_body(element, path)

    def _nodes(self, parent: _Element, path: NodePath) -> Iterator[tuple[NodePath, _Element]]:
        for element in parent:
            here = (*path, local_name(element))
            yield here, element
            yield from self._nodes(element, here)

    # -- its parts

    def _labels(self, element: _Element | None, part: str) -> Labels:
        child = None if element is None else element.find(f"{XFORMS}{part}")
        if child is None:
            return {}
        return self._referred(child.get("ref", "")) or {self.default: _flat(child)}

    def _referred(self, reference: str) -> Labels:
        match = re.fullmatch(r"jr:itext\('(.*)'\)", reference.strip())
        return self.texts.get(match[1], {}) if match else {}

    def _bind(self, path: NodePath) -> Bind:
        bind = self.binds.get(path)
        if bind is None:
            return Bind()
        return Bind(
            relevant=_clean(bind.get("relevant")),
            required=_clean(bind.get("required")),
            constraint=_clean(bind.get("constraint")),
            calculate=_clean(bind.get("calculate")),
            readonly=(bind.get("readonly") or "").strip() in ("true()", "true"),
            preload=(bind.get(f"{JAVAROSA}preloadParams") or bind.get(f"{JAVAROSA}preload") or ""),
        )

    def _messages(self, path: NodePath) -> Labels:
        bind = self.binds.get(path)
        message = "" if bind is None else bind.get(f"{JAVAROSA}constraintMsg", "")
        return self._referred(message) or ({self.default: message} if message else {})

    def _group(self, path: NodePath) -> Group:
        repeat = self.repeat_elements.get(path)
        element = self.group_elements.get(path)
        return Group(
            path=path,
            labels=self._labels(element if element is not None else repeat, "label"),
            bind=self._bind(path),
            repeat=repeat is not None,
            count=_clean(repeat.get(f"{JAVAROSA}count")) if repeat is not None else "",
        )

    def _question(self, path: NodePath) -> Question:
        control, bind = self.controls.get(path), self._bind(path)
        kind = self._kind(path, control, bind)
        list_name, value_column, choice_filter = self._itemset(path, control)
        return Question(
            path=path,
            kind=kind,
            bind=bind,
            labels=self._labels(control, "label"),
            hints=self._labels(control, "hint"),
            messages=self._messages(path),
            privacy=self._privacy(path, kind, bind),
            list_name=list_name,
            value_column=value_column,
            choice_filter=choice_filter,
            appearance="" if control is None else control.get("appearance", ""),
        )

    def _kind(self, path: NodePath, control: _Element | None, bind: Bind) -> Kind:
        element = self.binds.get(path)
        declared = "" if element is None else (element.get("type") or "").rpartition(":")[2]
        by_control = _CONTROL_KINDS.get("" if control is None else local_name(control))
        if by_control:
            return by_control
        typed: Kind | None = _BIND_KINDS.get(declared)
        if path[0] == "meta" or path[-1].startswith("@"):
            return "meta"
        if typed:
            return typed
        if control is None:
            return "text" if bind.preload and not bind.calculate else "calculate"
        return "note" if bind.readonly and not bind.calculate and path not in self.filled else "text"

    def _privacy(self, path: NodePath, kind: Kind, bind: Bind) -> Privacy:
        element = self.binds.get(path)
        attributes = (
            {} if element is None else {str(k).rpartition("}")[2]: str(v) for k, v in element.attrib.items()}
        )
        given = attributes.get("privacy", "")
        match given.strip().lower():
            case "direct" | "quasi" | "open" as known:
                return known
            case "":
                hidden = kind in _DIRECT_KINDS or bind.preload in _DIRECT_PROPERTIES
                return "direct" if hidden or path[-2:] in _NAMES else "open"
            case other:
                remedy = "use direct, quasi or open in bind::tracer:privacy"
                raise FormError(
                    f"privacy class {other!r} is unknown", where=f"{self.where} {path[-1]}", remedy=remedy
                )

    # -- choices

    def _itemset(self, path: NodePath, control: _Element | None) -> tuple[str, str, str]:
        if control is None:
            return "", "name", ""
        if control.get("query"):
            return self._from_nodeset(control.get("query", ""), "name", "label")
        itemset = control.find(f"{XFORMS}itemset")
        if itemset is not None:
            value, label = itemset.find(f"{XFORMS}value"), itemset.find(f"{XFORMS}label")
            return self._from_nodeset(
                itemset.get("nodeset", ""),
                "name" if value is None else value.get("ref", "name"),
                "label" if label is None else label.get("ref", "label"),
            )
        items = control.findall(f"{XFORMS}item")
        if items:
            name = "/".join(path)
            choices = tuple(
                Choice(i.findtext(f"{XFORMS}value") or "", self._labels(i, "label")) for i in items
            )
            self.lists[name] = ChoiceList(name, choices)
            return name, "name", ""
        return "", "name", ""

    def _from_nodeset(self, nodeset: str, value: str, label: str) -> tuple[str, str, str]:
        match = re.match(r"\s*(?:randomize\()?\s*instance\('([^']+)'\)", nodeset)
        if not match:
            return "", value, ""  # choices made of the submission's own nodes
        name = match[1]
        if name not in self.lists:
            self.lists[name] = self._list(name, value, label)
        condition = re.search(r"\[(.*)\]", nodeset, re.DOTALL)
        return name, value, condition[1].strip() if condition else ""

    def _list(self, name: str, value: str, label: str) -> ChoiceList:
        instance = self.secondary.get(name)
        source = "" if instance is None else instance.get("src", "")
        if source:
            file = source.rpartition("/")[2]
            return ChoiceList(name, self._external(file, value, label), file)
        items = [] if instance is None else instance.findall(f"{XFORMS}root/{XFORMS}item")
        return ChoiceList(name, tuple(self._choice(item, value, label) for item in items))

    def _choice(self, item: _Element, value: str, label: str) -> Choice:
        columns = {local_name(child): child.text or "" for child in item}
        labels = self.texts.get(columns.pop("itextId", ""), {})
        return Choice(columns.pop(value, ""), labels or {self.default: columns.get(label, "")}, columns)

    def _external(self, file: str, value: str, label: str) -> tuple[Choice, ...]:
        path = self.media / file
        if path.suffix.lower() != ".csv" or not path.is_file():
            return ()  # XML, GeoJSON or not at hand: its choices stay unknown, so they are not checked
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [{k: v or "" for k, v in row.items() if k} for row in csv.DictReader(stream)]
        return tuple(Choice(row.get(value, ""), {self.default: row.get(label, "")}, row) for row in rows)


def _clean(xpath: str | None) -> str:
    return " ".join((xpath or "").split())


def _flat(element: _Element) -> str:
    """Give a label's text; an <output> shows as the ${name} it stands for."""
    parts = [element.text or ""]
    for child in element:
        target = (child.get("value") or child.get("ref") or "").strip().rpartition("/")[2]
        parts += [f"${{{target}}}" if local_name(child) == "output" else "".join(map(str, child.itertext()))]
        parts.append(child.tail or "")
    return " ".join("".join(parts).split())
