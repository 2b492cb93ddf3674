"""The Celery application and the whole schedule as one table.

Celery carries nothing that must not be lost: a reminder is a database row, and every task is a call of an idempotent
sweep (reliability rules 1, 4 and 5). So results are off, there is no eta or countdown, and a lost or doubled message
costs one tick.
"""

import logging.config
import os

from celery import Celery
from celery.signals import beat_embedded_init, beat_init, setup_logging
from django.conf import settings

from config.broker import SCHEME

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def broker() -> dict:
    """Where messages travel: Redis when REDIS_URL is set, else folders under VAR_DIR (no server to install)."""
    if settings.REDIS_URL:
        return {
            "broker_url": settings.REDIS_URL,
            "broker_transport_options": {
                # A frozen Redis must not freeze beat or worker; longer than the one second of kombu's blocking pop.
                "socket_timeout": 5,
                "socket_connect_timeout": 2,
                "socket_keepalive": True,
                "health_check_interval": 10,
                "retry_on_timeout": True,
            },
        }
    folder = settings.VAR_DIR / "broker"
    for name in ("queue", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return {
        "broker_url": f"{SCHEME}://",
        "broker_transport_options": {
            "data_folder_in": str(folder / "queue"),
            "data_folder_out": str(folder / "queue"),
            "control_folder": str(folder / "control"),
        },
        "worker_enable_remote_control": False,
    }


def configuration() -> dict:
    """All Celery settings; read when Celery first needs one, because settings.py may still be loading at import."""
    return broker() | {
        "timezone": settings.TIME_ZONE,
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_ignore_result": True,
        "result_expires": None,  # no result store, so no clean-up task beside the table below
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": 300,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.2, "interval_max": 0.5},
        "worker_prefetch_multiplier": 1,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker outlives any outage of Redis
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # The schedule lives in memory: no file that a kill -9 could leave broken or locked.
        "beat_scheduler": "celery.beat:Scheduler",
        "beat_max_loop_interval": min(5.0, settings.PUMP_TICK_SECONDS, settings.JOBS_TICK_SECONDS),
        "beat_schedule": {
            "pump": {
                "task": "followups.pump",
                "schedule": settings.PUMP_TICK_SECONDS,
                # While no worker listens ticks must not pile up: the next one does the same work.
                "options": {"expires": max(10.0, 2 * settings.PUMP_TICK_SECONDS)},
            },
            "jobs": {
                "task": "ledgers.jobs",
                "schedule": settings.JOBS_TICK_SECONDS,
                "options": {"expires": max(10.0, 2 * settings.JOBS_TICK_SECONDS)},
            },
        },
    }


app = Celery("disputes")
app.add_defaults(configuration)
app.autodiscover_tasks()


@setup_logging.connect
def use_the_products_log_format(**_: object) -> None:
    """Worker and beat write the same single lines as the web process."""
    logging.config.dictConfig(settings.LOGGING)


@beat_init.connect
@beat_embedded_init.connect
def tick_at_once(**_: object) -> None:
    """What fell due while the machine was off is sent now and not one tick later."""
    app.send_task("followups.pump", expires=60)
