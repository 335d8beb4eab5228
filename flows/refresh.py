"""The pipeline as a Prefect flow, one task per stage; what a stage does stands in tracer_etl.pipeline."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from tracer_etl import pipeline
from tracer_etl.errors import TracerError
from tracer_etl.study import read_study


def mild(_task: object, _run: object, state: Any) -> bool:  # noqa: ANN401
    """Tell whether waiting may help: only an error that says so itself is tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TracerError) and error.retry


@task(cache_policy=NO_CACHE, retries=3, retry_delay_seconds=30, retry_condition_fn=mild, task_run_name="{do}")
def stage(do: str, study: str, *forms: tuple[str, ...]) -> Any:  # noqa: ANN401
    """Do one stage; between tasks travels the path of the study, never data."""
    return getattr(pipeline, do)(read_study(Path(study)), *forms)


@flow
def refresh(study: str = "study.toml", forms: tuple[str, ...] = ()) -> None:
    """Do every stage in order; the table of the run and the way to the report stay as artifacts."""
    for do in ("pull", "build", "check", "load"):
        stage(do, study, forms)
    stage("marts", study)
    stage("publish", study)
    create_link_artifact(link=stage("report", study).as_uri(), link_text="Report", key="report")
    create_table_artifact([asdict(form) for form in stage("status", study)], key="run")


if __name__ == "__main__":
    refresh()
