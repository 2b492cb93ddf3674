"""The one Celery task of this room: a tick of the jobs."""

from celery import shared_task
from django.conf import settings

from ledgers.jobs.running import run_waiting


@shared_task(name="ledgers.jobs")
def jobs() -> None:
    """Work on what waits; what it did stays in the database, no result travels."""
    run_waiting(settings.JOBS_BUDGET_SECONDS)
