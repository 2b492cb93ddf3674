"""The row of a job: claim → lease → steps → end (reliability.md, rules 2 and 15).

Who works on a job holds its `attempt`. A worker that died, or fell asleep for longer than its lease, lost it: its next
write asks for a row with that attempt and finds none, so nothing is written by two.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _g
from django.utils.translation import gettext_lazy as _

from audit.locks import claim, locked
from followups.pump import database_now
from villages.models import User

#: A job that takes down its worker as often as this is not begun again.
TRIES = 5
#: Seconds between two writes of the count: a person looks, and the writer lock has others who want it.
SHOWN_EVERY = 0.5


class TooMany(Exception):
    """This person has enough jobs under way; `str()` is the sentence for them."""


class JobFailed(Exception):
    """Raised by a step: the job cannot be done, and doing it again would not help; `str()` is the sentence."""


class LeaseLost(Exception):
    """Somebody else works on the job by now. What this worker was about to write must not be written."""


class CancelAsked(Exception):
    """Its owner wants the job to stop."""


class JobQuerySet(models.QuerySet["Job"]):
    def visible_to(self, user: User) -> JobQuerySet:
        """A job is its owner's own, whatever anybody supervises."""
        return self.filter(owner=user)

    def under_way(self) -> JobQuerySet:
        return self.filter(state__in=Job.UNDER_WAY)

    def claim_one(self, *, now: dt.datetime, lease: dt.timedelta, at_once: int) -> Job | None:
        """The job that has waited longest, held by the caller until the lease ends; None when there is none for it.

        No more than `at_once` are held at a time, so that of several workers one is left for the reminders.
        """
        # nearly always there is nothing to do, and then nothing is written
        free = self.filter(Q(state=Job.State.WAITING) | Q(state=Job.State.RUNNING, leased_until__lt=now))
        free = free.filter(queued_at__lte=now).order_by("queued_at", "pk")
        if not free.exists():
            return None
        with transaction.atomic():
            if self.filter(state=Job.State.RUNNING, leased_until__gte=now).count() >= at_once:
                return None
            rows = claim(free[:1], until=now + lease, columns=("id", "state"))
            if not rows:
                return None
            pk, state = rows[0]
            died = state == Job.State.RUNNING
            self.filter(pk=pk).update(
                state=Job.State.RUNNING,
                started_at=Coalesce("started_at", models.Value(now, output_field=models.DateTimeField())),
                deaths=F("deaths") + (1 if died else 0),
            )
            return self.select_related("owner").get(pk=pk)


class Job(models.Model):
    """One piece of work in the background, and how far it is."""

    class State(models.TextChoices):
        WAITING = "waiting", _("排队中")
        RUNNING = "running", _("正在做")
        DONE = "done", _("完成")
        FAILED = "failed", _("没有做成")
        CANCELLED = "cancelled", _("已取消")

    UNDER_WAY = (State.WAITING, State.RUNNING)

    uid = models.UUIDField(unique=True, default=uuid.uuid4)
    kind = models.CharField(max_length=20)  # the name of its step, see ledgers.jobs.running.register
    owner = models.ForeignKey(User, models.PROTECT, related_name="jobs")
    state = models.CharField(_("状态"), max_length=10, choices=State.choices, default=State.WAITING)
    done = models.PositiveIntegerField(default=0)  # rows
    total = models.PositiveIntegerField(default=0)  # rows; 0 while nobody has counted them
    attempt = models.PositiveIntegerField(default=0)  # the fence: every claim raises it
    leased_until = models.DateTimeField(null=True)  # by the database's clock
    deaths = models.PositiveSmallIntegerField(default=0)  # how often its worker died or its step fell over
    cancel_asked = models.BooleanField(default=False)
    error = models.CharField(max_length=300, blank=True)  # a sentence for its owner
    created_at = models.DateTimeField(_("申请时间"))
    queued_at = models.DateTimeField()  # it is begun, or gone on with, no earlier; who has waited longest goes first
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(_("结束时间"), null=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["queued_at"], condition=Q(state__in=["waiting", "running"]), name="job_under_way")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"]) ^ Q(ended_at__isnull=False),
                name="a_job_has_ended_or_is_under_way",
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="a_job_that_failed_says_why"),
        ]

    _beat_at = 0.0  # by this worker's own clock

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"

    def get_absolute_url(self) -> str:
        return f"/jobs/{self.uid}/"

    @property
    def is_under_way(self) -> bool:
        return self.state in self.UNDER_WAY

    @property
    def percent(self) -> int:
        """How far it is, of 100."""
        return min(100, 100 * self.done // self.total) if self.total else 0

    # --- for whoever asks for the work ------------------------------------------------------------------------------

    @classmethod
    def ask(cls, kind: str, *, owner: User, at: dt.datetime, total: int = 0) -> Job:
        """A new job that waits for a worker. TooMany, with a sentence, when its owner has enough of them."""
        most = settings.JOBS_PER_PERSON
        with transaction.atomic():
            locked(User.objects.filter(pk=owner.pk)).get()  # two requests at once count one after the other
            if cls.objects.visible_to(owner).under_way().count() >= most:
                raise TooMany(_g("你已经有 %(n)d 个任务在排队或正在做。等一个做完，或取消一个再来") % {"n": most})
            return cls.objects.create(kind=kind, owner=owner, created_at=at, queued_at=at, total=total)

    def cancel(self) -> bool:
        """Whether it could be ended at once, because nobody works on it; else its worker is asked to stop.

        Called by `ledgers.jobs.running.cancel`, which writes what belongs to the end. What has ended stays as it is.
        """
        now, mine = database_now(), Job.objects.filter(pk=self.pk)
        ended = {"state": self.State.CANCELLED, "ended_at": now, "attempt": F("attempt") + 1}
        if mine.filter(state=self.State.WAITING).update(cancel_asked=True, **ended):
            self.state, self.ended_at = self.State.CANCELLED, now
            return True
        mine.filter(state=self.State.RUNNING).update(cancel_asked=True)
        return False

    # --- for the step that does the work ----------------------------------------------------------------------------

    def _mine(self) -> JobQuerySet:
        return Job.objects.filter(pk=self.pk, attempt=self.attempt, state=self.State.RUNNING)

    def progress(self, done: int | None = None, total: int | None = None) -> None:
        """Show how far it is and hold the job for another lease; cheap enough to be called for every few rows.

        Raises CancelAsked or LeaseLost, and then the step ends.
        """
        self.done = self.done if done is None else done
        self.total = self.total if total is None else total
        if time.monotonic() - self._beat_at >= min(SHOWN_EVERY, settings.JOB_LEASE_SECONDS / 4):
            self.beat()

    def beat(self) -> None:
        """The same at once."""
        until = database_now() + dt.timedelta(seconds=settings.JOB_LEASE_SECONDS)
        if not self._mine().update(done=self.done, total=self.total, leased_until=until):
            raise LeaseLost(str(self))
        self._beat_at = time.monotonic()
        if Job.objects.filter(pk=self.pk, cancel_asked=True).exists():
            raise CancelAsked(str(self))

    def hold(self) -> None:
        """Inside a transaction that writes: nobody takes the job over or cancels it before the commit.

        Raises CancelAsked or LeaseLost, and then nothing of the transaction may stay.
        """
        row = locked(self._mine()).only("cancel_asked").first()
        if row is None:
            raise LeaseLost(str(self))
        if row.cancel_asked:
            raise CancelAsked(str(self))

    def end(self, state: str, *, error: str = "") -> None:
        """The last word about it, in the caller's transaction if there is one. LeaseLost when it is not ours to say."""
        now = database_now()
        told: dict[str, Any] = {"state": state, "error": error[:300], "ended_at": now, "leased_until": None}
        if not self._mine().update(done=self.done, total=self.total, **told):
            raise LeaseLost(str(self))
        self.state, self.error, self.ended_at = state, told["error"], now

    def put_back(self, *, fell_over: bool = False) -> None:
        """Let go of it, for the next worker with time: at once, or after a lease where the step fell over."""
        now = database_now()
        wait = dt.timedelta(seconds=settings.JOB_LEASE_SECONDS if fell_over else 0)
        self._mine().update(
            state=self.State.WAITING,
            leased_until=None,
            queued_at=now + wait,
            done=self.done,
            total=self.total,
            deaths=F("deaths") + (1 if fell_over else 0),
        )
