"""Villages and districts as offices spell them, to the codes of the study's list of villages.

A village is matched by its spelling without "Desa", "Kel." and the like, in today's orthography; within its district
when that is known, else only if no other district has one of that name. If that gives nothing, the nearest spelling
within the district is taken when it is near enough and clearly nearer than the second: this is said as a doubt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from tracer_etl.evidence.registry.readings import Reading, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NEAR, CLEAR = 0.85, 0.05
"""Likeness (0 to 1, Ratcliff and Obershelp) that a spelling needs, and its distance to the second best."""

_REMEDY = "write the village as in the list of villages, or put its code into the column decision"


@dataclass(frozen=True, slots=True)
class Places:
    """Villages by district: code -> name."""

    villages: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, str]]) -> Places:
        """Take the rows of desa.csv: name (the code), label, kec_code."""
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for row in rows:
            found[row["kec_code"]][row["name"]] = row["label"]
        return cls(dict(found))

    def name_of(self, village: str) -> str:
        """Give the name of a village by its code; empty where there is none."""
        return next((listed[village] for listed in self.villages.values() if village in listed), "")

    def village(self, text: str, district: str = "") -> Reading:
        """Give the code of a village.

        Raises:
            Unreadable: no village, or several, are called so.
        """
        wanted = spelling(text)
        within = {district: self.villages.get(district, {})} if district else self.villages
        codes = {code: spelling(name) for listed in within.values() for code, name in listed.items()}
        if text in codes:
            return Reading(text)
        exact = [code for code, name in codes.items() if name == wanted]
        if len(exact) == 1:
            return Reading(exact[0])
        if exact:
            raise Unreadable("is the name of villages in several districts", "name the district")
        return self._nearest(wanted, codes)

    def _nearest(self, wanted: str, codes: Mapping[str, str]) -> Reading:
        likeness = sorted(
            ((SequenceMatcher(None, wanted, name).ratio(), code) for code, name in codes.items()),
            reverse=True,
        )
        best, code = likeness[0] if likeness else (0.0, "")
        second = likeness[1][0] if len(likeness) > 1 else 0.0
        if best < NEAR or best - second < CLEAR:
            raise Unreadable("is no village of the list", _REMEDY)
        return Reading(code, f"taken for {self.name_of(code)}")


def spelling(text: str) -> str:
    """Reduce the name of a place to what its spellings share.

    >>> spelling("Ds. Soemberdjo") == spelling("DESA Sumberjo")
    True
    """
    name = re.sub(r"(?i)^\W*(desa|ds|dsn|kelurahan|kel|kecamatan|kec)\b[\s./:]*", "", text.strip())
    letters = re.sub(r"[^a-z]", "", name.casefold())
    for old, new in (("oe", "u"), ("tj", "c"), ("dj", "j")):
        letters = letters.replace(old, new)
    return re.sub(r"(.)\1", r"\1", letters)
