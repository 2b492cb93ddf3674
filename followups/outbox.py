"""What an operator sees of the outbox, and the one thing an operator can do with it: send once more."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Count, F, Min, Q, QuerySet
from django.utils import timezone

from audit.locks import locked
from audit.models import Action, record
from followups.models import Reminder
from villages.changes import county_of
from villages.models import User

#: What a row of `failed()` tells; nothing of its case.
COLUMNS = ("channel", "pk", "who", "state", "error", "tried", "due_at")


def state(now: dt.datetime) -> dict[str, dict[str, Any]]:
    """Per channel: label, whether it is set up, how many wait and are due, since when, what failed, sent today."""
    due = Q(due_at__lte=now)
    waiting = Reminder.objects.filter(state=Reminder.State.PENDING).aggregate(
        waiting=Count("pk"), due=Count("pk", filter=due), oldest=Min("due_at", filter=due)
    )
    morning = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    app = Reminder.Channel.APP
    return {
        str(app): {
            "label": str(app.label),
            "on": True,
            "failed": Reminder.objects.filter(state=Reminder.State.FAILED).count(),
            "uncertain": 0,  # a notice is written in the transaction that ends its row: never in doubt
            "sent_today": Reminder.objects.filter(state=Reminder.State.SENT, sent_at__gte=morning).count(),
            **waiting,
        }
    }


def failed() -> QuerySet:
    """What failed, or may have arrived twice or not at all, newest first: dicts of COLUMNS, to be cut into pages."""
    rows = Reminder.objects.filter(state=Reminder.State.FAILED).annotate(who=F("recipient__name"), tried=F("attempt"))
    return rows.order_by("-due_at", "-pk").values(*COLUMNS)


def retry(kind: str, pk: int, *, by: User, at: dt.datetime, request: Any = None) -> bool:
    """Send row `pk` of the channel `kind` once more with the next round; False when it is not waiting for that."""
    with transaction.atomic():
        row = locked(Reminder.objects.filter(pk=pk, channel=kind, state=Reminder.State.FAILED)).first()
        if row is None:
            return False
        # the attempt number goes on: it is the fence, and whoever still held the row must not finish it
        Reminder.objects.filter(pk=pk).update(state=Reminder.State.PENDING, due_at=at, leased_until=None)
        record(
            action=Action.MANAGE, actor=by, county=county_of(by), subject=f"outbox:{kind}:{pk}",
            detail={"did": "send_again", "channel": kind}, at=at, request=request,
        )  # fmt: skip
    return True
