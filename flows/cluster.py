"""The pipeline with build, check and load on a Dask cluster; docs/how-to/run-on-a-cluster.md says how to start it."""

import os
from pathlib import Path

from prefect import flow, unmapped
from prefect.artifacts import create_table_artifact

from runner import dask
from stages import again
from tracer_etl import partitions
from tracer_etl.study import read_study
from whole import finish, pull


@again()
def work(study: str, partition: partitions.Partition) -> dict[str, object]:
    """Build, check and load one partition wherever Dask puts it; what a lost worker had goes to another."""
    return partitions.work(read_study(Path(study)), partition).shown()


@flow(timeout_seconds=24 * 60 * 60, task_runner=dask(os.environ.get("TRACER_DASK", ""), __name__, "stages"))
def cluster(
    study: str = "study.toml", forms: tuple[str, ...] = (), records: int = 100_000, landed: bool = False
) -> None:
    """Spread what is pending over the cluster, so many records each; do the rest once, here; `landed`: pull nothing."""
    lacking = None if landed else pull(study, forms, sweep=False)
    plans = partitions.plan(read_study(Path(study)), forms, records)
    left = [part for plan in plans for part in plan.left]
    done = work.map(unmapped(study), left).result()
    partitions.join(read_study(Path(study)), plans)
    create_table_artifact(done, key="partitions")
    finish(study, forms, lacking)


if __name__ == "__main__":
    cluster()
