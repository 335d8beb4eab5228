"""Where the alumni live, in four zones, and whether the training reaches whom DBHCHT is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracer_etl.evidence.constants import DISTRICTS
from tracer_etl.report.figures import find
from tracer_etl.report.pages import groups
from tracer_etl.report.site import Page
from tracer_etl.report.words import say

if TYPE_CHECKING:
    from markupsafe import Markup

    from tracer_etl.report.facts import Facts
    from tracer_etl.report.site import Desk

TILES = (
    "350502 350506 350509 350515 350518 ......",
    "350501 350503 350511 350514 350517 350521",
    "...... 350507 350510 350522 350519 ......",
    "...... 350504 350512 350516 350520 ......",
    "350505 350508 350513 ...... ...... ......",
)
"""The kecamatan of Kabupaten Blitar (Kemendagri codes) as they lie to one another, roughly."""

_BREAKS = {
    name.replace("-", ""): name.replace("-", "\u00ad")
    for name in ("Kade-mangan", "Sanan-kulon", "Suto-jayan", "Panggung-rejo")
}
NAMES = {code: _BREAKS.get(name, name) for code, name in DISTRICTS.items()}
"""With the place where a long name may be broken."""

MEASURES = ("A1", "S1", "S2", "H1")


def _render(facts: Facts, desk: Desk) -> Markup:
    zones = {row["kec_code"]: row["zone"] for row in facts.rows("select kec_code, zone from marts.seed_zone")}
    letters = {zone: "ABCD"[place] for place, zone in enumerate(groups.ZONES)}
    return desk.lay(
        "places.html.j2",
        rows=[
            [
                (NAMES.get(code, ""), zones.get(code, ""), letters.get(zones.get(code, ""), ""))
                for code in row.split()
            ]
            for row in TILES
        ],
        zones=[
            {
                "zone": zone,
                "letter": letters[zone],
                "name": say(f"zone_{zone}"),
                "figure": find(facts, "A1", "zone", zone),
            }
            for zone in groups.ZONES
        ],
        heads=[say("short_A1"), say("short_S1"), say("short_S2"), say("places.reach")],
        table_rows=groups.table_of(facts, "zone", MEASURES),
        reach=find(facts, "H1"),
        reached=groups.table_of(facts, "programme", ("H1",)),
        outcome=groups.table_of(facts, "target_group", ("A1", "S1", "S2")),
        years=groups.table_of(facts, "year", ("H1",), total=False),
    )


PAGE = Page("places", say("places.nav"), _render, needs=("marts.estimate", "marts.seed_zone"))
