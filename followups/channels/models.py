"""The outbox beyond the 通知 page: one row per message to one person on one channel, and the notices it tells of."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit.locks import claim, locked
from followups.models import Notice
from villages.models import User


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def due(self, now: dt.datetime) -> DeliveryQuerySet:
        """Pending rows whose time has come, whoever may hold them."""
        return self.filter(state=Delivery.State.PENDING, due_at__lte=now)

    def claim(self, *, now: dt.datetime, lease: dt.timedelta, limit: int) -> list[Delivery]:
        """Up to `limit` due rows that nobody holds, held by the caller until the lease runs out."""
        free = self.due(now).filter(Q(leased_until=None) | Q(leased_until__lt=now))
        with transaction.atomic():
            held = claim(free.order_by("due_at", "pk")[:limit], until=now + lease, columns=["id"])
            mine = self.filter(pk__in=[pk for (pk,) in held]) if held else self.none()
            return list(mine.select_related("recipient").order_by("due_at", "pk"))

    def put(self, channel: str, wanted: Iterable[tuple[Notice, str, dt.datetime]], at: dt.datetime) -> int:
        """Notices, each with the slot and the moment of the message that shall tell it; how many found their message.

        Messages are made where there are none. A message that somebody holds already takes nothing any more: its
        notices wait for the next round, and so for the next slot. Two rounds at once leave each notice told once.
        """
        notices = {(notice.user_id, slot): due for notice, slot, due in wanted}
        with transaction.atomic():
            rows = [
                Delivery(recipient_id=person, channel=channel, slot=slot, created_at=at, due_at=due)
                for (person, slot), due in sorted(notices.items())  # in one order, so that no two wait for each other
            ]
            self.bulk_create(rows, batch_size=500, ignore_conflicts=True)  # type: ignore[arg-type]
            mine = self.filter(channel=channel, slot__in={slot for _person, slot in notices})
            mine = mine.filter(recipient__in={person for person, _slot in notices})
            free = locked(mine.filter(state=Delivery.State.PENDING, leased_until=None).order_by("pk"))
            open_for = {(person, slot): pk for pk, person, slot in free.values_list("pk", "recipient_id", "slot")}
            told = [
                Told(notice=notice, channel=channel, delivery_id=open_for[notice.user_id, slot])
                for notice, slot, _due in wanted
                if (notice.user_id, slot) in open_for
            ]
            Told.objects.bulk_create(told, batch_size=500, ignore_conflicts=True)
        return len(told)


class Delivery(models.Model):
    """One message to one person on one channel: claimed, leased, marked as being sent, sent, finished by the pump.

    `sending_since` is committed before the first byte leaves. Who finds it set in a row whose lease ran out knows that
    nobody knows whether the message arrived; `doubtful` keeps that in mind on channels that do not drop doubles.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", _("电子邮件")
        WEBHOOK = "webhook", _("消息网关")

    class State(models.TextChoices):
        PENDING = "pending", _("待发")
        SENT = "sent", _("已发")
        UNCERTAIN = "uncertain", _("可能重复发送")
        FAILED = "failed", _("失败")
        CANCELLED = "cancelled", _("不再需要")

    key = models.UUIDField(default=uuid.uuid4, unique=True)  # the same at every attempt: receivers drop doubles by it
    recipient = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    channel = models.CharField(_("渠道"), max_length=8, choices=Channel.choices)
    slot = models.CharField(max_length=40)  # the moment of the digest, or the one urgent notice
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(_("应发时间"))
    state = models.CharField(_("状态"), max_length=10, choices=State.choices, default=State.PENDING)
    attempt = models.PositiveIntegerField(default=0)  # the fence: only the holder of this number may go on
    tries = models.PositiveIntegerField(_("已试次数"), default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    sending_since = models.DateTimeField(null=True, blank=True)
    doubtful = models.BooleanField(default=False)  # an earlier try may have arrived
    sent_at = models.DateTimeField(_("发出时间"), null=True, blank=True)
    error = models.CharField(_("原因"), max_length=200, blank=True)
    notices = models.ManyToManyField(Notice, through="Told", related_name="deliveries")

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recipient", "channel", "slot"], name="a_message_exists_once"),
        ]
        indexes = [
            models.Index(fields=["channel", "due_at", "id"], condition=Q(state="pending"), name="deliveries_due"),
            models.Index(
                fields=["-id"], condition=Q(state__in=["failed", "uncertain"]), name="deliveries_to_look_at"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.channel} {self.slot} {self.state}"

    @property
    def may_have_left(self) -> bool:
        """Whether an earlier try may have arrived, as far as the row tells."""
        return self.doubtful or self.sending_since is not None

    def _mine(self) -> DeliveryQuerySet:
        """This row, as long as nobody has taken it over."""
        return Delivery.objects.filter(pk=self.pk, attempt=self.attempt, state=self.State.PENDING)

    def begin(self, *, at: dt.datetime, lease: dt.timedelta, dedupes: bool) -> bool:
        """Write down that it is being sent now, before it is; False when another pump took it over."""
        self.doubtful = self.doubtful or (self.sending_since is not None and not dedupes)
        self.sending_since, self.tries = at, self.tries + 1
        changed = {"sending_since": at, "tries": self.tries, "doubtful": self.doubtful, "leased_until": at + lease}
        return self._mine().update(**changed) == 1

    def finish(self, *, at: dt.datetime, state: str, error: str = "") -> bool:
        """Close this attempt for good; False when another pump took it over."""
        sent_at = at if state in (self.State.SENT, self.State.UNCERTAIN) and not error else None
        return self._mine().update(state=state, sending_since=None, sent_at=sent_at, error=error[:200]) == 1

    def put_back(self, *, until: dt.datetime, error: str = "", doubtful: bool = False) -> bool:
        """Give the row back until then, its outcome known to be none, or `doubtful`."""
        mine = self._mine()
        changed = {"sending_since": None, "leased_until": until, "error": error[:200]}
        return mine.update(**changed, doubtful=self.doubtful or doubtful) == 1

    def release(self, *, at: dt.datetime) -> bool:
        """Give back what was claimed and not begun; what was never tried takes notices again."""
        return self._mine().update(leased_until=None if self.tries == 0 else at) == 1

    def again(self, *, at: dt.datetime) -> bool:
        """Send it once more by hand: what failed, or what may not have arrived; False when it is neither."""
        ended = (self.State.FAILED, self.State.UNCERTAIN)
        row = Delivery.objects.filter(pk=self.pk, state__in=ended, attempt=self.attempt)
        # it may have arrived before, and whoever gets it twice shall know
        doubtful = self.doubtful or self.state == self.State.UNCERTAIN
        changed = {"state": self.State.PENDING, "due_at": at, "leased_until": None, "tries": 0, "error": ""}
        return row.update(**changed, doubtful=doubtful) == 1


class Told(models.Model):
    """Which message tells of a notice: at most one on each channel."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="told", db_index=False)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="told")
    channel = models.CharField(max_length=8, choices=Delivery.Channel.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "channel"], name="a_notice_is_told_once_on_a_channel")]

    def __str__(self) -> str:
        return f"{self.channel} {self.notice_id}"
