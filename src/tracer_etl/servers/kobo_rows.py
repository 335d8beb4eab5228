"""A row of KoboToolbox's data API -> Received: paths become nesting, system keys become the envelope."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from tracer_etl.errors import Changed
from tracer_etl.records import Received

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tracer_etl.records import Attachment

Row = dict[str, Any]

SWEPT_FIELDS = ("_id", "_uuid", "_validation_status", "_attachments")
"""What a sweep asks of a row: enough to see an edit, a review and files that came or went."""
FILES, DECRYPTED = "m", "k"
"""Marks behind a stamp: the row's files are kept; the row was decrypted."""

_SYSTEM = {
    "_id", "_uuid", "_attachments", "_status", "_geolocation", "_submission_time", "_validation_status",
    "_submitted_by", "_xform_id_string", "_userform_id", "_bamboo_dataset_id", "_tags", "_notes",
    "_deleted_at", "_supplementalDetails", "__version__", "_version_",
}  # fmt: skip
_REVIEWS = {
    "validation_status_approved": "approved",
    "validation_status_not_approved": "rejected",
    "validation_status_on_hold": "hasIssues",
}


def number_of(row: Row) -> int:
    """Give the number the server counts submissions by.

    Raises:
        Changed: the row has none.
    """
    number = row.get("_id")
    if not isinstance(number, int):
        raise Changed(f"a submission has no number ({number!r})", where="KoboToolbox", remedy="report this")
    return number


def received(row: Row, *, stamp: str, attachments: Iterable[Attachment] = (), error: str = "") -> Received:
    """Project one row; `error` says why its answers cannot be read."""
    extra: list[tuple[str, str]] = []
    return Received(
        key=str(number_of(row)),
        instance_id=instance_id(row),
        raw=raw_of(row),
        data={} if error else project(row, extra),
        form_version=str(row.get("__version__") or row.get("_version_") or ""),
        submitted_at=submitted_at(row),
        review_state=review_state(row),
        extra=tuple(extra),
        attachments=tuple(attachments),
        stamp=stamp,
        error=error,
    )


def raw_of(row: Row) -> bytes:
    """Write a row as it came, keys in the server's order."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def instance_id(row: Row) -> str:
    """Give the instanceID of the present content; an edit brings a new one."""
    return str(row.get("meta/instanceID") or (f"uuid:{row['_uuid']}" if row.get("_uuid") else ""))


def submitted_at(row: Row) -> str:
    """Give when the server says it came, as ISO 8601 with offset; the server writes UTC without saying so.

    >>> submitted_at({"_submission_time": "2026-11-24T05:41:09"})
    '2026-11-24T05:41:09+00:00'
    """
    time = str(row.get("_submission_time") or "")
    stated = time.endswith("Z") or "+" in time or time[10:].count("-") > 0
    return time if stated or not time else f"{time}+00:00"


def review_state(row: Row) -> str:
    """Give the validation status in the words both servers share; a word nobody knows stays as it is."""
    uid = str((row.get("_validation_status") or {}).get("uid") or "")
    return _REVIEWS.get(uid, uid)


def project(row: Row, extra: list[tuple[str, str]]) -> dict[str, Any]:
    """Nest a row's answers by their paths; what has no place goes to `extra`.

    >>> project({"_id": 7, "a/b": "1", "job": [{"job/title": "barista"}]}, [])
    {'job/': [{'title': 'barista'}], 'a/': [{'b': '1'}]}
    """
    return _members({key: value for key, value in row.items() if key not in _SYSTEM}, "", extra)


def _members(row: Row, prefix: str, extra: list[tuple[str, str]]) -> dict[str, Any]:
    """Nest the keys below `prefix`; lists first, so that no answer slips into an instance of a repeat."""
    data: dict[str, Any] = {}
    repeats = [key for key, value in row.items() if _is_repeat(value)]
    inside = tuple(f"{key}/" for key in repeats)
    for key in repeats:
        if key.startswith(inside):
            extra.append((key, json.dumps(row[key], ensure_ascii=False)))
            continue
        instances = [_members(instance, f"{key}/", extra) for instance in row[key]]
        group, name = _group(data, key.removeprefix(prefix))
        group[f"{name}/"] = instances
    for key, value in row.items():
        if key in repeats or value is None or value == []:
            continue
        text = _text(value)
        if text is None or key.startswith(inside):
            extra.append((key, json.dumps(value, ensure_ascii=False) if text is None else text))
            continue
        group, name = _group(data, key.removeprefix(prefix))
        group[name] = text
    return data


def _is_repeat(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(member, dict) for member in value)


def _group(data: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """Give the innermost group of a path, made where there is none, and the last step."""
    *steps, name = path.split("/")
    for step in steps:
        data = data.setdefault(f"{step}/", [{}])[0]
    return data, name


def _text(value: object) -> str | None:
    """Give an answer as text; None for what is no answer."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


# -- what a sweep sees


def stamp_of(row: Row) -> str:
    """Give what a sweep can see of a row: content, root, and a digest of review and files.

    >>> row = {"_uuid": "b", "meta/rootUuid": "uuid:a", "_validation_status": {}, "_attachments": []}
    >>> stamp_of(row).split("|")[:2]
    ['b', 'a']
    """
    uuid, root = str(row.get("_uuid") or ""), _bare(row.get("meta/rootUuid"))
    status = row.get("_validation_status") or {}
    files = sorted([str(a.get("uid") or basename(a)), bool(a.get("is_deleted"))] for a in attached(row))
    seen = json.dumps([status.get("uid"), status.get("timestamp"), files])
    digest = hashlib.blake2b(seen.encode(), digest_size=6).hexdigest()
    return f"{uuid}|{'' if root == uuid else root}|{digest}"


def root_of(stamp: str) -> str:
    """Give the root uuid a stamp speaks of."""
    uuid, root = stamp.split("|")[:2]
    return root or uuid


def covers(held: str | None, stamp: str, marks: set[str]) -> bool:
    """Tell whether a landed stamp says the same and has at least the marks.

    >>> covers("b||1f|m", "b||1f", set()), covers("b||1f", "b||1f", {"m"})
    (True, False)
    """
    parts = (held or "").split("|")
    return "|".join(parts[:3]) == stamp and marks <= set(parts[3:])


def attached(row: Row) -> list[Row]:
    """List the files the server speaks of."""
    return [item for item in row.get("_attachments") or () if isinstance(item, dict)]


def basename(item: Mapping[str, Any]) -> str:
    """Give a file's name."""
    return str(item.get("media_file_basename") or str(item.get("filename") or "").rpartition("/")[2])


def is_encrypted(row: Row) -> bool:
    """Tell whether a row is the manifest of an encrypted submission."""
    return bool(row.get("encryptedXmlFile")) and bool(row.get("base64EncryptedKey"))


def values_at(row: Row, path: str) -> Iterator[str]:
    """Give the answers at a full path, through all instances of its repeats."""
    if isinstance(value := row.get(path), str):
        yield value
    steps = path.split("/")
    for length in range(1, len(steps)):
        instances = row.get("/".join(steps[:length]))
        for instance in instances if isinstance(instances, list) else ():
            if isinstance(instance, dict):
                yield from values_at(instance, path)


def _bare(uuid: object) -> str:
    return str(uuid or "").removeprefix("uuid:")
