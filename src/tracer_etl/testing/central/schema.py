"""The fields of one form version as ODK Central lists them, read from the XForm."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tracer_etl.safe_xml import local_name, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

_XF = "{http://www.w3.org/2002/xforms}"
_SAVE_TO = "{http://www.opendatakit.org/xforms/entities}saveto"


@dataclass(slots=True)
class Field:
    """One node: `kind` is structure, repeat or the bind's type; `path` begins with a slash."""

    name: str
    path: str
    kind: str
    multiple: bool = False
    save_to: str = ""
    children: dict[str, Field] = field(default_factory=dict)
    odata: str = field(init=False)
    """The name OData uses."""

    def __post_init__(self) -> None:
        """Make the OData name once: it is asked for with every row."""
        self.odata = safe_name(self.name)

    def walk(self) -> Iterator[Field]:
        """Go through all nodes below, in the form's order."""
        for child in self.children.values():
            yield child
            yield from child.walk()

    def listed(self, *, odata: bool) -> dict[str, Any]:
        """Give the row of /fields."""
        path = "/".join(safe_name(step) if step else "" for step in self.path.split("/"))
        return {
            "path": path if odata else self.path,
            "name": self.odata if odata else self.name,
            "type": self.kind,
            "binary": True if self.kind == "binary" else None,
            "selectMultiple": True if self.multiple else None,
        }


@dataclass
class Schema:
    """The node tree of one version; `root` is named as OData's root table is."""

    root: Field
    form_id: str
    version: str
    title: str
    media: tuple[tuple[str, str], ...]
    """Files that travel with the form: (type, name)."""
    entity: dict[str, str] | None
    """Attributes of the entity block, if the form has one."""

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """List all nodes in order."""
        return tuple(self.root.walk())

    @cached_property
    def tables(self) -> dict[str, tuple[Field, ...]]:
        """Give every OData table by name, as the chain of nodes down to its repeat."""
        found: dict[str, tuple[Field, ...]] = {"Submissions": (self.root,)}
        _tables(self.root, (self.root,), found)
        return found

    @cached_property
    def binaries(self) -> frozenset[str]:
        """Give the paths of the nodes that name files."""
        return frozenset(node.path for node in self.fields if node.kind == "binary")


def safe_name(name: str) -> str:
    """Make a name fit for OData.

    >>> safe_name("q1.jam-kerja"), safe_name("1a")
    ('q1_jam_kerja', '_1a')
    """
    return re.sub(r"[^A-Za-z0-9_]+", "_", re.sub(r"^(?=[^A-Za-z_])", "_", name))


def _tables(node: Field, chain: tuple[Field, ...], found: dict[str, tuple[Field, ...]]) -> None:
    for child in node.children.values():
        here = (*chain, child)
        if child.kind == "repeat":
            found[".".join(step.odata for step in here)] = here
        _tables(child, here, found)


def read_schema(xform: bytes) -> Schema:
    """Read the fields of an XForm that is known to compile."""
    document = parse(xform)
    model = document.find(f".//{_XF}model")
    body = document.find("{http://www.w3.org/1999/xhtml}body")
    assert model is not None  # noqa: S101 - compiled before
    assert body is not None  # noqa: S101 - compiled before
    instances = model.findall(f"{_XF}instance")
    top = instances[0][0]
    reader = _Reader(model, body, local_name(top))
    root = Field("Submissions", "", "repeat", children=reader.children(top, ""))
    return Schema(
        root,
        top.get("id") or local_name(top),
        top.get("version") or "",
        document.findtext(".//{http://www.w3.org/1999/xhtml}title") or "",
        tuple(_media(document, instances[1:])),
        _entity(top),
    )


def _media(document: _Element, secondary: list[_Element]) -> Iterator[tuple[str, str]]:
    seen = set()
    sources = [instance.get("src", "") for instance in secondary]
    sources += [value.text or "" for value in document.iterfind(f".//{_XF}itext//{_XF}value[@form]")]
    for source in sources:
        match = re.match(r"jr://(file-csv|file|images|audio|video)/(.+)", source)
        if match and match[2] not in seen:
            seen.add(match[2])
            kind = {"images": "image", "audio": "audio", "video": "video"}.get(match[1], "file")
            yield kind, match[2]


def _entity(top: _Element) -> dict[str, str] | None:
    for node in top.iter():
        if local_name(node) == "entity" and node.get("dataset"):
            return {str(name): str(value) for name, value in node.attrib.items()}
    return None


class _Reader:
    def __init__(self, model: _Element, body: _Element, root: str) -> None:
        self.root = root
        self.binds = {self.path(bind.get("nodeset")): bind for bind in model.iterfind(f"{_XF}bind")}
        self.repeats = {self.path(node.get("nodeset")) for node in body.iter(f"{_XF}repeat")}
        self.groups = {self.path(node.get("ref")) for node in body.iter(f"{_XF}group") if node.get("ref")}
        self.multiple = {self.path(node.get("ref")) for node in body.iter(f"{_XF}select")}

    def path(self, nodeset: str | None) -> str:
        steps = [step.rpartition(":")[2] for step in (nodeset or "").strip().strip("/").split("/")]
        return "/" + "/".join(steps[1:])

    def children(self, element: _Element, parent: str) -> dict[str, Field]:
        found: dict[str, Field] = {}
        for child in element:
            name = local_name(child)
            if name in found:
                continue  # the second copy of a repeat that has a template
            path = f"{parent}/{name}"
            node = Field(name, path, self.kind(child, path), path in self.multiple)
            bind = self.binds.get(path)
            node.save_to = "" if bind is None else bind.get(_SAVE_TO, "")
            node.children = self.children(child, path)
            found[name] = node
        return found

    def kind(self, element: _Element, path: str) -> str:
        if path in self.repeats:
            return "repeat"
        if len(element) or path in self.groups or element.get("dataset"):
            return "structure"
        bind = self.binds.get(path)
        return "unknown" if bind is None else (bind.get("type") or "unknown").rpartition(":")[2]
