"""The pipeline as a Prefect flow, one task per stage; what a stage does stands in tracer_etl.pipeline."""

from dataclasses import asdict

from prefect import flow
from prefect.artifacts import create_link_artifact, create_table_artifact

from stages import stage
from tracer_etl.errors import Partial


@flow(timeout_seconds=2 * 60 * 60)
def refresh(study: str = "study.toml", forms: tuple[str, ...] = (), sweep: bool = False) -> None:
    """Do every stage in order; the table of the run and the way to the report stay as artifacts.

    `sweep` compares every submission with the server, whatever it says changed. A form that could not be pulled
    fails the run at its end, when all the others are in the report.
    """
    lacking = None
    try:
        stage("pull", study, forms, sweep=sweep)
    except Partial as error:
        lacking = error
    for do in ("build", "check", "load"):
        stage(do, study, forms)
    stage("marts", study)
    stage("publish", study)
    create_link_artifact(link=stage("report", study).as_uri(), link_text="Report", key="report")
    create_table_artifact([asdict(form) for form in stage("status", study)], key="run")
    if lacking:
        raise lacking


if __name__ == "__main__":
    refresh()
