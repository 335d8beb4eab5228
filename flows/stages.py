"""What the flows share: one task per stage, tried again only where waiting may help."""

from functools import partial
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tracer_etl import pipeline
from tracer_etl.errors import TracerError
from tracer_etl.study import read_study


def mild(_task: object, _run: object, state: Any) -> bool:  # noqa: ANN401
    """Tell whether waiting may help: only an error that says so itself is tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TracerError) and error.retry


again = partial(task, cache_policy=NO_CACHE, retries=3, retry_delay_seconds=30, retry_condition_fn=mild)
"""Makes a task that talks to a server; nothing is cached, since its input is the world."""


@again(task_run_name="{do}")
def stage(do: str, study: str, *forms: tuple[str, ...], **options: bool) -> Any:  # noqa: ANN401
    """Do one stage; between tasks travels the path of the study, never data."""
    return getattr(pipeline, do)(read_study(Path(study)), *forms, **options)
