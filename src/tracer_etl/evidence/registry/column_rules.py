"""What the columns of the registry owe one another (specification 1.7): a row that breaks a rule is kept, and listed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.evidence.registry.entries import ATTENDED, WARNING, Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tracer_etl.evidence.registry.entries import Entry

    Broken = Iterator[tuple[str, str, str]]


def broken_rules(
    classes: Sequence[Entry], people: Sequence[Entry], frame: tuple[str, str]
) -> Iterator[Issue]:
    """Tell what does not fit together; what is wrong with a class is told once, where it is first said.

    `frame`: first and last day, ISO 8601, between which the classes of the study end.
    """
    told: set[tuple[str, str]] = set()
    for entry in (*classes, *people):
        found = [
            one for one in _of_class(entry, frame) if (entry.course.get("batch", ""), one[1]) not in told
        ]
        told |= {(entry.course.get("batch", ""), reason) for _, reason, _ in found}
        yield from _issues(entry, found)
    for entry in people:
        yield from _issues(entry, (*_of_seat(entry), *_of_place(entry)))


def _issues(entry: Entry, broken: Iterable[tuple[str, str, str]]) -> Iterator[Issue]:
    for name, reason, remedy in broken:
        yield Issue(WARNING, entry.file, entry.sheet, entry.row, name, name, "", reason, remedy)


def _of_class(entry: Entry, frame: tuple[str, str]) -> Broken:
    course = entry.course
    start, end = course.get("training_start", ""), course.get("training_end", "")
    if start and end and end < start:
        yield "training_end", "the training ends before it begins", "correct one of the days"
    if end and course.get("magang_end", end) < end:
        yield "magang_end", "the internship ends before the training", "correct one of the days"
    if end and not frame[0] <= end <= frame[1]:
        reason = f"ends outside {frame[0]} to {frame[1]}, the years of the study"
        yield "training_end", reason, "correct it, leave the class out, or widen [frame] in a mapping file"
    if "package_cost_idr" in course and int(course["package_cost_idr"]) <= 0:
        yield "package_cost_idr", "a package costs more than 0", "write what it cost, or nothing"


def _of_seat(entry: Entry) -> Broken:
    seat = entry.seat
    if seat.get("completed") == "1" and float(seat.get("attended_pct", ATTENDED)) < ATTENDED:
        reason = f"completed, but attended less than {ATTENDED} %"
        yield "completed", reason, "look into the attendance list and correct one of them"
    if "cert_no" in seat and seat.get("cert_result") != "1":
        reason = "has the number of a certificate, but is not said to be competent"
        yield "cert_result", reason, "look at the certificate and correct one of them"
    if seat.get("target_group") in ("t1", "t2") and not seat.get("target_proof"):
        reason = f"is {seat['target_group']} without a proof"
        yield "target_proof", reason, "write which proof was shown, or correct the group"


def _of_place(entry: Entry) -> Broken:
    district, village = entry.person.get("kec_code", ""), entry.person.get("desa_code", "")
    if district and village and not village.startswith(district):
        yield "desa", "the village is of another district", "correct one of them"
