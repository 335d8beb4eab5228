"""Do the intervals hold the truth as often as they say, and is P(top 4) right as often as it says?

    python bench/coverage.py intervals 2000 --replicates 500
    python bench/coverage.py intervals 500 --silent 0.9
    python bench/coverage.py cells 800
    python bench/coverage.py earnings 2000
    python bench/coverage.py ranking 1000
    python bench/coverage.py effect 1000

intervals  draws so many studies of 350 persons whose truth is known (tests/coverage_world.py): work, pay, waiting and
           satisfaction follow programme, age, sex and target group, and so does who answers. Each is weighted and
           estimated by the pipeline's own code. Prints how many 95 % intervals hold the truth of the programme, of the cohort,
           and without weights, each with its Monte-Carlo error, and the bias. With --silent who has no work answers less
           whatever the registry says (log-odds): what no weighting repairs.
cells      draws so many studies and looks at every share of ten or more people, of all and by programme, target group, sex and
           age: how often Wilson's interval holds the truth on Kish's n_eff, on the share's own design effect (as the pipeline has
           it), and on that less what raking gains.
earnings   draws so many studies in which one in seven of those at work tells no earnings, owners (who earn less) most often: how
           often the intervals of E1 hold the truth with the earnings imputed, left out, had all told, and by Rubin's rules.
effect     draws so many groups of 360 applicants, a third of them accepted (tests/applicants.py): how often the interval of
           the comparison holds a true effect of 0 and of 15 points, how far the plain difference is off, and the power.
ranking    draws so many rankings of each scenario (tests/ranking_world.py) and holds what is said against what is true. A
           ranking takes 2000 draws: with few, what is said is noise in part, and who is said "likely" is so by luck.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import click
import pandas as pd

from applicants import one_effect
from coverage_world import (
    SIZES,
    one_round,
    one_round_by_rubin,
    one_round_of_cells,
    one_round_of_earnings,
    truth,
)
from ranking_world import SCENARIOS, calibration, one_ranking
from tracer_etl.evidence.constants import Constants

if TYPE_CHECKING:
    from collections.abc import Callable


def intervals(rounds: int, replicates: int, silent: float, workers: int) -> None:
    """Print coverage by headline indicator."""
    work = partial(one_round, constants=Constants(replicates=replicates), silent=silent)
    found = pd.concat(_each(work, rounds, workers))
    kinds = ["programme", "cohort", "unweighted"]
    table = found.groupby("indicator", sort=False)[kinds].mean()
    error = (table * (1 - table) / rounds) ** 0.5
    for kind in kinds:
        table[kind] = [
            f"{100 * p:.1f} ± {196 * e:.1f}" for p, e in zip(table[kind], error[kind], strict=True)
        ]
    off = found.groupby("indicator", sort=False)[["off", "off_unweighted"]].mean()
    table["bias / truth"] = [f"{100 * off['off'][code] / truth()[code]:+.1f} %" for code in table.index]
    table["unweighted"] += [
        f" ({100 * off['off_unweighted'][code] / truth()[code]:+.1f} %)" for code in table.index
    ]
    _markdown(table.reset_index())


def cells(rounds: int, workers: int) -> None:
    """Print coverage of shares: of all by indicator, and of cells by their size."""
    found = pd.concat(_each(partial(one_round_of_cells, constants=Constants(replicates=2)), rounds, workers))
    everybody = found["group_by"] == "all"
    sizes = pd.cut(
        found["n"], [9, 14, 19, 29, 59, 1000], labels=["10-14", "15-19", "20-29", "30-59", "60 and more"]
    )
    for among, by in (
        (everybody, found["indicator"]),
        (~everybody, found["indicator"]),
        (~everybody, sizes.rename("n")),
    ):
        grouped = found[among].groupby(by[among], sort=False, observed=True)[list(SIZES)]
        table = grouped.mean()
        for name in SIZES:
            table[name] = [f"{100 * value:.1f}" for value in table[name]]
        table.insert(0, "cells", grouped.size())
        _markdown(table.sort_index().reset_index())


def earnings(rounds: int, replicates: int, workers: int) -> None:
    """Print coverage and bias of E1 by what is done about untold earnings."""
    work = partial(one_round_of_earnings, constants=Constants(replicates=replicates))
    rubin = partial(one_round_by_rubin, constants=Constants(replicates=2))
    found = pd.concat([*_each(work, rounds, workers), *_each(rubin, rounds, workers)])
    grouped = found.groupby(["indicator", "way"], sort=False)
    table, error = grouped.mean(), grouped["off"].std() / rounds**0.5
    for kind in ("programme", "cohort"):
        shares = table[kind]
        spread = 196 * (shares * (1 - shares) / rounds) ** 0.5
        table[kind] = [f"{100 * p:.1f} ± {e:.1f}" for p, e in zip(shares, spread, strict=True)]
    table["off"] = [f"{100 * p:+.1f} ± {196 * e:.1f} %" for p, e in zip(table["off"], error, strict=True)]
    for name in ("width", "imputed"):
        table[name] = [f"{100 * value:.1f} %" for value in table[name]]
    _markdown(table.replace(r"nan.*", "", regex=True).reset_index())


def ranking(rounds: int, draws: int, only: str, workers: int) -> None:
    """Print calibration by scenario, of those whose name holds `only`."""
    for scenario in [one for one in SCENARIOS if only in one.name]:
        work = partial(one_ranking, scenario, draws=draws)
        found = calibration(pd.concat(_each(work, rounds, workers)))
        for column in ("said", "true"):
            found[column] = [f"{100 * value:.1f} %" for value in found[column]]
        found["± (95 %)"] = [f"{196 * value:.1f}" for value in found.pop("error")]
        found.insert(0, "scenario", scenario.name)
        _markdown(found)


def effect(rounds: int, workers: int) -> None:
    """Print coverage, bias and power of the comparison with applicants."""
    rows = []
    for gain in (0.0, 0.15):
        found = pd.concat(_each(partial(one_effect, constants=Constants(), gain=gain), rounds, workers))
        middle = found.mean()
        error = 196 * (middle["held"] * (1 - middle["held"]) / rounds) ** 0.5
        rows.append(
            {
                "effect": f"{100 * gain:.0f} points",
                "interval holds it": f"{100 * middle['held']:.1f} ± {error:.1f}",
                "bias": f"{100 * middle['off']:+.1f}",
                "bias of the plain difference": f"{100 * middle['off_plain']:+.1f}",
                "found": f"{100 * middle['found']:.1f} %",
                "detectable": f"{100 * middle['detectable']:.1f}",
            }
        )
    _markdown(pd.DataFrame(rows))


def _each(work: Callable[[int], pd.DataFrame], rounds: int, workers: int) -> list[pd.DataFrame]:
    if workers == 1:
        return [work(number) for number in range(rounds)]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(work, range(rounds), chunksize=20))


def _markdown(table: pd.DataFrame) -> None:
    for row in [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]:
        click.echo("| " + " | ".join(map(str, row)) + " |")
    click.echo()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["intervals", "cells", "earnings", "ranking", "effect"])
    parser.add_argument("rounds", type=int)
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--silent", type=float, default=0.0)
    parser.add_argument("--draws", type=int, default=2000, help="of each ranking; the plan takes 10,000")
    parser.add_argument("--only", default="", help="rankings whose name holds this")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    began = time.perf_counter()
    if asked.what == "intervals":
        intervals(asked.rounds, asked.replicates, asked.silent, asked.workers)
    elif asked.what == "cells":
        cells(asked.rounds, asked.workers)
    elif asked.what == "earnings":
        earnings(asked.rounds, asked.replicates, asked.workers)
    elif asked.what == "effect":
        effect(asked.rounds, asked.workers)
    else:
        ranking(asked.rounds, asked.draws, asked.only, asked.workers)
    click.echo(f"{asked.rounds} rounds in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
