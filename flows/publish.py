"""The workbooks and their files to the server, as `tracer-etl forms publish` does it."""

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from stages import again
from tracer_etl.fieldwork import publishing
from tracer_etl.study import read_study


@again()
def send(study: str, forms: tuple[str, ...], apply: bool) -> publishing.Published:
    """Publish what differs; a server that was away is asked again."""
    done = publishing.publish(read_study(Path(study)), forms, wanted=apply)
    if done.failure:
        raise done.failure
    return done


@flow(timeout_seconds=30 * 60)
def publish(study: str = "study.toml", forms: tuple[str, ...] = (), apply: bool = False) -> None:
    """Show what would change on the server; with `apply` change it. A refused form fails the run."""
    done = send(study, forms, apply)
    rows = [{**plan.shown(), "outcome": done.outcomes.get(plan.form_id, "")} for plan in done.plans]
    create_table_artifact(rows, key="published")
    for refusal in done.refusals:
        raise refusal


if __name__ == "__main__":
    publish()
