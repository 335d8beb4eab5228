"""Whether the data is fresh and complete: a run of it that fails is what people are told of."""

from datetime import UTC, datetime, timedelta

from prefect import flow
from prefect.states import Completed, Failed, State

from stages import stage


def stale(last_pull: str, hours: int) -> bool:
    """Tell whether the last pull is longer ago than so many hours, or never was."""
    oldest = datetime.now(UTC) - timedelta(hours=hours)
    return not last_pull or datetime.fromisoformat(last_pull) < oldest


@flow(timeout_seconds=10 * 60)
def watch(study: str = "study.toml", hours: int = 3) -> State:
    """Fail when a form was not pulled for `hours`, or its last pull lacks submissions the server has."""
    found = []
    for form in stage("status", study):
        if stale(form.last_pull, hours):
            found.append(f"{form.form_id}: last pull {form.last_pull or 'never'}")
        elif not form.complete:
            found.append(f"{form.form_id}: incomplete, {form.failed or 'the server counts differently'}")
    return Failed(message="; ".join(found)) if found else Completed(message="fresh and complete")


if __name__ == "__main__":
    watch()
