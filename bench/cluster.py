"""How much faster two Dask workers are than one: build, check and load into PostgreSQL.

    python bench/cluster.py 120000 [--rounds 3]

Lands so many synthetic submissions (80 questions and a repeat) in segments of 20,000, and cuts them into a partition per
segment. In every round one worker process of a real scheduler works off all partitions on an empty database, and so do
two, in turn. Printed are the seconds from handing out the first to the end of the last, and their ratio. Imports are
done before the clock starts, and planning and the stages after the load are not spread, so they are not in it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from incremental import landed

import postgres
from dask_cluster import workers
from tracer_etl import partitions
from tracer_etl.segments import SEGMENT_RECORDS
from tracer_etl.warehouse import DATABASE, open_warehouse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client

    from tracer_etl.study import Study


def spread(client: Client, study: Study, address: str, addresses: Sequence[str]) -> float:
    """Let these workers do all partitions on an empty database; give the seconds."""
    client.run(lambda: os.environ.update({DATABASE: address}))
    os.environ[DATABASE] = address
    [plan] = partitions.plan(study, records=SEGMENT_RECORDS)
    begun = time.perf_counter()
    work = client.map(
        partitions.work, [study] * len(plan.left), plan.left, workers=list(addresses), pure=False
    )
    done = client.gather(work)
    took = time.perf_counter() - begun
    if len({one.worker for one in done}) != len(addresses):
        raise SystemExit("a worker had nothing to do: take more submissions")
    partitions.join(study, [plan])
    return took


def counted(study: Study) -> int:
    """Count what is loaded."""
    with open_warehouse(study) as warehouse:
        return warehouse.summary("bench").landed


def bench(study: Study, submissions: int, rounds: int) -> None:
    """Measure, and print a row per round."""
    from distributed import Client

    ratios = []
    with postgres.running() as server, workers(2, server.fresh()) as dask, Client(dask) as client:
        addresses = list(client.scheduler_info()["workers"])
        # The first time each worker still imports and compiles something: that is not counted.
        spread(client, study, server.fresh(), addresses)
        for number in range(rounds):
            order = (1, 2) if number % 2 == 0 else (2, 1)
            took = {}
            for count in order:
                took[count] = spread(client, study, server.fresh(), addresses[:count])
                if counted(study) != submissions:
                    raise SystemExit(f"{counted(study)} of {submissions} submissions arrived")
            ratios.append(took[1] / took[2])
            load = os.getloadavg()[0]
            print(  # noqa: T201 - a script
                f"round {number + 1}: one worker {took[1]:.1f} s, two {took[2]:.1f} s: {ratios[-1]:.2f} times as fast "
                f"(load average {load:.1f})",
                flush=True,
            )
    middle, least, most = statistics.median(ratios), min(ratios), max(ratios)
    print(f"{submissions:,} submissions: {middle:.2f} times as fast ({least:.2f} to {most:.2f})")  # noqa: T201


def main() -> None:
    """Read the command line, land, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("submissions", type=int, help="whole segments of 20,000, an even number of them")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        bench(landed(Path(folder), asked.submissions), asked.submissions, asked.rounds)


if __name__ == "__main__":
    main()
