"""Who does the jobs: a tick that claims, works for a while and lets go.

Celery's beat, the command `pump` and five of them at once all call `run_waiting`; the row decides who works.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _g

from followups.pump import database_now
from ledgers.jobs.models import TRIES, CancelAsked, Job, JobFailed, LeaseLost

log = logging.getLogger("ledgers.jobs")

#: One short piece of the work, in a transaction of its own; whether there is more to do. `job.progress()` as it goes.
Step = Callable[[Job], bool]
#: What else to write, in the same transaction, when a job ended as failed or cancelled.
Stopped = Callable[[Job], None]

_steps: dict[str, tuple[Step, Stopped]] = {}
_chores: list[Callable[[dt.datetime], object]] = []


def register(kind: str, step: Step, *, stopped: Stopped = lambda job: None) -> None:
    """What the jobs of this kind do. Called in `AppConfig.ready()`."""
    _steps[kind] = (step, stopped)


def chore(work: Callable[[dt.datetime], object]) -> None:
    """Work that nobody asked for, done in every tick: cheap when there is nothing to do, harmless when done twice."""
    _chores.append(work)


def cancel(job: Job) -> None:
    """Stop it, for its owner: at once while it waits, else between two steps."""
    _step, stopped = _steps[job.kind]
    with transaction.atomic():
        if job.cancel():
            stopped(job)


def run_waiting(budget_seconds: float) -> int:
    """Work on what waits until there is nothing, or for about `budget_seconds`; how many jobs it worked on.

    A job that needs longer is let go after a step and goes on in a later tick, after those that wait.
    """
    until = time.monotonic() + budget_seconds
    lease = dt.timedelta(seconds=settings.JOB_LEASE_SECONDS)
    count = 0
    while time.monotonic() < until:
        job = Job.objects.claim_one(now=database_now(), lease=lease, at_once=settings.JOBS_AT_ONCE)
        if job is None:
            break
        run(job, until)
        count += 1
    for work in _chores:
        try:
            work(database_now())
        except Exception:
            log.exception("The chore %r failed; the next tick tries again.", work.__name__)
    return count


def run_now(job: Job) -> None:
    """Work on this one at once, whatever waits before it: for what is small enough for its owner to wait."""
    lease = dt.timedelta(seconds=settings.JOB_LEASE_SECONDS)
    claimed = Job.objects.filter(pk=job.pk).claim_one(now=database_now(), lease=lease, at_once=1)
    if claimed is not None:
        run(claimed, time.monotonic() + lease.total_seconds())


def run(job: Job, until: float) -> None:
    """Steps of a claimed job until it has ended, is let go, or is no longer ours."""
    step, _stopped = _steps[job.kind]
    try:
        if job.deaths >= TRIES:
            raise JobFailed(
                _g("做这件事的程序中断了 %(n)d 次，没有做成。再申请一次；还不行就找系统管理员") % {"n": job.deaths}
            )
        job.beat()
        while step(job):
            job.beat()
            if time.monotonic() >= until:
                job.put_back()
                return
        if job.state == Job.State.RUNNING:  # the step may have ended it in its own last transaction
            job.end(Job.State.DONE)
        log.info("Job %s: %s rows.", job, job.done)
    except LeaseLost:
        log.warning("Job %s is somebody else's by now.", job)
    except CancelAsked:
        _stop(job, Job.State.CANCELLED)
    except JobFailed as failed:
        _stop(job, Job.State.FAILED, str(failed))
    except Exception:
        log.exception("Job %s fell over at attempt %s.", job, job.attempt)
        job.put_back(fell_over=True)


def _stop(job: Job, state: str, error: str = "") -> None:
    _step, stopped = _steps[job.kind]
    try:
        with transaction.atomic():
            job.end(state, error=error)
            stopped(job)
    except LeaseLost:
        log.warning("Job %s is somebody else's by now.", job)
