"""The XML of a submission, as any ODK client writes it -> Received."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import SubmissionError
from tracer_etl.records import Attachment, Received
from tracer_etl.safe_xml import attribute_step, local_name, parse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.etree import _Element

# What clients put on nodes without its being an answer.
_IDLE_ATTRIBUTES = {"type", "template", "id", "version", "encrypted"}
_HEAD = 4096
"""Bytes in which a root's opening tag, with all its namespaces, ends."""


def received(
    raw: bytes, *, where: str, fallback_key: str, attachments: Iterable[Attachment] = ()
) -> Received:
    """Project one submission's XML; unreadable bytes give a Received that says why in `error`.

    The key is the instanceID; whoever knows of edits replaces it by the root identity.
    """
    kept = tuple(attachments)
    try:
        root = parse(raw, where)
    except SubmissionError as error:
        return Received(fallback_key, "", raw, error=str(error), attachments=kept)
    extra: list[tuple[str, str]] = []
    data = _members(root, (), extra)
    instance_id = _meta(data, "instanceID") or root.get("instanceID") or ""
    return Received(
        key=_meta(data, "rootUuid") or instance_id or fallback_key,
        instance_id=instance_id,
        raw=raw,
        data=data,
        form_version=root.get("version") or "",
        submitted_at=root.get("submissionDate") or "",
        extra=tuple(extra),
        attachments=kept,
        error=""
        if instance_id
        else f"{where}: the submission has no instanceID; send it again from the device",
    )


def form_of(raw: bytes) -> str:
    """Name the form a submission says it answers; empty when its opening tag cannot be read."""
    from lxml import etree

    reader = etree.XMLPullParser(events=("start",), resolve_entities=False, no_network=True, load_dtd=False)
    try:
        reader.feed(raw[:_HEAD])
        for _, element in reader.read_events():
            return element.get("id") or local_name(element)
    except etree.XMLSyntaxError:
        return ""
    return ""


def deprecated_id(submission: Received) -> str:
    """Give the instanceID this submission edits; empty for a first version."""
    return _meta(submission.data, "deprecatedID")


def content_key(raw: bytes) -> str:
    """Give bytes without any identity one made of their content."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _meta(data: Any, name: str) -> str:  # noqa: ANN401 - the projection is JSON
    found = [group.get(name) for group in data.get("meta/", ())]
    return (found[0] or "").strip() if found else ""


def _members(element: _Element, path: tuple[str, ...], extra: list[tuple[str, str]]) -> dict[str, Any]:
    """Project the children: leaves under their name, nodes with children under name + "/"."""
    result: dict[str, Any] = {}
    _stray(element.text, path, extra)
    for child in element:
        name = local_name(child)
        here = (*path, name)
        _stray(child.tail, path, extra)
        if path[-1:] == ("meta",) and name == "entity":
            # What a submission does to an entity stands in attributes; all of them are answers.
            told = {attribute_step(key): str(value) for key, value in child.attrib.items()}
            result.setdefault(f"{name}/", []).append({**told, **_members(child, here, extra)})
            continue
        if len(child):
            result.setdefault(f"{name}/", []).append(_members(child, here, extra))
        elif name in result:
            extra.append(("/".join(here), child.text or ""))
        else:
            result[name] = child.text or ""
        for key, value in child.attrib.items():
            attribute = str(key).rpartition("}")[2]
            if attribute not in _IDLE_ATTRIBUTES:
                extra.append((f"{'/'.join(here)}/@{attribute}", str(value)))
    return result


def _stray(text: str | None, path: tuple[str, ...], extra: list[tuple[str, str]]) -> None:
    if text and text.strip():
        extra.append(("/".join(path), text.strip()))
