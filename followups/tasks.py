"""The one Celery task: a tick of the pump."""

from celery import shared_task

from followups.pump import pump_once


@shared_task(name="followups.pump")
def pump() -> None:
    """One round; what it did stays in the database and the log, no result travels."""
    pump_once()
