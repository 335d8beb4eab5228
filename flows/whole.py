"""The two ends of a whole run: the pull, and all that is done once when submissions are where they belong."""

from dataclasses import asdict

from prefect.artifacts import create_link_artifact, create_table_artifact

from stages import stage
from tracer_etl.errors import Partial


def pull(study: str, forms: tuple[str, ...], *, sweep: bool) -> Partial | None:
    """Pull, and give what is to be said at the end of a form that could not be pulled."""
    try:
        stage("pull", study, forms, sweep=sweep)
    except Partial as error:
        return error
    return None


def finish(study: str, forms: tuple[str, ...], lacking: Partial | None) -> None:
    """Do every stage after the pull, in order; the table of the run and the way to the report stay as artifacts."""
    for do in ("build", "check", "load"):
        stage(do, study, forms)
    stage("marts", study)
    stage("publish", study)
    create_link_artifact(link=stage("report", study).as_uri(), link_text="Report", key="report")
    create_table_artifact([asdict(form) for form in stage("status", study)], key="run")
    if lacking:
        raise lacking
