"""The Celery tasks of this room: a tick of the jobs, and one of the figures that are counted ahead."""

from celery import shared_task
from django.conf import settings

from ledgers.dashboard.sums import refresh
from ledgers.jobs.running import run_waiting


@shared_task(name="ledgers.jobs")
def jobs() -> None:
    """Work on what waits; what it did stays in the database, no result travels."""
    run_waiting(settings.JOBS_BUDGET_SECONDS)


@shared_task(name="ledgers.figures")
def figures() -> None:
    """Count anew what was touched; pages are right before it ran, too, and quicker after it."""
    refresh()
