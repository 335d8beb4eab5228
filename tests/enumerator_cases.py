"""For each rule on enumerators a world in which it fires, and one in which it holds its peace."""

from __future__ import annotations

import atexit
import hashlib
import random
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from tracer_etl.oversight.stored_files import checks_of_files

if TYPE_CHECKING:
    from oversight_case import World

A, B, VILLAGES = "judged_alumni_tracer", "judged_backcheck", "clean.village"
LANDING = Path(tempfile.mkdtemp(prefix="tracer_landing_"))
atexit.register(shutil.rmtree, LANDING, ignore_errors=True)
CHECKS = checks_of_files(LANDING)
Row = dict[str, Any]

SKILLS = "tech tool k3 qual digi comm team prob biz disc".split()
HELD = ("enumerator_id", "alumni_id", "aapor_code", "mode")
QUALITY = "instr mat equip prac dur venue magang assess after".split()


def interview(key: str, **answers: Any) -> Row:
    """Write one complete interview of half an hour, with what differs."""
    began = answers.pop("began", "2026-01-10 09:00:00+07:00")
    minutes = answers.get("duration_min", 30.0)
    ended = answers.pop("ended", str(datetime.fromisoformat(began) + timedelta(minutes=minutes)))
    row = {
        "_submission_id": key, "alumni_id": f"A{key}", "enumerator_id": "P01", "deviceid": f"collect:{key}", "mode": "1",
        "aapor_code": "110", "contact_result": "01", "can_interview": "1", "is_self": "1", "emp_icls": "1", "emp_bps": "1",
        "status_emp": "4", "duration_min": minutes, "start": datetime.fromisoformat(began),
        "end_": datetime.fromisoformat(ended), "today": datetime.fromisoformat(began).date(),
        "_submitted_at": datetime.fromisoformat(ended) + timedelta(hours=1), "live_place": "1", "desa": "3505102001",
        "gps_lat": -8.13, "gps_lon": 112.22, "gps_acc": 5.0, "job_since": "1", "second_job": "1", "barriers": "3",
        "hh_tob": "1", "birth_year": 1999, "edu": "3", "pre_work": "1", "pay_net": 2500000, "biz_profit": 1000000,
        "sat_all": "4", "nps": 8, "photo_work": "work.jpg", "photo_cert": "cert.jpg", "audit": "audit.csv",
    }  # fmt: skip
    return row | answers


def checked(person: str, **answers: Any) -> Row:
    """Write one back-check that agrees with `interview`, with what differs."""
    row = {
        "bc_alumni": person, "bc_reached": "1", "bc_was_int": "1", "bc_birth_year": 1999, "bc_edu": "3", "bc_minutes": 30,
        "bc_pre_work": "1", "bc_emp": "1", "bc_status": "4", "bc_income": 2500000,
    }  # fmt: skip
    return row | answers


def one(**answers: Any) -> World:
    """Write a world of one interview."""
    return {A: [interview("a", **answers)]}


def many(count: int, **answers: Any) -> list[Row]:
    """Write some interviews, an hour apart."""
    day = datetime.fromisoformat("2026-01-10 07:00:00+07:00")
    who = answers.get("enumerator_id", "P01")
    return [
        interview(f"{who}-{n}", **({"began": str(day + timedelta(hours=n))} | answers)) for n in range(count)
    ]


def at(key: str, began: str, **answers: Any) -> Row:
    return interview(key, began=f"2026-01-10 {began}:00+07:00", **answers)


# -- H10: about 11 m of latitude are 0.0001 degrees


def _points(step: float) -> World:
    return {A: [interview(str(n), gps_lat=-8.13 + n * step) for n in range(3)]}


# -- H11


def _grids(before: str, after: str, need: str, quality: str) -> World:
    """Answer each grid with the digits given, over and over."""
    answers = {
        f"sk_{item}_{phase}": told[place % len(told)]
        for phase, told in (("before", before), ("after", after), ("need", need))
        for place, item in enumerate(SKILLS)
    }
    answers |= {f"q_{item}": quality[place % len(quality)] for place, item in enumerate(QUALITY)}
    return {A: [interview("a", **answers)]}


# -- H12: sixty questions


def _alike(differing: int, **second: Any) -> World:
    names = [f"ask_{number}" for number in range(60)]
    first = dict.fromkeys(names, "1")
    other = first | dict.fromkeys(names[:differing], "2")
    columns = [
        {"form_id": "alumni_tracer", "table_name": "alumni_tracer", "column_name": name, "kind": "select_one", "position": n}
        for n, name in enumerate(names)
    ]  # fmt: skip
    return {A: [interview("a", **first), interview("b", **(other | second))], "meta.column": columns}


# -- H13 and H19: files in a landing


def kept_file(content: bytes) -> str:
    """Lay a file where the landing has it, and give its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = LANDING / "alumni_tracer" / "media" / sha256[:2] / sha256
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return sha256


def photo(seed: int, side: int = 96, quality: int = 90) -> bytes:
    """Draw a scene of 6 by 6 grey fields; the same seed is the same scene at any size."""
    import io

    shades = random.Random(seed)
    scene = Image.new("L", (6, 6))
    scene.putdata([shades.randrange(256) for _ in range(36)])
    stream = io.BytesIO()
    scene.resize((side, side), Image.Resampling.NEAREST).convert("RGB").save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def _attached(**files: bytes) -> World:
    """Write interviews `a` and `b`, of two people, with a file each."""
    name = "work.jpg" if next(iter(files.values())).startswith(b"\xff\xd8") else "audit.csv"
    attachments = [
        {"form_id": "alumni_tracer", "_submission_id": key, "name": name, "sha256": kept_file(content), "present": True}
        for key, content in files.items()
    ]  # fmt: skip
    return {A: [interview("a"), interview("b")], "pii._attachment": attachments}


def audit(*seconds: float, more: str = "") -> bytes:
    """Write the log of an interview whose answers took so many seconds each, on screens of their own."""
    lines, now = ["event,node,start,end,old-value,new-value", "form start,,0,,,"], 1000
    for number, took in enumerate(seconds):
        then = now + int(took * 1000)
        lines.append(f"question,/data/ask_{number},{now},{then},,1")
        now = then
    lines += [f"end screen,,{now},{now + 500},,", *more.splitlines(), f"form finalize,,{now + 900},,,"]
    return "\n".join(lines).encode()


# -- H14, H15, H20: ten or more cases of three or four enumerators


def _team(*, refusals: bool = True, **odd: Any) -> World:
    """Write a team of four, of whom the last does every second case in its own way."""
    rows = []
    for who in ("P01", "P02", "P03", "P04"):
        for place, row in enumerate(many(20, enumerator_id=who)):
            own = {"nps": 5 + (place * 7 + int(who[1:])) % 4}
            if place % 10 == 0:
                refused = {"aapor_code": "211", "contact_result": "03"} if refusals else {}
                own |= {"second_job": "0", **refused}
            rows.append(row | own | (odd if who == "P04" and place % 2 else {}))
    return {A: rows}


def _work_and_checks(completes: int, checks: list[Row]) -> World:
    return {A: many(completes), B: checks or [checked("nobody")]}


def _rate_of_checks(checks: int) -> World:
    """Write 21 complete interviews, one of them set aside, and some back-checks."""
    held = {key: value for key, value in interview("held").items() if key in HELD}
    return {
        "clean.alumni_tracer": many(20),
        "quarantine.alumni_tracer": [held],
        "clean.backcheck": _people(checks),
    }


def _people(count: int, **answers: Any) -> list[Row]:
    return [checked(f"AP01-{number}", **answers) for number in range(count)]


CASES: dict[tuple[str, ...], tuple[World, World]] = {
    ("H01", "submission", "warning"): (
        {A: [*many(10, duration_min=40.0), interview("quick", duration_min=15.9)]},
        {A: [*many(10, duration_min=40.0), interview("quick", duration_min=16.1)]},
    ),
    ("H02", "submission", "info"): (one(duration_min=120.5), one(duration_min=120.0)),
    ("H03", "submission", "info"): (
        one(began="2026-01-10 21:00:00+07:00"),
        {A: [at("early", "06:00"), at("late", "20:59")]},
    ),
    ("H04", "enumerator", "info"): (
        {A: many(13, began="2026-01-10 09:00:00+07:00")},
        {A: [*many(12), *many(20, mode="2", enumerator_id="P02", began="2026-01-10 09:00:00+07:00")]},
    ),
    ("H05", "submission", "warning"): (
        {A: [at("a", "09:00"), at("b", "09:29")]},
        {
            A: [
                at("a", "09:00"),
                at("b", "09:30"),
                at("c", "09:10", enumerator_id="P02"),
                at("w", "09:05", mode="4"),
            ]
        },
    ),
    ("H06", "submission", "info"): (
        # 0.1 degrees of latitude are 11.1 km: 11.1 minutes at 60 km/h, and 2 besides
        {A: [at("a", "09:00"), at("b", "09:43", gps_lat=-8.03)]},
        {A: [at("a", "09:00"), at("b", "09:44", gps_lat=-8.03)]},
    ),
    ("H07", "submission", "info"): (one(gps_acc=50.5), one(gps_acc=50.0)),
    ("H08", "submission", "info"): (
        one(gps_lat=-7.9),
        {A: [interview("in"), interview("away", gps_lat=-7.9, live_place="2")]},
    ),
    ("H09", "submission", "info"): (
        # 3.5 km off; the village reaches 1 km, and 2 are forgiven
        {
            **one(gps_lat=-8.0985),
            VILLAGES: [{"code": "3505102001", "latitude": "-8.13", "longitude": "112.22", "radius_km": "1"}],
        },
        {
            **one(gps_lat=-8.0985),
            VILLAGES: [
                {"code": "3505102001", "latitude": "-8.13", "longitude": "112.22", "radius_km": "1.6"}
            ],
        },
    ),
    ("H10", "submission", "warning"): (_points(0.00008), _points(0.0002)),
    ("H11", "submission", "info"): (_grids("3", "4", "345", "45"), _grids("3", "45", "345", "45")),
    ("H11", "submission", "warning"): (_grids("3", "4", "5", "45"), _grids("3", "4", "345", "45")),
    ("H12", "submission", "warning"): (_alike(8), _alike(10)),
    ("H13", "submission", "warning"): (
        _attached(a=photo(1), b=photo(1, side=200, quality=60)),
        _attached(a=photo(1), b=photo(2)),
    ),
    ("H14", "enumerator", "info"): (_team(aapor_code="211", contact_result="03"), _team()),
    ("H15", "enumerator", "info"): (_team(refusals=False, hh_tob="0", barriers="0"), _team(refusals=False)),
    ("H16", "enumerator", "info"): (_rate_of_checks(2), _rate_of_checks(3)),
    ("H17", "enumerator", "warning"): (
        _work_and_checks(4, [*_people(3), checked("AP01-3", bc_was_int="0", bc_birth_year=None)]),
        _work_and_checks(4, [*_people(3), checked("AP01-3", bc_edu="4")]),
    ),
    ("H17", "submission", "warning"): (
        _work_and_checks(4, _people(3, bc_minutes=5)),
        _work_and_checks(4, _people(3, bc_minutes=13)),
    ),
    ("H18", "enumerator", "info"): (
        _work_and_checks(4, _people(3, bc_emp="0", bc_status=None)),
        _work_and_checks(4, [*_people(3), checked("AP01-3", bc_emp="0")]),
    ),
    ("H18", "cell", "info"): (
        _work_and_checks(6, [checked(f"AP01-{n}", bc_income=1500000 + n * 1000) for n in range(6)]),
        _work_and_checks(6, [checked(f"AP01-{n}", bc_income=2500000 + (-1) ** n * 90000) for n in range(6)]),
    ),
    ("H19", "submission", "info"): (
        _attached(a=audit(*[2.0] * 11, *[5.0] * 9)),
        _attached(a=audit(*[2.0] * 10, *[5.0] * 10)),
    ),
    ("H20", "cell", "info"): (_team(refusals=False, nps=0), _team(refusals=False)),
    ("H21", "submission", "info"): (
        one(_submitted_at=datetime.fromisoformat("2026-01-13 09:31:00+07:00")),
        one(_submitted_at=datetime.fromisoformat("2026-01-13 09:29:00+07:00")),
    ),
    ("H22", "submission", "warning"): (
        {A: [interview(str(n), mode="4", deviceid="enketo:x") for n in range(4)]},
        {A: [interview(str(n), mode="4", deviceid="enketo:x", duration_min=5.0) for n in range(3)]},
    ),
}
