"""Marts, estimates, published copy and report anew, whether or not anything was pulled."""

from prefect import flow
from prefect.artifacts import create_link_artifact

from stages import stage


@flow(timeout_seconds=60 * 60)
def evidence(study: str = "study.toml") -> None:
    """Make what stands on the loaded tables, e.g. after the office changed its plan."""
    stage("marts", study)
    stage("publish", study)
    create_link_artifact(link=stage("report", study).as_uri(), link_text="Report", key="report")


if __name__ == "__main__":
    evidence()
