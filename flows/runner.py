"""Where the tasks of a flow run: on the Dask cluster of that address, else on one of this machine's cores."""

import sys
from typing import TYPE_CHECKING

from tracer_etl.errors import StudyError

if TYPE_CHECKING:
    from prefect_dask import DaskTaskRunner


def dask(address: str, *modules: str) -> "DaskTaskRunner":
    """Give the runner; one thread per worker, since checks keep a process to themselves.

    `modules` go to the workers with the tasks: there tracer_etl is installed, but not the folder of flows.
    """
    try:
        import cloudpickle
        from prefect_dask import DaskTaskRunner
    except ImportError as error:
        remedy = "pip install 'tracer-etl[dask]'"
        raise StudyError("a cluster needs prefect-dask", where="flows/cluster.py", remedy=remedy) from error
    for name in modules:
        cloudpickle.register_pickle_by_value(sys.modules[name])
    if address:
        return DaskTaskRunner(address=address)
    return DaskTaskRunner(cluster_kwargs={"threads_per_worker": 1, "dashboard_address": None})
