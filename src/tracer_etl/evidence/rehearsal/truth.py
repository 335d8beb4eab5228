"""truth.json: what was planted, so that estimates and checks can be compared with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tracer_etl.evidence.rehearsal.careers import IN_FIELD, OUT, planted_employment
from tracer_etl.evidence.rehearsal.fieldwork import COMPLETE, PARTIAL, PROXY, RESPONSE, SEASON, Case

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tracer_etl.evidence.rehearsal.agenda import Done
    from tracer_etl.evidence.rehearsal.fault import Fault
    from tracer_etl.evidence.rehearsal.oddities import Oddity

_RESPONDED = frozenset({COMPLETE, PROXY, PARTIAL})
_NOT_ELIGIBLE = frozenset({"14", "15", "16"})


def truth_of(
    seed: int,
    done: list[Done],
    rates: Mapping[str, float],
    withdrawn: Mapping[str, str],
    faults: Iterable[Fault],
    oddities: Iterable[Oddity],
) -> dict[str, Any]:
    """Return everything planted, as JSON-ready data; shares are between 0 and 1, codes are AAPOR's."""
    cases = {one.case.alumnus.alumni_id: one.case for one in done}
    honest = [case for case in cases.values() if not case.invented]
    return {
        "seed": seed,
        "field_window": [day.isoformat() for day in SEASON],
        "frame": {
            "persons": len(cases),
            "enrolments": sum(len(case.alumnus.enrolments) for case in cases.values()),
        },
        "programs": {
            program: _program(program, rate, cases.values()) for program, rate in sorted(rates.items())
        },
        "response": {
            "probability": RESPONSE,
            "outcomes": dict(sorted(Counter(case.outcome for case in cases.values()).items())),
            "not_eligible": sum(case.outcome in _NOT_ELIGIBLE for case in cases.values()),
        },
        "employment": _employment(honest),
        "alumni": {
            name: {"state": case.state, "outcome": case.outcome} for name, case in sorted(cases.items())
        },
        "heaping": _heaping(done),
        "curbstoning": _curbstoning(done),
        "withdrawn": dict(withdrawn),
        "faults": dict(sorted(Counter(fault.kind for fault in faults).items())),
        "oddities": [asdict(oddity) for oddity in oddities],
    }


def _program(program: str, rate: float, cases: Iterable[Case]) -> dict[str, Any]:
    own = [case for case in cases if case.alumnus.latest.place.program == program]
    answered = [case for case in own if case.outcome in _RESPONDED and not case.invented]
    return {
        "planted_in_field": rate,
        "planted_employed": round(planted_employment(rate), 4),
        "persons": len(own),
        "in_field": sum(case.state == IN_FIELD for case in own),
        "employed": sum(case.state != OUT for case in own),
        "respondents": len(answered),
        "respondents_in_field": sum(case.state == IN_FIELD for case in answered),
        "respondents_employed": sum(case.state != OUT for case in answered),
    }


def _employment(honest: list[Case]) -> dict[str, float]:
    """Return the rates among everybody whose interview was not invented, and the bias of the raw rate."""
    frame = sum(case.state != OUT for case in honest) / len(honest)
    answered = [case for case in honest if case.outcome in _RESPONDED]
    raw = sum(case.state != OUT for case in answered) / len(answered)
    return {"frame": round(frame, 4), "respondents": round(raw, 4), "bias_of_raw_rate": round(raw - frame, 4)}


def _heaping(done: list[Done]) -> dict[str, Any]:
    spells = [
        spell
        for one in done
        if one.attempt.outcome == COMPLETE and not one.case.invented
        for spell in one.visit.career.spells[:1]
        if spell.months is not None
    ]
    return {
        "true_months_to_first_job": _counts(spell.months for spell in spells),
        "told_months_to_first_job": _counts(spell.told for spell in spells),
    }


def _counts(months: Iterable[int | None]) -> dict[str, int]:
    return {str(month): count for month, count in sorted(Counter(m for m in months if m is not None).items())}


def _curbstoning(done: list[Done]) -> dict[str, Any]:
    invented = [one for one in done if one.case.invented]
    return {
        "enumerator": invented[0].case.alumnus.enumerator,
        "submissions": [one.submission.instance_id for one in invented],
        "seen_by": ["H10", "H12", "H17"],
    }
