"""The verdicts back to the server, as `tracer-etl review` does it."""

from dataclasses import asdict
from pathlib import Path

from prefect import flow
from prefect.artifacts import create_table_artifact

from stages import again
from tracer_etl.fieldwork import review as desk
from tracer_etl.study import read_study


@again()
def send(study: str, forms: tuple[str, ...], apply: bool) -> desk.Reviewed:
    """Flag what is set aside; a server that was away is asked again."""
    done = desk.review(read_study(Path(study)), forms, apply=apply)
    if done.failure:
        raise done.failure
    return done


@flow(timeout_seconds=60 * 60)
def review(study: str = "study.toml", forms: tuple[str, ...] = (), apply: bool = True) -> None:
    """Bring the server's review states up to the warehouse's verdicts; without `apply` only show them."""
    steps = send(study, forms, apply).steps
    shown = ("submission", "form_id", "what", "outcome")
    rows = [{name: asdict(step)[name] for name in shown} for step in steps if step.what != desk.SETTLED]
    create_table_artifact(rows, key="reviewed")


if __name__ == "__main__":
    review()
