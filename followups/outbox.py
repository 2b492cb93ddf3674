"""The outbox as an operator sees it: how much waits, what failed, and trying it again. No case, no name.

Each channel has a row of figures; whoever adds a channel adds its figures here, so that page and API show it.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Count, Min, Q
from django.utils import timezone
from django.utils.translation import gettext as _g

from audit.locks import locked
from audit.models import Action, record
from disputes.models import MoveRefused
from followups.models import Reminder
from villages.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest

#: How many failures the page lists; the figure beside it counts all.
LISTED = 200


def state(now: dt.datetime) -> dict[str, Any]:
    """Per channel what waits, since when, what failed and what was sent today; and the sums over all channels."""
    channels = [_in_app(now)]
    oldest = [row["oldest_due"] for row in channels if row["oldest_due"]]
    sums = {name: sum(row[name] for row in channels) for name in ("waiting", "failed", "uncertain", "sent_today")}
    return {**sums, "oldest_due": min(oldest, default=None), "channels": channels}


def _in_app(now: dt.datetime) -> dict[str, Any]:
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    due = Reminder.objects.due(now).aggregate(waiting=Count("pk"), oldest_due=Min("due_at"))
    ended = Reminder.objects.aggregate(
        failed=Count("pk", filter=Q(state=Reminder.State.FAILED)),
        sent_today=Count("pk", filter=Q(state=Reminder.State.SENT, sent_at__gte=today)),
    )
    # a notice is written in the transaction that ends its row: whether it arrived is never in doubt
    label = Reminder.Channel.APP.label
    return {"channel": str(Reminder.Channel.APP), "label": str(label), "uncertain": 0, **due, **ended}


def failed() -> list[dict[str, Any]]:
    """The newest failures of every channel: what kind of message, how often tried, why; nothing of its case."""
    rows = Reminder.objects.filter(state=Reminder.State.FAILED).order_by("-pk")[:LISTED]
    return [
        {
            "kind": "reminder",
            "pk": row.pk,
            "channel": row.channel,
            "what": row.get_kind_display(),
            "due_at": row.due_at,
            "attempt": row.attempt,
            "error": row.error,
        }
        for row in rows
    ]


def retry(kind: str, pk: int, *, by: User, at: dt.datetime, request: HttpRequest | None = None) -> None:
    """Give one failed row back to the pump for one more try; MoveRefused when it did not fail."""
    if kind != "reminder":
        raise MoveRefused(_g("没有这一种消息，刷新后再试"))
    with transaction.atomic():
        row = locked(Reminder.objects.filter(pk=pk)).first()
        if row is None or row.state != Reminder.State.FAILED:
            raise MoveRefused(_g("这一条已经不是失败，不用重试。刷新后再看"))
        # the attempt number goes on: it is the fence, and whoever still held the row must not finish it
        Reminder.objects.filter(pk=pk).update(state=Reminder.State.PENDING, due_at=at, leased_until=None)
        record(action=Action.MANAGE, actor=by, at=at, subject=f"{kind}:{pk}", detail={"retry": kind}, request=request)
