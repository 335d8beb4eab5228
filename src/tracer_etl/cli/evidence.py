"""`evidence`: what jobs are, which programmes to offer, and whom to select."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import click

from tracer_etl.cli.output import give, line, near, print_json, remark, table, the_study, with_json
from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from tracer_etl.evidence.coding.review import Review
    from tracer_etl.evidence.marts import Connection
    from tracer_etl.study import Study

SELECTION = "evidence/selection_2026.toml"
_ONE, _FEW = 1, 2
_DECIMALS = {
    "p_top": _FEW,
    "p_best": _FEW,
    "in_field": _FEW,
    "earnings_umk": _FEW,
    "icc": _FEW,
    "found": _FEW,
}


@click.group()
def evidence() -> None:
    """Code jobs, rank the programmes for next year, and select the participants.

    What the office decides stands in files of evidence/; the results go into marts.plan_* and
    marts.selection_*, into the published copy and into the report. `run` makes the plan too, a selection it never makes.
    """


@evidence.command("plan")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="The office's file. Default: [evidence] plan, or evidence/plan_2026.toml.",
)
@with_json
def plan(config: Path | None, as_json: bool) -> None:
    """Rank the candidate programmes, and say how sure the ranking is."""
    from tracer_etl import pipeline
    from tracer_etl.evidence.computed import plan_file
    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.demand_rates import store_demand
    from tracer_etl.evidence.plan_config import read_plan
    from tracer_etl.evidence.plan_result import TABLES, make_plan, store_plan
    from tracer_etl.running import alone
    from tracer_etl.warehouse import open_warehouse

    study = _loaded()
    wish = read_plan(config or plan_file(study))
    with alone(study), open_warehouse(study) as warehouse, warehouse.alone("marts") as connection:
        _estimated(connection)
        store_demand(connection, wish.candidates, Constants())
        made = make_plan(connection, wish)
        store_plan(connection, made)
    pipeline.publish(study)
    pipeline.report(study)
    rows = _rows(made.tables, TABLES)
    if as_json:
        print_json(rows)
        return
    ranked = [row for row in rows["plan_programme"] if not row["gates_failed"]]
    shown = "place programme score p_top words_en rank_low rank_high in_field earnings_umk evidence"
    _show("Programmes", ranked, shown)
    sure = "programme p_top p_best expected_rank rank_low rank_high place place_equal_weights"
    _show("How sure of it", ranked, sure)
    _show(
        "Fail a gate",
        [row for row in rows["plan_programme"] if row["gates_failed"]],
        "programme gates_failed",
    )
    _show("Best sets under the rules", rows["plan_portfolio"], "place score lost cost_idr seats programmes")
    _show(
        "When a weight changes", rows["plan_sensitivity"], "criterion weight break_even_weight chosen_without"
    )
    _show("Made with", rows["plan_setting"], "name value")


@evidence.command("select")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=f"The office's file. Default: [evidence] selection, or {SELECTION}.",
)
@click.option(
    "--appeal-sheet",
    "sheet",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what applicants are shown as CSV: all scores, no name.",
)
@with_json
def select(config: Path | None, sheet: Path | None, as_json: bool) -> None:
    """Decide who gets a seat: gates, two blind assessors, strata, lottery band, reserve.

    The 24-month rule compares HMACs of the NIK; their key comes from TRACER_HMAC_KEY in the environment.
    """
    from tracer_etl import pipeline
    from tracer_etl.evidence.past_training import KEY
    from tracer_etl.evidence.selection_config import read_selection
    from tracer_etl.evidence.selection_result import (
        TABLES,
        appeal_sheet,
        make_selection,
        store_selection,
    )
    from tracer_etl.running import alone
    from tracer_etl.warehouse import open_warehouse

    study = _loaded()
    wish = read_selection(config or study.root / study.evidence.get("selection", SELECTION))
    with alone(study), open_warehouse(study) as warehouse, warehouse.alone("marts") as connection:
        made = make_selection(connection, wish, os.environ.get(KEY, ""))
        store_selection(connection, made)
    pipeline.judge_marts(study)
    pipeline.publish(study)
    pipeline.report(study)
    if sheet is not None:
        appeal_sheet(made, wish).to_csv(sheet, index=False)
        line(f"appeal sheet in {near(sheet)}")
    rows = _rows(made.tables, TABLES)
    if as_json:
        print_json(rows | {"remarks": list(made.remarks)})
        return
    seated = [row for row in rows["selection_result"] if row["decision"] in ("accept", "reserve")]
    seated.sort(key=lambda row: (row["stratum"], row["decision"], row["line"]))
    _show("Seats and reserve", seated, "stratum decision number total rank in_band reason lot")
    shown = (
        "programme target_group seats carried passed cutoff band band_seats accepted reserve unfilled final"
    )
    _show("Strata", rows["selection_stratum"], shown)
    _show("Agreement of panels", rows["selection_panel"], "programme applicants icc apart good")
    _show("Severity of assessors", rows["selection_assessor"], "assessor applicants severity alarm")
    _show("Aims", rows["selection_aim"], "name wanted found met")
    _show("Made with", rows["selection_setting"], "name value")
    remark(made.remarks)


@evidence.command("job-codes")
@click.option(
    "--write", is_flag=True, help="Add a line per title to the office's file; lines there stay as they are."
)
@click.option("--forget", is_flag=True, help="Take lines out of the file whose title nobody has any more.")
@with_json
def job_codes(*, write: bool, forget: bool, as_json: bool) -> None:
    """List the job titles no coder has decided on, with the KBJI and KBLI codes the map proposes.

    The office's file is [evidence] job_codes, or evidence/job_codes.csv. Titles are answers of people: neither the list
    nor the file goes out of the office.
    """
    from tracer_etl.evidence.coding.coder import codes_file, read_coder
    from tracer_etl.evidence.coding.review import forget_titles, review, write_titles
    from tracer_etl.warehouse import reading

    study = _loaded()
    file = codes_file(study)
    with reading(study) as warehouse:
        found = review(warehouse.connection, read_coder(file))
    added = write_titles(file, found) if write else 0
    gone = forget_titles(file, found.unused) if forget else 0
    give(found.titles, "title people told kbji kbli state alike".split(), as_json)
    line(
        f"{found.people} people in work, {found.counted} of them with a code, {found.reviewed} with a title a coder "
        f"decided on; {len(found.titles)} titles to decide on"
    )
    remark(_remarks(found, near(file), added, gone))


def _remarks(found: Review, file: str, added: int, gone: int) -> Iterator[str]:
    if added:
        yield f"{added} titles added to {file}: set codes, `reviewed`, `by` and `on`, then run again"
    if gone:
        yield f"{gone} lines taken out of {file}"
    elif found.unused:
        yield f"{len(found.unused)} lines of {file} are of titles nobody has: --forget takes them out"
    if found.strange:
        codes = ", ".join(found.strange)
        yield f"KBJI {codes}: reviewed, but neither in the map nor on a programme's list; typed wrongly?"
    if found.withheld:
        yield f"{found.withheld} titles hold a name or a number of a person and are not listed: correct the answers"


def _loaded() -> Study:
    from tracer_etl.warehouse import has_warehouse

    study = the_study()
    if not has_warehouse(study):
        raise StudyError("nothing is loaded yet", where=study.name, remedy="run `tracer-etl run`")
    return study


def _estimated(connection: Connection) -> None:
    """Make the estimates where nobody has made them yet, or only before an upgrade: the plan starts from them."""
    from tracer_etl.evidence.constants import Constants
    from tracer_etl.evidence.estimates import estimate_all
    from tracer_etl.evidence.marts import column_names
    from tracer_etl.evidence.storing import ESTIMATE

    if set(ESTIMATE) - column_names(connection, "estimate"):
        line("tracer-etl: estimating first")
        estimate_all(connection, Constants())


def _rows(
    tables: Mapping[str, pd.DataFrame], declared: Mapping[str, Mapping[str, str]]
) -> dict[str, list[dict[str, Any]]]:
    from tracer_etl.evidence.outcome import records

    return {name.removeprefix("marts."): records(table, declared[name]) for name, table in tables.items()}


def _show(title: str, rows: Sequence[Mapping[str, Any]], columns: str) -> None:
    """Print rows under a title; numbers with as many decimals as a person reads."""
    names = columns.split()
    plain = [SimpleNamespace(**{name: _short(name, row[name]) for name in names}) for row in rows]
    click.echo(f"{title}\n{table(plain, names) if plain else '(none)'}\n")


def _short(name: str, value: object) -> object:
    if isinstance(value, float):
        return f"{value:.{_DECIMALS.get(name, _ONE)}f}"
    return value[:12] if name == "lot" and isinstance(value, str) else value
