"""What a person put off, and what was handed over in bulk when somebody left."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from disputes.models import Dispute
from villages.models import Office, User


class DeferralQuerySet(models.QuerySet["Deferral"]):
    def in_force(self, today: dt.date) -> DeferralQuerySet:
        """Those that hold something back today; on its day a thing comes back by itself."""
        return self.filter(undone_at=None, until__gt=today)

    def take_back(self, at: dt.datetime) -> int:
        """How many of them no longer hold anything back; the day on which each began is kept."""
        return self.filter(undone_at=None).update(undone_at=at)


class Deferral(models.Model):
    """One to-do that its person put off, and why; the legal due date is untouched and stands beside it.

    `key` names the to-do (visit:<dispute id>), `due_on` is its due date as it was: a thing that has moved on has
    another key or another date, and the deferral falls away.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="deferrals", db_index=False)
    key = models.CharField(max_length=60)
    due_on = models.DateField()
    until = models.DateField(_("推迟到"))
    reason = models.CharField(_("推迟的理由"), max_length=100)
    since = models.DateField()  # first put off on this day: putting off again does not lengthen the time allowed
    at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = DeferralQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="a_thing_is_put_off_once_by_one_person")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.key} {self.until}"


class HandOver(models.Model):
    """One bulk hand-over at one office: from whom, why, by whom; its items say what moved and what could not."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # the form's: a second submit is the first
    office = models.ForeignKey(Office, models.PROTECT, related_name="+")
    leaver = models.ForeignKey(User, models.PROTECT, related_name="+")
    reason = models.CharField(_("交接的理由"), max_length=200)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return str(self.uid)


class HandedItemQuerySet(models.QuerySet["HandedItem"]):
    def write_down(self, items: list[HandedItem]) -> None:
        """Everything that a hand-over will move, before anything moves."""
        self.bulk_create(items, batch_size=500)  # type: ignore[arg-type]


class HandedItem(models.Model):
    """One thing that a hand-over moves: a case with its handler, the visits of a case, or the chair of a session."""

    class Kind(models.TextChoices):
        CASE = "case", _("经办的案件")
        VISIT = "visit", _("分到人的回访")
        SESSION = "session", _("主持的联调会")

    class State(models.TextChoices):
        PENDING = "pending", _("还没有转")
        MOVED = "moved", _("已转交")
        KEPT = "kept", _("没有转")

    hand_over = models.ForeignKey(HandOver, models.CASCADE, related_name="items", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    dispute = models.ForeignKey(Dispute, models.CASCADE, related_name="+", db_index=False)
    session_id = models.BigIntegerField(default=0)
    to = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    why = models.CharField(max_length=300, blank=True)  # the sentence of the refusal

    objects = HandedItemQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["hand_over", "kind", "dispute", "session_id"], name="a_thing_is_handed_over_once"
            )
        ]
        indexes = [models.Index(fields=["hand_over"], condition=Q(state="pending"), name="still_to_hand_over")]

    def __str__(self) -> str:
        return f"{self.kind} {self.dispute_id}"
