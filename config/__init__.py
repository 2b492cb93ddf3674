"""The room that joins all others: settings, URLs, the schedule, the pages that no single room owns."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
