"""The planted curbstoner: an enumerator who fills interviews at a desk instead of meeting people.

Every invented interview repeats the answers of the first one with few changes, gives the same mark in two
whole grids, has its GPS point within 20 m of one place, and takes half the usual time. No rule about a single
row rejects it: it takes the comparison of interviews (H10, H12) and the back-check (H17) to see it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracer_etl.evidence.rehearsal.interview import Answers, answer_attempt
from tracer_etl.evidence.rehearsal.interview_opinions import SKILL_ITEMS

if TYPE_CHECKING:
    from tracer_etl.evidence.rehearsal.chance import Chance
    from tracer_etl.evidence.rehearsal.interview import Visit

_OWN_TO_PERSON = (
    "enumerator_id alumni_id attempt_no birth_year sex nik_tail kec desa phone alt_contact edu marital "
    "children_u5 hh_size training hh_tob hh_tob_member photo_work verify_name name_corrected"
)
_CHANGED = "suggestion hours_usual hours_actual pay_net nps children_u5 int_note".split()


@dataclass
class Desk:
    """Remembers the template; one per enumerator and run."""

    template: Answers = field(default_factory=dict)

    def invent(self, visit: Visit) -> Answers:
        """Return invented answers for this person."""
        honest = answer_attempt(visit)
        if not self.template:
            self.template = honest | _lazy() | {"consent_gps": "1", "consent_photo": "0"}
        answers = self.template | {name: honest.get(name) for name in _OWN_TO_PERSON.split()}
        answers |= {name: honest[name] for name in _CHANGED if name in honest and visit.chance.yes(0.4)}
        return answers | {"mode": "1", "gps": _at_the_desk(visit.chance), "verify_name": "1"}


def _lazy() -> dict[str, Any]:
    return {f"sk_{item}_{phase}": "3" for item in SKILL_ITEMS for phase in ("before", "need")}


def _at_the_desk(chance: Chance) -> str:
    latitude, longitude = -8.0987 + chance.real(-0.00005, 0.00005), 112.1681 + chance.real(-0.00005, 0.00005)
    return f"{latitude:.6f} {longitude:.6f} 167.0 4.0"
