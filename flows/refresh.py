"""The pipeline as a Prefect flow, one task per stage; what a stage does stands in tracer_etl.pipeline."""

from prefect import flow

from whole import finish, pull


@flow(timeout_seconds=2 * 60 * 60)
def refresh(study: str = "study.toml", forms: tuple[str, ...] = (), sweep: bool = False) -> None:
    """Do every stage in order; the table of the run and the way to the report stay as artifacts.

    `sweep` compares every submission with the server, whatever it says changed. A form that could not be pulled
    fails the run at its end, when all the others are in the report.
    """
    finish(study, forms, pull(study, forms, sweep=sweep))


if __name__ == "__main__":
    refresh()
