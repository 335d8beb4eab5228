"""What others want of each programme, as rows of the long table: N2, N3 and N4 of specification 2.2; nothing is weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tracer_etl.evidence import answers, storing
from tracer_etl.evidence.marts import column_names
from tracer_etl.evidence.registry_rates import plain_row
from tracer_etl.evidence.suppression import suppress, table_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.evidence.plan_config import Candidate

Row = dict[str, object]

APPLICANTS = (
    "select programme, people as above, people as n from marts.plan_reach where source = 'applicants'"
)
EMPLOYERS = "select programme, vacancies, hard, employers as n from marts.employer_demand"
IDEAS = "select programme, wanted as above, ideas from marts.idea_demand"


def store_demand(connection: Connection, candidates: Sequence[Candidate], constants: Constants) -> int:
    """Put N2, N3 and N4 into `marts.estimate` and `marts.indicator`, in place of what stood; give the number of rows.

    `candidates`: the programmes of the plan, whose seats N2 and N3 are told per; without them only shares are told.
    """
    rows = list(demand_rows(connection, candidates))
    codes = ", ".join(f"'{code}'" for code, *_ in storing.DEMAND)
    for mart in ("estimate", "indicator"):
        connection.execute(f"delete from marts.{mart} where indicator in ({codes})")
    if not rows:
        return 0
    table = pd.DataFrame(rows).reindex(columns=list(storing.ESTIMATE)).assign(minimum=0, signed=False)
    levels = sorted(set(table["level"]) - {""})
    shown = suppress(table, table_lines({"programme": levels}, {}), constants)
    storing.append(connection, "marts.estimate", storing.ESTIMATE, shown)
    storing.append(connection, "marts.indicator", storing.INDICATOR, storing.told_of(shown))
    return len(shown)


def demand_rows(connection: Connection, candidates: Sequence[Candidate]) -> Iterator[Row]:
    """Give a row per indicator for all and for each programme, of what the study has asked; n is who asks."""
    seats = {one.code: one.seats for one in candidates}
    open_to = {one.code: one.seats for one in candidates if one.open_for_application}
    if column_names(connection, "plan_reach"):
        yield from _per_seat("N2", answers.read(connection, APPLICANTS), open_to)
    if column_names(connection, "employer_demand"):
        wanted = answers.read(connection, EMPLOYERS)
        taught = wanted[wanted["programme"] != "none"]
        yield from _per_seat("N3", taught.assign(above=taught["vacancies"]), seats)
        yield from _shares("N3_hard", taught.assign(above=taught["hard"], below=taught["vacancies"]))
    if column_names(connection, "idea_demand"):
        ideas = answers.read(connection, IDEAS)
        everything = int(ideas["ideas"].sum())
        mapped = ideas[ideas["programme"] != "none"].assign(below=everything, n=everything)
        yield from _shares("N4", mapped, (everything, everything))


def _per_seat(code: str, table: pd.DataFrame, seats: Mapping[str, int]) -> Iterator[Row]:
    offered = table[table["programme"].isin(list(seats))]
    offered = offered.assign(below=[seats[programme] for programme in offered["programme"]])
    everywhere = sum(seats.values())
    yield from _rows(code, "per seat", offered, (everywhere, int(offered["n"].sum())))


def _shares(code: str, table: pd.DataFrame, whole: tuple[int, int] | None = None) -> Iterator[Row]:
    yield from _rows(code, "share", table, whole or (int(table["below"].sum()), int(table["n"].sum())))


def _rows(code: str, unit: str, table: pd.DataFrame, whole: tuple[int, int]) -> Iterator[Row]:
    """Give above / below of all (over `whole`: its base and n) and of each programme."""
    base, size = whole
    if base:
        yield plain_row(code, unit, "all", "", float(table["above"].sum()) / base, size)
    for row in table[table["below"] > 0].to_dict("records"):
        level, n = str(row["programme"]), int(row["n"])
        yield plain_row(code, unit, "programme", level, float(row["above"]) / float(row["below"]), n)
