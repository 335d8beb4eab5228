"""Faults that only show when submissions are compared, or when files are counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tracer_etl.evidence.rehearsal.fault import Fault
from tracer_etl.evidence.rehearsal.fault_kinds import APPLICATION, ASSESSMENT, IDEA, TRACER
from tracer_etl.evidence.rehearsal.sheet import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracer_etl.collect import Identifiers
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.job import Submission

Planted = tuple["Submission", Fault]
_FLOOD = 4
_TWICE = 2
_AUDIT = "audit.csv"


def plant_groups(chance: Chance, free: list[Submission], identifiers: Identifiers) -> Iterator[Planted]:
    """Yield new or changed submissions with their faults."""
    yield from _interviewed_twice(free, identifiers)
    yield from _applied_twice(free, identifiers)
    yield from _assessed_twice_by_one(free)
    yield from _flood_of_ideas(chance, free)
    yield from _files_lost(free)


def _some(free: list[Submission], form_id: str, count: int, mark: bytes = b"") -> list[Submission]:
    found = [one for one in free if one.form_id == form_id and mark in one.xml][:count]
    for one in found:
        free.remove(one)
    return found


def _copy(one: Submission, identifiers: Identifiers, days: int) -> tuple[Submission, Sheet]:
    sheet = Sheet(one.xml)
    uuid = identifiers.uuid()
    sheet.put("instanceID", f"uuid:{uuid}")
    for name in ("start", "end"):
        moved = datetime.fromisoformat(sheet.text(name)) + timedelta(days=days)
        sheet.put(name, moved.isoformat(timespec="milliseconds"))
    sheet.put("today", sheet.text("start")[:10])
    return replace(one, folder=uuid), sheet


def _interviewed_twice(free: list[Submission], identifiers: Identifiers) -> Iterator[Planted]:
    for one in _some(free, TRACER, _TWICE, b"<aapor_code>110<"):
        copy, sheet = _copy(one, identifiers, 3)
        sheet.put("attempt_no", str(int(sheet.text("attempt_no")) + 1))
        path, _ = sheet.put("pay_net", "2750000") or sheet.put("nps", "6") or ("/", "")
        detail = f"{sheet.text('alumni_id')} was interviewed before: {one.instance_id}"
        yield (
            replace(copy, xml=sheet.bytes()),
            Fault(TRACER, copy.instance_id, "interviewed twice", "X02", path, detail),
        )


def _applied_twice(free: list[Submission], identifiers: Identifiers) -> Iterator[Planted]:
    for one in _some(free, APPLICATION, _TWICE, b"<ap_program>digimar<"):
        copy, sheet = _copy(one, identifiers, 1)
        place = sheet.put("ap_program", "barista")
        sheet.put("ap_program2", "")
        path = place[0] if place else "/"
        detail = f"the same NIK as {one.instance_id}"
        yield (
            replace(copy, xml=sheet.bytes()),
            Fault(APPLICATION, copy.instance_id, "applied twice", "X18", path, detail),
        )


def _assessed_twice_by_one(free: list[Submission]) -> Iterator[Planted]:
    for one in _some(free, ASSESSMENT, 1):
        partner = next(o for o in free if o.form_id == ASSESSMENT and o.about == one.about)
        sheet = Sheet(one.xml)
        place = sheet.put("sa_assessor", Sheet(partner.xml).text("sa_assessor")) or ("/", "")
        yield (
            replace(one, xml=sheet.bytes()),
            Fault(ASSESSMENT, one.instance_id, "both marks by one assessor", "X15", *place),
        )


def _flood_of_ideas(chance: Chance, free: list[Submission]) -> Iterator[Planted]:
    device = f"enketo.example:{chance.letters(16)}"
    for number, one in enumerate(_some(free, IDEA, _FLOOD)):
        sheet = Sheet(one.xml)
        begins = datetime.fromisoformat("2026-01-20T20:00:00.000+07:00") + timedelta(minutes=7 * number)
        took = datetime.fromisoformat(sheet.text("end")) - datetime.fromisoformat(sheet.text("start"))
        sheet.put("start", begins.isoformat(timespec="milliseconds"))
        sheet.put("end", (begins + min(took, timedelta(minutes=6))).isoformat(timespec="milliseconds"))
        sheet.put("today", "2026-01-20")
        place = sheet.put("deviceid", device) or ("/", "")
        yield (
            replace(one, xml=sheet.bytes()),
            Fault(IDEA, one.instance_id, "four ideas from one device in a day", "X19", *place),
        )


def _files_lost(free: list[Submission]) -> Iterator[Planted]:
    for one in _some(free, TRACER, 1, b"<audit>audit.csv<"):
        kept = {name: content for name, content in one.media.items() if name != _AUDIT}
        yield (
            replace(one, media=kept),
            Fault(TRACER, one.instance_id, "file named but not sent", "S07", "/data/meta/audit", _AUDIT),
        )
    for one in _some(free, APPLICATION, 1, b"-proof.jpg<"):
        path = "/data/ap3/ap_tg_doc"
        detail = ", ".join(one.media)
        yield (
            replace(one, media={}),
            Fault(APPLICATION, one.instance_id, "file named but not sent", "S07", path, detail),
        )
