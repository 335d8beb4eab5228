"""An XLSForm workbook -> the `content` of a form version, and the XForm Collect would download."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from tracer_etl.testing.kobo.state import Asset, Json, Version

_TRANSLATED = re.compile(
    r"(label|hint|guidance_hint|constraint_message|required_message|media::\w+)(?:::?\s*(.+))?"
)
_TYPES = {"datetime": "datetime", "begin_group": "begin_group", "photo": "image", "imei": "deviceid"}
_SELECT = re.compile(r"(select_one|select_multiple|rank)(_from_file)?\s+(\S+)(\s+or_other)?")
_TRUTHS = {"yes": True, "true": True, "true()": True, "no": False, "false": False, "false()": False}
_STARTS, _ENDS = ("begin_group", "begin_repeat"), ("end_group", "end_repeat")


def read_workbook(path: Path, random: random.Random) -> tuple[str, Json]:
    """Read a workbook: its title and its content; every `$kuid` is new, as at every real import.

    Raises:
        ValueError: neither .xlsx nor .md, or without a survey sheet.
    """
    sheets = {name: list(_rows(cells)) for name, cells in _sheets(path).items()}
    if "survey" not in sheets:
        message = f"{path.name} has no survey sheet"
        raise ValueError(message)
    settings = {k: _text(v) for k, v in next(iter(sheets.get("settings", [])), {}).items()}
    title = settings.pop("form_title", "") or path.stem
    if "form_id" in settings:
        settings["id_string"] = settings.pop("form_id")
    languages = _languages([*sheets["survey"], *sheets.get("choices", [])], settings.get("default_language"))
    kuid = _kuids(random)
    content: Json = {
        "schema": "1",
        "survey": list(_survey(sheets["survey"], languages, kuid)),
        "settings": settings,
        "translated": sorted(_translated([*sheets["survey"], *sheets.get("choices", [])])),
        "translations": languages,
    }
    choices = [_choice(row, languages, kuid) for row in sheets.get("choices", []) if row.get("list_name")]
    return title, {**content, "choices": choices} if choices else content


def content_hash(content: Json) -> str:
    """Digest a content, generated ids left out."""
    text = re.sub(r'"\$kuid": "\w+"', "", json.dumps(content, sort_keys=True))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def asset_xform(asset: Asset, version: Version) -> str:
    """Give the XForm of `{uid}.xml`: the root is the asset uid, the id the workbook's own."""
    old = version.form.root
    text = re.sub(rf"(?<![\w./-])/{re.escape(old)}(?=[/\"'\s)])", f"/{asset.uid}", version.form.xform)
    identifier = version.content["settings"].get("id_string", asset.uid)
    opening = f'<{asset.uid} id="{identifier}">'
    text = re.sub(rf"<{re.escape(old)} id=[^>]*>", lambda _: opening, text, count=1)
    return text.replace(f"</{old}>", f"</{asset.uid}>", 1)


def deployed_xform(asset: Asset, version: Version) -> str:
    """Give the XForm a phone downloads: id = uid, with formhub/uuid and __version__ to be filled in."""
    text = asset_xform(asset, version)
    opening = f'<{asset.uid} id="{asset.uid}" version="{version_label(version)}"><formhub><uuid/></formhub>'
    text = re.sub(rf"<{asset.uid} id=[^>]*>", lambda _: opening, text, count=1)
    text = text.replace("<meta>", "<__version__/><meta>", 1)
    binds = "".join(
        f'<bind nodeset="/{asset.uid}/{path}" type="string" calculate="\'{value}\'"/>'
        for path, value in (("__version__", version.uid), ("formhub/uuid", asset.formhub))
    )
    return text.replace("</model>", f"{binds}</model>", 1)


def version_label(version: Version) -> str:
    """Give the version as phones see it: the workbook's own and when that content was made."""
    label = version.content["settings"].get("version", version.uid)
    return f"{label} ({_seconds(version.created)})"


def summary(content: Json) -> Json:
    """Give the figures the asset list shows of a content."""
    rows = [row for row in content["survey"] if row["type"] not in (*_STARTS, *_ENDS)]
    asked = [
        row for row in rows if row["type"] not in ("start", "end", "today", "deviceid", "username", "audit")
    ]
    columns = dict.fromkeys(key for row in content["survey"] for key in row if not key.startswith("$"))
    languages = [language for language in content["translations"] if language]
    return {
        "geo": any(row["type"].startswith("geo") for row in rows),
        "labels": [row["label"][0] for row in asked if row.get("label")][:5],
        "columns": list(columns),
        "lock_all": False,
        "lock_any": False,
        "languages": languages,
        "row_count": len(asked),
        "name_quality": {"ok": 0, "bad": 0, "good": len(asked), "total": len(asked), "firsts": {}},
        "default_translation": next(iter(languages), None),
    }


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _sheets(path: Path) -> dict[str, list[tuple[object, ...]]]:
    if path.suffix.lower() == ".md":
        return _markdown(path.read_text(encoding="utf-8"))
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, data_only=True)
    except (InvalidFileException, KeyError, OSError) as error:
        message = f"{path.name} is neither an .xlsx workbook nor a Markdown form"
        raise ValueError(message) from error
    return {sheet.title.strip().lower(): list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def _markdown(text: str) -> dict[str, list[tuple[object, ...]]]:
    """Take pyxform's Markdown tables apart: a first cell that is filled names a sheet."""
    sheets: dict[str, list[tuple[object, ...]]] = {}
    for line in (line for line in text.splitlines() if line.lstrip().startswith("|")):
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if cells[0]:
            sheets[cells[0].lower()] = []
        elif sheets and any(cells):
            list(sheets.values())[-1].append(tuple(cell or None for cell in cells[1:]))
    return sheets


def _rows(cells: list[tuple[object, ...]]) -> Iterator[Json]:
    names = [str(cell).strip() if cell is not None else "" for cell in cells[0]] if cells else []
    for line in cells[1:]:
        row = {name: value for name, value in zip(names, line, strict=False) if name and value is not None}
        if any(_text(value) for value in row.values()):
            yield row


def _text(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return ("TRUE" if value else "FALSE") if isinstance(value, bool) else str(value).strip()


def _languages(rows: list[Json], default: str | None) -> list[str | None]:
    found: dict[str | None, None] = {}
    for row in rows:
        for name in row:
            match = _TRANSLATED.fullmatch(name)
            if match:
                found[match[2]] = None
    named = list(found) or [None]
    return sorted(named, key=lambda language: language != default)


def _translated(rows: list[Json]) -> set[str]:
    matches = (_TRANSLATED.fullmatch(name) for row in rows for name in row)
    return {match[1] for match in matches if match}


def _kuids(random: random.Random) -> Callable[[], str]:
    letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    return lambda: "".join(random.choices(letters, k=9))


def _survey(rows: list[Json], languages: list[str | None], kuid: Callable[[], str]) -> Iterator[Json]:
    path: list[str] = []
    for number, row in enumerate(rows):
        typed = _typed(_text(row.get("type", "")))
        if typed["type"] in _ENDS:
            del path[-1:]
            yield {"type": typed["type"], "$kuid": kuid()}
            continue
        name = _text(row.get("name", f"row_{number}"))
        described = {"name": name, **typed, "$kuid": kuid(), "$xpath": "/".join([*path, name])}
        yield {**described, "$autoname": name, **_columns(row, languages, ("type", "name"))}
        if typed["type"] in _STARTS:
            path.append(name)


def _choice(row: Json, languages: list[str | None], kuid: Callable[[], str]) -> Json:
    name = _text(row.get("name", row.get("value", "")))
    described = {"name": name, "$kuid": kuid(), "list_name": _text(row["list_name"]), "$autovalue": name}
    return {**described, **_columns(row, languages, ("name", "value", "list_name"))}


def _typed(text: str) -> Json:
    match = _SELECT.fullmatch(text)
    if not match:
        word = re.sub(r"^(begin|end)[ _](group|repeat)$", r"\1_\2", text)
        return {"type": _TYPES.get(word.lower(), word)}
    kind, from_file, source, other = match.groups()
    if from_file:
        return {"type": f"{kind}_from_file", "file": source}
    typed: Json = {"type": kind, "select_from_list_name": source}
    return {**typed, "_or_other": True} if other else typed


def _columns(row: Json, languages: list[str | None], taken: tuple[str, ...]) -> Json:
    columns: Json = {}
    for name, value in row.items():
        match = _TRANSLATED.fullmatch(name)
        if match:
            texts: list[Any] = columns.setdefault(match[1], [None] * len(languages))
            texts[languages.index(match[2])] = _text(value)
        elif name not in taken:
            text = _text(value)
            columns[name] = _TRUTHS.get(text.lower(), text) if name in ("required", "readonly") else text
    return columns
