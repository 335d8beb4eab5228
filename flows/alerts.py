"""Tell people by a notification block: a run failed, or for half a day no refresh was completed."""

import contextlib
import os
from datetime import timedelta

from prefect.automations import Automation
from prefect.blocks.core import Block
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.events import EventTrigger, Posture
from prefect.events.actions import SendNotification

FAILED = EventTrigger(expect={f"prefect.flow-run.{how}" for how in ("Failed", "Crashed", "TimedOut")})
SILENT = EventTrigger(
    expect={"prefect.flow-run.Completed"},
    match_related={"prefect.resource.name": "refresh", "prefect.resource.role": "flow"},
    posture=Posture.Proactive,
    within=timedelta(hours=12),
)
WORDS = "{{ flow.name }} {{ flow_run.name }}: {{ flow_run.state.message }}"


def block() -> Block:
    """Load the block TRACER_ALERT_BLOCK names, or make one that posts to the address TRACER_ALERT_URL."""
    if name := os.environ.get("TRACER_ALERT_BLOCK"):
        return Block.load(name)
    told = {"text": "{{subject}}: {{body}}"}
    made = CustomWebhookNotificationBlock(name="tracer", url=os.environ["TRACER_ALERT_URL"], json_data=told)
    made.save("tracer-alerts", overwrite=True)
    return Block.load("custom-webhook/tracer-alerts")


if __name__ == "__main__":
    to = block()._block_document_id  # noqa: SLF001 - Prefect has no public name for it
    for title, trigger, words in (("failed", FAILED, WORDS), ("silent", SILENT, "no refresh for 12 hours")):
        send = SendNotification(block_document_id=to, subject=f"tracer {title}", body=words)
        with contextlib.suppress(ValueError):  # there is none of that name yet
            Automation.read(name=f"tracer {title}").delete()
        Automation(name=f"tracer {title}", trigger=trigger, actions=[send]).create()
