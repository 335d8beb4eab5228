"""A submission's XML -> the JSON row the data endpoints give."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tracer_etl.safe_xml import local_name, parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from lxml.etree import _Element

    from tracer_etl.testing.kobo.state import Asset, Attached, Json, Submission, World

SYSTEM = ("_id", "_uuid", "meta/rootUuid", "_submission_time", "_validation_status", "_submitted_by")
"""What is known of a row without its answers."""
ALWAYS = ("_id", "_uuid", "meta/rootUuid", "_validation_status")
"""What a selection of fields gives whether asked for or not."""
KEPT_ON_EDIT = ("audit.csv",)


@dataclass(frozen=True, slots=True)
class Head:
    """What a server reads of an XML before it accepts it; uuids are without "uuid:"."""

    uuid: str
    root: str
    deprecated: str
    form: str
    formhub: str
    submission_date: str
    version: str
    tree: _Element


def head(xml: bytes) -> Head:
    """Read the head of a submission.

    Raises:
        SubmissionError: not well-formed.
    """
    root = parse(xml)
    parts = {_local(str(child.tag)): child for child in root}
    meta = parts.get("meta")
    return Head(
        uuid=_bare(_text(meta, "instanceID") or root.get("instanceID") or ""),
        root=_bare(_text(meta, "rootUuid")),
        deprecated=_bare(_text(meta, "deprecatedID")),
        form=root.get("id") or local_name(root),
        formhub=_text(parts.get("formhub"), "uuid"),
        submission_date=root.get("submissionDate") or "",
        version=(parts["__version__"].text or "").strip() if "__version__" in parts else "",
        tree=root,
    )


def row_bytes(world: World, asset: Asset, submission: Submission, tree: _Element | None = None) -> bytes:
    """Give a row as JSON, rendered once and kept until something about it changes."""
    if not submission.row:
        submission.row = compact(full_row(world, asset, submission, tree))
    return submission.row


def compact(value: Any) -> bytes:  # noqa: ANN401 - JSON is anything
    """Write JSON as the server does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def full_row(world: World, asset: Asset, submission: Submission, tree: _Element | None = None) -> Json:
    """Build a row: answers in XML order, then what the server adds; `tree` spares reading the XML again."""
    root = parse(submission.xml) if tree is None else tree
    answers: Json = {}
    shape = Shape.of(asset)
    _collect(root, "", shape.repeats, answers)
    dotted = {key: answers.pop(key) for key in list(answers) if "." in key}
    row = {"_id": submission.id, **answers, "_xform_id_string": root.get("id") or local_name(root)}
    row["_uuid"] = submission.uuid
    row.setdefault("meta/rootUuid", f"uuid:{submission.root}")
    xpaths = dict(_media(answers, shape.media))
    row["_attachments"] = [
        attachment(world, asset, submission, item, xpaths.get(item.name, "")) for item in submission.files
    ]
    row["_status"] = "submitted_via_web"
    row["_geolocation"] = _geolocation(answers, shape.points)
    row["_submission_time"] = submission.time
    row["_validation_status"] = submission.status
    row["_submitted_by"] = submission.user or None
    return {**row, **dotted}


def system_row(submission: Submission) -> Json:
    """Give what is known of a row without reading its answers."""
    values = (
        submission.id, submission.uuid, f"uuid:{submission.root}", submission.time, submission.status,
        submission.user or None,
    )  # fmt: skip
    return dict(zip(SYSTEM, values, strict=True))


def selected(world: World, asset: Asset, submission: Submission, fields: Collection[str]) -> Json:
    """Give the chosen fields of a row; `question_xpath` is lost unless its question is chosen too."""
    wanted = {*ALWAYS, *fields}
    if wanted <= {*SYSTEM, "_attachments"}:
        row = system_row(submission)
        row["_attachments"] = [attachment(world, asset, submission, item, "") for item in submission.files]
        return {key: value for key, value in row.items() if key in wanted}
    row = json.loads(row_bytes(world, asset, submission))
    for item in row["_attachments"]:
        if item["question_xpath"].partition("[")[0] not in wanted:
            item["question_xpath"] = ""
    return {key: value for key, value in row.items() if key in wanted}


def attachment(world: World, asset: Asset, submission: Submission, item: Attached, xpath: str) -> Json:
    """Describe one attachment."""
    url = f"{world.url}/api/v2/assets/{asset.uid}/data/{submission.id}/attachments/{item.uid}/"
    described: Json = {
        "download_url": url,
        "mimetype": item.mimetype,
        "filename": f"{asset.owner}/attachments/{asset.formhub}/{item.folder}/{item.name}",
        "media_file_basename": item.name,
        "uid": item.uid,
        "is_deleted": item.deleted,
    }
    if item.mimetype.startswith("image/"):
        for size in ("large", "medium", "small"):
            described[f"download_{size}_url"] = f"{url}{size}/"
    return {**described, "question_xpath": xpath}


def media_names(asset: Asset, xml: bytes) -> dict[str, str]:
    """Map the file names an XML's media questions hold to their xpath."""
    answers: Json = {}
    shape = Shape.of(asset)
    _collect(parse(xml), "", shape.repeats, answers)
    return dict(_media(answers, shape.media))


def bad_geopoint(asset: Asset, xml: bytes) -> bool:
    """Tell whether a geopoint holds text that is no position: the server fails on it."""
    answers: Json = {}
    shape = Shape.of(asset)
    _collect(parse(xml), "", shape.repeats, answers)
    try:
        _geolocation(answers, shape.points)
    except ValueError:
        return True
    return False


@dataclass(frozen=True, slots=True)
class Shape:
    """Paths of a form, all its versions together, that decide how an XML becomes a row."""

    versions: int
    repeats: frozenset[str]
    media: tuple[str, ...]
    points: tuple[str, ...]

    @classmethod
    def of(cls, asset: Asset) -> Shape:
        """Give the shape of an asset's form."""
        known: Shape | None = asset.shape
        if known is None or known.versions != len(asset.versions):
            known = asset.shape = cls._read(asset)
        return known

    @classmethod
    def _read(cls, asset: Asset) -> Shape:
        forms = [version.form for version in asset.versions]
        questions = [question for form in forms for question in form.questions]
        return cls(
            len(forms),
            frozenset("/".join(path) for form in forms for path in form.repeats),
            tuple(dict.fromkeys("/".join(q.path) for q in questions if q.kind == "media")),
            tuple(dict.fromkeys("/".join(q.path) for q in questions if q.kind == "geopoint")),
        )


def _collect(element: _Element, path: str, repeats: frozenset[str], into: Json) -> None:
    for child in element:
        name = _local(str(child.tag))
        here = f"{path}/{name}" if path else name
        if here in repeats:
            instance: Json = {}
            _collect(child, here, repeats, instance)
            if instance:
                into.setdefault(here, []).append(instance)
        elif len(child):
            _collect(child, here, repeats, into)
        elif child.text and child.text.strip():
            into[here] = child.text


def _values(answers: Json, path: str) -> Iterator[tuple[str, str]]:
    """Give the values at a path with their xpath; instances of a repeat are counted from 1."""
    for key, value in answers.items():
        if key == path and isinstance(value, str):
            yield path, value
        elif isinstance(value, list) and path.startswith(f"{key}/"):
            for position, instance in enumerate(value, 1):
                for xpath, found in _values(instance, path):
                    yield f"{key}[{position}]{xpath[len(key) :]}", found


def _media(answers: Json, paths: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for path in paths:
        if not path.startswith("meta/"):
            yield from ((value, xpath) for xpath, value in _values(answers, path))


def _geolocation(answers: Json, paths: tuple[str, ...]) -> list[float | None]:
    for path in paths:
        for _, value in _values(answers, path):
            latitude, longitude, *_rest = value.split()
            return [float(latitude), float(longitude)]
    return [None, None]


def _text(element: _Element | None, name: str) -> str:
    if element is None:
        return ""
    return next((child.text or "" for child in element if _local(str(child.tag)) == name), "").strip()


@cache
def _local(tag: str) -> str:
    """Give a name without its namespace; the same few names come hundreds of thousands of times."""
    return tag.rpartition("}")[2]


def _bare(identifier: str) -> str:
    return identifier.removeprefix("uuid:")
