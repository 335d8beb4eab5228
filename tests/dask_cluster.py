"""A Dask cluster on this machine: a scheduler and worker processes, forked from one that has imported what they need."""

from __future__ import annotations

import multiprocessing
import multiprocessing.forkserver
import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tracer_etl.warehouse import DATABASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import LocalCluster

PRELOADED = ["great_expectations", "pandas", "pyxform", "psycopg", "distributed", "prefect.task_engine"]
"""Fifteen seconds of imports, once instead of in every worker."""


@contextmanager
def workers(count: int, address: str) -> Iterator[LocalCluster]:
    """Start a scheduler and so many workers, each a process with one thread, on that database."""
    import dask
    from distributed import LocalCluster

    multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOADED)
    multiprocessing.forkserver.ensure_running()
    kind = {"distributed.worker.multiprocessing-method": "forkserver"}
    with (
        dask.config.set(kind),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            env={DATABASE: address},
        ) as cluster,
    ):
        yield cluster


class Killer(threading.Thread):
    """Kills a worker with SIGKILL while it has a partition half built; `killed` is its pid then."""

    def __init__(self, pids: set[int], places: Path) -> None:
        super().__init__(daemon=True)
        self.pids, self.places, self.killed = pids, places, 0

    def run(self) -> None:
        while not self.killed:
            time.sleep(0.02)
            for pid in self.pids:
                if self._busy(pid):
                    os.kill(pid, signal.SIGKILL)
                    self.killed = pid
                    return

    def _busy(self, pid: int) -> bool:
        """Tell whether it holds the lock of a folder with tables."""
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                held = handle.readlink()
            except OSError:  # closed meanwhile
                continue
            if held.suffix == ".lock" and held.parent == self.places:
                return any(held.with_suffix("").glob("tables/*.parquet"))
        return False
