"""Edits a finished submission, as a broken client, a manual edit on the server or a bad bulk upload would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sheet:
    """One submission as a tree; elements are found by their local name (the question's name)."""

    def __init__(self, xml: bytes) -> None:
        self.root = etree.fromstring(xml)

    def all(self, name: str) -> list[etree._Element]:
        """Return the elements of that name in document order."""
        return [node for node in self._nodes() if etree.QName(node).localname == name]

    def node(self, name: str) -> etree._Element | None:
        """Return the first element of that name."""
        return next(iter(self.all(name)), None)

    def text(self, name: str) -> str:
        """Return the text of the first element of that name, empty when there is none."""
        node = self.node(name)
        return (node.text or "") if node is not None else ""

    def path(self, node: etree._Element) -> str:
        """Return the path of the element, with positions in repeats."""
        return str(node.getroottree().getpath(node))

    def put(self, name: str, value: str) -> tuple[str, str] | None:
        """Change the first answer of that name; return path and what was done, None without an answer."""
        return next((self.put_at(node, value) for node in self.all(name) if node.text), None)

    def put_at(self, node: etree._Element, value: str) -> tuple[str, str]:
        """Change one answer; return path and what was done."""
        detail = f"{node.text or ''} -> {value}"
        node.text = value or None
        return self.path(node), detail

    def insert_after(self, name: str, new: str, value: str) -> tuple[str, str] | None:
        """Put a new answered element after the first one of that name."""
        before = self.node(name)
        if before is None or self.node(new) is not None:
            return None
        node = etree.Element(new)
        node.text = value
        before.addnext(node)
        return self.path(node), f"added {value}"

    def drop(self, name: str) -> tuple[str, str] | None:
        """Remove the first element of that name with all that is in it."""
        node = self.node(name)
        parent = node.getparent() if node is not None else None
        if node is None or parent is None:
            return None
        path, count = self.path(node), len(self.all(name))
        parent.remove(node)
        return path, f"removed, one of {count}"

    def bytes(self) -> bytes:
        """Return the XML (UTF-8, with declaration)."""
        return etree.tostring(self.root, encoding="UTF-8", xml_declaration=True)

    def _nodes(self) -> Iterator[etree._Element]:
        return (node for node in self.root.iter() if isinstance(node.tag, str))
